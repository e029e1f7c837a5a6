package history

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

// honest is the model as a ledger: one command at a time. wrong, when set,
// stands between callers and the model.
type honest struct {
	mu    sync.Mutex
	model *Model
	wrong func(*honest, Command) Answer
}

func (h *honest) Do(_ context.Context, c Command) Answer {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.wrong != nil {
		return h.wrong(h, c)
	}
	return h.model.Do(c)
}

func (h *honest) Entries(Place) ([]Entry, error) { return nil, nil }
func (h *honest) Audit() ([]string, error)       { return nil, nil }
func (h *honest) Close()                         {}

var config = Config{
	Units:  []string{"credits"},
	MakeID: func(kind, _, operation, key string) string { return kind + "_" + operation + "_" + key },
}

func race(t *testing.T, wrong func(*honest, Command) Answer) error {
	h := Race(t.Context(), &honest{model: NewModel(Start), wrong: wrong}, config, Load{Rounds: 3, Callers: 4, Each: 15})
	if len(h) < 180 {
		t.Errorf("only %d commands were sent", len(h))
	}
	return h.Check()
}

// lose loses some answers, of commands that happened and of some that did not.
func lose(h *honest, c Command) Answer {
	switch n := rand.IntN(20); {
	case c.Op == Time: // nobody's command
	case n == 0:
		return Answer{Lost: true}
	case n == 1:
		h.model.Do(c)
		return Answer{Lost: true}
	}
	return h.model.Do(c)
}

