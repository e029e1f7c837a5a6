package ledger_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/storage/sqlite"
)

const (
	start core.Time = 1_700_000_000_000_000
	hour  core.Time = 3_600_000_000
)

var (
	ann   = ledger.AccountKey{Customer: "ann", Unit: "credits"}
	bob   = ledger.AccountKey{Customer: "bob", Unit: "credits"}
	units = []core.Unit{{Code: "credits", Scale: 2}, {Code: "tokens"}, {Code: "usd", Scale: 6}}
)

// bench is a ledger on a real file, with a clock that stands still.
type bench struct {
	*testing.T
	*ledger.Ledger
	ctx   context.Context
	path  string
	file  *sqlite.Store
	clock atomic.Int64
}

// newBench opens a ledger with the customers ann and bob. wrap, when set,
// stands between the ledger and its file.
func newBench(t *testing.T, wrap func(ledger.Store) ledger.Store, o ledger.Options) *bench {
	t.Helper()
	b := &bench{T: t, ctx: t.Context(), path: filepath.Join(t.TempDir(), "scrip.db")}
	b.clock.Store(int64(start))
	b.open(wrap, o)
	t.Cleanup(b.close)
	for _, id := range []string{"ann", "bob"} {
		b.customer(id)
	}
	return b
}

func (b *bench) open(wrap func(ledger.Store) ledger.Store, o ledger.Options) {
	b.Helper()
	file, err := sqlite.OpenWith(b.ctx, b.path, sqlite.Options{Relaxed: true})
	if err != nil {
		b.Fatal(err)
	}
	b.file = file
	store := ledger.Store(file)
	if wrap != nil {
		store = wrap(store)
	}
	o.Now, o.Units, o.Order = func() core.Time { return core.Time(b.clock.Load()) }, units, core.DefaultOrder()
	b.Ledger = ledger.Open(store, o)
}

func (b *bench) close() {
	b.Ledger.Close()
	if err := b.file.Close(); err != nil {
		b.Errorf("closing the file: %v", err)
	}
}

// restart closes the ledger and its file and opens them again.
func (b *bench) restart() {
	b.Helper()
	b.close()
	b.open(nil, ledger.Options{})
}

func (b *bench) customer(id string) {
	b.Helper()
	if _, _, err := b.PutCustomer(b.ctx, ledger.Customer{ID: id}); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) pass(d core.Time) { b.clock.Add(int64(d)) }

func (b *bench) need(err error) {
	b.Helper()
	if err != nil {
		b.Fatalf("unexpected error: %v", err)
	}
}

func terms(amount core.Amount) core.Terms {
	return core.Terms{Amount: amount, Category: core.Promotional, Priority: core.DefaultPriority}
}

// grant gives credits under a key.
func (b *bench) grant(key string, account ledger.AccountKey, amount core.Amount) core.ID {
	b.Helper()
	r, _, err := b.Issue(b.ctx, key, account, terms(amount))
	b.need(err)
	return r.Grant.ID
}

func charge(account ledger.AccountKey, amount core.Amount) ledger.Charge {
	return ledger.Charge{Account: account, Amount: amount}
}

func (b *bench) balance(key ledger.AccountKey) core.Balance {
	b.Helper()
	a, err := b.Account(b.ctx, key)
	b.need(err)
	return a.Balance(b.Now())
}

// sound audits everything: chains, grants, holds and consumption, recomputed
// from the entries; and balances again from the feed alone.
func (b *bench) sound() {
	b.Helper()
	report, err := ledger.Audit(b.ctx, b.Reader(), nil)
	b.need(err)
	for _, f := range report.Findings {
		b.Errorf("audit: %s %s", f.Where, f.What)
	}
	posted := map[ledger.AccountKey]core.Amount{}
	for cursor := ""; ; {
		list, next, err := b.Reader().Entries.Feed(b.ctx, cursor, 500)
		b.need(err)
		if len(list) == 0 {
			break
		}
		for _, e := range list {
			key := ledger.AccountKey{Customer: e.Customer, Unit: e.Unit}
			from, to := e.Kind.Pots()
			posted[key] += e.Amount * (held(to) - held(from))
		}
		cursor = next
	}
	for key, want := range posted {
		a, err := b.Reader().Accounts.Account(b.ctx, key)
		b.need(err)
		var sum core.Amount
		for _, g := range a.Grants {
			if g.Remaining < 0 || g.Held < 0 || g.Held > g.Remaining {
				b.Errorf("grant %s has %d remaining and %d held", g.ID, g.Remaining, g.Held)
			}
			sum += g.Remaining
		}
		if sum != want {
			b.Errorf("%v has %d in its grants, %d by the feed", key, sum, want)
		}
	}
}

// held is 1 for the pots that a grant still has.
func held(p core.Pot) core.Amount {
	if p == core.Available || p == core.Held {
		return 1
	}
	return 0
}

func wantCode(t *testing.T, what string, err error, code core.Code) {
	t.Helper()
	if core.CodeOf(err) != code || err == nil {
		t.Errorf("%s: got %v (%s), want code %s", what, err, core.CodeOf(err), code)
	}
}

func text(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := text(got), text(want); g != w {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}

// within fails when f takes longer than a generous bound: it hangs.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s hangs", what)
	}
}
