package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc/pool"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/gateway"
	"scrip/internal/clock"
	"scrip/mapping"
	"scrip/mapping/burn"
	"scrip/mapping/config"
	"scrip/mapping/migrate"
	"scrip/mapping/sync"
	"scrip/storage/pgserver"
	"scrip/webhooks"
)

// app is the whole gateway, wired: everything below knows only its own part.
type app struct {
	config   *config.Config // what it runs with
	wanted   *config.Config // what the file asks for
	file     *configFile    // as it was read
	changes  []ledger.Conversion
	applied  *migrate.Applied
	pending  bool         // the file wants something else
	fault    error        // why what the file wants cannot follow on what is applied
	owns     bool         // it works the queues
	stays    bool         // it does not reload when another config is applied
	stepping atomic.Int32 // advances of the test clock under way
	carrier  migrate.Carrier
	clock    *clock.Clock
	wall     *clock.Clock // leases, delays and signatures follow it; it does not follow jumps
	store    ledger.Store
	fresh    *fresh // the store again, where processes share it
	ledger   *ledger.Ledger
	ports    map[string]*adapters.Port
	secrets  map[string][]webhooks.Secret
	outward  *sync.Worker
	inward   *webhooks.Worker
	handler  http.Handler
	meters   *meters
	log      *slog.Logger
}

// appOptions say how an app is run.
type appOptions struct {
	serve     bool // work the queues
	wanted    bool // run with the file's config although another is applied
	stays     bool // go on with it when another is applied
	held      bool // the process holds the lock of the queues itself
	testClock bool
	clock     *clock.Clock // the wall clock when nil
	adminKey  config.Secret
	log       *slog.Logger
	redact    *redactor // of the log, which must know what the config brings; nil: none
	hangup    *hangup   // nil: nobody asks
}

