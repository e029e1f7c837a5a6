package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// common is what all kinds of new ledger entries take.
type common struct {
	Type        string          `json:"entry_type"`
	Currency    *string         `json:"currency"`
	Description *string         `json:"description"`
	Metadata    json.RawMessage `json:"metadata"`
}

type incrementParams struct {
	common
	Amount    *numeral         `json:"amount"`
	Effective *time.Time       `json:"effective_date"`
	Expiry    *time.Time       `json:"expiry_date"`
	Basis     *string          `json:"per_unit_cost_basis"`
	Invoice   *invoiceSettings `json:"invoice_settings"`
	Filters   []filter         `json:"filters"`
}

type decrementParams struct {
	common
	Amount *numeral `json:"amount"`
}

type expirationParams struct {
	common
	Amount *numeral   `json:"amount"`
	Expiry *time.Time `json:"expiry_date"`
	Block  *string    `json:"block_id"`
	Target *string    `json:"target_expiry_date"`
}

type voidParams struct {
	common
	Amount *numeral `json:"amount"`
	Block  *string  `json:"block_id"`
	Reason *string  `json:"void_reason"`
}

type amendmentParams struct {
	common
	Amount *numeral `json:"amount"`
	Block  *string  `json:"block_id"`
}

// createEntry dispatches on the entry's type; each takes its own keys alone.
func createEntry(c *call) (any, error) {
	x, err := c.customer()
	if err != nil {
		return nil, err
	}
	var kind struct {
		Type *string `json:"entry_type"`
	}
	if err := json.Unmarshal(c.Body, &kind); err != nil {
		return nil, invalid("the body is not a JSON object")
	}
	var made func(*call, *customer) (*ledger, *entry, error)
	switch or(kind.Type, "") {
	case increment:
		made = makeIncrement
	case decrement:
		made = makeDecrement
	case expirationChange:
		made = makeExpirationChange
	case voided:
		made = makeVoid
	case amendment:
		made = makeAmendment
	default:
		return nil, invalid(fmt.Sprintf("entry_type: %q is not one of increment, decrement, expiration_change, void, amendment", or(kind.Type, "")))
	}
	l, e, err := made(c, x)
	if err != nil {
		return nil, err
	}
	c.touched(l)
	return c.renderEntry(l, e), nil
}

// opened finds the ledger and reads the metadata of a request.
func (c *call) opened(x *customer, in common) (*ledger, map[string]string, error) {
	unit, err := c.unit(x, in.Currency)
	if err != nil {
		return nil, nil, err
	}
	metadata, err := merged(nil, in.Metadata)
	if err != nil {
		return nil, nil, err
	}
	return c.ledger(x, unit), metadata, nil
}

func makeIncrement(c *call, x *customer) (*ledger, *entry, error) {
	var in incrementParams
	if err := c.decode(&in); err != nil {
		return nil, nil, err
	}
	var s shape
	checkAmount(&s, "amount", in.Amount, c.a.Variant(twoDecimals))
	basis, err := parseAmount(or(in.Basis, "0"))
	s.check(err == nil && basis.sign() >= 0, "per_unit_cost_basis: %q is not a decimal string", or(in.Basis, ""))
	for _, f := range in.Filters {
		s.check(f.Field == "item_id" && slices.Contains([]string{"includes", "excludes"}, f.Operator), "filters: field is item_id, operator includes or excludes")
	}
	in.Invoice.check(&s)
	if err := s.problem(); err != nil {
		return nil, nil, err
	}
	effective := c.second()
	if in.Effective != nil {
		effective = in.Effective.UTC()
	}
	const oldest = 90 * day
	switch {
	case basis.sign() > 0 && in.Invoice == nil:
		return nil, nil, violates("invoice_settings are required when per_unit_cost_basis is greater than zero")
	case in.Expiry != nil && !in.Expiry.After(effective):
		return nil, nil, violates("expiry_date has to be after effective_date")
	case in.Expiry != nil && !in.Expiry.After(c.now):
		return nil, nil, violates("expiry_date has to be in the future")
	case c.a.Variant(backdatingLimited) && effective.Before(c.now.Add(-oldest)):
		return nil, nil, violates("effective_date is too long ago")
	}
	l, metadata, err := c.opened(x, in.common)
	if err != nil {
		return nil, nil, err
	}
	initial := in.Amount.amount
	b := &block{Balance: initial, Initial: &initial, Effective: &effective, Expiry: in.Expiry, Basis: in.Basis, Status: active, Filters: in.Filters, Source: "manual", Metadata: metadata}
	return l, c.grant(l, b, in.Invoice, in.Description), nil
}

