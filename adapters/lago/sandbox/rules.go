package sandbox

import (
	"slices"
	"time"
)

// applyRules reads the rules of a wallet: those that are named are changed, new
// ones are made, those that are not listed end. Without the field all stay.
func (c *call) applyRules(x *wallet, p params, f faults) []*rule {
	if !p.given("recurring_transaction_rules") || c.a.Variant(noLicence) {
		return x.Rules
	}
	list := p.objects("recurring_transaction_rules")
	if len(list) > 1 {
		f.add("recurring_transaction_rules", "invalid_number_of_recurring_rules")
	}
	var out []*rule
	for _, r := range x.Rules {
		ended := *r
		ended.Status = terminated
		out = append(out, &ended)
	}
	for _, one := range list {
		next := &rule{
			ID: c.uuid(), Created: c.now, Status: active, Method: fixed, RequiresPayment: x.RequiresPayment, Payment: x.Method,
		}
		if !one.given("paid_credits") && !one.given("granted_credits") && x.ID == "" {
			next.Paid, next.Granted = p.credits("paid_credits", faults{}), p.credits("granted_credits", faults{})
		}
		at := slices.IndexFunc(out, func(r *rule) bool { return r.ID == one.word("lago_id") })
		if at >= 0 {
			*next = *out[at]
			next.Status = active
		}
		if !c.readRule(next, one) {
			f.add("recurring_transaction_rules", "invalid_recurring_rule")
		}
		if at >= 0 {
			out[at] = next
		} else {
			out = append(out, next)
		}
	}
	return out
}

// readRule reads one rule and says whether it makes sense.
func (c *call) readRule(r *rule, p params) bool {
	f := faults{}
	for name, at := range map[string]*string{"trigger": &r.Trigger, "method": &r.Method} {
		if p.given(name) {
			*at = p.word(name)
		}
	}
	for name, at := range map[string]*dec{"paid_credits": &r.Paid, "granted_credits": &r.Granted, "threshold_credits": &r.Threshold} {
		if p.given(name) {
			*at = p.credits(name, f)
		}
	}
	for name, at := range map[string]**time.Time{"started_at": &r.Started, "expiration_at": &r.Expiration} {
		if p.has(name) {
			t, ok := p.moment(name)
			if !ok || name == "expiration_at" && t != nil && !t.After(c.now) {
				return false
			}
			*at = t
		}
	}
	if p.given("target_ongoing_balance") {
		sum := p.credits("target_ongoing_balance", f)
		r.Target = &sum
	}
	if p.given("interval") {
		r.Interval = p.text("interval")
	}
	for name, at := range map[string]*bool{
		"grants_target_top_up": &r.GrantsTarget, "invoice_requires_successful_payment": &r.RequiresPayment, "ignore_paid_top_up_limits": &r.IgnoreLimits,
	} {
		if p.given(name) {
			*at = p.flag(name)
		}
	}
	r.GrantsTarget = r.GrantsTarget && c.since(v149)
	if p.has("transaction_name") {
		r.Name = p.text("transaction_name")
	}
	r.Payment = p.payment(r.Payment)
	list, code := p.pairs("transaction_metadata", mostPairs)
	if p.has("transaction_metadata") {
		r.Metadata = list
	}
	return code == "" && len(f) == 0 && c.sound(r, p.given("threshold_credits"))
}

func (w *world) sound(r *rule, hasThreshold bool) bool {
	switch r.Trigger {
	case interval:
		if !slices.Contains([]string{"weekly", "monthly", "quarterly", "yearly", "semiannual"}, or(r.Interval, "")) {
			return false
		}
	case threshold:
		if !hasThreshold && r.Threshold.sign() == 0 {
			return false
		}
	default:
		return false
	}
	switch r.Method {
	case fixed:
		return !r.GrantsTarget
	case target:
		return r.Target != nil && (r.Trigger != threshold || !w.since(v150) || r.Target.cmp(r.Threshold) >= 0)
	default:
		return false
	}
}

// watch plans the top-up of a wallet that ran below its rule's threshold.
func (w *world) watch(x *wallet) {
	for _, r := range x.Rules {
		if w.low(x, r) && !w.planned(x) && !w.declined(x, r) {
			if t := w.refill(x, r); t.Paid.sign() > 0 || t.Granted.sign() > 0 {
				w.later("top_up", x.ID, 2*time.Second, &t)
			}
		}
	}
}

// low says whether a threshold rule applies now: also with what is still to be
// paid, the wallet holds no more than the threshold.
func (w *world) low(x *wallet, r *rule) bool {
	expired := r.Expiration != nil && !r.Expiration.After(w.now)
	return r.Trigger == threshold && r.Status == active && !expired && x.OngoingCredits.cmp(r.Threshold) <= 0 &&
		x.OngoingCredits.add(w.pendingCredits(x)).cmp(r.Threshold) <= 0
}

func (w *world) pendingCredits(x *wallet) dec {
	var sum dec
	for _, t := range w.txnsOf(x.ID) {
		if t.Status == pending {
			sum = sum.add(t.Credits)
		}
	}
	return sum
}

