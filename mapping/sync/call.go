package sync

import (
	"context"

	"scrip/adapters"
	"scrip/mapping"
)

// done is what a step brought.
type done struct {
	answer adapters.Answer
	wrote  bool // a write was begun; without one, nothing can have happened
	found  bool // the object was there already, by our mark
}

// call carries the order to the vendor. An order that may have been carried
// out before is looked up first; only what is not there is written, with the
// same key as before.
func (o *order) call(ctx context.Context, c *connection) (done, error) {
	if o.lookUp() {
		answer, known, err := o.find(ctx, c)
		if err != nil {
			return done{}, err
		}
		if len(answer.Links) > 0 && !o.halfSold(c, answer) {
			return done{answer: answer, found: true}, nil
		}
		if err := o.mayRepeat(c, known); err != nil {
			return done{}, err
		}
	}
	if o.act == doSplit {
		return done{}, nil // it is our own books that are read
	}
	if o.act == doCompare {
		seen, err := c.grants(ctx, o.mark.Customer)
		o.seen = seen
		return done{}, err
	}
	answer, err := o.write(ctx, c)
	return done{answer: answer, wrote: true}, err
}

// halfSold reports that a sale was found which nobody can pay yet: its several
// calls were cut short, and are repeated while the vendor knows their keys.
func (o *order) halfSold(c *connection, found adapters.Answer) bool {
	return o.act == doSell && found.PayURL == "" && o.sinceTry <= c.port.Traits().KeyLifetime
}

// lookUp reports whether the object may exist and a second one would be a
// second effect. Updates and withdrawals have the same effect however often
// they are made.
func (o *order) lookUp() bool {
	switch o.act {
	case doEnsure:
		return true
	case doCustomer:
		return o.mark.Customer == "" && (o.tried || !o.body.New)
	case doGrant, doSell, doRefund, doTell, doDraw, doCancel, doRedo:
		return o.tried
	}
	return false
}

// find looks the object up. known is false when the vendor cannot tell.
func (o *order) find(ctx context.Context, c *connection) (answer adapters.Answer, known bool, err error) {
	if o.act == doCancel || !c.canFind() {
		return adapters.Answer{}, false, nil
	}
	answer, err = c.port.Find(ctx, o.mark)
	if err != nil && adapters.AsError(err).Code == adapters.CodeNotSupported {
		return adapters.Answer{}, false, nil
	}
	return answer, err == nil, err
}

// errUnclear says that an order may have been carried out and that neither a
// look-up nor a repeated key can settle it.
var errUnclear = &adapters.Error{
	Code: adapters.CodeConflict,
	Message: "its outcome is not known: the vendor cannot be asked and no longer knows its key; " +
		"see at the vendor whether it happened, then retry it or leave it parked",
}

// mayRepeat refuses to repeat a call whose key the vendor has forgotten, or
// never kept, unless the object is known not to be there, for longer than
// reads lag behind writes.
func (o *order) mayRepeat(c *connection, known bool) error {
	traits := c.port.Traits()
	switch {
	case !o.tried || o.asked:
		return nil
	case traits.KeyLifetime > 0 && o.sinceTry <= traits.KeyLifetime:
		return nil
	case !known:
		return errUnclear
	case o.sinceLag < traits.ReadLag && !o.hurry:
		return adapters.Errorf(adapters.CodeInProgress, "the object is not to be seen yet, reads may lag")
	}
	return nil
}

// write makes the call.
func (o *order) write(ctx context.Context, c *connection) (adapters.Answer, error) {
	b, sent := o.body, o.body.Attempt.Sent
	switch o.act {
	case doEnsure:
		return c.port.PutCustomer(ctx, mapping.CustomerOrder(*b.Attempt.Ensure, o.mark, o.links))
	case doCustomer:
		return c.port.PutCustomer(ctx, mapping.CustomerOrder(*b.Customer, o.mark, o.links))
	case doGrant:
		return c.port.CreateGrant(ctx, b.Grant.Order(o.mark, sent, o.links))
	case doEnd:
		return c.port.EndGrant(ctx, b.End.Order(o.mark, o.links))
	case doTell:
		return c.port.Consume(ctx, b.Consume.Order(o.mark, sent, o.links))
	case doDraw:
		return c.port.Consume(ctx, b.Consume.DrawOrder(o.draw, o.mark, sent, o.links))
	case doCancel:
		return c.port.CancelConsumption(ctx, o.taken.Order(o.mark, o.links))
	case doRefund:
		return c.port.Refund(ctx, mapping.RefundOrder(*b.Refund, o.mark, o.links))
	case doCarrier:
		return c.port.PutCarrier(ctx, adapters.CarrierOrder{Mark: o.mark, Links: o.links})
	case doRedoEnd:
		return c.port.EndGrant(ctx, o.redo.Order(o.mark, o.links))
	case doRedo:
		return c.port.CreateGrant(ctx, o.redo.Again.Order(o.mark, sent, o.links))
	default:
		return c.port.Sell(ctx, mapping.SaleOrder(*b.Sale, b.Text, o.mark, o.links))
	}
}
