package adaptertest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"scrip/adapters"
	"scrip/core"
)

const (
	customerID = "cust_1"
	packName   = "starter"
	hour       = core.Time(time.Hour / time.Microsecond)
)

var unit = core.Unit{Code: "credits", Scale: 2}

// mark is the mark of the n-th order of a kind. The same order has the same
// mark in every account.
func (b *bench) mark(kind adapters.Kind, n int, neutral string) adapters.Mark {
	return adapters.Mark{ID: core.NewID(core.IntentID, customerID, string(kind), "key", n), Kind: kind, Neutral: neutral, Customer: b.customer}
}

// keep adds the links of an answer to what is known.
func (b *bench) keep(got adapters.Answer) {
	for _, l := range got.Links {
		if !slices.Contains(b.links, l) {
			b.links = append(b.links, l)
		}
		if l.Role == adapters.RoleCustomer {
			b.customer = l.Vendor
		}
	}
}

// must runs an order that has to succeed and keeps its links.
func (b *bench) must(o order) adapters.Answer {
	b.t.Helper()
	got, err := b.settle(o.mark(b), func() (adapters.Answer, error) { return o.send(b.t.Context(), b) })
	if err != nil {
		b.t.Fatalf("%s: %v", o.name, err)
	}
	b.keep(got)
	return got
}

// ready prepares the connection and sends the customer, with its carrier where
// grants hang on that.
func (b *bench) ready() *bench {
	b.t.Helper()
	b.known()
	if b.port.Traits().CarrierLeads {
		b.must(putCarrier())
	}
	return b
}

// known prepares the connection and sends the customer.
func (b *bench) known() *bench {
	b.t.Helper()
	got, err := b.port.Prepare(b.t.Context(), setup(b, true))
	if err != nil {
		b.t.Fatalf("prepare: %v", err)
	}
	b.keep(got)
	if b.has("customers") {
		b.must(putCustomer(0))
	}
	return b
}

func setup(b *bench, create bool) adapters.Setup {
	o := adapters.Setup{Packs: []string{packName}, Create: create, Links: b.links}
	for _, u := range b.lab.h.Units {
		if !slices.Contains(o.Units, u.Unit) {
			o.Units = append(o.Units, u.Unit)
		}
	}
	if len(o.Units) == 0 {
		o.Currency = b.lab.h.Currencies[0]
	}
	return o
}

// kinds are the forms in which the vendor holds value: its units, or money.
func (h Harness) kinds() []adapters.Holding {
	if len(h.Units) > 0 {
		return h.Units
	}
	var out []adapters.Holding
	for _, c := range h.Currencies {
		out = append(out, adapters.Holding{Scale: c.Exponent(), Unit: string(c)})
	}
	return out
}

// held is a value in the first form in which the vendor holds it.
func (b *bench) held(quanta int64) adapters.Holding {
	h := b.lab.h.kinds()[0]
	h.Quanta = quanta
	return h
}

// value is a holding as money, unset where the vendor holds units.
func (b *bench) value(h adapters.Holding) core.Money {
	if len(b.lab.h.Units) > 0 {
		return core.Money{}
	}
	return core.Money{Minor: core.Amount(h.Quanta), Currency: core.Currency(h.Unit)}
}

// usage asks for a customer's consumption in the first form of value.
func (b *bench) usage(from, to core.Time) adapters.UsageQuery {
	q := adapters.UsageQuery{Customer: b.customer, From: from, To: to, Links: b.links}
	if len(b.lab.h.Units) > 0 {
		q.Unit, q.Scale = b.held(0).Unit, b.held(0).Scale
	}
	return q
}

// order is a write of the contract, ready to be sent any number of times.
type order struct {
	name  string
	needs string // capability
	kind  adapters.Kind
	mark  func(*bench) adapters.Mark
	send  func(context.Context, *bench) (adapters.Answer, error)
}

func putCustomer(n int) order {
	id := customerID
	if n > 0 {
		id = fmt.Sprintf("cust_%d", n+1)
	}
	mark := func(b *bench) adapters.Mark { return b.mark(adapters.CustomerKind, n, id) }
	return order{"put customer", "customers", adapters.CustomerKind, mark, func(ctx context.Context, b *bench) (adapters.Answer, error) {
		return b.port.PutCustomer(ctx, adapters.CustomerOrder{
			Mark: mark(b), ID: id, Name: "Ada Ltd", Email: fmt.Sprintf("ada+%d@example.com", n), Metadata: map[string]string{"plan": "pro"},
		})
	}}
}

func grantID(n int) core.ID { return core.NewID(core.GrantID, customerID, "grant", "key", n) }

// createGrant gives a grant; n tells grants apart, and a later one expires later.
func createGrant(n int, h adapters.Holding) order {
	id := grantID(n)
	mark := func(b *bench) adapters.Mark { return b.mark(adapters.GrantKind, n, string(id)) }
	return order{"create grant", "grants", adapters.GrantKind, mark, func(ctx context.Context, b *bench) (adapters.Answer, error) {
		return b.port.CreateGrant(ctx, adapters.GrantOrder{
			Mark: mark(b), Grant: id, Holding: h, Value: b.value(h), Unit: unit, Original: 100_000, Consumed: 0, Category: core.Paid, Priority: 40,
			Starts: b.now - hour, Expires: b.now + 24*core.Time(60+n)*hour, Basis: b.money(8000), Source: "pur_1", Now: b.now, Links: b.links,
		})
	}}
}

