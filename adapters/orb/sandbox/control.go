package sandbox

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"

	"scrip/adapters/sandbox"
)

// makeUnits answers POST /_sandbox/units.
func makeUnits(a *sandbox.Account, body json.RawMessage) (any, error) {
	var in struct {
		Units []unit `json:"units"`
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return nil, refusal(http.StatusBadRequest, `the body is not like {"units":[{"name":"credits"}]}: %v`, err)
	}
	list, err := worldOf(a).makeUnits(in.Units)
	return obj{"units": list}, err
}

// pay lets an invoice be paid, fail, or be refunded. Orb knows no disputes.
func pay(a *sandbox.Account, p sandbox.Payment) error {
	w := worldOf(a)
	x, ok := w.st.Invoices.get(p.Object)
	if _, b, is := w.blockNamed(p.Object); !ok && is && len(b.Invoices) > 0 {
		x, ok = w.st.Invoices.get(b.Invoices[0])
	}
	if !ok {
		return refusal(http.StatusNotFound, "there is no invoice %q; pay takes the id of an invoice or of a block that has one", p.Object)
	}
	switch p.Outcome {
	case "paid", "failed":
		if x.Status == draft {
			w.issue(x)
		}
		if x.Status != issued {
			return refusal(http.StatusConflict, "invoice %s is %s and takes no payment", x.ID, x.Status)
		}
		w.collect(x, p.Outcome == "paid")
		return nil
	case "refunded":
		return w.refund(x, p)
	default:
		return refusal(http.StatusUnprocessableEntity, "not_supported: invoices here are not %s; use paid, failed or refunded", p.Outcome)
	}
}

func (w *world) refund(x *invoice, p sandbox.Payment) error {
	left := amount{}
	if x.Status == paid {
		left = x.Total
	}
	for _, n := range w.st.Notes.Rows {
		if n.Invoice == x.ID {
			left = left.sub(n.Total)
		}
	}
	sum := left
	if p.Amount != "" {
		minor, err := parseAmount(p.Amount.String())
		if err != nil || minor.scale() > 0 {
			return refusal(http.StatusBadRequest, "amount %q is not a number of minor units", p.Amount)
		}
		one, err := parseAmount("1e-" + string(rune('0'+minorPlaces(x.Currency))))
		if err != nil {
			return err
		}
		sum = minor.times(one, places)
	}
	if sum.sign() <= 0 || sum.cmp(left) > 0 {
		return refusal(http.StatusConflict, "invoice %s is %s and has %s left to give back, not %s", x.ID, x.Status, left, sum)
	}
	w.credit(x, sum)
	return nil
}

// hosted is the page behind an invoice's payment link.
func hosted(a *sandbox.Account, id string) (sandbox.HostedPage, bool) {
	x, ok := worldOf(a).st.Invoices.get(id)
	if !ok {
		return sandbox.HostedPage{}, false
	}
	return sandbox.HostedPage{
		Title:   "Invoice " + x.Number,
		Lines:   []string{"Amount due: " + x.due().fixed(minorPlaces(x.Currency)) + " " + x.Currency, "Status: " + x.Status},
		Payable: x.Status == issued,
	}, true
}

// mutate changes an object as a person in Orb's app, or a bug, might.
func mutate(a *sandbox.Account, m sandbox.Mutation) error {
	w := worldOf(a)
	switch m.Object {
	case "customer":
		return w.mutateCustomer(m)
	case "grant", "block", "credit_block":
		return w.mutateBlock(m)
	case "entry", "ledger_entry":
		return w.mutateEntry(m)
	case "invoice":
		return w.mutateInvoice(m)
	case "resource_event":
		w.sendTest()
		return nil
	default:
		return refusal(http.StatusBadRequest, "object %q cannot be changed; use customer, credit_block, ledger_entry, invoice or resource_event", m.Object)
	}
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

func nobody(m sandbox.Mutation) error {
	return refusal(http.StatusNotFound, "there is no %s %q", m.Object, m.ID)
}

func (w *world) mutateCustomer(m sandbox.Mutation) error {
	x, err := w.customerNamed(m.ID)
	if err != nil {
		return nobody(m)
	}
	if m.Op == "delete" {
		x.DeletedAt = &w.now
		return nil
	}
	before := w.renderCustomer(x)
	changed, err := altered(x, m)
	if err != nil {
		return err
	}
	if m.Op == "duplicate" {
		changed.ID = w.a.NewID("", 16)
		w.st.Customers.add(changed)
		if m.Webhook {
			w.tellCustomer("customer.created", changed, obj{})
		}
		return nil
	}
	*x = *changed
	if m.Webhook {
		w.tellCustomer("customer.edited", x, obj{"previous_attributes": diff(before, w.renderCustomer(x))})
	}
	return nil
}

// mutateBlock leaves the history alone, so that blocks and entries disagree.
func (w *world) mutateBlock(m sandbox.Mutation) error {
	l, b, ok := w.blockNamed(m.ID)
	if !ok {
		return nobody(m)
	}
	if m.Op == "delete" {
		w.dropBlock(l, b.ID)
		return nil
	}
	changed, err := altered(b, m)
	if err != nil {
		return err
	}
	if m.Op == "duplicate" {
		changed.Root = ""
		w.addBlock(l, changed)
		if m.Webhook {
			w.tellIncrement(l, changed)
		}
		return nil
	}
	*b = *changed
	return nil
}

func (w *world) mutateEntry(m sandbox.Mutation) error {
	for _, l := range w.st.Ledgers.Rows {
		i := slices.IndexFunc(l.Entries, func(e *entry) bool { return e.ID == m.ID })
		if i < 0 {
			continue
		}
		if m.Op == "delete" {
			l.Entries = slices.Delete(l.Entries, i, i+1)
			return nil
		}
		changed, err := altered(l.Entries[i], m)
		if err != nil {
			return err
		}
		if m.Op == "duplicate" {
			changed.ID = w.a.NewID("", 16)
			l.record(changed)
			return nil
		}
		l.Entries[i] = changed
		return nil
	}
	return nobody(m)
}

func (w *world) mutateInvoice(m sandbox.Mutation) error {
	x, ok := w.st.Invoices.get(m.ID)
	if !ok {
		return nobody(m)
	}
	if m.Op == "delete" {
		w.st.Invoices.remove(x.ID)
		return nil
	}
	changed, err := altered(x, m)
	if err != nil {
		return err
	}
	if m.Op == "duplicate" {
		changed.ID = w.a.NewID("", 16)
		w.st.Invoices.add(changed)
		return nil
	}
	before := w.renderInvoice(x)
	*x = *changed
	if m.Webhook {
		w.tellInvoice("invoice.edited", x, obj{"previous_attributes": diff(before, w.renderInvoice(x))})
	}
	return nil
}
