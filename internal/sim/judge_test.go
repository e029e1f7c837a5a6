package sim

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"scrip/core"
	"scrip/core/ledger"
)

// judge is a ledger of its own, as plain as can be: it follows the entries one
// by one and asks of each whether it may be. It shares no rule with the core.
type judge struct {
	w        *world
	pos      string // in the feed
	accounts map[ledger.AccountKey]*jAccount
	lots     map[core.ID]*lot
	holds    map[core.ID]*jHold
	taken    map[core.ID]*jDebit // by debit or capture
	orders   map[core.ID]*command
	sales    map[core.ID]*sale // by the grant that they would make
	touched  map[*jAccount]bool
	fences   map[core.ID]int64 // of queued items, as they were claimed last
	subs     map[string]*sub   // by customer
	buyers   map[string]bool   // customers whose accounts may buy by themselves
	stats    map[string]int
}

type jAccount struct {
	key      ledger.AccountKey
	seq      int64
	begun    core.Time
	lots     []*lot
	open     []*jHold
	consumed core.Amount
	away     bool // it was converted to another unit
	reversed bool // something was given back in the step at hand
	out, in  core.Amount
	rolled   core.Amount // out of grants, and not in another yet
}

type lot struct {
	id              core.ID
	account         *jAccount
	amount          core.Amount
	remaining, held core.Amount
	starts, expires core.Time
	priority        int
	free            bool
	actions         []string
	seq             int64
	closed          core.GrantState
	source          core.ID
	returned        bool    // something was given back to it
	from            core.ID // the lot of another unit that it comes of
	ended           core.Amount
	sub             *sub        // that allotted it, or whose allotment it goes on from
	away            core.Amount // with money that went back
	reinstated      bool        // some of that came back, as an object of its own at a vendor
}

type jHold struct {
	id               core.ID
	account          *jAccount
	amount, captured core.Amount
	parts            []core.Allocation
	expires          core.Time
	protect          bool
	action           string
	resolved         core.HoldState // "" while open
	moved            bool           // to another unit
}

type jDebit struct {
	account  *jAccount
	parts    []core.Allocation
	reversed core.Amount
}

func newJudge(w *world) *judge {
	return &judge{
		w: w, accounts: map[ledger.AccountKey]*jAccount{}, lots: map[core.ID]*lot{}, holds: map[core.ID]*jHold{}, taken: map[core.ID]*jDebit{},
		orders: map[core.ID]*command{}, sales: map[core.ID]*sale{}, touched: map[*jAccount]bool{}, fences: map[core.ID]int64{}, subs: map[string]*sub{}, buyers: map[string]bool{}, stats: map[string]int{},
	}
}

// read follows the entries that are new.
func (j *judge) read() {
	for {
		page, next, err := j.w.inner.Reader().Entries.Feed(context.Background(), j.pos, 500)
		if err != nil {
			j.w.fail("the feed cannot be read: %v", err)
			return
		}
		for i := range page {
			j.entry(&page[i])
		}
		j.pos = next
		if len(page) < 500 {
			break
		}
	}
	j.converted()
}

func (j *judge) account(key ledger.AccountKey) *jAccount {
	a := j.accounts[key]
	if a == nil {
		a = &jAccount{key: key}
		j.accounts[key] = a
	}
	return a
}

