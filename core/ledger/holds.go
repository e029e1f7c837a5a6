package ledger

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"scrip/core"
	"scrip/core/plan"
)

// HoldReceipt is a hold as its command left it.
type HoldReceipt struct {
	Account AccountKey
	Hold    core.Hold
	Balance core.Balance
	At      core.Time
}

// HoldTerms are how a hold is kept, beside its charge.
type HoldTerms struct {
	For     time.Duration // until it expires
	Protect bool          // reserved parts outlive their grant's expiry until the hold resolves
	Price   string        // how a captured quantity is priced, kept with the hold
}

// Hold reserves credits, all or nothing.
func (l *Ledger) Hold(ctx context.Context, key string, c Charge, t HoldTerms) (HoldReceipt, bool, error) {
	id := core.NewID(core.HoldID, c.Account.Customer, OpHold, key, 0)
	fields := append(c.fields(), "expires_in", t.For.String(), "protect_until_resolved", strconv.FormatBool(t.Protect))
	return keyedOnce(ctx, l, &keyed[HoldReceipt]{
		operation: OpHold, key: key, account: c.Account, fields: fieldList(fields...),
		names: c.names,
		decide: func(tx *Tx, req *Request) (HoldReceipt, error) {
			c, t := c, t
			if c.Ask != nil {
				if err := tx.holdAsked(&c, &t); err != nil {
					return HoldReceipt{}, err
				}
				req.Unit = c.Account.Unit
			}
			a, err := tx.OpenAccount(c.Account)
			if err != nil {
				return HoldReceipt{}, err
			}
			h, err := a.Reserve(core.Hold{
				ID: id, Amount: c.Amount, Expires: tx.Now.Add(t.For), Protect: t.Protect,
				Action: c.Action, Card: c.Card, Price: t.Price, Not: c.Not,
			}, tx.Now)
			if err != nil {
				return HoldReceipt{}, err
			}
			return HoldReceipt{c.Account, *h, a.Balance(tx.Now), tx.Now}, nil
		},
	})
}

// CaptureTerms say how much of a hold is taken.
type CaptureTerms struct {
	Hold      core.ID
	Unit      string      // of Amount; [ErrMoved] when the hold is in another by now
	Amount    core.Amount // ignored when Rest
	Text      string      // the amount as the caller meant it, whatever the unit is by now
	Rest      bool        // all that is left of the hold
	Quantity  string      // the quantity that Amount was priced from, for the record
	Final     bool
	AllowOver bool
	Not       []core.Category // whose grants must not pay what exceeds the hold
}

// Capture takes from a hold.
func (l *Ledger) Capture(ctx context.Context, key string, t CaptureTerms) (DebitReceipt, HoldReceipt, bool, error) {
	account, err := l.holdAccount(ctx, t.Hold)
	if err != nil {
		return DebitReceipt{}, HoldReceipt{}, false, err
	}
	type both struct {
		Debit DebitReceipt
		Hold  HoldReceipt
	}
	if t.Text == "" && !t.Rest && t.Quantity == "" {
		t.Text = number(t.Amount)
	}
	id := core.NewID(core.DebitID, account.Customer, OpCapture, key, 0)
	result, replay, err := keyedOnce(ctx, l, &keyed[both]{
		operation: OpCapture, key: key, account: account,
		fields: fieldList("hold", string(t.Hold), "amount", t.Text, "quantity", t.Quantity,
			"final", strconv.FormatBool(t.Final), "allow_over", strconv.FormatBool(t.AllowOver)),
		names: l.namesHold(account, t.Hold),
		decide: func(tx *Tx, req *Request) (both, error) {
			a, err := tx.holder(account, t.Hold)
			if err != nil {
				return both{}, err
			}
			if !t.Rest && t.Unit != a.Unit.Code {
				return both{}, undecided{ErrMoved}
			}
			a.Settle(tx.Now)
			c := core.Capture{ID: id, Hold: t.Hold, Amount: t.Amount, Final: t.Final, AllowOver: t.AllowOver, Not: t.Not}
			var captured core.Amount
			if h := a.Hold(t.Hold); h != nil {
				if captured = h.Captured; t.Rest {
					c.Amount = max(0, h.Amount-captured)
				}
			}
			before := a.Seq
			done, charged, err := tx.capture(a, c)
			if err != nil {
				return both{}, err
			}
			use, err := tx.countCaptured(a, a.Hold(t.Hold), &t, captured)
			if err != nil {
				return both{}, err
			}
			amount := c.Amount - done.Forgone
			req.Amount, req.FirstSeq, req.LastSeq = amount, before+1, a.Seq
			h := a.Hold(t.Hold)
			balance := a.Balance(tx.Now)
			return both{DebitReceipt{
				ID: id, Account: keyOf(a), Amount: amount, Allocations: done.Allocations, Action: h.Action,
				beyond:   beyond{done.Overage, charged, done.Deficit, done.Forgone},
				Quantity: t.Quantity, Card: h.Card, Hold: h.ID, Late: done.Late, Use: use, Balance: balance, At: tx.Now,
			}, HoldReceipt{keyOf(a), *h, balance, tx.Now}}, nil
		},
	})
	return result.Debit, result.Hold, replay, err
}

