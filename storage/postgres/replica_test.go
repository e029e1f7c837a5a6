package postgres

import (
	"fmt"
	"testing"
	"time"

	"github.com/sourcegraph/conc/pool"

	"scrip/core"
	"scrip/core/ledger"
)

const wait = 20 * time.Second

var credits = core.Unit{Code: "credits", Scale: 2}

// replica is a ledger over a store, as each process of several has one.
type replica struct {
	*ledger.Ledger
	t     *testing.T
	store *Store
}

func replicaOf(t *testing.T, s *Store) *replica {
	t.Helper()
	l := ledger.Open(s, ledger.Options{
		Now: func() core.Time { return core.Time(time.Now().UnixMicro()) }, Units: []core.Unit{credits}, Order: core.DefaultOrder(), MaxBatch: 16,
	})
	t.Cleanup(l.Close)
	return &replica{l, t, s}
}

func account(customer string) ledger.AccountKey {
	return ledger.AccountKey{Customer: customer, Unit: credits.Code}
}

// fund makes a customer with one grant.
func (r *replica) fund(customer string, amount core.Amount) {
	r.t.Helper()
	ctx := r.t.Context()
	if _, _, err := r.PutCustomer(ctx, ledger.Customer{ID: customer}); err != nil {
		r.t.Fatal(err)
	}
	terms := core.Terms{Amount: amount, Category: core.Paid, Priority: core.DefaultPriority}
	if _, _, err := r.Issue(ctx, "fund "+customer, account(customer), terms); err != nil {
		r.t.Fatal(err)
	}
}

func (r *replica) debit(key, customer string, amount core.Amount) (ledger.DebitReceipt, bool, error) {
	return r.Debit(r.t.Context(), key, ledger.Charge{Account: account(customer), Amount: amount})
}

// insist repeats a debit with its key as long as the database cannot take it,
// as every client is told to.
func (r *replica) insist(key, customer string, amount core.Amount) (ledger.DebitReceipt, error) {
	for end := time.Now().Add(wait); ; time.Sleep(20 * time.Millisecond) {
		receipt, _, err := r.debit(key, customer, amount)
		if core.CodeOf(err) != core.CodeUnavailable || time.Now().After(end) {
			return receipt, err
		}
	}
}

func (r *replica) balance(customer string) core.Balance {
	r.t.Helper()
	a, err := r.Reader().Accounts.Account(r.t.Context(), account(customer))
	if err != nil || a == nil {
		r.t.Fatalf("the account of %s: %v, %v", customer, a, err)
	}
	return a.Balance(r.Now())
}

// sound has everything audited that the database keeps.
func (r *replica) sound() {
	r.t.Helper()
	report, err := r.Reader().AuditAll(r.t.Context(), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range report.Findings {
		r.t.Errorf("audit: %+v", f)
	}
}

// all runs f for 0 to n-1 at once and returns what each gave.
func all[R any](n int, f func(i int) R) []R {
	results := make([]R, n)
	p := pool.New()
	for i := range n {
		p.Go(func() { results[i] = f(i) })
	}
	p.Wait()
	return results
}

// two are replicas with caches of their own on one database, which a customer
// reaches by either.
func two(t *testing.T, o Options) func(i int) *replica {
	t.Helper()
	first := open(t, o)
	url := first.pool.Config().ConnString()
	replicas := [2]*replica{replicaOf(t, first), replicaOf(t, openAt(t, url, o))}
	return func(i int) *replica { return replicas[i%2] }
}

// forms runs a test on both forms of the statements.
func forms(t *testing.T, test func(t *testing.T, o Options)) {
	for _, one := range []bool{false, true} {
		t.Run(fmt.Sprintf("one bucket %v", one), func(t *testing.T) { test(t, Options{OneBucket: one}) })
	}
}

// A delivery and a sweep tell one fact, each under a natural key of its own and
// each only where the other has not: however they meet, one is kept.
func TestAFactIsKeptOnce(t *testing.T) {
	const facts = 25
	url := database(t)
	stores := []*Store{openAt(t, url, Options{}), openAt(t, url, Options{})}
	for n := range facts {
		keys := []string{fmt.Sprint("event/x/", n), fmt.Sprint("sweep/x/", n)}
		errs := all(2, func(i int) error {
			id := core.NewID(core.EventID, keys[i], "event", keys[i], 0)
			e := &ledger.Event{ID: id, Connection: "x", VendorID: keys[i], State: ledger.Waiting, Received: 1}
			b := &ledger.Batch{Events: []ledger.Lease{{ID: id}}, Naturals: keys}
			return stores[i].Commit(t.Context(), b, func(s *ledger.State) (*ledger.Changes, error) {
				if s.Naturals[keys[1-i]] != "" {
					return &ledger.Changes{}, nil
				}
				return &ledger.Changes{Events: []*ledger.Event{e}, Naturals: []ledger.Natural{{Key: keys[i], ID: id}}}, nil
			})
		})
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	list, err := stores[0].Reader().Queues.Events(t.Context(), ledger.QueueFilter{Limit: 2 * facts})
	if err != nil || len(list) != facts {
		t.Errorf("%d facts are kept as %d events, %v", facts, len(list), err)
	}
}