func (j *judge) entry(e *core.Entry) {
	w, a := j.w, j.account(ledger.AccountKey{Customer: e.Customer, Unit: e.Unit})
	j.stats[string(e.Kind)]++
	j.touched[a] = true
	w.say("entry %s %d: %s %d of %s for %s", e.Customer, e.Seq, e.Kind, e.Amount, tail(e.Grant), tail(e.Source))
	if a.seq == 0 {
		a.begun = e.Recorded
	}
	if a.seq++; e.Seq != a.seq {
		w.fail("entry %d of %v comes where %d was due", e.Seq, a.key, a.seq)
		return
	}
	if e.Amount <= 0 && e.Kind != core.EntryHold || e.Recorded > w.now() {
		w.fail("entry %+v cannot be", *e)
	}
	l := j.lots[e.Grant]
	switch {
	case e.Kind == core.EntryGrant:
		j.granted(a, e)
		return
	case e.Kind == core.EntryConvertIn:
		j.convertIn(a, e)
		return
	case e.Kind == core.EntryRollIn:
		j.rolledIn(a, e)
		return
	case l == nil || l.account != a:
		w.fail("%s of grant %q, which %v does not have", e.Kind, e.Grant, a.key)
		return
	}
	j.moved(a, l, e)
	if l.remaining < 0 || l.held < 0 || l.held > l.remaining {
		w.fail("grant %q has %d left, %d of it held, after entry %d (%s)", l.id, l.remaining, l.held, e.Seq, e.Kind)
	}
}

func (j *judge) moved(a *jAccount, l *lot, e *core.Entry) {
	switch e.Kind {
	case core.EntryDebit, core.EntryHold:
		j.drawn(a, l, e)
	case core.EntryCapture:
		j.captured(a, l, e)
	case core.EntryRelease:
		j.released(l, e)
	case core.EntryExpire:
		if l.closed == "" && e.Effective < l.expires && (l.sub == nil || !l.sub.over) || e.Effective > e.Recorded {
			j.w.fail("grant %q, which lives until %s, expired at %s", l.id, l.expires, e.Effective)
		}
		l.remaining -= e.Amount
		l.ended += e.Amount
		if l.closed == "" {
			l.closed = core.Expired
		}
	case core.EntryVoid:
		if j.orders["void "+l.id] == nil && j.orders["void for "+core.ID(e.Customer)] == nil && l.closed != core.Void {
			j.w.fail("nobody asked to void grant %q", l.id)
		}
		l.remaining -= e.Amount
		l.ended += e.Amount
		l.closed = core.Void
	case core.EntryReverse:
		j.reversed(a, l, e)
	case core.EntryClawback:
		j.clawed(a, l, e)
	case core.EntryReinstate:
		j.reinstated(a, l, e)
	case core.EntryRollOut:
		j.rolledOut(a, l, e)
	case core.EntryConvertOut:
		l.remaining -= e.Amount
		l.closed = core.Converted
		a.away, a.out = true, a.out+e.Amount
	default:
		j.w.fail("an entry of kind %q", e.Kind)
	}
}

// granted is a grant that a command or a payment asked for.
func (j *judge) granted(a *jAccount, e *core.Entry) {
	w := j.w
	w.meet()
	if j.lots[e.Grant] != nil {
		w.fail("grant %q was made twice", e.Grant)
		return
	}
	l := &lot{id: e.Grant, account: a, amount: e.Amount, remaining: e.Amount, seq: e.Seq}
	switch o, s := j.orders[e.Grant], j.sales[e.Grant]; {
	case o != nil:
		l.starts, l.expires, l.priority, l.free, l.actions = cmp.Or(o.starts, e.Recorded), cmp.Or(o.expires, core.Never), o.priority, o.free, o.actions
		if e.Amount != o.amount {
			w.fail("grant %q is of %d, %d was asked for", e.Grant, e.Amount, o.amount)
		}
	case s != nil:
		l.starts, l.priority, l.source = e.Recorded, 50, s.id
		l.expires = s.life(e.Recorded)
		if !w.collected(s) {
			w.fail("purchase %q was granted and nobody has paid", s.id)
		}
		if s.unit == e.Unit && e.Amount != s.credits {
			w.fail("purchase %q was granted %d, it is of %d", s.id, e.Amount, s.credits)
		}
		s.granted = true
	default:
		if !j.renewed(l, e) {
			w.fail("grant %q was made for nobody", e.Grant)
		}
	}
	if e.Effective != l.starts {
		w.fail("grant %q is effective at %s, it starts at %s", e.Grant, e.Effective, l.starts)
	}
	j.keep(l)
}

func (j *judge) keep(l *lot) {
	j.lots[l.id] = l
	l.account.lots = append(l.account.lots, l)
	slices.SortStableFunc(l.account.lots, before)
}

