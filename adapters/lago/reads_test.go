package lago_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"scrip/adapters"
)

// TestRowsMoveWhileWalked adds movements to a wallet while it is read: those
// that move to the next page count once.
//
// PA-10.
func TestRowsMoveWhileWalked(t *testing.T) {
	r := newRig(t)
	r.grant(1, 5000, 90)
	wallet := r.wallets()[0].ID
	for range 101 {
		r.call("POST", "/api/v1/wallet_transactions", fmt.Sprintf(`{"wallet_transaction":{"wallet_id":%q,"voided_credits":"0.01","metadata":[{"key":"scrip_window","value":"w"}]}}`, wallet), nil)
	}
	more := 101
	r.cut = func(req *http.Request) bool {
		if req.URL.Query().Get("page") == "2" && more == 101 {
			more++
			r.consume(more, 1, 3)
		}
		return false
	}
	if got := r.usage(); got != 101 || more == 101 {
		t.Errorf("usage is %d, want 101", got)
	}
	r.cut = nil
	if got := r.usage(); got != 104 {
		t.Errorf("afterwards usage is %d, want 104", got)
	}
}

// TestWhatWasGiven reads a grant that was put back to, and one that ended and
// came back: what was given is neither more nor what was given before.
func TestWhatWasGiven(t *testing.T) {
	r := newRig(t)
	given := func(held, left int64) {
		t.Helper()
		got, err := r.a.Grants(t.Context(), ada, adapters.Page{})
		if err != nil || len(got.Items) != 1 || got.Items[0].Held.Quanta != held || got.Items[0].Left.Quanta != left || got.Items[0].Neutral != string(grantID(1)) {
			t.Errorf("%+v, %v; want %d of %d", got.Items, err, left, held)
		}
	}
	r.grant(1, 500, 90)
	r.consume(1, 1, 200)
	r.advance("5s")
	r.consume(2, 1, -50)
	given(500, 350)
	r.end(1)
	given(500, 0)
	r.advance("5s")
	back := r.grantOrder(1, 240, 90)
	back.Mark = r.mark(adapters.GrantKind, 99, back.Mark.Neutral)
	r.keep(r.a.CreateGrant(t.Context(), back))
	given(240, 240)
	r.consume(3, 1, 40)
	given(240, 200)
}

// TestPairsKeepTheirIDs changes a customer: pairs of metadata that exist are
// named by their ids, so that their keys do not clash.
func TestPairsKeepTheirIDs(t *testing.T) {
	r := newRig(t)
	put := func(n int, metadata map[string]string) map[string]string {
		t.Helper()
		ids := map[string]string{}
		r.cut = func(req *http.Request) bool {
			if req.Method != http.MethodPost || !strings.HasSuffix(req.URL.Path, "/customers") {
				return false
			}
			raw, _ := io.ReadAll(req.Body)
			req.Body = io.NopCloser(bytes.NewReader(raw))
			var body struct {
				Customer struct {
					Metadata []struct{ ID, Key string }
				}
			}
			if err := json.Unmarshal(raw, &body); err != nil {
				t.Error(err)
			}
			for _, p := range body.Customer.Metadata {
				ids[p.Key] = p.ID
			}
			return false
		}
		r.keep(r.a.PutCustomer(t.Context(), adapters.CustomerOrder{Mark: r.mark(adapters.CustomerKind, n, ada), ID: ada, Metadata: metadata, Links: r.links}))
		return ids
	}
	first := put(1, map[string]string{"plan": "pro"})
	second := put(2, map[string]string{"plan": "team", "region": "eu"})
	if first["scrip_intent"] == "" || first["plan"] != "" || second["plan"] == "" || second["scrip_intent"] != first["scrip_intent"] || second["region"] != "" {
		t.Errorf("sent first %v, then %v", first, second)
	}
	var got struct {
		Customer struct {
			Name     string
			Metadata []struct{ Key, Value string }
		}
	}
	r.call("GET", "/api/v1/customers/ada%2F42", "", &got)
	if got.Customer.Name != "Ada" || len(got.Customer.Metadata) != 3 {
		t.Errorf("the customer is %+v", got.Customer)
	}
}
