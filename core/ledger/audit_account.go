package ledger

import (
	"context"
	"slices"
	"strings"

	"scrip/core"
	"scrip/core/plan"
)

// accountAudit holds the rest of what the store keeps of an account against
// its entries: the answers that made them, the terms of its grants, its holds
// and its windows.
type accountAudit struct {
	*auditor
	ctx       context.Context
	r         Reader
	holds     map[core.ID]*holdTally
	reversed  map[core.ID]core.Amount // of debits, by their reversals
	running   command                 // what the entries at hand belong to
	consumed  core.Amount
	free      core.Amount
	held      core.Amount
	scheduled []core.ID // grants that may not have begun
	marks     map[core.Amount]bool
	out       core.Time               // when a change of unit last took something away
	became    string                  // the unit that the account's row names
	left      bool                    // a change of unit was the last to take something away
	periods   map[core.ID]plan.Period // by the source of grants that a subscription made
	clawed    map[core.ID]core.Amount // by purchase: taken back of grants and owed, less what was reinstated
}

// holdTally is what entries and answers say of one hold.
type holdTally struct {
	parts    map[core.ID]core.Amount
	captured core.Amount
	at       core.Time // of its last reservation
}

// command is a run of entries that one stored answer made.
type command struct {
	id     core.ID
	answer *answer
	last   int64
	taken  []core.Allocation
	beyond
}

func newAccountAudit(ctx context.Context, r Reader, a *auditor) *accountAudit {
	return &accountAudit{
		auditor: a, ctx: ctx, r: r, holds: map[core.ID]*holdTally{}, reversed: map[core.ID]core.Amount{}, marks: map[core.Amount]bool{},
	}
}

func (a *accountAudit) hold(id core.ID) *holdTally {
	h := a.holds[id]
	if h == nil {
		h = &holdTally{parts: map[core.ID]core.Amount{}}
		a.holds[id] = h
	}
	return h
}

// watch remembers what net consumption an account's windows name, to see
// whether the account ever stood there. The first reading of the row decides:
// windows closed later are of consumption that is still to be read.
func (a *accountAudit) watch(stored *core.Account) {
	for i := range stored.Windows {
		w := &stored.Windows[i]
		a.marks[w.Told] = a.marks[w.Told] || w.Told == a.consumed
		if w.Moves == 1 {
			a.marks[w.Base] = a.marks[w.Base] || w.Base == a.consumed
		}
	}
}

// entry follows one entry, after the tally of its grant has moved.
func (a *accountAudit) entry(e *core.Entry) error {
	switch e.Kind {
	case core.EntryHold:
		a.free, a.held = a.free-e.Amount, a.held+e.Amount
		h := a.hold(e.Source)
		h.parts[e.Grant], h.at = h.parts[e.Grant]+e.Amount, e.Recorded
	case core.EntryRelease:
		a.free, a.held = a.free+e.Amount, a.held-e.Amount
		a.hold(e.Source).parts[e.Grant] -= e.Amount
	case core.EntryCapture:
		a.held -= e.Amount
	default:
		if from, to := e.Kind.Pots(); from == core.Available {
			a.free -= e.Amount
		} else if to == core.Available {
			a.free += e.Amount
		}
	}
	a.claims(e)
	switch e.Kind {
	case core.EntryDebit, core.EntryCapture, core.EntrySettle:
		a.consumed += e.Amount
	case core.EntryReverse:
		a.consumed -= e.Amount
	case core.EntryConvertIn:
		a.left = false
	case core.EntryConvertOut:
		a.left, a.out = true, e.Recorded
	}
	if t := a.grants[e.Grant]; t.first.Seq == e.Seq {
		if err := a.begins(e); err != nil {
			return err
		}
	}
	if _, watched := a.marks[a.consumed]; watched {
		a.marks[a.consumed] = true
	}
	return a.follow(e)
}

// own follows an entry that names no grant.
func (a *accountAudit) own(e *core.Entry) error {
	a.claims(e)
	return a.follow(e)
}

// begins keeps a grant that a balance may not count yet.
func (a *accountAudit) begins(e *core.Entry) error {
	starts := e.Effective
	if e.Kind == core.EntryConvertIn {
		_, was, err := a.r.Accounts.Grant(a.ctx, e.Source)
		if err != nil || was == nil {
			return err
		}
		starts = was.Starts
	}
	if starts > e.Recorded {
		a.grants[e.Grant].first.Effective = starts
		a.scheduled = append(a.scheduled, e.Grant)
	}
	return nil
}