// openApp wires an app from a config file. Close it.
func openApp(ctx context.Context, file *configFile, o appOptions) (_ *app, err error) {
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	meters := newMeters()
	if o.clock == nil {
		if o.clock, err = commandClock(file.config); err != nil {
			return nil, err
		}
		o.clock.OnJump(meters.jumped(o.log))
	}
	wall := o.clock
	if wall.IsTest() {
		wall = clock.Wall()
	}
	a := &app{wall: wall, file: file, meters: meters, clock: o.clock, log: o.log, owns: o.serve, stays: o.wanted || o.stays}
	if a.store, err = openStore(ctx, file.config, ownership{own: o.serve, held: o.held}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	if shared, is := a.store.(laned); is && !a.stays {
		a.fresh = &fresh{Store: a.store, laned: shared, applied: a.versionInForce}
		a.store = a.fresh
	}
	if err := a.compareClocks(ctx); err != nil {
		return nil, err
	}
	looked := time.Now()
	if err := a.settle(ctx, file, o.wanted); err != nil {
		return nil, err
	}
	if o.redact != nil {
		o.redact.know(append(secretsOf(a.config, a.wanted), o.adminKey)...)
	}
	if err := a.openPorts(); err != nil {
		return nil, err
	}
	cfg := a.config
	outward, err := mapping.NewOutward(cfg.Route, a.connections(), units(cfg))
	if err != nil {
		return nil, err
	}
	a.carrier = outward
	a.ledger = ledger.Open(a.store, ledger.Options{Now: a.clock.Now, Units: units(cfg), Order: cfg.Order, Deficit: cfg.Deficit.LimitOf(cfg.Units[0].Unit), Settles: cfg.Deficit.Settles(), Refunds: cfg.Refunds, Late: cfg.Late, Skew: cfg.Skew, NextOpen: cfg.NextOpen, Outward: outward, Rules: cfg.Rules, Packs: cfg.Packs, Collector: cfg.Route.Collector(), Plans: cfg.Plans, PlansSince: a.plansSince(), Conversions: a.changes})
	if a.applied == nil {
		if a.applied, err = migrate.Begin(ctx, a.ledger, file.text, migrate.SettingsOf(cfg)); err != nil {
			return nil, err
		}
	}
	if a.fresh != nil {
		a.fresh.runsWith(a.applied.Version, looked)
	}
	a.outward = sync.New(sync.Options{
		Ledger: a.ledger, Ports: a.ports, Connections: a.connections(), Route: cfg.Route,
		Units: units(cfg), Packs: cfg.Packs, Wall: a.wallNow, Log: o.log, Observe: a.meters.tried,
	})
	a.inward = webhooks.NewWorker(a.inbound(o.log))
	a.openGateway(o)
	return a, nil
}

// settle decides what config the app runs with: the applied one where there
// is one, and whether the file wants another.
func (a *app) settle(ctx context.Context, file *configFile, wanted bool) (err error) {
	a.config, a.wanted = file.config, file.config
	if a.applied, err = migrate.Current(ctx, a.store.Reader()); err != nil {
		return err
	}
	if a.applied == nil {
		if file.config.Convert != nil {
			_, err = file.config.Over(nil)
		}
		return err
	}
	state, err := a.applied.Resolve(parseApplied)
	if err != nil {
		return err
	}
	a.changes = state.Conversions
	a.config = a.applied.Effective(file.config, state.Config)
	if a.wanted, a.fault = a.applied.Want(file.config, parseApplied); a.fault != nil {
		a.wanted, a.pending = a.config, true // who only serves goes on with what is applied
		return nil
	}
	a.pending = migrate.SettingsOf(a.wanted).Digest() != a.applied.Digest
	if wanted {
		a.config = a.wanted
	}
	return nil
}

func parseApplied(text string) (*config.Config, error) {
	return config.Parse("applied config", []byte(text), config.Env{Providers: providerFacts(), AnyStorage: true})
}

func (a *app) openGateway(o appOptions) {
	receive := a.inbound(a.log)
	receive.Kick = a.inward.Kick
	receiver := webhooks.NewReceiver(receive)
	options := gateway.Options{
		Ledger: a.ledger, Config: a.config, Clock: a.clock, Webhooks: receiver, Connections: a.describe,
		AdminKey: o.adminKey, Log: a.log, Metrics: a.metrics(o), Version: version(),
		Kick:          func() { a.outward.Kick(); a.inward.Kick() },
		ConfigPending: func(context.Context) bool { return a.pending },
		Migrations:    a.migrations,
	}
	if o.testClock {
		options.TestClock = &stepper{app: a, client: &http.Client{Timeout: 30 * time.Second}}
	}
	a.handler = gateway.New(options)
}

func (a *app) inbound(log *slog.Logger) webhooks.Options {
	return webhooks.Options{
		Ledger: a.ledger, Ports: a.ports, Connections: a.connections(), Secrets: a.secrets, Wall: func() time.Time { return a.wallNow().Std() }, Log: log, Observe: a.meters.settled,
	}
}

// openPorts makes an adapter and its port for every connection.
func (a *app) openPorts() error {
	a.ports, a.secrets = map[string]*adapters.Port{}, map[string][]webhooks.Secret{}
	for _, c := range a.config.Connections {
		v, ok := vendorNamed(c.Provider)
		if !ok {
			return usagef("connection %q names the provider %q, known are %s", c.Name, c.Provider, strings.Join(vendorNames(), ", "))
		}
		adapter, err := v.open(c, a.clock.Now)
		if err != nil {
			return usageError{err}
		}
		limits := adapters.Limits{PerSecond: c.Limit, Percent: c.Percent}
		if a.meters != nil {
			limits.Observe = a.meters.called(c.Name)
		}
		a.ports[c.Name] = adapters.NewPort(adapter, limits)
		if err := a.openSecrets(c, v); err != nil {
			return usageError{err}
		}
	}
	return nil
}

// openSecrets makes an adapter for each webhook secret alone, to tell which is
// in use.
func (a *app) openSecrets(c config.Connection, v vendor) error {
	for _, s := range c.WebhookSecrets {
		alone := c
		alone.WebhookSecrets = []config.Secret{s}
		adapter, err := v.open(alone, a.clock.Now)
		if err != nil {
			return err
		}
		a.secrets[c.Name] = append(a.secrets[c.Name], webhooks.Secret{Ref: s.Ref, Adapter: adapter})
	}
	return nil
}

func (a *app) connections() []mapping.Connection {
	list := make([]mapping.Connection, len(a.config.Connections))
	for i, c := range a.config.Connections {
		list[i] = c.Connection
		if v, ok := vendorNamed(c.Provider); ok {
			list[i].Burn = burn.VendorOf(v.traits)
		}
	}
	return list
}

// units are those that balances are or were counted in.
func units(cfg *config.Config) []core.Unit {
	list := make([]core.Unit, len(cfg.Units))
	for i, u := range cfg.Units {
		list[i] = u.Unit
	}
	for _, r := range cfg.RetiredUnits() {
		list = append(list, r.Unit.Unit)
	}
	return list
}

// plansSince is when the plans that it runs with came into force.
func (a *app) plansSince() core.Time {
	if a.applied == nil {
		return 0
	}
	return a.applied.At
}

// run works the queues and the sweep until ctx ends.
func (a *app) run(ctx context.Context) error {
	workers := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	workers.Go(a.outward.Run)
	workers.Go(a.inward.Run)
	workers.Go(a.sweep)
	if err := workers.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// wallNow is the time by which leases, delays and signatures go.
func (a *app) wallNow() core.Time {
	if a.wall == nil {
		return clock.WallNow()
	}
	return a.wall.Now()
}

// errReload ends a run because another config was applied.
var errReload = errors.New("another config was applied")

// sweep posts what time has decided, which only makes entries appear, balances
// are right without it, and notices when another config was applied.
func (a *app) sweep(ctx context.Context) error {
	tick := time.NewTicker(noticeTime)
	defer tick.Stop()
	var forget, finish time.Time // when old deliveries, and erasures, are looked for next
	compare := time.Now().Add(clockEvery)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if n, _, err := a.ledger.Sweep(ctx, 500); err != nil && ctx.Err() == nil {
			a.log.Error("sweep failed", "error", err)
		} else if n > 0 {
			a.outward.Kick()
		}
		if now := time.Now(); !now.Before(forget) {
			forget = now.Add(a.forgetOld(ctx))
		}
		if now := time.Now(); !now.Before(finish) {
			finish = now.Add(finishEvery)
			a.finishErasures(ctx)
		}
		if now := time.Now(); !now.Before(compare) {
			compare = now.Add(clockEvery)
			if err := a.compareClocks(ctx); err != nil {
				a.log.Error("nothing is written until the clock is right", "error", err)
			}
		}
		if !a.inForce(ctx) {
			return errReload
		}
	}
}

// compareClocks says where our clock is too far from that of a database that
// others write to as well. A test clock is meant to be.
func (a *app) compareClocks(ctx context.Context) error {
	if a.fresh == nil || a.clock.IsTest() {
		return nil
	}
	skew, err := pgserver.Skew(ctx, a.file.config.Database.Reveal())
	if a.fresh.compare(skew, err) {
		return fmt.Errorf("the clock of this machine is %s away from that of the database: let both follow the same time servers", skew.Abs().Round(time.Second))
	}
	return nil
}

// inForce looks whether the app has to make place for one with another config.
func (a *app) inForce(ctx context.Context) bool {
	at := time.Now()
	version, err := a.versionInForce(ctx)
	if err != nil || version == 0 {
		return true
	}
	if version != a.applied.Version && !a.stays && a.stepping.Load() == 0 {
		return false
	}
	if a.fresh != nil {
		a.fresh.saw(at)
	}
	return true
}

// versionInForce is the version of what is applied, 0 for nothing.
func (a *app) versionInForce(ctx context.Context) (int64, error) {
	now, err := migrate.Current(ctx, a.store.Reader())
	if err != nil || now == nil {
		return 0, err
	}
	return now.Version, nil
}

// close finishes what is committed and closes the store.
func (a *app) close() error {
	if a.ledger != nil {
		a.ledger.Close()
	}
	return a.store.Close()
}

// describe tells the API what each connection is and how it fares.
func (a *app) describe(ctx context.Context) []gateway.ConnectionInfo {
	health := map[string]sync.Health{}
	list, err := a.outward.Health(ctx)
	if err != nil {
		a.log.Error("health is not known", "error", err)
	}
	for _, h := range list {
		health[h.Connection] = h
	}
	var infos []gateway.ConnectionInfo
	for _, c := range a.config.Connections {
		infos = append(infos, a.describeOne(c, health[c.Name]))
	}
	return infos
}

func (a *app) describeOne(c config.Connection, h sync.Health) gateway.ConnectionInfo {
	info := gateway.ConnectionInfo{Name: c.Name, Provider: c.Provider, Strategy: string(c.Strategy), Health: "ok"}
	route := a.config.Route
	for role, name := range map[string]string{"primary": route.Primary, "payments": cmp.Or(route.Payments, route.Primary)} {
		if name == c.Name {
			info.Roles = append(info.Roles, role)
		}
	}
	if slices.Contains(route.Shadow, c.Name) {
		info.Roles = append(info.Roles, "shadow")
	}
	slices.Sort(info.Roles)
	for _, can := range a.ports[c.Name].Capabilities() {
		if can.Has {
			info.Capabilities = append(info.Capabilities, can.Name)
		}
	}
	switch {
	case h.Broken:
		info.Health, info.Reason = "broken", h.Code
	case h.Code != "" || h.Parked > 0:
		info.Health, info.Reason = "degraded", h.Code
	}
	return info
}

// loadApp opens the app that the config file describes.
func (s *shell) loadApp(ctx context.Context, o appOptions) (*app, error) {
	file, err := s.loadConfig()
	if err != nil {
		return nil, err
	}
	return openApp(ctx, file, o)
}

// configFile is a config file as it stands.
type configFile struct {
	config *config.Config
	text   string
}

func (s *shell) loadConfig() (*configFile, error) {
	data, err := os.ReadFile(s.config)
	if errors.Is(err, os.ErrNotExist) {
		return nil, usagef("there is no config file %q here: scrip init writes one, -c names another", s.config)
	}
	if err != nil {
		return nil, usageError{err}
	}
	cfg, err := parseConfig(s.config, string(data))
	return &configFile{cfg, string(data)}, err
}

func parseConfig(name, text string) (*config.Config, error) {
	return config.Parse(name, []byte(text), config.Env{Providers: providerFacts()})
}
