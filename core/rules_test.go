package core

import (
	"math"
	"reflect"
	"slices"
	"testing"
)

func TestIssue(t *testing.T) {
	a := newAccount()
	g := must[*Grant](t)(a.Issue(Terms{ID: "g", Amount: 500, Category: Promotional, Priority: 0, Starts: 5, Expires: 9, Actions: []string{"x"}}, 7))
	if g.Seq != 1 || g.Recorded != 7 || g.Remaining != 500 || g.Held != 0 || g.Ended != 0 || g.Consumed() != 0 || g.Closed != "" {
		t.Errorf("the grant is %+v", g)
	}
	e := a.Entries[0]
	if e.Kind != EntryGrant || e.Grant != "g" || e.Source != "g" || e.Amount != 500 || e.Effective != 5 || e.Recorded != 7 || e.Seq != 1 {
		t.Errorf("the entry is %+v", e)
	}
	_, err := a.Issue(lot{"g", 1, 0, 100}.terms(), 8)
	wantCode(t, err, CodeInternal, "")
}

func TestIssueRefuses(t *testing.T) {
	good := Terms{ID: "new", Amount: 1, Category: Paid, Priority: 50, Starts: 5, Expires: 9}
	for _, c := range []struct {
		name, field string
		change      func(*Terms)
		now         Time
	}{
		{"zero", "amount", func(t *Terms) { t.Amount = 0 }, 5},
		{"negative", "amount", func(t *Terms) { t.Amount = -1 }, 5},
		{"too large", "amount", func(t *Terms) { t.Amount = MaxAmount + 1 }, 5},
		{"no category", "category", func(t *Terms) { t.Category = "" }, 5},
		{"unknown category", "category", func(t *Terms) { t.Category = "gift" }, 5},
		{"negative priority", "priority", func(t *Terms) { t.Priority = -1 }, 5},
		{"priority above the largest", "priority", func(t *Terms) { t.Priority = MaxPriority + 1 }, 5},
		{"expiry at the start", "expires_at", func(t *Terms) { t.Expires = t.Starts }, 5},
		{"expiry before the start", "expires_at", func(t *Terms) { t.Expires = t.Starts - 1 }, 5},
		{"negative price", "paid", func(t *Terms) { t.Paid = Money{-1, "usd"} }, 5},
		{"expired now", "expires_at", func(*Terms) {}, 9},
		{"expired before", "expires_at", func(*Terms) {}, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAccount(lot{"old", 10, 0, 100})
			before := clone(a)
			terms := good
			c.change(&terms)
			_, err := a.Issue(terms, c.now)
			wantCode(t, err, CodeInvalid, c.field)
			if !reflect.DeepEqual(a, before) {
				t.Error("a refused grant changed the account")
			}
		})
	}
	a := newAccount()
	must[*Grant](t)(a.Issue(good, 8)) // one instant before its expiry
}

func TestIssueKeepsSumsCountable(t *testing.T) {
	a := newAccount()
	var posted Amount
	for i := range 10 {
		id := ID("g" + string(rune('0'+i)))
		if _, err := a.Issue(lot{id, MaxAmount, 0, Never}.terms(), 0); err != nil {
			wantCode(t, err, CodeInvalid, "amount")
			break
		}
		posted += MaxAmount
	}
	if posted < MaxAmount || posted > math.MaxInt64/4 {
		t.Fatalf("grants of %d were taken", int64(posted))
	}
	wantBalance(t, a, 0, posted, 0)
	a = newAccount()
	a.Consumed = math.MaxInt64/2 + 1
	_, err := a.Issue(lot{"g", 1, 0, Never}.terms(), 0)
	wantCode(t, err, CodeInvalid, "amount")
}

