package adaptertest

import (
	"context"
	"fmt"
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
		if b.links.One(l.Role) == "" || l.Role == adapters.RoleGrant {
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

// ready prepares the connection and sends the customer.
func (b *bench) ready() *bench {
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
	return adapters.Setup{Currency: b.lab.h.Currencies[0], Packs: []string{packName}, Create: create, Links: b.links}
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

// createGrant gives a grant of value; n tells grants apart.
func createGrant(n int, value core.Money) order {
	id := core.NewID(core.GrantID, customerID, "grant", "key", n)
	mark := func(b *bench) adapters.Mark { return b.mark(adapters.GrantKind, n, string(id)) }
	return order{"create grant", "grants", adapters.GrantKind, mark, func(ctx context.Context, b *bench) (adapters.Answer, error) {
		return b.port.CreateGrant(ctx, adapters.GrantOrder{
			Mark: mark(b), Grant: id, Value: value, Unit: unit, Original: 100_000, Consumed: 0, Category: core.Paid, Priority: 40,
			Starts: b.now - hour, Expires: b.now + 24*60*hour, Basis: value, Source: "pur_1", Now: b.now, Links: b.links,
		})
	}}
}

func endGrant(n int) order {
	id := core.NewID(core.GrantID, customerID, "grant", "key", n)
	mark := func(b *bench) adapters.Mark { return b.mark(adapters.EndKind, n, string(id)) }
	return order{"end grant", "end grants", adapters.EndKind, mark, func(ctx context.Context, b *bench) (adapters.Answer, error) {
		return b.port.EndGrant(ctx, adapters.EndOrder{Mark: mark(b), Grant: id, Links: b.links})
	}}
}

func consume(n int, quanta int64) order {
	window := fmt.Sprintf("win_%d", n)
	mark := func(b *bench) adapters.Mark { return b.mark(adapters.ConsumeKind, n, window) }
	return order{"consume", "consumption", adapters.ConsumeKind, mark, func(ctx context.Context, b *bench) (adapters.Answer, error) {
		return b.port.Consume(ctx, adapters.ConsumeOrder{
			Mark: mark(b), Window: window, Quanta: quanta, Opened: b.now - hour/60, Closed: b.now, Sent: b.now, Links: b.links,
		})
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
		{createGrant(1, b.money(8000)), func(b *bench) { b.ready() }},
		{endGrant(1), func(b *bench) { b.ready().must(createGrant(1, b.money(8000))) }},
		{consume(1, 350), func(b *bench) { b.ready() }},
		{sell(1, b.money(8000)), func(b *bench) { b.ready() }},
	}
	var claimed []w
	for _, x := range all {
		if b.has(x.needs) {
			claimed = append(claimed, x)
		}
	}
	return claimed
}
