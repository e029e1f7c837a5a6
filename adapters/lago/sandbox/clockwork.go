package sandbox

import (
	"slices"
	"time"

	"scrip/adapters/sandbox"
)

// Minutes past the hour at which the vendor's clock does its work.
const (
	minuteEnd      = 5
	minuteBill     = 10
	minuteFinalize = 20
	minuteExpire   = 45
	minuteRules    = 50
)

// happening is something that the clock does at an instant.
type happening struct {
	at time.Time
	do func()
}

// happenings lists what is to come. What is done is not listed again.
func (w *world) happenings() []happening {
	var out []happening
	add := func(at time.Time, do func()) { out = append(out, happening{at, do}) }
	for i := range w.st.Jobs {
		add(w.st.Jobs[i].At, w.runJobs)
	}
	for _, x := range w.st.Wallets.Rows {
		if x.Status != active {
			continue
		}
		if x.Expiration != nil {
			add(nextAt(*x.Expiration, minuteExpire), func() { w.terminate(x) })
		}
		for _, r := range x.Rules {
			if r.Status == active && r.Expiration != nil {
				add(nextAt(*r.Expiration, minuteRules), func() { r.Status = terminated })
			}
			if at, ok := w.intervalDue(x, r); ok {
				add(at, func() { w.fire(x, r) })
			}
		}
	}
	for _, s := range w.st.Subs.Rows {
		out = append(out, w.subscriptionHappenings(s)...)
	}
	for _, x := range w.st.Invoices.Rows {
		if x.Status == draft {
			add(nextAt(x.Issuing.UTC(), minuteFinalize), func() { w.finalizeDraft(x) })
		}
	}
	for _, x := range w.st.Customers.Rows {
		if x.Flagged != nil && x.Deleted == nil && w.refreshes() {
			add(refreshAt(*x.Flagged), func() { w.refresh(x.ID) })
		}
	}
	if i := slices.IndexFunc(w.st.Events.Rows, func(e *usageEvent) bool { return !e.Checked }); i >= 0 && !w.a.Variant(clickhouse) {
		add(nextAt(w.st.Events.Rows[i].Created, minuteEnd), w.checkEvents)
	}
	return out
}

func (w *world) subscriptionHappenings(s *subscription) []happening {
	switch {
	case s.Status == pending:
		return []happening{{s.At, func() { w.activate(s) }}}
	case s.Status != active:
		return nil
	}
	out := []happening{{nextAt(s.To, minuteBill), w.billPeriods}}
	if s.Ending != nil {
		out = append(out, happening{nextAt(*s.Ending, minuteEnd), func() { w.endSub(s, true) }})
	}
	if s.Flagged != nil {
		at := s.Flagged.Truncate(time.Minute)
		if at.Before(*s.Flagged) {
			at = at.Add(time.Minute)
		}
		out = append(out, happening{at, func() { w.checkThresholds(s) }})
	}
	return out
}

// due is the next instant at which something happens by itself.
func due(a *sandbox.Account) (time.Time, bool) {
	var next time.Time
	found := false
	for _, h := range worldOf(a).happenings() {
		if !found || h.at.Before(next) {
			next, found = h.at, true
		}
	}
	return next, found
}

// runDue does everything that is due, in order.
func runDue(a *sandbox.Account) {
	w := worldOf(a)
	list := w.happenings()
	slices.SortStableFunc(list, func(a, b happening) int { return a.at.Compare(b.at) })
	for _, h := range list {
		if !h.at.After(w.now) {
			h.do()
		}
	}
	w.flush()
}

// runJobs does the background work that is due, oldest first.
func (w *world) runJobs() {
	var ready []job
	w.st.Jobs = slices.DeleteFunc(w.st.Jobs, func(j job) bool {
		if !j.At.After(w.now) {
			ready = append(ready, j)
			return true
		}
		return false
	})
	slices.SortStableFunc(ready, func(a, b job) int { return a.At.Compare(b.At) })
	for _, j := range ready {
		w.runJob(j)
	}
}

func (w *world) runJob(j job) {
	switch j.Kind {
	case "top_up":
		if x, ok := w.st.Wallets.get(j.Object); ok && x.Status == active {
			w.topUp(x, *j.TopUp)
		}
	case "bill_credits":
		if t, ok := w.st.Txns.get(j.Object); ok && t.Status == pending && t.Invoice == nil {
			w.billCredits(t)
		}
	case "refresh":
		w.refresh(j.Object)
	case "customer_gone":
		w.endCustomer(j.Object)
	case "last_drafts":
		for _, x := range w.st.Invoices.Rows {
			if x.Customer == j.Object && x.Status == draft {
				w.finalizeDraft(x)
			}
		}
	}
}

// fire lets an interval rule top its wallet up.
func (w *world) fire(x *wallet, r *rule) {
	r.Fired = &w.now
	w.topUp(x, w.refill(x, r))
}
