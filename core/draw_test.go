package core

import (
	"testing"

	"pgregory.net/rapid"
)

func TestShortfalls(t *testing.T) {
	for name, c := range map[string]struct {
		draw  Draw
		want  Drawn
		story string
		code  Code
	}{
		"reject":            {Draw{Amount: 15}, Drawn{}, "", CodeInsufficientCredits},
		"reject by name":    {Draw{Amount: 15, Rule: Reject, Room: 99}, Drawn{}, "", CodeInsufficientCredits},
		"enough":            {Draw{Amount: 10, Rule: Overage}, Drawn{}, "debit g 10 @5", ""},
		"cap":               {Draw{Amount: 15, Rule: Cap}, Drawn{Forgone: 5}, "debit g 10 @5", ""},
		"overage":           {Draw{Amount: 15, Rule: Overage, Room: 5}, Drawn{Overage: 5}, "debit g 10 @5, overage  5 @5", ""},
		"overage, no room":  {Draw{Amount: 15, Rule: Overage, Room: 4}, Drawn{}, "", CodeLimitReached},
		"deficit":           {Draw{Amount: 15, Rule: Deficit, Room: 5}, Drawn{Deficit: 5}, "debit g 10 @5, overdraw  5 @5", ""},
		"deficit, no room":  {Draw{Amount: 15, Rule: Deficit}, Drawn{}, "", CodeLimitReached},
		"other category":    {Draw{Amount: 4, Not: []Category{Paid}, Rule: Overage, Room: 9}, Drawn{Overage: 4}, "overage  4 @5", ""},
		"excluded, refused": {Draw{Amount: 4, Not: []Category{Paid}}, Drawn{}, "", CodeInsufficientCredits},
		"below zero":        {Draw{Amount: -1, Rule: Cap}, Drawn{}, "", CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAccount(lot{"g", 10, 0, Never})
			c.draw.ID = "d"
			got, err := a.Draw(c.draw, 5, nil)
			if CodeOf(err) != c.code {
				t.Fatalf("the answer is %v, want %q", err, c.code)
			}
			wantStory(t, a, c.story)
			if err != nil {
				wantBalance(t, a, 5, 10, 0)
				return
			}
			if got.Overage != c.want.Overage || got.Deficit != c.want.Deficit || got.Forgone != c.want.Forgone || a.Overdrawn != c.want.Deficit {
				t.Errorf("it was paid as %+v, owing %d", got, a.Overdrawn)
			}
		})
	}
}

func TestNextPaidGrantSettlesTheDeficit(t *testing.T) {
	a := newAccount(lot{"g", 10, 0, Never})
	must[Drawn](t)(a.Draw(Draw{ID: "d", Amount: 25, Rule: Deficit, Room: 15}, 1, nil))
	gift := lot{"gift", 100, 0, Never}.terms()
	gift.Category = Promotional
	must[*Grant](t)(a.Issue(gift, 2))
	scoped := lot{"scoped", 100, 0, Never}.terms()
	scoped.Actions = []string{"a"}
	must[*Grant](t)(a.Issue(scoped, 2))
	if a.Overdrawn != 15 {
		t.Errorf("a gift settled the deficit: %d are owed", a.Overdrawn)
	}
	a.Entries = nil
	must[*Grant](t)(a.Issue(lot{"p1", 5, 2, Never}.terms(), 3))
	must[*Grant](t)(a.Issue(lot{"p2", 100, 50, Never}.terms(), 3))
	if due := a.NextDue(); due != 50 {
		t.Errorf("a deficit waits for a grant that starts at 50, due is %d", int64(due))
	}
	a.Settle(60)
	wantStory(t, a, "grant p1 5 @2, settle p1 5 @3, grant p2 100 @50, settle p2 10 @50")
	if a.Overdrawn != 0 || a.Consumed != 25 || a.Grant("p2").Consumed() != 10 {
		t.Errorf("%d are owed, %d consumed", a.Overdrawn, a.Consumed)
	}
}

