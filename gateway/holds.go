package gateway

import (
	"context"
	"net/http"
	"time"

	"scrip/core"
	"scrip/core/ledger"
)

type holdBody struct {
	Customer   string            `json:"customer"`
	Action     string            `json:"action,omitempty" doc:"priced by the rate card, at a price that stays; or name an amount"`
	Quantity   *quantity         `json:"quantity,omitempty"`
	Dimensions map[string]string `json:"dimensions,omitempty"`
	Amount     *decimal          `json:"amount,omitempty" doc:"or name an action"`
	Unit       string            `json:"unit,omitempty" doc:"of the amount; may be left out while one unit is configured"`
	ExpiresIn  string            `json:"expires_in,omitempty" example:"15m" doc:"the configured default when left out"`
	Protect    bool              `json:"protect_until_resolved,omitempty" doc:"what is reserved outlives its grant's expiry until the hold is resolved"`
}

// HoldView is a hold as the API answers it.
type HoldView struct {
	ID          string           `json:"id"`
	Customer    string           `json:"customer"`
	State       string           `json:"state" enum:"open,captured,released,expired"`
	Amount      decimal          `json:"amount"`
	Unit        string           `json:"unit"`
	Captured    decimal          `json:"captured"`
	Reserved    decimal          `json:"reserved" doc:"what is still kept back"`
	Allocations []allocationView `json:"allocations" doc:"what is still kept back, by grant"`
	Action      string           `json:"action,omitempty"`
	RateCard    string           `json:"rate_card,omitempty"`
	Protect     bool             `json:"protect_until_resolved"`
	ExpiresAt   *string          `json:"expires_at" format:"date-time"`
	ResolvedAt  *string          `json:"resolved_at" format:"date-time"`
	CreatedAt   *string          `json:"created_at" format:"date-time"`
}

type holdListParams struct {
	ID     string `path:"id"`
	Unit   string `query:"unit" doc:"may be left out while one unit is configured"`
	Limit  string `query:"limit" doc:"1 to 1000, 100 when left out"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
}

// viewHold shows a hold as it is at now: one whose time is over has expired,
// whether or not the ledger has written it down yet.
func (g *gateway) viewHold(key ledger.AccountKey, h *core.Hold, now core.Time) HoldView {
	state, parts, resolved := h.State, h.Parts, h.Resolved
	if state == core.HoldOpen && h.Expires <= now {
		state, parts, resolved = core.HoldExpired, nil, h.Expires
	}
	var reserved core.Amount
	for _, p := range parts {
		reserved += p.Amount
	}
	return HoldView{
		ID: string(h.ID), Customer: key.Customer, State: string(state), Amount: g.format(key, h.Amount), Unit: key.Unit,
		Captured: g.format(key, h.Captured), Reserved: g.format(key, reserved), Allocations: g.viewAllocations(key, parts),
		Action: h.Action, RateCard: h.Card, Protect: h.Protect,
		ExpiresAt: timeView(h.Expires), ResolvedAt: timeView(resolved), CreatedAt: timeView(h.Created),
	}
}

func (g *gateway) mountHolds() {
	register(g, write, route{method: http.MethodPost, path: "/v1/holds", id: "create-hold", summary: "Reserve credits, all or nothing", tag: "holds", keyed: true}, g.hold)
	register(g, read, route{method: http.MethodGet, path: "/v1/holds/{id}", id: "get-hold", summary: "Read a hold", tag: "holds"},
		func(ctx context.Context, p *idParam, _ *none) (*answer[HoldView], error) {
			account, h, err := g.findHold(ctx, p.ID)
			if err != nil {
				return nil, err
			}
			return ok(g.viewHold(account, h, g.now()))
		})
	register(g, read, route{method: http.MethodGet, path: "/v1/customers/{id}/holds", id: "list-holds", summary: "List a customer's holds, newest first", tag: "holds"}, g.listHolds)
	register(g, write, route{method: http.MethodPost, path: "/v1/holds/{id}/capture", id: "capture-hold", summary: "Take from a hold", tag: "holds", keyed: true, empty: true}, g.capture)
	register(g, write, route{method: http.MethodPost, path: "/v1/holds/{id}/release", id: "release-hold", summary: "Give back what a hold reserves", tag: "holds", keyed: true, empty: true},
		func(ctx context.Context, p *idParam, _ *emptyBody) (*answer[HoldView], error) {
			id, err := checkID(p.ID, core.HoldID, "hold")
			if err != nil {
				return nil, err
			}
			r, before, err := g.Ledger.Release(ctx, idempotencyKey(ctx), id)
			return keyed(g.viewHold(r.Account, &r.Hold, r.At), before, err)
		})
}

func (g *gateway) hold(ctx context.Context, _ *none, b *holdBody) (*answer[HoldView], error) {
	key := idempotencyKey(ctx)
	life, err := g.holdLife(b.ExpiresIn)
	if err != nil {
		return nil, err
	}
	c, err := g.charge(ctx, ledger.OpHold, key, chargeBody{b.Customer, b.Action, b.Quantity, b.Dimensions, b.Amount, b.Unit, ""})
	if err != nil {
		return nil, err
	}
	r, before, err := g.Ledger.Hold(ctx, key, c, ledger.HoldTerms{For: life, Protect: b.Protect})
	return keyed(g.viewHold(r.Account, &r.Hold, r.At), before, err)
}

// holdLife reads how long a hold lasts, within the configured bounds.
func (g *gateway) holdLife(text string) (time.Duration, error) {
	if text == "" {
		return g.Config.Holds.Default, nil
	}
	life, err := time.ParseDuration(text)
	if err != nil || life <= 0 {
		return 0, core.InField(core.Errorf(core.CodeInvalid, "this is not a length of time above zero, write one such as 15m"), "expires_in")
	}
	if life > g.Config.Holds.Max {
		return 0, core.InField(core.Errorf(core.CodeInvalid, "a hold lasts at most %s here", g.Config.Holds.Max), "expires_in")
	}
	return life, nil
}

// findHold reads the hold that a path names.
func (g *gateway) findHold(ctx context.Context, text string) (ledger.AccountKey, *core.Hold, error) {
	id, err := checkID(text, core.HoldID, "hold")
	if err != nil {
		return ledger.AccountKey{}, nil, err
	}
	account, h, err := g.Ledger.Reader().Accounts.Hold(ctx, id)
	if err == nil && h == nil {
		err = core.Errorf(core.CodeNotFound, "there is no such hold")
	}
	return account, h, readFault(err)
}

func (g *gateway) listHolds(ctx context.Context, p *holdListParams, _ *none) (*answer[list[HoldView]], error) {
	limit, err := limitOf(p.Limit)
	if err != nil {
		return nil, err
	}
	if err := g.known(ctx, p.ID); err != nil {
		return nil, err
	}
	u, err := g.unit(p.Unit)
	if err != nil {
		return nil, err
	}
	before, err := textAt(p.Cursor, "holds")
	if err != nil {
		return nil, err
	}
	key, now := ledger.AccountKey{Customer: p.ID, Unit: u.Code}, g.now()
	holds, err := g.Ledger.Reader().Accounts.Holds(ctx, key, core.ID(before), limit+1)
	if err != nil {
		return nil, readFault(err)
	}
	view := func(h *core.Hold) HoldView { return g.viewHold(key, h, now) }
	return ok(pageOf(holds, limit, view, func(h *core.Hold) *string { return cursorOf("holds", string(h.ID)) }))
}
