package postgres

import (
	"bytes"
	"context"
	"errors"
	"io"
	"syscall"
	"time"

	"scrip/core"
	"scrip/core/ledger"
)

// broken reports whether an error is a connection's end.
func broken(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNREFUSED} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// fate is what became of a commit whose answer never came.
type fate int

const (
	unknown fate = iota
	written
	lost
)

// What is asked to learn a commit's fate. The fence is taken: once it is free
// the commit has ended one way or the other, also on a server that took over.
var (
	fateFence   = &statement{"fate_fence", "SELECT version, writer FROM buckets WHERE bucket = $1 FOR UPDATE"}
	fateEntry   = &statement{"fate_entry", "SELECT hash FROM entries WHERE bucket = $1 AND account = $2 AND seq = $3"}
	fateRequest = &statement{"fate_request", "SELECT at, result FROM requests WHERE bucket = $1 AND hash = $2"}
)

// outcome asks on a new connection what became of a commit that was sent and
// not answered, until it is known or the time for that is over. The numbers of
// transactions would not do: a server that took over gives them out again.
func (w *save) outcome(ctx context.Context) fate {
	s := w.load.store
	patience := s.limits.outcome
	if s.one.Load() {
		patience = min(patience, spreadOutcome)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	for n := 1; ; n++ {
		if fate, err := w.ask(ctx); err == nil {
			return fate
		}
		select {
		case <-time.After(min(backOff(s.limits.first, min(n, 10)), 500*time.Millisecond)):
		case <-ctx.Done():
			return unknown
		}
	}
}

// ask looks at the first bucket that the commit would have moved.
func (w *save) ask(ctx context.Context) (fate, error) {
	bucket := w.needs()[0]
	c, err := w.load.store.session(ctx)
	if err != nil {
		return unknown, err
	}
	defer c.release()
	defer c.rollback(ctx)
	var now mark
	var t trip
	t.add(beginText, nil)
	t.add(fateFence, func(r *row) error { now = mark{r.int(), r.int()}; return nil }, intOf(bucket))
	same := unknown // until something tells
	w.evidence(&t, &same)
	if err := c.run(ctx, &t); err != nil {
		return unknown, err
	}
	switch found := w.load.fences[bucket].found; {
	case now.version <= found.version:
		return lost, nil
	case now.version == found.version+1 && now.writer == w.writer:
		return written, nil
	case now.version == found.version+1:
		return lost, nil
	}
	return same, nil
}

// evidence looks for a row that only this commit can have written, for the
// case that others have written since: its first entry, whose hash holds all
// that went before, or its first answer.
func (w *save) evidence(t *trip, same *fate) {
	for _, a := range w.changes.Accounts {
		if len(a.Entries) > 0 {
			e := &a.Entries[0]
			key := ledger.AccountKey{Customer: a.Customer, Unit: a.Unit.Code}
			*same = lost
			t.add(fateEntry, func(r *row) error {
				if bytes.Equal(r.bytes(), e.Hash[:]) {
					*same = written
				}
				return nil
			}, intOf(bucketOf(key)), textOf(accountName(key)), longOf(e.Seq))
			return
		}
	}
	if len(w.changes.Requests) > 0 {
		q := w.changes.Requests[0]
		*same = lost
		t.add(fateRequest, func(r *row) error {
			if r.time() == q.At && bytes.Equal(r.bytes(), q.Result) {
				*same = written
			}
			return nil
		}, intOf(core.Bucket(q.Customer)), textOf(q.Hash))
	}
}
