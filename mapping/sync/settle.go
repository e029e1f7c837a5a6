package sync

import (
	"context"
	"fmt"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
	"scrip/mapping/queue"
)

// giveUp is how long a call is repeated before a person must look.
const giveUp = 24 * time.Hour

// onRow changes the claimed row in one commit, unless somebody else has
// settled it or holds it now. It outlives ctx: what a vendor answered must be
// written down even when the work was told to stop.
func (j *job) onRow(ctx context.Context, names func(*ledger.Batch), change func(*ledger.Tx, *ledger.Intent) error) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	err := j.w.o.Ledger.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) {
			b.Intents = append(b.Intents, j.lease())
			if names != nil {
				names(b)
			}
		},
		Decide: func(tx *ledger.Tx) error {
			row := tx.Intent(j.id)
			if err := change(tx, row); err != nil {
				return err
			}
			tx.SettleIntent(row)
			return nil
		},
	})
	if err != nil {
		// The row stays as begun: when its lease ends it is looked up.
		j.w.o.Log.Warn("an intent could not be written back", "intent", string(j.id), "error", err)
	}
	return err == nil
}

// succeeded settles a call with its links, and reports whether the intent has
// another to make.
func (j *job) succeeded(ctx context.Context, o *order, answer adapters.Answer) bool {
	if o.act == doEnsure && adapters.Links(answer.Links).One(adapters.RoleCustomer) == "" {
		j.park(ctx, "the vendor gave its customer no id")
		return false
	}
	book := mapping.BookKey(j.conn.Name, ledger.AccountKey{Customer: j.item.Customer, Unit: unitOf(o.body)})
	lots := (o.act == doGrant || o.act == doEnd) && unitOf(o.body) != ""
	more := o.act.leads()
	ok := j.onRow(ctx, func(b *ledger.Batch) {
		nameLinks(b, j.conn.Name, o.mark.Neutral, answer.Links)
		switch {
		case o.act == doTell, o.act == doCancel, o.act == doGrant && lots:
			b.Records = append(b.Records, book)
		case lots:
			b.Records = append(b.Records, book)
			b.Accounts = append(b.Accounts, ledger.AccountKey{Customer: j.item.Customer, Unit: unitOf(o.body)})
		case o.act == doSell:
			ledger.NamesPurchase(b, o.body.Sale.ID)
		}
	}, func(tx *ledger.Tx, row *ledger.Intent) error {
		addLinks(tx, j.conn.Name, o.mark.Neutral, answer.Links)
		if o.act == doRedoEnd && o.redo.Again == nil && o.redo.Live {
			// Nothing is left to draw: what comes back later is given anew.
			tx.Unlink(ledger.Link{Connection: j.conn.Name, Neutral: o.mark.Neutral, Role: adapters.RoleGrant, Vendor: o.redo.Vendor})
		}
		if o.act == doGrant && j.conn.TruesUp() {
			replaced(tx, j.conn.Name, o.mark.Neutral, adapters.Links(answer.Links).One(adapters.RoleGrant))
		}
		if o.act == doRedo {
			old := ledger.Link{Connection: j.conn.Name, Neutral: o.mark.Neutral, Role: adapters.RoleGrant, Vendor: o.redo.Vendor}
			if made := adapters.Links(answer.Links).One(adapters.RoleGrant); made != "" && made != old.Vendor && old.Vendor != "" {
				tx.Unlink(old)
			}
		}
		if o.act == doCancel && j.conn.TruesUp() {
			if err := retract(tx, book, o.taken.At); err != nil {
				return err
			}
		}
		if more {
			row.Body, row.Leased = advanced(o, true), true
			row.Tried = false // the next call has not been begun
			return nil
		}
		settle(row, o.body, ledger.Applied, "", tx.Now)
		if lots {
			return keepLots(tx, j.conn, book, o, answer)
		}
		switch o.act {
		case doTell:
			return j.note(tx, book, o, answer)
		case doSell:
			return tx.OfferPayment(o.body.Sale.ID, answer.PayURL)
		}
		return nil
	})
	if ok && !more {
		j.observe(ledger.Applied, "")
	}
	if ok && more {
		j.item.Body = o.body.Encode() // the next step names what it is about
	}
	return ok && more
}

