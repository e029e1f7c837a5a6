package mapping

import (
	"fmt"
	"testing"

	"scrip/core"
	"scrip/core/ledger"
)

// TestWindowsOfCustomersThatShareAHash: an id carries ten bits of its
// customer, so among a few thousand customers many share them; their windows,
// and the orders that tell them, must not.
func TestWindowsOfCustomersThatShareAHash(t *testing.T) {
	first := map[uint16]string{}
	windows, intents := map[string]string{}, map[core.ID]string{}
	shared := 0
	for i := range 3000 {
		customer := fmt.Sprintf("customer-%d", i)
		if first[core.Hash(customer)] != "" {
			shared++
		}
		first[core.Hash(customer)] = customer
		id := WindowID("main", ledger.AccountKey{Customer: customer, Unit: "credits"}, 1)
		if other := windows[id]; other != "" {
			t.Fatalf("window %s is that of %s and of %s", id, other, customer)
		}
		windows[id] = customer
		for _, key := range []string{id, EarlyKey(id)} {
			n := newIntent("main", customer, id, key, 1, 1, &Body{Consume: &Consumption{Window: id}})
			if other := intents[n.ID]; other != "" {
				t.Fatalf("intent %s is that of %s and of %s", n.ID, other, customer)
			}
			intents[n.ID] = customer
		}
	}
	if shared < 1000 {
		t.Errorf("only %d customers share their hash with another: the test shows nothing", shared)
	}
}
