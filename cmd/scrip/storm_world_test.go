package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/adapters/chargebee"
	"scrip/adapters/lago"
	"scrip/adapters/metronome"
	"scrip/adapters/orb"
	kit "scrip/adapters/sandbox"
	"scrip/adapters/stripe"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/internal/clock"
	"scrip/internal/httpx"
	"scrip/mapping"
	"scrip/mapping/config"
	"scrip/mapping/sync"
	"scrip/storage/sqlite"
	"scrip/webhooks"
)

// stormConfig lets a vendor be called as often as need be.
const stormConfig = `version: 1
storage: sqlite:%s
unit: {code: credits, scale: %d, price: 0.08 usd}
connections:
  main: {provider: %s, api_key: env:STORM_KEY, webhook_secrets: [env:STORM_SECRET], base_url: %q}
route: {primary: main, payments: %s}
mapping:
  main: {limit: 10000, share: 1}
`

const (
	stormKey    = "sk_test_storm"
	stormSecret = "whsec_storm_0123456789abcdef"
	stormTill   = "  till: {provider: %s, api_key: env:STORM_KEY, webhook_secrets: [env:STORM_SECRET], base_url: %q}\n"
	stormPacks  = "packs: {starter: {credits: 100, price: 8 usd, expires: 12 months}}\n"
)

// stormStart is in the middle of the next month: a sandbox's time does not go
// back, and no vendor ends a period within a storm.
func stormStart() time.Time {
	now := time.Now().UTC()
	return time.Date(now.Year(), now.Month()+1, 10, 9, 10, 0, 0, time.UTC)
}

// storm is a gateway and its vendor in one process, at one virtual time.
type storm struct {
	*testing.T
	ctx     context.Context
	vendor  vendor
	start   time.Time
	app     *app
	box     *client // the sandbox's control API
	till    *client // that of the vendor that collects the money, where this one does not; nil else
	api     *httptest.Server
	rnd     *rand.Rand
	people  []*person
	refused map[core.Code]int // operations that the core did not take
	done    map[string]int    // operations by kind
	serial  int
}

// person is a customer as the storm knows it.
type person struct {
	id        string
	grants    []core.ID
	debits    []core.ID
	holds     []core.ID
	purchases []core.ID
	poisoned  bool
}

// brew starts a sandbox and a gateway for a vendor, both at the same instant.
func brew(t *testing.T, v vendor, seed uint64, customers int) *storm {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	t.Cleanup(cancel)
	s := &storm{T: t, ctx: ctx, vendor: v, start: stormStart(), rnd: rand.New(rand.NewPCG(seed, 1)), refused: map[core.Code]int{}, done: map[string]int{}}
	s.box = s.sandbox(v, seed)
	if v.pays != "" {
		payer, _ := vendorNamed(v.pays)
		s.till = s.sandbox(payer, seed)
	}
	s.open()
	s.api = httptest.NewServer(s.app.handler)
	t.Cleanup(s.api.Close)
	s.control("webhooks", body{"url": s.api.URL + "/v1/webhooks/main", "secret": stormSecret})
	for i := range customers {
		s.people = append(s.people, &person{id: fmt.Sprintf("c%04d", i)})
	}
	return s
}

// sandbox starts a vendor's sandbox at the instant at which the storm begins.
func (s *storm) sandbox(v vendor, seed uint64) *client {
	server := v.sandbox(kit.Options{Seed: seed})
	front := httptest.NewServer(server)
	server.SetPublicURL(front.URL)
	s.Cleanup(func() { front.Close(); server.Close() })
	c := newClient(front.URL, stormKey)
	s.setClock(c, core.TimeOf(s.start))
	return c
}

func (s *storm) setClock(box *client, now core.Time) {
	s.Helper()
	_, err := box.do(s.ctx, request{method: http.MethodPost, path: "/_sandbox/clock", body: body{"now": now.String()}})
	s.need(err)
}

