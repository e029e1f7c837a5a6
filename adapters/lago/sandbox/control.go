package sandbox

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"

	"scrip/adapters/sandbox"
)

// pay lets an invoice be paid, fail, be refunded or be lost to a dispute. It
// takes the id of an invoice or of a purchase of credits.
func pay(a *sandbox.Account, p sandbox.Payment) error {
	w := worldOf(a)
	defer w.flush()
	x, ok := w.st.Invoices.get(p.Object)
	if t, is := w.st.Txns.get(p.Object); !ok && is && t.Kind == purchased && t.Invoice != nil {
		x, ok = w.st.Invoices.get(*t.Invoice)
	}
	if !ok {
		return refusal(http.StatusNotFound, "there is no invoice %q; pay takes the id of an invoice or of a purchased transaction", p.Object)
	}
	switch p.Outcome {
	case "paid", "failed":
		if !payable(x) {
			return refusal(http.StatusConflict, "invoice %s is %s, its payment %s, and takes none", x.ID, x.Status, x.PaymentStatus)
		}
		if p.Outcome == "failed" {
			w.collect(x, failed)
			return nil
		}
		sum, err := asked(p, x.due())
		if err != nil {
			return err
		}
		w.received(x, sum, "provider", nil)
		return nil
	case "refunded":
		sum, err := asked(p, x.Paid-x.Refunded)
		if err != nil {
			return err
		}
		if err := w.refundable(x, sum); err != nil {
			return refusal(http.StatusConflict, "invoice %s cannot be refunded: %v", x.ID, err)
		}
		w.refund(x, sum, "other")
		return nil
	case "disputed":
		if x.PaymentStatus != succeeded {
			return refusal(http.StatusConflict, "invoice %s is not paid", x.ID)
		}
		w.dispute(x)
		return nil
	default:
		return refusal(http.StatusUnprocessableEntity, "not_supported: this vendor tells only of disputes that are lost; use disputed")
	}
}

// asked is the amount of a payment in minor units, everything by default.
func asked(p sandbox.Payment, all int64) (int64, error) {
	if p.Amount == "" {
		return all, nil
	}
	sum, err := p.Amount.Int64()
	if err != nil || sum <= 0 || sum > all {
		return 0, refusal(http.StatusBadRequest, "amount %q is not a number of minor units between 1 and %d", p.Amount, all)
	}
	return sum, nil
}

// mutate changes an object as a person in the vendor's database, or a bug,
// might: nothing follows from it but what is asked for.
func mutate(a *sandbox.Account, m sandbox.Mutation) error {
	w := worldOf(a)
	defer w.flush()
	w.st.byWallet, w.st.byOwner = nil, nil
	switch m.Object {
	case "customer":
		return mutated(w, m, &w.st.Customers, func(x *customer) { w.mutatedCustomer(m, x) }, w.duplicateCustomer)
	case "wallet":
		return mutated(w, m, &w.st.Wallets, func(x *wallet) {
			w.note(m, "wallet.updated", "wallet", func() obj { return w.walletNotice(x) })
		}, func(x *wallet) { x.ID = w.uuid() })
	case "grant", "wallet_transaction":
		return mutated(w, m, &w.st.Txns, func(x *txn) {
			w.note(m, "wallet_transaction.updated", "wallet_transaction", func() obj { return w.txnNotice(x) })
		}, func(x *txn) { x.ID = w.uuid() })
	case "invoice":
		return mutated(w, m, &w.st.Invoices, func(x *invoice) {
			w.note(m, "invoice.payment_status_updated", "invoice", func() obj { return w.renderInvoice(x) })
		}, func(x *invoice) { x.ID = w.uuid() })
	default:
		return refusal(http.StatusBadRequest, "object %q cannot be changed; use customer, wallet, wallet_transaction or invoice", m.Object)
	}
}

func (w *world) note(m sandbox.Mutation, typ, object string, render func() obj) {
	if m.Webhook {
		w.tell(typ, object, render)
	}
}

func (w *world) mutatedCustomer(m sandbox.Mutation, x *customer) {
	w.note(m, "customer.updated", "customer", func() obj { return w.renderCustomer(x) })
}

func (w *world) duplicateCustomer(x *customer) {
	x.ID, x.Sequence, x.External = w.uuid(), len(w.st.Customers.Rows)+1, x.External+"-copy"
}

// mutated does to a row what is asked.
func mutated[T any, P interface {
	*T
	row
}](w *world, m sandbox.Mutation, rows *table[P], tell, rename func(P)) error {
	x, ok := rows.get(m.ID)
	if !ok {
		return refusal(http.StatusNotFound, "there is no %s %q", m.Object, m.ID)
	}
	if m.Op == "delete" {
		if w.forget(x) {
			rows.remove(m.ID)
		}
		return nil
	}
	changed, err := altered[T, P](x, m)
	if err != nil {
		return err
	}
	if m.Op == "duplicate" {
		rename(changed)
		tell(rows.add(changed))
		return nil
	}
	*x = *changed
	tell(x)
	return nil
}

// forget takes away what hangs on a row, so that nothing names what is not there,
// and says whether the row itself goes: customers are only marked.
func (w *world) forget(x row) bool {
	switch gone := x.(type) {
	case *customer:
		gone.Deleted = &w.now
		return false
	case *wallet:
		for _, t := range slices.Clone(w.st.Txns.Rows) {
			if t.Wallet == gone.ID && w.forget(t) {
				w.st.Txns.remove(t.ID)
			}
		}
	case *txn:
		for _, c := range slices.Clone(w.st.Consumptions.Rows) {
			if c.Inbound == gone.ID || c.Outbound == gone.ID {
				w.st.Consumptions.remove(c.ID)
			}
		}
	case *invoice:
		for _, t := range w.st.Txns.Rows {
			if or(t.Invoice, "") == gone.ID {
				t.Invoice = nil
			}
		}
		for _, p := range slices.Clone(w.st.Payments.Rows) {
			if p.Invoice == gone.ID {
				w.st.Payments.remove(p.ID)
			}
		}
		for _, n := range slices.Clone(w.st.Notes.Rows) {
			if n.Invoice == gone.ID {
				w.st.Notes.remove(n.ID)
			}
		}
	}
	return true
}

// altered is a copy of a row with some fields set, by the names that a snapshot
// shows; the id stays.
func altered[T any, P interface {
	*T
	row
}](x P, m sandbox.Mutation) (P, error) {
	text, err := json.Marshal(x)
	if err != nil {
		return nil, err
	}
	out := P(new(T))
	if err := json.Unmarshal(text, out); err != nil {
		return nil, err
	}
	fields, err := json.Marshal(m.Fields)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(fields))
	dec.DisallowUnknownFields()
	if err := dec.Decode(out); err != nil {
		return nil, refusal(http.StatusBadRequest, "fields do not fit a %s: %v", m.Object, err)
	}
	if out.key() != x.key() {
		return nil, refusal(http.StatusBadRequest, "the id of a %s cannot be changed", m.Object)
	}
	return out, nil
}
