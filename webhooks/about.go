package webhooks

import (
	"context"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
)

// about is the customer that an event is about, "" when it is none of ours. An
// event about one whose data was erased leaves no body behind.
func (w *Worker) about(ctx context.Context, e *ledger.Event, ev adapters.Event) (string, error) {
	for _, object := range []string{ev.Customer, ev.Object} {
		customer, err := w.ours(ctx, e.Connection, adapters.RoleCustomer, object)
		if err != nil || customer != "" {
			return customer, err
		}
	}
	if ev.Kind == adapters.CustomerEvent && ev.Neutral != "" {
		return ev.Neutral, nil
	}
	purchase, err := w.related(ctx, e.Connection, ev)
	if err != nil || purchase == "" {
		return "", err
	}
	p, err := w.o.Ledger.Purchase(ctx, core.ID(purchase))
	if core.CodeOf(err) == core.CodeNotFound {
		return "", nil
	}
	return p.Customer, err
}

// namesCustomer names what [forget] must see.
func (r *ruling) namesCustomer(b *ledger.Batch) {
	if r.customer != "" {
		b.Records = append(b.Records, ledger.RecordKey{Kind: ledger.CustomerKind, ID: r.customer})
	}
}

// forget empties the body of an event that has ended, when its customer was
// erased. A parked one keeps it for the person who looks.
func (r *ruling) forget(tx *ledger.Tx, row *ledger.Event) {
	ended := row.State == ledger.Applied || row.State == ledger.Ignored
	if r.customer == "" || !ended || !tx.Erased(r.customer) {
		return
	}
	row.Body = nil
	tx.Wipe()
}
