package core

import (
	"reflect"
	"slices"
	"testing"
)

func TestReserve(t *testing.T) {
	a := newAccount(lot{"g1", 10, 0, 100}, lot{"g2", 10, 0, 200})
	h := must[*Hold](t)(a.Reserve(Hold{ID: "h", Amount: 15, Expires: 50, Captured: 9, Resolved: 9, State: HoldReleased}, 3))
	wantParts(t, h.Parts, "g1 10, g2 5")
	if h.State != HoldOpen || h.Created != 3 || h.Captured != 0 || h.Resolved != 0 || h.Reserved() != 15 {
		t.Errorf("the hold is %+v", h)
	}
	wantBalance(t, a, 3, 20, 15)
	wantStory(t, a, "hold g1 10 @3, hold g2 5 @3")
	_, err := a.Debit("d", 6, "", 3, nil)
	wantCode(t, err, CodeInsufficientCredits, "")
	_, err = a.Reserve(Hold{ID: "h2", Amount: 6, Expires: 50}, 3)
	wantCode(t, err, CodeInsufficientCredits, "")
	wantParts(t, must[[]Allocation](t)(a.Debit("d", 5, "", 3, nil)), "g2 5")
	_, err = a.Reserve(Hold{ID: "h", Amount: 1, Expires: 50}, 3)
	wantCode(t, err, CodeInternal, "")
}

func TestReserveRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		h     Hold
		field string
	}{
		"zero":          {Hold{ID: "h", Expires: 9}, "amount"},
		"negative":      {Hold{ID: "h", Amount: -1, Expires: 9}, "amount"},
		"expires now":   {Hold{ID: "h", Amount: 1, Expires: 5}, "expires_in"},
		"expired":       {Hold{ID: "h", Amount: 1, Expires: 4}, "expires_in"},
		"never expires": {Hold{ID: "h", Amount: 1, Expires: Never}, "expires_in"},
		"no expiry":     {Hold{ID: "h", Amount: 1}, "expires_in"},
	} {
		a := newAccount(lot{"g", 10, 0, 100})
		before := clone(a)
		_, err := a.Reserve(c.h, 5)
		wantCode(t, err, CodeInvalid, c.field)
		if !reflect.DeepEqual(a, before) {
			t.Errorf("%s: the refusal changed the account", name)
		}
	}
}

// held is an account with 15 of 10 + 10 reserved by h until 50.
func held(t *testing.T) *Account {
	a := newAccount(lot{"g1", 10, 0, 100}, lot{"g2", 10, 0, 200})
	must[*Hold](t)(a.Reserve(Hold{ID: "h", Amount: 15, Expires: 50}, 1))
	a.Entries = nil
	return a
}

func TestCapturePartlyAndFinally(t *testing.T) {
	a := held(t)
	done := must[Drawn](t)(a.Capture(Capture{ID: "c", Hold: "h", Amount: 12, Final: true}, 2))
	wantParts(t, done.Allocations, "g1 10, g2 2")
	wantStory(t, a, "capture g1 10 @2, capture g2 2 @2, release g2 3 @2")
	wantBalance(t, a, 2, 8, 0)
	if h := a.Hold("h"); h.State != HoldCaptured || h.Captured != 12 || h.Resolved != 2 || h.Parts != nil || done.Late {
		t.Errorf("the hold is %+v", h)
	}
	for _, c := range []Capture{{ID: "c2", Hold: "h", Amount: 1}, {ID: "c2", Hold: "h"}, {ID: "c2", Hold: "h", Amount: 1, AllowOver: true}} {
		_, err := a.Capture(c, 3)
		wantCode(t, err, CodeHoldNotOpen, "")
	}
	_, err := a.Release("h", 3)
	wantCode(t, err, CodeHoldNotOpen, "")
}

