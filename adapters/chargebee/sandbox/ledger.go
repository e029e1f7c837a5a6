package sandbox

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// Types of ledger operations, and of the entries that they consist of.
const (
	allocation  = "allocation"
	capture     = "capture"
	authorize   = "authorize"
	release     = "release_authorization"
	captureHeld = "capture_authorization"
	expiry      = "expiry"
	adjustment  = "adjustment"

	credit = "credit"
	debit  = "debit"
	hold   = "hold"
	unhold = "unhold"
)

const (
	recent      = 10 * minute // how old a ledger_operation_timestamp may be
	ahead       = minute      // how far it may be in the future
	heldFor     = 10 * minute // an authorization that says nothing
	graceLength = hour        // of the variant
	farAway     = 253402300799
)

// ledger is the account of a unit under a subscription, made at first sight
// with a block for its overdraft.
func (w *world) ledger(sub *subscription, unit *creditUnit) *account {
	if x, ok := w.st.Accounts.get(sub.ID + "/" + unit.ID); ok {
		return x
	}
	x := w.st.Accounts.add(&account{Subscription: sub.ID, Unit: unit.ID})
	w.made(&x.stamps)
	if unit.Overdraft != nil || unit.Unlimited {
		b := &block{ID: w.a.NewID("gb_", 17), Overdraft: true, From: w.at(), Expires: farAway, Source: "subscription_created"}
		if unit.Overdraft != nil {
			b.Granted, b.Balance = *unit.Overdraft, *unit.Overdraft
		}
		w.made(&b.stamps)
		x.Blocks = append(x.Blocks, b)
	}
	return x
}

func (w *world) unlimited(x *account) bool {
	unit, ok := w.st.Units.get(x.Unit)
	return ok && unit.Unlimited
}

// end is when what a block holds expires.
func (w *world) end(b *block) int64 {
	if w.a.Variant(gracePeriod) && !b.Overdraft {
		return b.Expires + graceLength
	}
	return b.Expires
}

func (w *world) status(b *block) string {
	switch {
	case b.From > w.at():
		return "scheduled"
	case b.Ended || b.Balance.sign() == 0 && b.Hold.sign() == 0:
		return "exhausted"
	case b.Expires <= w.at():
		return "in_grace_period"
	default:
		return "available"
	}
}

// burnable is the blocks that may serve an operation, in the order of their
// use: provisioned before overdraft. The order among provisioned blocks is not
// documented. Holds take no block in its grace period.
func (w *world) burnable(x *account, timestamp int64, holds bool) []*block {
	var out []*block
	for _, b := range x.Blocks {
		start, stop := w.at(), w.at()
		if w.a.Variant(eligibleByTimestamp) {
			start = timestamp
		}
		if !holds && w.a.Variant(gracePeriod) && !b.Ended {
			stop = timestamp // a late capture of before the expiry
		}
		if !b.Ended && b.From <= start && stop < b.Expires {
			out = append(out, b)
		}
	}
	if w.a.Variant(burnNewestFirst) {
		slices.Reverse(out)
	}
	slices.SortStableFunc(out, func(a, b *block) int {
		if a.Overdraft != b.Overdraft {
			if a.Overdraft {
				return 1
			}
			return -1
		}
		switch {
		case w.a.Variant(burnByID):
			return strings.Compare(a.ID, b.ID)
		case w.a.Variant(burnNewestFirst):
			return 0
		case w.a.Variant(burnLatestExpiry):
			return cmp.Or(cmp.Compare(b.Expires, a.Expires), strings.Compare(a.ID, b.ID))
		default:
			return cmp.Or(cmp.Compare(a.Expires, b.Expires), strings.Compare(a.ID, b.ID))
		}
	})
	return out
}

// totals are the balances of both accounts with what is held.
func (x *account) totals() totals {
	var t totals
	for _, b := range x.Blocks {
		sum := b.Balance.add(b.Hold)
		if b.Overdraft {
			t.Overdraft = t.Overdraft.add(sum)
		} else {
			t.Provisioned = t.Provisioned.add(sum)
		}
	}
	return t
}