func TestDebitBurnsInOrder(t *testing.T) {
	a := newAccount(lot{"never", 10, 0, Never}, lot{"later", 10, 0, 200}, lot{"soon", 10, 0, 100})
	wantParts(t, must[[]Allocation](t)(a.Debit("d1", 15, "", 1, nil)), "soon 10, later 5")
	wantParts(t, must[[]Allocation](t)(a.Debit("d2", 15, "", 1, nil)), "later 5, never 10")
	wantStory(t, a, "debit soon 10 @1, debit later 5 @1, debit later 5 @1, debit never 10 @1")
	if a.Consumed != 30 || a.Grant("later").Consumed() != 10 || a.Grant("soon").State(1) != Spent {
		t.Errorf("consumed %d, of later %d, soon is %s", a.Consumed, a.Grant("later").Consumed(), a.Grant("soon").State(1))
	}
	dst := []Allocation{{"kept", 1}}
	a = newAccount(lot{"g", 10, 0, 100})
	wantParts(t, must[[]Allocation](t)(a.Debit("d", 3, "", 1, dst)), "kept 1, g 3")
}

func TestDebitIsAllOrNothing(t *testing.T) {
	a := newAccount(lot{"g1", 10, 0, 100}, lot{"g2", 10, 0, 100}, lot{"future", 10, 50, 100}, lot{"past", 10, 0, 5})
	before := clone(a)
	before.Settle(7)
	_, err := a.Debit("d", 21, "", 7, nil)
	wantCode(t, err, CodeInsufficientCredits, "")
	if e := err.(*Error); e.Available != "0.20" || e.Required != "0.21" {
		t.Errorf("available %q, required %q", e.Available, e.Required)
	}
	if a.summary = (summary{}); !reflect.DeepEqual(a, before) {
		t.Error("a refused debit did more than settle the account")
	}
	must[[]Allocation](t)(a.Debit("d", 20, "", 7, nil))
	_, err = a.Debit("d", -1, "", 7, nil)
	wantCode(t, err, CodeInvalid, "amount")
	_, err = a.Debit("d", math.MaxInt64, "", 7, nil)
	wantCode(t, err, CodeInsufficientCredits, "")
}

func TestZeroDebitPostsNothing(t *testing.T) {
	for _, a := range []*Account{newAccount(), newAccount(lot{"g", 10, 0, 100})} {
		if parts, err := a.Debit("d", 0, "", 1, nil); err != nil || parts != nil || len(a.Entries) != 0 || a.Consumed != 0 {
			t.Errorf("a debit of zero: %v, %v, entries %q", parts, err, story(a))
		}
	}
}

func TestScope(t *testing.T) {
	issue := func(a *Account, id ID, actions ...string) {
		terms := lot{id, 10, 0, 100}.terms()
		terms.Actions = actions
		must[*Grant](t)(a.Issue(terms, 0))
	}
	a := newAccount()
	issue(a, "image", "image")
	issue(a, "media", "image", "video")
	issue(a, "any")
	a.Entries = nil
	for _, c := range []struct {
		action string
		most   Amount
	}{{"", 10}, {"text", 10}, {"video", 20}, {"image", 30}, {"imag", 10}} {
		if _, err := clone(a).Debit("d", c.most, c.action, 1, nil); err != nil {
			t.Errorf("%q cannot spend %d: %v", c.action, c.most, err)
		}
		_, err := clone(a).Debit("d", c.most+1, c.action, 1, nil)
		wantCode(t, err, CodeInsufficientCredits, "")
		_, err = clone(a).Reserve(Hold{ID: "h", Amount: c.most + 1, Action: c.action, Expires: 9}, 1)
		wantCode(t, err, CodeInsufficientCredits, "")
	}
	wantParts(t, must[[]Allocation](t)(a.Debit("d", 15, "video", 1, nil)), "media 10, any 5")
	wantBalance(t, a, 1, 15, 0)
}

