package webhooks

import (
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
)

// TestErasedStaysErased: what vendors tell of a customer later, or once more,
// does not bring its data back; money that still comes waits for a person.
func TestErasedStaysErased(t *testing.T) {
	w := newWorld(t)
	p := w.buy("buy")
	w.link("acme", adapters.RoleCustomer, "cus_1")
	w.link(string(p.ID), adapters.RoleInvoice, "in_1")
	before := wire{ID: "evt_0", Type: "customer.updated", Kind: adapters.CustomerEvent, Object: "cus_1", Noise: "her name"}
	w.deliver(before)
	w.drain()
	if e := w.last(); e.Forgotten() {
		t.Fatal("a body was emptied before anybody asked")
	}
	if _, err := w.led.Erase(w.ctx, "acme"); err != nil {
		t.Fatal(err)
	}
	if e := w.last(); !e.Forgotten() {
		t.Errorf("the delivery is %+v", e)
	}
	// Rendered anew, it is still the one that was there.
	before.Noise = "her name, again"
	w.deliver(before)
	if n := len(w.events()); n != 1 {
		t.Errorf("%d deliveries are kept", n)
	}
	for name, x := range map[string]wire{
		"the customer":   {Type: "customer.updated", Kind: adapters.CustomerEvent, Object: "cus_1"},
		"her invoice":    {Type: "invoice.sent", Kind: adapters.SystemEvent, Customer: "cus_1", Object: "in_9"},
		"unknown type":   {Type: "customer.odd", Kind: adapters.UnknownEvent, Object: "cus_1"},
		"failed payment": {Type: "invoice.payment_failed", Kind: adapters.FailedEvent, Object: "in_1", Purchase: p.ID, Minor: 8000, Currency: "usd"},
	} {
		x.ID, x.Noise = "evt "+name, "her name"
		w.deliver(x)
		w.drain()
		if e := w.last(); !e.Forgotten() || e.State != ledger.Applied && e.State != ledger.Ignored {
			t.Errorf("%s: the delivery is %+v", name, e)
		}
	}
	w.deliver(wire{ID: "evt_x", Type: "customer.updated", Kind: adapters.CustomerEvent, Object: "cus_other"})
	w.drain()
	if e := w.last(); e.Forgotten() {
		t.Error("another customer's delivery was emptied")
	}
	w.deliver(paid("evt_late", p))
	w.drain()
	late := w.last()
	if late.State != ledger.Parked || late.Forgotten() || !strings.Contains(late.Reason, "was erased") || w.balance() != 0 {
		t.Errorf("money for an erased customer: %+v, balance %d", late, w.balance())
	}
	// Whoever has looked erases again.
	e, err := w.led.Erase(w.ctx, "acme")
	w.must(err)
	if now := w.last(); !now.Forgotten() || now.State != ledger.Ignored || e.Waiting != 0 {
		t.Errorf("after another erasure: %+v, %+v", now, e)
	}
	if _, err := w.led.Customer(w.ctx, "acme"); core.CodeOf(err) != core.CodeUnknownCustomer {
		t.Errorf("the customer is back: %v", err)
	}
	report, err := w.led.Reader().AuditAll(w.ctx, nil)
	w.must(err)
	for _, f := range report.Findings {
		t.Errorf("audit: %s %s", f.Where, f.What)
	}
}
