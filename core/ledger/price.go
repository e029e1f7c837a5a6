package ledger

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"scrip/core"
	"scrip/core/plan"
	"scrip/core/rate"
)

// priced is what an ask comes to.
type priced struct {
	card    string
	action  rate.Action
	event   rate.Event
	parts   []rate.Part // at least one; nothing is zero unless all is
	counter string      // of the use that the price goes by, "" for none
	per     string
	counts  rate.Quantity
	buffer  [2]rate.Part
}

// names adds the accounts that an ask may touch.
func (c *Charge) names(b *Batch) {
	b.Accounts = append(b.Accounts, c.Account)
	if c.Ask == nil || len(c.Ask.Units) == 1 {
		return
	}
	var buffer [4]string
	for _, code := range c.Ask.Cards.Units(c.Action, c.Account.Unit, buffer[:0]) {
		if code != c.Account.Unit {
			b.Accounts = append(b.Accounts, AccountKey{c.Account.Customer, code})
		}
	}
}

// price finds out what a charge costs. A refusal is about the request and the
// price list, so that it is no answer for ever.
func (tx *Tx) price(c *Charge) (*priced, error) {
	p := &priced{event: c.Ask.Event}
	pinned := ""
	state, err := tx.remembered(c.Account)
	if err != nil {
		return nil, err
	}
	if state != nil {
		pinned = state.Card
	}
	at := c.happened(tx.Now)
	card, err := c.Ask.Cards.At(at, pinned)
	// A spent grant keeps no version in the config; one that came back since is
	// priced as any other.
	if own := tx.keeps(c, card, at); own != "" && own != pinned && c.Ask.Cards.Version(own) != nil {
		card, err = c.Ask.Cards.At(at, own)
	}
	if err != nil {
		return nil, undecided{err}
	}
	p.card = card.Version
	if p.action, err = card.Find(c.Action); err != nil {
		return nil, undecided{err}
	}
	name, per, counts, err := p.action.Counter(p.event)
	if err != nil {
		return nil, undecided{err}
	}
	if p.counter, p.per, p.counts = name, string(per), counts; name != "" {
		key := c.Account
		if p.action.Unit != "" {
			key.Unit = p.action.Unit
		}
		if state, err = tx.remembered(key); err != nil {
			return nil, err
		}
		p.event.Used = rate.Quantity(state.Used(name, p.per, tx.Now))
	}
	parts, err := p.action.Price(p.event, c.Ask.Units, p.buffer[:0])
	if err != nil {
		return nil, undecided{err}
	}
	if len(parts) > 1 {
		first := parts[0]
		parts = slices.DeleteFunc(parts, func(part rate.Part) bool { return part.Amount == 0 })
		if len(parts) == 0 {
			parts = append(parts, first)
		}
	}
	p.parts = parts
	return p, nil
}

// keeps is the version of the rate card that the grant keeps which would pay
// first, "" where that keeps none. It prices the whole event, whatever else
// pays for it.
func (tx *Tx) keeps(c *Charge, card *rate.Card, at core.Time) string {
	key := c.Account
	var not []core.Category
	if card != nil {
		if action, err := card.Find(c.Action); err == nil {
			if not = action.NotFrom; action.Unit != "" {
				key.Unit = action.Unit
			}
		}
	}
	a := tx.Account(key)
	if a == nil {
		return ""
	}
	a.Settle(tx.Now) // a hold that has lapsed leaves its grant free, swept or not
	for i := range a.Grants {
		g := &a.Grants[i]
		free, may := g.Free(), g.Spendable(at)
		if at < tx.Now && g.Closed == core.Expired && g.Starts <= at && at < g.Expires { // it pays for what happened before its end
			free, may = g.Ended-g.Away, true
		}
		if may && free > 0 && g.Pays(c.Action) && !slices.Contains(not, g.Category) {
			return g.Metadata[rate.GrantPin]
		}
	}
	return ""
}

// remembered is what a named account remembers, or nil.
func (tx *Tx) remembered(key AccountKey) (*plan.State, error) {
	a := tx.Account(key)
	if a == nil || a.Policy == nil {
		return nil, nil
	}
	if a.Acts != 0 && a.Acts <= tx.Now {
		a.Settle(tx.Now)
	}
	return tx.ledger.remembering(a)
}

// used is what a debit counted of what prices go by.
type used struct {
	Counter, Per string
	N            rate.Quantity
}

// count keeps how much was used.
func (tx *Tx) count(a *core.Account, counter, per string, n rate.Quantity) (*used, error) {
	if counter == "" || n == 0 {
		return nil, nil
	}
	state, err := tx.ledger.remembering(a)
	if err != nil {
		return nil, err
	}
	state.Count(counter, per, int64(n), tx.Now)
	a.Keep(state)
	return &used{counter, per, n}, nil
}

