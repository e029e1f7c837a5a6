package history

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// patience is how long the search for an order may take, for one account.
const patience = 10 * time.Second

// ErrGaveUp says that the search for an order took too long: the history shows
// nothing, neither good nor bad.
var ErrGaveUp = errors.New("the search for an order was given up")

// Check asks for each account whether there is an order of its commands, each
// between its call and its answer, in which the model gives all the answers. A
// command without an answer may have happened at any time since, or never. The
// error tells the shortest part of the history that has no such order.
func (h History) Check() error {
	var places []Place
	for _, e := range h {
		if !slices.Contains(places, e.command.Place) {
			places = append(places, e.command.Place)
		}
	}
	for _, p := range places {
		mine := h.of(p)
		switch mine.search(p) {
		case porcupine.Unknown:
			return fmt.Errorf("%d commands of %s: %w", len(mine), p.Customer, ErrGaveUp)
		case porcupine.Illegal:
			return mine.shrink(p)
		}
	}
	return nil
}

// search looks for the order.
func (h History) search(p Place) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(model(p), h.operations(), patience)
}

// end is the last of all commands. What has no answer and did not happen
// before it never did.
const end Op = "end"

func (h History) operations() []porcupine.Operation {
	list := []porcupine.Operation{{Input: event{command: Command{Op: end}}, Call: math.MaxInt64 - 1, Return: math.MaxInt64 - 1}}
	for _, e := range h {
		list = append(list, porcupine.Operation{Input: e, Call: e.from, Return: e.to})
	}
	return list
}

// initial is the model of one account, whose customer is there.
func initial(p Place) *Model {
	m := NewModel(Start)
	m.customers = []string{p.Customer}
	return m
}

func model(p Place) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return initial(p) },
		Step: func(state, input, _ any) (bool, any) {
			return state.(*Model).step(input.(event))
		},
		Equal: func(x, y any) bool { return x.(*Model).equal(y.(*Model)) },
		Hash:  func(state any) uint64 { return state.(*Model).hash() },
	}
}

// step does a command if its answer can be that of now. What has no answer
// happens only where it changes something that others can see: everywhere else
// it may as well not have happened, and trying both would take for ever.
func (m *Model) step(e event) (bool, *Model) {
	if m.over {
		return e.answer.Lost, m
	}
	next := m.clone()
	if next.over = e.command.Op == end; next.over {
		return true, next
	}
	answer := next.Do(e.command)
	if e.answer.Lost {
		return next.String() != m.String() || !e.quiet && next.keys() != m.keys(), next
	}
	return answer.String() == e.answer.String(), next
}

// until is the history up to and with its n-th answer: what was not answered
// by then is still open.
func (h History) until(n int) History {
	var part History
	for i, e := range h {
		switch {
		case i < n:
			part = append(part, e)
		case n > 0 && e.from < h[n-1].to && !reads(e.command):
			part = append(part, event{command: e.command, answer: Answer{Lost: true}, from: e.from, to: math.MaxInt64})
		}
	}
	return part
}

// shrink tells the first answer that cannot be, with as few others as explain
// why. Left out is what changes nothing, as long as the rest cannot be either.
func (h History) shrink(p Place) error {
	low, high := 0, len(h) // the first low answers can be, the first high cannot
	for high-low > 1 {
		if middle := (low + high) / 2; h.until(middle).search(p) == porcupine.Illegal {
			high = middle
		} else {
			low = middle
		}
	}
	culprit, part := h[high-1], h.until(high)
	for size := len(part) / 2; size > 0; size /= 2 {
		for from := 0; from < len(part); {
			rest, left := part[:from:from], 0
			for _, e := range part[from:min(from+size, len(part))] {
				if e.from == culprit.from || part.matters(e) {
					rest, left = append(rest, e), left+1
				}
			}
			rest = append(rest, part[min(from+size, len(part)):]...)
			if len(rest) < len(part) && rest.search(p) == porcupine.Illegal {
				part, from = rest, from+left
			} else {
				from += size
			}
		}
	}
	return fmt.Errorf("no order of these explains the answer to %s\n    = %s\nat %d; by one order of what was answered before, the model says\n    = %s\n%s",
		culprit.command, culprit.answer, culprit.to, h.until(high-1).replay(p).Do(culprit.command), part)
}

// replay is the model after the history, in an order that explains it.
func (h History) replay(p Place) *Model {
	m := initial(p)
	defer func() { m.over = false }()
	_, info := porcupine.CheckOperationsVerbose(model(p), h.operations(), patience)
	for _, orders := range info.PartialLinearizationsOperations() {
		if len(orders) > 0 {
			for _, o := range orders[0] {
				_, m = m.step(o.Input.(event))
			}
		}
	}
	return m
}

// matters reports whether a later answer can depend on a command.
func (h History) matters(e event) bool {
	if reads(e.command) || e.answer.Replayed || e.free() || e.answer.Refused == "idempotency_conflict" {
		return false
	}
	uses := 0
	for _, o := range h {
		if o.command.Op == e.command.Op && o.command.Key == e.command.Key {
			uses++
		}
	}
	return e.answer.Lost || e.answer.Refused == "" || uses > 1
}

// String is a line for each command, in the order they were sent.
func (h History) String() string {
	sorted := slices.Clone(h)
	slices.SortFunc(sorted, func(x, y event) int { return int(x.from - y.from) })
	var b strings.Builder
	for _, e := range sorted {
		to := fmt.Sprint(e.to)
		if e.to == math.MaxInt64 {
			to = "?"
		}
		fmt.Fprintf(&b, "%6d to %6s  %s\n%20s= %s\n", e.from, to, e.command, "", e.answer)
	}
	return b.String()
}
