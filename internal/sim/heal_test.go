package sim

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping/migrate"
)

// patience is how long everything may take to come to rest once faults have
// ended: a vendor repeats a delivery for three days.
const patience = 8 * 24 * time.Hour

// heal ends all faults, and demands that everything comes to rest and is right.
func (w *world) heal() {
	w.calm = true
	w.say("faults end")
	w.look()
	w.client.settleDown()
	if !w.drain() {
		return
	}
	w.finish()
	if w.why == "" && w.drain() {
		w.agree()
	}
}

// drain works until nothing is left to do.
func (w *world) drain() bool {
	quiet := 0
	for end := w.now().Add(patience); w.why == "" && quiet < 3; {
		if w.now() > end {
			w.fail("it does not come to rest: %s", w.unrest())
			return false
		}
		w.look()
		busy := false
		for range 10_000 { // a vendor waits ten seconds for the answer to a delivery, so it comes before time passes
			did := w.letters()
			did = w.inbox(20) || did
			if !w.outbox(20) && !did {
				break
			}
			busy = true
		}
		w.sweep()
		w.unpark()
		for len(w.client.open) > 0 && w.why == "" {
			before := len(w.client.open)
			w.client.send(w.client.open[0])
			if len(w.client.open) == before {
				w.fail("%s %q cannot be decided", w.client.open[0].op, w.client.open[0].key)
			}
		}
		w.judge.read()
		if quiet++; busy || w.unrest() != "" {
			quiet = 0
		}
		w.sleep(45 * time.Minute)
	}
	return w.why == ""
}

// letters delivers what is on its way.
func (w *world) letters() (any bool) {
	synctest.Wait()
	for _, name := range []string{"main", "next"} {
		for b := w.boxes[name]; b.first() != nil && w.why == ""; any = true {
			b.settle()
		}
	}
	return any
}

// unrest says what is still to be done, "" when nothing is.
func (w *world) unrest() string {
	stats, err := w.inner.Reader().Queues.Stats(context.Background(), w.now())
	if err != nil {
		return err.Error()
	}
	for _, s := range stats {
		if s.Waiting+s.Open > 0 {
			list, _ := w.inner.Reader().Queues.Intents(context.Background(), ledger.QueueFilter{State: ledger.Waiting, Limit: 3})
			reason := ""
			for _, i := range list {
				reason += " " + i.Kind + ": " + i.Reason
			}
			return string(s.Queue) + " of " + s.Connection + " is not empty:" + reason
		}
	}
	if w.undelivered() {
		return "deliveries wait at a vendor"
	}
	return ""
}

// undelivered reports whether a vendor has something to deliver. To ask it is
// dear, so it is asked when it last said so a while ago.
func (w *world) undelivered() bool {
	if w.now() < w.asked.Add(12*time.Hour) {
		return w.waiting
	}
	w.asked, w.waiting = w.now(), false
	for _, b := range w.boxes {
		var hooks struct{ Waiting int }
		if _, raw := b.control("webhooks", nil); json.Unmarshal(raw, &hooks) != nil || hooks.Waiting > 0 {
			w.waiting = true
		}
	}
	return w.waiting
}

// unpark is the person who looks at what is parked and lets it be tried again.
func (w *world) unpark() {
	f := ledger.QueueFilter{State: ledger.Parked, Limit: 100}
	list, err := w.inner.Reader().Queues.Intents(context.Background(), f)
	if err != nil {
		w.fail("the outbox cannot be read: %v", err)
	}
	for _, i := range list {
		w.say("a person lets %s for %s be tried again: %s", i.Kind, i.Customer, i.Reason)
		w.judge.stats["unparked"]++
		if w.unparked[i.ID]++; w.unparked[i.ID] > 100 {
			w.fail("%s for %s is parked again and again: %s", i.Kind, i.Customer, i.Reason)
			return
		}
		if err := w.proc.ledger.RetryIntent(context.Background(), i.ID); err != nil && w.calm {
			w.fail("a parked intent cannot be retried: %v", err)
		}
	}
}

// finish carries what the operator has begun to an end.
func (w *world) finish() {
	ctx := context.Background()
	for range 6 {
		m, errMove := migrate.CurrentMove(ctx, w.inner.Reader())
		c, errUnit := migrate.CurrentConversion(ctx, w.inner.Reader())
		switch {
		case errMove != nil || errUnit != nil:
			w.fail("a journal cannot be read")
			return
		case c != nil && !c.Ended():
			w.office.goOnUnit()
		case m != nil && !m.Phase.Ended() && m.Phase != migrate.Moved:
			w.office.move(nil)
		default:
			return
		}
		if w.why != "" || !w.drain() {
			return
		}
	}
	w.fail("what the operator has begun does not end")
}

