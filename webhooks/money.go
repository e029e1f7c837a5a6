package webhooks

import (
	"context"
	"fmt"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/sale"
)

const notOurs = "not a purchase of ours"

// payment applies money for a purchase. It counts only when it is exactly
// what the purchase expects; credits, natural key and mark are one commit.
func (w *Worker) payment(ctx context.Context, e *ledger.Event, ev adapters.Event) (ruling, error) {
	p, r, err := w.purchase(ctx, e, ev)
	if p == nil {
		return r, err
	}
	if ev.Hint {
		return parked("it is not signed, and the vendor cannot be asked whether purchase %q was paid", string(p.ID)), nil
	}
	pay := *ev.Payment
	return ruling{
		names: func(b *ledger.Batch) { w.o.Ledger.NamesPayment(b, *p) },
		effect: func(tx *ledger.Tx) (ending, error) {
			was, fresh, err := tx.Pay(pay)
			switch {
			case err != nil && (core.CodeOf(err) == core.CodeInternal || core.CodeOf(err) == core.CodeUnavailable):
				return ending{}, err
			case err != nil:
				return ending{ledger.Parked, "nothing was granted: " + err.Error()}, nil
			case fresh && was.Period != nil && was.Period.Idle:
				return ending{ledger.Parked, "purchase " + string(p.ID) + " is paid, but its plan is over, is another or was paid already: give the money back"}, nil
			case fresh:
				return ending{ledger.Applied, ""}, nil
			case was.Object != pay.Object:
				return ending{ledger.Parked, "purchase " + string(p.ID) + " was paid before, by another object: the customer may have paid twice"}, nil
			}
			return ending{ledger.Ignored, "already applied"}, nil
		},
	}, nil
}

// failed marks a purchase that was not paid. One that is paid stays so.
func (w *Worker) failed(ctx context.Context, e *ledger.Event, ev adapters.Event) (ruling, error) {
	p, r, err := w.purchase(ctx, e, ev)
	if p == nil {
		return r, err
	}
	return ruling{
		names: func(b *ledger.Batch) { w.o.Ledger.NamesPayment(b, *p) },
		effect: func(tx *ledger.Tx) (ending, error) {
			changed, err := tx.FailPayment(p.ID)
			if err != nil {
				return ending{}, err
			}
			if !changed {
				return ending{ledger.Ignored, "the purchase is not waiting for money"}, nil
			}
			return ending{ledger.Applied, ""}, nil
		},
	}, nil
}

// moneyBack takes back what money had bought that goes back or is contested,
// and gives it back where a dispute was won: credits, the record of them in the
// purchase and mark are one commit. The same claim told again, in whatever
// order, changes nothing.
func (w *Worker) moneyBack(ctx context.Context, e *ledger.Event, ev adapters.Event) (ruling, error) {
	what := map[adapters.EventKind]string{adapters.RefundEvent: "a refund", adapters.DisputeEvent: "a dispute"}[ev.Kind]
	amount := "an amount that is not told"
	if ev.Payment != nil {
		amount = ev.Payment.Paid.String()
	}
	ev, purchase, traced, err := w.traced(ctx, e.Connection, ev)
	if err != nil {
		return ruling{}, err
	}
	if purchase == "" {
		customer, err := w.ours(ctx, e.Connection, adapters.RoleCustomer, ev.Customer)
		if err != nil || customer == "" || traced {
			return ignored("%s: %s", what, notOurs), err
		}
		return parked("%s of %s for customer %q names no purchase; it is to be applied by hand if it is for one", what, amount, customer), nil
	}
	if ev.Payment == nil {
		return parked("%s for purchase %q is of an amount that is not told", what, purchase), nil
	}
	ev.Payment.Purchase = core.ID(purchase)
	p, r, err := w.purchase(ctx, e, ev)
	switch {
	case p == nil:
		return r, err
	case ev.Hint:
		return parked("it is not signed, and the vendor cannot be asked about %s for purchase %q", what, purchase), nil
	case ev.Kind == adapters.RefundEvent && !ev.Payment.Settled:
		object := e.Connection + "/" + claimOf(ev).Object
		return ruling{
			names: func(b *ledger.Batch) { w.o.Ledger.NamesUnmade(b, p.ID, object) },
			effect: func(tx *ledger.Tx) (ending, error) {
				why := fmt.Sprintf("a refund of %s for purchase %q failed: the customer did not get the money; refund it again, or grant what was taken back", amount, purchase)
				return ending{ledger.Parked, why}, tx.Unmade(p.ID, object, ev.Payment.Paid.Minor)
			},
		}, nil
	}
	claim := claimOf(ev)
	return ruling{
		names: func(b *ledger.Batch) { w.o.Ledger.NamesClaim(b, *p) },
		effect: func(tx *ledger.Tx) (ending, error) {
			_, fresh, err := tx.Claim(claim)
			switch {
			case err != nil && (core.CodeOf(err) == core.CodeInternal || core.CodeOf(err) == core.CodeUnavailable):
				return ending{}, err
			case err != nil:
				return ending{ledger.Parked, "nothing was taken back: " + err.Error()}, nil
			case fresh:
				return ending{ledger.Applied, ""}, nil
			}
			return ending{ledger.Ignored, "already applied"}, nil
		},
	}, nil
}

