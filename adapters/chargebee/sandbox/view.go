package sandbox

import (
	"encoding/json"
	"slices"
	"time"

	"scrip/adapters/sandbox"
)

// withdrawn marks, in a capture's metadata, that it takes back a grant and is
// no consumption.
const withdrawn = "withdrawn"

// due is the next instant at which a hold is released, a block expires or a
// subscription renews.
func due(a *sandbox.Account) (time.Time, bool) {
	w := worldOf(a)
	next := int64(0)
	consider := func(at int64) {
		if next == 0 || at < next {
			next = at
		}
	}
	for _, x := range w.st.Accounts.Rows {
		for _, b := range x.Blocks {
			if !b.Ended && b.Expires < farAway {
				consider(w.end(b))
			}
		}
	}
	for _, id := range w.st.Held {
		if op, ok := w.st.Operations.get(id); ok {
			consider(op.AutoRelease)
		}
	}
	for _, s := range w.st.Subscriptions.Rows {
		if s.lives() && !s.Deleted {
			consider(s.TermEnd)
		}
	}
	return time.Unix(next, 0).UTC(), next != 0
}

// runDue does everything that is due; none of it stays due. Holds go back
// before their block expires.
func runDue(a *sandbox.Account) {
	w := worldOf(a)
	for _, id := range slices.Clone(w.st.Held) {
		op, ok := w.st.Operations.get(id)
		if !ok || op.AutoRelease > w.at() {
			continue
		}
		if x, ok := w.st.Accounts.get(op.Subscription + "/" + op.Unit); ok {
			p := w.posting(x)
			p.release(op, operation{})
			p.tell("scheduled_job")
		}
	}
	for _, x := range w.st.Accounts.Rows {
		p := w.posting(x)
		for _, b := range x.Blocks {
			if !b.Ended && b.Expires < farAway && w.end(b) <= w.at() {
				p.expire(b)
			}
		}
		if len(p.ops) > 0 {
			p.tell("scheduled_job")
		}
	}
	for _, s := range w.st.Subscriptions.Rows {
		if s.lives() && !s.Deleted && s.TermEnd <= w.at() {
			w.renew(s)
		}
	}
}

// view shows customers with the provisioned blocks of all their subscriptions,
// and invoices. Consumed is what was captured, but for captures that say in
// their metadata that they withdraw a grant.
func view(a *sandbox.Account) []sandbox.Customer {
	w := worldOf(a)
	list, index, owner := []sandbox.Customer{}, map[string]int{}, map[string]int{}
	for _, x := range w.st.Customers.Rows {
		if !x.Deleted {
			index[x.ID] = len(list)
			list = append(list, sandbox.Customer{ID: x.ID, ExternalID: x.external(), Grants: []sandbox.Grant{}, Invoices: []sandbox.Invoice{}})
		}
	}
	for _, s := range w.st.Subscriptions.Rows {
		if i, ok := index[s.Customer]; ok {
			owner[s.ID] = i
		}
	}
	for _, x := range w.st.Accounts.Rows {
		i, ok := owner[x.Subscription]
		for _, b := range x.Blocks {
			if ok && !b.Overdraft {
				list[i].Grants = append(list[i].Grants, w.viewBlock(x, b))
			}
		}
	}
	used := map[int]map[string]amount{}
	for _, op := range w.st.Operations.Rows {
		i, ok := owner[op.Subscription]
		if !ok || op.Type != capture && op.Type != captureHeld || flagged(op.Meta) {
			continue
		}
		if used[i] == nil {
			used[i] = map[string]amount{}
		}
		used[i][op.Unit] = used[i][op.Unit].add(op.Amount)
	}
	for i := range list {
		var total amount
		for unit, n := range used[i] {
			total = total.add(n)
			if len(used[i]) > 1 {
				if list[i].Meters == nil {
					list[i].Meters = map[string]string{}
				}
				list[i].Meters[unit] = n.String()
			}
		}
		list[i].Consumed = total.String()
	}
	for _, x := range w.st.Invoices.Rows {
		if i, ok := index[x.Customer]; ok && !x.Deleted {
			list[i].Invoices = append(list[i].Invoices, w.viewInvoice(x))
		}
	}
	return list
}

func flagged(meta json.RawMessage) bool {
	var m map[string]json.RawMessage
	return json.Unmarshal(meta, &m) == nil && m[withdrawn] != nil
}

func (w *world) viewBlock(x *account, b *block) sandbox.Grant {
	from, until := sandbox.Stamp(time.Unix(b.From, 0)), sandbox.Stamp(time.Unix(b.Expires, 0))
	category := "promotional"
	if b.Source == "top_up" {
		category = "paid"
	}
	meta := map[string]string{}
	var raw map[string]json.RawMessage
	if json.Unmarshal(b.Meta, &raw) == nil {
		for k, v := range raw {
			var s string
			if json.Unmarshal(v, &s) != nil {
				s = string(v)
			}
			meta[k] = s
		}
	}
	if c := meta["category"]; c == "paid" || c == "promotional" {
		category = c // the vendor has no field for it
	}
	state := w.status(b)
	if b.Ended && b.Expired.sign() > 0 {
		state = "expired"
	}
	return sandbox.Grant{
		ID: b.ID, Amount: b.Granted.String(), Remaining: b.Balance.add(b.Hold).String(), Unit: x.Unit, EffectiveAt: &from, ExpiresAt: &until,
		Category: category, Metadata: meta, State: state,
	}
}

func (w *world) viewInvoice(x *invoice) sandbox.Invoice {
	out := sandbox.Invoice{
		ID: x.ID, Status: x.Status, Currency: x.Currency, Total: major(x.Total, x.Currency), Paid: major(x.Paid, x.Currency), Metadata: map[string]string{},
	}
	for name, text := range map[string]string{"note": x.Note, "po_number": x.PO} {
		if text != "" {
			out.Metadata[name] = text
		}
	}
	if base := w.a.BaseURL(); base != "" {
		out.PayURL = base + "/_sandbox/invoice/" + x.ID
	}
	return out
}
