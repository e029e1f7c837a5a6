package asof_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"scrip/core"
	"scrip/core/asof"
)

const now0 core.Time = 1000

// life is an account that forgets nothing, and what was captured of which hold.
type life struct {
	*core.Account
	now      core.Time
	captured map[core.ID]core.ID
	grants   map[core.ID]core.Grant
	holds    map[core.ID]core.Hold
	debits   map[core.ID]core.Drawn
	given    map[core.ID]core.Amount
	order    []core.ID // of debits
	made     int
	tidy     bool // nothing happens before it is known
}

func newLife() *life {
	return &life{
		Account: &core.Account{Customer: "ada", Unit: core.Unit{Code: "credits", Scale: 2}, Order: core.DefaultOrder()},
		now:     now0, captured: map[core.ID]core.ID{}, grants: map[core.ID]core.Grant{}, holds: map[core.ID]core.Hold{},
		debits: map[core.ID]core.Drawn{}, given: map[core.ID]core.Amount{},
	}
}

func (l *life) id(kind string) core.ID {
	l.made++
	return core.ID(fmt.Sprintf("%s%03d", kind, l.made))
}

func copyOf(a *core.Account) *core.Account {
	b := *a
	b.Grants, b.Holds, b.Entries = slices.Clone(a.Grants), slices.Clone(a.Holds), slices.Clone(a.Entries)
	return &b
}

// told is a balance as it was answered.
type told struct {
	core.Balance
	owed core.Amount
	lots string
}

func answerOf(a *core.Account, at core.Time) told {
	a.Settle(at)
	t := told{Balance: a.Balance(at), owed: a.Overdrawn}
	for i := range a.Grants {
		g := &a.Grants[i]
		if state := g.State(at); state == core.Open || state == core.Scheduled || g.Held > 0 {
			if state != core.Scheduled { // one that is ahead has no entry in force yet
				t.lots += fmt.Sprintf("%s %d/%d, ", g.ID, int64(g.Remaining), int64(g.Held))
			}
		}
	}
	return t
}

// at answers from entries alone.
func (l *life) at(entries []core.Entry, at, known core.Time) (told, error) {
	h := asof.New(at, known)
	for i := range entries {
		more, err := h.Add(&entries[i], func(id core.ID) (core.ID, error) { return l.captured[id], nil })
		if err != nil {
			return told{}, err
		}
		if !more {
			break
		}
	}
	past := &core.Account{Customer: l.Customer, Unit: l.Unit, Order: l.Order}
	var grants []core.Grant
	for _, id := range h.Grants() {
		grants = append(grants, l.grants[id])
	}
	var holds []core.Hold
	for _, id := range h.Holds() {
		holds = append(holds, l.holds[id])
	}
	h.Fill(past, grants, holds)
	return answerOf(past, at), nil
}

func (l *life) issue(t *rapid.T) {
	starts := l.now + core.Time(rapid.IntRange(-20, 20).Draw(t, "starts"))
	if l.tidy {
		starts = max(starts, l.now)
	}
	terms := core.Terms{
		ID: l.id("g"), Amount: core.Amount(rapid.IntRange(1, 30).Draw(t, "amount")), Priority: rapid.IntRange(0, 2).Draw(t, "priority"),
		Category: rapid.SampledFrom([]core.Category{core.Paid, core.Promotional}).Draw(t, "category"),
		Starts:   starts, Expires: max(starts, l.now) + core.Time(rapid.IntRange(1, 60).Draw(t, "life")),
	}
	if g, err := l.Issue(terms, l.now); err == nil {
		l.grants[terms.ID] = *g
	}
}

func (l *life) draw(t *rapid.T) {
	d := core.Draw{ID: l.id("d"), Amount: core.Amount(rapid.IntRange(1, 12).Draw(t, "amount")), Rule: core.Deficit, Room: 8}
	if back := rapid.IntRange(-20, 30).Draw(t, "back"); back > 0 && !l.tidy {
		d.At, d.Lapsed = l.now-core.Time(back), l.lapsed(l.now-core.Time(back))
	}
	if done, err := l.Draw(d, l.now, nil); err == nil {
		l.debits[d.ID] = done
		l.order = append(l.order, d.ID)
	}
}

// lapsed adds up what expired of each grant after an instant, the slow way.
func (l *life) lapsed(at core.Time) []core.Entry {
	l.Settle(l.now)
	sums := map[core.ID]*core.Entry{}
	for _, e := range l.Entries {
		switch {
		case e.Kind == core.EntryExpire && e.Source == e.Grant && e.Effective > at:
			sums[e.Grant] = &e
		case e.Kind == core.EntryExpire && sums[e.Grant] != nil:
			sums[e.Grant].Amount += e.Amount
		case e.Kind == core.EntryRestore && sums[e.Grant] != nil:
			sums[e.Grant].Amount -= e.Amount
		}
	}
	var list []core.Entry
	for _, id := range slices.Sorted(maps.Keys(sums)) {
		list = append(list, *sums[id])
	}
	return list
}

