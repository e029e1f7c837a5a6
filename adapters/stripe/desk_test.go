package stripe_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"scrip/adapters"
	kit "scrip/adapters/sandbox"
	"scrip/adapters/stripe"
	"scrip/adapters/stripe/sandbox"
	"scrip/core"
	"scrip/internal/httpx"
	"scrip/internal/speccheck"
)

// desk is an adapter at work on a sandbox whose clock only the test moves.
type desk struct {
	t        *testing.T
	url      string
	recorder *speccheck.Recorder
	port     *adapters.Port
	now      core.Time
	links    adapters.Links
	customer string // the vendor's id
}

const deskKey = "sk_test_desk"

// open prepares a connection and a customer at a given instant.
func open(t *testing.T, at string, variants ...string) *desk {
	t.Helper()
	s := sandbox.New(kit.Options{Seed: 11, Wall: func() time.Time { return time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC) }})
	d := &desk{t: t, recorder: speccheck.Record(s)}
	hs := httptest.NewServer(d.recorder)
	t.Cleanup(func() { hs.Close(); s.Close() })
	s.SetPublicURL(hs.URL)
	d.url = hs.URL
	a, err := stripe.New(stripe.Config{Key: deskKey, BaseURL: hs.URL, Now: func() core.Time { return d.now },
		HTTP: httpx.NewClient(httpx.Options{MinWait: time.Millisecond, MaxWait: 10 * time.Millisecond})})
	if err != nil {
		t.Fatal(err)
	}
	d.port = adapters.NewPort(a, adapters.Limits{Percent: 1_000_000, Timeout: time.Minute})
	d.clock(at)
	for _, v := range variants {
		d.control("variant", fmt.Sprintf(`{"name":%q,"on":true}`, v))
	}
	got, err := d.port.Prepare(t.Context(), adapters.Setup{Currency: "usd", Create: true})
	d.keep(got, err)
	d.keep(d.port.PutCustomer(t.Context(), adapters.CustomerOrder{Mark: d.mark("customer", 0, "cust_1"), ID: "cust_1", Name: "Ada Ltd"}))
	d.customer = d.links.One(adapters.RoleCustomer)
	return d
}

func (d *desk) mark(what string, n int, neutral string) adapters.Mark {
	return adapters.Mark{ID: core.NewID(core.IntentID, "cust_1", what, "key", n), Kind: adapters.Kind(what), Neutral: neutral, Customer: d.customer}
}

// keep demands success and adds the links.
func (d *desk) keep(got adapters.Answer, err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
	d.links = append(d.links, got.Links...)
}

// raw makes a call beside the adapter and demands success.
func (d *desk) raw(method, path, body string) []byte {
	d.t.Helper()
	req, err := http.NewRequest(method, d.url+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+deskKey)
	if strings.HasPrefix(path, "/v1/") && body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil || resp.StatusCode != http.StatusOK {
		d.t.Fatalf("%s %s: status %d, %v: %s", method, path, resp.StatusCode, err, got)
	}
	return got
}

func (d *desk) control(call, body string) []byte {
	d.t.Helper()
	return d.raw("POST", "/_sandbox/"+call, body)
}

func (d *desk) clock(at string) {
	d.t.Helper()
	now, err := core.ParseTime(at)
	if err != nil {
		d.t.Fatal(err)
	}
	d.control("clock", fmt.Sprintf(`{"now":%q}`, at))
	d.now = now
}

// told is a list of the vendor's, as far as the tests look into one.
type told struct {
	Data []struct {
		ID       string            `json:"id"`
		Status   string            `json:"status"`
		Reason   string            `json:"billing_reason"`
		Total    int64             `json:"total"`
		Start    int64             `json:"current_period_start"`
		End      int64             `json:"current_period_end"`
		Name     string            `json:"event_name"`
		Lookup   string            `json:"lookup_key"`
		Metadata map[string]string `json:"metadata"`
	} `json:"data"`
}

func (d *desk) list(path string) told {
	d.t.Helper()
	var out told
	if err := json.NewDecoder(bytes.NewReader(d.raw("GET", path, ""))).Decode(&out); err != nil {
		d.t.Fatal(err)
	}
	slices.Reverse(out.Data) // oldest first
	return out
}

