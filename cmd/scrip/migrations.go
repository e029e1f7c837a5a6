package main

import (
	"context"

	"scrip/gateway"
	"scrip/mapping/migrate"
)

// migrations tells the API what apply is doing, or has done last.
func (a *app) migrations(ctx context.Context) (list []gateway.Migration, err error) {
	m, err := migrate.CurrentMove(ctx, a.store.Reader())
	if err != nil {
		return nil, err
	}
	if m != nil {
		list = append(list, gateway.Migration{
			ID: "vendor", From: m.Source, To: m.Target, Phase: string(m.Phase), Ended: m.Phase.Ended(), Accounts: m.Accounts, Started: m.Started, Updated: m.Updated,
		})
	}
	c, err := migrate.CurrentConversion(ctx, a.store.Reader())
	if err == nil && c != nil {
		list = append(list, gateway.Migration{
			ID: "unit", From: c.From, To: c.To, Phase: string(c.Phase), Ended: c.Phase.Ended(), Accounts: c.Accounts, Started: c.Started, Updated: c.Updated,
		})
	}
	return list, err
}
