package sync

import (
	"context"
	"maps"
	"path/filepath"
	stdsync "sync"
	"sync/atomic"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
	"scrip/storage/sqlite"
	"scrip/storage/storetest"
)

// fault is what the scripted vendor does to one call.
type fault struct {
	err    *adapters.Error
	after  bool   // the effect happened all the same
	inCall func() // run while the call is out
}

// vendor is an in-memory vendor. It counts what calls brought about, so that
// a second effect of one order shows.
type vendor struct {
	mu        stdsync.Mutex
	traits    adapters.Traits
	script    map[string][]fault // by operation; "any" for all
	always    map[string]*adapters.Error
	calls     map[string]int
	marks     map[core.ID]int // writes by mark
	effects   map[core.ID]adapters.Answer
	sent      map[core.ID]string // what a mark was used for, to find changed content
	made      map[string]int     // effects by operation
	usage     map[string]int64
	customers []string
	changed   []string
	hidden    bool // reads do not see writes yet
}

func newVendor() *vendor {
	return &vendor{
		traits: adapters.Traits{Provider: "fake", PerSecond: 1 << 20, KeyLifetime: 24 * time.Hour},
		script: map[string][]fault{}, always: map[string]*adapters.Error{}, calls: map[string]int{}, marks: map[core.ID]int{},
		effects: map[core.ID]adapters.Answer{}, sent: map[core.ID]string{}, made: map[string]int{}, usage: map[string]int64{},
	}
}

func (v *vendor) Traits() adapters.Traits                        { return v.traits }
func (v *vendor) Verify(adapters.Delivery, time.Time) error      { return nil }
func (v *vendor) Normalise([]byte) (e adapters.Event, err error) { return e, nil }
func (v *vendor) Probe(context.Context) error                    { return v.read("probe") }
func (v *vendor) next(op string) (f fault) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.calls[op]++
	if e := v.always[op]; e != nil {
		return fault{err: e}
	}
	if e := v.always["any"]; e != nil {
		return fault{err: e}
	}
	if list := v.script[op]; len(list) > 0 {
		f, v.script[op] = list[0], list[1:]
	}
	return f
}

func (v *vendor) read(op string) error {
	f := v.next(op)
	if f.inCall != nil {
		f.inCall()
	}
	if f.err != nil {
		return f.err
	}
	return nil
}

