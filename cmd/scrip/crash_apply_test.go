//go:build crash

package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"scrip/core"
)

// alone does something while no gateway serves: the operator's command works
// the queues itself.
func (w *wreck) alone(do func()) {
	w.Helper()
	w.mu.Lock()
	w.ended = true
	if w.serve != nil {
		_ = w.serve.Process.Kill()
	}
	w.mu.Unlock()
	for w.running() != nil {
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(150 * time.Millisecond) // until its keeper has seen it
	do()
	w.mu.Lock()
	w.ended = false
	w.mu.Unlock()
	go w.keepServing()
	w.ready()
}

// through carries a command to its end, whatever it does, by way of places at
// which it dies or fails. done tells from the status that there is no more to do.
func (w *wreck) through(done string, kills int, args ...string) {
	w.Helper()
	for n := range kills {
		place := w.somewhere(n)
		if w.running() != nil && w.rnd.IntN(3) == 0 { // the gateway's turn
			w.arm(place)
			place = ""
		}
		gateway := w.running()
		killed, code := w.at(place, args...)
		switch {
		case killed:
			w.hits["killed"]++
		case gateway != w.running():
			w.hits["gateway killed"]++
		case code != 0:
			w.hits["failed"]++
		}
		if w.is(done) {
			break
		}
	}
	w.finish(done, args...)
}

// finish runs a command until it is done, without any fault.
func (w *wreck) finish(done string, args ...string) {
	w.Helper()
	if !w.is(done) {
		w.must(args...)
	}
	if !w.is(done) {
		_, words := w.scrip("status", "--json")
		w.Fatalf("after %v the status is %s, want %s", args, words, done)
	}
}

func (w *wreck) is(done string) bool {
	code, words := w.scrip("status", "--json")
	return code == 0 && strings.Contains(words, done)
}

// venture is what an operator applies, and takes back.
type venture struct {
	config       func(back bool)
	done, undone string // what the status says then
	there, back  []string
	leader       [2]string // there, and back
	alone        bool      // no gateway serves on the way there
}

// throughout takes a change there and back: in CI by a chain of sampled
// places, else at every one, until no more is met.
func (w *wreck) throughout(c venture, ids ...string) {
	w.Helper()
	both := func(run func(done string, args ...string)) {
		w.Helper()
		c.config(false)
		if c.alone {
			w.alone(func() { run(c.done, c.there...) })
		} else {
			run(c.done, c.there...)
		}
		w.rest()
		w.whole(c.leader[0], ids...)
		c.config(true)
		run(c.undone, c.back...)
		w.rest()
		w.whole(c.leader[1], ids...)
		if w.Failed() {
			w.FailNow()
		}
	}
	if !w.long {
		both(func(done string, args ...string) { w.through(done, 7, args...) })
		return
	}
	for _, kind := range []string{"statement:%d", "call:%d", "statement:%d:fail", "call:%d:fail"} {
		for k, met := 1, true; met; k++ {
			met = false
			both(func(done string, args ...string) {
				killed, code := w.at(fmt.Sprintf(kind, k), args...)
				met = met || killed || code != 0
				w.finish(done, args...)
			})
			w.Logf("%s done", fmt.Sprintf(kind, k))
		}
	}
}

// rest waits, with a gateway that has no place to fail at, until all is done.
func (w *wreck) rest() {
	w.Helper()
	w.arm("")
	w.ready()
	w.calm()
}

// peopled makes customers that have lived, and a hold that stays open.
func (w *wreck) peopled(n int) (ids []string) {
	w.Helper()
	for i := range n {
		id := fmt.Sprintf("p%02d", i)
		w.live(id)
		w.sure(http.MethodPost, "/v1/holds", "open-"+id, body{"customer": id, "amount": "7.25", "expires_in": "24h"})
		ids = append(ids, id)
	}
	w.settled()
	return ids
}

// TestCrashMove moves to another vendor while nobody serves, and goes back
// while a gateway does, both by way of kills and failures of the operator's
// command, and of the gateway where there is one (CR-06, CR-08).
func TestCrashMove(t *testing.T) {
	w := newWreck(t, inCredits)
	ids := w.peopled(4)
	c := venture{
		done: `"phase":"moved"`, undone: `"phase":"undone"`, there: []string{"apply", "--yes"}, back: []string{"rollback"}, leader: [2]string{"next", "main"}, alone: true,
	}
	c.config = func(back bool) { w.lead(c.leader[map[bool]int{true: 1}[back]]) }
	w.throughout(c, ids...)
}

// TestCrashUnit changes credits to dollars while nobody serves, and takes it
// back while a gateway does, in the same way (CR-08).
func TestCrashUnit(t *testing.T) {
	w := newWreck(t, inCredits)
	ids := w.peopled(4)
	c := venture{
		done: `"phase":"converted"`, undone: `"phase":"undone"`, there: []string{"apply", "--yes"}, back: []string{"rollback"}, leader: [2]string{"main", "main"}, alone: true,
	}
	c.config = func(back bool) {
		if back {
			w.config = strings.Replace(w.config, inDollars, inCredits, 1)
		} else {
			w.config = strings.Replace(w.config, inCredits, inDollars, 1)
		}
		w.lead("main")
	}
	w.throughout(c, ids...)
}

// TestCrashPrice plans and applies a change of a price, killed and failed at
// its statements: what is in force is the old price or the new one, and the
// same command ends it.
func TestCrashPrice(t *testing.T) {
	w := newWreck(t, inCredits)
	w.live("ann")
	price := 5
	cost := func(of int) string { return fmt.Sprintf("{cost: %d}", of) }
	try := func(place string) (met bool) {
		w.config = strings.Replace(w.config, cost(price), cost(price+1), 1)
		w.lead("main")
		killed, code := w.at(place, "plan")
		met = killed || code != exitDiffer
		killed, code = w.at(place, "apply", "--yes")
		met = met || killed || code != 0
		w.must("apply", "--yes")
		if code, words := w.scrip("plan"); code != 0 {
			t.Fatalf("at %s: after it was applied the file differs: %s", place, words)
		}
		price++
		return met
	}
	if w.long {
		for _, kind := range []string{"statement:%d", "statement:%d:fail"} {
			for k := 1; try(fmt.Sprintf(kind, k)); k++ {
				w.hits["met"]++
			}
		}
	} else {
		for range 10 {
			if try(fmt.Sprintf("statement:%d%s", 1+w.rnd.IntN(20), []string{"", ":fail"}[w.rnd.IntN(2)])) {
				w.hits["met"]++
			}
		}
	}
	want := fmt.Sprintf("%d.00", price)
	for w.ctx.Err() == nil {
		a := w.sure(http.MethodPost, "/v1/quotes", "", body{"action": "image"})
		if strings.Contains(string(a.raw), `"`+want+`"`) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	w.settled()
	w.whole("main", "ann")
}

// TestCrashTerm stops a gateway by SIGTERM under load: what was answered is
// there, what was not is repeated, and what it had not finished the next one
// does at once (CR-12).
func TestCrashTerm(t *testing.T) {
	w := newWreck(t, inCredits)
	w.live("ann")
	w.sure(http.MethodPost, "/v1/customers/ann/grants", "load", body{"amount": "100000", "category": "promotional"})
	var answered, broken atomic.Int64
	open := make([][]string, 16) // what each worker got no answer to
	var stop atomic.Bool
	work := conc.NewWaitGroup()
	for worker := range open {
		work.Go(func() {
			for n := 0; !stop.Load() && w.ctx.Err() == nil; n++ {
				key := fmt.Sprintf("%d-%d", worker, n)
				a, err := w.api.do(w.ctx, request{method: http.MethodPost, path: "/v1/debits", key: key, body: body{"customer": "ann", "amount": "0.01"}})
				switch {
				case err == nil:
					answered.Add(1)
				case core.CodeOf(err) != core.CodeUnavailable:
					w.Errorf("%s: status %d, %v", key, a.status, err)
				default:
					if strings.Contains(err.Error(), "broke off") {
						broken.Add(1)
					}
					open[worker] = append(open[worker], key)
					time.Sleep(20 * time.Millisecond)
				}
			}
		})
	}
	for range 3 {
		time.Sleep(time.Second)
		if serving := w.running(); serving != nil {
			asked := time.Now()
			w.need(serving.Process.Signal(syscall.SIGTERM))
			for w.running() == serving {
				time.Sleep(5 * time.Millisecond)
			}
			if took := time.Since(asked); took > drainTime {
				t.Errorf("it took %s to stop", took)
			}
		}
		w.ready()
	}
	stop.Store(true)
	work.Wait()
	if broken.Load() > 0 {
		t.Errorf("%d answers were cut off", broken.Load())
	}
	debits := func() (n int64) {
		for _, e := range outsideFeed(w.T, w.api.base, w.api.key) {
			if e.Kind == "debit" && e.Amount == "0.01" {
				n++
			}
		}
		return n
	}
	repeated := int64(0)
	there := debits()
	for _, keys := range open {
		for _, key := range keys {
			w.sure(http.MethodPost, "/v1/debits", key, body{"customer": "ann", "amount": "0.01"})
			repeated++
		}
	}
	if there < answered.Load() {
		t.Errorf("%d debits were answered, %d are there", answered.Load(), there)
	}
	if got := debits(); got != answered.Load()+repeated {
		t.Errorf("%d debits were answered in the end, %d are there", answered.Load()+repeated, got)
	}
	began := time.Now()
	w.calm()
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the queues came to rest after %s only", took)
	}
	if code, words := w.scrip("reconcile"); code != 0 {
		t.Errorf("reconcile: exit %d: %.3000s", code, words)
	}
	t.Logf("%d debits were answered, %d were repeated", answered.Load(), repeated)
}