func TestCaptureInSeveralParts(t *testing.T) {
	a := held(t)
	for i, want := range []string{"g1 4", "g1 4", "g1 2, g2 2"} {
		wantParts(t, must[Drawn](t)(a.Capture(Capture{ID: "c", Hold: "h", Amount: 4}, Time(2+i))).Allocations, want)
	}
	h := a.Hold("h")
	if h.State != HoldOpen || h.Captured != 12 || h.Reserved() != 3 {
		t.Errorf("the hold is %+v", h)
	}
	_, err := a.Capture(Capture{ID: "c", Hold: "h", Amount: 4}, 5)
	wantCode(t, err, CodeHoldExceeded, "amount")
	a.Entries = nil
	wantParts(t, must[Drawn](t)(a.Capture(Capture{ID: "c", Hold: "h", Amount: 0, Final: true}, 6)).Allocations, "")
	wantStory(t, a, "release g2 3 @6")
	wantBalance(t, a, 6, 8, 0)
}

func TestCaptureOver(t *testing.T) {
	a := held(t)
	over := Capture{ID: "c", Hold: "h", Amount: 18}
	_, err := a.Capture(over, 2)
	wantCode(t, err, CodeHoldExceeded, "amount")
	over.AllowOver, over.Amount = true, 21
	before := clone(a)
	_, err = a.Capture(over, 2)
	wantCode(t, err, CodeInsufficientCredits, "")
	if !reflect.DeepEqual(a, before) {
		t.Error("the refused part above the hold changed the account")
	}
	over.Amount = 18
	// The part above is one allocation with what was held of the same grant.
	wantParts(t, must[Drawn](t)(a.Capture(over, 2)).Allocations, "g1 10, g2 8")
	wantStory(t, a, "capture g1 10 @2, capture g2 5 @2, debit g2 3 @2")
	wantBalance(t, a, 2, 2, 0)
	// An over-captured hold has nothing left, and can still be closed.
	_, err = a.Capture(Capture{ID: "c2", Hold: "h", Amount: 1}, 3)
	wantCode(t, err, CodeHoldExceeded, "amount")
	must[Drawn](t)(a.Capture(Capture{ID: "c2", Hold: "h", Amount: 0, Final: true}, 3))
	if h := a.Hold("h"); h.State != HoldCaptured || h.Captured != 18 {
		t.Errorf("the hold is %+v", h)
	}
}

func TestCaptureRefuses(t *testing.T) {
	a := held(t)
	_, err := a.Capture(Capture{ID: "c", Hold: "h", Amount: -1}, 2)
	wantCode(t, err, CodeInvalid, "amount")
	_, err = a.Capture(Capture{ID: "c", Hold: "none", Amount: 1}, 2)
	wantCode(t, err, CodeNotFound, "")
	_, err = a.Release("none", 2)
	wantCode(t, err, CodeNotFound, "")
	wantStory(t, a, "")
}

func TestReleaseGivesBackToTheSameGrants(t *testing.T) {
	a := held(t)
	must[Drawn](t)(a.Capture(Capture{ID: "c", Hold: "h", Amount: 4}, 2))
	a.Entries = nil
	h := must[*Hold](t)(a.Release("h", 3))
	wantStory(t, a, "release g1 6 @3, release g2 5 @3")
	wantBalance(t, a, 3, 16, 0)
	if h.State != HoldReleased || h.Resolved != 3 || h.Captured != 4 {
		t.Errorf("the hold is %+v", h)
	}
	_, err := a.Capture(Capture{ID: "c", Hold: "h", Amount: 1, AllowOver: true}, 4)
	wantCode(t, err, CodeHoldNotOpen, "")
}