// write has the effect of one mark once, as idempotency keys promise.
func (v *vendor) write(op string, mark adapters.Mark, content string, effect func() adapters.Answer) (adapters.Answer, error) {
	f := v.next(op)
	if f.inCall != nil {
		f.inCall()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.marks[mark.ID]++
	if f.err != nil && !f.after {
		return adapters.Answer{}, f.err
	}
	if was, used := v.sent[mark.ID]; used && was != content && v.traits.KeyLifetime > 0 {
		return adapters.Answer{}, adapters.Errorf(adapters.CodeConflict, "%q, then %q", was, content)
	}
	answer, known := v.effects[mark.ID]
	if !known || v.traits.KeyLifetime == 0 {
		v.made[op]++
		answer = effect()
		v.effects[mark.ID], v.sent[mark.ID] = answer, content
	}
	if f.err != nil {
		return adapters.Answer{}, f.err
	}
	return answer, nil
}

func link(neutral, role, id string) adapters.Answer {
	return adapters.Answer{Links: []adapters.Link{{Neutral: neutral, Role: role, Vendor: id}}}
}

func (v *vendor) Prepare(context.Context, adapters.Setup) (adapters.Answer, error) {
	if err := v.read("prepare"); err != nil {
		return adapters.Answer{}, err
	}
	return link(adapters.SetupNeutral, adapters.RoleMeter, "mtr_1"), nil
}

func (v *vendor) PutCustomer(_ context.Context, o adapters.CustomerOrder) (adapters.Answer, error) {
	id := o.Links.One(adapters.RoleCustomer)
	return v.write("customer", o.Mark, id+o.Name, func() adapters.Answer {
		v.changed = append(v.changed, o.ID+"="+o.Name)
		if id == "" {
			id = "cus_" + o.ID
			v.customers = append(v.customers, id)
		}
		return link(o.ID, adapters.RoleCustomer, id)
	})
}

func (v *vendor) CreateGrant(_ context.Context, o adapters.GrantOrder) (adapters.Answer, error) {
	return v.write("grant", o.Mark, o.Value.String()+o.Now.String(), func() adapters.Answer {
		return link(string(o.Grant), adapters.RoleGrant, "cg_"+string(o.Grant))
	})
}

func (v *vendor) EndGrant(_ context.Context, o adapters.EndOrder) (adapters.Answer, error) {
	return v.write("end", o.Mark, o.Links.One(adapters.RoleGrant), func() adapters.Answer { return adapters.Answer{} })
}

func (v *vendor) Consume(_ context.Context, o adapters.ConsumeOrder) (adapters.Answer, error) {
	return v.write("consume", o.Mark, o.Sent.String(), func() adapters.Answer {
		v.usage[o.Window] += o.Quanta
		return link(o.Window, adapters.RoleUsage, string(o.Mark.ID))
	})
}

func (v *vendor) Sell(_ context.Context, o adapters.SellOrder) (adapters.Answer, error) {
	return v.write("sell", o.Mark, o.Pack+o.Price.String(), func() adapters.Answer {
		a := link(string(o.Purchase), adapters.RoleInvoice, "in_"+string(o.Purchase))
		a.PayURL = "https://pay.example/" + string(o.Purchase)
		return a
	})
}

// total is the consumption that the vendor holds.
func (v *vendor) total() (sum int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for q := range maps.Values(v.usage) {
		sum += q
	}
	return sum
}

func (v *vendor) count(op string) (calls, made int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.calls[op], v.made[op]
}

func (v *vendor) fail(op string, faults ...fault) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.script[op] = append(v.script[op], faults...)
}

func (v *vendor) break_(op string, e *adapters.Error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.always[op] = e
}

// finder is a vendor that can be asked for an object by our mark.
type finder struct{ *vendor }

func (f finder) Find(_ context.Context, m adapters.Mark) (adapters.Answer, error) {
	if err := f.read("find"); err != nil {
		return adapters.Answer{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if m.Kind == adapters.ConsumeKind {
		return adapters.Answer{}, adapters.Errorf(adapters.CodeNotSupported, "no")
	}
	if m.Kind == adapters.CustomerKind && !f.hidden {
		for _, id := range f.customers {
			if id == "cus_"+m.Neutral {
				return link(m.Neutral, adapters.RoleCustomer, id), nil
			}
		}
	}
	if f.hidden {
		return adapters.Answer{}, nil
	}
	return f.effects[m.ID], nil
}

// canceller takes windows back, too.
type canceller struct{ finder }

func (c canceller) CancelConsumption(_ context.Context, o adapters.CancelOrder) (adapters.Answer, error) {
	w := o.Windows[0]
	return c.write("cancel", o.Mark, w.Vendor, func() adapters.Answer {
		delete(c.usage, w.Neutral)
		return adapters.Answer{}
	})
}

// world is a ledger with one vendor, or two, and clocks that tests move.
type world struct {
	t    *testing.T
	led  *ledger.Ledger
	w    *Worker
	now  *atomic.Int64
	wall *atomic.Int64
	ctx  context.Context
	keys int
}

var credits = core.Unit{Code: "credits", Scale: 2}

func newWorld(t *testing.T, vendors map[string]adapters.Adapter) *world {
	t.Helper()
	return newWorldOf(t, vendors, func(*mapping.Connection) {})
}

// newWorldOf is newWorld with connections that edit has changed.
func newWorldOf(t *testing.T, vendors map[string]adapters.Adapter, edit func(*mapping.Connection)) *world {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "l.db"))
	if err != nil {
		t.Fatal(err)
	}
	rate, err := core.ParsePrice("0.08 usd")
	if err != nil {
		t.Fatal(err)
	}
	route, ports := mapping.Route{Primary: "main"}, map[string]*adapters.Port{}
	conns := []mapping.Connection{{Name: "main", Strategy: adapters.Meter, Rate: rate, Window: time.Minute, Create: true}}
	if vendors["next"] != nil {
		route.Shadow = []string{"next"}
		conns = append(conns, mapping.Connection{Name: "next", Strategy: adapters.Meter, Rate: rate, Window: time.Minute, Create: true})
	}
	for i := range conns {
		edit(&conns[i])
	}
	for name, a := range vendors {
		ports[name] = adapters.NewPort(a, adapters.Limits{Percent: 100})
	}
	out, err := mapping.NewOutward(route, conns, []core.Unit{credits})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, ctx: t.Context(), now: &atomic.Int64{}, wall: &atomic.Int64{}}
	start := core.TimeOf(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	w.now.Store(int64(start))
	w.wall.Store(int64(start))
	w.led = ledger.Open(storetest.Twice(store), ledger.Options{
		Now: func() core.Time { return core.Time(w.now.Load()) }, Units: []core.Unit{credits}, Order: core.DefaultOrder(), Outward: out,
	})
	w.w = New(Options{
		Ledger: w.led, Ports: ports, Connections: conns, Route: route, Units: []core.Unit{credits},
		Wall: func() core.Time { return core.Time(w.wall.Load()) },
	})
	t.Cleanup(func() { w.led.Close(); _ = store.Close() })
	return w
}