func (l *life) reserve(t *rapid.T) {
	h := core.Hold{
		ID: l.id("h"), Amount: core.Amount(rapid.IntRange(1, 15).Draw(t, "amount")),
		Expires: l.now + core.Time(rapid.IntRange(1, 25).Draw(t, "life")), Protect: rapid.Bool().Draw(t, "protect"),
	}
	if made, err := l.Reserve(h, l.now); err == nil {
		l.holds[h.ID] = *made
	}
}

func (l *life) openHold(t *rapid.T) *core.Hold {
	if len(l.Holds) == 0 {
		return nil
	}
	return &l.Holds[rapid.IntRange(0, len(l.Holds)-1).Draw(t, "hold")]
}

func (l *life) capture(t *rapid.T) {
	h := l.openHold(t)
	if h == nil {
		return
	}
	c := core.Capture{ID: l.id("c"), Hold: h.ID, Amount: core.Amount(rapid.IntRange(1, 10).Draw(t, "amount")), Final: rapid.Bool().Draw(t, "final")}
	l.captured[c.ID] = h.ID
	_, _ = l.Capture(c, l.now)
}

func (l *life) release(t *rapid.T) {
	if h := l.openHold(t); h != nil {
		_, _ = l.Release(h.ID, l.now)
	}
}

func (l *life) void(t *rapid.T) {
	if len(l.Grants) > 0 {
		_, _ = l.Void(l.Grants[rapid.IntRange(0, len(l.Grants)-1).Draw(t, "grant")].ID, l.now)
	}
}

func (l *life) reverse(t *rapid.T) {
	if len(l.order) == 0 {
		return
	}
	id := l.order[rapid.IntRange(0, len(l.order)-1).Draw(t, "debit")]
	amount, spare := core.Amount(rapid.IntRange(1, 12).Draw(t, "amount")), l.id("g")
	if _, err := l.Unwind(l.id("r"), l.debits[id], l.given[id], amount, spare, l.now); err == nil {
		l.given[id] += amount
		if g := l.Grant(spare); g != nil {
			l.grants[spare] = *g
		}
	}
}

// What was answered of an instant when it was now is answered again for ever:
// by what was known then, whatever was learned since. Of no instant does what
// was known by another depend on what came after that.
func TestWhatWasKnownStays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLife()
		l.tidy = rapid.Bool().Draw(t, "tidy")
		seen, lengths := map[core.Time]told{}, map[core.Time]int{}
		actions := []func(*rapid.T){l.issue, l.draw, l.draw, l.reserve, l.capture, l.release, l.void, l.reverse}
		for range rapid.IntRange(5, 40).Draw(t, "steps") {
			l.now += core.Time(rapid.SampledFrom([]int{1, 1, 2, 5, 13}).Draw(t, "pass"))
			for range rapid.IntRange(0, 2).Draw(t, "commands") {
				rapid.SampledFrom(actions).Draw(t, "command")(t)
			}
			// The copy is settled, the account only where it must be: expiry is
			// posted late, and yet was known in time.
			settled := copyOf(l.Account)
			seen[l.now] = answerOf(settled, l.now)
			lengths[l.now] = len(settled.Entries)
		}
		l.Settle(l.now)
		for _, instant := range slices.Sorted(maps.Keys(seen)) {
			want := seen[instant]
			got, err := l.at(l.Entries, instant, instant)
			if err != nil || got != want {
				t.Fatalf("at %d, as known then, is %+v, %v; it was answered %+v", instant-now0, got, err, want)
			}
			if now, err := l.at(l.Entries, instant, l.now); l.tidy && (err != nil || now != want) {
				t.Fatalf("at %d, as known at the end, is %+v, %v; it was answered %+v", instant-now0, now, err, want)
			}
			other := instant + core.Time(rapid.IntRange(-15, 15).Draw(t, "other"))
			before := l.Entries[:lengths[instant]]
			then, err1 := l.at(before, other, instant)
			since, err2 := l.at(l.Entries, other, instant)
			if err1 != nil || err2 != nil || then != since {
				t.Fatalf("at %d, as known at %d, was %+v and is %+v; %v, %v", other-now0, instant-now0, then, since, err1, err2)
			}
		}
	})
}

