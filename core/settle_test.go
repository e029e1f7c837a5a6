package core

import "testing"

func TestSettleIsChronological(t *testing.T) {
	a := newAccount(lot{"g20", 10, 0, 20}, lot{"g40", 10, 0, 40}, lot{"never", 10, 0, Never})
	must[*Hold](t)(a.Reserve(Hold{ID: "h10", Amount: 3, Expires: 10}, 1))
	must[*Hold](t)(a.Reserve(Hold{ID: "h30", Amount: 12, Expires: 30}, 1))
	a.Entries = nil
	for _, want := range []Time{10, 20, 30, 40, Never} {
		if got := a.NextDue(); got != want {
			t.Errorf("the next due instant is %d, want %d", int64(got), int64(want))
		}
		if want == Never {
			break
		}
		b := clone(a)
		b.Settle(want - 1)
		if len(b.Entries) != len(a.Entries) {
			t.Errorf("settling before %d posts %q", int64(want), story(b))
		}
		a.Settle(want)
	}
	wantStory(t, a, "release g20 3 @10, release g20 7 @20, expire g20 10 @20, release g40 5 @30, expire g40 10 @40")
}

func TestLateSettleIsTheSameAsOneInTime(t *testing.T) {
	late := newAccount(lot{"g20", 10, 0, 20}, lot{"g40", 10, 0, 40})
	must[*Hold](t)(late.Reserve(Hold{ID: "h", Amount: 12, Expires: 30}, 1))
	late.Entries = nil
	inTime := clone(late)
	for now := Time(2); now <= 50; now++ {
		inTime.Settle(now)
		if got, want := late.Balance(now), inTime.Balance(now); got != want {
			t.Errorf("at %d the balance is %+v before settling and %+v after", int64(now), got, want)
		}
	}
	late.Settle(50)
	if story(late) != story(inTime) {
		t.Errorf("late: %q, in time: %q", story(late), story(inTime))
	}
	for _, e := range late.Entries {
		if e.Recorded != 50 {
			t.Errorf("a late entry is recorded at %d", int64(e.Recorded))
		}
	}
}

func TestHoldAndGrantAtOneInstant(t *testing.T) {
	for _, protect := range []bool{false, true} {
		a := newAccount(lot{"g", 10, 0, 20})
		must[*Hold](t)(a.Reserve(Hold{ID: "h", Amount: 4, Expires: 20, Protect: protect}, 1))
		a.Entries = nil
		wantBalance(t, a, 20, 0, 0)
		a.Settle(20)
		wantBalance(t, a, 20, 0, 0)
		wantStory(t, a, "release g 4 @20, expire g 10 @20")
		if h := a.Hold("h"); h.State != HoldExpired || h.Reserved() != 0 {
			t.Errorf("the hold is %+v", h)
		}
	}
}

// A spent grant stays spent; that a neighbour expires at the same instant
// must not change what it is.
func TestSettleLeavesSpentGrantsAlone(t *testing.T) {
	a := newAccount(lot{"spent", 5, 0, 20}, lot{"open", 5, 0, 20})
	must[[]Allocation](t)(a.Debit("d", 5, "", 1, nil))
	a.Settle(20)
	if g := a.Grant("spent"); g.State(20) != Spent || g.Closed != "" {
		t.Errorf("the spent grant is %s", g.State(20))
	}
	if g := a.Grant("open"); g.State(20) != Expired {
		t.Errorf("the other grant is %s", g.State(20))
	}
}

func TestScheduledGrantIsNotYetThere(t *testing.T) {
	a := newAccount(lot{"now", 5, 0, Never}, lot{"later", 10, 30, 40})
	wantBalance(t, a, 29, 5, 0)
	wantBalance(t, a, 30, 15, 0)
	_, err := a.Reserve(Hold{ID: "h", Amount: 6, Expires: 99}, 29)
	wantCode(t, err, CodeInsufficientCredits, "")
	wantParts(t, must[*Hold](t)(a.Reserve(Hold{ID: "h", Amount: 6, Expires: 99}, 30)).Parts, "later 6")
}

func TestChanged(t *testing.T) {
	loaded := func() *Account {
		a := newAccount(lot{"g1", 5, 0, 20}, lot{"g2", 5, 0, 90})
		for i := range a.Grants {
			a.Grants[i].dirty = false // as a store loads them
		}
		return a
	}
	a := loaded()
	if a.Settle(19); a.Changed() {
		t.Error("nothing was due, and the account has changed")
	}
	a.Settle(20)
	var changed []ID
	for g := range a.ChangedGrants {
		changed = append(changed, g.ID)
	}
	if !a.Changed() || len(changed) != 1 || changed[0] != "g1" {
		t.Errorf("the changed grants are %q", changed)
	}
	a = loaded()
	must[*Hold](t)(a.Reserve(Hold{ID: "h", Amount: 1, Expires: 9}, 1))
	held := 0
	for range a.ChangedHolds {
		held++
	}
	if held != 1 {
		t.Errorf("%d holds have changed", held)
	}
	a = loaded()
	if a.OpenWindow("main", 60, 1); !a.Changed() {
		t.Error("an opened window is no change")
	}
}