func TestHoldExpires(t *testing.T) {
	a := held(t)
	wantBalance(t, a, 49, 20, 15)
	wantBalance(t, a, 50, 20, 0)
	must[[]Allocation](t)(clone(a).Debit("d", 20, "", 50, nil))
	_, err := clone(a).Debit("d", 20, "", 49, nil)
	wantCode(t, err, CodeInsufficientCredits, "")
	a.Settle(60)
	wantStory(t, a, "release g1 10 @50, release g2 5 @50")
	if h := a.Hold("h"); h.State != HoldExpired || h.Resolved != 50 || a.Entries[0].Recorded != 60 {
		t.Errorf("the hold is %+v, its release was recorded at %d", h, int64(a.Entries[0].Recorded))
	}
	_, err = a.Release("h", 61)
	wantCode(t, err, CodeHoldNotOpen, "")
}

func TestLateCaptureIsAFreshDebit(t *testing.T) {
	a := held(t)
	must[[]Allocation](t)(a.Debit("d", 8, "", 50, nil))
	a.Entries = nil
	_, err := a.Capture(Capture{ID: "c", Hold: "h", Amount: 13}, 51)
	wantCode(t, err, CodeInsufficientCredits, "")
	done := must[Drawn](t)(a.Capture(Capture{ID: "c", Hold: "h", Amount: 9, Final: true}, 51))
	wantStory(t, a, "debit g1 2 @51, debit g2 7 @51")
	if h := a.Hold("h"); !done.Late || h.State != HoldExpired || h.Captured != 9 || h.Parts != nil {
		t.Errorf("late %t, the hold is %+v", done.Late, h)
	}
	_, err = a.Capture(Capture{ID: "c2", Hold: "h", Amount: 7}, 52)
	wantCode(t, err, CodeHoldExceeded, "amount")
	wantBalance(t, a, 52, 3, 0)
}

func TestCaptureHonoursTheHoldsScope(t *testing.T) {
	a := newAccount(lot{"any", 5, 0, 100})
	scoped := lot{"image", 10, 0, 200}.terms()
	scoped.Actions = []string{"image"}
	must[*Grant](t)(a.Issue(scoped, 0))
	must[*Hold](t)(a.Reserve(Hold{ID: "h", Amount: 5, Action: "text", Expires: 50}, 1))
	_, err := a.Capture(Capture{ID: "c", Hold: "h", Amount: 6, AllowOver: true}, 2)
	wantCode(t, err, CodeInsufficientCredits, "")
	_, err = a.Capture(Capture{ID: "c", Hold: "h", Amount: 6, AllowOver: true}, 60)
	wantCode(t, err, CodeInsufficientCredits, "")
}

func TestGrantExpiresUnderAHold(t *testing.T) {
	a := newAccount(lot{"g1", 10, 0, 20}, lot{"g2", 10, 0, 200})
	must[*Hold](t)(a.Reserve(Hold{ID: "h", Amount: 7, Expires: 50}, 1))
	a.Entries = nil
	wantBalance(t, a, 19, 20, 7)
	wantBalance(t, a, 20, 10, 0)
	a.Settle(20)
	wantBalance(t, a, 20, 10, 0)
	wantStory(t, a, "release g1 7 @20, expire g1 10 @20")
	// The hold is still open, and what it lost is taken from what is there.
	a.Entries = nil
	wantParts(t, must[Drawn](t)(a.Capture(Capture{ID: "c", Hold: "h", Amount: 7, Final: true}, 21)).Allocations, "g2 7")
	wantStory(t, a, "debit g2 7 @21")
}

func TestGrantExpiresUnderAHoldAndNothingIsLeft(t *testing.T) {
	a := newAccount(lot{"g1", 10, 0, 20})
	must[*Hold](t)(a.Reserve(Hold{ID: "h", Amount: 7, Expires: 50}, 1))
	_, err := a.Capture(Capture{ID: "c", Hold: "h", Amount: 7}, 20)
	wantCode(t, err, CodeInsufficientCredits, "")
	if h := a.Hold("h"); h.State != HoldOpen || h.Captured != 0 {
		t.Errorf("the hold is %+v", h)
	}
	must[*Hold](t)(a.Release("h", 21))
}

