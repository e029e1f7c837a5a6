package postgres

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/internal/pgtest"
)

// DB-02: every third COMMIT, or every n-th statement of any kind, is refused for
// having met another transaction. No caller hears of it, and nothing happens
// twice.
func TestRetries(t *testing.T) {
	s := open(t, Options{})
	for _, state := range []string{"40001", "40P01"} {
		for only, every := range map[string]int64{"commit": 3, "": 29} {
			t.Run(fmt.Sprint(state, " each ", every, only), func(t *testing.T) {
				empty(t, s)
				r := replicaOf(t, s)
				for i := range 4 {
					r.fund(fmt.Sprint("c", i), 1000)
				}
				var n, made atomic.Int64
				s.fault = func(name string) string {
					if only != "" && name != only || n.Add(1)%every != 0 {
						return ""
					}
					made.Add(1)
					return state
				}
				const debits = 48
				for _, err := range all(debits, func(i int) error {
					_, _, err := r.debit(fmt.Sprint("d", i), fmt.Sprint("c", i%4), 1)
					return err
				}) {
					if err != nil {
						t.Error(err)
					}
				}
				s.fault = nil
				if made.Load() == 0 {
					t.Error("nothing was refused")
				}
				for i := range 4 {
					if b := r.balance(fmt.Sprint("c", i)); b.Posted != 1000-debits/4 {
						t.Errorf("customer %d has %+v", i, b)
					}
				}
				r.sound()
			})
		}
	}
}

// A statement that is refused for ever is given up, after as many tries as
// there are.
func TestRetriesEnd(t *testing.T) {
	s := open(t, Options{})
	s.limits.first = time.Millisecond
	r := replicaOf(t, s)
	r.fund("ann", 10)
	tries := 0
	s.fault = func(name string) string {
		if name != "commit" {
			return ""
		}
		tries++
		return "40001"
	}
	_, _, err := r.debit("d", "ann", 1)
	s.fault = nil
	if core.CodeOf(err) != core.CodeUnavailable || tries != s.limits.tries {
		t.Errorf("after %d tries: %v", tries, err)
	}
	if receipt, _, err := r.debit("d", "ann", 1); err != nil || receipt.Amount != 1 || r.balance("ann").Posted != 9 {
		t.Errorf("then: %+v, %v", receipt, err)
	}
	// A refusal that no second try changes comes at once.
	s.fault = func(name string) string {
		if name == "commit" {
			tries++
			return "23514"
		}
		return ""
	}
	tries = 0
	_, _, err = r.debit("d2", "ann", 1)
	s.fault = nil
	if err == nil || tries != 1 {
		t.Errorf("after %d tries: %v", tries, err)
	}
	r.sound()
}

// DB-03: the connection is cut when a COMMIT is on its way, before, when and
// after the server acts. The caller gets the one true answer, the effect is
// there once, and so it is when another process writes in between.
func TestUnknownCommit(t *testing.T) {
	forms(t, func(t *testing.T, o Options) {
		url := database(t)
		p, through := proxied(t, url)
		r, other := replicaOf(t, openAt(t, through, o)), replicaOf(t, openAt(t, url, o))
		r.fund("ann", 1000)
		for i, c := range []cut{before, at, after, after, at, before} {
			p.arm(c)
			receipt, replay, err := r.debit(fmt.Sprint("d", i), "ann", 1)
			if err != nil || replay || receipt.Balance.Posted != core.Amount(1000-2*i-1) {
				t.Fatalf("cut %s: %+v, %v, %v", c, receipt, replay, err)
			}
			if p.armed() != untouched {
				t.Fatalf("cut %s: no COMMIT came by", c)
			}
			if _, _, err := other.debit(fmt.Sprint("o", i), "ann", 1); err != nil {
				t.Fatal(err)
			}
		}
		if b := r.balance("ann"); b.Posted != 1000-12 {
			t.Errorf("the balance is %+v", b)
		}
		r.sound()
	})
}

// DB-03 too: by the time the fate of a commit is asked for, another process has
// written to its bucket. Its entry, or its answer, tells.
func TestFateAfterOthers(t *testing.T) {
	s := open(t, Options{})
	r := replicaOf(t, s)
	r.fund("ann", 1000)
	c, err := s.session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.release()
	// What a debit wrote, as the one who sent it would ask for it.
	key := account("ann")
	var w *save
	commit := func(change func(a *core.Account) *ledger.Changes, send bool) {
		t.Helper()
		l := newLoad(c, &ledger.Batch{Accounts: []ledger.AccountKey{key}})
		if err := l.run(t.Context(), []int{bucketOf(key)}); err != nil {
			t.Fatal(err)
		}
		a := l.state.Accounts[key]
		a.Order = core.DefaultOrder()
		a.Sort()
		w = newSave(l, change(a))
		a.Seal()
		var more []int
		if err := w.prepare(t.Context(), &more); err != nil {
			t.Fatal(err)
		}
		if !send {
			c.rollback(t.Context())
			return
		}
		if err := c.run(t.Context(), w.trip()); err != nil {
			t.Fatal(err)
		}
	}
	serial := 0
	entry := func(a *core.Account) *ledger.Changes {
		serial++
		if _, err := a.Debit(core.NewID(core.DebitID, "ann", "fate", fmt.Sprint(serial), 0), 1, "", r.Now(), nil); err != nil {
			t.Fatal(err)
		}
		return &ledger.Changes{Accounts: []*core.Account{a}}
	}
	answer := func(*core.Account) *ledger.Changes {
		serial++
		return &ledger.Changes{Requests: []*ledger.Request{{Hash: fmt.Sprint("fate", serial), Customer: "ann", Unit: "credits", Result: []byte(fmt.Sprint(serial)), At: 7}}}
	}
	for _, kind := range []func(*core.Account) *ledger.Changes{entry, answer} {
		for _, sent := range []bool{true, false} {
			for others := range 3 {
				commit(kind, sent)
				for range others {
					serial++
					if _, _, err := r.debit(fmt.Sprint("other", serial), "ann", 1); err != nil {
						t.Fatal(err)
					}
				}
				want := lost
				if sent {
					want = written
				}
				if got := w.outcome(t.Context()); got != want {
					t.Errorf("sent %v, %d others: the fate is %d", sent, others, got)
				}
			}
		}
	}
}