// carrier puts the carrier; n tells orders apart.
func (d *desk) carrier(n int) (adapters.Answer, error) {
	return d.port.PutCarrier(d.t.Context(), adapters.CarrierOrder{Mark: d.mark("carrier", n, "cust_1"), Links: d.links})
}

// tell tells consumption at an instant; n tells windows apart.
func (d *desk) tell(n int, quanta int64, at core.Time) {
	d.t.Helper()
	window := fmt.Sprintf("win_%d", n)
	_, err := d.port.Consume(d.t.Context(), adapters.ConsumeOrder{
		Mark: d.mark("consume", n, window), Window: window, Quanta: quanta, Scale: 2, Unit: "usd", Opened: at, Closed: at, Sent: at, Links: d.links,
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

// lot is a grant of the core, as a test knows it.
type lot struct {
	name     string
	category core.Category
	expires  core.Time
	minor    core.Amount
}

// grant gives the vendor a lot; n tells attempts at one lot apart.
func (d *desk) grant(n int, l lot, minor core.Amount) {
	d.t.Helper()
	d.keep(d.port.CreateGrant(d.t.Context(), adapters.GrantOrder{
		Mark: d.mark("grant "+l.name, n, l.name), Grant: core.ID(l.name), Value: core.Money{Minor: minor, Currency: "usd"},
		Holding: adapters.Holding{Quanta: int64(minor), Scale: 2, Unit: "usd"}, Unit: core.Unit{Code: "credits", Scale: 2}, Original: l.minor,
		Consumed: l.minor - minor, Category: l.category, Priority: 50, Starts: d.now - 1, Expires: l.expires, Now: d.now, Links: d.links,
	}))
}

// grants lists what the vendor holds, oldest first. It reads twice: some
// variants hide what is new from the first read.
func (d *desk) grants() []adapters.VendorGrant {
	d.t.Helper()
	if _, err := d.port.Grants(d.t.Context(), d.customer, adapters.Page{}); err != nil && adapters.AsError(err).Code != adapters.CodeNotFound {
		d.t.Fatal(err)
	}
	got, err := d.port.Grants(d.t.Context(), d.customer, adapters.Page{})
	if err != nil {
		d.t.Fatal(err)
	}
	slices.Reverse(got.Items)
	return got.Items
}

// left says what is left of each grant that has not ended, by lot.
func (d *desk) left() string {
	d.t.Helper()
	var out []string
	for _, g := range d.grants() {
		if g.State != core.Open && g.State != core.Spent {
			continue
		}
		if int64(g.Value.Minor) != g.Held.Quanta || int64(g.Remaining.Minor) != g.Left.Quanta || g.Left.Scale != 2 || g.Left.Unit != "usd" {
			d.t.Errorf("%s of %s is told as %v of %v", g.Remaining, g.Value, g.Left, g.Held)
		}
		out = append(out, fmt.Sprintf("%s %d of %d", g.Neutral, g.Left.Quanta, g.Held.Quanta))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// invoices says what subscription invoices there are.
func (d *desk) invoices() string {
	d.t.Helper()
	var out []string
	for _, x := range d.list("/v1/invoices?limit=100").Data {
		out = append(out, fmt.Sprintf("%s %s %d", strings.TrimPrefix(x.Reason, "subscription_"), x.Status, x.Total))
	}
	return strings.Join(out, ", ")
}

// finals are the events of kind [adapters.FinalEvent] so far.
func (d *desk) finals() string {
	d.t.Helper()
	got, err := d.port.Events(d.t.Context(), 0, adapters.Page{Limit: 100})
	if err != nil {
		d.t.Fatal(err)
	}
	var out []string
	for _, body := range slices.Backward(got.Items) {
		e, err := d.port.Normalise(body)
		if err != nil {
			d.t.Fatal(err)
		}
		if e.Kind == adapters.FinalEvent {
			out = append(out, fmt.Sprintf("%s until %s by %t", e.Type, e.Until, e.Customer == d.customer && strings.HasPrefix(e.Object, "in_")))
		}
	}
	return strings.Join(out, ", ")
}
