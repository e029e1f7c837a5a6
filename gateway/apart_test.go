package gateway

import (
	"fmt"
	"strings"
	"testing"
)

// What belongs to one customer is not to be had, counted or changed by the name
// of another: not by ids, not by cursors of the other's lists, not in a batch.
//
// AP-07.
func TestAP07CustomersApart(t *testing.T) {
	w := newWorld(t)
	w.customer("ann", "")
	w.customer("bob", "")
	var hers []string
	for i := range 6 {
		hers = append(hers, w.post("/v1/customers/ann/grants", fmt.Sprint("g", i), `{"amount":"100","category":"promotional","metadata":{"of":"ann-only"}}`).ok(200).text("id"))
		hers = append(hers, w.post("/v1/holds", fmt.Sprint("h", i), `{"customer":"ann","amount":"2"}`).ok(200).text("id"))
		hers = append(hers, w.post("/v1/debits", fmt.Sprint("d", i), `{"customer":"ann","amount":"1"}`).ok(200).text("id"))
	}
	w.post("/v1/customers/bob/grants", "bob", `{"amount":"3","category":"promotional"}`).ok(200)
	tells := func(what, text string) {
		t.Helper()
		for _, id := range append(hers, "ann-only", `"ann"`) {
			if strings.Contains(text, id) {
				t.Errorf("%s tells %q: %s", what, id, text)
			}
		}
	}
	before := w.call("GET", "/v1/customers/ann/balance", "").ok(200).text("available")
	for _, list := range []string{"grants", "grants?state=all", "holds", "entries"} {
		at, sep := "/v1/customers/ann/"+list, "?"
		if strings.Contains(list, "?") {
			sep = "&"
		}
		cursor := w.call("GET", at+sep+"limit=2", "").ok(200).text("next_cursor")
		if cursor == "" {
			t.Fatalf("%s has no second page", list)
		}
		his := w.call("GET", strings.Replace(at, "/ann/", "/bob/", 1), "").ok(200)
		tells(list, his.raw)
		crossed := w.call("GET", strings.Replace(at, "/ann/", "/bob/", 1)+sep+"cursor="+cursor, "")
		if crossed.status >= 500 {
			t.Errorf("%s with another's cursor answers %d", list, crossed.status)
		}
		tells(list+" with another's cursor", crossed.raw)
	}
	tells("the balance", w.call("GET", "/v1/customers/bob/balance", "").ok(200).raw)
	// One customer's request under another's key, and a batch that names both.
	tells("a conflict", w.post("/v1/debits", "d1", `{"customer":"bob","amount":"1"}`).refused(422, "idempotency_conflict", "customer").raw)
	batch := w.post("/v1/debits/batch", "", `{"debits":[{"key":"b1","customer":"bob","amount":"99"},{"key":"b2","customer":"nobody","amount":"1"}]}`).ok(200)
	tells("a batch", batch.raw)
	// A customer that does not exist and one that does answer alike where the
	// thing asked for is not theirs.
	for _, path := range []string{"/v1/holds/", "/v1/purchases/"} {
		w.call("GET", path+"x", "").refused(404, "not_found", "")
	}
	if after := w.call("GET", "/v1/customers/ann/balance", "").ok(200).text("available"); after != before {
		t.Errorf("ann had %s and has %s", before, after)
	}
}
