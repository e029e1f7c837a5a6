package sandbox

import (
	"slices"
)

// topUp is what is put into a wallet at once: credits that have to be paid, and
// credits that are given.
type topUp struct {
	Paid            dec
	Granted         dec
	Source          string
	RequiresPayment bool
	Metadata        []pair
	Priority        int
	Name            *string
	Order           *string
	Method          method
}

// topUp writes the transactions of a top-up. An amount of no money is left out
// without a word.
func (w *world) topUp(x *wallet, t topUp) []*txn {
	var out []*txn
	if sum, err := toppedUp(t.Paid, x.Rate, x.Currency); err == nil && t.Paid.sign() > 0 {
		one := w.newTxn(x, t, purchased, inbound, sum)
		w.later("bill_credits", one.ID, 0, nil)
		out = append(out, one)
	}
	if sum, err := w.granted(t.Granted, x); err == nil && t.Granted.sign() > 0 {
		one := w.newTxn(x, t, granted, inbound, sum)
		w.settle(x, one)
		out = append(out, one)
	}
	return out
}

// granted is what granted credits become: before v1.48 they stayed as they
// were.
func (w *world) granted(credits dec, x *wallet) (worth, error) {
	if w.since(v148) {
		return toppedUp(credits, x.Rate, x.Currency)
	}
	return takenOff(credits, x.Rate, x.Currency)
}

// newTxn writes a transaction that has moved nothing yet.
func (w *world) newTxn(x *wallet, t topUp, kind, direction string, sum worth) *txn {
	one := w.st.Txns.add(&txn{
		ID: w.uuid(), Wallet: x.ID, Status: pending, Source: t.Source, Kind: kind, Type: direction, Cents: sum.Cents, Credits: sum.Credits,
		Priority: t.Priority, Order: t.Order, Created: w.now, RequiresPayment: t.RequiresPayment, Metadata: t.Metadata, Name: t.Name, Method: t.Method,
	})
	if w.st.byWallet != nil {
		w.st.byWallet[x.ID] = append(w.st.byWallet[x.ID], one)
	}
	w.tellTxn("wallet_transaction.created", one)
	return one
}

// txnsOf are a wallet's transactions, oldest first.
func (w *world) txnsOf(wallet string) []*txn {
	if w.st.byWallet == nil {
		w.st.byWallet = map[string][]*txn{}
		for _, t := range w.st.Txns.Rows {
			w.st.byWallet[t.Wallet] = append(w.st.byWallet[t.Wallet], t)
		}
	}
	return w.st.byWallet[wallet]
}

// walletsOf are a customer's wallets, oldest first.
func (w *world) walletsOf(customer string) []*wallet {
	if w.st.byOwner == nil {
		w.st.byOwner = map[string][]*wallet{}
		for _, x := range w.st.Wallets.Rows {
			w.st.byOwner[x.Customer] = append(w.st.byOwner[x.Customer], x)
		}
	}
	return w.st.byOwner[customer]
}

// settle makes an inbound transaction count, whatever the wallet's status is.
func (w *world) settle(x *wallet, t *txn) {
	t.Status, t.Settled, t.Failed, t.Remaining = settled, &w.now, nil, t.Cents
	x.Credits, x.Balance, x.LastSync = x.Credits.add(t.Credits), x.Balance+t.Cents, &w.now
	w.moved(x)
	w.refresh(x.Customer)
}

// moved tells that a wallet's balance changed; the ongoing one follows at the
// next refresh.
func (w *world) moved(x *wallet) {
	w.tell("wallet.updated", "wallet", func() obj { return w.walletNotice(x) })
}

// takeOff makes an outbound transaction count: from one grant, or else from all
// in the order of the wallet.
func (w *world) takeOff(x *wallet, t *txn, from *txn) {
	t.Status, t.Settled = settled, &w.now
	x.Credits, x.Balance = x.Credits.sub(t.Credits), x.Balance-t.Cents
	x.Consumed, x.ConsumedCents = x.Consumed.add(t.Credits), x.ConsumedCents+t.Cents
	x.LastSync, x.LastConsumed = &w.now, &w.now
	rest := t.Cents
	for _, g := range w.grants(x) {
		if from != nil && g != from || rest == 0 {
			continue
		}
		part := min(rest, g.Remaining)
		g.Remaining, rest = g.Remaining-part, rest-part
		w.st.Consumptions.add(&consumption{ID: w.uuid(), Inbound: g.ID, Outbound: t.ID, Cents: part, Created: w.now})
	}
	w.moved(x)
}

// grants are the transactions that have something left, in the order in which
// they are used.
func (w *world) grants(x *wallet) []*txn {
	var out []*txn
	for _, t := range w.txnsOf(x.ID) {
		if t.Type == inbound && t.Status == settled && t.Remaining > 0 {
			out = append(out, t)
		}
	}
	slices.SortStableFunc(out, func(a, b *txn) int {
		if a.Priority != b.Priority {
			return a.Priority - b.Priority
		}
		return rank(a) - rank(b)
	})
	return out
}

func rank(t *txn) int {
	if t.Kind == granted {
		return 0
	}
	return 1
}

func (w *world) remaining(x *wallet) int64 {
	var sum int64
	for _, t := range w.grants(x) {
		sum += t.Remaining
	}
	return sum
}

// recredit gives back what a voided invoice took, as a new grant. It says false
// where the wallet is gone.
func (w *world) recredit(out *txn, invoice string) bool {
	x, ok := w.st.Wallets.get(out.Wallet)
	if !ok || x.Status != active {
		return false
	}
	sum, err := toppedUp(out.Credits, x.Rate, x.Currency)
	if err != nil || sum.Cents == 0 {
		return err == nil
	}
	one := w.newTxn(x, topUp{Source: manual, Priority: defaultPriority, Method: method{Type: "provider"}}, granted, inbound, sum)
	one.VoidedInvoice = textOf(invoice)
	x.unconsume(sum)
	w.settle(x, one)
	return true
}

// unconsume takes something off what a wallet has consumed, down to zero.
func (x *wallet) unconsume(sum worth) {
	x.Consumed = most(x.Consumed.sub(sum.Credits), dec{})
	x.ConsumedCents = max(x.ConsumedCents-sum.Cents, 0)
}

// breakdown splits what outbound transactions took into granted and purchased
// credits.
func (w *world) breakdown(list []*txn) (fromGranted, fromPurchased int64) {
	for _, c := range w.st.Consumptions.Rows {
		if !slices.ContainsFunc(list, func(t *txn) bool { return t.ID == c.Outbound }) {
			continue
		}
		if g, ok := w.st.Txns.get(c.Inbound); ok && g.Kind == granted {
			fromGranted += c.Cents
		} else {
			fromPurchased += c.Cents
		}
	}
	return fromGranted, fromPurchased
}