func TestLateFacts(t *testing.T) {
	month := func(id core.ID, amount core.Amount, starts, expires core.Time) core.Terms {
		return core.Terms{ID: id, Amount: amount, Category: core.Allotment, Starts: starts, Expires: expires}
	}
	l := newLife()
	for _, terms := range []core.Terms{month("may", 10, 1000, 2000), month("june", 20, 2000, 3000)} {
		g, err := l.Issue(terms, 1000)
		if err != nil {
			t.Fatal(err)
		}
		l.grants[terms.ID] = *g
	}
	must := func(d core.Draw, now core.Time, want ...core.Allocation) {
		t.Helper()
		l.now = now
		d.Lapsed = l.lapsed(d.At)
		got, err := l.Draw(d, now, nil)
		if err != nil || !slices.Equal(got.Allocations, want) {
			t.Fatalf("%s took %v, %v; want %v", d.ID, got.Allocations, err, want)
		}
	}
	must(core.Draw{ID: "d1", Amount: 4}, 1500, core.Allocation{Grant: "may", Amount: 4})
	must(core.Draw{ID: "d2", Amount: 5}, 2100, core.Allocation{Grant: "june", Amount: 5})
	must(core.Draw{ID: "late", Amount: 3, At: 1800}, 2200, core.Allocation{Grant: "may", Amount: 3})
	if _, err := l.Draw(core.Draw{ID: "more", Amount: 4, At: 1900, Lapsed: l.lapsed(1900)}, 2300, nil); core.CodeOf(err) != core.CodeInsufficientCredits {
		t.Fatalf("more than had expired was taken: %v", err)
	}
	must(core.Draw{ID: "last", Amount: 3, At: 1900}, 2300, core.Allocation{Grant: "may", Amount: 3})
	for _, c := range []struct {
		at, known core.Time
		want      core.Amount
	}{
		{1000, 1000, 10}, {1499, 1499, 10}, {1500, 1500, 6}, {1850, 1850, 6}, {1999, 1999, 6}, {2000, 2000, 20}, {2100, 2100, 15},
		{1799, 2200, 6}, {1800, 2200, 3}, {1850, 2200, 3}, {1850, 2199, 6}, {1999, 2200, 3}, {2000, 2200, 20}, {2150, 2200, 15},
		{1900, 2299, 3}, {1899, 2300, 3}, {1900, 2300, 0}, {1999, 2300, 0}, {2000, 2300, 20}, {1200, 2300, 10}, {1600, 1200, 10}, {2500, 1200, 20},
		{999, 2300, 0}, {3000, 2300, 0},
	} {
		got, err := l.at(l.Entries, c.at, c.known)
		if err != nil || got.Available != c.want || got.Posted != c.want {
			t.Errorf("at %d, as known at %d, is %+v, %v; want %d", c.at, c.known, got, err, c.want)
		}
	}
}

// A renewal was known when it was due, however late it was posted. A grant that
// somebody dated back was not.
func TestPolicysGrantsAreKnownInTime(t *testing.T) {
	l := newLife()
	terms := core.Terms{ID: "may", Amount: 10, Category: core.Allotment, Source: "sub_1", Starts: 2000, Expires: 3000}
	g, err := l.Allot(terms, 2400)
	if err != nil {
		t.Fatal(err)
	}
	l.grants["may"] = *g
	gift := core.Terms{ID: "gift", Amount: 7, Category: core.Promotional, Starts: 2000, Expires: core.Never}
	if g, err = l.Issue(gift, 2500); err != nil {
		t.Fatal(err)
	}
	l.grants["gift"] = *g
	next := core.Terms{ID: "june", Amount: 4, Category: core.Rollover, Source: "sub_2", Starts: 2800, Expires: core.Never}
	if g, err = l.RollOver("may", next, 2800, 2900); err != nil {
		t.Fatal(err)
	}
	l.grants["june"] = *g
	l.End("may", 2800, 2900)
	for _, c := range []struct{ at, known, want core.Time }{
		{1999, 1999, 0}, {2000, 2000, 10}, {2399, 2399, 10}, {2100, 2450, 10}, {2500, 2499, 10}, {2500, 2500, 17}, {2100, 2500, 17},
		{2799, 2799, 17}, {2800, 2800, 11}, {2800, 2950, 11}, {2799, 2950, 17}, {2850, 2799, 17}, {3000, 2799, 7},
	} {
		got, err := l.at(l.Entries, c.at, c.known)
		if err != nil || core.Time(got.Available) != c.want {
			t.Errorf("at %d, as known at %d, is %+v, %v; want %d", c.at, c.known, got, err, c.want)
		}
	}
}
