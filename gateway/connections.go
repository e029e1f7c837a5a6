package gateway

import (
	"context"
	"net/http"

	"scrip/core"
	"scrip/core/ledger"
)

// ConnectionInfo is a vendor account as GET /v1/connections shows it.
type ConnectionInfo struct {
	Name         string   `json:"name"`
	Provider     string   `json:"provider"`
	Strategy     string   `json:"strategy"`
	Roles        []string `json:"roles" doc:"primary, payments or shadow"`
	Capabilities []string `json:"capabilities"`
	Health       string   `json:"health" doc:"ok, degraded, broken or unknown"`
	Reason       string   `json:"reason,omitempty" doc:"why the health is not ok"`
	Lag          int64    `json:"lag_seconds" doc:"age of the oldest item that waits for or from the vendor"`
}

type queueView struct {
	Queue   string  `json:"queue" enum:"inbox,outbox"`
	Waiting int     `json:"waiting" doc:"due or retrying"`
	Open    int     `json:"open" doc:"not due yet"`
	Parked  int     `json:"parked" doc:"waiting for a person"`
	Oldest  *string `json:"oldest" format:"date-time" doc:"when the oldest waiting item was made"`
}

type connectionView struct {
	ConnectionInfo
	Queues []queueView `json:"queues"`
}

type connectionsView struct {
	Data []connectionView `json:"data"`
}

func (g *gateway) mountConnections() {
	register(g, read, route{method: http.MethodGet, path: "/v1/connections", id: "list-connections", summary: "The vendor accounts, their health and queues", tag: "vendors"}, g.connections)
}

func (g *gateway) connections(ctx context.Context, _ *none, _ *none) (*answer[connectionsView], error) {
	now := g.now()
	stats, err := g.Ledger.Reader().Queues.Stats(ctx, now)
	if err != nil {
		return nil, readFault(err)
	}
	infos := g.configured()
	if g.Connections != nil {
		infos = g.Connections(ctx)
	}
	view := connectionsView{Data: []connectionView{}}
	for _, info := range infos {
		v := connectionView{ConnectionInfo: info, Queues: []queueView{}}
		for _, s := range stats {
			if s.Connection == info.Name {
				v.Queues = append(v.Queues, queueView{string(s.Queue), s.Waiting, s.Open, s.Parked, timeView(s.Oldest)})
				v.Lag = max(v.Lag, lagOf(s, now))
			}
		}
		view.Data = append(view.Data, v)
	}
	return ok(view)
}

// lagOf is the age of a queue's oldest waiting item in seconds.
func lagOf(s ledger.QueueStats, now core.Time) int64 {
	if s.Oldest == 0 {
		return 0
	}
	return max(0, int64(now-s.Oldest)/1_000_000)
}

// configured is what the config alone says of the connections.
func (g *gateway) configured() []ConnectionInfo {
	infos := make([]ConnectionInfo, 0, len(g.Config.Connections))
	for _, c := range g.Config.Connections {
		infos = append(infos, ConnectionInfo{
			Name: c.Name, Provider: c.Provider, Strategy: string(c.Strategy), Roles: g.roles(c.Name), Health: "unknown",
		})
	}
	return infos
}

func (g *gateway) roles(name string) []string {
	route, roles := g.Config.Route, []string{}
	if route.Primary == name {
		roles = append(roles, "primary")
	}
	if route.Payments == name || route.Payments == "" && route.Primary == name {
		roles = append(roles, "payments")
	}
	for _, shadow := range route.Shadow {
		if shadow == name {
			roles = append(roles, "shadow")
		}
	}
	return roles
}
