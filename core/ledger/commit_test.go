package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"scrip/core"
	"scrip/core/ledger"
)

// gate counts commits, can hold them up, and can fail or panic in them.
type gate struct {
	ledger.Store
	commits atomic.Int64
	mu      sync.Mutex
	before  func(n int64) error // asked before each commit, by its number
	after   func(n int64) error
}

func (g *gate) set(before, after func(int64) error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.before, g.after = before, after
}

func (g *gate) Commit(ctx context.Context, b *ledger.Batch, decide func(*ledger.State) (*ledger.Changes, error)) error {
	n := g.commits.Add(1)
	g.mu.Lock()
	before, after := g.before, g.after
	g.mu.Unlock()
	if before != nil {
		if err := before(n); err != nil {
			return err
		}
	}
	if err := g.Store.Commit(ctx, b, decide); err != nil {
		return err
	}
	if after != nil {
		return after(n)
	}
	return nil
}

func newGated(t *testing.T, o ledger.Options) (*bench, *gate) {
	g := &gate{}
	b := newBench(t, func(s ledger.Store) ledger.Store { g.Store = s; return g }, o)
	return b, g
}

// stall holds up the next commit and returns once it is held, with a function
// that lets it go.
func (b *bench) stall(g *gate) (release func()) {
	b.Helper()
	held, let := make(chan struct{}), make(chan struct{})
	var once sync.Once
	g.set(func(int64) error {
		once.Do(func() { close(held); <-let })
		return nil
	}, nil)
	done := make(chan error, 1)
	go func() {
		done <- b.Do(b.ctx, &ledger.Op{Names: func(*ledger.Batch) {}, Decide: func(*ledger.Tx) error { return nil }})
	}()
	<-held
	return func() {
		close(let)
		b.need(<-done)
	}
}

// counting is an op that only counts that it was decided.
func counting(n *atomic.Int64, err error) *ledger.Op {
	return &ledger.Op{Names: func(*ledger.Batch) {}, Decide: func(*ledger.Tx) error { n.Add(1); return err }}
}

// queued waits until n ops stand in the queue behind a commit that is held up.
func (b *bench) queued(n int) {
	b.Helper()
	within(b.T, "queueing", func() {
		for b.Queued() < n {
			runtime.Gosched() // the queue tells nobody
		}
	})
}

// start runs f for 0 to n-1 beside the test.
func (b *bench) start(n int, f func(i int)) (wait func()) {
	var running conc.WaitGroup
	for i := range n {
		running.Go(func() { f(i) })
	}
	return running.Wait
}

// ok is need for goroutines beside the test.
func (b *bench) ok(err error) {
	if err != nil {
		b.Errorf("unexpected error: %v", err)
	}
}

func TestGroupCommit(t *testing.T) {
	b, g := newGated(t, ledger.Options{})
	b.grant("g", ann, 1000)
	release := b.stall(g)
	before := g.commits.Load()
	const callers = 400
	// One call brings all of its ops into the queue before it waits.
	items := make([]ledger.BatchItem, callers)
	for i := range items {
		items[i] = ledger.BatchItem{Key: fmt.Sprint("d", i), Charge: charge(ann, 1)}
	}
	wait := b.start(1, func(int) {
		outcomes, err := b.DebitBatch(b.ctx, items)
		if err != nil {
			t.Error(err)
		}
		for i, o := range outcomes {
			if o.Err != nil || o.Receipt.Balance.Posted != core.Amount(999-i) {
				t.Errorf("item %d: %+v", i, o)
			}
		}
	})
	b.queued(callers)
	release()
	wait()
	// The stalled commit was counted before; what queued meanwhile shares one.
	if made := g.commits.Load() - before; made != 1 {
		t.Errorf("%d debits took %d commits", callers, made)
	}
	same(t, "balance", b.balance(ann).Posted, 1000-callers)
}

