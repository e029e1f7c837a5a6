package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/sale"
)

// Outward decides, purely, which vendors must hear of a change. It implements
// [ledger.Outward]: its intents commit together with the change.
type Outward struct {
	all      []Connection // who knows the customers
	carriers []Connection // who could hold grants and consumption
	joins    []string     // who is told of an account from its first entry on
	payments string
	units    map[string]core.Unit
}

// NewOutward checks that the route can be carried out.
func NewOutward(route Route, connections []Connection, units []core.Unit) (*Outward, error) {
	o := &Outward{payments: route.Collector(), units: map[string]core.Unit{}}
	for _, u := range units {
		o.units[u.Code] = u
	}
	leads := append([]string{route.Primary}, route.Shadow...)
	for _, name := range append(leads, o.payments) {
		known := slices.ContainsFunc(o.all, func(c Connection) bool { return c.Name == name })
		if name == "" || known {
			continue
		}
		at := slices.IndexFunc(connections, func(c Connection) bool { return c.Name == name })
		if at < 0 {
			return nil, core.InField(core.Errorf(core.CodeInvalid, "connection %q is not configured", name), "route")
		}
		o.all = append(o.all, connections[at])
	}
	for _, c := range connections {
		if c.Strategy == adapters.Totals {
			continue
		}
		leads := slices.Contains(leads, c.Name)
		unit, err := c.values(units)
		switch {
		case err == nil:
			o.carriers = append(o.carriers, c)
		case leads:
			return nil, core.InField(core.Errorf(core.CodeInvalid, "unit %q has no value at connection %q, name a rate such as \"0.08 usd\"", unit, c.Name), "mapping."+c.Name+".rate")
		}
		if leads && err == nil {
			o.joins = append(o.joins, c.Name)
		}
	}
	return o, nil
}