// before is the order in which lots are spent.
func before(x, y *lot) int {
	rank := func(free bool) int {
		if free {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(x.priority, y.priority), cmp.Compare(x.expires, y.expires), rank(x.free)-rank(y.free),
		cmp.Compare(x.starts, y.starts), cmp.Compare(x.seq, y.seq))
}

// spendable reports whether a lot may be spent at an instant: from its start
// until just before its expiry.
func (l *lot) spendable(at core.Time) bool {
	return l.closed == "" && at >= l.starts && !(at >= l.expires)
}

func (l *lot) pays(action string) bool {
	return len(l.actions) == 0 || slices.Contains(l.actions, action)
}

// drawn is a part of a debit or a hold.
func (j *judge) drawn(a *jAccount, l *lot, e *core.Entry) {
	w := j.w
	if h := j.holds[e.Source]; e.Kind == core.EntryHold && h != nil && (h.account != a || h.moved) {
		if h.account != a {
			j.moveHold(h, a)
		}
		h.parts = append(h.parts, core.Allocation{Grant: l.id, Amount: e.Amount})
		l.held += e.Amount
		return
	}
	o := j.orders[e.Source]
	if o == nil {
		w.fail("%s %q of %d was asked for by nobody", e.Kind, e.Source, e.Amount)
		return
	}
	action := o.action
	if h := j.holds[o.hold]; h != nil {
		action = h.action
	}
	if !l.spendable(e.Recorded) || !l.pays(action) || e.Amount > l.remaining-l.held {
		w.fail("%s %q took %d of grant %q (%d left, %d held, %s to %s, %q) at %s", e.Kind, e.Source, e.Amount, l.id, l.remaining, l.held, l.starts, l.expires, l.closed, e.Recorded)
	}
	for _, x := range a.lots {
		if x == l {
			break
		}
		if x.spendable(e.Recorded) && x.pays(action) && x.remaining > x.held {
			w.fail("%s %q took of grant %q while %q comes before it", e.Kind, e.Source, l.id, x.id)
		}
	}
	if e.Kind == core.EntryDebit {
		l.remaining -= e.Amount
		j.consume(a, e, l)
		return
	}
	l.held += e.Amount
	h := j.holds[e.Source]
	if h == nil {
		h = &jHold{id: e.Source, account: a, expires: e.Recorded.Add(o.life), protect: o.protect, action: o.action}
		j.holds[e.Source] = h
		a.open = append(a.open, h)
	}
	h.amount += e.Amount
	h.parts = append(h.parts, core.Allocation{Grant: l.id, Amount: e.Amount})
}

func (j *judge) consume(a *jAccount, e *core.Entry, l *lot) {
	a.consumed += e.Amount
	d := j.taken[e.Source]
	if d == nil {
		d = &jDebit{account: a}
		j.taken[e.Source] = d
	}
	for i := range d.parts {
		if d.parts[i].Grant == l.id {
			d.parts[i].Amount += e.Amount
			return
		}
	}
	d.parts = append(d.parts, core.Allocation{Grant: l.id, Amount: e.Amount})
}

// part takes of what a hold reserves of a grant.
func (h *jHold) part(grant core.ID, amount core.Amount) bool {
	for i := range h.parts {
		if p := &h.parts[i]; p.Grant == grant && p.Amount >= amount {
			p.Amount -= amount
			return true
		}
	}
	return false
}

func (j *judge) captured(a *jAccount, l *lot, e *core.Entry) {
	o := j.orders[e.Source]
	if o == nil || j.holds[o.hold] == nil {
		j.w.fail("capture %q was asked for by nobody", e.Source)
		return
	}
	h := j.holds[o.hold]
	if h.resolved != "" || e.Recorded >= h.expires || e.Recorded >= l.expires && !h.protect || !h.part(l.id, e.Amount) {
		j.w.fail("capture %q took %d of grant %q, which hold %q (%q, until %s) does not reserve at %s", e.Source, e.Amount, l.id, h.id, h.resolved, h.expires, e.Recorded)
	}
	l.remaining -= e.Amount
	l.held -= e.Amount
	j.consume(a, e, l)
}

func (j *judge) released(l *lot, e *core.Entry) {
	h := j.holds[e.Source]
	if h == nil || !h.part(l.id, e.Amount) {
		j.w.fail("%d of grant %q were given back by hold %q, which does not reserve them", e.Amount, l.id, e.Source)
		return
	}
	l.held -= e.Amount
}

// reversed is a part of a debit that is given back: what it took last first.
func (j *judge) reversed(a *jAccount, l *lot, e *core.Entry) {
	o := j.orders[e.Source]
	if o == nil || j.taken[o.debit] == nil {
		j.w.fail("reversal %q was asked for by nobody", e.Source)
		return
	}
	d, right := j.taken[o.debit], false
	skip := d.reversed
	for i := len(d.parts) - 1; i >= 0; i-- {
		done := min(skip, d.parts[i].Amount)
		skip -= done
		if left := d.parts[i].Amount - done; left > 0 {
			right = d.parts[i].Grant == l.id && e.Amount <= left
			break
		}
	}
	if !right {
		j.w.fail("reversal %q gave %d back to grant %q, which was not the next of debit %q", e.Source, e.Amount, l.id, o.debit)
	}
	d.reversed += e.Amount
	a.reversed, l.returned = true, true
	a.consumed -= e.Amount
	l.remaining += e.Amount
}

// moveHold takes a hold over to the account that its account became.
func (j *judge) moveHold(h *jHold, to *jAccount) {
	for _, p := range h.parts {
		if p.Amount != 0 {
			j.w.fail("hold %q is in two units", h.id)
		}
	}
	h.account.open = slices.DeleteFunc(h.account.open, func(x *jHold) bool { return x == h })
	h.account, h.parts, to.open, h.moved = to, nil, append(to.open, h), true
	_, stored, err := j.w.inner.Reader().Accounts.Hold(context.Background(), h.id)
	if err != nil || stored == nil {
		j.w.fail("hold %q is gone: %v", h.id, err)
		return
	}
	h.amount, h.captured = stored.Amount, stored.Captured
}

// convertIn is a grant that comes from another unit, or comes back.
func (j *judge) convertIn(a *jAccount, e *core.Entry) {
	a.away = false
	a.in += e.Amount
	if l := j.lots[e.Grant]; l != nil {
		if l.account != a || l.closed != core.Converted {
			j.w.fail("grant %q came back and had not gone", l.id)
		}
		l.remaining += e.Amount
		j.reload(l)
		return
	}
	l := &lot{id: e.Grant, account: a, remaining: e.Amount, seq: e.Seq, from: e.Source}
	if j.reload(l) {
		j.keep(l)
	}
}

// reload takes the terms of a converted grant as they are stored: they follow
// from its origin, whose the audit holds against them.
func (j *judge) reload(l *lot) bool {
	_, g, err := j.w.inner.Reader().Accounts.Grant(context.Background(), l.id)
	if err != nil || g == nil {
		j.w.fail("grant %q is gone: %v", l.id, err)
		return false
	}
	l.amount, l.starts, l.expires, l.priority, l.actions, l.closed = g.Amount, g.Starts, g.Expires, g.Priority, g.Actions, ""
	l.free, l.source = g.Category == core.Promotional || g.Category == core.Adjustment, g.Source
	if g.Closed == core.Void || g.Closed == core.Expired {
		l.closed = g.Closed
	}
	return true
}

// available is what can be spent on an action at an instant.
func (a *jAccount) available(j *judge, action string, at core.Time) (sum core.Amount) {
	for _, l := range a.lots {
		if l.spendable(at) && l.pays(action) {
			sum += l.remaining - j.heldOf(l, at)
		}
	}
	return sum
}

// heldOf is what open holds reserve of a lot at an instant.
func (j *judge) heldOf(l *lot, at core.Time) (sum core.Amount) {
	if l.held == 0 {
		return 0
	}
	for _, h := range l.account.open {
		sum += h.reserves(l, at)
	}
	return sum
}

// reserves is what a hold keeps of a lot at an instant.
func (h *jHold) reserves(l *lot, at core.Time) (sum core.Amount) {
	if h.resolved != "" || at >= h.expires || at >= l.expires && !h.protect {
		return 0
	}
	for _, p := range h.parts {
		if p.Grant == l.id {
			sum += p.Amount
		}
	}
	return sum
}

// balance is what an account holds at an instant.
func (j *judge) balance(a *jAccount, at core.Time) (available, held core.Amount) {
	for _, l := range a.lots {
		kept := j.heldOf(l, at)
		held += kept
		if l.spendable(at) {
			available += l.remaining - kept
		}
	}
	return available, held
}

// converted holds what a change of unit made of each account against its rate:
// three credits are one gem, rounded once for the whole account.
func (j *judge) converted() {
	for a := range j.touched {
		if a.out == 0 {
			continue
		}
		other := "gems"
		if a.key.Unit == other {
			other = "credits"
		}
		to := j.account(ledger.AccountKey{Customer: a.key.Customer, Unit: other})
		// There and back in one step, or with something given back between, is
		// for the audit to judge.
		if simple := !a.reversed && !to.reversed && a.in == 0 && to.out == 0; simple && other == "gems" {
			if third := (2*a.out + 3) / 6; to.in != third {
				j.w.fail("%d parts of credits of %s became %d of gems, %d were due", a.out, a.key.Customer, to.in, third)
			}
		}
	}
	for a := range j.touched {
		a.in, a.out, a.reversed = 0, 0, false
	}
	clear(j.touched)
}

// settled holds the end of queued items against what they were before: what is
// settled is final.
func (j *judge) settled(before map[core.ID]settled, c *ledger.Changes) {
	hold := func(id core.ID, is settled) {
		if was := before[id]; (was.state == ledger.Applied || was.state == ledger.Ignored) && was != is {
			j.w.fail("queued item %q was %s at %s and is settled again, %s at %s", id, was.state, was.at, is.state, is.at)
		}
	}
	for _, i := range c.Settled {
		hold(i.ID, settled{i.State, i.Settled, string(i.Body)})
	}
	for _, e := range c.Events {
		hold(e.ID, settled{e.State, e.Settled, ""})
	}
}

// held asks of a queued item that is written whether who writes it has the
// newest claim on it. One that is parked is for people.
func (j *judge) held(b *ledger.Batch, before map[core.ID]settled, c *ledger.Changes) {
	named := map[core.ID]int64{}
	for _, l := range append(slices.Clone(b.Intents), b.Events...) {
		named[l.ID] = max(named[l.ID], l.Fence)
	}
	hold := func(id core.ID) {
		was, known := before[id]
		if known && was.state != ledger.Parked && named[id] != j.fences[id] {
			j.w.fail("queued item %q, %s, is written under claim %d, the newest is %d", id, was.state, named[id], j.fences[id])
		}
	}
	for _, i := range c.Settled {
		hold(i.ID)
	}
	for _, e := range c.Events {
		hold(e.ID)
	}
}

// acknowledged is a delivery that the gateway took: from now on it must be
// known. Where facts are swept too, the sweep's row may stand for it.
func (j *judge) acknowledged(connection string, body []byte) {
	j.stats["delivered"]++
	var e struct{ ID string }
	if connection != "main" || json.Unmarshal(body, &e) != nil || e.ID == "" {
		return
	}
	id := core.NewID(core.EventID, e.ID, "event/"+connection, e.ID, 0)
	if found, err := j.w.inner.Reader().Queues.Event(context.Background(), id); err != nil || found == nil {
		j.w.fail("a delivery from %s was acknowledged and is not stored (%v): %.200s", connection, err, body)
	}
}

func tail(id core.ID) string {
	if len(id) <= 10 {
		return string(id)
	}
	return string(id[:4]) + string(id[len(id)-6:])
}
