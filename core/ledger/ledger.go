package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc"

	"scrip/core"
	"scrip/core/plan"
	"scrip/core/sale"
)

// Outward says what vendors must hear of a change. It is pure: the intents it
// returns commit together with the change.
type Outward interface {
	// OnEntries is asked once per command and account with the entries the
	// command made, also when there are none while holds keep an expired
	// grant. It may open consumption windows in a.Windows.
	OnEntries(now core.Time, a *core.Account, entries []core.Entry) []*Intent
	// OnCustomer is asked when a customer is new or has changed.
	OnCustomer(now core.Time, c Customer) []*Intent
	// OnPurchase is asked when a purchase is made.
	OnPurchase(now core.Time, p sale.Purchase) []*Intent
}

// Options configure a ledger. Now, Units and Order are required.
type Options struct {
	Now     func() core.Time // business time
	Units   []core.Unit      // what accounts may be counted in
	Order   core.Order
	Deficit core.Amount     // what an account without a plan may owe, in parts of its unit
	Settles []core.Category // whose grants pay deficits; none means paid ones
	Plans   map[string]plan.Terms
	// PlansSince is when these plans came into force: renewals before it keep
	// what the subscriptions had.
	PlansSince core.Time
	Refunds    sale.Shortfall         // for spent credits whose money went back; "" means [sale.Owe]
	Outward    Outward                // nil: no vendor hears anything
	Late       time.Duration          // how old a reported fact may be, 34 days when zero
	Skew       time.Duration          // how far ahead of the clock one may be, 5 minutes when zero
	NextOpen   bool                   // what happened in a closed period counts in the next open one; else it is refused
	Rules      map[string]*plan.Rules // by unit, what accounts are watched for
	Packs      map[string]sale.Pack   // what accounts can buy by themselves
	Collector  string                 // the connection that collects money for it
	MaxBatch   int                    // commands in one commit, 512 when zero
	// Conversions are all changes of unit, the oldest first; their units are
	// among Units. At most the last is open.
	Conversions []Conversion
}

// Ledger is safe for concurrent use. Writes go through one committer, or one
// for each lane of the store, so every account is serial.
type Ledger struct {
	store   Store
	options Options
	units   map[string]core.Unit
	became  map[string]string // what each retired unit was converted to
	open    *Conversion       // nil when none is
	plans   *plan.Book
	lanes   []chan *Op
	running chan struct{} // a place for each commit that may run at once
	stop    chan struct{}
	stopped chan struct{} // closed when the committers have ended
	closing sync.Once
	workers conc.WaitGroup
	last    atomic.Int64 // the latest business time that was decided at
}

// laner is a store that takes commits of several partitions at once: an op of
// bucket b runs in lane b % lanes, and no lane has two commits at once. With a
// lane for each bucket, ops over several buckets are given apart from the rest.
type laner interface {
	Lanes() (lanes, atOnce int)
}

// Op is one unit of work: what it must see, and its decision. Decide must
// change nothing before it knows that it will succeed; it may run again on
// fresh state. Its error is the outcome of the op and leaves the batch alone.
type Op struct {
	Names  func(*Batch)
	Decide func(*Tx) error
	err    error
	done   chan struct{}
	state  atomic.Int32
}

