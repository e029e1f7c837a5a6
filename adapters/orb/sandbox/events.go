package sandbox

import (
	"encoding/json"
	"time"

	"scrip/adapters/sandbox"
)

// emit sends a webhook: the resource in full beside the event's properties.
// Orb has no list of events, so nothing is kept.
func (w *world) emit(typ, resource string, render func(sandbox.Endpoint) obj, properties obj) {
	id := w.a.NewID("", 16)
	created := w.now.Format("2006-01-02T15:04:05-07:00")
	if w.a.Variant(eventTimestamps) {
		created = w.now.Format("2006-01-02T15:04:05.000000Z")
	}
	w.a.Emit(id, typ, func(ep sandbox.Endpoint) ([]byte, bool) {
		body := obj{"id": id, "created_at": created, "type": typ, "properties": properties}
		if resource != "" {
			body[resource] = render(ep)
		}
		text, err := json.Marshal(body)
		return text, err == nil
	})
}

// sendTest sends what the button in Orb's app sends.
func (w *world) sendTest() {
	w.emit("resource_event.test", "", nil, obj{"message": "A test webhook of the sandbox."})
}

// pricingUnit is what credit events say of their unit, nil for a currency.
func (w *world) pricingUnit(name string) any {
	for _, u := range w.st.Units {
		if u.Name == name {
			return obj{"id": u.ID, "name": u.Name, "display_name": u.Name, "symbol": u.Name}
		}
	}
	return nil
}

func (w *world) tellIncrement(l *ledger, b *block) {
	x, ok := w.st.Customers.get(l.Customer)
	if !ok {
		return
	}
	rendered := w.renderBlock(b)
	rendered["balance"], rendered["maximum_initial_balance"] = b.Balance, b.Initial // strings here, numbers in REST
	if w.a.Variant(webhookBlockNumbers) {
		rendered["balance"], rendered["maximum_initial_balance"] = bare(b.Balance), (*bare)(b.Initial)
	}
	rendered["credit_allocation"], rendered["credit_commitment"] = nil, nil
	w.tellCustomer("customer.credit_ledger_incremented", x, obj{"block": rendered, "pricing_unit": w.pricingUnit(l.Unit)})
}

// summaryLacks is what an invoice has and its summary has not.
func summaryLacks() []string {
	return []string{"line_items", "discount", "discounts", "minimum", "minimum_amount", "maximum", "maximum_amount"}
}

// tellInvoice sends an event of an invoice; slim endpoints get no lists.
func (w *world) tellInvoice(typ string, x *invoice, properties obj) {
	w.emit(typ, "invoice", func(ep sandbox.Endpoint) obj {
		out := w.renderInvoice(x)
		if typ == "invoice.issued_summary" {
			for _, name := range summaryLacks() {
				delete(out, name)
			}
		}
		if ep.Settings[slimPayload] == "true" {
			for _, name := range []string{"line_items", "payment_attempts", "credit_notes", "customer_balance_transactions"} {
				delete(out, name)
			}
		}
		return out
	}, properties)
}

// boundary is the start of an instant's day in a zone.
func boundary(t time.Time, zone *time.Location) time.Time {
	t = t.In(zone)
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, zone).UTC()
}