// follow holds an entry against the answer of the command that made it.
func (a *accountAudit) follow(e *core.Entry) error {
	if a.running.answer == nil {
		if err := a.command(e); err != nil || a.running.answer == nil {
			return err
		}
	}
	c := &a.running
	switch {
	case e.Kind == core.EntrySettle: // it pays what was owed before
	case e.Source != c.id && (c.answer.hold == "" || e.Source != c.answer.hold):
		a.find(e.Seq, "lies among the entries of %s and names %s", c.id, e.Source)
	case e.Kind == core.EntryDebit, e.Kind == core.EntryCapture, e.Kind == core.EntryReverse:
		c.taken = addPart(c.taken, e.Grant, e.Amount)
		if e.Kind == core.EntryCapture {
			a.hold(c.answer.hold).parts[e.Grant] -= e.Amount
		}
	case e.Kind == core.EntryOverage, e.Kind == core.EntryOverageBack:
		c.Overage += e.Amount
	case e.Kind == core.EntryOverdraw, e.Kind == core.EntryOverdrawBack:
		c.Deficit += e.Amount
	case e.Kind == core.EntryGrant && c.answer.operation == OpReverse: // of a deficit that was paid by then
		c.Deficit += e.Amount
	}
	var first core.Entry
	if t := a.grants[e.Grant]; t != nil {
		first = t.first
	}
	if placed, said := c.answer.placed(e, &first); !said {
		a.find(e.Seq, "is placed at %s, the answer of %s says %s", e.Effective, c.id, placed)
	}
	if e.Recorded != c.answer.at {
		a.find(e.Seq, "was recorded at %s, the answer of %s is of %s", e.Recorded, c.id, c.answer.at)
	}
	if e.Seq >= c.last {
		a.finish(c)
		a.running = command{}
	}
	return nil
}

func addPart(parts []core.Allocation, grant core.ID, amount core.Amount) []core.Allocation {
	for i := range parts {
		if parts[i].Grant == grant {
			parts[i].Amount += amount
			return parts
		}
	}
	return append(parts, core.Allocation{Grant: grant, Amount: amount})
}

// command reads the answer that an entry was made with, where its source
// leads to one: debits, captures and reversals.
func (a *accountAudit) command(e *core.Entry) error {
	id := e.Source
	if !strings.HasPrefix(string(id), core.DebitID+"_") && !strings.HasPrefix(string(id), core.ReversalID+"_") {
		return nil
	}
	req, err := a.r.requestOf(a.ctx, id)
	if err != nil {
		return err
	}
	if req == nil {
		a.find(e.Seq, "names %s, of which no answer is stored", id)
		return nil
	}
	if req.Unit != a.key.Unit && whole(req.Operation) == OpReverse && (e.Grant == "" || e.Kind == core.EntryGrant) {
		return nil // what was owed or billed for it went on in this unit
	}
	if req.FirstSeq != e.Seq || req.LastSeq < e.Seq {
		a.find(e.Seq, "is of %s, whose answer names the entries %d to %d", id, req.FirstSeq, req.LastSeq)
		return nil
	}
	got, err := readAnswer(req)
	if err != nil || got.id != id {
		a.find(e.Seq, "names %s, whose answer is another's", id)
		return nil
	}
	a.running = command{id: id, answer: got, last: req.LastSeq}
	return nil
}

// finish compares what a command's entries took with what its answer says.
func (a *accountAudit) finish(c *command) {
	if !slices.Equal(sorted(c.taken), sorted(c.answer.parts)) {
		a.find(c.last, "ends %s, which took %v; its answer says %v", c.id, c.taken, c.answer.parts)
	}
	elsewhere := a.out != 0 && c.answer.operation == OpReverse && c.Overage+c.Deficit == 0
	if (c.Overage != c.answer.Overage || c.Deficit != c.answer.Deficit) && !elsewhere {
		a.find(c.last, "ends %s with overage %d and deficit %d, its answer says %d and %d", c.id, c.Overage, c.Deficit, c.answer.Overage, c.answer.Deficit)
	}
	if got := a.balance(c.answer.at); got != c.answer.balance {
		a.find(c.last, "ends %s with the balance %v, its answer says %v", c.id, got, c.answer.balance)
	}
	switch c.answer.operation {
	case OpReverse:
		a.reversed[c.answer.debit] += c.answer.amount
	case OpCapture:
		a.hold(c.answer.hold).captured += c.answer.amount
		if c.answer.final && len(open(a.hold(c.answer.hold).parts)) > 0 {
			a.find(c.last, "ends the last capture of hold %s, which still reserves something", c.answer.hold)
		}
	}
}