// Release gives back all that a hold still reserves.
func (l *Ledger) Release(ctx context.Context, key string, id core.ID) (HoldReceipt, bool, error) {
	account, err := l.holdAccount(ctx, id)
	if err != nil {
		return HoldReceipt{}, false, err
	}
	return keyedOnce(ctx, l, &keyed[HoldReceipt]{
		operation: OpRelease, key: key, account: account, fields: fieldList("hold", string(id)),
		names: l.namesHold(account, id),
		decide: func(tx *Tx, req *Request) (HoldReceipt, error) {
			a, err := tx.holder(account, id)
			if err != nil {
				return HoldReceipt{}, err
			}
			h, err := a.Release(id, tx.Now)
			if err != nil {
				return HoldReceipt{}, err
			}
			return HoldReceipt{keyOf(a), *h, a.Balance(tx.Now), tx.Now}, nil
		},
	})
}

// namesHold names the account that a hold was read in, and the one that it
// may have gone to since.
func (l *Ledger) namesHold(account AccountKey, id core.ID) func(*Batch) {
	return func(b *Batch) {
		b.Accounts = append(b.Accounts, account)
		if current := l.Current(account); current != account {
			b.Accounts = append(b.Accounts, current)
		}
		b.Holds = append(b.Holds, id)
	}
}

// holder is the account of a hold. One that was resolved before its unit was
// converted stayed behind.
func (tx *Tx) holder(account AccountKey, id core.ID) (*core.Account, error) {
	current := tx.ledger.Current(account)
	if current == account {
		return tx.OpenAccount(account)
	}
	if a := tx.Account(current); a != nil && a.Hold(id) != nil {
		return a, nil
	}
	state := core.HoldReleased
	if a := tx.Account(account); a != nil && a.Hold(id) != nil {
		state = a.Hold(id).State
	}
	return nil, core.Errorf(core.CodeHoldNotOpen, "hold %q was %s when %q became %q", string(id), state, account.Unit, current.Unit)
}

func keyOf(a *core.Account) AccountKey { return AccountKey{a.Customer, a.Unit.Code} }

func (l *Ledger) holdAccount(ctx context.Context, id core.ID) (AccountKey, error) {
	account, h, err := l.Reader().Accounts.Hold(ctx, id)
	if err == nil && h == nil {
		err = core.Errorf(core.CodeNotFound, "hold %q does not exist", string(id))
	}
	return account, err
}

// ReversalReceipt is what a reversal gave back.
type ReversalReceipt struct {
	ID          core.ID
	Debit       core.ID
	Account     AccountKey
	Amount      core.Amount
	Allocations []core.Allocation
	beyond
	Left     core.Amount // of the debit, still to be reversed
	Balance  core.Balance
	At       core.Time
	Happened core.Time         `json:",omitempty"` // where it counts before At: when
	Original core.Time         `json:",omitempty"` // what the caller named, where that lay in a closed period
	Also     []ReversalReceipt `json:",omitempty"` // in further units, each with an answer of its own
}

