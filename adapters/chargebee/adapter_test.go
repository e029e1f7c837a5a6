package chargebee_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/adapters/chargebee"
	"scrip/adapters/chargebee/sandbox"
	kit "scrip/adapters/sandbox"
	"scrip/adapters/sandbox/sandboxtest"
	"scrip/core"
	"scrip/core/sale"
	"scrip/internal/httpx"
)

const noon = "2099-03-01T12:00:00Z"

// rig is an adapter at a sandbox whose clock stands at noon, with a customer
// that has its carrier.
type rig struct {
	*sandboxtest.Client
	*chargebee.Adapter
	at    core.Time
	links adapters.Links
	n     int
}

func newRig(t *testing.T, carrier string, variants ...string) *rig {
	t.Helper()
	s := sandbox.New(kit.Options{Seed: 1})
	hs := httptest.NewServer(s)
	t.Cleanup(func() { hs.Close(); s.Close() })
	r := &rig{Client: &sandboxtest.Client{T: t, URL: hs.URL, Key: "test_key"}}
	r.Control("clock", `{"now":"`+noon+`"}`)
	for _, v := range variants {
		r.Variant(v)
	}
	now, err := core.ParseTime(noon)
	if err != nil {
		t.Fatal(err)
	}
	r.at = now
	r.Adapter, err = chargebee.New(chargebee.Config{
		Key: r.Key, WebhookSecrets: []string{"hook:a:b"}, BaseURL: hs.URL + "/api/v2", Carrier: carrier, Now: func() core.Time { return r.at },
		HTTP: httpx.NewClient(httpx.Options{MinWait: time.Millisecond, MaxWait: time.Millisecond}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ready prepares the connection, and a customer of this id.
func (r *rig) ready(id string) *rig {
	r.T.Helper()
	r.keep(r.Prepare(r.T.Context(), adapters.Setup{Units: []string{"credits"}, Create: true}))
	r.keep(r.PutCustomer(r.T.Context(), adapters.CustomerOrder{Mark: r.mark(adapters.CustomerKind, id), ID: id, Name: "Ada"}))
	r.keep(r.PutCarrier(r.T.Context(), adapters.CarrierOrder{Mark: r.mark(adapters.CarrierKind, id), Links: r.links}))
	return r
}

func (r *rig) keep(got adapters.Answer, err error) adapters.Answer {
	r.T.Helper()
	if err != nil {
		r.T.Fatal(err)
	}
	r.links = append(r.links, got.Links...)
	return got
}

// mark is a fresh mark.
func (r *rig) mark(kind adapters.Kind, neutral string) adapters.Mark {
	r.n++
	return adapters.Mark{ID: core.NewID(core.IntentID, "c", string(kind), "key", r.n), Kind: kind, Neutral: neutral, Customer: r.links.One(adapters.RoleCustomer)}
}

func held(quanta int64) adapters.Holding {
	return adapters.Holding{Quanta: quanta, Scale: 2, Unit: "credits"}
}

func (r *rig) grant(id core.ID, quanta int64, expires core.Time) adapters.GrantOrder {
	return adapters.GrantOrder{
		Mark: r.mark(adapters.GrantKind, string(id)), Grant: id, Holding: held(quanta), Unit: core.Unit{Code: "credits", Scale: 2}, Original: core.Amount(quanta),
		Category: core.Paid, Starts: r.at, Expires: expires, Now: r.at, Links: r.links,
	}
}

func (r *rig) window(name string, quanta int64) adapters.ConsumeOrder {
	return adapters.ConsumeOrder{Mark: r.mark(adapters.ConsumeKind, name), Window: name, Quanta: quanta, Scale: 2, Unit: "credits", Sent: r.at, Links: r.links}
}

// left is what each block still has, oldest first.
func (r *rig) left() string {
	r.T.Helper()
	got, err := r.Grants(r.T.Context(), r.links.One(adapters.RoleCustomer), adapters.Page{})
	if err != nil {
		r.T.Fatal(err)
	}
	var out []string
	for _, g := range got.Items {
		out = append([]string{core.Amount(g.Left.Quanta).Format(g.Left.Scale)}, out...)
	}
	return strings.ReplaceAll(strings.Join(out, " "), ".0000000000", "")
}

func gid(n int) core.ID { return core.NewID(core.GrantID, "c", "grant", "key", n) }

func code(err error) adapters.Code {
	if err == nil {
		return ""
	}
	return adapters.AsError(err).Code
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	good := chargebee.Config{Key: "k", BaseURL: "https://acme.chargebee.com/api/v2"}
	for name, change := range map[string]func(*chargebee.Config){
		"no key": func(c *chargebee.Config) { c.Key = " " }, "no address": func(c *chargebee.Config) { c.BaseURL = "" },
		"an address with a password": func(c *chargebee.Config) { c.BaseURL = "https://u:p@acme.chargebee.com" },
		"a secret without a user":    func(c *chargebee.Config) { c.WebhookSecrets = []string{":p"} },
		"a secret without password":  func(c *chargebee.Config) { c.WebhookSecrets = []string{"u:"} },
	} {
		c := good
		change(&c)
		if _, err := chargebee.New(c); code(err) != adapters.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := chargebee.New(good); err != nil {
		t.Error(err)
	}
}

// An id that is too long for the vendor is hashed, and still ours in every read.
func TestLongCustomerID(t *testing.T) {
	long := strings.Repeat("customer.", 12)
	r := newRig(t, "").ready(long)
	if id := r.links.One(adapters.RoleCustomer); len(id) > 50 || id == long {
		t.Errorf("the vendor's id is %q", id)
	}
	r.keep(r.CreateGrant(t.Context(), r.grant(gid(1), 500, core.Never)))
	got, err := r.Customers(t.Context(), adapters.Page{})
	if err != nil || len(got.Items) != 1 || got.Items[0].Neutral != long || r.left() != "5" {
		t.Errorf("customers %+v, %v, left %s", got, err, r.left())
	}
	found, err := r.Find(t.Context(), adapters.Mark{Kind: adapters.CustomerKind, Neutral: long})
	if err != nil || found.Links[0] != r.links[1] {
		t.Errorf("found %v, %v; want %v", found, err, r.links[1])
	}
}

// A configured item price is looked for and never made.
func TestConfiguredCarrier(t *testing.T) {
	r := newRig(t, "pro-USD")
	if _, err := r.Prepare(t.Context(), adapters.Setup{Create: true}); code(err) != adapters.CodeInvalid || !strings.Contains(err.Error(), "pro-USD") {
		t.Errorf("prepare without the item price: %v", err)
	}
	other := newRig(t, "")
	if _, err := other.Prepare(t.Context(), adapters.Setup{Units: []string{"a", "b", "c", "d", "e", "f"}, Create: true}); code(err) != adapters.CodeInvalid {
		t.Errorf("a sixth credit unit: %v", err)
	}
}

// A subscription that somebody cancelled carries nothing; the error says so.
func TestCancelledCarrier(t *testing.T) {
	r := newRig(t, "").ready("acct_1")
	id := r.links.One(adapters.RoleCarrier)
	r.Want(200, "POST", "/api/v2/subscriptions/"+id+"/cancel_for_items", "", "Content-Type", "application/x-www-form-urlencoded")
	if _, err := r.PutCarrier(t.Context(), adapters.CarrierOrder{Mark: r.mark(adapters.CarrierKind, "acct_1"), Links: r.links}); code(err) != adapters.CodeInvalid || !strings.Contains(err.Error(), "reactivate") {
		t.Errorf("put carrier: %v", err)
	}
	if _, err := r.CreateGrant(t.Context(), r.grant(gid(1), 500, core.Never)); code(err) != adapters.CodeInvalid {
		t.Errorf("create grant: %v", err)
	}
}

// Ids are burnt with their customer: the error says so.
func TestDeletedCustomer(t *testing.T) {
	r := newRig(t, "").ready("acct_1")
	r.Want(200, "POST", "/api/v2/customers/acct_1/delete", "", "Content-Type", "application/x-www-form-urlencoded")
	_, err := r.PutCustomer(t.Context(), adapters.CustomerOrder{Mark: r.mark(adapters.CustomerKind, "acct_1"), ID: "acct_1"})
	if code(err) != adapters.CodeInvalid || !strings.Contains(err.Error(), "deleted") {
		t.Errorf("put customer: %v", err)
	}
	if found, err := r.Find(t.Context(), adapters.Mark{Kind: adapters.CustomerKind, Neutral: "acct_1"}); err != nil || len(found.Links) > 0 {
		t.Errorf("a deleted customer was found: %v %v", found, err)
	}
}

func TestConsumeOnce(t *testing.T) {
	for _, v := range []string{"duplicate_operation_409", "duplicate_operation_replayed", "insufficient_409", "insufficient_422"} {
		r := newRig(t, "", v).ready("acct_1")
		r.keep(r.CreateGrant(t.Context(), r.grant(gid(1), 1000, core.Never)))
		o := r.window("w1", 400)
		first := r.keep(r.Consume(t.Context(), o))
		r.at += 11 * 60 * 1_000_000 // too late for the ten-minute rule, were it a new one
		r.Control("clock", `{"advance":"11m"}`)
		if again, err := r.Consume(t.Context(), o); err != nil || fmt.Sprint(again) != fmt.Sprint(first) || r.left() != "6" {
			t.Errorf("%s: repeated: %v, %v, left %s", v, again, err, r.left())
		}
		changed := o
		changed.Quanta = 401
		if _, err := r.Consume(t.Context(), changed); code(err) != adapters.CodeConflict && code(err) != adapters.CodeUnknown {
			t.Errorf("%s: the same mark with another amount: %v", v, err)
		}
		if _, err := r.Consume(t.Context(), r.window("w2", 601)); code(err) != adapters.CodeInvalid {
			t.Errorf("%s: more than there is: %v", v, err)
		}
		r.keep(r.Consume(t.Context(), r.window("w3", 600)))
		q := adapters.UsageQuery{Customer: "acct_1", From: r.at - 3600*1_000_000, To: r.at + 1_000_000, Unit: "credits", Scale: 2}
		if n, err := r.Usage(t.Context(), q); err != nil || n != 1000 {
			t.Errorf("%s: usage %d, %v", v, n, err)
		}
	}
}

// What is withdrawn leaves the customer with the right sum in whatever order the
// vendor burns, and is no consumption.
func TestEndGrant(t *testing.T) {
	for variant, want := range map[string]string{"burn_latest_expiry_first": "10 2", "burn_newest_first": "10 2", "future_timestamp_refused": "0 12"} {
		r := newRig(t, "", variant).ready("acct_1")
		r.keep(r.CreateGrant(t.Context(), r.grant(gid(1), 1000, r.at+3600*1_000_000)))
		r.keep(r.CreateGrant(t.Context(), r.grant(gid(2), 1200, core.Never)))
		o := adapters.EndOrder{Mark: r.mark(adapters.EndKind, string(gid(1))), Grant: gid(1), Holding: held(1000), Links: r.links}
		for range 2 {
			r.keep(r.EndGrant(t.Context(), o))
		}
		if r.left() != want {
			t.Errorf("%s: left %s, want %s", variant, r.left(), want)
		}
		if n, err := r.Usage(t.Context(), adapters.UsageQuery{Customer: "acct_1", To: r.at + 1_000_000, Scale: 2}); err != nil || n != 0 {
			t.Errorf("%s: usage %d, %v", variant, n, err)
		}
		// More than the ledger has is withdrawn as far as it goes.
		r.keep(r.EndGrant(t.Context(), adapters.EndOrder{Mark: r.mark(adapters.EndKind, string(gid(2))), Grant: gid(2), Holding: held(9900), Links: r.links}))
		if got := r.left(); strings.Trim(got, "0 ") != "" {
			t.Errorf("%s: left %s", variant, got)
		}
		// A block that is gone left nothing to withdraw.
		r.keep(r.CreateGrant(t.Context(), r.grant(gid(3), 700, core.Never)))
		r.Control("mutate", `{"object":"grant","id":"`+r.links[len(r.links)-1].Vendor+`","op":"delete"}`)
		r.keep(r.CreateGrant(t.Context(), r.grant(gid(4), 700, core.Never)))
		r.keep(r.EndGrant(t.Context(), adapters.EndOrder{Mark: r.mark(adapters.EndKind, string(gid(3))), Grant: gid(3), Holding: held(700), Links: r.links}))
		if got := r.left(); !strings.HasSuffix(got, "7") {
			t.Errorf("%s: left %s", variant, got)
		}
	}
}

// A lost allocation is found by reading; one that never expires stays so.
func TestGrantOnce(t *testing.T) {
	r := newRig(t, "").ready("acct_1")
	o := r.grant(gid(1), 500, core.Never)
	r.Control("faults", `{"faults":[{"match":{"path":"/api/v2/ledger_operations/allocate"},"kind":"status_after","status":500}]}`)
	if _, err := r.CreateGrant(t.Context(), o); code(err) != adapters.CodeUnknown {
		t.Errorf("a lost answer: %v", err)
	}
	found, err := r.Find(t.Context(), o.Mark)
	again := r.keep(r.CreateGrant(t.Context(), o))
	if err != nil || fmt.Sprint(found) != fmt.Sprint(again) || r.left() != "5" {
		t.Errorf("found %v, %v, again %v, left %s", found, err, again, r.left())
	}
	got, err := r.Grants(t.Context(), "acct_1", adapters.Page{})
	if err != nil || got.Items[0].Expires != core.Never || got.Items[0].Category != core.Paid || got.Items[0].Neutral != string(gid(1)) {
		t.Errorf("grants %+v, %v", got, err)
	}
	if _, err := r.CreateGrant(t.Context(), r.grant(gid(2), 500, r.at-1)); code(err) != adapters.CodeInvalid {
		t.Errorf("a grant that has expired: %v", err)
	}
}

// A block outlives its grant, whatever the vendor burns first; only what never
// expires is told as such.
func TestExpiryAtVendor(t *testing.T) {
	at, err := core.ParseTime(noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, expires := range []core.Time{at, at + 1, at + 365*24*3600*1_000_000, core.Never - 1} {
		got := chargebee.ExpiryAtVendor(expires)
		if never := chargebee.ExpiryAtVendor(core.Never); got >= never || expires < core.Never-1 && got < expires.Std().Unix()+1 {
			t.Errorf("%s: %d, never is %d", expires, got, never)
		}
	}
}

// buy sells a pack for 10 dollars and returns its invoice.
func (r *rig) buy() (purchase core.ID, invoice string) {
	r.T.Helper()
	purchase = core.NewID(core.PurchaseID, "c", "buy", "key", r.n)
	got := r.keep(r.Sell(r.T.Context(), adapters.SellOrder{
		Mark: r.mark(adapters.SellKind, string(purchase)), Purchase: purchase, Pack: "starter", Price: core.Money{Minor: 1000, Currency: "usd"}, Text: "1000 credits", Links: r.links,
	}))
	return purchase, got.Links[0].Vendor
}

// told is the listed events of a type, newest last.
func (r *rig) told(typ string) [][]byte {
	r.T.Helper()
	got, err := r.Events(r.T.Context(), r.at, adapters.Page{Limit: 100})
	if err != nil {
		r.T.Fatal(err)
	}
	var out [][]byte
	for _, body := range got.Items {
		if bytes.Contains(body, []byte(`"event_type":"`+typ+`"`)) {
			out = append(out, body)
		}
	}
	return out
}

func (r *rig) normalised(body []byte) adapters.Event {
	r.T.Helper()
	e, err := r.Normalise(body)
	if err != nil {
		r.T.Fatal(err)
	}
	return e
}

// A delivery proves nothing: what the vendor says of the event counts.
func TestConfirm(t *testing.T) {
	r := newRig(t, "").ready("acct_1")
	purchase, invoice := r.buy()
	r.Control("pay", `{"object":"`+invoice+`","outcome":"paid"}`)
	body := r.told("payment_succeeded")[0]
	forged := bytes.ReplaceAll(body, []byte(`"amount_paid":1000`), []byte(`"amount_paid":999999`))
	e := r.normalised(forged)
	if !e.Hint || e.Payment.Paid.Minor != 999999 {
		t.Fatalf("the forged delivery says %+v", e)
	}
	read, err := r.Confirm(t.Context(), e)
	if err != nil || read.Hint || read.Payment.Paid.Minor != 1000 || !read.Payment.Settled || read.Payment.Purchase != purchase {
		t.Errorf("read back %+v, %v", read, err)
	}
	e.ID = "ev_that_nobody_sent"
	if _, err := r.Confirm(t.Context(), e); code(err) != adapters.CodeNotFound {
		t.Errorf("an event that the vendor does not know: %v", err)
	}
	e.ID = "../customers"
	if _, err := r.Confirm(t.Context(), e); code(err) != adapters.CodeNotFound {
		t.Errorf("an id that is a path: %v", err)
	}
}

// Only an invoice that is settled whole proves a purchase, by money or by
// credits in money that the customer had.
func TestPayments(t *testing.T) {
	r := newRig(t, "").ready("acct_1")
	purchase, invoice := r.buy()
	expected := sale.Purchase{ID: purchase, Price: core.Money{Minor: 1000, Currency: "usd"}}
	r.Control("pay", `{"object":"`+invoice+`","outcome":"paid","amount":400}`)
	r.Control("pay", `{"object":"`+invoice+`","outcome":"paid"}`)
	told := r.told("payment_succeeded")
	if part, whole := r.normalised(told[0]), r.normalised(told[1]); expected.Prove(*part.Payment) == nil || expected.Prove(*whole.Payment) != nil {
		t.Errorf("part %+v, whole %+v", part.Payment, whole.Payment)
	}
	// Its own credits cover the next one: no payment tells of it.
	r.Want(200, "POST", "/api/v2/promotional_credits/add", "customer_id=acct_1&amount=1000&description=gift", "Content-Type", "application/x-www-form-urlencoded")
	purchase, _ = r.buy()
	made := r.told("invoice_generated")
	if e := r.normalised(made[len(made)-1]); e.Kind != adapters.PaymentEvent || !e.Payment.Settled || e.Payment.Purchase != purchase || e.Payment.Paid.Minor != 1000 {
		t.Errorf("an invoice covered by credits: %+v", e)
	}
	// A voided one is called off.
	_, invoice = r.buy()
	r.Want(200, "POST", "/api/v2/invoices/"+invoice+"/void", "", "Content-Type", "application/x-www-form-urlencoded")
	updated := r.told("invoice_updated")
	if e := r.normalised(updated[len(updated)-1]); e.Kind != adapters.FailedEvent || e.Payment == nil {
		t.Errorf("a voided invoice: %+v", e)
	}
}

// A sale whose page was not made is found without one, and repeated under its
// keys brings the page.
func TestSaleCutShort(t *testing.T) {
	r := newRig(t, "").ready("acct_1")
	r.Control("faults", `{"faults":[{"match":{"path":"/api/v2/hosted_pages"},"kind":"reset"}]}`)
	id := core.NewID(core.PurchaseID, "c", "buy", "key", 1)
	o := adapters.SellOrder{Mark: r.mark(adapters.SellKind, string(id)), Purchase: id, Price: core.Money{Minor: 1000, Currency: "usd"}, Text: "credits", Links: r.links}
	if _, err := r.Sell(t.Context(), o); code(err) != adapters.CodeUnknown {
		t.Errorf("a sale cut short: %v", err)
	}
	found, err := r.Find(t.Context(), o.Mark)
	if err != nil || len(found.Links) != 1 || found.PayURL != "" {
		t.Errorf("found %+v, %v", found, err)
	}
	if got := r.keep(r.Sell(t.Context(), o)); got.PayURL == "" || got.Links[0] != found.Links[0] {
		t.Errorf("repeated: %+v", got)
	}
}

func TestVerifyComparesWhole(t *testing.T) {
	r := newRig(t, "")
	for text, want := range map[string]bool{"hook:a:b": true, "hook:a": false, "hook:": false, ":a:b": false, "hook:a:b:c": false, "": false} {
		req := httptest.NewRequest(http.MethodPost, "/", nil)
		user, password, _ := strings.Cut(text, ":")
		req.SetBasicAuth(user, password)
		if err := r.Verify(adapters.Delivery{Header: req.Header}, time.Now()); (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
		req.Header.Add("Authorization", req.Header.Get("Authorization"))
		if r.Verify(adapters.Delivery{Header: req.Header}, time.Now()) == nil {
			t.Errorf("%q: two headers were accepted", text)
		}
	}
}