func sorted(parts []core.Allocation) []core.Allocation {
	merged := []core.Allocation{}
	for _, p := range parts {
		merged = addPart(merged, p.Grant, p.Amount)
	}
	slices.SortFunc(merged, func(x, y core.Allocation) int { return strings.Compare(string(x.Grant), string(y.Grant)) })
	return merged
}

// balance is what the entries so far leave at an instant.
func (a *accountAudit) balance(now core.Time) core.Balance {
	b := core.Balance{Posted: a.free + a.held, Held: a.held, Available: a.free}
	a.scheduled = slices.DeleteFunc(a.scheduled, func(id core.ID) bool { return a.grants[id].first.Effective <= now })
	for _, id := range a.scheduled {
		b.Posted -= a.grants[id].available
		b.Available -= a.grants[id].available
	}
	return b
}

// open are the parts that are not nothing.
func open(parts map[core.ID]core.Amount) []core.Allocation {
	list := []core.Allocation{}
	for grant, amount := range parts {
		if amount != 0 {
			list = append(list, core.Allocation{Grant: grant, Amount: amount})
		}
	}
	return sorted(list)
}

// compare holds the stored rest of the account against what was gathered.
func (a *accountAudit) compare(stored *core.Account) error {
	a.became = stored.Became
	if a.running.answer != nil {
		a.find(a.seq, "is the last, the answer of %s names entries up to %d", a.running.id, a.running.last)
	}
	for told, stood := range a.marks {
		if !stood {
			a.find(0, "a window names %d as net consumption, where the account never stood", told)
		}
	}
	if customer, err := a.r.Records.Record(a.ctx, customerKey(a.key.Customer)); err != nil {
		return err
	} else if customer == nil {
		a.find(0, "belongs to a customer that does not exist")
	}
	a.policy(stored)
	if err := a.unit(stored); err != nil {
		return err
	}
	if err := a.compareClaims(); err != nil {
		return err
	}
	for debit, sum := range a.reversed {
		req, err := a.r.requestOf(a.ctx, debit)
		if err != nil {
			return err
		}
		// After a change of unit what was owed or billed is given back elsewhere.
		if req == nil || req.Reversed != sum && (a.out == 0 || req.Reversed < sum) {
			a.find(0, "reversals gave %d of %s back, which its answer does not say", sum, debit)
		}
	}
	return a.compareHolds()
}

// policy reads what moves the account by itself as those who act on it do.
func (a *accountAudit) policy(stored *core.Account) {
	s, err := (&plan.Book{}).Read(stored.Stored)
	if err != nil {
		a.find(0, "keeps a plan that cannot be read")
		return
	}
	due := s.Due()
	if due == core.Never {
		due = 0
	}
	if s.Text() != stored.Stored || due != stored.Acts {
		a.find(0, "keeps a plan that acts at %s, its row says %s", due, stored.Acts)
	}
	if s.Subscription == nil {
		return
	}
	if units, whole := s.Billing.Units(); whole && units != a.billed {
		a.find(0, "has %d of overage by its entries, %d by what is charged or will be", a.billed, units)
	}
	for source, kept := range s.Periods(stored) {
		if made := a.periods[source]; made != kept {
			a.find(0, "granted %d in %d grants for period %s, what is kept of its plan says %d in %d", made.Given, made.Grants, source, kept.Given, kept.Grants)
		}
	}
}

// unit holds what an account became against its entries: one that was
// converted has nothing left, and one that is counted in its own unit, though
// a change took its rest away, has it back from another.
func (a *accountAudit) unit(stored *core.Account) error {
	if stored.Became != "" {
		became, err := a.r.Accounts.Account(a.ctx, AccountKey{a.key.Customer, stored.Became})
		if err == nil && (became == nil || stored.Became == a.key.Unit || a.free != 0 || a.held != 0) {
			a.find(0, "was converted to %q, has %d left and is to go on there", stored.Became, a.free+a.held)
		}
		return err
	}
	if !a.left {
		return nil
	}
	keys, err := a.r.Entries.Keys(a.ctx, AccountKey{a.key.Customer, ""}, auditPage)
	for _, key := range keys {
		if err != nil || key.Customer != a.key.Customer {
			break
		}
		var other *core.Account
		if other, err = a.r.Accounts.Account(a.ctx, key); err == nil && other != nil && other.Became == a.key.Unit {
			return nil
		}
	}
	if err == nil {
		a.find(0, "was converted, and its row does not say to what")
	}
	return err
}