// uncount takes back what a debit counted that is given back as a whole within
// the period. What was priced by it meanwhile keeps its price.
func (tx *Tx) uncount(taken *DebitReceipt, given core.Amount) {
	u := taken.Use
	if u == nil || given != taken.Amount {
		return
	}
	a := tx.Account(tx.ledger.Current(taken.Account))
	if a == nil || stateOf(a) == nil {
		return
	}
	state := stateOf(a)
	if state.Uses[u.Counter].From <= taken.At && state.Used(u.Counter, u.Per, tx.Now) >= int64(u.N) {
		state.Count(u.Counter, u.Per, -int64(u.N), tx.Now)
		a.Keep(state)
	}
}

// partOf is the operation of the i-th part of a command that touches the
// accounts of several units. Each part has an answer of its own beside that of
// the whole, so that its entries lead to one.
func partOf(operation string, i int) string {
	if i == 0 {
		return operation
	}
	return fmt.Sprintf("%s-%d", operation, i+1)
}

// whole is the operation that one of a part belongs to.
func whole(operation string) string {
	for _, op := range [2]string{OpDebit, OpReverse} {
		if strings.HasPrefix(operation, op+"-") {
			return op
		}
	}
	return operation
}

// debitAsked takes what an action costs in every unit, all or nothing.
func (tx *Tx) debitAsked(key string, c Charge, req *Request) (DebitReceipt, error) {
	p, err := tx.price(&c)
	if err != nil {
		return DebitReceipt{}, err
	}
	accounts := make([]*core.Account, len(p.parts))
	for i, part := range p.parts {
		if accounts[i], err = tx.OpenAccount(AccountKey{c.Account.Customer, part.Unit}); err != nil {
			return DebitReceipt{}, err
		}
		accounts[i].Settle(tx.Now)
	}
	undo, err := snapshot(accounts)
	if err != nil {
		return DebitReceipt{}, err
	}
	var receipt DebitReceipt
	var answers []*Request
	begun := *req
	for i, part := range p.parts {
		one, answer := c, req
		one.Account.Unit, one.Amount, one.Card = part.Unit, part.Amount, p.card
		one.Not, one.Rule = p.action.NotFrom, p.rule()
		if i > 0 {
			answer = partAnswer(req, OpDebit, i)
			answers = append(answers, answer)
		}
		answer.Unit = part.Unit
		r, err := tx.debitOne(core.NewID(core.DebitID, c.Account.Customer, partOf(OpDebit, i), key, 0), one, answer)
		if err != nil {
			undo()
			*req = begun // but for the unit, which is that of what refused
			req.Unit = part.Unit
			return DebitReceipt{}, err
		}
		if i == 0 {
			receipt = r
			continue
		}
		if answer.Result, err = json.Marshal(r); err != nil {
			return DebitReceipt{}, err
		}
		receipt.Also = append(receipt.Also, r)
	}
	tx.answer(answers)
	receipt.Use, err = tx.count(accounts[0], p.counter, p.per, p.counts)
	return receipt, err
}

// rule is what becomes of what grants cannot pay. Of several units none is
// taken short: the card says that a part may be overage or deficit, or all is
// refused.
func (p *priced) rule() core.Shortfall {
	if r := p.action.AtZero; len(p.parts) == 1 || r == core.Overage || r == core.Deficit {
		return r
	}
	return core.Reject
}

// partAnswer begins the answer of a part.
func partAnswer(req *Request, operation string, i int) *Request {
	part := *req
	part.Operation = partOf(operation, i)
	part.Hash = RequestHash(part.Operation, req.Key)
	return &part
}

// answer stores the answers of parts.
func (tx *Tx) answer(parts []*Request) {
	for _, part := range parts {
		tx.state.Requests[part.Hash] = part
		tx.changes.Requests = append(tx.changes.Requests, part)
	}
}

// snapshot remembers accounts of which one may refuse what another took
// already. One alone refuses before it changes.
func snapshot(accounts []*core.Account) (undo func(), err error) {
	if len(accounts) < 2 {
		return func() {}, nil
	}
	saved := make([]core.Account, len(accounts))
	for i, a := range accounts {
		saved[i] = *a
		saved[i].Grants, saved[i].Holds, saved[i].Windows = slices.Clone(a.Grants), slices.Clone(a.Holds), slices.Clone(a.Windows)
		if state := stateOf(a); state != nil {
			if saved[i].Policy, err = state.Copy(); err != nil {
				return nil, err
			}
		}
	}
	return func() {
		for i, a := range accounts {
			*a = saved[i]
		}
	}, nil
}
