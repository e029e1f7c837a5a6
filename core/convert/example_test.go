package convert_test

import (
	"fmt"

	"scrip/core"
	"scrip/core/convert"
)

// Credits become money at their list price of 0.08 usd.
func ExampleChange_Plan() {
	credits, usd := core.Unit{Code: "credits", Scale: 1}, core.Unit{Code: "usd", Scale: 2}
	price, _ := core.ParsePrice("0.08 usd")
	change, err := convert.New(convert.Terms{From: credits, To: usd, Mode: convert.List, List: price})
	if err != nil {
		fmt.Println(err)
		return
	}
	account := &core.Account{Customer: "ada", Unit: credits, Order: core.DefaultOrder()}
	for i, amount := range []core.Amount{1370, 2501} {
		_, err := account.Issue(core.Terms{
			ID: core.ID(fmt.Sprintf("grant %d", i+1)), Amount: amount, Category: core.Paid, Starts: 1, Expires: core.Never,
		}, 1)
		if err != nil {
			fmt.Println(err)
		}
	}
	plan, err := change.Plan(account, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range plan.Lots {
		fmt.Printf("%s: %s credits become %s usd\n", l.Grant, l.Total.From.Format(1), l.Total.To.Format(2))
	}
	fmt.Printf("%s usd in all, %s cents rounded off\n", plan.Total.To.Format(2), plan.Residual.RatString())
	// Output:
	// grant 1: 137.0 credits become 10.96 usd
	// grant 2: 250.1 credits become 20.01 usd
	// 30.97 usd in all, -1/5 cents rounded off
}