func TestWhatIsReleasedSettlesTheDeficit(t *testing.T) {
	a := newAccount(lot{"g", 10, 0, Never})
	must[*Hold](t)(a.Reserve(Hold{ID: "h", Amount: 10, Expires: 50}, 1))
	must[Drawn](t)(a.Draw(Draw{ID: "d", Amount: 4, Rule: Deficit, Room: 15}, 1, nil))
	a.Entries = nil
	a.Settle(60)
	wantStory(t, a, "release g 10 @50, settle g 4 @50")
	wantBalance(t, a, 60, 6, 0)
}

func TestUnwind(t *testing.T) {
	a := newAccount(lot{"g1", 10, 0, Never}, lot{"g2", 10, 0, Never})
	done := must[Drawn](t)(a.Draw(Draw{ID: "d", Amount: 26, Rule: Overage, Room: 9}, 1, nil))
	a.Entries = nil
	must[Drawn](t)(a.Unwind("r1", done, 0, 4, "", 2))
	must[Drawn](t)(a.Unwind("r2", done, 4, 9, "", 3))
	must[Drawn](t)(a.Unwind("r3", done, 13, 13, "", 4))
	wantStory(t, a, "overage_back  4 @2, overage_back  2 @3, reverse g2 7 @3, reverse g2 3 @4, reverse g1 10 @4")
	_, err := a.Unwind("r4", done, 26, 1, "", 5)
	wantCode(t, err, CodeInvalid, "amount")

	a = newAccount()
	done = must[Drawn](t)(a.Draw(Draw{ID: "d", Amount: 10, Rule: Deficit, Room: 10}, 1, nil))
	must[*Grant](t)(a.Issue(lot{"p", 6, 2, Never}.terms(), 2))
	a.Entries = nil
	must[Drawn](t)(a.Unwind("r", done, 0, 10, "back", 3))
	wantStory(t, a, "grant back 6 @3, overdraw_back  4 @3")
	wantBalance(t, a, 3, 6, 0)
	if a.Overdrawn != 0 {
		t.Errorf("%d are owed", a.Overdrawn)
	}
}

// Whatever is drawn and given back, a deficit never stands beside what could
// pay it, and all parts add up to what was asked for.
func TestDrawsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, debits := newAccount(), map[ID]Drawn{}
		var asked, overage Amount
		var granted Amount
		rules := []Shortfall{Reject, Cap, Overage, Deficit}
		for step := range rapid.IntRange(1, 30).Draw(t, "steps") {
			now, id := Time(step+1), ID("x")+ID(rune('A'+step))
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				l := lot{id, rapid.Custom(func(t *rapid.T) Amount { return Amount(rapid.Int64Range(1, 20).Draw(t, "n")) }).Draw(t, "amount"), 0, Never}
				if _, err := a.Issue(l.terms(), now); err != nil {
					t.Fatal(err)
				}
				granted += l.amount
			case 1, 2:
				d := Draw{ID: id, Amount: Amount(rapid.Int64Range(0, 25).Draw(t, "n")), Rule: rapid.SampledFrom(rules).Draw(t, "rule"), Room: 12}
				done, err := a.Draw(d, now, nil)
				if err != nil {
					continue
				}
				sum := done.Overage + done.Deficit + done.Forgone
				for _, p := range done.Allocations {
					sum += p.Amount
				}
				if sum != d.Amount {
					t.Fatalf("%+v was paid as %+v", d, done)
				}
				asked, overage = asked+d.Amount-done.Forgone, overage+done.Overage
				debits[id] = done
			case 3:
				for d, done := range debits {
					total := done.Overage + done.Deficit
					for _, p := range done.Allocations {
						total += p.Amount
					}
					if total > 0 {
						if _, err := a.Unwind(id, done, 0, total, id+"s", now); err != nil {
							t.Fatal(err)
						}
						asked, overage = asked-total, overage-done.Overage
						granted += a.spareOf(id + "s")
					}
					delete(debits, d)
					break
				}
			}
			free := a.Balance(now).Available
			if a.Overdrawn < 0 || a.Overdrawn > 0 && free-a.freeOf(Adjustment) > 0 {
				t.Fatalf("%d are owed beside %d free", a.Overdrawn, free)
			}
			if granted-free+a.Overdrawn+overage != asked+a.returned() {
				t.Fatalf("%d granted, %d free, %d owed, %d overage; asked were %d", granted, free, a.Overdrawn, overage, asked)
			}
		}
	})
}

