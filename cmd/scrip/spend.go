package main

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc/pool"

	"scrip/core"
)

// spending is the application's traffic: two callers for each customer.
type spending struct {
	st       *stage
	stop     chan struct{}
	answered map[string]*atomic.Int64
}

// spendCallers debit for each customer, each a tenth of a credit at a time,
// whatever that is counted in.
const spendCallers, spendPause, spendPrice = 2, 30 * time.Millisecond, 10 * dollarParts

// whileSpending does something while the application goes on debiting, with
// the calls it always makes, and then asks whether a debit was lost or counted
// twice, and whether credits came or went.
func (st *stage) whileSpending(name string, do func() error) error {
	before, err := st.readPurses()
	if err != nil {
		return err
	}
	s := &spending{st: st, stop: make(chan struct{}), answered: map[string]*atomic.Int64{}}
	callers := pool.New().WithContext(st.ctx).WithCancelOnError().WithFirstError()
	for _, customer := range []string{"acme", "globex"} {
		s.answered[customer] = &atomic.Int64{}
		for i := range spendCallers {
			key := fmt.Sprintf("%s-%s-%d", name, customer, i)
			count := s.answered[customer]
			callers.Go(func(ctx context.Context) error { return s.spend(ctx, customer, key, count) })
		}
	}
	err = do()
	close(s.stop)
	if failed := callers.Wait(); failed != nil && err == nil {
		err = fmt.Errorf("a debit failed: %w", failed)
	}
	if err != nil {
		return err
	}
	after, err := st.readPurses()
	if err != nil {
		return err
	}
	for _, customer := range []string{"acme", "globex"} {
		want := core.Amount(s.answered[customer].Load()) * spendPrice
		spent := after.consumedBy(customer) - before.consumedBy(customer)
		st.check("spent by "+customer+" meanwhile, by the answers it got and by its entries", after.say(want), after.say(spent))
		st.check("what "+customer+" had before, and has and spent after", after.say(before.leftOf(customer)), after.say(after.leftOf(customer)+want))
	}
	return nil
}

// spend debits until it is stopped.
func (s *spending) spend(ctx context.Context, customer, key string, answered *atomic.Int64) error {
	for n := 0; ; n++ {
		_, err := s.st.insist(request{
			method: http.MethodPost, path: "/v1/debits", key: fmt.Sprintf("%s-%d", key, n),
			body: body{"customer": customer, "action": "text.generate", "quantity": "1000"},
		})
		if err != nil {
			return err
		}
		answered.Add(1)
		select {
		case <-s.stop:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(spendPause):
		}
	}
}

// insist repeats a call that was told to come again, with the same key, as a
// client of any API should.
func (st *stage) insist(r request) (answer, error) {
	deadline := time.Now().Add(time.Minute)
	for {
		a, err := st.call(r)
		if core.CodeOf(err) != core.CodeUnavailable || st.ctx.Err() != nil || time.Now().After(deadline) {
			return a, err
		}
		time.Sleep(10 * time.Millisecond)
	}
}
