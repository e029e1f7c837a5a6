package ledger

import (
	"context"
	"strconv"

	"scrip/core"
	"scrip/core/plan"
	"scrip/core/sale"
)

// NamesClaim names what [Tx.Claim] must see of a purchase as it was read.
func (l *Ledger) NamesClaim(b *Batch, p sale.Purchase) {
	l.NamesPayment(b, p)
	if p.Grant != "" {
		_, lot := l.lot(AccountKey{p.Customer, p.Unit}, p.Grant)
		b.Grants = append(b.Grants, lot)
	}
	if p.Returns == nil {
		return
	}
	for i := range p.Returns.Takings {
		t := &p.Returns.Takings[i]
		b.Accounts = append(b.Accounts, AccountKey{p.Customer, t.Unit})
		for _, l := range t.Lots {
			b.Grants = append(b.Grants, l.Grant)
		}
	}
}

// lot is the account and the grant that a grant's rest is in now.
func (l *Ledger) lot(account AccountKey, grant core.ID) (AccountKey, core.ID) {
	for range l.options.Conversions {
		c := l.leaving(account.Unit)
		if c == nil {
			break
		}
		account.Unit, grant = c.To().Code, grantID(c.ID, account.Customer, grant)
	}
	return account, grant
}

// Claim applies what a vendor tells of a refund or dispute of a purchase: what
// the money that went back had bought is taken back, or, where a dispute was
// won, given back, in the same commit as the record of it. What was told before
// changes nothing: fresh is false then. Of a purchase that is not paid yet it is
// kept until the payment comes.
func (tx *Tx) Claim(c sale.Claim) (p sale.Purchase, fresh bool, err error) {
	if p, err = tx.purchaseIn(c.Purchase); err != nil {
		return p, false, err
	}
	c.At = tx.Now
	if fresh, err = p.Claim(c); err != nil || !fresh {
		return p, false, err
	}
	if err := tx.settleClaims(&p, &c); err != nil {
		return p, false, err
	}
	return p, true, tx.PutRecord(purchaseKey(p.ID), p)
}

// settleClaims brings the credits of a paid purchase to where its claims leave
// them. It changes nothing unless it succeeds.
func (tx *Tx) settleClaims(p *sale.Purchase, by *sale.Claim) error {
	if p.Grant == "" { // it is not paid yet, or brought no credits that could go
		if p.Credits == 0 && p.State != sale.Pending {
			p.State = p.Outcome()
			return tx.tellClaim(p, by, 0)
		}
		return nil
	}
	due, _, err := p.Forfeit()
	if err != nil {
		return err
	}
	more := due - p.Taken()
	switch {
	case more > 0:
		err = tx.takeBack(p, by, more)
	case more < 0:
		err = tx.reinstate(p, by, -more)
	}
	if p.State = p.Outcome(); err != nil {
		return err
	}
	return tx.tellClaim(p, by, more)
}

// tellClaim tells the customer what a claim came to: money that the seller gave
// back, with the credits that went for it, and credits that came back.
func (tx *Tx) tellClaim(p *sale.Purchase, by *sale.Claim, taken core.Amount) error {
	a := tx.Account(tx.ledger.Current(AccountKey{p.Customer, p.Unit}))
	if a == nil || a.Became != "" || tx.Erased(p.Customer) || by.Kind != sale.RefundClaim && taken >= 0 {
		return nil
	}
	scale := tx.ledger.units[p.Unit].Scale
	facts := map[string]string{"purchase": string(p.ID), "credits": max(taken, -taken).Format(scale), "unit": p.Unit}
	n := plan.Notice{Type: plan.ReturnedNotice, At: tx.Now, Dedupe: string(p.ID) + "/" + by.Object + "/" + p.Taken().Format(scale), Facts: facts}
	if taken >= 0 {
		n.Type, n.Dedupe = plan.RefundedNotice, string(p.ID)+"/"+by.Object+"/"+by.Amount.Decimal()
		facts["amount"], facts["currency"], facts["state"] = by.Amount.Decimal(), string(by.Amount.Currency), string(p.State)
	}
	state, err := tx.ledger.remembering(a)
	if err != nil {
		return err
	}
	state.Tell(n)
	a.Keep(state)
	return nil
}

