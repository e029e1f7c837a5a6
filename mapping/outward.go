package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
)

// Outward decides, purely, which vendors must hear of a change. It implements
// [ledger.Outward]: its intents commit together with the change.
type Outward struct {
	all      []Connection // who knows the customers
	carriers []Connection // who holds grants and consumption
	payments string
	units    map[string]core.Unit
}

// NewOutward checks that the route can be carried out.
func NewOutward(route Route, connections []Connection, units []core.Unit) (*Outward, error) {
	o := &Outward{payments: route.Collector(), units: map[string]core.Unit{}}
	for _, u := range units {
		o.units[u.Code] = u
	}
	carriers := append([]string{route.Primary}, route.Shadow...)
	for _, name := range append(carriers, o.payments) {
		known := slices.ContainsFunc(o.all, func(c Connection) bool { return c.Name == name })
		if name == "" || known {
			continue
		}
		at := slices.IndexFunc(connections, func(c Connection) bool { return c.Name == name })
		if at < 0 {
			return nil, core.InField(core.Errorf(core.CodeInvalid, "connection %q is not configured", name), "route")
		}
		c := connections[at]
		o.all = append(o.all, c)
		if c.Strategy == adapters.Totals || !slices.Contains(carriers, name) {
			continue
		}
		for _, u := range units {
			if c.RateOf(u).IsZero() {
				return nil, core.InField(core.Errorf(core.CodeInvalid, "unit %q has no value at connection %q, name a rate such as \"0.08 usd\"", u.Code, name), "mapping."+name+".rate")
			}
		}
		o.carriers = append(o.carriers, c)
	}
	return o, nil
}

// Collector is the connection that collects money.
func (r Route) Collector() string {
	if r.Payments != "" {
		return r.Payments
	}
	return r.Primary
}

// OnCustomer tells every connection of the route of a new or changed customer.
func (o *Outward) OnCustomer(now core.Time, c ledger.Customer) []*ledger.Intent {
	intents := make([]*ledger.Intent, 0, len(o.all))
	// Equal content may be put again later, after another, and must then be
	// told again: the version tells the two apart, the content alone cannot.
	key := strconv.FormatInt(c.Version, 10) + "/" + now.String() + "/" + contentHash(c)
	for _, conn := range o.all {
		b := &Body{Customer: &c, New: c.Created == now}
		intents = append(intents, newIntent(conn.Name, c.ID, c.ID, key, now, now, b))
	}
	return intents
}

