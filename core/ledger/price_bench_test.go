package ledger

import (
	"fmt"
	"testing"

	"scrip/core"
	"scrip/core/rate"
)

// BenchmarkPricedDebit is a debit of an action with tiers and factors, of an
// account with ten open grants and a count of use, from the price to the
// receipt: all that the core does for one, without the store.
func BenchmarkPricedDebit(b *testing.B) {
	credits := core.Unit{Code: "credits", Scale: 2}
	by := core.Rate{Num: 1, Den: 1}
	action := rate.Action{
		Name: "text", Per: 1000, Round: rate.StepUp, Multiply: []rate.Factor{{Dimension: "mode", Values: map[string]core.Rate{"batch": {Num: 1, Den: 2}}, Otherwise: &by}},
		Rates: []rate.Rate{
			{Cost: core.Rate{Num: 1, Den: 10}},
			{When: map[string]string{"model": "large"}, Tiers: &rate.Tiers{
				Mode: rate.Graduated, Per: rate.PerMonth, Counter: "text", Steps: []rate.Tier{{UpTo: 1000, Cost: core.Rate{Num: 3, Den: 100}}, {Cost: core.Rate{Num: 1, Den: 100}}},
			}},
		},
	}
	l := &Ledger{options: Options{Now: func() core.Time { return 1 }, Order: core.DefaultOrder()}, units: map[string]core.Unit{"credits": credits}}
	l.plans = newBook(&l.options)
	key := AccountKey{"ann", "credits"}
	now := core.Time(1_700_000_000_000_000)
	a := &core.Account{Customer: "ann", Unit: credits}
	l.prepare(a)
	for i := range 10 {
		t := core.Terms{ID: core.NewID(core.GrantID, "ann", OpGrant, fmt.Sprint(i), 0), Amount: core.MaxAmount / 16, Category: core.Paid, Priority: i, Starts: now, Expires: core.Never}
		if _, err := a.Issue(t, now); err != nil {
			b.Fatal(err)
		}
	}
	charge := Charge{Account: key, Action: "text", Quantity: "2500", Ask: &rate.Ask{
		Cards: rate.Cards{{Version: "1", Actions: map[string]rate.Action{"text": action}}}, Units: []core.Unit{credits},
		Event: rate.Event{Quantity: 2500 * rate.One, Dimensions: map[string]string{"model": "large", "mode": "batch"}},
	}}
	tx := newTx(l, &State{Accounts: map[AccountKey]*core.Account{key: a}}, now)
	b.ReportAllocs()
	for b.Loop() {
		a.Entries, tx.touched = a.Entries[:0], tx.touched[:0]
		if _, err := tx.debitAsked("key", charge, &Request{}); err != nil {
			b.Fatal(err)
		}
	}
}