// Reverse gives a debit back, in part or, with amount zero, all that is left.
func (l *Ledger) Reverse(ctx context.Context, key string, debit core.ID, amount core.Amount) (ReversalReceipt, bool, error) {
	return l.ReverseAt(ctx, key, debit, amount, 0)
}

// ReverseAt is [Ledger.Reverse] of what counts as given back at an instant, not
// before the debit; zero is now. A debit that was wrong is corrected so, and by
// a new one of the same instant.
func (l *Ledger) ReverseAt(ctx context.Context, key string, debit core.ID, amount core.Amount, at core.Time) (ReversalReceipt, bool, error) {
	taken, err := l.Taken(ctx, debit)
	if err != nil {
		return ReversalReceipt{}, false, err
	}
	account := taken.Account
	return keyedOnce(ctx, l, &keyed[ReversalReceipt]{
		operation: OpReverse, key: key, account: account, fields: fieldList("debit", string(debit), "amount", number(amount), "at", at.String()),
		names: func(b *Batch) {
			b.Records = append(b.Records, customerKey(account.Customer))
			if at != 0 {
				b.Records = append(b.Records, closedKey())
			}
			l.namesDebit(b, &taken)
			for i := range taken.Also {
				l.namesDebit(b, &taken.Also[i])
			}
		},
		decide: func(tx *Tx, req *Request) (ReversalReceipt, error) {
			give := tx.reverseOne
			if len(taken.Also) > 0 {
				give = tx.reverseAll
			}
			r, err := give(taken, amount, at, req)
			if err == nil {
				tx.uncount(&taken, r.Amount)
			}
			return r, err
		},
	})
}

// reverseOne gives back what a debit took in one unit.
func (tx *Tx) reverseOne(taken DebitReceipt, amount core.Amount, at core.Time, req *Request) (ReversalReceipt, error) {
	account := taken.Account
	id := core.NewID(core.ReversalID, account.Customer, req.Operation, req.Key, 0)
	a := tx.Account(account)
	if a == nil || a.Became != "" && tx.ledger.became[account.Unit] == "" {
		if err := tx.usable(account, a); err != nil {
			return ReversalReceipt{}, err
		}
	}
	if a == nil { // a debit of zero opens no account
		a = &core.Account{Customer: account.Customer, Unit: core.Unit{Code: account.Unit}}
		tx.ledger.prepare(a)
	}
	if tx.Erased(account.Customer) {
		return ReversalReceipt{}, errErased(account.Customer)
	}
	of := tx.Request(HashOf(taken.ID))
	give := amount
	if give == 0 {
		give = of.Amount - of.Reversed
	}
	a.Settle(tx.Now)
	before := a.Seq
	spare := core.NewID(core.GrantID, account.Customer, req.Operation, req.Key, 0)
	when, err := tx.reversedAt(&taken, at)
	if err != nil {
		return ReversalReceipt{}, err
	}
	back := plan.Back{Action: taken.Action, Whole: taken.Overage, Charged: taken.Charged, Unit: account.Unit, Seq: of.LastSeq}
	unwind := a.UnwindAt
	if a.Became != "" {
		unwind = func(id core.ID, drawn core.Drawn, before, amount core.Amount, spare core.ID, at, now core.Time) (core.Drawn, error) {
			return tx.unwindOn(a, back, id, drawn, before, amount, spare, at)
		}
	}
	given, err := unwind(id, taken.Drawn(), of.Reversed, give, spare, when.at, tx.Now)
	if err != nil {
		return ReversalReceipt{}, err
	}
	if p, is := a.Policy.(unwinder); is && a.Became == "" {
		back.Units, back.Part = given.Overage, given.Overage
		p.Unwound(a, back, tx.Now)
	}
	if err := tx.carryBack(id, a, given.Allocations); err != nil {
		return ReversalReceipt{}, err
	}
	of.Reversed += give
	tx.changes.Reversed = append(tx.changes.Reversed, of)
	req.Amount, req.FirstSeq, req.LastSeq = give, before+1, a.Seq
	beyond := beyond{Overage: given.Overage, Deficit: given.Deficit}
	return ReversalReceipt{id, taken.ID, account, give, given.Allocations, beyond, of.Amount - of.Reversed, a.Balance(tx.Now), tx.Now, when.placed(tx.Now), when.original, nil}, nil
}

