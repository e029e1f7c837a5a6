package sync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/internal/crash"
	"scrip/mapping"
)

// settleTime bounds the commit that ends an attempt; it must fit into the part
// of the lease that work may not use.
const settleTime = 4 * time.Second

// unknownEvery is how often an intent for an unknown connection is looked at.
const unknownEvery = time.Second

// job is one claimed intent in work.
type job struct {
	w    *Worker
	conn *connection
	id   core.ID
	item ledger.Intent // as claimed; rows change, its names and fence do not
	port *adapters.Port
}

// work carries one intent as far as it goes.
func (w *Worker) work(ctx context.Context, item ledger.Claimed) {
	j := &job{w: w, id: item.Intent.ID, item: *item.Intent, conn: w.conns[item.Intent.Connection]}
	defer func() {
		if r := recover(); r != nil {
			w.o.Log.Error("carrying out an intent panicked", "intent", string(j.id), "panic", fmt.Sprint(r))
			j.park(ctx, "carrying it out failed inside, see the log")
		}
	}()
	if j.conn == nil {
		if j.moot(ctx) {
			return
		}
		// Another process may have put it in force already; this one is about to
		// notice. What no config knows any more stays visible as waiting.
		j.putBack(ctx, w.o.Wall().Add(unknownEvery), fmt.Sprintf("connection %q is not configured in the process that took it", j.item.Connection))
		return
	}
	j.port = j.conn.port
	entry, again := j.conn.gate.enterSoon(ctx, j.id, w.o.Wall, w.draining.Load() > 0)
	if entry == denied {
		j.putBack(ctx, again, "the connection rests")
		return
	}
	defer j.conn.gate.leave()
	if !j.open(ctx, entry) {
		return
	}
	for j.step(ctx) {
	}
}

// open sees that the connection can be used: its credentials after they were
// refused, and what its orders rest on.
func (j *job) open(ctx context.Context, entry pass) bool {
	wall, g := j.w.o.Wall(), &j.conn.gate
	if entry == letProbe && j.conn.prepared() {
		if err := j.port.Probe(ctx); err != nil {
			e := adapters.AsError(err)
			g.unprepared(e.Code, wall, wall.Add(probeEvery))
			j.putBack(ctx, wall.Add(probeEvery), "the connection does not work: "+e.Error())
			return false
		}
	}
	err := j.w.ready(ctx, j.conn, j.carries())
	switch {
	case err == nil:
		if entry == letProbe {
			g.success()
		}
		return true
	case !isVendor(err):
		j.w.o.Log.Error("a connection cannot be prepared", "connection", j.conn.Name, "error", err)
		j.putBack(ctx, wall.Add(time.Second), "the connection cannot be prepared now")
	default:
		g.unprepared(adapters.AsError(err).Code, wall, j.conn.rest())
		j.w.o.Log.Warn("a connection cannot be prepared", "connection", j.conn.Name, "error", err)
		j.putBack(ctx, j.conn.rest(), "the connection cannot be prepared: "+err.Error())
	}
	return false
}

// carries reports whether the intent is one of grants and consumption.
func (j *job) carries() bool {
	switch adapters.Kind(j.item.Kind) {
	case adapters.GrantKind, adapters.EndKind, adapters.ConsumeKind, mapping.TrueUpKind:
		return true
	}
	return false
}

// step begins, makes and settles one call, and reports whether there is another.
func (j *job) step(ctx context.Context) bool {
	o, err := j.begin(ctx)
	switch {
	case errors.Is(err, ledger.ErrFenced):
		return false // another worker has it
	case err != nil && core.CodeOf(err) == core.CodeInvalid:
		j.park(ctx, err.Error())
		return false
	case err != nil:
		j.w.o.Log.Error("an intent cannot be begun", "intent", string(j.id), "error", err)
		j.putBack(ctx, j.w.o.Wall().Add(time.Second), "it cannot be begun now")
		return false // where that fails too, it comes back when the lease ends
	case o == nil:
		return false
	}
	crash.Point("sync-begun")
	done, err := o.call(ctx, j.conn)
	crash.Point("sync-called")
	if err != nil {
		return j.failed(ctx, o, done, err)
	}
	j.conn.gate.success()
	if o.act == doCustomer && done.found && !o.tried {
		o.act = doEnsure // it was there before us: link it first, then update it
	}
	switch o.act {
	case doCompare:
		return j.compared(ctx, o)
	case doSplit:
		return j.split(ctx, o)
	}
	return j.succeeded(ctx, o, done.answer)
}

// action is what a step does.
type action string

const (
	doEnsure   action = "ensure" // the customer, before what is asked for
	doCustomer action = "customer"
	doGrant    action = "grant"
	doEnd      action = "end"
	doTell     action = "tell"
	doCancel   action = "cancel"
	doSell     action = "sell"
	doRefund   action = "refund"
	doCarrier  action = "carrier" // what consumption is billed by, before the first of it
	doSplit    action = "split"   // a window's consumption over the lots it was drawn from
	doDraw     action = "draw"    // on one lot
	doCompare  action = "compare" // what is left of grants, to true them up
	doRedoEnd  action = "redo end"
	doRedo     action = "redo"
)

