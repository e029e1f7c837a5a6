package storetest

import (
	"fmt"

	"github.com/sourcegraph/conc/pool"

	"scrip/core"
	"scrip/core/ledger"
)

var readerCases = []testCase{
	{"what does not exist is nil or empty", readsNothing},
	{"grants resume by sequence, closed ones too", grantPages},
	{"holds resume newest first, resolved ones too", holdPages},
	{"an account is read as one commit left it", readsOneState},
	{"a read sees every commit that was answered", readsOwnWrites},
}

func readsNothing(w *world) {
	a, err := w.reader.Accounts.Account(w.ctx, ann)
	w.need(err)
	_, g, err := w.reader.Accounts.Grant(w.ctx, w.id(core.GrantID, "ann"))
	w.need(err)
	_, h, err := w.reader.Accounts.Hold(w.ctx, "not an id")
	w.need(err)
	r, err := w.reader.Entries.Request(w.ctx, "none")
	w.need(err)
	byKey, err := w.reader.Records.ByKey(w.ctx, "plan", "none")
	w.need(err)
	if a != nil || g != nil || h != nil || r != nil || byKey != nil {
		w.Errorf("found %v, %v, %v, %v, %v", a, g, h, r, byKey)
	}
	due, next, err := w.reader.Entries.Due(w.ctx, start, 10)
	w.need(err)
	stats, err := w.reader.Queues.Stats(w.ctx, start)
	w.need(err)
	fed, _ := w.feed("", 9)
	if len(due) != 0 || next != core.Never || len(stats) != 0 || len(w.entries(ann)) != 0 || len(fed) != 0 {
		w.Errorf("due %v, next %v, statistics %v", due, next, stats)
	}
	for _, q := range []ledger.Queue{ledger.Inbox, ledger.Outbox} {
		w.same("claimed", len(w.claim(q, start, start, 10)), 0)
	}
}

func grantPages(w *world) {
	var want []core.ID
	for i := range 7 {
		want = append(want, w.grant(ann, core.Amount(i+1)))
	}
	w.debit(ann, 6) // spends the first three
	w.need(w.commit(ledger.Batch{}, ann, func(a *core.Account) error { _, err := a.Void(want[4], start); return err }))
	w.grant(bob, 1)
	for _, limit := range []int{1, 2, 100} {
		got := []core.ID{}
		for after := int64(0); ; {
			list, err := w.reader.Accounts.Grants(w.ctx, ann, after, limit)
			w.need(err)
			if len(list) == 0 {
				break
			}
			for _, g := range list {
				got, after = append(got, g.ID), g.Seq
			}
		}
		w.same("grants", got, want)
	}
	_, g, err := w.reader.Accounts.Grant(w.ctx, want[4])
	w.need(err)
	if g.Closed != core.Void || g.Remaining != 0 || g.Ended != 5 {
		w.Errorf("the voided grant is %s", text(g))
	}
}

func holdPages(w *world) {
	w.grant(ann, 100)
	var want []core.ID // newest first
	for i := range 7 {
		want = append([]core.ID{w.hold(ann, 1, start+core.Time(i), start+hour)}, want...)
	}
	w.need(w.commit(ledger.Batch{}, ann, func(a *core.Account) error { _, err := a.Release(want[3], start+8); return err }))
	w.grant(bob, 1)
	w.hold(bob, 1, start, start+hour)
	for _, limit := range []int{1, 2, 100} {
		got := []core.ID{}
		for before := core.ID(""); ; before = got[len(got)-1] {
			list, err := w.reader.Accounts.Holds(w.ctx, ann, before, limit)
			w.need(err)
			if len(list) == 0 {
				break
			}
			for _, h := range list {
				got = append(got, h.ID)
			}
		}
		w.same("holds", got, want)
	}
}

// readsOneState reads while holds are made and captured: the account's own
// figures, its grants and its holds always agree.
func readsOneState(w *world) {
	const rounds = 60
	w.grant(ann, rounds)
	holds, debits := make([]core.ID, rounds), make([]core.ID, rounds)
	for i := range rounds {
		holds[i], debits[i] = w.id(core.HoldID, "ann"), w.id(core.DebitID, "ann")
	}
	finished := make(chan error, 1)
	go func() {
		for i := range rounds {
			err := w.commit(ledger.Batch{}, ann, func(a *core.Account) error {
				if i > 0 {
					if _, err := a.Capture(core.Capture{ID: debits[i], Hold: holds[i-1], Amount: 1, Final: true}, start); err != nil {
						return err
					}
				}
				_, err := a.Reserve(core.Hold{ID: holds[i], Amount: 1, Expires: start + hour}, start)
				return err
			})
			if err != nil {
				finished <- err
				return
			}
		}
		finished <- nil
	}()
	for running := true; running; {
		select {
		case err := <-finished:
			w.need(err)
			running = false
		default:
		}
		a := w.account(ann)
		b := a.Balance(start)
		// The first commit is the grant; each later one leaves one open hold.
		if open := int64(len(a.Holds)); b.Posted+a.Consumed != rounds || b.Held != core.Amount(open) || a.Seq != 1+open+2*int64(a.Consumed) {
			w.Fatalf("sequence %d, consumed %d, balance %+v, %d holds are of different commits", a.Seq, a.Consumed, b, open)
		}
	}
}

func readsOwnWrites(w *world) {
	p := pool.New().WithErrors()
	for n := range 6 {
		key := ledger.AccountKey{Customer: fmt.Sprintf("c%d", n), Unit: "credits"}
		grants := make([]core.Terms, 20)
		for i := range grants {
			grants[i] = w.terms(key, 1)
		}
		p.Go(func() error {
			for i, t := range grants {
				if err := w.commit(ledger.Batch{}, key, func(a *core.Account) error { _, err := a.Issue(t, start); return err }); err != nil {
					return err
				}
				a, err := w.reader.Accounts.Account(w.ctx, key)
				if err != nil {
					return err
				}
				if a == nil || a.Balance(start).Posted != core.Amount(i+1) {
					return fmt.Errorf("after %d grants the account reads %s", i+1, text(a))
				}
			}
			return nil
		})
	}
	w.need(p.Wait())
}