func TestGrantIsSpendableInAHalfOpenInterval(t *testing.T) {
	for _, c := range []struct {
		now   Time
		ok    bool
		state GrantState
	}{{9, false, Scheduled}, {10, true, Open}, {19, true, Open}, {20, false, Expired}, {21, false, Expired}} {
		a := newAccount(lot{"g", 5, 10, 20})
		if got := a.Grant("g").State(c.now); got != c.state {
			t.Errorf("at %d the grant is %s, want %s", int64(c.now), got, c.state)
		}
		var posted Amount
		if c.ok {
			posted = 5
		}
		wantBalance(t, a, c.now, posted, 0)
		if _, err := a.Debit("d", 5, "", c.now, nil); (err == nil) != c.ok {
			t.Errorf("a debit at %d: %v", int64(c.now), err)
		}
	}
}

func TestVoid(t *testing.T) {
	a := newAccount(lot{"g", 100, 0, 50}, lot{"future", 30, 20, 50}, lot{"past", 5, 0, 3}, lot{"spent", 2, 0, 4})
	must[[]Allocation](t)(a.Debit("d", 2+5+40, "", 2, nil))
	a.Settle(5)
	a.Entries = nil
	must[*Hold](t)(a.Reserve(Hold{ID: "h", Amount: 25, Expires: 40}, 5))
	if got := must[Amount](t)(a.Void("g", 6)); got != 35 {
		t.Errorf("%d were voided, want what is neither spent nor held: 35", got)
	}
	wantBalance(t, a, 6, 25, 25)
	if got := must[Amount](t)(a.Void("future", 6)); got != 30 {
		t.Errorf("%d of the scheduled grant were voided", got)
	}
	// The scheduled grant's void takes effect with the grant, not before it.
	wantStory(t, a, "hold g 25 @5, void g 35 @6, void future 30 @20")
	for id, code := range map[ID]Code{"g": CodeGrantNotOpen, "future": CodeGrantNotOpen, "past": CodeGrantNotOpen, "spent": CodeGrantNotOpen, "none": CodeNotFound} {
		_, err := a.Void(id, 7)
		wantCode(t, err, code, "")
	}
	g := a.Grant("g")
	if g.State(7) != Void || g.Ended != 35 || g.Consumed() != 40 || g.Remaining != 25 {
		t.Errorf("the voided grant is %+v", g)
	}
	a.Entries = nil
	must[*Hold](t)(a.Release("h", 8))
	wantStory(t, a, "release g 25 @8, void g 25 @8")
	wantBalance(t, a, 8, 0, 0)
}

func TestVoidedGrantPaysWhatIsHeldOfIt(t *testing.T) {
	a := newAccount(lot{"g", 100, 0, 50})
	must[*Hold](t)(a.Reserve(Hold{ID: "h", Amount: 60, Expires: 90}, 1))
	must[Amount](t)(a.Void("g", 2))
	_, err := a.Debit("d", 1, "", 3, nil)
	wantCode(t, err, CodeInsufficientCredits, "")
	wantParts(t, must[Drawn](t)(a.Capture(Capture{ID: "c", Hold: "h", Amount: 20}, 4)).Allocations, "g 20")
	wantBalance(t, a, 4, 40, 40)
	// A hold does not lengthen the life of a grant, voided or not.
	a.Entries = nil
	wantBalance(t, a, 50, 0, 0)
	a.Settle(50)
	wantBalance(t, a, 50, 0, 0)
	wantStory(t, a, "release g 40 @50, void g 40 @50")
	if g := a.Grant("g"); g.State(50) != Void || g.Ended != 80 || g.Remaining != 0 {
		t.Errorf("the voided grant is %+v", g)
	}
}