func TestMaxBatch(t *testing.T) {
	b, g := newGated(t, ledger.Options{MaxBatch: 10})
	release := b.stall(g)
	before := g.commits.Load()
	var decided atomic.Int64
	ops := make([]*ledger.Op, 20) // what the queue holds at most
	for i := range ops {
		ops[i] = counting(&decided, nil)
	}
	wait := b.start(1, func(int) { b.ok(b.Do(b.ctx, ops...)) })
	b.queued(len(ops))
	release()
	wait()
	if made := g.commits.Load() - before; made != 2 || decided.Load() != 20 {
		t.Errorf("%d ops of batches of 10 were decided in %d commits", decided.Load(), made)
	}
}

// A lone caller waits for nobody: one command, one commit.
func TestLoneCaller(t *testing.T) {
	b, g := newGated(t, ledger.Options{})
	b.grant("g", ann, 100)
	within(t, "a lone caller", func() {
		for i := range 10 {
			before := g.commits.Load()
			_, _, err := b.Debit(b.ctx, fmt.Sprint(i), charge(ann, 1))
			if made := g.commits.Load() - before; err != nil || made != 1 {
				t.Errorf("a debit took %d commits, %v", made, err)
			}
		}
	})
}

// together runs ops so that they share a batch, and returns their errors.
func (b *bench) together(g *gate, ops ...*ledger.Op) []error {
	b.Helper()
	release := b.stall(g)
	errs := make([]error, len(ops))
	wait := b.start(len(ops), func(i int) { errs[i] = b.Do(b.ctx, ops[i]) })
	b.queued(len(ops))
	release()
	wait()
	return errs
}

// debitOp debits without a key and then does what spoil says.
func debitOp(id string, spoil func() error) *ledger.Op {
	return &ledger.Op{
		Names: func(b *ledger.Batch) { b.Accounts = append(b.Accounts, ann) },
		Decide: func(tx *ledger.Tx) error {
			a, err := tx.OpenAccount(ann)
			if err != nil {
				return err
			}
			if _, err := a.Debit(core.NewID(core.DebitID, "ann", "test", id, 0), 1, "", tx.Now, nil); err != nil {
				return err
			}
			return spoil()
		},
	}
}

func fine() error { return nil }

func nothing() []error { return nil }

// An op that fails or panics half way is alone in that: those beside it
// commit, and nothing of it stays.
func TestPoison(t *testing.T) {
	b, g := newGated(t, ledger.Options{})
	b.grant("g", ann, 100)
	errs := b.together(g,
		debitOp("1", fine),
		debitOp("2", func() error { return errors.New("half way") }),
		debitOp("3", fine),
		debitOp("4", func() error { panic("half way") }),
		debitOp("5", func() error { return nothing()[1] }),
		debitOp("6", fine),
	)
	for i, err := range errs {
		if poisoned := i == 1 || i == 3 || i == 4; poisoned {
			wantCode(t, fmt.Sprint("op ", i), err, core.CodeInternal)
		} else if err != nil {
			t.Errorf("op %d: %v", i, err)
		}
	}
	same(t, "balance", b.balance(ann).Posted, 97)
	b.sound()
	// A poison op on its own fails as well, and the ledger goes on.
	err := b.Do(b.ctx, debitOp("7", func() error { panic("alone") }))
	wantCode(t, "alone", err, core.CodeInternal)
	b.need(b.Do(b.ctx, debitOp("8", fine)))
	same(t, "balance", b.balance(ann).Posted, 96)
	b.sound()
}

// An op whose lease has ended takes nobody with it.
func TestFencedAlone(t *testing.T) {
	b, g := newGated(t, ledger.Options{})
	b.grant("g", ann, 100)
	fenced := debitOp("1", fine)
	fenced.Names = func(batch *ledger.Batch) {
		batch.Accounts = append(batch.Accounts, ann)
		batch.Events = append(batch.Events, ledger.Lease{ID: "inb_gone", Fence: 3})
	}
	errs := b.together(g, debitOp("2", fine), fenced, debitOp("3", fine))
	if errs[0] != nil || !errors.Is(errs[1], ledger.ErrFenced) || errs[2] != nil {
		t.Errorf("the ops gave %v", errs)
	}
	same(t, "balance", b.balance(ann).Posted, 98)
}

