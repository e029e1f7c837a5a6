package core

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// machine runs random commands against an account that keeps everything in
// memory, one that is loaded anew from what a store keeps before each command,
// and the naive model.
type machine struct {
	memory *Account
	stored *Account
	model  model
	now    Time
	made   int
	debits []ID
	seen   []observed
}

// observed is a balance as it was answered, to be found again in the entries.
type observed struct {
	at  Time
	seq int64
	Balance
}

func TestRulesAgainstTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		order := anyOrder.Draw(t, "order")
		account := func() *Account { return &Account{Customer: "ada", Unit: Unit{"credits", 2}, Order: order} }
		m := &machine{
			memory: account(), stored: account(), now: 1000,
			model: model{order: order, debits: map[ID][]Allocation{}, given: map[ID]Amount{}},
		}
		// The library draws the first of a list, and small numbers, more often:
		// what makes other commands possible comes first, and is the zero.
		commands := map[string]func(*rapid.T){
			"1 issue": m.issue, "2 reserve": m.reserve, "3 capture": m.capture, "4 debit": m.debit, "5 reverse": m.reverse,
			"6 void": m.void, "7 release": m.release, "8 wait": m.wait, "": m.check,
		}
		t.Repeat(commands)
		t.Repeat(commands)
	})
}

func (m *machine) id(kind string) ID {
	m.made++
	return ID(fmt.Sprintf("%s%02d", kind, m.made))
}

// step lets some time pass, runs a command everywhere and compares the outcomes.
func (m *machine) step(t *rapid.T, named []ID, command func(*Account) error, expect func() Code) {
	m.now += Time(rapid.SampledFrom([]int{0, 0, 0, 1, 1, 2, 5}).Draw(t, "pass"))
	before := clone(m.memory)
	if got, want := before.Balance(m.now), m.played(m.now); got != want {
		t.Fatalf("before settling the balance at %d is %+v, the model says %+v", m.now, got, want)
	}
	settled := clone(before)
	settled.Settle(m.now)
	m.model.play(m.now)
	want := expect()
	m.load(t, named)
	err := command(m.memory)
	if CodeOf(err) != want {
		t.Fatalf("the answer is %v, the model says %q", err, want)
	}
	if sum := m.memory.balance(m.now); m.memory.Balance(m.now) != sum {
		t.Fatalf("the balance is kept as %+v and adds up to %+v", m.memory.Balance(m.now), sum)
	}
	if err != nil && !unchanged(m.memory, settled) && !unchanged(m.memory, before) {
		t.Fatalf("the refusal %v did more than settle: %s", err, story(m.memory))
	}
	if again := command(m.stored); fmt.Sprint(again) != fmt.Sprint(err) {
		t.Fatalf("loaded anew the answer is %v, in memory it was %v", again, err)
	}
	m.memory.Settle(m.now)
	m.stored.Settle(m.now)
	m.sameRows(t, before)
	m.seen = append(m.seen, observed{m.now, m.memory.Seq, m.memory.Balance(m.now)})
}

// unchanged compares two accounts, whatever they have added up.
func unchanged(a, b *Account) bool {
	x, y := *a, *b
	x.summary, y.summary = summary{}, summary{}
	return reflect.DeepEqual(x, y)
}

// played is the model's balance at a later instant.
func (m *machine) played(now Time) Balance {
	later := m.model
	later.grants, later.holds = nil, nil
	for _, g := range m.model.grants {
		copied := *g
		copied.tokens = slices.Clone(g.tokens)
		later.grants = append(later.grants, &copied)
	}
	for _, h := range m.model.holds {
		copied := *h
		later.holds = append(later.holds, &copied)
	}
	later.play(now)
	return later.balance(now)
}

// load leaves in the stored account what a store would load of the account:
// grants with a remainder, open holds, and what the command names, in any order.
func (m *machine) load(t *rapid.T, named []ID) {
	a := *m.stored
	a.Grants, a.Holds = nil, nil
	for _, g := range m.memory.Grants {
		if g.dirty = false; g.Remaining > 0 || slices.Contains(named, g.ID) {
			a.Grants = append(a.Grants, g)
		}
	}
	for _, h := range m.memory.Holds {
		if h.dirty = false; h.State == HoldOpen || slices.Contains(named, h.ID) {
			a.Holds = append(a.Holds, h)
		}
	}
	a.Grants = rapid.Permutation(a.Grants).Draw(t, "grants as loaded")
	a.Holds = rapid.Permutation(a.Holds).Draw(t, "holds as loaded")
	a.Sort()
	m.stored = &a
}

