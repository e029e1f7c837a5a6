package ledger

import (
	"context"

	"scrip/core"
)

// ReplayEvent puts an inbox row back into the queue, whatever became of it:
// natural keys keep an effect from happening twice. An unknown id is a
// not_found error, one whose body is not kept any more is invalid.
func (l *Ledger) ReplayEvent(ctx context.Context, id core.ID) error {
	return l.onEvent(ctx, id, func(e *Event) (bool, error) {
		switch {
		case e.Forgotten():
			return false, core.Errorf(core.CodeInvalid,
				"event %q cannot be replayed: its body was emptied when it was older than retention.raw, only its digest is kept", string(id))
		case e.State == Waiting && e.RetryAt == 0:
			return false, nil
		}
		e.State, e.Reason, e.Attempts, e.RetryAt, e.Settled = Waiting, "", 0, 0, 0
		return true, nil
	})
}

// RetryIntent puts a parked outbox row back into the queue, or lets a waiting
// one be tried now. An applied one is refused: the vendor has heard it.
func (l *Ledger) RetryIntent(ctx context.Context, id core.ID) error {
	return l.onIntent(ctx, id, func(i *Intent) error {
		switch i.State {
		case Applied, Ignored:
			return core.Errorf(core.CodeInvalid, "intent %q is %s, only a parked or waiting one can be retried", string(id), i.State)
		case Parked:
			// Attempts at zero tell the worker that a person has looked.
			i.State, i.Reason, i.Settled, i.Leased = Waiting, "", 0, false
		}
		i.Attempts, i.RetryAt = 0, 0
		return nil
	})
}

// ParkIntent takes a waiting outbox row out of the queue until it is retried.
// A call that is running may still be settled as applied.
func (l *Ledger) ParkIntent(ctx context.Context, id core.ID, reason string) error {
	return l.onIntent(ctx, id, func(i *Intent) error {
		if i.State != Waiting {
			return core.Errorf(core.CodeInvalid, "intent %q is %s, only a waiting one can be parked", string(id), i.State)
		}
		i.State, i.Reason, i.Settled, i.Leased = Parked, reason, l.Now(), false
		return nil
	})
}

// Hurry lifts the delay of a waiting item of a queue, and nothing else. What
// has been settled meanwhile stays as it is.
func (l *Ledger) Hurry(ctx context.Context, q Queue, id core.ID) error {
	if q == Inbox {
		return l.onEvent(ctx, id, func(e *Event) (bool, error) {
			if e.State != Waiting || e.RetryAt == 0 {
				return false, nil
			}
			e.RetryAt = 0
			return true, nil
		})
	}
	return l.onIntent(ctx, id, func(i *Intent) error {
		i.RetryAt = 0
		return nil
	})
}

// onEvent changes an inbox row that no worker needs to hold. change reports
// whether it did.
func (l *Ledger) onEvent(ctx context.Context, id core.ID, change func(*Event) (bool, error)) error {
	return l.Do(ctx, &Op{
		Names: func(b *Batch) { b.Events = append(b.Events, Lease{ID: id}) },
		Decide: func(tx *Tx) error {
			e := tx.Event(id)
			if e == nil {
				return core.Errorf(core.CodeNotFound, "event %q does not exist", string(id))
			}
			changed := *e
			is, err := change(&changed)
			if is {
				tx.PutEvent(&changed)
			}
			return err
		},
	})
}

// onIntent changes an outbox row that no worker needs to hold. A lease goes on
// unless change ends it: the fence stays the holder's.
func (l *Ledger) onIntent(ctx context.Context, id core.ID, change func(*Intent) error) error {
	return l.Do(ctx, &Op{
		Names: func(b *Batch) { b.Intents = append(b.Intents, Lease{ID: id}) },
		Decide: func(tx *Tx) error {
			i := tx.Intent(id)
			if i == nil {
				return core.Errorf(core.CodeNotFound, "intent %q does not exist", string(id))
			}
			changed := *i
			changed.Leased = true
			if err := change(&changed); err != nil {
				return err
			}
			tx.SettleIntent(&changed)
			return nil
		},
	})
}
