package metronome_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/adapters/metronome"
	"scrip/adapters/metronome/sandbox"
	kit "scrip/adapters/sandbox"
	"scrip/core"
)

const hour = core.Time(3_600_000_000)

// box is an adapter on a sandbox, with one customer.
type box struct {
	*testing.T
	a     *metronome.Adapter
	now   core.Time
	links adapters.Links
}

func start(t *testing.T, variants ...string) *box {
	t.Helper()
	server := sandbox.New(kit.Options{Seed: 3})
	s := httptest.NewServer(server)
	t.Cleanup(func() { s.Close(); server.Close() })
	b := &box{T: t, now: core.TimeOf(time.Now().Truncate(time.Hour)) + 3*hour/2} // its clock goes forward only
	control := func(call, body string) {
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/_sandbox/"+call, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer key_1")
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v, %v", call, resp, err)
		}
		resp.Body.Close()
	}
	control("clock", `{"now":"`+b.now.String()+`"}`)
	for _, v := range variants {
		control("variant", `{"name":"`+v+`","on":true}`)
	}
	var err error
	b.a, err = metronome.New(metronome.Config{Key: "key_1", BaseURL: s.URL, Units: []string{"credits"}, Now: func() core.Time { return b.now }})
	if err != nil {
		t.Fatal(err)
	}
	b.keep(b.a.Prepare(t.Context(), adapters.Setup{Units: []string{"credits"}, Create: true}))
	b.keep(b.a.PutCustomer(t.Context(), adapters.CustomerOrder{ID: "cust_1", Name: "Ada"}))
	return b
}

func (b *box) keep(got adapters.Answer, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
	b.links = append(b.links, got.Links...)
}

func (b *box) mark(kind adapters.Kind, n int, neutral string) adapters.Mark {
	return adapters.Mark{ID: core.NewID(core.IntentID, "cust_1", string(kind), "key", n), Kind: kind, Neutral: neutral, Customer: b.links.One(adapters.RoleCustomer)}
}

// give gives 100 credits by the n-th order.
func (b *box) give(n int, grant string, expires core.Time) {
	b.Helper()
	b.keep(b.a.CreateGrant(b.Context(), adapters.GrantOrder{
		Mark: b.mark(adapters.GrantKind, n, grant), Grant: core.ID(grant), Holding: adapters.Holding{Quanta: 10_000, Scale: 2, Unit: "credits"},
		Unit: core.Unit{Code: "credits", Scale: 2}, Original: 10_000, Category: core.Paid, Basis: core.Money{Minor: 800, Currency: "usd"},
		Priority: 5, Starts: b.now - 90*hour/60, Expires: expires, Now: b.now, Links: b.links,
	}))
}

func (b *box) end(grant string) {
	b.Helper()
	b.keep(b.a.EndGrant(b.Context(), adapters.EndOrder{Mark: b.mark(adapters.EndKind, 1, grant), Grant: core.ID(grant), Links: b.links}))
}

func (b *box) draw(n int, grant string, quanta int64) {
	b.Helper()
	window := fmt.Sprintf("win_%d", n)
	b.keep(b.a.Consume(b.Context(), adapters.ConsumeOrder{
		Mark: b.mark(adapters.ConsumeKind, n, window), Window: window, Grant: core.ID(grant), Quanta: quanta, Scale: 2, Unit: "credits", Sent: b.now, Links: b.links,
	}))
}

// held lists what the vendor holds, in pages of three.
func (b *box) held() []adapters.VendorGrant {
	b.Helper()
	var out []adapters.VendorGrant
	p := adapters.Page{Limit: 3}
	for range 100 {
		got, err := b.a.Grants(b.Context(), b.links.One(adapters.RoleCustomer), p)
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, got.Items...)
		if p.Cursor = got.Next; p.Cursor == "" {
			return out
		}
	}
	b.Fatal("the list has no end")
	return nil
}

