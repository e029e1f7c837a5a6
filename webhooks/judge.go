package webhooks

import (
	"context"
	"slices"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
)

// judge decides what an event means here. Its error is a passing one.
func (w *Worker) judge(ctx context.Context, e *ledger.Event) (ruling, error) {
	port := w.o.Ports[e.Connection]
	if port == nil {
		return parked("connection %q is not configured", e.Connection), nil
	}
	ev, err := normalise(port, e.Body)
	if err != nil {
		return parked("it cannot be read: %s", adapters.AsError(err).Message), nil
	}
	if ev.Hint && movesMoney(ev.Kind) && port.Confirms() {
		read, err := port.Confirm(ctx, ev)
		switch {
		case err == nil:
			ev = read
		case adapters.AsError(err).Code == adapters.CodeNotFound:
			return parked("it is not signed, and the vendor knows nothing of what it tells"), nil
		default:
			return ruling{}, core.Errorf(core.CodeUnavailable, "it is not signed, and the vendor cannot be asked now: %v", err)
		}
	}
	live := w.o.connection(e.Connection).Live
	switch {
	case ev.Live && !live:
		return parked("a live event came to a connection for test"), nil
	case !ev.Live && live:
		return parked("a test event came to a live connection"), nil
	}
	r, err := w.mean(ctx, e, ev)
	if err == nil {
		r.customer, err = w.about(ctx, e, ev)
	}
	return r, err
}

// movesMoney reports whether an event has an effect that must not rest on a
// word which anybody could have sent.
func movesMoney(kind adapters.EventKind) bool {
	switch kind {
	case adapters.PaymentEvent, adapters.FailedEvent, adapters.RefundEvent, adapters.DisputeEvent, adapters.FinalEvent, adapters.RenewalEvent:
		return true
	}
	return false
}

// mean decides what an event of the right mode means.
func (w *Worker) mean(ctx context.Context, e *ledger.Event, ev adapters.Event) (ruling, error) {
	switch ev.Kind {
	case adapters.PaymentEvent:
		return w.payment(ctx, e, ev)
	case adapters.FailedEvent:
		return w.failed(ctx, e, ev)
	case adapters.RefundEvent, adapters.DisputeEvent:
		return w.moneyBack(ctx, e, ev)
	case adapters.RenewalEvent:
		return w.renewal(ctx, e, ev)
	case adapters.UsageEvent:
		return parked("consumption told to the vendor was not counted: %s", orElse(ev.Reason, "the vendor gives no reason")), nil
	}
	if ev.Kind == adapters.FinalEvent {
		return w.final(ctx, e, ev)
	}
	if ev.Mark.Valid(core.IntentID) && echoes(w.o.Ports[e.Connection], ev) {
		return w.echo(ctx, e, ev.Mark)
	}
	switch ev.Kind {
	case adapters.CustomerEvent, adapters.GrantEvent:
		return ignored("changed at the vendor, and not by us: %s", orElse(ev.Reason, "the core decides, a comparison will show it")), nil
	case adapters.EntryEvent, adapters.SystemEvent:
		return ignored("nothing to apply: %s", orElse(ev.Reason, "the core keeps this itself")), nil
	}
	return ignored("nothing is known to apply for type %q; it is kept: %s", printable(ev.Type, 100), orElse(ev.Reason, "replay it after an upgrade")), nil
}

// echoes reports whether an event of this kind can only tell what an order of
// ours did. That an invoice of ours was paid is news, whoever made it.
func echoes(port *adapters.Port, ev adapters.Event) bool {
	switch ev.Kind {
	case adapters.CustomerEvent, adapters.GrantEvent, adapters.EntryEvent, adapters.SystemEvent:
		return true
	}
	return slices.ContainsFunc(port.Traits().Echoes, func(x adapters.Echo) bool { return x.Event != "" && x.Event == ev.Type })
}

// echo records that an event tells of our own order.
func (w *Worker) echo(ctx context.Context, e *ledger.Event, mark core.ID) (ruling, error) {
	intent, err := w.o.Ledger.Reader().Queues.Intent(ctx, mark)
	switch {
	case err != nil:
		return ruling{}, err
	case intent == nil || intent.Connection != e.Connection:
		// A step of an order has a mark of its own; and another system may
		// share the vendor's account. Either way it is not for us to apply.
		return ignored("echo of an order marked %s", mark), nil
	}
	return ignored("echo of %s", mark), nil
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
