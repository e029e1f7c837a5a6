package core

import "testing"

// lapsedOf is what expired of a grant, as a ledger finds it in the entries.
func lapsedOf(grant ID, amount Amount, at Time) Entry {
	return Entry{Kind: EntryExpire, Grant: grant, Amount: amount, Effective: at}
}

// A late draw takes from what was in force when it happened, in that order, and
// of what is left of it now.
func TestLateDraw(t *testing.T) {
	account := func() *Account {
		a := newAccount(lot{"old", 10, 0, 100}, lot{"spent", 5, 0, 90}, lot{"long", 20, 0, 500}, lot{"next", 30, 120, 400})
		must[[]Allocation](t)(a.Debit("d0", 5, "", 10, nil)) // all of spent
		a.Settle(200)
		late := lot{"known-later", 50, 20, 450}.terms()
		must[*Grant](t)(a.Issue(late, 200))
		renewal := Terms{ID: "posted-later", Amount: 8, Category: Allotment, Priority: DefaultPriority, Source: "sub_1", Starts: 40, Expires: 300}
		must[*Grant](t)(a.Allot(renewal, 200))
		a.Entries = nil
		return a
	}
	lapsed := []Entry{lapsedOf("old", 10, 100)}
	for _, c := range []struct {
		name  string
		draw  Draw
		parts string
		story string
		code  Code
	}{
		{"from what expired", Draw{Amount: 4, At: 50}, "old 4", "restore old 4 @100, debit old 4 @50", ""},
		{"then from what is there", Draw{Amount: 20, At: 50}, "old 10, posted-later 8, long 2",
			"restore old 10 @100, debit old 10 @50, debit posted-later 8 @50, debit long 2 @50", ""},
		{"nothing that began later", Draw{Amount: 31, At: 39}, "", "", CodeInsufficientCredits},
		{"all there was", Draw{Amount: 30, At: 39}, "old 10, long 20", "restore old 10 @100, debit old 10 @39, debit long 20 @39", ""},
		{"not at its end", Draw{Amount: 1, At: 100}, "posted-later 1", "debit posted-later 1 @100", ""},
		{"in between", Draw{Amount: 1, At: 130, Not: []Category{Allotment}}, "next 1", "debit next 1 @130", ""},
		{"capped", Draw{Amount: 40, At: 39, Rule: Cap}, "old 10, long 20", "restore old 10 @100, debit old 10 @39, debit long 20 @39", ""},
		{"overage", Draw{Amount: 33, At: 39, Rule: Overage, Room: 3}, "old 10, long 20", "restore old 10 @100, debit old 10 @39, debit long 20 @39, overage  3 @39", ""},
		{"no room", Draw{Amount: 34, At: 39, Rule: Overage, Room: 3}, "", "", CodeLimitReached},
		{"owed, and paid by what is there now", Draw{Amount: 32, At: 39, Rule: Deficit, Room: 5}, "old 10, long 20",
			"restore old 10 @100, debit old 10 @39, debit long 20 @39, overdraw  2 @39, settle next 2 @200", ""},
		{"now", Draw{Amount: 1, At: 200}, "posted-later 1", "debit posted-later 1 @200", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, d := account(), c.draw
			d.ID, d.Lapsed = "late", lapsed
			done, err := a.Draw(d, 200, nil)
			wantCode(t, err, c.code, "")
			wantParts(t, done.Allocations, c.parts)
			wantStory(t, a, c.story)
			if sum := done.Overage + done.Deficit + done.Forgone; err == nil {
				for _, p := range done.Allocations {
					sum += p.Amount
				}
				if sum != d.Amount {
					t.Errorf("the parts come to %d, %d were asked for", sum, d.Amount)
				}
			}
			if old := a.Grant("old"); old.Remaining != 0 || old.Consumed()+old.Ended != 10 {
				t.Errorf("what had expired is %+v", old)
			}
		})
	}
}

// What the caller says has lapsed is never believed beyond what has ended.
func TestLateDrawRestoresNoMoreThanEnded(t *testing.T) {
	a := newAccount(lot{"old", 10, 0, 100})
	must[[]Allocation](t)(a.Debit("d0", 4, "", 10, nil))
	a.Settle(200)
	_, err := a.Draw(Draw{ID: "late", Amount: 7, At: 50, Lapsed: []Entry{lapsedOf("old", 60, 100)}}, 200, nil)
	wantCode(t, err, CodeInsufficientCredits, "")
	must[Drawn](t)(a.Draw(Draw{ID: "late", Amount: 6, At: 50, Lapsed: []Entry{lapsedOf("old", 60, 100)}}, 200, nil))
	if g := a.Grant("old"); g.Ended != 0 || g.Consumed() != 10 {
		t.Errorf("the grant is %+v", g)
	}
	if a.Consumed != 10 {
		t.Errorf("consumed is %d, want 10", a.Consumed)
	}
}

// What counts as given back from an instant on was there again until its grant
// expired.
func TestReversalOfThen(t *testing.T) {
	a := newAccount(lot{"old", 10, 0, 100}, lot{"long", 10, 0, 500})
	taken := must[[]Allocation](t)(a.Debit("d0", 12, "", 10, nil))
	a.Entries = nil
	must[Drawn](t)(a.UnwindAt("r1", Drawn{Allocations: taken}, 0, 5, "", 20, 200))
	wantStory(t, a, "reverse long 2 @20, reverse old 3 @20, expire old 3 @100")
	wantBalance(t, a, 200, 10, 0)
}

// What was rolled over since pays as what it was then: in the place of the
// grant it came from, after what that one has, and from when it began.
func TestLateDrawOfWhatWasRolledOver(t *testing.T) {
	a := newAccount(lot{"month", 10, 0, 100}, lot{"long", 10, 0, 500})
	roll := func(from, id ID, amount Amount, at, until Time) {
		a.Settle(at - 1)
		terms := Terms{ID: id, Amount: amount, Category: Rollover, Priority: DefaultPriority - 1, Source: "sub_1", Starts: at, Expires: until}
		must[*Grant](t)(a.RollOver(from, terms, at, at))
	}
	roll("month", "second", 6, 100, 200)
	roll("second", "third", 5, 200, 900)
	a.Settle(300)
	a.Entries = nil
	d := Draw{ID: "late", Amount: 9, At: 50, Not: []Category{Rollover}, Rolled: map[ID]ID{"second": "month", "third": "second"},
		Lapsed: []Entry{lapsedOf("month", 4, 100), lapsedOf("second", 1, 200)}}
	parts := func(amount Amount, at Time, want, story string) {
		t.Helper()
		b, d := clone(a), d
		d.Amount, d.At = amount, at
		wantParts(t, must[Drawn](t)(b.Draw(d, 300, nil)).Allocations, want)
		wantStory(t, b, story)
	}
	parts(12, 50, "month 4, second 1, third 5, long 2", "restore month 4 @100, debit month 4 @50, "+
		"restore second 1 @200, debit second 1 @100, debit third 5 @200, debit long 2 @50")
	parts(1, 150, "long 1", "debit long 1 @150") // it was rolled over by then
	d.Not = []Category{Paid}                     // that is what all of it was then
	d.Amount = 1
	_, err := clone(a).Draw(d, 300, nil)
	wantCode(t, err, CodeInsufficientCredits, "")
	d.Not = nil
	parts(6, 150, "second 1, third 5", "restore second 1 @200, debit second 1 @150, debit third 5 @200")
	parts(1, 250, "third 1", "debit third 1 @250")
}