// A grant without an end is read back as one, and one of a far end with it,
// however far away the vendor takes an end.
func TestFarEnds(t *testing.T) {
	for _, variants := range [][]string{nil, {"far_dates_refused"}} {
		b := start(t, variants...)
		far := b.now + 60*365*24*hour + hour/2
		b.give(1, "grant_1", core.Never)
		b.give(2, "grant_2", far)
		for i, want := range []core.Time{core.Never, far} {
			if got := b.held()[i]; got.Expires != want || got.State != core.Open || got.Category != core.Paid {
				t.Errorf("%v: %+v, want it to end at %s", variants, got, want)
			}
		}
	}
}

// What was archived is listed once, after the others, and holds nothing.
func TestArchivedFollow(t *testing.T) {
	b := start(t)
	const many, ended = 11, 4
	for n := range many {
		b.give(n, fmt.Sprintf("grant_%d", n), b.now+100*hour)
	}
	for n := range ended {
		b.end(fmt.Sprintf("grant_%d", n))
	}
	seen := map[string]adapters.VendorGrant{}
	list := b.held()
	for _, g := range list {
		seen[g.Neutral] = g
	}
	if len(list) != many || len(seen) != many {
		t.Errorf("%d grants listed, %d different, want %d", len(list), len(seen), many)
	}
	for n := range many {
		g := seen[fmt.Sprintf("grant_%d", n)]
		if over := n < ended; (g.State == core.Void) != over || (g.Left.Quanta == 0) != over || g.Held.Quanta == 0 || g.Expires != b.now+100*hour+hour/2 {
			t.Errorf("grant %d: %+v", n, g)
		}
	}
}

// A grant that came back is drawn on where it is in force; its end takes all.
func TestGrantThatCameBack(t *testing.T) {
	b := start(t)
	b.give(1, "grant_1", b.now+100*hour)
	b.draw(1, "grant_1", 700)
	b.end("grant_1")
	b.give(2, "grant_1", b.now+100*hour)
	b.draw(2, "grant_1", 300)
	b.draw(3, "grant_1", -100)
	list := b.held()
	if len(list) != 2 || list[0].Left.Quanta != 98_000_000 || list[0].State != core.Open || list[1].State != core.Void {
		t.Errorf("%+v", list)
	}
	if got, err := b.a.Usage(t.Context(), adapters.UsageQuery{Customer: b.links.One(adapters.RoleCustomer), From: b.now, To: b.now + 1, Unit: "credits", Scale: 2}); err != nil || got != 900 {
		t.Errorf("usage %d, %v, want 900", got, err)
	}
	b.end("grant_1")
	for _, g := range b.held() {
		if g.State != core.Void {
			t.Errorf("%+v stands", g)
		}
	}
}

// Where nothing can be archived, a grant ends at the next full hour.
func TestEndWithoutArchive(t *testing.T) {
	b := start(t, "contract_editing_off")
	b.give(1, "grant_1", b.now+100*hour)
	for range 2 {
		b.end("grant_1")
	}
	if got := b.held(); len(got) != 1 || got[0].Expires != b.now+hour/2 {
		t.Errorf("%+v", got)
	}
	b.now += hour
	if got := b.held(); got[0].State != core.Expired {
		t.Errorf("%+v", got)
	}
}

// Units that the vendor does not have are named.
func TestUnknownUnit(t *testing.T) {
	b := start(t)
	for unit, want := range map[string]bool{"credits": true, "usd": true, "EUR": true, "2714e483-4ff1-48e4-9e25-ac732e8f24f2": true, "tokens": false} {
		_, err := b.a.Prepare(t.Context(), adapters.Setup{Units: []string{unit}})
		if want != (err == nil) || err != nil && (adapters.AsError(err).Code != adapters.CodeInvalid || !strings.Contains(err.Error(), unit)) {
			t.Errorf("%s: %v", unit, err)
		}
	}
	_, err := b.a.CreateGrant(t.Context(), adapters.GrantOrder{Holding: adapters.Holding{Quanta: 1, Unit: "EUR"}, Links: b.links})
	if adapters.AsError(err).Code != adapters.CodeInvalid {
		t.Errorf("a unit that was not prepared: %v", err)
	}
}
