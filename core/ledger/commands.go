package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"scrip/core"
	"scrip/core/rate"
)

// The operations that idempotency keys are scoped by.
const (
	OpGrant    = "grant"
	OpVoid     = "void"
	OpDebit    = "debit"
	OpReverse  = "reverse"
	OpHold     = "hold"
	OpCapture  = "capture"
	OpRelease  = "release"
	OpPurchase = "purchase"
)

// GrantReceipt is a grant as its command left it.
type GrantReceipt struct {
	Account AccountKey
	Grant   core.Grant
	At      core.Time
	// Original is the start that the caller named, where it lay in a closed
	// period: the grant starts with the open one.
	Original core.Time `json:",omitempty"`
}

// Issue grants credits. Terms.ID is made from the key; Starts defaults to
// now, Expires to never.
func (l *Ledger) Issue(ctx context.Context, key string, account AccountKey, t core.Terms) (GrantReceipt, bool, error) {
	t.ID = core.NewID(core.GrantID, account.Customer, OpGrant, key, 0)
	return keyedOnce(ctx, l, &keyed[GrantReceipt]{
		operation: OpGrant, key: key, account: account,
		fields: fieldList("customer", account.Customer, "unit", account.Unit, "amount", number(t.Amount),
			"category", string(t.Category), "priority", strconv.Itoa(t.Priority), "effective_at", t.Starts.String(),
			"expires_at", t.Expires.String(), "paid", moneyField(t.Paid), "scope", listField(t.Actions), "metadata", mapField(t.Metadata)),
		names: func(b *Batch) {
			b.Accounts = append(b.Accounts, account)
			b.Records = append(b.Records, customerKey(account.Customer), RetiredKey(account.Unit))
			if t.Starts != 0 {
				b.Records = append(b.Records, closedKey())
			}
			if card := t.Metadata[rate.GrantPin]; card != "" {
				b.Records = append(b.Records, pinKey(account.Customer, card))
			}
		},
		decide: func(tx *Tx, req *Request) (GrantReceipt, error) {
			a, err := tx.OpenAccount(account)
			if err != nil {
				return GrantReceipt{}, err
			}
			t, original, err := tx.opened(t)
			if err != nil {
				return GrantReceipt{}, err
			}
			g, err := tx.issue(a, t, req)
			if err != nil {
				return GrantReceipt{}, err
			}
			if err := tx.pin(account.Customer, t.Metadata[rate.GrantPin]); err != nil {
				return GrantReceipt{}, err
			}
			return GrantReceipt{account, *g, tx.Now, original}, nil
		},
	})
}

// issue adds a grant with its defaults.
func (tx *Tx) issue(a *core.Account, t core.Terms, req *Request) (*core.Grant, error) {
	if t.Starts == 0 {
		t.Starts = tx.Now
	}
	if t.Expires == 0 {
		t.Expires = core.Never
	}
	g, err := a.Issue(t, tx.Now)
	if err == nil && req != nil {
		req.FirstSeq, req.LastSeq = g.Seq, a.Seq
	}
	return g, err
}

// Void removes what is unspent and unheld of a grant.
func (l *Ledger) Void(ctx context.Context, key string, id core.ID) (GrantReceipt, bool, error) {
	account, g, err := l.Reader().Accounts.Grant(ctx, id)
	if err != nil {
		return GrantReceipt{}, false, err
	}
	if g == nil {
		return GrantReceipt{}, false, core.Errorf(core.CodeNotFound, "grant %q does not exist", string(id))
	}
	named := id
	account, id = l.heir(account, id)
	return keyedOnce(ctx, l, &keyed[GrantReceipt]{
		operation: OpVoid, key: key, account: account, fields: fieldList("grant", string(named)),
		names: func(b *Batch) {
			b.Accounts = append(b.Accounts, account)
			b.Grants = append(b.Grants, id)
		},
		decide: func(tx *Tx, req *Request) (GrantReceipt, error) {
			a, err := tx.OpenAccount(account)
			if err != nil {
				return GrantReceipt{}, err
			}
			a.Settle(tx.Now) // what time has decided is not the answer's
			before := a.Seq
			if _, err := a.Void(id, tx.Now); err != nil {
				return GrantReceipt{}, err
			}
			req.FirstSeq, req.LastSeq = before+1, a.Seq
			return GrantReceipt{account, *a.Grant(id), tx.Now, 0}, nil
		},
	})
}

// Charge is what a debit or hold is for: an amount, or an action priced by
// the caller. Quantity and Dimensions are kept for the record and for
// recognising another body under the same key.
type Charge struct {
	Account    AccountKey
	Amount     core.Amount
	Action     string            // "" when the caller named the amount itself
	Quantity   string            // canonical decimal
	Dimensions map[string]string // of the action
	Card       string            // rate card version that priced it
	Not        []core.Category   // whose grants must not pay
	Rule       core.Shortfall    // for what grants cannot pay; "" leaves it to the plan
	At         core.Time         // when it happened, 0 is now
	AcceptLate bool              // however long ago that is; an administrator's word
	recents    recents           // what a late one needs to know, see [Ledger.lookBack]
	Ask        *rate.Ask         // prices the action, with Amount, Card, Not and Rule, where it is decided
}

func (c Charge) outcome() string {
	if c.Ask == nil {
		return ""
	}
	return c.Ask.Event.Outcome
}

func (c Charge) fields() []string {
	// What an action costs, and in what, is not the caller's word: the same
	// request is the same after a change of prices or of the unit.
	unit, amount := "", ""
	if c.Action == "" {
		unit, amount = c.Account.Unit, number(c.Amount)
	}
	return []string{"customer", c.Account.Customer, "unit", unit, "amount", amount,
		"action", c.Action, "quantity", c.Quantity, "dimensions", mapField(c.Dimensions), "outcome", c.outcome(), "at", c.At.String(), "accept_late", setField(c.AcceptLate)}
}

