package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"scrip/adapters/sandbox"
)

// payControl lets an invoice be paid, fail, or be refunded. Disputes have no
// event of their own here.
func payControl(a *sandbox.Account, p sandbox.Payment) error {
	w := worldOf(a)
	x, ok := w.st.Invoices.get(p.Object)
	if list := w.unpaid(p.Object); !ok && len(list) > 0 && p.Amount == "" {
		for _, x := range list {
			if err := payControl(a, sandbox.Payment{Object: x.ID, Outcome: p.Outcome}); err != nil {
				return err
			}
		}
		return nil
	}
	if !ok {
		return refusal(http.StatusNotFound, "there is no invoice %q; pay takes the id of an invoice, or of a customer for all that it has to pay", p.Object)
	}
	n, err := strconv.ParseInt(or(p.Amount.String(), "0"), 10, 64)
	if err != nil || n < 0 {
		return refusal(http.StatusBadRequest, "amount %q is not a number of minor units", p.Amount)
	}
	switch p.Outcome {
	case "paid", "failed":
		if x.due() <= 0 || x.Status == pending {
			return refusal(http.StatusConflict, "invoice %s is %s and takes no payment", x.ID, x.Status)
		}
		status := map[string]string{"paid": "success", "failed": "failure"}[p.Outcome]
		if p.Outcome == "failed" {
			x.Status = notPaid
		}
		w.pay(x, transaction{Method: "card", Gateway: "chargebee", Status: status, Amount: or(n, x.due())})
		return nil
	case "refunded":
		left := w.refundable(x)
		if n = or(n, left); n <= 0 || n > left {
			return refusal(http.StatusConflict, "invoice %s has %d left to give back, not %d", x.ID, left, n)
		}
		w.refund(x, n, "other")
		return nil
	default:
		return refusal(http.StatusUnprocessableEntity, "not_supported: invoices here are not %s; use paid, failed or refunded", p.Outcome)
	}
}

// hosted is the page behind a payment link: of an invoice, or of all that a
// customer has to pay.
func hosted(a *sandbox.Account, id string) (sandbox.HostedPage, bool) {
	w := worldOf(a)
	x, ok := w.st.Invoices.get(id)
	if _, customer := w.st.Customers.get(id); !ok && customer {
		page := sandbox.HostedPage{Title: "Invoices of " + id, Lines: []string{"Nothing is due."}}
		for i, x := range w.unpaid(id) {
			page.Lines, page.Payable = append(page.Lines[:i], x.ID+": "+major(x.due(), x.Currency)+" "+x.Currency), true
		}
		return page, true
	}
	if !ok {
		return sandbox.HostedPage{}, false
	}
	return sandbox.HostedPage{
		Title:   "Invoice " + x.ID,
		Lines:   []string{"Amount due: " + major(x.due(), x.Currency) + " " + x.Currency, "Status: " + x.Status},
		Payable: x.due() > 0 && x.Status != pending,
	}, true
}

// mutate changes an object as a person in the vendor's app, or a bug, might.
func mutate(a *sandbox.Account, m sandbox.Mutation) error {
	w := worldOf(a)
	switch m.Object {
	case "site":
		changed, err := altered(&w.st.Site, m)
		if err == nil {
			w.st.Site = *changed
		}
		return err
	case "customer":
		return alter(w, &w.st.Customers, m, func(x *customer, id string) { x.ID = id }, func(x *customer) { w.customerChanged(x) })
	case "subscription":
		return alter(w, &w.st.Subscriptions, m, func(x *subscription, id string) { x.ID = id }, func(x *subscription) {
			w.tell("subscription_changed", "admin_console", w.subscriptionAnswer(x))
		})
	case "invoice":
		return alter(w, &w.st.Invoices, m, func(x *invoice, id string) { x.ID = id }, func(x *invoice) { w.tellInvoice("invoice_updated", x) })
	case "operation", "ledger_operation":
		return alter(w, &w.st.Operations, m, func(x *operation, id string) { x.ID = id }, func(*operation) {})
	case "event":
		return alter(w, &w.st.Events, m, func(x *event, id string) { x.ID = id }, func(*event) {})
	case "grant", "block", "grant_block":
		return w.mutateBlock(m)
	default:
		return refusal(http.StatusBadRequest, "object %q cannot be changed; use site, customer, subscription, invoice, ledger_operation, event or grant_block", m.Object)
	}
}

// alter changes, deletes or doubles a row of a table.
func alter[T any, P interface {
	*T
	row
}](w *world, t *table[P], m sandbox.Mutation, name func(P, string), tell func(P)) error {
	x, ok := t.get(m.ID)
	if !ok {
		return nobody(m)
	}
	if m.Op == "delete" {
		t.remove(m.ID)
		return nil
	}
	changed, err := altered((*T)(x), m)
	if err != nil {
		return err
	}
	if P(changed).key() != x.key() {
		return refusal(http.StatusBadRequest, "the id of a %s cannot be changed", m.Object)
	}
	if m.Op == "duplicate" {
		name(changed, w.a.NewID("copy_", 17))
		x = t.add(changed)
	} else {
		*x = *changed
	}
	if m.Webhook {
		tell(x)
	}
	return nil
}

// altered is a copy of an object with some fields set, by the names that a
// snapshot shows.
func altered[T any](x *T, m sandbox.Mutation) (*T, error) {
	text, err := json.Marshal(x)
	if err != nil {
		return nil, err
	}
	out := new(T)
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
	return out, nil
}

func nobody(m sandbox.Mutation) error {
	return refusal(http.StatusNotFound, "there is no %s %q", m.Object, m.ID)
}

// mutateBlock leaves the operations alone, so that they and the blocks disagree.
func (w *world) mutateBlock(m sandbox.Mutation) error {
	for _, x := range w.st.Accounts.Rows {
		b := x.block(m.ID)
		if b == nil {
			continue
		}
		if m.Op == "delete" {
			x.Blocks = slices.DeleteFunc(x.Blocks, func(other *block) bool { return other == b })
			return nil
		}
		changed, err := altered(b, m)
		if err != nil {
			return err
		}
		if changed.ID != b.ID {
			return refusal(http.StatusBadRequest, "the id of a %s cannot be changed", m.Object)
		}
		if m.Op == "duplicate" {
			changed.ID = w.a.NewID("gb_", 17)
			b = changed
			x.Blocks = append(x.Blocks, b)
		} else {
			*b = *changed
		}
		w.changed(&b.stamps)
		if m.Webhook {
			w.tell(fmt.Sprintf("grant_blocks_%s", map[bool]string{true: "created", false: "updated"}[m.Op == "duplicate"]), "admin_console",
				obj{"grant_blocks": []obj{w.renderBlock(x, b)}})
		}
		return nil
	}
	return nobody(m)
}
