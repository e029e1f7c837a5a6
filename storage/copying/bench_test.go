package copying

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/internal/clock"
	"scrip/internal/pgtest"
	"scrip/storage/sqlite"
)

// BenchmarkCopy carries debits, 50,000 or SCRIP_COPY_ENTRIES, there and back;
// each leaves an entry and an answer.
func BenchmarkCopy(b *testing.B) {
	entries, err := strconv.Atoi(os.Getenv("SCRIP_COPY_ENTRIES"))
	if err != nil {
		entries = 50_000
	}
	from := Place{SQLite: b.TempDir() + "/from.db"}
	debits(b, from.SQLite, entries)
	for b.Loop() {
		there, back := Place{Postgres: pgtest.New(b)}, Place{SQLite: b.TempDir() + "/back.db"}
		for _, way := range []struct {
			name     string
			from, to Place
		}{{"there", from, there}, {"back", there, back}} {
			// What each part of it takes, as a comparison's is told when it begins.
			parts, what, since := map[string]float64{}, "reading", time.Now()
			o := Options{Progress: func(now string, _ int64) {
				now, _, _ = strings.Cut(now, " ")
				if now != what {
					parts[what] += time.Since(since).Seconds()
					what, since = now, time.Now()
				}
			}}
			begun := time.Now()
			o.writing = func(int) error { begun = time.Now(); return nil }
			o.written = func(int) error { parts["writing"] += time.Since(begun).Seconds(); return nil } // of copying
			r, err := Run(b.Context(), way.from, way.to, o)
			if err != nil || !r.Same() {
				b.Fatal(err, r)
			}
			parts[what] += time.Since(since).Seconds()
			for part, seconds := range parts {
				b.ReportMetric(seconds, way.name+"-"+part+"-s")
			}
		}
	}
}

func debits(b *testing.B, path string, n int) {
	s, err := sqlite.OpenWith(b.Context(), path, sqlite.Options{Relaxed: true})
	if err != nil {
		b.Fatal(err)
	}
	l := ledger.Open(s, ledger.Options{Now: clock.WallNow, Units: []core.Unit{{Code: "credits"}}, Order: core.DefaultOrder()})
	account := func(i int) ledger.AccountKey {
		return ledger.AccountKey{Customer: fmt.Sprint("customer-", i%10_000), Unit: "credits"}
	}
	for i := range min(n, 10_000) {
		_, _, err := l.PutCustomer(b.Context(), ledger.Customer{ID: account(i).Customer})
		if err == nil {
			_, _, err = l.Issue(b.Context(), fmt.Sprint("grant-", i), account(i), core.Terms{Amount: 1_000_000, Category: core.Paid, Priority: core.DefaultPriority})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	for i := 0; i < n; i += 1000 {
		var items []ledger.BatchItem
		for k := i; k < min(n, i+1000); k++ {
			items = append(items, ledger.BatchItem{Key: fmt.Sprint("debit-", k), Charge: ledger.Charge{Account: account(k * 7), Amount: 3}})
		}
		outcomes, err := l.DebitBatch(b.Context(), items)
		if err != nil {
			b.Fatal(err)
		}
		for _, o := range outcomes {
			if o.Err != nil {
				b.Fatal(o.Err)
			}
		}
	}
	l.Close()
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}