func TestReverseWalksBackwards(t *testing.T) {
	a := newAccount(lot{"g1", 10, 0, 100}, lot{"g2", 10, 0, 200}, lot{"g3", 10, 0, 300})
	taken := must[[]Allocation](t)(a.Debit("d", 25, "", 1, nil))
	a.Entries = nil
	wantParts(t, must[[]Allocation](t)(a.Reverse("r1", taken, 0, 7, 2)), "g3 5, g2 2")
	wantParts(t, must[[]Allocation](t)(a.Reverse("r2", taken, 7, 1, 3)), "g2 1")
	wantParts(t, must[[]Allocation](t)(a.Reverse("r3", taken, 8, 17, 4)), "g2 7, g1 10")
	wantStory(t, a, "reverse g3 5 @2, reverse g2 2 @2, reverse g2 1 @3, reverse g2 7 @4, reverse g1 10 @4")
	wantBalance(t, a, 4, 30, 0)
	if a.Consumed != 0 {
		t.Errorf("%d are consumed after all was given back", a.Consumed)
	}
	for before, amount := range map[Amount]Amount{25: 1, 0: 26, 10: 16, 5: 0, 6: -1} {
		_, err := a.Reverse("r", taken, before, amount, 5)
		wantCode(t, err, CodeInvalid, "amount")
	}
	_, err := a.Reverse("r", []Allocation{{"elsewhere", 5}}, 0, 5, 5)
	wantCode(t, err, CodeInternal, "")
}

func TestReverseToAnEndedGrantEndsAtOnce(t *testing.T) {
	a := newAccount(lot{"spent", 10, 0, 20}, lot{"expired", 10, 0, 21}, lot{"voided", 10, 0, 300}, lot{"open", 10, 0, 400})
	taken := must[[]Allocation](t)(a.Debit("d", 35, "", 1, nil))
	part := must[[]Allocation](t)(a.Reverse("r1", taken, 0, 10, 2))
	wantParts(t, part, "open 5, voided 5")
	must[Amount](t)(a.Void("voided", 3))
	a.Settle(30)
	a.Entries = nil
	must[[]Allocation](t)(a.Reverse("r2", taken, 10, 25, 30))
	wantStory(t, a, "reverse voided 5 @30, void voided 5 @30, reverse expired 10 @30, expire expired 10 @30, reverse spent 10 @30, expire spent 10 @30")
	wantBalance(t, a, 30, 10, 0)
	for _, id := range []ID{"spent", "expired"} {
		if g := a.Grant(id); g.State(30) != Expired || g.Ended != 10 || g.Consumed() != 0 {
			t.Errorf("%s is %+v", id, g)
		}
	}
}

func TestReverseOfASpentGrantReopensIt(t *testing.T) {
	a := newAccount(lot{"g", 10, 0, 100})
	taken := must[[]Allocation](t)(a.Debit("d", 10, "", 1, nil))
	must[[]Allocation](t)(a.Reverse("r", taken, 0, 10, 99))
	wantBalance(t, a, 99, 10, 0)
	a.Entries = nil
	a.Settle(100)
	wantStory(t, a, "expire g 10 @100")
}

func TestCostBasis(t *testing.T) {
	g := Grant{Terms: Terms{Amount: 300, Paid: Money{1000, "usd"}}}
	for amount, want := range map[Amount]Amount{0: 0, 1: 3, 100: 333, 200: 666, 299: 996, 300: 1000} {
		if got, err := g.CostBasis(amount); err != nil || got != (Money{want, "usd"}) {
			t.Errorf("%d of 300 for 10.00 usd cost %v, %v; want %d", amount, got, err, want)
		}
	}
	g.Paid = Money{}
	if got, err := g.CostBasis(5); err != nil || !got.IsZero() {
		t.Errorf("what nobody paid for cost %v, %v", got, err)
	}
}

func TestCategories(t *testing.T) {
	known := []Category{Paid, Promotional, Allotment, Rollover, Adjustment}
	for _, c := range []Category{"paid", "promotional", "allotment", "rollover", "adjustment", "", "Paid", "overdraft"} {
		if c.Valid() != slices.Contains(known, c) {
			t.Errorf("category %q: %t", c, c.Valid())
		}
	}
}