// free is what is not held in one of the two accounts.
func (x *account) free(overdraft bool) amount {
	var sum amount
	for _, b := range x.Blocks {
		if b.Overdraft == overdraft {
			sum = sum.add(b.Balance)
		}
	}
	return sum
}

// posting is one change of an account: operations that happen together.
type posting struct {
	w       *world
	x       *account
	ops     []*operation
	blocks  []*block
	created bool
}

func (w *world) posting(x *account) *posting { return &posting{w: w, x: x} }

// begin opens an operation; moves follow it, and end closes it.
func (p *posting) begin(op operation) *operation {
	made := &op
	if made.ID == "" {
		made.ID = p.w.a.NewID("lop_", 17)
	}
	made.Subscription, made.Unit, made.Start = p.x.Subscription, p.x.Unit, p.x.totals()
	made.Timestamp = or(made.Timestamp, p.w.at())
	p.w.made(&made.stamps)
	p.ops = append(p.ops, made)
	return made
}

// move writes one entry: an amount leaves the block's usable balance for one of
// its other parts, or comes back from there.
func (p *posting) move(op *operation, b *block, kind string, x amount, part *amount) {
	if x.sign() == 0 {
		return
	}
	e := entry{ID: p.w.a.NewID("le_", 17), Created: p.w.at(), Overdraft: b.Overdraft, Type: kind, Amount: x, Block: b.ID, BlockStart: b.Balance, AccountStart: p.x.free(b.Overdraft)}
	switch {
	case kind == credit && part == &b.Granted:
		b.Balance, b.Granted = b.Balance.add(x), b.Granted.add(x)
	case kind == credit || kind == unhold:
		b.Balance, *part = b.Balance.add(x), part.sub(x)
	default:
		b.Balance, *part = b.Balance.sub(x), part.add(x)
	}
	e.BlockEnd, e.AccountEnd = b.Balance, p.x.free(b.Overdraft)
	op.Entries = append(op.Entries, e)
	p.w.changed(&b.stamps)
	if !slices.Contains(p.blocks, b) {
		p.blocks = append(p.blocks, b)
	}
}

func (p *posting) end(op *operation) *operation {
	op.End = p.x.totals()
	return p.w.st.Operations.add(op)
}

// take spreads an amount over blocks into one of their parts and returns what
// went where.
func (p *posting) take(op *operation, order []*block, total amount, kind string, part func(*block) *amount) []held {
	var out []held
	for _, b := range order {
		if b.Overdraft && p.w.unlimited(p.x) && total.cmp(b.Balance) > 0 {
			more := total.sub(b.Balance)
			b.Granted, b.Balance = b.Granted.add(more), b.Balance.add(more) // there is always enough of it
		}
		if x := least(total, b.Balance); x.sign() > 0 {
			p.move(op, b, kind, x, part(b))
			out = append(out, held{b.ID, x})
			total = total.sub(x)
		}
	}
	return out
}

// tell sends the events of what happened.
func (p *posting) tell(source string) {
	w := p.w
	w.changed(&p.x.stamps)
	var ops, blocks, entries []obj
	for _, op := range p.ops {
		ops = append(ops, renderOperation(op))
		for _, e := range op.Entries {
			entries = append(entries, renderEntry(op, e))
		}
	}
	for _, b := range p.blocks {
		blocks = append(blocks, w.renderBlock(p.x, b))
	}
	operationsKey, blocksKey, entriesKey := "ledger_operations", "grant_blocks", "ledger_entries"
	if w.a.Variant(contentSingular) {
		operationsKey, blocksKey, entriesKey = "ledger_operation", "grant_block", "ledger_entry"
	}
	balance := w.renderBalance(p.x)
	w.tell("ledger_updated", source, obj{operationsKey: ops, "ledger_account_balance": balance, blocksKey: blocks, entriesKey: entries})
	w.tell("ledger_account_balance_updated", source, obj{"ledger_account_balance": balance})
	typ := "grant_blocks_updated"
	if p.created {
		typ = "grant_blocks_created"
	}
	if len(blocks) > 0 {
		w.tell(typ, source, obj{blocksKey: blocks})
	}
}

