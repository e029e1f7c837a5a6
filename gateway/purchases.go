package gateway

import (
	"context"
	"net/http"
	"strings"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/sale"
)

type purchaseBody struct {
	Pack     string  `json:"pack" example:"starter"`
	Quantity int64   `json:"quantity,omitzero" minimum:"1" doc:"how many packs, one when left out"`
	Amount   decimal `json:"amount,omitempty" doc:"how much, where the pack is sold by the amount"`
}

type purchaseView struct {
	ID        string       `json:"id"`
	Customer  string       `json:"customer"`
	Pack      string       `json:"pack"`
	State     string       `json:"state" enum:"pending,paid,failed,refunded,disputed"`
	Credits   decimal      `json:"credits" doc:"what a payment grants"`
	Overage   decimal      `json:"overage,omitempty" doc:"what was used already and is paid for; it brings no credits"`
	Unit      string       `json:"unit"`
	Plan      string       `json:"plan,omitempty" doc:"whose period it pays for"`
	Period    *periodView  `json:"period,omitempty" doc:"the period of the plan"`
	Price     *moneyView   `json:"price"`
	PayURL    string       `json:"pay_url,omitempty" doc:"where the customer pays, once it is known"`
	Grant     string       `json:"grant,omitempty" doc:"the grant that the payment made"`
	Quantity  int64        `json:"quantity,omitzero" doc:"packs, when they are several"`
	Auto      bool         `json:"auto,omitzero" doc:"whether the account asked for it by itself"`
	Final     bool         `json:"non_refundable,omitzero" doc:"whether the money is kept in any case"`
	Returns   *returnsView `json:"returns,omitempty" doc:"money that went back or is contested, and the credits that went with it"`
	CreatedAt *string      `json:"created_at" format:"date-time"`
}

func (g *gateway) viewPurchase(p *sale.Purchase) purchaseView {
	account := ledger.AccountKey{Customer: p.Customer, Unit: p.Unit}
	view := purchaseView{
		ID: string(p.ID), Customer: p.Customer, Pack: p.Pack, State: string(p.State), Credits: g.format(account, p.Credits), Overage: g.part(account, p.Overage), Unit: p.Unit,
		Price: viewMoney(p.Price), PayURL: p.PayURL, Grant: string(p.Grant), Quantity: p.Quantity, Auto: p.Auto, Final: p.Final, Returns: g.viewReturns(p), CreatedAt: timeView(p.Created),
	}
	if d := p.Period; d != nil {
		view.Plan, view.Period = d.Plan, &periodView{timeView(d.Start), timeView(d.End)}
	}
	return view
}

func (g *gateway) mountPurchases() {
	register(g, write, route{method: http.MethodPost, path: "/v1/customers/{id}/purchases", id: "create-purchase", summary: "Buy a pack; its credits come with the payment", tag: "purchases", status: http.StatusCreated, keyed: true}, g.buy)
	register(g, read, route{method: http.MethodGet, path: "/v1/purchases/{id}", id: "get-purchase", summary: "Read a purchase", tag: "purchases"},
		func(ctx context.Context, p *idParam, _ *none) (*answer[purchaseView], error) {
			id, err := checkID(p.ID, core.PurchaseID, "purchase")
			if err != nil {
				return nil, err
			}
			bought, err := g.Ledger.Purchase(ctx, id)
			if err != nil {
				return nil, readFault(err)
			}
			return ok(g.viewPurchase(&bought))
		})
}

func (g *gateway) buy(ctx context.Context, p *idParam, b *purchaseBody) (*answer[purchaseView], error) {
	if err := checkCustomer(p.ID, "id"); err != nil {
		return nil, err
	}
	key := idempotencyKey(ctx)
	bought, err := g.choose(ctx, p.ID, b)
	if err != nil && !g.answered(ctx, ledger.OpPurchase, key) {
		return nil, err
	}
	bought, before, err := g.Ledger.Buy(ctx, key, bought)
	return keyed(g.viewPurchase(&bought), before, err)
}

// choose is a purchase of a pack on the terms of now.
func (g *gateway) choose(ctx context.Context, customer string, b *purchaseBody) (sale.Purchase, error) {
	p := sale.Purchase{Customer: customer, Pack: b.Pack, Quantity: b.Quantity}
	wish := sale.Wish{Quantity: b.Quantity}
	if b.Amount != "" {
		n, err := core.ParseAmount(short(string(b.Amount)), core.MaxScale)
		if err != nil {
			return p, core.InField(err, "amount")
		}
		p.Asked = strings.TrimSuffix(strings.TrimRight(n.Format(core.MaxScale), "0"), ".")
	}
	pack, found := g.Config.Packs[b.Pack]
	if !found {
		return p, core.InField(core.Errorf(core.CodeInvalid, "pack %q is not sold", short(b.Pack)), "pack")
	}
	connection := g.Config.Route.Collector()
	if connection == "" {
		return p, core.Errorf(core.CodeNotSupported, "no connection collects payments, name one under route in the config")
	}
	u, _ := g.anyUnit(pack.Unit)
	if b.Amount != "" {
		n, err := core.ParseAmount(string(b.Amount), u.Scale)
		if err != nil {
			return p, core.InField(err, "amount")
		}
		if wish.Amount = n; n == 0 {
			return p, core.InField(core.Errorf(core.CodeInvalid, "an amount of none cannot be bought"), "amount")
		}
	}
	if c, err := g.Ledger.Customer(ctx, customer); err == nil { // else the ledger says what is wrong
		wish.Currency = c.Currency
	}
	sold, err := pack.Sell(wish, u.Scale)
	if err != nil {
		return p, err
	}
	sold.Customer, sold.Connection, sold.Asked = customer, connection, p.Asked
	return sold, nil
}
