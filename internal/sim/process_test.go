package sim

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"scrip/adapters"
	"scrip/adapters/orb"
	orbbox "scrip/adapters/orb/sandbox"
	"scrip/adapters/sandbox"
	"scrip/adapters/stripe"
	stripebox "scrip/adapters/stripe/sandbox"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/gateway"
	"scrip/internal/clock"
	"scrip/internal/httpx"
	"scrip/mapping"
	"scrip/mapping/burn"
	"scrip/mapping/config"
	"scrip/mapping/migrate"
	"scrip/mapping/sync"
	"scrip/webhooks"
)

// A new vendor joins the simulation here: how it is opened and what the config
// must know of it.
var vendors = map[string]struct {
	traits  adapters.Traits
	units   bool // it holds units
	collect bool // it collects money
	box     func(sandbox.Options) *sandbox.Server
	open    func(base string, secret []string, c *http.Client) (adapters.Adapter, error)
}{
	"stripe": {(*stripe.Adapter)(nil).Traits(), false, true, stripebox.New, func(base string, secret []string, c *http.Client) (adapters.Adapter, error) {
		return stripe.New(stripe.Config{Key: vendorKey, WebhookSecrets: secret, BaseURL: base, HTTP: c, Now: clock.WallNow})
	}},
	"orb": {(*orb.Adapter)(nil).Traits(), true, false, orbbox.New, func(base string, secret []string, c *http.Client) (adapters.Adapter, error) {
		return orb.New(orb.Config{Key: vendorKey, WebhookSecrets: secret, BaseURL: base + "/v1", HTTP: c, Now: clock.WallNow, Units: []string{"credits", "gems"}})
	}},
}

const (
	vendorKey = "sk_test_simulation"
	hookKey   = "whsec_simulation_0123456789"
	adminKey  = "scrip_admin_of_the_simulation"
)

// simConfig is what the company runs on.
const simConfig = `version: 1
storage: sqlite:sim.db
listen: 127.0.0.1:0
secret_key: env:SECRET
UNITconnections:
  main: {provider: stripe, api_key: env:KEY, webhook_secrets: [env:HOOK], base_url: "http://main.box"}
  next: {provider: orb, api_key: env:KEY, webhook_secrets: [env:HOOK], base_url: "http://next.box"}
route: {primary: LEAD, payments: main}
mapping:
  main: {window: 1h, limit: 1000}
  next: {window: 30m, limit: 1000}
holds: {default: 1h, max: 96h}
refunds: {shortfall: write_off}
PLANSrate_card:
  version: "PRICE"
  effective_at: 2026-01-01T00:00:00Z
  actions:
    image: {cost: 6}
    text: {cost: 0.03}
packs:
  small: {credits: 90, price: 7.20 usd, expires: 9 days}
  large: {credits: 900, price: 72 usd, expires: 1 month}
`

// configText is the file with a connection in the lead, counted in gems, three
// credits each, or in credits.
func configText(w *world, lead string, gems bool) string {
	unit, price := "unit: {code: credits, scale: 2, price: 0.08 usd}\n", "1"
	if gems {
		unit = "unit: {code: gems, scale: 2, price: 0.24 usd}\nconvert: {from: credits, at: 1/3}\n"
	}
	if w.office.prices > 0 {
		price = strings.Repeat("1", w.office.prices+1)
	}
	offer := ""
	if w.plan.sells() {
		offer = simPlans
	}
	return strings.NewReplacer("PLANS", offer, "UNIT", unit, "LEAD", lead, "PRICE", price).Replace(simConfig)
}

func parse(text string) (*config.Config, error) {
	secrets := map[string]string{"KEY": vendorKey, "HOOK": hookKey, "SECRET": "0123456789abcdef0123456789abcdef"}
	env := config.Env{Lookup: func(name string) (string, bool) { s, ok := secrets[name]; return s, ok }}
	for _, name := range []string{"orb", "stripe"} {
		v := vendors[name]
		env.Providers = append(env.Providers, config.Provider{
			Name: name, Strategies: v.traits.Strategies, WhyNot: v.traits.WhyNot, HoldsUnits: v.units, CannotCollect: !v.collect,
		})
	}
	return config.Parse("scrip.yaml", []byte(text), env)
}

// words brings what the gateway logs of failures into the trace.
type words struct{ w *world }

func (h *words) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }
func (h *words) WithAttrs([]slog.Attr) slog.Handler           { return h }
func (h *words) WithGroup(string) slog.Handler                { return h }
func (h *words) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool { text += " " + a.String(); return true })
	if !h.w.plain {
		h.w.say("log: %s", text)
	}
	return nil
}

// process is one life of the program: everything in it is gone when it dies.
type process struct {
	w       *world
	name    string
	dead    bool
	ready   bool // its connections are prepared
	config  *config.Config
	wanted  *config.Config
	fault   error // why what the file wants cannot follow
	applied *migrate.Applied
	ledger  *ledger.Ledger
	ports   map[string]*adapters.Port
	carrier *mapping.Outward
	outward *sync.Worker
	inward  *webhooks.Worker
	handler http.Handler
}

