package main

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sourcegraph/conc/pool"
)

func (st *stage) tellVendor() error {
	st.scene("a minute later the vendor has heard of the consumption")
	if err := st.advance(st.clock.Add(2 * time.Minute)); err != nil {
		return err
	}
	return st.checkMeter("acme")
}

// checkMeter compares what the vendor counts with what the feed says.
func (st *stage) checkMeter(customer string) error {
	books, err := st.readBooks()
	if err != nil {
		return err
	}
	state, err := st.vendorState()
	if err != nil {
		return err
	}
	st.checkConsumed("consumption of "+customer+" at the vendor", st.main, st.main.floor(books.consumed[customer]), st.main.counted(state, customer), len(books.grants[customer]))
	return nil
}

func (st *stage) expire() error {
	st.scene("the gift reaches its last second")
	end := st.clock
	grants, err := st.get("/v1/customers/acme/grants")
	if err != nil {
		return err
	}
	rows, _ := grants["data"].([]any)
	for _, row := range rows {
		if g, _ := row.(map[string]any); g["category"] == "promotional" {
			if end, err = time.Parse(time.RFC3339, plain(g["expires_at"])); err != nil {
				return err
			}
		}
	}
	for at, want := range map[time.Time]string{end.Add(-time.Microsecond): "1007.80", end: "947.80"} {
		ahead, err := st.get("/v1/customers/acme/balance?at=" + at.Format(time.RFC3339Nano))
		if err != nil {
			return err
		}
		st.check("credits of acme as of "+at.Format("15:04:05.000000"), want, ahead["available"])
	}
	if err := st.advance(end.Add(-time.Second)); err != nil {
		return err
	}
	if err := st.checkAvailable("acme", "1007.80"); err != nil {
		return err
	}
	st.scene("and ends")
	if err := st.advance(end); err != nil {
		return err
	}
	if err := st.checkAvailable("acme", "947.80"); err != nil {
		return err
	}
	books, err := st.readBooks()
	if err == nil {
		st.check("breakage in the ledger", "60.00", money(books.pots["expired"]))
	}
	return err
}

func (st *stage) vendorFaults() error {
	st.scene("the vendor answers 500 after the effect, and lets calls time out")
	if _, err := st.controlOf(st.main.control, "faults", body{"faults": st.main.demo.faults, "seed": 1}); err != nil {
		return err
	}
	if _, err := st.call(request{method: http.MethodPut, path: "/v1/customers/globex", body: body{"name": "Globex"}}); err != nil {
		return err
	}
	if err := st.settle(); err != nil {
		return err
	}
	if err := st.purchase("globex", "buy-globex"); err != nil {
		return err
	}
	if _, err := st.post("/v1/debits", "globex-1", body{"customer": "globex", "amount": "333.33"}); err != nil {
		return err
	}
	if err := st.advance(st.clock.Add(2 * time.Minute)); err != nil {
		return err
	}
	state, err := st.vendorState()
	if err != nil {
		return err
	}
	st.check("customers at the vendor named globex", 1, len(state.named("globex")))
	st.check("grants at the vendor for globex", 1, len(state.grantsOf("globex")))
	if err := st.checkMeter("globex"); err != nil {
		return err
	}
	return st.checkAvailable("globex", "666.67")
}

func (st *stage) webhookFaults() error {
	st.scene("webhooks come three times and out of order")
	hooks := []body{
		{"kind": "duplicate", "type": st.pay.demo.paid, "count": 3}, {"kind": "reorder", "type": st.pay.demo.twin, "count": 1},
	}
	if _, err := st.controlOf(st.pay.control, "faults", body{"faults": []body{}, "webhooks": hooks, "seed": 2}); err != nil {
		return err
	}
	before, err := st.inboxCount(st.pay.demo.paid)
	if err != nil {
		return err
	}
	if err := st.purchase("globex", "buy-globex-2"); err != nil {
		return err
	}
	after, err := st.inboxCount(st.pay.demo.paid)
	if err != nil {
		return err
	}
	st.check("the event delivered three times is kept once", before+1, after)
	return st.checkAvailable("globex", "1666.67")
}

