package sandbox_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"testing"

	"scrip/adapters/orb/sandbox"
	kit "scrip/adapters/sandbox"
)

// ledgerRow is what the checks read of an entry.
type ledgerRow struct {
	Sequence int64       `json:"ledger_sequence_number"`
	Status   string      `json:"entry_status"`
	Type     string      `json:"entry_type"`
	Start    json.Number `json:"starting_balance"`
	End      json.Number `json:"ending_balance"`
	Amount   json.Number `json:"amount"`
}

func rat(t *testing.T, s string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		t.Fatalf("%q is not a number", s)
	}
	return r
}

// Whatever is done to a ledger, its entries form a chain without gaps, its last
// balance is the sum of its blocks, and what was consumed is what they tell.
func TestLedgerHoldsTogether(t *testing.T) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 1))
		c := startAt(t, noon)
		if seed%3 == 1 {
			c.Variant("debt_on_last_block")
		}
		cus := c.customer("a")
		for range 60 {
			c.step(r, cus)
			c.coherent(cus)
			if t.Failed() {
				t.Fatalf("seed %d: ledger %v", seed, c.story(cus))
			}
		}
	}
}

// step does something at random; what is refused is part of the game.
func (c *client) step(r *rand.Rand, cus string) {
	c.T.Helper()
	ids := slices.Sorted(maps.Keys(c.left(cus)))
	some := func() string {
		if len(ids) == 0 {
			return "none"
		}
		return ids[r.IntN(len(ids))]
	}
	sum := fmt.Sprintf(`"amount":%d.%03d`, r.IntN(20), r.IntN(999)+1)
	body := ""
	switch r.IntN(9) {
	case 0, 1:
		body = inc + sum
		if r.IntN(2) == 0 {
			body += fmt.Sprintf(`,"expiry_date":"2099-%02d-%02dT12:00:00Z"`, 4+r.IntN(8), 1+r.IntN(28))
		}
	case 2, 3, 4:
		body = dec + sum
	case 5:
		body = `"entry_type":"amendment","block_id":"` + some() + `",` + sum
	case 6:
		body = `"entry_type":"void","block_id":"` + some() + `",` + sum
	case 7:
		body = `"entry_type":"expiration_change","target_expiry_date":"2099-10-01","block_id":"` + some() + `"`
	default:
		if r.IntN(2) == 0 {
			c.Control("clock", `{"advance":"240h"}`)
		} else if len(ids) > 0 {
			c.Want(204, "DELETE", "/v1/credit_blocks/"+some(), "")
		}
		return
	}
	c.try("POST", "/v1/customers/"+cus+"/credits/ledger_entry", "{"+body+"}")
}

// try allows a request to be refused by a rule, not to be wrong.
func (c *client) try(method, path, body string) {
	c.T.Helper()
	got, err := c.Do(method, path, body)
	if err != nil || got.Status != 201 && got.Text("title") != "Constraint violation" {
		c.T.Fatalf("%s %s: %d %s %v", path, body, got.Status, got.Raw, err)
	}
}

func (c *client) coherent(cus string) {
	c.T.Helper()
	var page struct{ Data []ledgerRow }
	if err := json.Unmarshal(c.Get("/v1/customers/"+cus+"/credits/ledger?limit=1000").Raw, &page); err != nil {
		c.T.Fatal(err)
	}
	slices.Reverse(page.Data)
	balance, consumed := new(big.Rat), new(big.Rat)
	for i, e := range page.Data {
		if e.Sequence != int64(i+1) || rat(c.T, e.Start.String()).Cmp(balance) != 0 {
			c.T.Errorf("entry %d has number %d and starts at %s, want %s", i+1, e.Sequence, e.Start, balance.RatString())
		}
		balance = rat(c.T, e.End.String())
		delta := new(big.Rat).Sub(rat(c.T, e.Start.String()), balance)
		switch e.Type {
		case "decrement", "amendment":
			consumed.Add(consumed, delta)
		}
		moves := e.Type != "expiration_change" && e.Type != "void_initiated"
		if moves && delta.Abs(delta).Cmp(new(big.Rat).Abs(rat(c.T, e.Amount.String()))) != 0 {
			c.T.Errorf("a %s of %s changes the balance from %s to %s", e.Type, e.Amount, e.Start, e.End)
		}
	}
	sum := new(big.Rat)
	for _, left := range c.left(cus) {
		sum.Add(sum, rat(c.T, left))
	}
	if sum.Cmp(balance) != 0 {
		c.T.Errorf("blocks hold %s, the ledger says %s", sum.FloatString(3), balance.FloatString(3))
	}
	if got := rat(c.T, c.state(0).Consumed); got.Cmp(consumed) != 0 {
		c.T.Errorf("consumed %s, the ledger says %s", got.FloatString(3), consumed.FloatString(3))
	}
}

// A restored sandbox goes on where the other stood.
func TestSnapshotOfCredits(t *testing.T) {
	c := startAt(t, noon)
	cus := c.customer("a")
	r := rand.New(rand.NewPCG(5, 5))
	for range 30 {
		c.step(r, cus)
	}
	c.entry(cus, inc+`"amount":2,`+pays+`,"require_successful_payment":true}`)
	data, err := c.server.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	twin := sandbox.New(kit.Options{Seed: 7})
	hs := httptest.NewServer(twin)
	t.Cleanup(func() { hs.Close(); twin.Close() })
	if err := twin.Restore(data); err != nil {
		t.Fatal(err)
	}
	d := speak(t, hs.URL)
	for _, path := range []string{"/v1/customers/" + cus + "/credits?include_all_blocks=true", "/v1/customers/" + cus + "/credits/ledger?limit=1000&entry_type=decrement", "/v1/alerts?customer_id=" + cus} {
		if a, b := c.Get(path), d.Get(path); string(a.Raw) != string(b.Raw) {
			t.Errorf("%s differs:\n%s\n%s", path, a.Raw, b.Raw)
		}
	}
	for _, both := range []*client{c, d} {
		both.entry(cus, dec+`"amount":0.125`)
		both.Control("clock", `{"advance":"9000h"}`)
	}
	if a, b := c.story(cus), d.story(cus); !slices.Equal(a, b) {
		t.Errorf("the two go apart:\n%v\n%v", a, b)
	}
}