// unwindOn gives back a debit of a unit that has been converted: to its grants
// where they were, and what was overage or deficit on the account that goes on,
// in its unit. The answer is in the debit's.
func (tx *Tx) unwindOn(a *core.Account, back plan.Back, id core.ID, drawn core.Drawn, before, amount core.Amount, spare core.ID, at core.Time) (given core.Drawn, err error) {
	to := tx.Account(tx.ledger.Current(keyOf(a)))
	if to == nil {
		return given, core.Errorf(core.CodeInternal, "the account of customer %q that %q became is gone", a.Customer, a.Unit.Code)
	}
	overage, deficit, lots := drawn.Shares(before, amount)
	var carried core.Drawn
	if carried.Overage, err = tx.ledger.lateShare(a.Unit.Code, overage); err != nil {
		return given, err
	}
	if carried.Deficit, err = tx.ledger.lateShare(a.Unit.Code, deficit); err != nil {
		return given, err
	}
	if lots[1] > 0 || overage[1]+deficit[1] == 0 {
		if given, err = a.UnwindAt(id, core.Drawn{Allocations: drawn.Allocations}, lots[0], lots[1], spare, at, tx.Now); err != nil {
			return given, err
		}
	}
	given.Overage, given.Deficit = overage[1], deficit[1]
	if sum := carried.Overage + carried.Deficit; sum > 0 {
		if carried, err = to.Unwind(id, carried, 0, sum, spare, tx.Now); err != nil {
			return given, err
		}
	}
	if p, is := to.Policy.(unwinder); is {
		back.Units, back.Part = carried.Overage, given.Overage
		p.Unwound(to, back, tx.Now)
	}
	return given, nil
}

// carryBack makes grants in the unit of today of what was given back to grants
// whose rest has been converted.
func (tx *Tx) carryBack(reversal core.ID, a *core.Account, given []core.Allocation) error {
	if a.Became == "" {
		return nil
	}
	to := tx.Account(tx.ledger.Current(keyOf(a)))
	if to == nil {
		return core.Errorf(core.CodeInternal, "the account of customer %q that %q became is gone", a.Customer, a.Unit.Code)
	}
	for i, part := range given {
		g := a.Grant(part.Grant)
		// The difference of all that has left the grant, after and before: in
		// parts no more comes of it than at once.
		before, err := tx.ledger.late(a.Unit.Code, *g, max(0, g.Away-part.Amount))
		if err != nil {
			return err
		}
		amount, err := tx.ledger.late(a.Unit.Code, *g, max(g.Away, part.Amount))
		if err != nil {
			return err
		}
		amount -= before
		if amount == 0 || g.Closed != core.Converted {
			continue // it has ended with its grant, or is less than the least part
		}
		t := g.Terms
		t.ID, t.Amount = core.NewID(core.GrantID, a.Customer, "convert", string(reversal), i), amount
		if t.Paid, err = g.CostBasis(part.Amount); err != nil {
			return err
		}
		if _, err := to.ConvertIn(t, "", g.ID, tx.Now); err != nil {
			return err
		}
	}
	to.Settle(tx.Now)
	return nil
}

// Taken reads the receipt of a debit or capture by its id, or a not_found error.
func (l *Ledger) Taken(ctx context.Context, debit core.ID) (DebitReceipt, error) {
	missing := core.Errorf(core.CodeNotFound, "debit %q does not exist", string(debit))
	if !debit.Valid(core.DebitID) {
		return DebitReceipt{}, missing
	}
	req, err := l.Reader().requestOf(ctx, debit)
	if err != nil {
		return DebitReceipt{}, err
	}
	if req == nil || req.Code != "" {
		return DebitReceipt{}, missing
	}
	receipt, nested := DebitReceipt{}, struct{ Debit DebitReceipt }{}
	switch req.Operation {
	case OpDebit:
		err = json.Unmarshal(req.Result, &receipt)
	case OpCapture:
		err = json.Unmarshal(req.Result, &nested)
		receipt = nested.Debit
	}
	if err == nil && receipt.ID != debit {
		return DebitReceipt{}, missing
	}
	return receipt, err
}
