package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/internal/crash"
)

// decision is what [ledger.Store] calls decide.
type decision = func(*ledger.State) (*ledger.Changes, error)

// Commit implements [ledger.Store]. It may be called at once from several
// callers; those that meet in a bucket go one after the other.
func (s *Store) Commit(ctx context.Context, b *ledger.Batch, decide func(*ledger.State) (*ledger.Changes, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	crash.Point("commit-begin")
	var more []int
	began := time.Now()
	for try := 1; ; {
		err := s.try(ctx, b, decide, &more)
		var again *againError
		switch {
		case err == nil:
			crash.Point("commit-end")
			return nil
		case !errors.As(err, &again):
			return err
		case again.free: // with other buckets, which is not the server's fault
			continue
		}
		wait := backOff(s.limits.first, try)
		if try++; again.once && try > 2 || try > s.limits.tries || time.Since(began)+wait > s.limits.retry || s.closed.Load() {
			return away(again.cause)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return again.cause
		}
	}
}

// away marks what no answer of the server's is about a statement.
func away(err error) error {
	var known *pgconn.PgError
	if errors.As(err, &known) && refused(err) {
		return err
	}
	return fmt.Errorf("%w: %w", err, ledger.ErrAway)
}

// againError says that nothing was written and that another try may succeed.
type againError struct {
	cause error
	free  bool // it counts as no try
	once  bool // a second try tells
}

// Error is the cause's.
func (e *againError) Error() string { return e.cause.Error() }

// Unwrap returns the cause.
func (e *againError) Unwrap() error { return e.cause }

// backOff is how long to wait after the n-th try: doubling, at random, so that
// those who met do not meet again.
func backOff(first time.Duration, n int) time.Duration {
	most := min(first<<n, 2*time.Second)
	return most/4 + rand.N(most)
}

// try runs a commit once. more are buckets to take beside those that the batch
// names; where the changes reach into others it adds them.
func (s *Store) try(ctx context.Context, b *ledger.Batch, decide decision, more *[]int) error {
	c, err := s.session(ctx)
	if err != nil {
		return s.retryable(ctx, err)
	}
	done := false
	defer func() {
		if !done { // by a panic of decide
			c.abandon()
		}
		c.release()
	}()
	l := newLoad(c, b)
	if err := l.run(ctx, bucketsOf(b, *more)); err != nil {
		c.rollback(ctx)
		done = true
		return s.retryable(ctx, err)
	}
	changes, err := decide(l.state)
	if err != nil {
		c.rollback(ctx)
		done = true
		return err
	}
	w := newSave(l, changes)
	err = w.prepare(ctx, more)
	if err != nil || !w.anything() {
		c.rollback(ctx)
		done = true
		if err != nil {
			return s.retryable(ctx, err)
		}
		l.keep(nil)
		return nil
	}
	crash.Point("commit-write")
	err = c.run(ctx, w.trip())
	done = true
	if err != nil {
		if err = w.failed(ctx, err); err != nil {
			return err
		}
	}
	l.keep(w)
	return nil
}

// prepare takes the fences that are still missing and gathers what is written.
func (w *save) prepare(ctx context.Context, more *[]int) error {
	needs := w.needs()
	if missing := w.missing(needs); len(missing) > 0 {
		// Fences are taken in one order by all, so that none waits for another
		// in a circle: those below the last that is held can only be had anew.
		for bucket := range w.load.fences {
			if bucket > missing[0] {
				*more = append(*more, missing...)
				return &againError{cause: errBuckets, free: true}
			}
		}
		var t trip
		if !w.load.begun() {
			t.add(beginText, nil)
		}
		w.load.lock(&t, missing)
		if err := w.load.c.run(ctx, &t); err != nil {
			return err
		}
	}
	for _, bucket := range needs {
		f := w.load.fences[bucket]
		if f == nil {
			return fmt.Errorf("bucket %d has no fence: %w", bucket, errSchema)
		}
		f.moved = true
	}
	if unread := w.unread(); len(unread) > 0 {
		var t trip
		w.load.askRecords(&t, unread)
		if err := w.load.c.run(ctx, &t); err != nil {
			return err
		}
	}
	return w.build()
}

var (
	errBuckets = errors.New("the commit reaches into buckets that it did not name")
	errSchema  = errors.New("the database lacks rows that its schema has")
)

// begun reports whether the transaction is open.
func (l *load) begun() bool { return l.c.pg.TxStatus() == 'T' }

// anything reports whether there is a row to write.
func (w *save) anything() bool {
	return slices.ContainsFunc(w.fills, func(f filled) bool { return !f.fill.empty() })
}

// failed tells what became of a commit that was sent: nil when it is written
// after all.
func (w *save) failed(ctx context.Context, err error) error {
	if refused(err) && !w.load.store.spread(err) {
		w.load.c.rollback(ctx)
		return w.load.store.retryable(ctx, w.meaning(err))
	}
	w.load.c.abandon()
	w.load.c.release() // its place is another's while this one asks
	switch w.outcome(ctx) {
	case written:
		return nil
	case lost:
		return &againError{cause: err}
	}
	return fmt.Errorf("%w: %w", err, ledger.ErrUnknown)
}

// keep gives the accounts of a successful commit to the cache.
func (l *load) keep(w *save) {
	accounts := map[int]map[ledger.AccountKey]cached{}
	for key, loaded := range l.loaded {
		a := l.state.Accounts[key]
		if a == nil || w == nil && a.Changed() {
			continue // a decision that gave up something it had done
		}
		bucket := bucketOf(key)
		if accounts[bucket] == nil {
			accounts[bucket] = map[ledger.AccountKey]cached{}
		}
		if w != nil {
			if !w.wrote(a) {
				continue
			}
			loaded.follow(a)
			a.Committed()
		}
		accounts[bucket][key] = cached{a, loaded}
	}
	for bucket, list := range accounts {
		f := l.fences[bucket]
		if f == nil {
			continue
		}
		left := f.found
		if w != nil && f.moved {
			left = mark{f.found.version + 1, w.writer}
		}
		l.store.cache.keep(bucket, f.found, left, list)
	}
}

// wrote reports whether an account is as the database has it now.
func (w *save) wrote(a *core.Account) bool {
	return !a.Changed() || slices.Contains(w.changes.Accounts, a)
}
