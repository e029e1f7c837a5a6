package gateway

import (
	"context"
	"net/http"
	"slices"

	"scrip/core"
	"scrip/core/sale"
)

type refundBody struct {
	Amount decimal `json:"amount,omitempty" doc:"of the price, in its currency; all that is left when left out"`
}

type refundView struct {
	ID        string     `json:"id"`
	Purchase  string     `json:"purchase"`
	Amount    *moneyView `json:"amount" doc:"what the vendor is asked to give back"`
	CreatedAt *string    `json:"created_at" format:"date-time"`
}

// refundOperation is the operation that keys of refunds are scoped by.
const refundOperation = "refund"

func (g *gateway) mountRefunds() {
	register(g, write, route{method: http.MethodPost, path: "/v1/purchases/{id}/refund", id: "refund-purchase", summary: "Ask the vendor to give money back; its credits go when the vendor says that it did", tag: "purchases", status: http.StatusAccepted, keyed: true, empty: true}, g.refund)
}

func (g *gateway) refund(ctx context.Context, p *idParam, b *refundBody) (*answer[refundView], error) {
	id, err := checkID(p.ID, core.PurchaseID, "purchase")
	if err != nil {
		return nil, err
	}
	bought, err := g.Ledger.Purchase(ctx, id)
	if err != nil {
		return nil, readFault(err)
	}
	var minor core.Amount
	if b.Amount != "" {
		if minor, err = core.ParseAmount(short(string(b.Amount)), bought.Price.Currency.Exponent()); err == nil && minor <= 0 {
			err = core.Errorf(core.CodeInvalid, "an amount of none cannot be given back")
		}
		if err != nil {
			return nil, core.InField(err, "amount")
		}
	}
	key := idempotencyKey(ctx)
	if !g.canRefund(ctx, bought.Connection) && !g.answered(ctx, refundOperation, key) {
		return nil, core.Errorf(core.CodeNotSupported, "connection %q cannot be asked to give money back: refund it at the vendor, the credits go when the vendor reports it", bought.Connection)
	}
	r, before, err := g.Ledger.Refund(ctx, key, id, minor)
	return keyed(viewRefund(&r), before, err)
}

func viewRefund(r *sale.Refund) refundView {
	return refundView{ID: string(r.ID), Purchase: string(r.Purchase), Amount: viewMoney(r.Amount), CreatedAt: timeView(r.At)}
}

// canRefund reports whether a connection's vendor gives money back by a call.
func (g *gateway) canRefund(ctx context.Context, connection string) bool {
	if g.Connections == nil {
		return false
	}
	return slices.ContainsFunc(g.Connections(ctx), func(c ConnectionInfo) bool {
		return c.Name == connection && slices.Contains(c.Capabilities, "refund packs")
	})
}