func (x *account) block(id string) *block {
	for _, b := range x.Blocks {
		if b.ID == id {
			return b
		}
	}
	return nil
}

// grant makes a block. What was drawn from the overdraft is repaid out of it.
func (p *posting) grant(total amount, expires int64, source string, meta json.RawMessage) {
	w := p.w
	p.created = true
	b := &block{ID: w.a.NewID("gb_", 17), From: w.at(), Expires: expires, Source: source, Meta: meta}
	w.made(&b.stamps)
	p.x.Blocks = append(p.x.Blocks, b)
	op := p.begin(operation{Type: allocation, Amount: total, Meta: meta})
	p.move(op, b, credit, total, &b.Granted)
	p.end(op)
	for _, over := range p.x.Blocks {
		if !over.Overdraft || over.Used.sign() == 0 {
			continue
		}
		repaid := least(over.Used, b.Balance)
		op := p.begin(operation{Type: adjustment, Amount: repaid, Parent: op.ID})
		p.move(op, b, debit, repaid, &b.Used)
		p.move(op, over, credit, repaid, &over.Used)
		p.end(op)
	}
}

// spend captures an amount straight from what is usable.
func (p *posting) spend(op operation, order []*block) *operation {
	made := p.begin(op)
	p.take(made, order, op.Amount, debit, func(b *block) *amount { return &b.Used })
	return p.end(made)
}

// reserve holds an amount until it is captured or released.
func (p *posting) reserve(op operation, order []*block) *operation {
	w := p.w
	op.AutoRelease = or(op.AutoRelease, w.at()+heldFor)
	made := p.begin(op)
	made.Holds = p.take(made, order, op.Amount, hold, func(b *block) *amount { return &b.Hold })
	for _, h := range made.Holds {
		made.AutoRelease = min(made.AutoRelease, w.end(p.x.block(h.Block)))
	}
	w.st.Held = append(w.st.Held, made.ID)
	return p.end(made)
}

// settle captures a part of what an authorization holds; the rest goes back by
// an operation of the vendor's own.
func (p *posting) settle(parent *operation, op operation) *operation {
	op.Type, op.Parent = captureHeld, parent.ID
	made, left := p.begin(op), op.Amount
	for i := range parent.Holds {
		h := &parent.Holds[i]
		b := p.x.block(h.Block)
		if x := least(left, h.Amount); b != nil && x.sign() > 0 {
			p.move(made, b, unhold, x, &b.Hold)
			p.move(made, b, debit, x, &b.Used)
			left, h.Amount = left.sub(x), h.Amount.sub(x)
		}
	}
	p.end(made)
	p.release(parent, operation{})
	return made
}

// release gives back what an authorization still holds.
func (p *posting) release(parent *operation, op operation) *operation {
	for _, h := range parent.Holds {
		op.Amount = op.Amount.add(h.Amount)
	}
	p.w.st.Held = slices.DeleteFunc(p.w.st.Held, func(id string) bool { return id == parent.ID })
	if op.Amount.sign() == 0 {
		parent.Holds = nil
		return nil
	}
	op.Type, op.Parent = release, parent.ID
	made := p.begin(op)
	for _, h := range parent.Holds {
		if b := p.x.block(h.Block); b != nil {
			p.move(made, b, unhold, h.Amount, &b.Hold)
		}
	}
	parent.Holds = nil
	p.w.changed(&parent.stamps)
	return p.end(made)
}