func (a *Account) spareOf(id ID) Amount {
	if g := a.Grant(id); g != nil {
		return g.Amount
	}
	return 0
}

func (a *Account) freeOf(c Category) (sum Amount) {
	for i := range a.Grants {
		if a.Grants[i].Category == c {
			sum += a.Grants[i].Free()
		}
	}
	return sum
}

// returned is what came back as a grant of its own: it was consumed once to
// settle, and is there again.
func (a *Account) returned() (sum Amount) {
	for i := range a.Grants {
		if a.Grants[i].Category == Adjustment {
			sum += a.Grants[i].Amount
		}
	}
	return sum
}

// renewing grants 10 every 10, and carries up to 4 over.
type renewing struct{ next Time }

func (r *renewing) Due() Time    { return r.next }
func (r *renewing) Text() string { return r.next.String() }
func (r *renewing) Act(a *Account, at, now Time) {
	for i := range a.Grants {
		if g := &a.Grants[i]; g.Category == Allotment && g.Expires == at && g.Free() > 0 {
			_, _ = a.RollOver(g.ID, Terms{ID: g.ID + "r", Amount: min(4, g.Free()), Category: Rollover, Starts: at, Expires: at + 10}, at, now)
			break
		}
	}
	_, _ = a.Allot(Terms{ID: ID("a") + ID(rune('0'+at/10)), Amount: 10, Category: Allotment, Starts: at, Expires: at + 10}, now)
	r.next = at + 10
}

func TestPolicyActsInItsTurn(t *testing.T) {
	a := newAccount(lot{"g", 5, 0, 20})
	a.Keep(&renewing{next: 10})
	if a.NextDue() != 10 || !a.Kept() || !a.Changed() {
		t.Errorf("due is %d", int64(a.NextDue()))
	}
	must[[]Allocation](t)(a.Debit("d1", 3, "", 12, nil))
	a.Seal()
	if a.Stored == "" {
		t.Error("what the policy has become is not kept")
	}
	a.Settle(40) // three renewals are missed
	wantStory(t, a, "grant a1 10 @10, debit a1 3 @12, "+
		"roll_out a1 4 @20, roll_in a1r 4 @20, grant a2 10 @20, expire a1 3 @20, expire g 5 @20, "+
		"roll_out a2 4 @30, roll_in a2r 4 @30, grant a3 10 @30, expire a1r 4 @30, expire a2 6 @30, "+
		"roll_out a3 4 @40, roll_in a3r 4 @40, grant a4 10 @40, expire a2r 4 @40, expire a3 6 @40")
	wantBalance(t, a, 40, 14, 0)
	a.Committed()
	if a.Kept() || a.Acts != 50 {
		t.Errorf("after a commit the policy is due at %d", int64(a.Acts))
	}
}

// Who does not know a policy leaves what it would do to those who do.
func TestUnknownPolicyIsLeftAlone(t *testing.T) {
	a := newAccount(lot{"g", 5, 0, 20})
	a.Acts = 10
	a.Settle(30)
	wantStory(t, a, "")
	if a.NextDue() != 10 {
		t.Errorf("due is %d", int64(a.NextDue()))
	}
}

// idle is a policy that cannot be carried out here.
type idle struct{}

func (idle) Due() Time                { return 10 }
func (idle) Text() string             { return "kept as it is" }
func (idle) Act(*Account, Time, Time) {}

// What cannot be carried out stays due, and is not written anew.
func TestIdlePolicyStaysDue(t *testing.T) {
	a := newAccount(lot{"g", 5, 0, Never})
	a.Policy, a.Acts = idle{}, 10
	a.Settle(30)
	if a.Acts != 10 || a.Kept() || a.NextDue() != 10 {
		t.Errorf("it acts at %d, kept %t", int64(a.Acts), a.Kept())
	}
}
