package sandbox

import (
	"time"

	"scrip/adapters/sandbox"
)

// view shows customers, grants and invoices. A grant is an inbound transaction.
// Consumed is what invoices and voids took, in money, but for voids that say in
// their metadata that they withdraw a grant, less what came back.
func view(a *sandbox.Account) []sandbox.Customer {
	w := worldOf(a)
	list, byID := []sandbox.Customer{}, map[string]int{}
	for _, x := range w.st.Customers.Rows {
		if x.Deleted == nil {
			byID[x.ID] = len(list)
			list = append(list, sandbox.Customer{ID: x.ID, ExternalID: x.External, Consumed: "0", Grants: []sandbox.Grant{}, Invoices: []sandbox.Invoice{}})
		}
	}
	total := make([]dec, len(list))
	for _, x := range w.st.Wallets.Rows {
		i, ok := byID[x.Customer]
		if !ok {
			continue
		}
		cents := x.ConsumedCents
		for _, t := range w.txnsOf(x.ID) {
			switch grant, window := said(t, "scrip_grant"), said(t, "scrip_window"); {
			case t.Type == outbound && grant && !window:
				cents -= t.Cents
			case t.Type == inbound && window:
				cents -= t.Cents
			}
		}
		total[i] = total[i].add(major(cents, x.Currency))
		list[i].Consumed = fixedText(total[i], exponent(x.Currency))
		for _, t := range w.txnsOf(x.ID) {
			if t.Type == inbound {
				list[i].Grants = append(list[i].Grants, viewGrant(x, t))
			}
		}
	}
	for _, x := range w.st.Invoices.Rows {
		if i, ok := byID[x.Customer]; ok {
			list[i].Invoices = append(list[i].Invoices, w.viewInvoice(x))
		}
	}
	return list
}

// said reports whether a transaction's metadata has a key.
func said(t *txn, key string) bool {
	for _, p := range t.Metadata {
		if p.Key == key {
			return true
		}
	}
	return false
}

// viewGrant is a grant as all sandboxes show one: what a wallet that is gone
// still holds cannot be used, so nothing of it remains.
func viewGrant(x *wallet, t *txn) sandbox.Grant {
	category, state := "promotional", t.Status
	if t.Kind == purchased {
		category = "paid"
	}
	left := t.Remaining
	switch {
	case x.Status == terminated:
		left, state = 0, terminated
		if x.Expiration != nil && !x.Expiration.After(*x.Terminated) {
			state = "expired"
		}
	case t.Status == settled && left == 0:
		state = "spent"
	}
	places, priority := exponent(x.Currency), t.Priority
	metadata := map[string]string{}
	for _, p := range t.Metadata {
		metadata[p.Key] = p.Value
	}
	return sandbox.Grant{
		ID: t.ID, Amount: fixedText(major(t.Cents, x.Currency), places), Remaining: fixedText(major(left, x.Currency), places), Unit: x.Currency,
		EffectiveAt: viewInstant(t.Settled), ExpiresAt: viewInstant(x.Expiration), Priority: &priority, Category: category, Metadata: metadata, State: state,
	}
}

func fixedText(x dec, places int) string { return x.rat().FloatString(places) }

func viewInstant(t *time.Time) *string {
	if t == nil {
		return nil
	}
	s := sandbox.Stamp(*t)
	return &s
}

func (w *world) viewInvoice(x *invoice) sandbox.Invoice {
	places := exponent(x.Currency)
	out := sandbox.Invoice{
		ID: x.ID, Status: x.Status, Currency: x.Currency, Total: fixedText(major(x.total(), x.Currency), places),
		Paid: fixedText(major(x.Paid, x.Currency), places), Metadata: map[string]string{},
	}
	if x.Status == finalized && x.PaymentStatus == succeeded {
		out.Status = "paid"
	}
	if x.Link {
		out.PayURL = w.a.BaseURL() + "/_sandbox/invoice/" + x.ID
	}
	for _, p := range x.Metadata {
		out.Metadata[p.Key] = p.Value
	}
	return out
}

// hosted is the page behind a payment link.
func hosted(a *sandbox.Account, id string) (sandbox.HostedPage, bool) {
	x, ok := worldOf(a).st.Invoices.get(id)
	if !ok {
		return sandbox.HostedPage{}, false
	}
	return sandbox.HostedPage{
		Title:   "Invoice " + x.Number,
		Lines:   []string{"Amount due: " + fixedText(major(x.due(), x.Currency), exponent(x.Currency)) + " " + x.Currency, "Status: " + x.Status + ", payment " + x.PaymentStatus},
		Payable: payable(x),
	}, true
}

func payable(x *invoice) bool {
	return (x.Status == finalized || x.Status == open) && x.PaymentStatus != succeeded
}
