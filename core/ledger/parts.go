package ledger

import (
	"encoding/json"
	"strings"

	"scrip/core"
	"scrip/core/rate"
)

// holdAsked prices a hold. What is priced in several units at once cannot be
// held, since a hold reserves of one account.
func (tx *Tx) holdAsked(c *Charge, t *HoldTerms) error {
	p, err := tx.price(c)
	if err != nil {
		return err
	}
	if len(p.parts) > 1 {
		return undecided{core.InField(core.Errorf(core.CodeNotSupported, "action %q costs several units at once here, only a debit can take them", c.Action), "action")}
	}
	c.Account.Unit, c.Amount, c.Card, c.Not = p.parts[0].Unit, p.parts[0].Amount, p.card, p.action.NotFrom
	fixed := rate.Fixed{Action: p.action, Dimensions: p.event.Dimensions, Quantity: p.event.Quantity, Used: p.event.Used}
	t.Price, err = fixed.Text()
	return err
}

// countCaptured counts the use of what was captured of a hold, where its price
// goes by that: the quantity that the capture names, or all that the hold was
// made for. A capture by amount counts nothing.
func (tx *Tx) countCaptured(a *core.Account, h *core.Hold, t *CaptureTerms, before core.Amount) (*used, error) {
	if !strings.Contains(h.Price, `"counter"`) || t.Quantity == "" && (!t.Rest || before > 0) {
		return nil, nil
	}
	fixed, err := rate.ParseFixed(h.Price)
	if err != nil {
		return nil, err
	}
	quantity := fixed.Quantity
	if t.Quantity != "" {
		if quantity, err = rate.ParseQuantity(t.Quantity); err != nil {
			return nil, err
		}
	}
	counter, per, counts, err := fixed.Action.Counter(fixed.Event(quantity))
	if err != nil {
		return nil, err
	}
	return tx.count(a, counter, string(per), counts)
}

// namesDebit names what giving a debit back needs to see.
func (l *Ledger) namesDebit(b *Batch, taken *DebitReceipt) {
	b.Accounts = append(b.Accounts, taken.Account)
	if current := l.Current(taken.Account); current != taken.Account {
		b.Accounts = append(b.Accounts, current)
	}
	b.Requests = append(b.Requests, HashOf(taken.ID))
	for _, t := range taken.Allocations {
		b.Grants = append(b.Grants, t.Grant)
	}
}

// reverseAll gives back what a debit took in several units: all of it, since a
// part of the one would say nothing of the others.
func (tx *Tx) reverseAll(taken DebitReceipt, amount core.Amount, at core.Time, req *Request) (ReversalReceipt, error) {
	if amount != 0 {
		return ReversalReceipt{}, core.InField(core.Errorf(core.CodeNotSupported, "a debit of several units is given back as a whole, leave the amount out"), "amount")
	}
	fields := req.Fields
	receipt, err := tx.reverseOne(taken, 0, at, req)
	if err != nil {
		return receipt, err
	}
	var answers []*Request
	for i, part := range taken.Also {
		answer := partAnswer(req, OpReverse, i+1)
		answer.Unit, answer.Fields = part.Account.Unit, fieldList("debit", string(part.ID), "amount", splitFields(fields)["amount"], "at", splitFields(fields)["at"])
		r, err := tx.reverseOne(part, 0, at, answer)
		if err != nil {
			return ReversalReceipt{}, core.Errorf(core.CodeInternal, "half of debit %q cannot be given back: %s", string(taken.ID), err)
		}
		if answer.Result, err = json.Marshal(r); err != nil {
			return ReversalReceipt{}, err
		}
		answers = append(answers, answer)
		receipt.Also = append(receipt.Also, r)
	}
	tx.answer(answers)
	return receipt, nil
}
