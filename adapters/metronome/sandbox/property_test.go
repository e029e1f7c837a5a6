package sandbox_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"scrip/adapters/metronome/sandbox"
	kit "scrip/adapters/sandbox"
)

// held is a grant as the random walk reads it.
type held struct {
	ID      string
	Balance json.Number
	Archive *string `json:"archived_at"`
	Access  struct {
		Items []struct {
			ID     string
			Amount json.Number
			Start  time.Time `json:"starting_at"`
			End    time.Time `json:"ending_before"`
		} `json:"schedule_items"`
	} `json:"access_schedule"`
	Ledger []struct {
		Type   string
		Amount json.Number
		At     time.Time `json:"timestamp"`
	}
}

func (c *client) held(cus string) []held {
	c.T.Helper()
	var page struct{ Data []held }
	raw := c.post(balances+"list", `"customer_id":"`+cus+`","include_balance":true,"include_ledgers":true,"include_archived":true`).Raw
	if err := json.Unmarshal(raw, &page); err != nil {
		c.T.Fatal(err)
	}
	return page.Data
}

func rat(n json.Number) *big.Rat {
	r, ok := new(big.Rat).SetString(n.String())
	if !ok {
		panic("no number: " + n.String())
	}
	return r
}

// step does something at random that a customer's grants can meet.
func (c *client) step(r *rand.Rand, cus string, n int) {
	list := c.held(cus)
	amount := fmt.Sprintf("%d.%d", r.IntN(40), r.IntN(1000))
	hour := func() string { return fmt.Sprintf("%02dT%02d", 1+r.IntN(28), r.IntN(24)) }
	switch k := r.IntN(10); {
	case len(list) == 0 || k == 0 && len(list) < 20:
		c.Do("POST", credits+"create", "{"+c.body(cus, "", item(amount, hour(), hour()), item(amount, hour(), hour()))+"}") //nolint:errcheck // hours may be in the wrong order
	case k < 4:
		x := list[r.IntN(len(list))]
		sign := []string{"-", ""}[r.IntN(2)]
		c.Do("POST", entry, fmt.Sprintf(`{"customer_id":"%s","id":"%s","segment_id":"%s","amount":%s%s,"reason":"r"}`, cus, x.ID, x.Access.Items[r.IntN(len(x.Access.Items))].ID, sign, amount)) //nolint:errcheck // archived ones refuse
	case k < 7:
		c.use(cus, fmt.Sprint("t", n), amount, c.Get("/_sandbox/clock").Text("now"))
	case k == 7:
		c.Control("clock", fmt.Sprintf(`{"advance":"%dh"}`, r.IntN(40)))
	case k == 8:
		c.Do("POST", credits+"updateEndDate", `{"customer_id":"`+cus+`","credit_id":"`+list[r.IntN(len(list))].ID+`","access_ending_before":"2099-03-`+hour()+`:00:00Z"}`) //nolint:errcheck // it may be too late
	default:
		c.Do("POST", "/v2/contracts/credits/archive", `{"customer_id":"`+cus+`","credit_id":"`+list[r.IntN(len(list))].ID+`"}`) //nolint:errcheck // an invoice may hold it
	}
}

// coherent holds the present state against what the ledgers promise.
func (c *client) coherent(cus string) {
	c.T.Helper()
	now, err := time.Parse(time.RFC3339Nano, c.Get("/_sandbox/clock").Text("now"))
	if err != nil {
		c.T.Fatal(err)
	}
	consumed := new(big.Rat)
	for _, x := range c.held(cus) {
		sum, over, active := new(big.Rat), true, 0
		for _, s := range x.Access.Items {
			over = over && (!s.End.After(now) || x.Archive != nil)
			if !s.Start.After(now) && s.End.After(now) {
				active++
			}
		}
		late := false
		for _, e := range x.Ledger {
			sum.Add(sum, rat(e.Amount))
			switch strings.TrimPrefix(e.Type, "CREDIT_") {
			case "MANUAL":
				late = true
				consumed.Sub(consumed, rat(e.Amount))
			case "AUTOMATED_INVOICE_DEDUCTION":
				consumed.Sub(consumed, rat(e.Amount))
			case "SEGMENT_START":
				if e.At.After(now) {
					c.T.Errorf("%s: a segment of the future is in the ledger", x.ID)
				}
			}
		}
		balance := rat(x.Balance)
		switch {
		case balance.Sign() < 0 || over && balance.Sign() != 0:
			c.T.Errorf("%s: balance %s", x.ID, x.Balance)
		case over && !late && sum.Sign() != 0:
			c.T.Errorf("%s: it is over and its ledger still sums to %s", x.ID, sum.FloatString(3))
		case active == len(x.Access.Items) && x.Archive == nil && balance.Cmp(sum) != 0 && (sum.Sign() >= 0 || balance.Sign() != 0):
			c.T.Errorf("%s: balance %s, ledger %s", x.ID, x.Balance, sum.FloatString(3))
		}
	}
	if got := rat(json.Number(c.state(0).Consumed)); got.Cmp(consumed) != 0 {
		c.T.Errorf("consumed %s, the ledgers say %s", got.FloatString(3), consumed.FloatString(3))
	}
}

func TestRandomWalk(t *testing.T) {
	for seed := range uint64(6) {
		c, r := start(t), rand.New(rand.NewPCG(seed, 1))
		cus := c.customer("a")
		c.shop(cus, "")
		for n := range 40 {
			c.step(r, cus, n)
			c.coherent(cus)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// A restored sandbox goes on where the other stood.
func TestSnapshot(t *testing.T) {
	c, r := start(t), rand.New(rand.NewPCG(5, 5))
	cus := c.customer("a")
	c.shop(cus, "")
	for n := range 30 {
		c.step(r, cus, n)
	}
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
	other := *c.Client
	other.URL = hs.URL
	d := &client{Client: &other, server: twin}
	for range 2 {
		path := "/v1/customers/" + cus + "/invoices"
		if a, b := c.Get(path).Raw, d.Get(path).Raw; string(a) != string(b) {
			t.Fatalf("%s goes apart:\n%s\n%s", path, a, b)
		}
		a, _ := json.Marshal(c.held(cus))
		if b, _ := json.Marshal(d.held(cus)); string(a) != string(b) {
			t.Fatalf("the two go apart:\n%s\n%s", a, b)
		}
		c.Control("clock", `{"advance":"2000h"}`)
		d.Control("clock", `{"advance":"2000h"}`)
	}
	d.coherent(cus)
}
