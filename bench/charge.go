package bench

import (
	"context"
	"fmt"
	"time"

	"scrip/core"
	"scrip/core/plan"
	"scrip/core/rate"
)

// charger prices an event and takes it from an account with a plan.
type charger struct {
	*burner
	action rate.Action
	event  rate.Event
	state  *plan.State
}

// Charge measures all that the core does for one debit by action: a rate card
// with dimensions and a multiplier, a plan with overage, and some open
// grants. The limit is the burn-down's bare loop.
func Charge(ctx context.Context, grants int, p Pace) (Result, error) {
	b, err := newBurner(grants)
	if err != nil {
		return Result{}, err
	}
	one := core.Rate{Num: 1, Den: 1}
	c := &charger{burner: b, action: rate.Action{
		Name: "text", Per: 1000, Round: rate.StepUp, Rates: []rate.Rate{
			{When: map[string]string{"model": "large"}, Cost: core.Rate{Num: 1, Den: 50}}, {Cost: core.Rate{Num: 1, Den: 100}},
		},
		Multiply: []rate.Factor{{Dimension: "region", Values: map[string]core.Rate{"eu": one, "us": one}}},
	}, event: rate.Event{Quantity: 900 * rate.One, Dimensions: map[string]string{"model": "small", "region": "eu"}}}
	if c.state, err = (&plan.Book{}).Read(""); err != nil {
		return Result{}, err
	}
	terms := plan.Terms{
		Plan: "pro", Prices: []core.Money{{Minor: 4900, Currency: "usd"}}, Every: plan.Span{N: 1, Of: plan.Month}, AtZero: core.Overage,
		Overage: &plan.Overage{Prices: []core.Price{{Rate: core.Rate{Num: 8, Den: 100}, Currency: "usd"}}, Per: 1, Limit: 1000_00},
	}
	if _, err := c.state.Put(&b.full, plan.Wish{Terms: terms}, burnAt); err != nil {
		return Result{}, err
	}
	b.refill()
	return Compare(ctx, fmt.Sprintf("charge/%d", grants), p, c.subject, b.limit)
}

// step prices and debits one event, which comes to one part.
func (c *charger) step() error {
	if len(c.account.Entries) >= perGrant*len(c.grants) {
		c.refill()
	}
	amount, err := c.action.Cost(c.event, credits)
	if err != nil {
		return err
	}
	done, _, err := c.state.Draw(&c.account, core.Draw{ID: burnDebit, Amount: amount, Action: c.action.Name, Not: c.action.NotFrom}, burnAt)
	if err != nil {
		return err
	}
	if c.account.Balance(burnAt).Available < 0 || len(done.Allocations) != 1 || amount != 1 {
		return fmt.Errorf("the charge is wrong: %d as %+v", amount, done)
	}
	return nil
}

func (c *charger) subject(_ context.Context, t time.Duration) (s Slice, err error) {
	for until := time.Now().Add(t); time.Now().Before(until); {
		for range 100 {
			if err := c.step(); err != nil {
				return s, err
			}
			s.Ops++
		}
	}
	return s, nil
}
