package webhooks

import (
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
)

func final(id string) wire {
	return wire{ID: id, Type: "invoice.final", Kind: adapters.FinalEvent, Object: "in_9", Customer: "cus_1", At: 900, Until: 700}
}

func (w *world) intents() []ledger.Intent {
	w.t.Helper()
	list, err := w.led.Reader().Queues.Intents(w.ctx, ledger.QueueFilter{Limit: 100})
	w.must(err)
	return list
}

// TestFinalInvoice: a final invoice asks once for its customer to be trued up,
// with the event's mark, however often and in whatever words it is told.
func TestFinalInvoice(t *testing.T) {
	w := newWorld(t)
	w.buy("buy")
	w.link("acme", adapters.RoleCustomer, "cus_1")
	next := final("evt_3")
	next.Object, next.Until = "in_10", 0
	for _, x := range []wire{final("evt_1"), final("evt_1"), final("evt_2"), next} {
		w.deliver(x)
		w.drain()
		if e := w.last(); e.State != ledger.Applied {
			t.Errorf("event %s is %s: %s", e.VendorID, e.State, e.Reason)
		}
	}
	w.must(w.led.ReplayEvent(w.ctx, w.events()[0].ID))
	w.drain()
	list := w.intents()
	if len(list) != 2 {
		t.Fatalf("%d intents, want one for each invoice", len(list))
	}
	for i, want := range []struct {
		ref   string
		until core.Time
	}{{"in_9", 700}, {"in_10", 900}} {
		at := list[i]
		b, err := mapping.DecodeBody(at.Body)
		if err != nil || b.TrueUp == nil || b.TrueUp.Until != want.until || b.TrueUp.Invoice != want.ref {
			t.Errorf("body %s, %v", at.Body, err)
		}
		if at.Kind != string(mapping.TrueUpKind) || at.Customer != "acme" || at.Connection != "main" || at.Ref != want.ref || at.Due != w.led.Now() {
			t.Errorf("intent %+v", at)
		}
	}
}

func TestFinalInvoiceOfNoConcern(t *testing.T) {
	for name, c := range map[string]struct {
		strategy adapters.Strategy
		change   func(*wire)
		reason   string
	}{
		"totals":       {adapters.Totals, func(*wire) {}, "not drawn down"},
		"mirror":       {adapters.Mirror, func(*wire) {}, "not drawn down"},
		"not signed":   {adapters.Meter, func(x *wire) { x.Hint = true }, "not signed"},
		"of a person":  {adapters.Meter, func(x *wire) { x.Customer = "cus_2" }, "not of a customer of ours"},
		"of nobody":    {adapters.Meter, func(x *wire) { x.Customer = "" }, "not of a customer of ours"},
		"no invoice":   {adapters.Meter, func(x *wire) { x.Object = "" }, "neither its id"},
		"no time":      {adapters.Meter, func(x *wire) { x.At, x.Until = 0, 0 }, "nor its period"},
		"of a company": {adapters.Meter, func(x *wire) { x.Customer = "in_1" }, "not of a customer of ours"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorldOf(t, c.strategy)
			p := w.buy("buy")
			w.link("acme", adapters.RoleCustomer, "cus_1")
			w.link(string(p.ID), adapters.RoleInvoice, "in_1")
			x := final("evt_1")
			c.change(&x)
			w.deliver(x)
			w.drain()
			if e := w.last(); e.State != ledger.Ignored || !strings.Contains(e.Reason, c.reason) {
				t.Errorf("%s: %q, want %q", e.State, e.Reason, c.reason)
			}
			if list := w.intents(); len(list) != 0 {
				t.Errorf("intents %+v", list)
			}
		})
	}
}
