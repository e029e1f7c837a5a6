package sandbox

import (
	"fmt"
	"slices"
	"time"
)

// Types and states of ledger entries.
const (
	increment        = "increment"
	decrement        = "decrement"
	expirationChange = "expiration_change"
	blockExpiry      = "credit_block_expiry"
	voided           = "void"
	voidInitiated    = "void_initiated"
	amendment        = "amendment"

	committed = "committed"
	pending   = "pending"
)

const ledgerPageLimit = 1000

// about makes an entry tell of a block as it is now.
func (e *entry) about(b *block) {
	e.Block, e.BlockExpiry, e.BlockBasis, e.Filters = b.ID, b.Expiry, b.Basis, b.Filters
}

// newEntry is an entry of now, not yet written.
func (w *world) newEntry(typ string, b *block, description *string, metadata map[string]string) *entry {
	e := &entry{ID: w.a.NewID("", 16), Status: committed, Type: typ, Created: w.second(), Description: description, Metadata: metadata}
	if metadata == nil {
		e.Metadata = map[string]string{}
	}
	if b != nil {
		e.about(b)
	}
	return e
}

// record writes entries to the end of a ledger.
func (l *ledger) record(list ...*entry) {
	for _, e := range list {
		l.Entries = append(l.Entries, e)
		l.write(e)
	}
}

// statusOf is an entry's status as it is shown; a decrement may be pending
// while the grace period for usage is open.
func (w *world) statusOf(e *entry) string {
	if e.Type == decrement && w.a.Variant(decrementsPending) && w.now.Sub(e.Created) < gracePeriod {
		return pending
	}
	return e.Status
}

func (w *world) renderEntry(l *ledger, e *entry) obj {
	shown := e.Amount
	if e.Delta.sign() < 0 && w.a.Variant(signedAmounts) {
		shown = shown.neg()
	}
	out := obj{
		"id": e.ID, "ledger_sequence_number": e.Sequence, "entry_status": w.statusOf(e), "entry_type": e.Type, "customer": w.minified(l.Customer),
		"starting_balance": w.number(e.Start), "ending_balance": w.number(e.End), "amount": w.number(shown), "currency": l.Unit,
		"created_at": stamp(&e.Created), "description": e.Description, "metadata": e.Metadata,
		"credit_block": obj{"id": e.Block, "expiry_date": stamp(e.BlockExpiry), "per_unit_cost_basis": e.BlockBasis, "filters": filled(e.Filters)},
	}
	switch e.Type {
	case increment:
		made := []obj{}
		for _, id := range e.Invoices {
			if x, ok := w.st.Invoices.get(id); ok {
				made = append(made, w.renderInvoice(x))
			}
		}
		out["created_invoices"] = made
	case decrement:
		out["price_id"], out["invoice_id"], out["event_id"] = nil, nil, nil
	case expirationChange:
		out["new_block_expiry_date"] = stamp(e.NewExpiry)
	case voidInitiated:
		out["new_block_expiry_date"] = stamp(e.NewExpiry)
		out["void_reason"], out["void_amount"] = e.Reason, w.number(e.Amount)
	case voided:
		out["void_reason"], out["void_amount"] = e.Reason, w.number(e.Amount)
	}
	return out
}

func listLedger(c *call) (any, error) {
	l, err := c.queried()
	if err != nil {
		return nil, err
	}
	created, err := c.within("created_at")
	if err != nil {
		return nil, err
	}
	q := c.Request.URL.Query()
	typ, status, floor := q.Get("entry_type"), q.Get("entry_status"), q.Get("minimum_amount")
	var s shape
	known := []string{"", increment, decrement, expirationChange, blockExpiry, voided, voidInitiated, amendment}
	s.check(slices.Contains(known, typ), "entry_type: %q is unknown", typ)
	s.check(slices.Contains([]string{"", committed, pending}, status), "entry_status: %q is unknown", status)
	var least amount
	if floor != "" {
		least, err = parseAmount(floor)
		s.check(err == nil, "minimum_amount: %v", err)
	}
	if err := s.problem(); err != nil {
		return nil, err
	}
	return list(c, ledgerPageLimit, l.Entries, func(e *entry) bool {
		return created(e.Created) && (typ == "" || typ == e.Type) && (status == "" || status == c.statusOf(e)) && (floor == "" || e.Amount.cmp(least) >= 0)
	}, func(e *entry) obj { return c.renderEntry(l, e) })
}

// expiryOf is when a block really expires: near a day boundary of the customer.
func (w *world) expiryOf(l *ledger, b *block) time.Time {
	at := *b.Expiry
	if w.a.Variant(expiryExact) {
		return at
	}
	zone := w.zoneOf(l)
	start := boundary(at, zone)
	if start.Equal(at) || w.a.Variant(expiryEarly) {
		return start
	}
	next := at.In(zone)
	return time.Date(next.Year(), next.Month(), next.Day()+1, 0, 0, 0, 0, zone).UTC()
}

// expire ends a block: what it holds is written off.
func (w *world) expire(l *ledger, b *block) {
	b.Expired = true
	if b.Status == active && b.Balance.sign() != 0 {
		e := w.newEntry(blockExpiry, b, nil, nil)
		e.Amount, e.Delta = b.Balance, b.Balance.neg()
		b.Balance = amount{}
		l.record(e)
	}
}

// touched lets alerts and top-ups see a changed balance.
func (w *world) touched(l *ledger) {
	w.watch(l)
	const mostAtOnce = 20 // a top-up too small for its threshold fires again
	for range mostAtOnce {
		if !w.refill(l) {
			return
		}
		w.watch(l)
	}
}

func checkAmount(s *shape, field string, x *numeral, twoPlaces bool) {
	if x == nil {
		s.check(false, "%s: field required", field)
		return
	}
	s.check(x.sign() > 0, "%s: it has to be greater than 0", field)
	s.check(!twoPlaces || x.scale() <= 2, "%s: it has at most two decimals", field)
}

func (c *call) noBlock(id string) error {
	return violates("%s", fmt.Sprintf("The credit block %q does not exist in this ledger", id))
}
