package sim

import (
	"context"
	"testing/synctest"
	"time"

	"scrip/core"
	"scrip/core/ledger"
)

// stride is one kind of step, and how often it is taken.
type stride struct {
	weight int
	name   string
	take   func(*world)
}

// strides are what may happen next. A new rule joins here: what asks for it,
// and what lets time decide it.
func strides() []stride {
	return []stride{
		{24, "debit", func(w *world) { w.client.debitOf(w.client.customer()) }},
		{6, "hold", func(w *world) { w.client.holdOf(w.client.customer()) }},
		{5, "capture", func(w *world) { w.client.capture() }},
		{2, "release", func(w *world) { w.client.release() }},
		{6, "grant", func(w *world) { w.client.issue(w.client.customer()) }},
		{2, "void", func(w *world) { w.client.void() }},
		{4, "reverse", func(w *world) { w.client.reverse() }},
		{3, "buy", func(w *world) { w.client.buy(w.client.customer()) }},
		{2, "quote", func(w *world) { w.client.quote(w.client.customer()) }},
		{2, "balance", func(w *world) { w.client.balance(w.client.customer()) }},
		{1, "rename", func(w *world) { w.client.rename(w.client.customer()) }},
		{5, "repeat", func(w *world) { w.client.repeat() }},
		{3, "conflict", func(w *world) { w.client.conflict() }},
		{4, "pay", func(w *world) { w.client.pay() }},
		{22, "outbox", func(w *world) { w.outbox(1 + w.dice.IntN(4)) }},
		{8, "inbox", func(w *world) { w.inbox(1 + w.dice.IntN(4)) }},
		{10, "mail", (*world).mail},
		{1, "copy", func(w *world) { w.boxes[[]string{"main", "next"}[w.dice.IntN(2)]].repeat() }},
		{9, "clock", (*world).clock},
		{2, "sweep", (*world).sweep},
		{1, "recover", func(w *world) { w.recover([]string{"main", "next"}[w.dice.IntN(2)]) }},
		{1, "crash", (*world).crash},
		{2, "operator", func(w *world) {
			if w.plan.has("operator") {
				w.office.act()
			}
		}},
	}
}

// trades are what joined later: money that goes back, plans and top-ups. A run
// may do without them, and is then as it was before.
func trades() []stride {
	return []stride{
		{3, "refund", func(w *world) { w.client.giveBack() }},
		{2, "dispute", func(w *world) { w.client.dispute() }},
		{3, "subscribe", func(w *world) { w.client.subscribe(w.client.customer()) }},
		{1, "top-up", func(w *world) { w.client.topUp(w.client.customer()) }},
	}
}

func (w *world) strides() []stride {
	if !w.plan.has("trade") {
		return strides()
	}
	return append(strides(), trades()...)
}

// asides are the strides that may be taken while a call to a vendor is out.
var asides = map[string]bool{"debit": true, "hold": true, "capture": true, "grant": true, "void": true, "reverse": true, "outbox": true, "inbox": true, "mail": true}

func (w *world) step(n int) {
	w.look()
	s := w.choose(w.strides())
	w.say("step %d: %s", n, s.name)
	s.take(w)
	w.judge.read()
}

func (w *world) choose(from []stride) stride {
	synctest.Wait()
	sum := 0
	for _, s := range from {
		sum += s.weight
	}
	draw := w.dice.IntN(sum)
	for _, s := range from {
		if draw -= s.weight; draw < 0 {
			return s
		}
	}
	return from[0]
}

// turn is a step of everybody but the operator, inside another.
func (w *world) turn() {
	var some []stride
	for _, s := range strides() {
		if asides[s.name] {
			some = append(some, s)
		}
	}
	s := w.choose(some)
	w.say("meanwhile: %s", s.name)
	s.take(w)
	w.judge.read()
}

// meanwhile lets others go on while a call to a vendor is out, unless it is one
// that they wait for.
func (w *world) meanwhile(alone bool) {
	busy := w.chance("nest", 10)
	long := w.chance("nest", 6)
	if !busy || w.depth > 1 || !w.proc.ready || alone {
		return
	}
	w.depth++
	defer func() { w.depth-- }()
	if long { // perhaps for longer than the lease
		w.sleep(time.Duration(1+w.dice.IntN(60)) * time.Second)
	}
	for range 1 + w.dice.IntN(3) {
		if !w.proc.dead {
			w.turn()
		}
	}
}

// outbox lets the worker carry out what is due, one intent after the other.
func (w *world) outbox(n int) (worked bool) {
	for range n {
		w.prepare()
		if w.proc.dead {
			return worked
		}
		did, err := w.proc.outward.Step(context.Background())
		w.judge.read()
		if err != nil || !did {
			return worked
		}
		worked = true
		w.judge.stats["intent"]++
	}
	return worked
}