func TestProtectedHoldOutlivesItsGrant(t *testing.T) {
	a := newAccount(lot{"g1", 10, 0, 20}, lot{"g2", 10, 0, 200})
	must[*Hold](t)(a.Reserve(Hold{ID: "h", Amount: 7, Expires: 50, Protect: true}, 1))
	a.Entries = nil
	wantBalance(t, a, 20, 17, 7)
	a.Settle(20)
	wantBalance(t, a, 20, 17, 7)
	wantStory(t, a, "expire g1 3 @20")
	a.Entries = nil
	wantParts(t, must[Drawn](t)(a.Capture(Capture{ID: "c", Hold: "h", Amount: 4}, 30)).Allocations, "g1 4")
	wantBalance(t, a, 30, 13, 3)
	// What comes back when the hold resolves ends at once.
	released := clone(a)
	must[*Hold](t)(released.Release("h", 31))
	wantStory(t, released, "capture g1 4 @30, release g1 3 @31, expire g1 3 @31")
	final := clone(a)
	must[Drawn](t)(final.Capture(Capture{ID: "c2", Hold: "h", Amount: 1, Final: true}, 31))
	wantStory(t, final, "capture g1 4 @30, capture g1 1 @31, release g1 2 @31, expire g1 2 @31")
	a.Settle(60)
	wantStory(t, a, "capture g1 4 @30, release g1 3 @50, expire g1 3 @50")
	for _, b := range []*Account{released, final, a} {
		wantBalance(t, b, 60, 10, 0)
	}
}

// Holds that end at one instant do so in the order they were made, however
// a store happens to load them.
func TestSettleDoesNotDependOnLoadOrder(t *testing.T) {
	a := newAccount(lot{"g", 100, 0, 90})
	for i, id := range []ID{"h3", "h1", "h2"} {
		must[*Hold](t)(a.Reserve(Hold{ID: id, Amount: Amount(i + 1), Expires: 50}, Time(1+i/2)))
	}
	a.Entries = nil
	b := clone(a)
	slices.Reverse(b.Holds)
	b.Sort()
	a.Settle(50)
	b.Settle(50)
	if a.Head != b.Head {
		t.Errorf("%q in one load order, %q in another", story(a), story(b))
	}
}

// The part above a hold goes by the capture's rule, and what that leaves out is
// not captured.
func TestCaptureOverByRule(t *testing.T) {
	for _, c := range []struct {
		name     string
		rule     Shortfall
		room     Amount
		drawn    Drawn
		captured Amount
		story    string
		code     Code
	}{
		{"refused", Reject, 9, Drawn{}, 0, "", CodeInsufficientCredits},
		{"left out", Cap, 0, Drawn{Forgone: 4}, 20, "", ""},
		{"billed", Overage, 4, Drawn{Overage: 4}, 24, ", overage  4 @2", ""},
		{"no room", Overage, 3, Drawn{}, 0, "", CodeLimitReached},
		{"owed", Deficit, 4, Drawn{Deficit: 4}, 24, ", overdraw  4 @2", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := held(t)
			before := clone(a)
			done, err := a.Capture(Capture{ID: "c", Hold: "h", Amount: 24, AllowOver: true, Rule: c.rule, Room: c.room}, 2)
			wantCode(t, err, c.code, "")
			if err != nil {
				if !reflect.DeepEqual(a, before) {
					t.Error("the refused capture changed the account")
				}
				return
			}
			wantParts(t, done.Allocations, "g1 10, g2 10")
			wantStory(t, a, "capture g1 10 @2, capture g2 5 @2, debit g2 5 @2"+c.story)
			if done.Overage != c.drawn.Overage || done.Deficit != c.drawn.Deficit || done.Forgone != c.drawn.Forgone || a.Hold("h").Captured != c.captured {
				t.Errorf("it took %+v of %+v", done, a.Hold("h"))
			}
		})
	}
}