// replaced removes the links of a grant that came back to the objects of before,
// which have ended: after the next true-up they would be taken for it.
func replaced(tx *ledger.Tx, connection, grant, made string) {
	if made == "" {
		return
	}
	for _, old := range tx.Links(ledger.LinkKey{Connection: connection, Neutral: grant}) {
		if old.Role == adapters.RoleGrant && old.Vendor != made {
			tx.Unlink(old)
		}
	}
}

// advanced is the body after a step that is not the last.
func advanced(o *order, worked bool) []byte {
	o.body.Attempt = mapping.Attempt{}
	if o.taken != nil {
		o.taken.Done, o.taken.Refused = worked, !worked
	}
	if o.draw != nil {
		o.draw.Done = worked
	}
	switch o.act {
	case doRedoEnd:
		o.redo.Ended = true
	case doRedo:
		o.redo.Made = true
	}
	return o.body.Encode()
}

// note keeps a told window, so that it can be taken back, and how far the
// account was told by it.
func (j *job) note(tx *ledger.Tx, key ledger.RecordKey, o *order, answer adapters.Answer) error {
	vendor := adapters.Links(answer.Links).One(adapters.RoleUsage)
	take := vendor != "" && j.conn.canCancel()
	if !take && !j.conn.TruesUp() {
		return nil
	}
	book, err := bookOf(tx, key)
	if err != nil {
		return err
	}
	c := o.body.Consume
	if take {
		book.Add(mapping.ToldWindow{Window: c.Window, Vendor: vendor, Quanta: c.Tell, At: o.body.Attempt.Sent})
	}
	tx.Send(j.conn.Again(book, c, o.customer, tx.Now)...)
	if j.conn.TruesUp() {
		book.Mark(mapping.Point{At: o.body.Attempt.Sent, Seq: c.Seq})
	}
	return tx.PutRecord(key, book)
}

// retract forgets how far the account was told from an instant on: what was
// told then has been taken back.
func retract(tx *ledger.Tx, key ledger.RecordKey, at core.Time) error {
	book, err := bookOf(tx, key)
	if err != nil || !book.Retract(at) {
		return err
	}
	return tx.PutRecord(key, book)
}

func bookOf(tx *ledger.Tx, key ledger.RecordKey) (*mapping.Book, error) {
	return mapping.BookOf(tx.Record(key))
}

// verdict is what a failure means for an intent.
type verdict struct {
	park    string // the reason, when it is parked
	retryAt core.Time
	unknown bool // the vendor may have acted
}

// failed settles a call that failed. It reports whether the intent goes on:
// a window that cannot be taken back is no reason to stop.
func (j *job) failed(ctx context.Context, o *order, d done, err error) bool {
	e, wall := adapters.AsError(err), j.w.o.Wall()
	if ctx.Err() == context.Canceled {
		// The worker stops; the next one looks it up at once.
		j.onRow(ctx, nil, func(_ *ledger.Tx, row *ledger.Intent) error {
			row.Tried, row.Leased = o.tried || d.wrote && !o.act.harmless(), false
			return nil
		})
		return false
	}
	j.feel(e, d, wall)
	if o.act == doCancel && refusesContent(e) && !o.doubtful(j.conn) {
		return j.onRow(ctx, nil, func(_ *ledger.Tx, row *ledger.Intent) error {
			row.Body, row.Tried, row.Leased = advanced(o, false), false, true
			return nil
		})
	}
	if e.Code == adapters.CodeFull && o.act == doGrant {
		return j.keep(ctx, o, e, "")
	}
	if o.act == doGrant && refusesContent(e) && !o.doubtful(j.conn) && o.body.Grant.Expires <= j.w.o.Ledger.Now() {
		return j.keep(ctx, o, e, "it ended before the vendor took it: ")
	}
	v := j.judge(o, d, e, wall)
	state := ledger.Waiting
	if v.park != "" {
		state = ledger.Parked
		j.w.o.Log.Warn("an intent is parked", "intent", string(j.id), "connection", j.conn.Name, "kind", j.item.Kind, "error", v.park)
	}
	j.onRow(ctx, nil, func(tx *ledger.Tx, row *ledger.Intent) error {
		row.Leased = false
		row.Tried = o.tried || v.unknown && !o.act.harmless()
		if row.State != ledger.Waiting {
			return nil // parked by a person while the call was out
		}
		row.Reason = e.Error()
		if row.RetryAt = v.retryAt; v.park != "" {
			row.State, row.Reason, row.Settled = state, v.park, tx.Now
		}
		return nil
	})
	j.observe(state, e.Code)
	return false
}