func (w *world) advance(d time.Duration) {
	w.now.Add(d.Microseconds())
	w.wall.Add(d.Microseconds())
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) customer(id, name string) {
	w.t.Helper()
	_, _, err := w.led.PutCustomer(w.ctx, ledger.Customer{ID: id, Name: name})
	w.must(err)
}

func (w *world) key() string {
	w.keys++
	return "k" + time.Duration(w.keys).String()
}

func (w *world) grant(customer string, amount core.Amount) core.ID {
	w.t.Helper()
	r, _, err := w.led.Issue(w.ctx, w.key(), ledger.AccountKey{Customer: customer, Unit: "credits"}, core.Terms{Amount: amount, Category: core.Paid, Priority: 50})
	w.must(err)
	return r.Grant.ID
}

func (w *world) debit(customer string, amount core.Amount) core.ID {
	w.t.Helper()
	r, _, err := w.led.Debit(w.ctx, w.key(), ledger.Charge{Account: ledger.AccountKey{Customer: customer, Unit: "credits"}, Amount: amount})
	w.must(err)
	return r.ID
}

func (w *world) reverse(debit core.ID, amount core.Amount) {
	w.t.Helper()
	_, _, err := w.led.Reverse(w.ctx, w.key(), debit, amount)
	w.must(err)
}

func (w *world) drain() {
	w.t.Helper()
	w.must(w.w.Drain(w.ctx))
}

// pass claims what is due now and works on it once, as Run does.
func (w *world) pass() int {
	w.t.Helper()
	items, err := w.led.Store().Claim(w.ctx, ledger.Outbox, w.led.Now(), core.Time(w.wall.Load()), 16, 30*time.Second)
	w.must(err)
	for _, item := range items {
		w.w.work(w.ctx, item)
	}
	return len(items)
}

func (w *world) intents(kind adapters.Kind) (list []ledger.Intent) {
	w.t.Helper()
	all, err := w.led.Reader().Queues.Intents(w.ctx, ledger.QueueFilter{Limit: 1000})
	w.must(err)
	for _, i := range all {
		if i.Kind == string(kind) {
			list = append(list, i)
		}
	}
	return list
}

// only is the one intent of a kind.
func (w *world) only(kind adapters.Kind) ledger.Intent {
	w.t.Helper()
	list := w.intents(kind)
	if len(list) != 1 {
		w.t.Fatalf("there are %d %s intents, want one", len(list), kind)
	}
	return list[0]
}

func (w *world) state(i ledger.Intent, want ledger.QueueState) {
	w.t.Helper()
	if i.State != want {
		w.t.Fatalf("%s intent is %s (%s), want %s", i.Kind, i.State, i.Reason, want)
	}
}