// open wires the program as its main does. wanted runs it with the config of
// the file although another is applied, as the operator's command does.
func (w *world) open(name string, wanted bool) (_ *process, err error) {
	p := &process{w: w, name: name, ports: map[string]*adapters.Port{}}
	ctx := context.Background()
	defer func() {
		if err == nil && p.dead {
			err = errDead
		}
		if err != nil {
			p.close()
		}
	}()
	file, err := parse(w.file)
	if err != nil {
		return nil, err
	}
	var changes []ledger.Conversion
	p.config, p.wanted = file, file
	if p.applied, err = migrate.Current(ctx, w.inner.Reader()); err != nil {
		return nil, err
	}
	if p.applied != nil {
		state, err := p.applied.Resolve(parse)
		if err != nil {
			return nil, err
		}
		changes = state.Conversions
		p.config = p.applied.Effective(file, state.Config)
		if p.wanted, p.fault = p.applied.Want(file, parse); p.fault != nil {
			p.wanted = p.config
		} else if wanted {
			p.config = p.wanted
		}
	}
	for _, c := range p.config.Connections {
		adapter, err := vendors[c.Provider].open(c.BaseURL, []string{hookKey}, httpx.NewClient(httpx.Options{Transport: &wire{p, c.Name}}))
		if err != nil {
			return nil, err
		}
		p.ports[c.Name] = adapters.NewPort(adapter, adapters.Limits{PerSecond: c.Limit, Percent: c.Percent})
	}
	if p.carrier, err = mapping.NewOutward(p.config.Route, p.connections(), p.units()); err != nil {
		return nil, err
	}
	p.ledger = ledger.Open(&store{Store: w.inner, p: p}, ledger.Options{
		Now: w.now, Units: p.units(), Order: p.config.Order, Outward: p.carrier, Conversions: changes,
		Refunds: p.config.Refunds, Rules: p.config.Rules, Packs: p.config.Packs, Collector: p.config.Route.Collector(), Plans: p.config.Plans, PlansSince: p.since(),
		MaxBatch: 1, // how many share a commit is for the machine's pace to say, which no seed repeats
	})
	if p.applied == nil {
		if p.applied, err = migrate.Begin(ctx, p.ledger, w.file, migrate.SettingsOf(p.config)); err != nil {
			return nil, err
		}
	}
	p.wire()
	return p, nil
}

// since is when the plans that it runs with came into force.
func (p *process) since() core.Time {
	if p.applied == nil {
		return 0
	}
	return p.applied.At
}

func (p *process) wire() {
	p.outward = sync.New(sync.Options{
		Ledger: p.ledger, Ports: p.ports, Connections: p.connections(), Route: p.config.Route, Units: p.units(), Packs: p.config.Packs, Wall: clock.WallNow,
		Log: slog.New(&words{w: p.w}),
	})
	p.inward = webhooks.NewWorker(p.inbound())
}

// api is the HTTP API, made when somebody calls: to make it takes longer than
// all the rest of a start.
func (p *process) api() http.Handler {
	if p.handler != nil {
		return p.handler
	}
	inbound := p.inbound()
	p.handler = gateway.New(gateway.Options{
		Ledger: p.ledger, Config: p.config, Clock: clock.Wall(), Webhooks: webhooks.NewReceiver(inbound), AdminKey: config.NewSecret("env:ADMIN", adminKey),
		ConfigPending: func(context.Context) bool { return p.fault != nil },
		Connections: func(context.Context) []gateway.ConnectionInfo {
			return []gateway.ConnectionInfo{{Name: "main", Capabilities: []string{"refund packs"}}}
		},
	})
	return p.handler
}

func (p *process) inbound() webhooks.Options {
	return webhooks.Options{Ledger: p.ledger, Ports: p.ports, Connections: p.connections(), Wall: time.Now, Log: slog.New(&words{w: p.w})}
}

func (p *process) connections() []mapping.Connection {
	list := make([]mapping.Connection, len(p.config.Connections))
	for i, c := range p.config.Connections {
		list[i] = c.Connection
		list[i].Burn = burn.VendorOf(vendors[c.Provider].traits)
	}
	return list
}

func (p *process) units() []core.Unit {
	var list []core.Unit
	for _, u := range p.config.Units {
		list = append(list, u.Unit)
	}
	for _, r := range p.config.RetiredUnits() {
		list = append(list, r.Unit.Unit)
	}
	return list
}

// unit is what balances are counted in, as this life of the program knows.
func (p *process) unit() core.Unit { return p.config.Units[0].Unit }

var errDead = errors.New("the process is dead")

// die is kill -9: nothing that this life of the program does from here on
// reaches anything outside.
func (p *process) die(where string) {
	if !p.dead {
		p.dead = true
		p.w.say("%s is killed %s", p.name, where)
		p.w.judge.stats["crash"]++
	}
}

// close lets go of what a dead process has left in memory.
func (p *process) close() {
	p.dead = true
	if p.ledger != nil {
		p.ledger.Close()
	}
}