// feel tells the gate of a failure; a refusal of the content is an answer.
func (j *job) feel(e *adapters.Error, d done, wall core.Time) {
	if refusesContent(e) || e.Code == adapters.CodeFull || e.Code == adapters.CodeInProgress || e.Code == adapters.CodeConflict {
		if d.wrote {
			j.conn.gate.success()
		}
		return
	}
	j.conn.gate.failure(e, wall)
}

// doubtful reports that a refusal may mean that the call was carried out by an
// earlier attempt: the vendor's memory of the key cannot be relied on.
func (o *order) doubtful(c *connection) bool {
	life := c.port.Traits().KeyLifetime
	return o.tried && !o.asked && (life == 0 || o.sinceTry > life)
}

func refusesContent(e *adapters.Error) bool {
	return e.Code == adapters.CodeInvalid || e.Code == adapters.CodeNotFound || e.Code == adapters.CodeNotSupported
}

// judge decides between another attempt and a person.
func (j *job) judge(o *order, d done, e *adapters.Error, wall core.Time) verdict {
	var v verdict
	attempts := j.item.Attempts + 1
	v.retryAt = wall.Add(queue.Backoff(j.id, attempts))
	switch e.Code {
	case adapters.CodeUnauthorized, adapters.CodeForbidden:
		// Nothing is given up while the key is wrong: it can be replaced.
		v.retryAt = wall.Add(probeEvery + queue.Spread(j.id, attempts, time.Second))
		return v
	case adapters.CodeRateLimited:
		if e.RetryAfter > 0 {
			wait := min(e.RetryAfter, queue.MaxDelay)
			v.retryAt = wall.Add(wait + queue.Spread(j.id, attempts, wait/10))
		}
	case adapters.CodeConflict:
		v.unknown = d.wrote
		v.park = e.Error()
		if e != errUnclear && d.wrote {
			v.park = "the vendor knows its key with other content, which is a fault of this program: " + e.Error()
			j.w.o.Log.Error("an idempotency key was used with other content", "intent", string(j.id), "error", e)
		}
	case adapters.CodeInvalid, adapters.CodeNotFound, adapters.CodeNotSupported:
		v.park = e.Error()
	default:
		v.unknown = d.wrote
	}
	if v.park == "" && o.sinceTry > giveUp {
		v.park = fmt.Sprintf("given up after %d attempts: %s", attempts, e.Error())
	}
	return v
}

// park takes the intent out of the queue for a person.
func (j *job) park(ctx context.Context, reason string) {
	j.w.o.Log.Warn("an intent is parked", "intent", string(j.id), "connection", j.item.Connection, "kind", j.item.Kind, "error", reason)
	j.onRow(ctx, nil, func(tx *ledger.Tx, row *ledger.Intent) error {
		row.State, row.Reason, row.Settled, row.Leased = ledger.Parked, reason, tx.Now, false
		return nil
	})
	j.observe(ledger.Parked, "")
}

// putBack leaves the intent for later; no attempt was made.
func (j *job) putBack(ctx context.Context, at core.Time, reason string) {
	j.onRow(ctx, nil, func(_ *ledger.Tx, row *ledger.Intent) error {
		row.Leased = false
		if row.State == ledger.Waiting {
			row.RetryAt = at
			if row.Reason == "" || row.Attempts == 0 {
				row.Reason = reason
			}
		}
		return nil
	})
}

func (j *job) observe(state ledger.QueueState, code adapters.Code) {
	j.w.o.Observe(Outcome{Connection: j.item.Connection, Kind: j.item.Kind, State: state, Code: code})
}
