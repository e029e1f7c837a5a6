package bench

import (
	"context"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/storage/sqlite"
)

var quick = Pace{Slice: 20 * time.Millisecond, Pairs: 1, Accounts: 20}

// Each case checks what it did by itself, so that it fails when it counted
// what the gateway did not do.
func TestCasesMeasureBothSides(t *testing.T) {
	ctx := t.Context()
	for name, run := range map[string]func(dir string) (Result, error){
		"durable":   func(dir string) (Result, error) { return DebitFullNormal(ctx, dir, "durable", 4, quick) },
		"balance":   func(dir string) (Result, error) { return Balance(ctx, dir, "balance", quick) },
		"batch":     func(dir string) (Result, error) { return BatchHTTP(ctx, dir, "batch", 2, quick) },
		"webhook":   func(dir string) (Result, error) { return WebhookSQLite(ctx, dir, "webhook", 4, quick) },
		"reconcile": func(string) (Result, error) { return Reconcile(ctx, "reconcile", 250, quick) },
		"charge/3":  func(string) (Result, error) { return Charge(ctx, 3, quick) },
		"history":   func(dir string) (Result, error) { return History(ctx, dir, "history", 300, quick) },
		"plan":      func(dir string) (Result, error) { return Plan(ctx, dir, "plan", 250, quick) },
	} {
		r, err := run(t.TempDir())
		if err != nil || r.Name != name || r.Rate <= 0 || r.Limit <= 0 || r.Ratio <= 0 {
			t.Errorf("%s: got %+v, %v", name, r, err)
		}
	}
}

// What was not kept is noticed.
func TestChecksFindWhatIsMissing(t *testing.T) {
	ctx := t.Context()
	b, err := openSubject(ctx, t.TempDir(), 3, false)
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	if err := kept(ctx, b.ledger, 3, 0); err != nil {
		t.Errorf("nothing was debited: %v", err)
	}
	if kept(ctx, b.ledger, 3, 1) == nil {
		t.Error("a debit that was not made is not missed")
	}
	if b.stored(ctx, 0) != nil || b.stored(ctx, 1) == nil {
		t.Error("a delivery that did not come is not missed")
	}
	if allApplied([]byte(`{"data":[{"status":"applied"}]}`)) == nil {
		t.Error("one debit passes for a hundred")
	}
	v := &shelf{crowd: crowd{customers: 5, grants: 1}, wrong: 9}
	if _, err := v.reconcile(ctx, newGauge()); err == nil {
		t.Error("a comparison without its one difference passes")
	}
	if _, err := v.merge(ctx); err == nil {
		t.Error("a merge without its one difference passes")
	}
	p := &planner{crowd: crowd{customers: 5, grants: planGrants}, sum: 1}
	if _, err := p.stream(ctx, t.TempDir()+"/rows"); err == nil {
		t.Error("a stream of another sum passes")
	}
	if (&gauge{base: 1, peak: 2 + maxGrowth}).check() == nil {
		t.Error("a heap that grows passes")
	}
}

func TestForgedDeliveriesAreRefused(t *testing.T) {
	v, now := newPoster("good"), time.Unix(1_800_000_000, 0)
	body := delivery(1)
	if len(body) != deliverySize {
		t.Errorf("a delivery has %d bytes", len(body))
	}
	for name, c := range map[string]struct {
		header http.Header
		at     time.Time
		good   bool
	}{
		"good":   {v.sign(body, now), now, true},
		"old":    {v.sign(body, now), now.Add(time.Hour), false},
		"forged": {newPoster("other").sign(body, now), now, false},
		"other":  {v.sign(delivery(2), now), now, false},
		"none":   {http.Header{}, now, false},
	} {
		if err := v.Verify(adapters.Delivery{Header: c.header, Body: body}, c.at); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Accounts whose customers share a hash are filled too.
func TestAuditedAccountsHaveTheirOwnGrants(t *testing.T) {
	store, err := sqlite.OpenWith(t.Context(), filepath.Join(t.TempDir(), "audit.db"), sqlite.Options{Relaxed: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	first, other := crowdID(0), ""
	for n := 1; other == ""; n++ {
		if core.Hash(crowdID(n)) == core.Hash(first) {
			other = crowdID(n)
		}
	}
	for _, name := range []string{first, other} {
		if err := fillAccount(t.Context(), store, name, 2); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestShortNames(t *testing.T) {
	for n, want := range map[int]string{1_000_000: "1m", 3_000_000: "3m", 450: "450", 1_500_000: "1500000", 0: "0"} {
		if got := short(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

// The crowd is listed whole and in order, page by page.
func TestCrowd(t *testing.T) {
	c, v := crowd{customers: 7, grants: 2}, &shelf{crowd: crowd{customers: 7, grants: 1}}
	var ids []string
	for after := ""; ; {
		list, err := c.List(context.Background(), "customer", after, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		for _, r := range list {
			ids = append(ids, r.ID)
		}
		after = list[len(list)-1].ID
	}
	at := 0
	for page := (adapters.Page{Limit: 3}); ; {
		list, err := v.Customers(t.Context(), page)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range list.Items {
			if at >= len(ids) || x.Neutral != ids[at] || x.ID != atVendor(ids[at]) {
				t.Fatalf("the vendor lists %+v at %d of %v", x, at, ids)
			}
			at++
		}
		if page.Cursor = list.Next; page.Cursor == "" {
			break
		}
	}
	if at != 7 || len(ids) != 7 {
		t.Errorf("%d of %d customers", at, len(ids))
	}
}
