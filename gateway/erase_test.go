package gateway

import (
	"strings"
	"testing"

	"scrip/core"
	"scrip/core/ledger"
)

// A customer is erased once nothing is left of its credits, as often as asked
// for; what was counted can be read on, and nothing else.
func TestErase(t *testing.T) {
	w := newWorld(t)
	w.call("PUT", "/v1/customers/ann", `{"name":"Ann","email":"ann@example.org","metadata":{"a":"canary"}}`).ok(200)
	grant := w.post("/v1/customers/ann/grants", "g", `{"amount":"5","category":"promotional","metadata":{"b":"canary"}}`).ok(200).text("id")
	hold := w.post("/v1/holds", "h", `{"customer":"ann","amount":"2"}`).ok(200).text("id")
	if a := w.call("DELETE", "/v1/customers/ann", "").refused(409, core.CodeCustomerNotEmpty, ""); !strings.Contains(a.raw, "5.00 credits left in 1 grants and 1 open holds") {
		t.Errorf("the refusal is %s", a.raw)
	}
	w.post("/v1/holds/"+hold+"/release", "r", `{}`).ok(200)
	w.post("/v1/grants/"+grant+"/void", "v", `{}`).ok(200)
	w.call("DELETE", "/v1/customers/ann", "", "Authorization", "Bearer "+w.key("read")).refused(403, core.CodeForbidden, "")
	w.call("GET", "/v1/customers/ann", "").ok(200).want("name", "Ann")

	first := w.call("DELETE", "/v1/customers/ann", "").ok(200).want("id", "ann", "erased_at", start.String())
	w.clock.Set(start + 3_600_000_000)
	if again := w.call("DELETE", "/v1/customers/ann", "").ok(200); again.raw != first.raw || again.at("complete") != true {
		t.Errorf("first %s, again %s", first.raw, again.raw)
	}
	w.call("DELETE", "/v1/customers/nobody", "").refused(404, core.CodeUnknownCustomer, "customer")
	w.call("DELETE", "/v1/customers/a%20b", "").refused(422, core.CodeInvalid, "id")
	w.call("GET", "/v1/customers/ann", "").refused(404, core.CodeUnknownCustomer, "customer")
	w.call("GET", "/v1/customers/nobody/entries", "").refused(404, core.CodeUnknownCustomer, "customer")
	for _, path := range []string{"/entries", "/balance", "/grants?state=all", "/holds"} {
		if a := w.call("GET", "/v1/customers/ann"+path, "").ok(200); strings.Contains(a.raw, "canary") {
			t.Errorf("%s tells %s", path, a.raw)
		}
	}
	if a := w.call("GET", "/v1/customers", "").ok(200); len(a.list("data")) != 0 {
		t.Errorf("the list has %s", a.raw)
	}
	w.post("/v1/customers/ann/grants", "new", `{"amount":"5","category":"promotional"}`).refused(404, core.CodeUnknownCustomer, "customer")
	w.post("/v1/customers/ann/purchases", "new", `{"pack":"starter"}`).refused(404, core.CodeUnknownCustomer, "customer")
	// The id may be taken again: what was is not brought back by it.
	w.call("PUT", "/v1/customers/ann", `{}`).ok(200).want("name", "")
	w.post("/v1/customers/ann/grants", "newer", `{"amount":"5","category":"promotional"}`).ok(200)
	report, err := w.ledger.Reader().AuditAll(t.Context(), nil)
	if err != nil || len(report.Findings) > 0 {
		t.Errorf("audit: %v, %v", report.Findings, err)
	}
}

// Where vendors hold a customer is told, and which of them hear of its erasure.
func TestEraseTellsWhere(t *testing.T) {
	w := newWorld(t)
	w.call("PUT", "/v1/customers/ann", `{"name":"Ann"}`).ok(200)
	e := ledger.Erasure{Customer: "ann", At: start, Vendors: []ledger.Link{
		{Connection: "main", Neutral: "ann", Role: "customer", Vendor: "cus_1"}, {Connection: "old", Neutral: "ann", Role: "customer", Vendor: "cus_2"},
	}, Waiting: 2}
	view := w.g.viewErasure(&e)
	if view.Complete || view.Waiting != 2 || len(view.Vendors) != 2 || !view.Vendors[0].Told || view.Vendors[1].Told || view.Vendors[1].Object != "cus_2" {
		t.Errorf("the answer is %+v", view)
	}
}
