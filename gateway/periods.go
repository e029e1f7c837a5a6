package gateway

import (
	"context"
	"net/http"
	"strconv"

	"scrip/core"
	"scrip/core/asof"
)

type periodBody struct {
	Until string `json:"until" format:"date-time" doc:"everything that happened before is closed; now at most"`
}

type closedView struct {
	Until    *string `json:"until" format:"date-time" doc:"first instant that is open"`
	ClosedAt *string `json:"closed_at" format:"date-time"`
}

type periodParams struct {
	Limit  string `query:"limit" doc:"1 to 1000, 100 when left out"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
}

func viewClosed(p *asof.Period) closedView { return closedView{timeView(p.Until), timeView(p.Closed)} }

func (g *gateway) mountPeriods() {
	register(g, admin, route{method: http.MethodPost, path: "/v1/periods", id: "close-period", summary: "Close what happened before an instant: no late fact is taken into it any more", tag: "ledger"}, g.closePeriod)
	register(g, read, route{method: http.MethodGet, path: "/v1/periods", id: "list-periods", summary: "List closed periods, the oldest first", tag: "ledger"}, g.periods)
}

// closePeriod needs no key: closing again what is closed changes nothing.
func (g *gateway) closePeriod(ctx context.Context, _ *none, b *periodBody) (*answer[closedView], error) {
	until, err := timeField(b.Until, "until")
	if err == nil && until == 0 {
		err = core.InField(core.Errorf(core.CodeInvalid, "name the instant until which everything is closed"), "until")
	}
	if err != nil {
		return nil, err
	}
	p, _, err := g.Ledger.ClosePeriod(ctx, until)
	if err != nil {
		return nil, readFault(err)
	}
	return ok(viewClosed(&p))
}

func (g *gateway) periods(ctx context.Context, p *periodParams, _ *none) (*answer[list[closedView]], error) {
	limit, err := limitOf(p.Limit)
	if err != nil {
		return nil, err
	}
	after, err := numberAt(p.Cursor, "periods")
	if err != nil {
		return nil, err
	}
	items, err := g.Ledger.Periods(ctx, core.Time(after), limit+1)
	if err != nil {
		return nil, readFault(err)
	}
	return ok(pageOf(items, limit, viewClosed, func(p *asof.Period) *string {
		return cursorOf("periods", strconv.FormatInt(int64(p.Until), 10))
	}))
}