func TestHonestLedgerPasses(t *testing.T) {
	for name, wrong := range map[string]func(*honest, Command) Answer{"all answered": nil, "some answers lost": lose} {
		if err := race(t, wrong); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each of these ledgers lies in its own way, and is found out.
func TestLiesAreFound(t *testing.T) {
	before := map[Place]Answer{}
	for name, wrong := range map[string]func(*honest, Command) Answer{
		"a balance from before": func(h *honest, c Command) Answer {
			answer := h.model.Do(c)
			if c.Op == Balance && c.At == 0 {
				old, ok := before[c.Place]
				if before[c.Place] = answer; ok {
					return old
				}
			}
			return answer
		},
		"a repeated key has its effect again": func(h *honest, c Command) Answer {
			if answer := h.model.Do(c); !answer.Replayed {
				return answer
			}
			h.model.given = nil
			answer := h.model.Do(c)
			answer.Replayed = true
			return answer
		},
		"what was acknowledged is lost": func(h *honest, c Command) Answer {
			kept := h.model.clone()
			answer := h.model.Do(c)
			if c.Op == Debit && rand.IntN(3) == 0 {
				h.model = kept
			}
			return answer
		},
		"what was refused happened": func(h *honest, c Command) Answer {
			answer := h.model.Do(c)
			if c.Op == Debit && answer.Refused == "" && rand.IntN(3) == 0 {
				return refused("insufficient_credits")
			}
			return answer
		},
		"a replay answers with the balance of now": func(h *honest, c Command) Answer {
			answer := h.model.Do(c)
			if answer.Replayed && answer.Available != nil {
				h.model.account(c.Place).sums(&answer, h.model.now)
				answer.Posted, answer.Held = nil, nil
			}
			return answer
		},
		"grants burn in the order they were made": func(h *honest, c Command) Answer {
			if c.Op == Grant {
				c.Priority = 50
			}
			return h.model.Do(c)
		},
		"a lost answer's command happens when it is tried again, and again": func(h *honest, c Command) Answer {
			answer := lose(h, c)
			if answer.Lost {
				h.model.given = nil
			}
			return answer
		},
	} {
		var err error
		for range 20 { // not every run gives the occasion to lie
			if err = race(t, wrong); err != nil {
				break
			}
		}
		if err == nil {
			t.Errorf("%s: nobody noticed", name)
			continue
		}
		if lines := strings.Count(err.Error(), "\n"); lines > 200 {
			t.Errorf("%s: %d lines are too many to read: %.300s", name, lines, err)
		}
		t.Logf("%s: %.2000s", name, err)
	}
}

// What a caller was not told may have happened at any later time, or never;
// what it was told has happened by then.
func TestOpenCommands(t *testing.T) {
	ann := Place{"ann", "credits"}
	at := func(from, to int64, c Command, a Answer) event {
		c.Place = ann
		return event{command: c, answer: a, from: from, to: to}
	}
	give := Command{Op: Grant, Key: "g", ID: "g", Amount: number(10), Priority: 50, Category: "paid"}
	given := Answer{ID: "g", State: "open", Amount: number(10), Left: number(10)}
	has := func(n int64) Answer {
		a := Answer{Posted: number(n), Held: number(0), Available: number(n)}
		if n > 0 {
			a.Parts = []Part{{"g", number(n)}}
		}
		return a
	}
	read, lost := Command{Op: Balance}, Answer{Lost: true}
	for name, test := range map[string]struct {
		history History
		fine    bool
	}{
		"never":               {History{at(1, 2, give, lost), at(3, 4, read, has(0))}, true},
		"at once":             {History{at(1, 2, give, lost), at(3, 4, read, has(10))}, true},
		"later":               {History{at(1, 2, give, lost), at(3, 4, read, has(0)), at(5, 6, read, has(10))}, true},
		"and not undone":      {History{at(1, 2, give, lost), at(3, 4, read, has(10)), at(5, 6, read, has(0))}, false},
		"not before it began": {History{at(1, 2, read, has(10)), at(3, 4, give, lost)}, false},
		"beside it":           {History{at(1, 4, read, has(10)), at(2, 3, give, given)}, true},
		"told, then gone":     {History{at(1, 2, give, given), at(3, 4, read, has(0))}, false},
		"repeated, replayed":  {History{at(1, 2, give, lost), at(3, 4, give, Answer{ID: "g", State: "open", Amount: number(10), Left: number(10), Replayed: true})}, true},
		"repeated, first":     {History{at(1, 2, give, lost), at(3, 4, give, given)}, true},
		"replay of nothing":   {History{at(3, 4, give, Answer{ID: "g", State: "open", Amount: number(10), Left: number(10), Replayed: true})}, false},
	} {
		if err := test.history.Check(); (err == nil) != test.fine {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is wrong with entries is said.
func TestEntriesAreChecked(t *testing.T) {
	p := Place{"ann", "credits"}
	m := NewModel(Start)
	m.Do(Command{Op: Customer, Place: p})
	m.Do(Command{Op: Grant, Place: p, Key: "g", ID: "g", Amount: number(10), Priority: 50, Category: "paid"})
	m.Do(Command{Op: Debit, Place: p, Key: "d", ID: "d", Amount: number(4)})
	grant := Entry{Seq: 1, Kind: "grant", From: "issued", To: "available", Grant: "g", Amount: number(10)}
	debit := Entry{Seq: 2, Kind: "debit", From: "available", To: "consumed", Grant: "g", Amount: number(4)}
	change := func(e Entry, f func(*Entry)) Entry { f(&e); return e }
	if err := m.compare(p, []Entry{grant, debit}, []Entry{grant}, true); err != nil {
		t.Error(err)
	}
	for name, entries := range map[string][]Entry{
		"one is missing":   {grant},
		"a gap":            {grant, change(debit, func(e *Entry) { e.Seq = 3 })},
		"another amount":   {grant, change(debit, func(e *Entry) { e.Amount = number(5) })},
		"below zero":       {grant, change(debit, func(e *Entry) { e.Amount = number(11) })},
		"a changed past":   {change(grant, func(e *Entry) { e.Hash = "x" }), debit},
		"a strange pot":    {grant, change(debit, func(e *Entry) { e.To = "elsewhere" })},
		"a strange grant":  {grant, debit, {Seq: 3, From: "issued", To: "available", Grant: "x", Amount: number(1)}},
		"a grant is gone":  {change(grant, func(e *Entry) { e.Grant = "x" }), change(debit, func(e *Entry) { e.Grant = "x" })},
		"nothing is there": nil,
	} {
		if m.compare(p, entries, []Entry{grant}, true) == nil {
			t.Errorf("%s: nobody noticed", name)
		}
	}
}