// sameRows compares what a store would hold after the command: the rows that
// were loaded, and the rows that were not and so stayed as they were.
func (m *machine) sameRows(t *rapid.T, before *Account) {
	for _, g := range m.memory.Grants {
		row := m.stored.Grant(g.ID)
		if row == nil {
			row = before.Grant(g.ID)
		}
		was := *row
		if was.dirty, g.dirty = false, false; !reflect.DeepEqual(was, g) {
			t.Fatalf("loaded anew the grant is %+v, in memory %+v", was, g)
		}
	}
	for _, h := range m.memory.Holds {
		row := m.stored.Hold(h.ID)
		if row == nil {
			row = before.Hold(h.ID)
		}
		was := *row
		if was.dirty, h.dirty = false, false; len(was.Parts)+len(h.Parts) > 0 && !reflect.DeepEqual(was, h) || was.State != h.State || was.Captured != h.Captured {
			t.Fatalf("loaded anew the hold is %+v, in memory %+v", was, h)
		}
	}
}

func (m *machine) issue(t *rapid.T) {
	terms := Terms{
		ID: m.id("g"), Amount: Amount(30 - rapid.IntRange(0, 30).Draw(t, "less")), Priority: rapid.IntRange(0, 2).Draw(t, "priority"),
		Category: rapid.SampledFrom([]Category{Paid, Promotional, Allotment, Rollover, Adjustment}).Draw(t, "category"),
		Starts:   m.now + Time(rapid.SampledFrom([]int{0, 0, 0, -3, 1, 4, 8}).Draw(t, "starts")),
		Actions:  rapid.SampledFrom([][]string{nil, nil, {"a"}, {"a", "b"}}).Draw(t, "actions"),
		Paid:     Money{Amount(rapid.IntRange(0, 2).Draw(t, "paid")), rapid.SampledFrom([]Currency{"usd", "eur"}).Draw(t, "currency")},
	}
	terms.Expires = terms.Starts + Time(20-rapid.IntRange(0, 19).Draw(t, "shorter"))
	if rapid.SampledFrom([]bool{false, false, true}).Draw(t, "never") {
		terms.Expires = Never
	}
	m.step(t, []ID{terms.ID}, func(a *Account) error { _, err := a.Issue(terms, m.now); return err }, func() Code {
		if terms.Amount <= 0 || terms.Expires <= m.now {
			return CodeInvalid
		}
		m.model.issue(terms, int64(m.made))
		return ""
	})
}

// anyAmount is mostly small, sometimes zero, rarely below.
func anyAmount(t *rapid.T) Amount {
	n := rapid.IntRange(0, 45).Draw(t, "amount")
	switch {
	case n == 45:
		return -1
	case n > 40:
		return 0
	}
	return Amount(n + 1)
}

func (m *machine) action(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", "a", "b", "c"}).Draw(t, "action")
}

func (m *machine) debit(t *rapid.T) {
	id, amount, action := m.id("d"), anyAmount(t), m.action(t)
	m.step(t, nil, func(a *Account) error {
		taken, err := a.Debit(id, amount, action, m.now, nil)
		return m.taken(t, id, taken, err)
	}, func() Code {
		if amount < 0 {
			return CodeInvalid
		}
		return m.model.debit(id, amount, action, m.now)
	})
}

// taken compares what a debit drew with the model.
func (m *machine) taken(t *rapid.T, id ID, taken []Allocation, err error) error {
	if err == nil && !slices.Equal(taken, m.model.debits[id]) {
		t.Fatalf("%s took %v, the model says %v", id, taken, m.model.debits[id])
	}
	if err == nil && !slices.Contains(m.debits, id) {
		m.debits = append(m.debits, id)
	}
	return err
}

func (m *machine) reserve(t *rapid.T) {
	h := Hold{
		ID: m.id("h"), Amount: max(0, anyAmount(t)), Action: m.action(t),
		Protect: rapid.Bool().Draw(t, "protect"),
	}
	life := Time(rapid.SampledFrom([]int{3, 6, 9, 14, 1, 0}).Draw(t, "life"))
	m.step(t, nil, func(a *Account) error {
		h.Expires = m.now + life
		_, err := a.Reserve(h, m.now)
		return err
	}, func() Code {
		if h.Expires = m.now + life; h.Amount <= 0 || life == 0 {
			return CodeInvalid
		}
		return m.model.reserve(h, m.now)
	})
}