// expire ends a block and takes what it still holds.
func (p *posting) expire(b *block) {
	b.Ended = true
	if b.Balance.sign() == 0 {
		return
	}
	op := p.begin(operation{Type: expiry, Amount: b.Balance})
	p.move(op, b, debit, b.Balance, &b.Expired)
	p.end(op)
}

func (w *world) renderBlock(x *account, b *block) obj {
	kind := "provisioned"
	if b.Overdraft {
		kind = "overdraft"
	}
	return full(obj{
		"id": b.ID, "subscription_id": x.Subscription, "unit_id": x.Unit, "unit_type": "credit_unit", "account_type": kind, "granted_amount": b.Granted.String(),
		"effective_from": b.From, "expires_at": b.Expires, "balance": b.Balance.String(), "hold_amount": b.Hold.String(), "used_amount": b.Used.String(),
		"expired_amount": b.Expired.String(), "rolled_over_amount": b.RolledOver.String(), "voided_amount": b.Voided.String(), "status": w.status(b),
		"grant_source": b.Source, "created_at": b.Created, "modified_at": b.Updated, "resource_version": b.Version, "metadata": b.Meta, "object": "grant_block",
	})
}

func renderOperation(op *operation) obj {
	return full(obj{
		"id": op.ID, "subscription_id": op.Subscription, "unit_id": op.Unit, "unit_type": "credit_unit", "type": op.Type, "amount": op.Amount.String(),
		"provisioned_start_balance": op.Start.Provisioned.String(), "provisioned_end_balance": op.End.Provisioned.String(),
		"overdraft_start_balance": op.Start.Overdraft.String(), "overdraft_end_balance": op.End.Overdraft.String(),
		"parent_ledger_operation_id": op.Parent, "ledger_operation_timestamp": op.Timestamp, "auto_release_timestamp": some(op.AutoRelease),
		"created_at": op.Created, "modified_at": op.Updated, "metadata": op.Meta, "object": "ledger_operation",
	})
}

func renderEntry(op *operation, e entry) obj {
	kind := "provisioned"
	if e.Overdraft {
		kind = "overdraft"
	}
	return obj{
		"id": e.ID, "subscription_id": op.Subscription, "unit_id": op.Unit, "unit_type": "credit_unit", "account_type": kind, "amount": e.Amount.String(),
		"type": e.Type, "grant_block_id": e.Block, "grant_block_start_balance": e.BlockStart.String(), "grant_block_end_balance": e.BlockEnd.String(),
		"account_start_balance": e.AccountStart.String(), "account_end_balance": e.AccountEnd.String(), "ledger_operation_id": op.ID,
		"created_at": e.Created, "modified_at": e.Created, "object": "ledger_entry",
	}
}

// renderBalance is both accounts of a ledger. Only blocks in force are usable.
func (w *world) renderBalance(x *account) obj {
	var usable, held, over, overHeld, used amount
	for _, b := range x.Blocks {
		switch {
		case b.Overdraft:
			over, overHeld, used = over.add(b.Balance), overHeld.add(b.Hold), used.add(b.Used)
		default:
			held = held.add(b.Hold)
			if w.status(b) == "available" {
				usable = usable.add(b.Balance)
			}
		}
	}
	overdraft := obj{"is_unlimited": w.unlimited(x), "used_amount": used.String(), "hold_amount": overHeld.String()}
	if !w.unlimited(x) {
		total := over.add(overHeld)
		overdraft["limit"], overdraft["total_balance"], overdraft["usable_balance"] = total.add(used).String(), total.String(), over.String()
	}
	return obj{
		"subscription_id": x.Subscription, "unit_id": x.Unit, "unit_type": "credit_unit", "created_at": x.Created, "modified_at": x.Updated,
		"resource_version": x.Version, "object": "ledger_account_balance", "overdraft_balance": overdraft,
		"provisioned_balance": obj{"total_balance": usable.add(held).String(), "usable_balance": usable.String(), "hold_amount": held.String()},
	}
}