// planned says whether an automatic top-up of the wallet is under way.
func (w *world) planned(x *wallet) bool {
	return slices.ContainsFunc(w.st.Jobs, func(j job) bool {
		return j.Kind == "top_up" && j.Object == x.ID && j.TopUp.Source == threshold
	})
}

// declined says whether the last automatic top-up failed within the hour and
// nothing was paid since.
func (w *world) declined(x *wallet, r *rule) bool {
	if !w.since(head) || r.Method == fixed && r.Paid.sign() == 0 || r.GrantsTarget {
		return false
	}
	var last *txn
	for _, t := range w.txnsOf(x.ID) {
		switch {
		case t.Kind != purchased:
		case t.Status == failed && t.Source == threshold && t.Failed != nil && w.now.Sub(*t.Failed) < time.Hour:
			last = t
		case last != nil && t.Status == settled && t.Settled.After(*last.Failed):
			last = nil
		}
	}
	return last != nil
}

// refill is what a rule tops a wallet up with.
func (w *world) refill(x *wallet, r *rule) topUp {
	t := topUp{
		Source: r.Trigger, RequiresPayment: r.RequiresPayment, Metadata: r.Metadata, Priority: defaultPriority, Name: r.Name, Order: r.Order,
		Method: r.Payment,
	}
	if r.Method == target {
		gap := most(r.Target.sub(x.OngoingCredits), dec{})
		if r.GrantsTarget {
			t.Granted = gap
			return t
		}
		t.Paid = gap
		if x.Min != nil && gap.sign() > 0 {
			t.Paid = most(gap, major(*x.Min, x.Currency).per(x.Rate).round(creditPlaces))
		}
		return t
	}
	t.Granted = r.Granted
	t.Paid = w.fixedSize(x, r)
	return t
}

// fixedSize is how much a rule of fixed size buys: as often its amount as it
// takes to come above the threshold, in one purchase.
func (w *world) fixedSize(x *wallet, r *rule) dec {
	if r.Paid.sign() == 0 || r.Trigger != threshold || !w.since(head) {
		return r.Paid
	}
	size := r.Paid
	if gap := r.Threshold.sub(x.OngoingCredits).sub(r.Granted).sub(w.pendingCredits(x)); gap.cmp(r.Paid) >= 0 {
		size = r.Paid.times(gap.per(r.Paid).floor(0).add(whole(1)))
	}
	if x.Max != nil && !r.IgnoreLimits {
		size = least(size, major(*x.Max, x.Currency).per(x.Rate).round(creditPlaces))
	}
	return size
}

// anniversary is the n-th date of a rule, computed from its anchor; months that
// are too short end earlier.
func anniversary(anchor time.Time, every string, n int) time.Time {
	months := map[string]int{"monthly": 1, "quarterly": 3, "semiannual": 6, "yearly": 12}[every]
	if months == 0 {
		return anchor.AddDate(0, 0, 7*n)
	}
	first := time.Date(anchor.Year(), anchor.Month()+time.Month(months*n), 1, 0, 0, 0, 0, anchor.Location())
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(anchor.Day(), last)-1)
}

// intervalDue is when an interval rule fires next: at 55 minutes past the first
// hour of a local day that has not seen it yet, and never on the wallet's first.
func (w *world) intervalDue(x *wallet, r *rule) (time.Time, bool) {
	if x.Status != active || r.Trigger != interval || r.Status != active {
		return time.Time{}, false
	}
	owner, _ := w.st.Customers.get(x.Customer)
	zone := owner.zone()
	midnight := func(t time.Time) time.Time {
		t = t.In(zone)
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, zone)
	}
	anchor, last := midnight(or(r.Started, x.Created)), midnight(x.Created)
	if r.Fired != nil {
		last = midnight(*r.Fired)
	}
	if before := midnight(r.Created).AddDate(0, 0, -1); before.After(last) {
		last = before
	}
	const far = 12 * 100
	for n := range far {
		if at := anniversary(anchor, or(r.Interval, ""), n); at.After(last) {
			if at.Before(r.Created) {
				at = r.Created
			}
			return nextAt(at.UTC(), 55), true
		}
	}
	return time.Time{}, false
}

func renderRule(r *rule) obj {
	return obj{
		"lago_id": r.ID, "paid_credits": r.Paid, "granted_credits": r.Granted, "grants_target_top_up": r.GrantsTarget, "interval": r.Interval,
		"method": r.Method, "started_at": stamp(r.Started), "expiration_at": stamp(r.Expiration), "status": r.Status,
		"target_ongoing_balance": r.Target, "threshold_credits": r.Threshold, "trigger": r.Trigger, "created_at": instant(r.Created),
		"invoice_requires_successful_payment": r.RequiresPayment, "transaction_metadata": filled(r.Metadata), "transaction_name": r.Name,
		"purchase_order_number": r.Order, "ignore_paid_top_up_limits": r.IgnoreLimits, "applied_invoice_custom_sections": []any{},
		"payment_method": r.Payment,
	}
}