// claimOf is what an event about money tells of it.
func claimOf(ev adapters.Event) sale.Claim {
	c := sale.Claim{Purchase: ev.Payment.Purchase, Kind: sale.RefundClaim, Object: ev.Object, Amount: ev.Payment.Paid, State: sale.Standing}
	if ev.Claim != "" {
		c.Object = ev.Claim
	}
	if ev.Kind == adapters.DisputeEvent {
		c.Kind = sale.DisputeClaim
		switch {
		case ev.Payment.Settled:
			c.State = sale.Won
		case ev.Reason == "lost":
			c.State = sale.Lost
		}
	}
	return c
}

// traced is the purchase that money went back for, "" when none can be told.
// Where what is kept here does not lead to it the vendor is asked, and asked
// is true when it knows of none either.
func (w *Worker) traced(ctx context.Context, connection string, ev adapters.Event) (_ adapters.Event, purchase string, asked bool, err error) {
	if purchase, err = w.related(ctx, connection, ev); err != nil || purchase != "" {
		return ev, purchase, false, err
	}
	port := w.o.Ports[connection]
	if !port.Traces() {
		return ev, "", false, nil
	}
	found, err := port.Trace(ctx, ev)
	if err != nil {
		return ev, "", false, core.Errorf(core.CodeUnavailable, "the vendor cannot be asked now what was paid: %v", err)
	}
	purchase, err = w.related(ctx, connection, found)
	return found, purchase, true, err
}

// related is the purchase that money went back for, "" when none can be told.
func (w *Worker) related(ctx context.Context, connection string, ev adapters.Event) (string, error) {
	if id := core.ID(ev.Neutral); id.Valid(core.PurchaseID) {
		return string(id), nil
	}
	objects := ev.Related
	if ev.Payment != nil {
		if ev.Payment.Purchase != "" {
			return string(ev.Payment.Purchase), nil
		}
		objects = append(objects[:len(objects):len(objects)], ev.Payment.Object)
	}
	for _, object := range objects {
		if neutral, err := w.ours(ctx, connection, adapters.RoleInvoice, object); err != nil || neutral != "" {
			return neutral, err
		}
	}
	return "", nil
}

// ours is the neutral thing that a vendor's object is linked to in a role.
func (w *Worker) ours(ctx context.Context, connection, role, object string) (string, error) {
	if object == "" {
		return "", nil
	}
	links, err := w.o.Ledger.Reader().Links.ByVendor(ctx, connection, object)
	for _, l := range links {
		if l.Role == role {
			return l.Neutral, nil
		}
	}
	return "", err
}

// purchase finds what an event about money is about. Without one the ruling
// or the error stands.
func (w *Worker) purchase(ctx context.Context, e *ledger.Event, ev adapters.Event) (*sale.Purchase, ruling, error) {
	if ev.Payment == nil || !ev.Payment.Purchase.Valid(core.PurchaseID) {
		return nil, ignored(notOurs), nil
	}
	id := ev.Payment.Purchase
	p, err := w.o.Ledger.Purchase(ctx, id)
	switch {
	case core.CodeOf(err) == core.CodeNotFound:
		// It carries our id, so the purchase may be on its way: it waits.
		return nil, ruling{}, core.Errorf(core.CodeNotFound, "purchase %q is not known here yet", string(id))
	case err != nil:
		return nil, ruling{}, err
	case p.Connection != "" && p.Connection != e.Connection:
		return nil, parked("purchase %q is collected by connection %q, not by this one", string(id), p.Connection), nil
	}
	return &p, ruling{}, nil
}
