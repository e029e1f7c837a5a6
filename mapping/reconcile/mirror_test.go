package reconcile_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/internal/clock"
	"scrip/mapping"
	"scrip/mapping/reconcile"
)

// mirror is a vendor in memory that holds units and whose ledger we move. It
// burns the newest grant first, which the core does not.
type mirror struct {
	mu        sync.Mutex
	customers []adapters.VendorCustomer
	blocks    map[string][]*adapters.VendorGrant // by customer
	usage     map[string]int64
	listing   func() // when customers are listed
	consuming func() // when consumption comes
	counted   func() // when usage has been read
}

// tell calls what a test waits for, if it does.
func tell(f func()) {
	if f != nil {
		f()
	}
}

func newMirror() *mirror {
	return &mirror{blocks: map[string][]*adapters.VendorGrant{}, usage: map[string]int64{}}
}

func (m *mirror) Traits() adapters.Traits {
	return adapters.Traits{Provider: "mirror", PerSecond: 1 << 20, KeyLifetime: time.Hour, Facts: []adapters.Fact{
		{Name: "priority", Fit: adapters.Kept}, {Name: "paid / promotional", Fit: adapters.Exact}, {Name: "never expires", Fit: adapters.Loss},
	}}
}
func (m *mirror) Verify(adapters.Delivery, time.Time) error      { return nil }
func (m *mirror) Normalise([]byte) (e adapters.Event, err error) { return e, nil }
func (m *mirror) Probe(context.Context) error                    { return nil }

func answer(neutral, role, id string) (adapters.Answer, error) {
	return adapters.Answer{Links: []adapters.Link{{Neutral: neutral, Role: role, Vendor: id}}}, nil
}

func (m *mirror) PutCustomer(_ context.Context, o adapters.CustomerOrder) (adapters.Answer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.customers = append(m.customers, adapters.VendorCustomer{ID: "c-" + o.ID, Neutral: o.ID})
	return answer(o.ID, adapters.RoleCustomer, "c-"+o.ID)
}

func (m *mirror) CreateGrant(_ context.Context, o adapters.GrantOrder) (adapters.Answer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	customer, expires := o.Links.One(adapters.RoleCustomer), o.Expires
	if expires == core.Never {
		expires = core.TimeOf(time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)) // it has no never
	}
	id := fmt.Sprintf("b-%d", len(m.blocks[customer]))
	m.blocks[customer] = append(m.blocks[customer], &adapters.VendorGrant{
		ID: id, Neutral: string(o.Grant), Held: o.Holding, Left: o.Holding, Starts: o.Starts, Expires: expires, Category: o.Category, State: core.Open,
	})
	return answer(string(o.Grant), adapters.RoleGrant, id)
}

// take burns from a customer's blocks, the newest first, beginning with one.
func (m *mirror) take(customer, first string, quanta int64) {
	order := slices.Clone(m.blocks[customer])
	slices.Reverse(order)
	slices.SortStableFunc(order, func(a, b *adapters.VendorGrant) int {
		switch {
		case a.ID == first:
			return -1
		case b.ID == first:
			return 1
		}
		return 0
	})
	for _, b := range order {
		part := min(quanta, b.Left.Quanta)
		b.Left.Quanta -= part
		if quanta -= part; b.Left.Quanta == 0 {
			b.State = core.Spent
		}
	}
	if quanta > 0 {
		order[0].Left.Quanta -= quanta // it goes below zero by itself
		order[0].State = core.Open
	}
}

func (m *mirror) EndGrant(_ context.Context, o adapters.EndOrder) (adapters.Answer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for customer, blocks := range m.blocks {
		for _, b := range blocks {
			if b.Neutral == string(o.Grant) {
				spared := min(o.Spare, max(0, o.Holding.Quanta-max(0, b.Left.Quanta)))
				m.take(customer, b.ID, o.Holding.Quanta-spared)
				return adapters.Answer{Spared: spared}, nil
			}
		}
	}
	if customer := o.Links.One(adapters.RoleCustomer); o.Anywhere {
		m.take(customer, "", o.Holding.Quanta)
	}
	return adapters.Answer{}, nil
}

func (m *mirror) Consume(_ context.Context, o adapters.ConsumeOrder) (adapters.Answer, error) {
	tell(m.consuming)
	m.mu.Lock()
	defer m.mu.Unlock()
	customer := o.Links.One(adapters.RoleCustomer)
	m.take(customer, "", o.Quanta)
	m.usage[customer] += o.Quanta
	return answer(o.Window, adapters.RoleUsage, string(o.Mark.ID))
}