// prepare makes what the orders of a connection rest on before the first of
// them: the worker lets no other order of it pass meanwhile, so nothing else
// may happen inside.
func (w *world) prepare() {
	if w.preparing {
		return
	}
	w.preparing = true
	defer func() { w.preparing = false }()
	p := w.proc
	if p.ready {
		return
	}
	ready := true
	for _, c := range p.config.Connections {
		if p.dead || p.outward.Prepare(context.Background(), c.Name) != nil {
			ready = false
		}
	}
	p.ready = ready
}

func (w *world) inbox(n int) (worked bool) {
	for range n {
		if w.proc.dead {
			return worked
		}
		did, err := w.proc.inward.Step(context.Background())
		w.judge.read()
		if err != nil || !did {
			return worked
		}
		worked = true
		w.judge.stats["event"]++
	}
	return worked
}

// mail decides what becomes of a delivery that is on its way.
func (w *world) mail() {
	synctest.Wait()
	for _, name := range []string{"main", "next"} {
		if b := w.boxes[name]; b.first() != nil {
			b.settle()
			w.judge.read()
		}
	}
}

// clock lets time pass: to an instant at which something ends, or a while.
func (w *world) clock() {
	kind, drawn := w.dice.IntN(10), w.dice.Int64()
	if !w.plan.has("time") {
		kind = 6
	}
	total := time.Duration(w.plan.days) * 24 * time.Hour
	sum := 0
	for _, s := range w.strides() {
		sum += s.weight
	}
	mean := total / time.Duration(max(1, w.plan.length*9/sum))
	switch {
	case kind < 4:
		w.toEnd()
		return
	case kind < 7:
		w.pass(time.Duration(drawn % int64(90*time.Minute)))
	default:
		w.pass(time.Duration(drawn % int64(5*mean)))
	}
	w.say("time has passed")
}

// pass lets time pass while the gateway works: often at first, for what is
// repeated soon, then less.
func (w *world) pass(d time.Duration) {
	end := w.now().Add(d)
	for slice := 2 * time.Second; w.why == ""; slice = min(6*slice, 3*time.Hour) {
		left := time.Until(end.Std())
		if left <= 0 {
			return
		}
		w.sleep(min(left, slice))
		if left <= slice {
			return
		}
		w.look()
		w.mail()
		w.sweep()
		w.inbox(100)
		w.outbox(200)
		if slice > time.Hour {
			w.unpark()
			for _, name := range []string{"main", "next"} {
				if w.now() > w.searched[name].Add(12*time.Hour) {
					w.recover(name)
				}
			}
		}
	}
}

// toEnd goes to the very instant at which a grant or a hold of somebody ends,
// and asks for their balance, or for all of it.
func (w *world) toEnd() {
	customer := w.client.customer()
	now, next := w.now(), core.Never
	for _, unit := range []string{"credits", "gems"} {
		a := w.judge.accounts[ledger.AccountKey{Customer: customer, Unit: unit}]
		if a == nil {
			continue
		}
		for _, l := range a.lots {
			for _, at := range []core.Time{l.starts, l.expires} {
				if at > now && l.closed == "" && l.remaining > 0 {
					next = min(next, at)
				}
			}
		}
		for _, h := range a.open {
			if h.expires > now {
				next = min(next, h.expires)
			}
		}
	}
	if s := w.judge.subs[customer]; s != nil && s.last != 0 {
		next = min(next, max(now+1, s.last.Add(plans[s.plan].every)))
	}
	early := w.dice.IntN(4) == 0
	if next == core.Never || next > now.Add(15*24*time.Hour) {
		return
	}
	if early {
		next--
	}
	w.pass(time.Until(next.Std()))
	if w.now() < next {
		w.sleep(time.Until(next.Std()))
	}
	w.look()
	w.say("time has come to an end of %s", customer)
	w.client.balance(customer)
	switch w.dice.IntN(3) {
	case 0:
		w.client.quote(customer)
	case 1:
		w.client.debitOf(customer)
	default:
		w.client.voidOf(customer)
	}
}

// sweep posts what time has decided, as the gateway does four times a second.
func (w *world) sweep() {
	if !w.proc.dead {
		if _, _, err := w.proc.ledger.Sweep(context.Background(), 500); err != nil {
			w.say("sweep failed: %v", err)
		}
	}
}

// recover looks for events that never came, as the gateway does once an hour:
// here less often, since it is most of a run's work.
func (w *world) recover(name string) {
	if w.proc.dead || w.proc.ports[name] == nil {
		return
	}
	// A search is a commit for each event: with faults at the pace of the others
	// none would come to its end before the vendor forgets.
	w.steady = w.dice.IntN(4) > 0
	n, err := w.proc.inward.Recover(context.Background(), name)
	w.steady = false
	if err == nil {
		w.searched[name] = w.now()
	}
	if n > 0 || err != nil {
		w.say("looked for lost events of %s: %d (%v)", name, n, err)
	}
	w.judge.stats["recovered"] += n
}

func (w *world) crash() {
	if w.plan.has("crash") {
		w.proc.die("at rest")
	}
}