// A store that fails once is asked again for each op of a batch by itself;
// when it goes on failing the caller learns no word of the database's.
func TestStoreFails(t *testing.T) {
	b, g := newGated(t, ledger.Options{})
	b.grant("g", ann, 100)
	secret := errors.New("disk /dev/sda1 is full")
	g.set(func(int64) error { return secret }, nil)
	_, _, err := b.Debit(b.ctx, "d", charge(ann, 1))
	wantCode(t, "failing", err, core.CodeUnavailable)
	if !errors.Is(err, secret) || err.Error() != (&ledger.StoreError{}).Error() {
		t.Errorf("the error reads %q", err)
	}
	g.set(nil, nil)
	r, replay, err := b.Debit(b.ctx, "d", charge(ann, 1))
	if err != nil || replay || r.Balance.Posted != 99 {
		t.Errorf("afterwards: %+v, replay %v, %v", r, replay, err)
	}
}

// When a commit's outcome is unknown nobody's work is repeated by the ledger;
// a caller who repeats the key learns what became of it.
func TestUnknownOutcome(t *testing.T) {
	b, g := newGated(t, ledger.Options{})
	b.grant("g", ann, 100)
	for name, fail := range map[string]func(int64) error{
		"told":     func(int64) error { return fmt.Errorf("connection cut: %w", ledger.ErrUnknown) },
		"panicked": func(int64) error { panic("cut") },
	} {
		before := b.balance(ann).Posted
		release := b.stall(g)
		var decided [3]atomic.Int64
		errs := make([]error, len(decided))
		wait := b.start(len(decided), func(i int) {
			errs[i] = b.Do(b.ctx, debitOp(name+fmt.Sprint(i), func() error { decided[i].Add(1); return nil }))
		})
		b.queued(len(decided))
		g.set(nil, fail)
		release()
		wait()
		g.set(nil, nil)
		for i, err := range errs {
			if !errors.Is(err, ledger.ErrUnknown) || decided[i].Load() != 1 {
				t.Errorf("%s, op %d: %v, decided %d times", name, i, err, decided[i].Load())
			}
			wantCode(t, name, err, core.CodeUnavailable)
		}
		same(t, name+": it had been written", b.balance(ann).Posted, before-3)
	}
	g.set(nil, func(int64) error { return ledger.ErrUnknown })
	_, _, err := b.Debit(b.ctx, "keyed", charge(ann, 1))
	wantCode(t, "keyed", err, core.CodeUnavailable)
	g.set(nil, nil)
	r, replay, err := b.Debit(b.ctx, "keyed", charge(ann, 1))
	if err != nil || !replay || r.Balance.Posted != 93 {
		t.Errorf("repeated: %+v, replay %v, %v", r, replay, err)
	}
	b.sound()
}

// A store may run a decision again, as one that meets a serialisation failure
// does: the answer is that of the run that was committed.
func TestDecideRunsAgain(t *testing.T) {
	b := newBench(t, func(s ledger.Store) ledger.Store { return &twice{Store: s} }, ledger.Options{})
	b.grant("g", ann, 100)
	r, replay, err := b.Debit(b.ctx, "d", charge(ann, 1))
	if err != nil || replay || r.Balance.Posted != 99 {
		t.Errorf("debit: %+v, replay %v, %v", r, replay, err)
	}
	rev, _, err := b.Reverse(b.ctx, "r", r.ID, 0)
	if err != nil || rev.Left != 0 {
		t.Errorf("reversal: %+v, %v", rev, err)
	}
	outcomes, err := b.DebitBatch(b.ctx, []ledger.BatchItem{{Key: "x", Charge: charge(ann, 60)}, {Key: "y", Charge: charge(ann, 60)}, {Key: "x", Charge: charge(ann, 60)}})
	b.need(err)
	if outcomes[0].Err != nil || core.CodeOf(outcomes[1].Err) != core.CodeInsufficientCredits || !outcomes[2].Replayed || outcomes[0].Replayed {
		t.Errorf("batch: %+v", outcomes)
	}
	same(t, "balance", b.balance(ann).Posted, 40)
	b.sound()
}