// values checks that every unit has a value at the connection.
func (c Connection) values(units []core.Unit) (string, error) {
	for _, u := range units {
		if _, err := c.QuantumOf(u); err != nil {
			return u.Code, err
		}
	}
	return "", nil
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
func (o *Outward) OnPurchase(now core.Time, p sale.Purchase) []*ledger.Intent {
	name := p.Connection
	if name == "" {
		name = o.payments
	}
	if !slices.ContainsFunc(o.all, func(c Connection) bool { return c.Name == name }) {
		return nil
	}
	text := (p.Credits + p.Overage).Format(o.units[p.Unit].Scale) + " " + p.Unit + " (" + p.Pack + ")"
	if d := p.Period; d != nil {
		text = d.Plan + ", " + d.Start.Std().Format(time.DateOnly) + " to " + d.End.Std().Format(time.DateOnly)
	}
	return []*ledger.Intent{newIntent(name, p.Customer, string(p.ID), string(p.ID), now, now, &Body{Sale: &p, Text: text})}
}

// OnRefund asks the connection that collected a purchase's money to give some
// of it back.
func (o *Outward) OnRefund(now core.Time, p sale.Purchase, r sale.Refund) []*ledger.Intent {
	if !slices.ContainsFunc(o.all, func(c Connection) bool { return c.Name == p.Connection }) {
		return nil
	}
	return []*ledger.Intent{newIntent(p.Connection, p.Customer, string(p.ID), string(r.ID), now, now, &Body{Refund: &r})}
}

// OnEntries tells the connections that hold grants and consumption of a
// command's entries: a new grant and an ended one by an order of their own,
// consumption by the account's window. A debit inside an open window costs
// nothing.
//
// Which connections are told is the account's own: a new account joins those
// of the route, an older one joins and leaves by a move, at one point among
// its entries. So no process needs to know of a move to tell the right ones.
func (o *Outward) OnEntries(now core.Time, a *core.Account, entries []core.Entry) []*ledger.Intent {
	if len(entries) > 0 && entries[0].Seq == 1 {
		for _, name := range o.joins {
			a.Join(name)
		}
	}
	var intents []*ledger.Intent
	for i := range o.carriers {
		c := &o.carriers[i]
		if !a.Tells(c.Name) {
			continue
		}
		if c.Strategy == adapters.Mirror {
			intents = append(intents, earlyIntent(now, c, a, entries)...)
		}
		for j := range entries {
			if e := &entries[j]; begun(e.Kind) || e.Kind == core.EntryReinstate && !c.ByLot() && !again(entries[j+1:], e) {
				intents = append(intents, grantIntent(now, c, a, e, entries)...)
			}
		}
		if c.Strategy == adapters.Mirror {
			intents = append(intents, mirrorIntents(now, c, a, entries)...)
			continue
		}
		intents = append(intents, windowIntent(now, c, a, entries)...)
		intents = append(intents, endIntents(now, c, a, entries)...)
	}
	return intents
}

// mirrorIntents tells a vendor whose ledger we move of ends and consumption. A
// grant that ends is withdrawn before what follows is gathered. What is given
// back to a grant that has ended must be there before it is withdrawn: its
// window is closed at once, and told first.
func mirrorIntents(now core.Time, c *Connection, a *core.Account, entries []core.Entry) []*ledger.Intent {
	ends, window := endIntents(now, c, a, entries), windowIntent(now, c, a, entries)
	ends = append(ends, heldIntents(now, c, a, entries)...)
	back := slices.ContainsFunc(entries, func(e core.Entry) bool { return e.Kind == core.EntryReverse })
	if back && len(ends) > 0 {
		return append(closeEarly(now, c, a, a.Consumed, entries[len(entries)-1].Seq), ends...)
	}
	return append(append(ends, window...), spentIntents(now, c, a, entries)...)
}

// earlyIntent closes the open window before a grant begins or ends: a vendor
// that moves its own ledger draws, when it is told, on what it then holds, so
// it must hear of consumption while it holds what the core drew on.
func earlyIntent(now core.Time, c *Connection, a *core.Account, entries []core.Entry) []*ledger.Intent {
	consumed, changes := a.Consumed, len(lapsed(a)) > 0
	for i := range entries {
		switch e := &entries[i]; e.Kind {
		case core.EntryDebit, core.EntryCapture, core.EntrySettle:
			consumed -= e.Amount
		case core.EntryReverse:
			consumed += e.Amount
		default:
			changes = changes || begun(e.Kind) || ended(e.Kind) || e.Kind == core.EntryReinstate
		}
	}
	switch {
	case len(entries) == 0: // holds keep all of a grant that has ended
		return closeEarly(now, c, a, consumed, a.Seq)
	case !changes:
		return nil
	}
	return closeEarly(now, c, a, consumed, entries[0].Seq-1)
}

// EarlyKey is what the order of a window that was closed before its time is
// known by.
func EarlyKey(window string) string { return window + "/early" }

// closeEarly closes a window that is open before its time, as of a net
// consumption after the entry seq, and tells it at once.
func closeEarly(now core.Time, c *Connection, a *core.Account, consumed core.Amount, seq int64) []*ledger.Intent {
	w, open := a.CloseWindowAt(c.Name, consumed)
	if !open {
		return nil
	}
	id := WindowID(c.Name, ledger.AccountKey{Customer: a.Customer, Unit: a.Unit.Code}, w.Number)
	told := ledger.Told{Number: w.Number, Consumed: consumed, Before: w.Told, Opened: w.Opened, Closed: now, Apart: w.Apart}
	b := &Body{Consume: &Consumption{Unit: a.Unit, Number: w.Number, Window: id, Early: &told, Seq: seq}}
	return []*ledger.Intent{newIntent(c.Name, a.Customer, id, EarlyKey(id), now, now, b)}
}

// grantIntent gives a vendor a grant that is new or comes back. Of one that
// comes back with the money that had bought it the vendor gets what the end of
// that part took off.
func grantIntent(now core.Time, c *Connection, a *core.Account, e *core.Entry, entries []core.Entry) []*ledger.Intent {
	g, returned := a.Grant(e.Grant), e.Kind == core.EntryReinstate
	if g == nil || g.Closed != "" && (returned || g.Remaining == 0) { // it came and went by one command
		return nil
	}
	var quanta int64
	q, err := c.QuantumOf(a.Unit)
	switch {
	case err != nil:
	case returned:
		var ended adapters.Holding
		ended, err = endedHolding(c, a.Unit, g, entries)
		quanta = -ended.Quanta
	default:
		quanta, err = q.Floor(e.Amount)
	}
	if err == nil && quanta == 0 {
		return nil // less than the vendor's quantum: all of it is residual
	}
	// A value too large to count leaves a holding of zero, which the worker
	// parks where a person sees it; the grant stays spendable.
	facts, key := factsOf(g, a.Unit, q, quanta), string(g.ID)
	facts.Seq, facts.Late = e.Seq, c.begins(now, g) > now
	if e.Seq != g.Seq { // it comes back from another unit, and may have been told before
		facts.Consumed, key = g.Amount-g.Remaining, key+"/"+strconv.FormatInt(e.Seq, 10)
	}
	return []*ledger.Intent{newIntent(c.Name, a.Customer, string(g.ID), key, now, c.begins(now, g), &Body{Grant: facts})}
}

// again reports whether one of the entries that follow moves the same grant in
// the same way.
func again(rest []core.Entry, e *core.Entry) bool {
	return slices.ContainsFunc(rest, func(x core.Entry) bool { return x.Kind == e.Kind && x.Grant == e.Grant })
}

// begins is when a vendor can be given a grant.
func (c *Connection) begins(now core.Time, g *core.Grant) core.Time {
	if c.StartsNow {
		return max(now, g.Starts)
	}
	return now
}

// factsOf are the facts of a grant of which a vendor is to hold so many quanta.
func factsOf(g *core.Grant, unit core.Unit, q Quantum, quanta int64) *GrantFacts {
	source := string(g.Source)
	if source == "" {
		source = string(g.Category)
	}
	return &GrantFacts{
		Grant: g.ID, Holding: q.of(quanta), Value: q.Value(quanta), Unit: unit, Original: g.Amount, Category: g.Category,
		Priority: g.Priority, Starts: g.Starts, Expires: g.Expires, Basis: g.Paid, Source: source, Actions: g.Actions,
	}
}

// windowIntent opens the account's window when something was consumed and
// none is open. What is given back joins an open window, where it is netted
// before anything is told; with none open it opens one of no length, so that
// the vendor is put right at once. Either way the law holds: what a window
// tells is the difference of two cumulative floors, read when it closes.
func windowIntent(now core.Time, c *Connection, a *core.Account, entries []core.Entry) []*ledger.Intent {
	moved, back := false, true
	for i := range entries {
		switch kind := entries[i].Kind; kind {
		case core.EntryDebit, core.EntryCapture, core.EntrySettle:
			moved, back = true, false
		case core.EntryReverse:
			moved = true
		default: // by lot, it is drawn from the vendor's lot as consumption is
			moved = moved || c.ByLot() && takenBack(kind)
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
	if late := restored(entries); late > 0 {
		a.SetApart(c.Name, late)
	}
	if !opened {
		return nil
	}
	key := ledger.AccountKey{Customer: a.Customer, Unit: a.Unit.Code}
	id := WindowID(c.Name, key, w.Number)
	b := &Body{Consume: &Consumption{Unit: a.Unit, Number: w.Number, Window: id}}
	return []*ledger.Intent{newIntent(c.Name, a.Customer, id, id, now, w.Closes, b)}
}

// restored is what late debits took of grants that had expired. A vendor has
// ended those, or is about to, and can draw what it is told on others only, so
// it is not told.
func restored(entries []core.Entry) (sum core.Amount) {
	for i := range entries {
		if entries[i].Kind == core.EntryRestore {
			sum += entries[i].Amount
		}
	}
	return sum
}

// endIntents withdraws grants of which nothing is left to spend or to
// capture. They come after the open window, so that the vendor has been told
// what was consumed of the grant before it goes.
func endIntents(now core.Time, c *Connection, a *core.Account, entries []core.Entry) []*ledger.Intent {
	var intents []*ledger.Intent
	var done []core.ID
	for i := len(entries) - 1; i >= 0; i-- {
		e := &entries[i]
		if !ended(e.Kind) && e.Kind != core.EntryCapture && e.Kind != core.EntrySettle {
			continue
		}
		g := a.Grant(e.Grant)
		part := e.Kind == core.EntryClawback && g != nil && g.Closed == ""
		if g == nil || slices.Contains(done, g.ID) || !part && came(g.ID, entries) {
			continue
		}
		if part {
			if done = append(done, g.ID); c.ByLot() || c.TruesUp() && (g.Remaining != 0 || g.Consumed() != 0) {
				continue // the open window says it, or what trues up after the vendor's next invoice
			}
		} else if g.Closed == "" || g.Remaining != 0 {
			continue
		}
		done = append(done, g.ID)
		ended, err := endedHolding(c, a.Unit, g, entries)
		if err == nil && ended.Quanta == 0 && c.HoldsUnits {
			continue // the vendor has nothing of it left
		}
		end := &EndFacts{Grant: g.ID, Unit: a.Unit.Code, Consumed: g.Consumed(), Holding: ended, Seq: g.Seq, Until: g.Expires, Back: passing(g.ID, entries)}
		end.Anywhere, end.Over = end.Back && c.Pools(), !part && c.Pools()
		due := now
		for _, w := range a.Windows {
			if w.Connection == c.Name {
				due = max(due, w.Closes)
			}
		}
		key := string(g.ID) + "/" + strconv.FormatInt(e.Seq, 10)
		intents = append(intents, newIntent(c.Name, a.Customer, string(g.ID), key, now, due,
			&Body{End: end}))
	}
	slices.Reverse(intents)
	return intents
}

// spentIntents ask a vendor that chooses the lots to give up what it may still
// hold of a grant that is spent here: it would write that off when the grant's
// lot expires, while the core has it in another. They come after the window.
func spentIntents(now core.Time, c *Connection, a *core.Account, entries []core.Entry) []*ledger.Intent {
	if !c.Pools() {
		return nil
	}
	due := now
	for _, w := range a.Windows {
		if w.Connection == c.Name {
			due = max(due, w.Closes)
		}
	}
	var intents []*ledger.Intent
	for i := range entries {
		e := &entries[i]
		switch e.Kind {
		case core.EntryDebit, core.EntryCapture, core.EntrySettle:
		default:
			continue
		}
		g := a.Grant(e.Grant)
		if g == nil || g.Closed != "" || g.Remaining != 0 || g.Expires == core.Never {
			continue
		}
		q, err := c.QuantumOf(a.Unit)
		if err != nil {
			return intents
		}
		end := &EndFacts{Grant: g.ID, Unit: a.Unit.Code, Consumed: g.Consumed(), Holding: q.of(0), Seq: g.Seq, Over: true, Spent: true, Until: g.Expires}
		key := string(g.ID) + "/spent/" + strconv.FormatInt(e.Seq, 10)
		intents = append(intents, newIntent(c.Name, a.Customer, string(g.ID), key, now, due, &Body{End: end}))
	}
	return intents
}

// heldIntents withdraws grants that have expired from a vendor that chooses the
// lots, what holds keep of them too: it writes a lot off soon after, and would
// draw on another for what is captured then. That is the core's own from here on. Deciding it again makes the same intent.
func heldIntents(now core.Time, c *Connection, a *core.Account, entries []core.Entry) []*ledger.Intent {
	if !c.Pools() {
		return nil
	}
	var intents []*ledger.Intent
	for _, g := range lapsed(a) {
		if came(g.ID, entries) {
			continue
		}
		q, err := c.QuantumOf(a.Unit)
		if err != nil {
			return intents
		}
		was, errWas := q.Floor(g.Amount - g.Away)
		is, errIs := q.Floor(g.Amount - g.Ended - g.Remaining)
		if errWas != nil || errIs != nil || was == is {
			continue
		}
		intents = append(intents, newIntent(c.Name, a.Customer, string(g.ID), moveKey(g, a, c.Name)+"/held", now, now, &Body{End: &EndFacts{
			Grant: g.ID, Unit: a.Unit.Code, Consumed: g.Consumed(), Holding: q.of(was - is), Seq: g.Seq, Until: g.Expires, Over: true, Keep: a.Seq,
		}}))
	}
	return intents
}

// lapsed are the grants that changed by a command and have expired, but for what
// holds keep of them. Where that is all, no entry tells.
func lapsed(a *core.Account) (list []*core.Grant) {
	for g := range a.ChangedGrants {
		if g.Closed == core.Expired && g.Remaining > 0 {
			list = append(list, g)
		}
	}
	return list
}

// passing reports whether what ended of a grant was given back to it by these
// very entries: the grant had ended before.
func passing(grant core.ID, entries []core.Entry) bool {
	var back core.Amount
	any := false
	for i := range entries {
		switch e := &entries[i]; {
		case e.Grant != grant:
		case e.Kind == core.EntryReverse:
			back, any = back+e.Amount, true
		case ended(e.Kind):
			back -= e.Amount
		}
	}
	return any && back == 0
}

// came reports whether a grant was made, or came back, by these very entries:
// a vendor does not know what is left of it.
func came(grant core.ID, entries []core.Entry) bool {
	return slices.ContainsFunc(entries, func(e core.Entry) bool {
		return e.Grant == grant && begun(e.Kind)
	})
}

// begun reports whether a movement makes a grant, or brings one back from
// another unit.
func begun(kind core.EntryKind) bool {
	return kind == core.EntryGrant || kind == core.EntryConvertIn || kind == core.EntryRollIn
}

// takenBack reports whether a movement takes a part of a grant back with the
// money that had bought it, or returns it: the grant goes on with less, or more.
func takenBack(kind core.EntryKind) bool {
	return kind == core.EntryClawback || kind == core.EntryReinstate
}

// ended reports whether a movement ends some of a grant.
func ended(kind core.EntryKind) bool {
	switch kind {
	case core.EntryExpire, core.EntryVoid, core.EntryConvertOut, core.EntryRollOut, core.EntryClawback:
		return true
	}
	return false
}

// endedHolding is what a vendor must take off a grant of which nothing is
// left, by a command's entries. It is the difference of two floors: what the
// vendor was given, less what was consumed, is gone once all ends are told,
// however many there are.
func endedHolding(c *Connection, unit core.Unit, g *core.Grant, entries []core.Entry) (adapters.Holding, error) {
	var remained, before core.Amount // of the grant, before the command
	before, away, gone := g.Ended, g.Away, g.Ended
	for i := range entries {
		e := &entries[i]
		switch {
		case e.Grant != g.ID:
		case begun(e.Kind), e.Kind == core.EntryReverse:
			remained -= e.Amount
		case e.Kind == core.EntryDebit, e.Kind == core.EntryCapture, e.Kind == core.EntrySettle:
			remained += e.Amount
		case e.Kind == core.EntryRestore: // it is not told, so that much is withdrawn all the same
			remained -= e.Amount
			before += e.Amount
			gone += e.Amount
		case e.Kind == core.EntryReinstate:
			remained -= e.Amount
			before += e.Amount
			away += e.Amount
		case e.Kind == core.EntryConvertOut, e.Kind == core.EntryClawback:
			remained += e.Amount
			before -= e.Amount
			away -= e.Amount
		case ended(e.Kind):
			remained += e.Amount
			before -= e.Amount
		}
	}
	switch {
	case remained != 0 && before != away && g.Closed == core.Expired && c.Pools():
		before = gone // it ended before, and all of it was withdrawn then
	case remained != 0 || g.Closed == "":
		before = away // while something remained, no end was told but what a change of unit took
	}
	q, err := c.QuantumOf(unit)
	if err != nil {
		return adapters.Holding{}, err
	}
	was, err := q.Floor(g.Amount - before)
	if err != nil {
		return adapters.Holding{}, err
	}
	is, err := q.Floor(g.Amount - gone)
	return q.of(was - is), err
}
