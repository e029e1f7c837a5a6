package gateway

import (
	"context"
	"net/http"

	"scrip/core"
)

// Migration is a change that apply carries out, or has carried out.
type Migration struct {
	ID       string    // vendor or unit: there is one of each at a time
	From, To string    // connections, or codes of units
	Phase    string    // as scrip status names it
	Ended    bool      // nothing is left to do, and there is no way back
	Accounts int       // that the phase's work has passed
	Started  core.Time // business time
	Updated  core.Time
}

type migrationView struct {
	ID        string  `json:"id" enum:"vendor,unit"`
	From      string  `json:"from" doc:"a connection, or the code of a unit"`
	To        string  `json:"to"`
	Phase     string  `json:"phase" doc:"as scrip status names it"`
	Ended     bool    `json:"ended" doc:"nothing is left to do, and there is no way back"`
	Accounts  int     `json:"accounts" doc:"that the phase's work has passed"`
	StartedAt *string `json:"started_at" format:"date-time"`
	UpdatedAt *string `json:"updated_at" format:"date-time"`
}

type migrationsView struct {
	Data []migrationView `json:"data"`
}

func (g *gateway) mountMigrations() {
	register(g, read, route{method: http.MethodGet, path: "/v1/migrations", id: "list-migrations", summary: "What apply is doing, or has done last", tag: "vendors"},
		func(ctx context.Context, _ *none, _ *none) (*answer[migrationsView], error) {
			view := migrationsView{Data: []migrationView{}}
			if g.Migrations == nil {
				return ok(view)
			}
			list, err := g.Migrations(ctx)
			if err != nil {
				return nil, readFault(err)
			}
			for _, m := range list {
				view.Data = append(view.Data, migrationView{m.ID, m.From, m.To, m.Phase, m.Ended, m.Accounts, timeView(m.Started), timeView(m.Updated)})
			}
			return ok(view)
		})
}