// crash kills the gateway while callers debit, and lets them repeat.
func (st *stage) crash() error {
	st.scene("the gateway is killed with -9 while thirty callers debit, and started again")
	const callers, each = 30, 10
	if err := st.crashWhile(callers, each); err != nil {
		return err
	}
	if err := st.settle(); err != nil {
		return err
	}
	if err := st.debitAll(callers, each, nil); err != nil {
		return fmt.Errorf("a repeated debit failed: %w", err)
	}
	if err := st.checkAvailable("globex", "1366.67"); err != nil {
		return err
	}
	st.scene("and killed while a purchase is under way")
	p, err := st.post("/v1/customers/acme/purchases", "buy-2", body{"pack": "starter"})
	if err != nil {
		return err
	}
	st.killGateway()
	if err := st.startGateway(); err != nil {
		return err
	}
	if err := st.settle(); err != nil {
		return err
	}
	again, err := st.post("/v1/customers/acme/purchases", "buy-2", body{"pack": "starter"})
	if err != nil {
		return err
	}
	st.check("the repeated purchase is the same one", p["id"], again["id"])
	state, err := st.payState()
	if err != nil {
		return err
	}
	st.check("open invoices at the vendor for acme", 1, len(state.openInvoices("acme")))
	for _, invoice := range state.openInvoices("acme") {
		if _, err := st.controlOf(st.pay.control, "pay", body{"object": invoice, "outcome": "paid"}); err != nil {
			return err
		}
	}
	if err := st.advance(st.clock.Add(2 * time.Minute)); err != nil {
		return err
	}
	return st.checkAvailable("acme", "1947.80")
}

// crashWhile debits from many callers and kills the gateway when a third has
// been answered; callers whose call breaks off give up.
func (st *stage) crashWhile(callers, each int) error {
	var answered atomic.Int64
	killed := make(chan struct{})
	watch := pool.New().WithErrors()
	watch.Go(func() error {
		for answered.Load() < int64(callers*each/3) {
			time.Sleep(time.Millisecond)
		}
		defer close(killed)
		if err := st.child.Process.Signal(syscall.SIGKILL); err != nil {
			return err
		}
		_ = st.child.Wait()
		return st.startGateway()
	})
	_ = st.debitAll(callers, each, &answered)
	answered.Store(int64(callers * each))
	if err := watch.Wait(); err != nil {
		return err
	}
	<-killed
	return nil
}

// debitAll makes the same keyed debits of one credit each time it is called.
func (st *stage) debitAll(callers, each int, answered *atomic.Int64) error {
	work := pool.New().WithErrors()
	for i := range callers {
		work.Go(func() error {
			for j := range each {
				if _, err := st.post("/v1/debits", fmt.Sprintf("crash-%d-%d", i, j), body{"customer": "globex", "amount": "1"}); err != nil {
					return err
				}
				if answered != nil {
					answered.Add(1)
				}
			}
			return nil
		})
	}
	return work.Wait()
}

func (st *stage) audited() error {
	st.scene("the auditor recomputes every balance from the entries")
	cmd, err := st.scrip("audit")
	if err != nil {
		return err
	}
	_ = cmd.Run()
	st.check("scrip audit ends with", exitFine, cmd.ProcessState.ExitCode())
	parked, err := st.queued("parked")
	if err == nil {
		st.check("items parked for a person", 0, parked)
	}
	return err
}

// inboxCount counts stored events, of one type or all.
func (st *stage) inboxCount(kind string) (int, error) {
	count, cursor := 0, ""
	for {
		page, err := st.get("/v1/inbox?limit=1000" + cursor)
		if err != nil {
			return 0, err
		}
		rows, _ := page["data"].([]any)
		for _, row := range rows {
			if e, _ := row.(map[string]any); kind == "" || e["type"] == kind {
				count++
			}
		}
		next := plain(page["next_cursor"])
		if next == "" {
			return count, nil
		}
		cursor = "&cursor=" + url.QueryEscape(next)
	}
}

// queued counts items of both queues in a state.
func (st *stage) queued(state string) (int, error) {
	count := 0
	for _, path := range []string{"/v1/inbox", "/v1/outbox"} {
		page, err := st.get(path + "?limit=1000&state=" + state)
		if err != nil {
			return 0, err
		}
		rows, _ := page["data"].([]any)
		count += len(rows)
	}
	return count, nil
}

// agree recomputes from the feed what the vendor must hold, and compares.
func (st *stage) agree() error {
	st.scene("both sides agree")
	if err := st.advance(st.clock.Add(2 * time.Minute)); err != nil {
		return err
	}
	books, err := st.readBooks()
	if err != nil {
		return err
	}
	state, err := st.vendorState()
	if err != nil {
		return err
	}
	payments, err := st.payState()
	if err != nil {
		return err
	}
	names := books.customers()
	var there []string
	for _, c := range state.Customers {
		there = append(there, c.ExternalID)
	}
	slices.Sort(there)
	st.check("customers", names, there)
	for _, name := range names {
		st.check("grants of "+name, st.main.heldLines(books, name), state.grantLines(name))
		st.check("purchases of "+name+", and paid invoices", books.paid(name), payments.paidInvoices(name))
		st.checkConsumed("consumption of "+name+" at the vendor", st.main, st.main.floor(books.consumed[name]), st.main.counted(state, name), len(books.grants[name]))
		got, err := st.available(name)
		if err != nil {
			return err
		}
		st.check("balance of "+name+" by its entries", money(books.balance[name]), got)
	}
	return nil
}