// DebitReceipt is what a debit, or a capture, took.
type DebitReceipt struct {
	ID          core.ID
	Account     AccountKey
	Amount      core.Amount
	Allocations []core.Allocation
	beyond
	Action   string       `json:",omitempty"`
	Quantity string       `json:",omitempty"`
	Card     string       `json:",omitempty"`
	Hold     core.ID      `json:",omitempty"`
	Late     bool         `json:",omitempty"`
	Balance  core.Balance // right after
	At       core.Time
	Happened core.Time      `json:",omitempty"` // of a late one: the instant that it is placed at
	Original core.Time      `json:",omitempty"` // what the caller named, where that lay in a closed period
	Accepted bool           `json:",omitempty"` // it was older than is taken, and an administrator had it taken
	Use      *used          `json:",omitempty"` // what it counted, where the price goes by use
	Also     []DebitReceipt `json:",omitempty"` // what it took in further units, each with an answer of its own
}

// Debit takes credits, all or nothing.
func (l *Ledger) Debit(ctx context.Context, key string, c Charge) (DebitReceipt, bool, error) {
	if c.At != 0 {
		late := c
		if err := l.lookBack(ctx, &late); err != nil {
			return DebitReceipt{}, false, err
		}
		c = late
	}
	return keyedOnce(ctx, l, l.debit(key, c))
}

func (l *Ledger) debit(key string, c Charge) *keyed[DebitReceipt] {
	id := core.NewID(core.DebitID, c.Account.Customer, OpDebit, key, 0)
	return &keyed[DebitReceipt]{
		operation: OpDebit, key: key, account: c.Account, fields: fieldList(c.fields()...),
		names: func(b *Batch) {
			if c.names(b); c.At != 0 {
				c.lateNames(l, b)
			}
		},
		decide: func(tx *Tx, req *Request) (DebitReceipt, error) {
			if c.Ask != nil {
				return tx.debitAsked(key, c, req)
			}
			return tx.debitOne(id, c, req)
		},
	}
}

// debitOne takes an amount of one unit.
func (tx *Tx) debitOne(id core.ID, c Charge, req *Request) (DebitReceipt, error) {
	a, err := tx.OpenAccount(c.Account)
	if err != nil {
		return DebitReceipt{}, err
	}
	a.Settle(tx.Now)
	before, d := a.Seq, core.Draw{ID: id, Amount: c.Amount, Action: c.Action, Not: c.Not, Rule: c.Rule}
	var when timing
	if c.At != 0 {
		if when, err = tx.late(a, &c, &d); err != nil {
			return DebitReceipt{}, err
		}
	}
	done, charged, err := tx.draw(a, d)
	if err != nil {
		return DebitReceipt{}, err
	}
	req.Amount, req.FirstSeq, req.LastSeq = c.Amount-done.Forgone, before+1, a.Seq
	return DebitReceipt{
		ID: id, Account: c.Account, Amount: c.Amount - done.Forgone, Allocations: done.Allocations,
		beyond: beyond{done.Overage, charged, done.Deficit, done.Forgone}, Action: c.Action,
		Quantity: c.Quantity, Card: c.Card, Balance: a.Balance(tx.Now), At: tx.Now, Happened: when.placed(tx.Now), Original: when.original, Accepted: when.accepted,
	}, nil
}

// BatchItem is one debit of a batch.
type BatchItem struct {
	Key    string
	Charge Charge
	Err    error // set by the caller when the item is refused before the rules
}

// BatchOutcome is what became of one item.
type BatchOutcome struct {
	Receipt  DebitReceipt
	Replayed bool
	Err      error
}

// DebitBatch debits each item by itself, in order; one item's refusal does
// not touch the others. The error is a failure of the whole call.
func (l *Ledger) DebitBatch(ctx context.Context, items []BatchItem) ([]BatchOutcome, error) {
	outcomes := make([]BatchOutcome, len(items))
	commands := make([]*keyed[DebitReceipt], len(items))
	if err := l.lookBackAll(ctx, items); err != nil {
		return nil, err
	}
	var ops []*Op
	for i, item := range items {
		if outcomes[i].Err = item.Err; item.Err == nil {
			outcomes[i].Err = checkKey(item.Key)
		}
		if outcomes[i].Err == nil {
			// A batch may span customers without an account, so every item
			// brings its customer's record instead of asking twice.
			commands[i] = l.debit(item.Key, item.Charge).withCustomer()
			ops = append(ops, commands[i].op())
		}
	}
	err := l.Do(ctx, ops...)
	var open undecided // is one item's own, such as an action without a price
	if err != nil && !errors.As(err, &open) {
		return nil, err
	}
	at := 0
	for i, k := range commands {
		if k == nil {
			continue
		}
		op := ops[at]
		at++
		switch {
		case errors.As(op.err, &open):
			outcomes[i].Err = op.err
		case op.err != nil:
			return nil, op.err
		case k.answer == nil:
			return nil, err
		default:
			outcomes[i].Receipt, outcomes[i].Replayed, outcomes[i].Err = k.outcome()
		}
	}
	return outcomes, nil
}

func number(a core.Amount) string { return strconv.FormatInt(int64(a), 10) }

func moneyField(m core.Money) string {
	if m.IsZero() {
		return ""
	}
	return m.String()
}

func listField(list []string) string {
	if len(list) == 0 {
		return ""
	}
	text, _ := json.Marshal(list) // strings always marshal
	return string(text)
}
