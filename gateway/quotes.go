package gateway

import (
	"context"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/rate"
	"scrip/mapping/config"
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
	Available   decimal          `json:"available,omitempty" doc:"what this customer's grants could pay of this action"`
	Times       string           `json:"times,omitempty" doc:"how often this could be paid one after the other, from grants alone; left out when it is free, or without a customer"`
	Allocations []allocationView `json:"allocations" doc:"the grants that would pay, in burn order; empty when they cannot"`
	Overage     *overageView     `json:"overage,omitempty" doc:"what money would pay"`
	Deficit     decimal          `json:"deficit,omitempty" doc:"what would be owed"`
	Forgone     decimal          `json:"forgone,omitempty" doc:"what would be left out"`
	PaidValue   *moneyView       `json:"paid_value,omitempty" doc:"what was paid for the credits that would be taken; left out when nothing was, or in several currencies"`
	PaidValues  []moneyView      `json:"paid_values,omitempty" doc:"paid_value by currency, where there are several"`
	Parts       []quotePartView  `json:"parts,omitempty" doc:"of an action that costs several units at once: each of them, the first included"`
}

// quotePartView is what an action would take in one of several units.
type quotePartView struct {
	Amount      decimal          `json:"amount"`
	Unit        string           `json:"unit"`
	Value       *moneyView       `json:"value" doc:"at the unit's list price"`
	Available   decimal          `json:"available,omitempty"`
	Allocations []allocationView `json:"allocations"`
	Overage     *overageView     `json:"overage,omitempty"`
	Deficit     decimal          `json:"deficit,omitempty"`
}

func (g *gateway) mountQuotes() {
	register(g, read, route{method: http.MethodPost, path: "/v1/quotes", id: "create-quote", summary: "Say what an action would cost; nothing changes", tag: "debits"}, g.quote)
}

func (g *gateway) quote(ctx context.Context, _ *none, b *quoteBody) (*answer[quoteView], error) {
	if b.Action == "" {
		return nil, core.InField(core.Errorf(core.CodeInvalid, "an action is required"), "action")
	}
	c := ledger.Charge{Account: ledger.AccountKey{Customer: b.Customer}}
	if err := g.ask(&c, chargeBody{Action: b.Action, Quantity: b.Quantity, Dimensions: b.Dimensions}); err != nil {
		return nil, err
	}
	if b.Customer == "" {
		return g.listed(&c)
	}
	if err := checkCustomer(b.Customer, "customer"); err != nil {
		return nil, err
	}
	q, err := g.Ledger.Quote(ctx, c)
	if err != nil {
		return nil, readFault(err)
	}
	return g.viewQuote(&c, q)
}

// listed is a quote for nobody: at the prices in force, with nothing used.
func (g *gateway) listed(c *ledger.Charge) (*answer[quoteView], error) {
	card, err := c.Ask.Cards.At(g.now(), "")
	if err != nil {
		return nil, err
	}
	action, err := card.Find(c.Action)
	if err != nil {
		return nil, err
	}
	parts, err := action.Price(c.Ask.Event, c.Ask.Units, nil)
	if err != nil {
		return nil, err
	}
	view := quoteView{Action: c.Action, Quantity: c.Quantity, RateCard: card.Version, Allocations: []allocationView{}}
	for i, p := range parts {
		one := g.quotePart(ledger.AccountKey{Unit: p.Unit}, p.Amount)
		if i == 0 {
			view.Amount, view.Unit, view.Value = one.Amount, one.Unit, one.Value
		}
		if len(parts) > 1 {
			view.Parts = append(view.Parts, one)
		}
	}
	return ok(view)
}

func (g *gateway) quotePart(key ledger.AccountKey, amount core.Amount) quotePartView {
	u, _ := g.anyUnit(key.Unit)
	return quotePartView{Amount: g.format(key, amount), Unit: key.Unit, Value: exactValue(u, amount), Allocations: []allocationView{}}
}

// exactValue is listValue with every decimal: what a single action costs may be
// less than the smallest coin.
func exactValue(u config.Unit, a core.Amount) *moneyView {
	if len(u.Prices) == 0 {
		return nil
	}
	price := u.Prices[0]
	exact := new(big.Rat).SetFrac(big.NewInt(int64(a)), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(u.Scale)), nil))
	exact.Mul(exact, big.NewRat(price.Rate.Num, price.Rate.Den))
	digits, ends := exact.FloatPrec()
	if !ends {
		return listValue(u, a)
	}
	return &moneyView{decimal(exact.FloatString(max(digits, price.Currency.Exponent()))), string(price.Currency)}
}

func (g *gateway) viewQuote(c *ledger.Charge, q *rate.Quote) (*answer[quoteView], error) {
	affordable := q.Short == nil
	view := quoteView{Action: c.Action, Quantity: c.Quantity, RateCard: q.Card, Affordable: &affordable, Allocations: []allocationView{}}
	if q.Times != rate.Endless {
		view.Times = strconv.FormatInt(q.Times, 10)
	}
	var paid []moneyView
	for i := range q.Parts {
		p := &q.Parts[i]
		key := ledger.AccountKey{Customer: c.Account.Customer, Unit: p.Account.Unit.Code}
		one := g.quotePart(key, p.Amount)
		one.Available = g.format(key, p.Available)
		if affordable {
			one.Allocations, one.Overage, one.Deficit = g.viewAllocations(key, p.Allocations), g.overage(key, p.Overage, p.Charged), g.part(key, p.Deficit)
			var err error
			if paid, err = addPaid(paid, p); err != nil {
				return nil, err
			}
		}
		if i == 0 {
			view.Amount, view.Unit, view.Value, view.Available = one.Amount, one.Unit, one.Value, one.Available
			view.Allocations, view.Overage, view.Deficit = one.Allocations, one.Overage, one.Deficit
			view.Forgone = g.part(key, p.Forgone)
		}
		if len(q.Parts) > 1 {
			view.Parts = append(view.Parts, one)
		}
	}
	if len(paid) == 1 {
		view.PaidValue = &paid[0]
	} else {
		view.PaidValues = paid
	}
	return ok(view)
}

// addPaid adds what was paid for the credits that a part would take.
func addPaid(sums []moneyView, p *rate.QuotePart) ([]moneyView, error) {
	for _, part := range p.Allocations {
		grant := p.Account.Grant(part.Grant)
		if grant == nil || grant.Paid.IsZero() {
			continue
		}
		basis, err := grant.CostBasis(part.Amount)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(sums, func(v moneyView) bool { return v.Currency == string(basis.Currency) })
		if at < 0 {
			at, sums = len(sums), append(sums, moneyView{"0", string(basis.Currency)})
		}
		before, err := core.ParseAmount(string(sums[at].Amount), basis.Currency.Exponent())
		if err == nil {
			before, err = before.Add(basis.Minor)
		}
		if err != nil {
			return nil, err
		}
		sums[at].Amount = decimal(before.Format(basis.Currency.Exponent()))
	}
	slices.SortFunc(sums, func(x, y moneyView) int { return strings.Compare(x.Currency, y.Currency) })
	return sums, nil
}
