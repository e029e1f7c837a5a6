// Command ha writes to a PostgreSQL cluster whose leader is killed meanwhile,
// until it is interrupted, and then compares what was acknowledged with what
// is there. The script beside it starts such a cluster and kills the leaders.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/sourcegraph/conc/pool"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/internal/clock"
	"scrip/storage/postgres"
)

const (
	writers  = 8
	accounts = 64
	patience = 2 * time.Minute // for one answer, which the longest failover is far below
	told     = time.Second     // a gap from which on it is worth a line
)

var errUse = errors.New("usage: ha URL")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run works on the database that the only argument names.
func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) != 1 {
		return errUse
	}
	store, err := postgres.Open(ctx, args[0], postgres.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	return show(ctx, store, out)
}

// show writes until ctx ends and judges what the store has then.
func show(ctx context.Context, store ledger.Store, out io.Writer) error {
	l := ledger.Open(store, ledger.Options{
		Now: clock.WallNow, Order: core.DefaultOrder(),
		Units: []core.Unit{{Code: "credits", Scale: 0}},
	})
	defer l.Close()
	if err := fund(ctx, l); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(out, "writing")
	book := newBook(out, time.Now())
	if err := write(ctx, l, book); err != nil {
		return err
	}
	return judge(context.WithoutCancel(ctx), l.Reader(), book, out)
}

func account(i int) ledger.AccountKey {
	return ledger.AccountKey{Customer: fmt.Sprintf("customer-%02d", i), Unit: "credits"}
}

// fund gives each account more than will be debited.
func fund(ctx context.Context, l *ledger.Ledger) error {
	for i := range accounts {
		key := account(i)
		if _, _, err := l.PutCustomer(ctx, ledger.Customer{ID: key.Customer}); err != nil {
			return err
		}
		terms := core.Terms{Amount: 1_000_000_000, Category: core.Paid, Priority: core.DefaultPriority}
		if _, _, err := l.Issue(ctx, "fund-"+key.Customer, key, terms); err != nil {
			return err
		}
	}
	return nil
}

// write debits until ctx ends, each writer once at least. A debit that has begun is asked for until it is
// answered, by the same key.
func write(ctx context.Context, l *ledger.Ledger, b *book) error {
	workers := pool.New().WithErrors()
	for w := range writers {
		workers.Go(func() error {
			for n := 0; n == 0 || ctx.Err() == nil; n++ {
				c := ledger.Charge{Account: account(rand.IntN(accounts)), Amount: 1}
				if err := debit(context.WithoutCancel(ctx), l, fmt.Sprintf("writer-%d-%09d", w, n), c, b); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return workers.Wait()
}

// debit asks until there is an answer.
func debit(ctx context.Context, l *ledger.Ledger, key string, c ledger.Charge, b *book) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		receipt, replay, err := l.Debit(ctx, key, c)
		if err == nil {
			b.answered(receipt.ID, replay)
			return nil
		}
		b.failed(err)
		select {
		case <-time.After(wait/2 + rand.N(wait)):
		case <-ctx.Done():
			return fmt.Errorf("debit %q had no answer for %s, the last was: %w", key, patience, err)
		}
	}
}

// book is what the writers know.
type book struct {
	mu       sync.Mutex
	out      io.Writer
	begun    time.Time
	last     time.Time // when an answer came last
	longest  time.Duration
	answers  map[core.ID]int // by debit
	replays  int             // answers that a first, unanswered try had earned
	failures int
	unknown  int // failures that left the outcome open
}

func newBook(out io.Writer, now time.Time) *book {
	return &book{out: out, begun: now, last: now, answers: map[core.ID]int{}}
}

func (b *book) answered(id core.ID, replay bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if gap := now.Sub(b.last); gap > told {
		_, _ = fmt.Fprintf(b.out, "after %.1f s: %.1f s without an answer\n", b.last.Sub(b.begun).Seconds(), gap.Seconds())
	}
	b.longest = max(b.longest, now.Sub(b.last))
	b.last = now
	b.answers[id]++
	if replay {
		b.replays++
	}
}

func (b *book) failed(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures++
	if errors.Is(err, ledger.ErrUnknown) {
		b.unknown++
	}
}

// judge counts each debit among the entries: every acknowledged one must be
// there, and none twice. An audit recomputes every balance beside.
func judge(ctx context.Context, r ledger.Reader, b *book, out io.Writer) error {
	made := map[core.ID]int{}
	for i := range accounts {
		if err := count(ctx, r, account(i), made); err != nil {
			return err
		}
	}
	lost, doubled := b.compare(made)
	report, err := r.AuditAll(ctx, nil)
	if err != nil {
		return fmt.Errorf("the audit cannot read: %w", err)
	}
	_, _ = fmt.Fprintf(out, "writers                 %d, for %.0f s\n", writers, b.last.Sub(b.begun).Seconds())
	_, _ = fmt.Fprintf(out, "acknowledged            %d\n", len(b.answers))
	_, _ = fmt.Fprintf(out, "lost                    %d\n", lost)
	_, _ = fmt.Fprintf(out, "doubled                 %d\n", doubled)
	_, _ = fmt.Fprintf(out, "longest without answer  %.1f s\n", b.longest.Seconds())
	_, _ = fmt.Fprintf(out, "failures, repeated      %d, of which %d left the outcome open\n", b.failures, b.unknown)
	_, _ = fmt.Fprintf(out, "answered as known       %d: a try without an answer had been written\n", b.replays)
	_, _ = fmt.Fprintf(out, "audit                   %d entries, %d findings\n", report.Entries, len(report.Findings))
	switch {
	case lost > 0 || doubled > 0:
		return fmt.Errorf("%d acknowledged debits are lost and %d are there twice", lost, doubled)
	case len(report.Findings) > 0:
		return fmt.Errorf("the audit found %s: %s", report.Findings[0].Where, report.Findings[0].What)
	case len(b.answers) == 0:
		return errors.New("nothing was acknowledged")
	}
	return nil
}

// compare counts the acknowledged debits that are missing, and all debits that
// are there more than once.
func (b *book) compare(made map[core.ID]int) (lost, doubled int) {
	for id := range b.answers {
		if made[id] == 0 {
			lost++
		}
	}
	for _, n := range made {
		if n > 1 {
			doubled++
		}
	}
	return lost, doubled
}

// count adds an account's debits to made.
func count(ctx context.Context, r ledger.Reader, key ledger.AccountKey, made map[core.ID]int) error {
	for after := int64(0); ; {
		list, err := r.Entries.Entries(ctx, key, after, 1000)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, e := range list {
			if e.Kind == core.EntryDebit {
				made[e.Source]++
			}
		}
		after = list[len(list)-1].Seq
	}
}