// oneOf draws a thing that was made, the last more often, or one that never was.
func oneOf(t *rapid.T, ids []ID) ID {
	if len(ids) == 0 {
		t.Skip("nothing was made yet")
	}
	slices.Reverse(ids)
	return rapid.SampledFrom(append(ids, "none")).Draw(t, "of")
}

func (m *machine) holds() (ids []ID) {
	for _, h := range m.model.holds {
		ids = append(ids, h.ID)
	}
	return ids
}

func (m *machine) capture(t *rapid.T) {
	c := Capture{
		ID: m.id("d"), Hold: oneOf(t, m.holds()), Amount: anyAmount(t),
		Final: rapid.Bool().Draw(t, "final"), AllowOver: rapid.Bool().Draw(t, "over"),
	}
	m.step(t, []ID{c.Hold}, func(a *Account) error {
		done, err := a.Capture(c, m.now)
		return m.taken(t, c.ID, done.Allocations, err)
	}, func() Code {
		if c.Amount < 0 {
			return CodeInvalid
		}
		return m.model.capture(c, m.now)
	})
}

func (m *machine) release(t *rapid.T) {
	id := oneOf(t, m.holds())
	m.step(t, []ID{id}, func(a *Account) error { _, err := a.Release(id, m.now); return err }, func() Code { return m.model.release(id) })
}

func (m *machine) void(t *rapid.T) {
	var ids []ID
	for _, g := range m.model.grants {
		ids = append(ids, g.ID)
	}
	id := oneOf(t, ids)
	m.step(t, []ID{id}, func(a *Account) error { _, err := a.Void(id, m.now); return err }, func() Code { return m.model.void(id) })
}

func (m *machine) reverse(t *rapid.T) {
	id, debit := m.id("r"), oneOf(t, slices.Clone(m.debits))
	taken, before := m.model.debits[debit], m.model.given[debit]
	amount := max(0, anyAmount(t))
	var named []ID
	for _, p := range taken {
		named = append(named, p.Grant)
	}
	m.step(t, named, func(a *Account) error {
		_, err := a.Reverse(id, taken, before, amount, m.now)
		return err
	}, func() Code { return m.model.reverse(debit, amount) })
}

func (m *machine) wait(t *rapid.T) {
	m.now += Time(rapid.SampledFrom([]int{1, 4, 10, 25}).Draw(t, "wait"))
	m.step(t, nil, func(a *Account) error { a.Settle(m.now); return nil }, func() Code { return "" })
}

// check holds after every command.
func (m *machine) check(t *rapid.T) {
	a := m.memory
	checkEntries(t, a, m.stored)
	checkPots(t, a, m.seen)
	m.checkModel(t)
	for ahead := Time(1); ahead < 20; ahead += 3 {
		later := clone(a)
		later.Settle(m.now + ahead)
		if got, want := a.Balance(m.now+ahead), later.Balance(m.now+ahead); got != want {
			t.Fatalf("unsettled the balance at %d is %+v, settled %+v", m.now+ahead, got, want)
		}
	}
}

func (m *machine) checkModel(t *rapid.T) {
	a := m.memory
	if len(a.Grants) != len(m.model.grants) || len(a.Holds) != len(m.model.holds) {
		t.Fatalf("%d grants and %d holds, the model has %d and %d", len(a.Grants), len(a.Holds), len(m.model.grants), len(m.model.holds))
	}
	for _, g := range m.model.grants {
		is := a.Grant(g.ID)
		got := [4]Amount{is.Free(), is.Held, is.Consumed(), is.Ended}
		want := [4]Amount{g.count(Available, ""), g.count(Held, ""), g.count(Consumed, ""), g.count(Breakage, "") + g.count(Voided, "")}
		if got != want || (is.Closed == Void) != g.voided {
			t.Fatalf("%s has %v free, held, consumed and ended, closed %q; the model says %v, voided %t", g.ID, got, is.Closed, want, g.voided)
		}
	}
	for _, h := range m.model.holds {
		if is := a.Hold(h.ID); is.State != h.State || is.Captured != h.captured {
			t.Fatalf("%s is %s with %d captured, the model says %s with %d", h.ID, is.State, is.Captured, h.State, h.captured)
		}
	}
}

