package lago_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/adapters/lago"
	"scrip/adapters/lago/sandbox"
	kit "scrip/adapters/sandbox"
	"scrip/core"
	"scrip/internal/httpx"
)

const (
	hour = core.Time(time.Hour / time.Microsecond)
	ada  = "ada/42"
)

// rig is an adapter before a sandbox, with a customer.
type rig struct {
	t     *testing.T
	url   string
	key   string
	a     *lago.Adapter
	now   core.Time
	links adapters.Links
	posts []string                 // writes that reached the sandbox
	cut   func(*http.Request) bool // whether a request is answered with 503, unseen
	lose  func(*http.Request) bool // whether its answer is lost
}

func newRig(t *testing.T, variants ...string) *rig {
	t.Helper()
	s := sandbox.New(kit.Options{Seed: 1})
	t.Cleanup(s.Close)
	r := &rig{t: t, key: "k"}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodGet && !strings.Contains(req.URL.Path, "_sandbox") {
			r.posts = append(r.posts, req.Method+" "+req.URL.Path)
		}
		if r.cut != nil && r.cut(req) {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if r.lose != nil && r.lose(req) {
			s.ServeHTTP(httptest.NewRecorder(), req)
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		s.ServeHTTP(w, req)
	}))
	t.Cleanup(front.Close)
	r.url = front.URL
	for _, v := range variants {
		r.call("POST", "/_sandbox/variant", fmt.Sprintf(`{"name":%q,"on":true}`, v), nil)
	}
	return r.fresh("k")
}

// fresh goes on with another account, with a customer.
func (r *rig) fresh(key string) *rig {
	r.t.Helper()
	r.key, r.links, r.posts, r.cut, r.lose = key, nil, nil, nil, nil
	r.clock(`{"now":"2100-01-15T09:00:00Z"}`) // what expires in one quarter must not depend on the day
	a, err := lago.New(lago.Config{
		Key: key, BaseURL: r.url + "/api/v1", Collector: "stripe:stripe_main", Now: func() core.Time { return r.now },
		HTTP: httpx.NewClient(httpx.Options{MinWait: time.Millisecond, MaxWait: 5 * time.Millisecond}),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.a = a
	r.keep(r.a.PutCustomer(r.t.Context(), adapters.CustomerOrder{Mark: r.mark(adapters.CustomerKind, 0, ada), ID: ada, Name: "Ada", Currency: "usd"}))
	return r
}

// call sends a request of the test's own.
func (r *rig) call(method, path, body string, into any) {
	r.t.Helper()
	req, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		r.t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, raw)
	}
	if into != nil {
		if err := json.Unmarshal(raw, into); err != nil {
			r.t.Fatal(err)
		}
	}
}

// advance moves business time, of the sandbox and of the adapter.
func (r *rig) advance(by string) { r.clock(fmt.Sprintf(`{"advance":%q}`, by)) }

func (r *rig) clock(body string) {
	r.t.Helper()
	var clock struct{ Now string }
	r.call("POST", "/_sandbox/clock", body, &clock)
	now, err := core.ParseTime(clock.Now)
	if err != nil {
		r.t.Fatal(err)
	}
	r.now = now
}

func (r *rig) mark(kind adapters.Kind, n int, neutral string) adapters.Mark {
	return adapters.Mark{ID: core.NewID(core.IntentID, ada, string(kind), "key", n), Kind: kind, Neutral: neutral, Customer: ada}
}

// keep takes an answer that must be there.
func (r *rig) keep(got adapters.Answer, err error) adapters.Answer {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
	r.links = append(r.links, got.Links...)
	return got
}

func grantID(n int) core.ID { return core.NewID(core.GrantID, ada, "grant", "key", n) }

// grantOrder gives the n-th grant, to expire after so many days.
func (r *rig) grantOrder(n int, cents int64, days int) adapters.GrantOrder {
	id := grantID(n)
	expires := core.Never
	if days > 0 {
		expires = r.now + core.Time(days)*24*hour
	}
	return adapters.GrantOrder{
		Mark: r.mark(adapters.GrantKind, n, string(id)), Grant: id, Holding: adapters.Holding{Quanta: cents, Scale: 2, Unit: "usd"},
		Unit: core.Unit{Code: "credits", Scale: 2}, Original: 100_000, Category: core.Paid, Priority: 50, Starts: r.now - hour, Expires: expires, Now: r.now, Links: r.links,
	}
}

func (r *rig) grant(n int, cents int64, days int) {
	r.t.Helper()
	r.keep(r.a.CreateGrant(r.t.Context(), r.grantOrder(n, cents, days)))
}

// draw is the order of the n-th window on a grant.
func (r *rig) draw(n, grant int, cents int64) adapters.ConsumeOrder {
	window := fmt.Sprintf("win_%d", n)
	return adapters.ConsumeOrder{
		Mark: r.mark(adapters.ConsumeKind, n, window), Window: window, Grant: grantID(grant), Quanta: cents, Scale: 2, Unit: "usd",
		Opened: r.now - hour, Closed: r.now, Sent: r.now, Links: r.links,
	}
}

func (r *rig) consume(n, grant int, cents int64) adapters.Answer {
	r.t.Helper()
	return r.keep(r.a.Consume(r.t.Context(), r.draw(n, grant, cents)))
}

func (r *rig) end(n int) {
	r.t.Helper()
	r.keep(r.a.EndGrant(r.t.Context(), adapters.EndOrder{
		Mark: r.mark(adapters.EndKind, n, string(grantID(n))), Grant: grantID(n), Holding: adapters.Holding{Scale: 2, Unit: "usd"}, Links: r.links,
	}))
}

type boxWallet struct {
	ID      string `json:"lago_id"`
	Status  string
	Code    string
	Balance int64 `json:"balance_cents"`
}

// wallets are the customer's, newest first, as Lago lists them.
func (r *rig) wallets() []boxWallet {
	r.t.Helper()
	var got struct{ Wallets []boxWallet }
	r.call("GET", "/api/v1/wallets?external_customer_id=ada%2F42", "", &got)
	return got.Wallets
}

// active adds up what active wallets hold.
func (r *rig) active() (sum int64, count int) {
	for _, w := range r.wallets() {
		if w.Status == "active" {
			sum, count = sum+w.Balance, count+1
		}
	}
	return sum, count
}

// left is what the adapter reads of each grant that has something.
func (r *rig) left() map[core.ID]int64 {
	r.t.Helper()
	out := map[core.ID]int64{}
	page := adapters.Page{Limit: 2}
	for {
		got, err := r.a.Grants(r.t.Context(), ada, page)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, g := range got.Items {
			if g.State == core.Open || g.State == core.Spent {
				out[core.ID(g.Neutral)] += g.Left.Quanta
			}
		}
		if page.Cursor = got.Next; page.Cursor == "" {
			return out
		}
	}
}

func (r *rig) usage() int64 {
	r.t.Helper()
	n, err := r.a.Usage(r.t.Context(), adapters.UsageQuery{Customer: ada, From: r.now - 1000*hour, To: r.now + hour, Links: r.links})
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}
