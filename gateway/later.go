package gateway

import (
	"net/http"

	"scrip/core"
)

// later are the calls whose names are reserved and which this version does
// not carry out. They ask for their scope and then say so.
func later() []struct {
	need    access
	pattern string
} {
	return []struct {
		need    access
		pattern string
	}{
		{write, "POST /v1/customers/{id}/portal-links"},
		{write, "POST /v1/reconciliations"},
		{read, "GET /v1/reconciliations/{id}"},
		{read, "GET /v1/reconciliations/{id}/findings"},
		{admin, "POST /v1/webhook-endpoints"},
		{admin, "GET /v1/webhook-endpoints"},
		{admin, "GET /v1/webhook-endpoints/{id}"},
		{admin, "DELETE /v1/webhook-endpoints/{id}"},
		{admin, "POST /v1/webhook-endpoints/{id}/rotate"},
		{admin, "POST /v1/webhook-endpoints/{id}/test"},
		{admin, "GET /v1/webhook-endpoints/{id}/deliveries"},
		{admin, "POST /v1/webhook-endpoints/{id}/resend"},
		{admin, "POST /v1/migrations/{id}/pause"},
		{admin, "POST /v1/migrations/{id}/resume"},
		{admin, "POST /v1/migrations/{id}/rollback"},
	}
}

func (g *gateway) mountLater() {
	for _, l := range later() {
		g.router.raw(l.need, l.pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			g.refuse(w, r, core.Errorf(core.CodeNotSupported, "this version does not carry out this call"))
		}))
	}
}
