package sandbox

import (
	"slices"
	"time"
)

type subscription struct {
	ID         string           `json:"lago_id"`
	External   string           `json:"external_id"`
	Customer   string           `json:"lago_customer_id"`
	Plan       string           `json:"plan_code"`
	Name       *string          `json:"name"`
	Status     string           `json:"status"`
	Billing    string           `json:"billing_time"`
	At         time.Time        `json:"subscription_at"`
	Started    *time.Time       `json:"started_at"`
	Ending     *time.Time       `json:"ending_at"`
	Terminated *time.Time       `json:"terminated_at"`
	Created    time.Time        `json:"created_at"`
	From       time.Time        `json:"period_from"` // the present period
	To         time.Time        `json:"period_to"`
	Passed     int64            `json:"passed_threshold"`
	Lifetime   int64            `json:"billed_usage"`         // usage of past periods, without tax
	Historical int64            `json:"historical_usage"`     // told by the lifetime_usage call
	Progressed map[string]int64 `json:"progressively_billed"` // of the present period, by metric, without tax
	Flagged    *time.Time       `json:"flagged_at"`           // since when thresholds want a look
}

// subscribe creates a subscription, or changes the one with the same id.
func subscribe(c *call) (any, error) {
	p, err := c.root("subscription")
	if err != nil {
		return nil, err
	}
	f := faults{}
	pl, ok := c.planNamed(p.word("plan_code"))
	if !ok {
		return nil, missing("plan")
	}
	at, valid := p.moment("subscription_at")
	if !valid {
		f.add("subscription_at", "invalid_date")
	}
	ending, valid := p.moment("ending_at")
	if !valid || ending != nil && !ending.After(c.now) {
		f.add("ending_at", "invalid_date")
	}
	if p.word("external_id") == "" || p.word("external_customer_id") == "" {
		f.add("external_id", "value_is_mandatory")
	}
	if err := f.problem(); err != nil {
		return nil, err
	}
	if old, found := c.subscriptionNamed(p.word("external_id")); found {
		if p.has("name") {
			old.Name = p.text("name")
		}
		old.Plan, old.Ending = pl.Code, ending
		c.tellSubscription("subscription.updated", old, obj{"entitlements": []any{}})
		return obj{"subscription": c.renderSubscription(old)}, nil
	}
	owner, found := c.byExternal(p.word("external_customer_id"))
	if !found {
		owner = c.st.Customers.add(&customer{ID: c.uuid(), Sequence: len(c.st.Customers.Rows) + 1, Created: c.now, External: p.word("external_customer_id"), Attrs: attributes{}})
		c.applyCustomer(owner, params{})
	}
	s := &subscription{
		ID: c.uuid(), External: p.word("external_id"), Customer: owner.ID, Plan: pl.Code, Name: p.text("name"), Status: pending,
		Billing: "calendar", At: or(at, c.now), Ending: ending, Created: c.now,
	}
	if p.word("billing_time") == "anniversary" {
		s.Billing = "anniversary"
	}
	c.st.Subs.add(s)
	if !s.At.After(c.now) {
		c.activate(s)
	}
	return obj{"subscription": c.renderSubscription(s)}, nil
}

// activate begins a subscription and, where the plan says so, bills its first
// period at once.
func (w *world) activate(s *subscription) {
	s.Status, s.Started = active, &s.At
	start := s.At
	if w.a.Variant(pastNotBilled) && start.Before(w.now) {
		start = w.now
	}
	s.From, s.To = start, w.boundary(s, start)
	w.tellSubscription("subscription.started", s, obj{"entitlements": []any{}})
	if pl, ok := w.planNamed(s.Plan); ok && pl.InAdvance && pl.Cents > 0 {
		w.bill(s.Customer, []period{{Sub: s.ID, From: s.From, To: s.To, Reason: "subscription_starting"}})
	}
	w.flag(s.Customer)
}

// boundary is where the period that holds an instant ends, in the customer's
// time zone.
func (w *world) boundary(s *subscription, t time.Time) time.Time {
	owner, _ := w.st.Customers.get(s.Customer)
	pl, _ := w.planNamed(s.Plan)
	zone := owner.zone()
	local := t.In(zone)
	midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone)
	anchor := midnight
	if s.Billing == "anniversary" {
		at := s.At.In(zone)
		anchor = time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, zone)
	} else {
		anchor = calendarStart(midnight, pl.Interval)
	}
	const far = 12 * 100
	for n := range far {
		if at := anniversary(anchor, pl.Interval, n); at.After(local) {
			return at.UTC()
		}
	}
	return t.AddDate(100, 0, 0)
}

// calendarStart is where the calendar's period that holds a day begins.
func calendarStart(t time.Time, every string) time.Time {
	month := t.Month()
	switch every {
	case "weekly":
		return t.AddDate(0, 0, -(int(t.Weekday())+6)%7)
	case "quarterly":
		month -= (month - 1) % 3
	case "semiannual":
		month -= (month - 1) % 6
	case "yearly":
		month = time.January
	}
	return time.Date(t.Year(), month, 1, 0, 0, 0, 0, t.Location())
}

