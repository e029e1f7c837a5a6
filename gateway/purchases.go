package gateway

import (
	"context"
	"net/http"

	"scrip/core"
	"scrip/core/ledger"
)

type purchaseBody struct {
	Pack string `json:"pack" example:"starter"`
}

type purchaseView struct {
	ID        string     `json:"id"`
	Customer  string     `json:"customer"`
	Pack      string     `json:"pack"`
	State     string     `json:"state" enum:"pending,paid,failed,refunded,disputed"`
	Credits   decimal    `json:"credits" doc:"what a payment grants"`
	Unit      string     `json:"unit"`
	Price     *moneyView `json:"price"`
	PayURL    string     `json:"pay_url,omitempty" doc:"where the customer pays, once it is known"`
	Grant     string     `json:"grant,omitempty" doc:"the grant that the payment made"`
	CreatedAt *string    `json:"created_at" format:"date-time"`
}

func (g *gateway) viewPurchase(p *core.Purchase) purchaseView {
	account := ledger.AccountKey{Customer: p.Customer, Unit: p.Unit}
	return purchaseView{
		ID: string(p.ID), Customer: p.Customer, Pack: p.Pack, State: string(p.State), Credits: g.format(account, p.Credits), Unit: p.Unit,
		Price: viewMoney(p.Price), PayURL: p.PayURL, Grant: string(p.Grant), CreatedAt: timeView(p.Created),
	}
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
	bought, err := g.choose(p.ID, b.Pack)
	if err != nil && !g.answered(ctx, ledger.OpPurchase, key) {
		return nil, err
	}
	bought, before, err := g.Ledger.Buy(ctx, key, bought)
	return keyed(g.viewPurchase(&bought), before, err)
}

// choose is a purchase of a pack on the terms of now.
func (g *gateway) choose(customer, name string) (core.Purchase, error) {
	p := core.Purchase{Customer: customer, Pack: name}
	pack, found := g.Config.Packs[name]
	if !found {
		return p, core.InField(core.Errorf(core.CodeInvalid, "pack %q is not sold", short(name)), "pack")
	}
	p.Connection = g.Config.Route.Payments
	if p.Connection == "" {
		p.Connection = g.Config.Route.Primary
	}
	if p.Connection == "" {
		return p, core.Errorf(core.CodeNotSupported, "no connection collects payments, name one under route in the config")
	}
	p.Unit, p.Credits, p.Price, p.Months, p.Days = pack.Unit, pack.Credits, pack.Price, pack.Months, pack.Days
	return p, nil
}
