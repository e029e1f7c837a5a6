package sandbox

import (
	"time"

	"scrip/adapters/sandbox"
)

// due is the next instant at which a block expires, a draft is issued or a
// top-up becomes active.
func due(a *sandbox.Account) (time.Time, bool) {
	w := worldOf(a)
	var next *time.Time
	consider := func(t time.Time) {
		if next == nil || t.Before(*next) {
			next = &t
		}
	}
	for _, l := range w.st.Ledgers.Rows {
		for _, b := range l.Blocks {
			if b.Expiry != nil && !b.Expired && (next == nil || b.Expiry.Add(-2*day).Before(*next)) {
				consider(w.expiryOf(l, b))
			}
		}
	}
	for _, x := range w.st.Invoices.Rows {
		if x.Status == draft {
			consider(x.Date)
		}
	}
	for _, t := range w.st.TopUps.Rows {
		if t.ActiveFrom != nil {
			consider(*t.ActiveFrom)
		}
	}
	if next == nil {
		return time.Time{}, false
	}
	return *next, true
}

// runDue does everything that is due; none of it stays due.
func runDue(a *sandbox.Account) {
	w := worldOf(a)
	for _, l := range w.st.Ledgers.Rows {
		before := l.Sequence
		for _, b := range l.Blocks {
			if b.Expiry != nil && !b.Expired && !w.expiryOf(l, b).After(w.now) {
				w.expire(l, b)
			}
		}
		if l.Sequence != before {
			w.touched(l)
		}
	}
	for _, x := range w.st.Invoices.Rows {
		if x.Status == draft && !x.Date.After(w.now) {
			w.issue(x)
		}
	}
	for _, t := range w.st.TopUps.Rows {
		if t.ActiveFrom == nil || t.ActiveFrom.After(w.now) {
			continue
		}
		t.ActiveFrom = nil
		if l, ok := w.st.Ledgers.get(t.Ledger); ok {
			w.touched(l)
		}
	}
}

// view shows customers, blocks and invoices. Consumed is what ledger entries
// of the API took away less what amendments gave back.
func view(a *sandbox.Account) []sandbox.Customer {
	w := worldOf(a)
	list, byID := []sandbox.Customer{}, map[string]int{}
	for _, x := range w.st.Customers.Rows {
		if !x.gone(w.now) {
			byID[x.ID] = len(list)
			list = append(list, sandbox.Customer{ID: x.ID, ExternalID: or(x.ExternalID, ""), Grants: []sandbox.Grant{}, Invoices: []sandbox.Invoice{}})
		}
	}
	total, meters := make([]amount, len(list)), make([]map[string]string, len(list))
	for _, l := range w.st.Ledgers.Rows {
		i, ok := byID[l.Customer]
		if !ok {
			continue
		}
		for _, b := range l.Blocks {
			list[i].Grants = append(list[i].Grants, w.viewBlock(l, b))
		}
		used := l.consumed()
		total[i] = total[i].add(used)
		if used.sign() != 0 {
			if meters[i] == nil {
				meters[i] = map[string]string{}
			}
			meters[i][l.Unit] = used.String()
		}
	}
	for i := range list {
		list[i].Consumed = total[i].String()
		if len(meters[i]) > 1 {
			list[i].Meters = meters[i]
		}
	}
	for _, x := range w.st.Invoices.Rows {
		if i, ok := byID[x.Customer]; ok {
			list[i].Invoices = append(list[i].Invoices, viewInvoice(x))
		}
	}
	return list
}

func (l *ledger) consumed() amount {
	var sum amount
	for _, e := range l.Entries {
		if e.Type == decrement || e.Type == amendment {
			sum = sum.sub(e.Delta)
		}
	}
	return sum
}

func viewInvoice(x *invoice) sandbox.Invoice {
	places := minorPlaces(x.Currency)
	out := sandbox.Invoice{ID: x.ID, Status: x.Status, Currency: x.Currency, Total: x.Total.fixed(places), PayURL: x.PayURL, Metadata: map[string]string{}}
	settled := amount{}
	if x.Status == paid {
		settled = x.Total
	}
	out.Paid = settled.fixed(places)
	return out
}

func (w *world) viewBlock(l *ledger, b *block) sandbox.Grant {
	category := "promotional"
	if b.basis().sign() > 0 {
		category = "paid"
	}
	state := b.Status
	switch {
	case b.Voided && b.Balance.sign() <= 0:
		state = "void"
	case b.Expired:
		state = "expired"
	case b.Debt:
		state = "debt"
	case b.Status == active && b.Effective != nil && b.Effective.After(w.now):
		state = "future"
	}
	instant := func(t *time.Time) *string {
		if t == nil {
			return nil
		}
		s := sandbox.Stamp(*t)
		return &s
	}
	return sandbox.Grant{
		ID: b.ID, Amount: or(b.Initial, amount{}).String(), Remaining: b.Balance.String(), Unit: l.Unit, EffectiveAt: instant(b.Effective),
		ExpiresAt: instant(b.Expiry), Category: category, Metadata: b.Metadata, State: state,
	}
}
