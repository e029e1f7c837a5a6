package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"scrip/core"
	"scrip/core/plan"
	"scrip/core/sale"
)

// noticeKind is the kind of records that notices are.
const noticeKind = "notice"

// opTopUp is what purchases that accounts ask for are derived from.
const opTopUp = "top_up"

// stateOf is what an account remembers, or nil.
func stateOf(a *core.Account) *plan.State {
	s, _ := a.Policy.(*plan.State)
	return s
}

// remembering is what an account remembers, made when it is nothing yet.
func (l *Ledger) remembering(a *core.Account) (*plan.State, error) {
	if s := stateOf(a); s != nil {
		return s, nil
	}
	if a.Policy != nil {
		return nil, core.Errorf(core.CodeInternal, "what is kept of the account's plan cannot be read here")
	}
	return l.plans.Read("")
}

// watch looks at an account after an op: what happened becomes notices, and
// what runs out is bought, in the commit of the op.
func (tx *Tx) watch(t touch) error {
	a := t.account
	made, rules := a.Entries[t.from:], tx.ledger.options.Rules[a.Unit.Code]
	state := stateOf(a)
	if state == nil && (rules == nil || a.Policy != nil) || a.Became != "" {
		return nil
	}
	if state != nil && state.Watch.Quiet(rules, a, made, tx.Now) || state == nil && (*plan.Watch)(nil).Quiet(rules, a, made, tx.Now) {
		return nil
	}
	state, err := tx.ledger.remembering(a)
	if err != nil {
		return err
	}
	if state.Watch == nil {
		state.Watch = &plan.Watch{}
	}
	was := state.Text()
	var bought sale.Purchase
	notices, asked := state.Watch.Look(plan.View{
		Account: a, Made: made, Rules: rules, Now: tx.Now,
		Offer: func(pack string, want core.Amount, number int64) (plan.Offer, error) {
			bought, err = tx.offer(a, state.Watch, pack, want, number)
			return plan.Offer{ID: bought.ID, Credits: bought.Credits, Price: bought.Price}, err
		},
	})
	for _, n := range notices {
		if err := tx.notice(a, state.Watch, n); err != nil {
			return err
		}
	}
	if asked != nil {
		if err := tx.order(bought); err != nil {
			return err
		}
	}
	if state.Text() != was {
		a.Keep(state)
	}
	return nil
}

// order makes a purchase that an account asks for by itself.
func (tx *Tx) order(p sale.Purchase) error {
	if out := tx.ledger.options.Outward; out != nil {
		tx.Send(out.OnPurchase(tx.Now, p)...)
	}
	return tx.insert(purchaseKey(p.ID), p)
}

// offer is the purchase that an account's top-up of a number would be.
func (tx *Tx) offer(a *core.Account, w *plan.Watch, name string, want core.Amount, number int64) (sale.Purchase, error) {
	o := &tx.ledger.options
	pack, sold := o.Packs[name]
	if !sold || pack.Unit != a.Unit.Code || o.Collector == "" {
		return sale.Purchase{}, core.Errorf(core.CodeInvalid, "pack %q is not sold", name)
	}
	wish, err := pack.For(want, w.Currency, a.Unit.Scale)
	if err != nil {
		return sale.Purchase{}, err
	}
	p, err := pack.Sell(wish, a.Unit.Scale)
	p.ID = core.NewID(core.PurchaseID, a.Customer, opTopUp, a.Customer+"/"+a.Unit.Code+"/"+strconv.FormatInt(number, 10), 0)
	p.Customer, p.Connection, p.Auto = a.Customer, o.Collector, true
	p.State, p.Created = sale.Pending, tx.Now
	return p, err
}

// buys reports whether accounts of a unit buy by themselves unless their
// customers have it otherwise.
func (l *Ledger) buys(unit string) bool {
	rules := l.options.Rules[unit]
	return rules != nil && rules.TopUp != nil && l.became[unit] == ""
}

// namesBuyers names the accounts that must know a customer's currency.
func (l *Ledger) namesBuyers(b *Batch, customer string) {
	for _, u := range l.options.Units {
		if l.buys(u.Code) {
			b.Accounts = append(b.Accounts, AccountKey{customer, u.Code})
		}
	}
}

// buysIn tells a customer's accounts the currency that they buy in.
func (tx *Tx) buysIn(c Customer) error {
	for _, u := range tx.ledger.options.Units {
		if !tx.ledger.buys(u.Code) {
			continue
		}
		if a := tx.Account(AccountKey{c.ID, u.Code}); a != nil && a.Became == "" {
			if err := tx.pays(a, c.Currency); err != nil {
				return err
			}
		}
	}
	return nil
}

// buyer tells a new account the currency of its customer.
func (tx *Tx) buyer(key AccountKey, customer *Record) error {
	if !tx.ledger.buys(key.Unit) {
		return nil
	}
	var c Customer
	if err := json.Unmarshal(customer.Body, &c); err != nil {
		return err
	}
	return tx.pays(tx.Account(key), c.Currency)
}