// subscriptionNamed finds one that is not over.
func (w *world) subscriptionNamed(external string) (*subscription, bool) {
	i := slices.IndexFunc(w.st.Subs.Rows, func(s *subscription) bool {
		return s.External == external && (s.Status == active || s.Status == pending)
	})
	if i < 0 {
		return nil, false
	}
	return w.st.Subs.Rows[i], true
}

func (c *call) subscriptionOf() (*subscription, error) {
	s, ok := c.subscriptionNamed(c.Path("sub_id"))
	if !ok {
		return nil, missing("subscription")
	}
	return s, nil
}

func getSubscription(c *call) (any, error) {
	s, err := c.subscriptionOf()
	if err != nil {
		return nil, err
	}
	out := c.renderSubscription(s)
	if pl, ok := c.planNamed(s.Plan); ok {
		out["plan"] = c.renderPlan(pl)
	}
	return obj{"subscription": out}, nil
}

func listSubscriptions(c *call) (any, error) {
	status := c.among("status", pending, active, terminated, "canceled", "incomplete")
	all := len(c.query()["status[]"]) > 0
	external, code := c.query().Get("external_customer_id"), c.among("plan_code")
	if id := c.Path("external_id"); id != "" {
		if external = id; !c.known(id) {
			return nil, missing("customer")
		}
	}
	owner, _ := c.byExternal(external)
	return page(c, "subscriptions", c.st.Subs.Rows, func(s *subscription) bool {
		return (external == "" || owner != nil && s.Customer == owner.ID) && code(s.Plan) && (all && status(s.Status) || !all && s.Status == active)
	}, c.renderSubscription)
}

// endSubscription ends a subscription now; its last usage is billed at once.
func endSubscription(c *call) (any, error) {
	s, err := c.subscriptionOf()
	if err != nil {
		return nil, err
	}
	c.endSub(s, c.query().Get("on_termination_invoice") != "skip")
	return obj{"subscription": c.renderSubscription(s)}, nil
}

func (w *world) endSub(s *subscription, bill bool) {
	was := s.Status
	s.Status, s.Terminated = terminated, &w.now
	if was == pending {
		s.Status = "canceled"
		return
	}
	if bill {
		w.bill(s.Customer, []period{{Sub: s.ID, From: s.From, To: w.now, Reason: "subscription_terminating"}})
	}
	w.tellSubscription("subscription.terminated", s, nil)
	w.flag(s.Customer)
}

// lifetimeUsage tells, and with a body sets, what was used before Lago.
func lifetimeUsage(c *call) (any, error) {
	s, err := c.subscriptionOf()
	if err != nil {
		return nil, err
	}
	if len(c.Body) > 0 {
		p, err := c.root("lifetime_usage")
		if err != nil {
			return nil, err
		}
		s.Historical = or(p.number("external_historical_usage_amount_cents"), s.Historical)
		s.Flagged = &c.now
	}
	return obj{"lifetime_usage": obj{
		"lago_id": uuidOf("lifetime " + s.ID), "lago_subscription_id": s.ID, "external_subscription_id": s.External,
		"external_historical_usage_amount_cents": s.Historical, "invoiced_usage_amount_cents": s.Lifetime,
		"current_usage_amount_cents": sumOf(c.usageFees(s, s.From, s.To, false)), "from_datetime": stamp(s.Started), "to_datetime": instant(c.now),
		"usage_thresholds": []any{},
	}}, nil
}

// tellSubscription sends an event of a subscription, with what it has besides.
func (w *world) tellSubscription(typ string, s *subscription, more obj) {
	w.tell(typ, "subscription", func() obj {
		out := w.renderSubscription(s)
		owner, _ := w.st.Customers.get(s.Customer)
		out["customer"] = w.innerCustomer(owner)
		if pl, ok := w.planNamed(s.Plan); ok {
			out["plan"] = w.planNotice(pl)
		}
		for k, v := range more {
			out[k] = v
		}
		return out
	})
}

func (w *world) renderSubscription(s *subscription) obj {
	owner, _ := w.st.Customers.get(s.Customer)
	out := obj{
		"lago_id": s.ID, "external_id": s.External, "lago_customer_id": s.Customer, "external_customer_id": owner.external(), "name": s.Name,
		"plan_code": s.Plan, "status": s.Status, "billing_time": s.Billing, "subscription_at": instant(s.At),
		"started_at": precise(s.Started), "trial_ended_at": nil, "ending_at": stamp(s.Ending), "terminated_at": stamp(s.Terminated),
		"canceled_at": nil, "created_at": instant(s.Created), "previous_plan_code": nil, "next_plan_code": nil, "downgrade_plan_date": nil,
		"current_billing_period_started_at": nil, "current_billing_period_ending_at": nil, "on_termination_credit_note": nil,
		"on_termination_invoice": "generate", "progressive_billing_disabled": false, "consolidate_invoice": true, "purchase_order_number": nil,
		"cancellation_reason": nil, "activated_at": stamp(s.Started), "activation_rules": []any{}, "payment_method": method{Type: "provider"},
	}
	if s.Status == active {
		out["current_billing_period_started_at"], out["current_billing_period_ending_at"] = instant(s.From), instant(s.To.Add(-time.Second))
	}
	if pl, ok := w.planNamed(s.Plan); ok {
		out["plan_amount_cents"], out["plan_amount_currency"] = pl.Cents, pl.Currency
	}
	return out
}
