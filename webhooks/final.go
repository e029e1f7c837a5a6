package webhooks

import (
	"context"

	"scrip/adapters"
	"scrip/core/ledger"
	"scrip/mapping"
)

// final asks for a customer's grants to be trued up, now that an invoice drew
// on them. The same invoice asks once, however often it is told.
func (w *Worker) final(ctx context.Context, e *ledger.Event, ev adapters.Event) (ruling, error) {
	until := ev.Until
	if until == 0 {
		until = ev.At
	}
	switch {
	case !w.o.connection(e.Connection).TruesUp():
		return ignored("an invoice is final: nothing to apply, grants are not drawn down by it at this connection"), nil
	case ev.Hint:
		return ignored("an invoice is final: it is not signed, a comparison will show what it drew"), nil
	case ev.Object == "" || until == 0:
		return ignored("an invoice is final: neither its id nor its period is told"), nil
	}
	customer, err := w.ours(ctx, e.Connection, adapters.RoleCustomer, ev.Customer)
	if err != nil || customer == "" {
		return ignored("an invoice is final: not of a customer of ours"), err
	}
	return ruling{
		names: func(*ledger.Batch) {},
		effect: func(tx *ledger.Tx) (ending, error) {
			tx.Send(mapping.TrueUpIntent(e.Connection, customer, ev.Object, until, tx.Now))
			return ending{ledger.Applied, ""}, nil
		},
	}, nil
}