// twice lets every decision run once for nothing, rolls back, and commits the
// second run.
type twice struct{ ledger.Store }

var errAgain = errors.New("once more")

func (s *twice) Commit(ctx context.Context, b *ledger.Batch, decide func(*ledger.State) (*ledger.Changes, error)) error {
	err := s.Store.Commit(ctx, b, func(st *ledger.State) (*ledger.Changes, error) {
		if _, err := decide(st); err != nil {
			return nil, err
		}
		return nil, errAgain
	})
	if err != errAgain {
		return err
	}
	return s.Store.Commit(ctx, b, decide)
}

// A caller who leaves before the committer took its op takes the op along, and
// nobody else's.
func TestCallerLeaves(t *testing.T) {
	b, g := newGated(t, ledger.Options{})
	b.grant("g", ann, 100)
	release := b.stall(g)
	ctx, cancel := context.WithCancel(b.ctx)
	left := make(chan error, 1)
	wait := b.start(1, func(int) { left <- b.Do(ctx, debitOp("leaves", fine)) })
	b.queued(1)
	cancel()
	wantCode(t, "the caller who left", <-left, core.CodeUnavailable)
	waitOther := b.start(1, func(int) { b.ok(b.Do(b.ctx, debitOp("stays", fine))) })
	b.queued(2)
	release()
	wait()
	waitOther()
	if left := b.balance(ann).Posted; left != 99 {
		t.Errorf("the balance is %d", left)
	}
	b.sound()
}

// What the committer has begun is waited for by a caller who wants to leave:
// the op may be using what is the caller's, and its outcome is known then.
func TestCallerWaitsForWhatHasBegun(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	ctx, cancel := context.WithCancel(b.ctx)
	begun, goOn := make(chan struct{}), make(chan struct{})
	result := make(chan error)
	made := ""
	go func() {
		result <- b.Do(ctx, &ledger.Op{Names: func(*ledger.Batch) {}, Decide: func(*ledger.Tx) error {
			close(begun)
			<-goOn
			made = "made"
			return nil
		}})
	}()
	<-begun
	cancel()
	close(goOn)
	if err := <-result; err != nil || made != "made" {
		t.Errorf("got %v, %q", err, made)
	}
}

// The result of a customer's put is not read while it is still being made.
func TestPutCustomerLeaves(t *testing.T) {
	b, g := newGated(t, ledger.Options{})
	release := b.stall(g)
	ctx, cancel := context.WithTimeout(b.ctx, time.Millisecond)
	defer cancel()
	c, created, err := b.PutCustomer(ctx, ledger.Customer{ID: "eve"})
	wantCode(t, "put", err, core.CodeUnavailable)
	if c.ID != "" || created {
		t.Errorf("it returned %+v, %v", c, created)
	}
	release()
}

func TestClose(t *testing.T) {
	b, g := newGated(t, ledger.Options{})
	b.grant("g", ann, 1000)
	release := b.stall(g)
	const callers = 50
	errs := make([]error, callers)
	wait := b.start(callers, func(i int) { _, _, errs[i] = b.Debit(b.ctx, fmt.Sprint(i), charge(ann, 1)) })
	b.queued(callers)
	closed := b.start(1, func(int) { b.Ledger.Close() })
	release()
	within(t, "closing", func() { closed(); wait() })
	for _, err := range errs { // what was queued before is finished
		b.ok(err)
	}
	same(t, "balance", b.balance(ann).Posted, 1000-callers)
	within(t, "use after closing", func() {
		for i := range 50 {
			_, _, err := b.Debit(b.ctx, fmt.Sprint("late", i), charge(ann, 1))
			if err != error(ledger.ErrClosed) {
				t.Errorf("a late caller got %v", err)
			}
		}
		b.Ledger.Close()
	})
}
