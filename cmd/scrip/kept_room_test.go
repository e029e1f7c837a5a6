package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// A vendor with room for six lots of a customer is given six of nine; the rest
// is spendable as before, is not told, and is counted as kept.
func TestGrantsWithoutRoomAreKept(t *testing.T) {
	t.Parallel()
	w := newTownOf(t, "", tourConfig, "lago", 3*time.Minute)
	_, err := w.api.do(w.ctx, request{method: "PUT", path: "/v1/customers/ann", body: body{"name": "Ann"}})
	w.need(err)
	for n := range 9 {
		b := body{"amount": "100", "category": "promotional", "expires_at": fmt.Sprintf("%d-02-01T00:00:00Z", 2090+n)}
		if n == 0 {
			delete(b, "expires_at")
		}
		w.post("/v1/customers/ann/grants", fmt.Sprint("grant-", n), b)
	}
	w.rested()
	if kept, held := w.atLago(t); kept != 3 || held != "8.00 8.00 8.00 8.00 8.00 8.00" {
		t.Errorf("%d are kept, the vendor holds %s", kept, held)
	}
	// Wallets run empty, and what is left of a kept grant takes the room.
	w.post("/v1/debits", "spend", body{"customer": "ann", "amount": "750.50"})
	w.rested()
	if _, held := w.atLago(t); held != "0.00 0.00 0.00 0.00 0.00 3.96 8.00" {
		t.Errorf("the vendor holds %s", held)
	}
	w.must("audit")
}

// atLago is how many grants reconcile counts as kept, once it finds nothing,
// and what is left of those at the vendor.
func (w *town) atLago(t *testing.T) (kept int, held string) {
	t.Helper()
	code, words := w.scrip("reconcile", "--connection", "lago", "--json")
	var report struct {
		Counts struct {
			Kept int `json:"kept_in_core"`
		}
	}
	if err := json.Unmarshal([]byte(words), &report); err != nil || code != 0 {
		t.Errorf("reconcile: exit %d, %v: %.3000s", code, err, words)
	}
	var state struct {
		Customers []struct{ Grants []struct{ Remaining string } }
	}
	fetch(t, w.boxes["lago"]+"/_sandbox/state", townKey, &state)
	var left []string
	for _, c := range state.Customers {
		for _, g := range c.Grants {
			left = append(left, g.Remaining)
		}
	}
	slices.Sort(left)
	return report.Counts.Kept, strings.Join(left, " ")
}
