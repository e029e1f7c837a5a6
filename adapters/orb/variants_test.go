package orb_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/adapters/orb"
	"scrip/adapters/orb/sandbox"
	kit "scrip/adapters/sandbox"
	"scrip/core"
)

// world is an account of the sandbox with one customer.
type world struct {
	*orb.Adapter
	t     *testing.T
	url   string
	now   core.Time
	links adapters.Links
}

const vendorDay = core.Time(24 * time.Hour / time.Microsecond)

// newWorld switches variants on and makes the customer.
func newWorld(t *testing.T, variants ...string) *world {
	t.Helper()
	box := sandbox.New(kit.Options{Seed: 1})
	t.Cleanup(box.Close)
	s := httptest.NewServer(box)
	t.Cleanup(s.Close)
	w := &world{t: t, url: s.URL, now: core.TimeOf(time.Date(2031, 5, 10, 12, 0, 0, 0, time.UTC))}
	w.clock(w.now)
	for _, v := range variants {
		w.control("POST", "variant", fmt.Sprintf(`{"name":%q,"on":true}`, v))
	}
	a, err := orb.New(orb.Config{Key: "k1", BaseURL: s.URL + "/v1", Now: func() core.Time { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	w.Adapter = a
	got, err := a.PutCustomer(t.Context(), adapters.CustomerOrder{Mark: adapters.Mark{ID: id("customer", 0)}, ID: "cust_1", Name: "Ada"})
	if err != nil {
		t.Fatal(err)
	}
	w.links = got.Links
	return w
}

func (w *world) control(method, call, body string) string {
	w.t.Helper()
	req, _ := http.NewRequest(method, w.url+"/_sandbox/"+call, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer k1")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		w.t.Fatalf("%s: %d %s", call, resp.StatusCode, raw)
	}
	return string(raw)
}

// clock sets the sandbox's clock and the adapter's.
func (w *world) clock(at core.Time) {
	w.now = at
	w.control("POST", "clock", fmt.Sprintf(`{"now":%q}`, at.String()))
}

func id(kind string, n int) core.ID { return core.NewID(core.IntentID, "cust_1", kind, "key", n) }

func credits(quanta int64) adapters.Holding {
	return adapters.Holding{Quanta: quanta, Scale: 2, Unit: "credits"}
}

// grant gives a grant and keeps its link.
func (w *world) grant(n int, quanta int64, starts, expires core.Time) (adapters.GrantOrder, adapters.Answer) {
	w.t.Helper()
	o := adapters.GrantOrder{
		Mark:  adapters.Mark{ID: id("grant", n), Kind: adapters.GrantKind, Neutral: fmt.Sprint("grn_", n), Customer: w.links.One(adapters.RoleCustomer)},
		Grant: core.ID(fmt.Sprint("grn_", n)), Holding: credits(quanta), Unit: core.Unit{Code: "credits", Scale: 2}, Original: core.Amount(quanta),
		Category: core.Promotional, Starts: starts, Expires: expires, Now: w.now, Links: w.links,
	}
	got, err := w.CreateGrant(w.t.Context(), o)
	if err != nil || len(got.Links) != 1 {
		w.t.Fatalf("grant %d: %v, %v", n, got, err)
	}
	w.links = append(w.links, got.Links...)
	return o, got
}

func (w *world) consume(n int, quanta int64) (adapters.Answer, error) {
	window := fmt.Sprint("win_", n)
	return w.Consume(w.t.Context(), adapters.ConsumeOrder{
		Mark:   adapters.Mark{ID: id("consume", n), Kind: adapters.ConsumeKind, Neutral: window, Customer: w.links.One(adapters.RoleCustomer)},
		Window: window, Quanta: quanta, Scale: 2, Unit: "credits", Opened: w.now, Closed: w.now, Sent: w.now, Links: w.links,
	})
}

// left sums what open blocks hold, in hundredths.
func (w *world) left() int64 {
	w.t.Helper()
	got, err := w.Grants(w.t.Context(), w.links.One(adapters.RoleCustomer), adapters.Page{})
	if err != nil {
		w.t.Fatal(err)
	}
	var sum int64
	for _, g := range got.Items {
		if g.State == core.Open {
			sum += g.Left.Quanta
		}
	}
	return sum / 10_000
}

// Until the core's expiry the block can be spent at the vendor, however it
// rounds and in whatever zone its customer lives.
func TestBlocksOutliveTheirGrants(t *testing.T) {
	for _, variant := range [][]string{nil, {"expiry_exact"}, {"expiry_early"}} {
		w := newWorld(t, variant...)
		expires := w.now + 3*vendorDay + 7
		w.grant(1, 1000, w.now, expires)
		w.clock(expires - 1)
		if got := w.left(); got != 1000 {
			t.Errorf("%v: %d are left just before the core's expiry", variant, got)
		}
		w.clock(expires + 3*vendorDay)
		if got := w.left(); got != 0 {
			t.Errorf("%v: %d are left days after the core's expiry", variant, got)
		}
	}
}

func TestOldAndFutureGrants(t *testing.T) {
	for _, variant := range [][]string{nil, {"backdating_limited"}, {"future_blocks_hidden"}, {"backdating_limited", "future_blocks_hidden", "errors_kept"}} {
		w := newWorld(t, variant...)
		for n, starts := range []core.Time{w.now - 400*vendorDay, w.now + 40*vendorDay} {
			order, first := w.grant(n, 500, starts, core.Never)
			again, err := w.CreateGrant(t.Context(), order)
			if err != nil || !slices.Equal(again.Links, first.Links) {
				t.Errorf("%v: repeated: %v, %v", variant, again, err)
			}
			found, err := w.Find(t.Context(), order.Mark)
			if err != nil || !slices.Equal(found.Links, first.Links) {
				t.Errorf("%v: looked up: %v, %v", variant, found, err)
			}
		}
		if got := w.left(); got != 500 {
			t.Errorf("%v: %d can be spent, want the old grant's 500", variant, got)
		}
	}
}

// Whatever order the vendor burns in, what is withdrawn of the grants is what
// the core names, and the customer's sum agrees with the core's.
func TestEndsAgreeInEveryBurnOrder(t *testing.T) {
	for _, variant := range []string{"", "ties_by_recorded", "ties_reverse", "void_limited_to_balance", "decrement_amount_negative", "ledger_number_strings", "negative_refused"} {
		var on []string
		if variant != "" {
			on = []string{variant}
		}
		w := newWorld(t, on...)
		expires := w.now + 30*vendorDay
		for n := range 3 {
			w.grant(n, 1000, w.now, expires)
		}
		if _, err := w.consume(1, 1350); err != nil {
			t.Fatal(err)
		}
		// The core took 650 of grant 0 and 700 of grant 2.
		for n, rest := range []int64{350, 1000, 300} {
			if n == 1 {
				continue
			}
			end := adapters.EndOrder{Mark: adapters.Mark{ID: id("end", n), Kind: adapters.EndKind}, Grant: core.ID(fmt.Sprint("grn_", n)), Holding: credits(rest), Links: w.links}
			for range 2 {
				if _, err := w.EndGrant(t.Context(), end); err != nil {
					t.Fatalf("%s: end of grant %d: %v", variant, n, err)
				}
			}
		}
		if got := w.left(); got != 1000 {
			t.Errorf("%s: %d are left, want the 1000 of grant 1", variant, got)
		}
		used, err := w.Usage(t.Context(), adapters.UsageQuery{Customer: w.links.One(adapters.RoleCustomer), From: w.now - vendorDay, To: w.now + vendorDay})
		if err != nil || used != 13_500_000 {
			t.Errorf("%s: usage is %d millionths, %v", variant, used, err)
		}
	}
}

// forgetful drops idempotency keys, as the vendor does after two days.
type forgetful struct{}

func (forgetful) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Del("Idempotency-Key")
	return http.DefaultTransport.RoundTrip(r)
}

// When the vendor has forgotten its keys, customers, ends and what was taken
// back are not done twice, and grants and consumption are found by their marks.
func TestRepeatsWithoutKeys(t *testing.T) {
	w := newWorld(t)
	old, err := orb.New(orb.Config{Key: "k1", BaseURL: w.url + "/v1", HTTP: &http.Client{Transport: forgetful{}}, Now: func() core.Time { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	w.Adapter = old
	if got, err := w.PutCustomer(t.Context(), adapters.CustomerOrder{Mark: adapters.Mark{ID: id("customer", 0)}, ID: "cust_1", Name: "Ada"}); err != nil || got.Links[0] != w.links[0] {
		t.Errorf("the customer again: %v, %v", got, err)
	}
	order, made := w.grant(1, 1000, w.now, core.Never)
	if found, err := w.Find(t.Context(), order.Mark); err != nil || !slices.Equal(found.Links, made.Links) {
		t.Errorf("the grant looked up: %v, %v", found, err)
	}
	var told []adapters.Link
	for n, quanta := range []int64{300, 40} {
		got, err := w.consume(n, quanta)
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, got.Links...)
		mark := adapters.Mark{ID: id("consume", n), Kind: adapters.ConsumeKind, Neutral: fmt.Sprint("win_", n), Customer: w.links[0].Vendor}
		if found, err := w.Find(t.Context(), mark); err != nil || !slices.Equal(found.Links, got.Links) {
			t.Errorf("the consumption looked up: %v, %v", found, err)
		}
	}
	for range 3 {
		if _, err := w.CancelConsumption(t.Context(), adapters.CancelOrder{Mark: adapters.Mark{ID: id("cancel", 1)}, Windows: told[1:], Links: w.links}); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.left(); got != 700 {
		t.Errorf("%d are left after one window was taken back, want 700", got)
	}
	for range 3 {
		end := adapters.EndOrder{Mark: adapters.Mark{ID: id("end", 1), Kind: adapters.EndKind}, Grant: "grn_1", Holding: credits(200), Links: w.links}
		if _, err := w.EndGrant(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.left(); got != 500 {
		t.Errorf("%d are left after 200 were withdrawn, want 500", got)
	}
}

// Below zero, or too fine for the vendor: refused there means refused here.
func TestRefusalsAreDefinite(t *testing.T) {
	w := newWorld(t, "negative_refused", "amount_two_decimals")
	w.grant(1, 1000, w.now, core.Never)
	if _, err := w.consume(1, 1001); adapters.AsError(err).Code != adapters.CodeInvalid {
		t.Errorf("below zero: %v", err)
	}
	_, err := w.CreateGrant(t.Context(), adapters.GrantOrder{
		Mark: adapters.Mark{ID: id("grant", 2)}, Grant: "grn_2", Holding: adapters.Holding{Quanta: 1, Scale: 6, Unit: "credits"}, Unit: core.Unit{Code: "c", Scale: 6},
		Original: 1, Starts: w.now, Expires: core.Never, Now: w.now, Links: w.links,
	})
	if adapters.AsError(err).Code != adapters.CodeInvalid {
		t.Errorf("too fine: %v", err)
	}
	if got := w.left(); got != 1000 {
		t.Errorf("%d are left", got)
	}
}

// A grant that ended and came back has two blocks. Its second end takes from
// the one that holds it, whichever is named first, also before it has begun.
func TestEndOfAGrantThatCameBack(t *testing.T) {
	for _, turned := range []bool{false, true} {
		for _, starts := range []core.Time{0, 40 * vendorDay} {
			w := newWorld(t)
			end := func(n int, quanta int64) {
				t.Helper()
				links := slices.Clone(w.links)
				if turned {
					slices.Reverse(links)
				}
				for range 2 {
					o := adapters.EndOrder{Mark: adapters.Mark{ID: id("end", n), Kind: adapters.EndKind}, Grant: "grn_1", Holding: credits(quanta), Links: links}
					if _, err := w.EndGrant(t.Context(), o); err != nil {
						t.Fatal(err)
					}
				}
			}
			order, _ := w.grant(1, 4000, w.now+starts, core.Never)
			end(1, 4000)
			order.Mark.ID = id("grant", 2)
			back, err := w.CreateGrant(t.Context(), order)
			if err != nil {
				t.Fatal(err)
			}
			w.links = append(w.links, back.Links...)
			end(2, 1500)
			if got := w.holdings(); got != "credits 25000000" {
				t.Errorf("named the other way round: %t, from %d: %s are left", turned, starts, got)
			}
			end(3, 2500)
			got, err := w.Grants(t.Context(), w.links.One(adapters.RoleCustomer), adapters.Page{})
			if err != nil || len(got.Items) != 2 || got.Items[0].Left.Quanta != 0 || got.Items[1].Left.Quanta != 0 {
				t.Errorf("named the other way round: %t, from %d: %v, %v", turned, starts, got.Items, err)
			}
		}
	}
}