// contentHash covers what a vendor is told of a customer.
func contentHash(c ledger.Customer) string {
	c.Created = 0
	raw, _ := json.Marshal(c) // plain values always marshal, maps in key order
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// OnPurchase asks the connection that collects money to sell.
func (o *Outward) OnPurchase(now core.Time, p core.Purchase) []*ledger.Intent {
	name := p.Connection
	if name == "" {
		name = o.payments
	}
	if !slices.ContainsFunc(o.all, func(c Connection) bool { return c.Name == name }) {
		return nil
	}
	text := p.Credits.Format(o.units[p.Unit].Scale) + " " + p.Unit + " (" + p.Pack + ")"
	return []*ledger.Intent{newIntent(name, p.Customer, string(p.ID), string(p.ID), now, now, &Body{Sale: &p, Text: text})}
}

// OnEntries tells the connections that hold grants and consumption of a
// command's entries: a new grant and an ended one by an order of their own,
// consumption by the account's window. A debit inside an open window costs
// nothing.
func (o *Outward) OnEntries(now core.Time, a *core.Account, entries []core.Entry) []*ledger.Intent {
	var intents []*ledger.Intent
	for i := range o.carriers {
		c := &o.carriers[i]
		for j := range entries {
			if e := &entries[j]; e.Kind == core.EntryGrant {
				intents = append(intents, grantIntent(now, c, a, e)...)
			}
		}
		intents = append(intents, windowIntent(now, c, a, entries)...)
		intents = append(intents, endIntents(now, c, a, entries)...)
	}
	return intents
}

func grantIntent(now core.Time, c *Connection, a *core.Account, e *core.Entry) []*ledger.Intent {
	g := a.Grant(e.Grant)
	if g == nil {
		return nil
	}
	value, err := HeldValue(e.Amount, a.Unit, c.RateOf(a.Unit))
	if err == nil && value.Minor == 0 {
		return nil // less than the vendor's quantum: all of it is residual
	}
	// A value too large to count leaves zero money, which the worker parks
	// where a person sees it; the grant stays spendable.
	source := string(g.Source)
	if source == "" {
		source = string(g.Category)
	}
	return []*ledger.Intent{newIntent(c.Name, a.Customer, string(g.ID), string(g.ID), now, now, &Body{Grant: &GrantFacts{
		Grant: g.ID, Value: value, Unit: a.Unit, Original: g.Amount, Category: g.Category, Priority: g.Priority,
		Starts: g.Starts, Expires: g.Expires, Basis: g.Paid, Source: source, Actions: g.Actions,
	}})}
}

// windowIntent opens the account's window when something was consumed and
// none is open. What is given back joins an open window, where it is netted
// before anything is told; with none open it opens one of no length, so that
// the vendor is put right at once. Either way the law holds: what a window
// tells is the difference of two cumulative floors, read when it closes.
func windowIntent(now core.Time, c *Connection, a *core.Account, entries []core.Entry) []*ledger.Intent {
	var net core.Amount
	moved, back := false, true
	for i := range entries {
		switch entries[i].Kind {
		case core.EntryDebit, core.EntryCapture:
			net += entries[i].Amount
			moved, back = true, false
		case core.EntryReverse:
			net -= entries[i].Amount
			moved = true
		}
	}
	if !moved {
		return nil
	}
	length := c.Window
	if back {
		length = 0
	}
	w, opened := a.OpenWindow(c.Name, length, now)
	if !opened {
		return nil
	}
	if w.Number == 1 {
		// What was consumed before this connection was told anything is not
		// its to bill.
		for i := range a.Windows {
			if a.Windows[i].Connection == c.Name {
				a.Windows[i].Told = a.Consumed - net
			}
		}
	}
	key := ledger.AccountKey{Customer: a.Customer, Unit: a.Unit.Code}
	id := WindowID(c.Name, key, w.Number)
	b := &Body{Consume: &Consumption{Unit: a.Unit, Number: w.Number, Window: id}}
	return []*ledger.Intent{newIntent(c.Name, a.Customer, id, id, now, w.Closes, b)}
}

// endIntents withdraws grants of which nothing is left to spend or to
// capture. They come after the open window, so that the vendor has been told
// what was consumed of the grant before it goes.
func endIntents(now core.Time, c *Connection, a *core.Account, entries []core.Entry) []*ledger.Intent {
	var intents []*ledger.Intent
	var done []core.ID
	for i := len(entries) - 1; i >= 0; i-- {
		e := &entries[i]
		switch e.Kind {
		case core.EntryExpire, core.EntryVoid, core.EntryCapture:
		default:
			continue
		}
		g := a.Grant(e.Grant)
		if g == nil || g.Closed == "" || g.Remaining != 0 || slices.Contains(done, g.ID) {
			continue
		}
		done = append(done, g.ID)
		due := now
		for _, w := range a.Windows {
			if w.Connection == c.Name {
				due = max(due, w.Closes)
			}
		}
		key := string(g.ID) + "/" + strconv.FormatInt(e.Seq, 10)
		intents = append(intents, newIntent(c.Name, a.Customer, string(g.ID), key, now, due,
			&Body{End: &EndFacts{Grant: g.ID, Consumed: g.Consumed()}}))
	}
	slices.Reverse(intents)
	return intents
}