// harmless reports that the action may be repeated at any time, with no other
// effect than once: it looks before it makes, or only reads.
func (a action) harmless() bool {
	return a == doEnsure || a == doCarrier || a == doCompare || a == doSplit
}

// leads reports that another action of the same intent may follow.
func (a action) leads() bool {
	return a.harmless() || a == doCancel || a == doDraw || a == doRedoEnd || a == doRedo
}

// order is one call, begun and durable.
type order struct {
	act      action
	mark     adapters.Mark
	body     *mapping.Body
	taken    *mapping.Taken         // of doCancel
	draw     *mapping.Draw          // of doDraw
	redo     *mapping.Redo          // of doRedoEnd and doRedo
	seen     []adapters.VendorGrant // what doCompare read
	links    adapters.Links
	customer string        // the application's
	tried    bool          // an earlier attempt may have acted
	asked    bool          // a person has looked and wants it tried again
	hurry    bool          // nothing is waited for: see [Worker.Drain]
	sinceTry time.Duration // since the first attempt of this call, and
	sinceLag time.Duration // since the last one
}

// unsent are outcomes decided without a call.
type unsent struct {
	state  ledger.QueueState
	reason string
}

// begin makes the next call durable: what it says, and that it may have been
// made. It returns nil when the intent is settled without one.
func (j *job) begin(ctx context.Context) (o *order, err error) {
	wall, customer := j.w.o.Wall(), j.item.Customer
	claimed, err := mapping.DecodeBody(j.item.Body)
	if err != nil {
		return nil, core.Errorf(core.CodeInvalid, "its body cannot be read")
	}
	err = j.w.o.Ledger.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) {
			b.Intents = append(b.Intents, j.lease())
			b.Records = append(b.Records, ledger.RecordKey{Kind: ledger.CustomerKind, ID: customer})
			for _, neutral := range neutrals(claimed, customer) {
				b.Links = append(b.Links, ledger.LinkKey{Connection: j.conn.Name, Neutral: neutral})
			}
			if c := claimed.Consume; c != nil {
				account := ledger.AccountKey{Customer: customer, Unit: c.Unit.Code}
				b.Accounts = append(b.Accounts, account)
				b.Records = append(b.Records, mapping.BookKey(j.conn.Name, account))
			}
			if g := claimed.Grant; g != nil && g.Late {
				b.Accounts = append(b.Accounts, ledger.AccountKey{Customer: customer, Unit: g.Unit.Code})
			}
			if e := claimed.End; e != nil && e.Unit != "" {
				account := ledger.AccountKey{Customer: customer, Unit: e.Unit}
				b.Records = append(b.Records, mapping.BookKey(j.conn.Name, account))
				if j.conn.TruesUp() || e.Spent {
					b.Accounts = append(b.Accounts, account)
				}
			}
			if p := claimed.Sale; p != nil {
				ledger.NamesPurchase(b, p.ID)
			}
		},
		Decide: func(tx *ledger.Tx) error {
			o = nil
			row := tx.Intent(j.id)
			if row.State != ledger.Waiting {
				return nil // a person settled it meanwhile
			}
			body, err := mapping.DecodeBody(row.Body)
			if err != nil {
				return core.Errorf(core.CodeInvalid, "its body cannot be read")
			}
			next, end, err := j.plan(tx, row, body)
			if err != nil {
				return err
			}
			if end != nil {
				settle(row, body, end.state, end.reason, tx.Now)
			} else {
				stamp(row, body, next, wall, tx.Now)
				o = next
			}
			tx.SettleIntent(row)
			return nil
		},
	})
	return o, err
}

// stamp makes an attempt of a row: what a repeated call must say again stays
// as it was at the first.
func stamp(row *ledger.Intent, body *mapping.Body, o *order, wall, now core.Time) {
	a := &body.Attempt
	o.tried = row.Tried && !o.act.harmless()
	if a.First == 0 || row.Attempts == 0 {
		a.First, o.asked = wall, o.tried
	}
	if a.Last != 0 {
		o.sinceLag = time.Duration(wall-a.Last) * time.Microsecond
	}
	o.sinceTry = time.Duration(wall-a.First) * time.Microsecond
	if !row.Tried {
		a.Sent = now
	}
	a.Last = wall
	row.Tried = row.Tried || !o.act.harmless()
	row.Attempts++
	row.RetryAt, row.Leased = 0, true
	row.Body = body.Encode()
}

// settle ends a row.
func settle(row *ledger.Intent, body *mapping.Body, state ledger.QueueState, reason string, now core.Time) {
	row.State, row.Reason, row.Settled = state, reason, now
	row.RetryAt, row.Leased = 0, false
	row.Body = body.Encode()
}

func (j *job) lease() ledger.Lease { return ledger.Lease{ID: j.id, Fence: j.item.Fence} }