// takeBack takes credits of a purchase back, in the unit that they are counted
// in now.
func (tx *Tx) takeBack(p *sale.Purchase, by *sale.Claim, amount core.Amount) (err error) {
	t := sale.Taking{Claim: by.Object, Kind: by.Kind, At: tx.Now, Requested: amount, Unit: p.Unit}
	account, lot := tx.ledger.lot(AccountKey{p.Customer, p.Unit}, p.Grant)
	if account.Unit != p.Unit {
		if amount, err = tx.ledger.late(p.Unit, bought(p), amount); err != nil {
			return err
		}
		t.Unit = account.Unit
	}
	switch {
	case tx.Erased(p.Customer): // nobody is left who could owe or pay
		t.Lost = amount
	case amount > 0:
		a, err := tx.OpenAccount(account)
		if err != nil {
			return err
		}
		rule, others := core.Deficit, tx.ledger.options.Refunds == sale.OtherPaid
		if tx.ledger.options.Refunds == sale.WriteOff {
			rule = core.Cap
		}
		done, err := a.Clawback(lot, p.ID, amount, rule, others, tx.Now)
		if err != nil {
			return err
		}
		t.Lots, t.Owed, t.Lost = done.Allocations, done.Deficit, done.Forgone
	}
	p.Returns.Takings = append(p.Returns.Takings, t)
	return nil
}

// reinstate gives back what claims took that no longer stand.
func (tx *Tx) reinstate(p *sale.Purchase, by *sale.Claim, amount core.Amount) error {
	list := p.Undo(by.Object, by.Kind, amount)
	for _, u := range list {
		if err := tx.canGiveBack(p, &p.Returns.Takings[u.Taking]); err != nil {
			return err
		}
	}
	for _, u := range list {
		t, parts := &p.Returns.Takings[u.Taking], u.Amount
		switch {
		case t.Unit == p.Unit:
		case u.Amount == t.Requested:
			parts = t.Total()
		default:
			now, err := tx.ledger.late(p.Unit, bought(p), parts)
			if err != nil {
				return err
			}
			parts = min(now, t.Total())
		}
		back := t.Back(u.Amount, parts)
		if tx.Erased(p.Customer) {
			continue
		}
		if err := tx.giveBack(p, t, back); err != nil {
			return err
		}
	}
	return nil
}

// canGiveBack sees that all is there that a reinstatement moves: the purchase
// may have changed since the batch was named.
func (tx *Tx) canGiveBack(p *sale.Purchase, t *sale.Taking) error {
	key := AccountKey{p.Customer, t.Unit}
	a, ok := tx.Account(key), true
	if t.Total() == 0 || tx.Erased(p.Customer) {
		return nil
	}
	for i := 0; a != nil && i < len(t.Lots); i++ {
		ok = ok && a.Grant(t.Lots[i].Grant) != nil
	}
	if a == nil || !ok || a.Became != "" && tx.Account(tx.ledger.Current(key)) == nil {
		return core.Errorf(core.CodeUnavailable, "purchase %q has changed meanwhile, its account is read anew", string(p.ID))
	}
	return nil
}

