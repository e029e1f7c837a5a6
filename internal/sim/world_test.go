package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/internal/clock"
	"scrip/mapping/migrate"
	"scrip/storage/sqlite"
)

// world is everything outside the gateway, and the gateway.
type world struct {
	t     *testing.T
	plan  plan
	dice  *rand.Rand // of the step at hand
	trace *trace
	why   string // the first thing that was wrong; "" while nothing is

	dir       string
	inner     ledger.Store         // what survives every crash
	boxes     map[string]*box      // by connection
	file      string               // the operator's config file
	proc      *process             // the gateway that serves
	seen      core.Time            // when it last looked whether another config was applied
	depth     int                  // of steps inside a call to a vendor
	calm      bool                 // no more faults
	plain     bool                 // calls to vendors are made several at once, and nothing happens meanwhile
	steady    bool                 // the store does not fail
	unparked  map[core.ID]int      // how often a person let an intent be tried again
	searched  map[string]core.Time // when lost events of a connection were last looked for
	asked     core.Time            // when vendors were last asked what they have to deliver
	waiting   bool                 // and whether they had
	preparing bool                 // a connection is being prepared
	begun     core.Time

	judge  *judge
	client *client
	office *office
}

// result is what became of a run.
type result struct {
	plan  plan
	why   string
	trace *trace
	stats map[string]int
}

// run plays a plan to its end.
func run(t *testing.T, p plan, say func(string)) (r result) {
	keep := 400
	if say != nil {
		keep = -1
	}
	r = result{plan: p, trace: &trace{keep: keep, say: say}}
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, plan: p, trace: r.trace, dir: dir, unparked: map[core.ID]int{}, searched: map[string]core.Time{}}
		defer func() {
			if cause := recover(); cause != nil {
				w.fail("panic: %v\n%s", cause, debug.Stack())
			}
			w.close()
			r.why = w.why
		}()
		w.play()
		r.stats = w.judge.stats
	})
	return r
}

// start is when the story begins: on the last day of a month, so that months
// of different lengths follow.
var start = time.Date(2026, 1, 31, 9, 30, 0, 0, time.UTC)

func (w *world) play() {
	time.Sleep(time.Until(start)) // from the bubble's own year
	w.begun = w.now()
	w.dice = w.plan.dice(-1)
	w.judge = newJudge(w)
	w.client = newClient(w)
	w.office = newOffice(w)
	w.openStore()
	w.openBoxes()
	w.file = configText(w, "main", false)
	w.calm = true
	w.restart()
	w.recover("main")
	w.recover("next")
	w.calm = false
	for _, n := range w.plan.taken() {
		if w.why != "" {
			return
		}
		w.dice = w.plan.dice(n)
		w.step(n)
	}
	if w.why == "" {
		w.heal()
	}
}

// fail notes what is wrong; the first counts.
func (w *world) fail(format string, args ...any) {
	if w.why == "" {
		w.why = fmt.Sprintf(format, args...)
		w.say("FAILED: %s", w.why)
	}
}

func (w *world) say(format string, args ...any) {
	at := w.now() - w.begun
	days, rest := int64(at)/86_400_000_000, time.Duration(int64(at)%86_400_000_000)*time.Microsecond
	w.trace.add(fmt.Sprintf("day %d %s %*s%s", days, rest, 2*w.depth, "", fmt.Sprintf(format, args...)))
}

// chance is true once in n times, if the plan has that trouble and faults have
// not ended. It draws either way.
func (w *world) chance(trouble string, n int) bool {
	hit := w.dice.IntN(n) == 0
	return hit && !w.calm && w.plan.has(trouble)
}

func (w *world) now() core.Time { return clock.WallNow() }

// sleep lets time pass, and everything that it brings.
func (w *world) sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (w *world) openStore() {
	if !w.plan.sqlite() {
		w.inner = newMemory()
		return
	}
	if w.inner != nil {
		if err := w.inner.Close(); err != nil {
			w.fail("closing the database: %v", err)
		}
	}
	s, err := sqlite.OpenWith(context.Background(), filepath.Join(w.dir, "sim.db"), sqlite.Options{Relaxed: true, Readers: 2})
	if err != nil {
		panic(err)
	}
	w.inner = s
}

// restart opens a gateway on what the store holds.
func (w *world) restart() {
	if w.proc != nil {
		w.proc.close()
		w.proc = nil
	}
	if w.inner != nil && w.plan.sqlite() && w.office.proc == nil && w.depth == 0 {
		w.openStore()
	}
	for try := 0; w.proc == nil; try++ {
		p, err := w.open("serve", false)
		switch {
		case err == nil:
			w.proc = p
		case try == 20:
			w.fail("the gateway does not start: %v", err)
			return
		default:
			w.say("start failed: %v", err)
		}
	}
	w.seen = w.now()
	w.say("gateway started, config %.8s", w.proc.applied.Digest)
}

// look is what a serving process does every quarter of a second: it notices
// that another config was applied, or is found dead and started again.
func (w *world) look() {
	if w.proc.dead {
		if w.depth == 0 {
			w.say("gateway died")
			w.restart()
		}
		return
	}
	now := w.now()
	if now < w.seen+250_000 {
		return
	}
	w.seen = now
	current, err := migrate.Current(context.Background(), w.inner.Reader())
	if err == nil && current != nil && current.Version != w.proc.applied.Version && w.depth == 0 {
		w.say("another config was applied")
		w.restart()
	}
}

func (w *world) close() {
	if w.office != nil && w.office.proc != nil {
		w.office.proc.close()
	}
	if w.proc != nil {
		w.proc.close()
	}
	for _, b := range w.boxes {
		b.close()
	}
	if w.inner != nil {
		_ = w.inner.Close()
	}
}
