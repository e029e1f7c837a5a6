package gateway

import (
	"context"
	"strings"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/rate"
	"scrip/mapping/config"
)

// chargeBody is what debits and holds are for: an action, or an amount. It is
// spelled out in each body that has it.
type chargeBody struct {
	Customer   string
	Action     string
	Quantity   *quantity
	Dimensions map[string]string
	Amount     *decimal
	Unit       string
	Outcome    string // how the action ended
}

type allocationView struct {
	Grant  string  `json:"grant"`
	Amount decimal `json:"amount"`
}

func (g *gateway) viewAllocations(key ledger.AccountKey, parts []core.Allocation) []allocationView {
	views := make([]allocationView, len(parts))
	for i, p := range parts {
		views[i] = allocationView{string(p.Grant), g.format(key, p.Amount)}
	}
	return views
}

// charge turns a body into the ledger's charge. What an action costs is settled
// where it is decided, so that a key that has its answer already keeps it, even
// when the price list no longer knows the action; op and key say which.
func (g *gateway) charge(ctx context.Context, op, key string, b chargeBody) (ledger.Charge, error) {
	c := ledger.Charge{Account: ledger.AccountKey{Customer: b.Customer}}
	if err := checkCustomer(b.Customer, "customer"); err != nil {
		return c, err
	}
	switch {
	case b.Action != "" && b.Amount != nil:
		return c, core.InField(core.Errorf(core.CodeInvalid, "an action or an amount is charged, not both"), "amount")
	case b.Action != "":
		err := g.ask(&c, b)
		if err != nil && g.answered(ctx, op, key) {
			err = nil
		}
		return c, err
	case b.Amount == nil:
		return c, core.InField(core.Errorf(core.CodeInvalid, "an action or an amount is required"), "amount")
	case b.Quantity != nil || len(b.Dimensions) > 0 || b.Outcome != "":
		return c, core.InField(core.Errorf(core.CodeInvalid, "a quantity, dimensions and an outcome belong to an action"), "action")
	}
	u, n, err := g.amount(ctx, op, key, *b.Amount, b.Unit)
	c.Account.Unit, c.Amount = u.Code, n
	return c, err
}

// ask fills in what of an action is to be priced.
func (g *gateway) ask(c *ledger.Charge, b chargeBody) error {
	u, err := g.cardUnit(b.Unit)
	if err != nil {
		return err
	}
	c.Account.Unit, c.Action, c.Dimensions = u.Code, b.Action, b.Dimensions
	exact, text, err := parseQuantity(b.Quantity)
	if err != nil {
		return err
	}
	c.Quantity = text
	c.Ask = &rate.Ask{Cards: g.Config.Cards, Units: g.units, Event: rate.Event{Quantity: exact, Dimensions: b.Dimensions, Outcome: b.Outcome}}
	for _, err := range []error{checkText(b.Action, 200, "action"), checkPairs(b.Dimensions, "dimensions"), checkText(b.Outcome, 64, "outcome")} {
		if err != nil {
			return err
		}
	}
	return nil
}

// cardUnit is the unit that the rate card prices in: the first configured.
func (g *gateway) cardUnit(code string) (config.Unit, error) {
	if len(g.Config.Units) == 0 {
		return g.unit(code)
	}
	first := g.Config.Units[0]
	if code == "" || code == first.Code {
		return first, nil
	}
	if _, err := g.unit(code); err != nil {
		return config.Unit{}, err
	}
	return config.Unit{}, core.InField(core.Errorf(core.CodeUnitMismatch, "actions are priced in %q", first.Code), "unit")
}

// parseQuantity reads a quantity, 1 when left out, with its one canonical
// text: 2.50 and 2.5 are the same request.
func parseQuantity(q *quantity) (rate.Quantity, string, error) {
	text := "1"
	if q != nil {
		text = string(*q)
	}
	exact, err := rate.ParseQuantity(text)
	if err != nil {
		return 0, "", err
	}
	canonical := core.Amount(exact).Format(rate.QuantityScale)
	return exact, strings.TrimSuffix(strings.TrimRight(canonical, "0"), "."), nil
}

// answered reports whether a key has its answer already.
func (g *gateway) answered(ctx context.Context, op, key string) bool {
	old, err := g.Ledger.Reader().Entries.Request(ctx, ledger.RequestHash(op, key))
	return err == nil && old != nil
}
