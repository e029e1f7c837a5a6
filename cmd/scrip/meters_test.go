package main

import (
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping/reconcile"
	"scrip/mapping/sync"
)

// openPlain opens an app on a new database, with a vendor that is never asked.
func openPlain(t *testing.T) *app {
	t.Helper()
	t.Setenv("VENDOR_KEY", "sk_test_plain")
	text := fmt.Sprintf(`version: 1
storage: sqlite:%s
unit: {code: credits, scale: 2, price: 0.08 usd}
connections:
  main: {provider: stripe, api_key: env:VENDOR_KEY, webhook_secrets: [env:VENDOR_KEY], base_url: "http://127.0.0.1:1"}
route: {primary: main}
`, filepath.Join(t.TempDir(), "scrip.db"))
	cfg, err := parseConfig("scrip.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	a, err := openApp(t.Context(), &configFile{cfg, text}, appOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func scrape(t *testing.T, a *app, want ...string) {
	t.Helper()
	rec := httptest.NewRecorder()
	a.handler.ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range want {
		if !strings.Contains(rec.Body.String(), line+"\n") {
			t.Errorf("metrics lack %q in\n%s", line, rec.Body)
		}
	}
}

// Drift is what the last comparison found, by cause; a cause that is gone is
// told as zero, so that an alarm ends.
func TestDriftIsCounted(t *testing.T) {
	a := openPlain(t)
	found := func(at core.Time, causes ...reconcile.Cause) {
		t.Helper()
		r := &reconcile.Report{Connection: "main"}
		for _, c := range causes {
			r.Findings = append(r.Findings, reconcile.Finding{Customer: "canary", Cause: c})
		}
		if err := a.noteDrift(t.Context(), r, at); err != nil {
			t.Fatal(err)
		}
	}
	scrape(t, a, `scrip_connection_broken{connection="main"} 0`)
	found(1_000_000_000_000, reconcile.AmountDiffers, reconcile.Duplicate, reconcile.AmountDiffers)
	scrape(t, a, `scrip_drift_findings{cause="amount",connection="main"} 2`, `scrip_drift_findings{cause="duplicate",connection="main"} 1`,
		`scrip_drift_compared_timestamp_seconds{connection="main"} 1e+06`)
	found(2_000_000_000_000, reconcile.Duplicate)
	scrape(t, a, `scrip_drift_findings{cause="amount",connection="main"} 0`, `scrip_drift_findings{cause="duplicate",connection="main"} 1`)
}

// The outcome of each call, attempt and delivery is counted by its cause.
func TestOutcomesAreCounted(t *testing.T) {
	a := openPlain(t)
	if err := a.outward.Prepare(t.Context()); err == nil {
		t.Fatal("a vendor that is not there answered")
	}
	a.meters.tried(sync.Outcome{Connection: "main", Kind: "grant", State: ledger.Parked, Code: adapters.CodeInvalid})
	a.meters.settled("main", ledger.Applied)
	scrape(t, a, `scrip_vendor_calls_total{code="unavailable",connection="main",op="prepare"} 1`, `scrip_vendor_call_seconds_count{connection="main"} 1`,
		`scrip_outbox_attempts_total{code="invalid",connection="main",kind="grant",state="parked"} 1`, `scrip_inbox_outcomes_total{connection="main",state="applied"} 1`)
}

// What apply is doing is what its journals say.
func TestMigrationsAreTold(t *testing.T) {
	a := openPlain(t)
	if list, err := a.migrations(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("without any: %v, %v", list, err)
	}
	for id, journal := range map[string]body{"move": {"source": "main", "target": "next", "phase": "backfill"}, "unit": {"from": "credits", "to": "usd", "phase": "done"}} {
		key := ledger.RecordKey{Kind: "migration", ID: id}
		err := a.ledger.Do(t.Context(), &ledger.Op{
			Names:  func(b *ledger.Batch) { b.Records = append(b.Records, key) },
			Decide: func(tx *ledger.Tx) error { return tx.PutRecord(key, journal) },
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	list, err := a.migrations(t.Context())
	if err != nil || len(list) != 2 || list[0].ID != "vendor" || list[0].Ended || list[1].ID != "unit" || !list[1].Ended {
		t.Errorf("there are %+v, %v", list, err)
	}
}
