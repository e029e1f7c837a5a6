package sale

import (
	"testing"

	"scrip/core"
)

func TestPurchaseProof(t *testing.T) {
	p := Purchase{ID: "pur", Price: core.Money{Minor: 8000, Currency: "usd"}, Credits: 100, Months: 1, Days: 2}
	good := Payment{Purchase: "pur", Object: "in_1", Paid: core.Money{Minor: 8000, Currency: "usd"}, Settled: true}
	if err := p.Prove(good); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Payment){
		"not settled":    func(p *Payment) { p.Settled = false },
		"other currency": func(p *Payment) { p.Paid.Currency = "eur" },
		"too little":     func(p *Payment) { p.Paid.Minor = 7999 },
		"too much":       func(p *Payment) { p.Paid.Minor = 8001 },
		"nothing":        func(p *Payment) { p.Paid = core.Money{} },
	} {
		pay := good
		if change(&pay); core.CodeOf(p.Prove(pay)) != core.CodeInvalid {
			t.Errorf("a payment that is %s proves the purchase", name)
		}
	}
	now, err := core.ParseTime("2026-01-31T08:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	terms := p.Terms("g", now)
	if got := terms.Expires.String(); got != "2026-03-02T08:00:00Z" {
		t.Errorf("one month and two days after 31 January is %s", got)
	}
	account := core.Account{Customer: "ann", Unit: core.Unit{Code: "credits"}, Order: core.DefaultOrder()}
	if _, err := account.Issue(terms, now); err != nil || terms.Amount != 100 || terms.Paid != p.Price || terms.Category != core.Paid || terms.Source != "pur" || terms.Starts != now {
		t.Errorf("the terms are %+v, %v", terms, err)
	}
	p.Months, p.Days = 0, 0
	if p.Terms("g", now).Expires != core.Never {
		t.Error("a pack without a life expires")
	}
}