// grant adds a block with its entry and, if it costs something, its invoice.
func (w *world) grant(l *ledger, b *block, settings *invoiceSettings, description *string) *entry {
	w.addBlock(l, b)
	e := w.newEntry(increment, b, description, b.Metadata)
	e.Amount, e.Delta = b.Balance, b.Balance
	if settings != nil && b.basis().sign() > 0 {
		if settings.RequirePayment && !settings.MarkAsPaid {
			b.Status, e.Status = pendingPayment, pending
		}
		x := w.billBlock(l, b, settings)
		e.Invoices = []string{x.ID}
	}
	l.record(e)
	if b.Status == active || w.a.Variant(incrementedWhilePending) {
		w.tellIncrement(l, b)
	}
	return e
}

func makeDecrement(c *call, x *customer) (*ledger, *entry, error) {
	var in decrementParams
	if err := c.decode(&in); err != nil {
		return nil, nil, err
	}
	var s shape
	checkAmount(&s, "amount", in.Amount, c.a.Variant(twoDecimals))
	if err := s.problem(); err != nil {
		return nil, nil, err
	}
	l, metadata, err := c.opened(x, in.common)
	if err != nil {
		return nil, nil, err
	}
	if c.a.Variant(negativeRefused) && in.Amount.cmp(c.usable(l)) > 0 {
		return nil, nil, violates("The decrement of %s exceeds the balance of %s", in.Amount, c.usable(l))
	}
	made := c.spend(l, c.burnOrder(l), in.Amount.amount, *c.newEntry(decrement, nil, in.Description, metadata))
	l.record(made...)
	return l, made[len(made)-1], nil
}

// source is the block that an expiration change takes from: the one named, or
// the only one with the expiry date that is given.
func (c *call) source(l *ledger, in expirationParams) (*block, error) {
	var found []*block
	for _, b := range l.Blocks {
		if in.Block != nil && b.ID != *in.Block || b.Expired || b.Debt || b.Status != active || b.Balance.sign() <= 0 {
			continue
		}
		if (in.Block == nil || in.Expiry != nil) && sooner(b.Expiry, in.Expiry) != 0 {
			continue
		}
		found = append(found, b)
	}
	switch {
	case len(found) == 0:
		return nil, violates("No credit block with credits left fits block_id and expiry_date")
	case len(found) > 1:
		return nil, violates("Several credit blocks have this expiry_date; name one with block_id")
	}
	return found[0], nil
}

