package sandbox

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	active         = "active"
	pendingPayment = "pending_payment"
)

// number writes an amount as REST answers do.
func (w *world) number(x amount) any {
	if w.a.Variant(ledgerNumberStrings) {
		return x.String()
	}
	return bare(x)
}

func (w *world) renderBlock(b *block) obj {
	var initial any
	if b.Initial != nil {
		initial = w.number(*b.Initial)
	}
	return obj{
		"id": b.ID, "balance": w.number(b.Balance), "effective_date": stamp(b.Effective), "expiry_date": stamp(b.Expiry),
		"per_unit_cost_basis": b.Basis, "status": b.Status, "maximum_initial_balance": initial, "filters": filled(b.Filters),
		"credit_block_source": b.Source, "metadata": b.Metadata,
	}
}

// unit finds the unit that a request names; an absent one is "credits". A real
// currency has to be the customer's own.
func (w *world) unit(x *customer, name *string) (string, error) {
	want := or(name, "credits")
	for _, u := range w.st.Units {
		if u.Name == want || u.ID == want {
			return u.Name, nil
		}
	}
	if !isCurrency(want) {
		return "", violates("The currency or custom pricing unit %q does not exist", want)
	}
	if x.Currency == nil || *x.Currency != want {
		return "", violates("The currency %s is not the invoicing currency of the customer", want)
	}
	return want, nil
}

// ledger is a customer's ledger in a unit, made at first sight.
func (w *world) ledger(x *customer, unit string) *ledger {
	if l, ok := w.st.Ledgers.get(x.ID + "/" + unit); ok {
		return l
	}
	return w.st.Ledgers.add(&ledger{Customer: x.ID, Unit: unit})
}

// blockNamed finds a block and its ledger.
func (w *world) blockNamed(id string) (*ledger, *block, bool) {
	l, ok := w.st.Ledgers.get(w.st.Blocks[id])
	if !ok {
		return nil, nil, false
	}
	for _, b := range l.Blocks {
		if b.ID == id {
			return l, b, true
		}
	}
	return nil, nil, false
}

func (w *world) addBlock(l *ledger, b *block) *block {
	b.ID, b.Recorded = w.a.NewID("", 16), int64(len(w.st.Blocks)+1)
	if b.Root == "" {
		b.Root = b.ID
	}
	if b.Metadata == nil {
		b.Metadata = map[string]string{}
	}
	l.Blocks = append(l.Blocks, b)
	w.st.Blocks[b.ID] = l.key()
	return b
}

func (w *world) dropBlock(l *ledger, id string) {
	l.Blocks = slices.DeleteFunc(l.Blocks, func(b *block) bool { return b.ID == id })
	w.st.Blocks[id] = "" // the id stays taken
}

// queried is the ledger that a list is asked for.
func (c *call) queried() (*ledger, error) {
	x, err := c.customer()
	if err != nil {
		return nil, err
	}
	var name *string
	if text := c.Request.URL.Query().Get("currency"); text != "" {
		name = &text
	}
	unit, err := c.unit(x, name)
	if err != nil {
		return nil, err
	}
	if l, ok := c.st.Ledgers.get(x.ID + "/" + unit); ok {
		return l, nil
	}
	return &ledger{Customer: x.ID, Unit: unit}, nil
}

func listBlocks(c *call) (any, error) {
	l, err := c.queried()
	if err != nil {
		return nil, err
	}
	effective, err := c.within("effective_date")
	if err != nil {
		return nil, err
	}
	all := c.Request.URL.Query().Get("include_all_blocks") == "true"
	return list(c, pageLimit, l.Blocks, func(b *block) bool {
		at := or(b.Effective, time.Time{})
		if c.a.Variant(futureBlocksHidden) && at.After(c.now) || !effective(at) {
			return false
		}
		return all || !b.Expired && b.Balance.sign() != 0
	}, c.renderBlock)
}

func getBlock(c *call) (any, error) {
	_, b, ok := c.blockNamed(c.Path("block_id"))
	if !ok {
		return nil, missing("credit block", c.Path("block_id"))
	}
	return c.renderBlock(b), nil
}

func blockInvoices(c *call) (any, error) {
	_, b, ok := c.blockNamed(c.Path("block_id"))
	if !ok {
		return nil, missing("credit block", c.Path("block_id"))
	}
	rendered := []obj{}
	for _, id := range b.Invoices {
		if x, ok := c.st.Invoices.get(id); ok {
			rendered = append(rendered, obj{"id": x.ID, "invoice_number": x.Number, "status": x.Status, "customer": c.minified(x.Customer), "subscription": nil})
		}
	}
	return obj{"block": c.renderBlock(b), "invoices": rendered}, nil
}

func (w *world) minified(id string) obj {
	if x, ok := w.st.Customers.get(id); ok {
		return x.minified()
	}
	return obj{"id": id, "external_customer_id": nil}
}

// deleteBlock removes a block as if it had never been: its entries vanish, what
// it had served is served by other blocks, and balances are written anew.
// Blocks that an expiration change split off go with it, whichever is named.
func deleteBlock(c *call) (any, error) {
	l, b, ok := c.blockNamed(c.Path("block_id"))
	if !ok {
		return nil, missing("credit block", c.Path("block_id"))
	}
	family := map[string]bool{}
	for _, x := range slices.Clone(l.Blocks) {
		if x.Root == b.Root {
			family[x.ID] = true
			c.dropBlock(l, x.ID)
			c.undoInvoices(x)
		}
	}
	later := map[string]bool{} // blocks that did not exist yet
	for _, e := range l.Entries {
		later[e.Block] = later[e.Block] || e.Type == increment
	}
	var replayed []*entry
	for _, e := range l.Entries {
		switch {
		case !family[e.Block]:
			replayed = append(replayed, e)
			later[e.Block] = false
		case e.Type == decrement && !c.a.Variant(deletedUsageReversed):
			order := slices.DeleteFunc(c.burnOrder(l), func(b *block) bool { return later[b.ID] })
			replayed = append(replayed, c.spend(l, order, e.Delta.neg(), *e)...)
		}
	}
	l.Entries = replayed
	l.replay()
	c.touched(l)
	return nil, nil
}