// Customers lists one a page, and an empty page first.
func (m *mirror) Customers(_ context.Context, p adapters.Page) (out adapters.Listing[adapters.VendorCustomer], err error) {
	tell(m.listing)
	m.mu.Lock()
	defer m.mu.Unlock()
	at := len(p.Cursor)
	if at > 0 && at <= len(m.customers) {
		out.Items = m.customers[at-1 : at]
	}
	if at < len(m.customers) {
		out.Next = p.Cursor + "x"
	}
	return out, nil
}

func (m *mirror) Grants(_ context.Context, customer string, _ adapters.Page) (out adapters.Listing[adapters.VendorGrant], err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.blocks[customer] {
		out.Items = append(out.Items, *b)
	}
	return out, nil
}

func (m *mirror) Usage(_ context.Context, o adapters.UsageQuery) (int64, error) {
	defer tell(m.counted)
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.usage[o.Customer], nil
}

func newMirrorTown(t *testing.T, m *mirror) *town {
	t.Helper()
	x := &town{t: t, clock: clock.Test(0), route: mapping.Route{Primary: "main"}}
	x.must(x.clock.Set(x.clock.Now().Add(time.Second)))
	x.conn = mapping.Connection{Name: "main", Strategy: adapters.Mirror, HoldsUnits: true, Units: map[string]string{"credits": "U1"}, Window: time.Minute, Create: true}
	x.open(m)
	return x
}

// TestMirrorVoidWhileHeld: the vendor is told of a grant's end when nothing of
// it can be captured any more, and until then holding it all is no difference.
// What was given back before, and could not be taken off what was told, is
// not withdrawn again.
func TestMirrorVoidWhileHeld(t *testing.T) {
	m := newMirror()
	x := newMirrorTown(t, m)
	x.customer("acme")
	key := ledger.AccountKey{Customer: "acme", Unit: "credits"}
	grant := x.grant("acme", "grant", 100_00, core.Terms{})
	debit, _, err := x.led.Debit(t.Context(), "debit", ledger.Charge{Account: key, Amount: 30_00})
	x.must(err)
	x.settle()
	_, _, err = x.led.Reverse(t.Context(), "reverse", debit.ID, 20_00)
	x.must(err)
	hold, _, err := x.led.Hold(t.Context(), "hold", ledger.Charge{Account: key, Amount: 15_00}, ledger.HoldTerms{For: 24 * time.Hour})
	x.must(err)
	_, _, err = x.led.Void(t.Context(), "void", grant)
	x.must(err)
	x.settle()
	left := &m.blocks["c-acme"][0].Left
	if expect(t, x.compare(), "", ""); left.Quanta != 70_00 {
		t.Errorf("with a part held the vendor has %d left, want what was not told", left.Quanta)
	}
	_, _, err = x.led.Release(t.Context(), "release", hold.Hold.ID)
	x.must(err)
	x.settle()
	if expect(t, x.compare(), "", ""); left.Quanta != 0 {
		t.Errorf("after its end the vendor has %d left, want none", left.Quanta)
	}
	x.grant("acme", "another", 50_00, core.Terms{})
	_, _, err = x.led.Debit(t.Context(), "later", ledger.Charge{Account: key, Amount: 10_00})
	x.must(err)
	x.settle()
	if expect(t, x.compare(), "", ""); m.blocks["c-acme"][1].Left.Quanta != 40_00 {
		t.Errorf("of the next grant the vendor has %d left, want 4000", m.blocks["c-acme"][1].Left.Quanta)
	}
}

// TestMirrorExpiryWhileHeld: a vendor that chooses the lots is told of a grant's
// expiry at once, of what a hold keeps of it too, since it writes lots off: what
// is captured of it later is the core's own.
func TestMirrorExpiryWhileHeld(t *testing.T) {
	for _, captured := range []bool{false, true} {
		m := newMirror()
		x := newMirrorTown(t, m)
		x.customer("acme")
		key := ledger.AccountKey{Customer: "acme", Unit: "credits"}
		x.grant("acme", "grant", 100_00, core.Terms{Expires: x.clock.Now().Add(time.Hour)})
		debit, _, err := x.led.Debit(t.Context(), "debit", ledger.Charge{Account: key, Amount: 30_00})
		x.must(err)
		x.settle()
		_, _, err = x.led.Reverse(t.Context(), "reverse", debit.ID, 20_00)
		x.must(err)
		hold, _, err := x.led.Hold(t.Context(), "hold", ledger.Charge{Account: key, Amount: 15_00}, ledger.HoldTerms{For: 24 * time.Hour, Protect: true})
		x.must(err)
		x.must(x.clock.Set(x.clock.Now().Add(time.Hour)))
		_, _, err = x.led.Sweep(t.Context(), 10)
		x.must(err)
		x.settle()
		left := &m.blocks["c-acme"][0].Left
		if expect(t, x.compare(), "", ""); left.Quanta != 0 {
			t.Errorf("with a part held the vendor has %d left, want none", left.Quanta)
		}
		if captured {
			_, _, _, err = x.led.Capture(t.Context(), "capture", ledger.CaptureTerms{Hold: hold.Hold.ID, Rest: true, Final: true})
		} else {
			_, _, err = x.led.Release(t.Context(), "release", hold.Hold.ID)
		}
		x.must(err)
		x.settle()
		if expect(t, x.compare(), "", ""); left.Quanta != 0 {
			t.Errorf("after its end the vendor has %d left, want none", left.Quanta)
		}
		x.grant("acme", "another", 50_00, core.Terms{})
		_, _, err = x.led.Debit(t.Context(), "later", ledger.Charge{Account: key, Amount: 10_00})
		x.must(err)
		x.settle()
		if expect(t, x.compare(), "", ""); m.blocks["c-acme"][1].Left.Quanta != 40_00 {
			t.Errorf("of the next grant the vendor has %d left, want 4000", m.blocks["c-acme"][1].Left.Quanta)
		}
	}
}

