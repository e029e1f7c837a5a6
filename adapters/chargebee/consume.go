package chargebee

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// capturing is the body of a capture.
type capturing struct {
	ID           string            `json:"id"`
	Subscription string            `json:"subscription_id"`
	Unit         string            `json:"unit_id"`
	Amount       string            `json:"amount"`
	At           int64             `json:"ledger_operation_timestamp"`
	Metadata     map[string]string `json:"metadata"`
}

// Consume tells a window as one capture under our own id, which counts once in
// the whole ledger for ever. It is dated with the time of sending, since the
// vendor takes none older than ten minutes; the window's own bounds stand in
// metadata. More than the customer has is refused as a whole.
func (a *Adapter) Consume(ctx context.Context, o adapters.ConsumeOrder) (adapters.Answer, error) {
	h, customer := adapters.Holding{Quanta: o.Quanta, Scale: o.Scale, Unit: o.Unit}, o.Links.One(adapters.RoleCustomer)
	switch err := carries(h); {
	case err != nil:
		return adapters.Answer{}, err
	case h.Quanta == 0:
		return adapters.Answer{}, nil
	case customer == "":
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "the customer of window %q has no link, send the customer first", o.Window)
	}
	err := a.capture(ctx, customer, o.Mark.ID, h, o.Sent, map[string]string{
		metaIntent: string(o.Mark.ID), metaWindow: o.Window, "opened": o.Opened.String(), "closed": o.Closed.String(),
	})
	if err != nil {
		return adapters.Answer{}, err
	}
	return linked(o.Window, adapters.RoleUsage, string(o.Mark.ID)), nil
}

// capture takes an amount out of a customer's ledger, once. What a taken id, or
// a balance that does not suffice, is refused with is not documented: so after
// any refusal it is looked whether the operation is there, which then stands.
func (a *Adapter) capture(ctx context.Context, customer string, id core.ID, h adapters.Holding, at core.Time, meta map[string]string) error {
	var got struct {
		Operation operation `json:"ledger_operation"`
	}
	err := a.api.Send(ctx, http.MethodPost, "/ledger_operations/capture", "", capturing{
		ID: string(id), Subscription: carrierID(customer), Unit: h.Unit, Amount: decimal(h), At: unix(at), Metadata: meta,
	}, &got)
	if err == nil {
		if !got.Operation.is(id, h) {
			return noEffectSeen()
		}
		return nil
	}
	if !rest.HasCode(err, adapters.CodeInvalid, adapters.CodeNotFound, adapters.CodeConflict, adapters.CodeInProgress) {
		return err
	}
	found, readErr := a.operation(ctx, string(id))
	switch {
	case readErr != nil && adapters.AsError(readErr).Code != adapters.AsError(err).Code:
		e := *adapters.AsError(readErr) // whether it was done before cannot be seen now
		if e.Code == adapters.CodeUnavailable || e.Code == adapters.CodeBadAnswer {
			e.Code = adapters.CodeUnknown
		}
		return &e
	case readErr != nil || found.ID == "":
		return refusedFor(err)
	case !found.is(id, h):
		return adapters.Errorf(adapters.CodeConflict, "the vendor has another operation under the id %q", string(id))
	}
	return nil
}

// is reports whether the operation is the capture that was asked for.
func (op *operation) is(id core.ID, h adapters.Holding) bool {
	n, ok := op.Amount.Parts(h.Scale)
	return op.ID == string(id) && op.Type == "capture" && ok && n == h.Quanta
}

// operation reads a ledger operation; the zero one when there is none.
func (a *Adapter) operation(ctx context.Context, id string) (operation, error) {
	var got struct {
		Operation operation `json:"ledger_operation"`
	}
	err := a.api.Get(ctx, rest.Path("ledger_operations", id), nil, &got)
	switch {
	case rest.HasCode(err, adapters.CodeNotFound):
		return operation{}, nil
	case err == nil && got.Operation.ID != id:
		err = adapters.Errorf(adapters.CodeBadAnswer, "the answer is not the operation that was asked for")
	}
	return got.Operation, err
}

// Usage sums the windows that the vendor's ledger took in during [From, To), by
// its own time and in whole seconds. What withdrew a grant, or was captured by
// anybody else, does not count.
func (a *Adapter) Usage(ctx context.Context, o adapters.UsageQuery) (int64, error) {
	if o.Customer == "" {
		return 0, adapters.Errorf(adapters.CodeInvalid, "usage can be read of a linked customer only")
	}
	from, to := max(earliest, unixUp(o.From)), max(earliest, unixUp(o.To)-1)
	q := url.Values{
		"subscription_id[is]": {carrierID(o.Customer)}, "type[is]": {"capture"},
		"created_at[between]": {"[" + strconv.FormatInt(from, 10) + "," + strconv.FormatInt(to, 10) + "]"},
	}
	if o.Unit != "" {
		q.Set("unit_id[is]", o.Unit)
	}
	total, bad := core.Amount(0), error(nil)
	err := each(ctx, a, "/ledger_operations", "ledger_operation", q, func(op *operation) bool {
		if op.Type != "capture" || op.Metadata[metaWindow] == "" || o.Unit != "" && op.Unit != o.Unit {
			return false
		}
		n, ok := op.Amount.Parts(o.Scale)
		if total, bad = total.Add(core.Amount(n)); !ok || bad != nil {
			bad = adapters.Errorf(adapters.CodeBadAnswer, "an operation of the ledger has an amount that cannot be used")
		}
		return bad != nil
	})
	switch {
	case rest.HasCode(err, adapters.CodeNotFound):
		return 0, nil
	case err == nil:
		err = bad
	}
	return int64(total), err
}

var (
	_ adapters.ConsumptionWriter = (*Adapter)(nil)
	_ adapters.UsageReader       = (*Adapter)(nil)
)