// Open starts the committer over a store. Close stops it; the store stays open.
func Open(store Store, o Options) *Ledger {
	if o.MaxBatch <= 0 {
		o.MaxBatch = 512
	}
	l := &Ledger{
		store: store, options: o, units: map[string]core.Unit{},
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	lanes, atOnce := 1, 1
	if s, is := store.(laner); is {
		if lanes, atOnce = s.Lanes(); lanes == buckets {
			lanes++
		}
	}
	l.lanes, l.running = make([]chan *Op, lanes), make(chan struct{}, atOnce)
	l.plans = newBook(&l.options)
	for _, u := range o.Units {
		l.units[u.Code] = u
	}
	l.foldConversions()
	var committers conc.WaitGroup
	for i := range l.lanes {
		l.lanes[i] = make(chan *Op, 2*o.MaxBatch)
		committers.Go(func() { l.commitLoop(i) })
	}
	l.workers.Go(func() {
		committers.Wait()
		close(l.stopped)
	})
	return l
}

// Close refuses new work, finishes what is queued and stops the committer.
func (l *Ledger) Close() {
	l.closing.Do(func() { close(l.stop) })
	l.workers.Wait()
}

// Store is the store underneath, for claims and reads.
func (l *Ledger) Store() Store { return l.store }

// Reader reads committed state.
func (l *Ledger) Reader() Reader { return l.store.Reader() }

// Now is the business time.
func (l *Ledger) Now() core.Time { return l.options.Now() }

// Do runs ops in one or more batches, those of one call in their order, and
// returns when each is durable. The result is the first op's error. When ctx
// ends, what the committer has not taken yet is withdrawn and never runs; what
// it has taken is waited for, since it may be using what the caller gave it.
func (l *Ledger) Do(ctx context.Context, ops ...*Op) error {
	if ctx.Err() != nil {
		return core.Errorf(core.CodeUnavailable, "the request ended before the ledger could take it")
	}
	lanes := l.lanesOf(ops)
	for i, op := range ops {
		op.done = make(chan struct{})
		op.state.Store(opQueued)
		var err error
		select {
		case lanes[i] <- op:
			continue
		case <-l.stop:
			err = ErrClosed
		case <-ctx.Done():
			err = core.Errorf(core.CodeUnavailable, "the request ended before the ledger could take it")
		}
		for _, queued := range ops[:i] {
			_ = l.wait(ctx, queued)
		}
		return err
	}
	var first error
	for _, op := range ops {
		if err := l.wait(ctx, op); first == nil {
			first = err
		}
	}
	return first
}

// The states of an op that was given to the committer.
const (
	opQueued int32 = iota
	opTaken
	opWithdrawn
)

// wait returns when an op is durable, was refused or will never run.
func (l *Ledger) wait(ctx context.Context, op *Op) error {
	select {
	case <-op.done:
		return op.err
	case <-l.stopped:
	case <-ctx.Done():
		if op.state.CompareAndSwap(opQueued, opWithdrawn) {
			return core.Errorf(core.CodeUnavailable, "the request ended before the ledger took it, nothing was done")
		}
	}
	select {
	case <-op.done:
		return op.err
	case <-l.stopped:
		// It may have queued just after the committer's last look.
		select {
		case <-op.done:
			return op.err
		default:
			return ErrClosed
		}
	}
}

// commitLoop takes whatever has queued since the last commit as one batch.
func (l *Ledger) commitLoop(number int) {
	lane, most := l.lanes[number], l.most(number)
	batch := make([]*Op, 0, most)
	for {
		select {
		case op := <-lane:
			if batch = l.take(batch[:0], op); len(batch) == 0 {
				continue
			}
		case <-l.stop:
			l.drain(lane, batch[:0], most)
			return
		}
		l.running <- struct{}{} // more queues up while it waits for its place
		l.commit(l.fill(lane, batch, most))
		<-l.running
	}
}

func (l *Ledger) fill(lane <-chan *Op, batch []*Op, most int) []*Op {
	for len(batch) < most {
		select {
		case op := <-lane:
			batch = l.take(batch, op)
		default:
			return batch
		}
	}
	return batch
}

// take adds an op to a batch unless its caller has gone.
func (l *Ledger) take(batch []*Op, op *Op) []*Op {
	if !op.state.CompareAndSwap(opQueued, opTaken) {
		return batch
	}
	return append(batch, op)
}

// drain commits what was queued before the stop.
func (l *Ledger) drain(lane <-chan *Op, batch []*Op, most int) {
	for {
		if batch = l.fill(lane, batch[:0], most); len(batch) == 0 {
			return
		}
		l.commit(batch)
	}
}

// errPoison aborts a batch in which an op failed half way, so that its
// companions can be committed without it.
var errPoison = errors.New("an op of the batch failed half way")

// commit runs one batch. When an op spoils it, each op runs alone; not when
// the batch may have been written, since not every op may run twice.
func (l *Ledger) commit(ops []*Op) {
	err := l.try(ops)
	if err != nil && len(ops) > 1 && !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrAway) {
		for _, op := range ops {
			l.settle([]*Op{op}, l.try([]*Op{op}))
		}
		return
	}
	l.settle(ops, err)
}

func (l *Ledger) settle(ops []*Op, err error) {
	for _, op := range ops {
		if err != nil && (op.err == nil || !errors.Is(err, errPoison)) {
			op.err = storeError(err)
		}
		close(op.done)
	}
}

// storeError hides a database's words from callers; those who operate it
// still find them by unwrapping.
func storeError(err error) error {
	var known *core.Error
	if errors.As(err, &known) || errors.Is(err, ErrFenced) || errors.Is(err, context.Canceled) {
		return err
	}
	return &StoreError{Cause: err}
}

// StoreError is a failure of the database: the request may be repeated.
type StoreError struct{ Cause error }

// Error names the failure without the database's own words.
func (e *StoreError) Error() string {
	return "the database did not take the request, repeat it with the same key"
}

// Unwrap returns the unavailable error that callers act on, and the cause.
func (e *StoreError) Unwrap() []error {
	return []error{core.Errorf(core.CodeUnavailable, "%s", e.Error()), e.Cause}
}

// try commits ops in one transaction. The commit is not bound to a caller's
// context: one caller's leaving must not undo the others' work.
func (l *Ledger) try(ops []*Op) (err error) {
	defer func() {
		if r := recover(); r != nil { // the committer must live on for the others
			err = fmt.Errorf("committing failed: %v: %w", r, ErrUnknown)
		}
	}()
	now := l.advance(l.options.Now())
	var b Batch
	for _, op := range ops {
		op.err = nil
		op.Names(&b)
	}
	if err := l.nameConverted(&b); err != nil {
		return err
	}
	return l.store.Commit(context.Background(), &b, func(s *State) (*Changes, error) {
		if err := l.knows(s); err != nil {
			return nil, err
		}
		tx := newTx(l, s, max(now, l.advance(s.At)))
		if err := tx.convert(); err != nil {
			return nil, err
		}
		for _, op := range ops {
			if op.err = tx.run(op); isBug(op.err) {
				return nil, errPoison
			}
		}
		return tx.finish(), nil
	})
}

// advance is the latest of t and all business times before: the ledger's time
// never goes back.
func (l *Ledger) advance(t core.Time) core.Time {
	for {
		last := l.last.Load()
		if int64(t) <= last {
			return core.Time(last)
		}
		if l.last.CompareAndSwap(last, int64(t)) {
			return t
		}
	}
}

// isBug tells a failure from a refusal: a refusal has changed nothing.
func isBug(err error) bool {
	return err != nil && core.CodeOf(err) == core.CodeInternal
}

// run decides one op; a panic becomes its error.
func (tx *Tx) run(op *Op) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("deciding failed: %v", r)
		}
	}()
	tx.touched = tx.touched[:0]
	if err = op.Decide(tx); isBug(err) {
		return err
	}
	if fault := tx.tell(); fault != nil {
		return fmt.Errorf("looking at an account failed: %v", fault) // never a refusal: the op has had its effect
	}
	return err
}