// TestMirror plays random stories. Although the vendor burns in another order,
// both sides agree in all after each, and one part of a unit too much or too
// little is found.
func TestMirror(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random, m := rand.New(rand.NewPCG(seed, 1)), newMirror()
			x := newMirrorTown(t, m)
			x.customer("acme")
			key := ledger.AccountKey{Customer: "acme", Unit: "credits"}
			var debits []core.ID
			for step := range 25 {
				switch n := random.IntN(8); {
				case n == 0 || step == 0:
					terms := core.Terms{Category: core.Promotional}
					if random.IntN(2) == 0 {
						terms.Expires = x.clock.Now().Add(time.Duration(1+random.IntN(60)) * time.Minute)
					}
					x.grant("acme", fmt.Sprint(step), core.Amount(100+random.IntN(10_000)), terms)
				case n < 4:
					r, _, err := x.led.Debit(t.Context(), fmt.Sprint(step), ledger.Charge{Account: key, Amount: core.Amount(1 + random.IntN(300))})
					if err == nil {
						debits = append(debits, r.ID)
					} else if core.CodeOf(err) != core.CodeInsufficientCredits {
						t.Fatal(err)
					}
				case n == 4 && len(debits) > 0:
					at := random.IntN(len(debits))
					_, _, err := x.led.Reverse(t.Context(), fmt.Sprint(step), debits[at], 0)
					x.must(err)
					debits = slices.Delete(debits, at, at+1)
				case n > 5: // usage of a while ago, of grants that may have expired since
					x.advance(time.Duration(random.IntN(20)) * time.Minute)
					c := ledger.Charge{Account: key, Amount: core.Amount(1 + random.IntN(2000)), At: x.clock.Now().Add(-time.Duration(1+random.IntN(40)) * time.Minute)}
					r, _, err := x.led.Debit(t.Context(), fmt.Sprint(step), c)
					if err == nil {
						debits = append(debits, r.ID)
					} else if core.CodeOf(err) != core.CodeInsufficientCredits {
						t.Fatal(err)
					}
				default:
					x.settle()
				}
				if r := x.compare(); !r.Agrees() {
					t.Fatalf("step %d: %+v", step, r.Findings)
				}
			}
			x.settle()
			expect(t, x.compare(), "", "")
			x.grant("acme", "last", 5_00, core.Terms{})
			x.settle()
			last := m.blocks["c-acme"][len(m.blocks["c-acme"])-1]
			last.Left.Quanta--
			expect(t, x.compare(), "acme/grants U1/remaining", "")
			last.Left.Quanta++
			m.usage["c-acme"]++
			expect(t, x.compare(), "acme/consumption U1/consumption", "")
		})
	}
}

// TestToldWhileCompared: a window closes after the orders were listed, and is
// told after the vendor was read and before the orders are listed again. That
// is no drift, though nothing of ours changed since its account was read.
// RC-03.
func TestToldWhileCompared(t *testing.T) {
	m := newMirror()
	x := newMirrorTown(t, m)
	x.customer("acme")
	x.grant("acme", "grant", 100_00, core.Terms{})
	x.settle()
	x.debit("acme", "debit", 8_24)
	asOf := x.options()
	begun, told, drained := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	m.consuming = func() { close(begun); <-told }
	var once, after sync.Once
	m.listing = func() {
		once.Do(func() {
			x.advance(2 * time.Minute)
			go func() { drained <- x.out.Drain(t.Context()) }()
			<-begun
		})
	}
	m.counted = func() {
		after.Do(func() {
			close(told)
			x.must(<-drained)
		})
	}
	report, err := reconcile.Run(t.Context(), asOf)
	x.must(err)
	if !report.Agrees() || len(report.InFlight) == 0 {
		t.Errorf("found %+v, in flight %+v", report.Findings, report.InFlight)
	}
	m.listing, m.counted = nil, nil
	x.settle()
	expect(t, x.compare(), "", "")
}