// giveBack reinstates a part of a taking: grants in the unit they were taken
// in, from where they are carried on, what was owed in the unit of today.
func (tx *Tx) giveBack(p *sale.Purchase, t *sale.Taking, back core.Drawn) error {
	taken := tx.Account(AccountKey{p.Customer, t.Unit})
	today, owed := taken, back.Deficit
	if taken.Became != "" {
		var err error
		today = tx.Account(tx.ledger.Current(keyOf(taken)))
		if owed, err = tx.ledger.late(t.Unit, bought(p), owed); err != nil {
			return err
		}
	}
	mark := string(p.ID) + "/" + today.Unit.Code + "/" + strconv.FormatInt(today.Seq, 10)
	spare := func(i int) core.ID { return core.NewID(core.GrantID, p.Customer, OpPurchase, mark, i) }
	from := len(today.Entries)
	if taken != today {
		if err := taken.Reinstate(p.ID, core.Drawn{Allocations: back.Allocations}, t.At, spare, tx.Now); err != nil {
			return err
		}
		if err := tx.carryBack(core.ID(mark), taken, back.Allocations); err != nil {
			return err
		}
		back.Allocations = nil
	}
	back.Deficit = owed
	if err := today.Reinstate(p.ID, back, t.At, spare, tx.Now); err != nil {
		return err
	}
	for i := range today.Entries[from:] {
		if e := &today.Entries[from+i]; e.Kind == core.EntryGrant || e.Kind == core.EntryRollIn {
			t.Revived = append(t.Revived, e.Grant)
		}
	}
	return nil
}

// bought is the grant of a purchase as a change of unit looks at it.
func bought(p *sale.Purchase) core.Grant {
	return core.Grant{Terms: core.Terms{Amount: p.Credits, Paid: p.Price}}
}

const opRefund = "refund"

// refunder is an [Outward] that can ask a vendor to give money back.
type refunder interface {
	OnRefund(now core.Time, p sale.Purchase, r sale.Refund) []*Intent
}

// refundKey is the natural key of a refund that a vendor could not make.
func refundKey(object string) string { return "unmade/" + object }

// NamesUnmade names what [Tx.Unmade] must see.
func (l *Ledger) NamesUnmade(b *Batch, purchase core.ID, object string) {
	b.Records = append(b.Records, purchaseKey(purchase))
	b.Naturals = append(b.Naturals, refundKey(object))
}

// Unmade takes up, once, that a vendor could not give money back: it may be
// asked to again.
func (tx *Tx) Unmade(purchase core.ID, object string, minor core.Amount) error {
	p, err := tx.purchaseIn(purchase)
	if err != nil || tx.Natural(refundKey(object)) != "" {
		return err
	}
	tx.UseNatural(refundKey(object), p.ID)
	p.Unmade = min(p.Returning, p.Unmade+max(0, minor))
	return tx.PutRecord(purchaseKey(p.ID), p)
}

// Refund asks the vendor that collected a purchase's money to give some of it
// back, or, with minor zero, all that is left. The credits go when the vendor
// says that it did: [Tx.Claim].
func (l *Ledger) Refund(ctx context.Context, key string, id core.ID, minor core.Amount) (sale.Refund, bool, error) {
	p, err := l.Purchase(ctx, id)
	if err != nil {
		return sale.Refund{}, false, err
	}
	return keyedOnce(ctx, l, &keyed[sale.Refund]{
		operation: opRefund, key: key, account: AccountKey{p.Customer, p.Unit}, fields: fieldList("purchase", string(id), "amount", number(minor)),
		names: func(b *Batch) { b.Records = append(b.Records, purchaseKey(id)) },
		decide: func(tx *Tx, req *Request) (sale.Refund, error) {
			p, err := tx.purchaseIn(id)
			if err != nil {
				return sale.Refund{}, err
			}
			money, err := p.Refund(minor)
			if err != nil {
				return sale.Refund{}, err
			}
			r := sale.Refund{
				ID: core.NewID(sale.RefundID, p.Customer, opRefund, key, 0), Purchase: p.ID, Customer: p.Customer, Unit: req.Unit, Amount: money, At: tx.Now,
			}
			p.Returning = max(p.Returning, p.Reversed().Minor+p.Unmade) + money.Minor
			if err := tx.PutRecord(purchaseKey(id), p); err != nil {
				return r, err
			}
			if out, ok := tx.ledger.options.Outward.(refunder); ok {
				tx.Send(out.OnRefund(tx.Now, p, r)...)
			}
			return r, nil
		},
	})
}