// open wires the gateway as openApp does, on a database that does not wait for
// the disk.
func (s *storm) open() {
	text := fmt.Sprintf(stormConfig, filepath.Join(s.TempDir(), "scrip.db"), stormScale, s.vendor.name, s.box.base, "main") + stormPacks
	if s.till != nil {
		text = fmt.Sprintf(stormConfig, filepath.Join(s.TempDir(), "scrip.db"), stormScale, s.vendor.name, s.box.base, "till")
		text = strings.Replace(text, "route:", fmt.Sprintf(stormTill, s.vendor.pays, s.till.base)+"route:", 1) + "  till: {limit: 10000, share: 1}\n"
	}
	cfg, err := parseConfig("scrip.yaml", text)
	s.need(err)
	a := &app{config: cfg, wanted: cfg, file: &configFile{cfg, text}, owns: true, stays: true, clock: clock.Test(core.TimeOf(s.start)), meters: newMeters()}
	a.log = slog.New(slog.DiscardHandler)
	a.store, err = sqlite.OpenWith(s.ctx, cfg.Storage[len("sqlite:"):], sqlite.Options{Own: true, Relaxed: true})
	s.need(err)
	s.Cleanup(func() { s.need(a.close()) })
	s.need(a.openPorts())
	hasty := httpx.NewClient(httpx.Options{MinWait: time.Millisecond})
	for _, c := range cfg.Connections {
		adapter, err := hastyAdapter(c, a.clock.Now, hasty)
		s.need(err)
		a.ports[c.Name] = adapters.NewPort(adapter, adapters.Limits{PerSecond: c.Limit, Percent: c.Percent})
	}
	outward, err := mapping.NewOutward(cfg.Route, a.connections(), units(cfg))
	s.need(err)
	a.ledger = ledger.Open(a.store, ledger.Options{Now: a.clock.Now, Units: units(cfg), Order: cfg.Order, Outward: outward})
	a.outward = sync.New(sync.Options{
		Ledger: a.ledger, Ports: a.ports, Connections: a.connections(), Route: cfg.Route,
		Units: units(cfg), Packs: cfg.Packs, Wall: clock.WallNow, Log: a.log, Workers: 48,
	})
	a.inward = webhooks.NewWorker(a.inbound(a.log))
	a.openGateway(appOptions{adminKey: config.NewSecret("storm", stormKey)})
	s.app = a
}

// hastyAdapter is the adapter that the registry opens, but for its client, which
// repeats reads without the pauses of real time.
func hastyAdapter(c config.Connection, now func() core.Time, client *http.Client) (adapters.Adapter, error) {
	key, secrets := c.APIKey.Reveal(), reveal(c.WebhookSecrets)
	held := slices.Sorted(maps.Values(c.Units))
	switch c.Provider {
	case "chargebee":
		return chargebee.New(chargebee.Config{Key: key, WebhookSecrets: secrets, BaseURL: c.BaseURL + "/api/v2", Now: now, HTTP: client})
	case "lago":
		return lago.New(lago.Config{Key: key, WebhookSecrets: secrets, BaseURL: c.BaseURL + "/api/v1", Now: now, HTTP: client})
	case "metronome":
		return metronome.New(metronome.Config{Key: key, WebhookSecrets: secrets, BaseURL: c.BaseURL, Now: now, HTTP: client, Units: held})
	case "orb":
		return orb.New(orb.Config{Key: key, WebhookSecrets: secrets, BaseURL: c.BaseURL + "/v1", Now: now, HTTP: client, Units: held})
	case "stripe":
		return stripe.New(stripe.Config{Key: key, WebhookSecrets: secrets, BaseURL: c.BaseURL, Now: now, HTTP: client})
	}
	return nil, fmt.Errorf("how %q is opened with a client is not known here", c.Provider)
}