// DB-05: all bytes vanish on connections that stay open. Each caller hears in
// bounded time that it may repeat, nothing is left waiting, and when the
// network is back so is the store.
func TestHungConnections(t *testing.T) {
	p, through := proxied(t, database(t))
	s := openAt(t, through, Options{MaxConns: 4})
	s.limits.trip, s.limits.pool, s.limits.retry, s.limits.outcome = 150*time.Millisecond, 150*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond
	r := replicaOf(t, s)
	r.fund("ann", 1000)
	running := runtime.NumGoroutine()
	p.lose(true)
	for i, err := range all(12, func(i int) error {
		if i%2 == 0 {
			_, err := r.Reader().Accounts.Account(t.Context(), account("ann"))
			return err
		}
		_, _, err := r.debit(fmt.Sprint("d", i), "ann", 1)
		return err
	}) {
		if core.CodeOf(err) != core.CodeUnavailable {
			t.Errorf("caller %d: %v", i, err)
		}
	}
	p.lose(false)
	for i := 1; i < 12; i += 2 {
		if _, err := r.insist(fmt.Sprint("d", i), "ann", 1); err != nil {
			t.Error(err)
		}
	}
	if b := r.balance("ann"); b.Posted != 1000-6 {
		t.Errorf("the balance is %+v", b)
	}
	for end := time.Now().Add(wait); runtime.NumGoroutine() > running+12; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) { // each connection has some of its own
			t.Fatalf("%d goroutines, there were %d", runtime.NumGoroutine(), running)
		}
	}
}

// DB-01: the server crashes under load, again and again. Each caller sees
// success or that it may repeat; repeating is safe.
func TestServerRestarts(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{Durable: true})
	s := openAt(t, server.URL("postgres"), Options{})
	r := replicaOf(t, s)
	const customers, each = 8, 40
	for i := range customers {
		r.fund(fmt.Sprint("c", i), 1000)
	}
	var made atomic.Int64
	finished := make(chan []error, 1)
	go func() {
		finished <- all(customers, func(i int) error {
			for n := range each {
				if _, err := r.insist(fmt.Sprint(i, "-", n), fmt.Sprint("c", i), 1); err != nil {
					return err
				}
				made.Add(1)
			}
			return nil
		})
	}()
	var errs []error
	for restarts := int64(1); errs == nil; restarts++ {
		for made.Load() < restarts*100 && len(finished) == 0 {
			time.Sleep(time.Millisecond)
		}
		if restarts <= 2 {
			server.Stop("immediate")
			server.Run()
			continue
		}
		errs = <-finished
	}
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	for i := range customers {
		if b := r.balance(fmt.Sprint("c", i)); b.Posted != 1000-each {
			t.Errorf("customer %d has %+v", i, b)
		}
	}
	r.sound()
}

// DB-06: NUL, broken UTF-8 and a megabyte in texts that come from outside: they
// are stored, readably, and nothing is repeated for ever.
func TestTexts(t *testing.T) {
	s := open(t, Options{})
	big := strings.Repeat("ü", 1<<19)
	for i, text := range []string{"a\x00b", "\xff\xfe", "\xed\xa0\x80", big, "\x00" + big} {
		vendor := fmt.Sprint("evt", i)
		e := &ledger.Event{
			ID: core.NewID(core.EventID, vendor, "inbox", vendor, 0), Connection: "east", VendorID: vendor + text[:2], Type: text,
			Body: []byte(text), Reason: text, State: ledger.Waiting, Received: core.Time(i + 1),
		}
		n := &ledger.Intent{
			ID: core.NewID(core.IntentID, "ann", "texts", vendor, 0), Connection: "east", Customer: "ann", Kind: "grant", Ref: text,
			Body: []byte(text), Reason: text, State: ledger.Parked,
		}
		rec := &ledger.Record{Kind: "plan", ID: vendor, Version: 1, Keys: []string{"k" + vendor}, Body: []byte(text)}
		err := s.Commit(t.Context(), &ledger.Batch{}, func(*ledger.State) (*ledger.Changes, error) {
			return &ledger.Changes{Events: []*ledger.Event{e}, Intents: []*ledger.Intent{n}, Records: []*ledger.Record{rec}}, nil
		})
		if err != nil {
			t.Fatalf("%.10q: %v", text, err)
		}
		got, err := s.Reader().Queues.Event(context.Background(), e.ID)
		if err != nil || got == nil || string(got.Body) != text || got.Type != sound(text) || got.Reason != sound(text) {
			t.Errorf("%.10q came back as %+.40v, %v", text, got, err)
		}
		if strings.ContainsRune(sound(text), 0) {
			t.Errorf("%.10q is stored with NUL", text)
		}
	}
}