// agree holds everything against everything.
func (w *world) agree() {
	ctx := context.Background()
	// The first search of a connection only remembers the present, and accounts
	// may buy by themselves as long as time passes.
	for n := 0; n < 2 || n < 5 && w.bought(); n++ {
		for _, name := range []string{"main", "next"} {
			if w.proc.ports[name] == nil {
				continue
			}
			if _, err := w.proc.inward.Recover(ctx, name); err != nil {
				w.fail("lost events of %s cannot be looked for: %v", name, err)
			}
		}
		w.sleep(90 * time.Minute)
		if !w.drain() {
			return
		}
	}
	w.sleep(5 * time.Minute) // reads may lag
	w.audit()
	w.stored()
	w.repeats()
	w.payments()
	w.renewals()
	if !slices.Contains(w.told(), "next") {
		w.gone("next")
	}
	for _, name := range w.told() {
		if n, err := w.office.compare(w.proc, name); err != nil || n > 0 {
			w.fail("the core and %s differ in %d places (%v): %s", name, n, err, strings.Join(w.trace.last(min(n, 5)), "\n"))
		}
		w.vendor(name)
	}
}

// audit asks the gateway itself.
func (w *world) audit() {
	report, err := w.inner.Reader().AuditAll(context.Background(), nil)
	if err != nil {
		w.fail("the audit cannot be run: %v", err)
	}
	for _, f := range report.Findings {
		w.fail("the audit finds: %s %s", f.Where, f.What)
	}
}

// stored holds the accounts as they are stored against the judge's.
func (w *world) stored() {
	ctx := context.Background()
	for key, a := range w.judge.accounts {
		stored, err := w.inner.Reader().Accounts.Account(ctx, key)
		if err != nil || stored == nil {
			w.fail("account %v is gone: %v", key, err)
			return
		}
		if stored.Consumed != a.consumed {
			w.fail("%v has consumed %d, %d is stored", key, a.consumed, stored.Consumed)
		}
		var sum, is core.Amount
		for _, l := range a.lots {
			sum += l.remaining
		}
		for i := range stored.Grants {
			g := &stored.Grants[i]
			is += g.Remaining
			if l := w.judge.lots[g.ID]; l == nil || l.remaining != g.Remaining || l.held != g.Held {
				w.fail("grant %q has %d left and %d held: %+v", g.ID, g.Remaining, g.Held, l)
			}
		}
		if sum != is {
			w.fail("%v has %d left by its entries, %d as it is stored", key, sum, is)
		}
	}
}

// repeats sends old commands once more.
func (w *world) repeats() {
	for i := 0; i < len(w.client.history); i += 1 + len(w.client.history)/40 {
		w.client.send(w.client.history[i])
	}
}

// payments holds what was paid against what was granted.
func (w *world) payments() {
	w.meet()
	for _, s := range w.client.sales {
		if w.collected(s) != s.granted {
			w.fail("purchase %q of %s: paid %t, granted %t", s.id, s.customer, s.paid, s.granted)
		}
		if s.paid {
			w.returned(s)
		}
	}
	f := ledger.QueueFilter{State: ledger.Parked, Limit: 100}
	events, err := w.inner.Reader().Queues.Events(context.Background(), f)
	if err != nil {
		w.fail("the inbox cannot be read: %v", err)
	}
	for _, e := range events {
		w.say("parked event %s: %s", e.Type, e.Reason)
		if !strings.Contains(e.Reason, "nothing was granted") {
			w.fail("event %q (%s) is parked: %s", e.ID, e.Type, e.Reason)
		}
	}
}

// told are the connections that hold grants and consumption.
func (w *world) told() []string {
	list := []string{w.proc.config.Route.Primary}
	if m, _ := migrate.CurrentMove(context.Background(), w.inner.Reader()); m != nil && m.Phase == migrate.Moved {
		list = append(list, m.Source)
	}
	return list
}

// tell brings what is stored of a thing into the trace: its orders and links.
func (w *world) tell(object string) {
	_, ref, _ := strings.Cut(object, " ")
	if ref == "" {
		return
	}
	f := ledger.QueueFilter{Limit: 1000}
	for {
		page, err := w.inner.Reader().Queues.Intents(context.Background(), f)
		if err != nil || len(page) == 0 {
			break
		}
		for _, i := range page {
			if i.Ref == ref {
				w.say("order %s at %s: %s %s, %d attempts, tried %t, made %s, due %s, settled %s, %s: %s", i.ID, i.Connection, i.Kind, i.State, i.Attempts, i.Tried, i.Created, i.Due, i.Settled, i.Reason, i.Body)
			}
		}
		f.After = page[len(page)-1].ID
	}
	for _, name := range []string{"main", "next"} {
		links, _ := w.inner.Reader().Links.Links(context.Background(), ledger.LinkKey{Connection: name, Neutral: ref})
		for _, l := range links {
			w.say("link %s: %s", l.Connection, l.Vendor)
		}
	}
}
