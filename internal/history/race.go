package history

import (
	"cmp"
	"context"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sourcegraph/conc/pool"
)

// Load is how much [Race] sends.
type Load struct {
	Rounds  int // between two of them time moves on, and nothing is under way
	Callers int
	Each    int // commands of a caller in a round
}

// event is a command with its answer, and when it was sent and answered.
type event struct {
	command  Command
	answer   Answer
	from, to int64
	quiet    bool // without an answer, and no other answer speaks of its key
}

// History is what callers saw.
type History []event

// Race lets many callers send commands to a few accounts of an empty ledger at
// once and returns what they saw. Who gets no answer mostly sends the command
// again.
func Race(ctx context.Context, s Subject, c Config, l Load) History {
	r := &recorder{subject: s, script: script{
		choose: func(_ string, n int) int { return rand.IntN(n) },
		makeID: c.MakeID, now: Start, name: "k", apart: true, made: map[string][]thing{},
	}}
	for _, customer := range []string{"ann", "bob", "cat"} {
		r.script.places = append(r.script.places, Place{customer, c.Units[0]})
		for s.Do(ctx, Command{Op: Customer, Place: Place{Customer: customer}}).Lost {
		}
	}
	for range l.Rounds {
		callers := pool.New()
		for range l.Callers {
			callers.Go(func() {
				for range l.Each {
					r.send(ctx)
				}
			})
		}
		callers.Wait()
		r.pass(ctx)
	}
	return r.history
}

// recorder writes down what callers send and are answered.
type recorder struct {
	subject Subject
	clock   atomic.Int64 // counts what happens, so that no two things do at once

	mu      sync.Mutex
	script  script
	history History
}

// send makes a command up and sends it until it is answered, or rarely gives up.
func (r *recorder) send(ctx context.Context) {
	c := r.next()
	for r.do(ctx, c).Lost && rand.IntN(6) > 0 {
	}
}

func (r *recorder) next() Command {
	r.mu.Lock()
	defer r.mu.Unlock()
	kinds := r.script.kinds()
	mix := slices.Sorted(maps.Keys(kinds))
	mix = append(mix, mix[:5]...)
	for {
		if c := kinds[mix[r.script.choose("kind", len(mix))]](); c.Op != "" {
			r.script.learn(c, false)
			return c
		}
	}
}

func (r *recorder) do(ctx context.Context, c Command) Answer {
	from := r.clock.Add(1)
	answer := r.subject.Do(ctx, c)
	r.record(event{command: c, answer: answer, from: from, to: r.clock.Add(1)})
	return answer
}

func (r *recorder) record(e event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history = append(r.history, e)
}

// pass lets time pass for all accounts and reads their balances.
func (r *recorder) pass(ctx context.Context) {
	r.script.now += hour / 2
	r.subject.Do(ctx, Command{Op: Time, At: r.script.now})
	for _, p := range r.script.places {
		from := r.clock.Add(1)
		r.record(event{command: Command{Op: Time, Place: p, At: r.script.now}, from: from, to: r.clock.Add(1)})
		for r.do(ctx, Command{Op: Balance, Place: p}).Lost {
		}
	}
}

// Lost counts the commands whose fate was never told.
func (h History) Lost() (n int) {
	for _, e := range h {
		if e.answer.Lost {
			n++
		}
	}
	return n
}

// of is the part of one account, in the order of the answers. Of commands
// without an answer it keeps what can have had an effect: see [History.first].
func (h History) of(p Place) (mine History) {
	for _, e := range h {
		if e.command.Place != p {
			continue
		}
		if e.answer.Lost {
			var ok bool
			if e, ok = h.first(e); !ok {
				continue
			}
		}
		mine = append(mine, e)
	}
	slices.SortFunc(mine, func(x, y event) int { return cmp.Compare(x.to, y.to) })
	return mine
}

// first narrows down when a command without an answer can have happened, which
// the search for an order would only find by trying. A key has one effect, so
// when another answer is the first one of the key, no lost one had any. When
// an answer is a replay, then the first of the lost commands stands for all,
// and happened before that answer.
func (h History) first(lost event) (event, bool) {
	if c := lost.command; reads(c) || c.Op == Pay && c.Amount.Int64() != Small.Minor {
		return lost, false // it never has an effect
	}
	lost.to, lost.quiet = math.MaxInt64, true
	for _, e := range h {
		if e.command.Op != lost.command.Op || e.command.Key != lost.command.Key || e.command.Op == Pay && e.command.Of != lost.command.Of {
			continue
		}
		same := e.command.body() == lost.command.body()
		switch {
		case e.answer.Lost:
			if same && e.from < lost.from {
				return lost, false
			}
		case e.free():
		case e.answer.Refused == "idempotency_conflict":
			lost.quiet = false
		case !e.answer.Replayed:
			return lost, false
		case same:
			lost.to, lost.quiet = min(lost.to, e.to), false
		}
	}
	return lost, !lost.quiet || h.seen(lost.command)
}

// seen reports whether a command's effect could be noticed: a purchase, or a
// debit of nothing, is by what is done about it alone.
func (h History) seen(c Command) bool {
	return c.Op != Buy && (c.Op != Debit || some(cost(c))) || slices.ContainsFunc(h, func(e event) bool {
		return e.command.Of == c.ID && e.answer.Refused != "not_found"
	})
}

// free reports whether an answer left the key free.
func (e event) free() bool {
	return e.answer.Refused == "not_found" || e.answer.Refused == "invalid" && (e.command.Op == Capture || e.command.Op == Pay)
}

func reads(c Command) bool { return c.Op == Balance || c.Op == Quote }
