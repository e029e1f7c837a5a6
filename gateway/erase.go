package gateway

import (
	"context"

	"scrip/core/ledger"
)

type erasureView struct {
	ID       string       `json:"id"`
	ErasedAt *string      `json:"erased_at" format:"date-time" doc:"when it was first asked for"`
	Complete bool         `json:"complete" doc:"false while orders or deliveries about the customer are being worked on: the gateway finishes by itself"`
	Waiting  int          `json:"waiting" doc:"how many of them there are"`
	Vendors  []heldByView `json:"vendors" doc:"what vendors hold the customer as"`
}

type heldByView struct {
	Connection string `json:"connection"`
	Object     string `json:"object" doc:"the vendor's id"`
	Told       bool   `json:"told" doc:"name, address and metadata are overwritten there by placeholders; false: the connection is not on the route, see to it at the vendor. What the vendor keeps beside, such as invoices, stays"`
}

// erase takes what is personal of a customer.
func (g *gateway) erase(ctx context.Context, p *idParam, _ *none) (*answer[erasureView], error) {
	if err := checkCustomer(p.ID, "id"); err != nil {
		return nil, err
	}
	e, err := g.Ledger.Erase(ctx, p.ID)
	if err != nil {
		return nil, readFault(err)
	}
	g.Log.Info("a customer was erased", "customer", e.Customer, "complete", e.Waiting == 0)
	return ok(g.viewErasure(&e))
}

func (g *gateway) viewErasure(e *ledger.Erasure) erasureView {
	route := g.Config.Route
	told := map[string]bool{route.Primary: true, route.Collector(): true}
	for _, name := range route.Shadow {
		told[name] = true
	}
	view := erasureView{ID: e.Customer, ErasedAt: timeView(e.At), Complete: e.Waiting == 0, Waiting: e.Waiting, Vendors: []heldByView{}}
	for _, held := range e.Vendors {
		view.Vendors = append(view.Vendors, heldByView{Connection: held.Connection, Object: held.Vendor, Told: told[held.Connection]})
	}
	return view
}
