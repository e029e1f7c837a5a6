package webhooks

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/adapters/orb"
	"scrip/adapters/orb/sandbox"
	kit "scrip/adapters/sandbox"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/internal/httpx"
)

// listless is a world whose main connection is a vendor without a list of
// events, over real HTTP in both directions.
type listless struct {
	*world
	url  string
	port *adapters.Port
	made int
}

const listlessKey, listlessSecret = "key_1", "secret_1"

func newListless(t *testing.T) *listless {
	t.Helper()
	w := &listless{world: newWorld(t)}
	w.nowTime.Store(time.Now().UnixMicro())
	box := sandbox.New(kit.Options{Seed: 1})
	t.Cleanup(box.Close)
	vendor := httptest.NewServer(box)
	t.Cleanup(vendor.Close)
	w.url = vendor.URL
	a, err := orb.New(orb.Config{
		Key: listlessKey, WebhookSecrets: []string{listlessSecret}, BaseURL: vendor.URL + "/v1", Units: []string{"credits", "tokens"},
		HTTP: httpx.NewClient(httpx.Options{MinWait: time.Millisecond, MaxWait: 10 * time.Millisecond}), Now: w.led.Now,
	})
	w.must(err)
	w.port = adapters.NewPort(a, adapters.Limits{Percent: 1_000_000})
	w.worker.o.Ports["main"] = w.port
	ours := httptest.NewServer(w.mux)
	t.Cleanup(ours.Close)
	w.control("units", `{"units":[{"name":"credits"},{"name":"tokens"}]}`)
	w.control("webhooks", fmt.Sprintf(`{"url":%q,"secret":%q}`, ours.URL+"/v1/webhooks/main", listlessSecret))
	_, err = w.worker.Recover(w.ctx, "main") // from now on
	w.must(err)
	return w
}

func (w *listless) control(call, body string) { w.call("/_sandbox/"+call, body) }

// deliver sends what waits and expects all of it to be taken.
func (w *listless) deliver() {
	w.t.Helper()
	var got struct{ Delivered, Failed int }
	w.must(json.Unmarshal(w.call("/_sandbox/deliver", ""), &got))
	if got.Failed != 0 {
		w.t.Errorf("%d deliveries were refused", got.Failed)
	}
	w.drain()
}

// call posts to the vendor as somebody else with the same key.
func (w *listless) call(path, body string) (answer []byte) {
	w.t.Helper()
	req, err := http.NewRequest(http.MethodPost, w.url+path, strings.NewReader(body))
	w.must(err)
	req.Header.Set("Authorization", "Bearer "+listlessKey)
	resp, err := http.DefaultClient.Do(req)
	w.must(err)
	defer resp.Body.Close()
	if answer, err = io.ReadAll(resp.Body); err != nil || resp.StatusCode/100 != 2 {
		w.t.Fatalf("%s: %d %s %v", path, resp.StatusCode, answer, err)
	}
	return answer
}

// fault breaks the webhooks of one type as its spec says.
func (w *listless) fault(kind, event, spec string) {
	w.t.Helper()
	w.control("faults", fmt.Sprintf(`{"webhooks":[{"kind":%q,"type":%q%s}]}`, kind, event, spec))
}

// put sends a customer to the vendor, as the outbox does.
func (w *listless) put(id string) (vendor string) {
	w.t.Helper()
	w.made++
	mark := adapters.Mark{ID: core.NewID(core.IntentID, id, "customer", "key", w.made), Kind: adapters.CustomerKind, Neutral: id}
	got, err := w.port.PutCustomer(w.ctx, adapters.CustomerOrder{Mark: mark, ID: id, Name: id, Email: id + "@example.com"})
	w.must(err)
	_, _, err = w.led.PutCustomer(w.ctx, ledger.Customer{ID: id})
	w.must(err)
	vendor = adapters.Links(got.Links).One(adapters.RoleCustomer)
	w.link(id, adapters.RoleCustomer, vendor)
	return vendor
}

// grant gives the vendor a grant to hold, as the outbox does.
func (w *listless) grant(customer, vendor, unit string) {
	w.t.Helper()
	w.made++
	id := core.NewID(core.GrantID, customer, "grant", "key", w.made)
	mark := adapters.Mark{ID: core.NewID(core.IntentID, customer, "grant", "key", w.made), Kind: adapters.GrantKind, Neutral: string(id), Customer: vendor}
	_, err := w.port.CreateGrant(w.ctx, adapters.GrantOrder{
		Mark: mark, Grant: id, Holding: adapters.Holding{Quanta: 500, Scale: 0, Unit: unit}, Unit: core.Unit{Code: unit}, Original: 500, Category: core.Promotional,
		Starts: w.led.Now(), Expires: core.Never, Now: w.led.Now(), Links: adapters.Links{{Neutral: customer, Role: adapters.RoleCustomer, Vendor: vendor}},
	})
	w.must(err)
}

// stranger grants credits in the vendor's app, past us.
func (w *listless) stranger(vendor, unit string) {
	w.t.Helper()
	w.call("/v1/customers/"+vendor+"/credits/ledger_entry", fmt.Sprintf(`{"entry_type":"increment","amount":7,"currency":%q}`, unit))
}

func (w *listless) recover(want int) {
	w.t.Helper()
	w.advance(time.Hour) // no delivery is under way any more
	defer w.advance(-time.Hour)
	if n, err := w.worker.Recover(w.ctx, "main"); err != nil || n != want {
		w.t.Errorf("found %d, %v; want %d", n, err, want)
	}
	w.drain()
}

