package core

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func spares(prefix string) func(int) ID {
	return func(i int) ID { return ID(fmt.Sprint(prefix, i)) }
}

// What is taken of a purchase of 20, by how much of it is there.
func TestClawback(t *testing.T) {
	promo := Terms{ID: "promo", Amount: 50, Category: Promotional, Priority: DefaultPriority + 1, Expires: Never}
	for name, c := range map[string]struct {
		prepare func(*Account)
		amount  Amount
		rule    Shortfall
		others  bool
		want    Drawn
		owes    Amount
		left    Amount // of the purchase
	}{
		"all of it":        {amount: 20, want: Drawn{Allocations: []Allocation{{"buy", 20}}}},
		"a part":           {amount: 7, want: Drawn{Allocations: []Allocation{{"buy", 7}}}, left: 13},
		"more than there":  {amount: 25, want: Drawn{Allocations: []Allocation{{"buy", 20}}, Deficit: 5}, owes: 5},
		"half spent":       {prepare: spend(12), amount: 20, want: Drawn{Allocations: []Allocation{{"buy", 8}}, Deficit: 12}, owes: 12},
		"all spent":        {prepare: spend(20), amount: 20, want: Drawn{Deficit: 20}, owes: 20},
		"written off":      {prepare: spend(12), amount: 20, rule: Cap, want: Drawn{Allocations: []Allocation{{"buy", 8}}, Forgone: 12}},
		"held":             {prepare: func(a *Account) { reserve(a, 15, 100) }, amount: 20, want: Drawn{Allocations: []Allocation{{"buy", 5}}, Deficit: 15}, owes: 15, left: 15},
		"never a gift":     {prepare: func(a *Account) { spend(12)(a); issue(a, promo) }, amount: 20, want: Drawn{Allocations: []Allocation{{"buy", 8}}, Deficit: 12}, owes: 12},
		"others pay":       {prepare: another(9), amount: 25, others: true, want: Drawn{Allocations: []Allocation{{"buy", 20}, {"more", 5}}}},
		"others have less": {prepare: another(3), amount: 25, others: true, rule: Cap, want: Drawn{Allocations: []Allocation{{"buy", 20}, {"more", 3}}, Forgone: 2}},
		"others settle":    {prepare: another(9), amount: 25, want: Drawn{Allocations: []Allocation{{"buy", 20}}, Deficit: 5}},
		"expired":          {prepare: func(a *Account) { a.Settle(5000) }, amount: 20, want: Drawn{Deficit: 20}, owes: 20},
		"voided":           {prepare: func(a *Account) { _, _ = a.Void("buy", 10) }, amount: 20, want: Drawn{Deficit: 20}, owes: 20},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAccount(lot{"buy", 20, 0, 1000})
			if c.prepare != nil {
				c.prepare(a)
			}
			now := Time(20)
			if name == "expired" {
				now = 5000
			}
			got, err := a.Clawback("buy", "pur", c.amount, c.rule, c.others, now)
			if err != nil || fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Fatalf("it took %+v (%v), want %+v", got, err, c.want)
			}
			g := a.Grant("buy")
			if a.Overdrawn != c.owes || g.Remaining != c.left || g.Closed == Open {
				t.Errorf("the account owes %d and the grant has %d left, want %d and %d", a.Overdrawn, g.Remaining, c.owes, c.left)
			}
			sound(t, a)
		})
	}
}

func spend(n Amount) func(*Account) {
	return func(a *Account) {
		if _, err := a.Debit("d", n, "", 10, nil); err != nil {
			panic(err)
		}
	}
}

func another(n Amount) func(*Account) {
	return func(a *Account) {
		issue(a, Terms{ID: "more", Amount: n, Category: Paid, Priority: DefaultPriority, Expires: Never})
	}
}

func issue(a *Account, t Terms) {
	if _, err := a.Issue(t, 10); err != nil {
		panic(err)
	}
}

func reserve(a *Account, n Amount, until Time) {
	if _, err := a.Reserve(Hold{ID: "h", Amount: n, Created: 10, Expires: until}, 10); err != nil {
		panic(err)
	}
}

// sound holds an account's figures against its entries.
func sound(t interface {
	Helper()
	Errorf(string, ...any)
}, a *Account) {
	t.Helper()
	owed := Amount(0)
	for _, e := range a.Entries {
		from, to := e.Kind.Pots()
		if from == Owed {
			owed += e.Amount
		}
		if to == Owed {
			owed -= e.Amount
		}
	}
	var consumed Amount
	for i := range a.Grants {
		g := &a.Grants[i]
		consumed += g.Consumed()
		if g.Remaining < 0 || g.Held < 0 || g.Ended < 0 || g.Away < 0 || g.Away > g.Ended || g.Consumed() < 0 || g.Held > g.Remaining {
			t.Errorf("grant %s has impossible figures: %+v", g.ID, g)
		}
	}
	if a.Overdrawn != owed || a.Overdrawn < 0 || consumed != a.Consumed {
		t.Errorf("the account owes %d and consumed %d, its entries and grants say %d and %d: %s", a.Overdrawn, a.Consumed, owed, consumed, story(a))
	}
}