func makeExpirationChange(c *call, x *customer) (*ledger, *entry, error) {
	var in expirationParams
	if err := c.decode(&in); err != nil {
		return nil, nil, err
	}
	var s shape
	if in.Amount != nil {
		checkAmount(&s, "amount", in.Amount, c.a.Variant(twoDecimals))
	}
	target, err := time.ParseInLocation(time.DateOnly, or(in.Target, ""), c.zone(x))
	s.check(err == nil, "target_expiry_date: %q is not a date like 2026-01-31", or(in.Target, ""))
	if err := s.problem(); err != nil {
		return nil, nil, err
	}
	target = target.UTC()
	l, metadata, err := c.opened(x, in.common)
	if err != nil {
		return nil, nil, err
	}
	b, err := c.source(l, in)
	if err != nil {
		return nil, nil, err
	}
	moved := b.Balance
	if in.Amount != nil {
		moved = in.Amount.amount
	}
	switch {
	case moved.cmp(b.Balance) > 0:
		return nil, nil, violates("The credit block holds %s, less than the amount of %s", b.Balance, moved)
	case b.Effective != nil && target.Before(boundary(*b.Effective, c.zone(x))):
		return nil, nil, violates("target_expiry_date has to be on or after the effective date of the block")
	}
	b.Balance = b.Balance.sub(moved)
	made := *b
	made.Balance, made.Initial, made.Expiry, made.Invoices = moved, &moved, &target, nil
	made.Metadata = metadata
	if len(in.Metadata) == 0 && !c.a.Variant(movedWithoutMetadata) {
		made.Metadata = b.Metadata
	} else if c.a.Variant(movedWithoutMetadata) {
		made.Metadata = nil
	}
	c.addBlock(l, &made)
	e := c.newEntry(expirationChange, b, in.Description, metadata)
	e.Amount, e.NewExpiry = moved, &target
	l.record(e)
	return l, e, nil
}

func makeVoid(c *call, x *customer) (*ledger, *entry, error) {
	var in voidParams
	if err := c.decode(&in); err != nil {
		return nil, nil, err
	}
	var s shape
	checkAmount(&s, "amount", in.Amount, c.a.Variant(twoDecimals))
	s.check(in.Block != nil, "block_id: field required")
	s.check(in.Reason == nil || *in.Reason == "refund", "void_reason: only refund is known")
	if err := s.problem(); err != nil {
		return nil, nil, err
	}
	l, metadata, err := c.opened(x, in.common)
	if err != nil {
		return nil, nil, err
	}
	at, b, ok := c.blockNamed(*in.Block)
	switch {
	case !ok || at != l:
		return nil, nil, c.noBlock(*in.Block)
	case b.Expired:
		return nil, nil, violates("The credit block has expired")
	case b.Initial == nil || in.Amount.cmp(*b.Initial) > 0:
		return nil, nil, violates("The amount exceeds the initial balance of the credit block")
	case c.a.Variant(voidLimitedToBalance) && in.Amount.cmp(b.Balance) > 0:
		return nil, nil, violates("The amount exceeds the balance of %s of the credit block", b.Balance)
	}
	first := c.newEntry(voidInitiated, b, in.Description, metadata)
	second := c.newEntry(voided, b, in.Description, metadata)
	now := c.second()
	first.Amount, first.NewExpiry, first.Reason = in.Amount.amount, &now, in.Reason
	second.Amount, second.Delta, second.Reason = in.Amount.amount, in.Amount.neg(), in.Reason
	if b.Status == pendingPayment {
		second.Delta = amount{}
	}
	b.Balance, b.Voided = b.Balance.sub(in.Amount.amount), true
	l.record(first, second)
	return l, second, nil
}

func makeAmendment(c *call, x *customer) (*ledger, *entry, error) {
	var in amendmentParams
	if err := c.decode(&in); err != nil {
		return nil, nil, err
	}
	var s shape
	checkAmount(&s, "amount", in.Amount, c.a.Variant(twoDecimals))
	s.check(in.Block != nil, "block_id: field required")
	if err := s.problem(); err != nil {
		return nil, nil, err
	}
	l, metadata, err := c.opened(x, in.common)
	if err != nil {
		return nil, nil, err
	}
	at, b, ok := c.blockNamed(*in.Block)
	if !ok || at != l {
		return nil, nil, c.noBlock(*in.Block)
	}
	after := b.Balance.add(in.Amount.amount)
	limit := amount{} // a debt is given back to nothing
	if b.Initial != nil {
		limit = *b.Initial
	}
	switch {
	case b.Expired:
		return nil, nil, violates("The credit block has expired")
	case after.cmp(limit) > 0:
		return nil, nil, violates("The amendment would exceed the initial balance of the credit block")
	}
	b.Balance = after
	e := c.newEntry(amendment, b, in.Description, metadata)
	e.Amount, e.Delta = in.Amount.amount, in.Amount.amount
	l.record(e)
	return l, e, nil
}