// told is how many rows of each type the inbox has, by what came of them.
func (w *listless) told() string {
	w.t.Helper()
	count := map[string]int{}
	for _, e := range w.events() {
		came := string(e.State)
		for _, word := range []string{"echo", "not by us"} {
			if strings.Contains(e.Reason, word) {
				came = word
			}
		}
		count[strings.TrimPrefix(e.Type, "customer.")+" "+came]++
	}
	text, err := json.Marshal(count)
	w.must(err)
	return string(text)
}

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

// TestWH03Sweep: of what two customers and their blocks had to tell, several
// events are lost; the objects tell them, each takes effect once, and nothing
// is found again.
func TestWH03Sweep(t *testing.T) {
	w := newListless(t)
	w.fault("lose", "customer.created", `,"count":1`)
	ada, bob := w.put("ada"), w.put("bob")
	w.grant("ada", ada, "credits")
	w.fault("lose", "customer.credit_ledger_incremented", `,"count":3`)
	w.grant("ada", ada, "tokens")
	w.grant("bob", bob, "credits")
	w.stranger(bob, "tokens")
	w.grant("bob", bob, "credits")
	w.deliver()
	same(t, "delivered", w.told(), `{"created echo":1,"credit_ledger_incremented echo":2}`)
	const all = `{"created echo":2,"credit_ledger_incremented echo":4,"credit_ledger_incremented not by us":1}`
	w.recover(4)
	same(t, "recovered", w.told(), all)
	w.recover(0)
	if n, err := w.worker.Backfill(w.ctx, "main", 0); err != nil || n != 0 {
		t.Errorf("a search of everything found %d, %v", n, err)
	}
	w.drain()
	same(t, "in the end", w.told(), all)
}

// TestSweptBeforeDelivery: what was swept first is delivered late, twice, and
// stays what it is.
// WH-03.
func TestSweptBeforeDelivery(t *testing.T) {
	w := newListless(t)
	w.fault("delay", "customer.created", `,"delay":"1h"`)
	ada := w.put("ada")
	w.fault("delay", "customer.credit_ledger_incremented", `,"delay":"1h","count":2`)
	w.grant("ada", ada, "credits")
	w.stranger(ada, "tokens")
	const all = `{"created echo":1,"credit_ledger_incremented echo":1,"credit_ledger_incremented not by us":1}`
	w.recover(3)
	same(t, "swept", w.told(), all)
	w.deliver()
	same(t, "delivered late", w.told(), all)
	w.fault("duplicate", "customer.credit_ledger_incremented", `,"count":3`)
	w.grant("ada", ada, "credits")
	w.deliver()
	w.recover(0)
	same(t, "and told as ever", w.told(), strings.Replace(all, `incremented echo":1`, `incremented echo":2`, 1))
}

// TestSweepOfABrokenVendor: a sweep that the vendor breaks moves nothing on,
// and the next one finds what was lost, from where it stood.
func TestSweepOfABrokenVendor(t *testing.T) {
	for _, fault := range []string{
		`"kind":"status","status":500,"count":9`, `"kind":"status","status":429,"retry_after":"0","count":9`, `"kind":"malformed","count":9`,
		`"kind":"malformed","html":true,"count":9`, `"kind":"reset","count":9`, `"kind":"status","status":401,"count":1`,
	} {
		for _, path := range []string{"/v1/customers$", "/v1/customers/*/credits/ledger"} {
			t.Run(fault+" at "+path, func(t *testing.T) {
				w := newListless(t)
				w.fault("lose", "", `,"count":9`)
				ada := w.put("ada")
				w.grant("ada", ada, "credits")
				before := w.kept()
				w.control("faults", fmt.Sprintf(`{"faults":[{"match":{"method":"GET","path":%q},%s}]}`, path, fault))
				ctx, cancel := context.WithTimeout(w.ctx, 30*time.Second)
				defer cancel()
				w.advance(time.Hour)
				n, err := w.worker.Recover(ctx, "main")
				w.advance(-time.Hour)
				shared := path != "/v1/customers$" // customers come first
				if err == nil || (n == 1) != shared {
					t.Fatalf("found %d, %v", n, err)
				}
				if after := w.kept(); after.Until != before.Until || after.Checked != before.Checked || after.Running == nil || after.Running.Shared != shared {
					t.Errorf("kept %+v, before %+v", after, before)
				}
				heal(w)
				w.recover(2 - n)
				same(t, "recovered", w.told(), `{"created echo":1,"credit_ledger_incremented echo":1}`)
			})
		}
	}
}

// heal ends all faults.
func heal(w *listless) {
	w.t.Helper()
	req, err := http.NewRequest(http.MethodDelete, w.url+"/_sandbox/faults", nil)
	w.must(err)
	req.Header.Set("Authorization", "Bearer "+listlessKey)
	resp, err := http.DefaultClient.Do(req)
	w.must(err)
	resp.Body.Close()
}

// TestSweepOfManyPages: what is lost is found on every page, and a customer
// that is not there any more holds nobody up.
func TestSweepOfManyPages(t *testing.T) {
	w := newListless(t)
	w.fault("lose", "", `,"count":500`)
	ada := w.put("ada")
	w.customer("gone")
	for range 2*pageSize + 3 {
		w.stranger(ada, "tokens")
	}
	zoe := w.put("zoe")
	w.grant("zoe", zoe, "credits")
	w.recover(2*pageSize + 3 + 1 + 2)
	same(t, "recovered", w.told(), fmt.Sprintf(`{"created echo":2,"credit_ledger_incremented echo":1,"credit_ledger_incremented not by us":%d}`, 2*pageSize+3))
	w.recover(0)
}