func (tx *Tx) pays(a *core.Account, currency core.Currency) error {
	if s := stateOf(a); currency == "" && (s == nil || s.Watch == nil) {
		return nil
	}
	state, err := tx.ledger.remembering(a)
	if err != nil {
		return err
	}
	if state.Watch == nil {
		state.Watch = &plan.Watch{}
	}
	if state.Watch.Currency != currency {
		state.Watch.Currency = currency
		a.Keep(state)
	}
	return nil
}

// notice writes one, under the account's next number.
func (tx *Tx) notice(a *core.Account, w *plan.Watch, n plan.Notice) error {
	w.Notices++
	made := plan.Told{
		ID:       core.NewID("ntc", a.Customer, n.Type, a.Customer+"/"+n.Dedupe, 0),
		Customer: a.Customer, Unit: a.Unit.Code, Seq: w.Notices, Type: n.Type, At: n.At, Recorded: tx.Now, Facts: n.Facts,
	}
	place := noticeKey(AccountKey{a.Customer, cmp.Or(w.Home, a.Unit.Code)}, w.Notices)
	return tx.insert(RecordKey{noticeKind, fmt.Sprintf("%020d/%s", int64(tx.Now), place)}, made, place)
}

// noticeKey finds a notice by its number.
func noticeKey(account AccountKey, seq int64) string {
	return fmt.Sprintf("%s/%s/%d", account.Customer, account.Unit, seq)
}

// insert writes a record that is known to be new: an account's own count,
// which the commit guards, is in its id.
func (tx *Tx) insert(key RecordKey, body any, keys ...string) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r := &Record{Kind: key.Kind, ID: key.ID, Version: 1, Keys: keys, Body: raw, At: tx.Now}
	tx.state.Records[key] = r
	tx.changes.Records = append(tx.changes.Records, r)
	return nil
}

// paid tells an account's watch of a proven payment.
func (tx *Tx) paid(a *core.Account, p *sale.Purchase) error {
	rules, state := tx.ledger.options.Rules[a.Unit.Code], stateOf(a)
	if rules == nil && (state == nil || state.Watch == nil) {
		return nil
	}
	state, err := tx.ledger.remembering(a)
	if err != nil {
		return err
	}
	if state.Watch == nil {
		state.Watch = &plan.Watch{}
	}
	if state.Watch.Paid(rules, p.ID, p.Auto, p.Credits, p.Price, tx.Now) {
		a.Keep(state)
	}
	return nil
}

// declined tells an account's watch that a purchase was not paid.
func (tx *Tx) declined(p *sale.Purchase) {
	account := tx.ledger.Current(AccountKey{p.Customer, p.Unit})
	a := tx.Account(account)
	if a == nil {
		return
	}
	state := stateOf(a)
	if state == nil || state.Watch == nil {
		return
	}
	view := plan.View{Account: a, Rules: tx.ledger.options.Rules[a.Unit.Code], Now: tx.Now}
	if state.Watch.Declined(view, p.ID) {
		a.Keep(state)
	}
}

// unwatch ends the watching of an erased customer's accounts: nothing is
// bought or told for it any more.
func (tx *Tx) unwatch(customer string) {
	for _, u := range tx.ledger.options.Units {
		a := tx.Account(AccountKey{customer, u.Code})
		if a == nil {
			continue
		}
		if state := stateOf(a); state != nil {
			a.Settle(tx.Now)
			state.Close(a, tx.Now)
		}
	}
}

// until is when the credits of a purchase end that last as long as the
// subscription's period; 0 without one.
func until(a *core.Account, p *sale.Purchase) core.Time {
	state := stateOf(a)
	if !p.Cycle || state == nil || state.Subscription == nil || state.Subscription.Ended != 0 {
		return 0
	}
	_, to := state.Span()
	return to
}

// Notices lists an account's notices by their number, after one.
func (l *Ledger) Notices(ctx context.Context, account AccountKey, after int64, limit int) ([]plan.Told, error) {
	a, err := l.Account(ctx, account)
	if err != nil {
		return nil, err
	}
	if s := stateOf(a); s != nil && s.Watch != nil {
		account.Unit = cmp.Or(s.Watch.Home, account.Unit)
	}
	var list []plan.Told
	for seq := after + 1; len(list) < limit; seq++ {
		r, err := l.Reader().Records.ByKey(ctx, noticeKind, noticeKey(account, seq))
		if err != nil || r == nil {
			return list, err
		}
		var n plan.Told
		if err := json.Unmarshal(r.Body, &n); err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, nil
}

// AllNotices lists everybody's notices in the order they were made, after a
// place; next is the place of the last.
func (l *Ledger) AllNotices(ctx context.Context, after string, limit int) (list []plan.Told, next string, err error) {
	records, err := l.Reader().Records.List(ctx, noticeKind, after, limit)
	next = after
	for _, r := range records {
		var n plan.Told
		if err := json.Unmarshal(r.Body, &n); err != nil {
			return nil, "", err
		}
		list, next = append(list, n), r.ID
	}
	return list, next, err
}
