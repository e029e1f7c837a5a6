package ledger

import (
	"context"
	"encoding/json"
	"strconv"

	"scrip/core"
	"scrip/core/sale"
)

func purchaseKey(id core.ID) RecordKey { return RecordKey{PurchaseKind, string(id)} }

// Buy records that a customer has chosen a pack. p brings everything but the
// id, the state and the time.
func (l *Ledger) Buy(ctx context.Context, key string, p sale.Purchase) (sale.Purchase, bool, error) {
	p.ID = core.NewID(core.PurchaseID, p.Customer, OpPurchase, key, 0)
	return keyedOnce(ctx, l, &keyed[sale.Purchase]{
		operation: OpPurchase, key: key, account: AccountKey{p.Customer, p.Unit},
		fields: fieldList("customer", p.Customer, "pack", p.Pack, "quantity", packsField(p.Quantity), "amount", p.Asked),
		names: func(b *Batch) {
			b.Records = append(b.Records, customerKey(p.Customer), purchaseKey(p.ID))
		},
		decide: func(tx *Tx, _ *Request) (sale.Purchase, error) {
			if tx.Record(customerKey(p.Customer)) == nil {
				return sale.Purchase{}, core.InField(core.Errorf(core.CodeUnknownCustomer, "customer %q does not exist, create it first", p.Customer), "customer")
			}
			p := p
			p.State, p.Created = sale.Pending, tx.Now
			if err := tx.PutRecord(purchaseKey(p.ID), p); err != nil {
				return sale.Purchase{}, err
			}
			if out := tx.ledger.options.Outward; out != nil {
				tx.Send(out.OnPurchase(tx.Now, p)...)
			}
			return p, nil
		},
	})
}

// packsField is a number of packs; one is not written.
func packsField(n int64) string {
	if n <= 1 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// Purchase reads a purchase, or a not_found error.
func (l *Ledger) Purchase(ctx context.Context, id core.ID) (sale.Purchase, error) {
	r, err := l.Reader().Records.Record(ctx, purchaseKey(id))
	if err != nil {
		return sale.Purchase{}, err
	}
	if r == nil || r.Deleted {
		return sale.Purchase{}, core.Errorf(core.CodeNotFound, "purchase %q does not exist", string(id))
	}
	var p sale.Purchase
	return p, json.Unmarshal(r.Body, &p)
}

// paymentKey is the natural key of a purchase's payment: however many events
// speak of it, and at however many objects, it grants once.
func paymentKey(id core.ID) string { return "purchase/" + string(id) }

// NamesPayment names what [Tx.Pay] and [Tx.FailPayment] must see.
func (l *Ledger) NamesPayment(b *Batch, p sale.Purchase) {
	account := l.Current(AccountKey{p.Customer, p.Unit})
	b.Records = append(b.Records, customerKey(p.Customer), purchaseKey(p.ID), RetiredKey(account.Unit))
	b.Accounts = append(b.Accounts, account)
	b.Naturals = append(b.Naturals, paymentKey(p.ID))
}

// purchaseIn reads a named purchase.
func (tx *Tx) purchaseIn(id core.ID) (sale.Purchase, error) {
	r := tx.Record(purchaseKey(id))
	if r == nil {
		return sale.Purchase{}, core.Errorf(core.CodeNotFound, "purchase %q does not exist", string(id))
	}
	var p sale.Purchase
	return p, json.Unmarshal(r.Body, &p)
}

// Pay applies a proven payment: the purchase becomes paid and its credits are
// granted, once. fresh is false when the payment had been applied before. A
// payment that proves nothing is a refusal and changes nothing.
func (tx *Tx) Pay(pay sale.Payment) (p sale.Purchase, fresh bool, err error) {
	if p, err = tx.purchaseIn(pay.Purchase); err != nil {
		return p, false, err
	}
	if tx.Natural(paymentKey(p.ID)) != "" {
		return p, false, nil
	}
	if err := p.Prove(pay); err != nil {
		return p, false, err
	}
	if p.Credits == 0 { // it pays for what was used already
		tx.UseNatural(paymentKey(p.ID), p.ID)
		p.State, p.Object = sale.Paid, pay.Object
		if p.Period != nil {
			p.Period.Idle = !tx.periodPaid(&p)
		}
		if p.Returns != nil { // that money went back was told before that it came
			p.State = p.Outcome()
		}
		return p, true, tx.PutRecord(purchaseKey(p.ID), p)
	}
	was := AccountKey{p.Customer, p.Unit}
	account := tx.ledger.Current(was)
	if account != was { // it was under way when its unit was converted
		bought := core.Grant{Terms: core.Terms{Amount: p.Credits, Paid: p.Price}}
		if p.Credits, err = tx.ledger.late(p.Unit, bought, p.Credits); err != nil {
			return p, false, err
		}
		p.Unit = account.Unit
	}
	a, err := tx.OpenAccount(account)
	if err != nil {
		return p, false, err
	}
	a.Settle(tx.Now)
	p.Until = until(a, &p)
	g, err := tx.issue(a, p.Terms(core.NewID(core.GrantID, p.Customer, OpPurchase, string(p.ID), 0), tx.Now), nil)
	if err != nil {
		return p, false, err
	}
	if err := tx.paid(a, &p); err != nil {
		return p, false, err
	}
	tx.UseNatural(paymentKey(p.ID), g.ID)
	p.State, p.Object, p.Grant = sale.Paid, pay.Object, g.ID
	if p.Returns != nil { // that money went back was told before that it came
		if err := tx.settleClaims(&p, p.Returns.Last()); err != nil {
			return p, false, err
		}
	}
	return p, true, tx.PutRecord(purchaseKey(p.ID), p)
}

// FailPayment marks a pending purchase failed; a paid one stays paid.
func (tx *Tx) FailPayment(id core.ID) (changed bool, err error) {
	p, err := tx.purchaseIn(id)
	if err != nil || p.State != sale.Pending {
		return false, err
	}
	p.State = sale.Failed
	tx.declined(&p)
	return true, tx.PutRecord(purchaseKey(id), p)
}

// NamesPurchase names what [Tx.OfferPayment] must see.
func NamesPurchase(b *Batch, id core.ID) { b.Records = append(b.Records, purchaseKey(id)) }

// OfferPayment records where the customer pays for a purchase.
func (tx *Tx) OfferPayment(id core.ID, url string) error {
	p, err := tx.purchaseIn(id)
	if err != nil || p.PayURL == url || url == "" {
		return err
	}
	p.PayURL = url
	return tx.PutRecord(purchaseKey(id), p)
}