// checkEntries verifies the chain, the times, and that the account that was
// loaded anew each time has told the same story.
func checkEntries(t *rapid.T, a, stored *Account) {
	a.Seal()
	stored.Seal()
	if len(a.Entries) != len(stored.Entries) || a.Head != stored.Head || a.Consumed != stored.Consumed {
		t.Fatalf("in memory %s; loaded anew %s", story(a), story(stored))
	}
	var head [32]byte
	var recorded, effective Time
	for i, e := range a.Entries {
		switch {
		case e.Seq != int64(i+1):
			t.Fatalf("entry %d has sequence %d", i+1, e.Seq)
		case e.Hash != e.Chain(head):
			t.Fatalf("the chain breaks at entry %d", e.Seq)
		case e.Hash != stored.Entries[i].Hash:
			t.Fatalf("entry %d is %+v in memory and %+v loaded anew", e.Seq, e, stored.Entries[i])
		case e.Amount <= 0:
			t.Fatalf("entry %d moves %d", e.Seq, e.Amount)
		case e.Recorded < recorded || e.Kind != EntryGrant && e.Effective < effective:
			t.Fatalf("entry %d reaches behind the one before it: %+v", e.Seq, e)
		case e.Kind != EntryGrant && e.Kind != EntryVoid && e.Effective > e.Recorded:
			t.Fatalf("entry %d takes effect after it was known: %+v", e.Seq, e)
		}
		head, recorded = e.Hash, e.Recorded
		if e.Kind != EntryGrant && e.Effective <= e.Recorded {
			effective = e.Effective
		}
	}
	if head != a.Head || a.Seq != int64(len(a.Entries)) {
		t.Fatalf("the head is not that of the last entry")
	}
}

// checkPots recomputes everything from the entries alone.
func checkPots(t *rapid.T, a *Account, seen []observed) {
	grants := map[ID]map[Pot]Amount{}
	total := map[Pot]Amount{}
	for _, e := range a.Entries {
		if grants[e.Grant] == nil {
			grants[e.Grant] = map[Pot]Amount{}
		}
		from, to := e.Kind.Pots()
		pots := grants[e.Grant]
		pots[from], pots[to] = pots[from]-e.Amount, pots[to]+e.Amount
		total[from], total[to] = total[from]-e.Amount, total[to]+e.Amount
		for pot, n := range pots {
			if n < 0 && pot != Issued {
				t.Fatalf("entry %d leaves %d of %s %s", e.Seq, n, e.Grant, pot)
			}
		}
	}
	var sum Amount
	for n := range maps.Values(total) {
		sum += n
	}
	if sum != 0 || total[Consumed] != a.Consumed {
		t.Fatalf("the pots %v sum to %d, the account has consumed %d", total, sum, a.Consumed)
	}
	parts := map[ID]Amount{}
	for i := range a.Holds {
		for _, p := range a.Holds[i].Parts {
			parts[p.Grant] += p.Amount
		}
		if h := &a.Holds[i]; h.State != HoldOpen && h.Parts != nil || h.Reserved() > h.Amount {
			t.Fatalf("hold %+v keeps what it should not", *h)
		}
	}
	for i := range a.Grants {
		g := &a.Grants[i]
		pots := grants[g.ID]
		if g.Remaining != pots[Available]+pots[Held] || g.Held != pots[Held] || g.Held != parts[g.ID] ||
			g.Ended != pots[Breakage]+pots[Voided] || g.Consumed() != pots[Consumed] || g.Amount != -pots[Issued] {
			t.Fatalf("grant %+v, by its entries %v, by the holds %d held", *g, pots, parts[g.ID])
		}
		if g.Remaining < 0 || g.Held < 0 || g.Held > g.Remaining || g.Ended < 0 || g.Consumed() < 0 {
			t.Fatalf("grant %+v is below zero", *g)
		}
	}
	for _, o := range seen {
		var b Balance
		for _, e := range a.Entries {
			if e.Effective > o.at || e.Kind == EntryGrant && e.Seq > o.seq {
				continue
			}
			if e.Seq > o.seq && e.Effective == o.at {
				continue // a later command of the same instant
			}
			from, to := e.Kind.Pots()
			b.Available += part(to == Available, e.Amount) - part(from == Available, e.Amount)
			b.Held += part(to == Held, e.Amount) - part(from == Held, e.Amount)
		}
		if b.Posted = b.Available + b.Held; b != o.Balance {
			t.Fatalf("the balance at %d was %+v, by the entries it was %+v", o.at, o.Balance, b)
		}
	}
}

func part(counts bool, n Amount) Amount {
	if counts {
		return n
	}
	return 0
}