// undoInvoices deletes a draft, voids what is issued, and credits what is paid.
func (w *world) undoInvoices(b *block) {
	for _, id := range b.Invoices {
		x, ok := w.st.Invoices.get(id)
		switch {
		case !ok:
		case x.Status == draft:
			w.st.Invoices.remove(x.ID)
		case x.Status == issued:
			w.void(x)
		case x.Status == paid:
			w.credit(x, x.Total)
		}
	}
}

// replay writes sequence numbers and balances anew.
func (l *ledger) replay() {
	l.Sequence, l.Balance = 0, amount{}
	for _, e := range l.Entries {
		l.write(e)
	}
}

// write puts an entry at the end of the history's balances. A pending entry
// changes none.
func (l *ledger) write(e *entry) {
	l.Sequence++
	e.Sequence, e.Start = l.Sequence, l.Balance
	if e.Status == committed {
		l.Balance = l.Balance.add(e.Delta)
	}
	e.End = l.Balance
}

// burnOrder is the blocks that may serve a decrement: soonest expiry first, then
// the lower cost basis; further ties are not documented.
func (w *world) burnOrder(l *ledger) []*block {
	var usable []*block
	basis := map[string]amount{}
	before := w.now
	if w.a.Variant(effectiveNextDay) {
		before = boundary(w.now, w.zoneOf(l)).Add(-1)
	}
	for _, b := range l.Blocks {
		filtered := len(b.Filters) > 0 && !w.a.Variant(filteredServeDecrement)
		future := b.Effective != nil && b.Effective.After(before)
		empty := b.Balance.sign() == 0 && !w.a.Variant(debtOnLastBlock)
		if b.Status == active && !b.Expired && !b.Debt && !filtered && !future && !empty {
			usable = append(usable, b)
			basis[b.ID] = b.basis()
		}
	}
	slices.SortStableFunc(usable, func(x, y *block) int {
		if order := sooner(x.Expiry, y.Expiry); order != 0 {
			return order
		}
		if order := basis[x.ID].cmp(basis[y.ID]); order != 0 {
			return order
		}
		switch {
		case w.a.Variant(tiesByRecorded):
			return int(x.Recorded - y.Recorded)
		case w.a.Variant(tiesReverse):
			return int(y.Recorded - x.Recorded)
		default:
			return strings.Compare(x.ID, y.ID) // any order, the same each time
		}
	})
	return usable
}

func sooner(x, y *time.Time) int {
	switch {
	case x == nil && y == nil:
		return 0
	case x == nil:
		return 1
	case y == nil:
		return -1
	default:
		return x.Compare(*y)
	}
}

// basis is what one unit cost, zero where nothing is said.
func (b *block) basis() amount {
	got, err := parseAmount(or(b.Basis, "0"))
	if err != nil {
		return amount{}
	}
	return got
}

// spend takes an amount out of blocks in the order given and returns one entry
// for each, in the likeness of a model and not yet written. What no block holds
// becomes debt.
func (w *world) spend(l *ledger, order []*block, total amount, model entry) []*entry {
	var out []*entry
	take := func(b *block, part amount) {
		b.Balance = b.Balance.sub(part)
		e := model
		e.ID, e.Amount, e.Delta = w.a.NewID("", 16), part, part.neg()
		e.about(b)
		out = append(out, &e)
		total = total.sub(part)
	}
	for _, b := range order {
		if total.sign() > 0 && b.Balance.sign() > 0 {
			take(b, least(total, b.Balance))
		}
	}
	if total.sign() > 0 {
		take(w.debtor(l, order), total)
	}
	return out
}

// debtor is the block that goes negative.
func (w *world) debtor(l *ledger, order []*block) *block {
	if w.a.Variant(debtOnLastBlock) && len(order) > 0 {
		return order[len(order)-1]
	}
	for _, b := range l.Blocks {
		if b.Debt {
			return b
		}
	}
	at := w.second()
	return w.addBlock(l, &block{Status: active, Source: "manual", Effective: &at, Debt: true})
}

// usable is what a decrement could take at most.
func (w *world) usable(l *ledger) amount {
	var sum amount
	for _, b := range w.burnOrder(l) {
		sum = sum.add(b.Balance)
	}
	for _, b := range l.Blocks {
		if b.Debt {
			sum = sum.add(b.Balance)
		}
	}
	return sum
}

// makeUnits makes custom pricing units, which Orb's API cannot.
func (w *world) makeUnits(wanted []unit) ([]unit, error) {
	for _, u := range wanted {
		if u.Name == "" || isCurrency(u.Name) {
			return nil, refusal(http.StatusBadRequest, "unit name %q is empty or a currency; give a name of your own", u.Name)
		}
	}
	for _, u := range wanted {
		if slices.ContainsFunc(w.st.Units, func(old unit) bool { return old.Name == u.Name }) {
			continue
		}
		if u.ID == "" {
			u.ID = w.a.NewID("PU", 14)
		}
		w.st.Units = append(w.st.Units, u)
	}
	return w.st.Units, nil
}