func (s *storm) need(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// control calls the sandbox's control API.
func (s *storm) control(call string, b any) {
	s.Helper()
	_, err := s.box.do(s.ctx, request{method: http.MethodPost, path: "/_sandbox/" + call, body: b})
	s.need(err)
}

func (s *storm) state() (state kit.State) {
	s.Helper()
	fetch(s.T, s.box.base+"/_sandbox/state", stormKey, &state)
	return state
}

// advance moves time on both sides.
func (s *storm) advance(by time.Duration) {
	s.Helper()
	s.need(s.app.clock.Set(s.app.clock.Now().Add(by)))
	s.setClock(s.box, s.app.clock.Now())
	if s.till != nil {
		s.setClock(s.till, s.app.clock.Now())
	}
}

// blow lets 30 calls of a hundred fail in five ways, and webhooks arrive twice
// or late.
func (s *storm) blow(seed uint64) {
	s.Helper()
	const many = 1_000_000_000
	faults := []body{
		// Each is drawn after the ones before it let the call pass.
		{"kind": "status", "status": 429, "count": many, "probability": "0.06"},
		{"kind": "status", "status": 500, "count": many, "probability": "0.063829787"},
		{"kind": "status_after", "status": 500, "count": many, "probability": "0.068181818"},
		{"kind": "timeout_after", "delay": "1ms", "count": many, "probability": "0.073170732"},
		{"kind": "reset", "count": many, "probability": "0.078947368"},
	}
	draw := rand.New(rand.NewPCG(seed, 2))
	var hooks []body
	for range 900 {
		switch draw.IntN(3) {
		case 0:
			hooks = append(hooks, body{"kind": "duplicate", "count": 2 + draw.IntN(2)})
		case 1:
			hooks = append(hooks, body{"kind": "reorder", "delay": "100ms"})
		default:
			hooks = append(hooks, body{"kind": "delay", "delay": "0s"})
		}
	}
	s.calm()
	s.control("faults", body{"faults": faults, "webhooks": hooks, "seed": seed})
}

// calm ends all faults.
func (s *storm) calm() {
	s.Helper()
	_, err := s.box.do(s.ctx, request{method: http.MethodDelete, path: "/_sandbox/faults"})
	s.need(err)
}

// pass works both queues once, and has the vendor send what waits. What keeps
// failing stays for the next pass.
func (s *storm) pass() (err error) {
	err = s.app.outward.Drain(s.ctx)
	s.control("deliver", body{})
	if e := s.app.inward.Drain(s.ctx); err == nil {
		err = e
	}
	return err
}

// settle passes until no queue has anything left that could be done now.
func (s *storm) settle() {
	s.Helper()
	var last error
	for range 60 {
		last = s.pass()
		waiting, _ := s.queues()
		if waiting == 0 && last == nil {
			return
		}
	}
	waiting, _ := s.queues()
	s.Fatalf("%s: %d are still waiting: %v", s.vendor.name, waiting, last)
}

// queues counts what is waiting and due, and what is parked.
func (s *storm) queues() (waiting, parked int) {
	stats, err := s.app.ledger.Reader().Queues.Stats(s.ctx, s.app.clock.Now())
	s.need(err)
	for _, q := range stats {
		waiting += q.Waiting
		parked += q.Parked
	}
	return waiting, parked
}

// stormScale is how many decimals balances have: more than most vendors keep,
// so that what they hold is rounded.
const stormScale = 8

// cent is a hundredth of a credit.
const cent core.Amount = 1_000_000

// credits is an amount between two numbers of hundredths of a credit, with
// every decimal that the unit has.
func (s *storm) credits(least, most int) core.Amount {
	return core.Amount(least)*cent + core.Amount(s.rnd.Int64N(int64(most-least)*int64(cent)))
}

// take notes what became of an operation.
func (s *storm) take(kind string, err error) bool {
	s.Helper()
	if err == nil {
		s.done[kind]++
		return true
	}
	switch code := core.CodeOf(err); code {
	case core.CodeInsufficientCredits, core.CodeGrantNotOpen, core.CodeHoldNotOpen, core.CodeInvalid, core.CodeHoldExceeded:
		s.refused[code]++
	default:
		s.Fatalf("%s: %v", kind, err)
	}
	return false
}

// pickID chooses a random id of a list, and takes it out if asked to.
func pickID(rnd *rand.Rand, list *[]core.ID, out bool) (core.ID, bool) {
	if len(*list) == 0 {
		return "", false
	}
	i := rnd.IntN(len(*list))
	id := (*list)[i]
	if out {
		*list = slices.Delete(*list, i, i+1)
	}
	return id, true
}

// grant gives a person credits that end in one of a few months, or never.
func (s *storm) grant(p *person) error {
	t := core.Terms{Amount: s.credits(100, 5000), Category: core.Promotional, Priority: core.DefaultPriority + s.rnd.IntN(3), Expires: core.Never}
	ends := []core.Time{core.Never, core.TimeOf(s.start.AddDate(0, 4, 3)), core.TimeOf(s.start.AddDate(0, 8, 0))}
	t.Expires = ends[s.rnd.IntN(len(ends))]
	if s.rnd.IntN(4) == 0 {
		t.Category = core.Paid
	}
	got, _, err := s.app.ledger.Issue(s.ctx, s.key(), ledger.AccountKey{Customer: p.id, Unit: "credits"}, t)
	if err == nil {
		p.grants = append(p.grants, got.Grant.ID)
	}
	return err
}

func (s *storm) key() string { s.serial++; return fmt.Sprintf("k%07d", s.serial) }

// put creates a customer, or changes it.
func (s *storm) put(p *person) error {
	_, _, err := s.app.ledger.PutCustomer(s.ctx, ledger.Customer{
		ID: p.id, Name: fmt.Sprintf("Name %d of %s", s.rnd.IntN(1000), p.id), Email: p.id + "@example.com", Currency: "usd",
	})
	return err
}

// paid lets three of four invoices of purchases be paid.
func (s *storm) paid() {
	s.Helper()
	for _, p := range s.people {
		p.purchases = slices.DeleteFunc(p.purchases, func(id core.ID) bool {
			links, err := s.app.ledger.Reader().Links.Links(s.ctx, ledger.LinkKey{Connection: "main", Neutral: string(id)})
			s.need(err)
			i := slices.IndexFunc(links, func(l ledger.Link) bool { return l.Role == adapters.RoleInvoice })
			if i < 0 {
				return false
			}
			if s.rnd.IntN(4) > 0 {
				s.done["payment"]++
				s.control("pay", body{"object": links[i].Vendor, "outcome": "paid"})
			}
			return true
		})
	}
}

// counts writes counters in one order.
func counts[K ~string](m map[K]int) string {
	text := ""
	for _, k := range slices.Sorted(maps.Keys(m)) {
		text += fmt.Sprintf(" %s %d", k, m[k])
	}
	return text
}
