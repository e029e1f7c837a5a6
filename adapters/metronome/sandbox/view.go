package sandbox

import (
	"math/big"
	"time"

	"scrip/adapters/sandbox"
)

// major is an amount in whole units of its credit type: dollars are kept in
// cents, all else as it is.
func major(unit string, x amount) *big.Rat {
	if unit == usdCents {
		return x.hundredth()
	}
	return x.rat()
}

// view shows customers, grants and invoices. Consumed is what manual entries
// and invoices took away, less what manual entries gave back.
func view(a *sandbox.Account) []sandbox.Customer {
	w := worldOf(a)
	list, byID := []sandbox.Customer{}, map[string]int{}
	for _, x := range w.st.Customers.Rows {
		if x.Archived == nil {
			byID[x.ID] = len(list)
			list = append(list, sandbox.Customer{ID: x.ID, ExternalID: x.ExternalID, Grants: []sandbox.Grant{}, Invoices: []sandbox.Invoice{}})
		}
	}
	total, meters := make([]*big.Rat, len(list)), make([]map[string]*big.Rat, len(list))
	for i := range list {
		total[i], meters[i] = new(big.Rat), map[string]*big.Rat{}
	}
	for _, x := range w.st.Grants.Rows {
		i, ok := byID[x.Customer]
		if !ok {
			continue
		}
		list[i].Grants = append(list[i].Grants, w.viewGrant(x))
		u, _ := w.unit(x.Unit)
		used := major(x.Unit, w.consumed(x))
		if meters[i][u.label()] == nil {
			meters[i][u.label()] = new(big.Rat)
		}
		total[i].Add(total[i], used)
		meters[i][u.label()].Add(meters[i][u.label()], used)
	}
	for i := range list {
		list[i].Consumed = exact(total[i])
		if len(meters[i]) > 1 {
			list[i].Meters = map[string]string{}
			for name, sum := range meters[i] {
				list[i].Meters[name] = exact(sum)
			}
		}
	}
	for _, x := range w.st.Invoices.Rows {
		if i, ok := byID[x.Customer]; ok {
			_, sum := w.bill(x)
			u, _ := w.unit(x.Unit)
			list[i].Invoices = append(list[i].Invoices, sandbox.Invoice{
				ID: x.ID, Status: lower(x.Status), Currency: u.label(), Total: exact(major(x.Unit, sum)), Paid: "0", Metadata: map[string]string{},
			})
		}
	}
	return list
}

func (w *world) consumed(x *grant) amount {
	var sum amount
	for _, m := range x.Manuals {
		sum = sum.sub(m.Amount)
	}
	for _, s := range x.Segments {
		for _, d := range w.deductions(x, s, true) {
			if d.invoice.Status != void {
				sum = sum.add(d.amount)
			}
		}
	}
	return sum
}

func (w *world) viewGrant(x *grant) sandbox.Grant {
	u, _ := w.unit(x.Unit)
	out := sandbox.Grant{ID: x.ID, Unit: u.label(), Category: "promotional", Metadata: map[string]string{}, State: "expired"}
	var sum, left amount
	var first, last time.Time
	for _, s := range x.Segments {
		sum = sum.add(s.Amount)
		if first.IsZero() || s.Start.Before(first) {
			first = s.Start
		}
		if s.End.After(last) {
			last = s.End
		}
		if x.Archived == nil && s.End.After(w.now) {
			left = left.add(w.rest(x, s, true))
			out.State = "active"
		}
	}
	if out.State == "active" && first.After(w.now) {
		out.State = "future"
	}
	if x.Archived != nil {
		out.State = "archived"
	}
	out.Amount, out.Remaining = exact(major(x.Unit, sum)), exact(major(x.Unit, left))
	if x.paid() {
		out.Category = "paid"
	}
	from, to := sandbox.Stamp(first), sandbox.Stamp(last)
	out.EffectiveAt, out.ExpiresAt = &from, &to
	if x.Priority != nil {
		if n := x.Priority.rat(); n.IsInt() && n.Num().IsInt64() {
			p := int(n.Num().Int64())
			out.Priority = &p
		}
	}
	for k, v := range map[string]string{"name": x.Name, "description": x.Description, "uniqueness_key": x.Key} {
		if v != "" {
			out.Metadata[k] = v
		}
	}
	for k, v := range x.Custom {
		out.Metadata[k] = v
	}
	return out
}
