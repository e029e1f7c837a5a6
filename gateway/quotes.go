package gateway

import (
	"context"
	"net/http"

	"scrip/core"
	"scrip/core/ledger"
)

type quoteBody struct {
	Customer   string            `json:"customer,omitempty" doc:"for whom; without one it is not told whether it can be paid"`
	Action     string            `json:"action"`
	Quantity   *quantity         `json:"quantity,omitempty"`
	Dimensions map[string]string `json:"dimensions,omitempty"`
}

type quoteView struct {
	Action      string           `json:"action"`
	Quantity    string           `json:"quantity"`
	Amount      decimal          `json:"amount"`
	Unit        string           `json:"unit"`
	Value       *moneyView       `json:"value" doc:"at the unit's list price"`
	RateCard    string           `json:"rate_card"`
	Affordable  *bool            `json:"affordable" doc:"null without a customer"`
	Available   decimal          `json:"available,omitempty" doc:"what this customer could spend on this action"`
	Allocations []allocationView `json:"allocations" doc:"the grants that would pay, in burn order; empty when they cannot"`
}

func (g *gateway) mountQuotes() {
	register(g, read, route{method: http.MethodPost, path: "/v1/quotes", id: "create-quote", summary: "Say what an action would cost; nothing changes", tag: "debits"}, g.quote)
}

func (g *gateway) quote(ctx context.Context, _ *none, b *quoteBody) (*answer[quoteView], error) {
	if b.Action == "" {
		return nil, core.InField(core.Errorf(core.CodeInvalid, "an action is required"), "action")
	}
	var c ledger.Charge
	if _, err := g.price(&c, chargeBody{Action: b.Action, Quantity: b.Quantity, Dimensions: b.Dimensions}); err != nil {
		return nil, err
	}
	u, err := g.unit(c.Account.Unit)
	if err != nil {
		return nil, err
	}
	view := quoteView{
		Action: c.Action, Quantity: c.Quantity, Amount: g.format(c.Account, c.Amount), Unit: u.Code,
		Value: listValue(u, c.Amount), RateCard: c.Card, Allocations: []allocationView{},
	}
	if b.Customer == "" {
		return ok(view)
	}
	if err := checkCustomer(b.Customer, "customer"); err != nil {
		return nil, err
	}
	if _, err := g.Ledger.Customer(ctx, b.Customer); err != nil {
		return nil, readFault(err)
	}
	c.Account.Customer = b.Customer
	return g.afford(ctx, view, c)
}

// afford tries the debit on this request's own copy of the account.
func (g *gateway) afford(ctx context.Context, view quoteView, c ledger.Charge) (*answer[quoteView], error) {
	a, err := g.Ledger.Account(ctx, c.Account)
	if err != nil {
		return nil, readFault(err)
	}
	now := g.now()
	a.Settle(now)
	var spendable core.Amount
	for i := range a.Grants {
		if grant := &a.Grants[i]; grant.Spendable(now) && grant.Pays(c.Action) {
			spendable += grant.Free()
		}
	}
	view.Available = g.format(c.Account, spendable)
	taken, err := a.Debit("", c.Amount, c.Action, now, nil)
	affordable := err == nil
	if err != nil && core.CodeOf(err) != core.CodeInsufficientCredits {
		return nil, err
	}
	view.Affordable, view.Allocations = &affordable, g.viewAllocations(c.Account, taken)
	return ok(view)
}
