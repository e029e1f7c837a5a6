// Package gateway is the HTTP API: it decodes strictly, asks the ledger, and
// answers with JSON or an RFC 9457 problem document.
//
// Every route is registered with the scope it needs; without one it cannot be
// mounted. The OpenAPI document is generated from the same Go types that the
// routes decode and answer with. The gateway makes no vendor call.
package gateway

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/internal/clock"
	"scrip/mapping/config"
)

// TestClock moves business time forward and lets everything due happen.
type TestClock interface {
	// Advance returns when business time is to and all work it caused is done.
	Advance(ctx context.Context, to core.Time) error
}

// Options are what the API stands on. Ledger, Config and Clock are required
// to serve; the others may be left out.
type Options struct {
	Ledger        *ledger.Ledger
	Config        *config.Config
	Clock         *clock.Clock
	Webhooks      http.Handler                           // gets POST /v1/webhooks/{connection} with the body untouched
	Connections   func(context.Context) []ConnectionInfo // nil: what the config says
	TestClock     TestClock                              // nil: POST /v1/test-clock is not supported
	AdminKey      config.Secret                          // an admin key that is not stored; empty: none
	Log           *slog.Logger                           // nil: nothing is logged
	Metrics       *prometheus.Registry                   // nil: an own one
	Version       string                                 // of the build, for metrics
	Kick          func()                                 // called after each write, to wake workers
	ConfigPending func(context.Context) bool             // whether a changed config waits to be applied
	Migrations    func(context.Context) ([]Migration, error)
}

// gateway is what the handlers share.
type gateway struct {
	Options
	units  []core.Unit // that are configured
	router *router
	api    huma.API
	keys   *keyring
	limit  *limit
	meter  *meters
}

// New returns the whole API as one handler.
func New(o Options) http.Handler {
	return build(o)
}

func build(o Options) *gateway {
	if o.Config == nil {
		o.Config = &config.Config{}
	}
	if o.Clock == nil {
		o.Clock = clock.Wall()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	g := &gateway{Options: o}
	for _, u := range o.Config.Units {
		g.units = append(g.units, u.Unit)
	}
	g.keys = newKeyring(o.Ledger, o.AdminKey.Reveal())
	g.limit = newLimit()
	g.meter = newMeters(g)
	g.router = newRouter(g)
	g.api = newAPI(g.router)
	g.mount()
	return g
}

// mount registers every route.
func (g *gateway) mount() {
	g.mountCustomers()
	g.mountBalances()
	g.mountGrants()
	g.mountQuotes()
	g.mountDebits()
	g.mountHolds()
	g.mountPurchases()
	g.mountRefunds()
	g.mountPeriods()
	g.mountSubscriptions()
	g.mountSettings()
	g.mountEntries()
	g.mountActions()
	g.mountConnections()
	g.mountQueues()
	g.mountMigrations()
	g.mountReports()
	g.mountKeys()
	g.mountTestClock()
	g.mountOperations()
	g.mountLater()
	g.mountOpenAPI()
}

// now is business time as the ledger sees it.
func (g *gateway) now() core.Time { return g.Clock.Now() }