// What a hold gives back after its purchase was taken back pays what is owed.
func TestClawbackWaitsForHolds(t *testing.T) {
	a := newAccount(lot{"buy", 20, 0, Never})
	reserve(a, 15, 100)
	if _, err := a.Clawback("buy", "pur", 20, "", false, 20); err != nil {
		t.Fatal(err)
	}
	a.Settle(200)
	if a.Overdrawn != 0 || a.Balance(200) != (Balance{}) {
		t.Errorf("after the hold the account owes %d and has %+v", a.Overdrawn, a.Balance(200))
	}
	sound(t, a)
}

func TestReinstate(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*Account)
		between func(*Account)
		at      Time
		balance Amount
		owes    Amount
		expires Time // of what has come back
	}{
		"the same grant":   {at: 30, balance: 20, expires: 1000},
		"half spent":       {prepare: spend(12), at: 30, balance: 8, expires: 1000},
		"expired":          {at: 1500, balance: 20, expires: 1500 + 980},
		"expired, spent":   {prepare: spend(12), at: 1500, balance: 8, expires: 1500 + 980},
		"voided meanwhile": {between: func(a *Account) { _, _ = a.Void("buy", 25) }, at: 30, balance: 20, expires: 1000},
		"settled":          {prepare: spend(12), between: another(30), at: 30, balance: 8 + 12 + 18, expires: 1000},
		"partly settled":   {prepare: spend(12), between: another(5), at: 30, balance: 8 + 5, expires: 1000},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAccount(lot{"buy", 20, 0, 1000})
			if c.prepare != nil {
				c.prepare(a)
			}
			took, err := a.Clawback("buy", "pur", 20, "", false, 20)
			if err != nil {
				t.Fatal(err)
			}
			if c.between != nil {
				c.between(a)
			}
			if err := a.Reinstate("pur", took, 20, spares("new"), c.at); err != nil {
				t.Fatal(err)
			}
			if got := a.Balance(c.at).Available; got != c.balance || a.Overdrawn != c.owes {
				t.Errorf("%d are available and %d owed, want %d and %d: %s", got, a.Overdrawn, c.balance, c.owes, story(a))
			}
			back := a.Grant("buy")
			if c.at > back.Expires {
				back = a.Grant("new1")
			}
			if back.Expires != c.expires || back.Category != Paid {
				t.Errorf("what came back is %+v, want it to expire at %d", back, c.expires)
			}
			sound(t, a)
		})
	}
	a := newAccount(lot{"buy", 20, 0, 1000})
	if err := a.Reinstate("pur", Drawn{Allocations: []Allocation{{"buy", 1}}}, 20, spares("new"), 30); CodeOf(err) != CodeInternal {
		t.Errorf("what was never taken comes back: %v", err)
	}
}

// Whatever is spent, held and refunded: what is taken and reinstated adds up,
// and all that was granted is somewhere.
func TestClawbackProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := newAccount(lot{"buy", 100, 0, 500}, lot{"gift", 30, 0, Never})
		a.Grant("gift").Category = Promotional
		a.Sort()
		var took []Drawn
		var at []Time
		now := Time(1)
		for i := range rapid.IntRange(1, 25).Draw(t, "steps") {
			now += Time(rapid.IntRange(0, 60).Draw(t, "pass"))
			id, n := ID(fmt.Sprint("x", i)), Amount(rapid.IntRange(1, 60).Draw(t, "n"))
			switch rapid.SampledFrom([]string{"debit", "claw", "hold", "release", "buy", "back"}).Draw(t, "what") {
			case "debit":
				_, _ = a.Debit(id, n, "", now, nil)
			case "claw":
				rule := rapid.SampledFrom([]Shortfall{Deficit, Cap}).Draw(t, "rule")
				a.Settle(now)
				gift := a.Grant("gift").Free()
				done, err := a.Clawback("buy", "pur", n, rule, rapid.Bool().Draw(t, "others"), now)
				sum := done.Deficit + done.Forgone
				for _, p := range done.Allocations {
					sum += p.Amount
				}
				if err != nil || sum != n || a.Grant("gift").Free() != gift {
					t.Fatalf("taking %d took %+v (%v), the gift has %d of %d", n, done, err, a.Grant("gift").Free(), gift)
				}
				took, at = append(took, done), append(at, now)
			case "hold":
				_, _ = a.Reserve(Hold{ID: id, Amount: n, Created: now, Expires: now + 50}, now)
			case "release":
				for _, h := range a.Holds {
					_, _ = a.Release(h.ID, now)
				}
			case "buy":
				if _, err := a.Issue(Terms{ID: id, Amount: n, Category: Paid, Priority: DefaultPriority, Starts: now, Expires: now + 300}, now); err != nil {
					t.Fatal(err)
				}
			case "back":
				if len(took) == 0 {
					continue
				}
				last := len(took) - 1
				if err := a.Reinstate("pur", took[last], at[last], spares(string(id)), now); err != nil {
					t.Fatal(err)
				}
				took, at = took[:last], at[:last]
			}
			sound(t, a)
			for j := range a.Grants {
				if g := &a.Grants[j]; a.Overdrawn > 0 && a.settles(g) && g.Spendable(now) && g.Free() > 0 {
					t.Fatalf("%d are owed beside grant %s, which has %d: %s", a.Overdrawn, g.ID, g.Free(), story(a))
				}
			}
		}
	})
}