// endGrant withdraws what is left of a grant.
func endGrant(n int, left adapters.Holding) order {
	id := grantID(n)
	mark := func(b *bench) adapters.Mark { return b.mark(adapters.EndKind, n, string(id)) }
	return order{"end grant", "end grants", adapters.EndKind, mark, func(ctx context.Context, b *bench) (adapters.Answer, error) {
		return b.port.EndGrant(ctx, adapters.EndOrder{Mark: mark(b), Grant: id, Holding: left, Links: b.links})
	}}
}

// consume tells the n-th window; where the lot is named, it is the first grant.
func consume(n int, quanta int64) order {
	window := fmt.Sprintf("win_%d", n)
	mark := func(b *bench) adapters.Mark { return b.mark(adapters.ConsumeKind, n, window) }
	return order{"consume", "consumption", adapters.ConsumeKind, mark, func(ctx context.Context, b *bench) (adapters.Answer, error) {
		o := adapters.ConsumeOrder{
			Mark: mark(b), Window: window, Quanta: quanta, Scale: b.held(0).Scale, Unit: b.held(0).Unit, Opened: b.now - hour/60, Closed: b.now, Sent: b.now, Links: b.links,
		}
		if b.draws() {
			o.Grant = grantID(1)
		}
		return b.port.Consume(ctx, o)
	}}
}

// draws reports whether consumption is told lot by lot.
func (b *bench) draws() bool { return b.port.Traits().Draws }

// takeBack takes back the n-th window.
func takeBack(n int) order {
	window := fmt.Sprintf("win_%d", n)
	mark := func(b *bench) adapters.Mark { return b.mark(adapters.ConsumeKind, 1000+n, window) }
	return order{"cancel consumption", "cancel consumption", adapters.ConsumeKind, mark, func(ctx context.Context, b *bench) (adapters.Answer, error) {
		var told []adapters.Link
		for _, l := range b.links {
			if l.Role == adapters.RoleUsage && l.Neutral == window {
				told = append(told, l)
			}
		}
		return b.port.CancelConsumption(ctx, adapters.CancelOrder{Mark: mark(b), Windows: told, Links: b.links})
	}}
}

func putCarrier() order {
	mark := func(b *bench) adapters.Mark { return b.mark(adapters.CarrierKind, 0, customerID) }
	return order{"put carrier", "carrier", adapters.CarrierKind, mark, func(ctx context.Context, b *bench) (adapters.Answer, error) {
		return b.port.PutCarrier(ctx, adapters.CarrierOrder{Mark: mark(b), Links: b.links})
	}}
}

func sell(n int, price core.Money) order {
	id := core.NewID(core.PurchaseID, customerID, "purchase", "key", n)
	mark := func(b *bench) adapters.Mark { return b.mark(adapters.SellKind, n, string(id)) }
	return order{"sell", "sell packs", adapters.SellKind, mark, func(ctx context.Context, b *bench) (adapters.Answer, error) {
		return b.port.Sell(ctx, adapters.SellOrder{Mark: mark(b), Purchase: id, Pack: packName, Price: price, Text: "1000 credits", Links: b.links})
	}}
}

// money is an amount in the harness's first currency.
func (b *bench) money(minor core.Amount) core.Money {
	return core.Money{Minor: minor, Currency: b.lab.h.Currencies[0]}
}

// fund gives the customer what consumption is drawn from.
func (b *bench) fund() {
	b.t.Helper()
	if b.has("grants") {
		b.must(createGrant(1, b.held(8000)))
	}
}

// writes are the orders that the suite repeats, breaks and loses. Each is
// sent to an account of its own, after what it rests on.
func writes(b *bench) []struct {
	order
	before func(*bench)
} {
	type w = struct {
		order
		before func(*bench)
	}
	all := []w{
		{putCustomer(1), func(b *bench) { b.ready() }},
		{createGrant(1, b.held(8000)), func(b *bench) { b.ready() }},
		{putCarrier(), func(b *bench) { b.known() }},
		{endGrant(1, b.held(8000)), func(b *bench) { b.ready().must(createGrant(1, b.held(8000))) }},
		{consume(1, 350), func(b *bench) { b.ready().fund() }},
		{takeBack(1), func(b *bench) { b.ready().fund(); b.must(consume(1, 350)) }},
		{sell(1, b.money(8000)), func(b *bench) { b.ready() }},
	}
	if b.has("consumption") {
		// The core took the 350 of another grant than the vendor does, whose
		// block is short of what is withdrawn.
		short := endGrant(1, b.held(8000))
		short.name += " that is short"
		all = append(all, w{short, func(b *bench) {
			b.ready().fund()
			if b.has("grants") {
				b.must(createGrant(2, b.held(8000)))
			}
			b.must(consume(1, 350))
		}})
	}
	if b.draws() {
		back := consume(2, -100)
		back.name = "put back"
		all = append(all, w{back, func(b *bench) { b.ready().fund(); b.must(consume(1, 350)) }})
	}
	var claimed []w
	for _, x := range all {
		if b.has(x.needs) {
			claimed = append(claimed, x)
		}
	}
	return claimed
}
