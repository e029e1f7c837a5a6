package gateway

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"scrip/core"
	"scrip/core/ledger"
)

type healthView struct {
	Status string `json:"status" example:"ok"`
}

type readyView struct {
	Status        string `json:"status" example:"ok"`
	Storage       string `json:"storage" example:"ok"`
	ConfigPending bool   `json:"config_pending" doc:"a changed config waits to be applied"`
}

func (g *gateway) mountOperations() {
	register(g, public, route{method: http.MethodGet, path: "/healthz", id: "get-health", summary: "Whether the process answers", tag: "operations"},
		func(context.Context, *none, *none) (*answer[healthView], error) { return ok(healthView{"ok"}) })
	register(g, public, route{method: http.MethodGet, path: "/readyz", id: "get-readiness", summary: "Whether requests can be served", tag: "operations"}, g.ready)
	g.router.raw(public, "GET /metrics", promhttp.HandlerFor(g.Metrics, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	g.router.raw(public, "POST /v1/webhooks/{connection}", g.webhooks())
}

func (g *gateway) ready(ctx context.Context, _ *none, _ *none) (*answer[readyView], error) {
	if g.Ledger == nil {
		return nil, core.Errorf(core.CodeUnavailable, "there is no ledger yet")
	}
	if _, err := g.Ledger.Reader().Records.Record(ctx, ledger.RecordKey{Kind: "readiness", ID: "probe"}); err != nil {
		return nil, readFault(err)
	}
	return ok(readyView{Status: "ok", Storage: "ok", ConfigPending: g.ConfigPending != nil && g.ConfigPending(ctx)})
}

// webhooks is the receiver of vendors' deliveries. It authenticates them by
// the vendor's own scheme over the raw body, so nothing here touches it.
func (g *gateway) webhooks() http.Handler {
	if g.Webhooks != nil {
		return g.Webhooks
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.refuse(w, r, errNoRoute()) })
}
