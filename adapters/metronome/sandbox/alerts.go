package sandbox

import (
	"slices"
	"strings"
	"time"
)

// lag is how long alerts take under a variant.
const lag = 3 * time.Minute

type alert struct {
	ID        string               `json:"id"`
	Type      string               `json:"alert_type"`
	Name      string               `json:"name"`
	Threshold amount               `json:"threshold"`
	Unit      string               `json:"credit_type_id"`
	Customer  string               `json:"customer_id"` // of everybody when empty
	Key       string               `json:"uniqueness_key"`
	Updated   time.Time            `json:"updated_at"`
	Archived  bool                 `json:"archived"`
	Alarm     map[string]bool      `json:"in_alarm"` // by customer, or by grant
	Later     map[string]time.Time `json:"later"`    // when to look at whom
}

func (x *alert) key() string { return x.ID }

// watches lists the kinds of grants that an alert looks at, and whether it looks
// at each by itself. Types without kinds are kept and stay silent.
func watches(typ string) (kinds []string, each, known bool) {
	switch typ {
	case "low_remaining_commit_balance_reached":
		return []string{prepaid, postpaid}, true, true
	case "low_remaining_contract_credit_balance_reached":
		return []string{credit}, true, true
	case "low_remaining_contract_credit_and_commit_balance_reached":
		return []string{credit, prepaid, postpaid}, false, true
	}
	return nil, false, slices.Contains(strings.Fields(`spend_threshold_reached monthly_invoice_total_spend_threshold_reached usage_threshold_reached
		low_remaining_days_for_commit_segment_reached low_remaining_commit_percentage_reached low_remaining_days_for_contract_credit_segment_reached
		low_remaining_contract_credit_percentage_reached invoice_total_reached low_remaining_seat_balance_reached`), typ)
}

func createAlert(c *call) (any, error) {
	var in struct {
		Type      string   `json:"alert_type"`
		Name      string   `json:"name"`
		Threshold *numeral `json:"threshold"`
		Unit      *string  `json:"credit_type_id"`
		Customer  string   `json:"customer_id"`
		Key       *string  `json:"uniqueness_key"`
		OnCreate  *bool    `json:"evaluate_on_create"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if _, _, known := watches(in.Type); !known || in.Name == "" || in.Threshold == nil {
		return nil, invalid("alert_type %q, name and threshold are required and must be known", in.Type)
	}
	if in.Customer != "" {
		if _, err := c.living(in.Customer); err != nil {
			return nil, err
		}
	}
	unit, err := c.unitOf(in.Unit)
	if err != nil {
		return nil, err
	}
	if err := c.freeKey("alert/", in.Key); err != nil {
		return nil, err
	}
	x := &alert{
		ID: uuid(c.a), Type: in.Type, Name: in.Name, Threshold: in.Threshold.amount, Unit: unit, Customer: in.Customer, Key: or(in.Key, ""), Updated: c.now,
		Alarm: map[string]bool{}, Later: map[string]time.Time{},
	}
	c.takeKey("alert/", in.Key, x.ID)
	c.st.Alerts.add(x)
	for _, who := range c.st.Customers.Rows {
		if or(in.OnCreate, true) {
			c.look(x, who.ID)
		}
	}
	return obj{"data": obj{"id": x.ID}}, nil
}

func archiveAlert(c *call) (any, error) {
	var in struct {
		ID      string `json:"id"`
		Release bool   `json:"release_uniqueness_key"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	x, ok := c.st.Alerts.get(in.ID)
	if !ok {
		return nil, missing("Alert", in.ID)
	}
	x.Archived, x.Updated = true, c.now
	if in.Release {
		delete(c.st.Keys, "alert/"+x.Key)
	}
	return obj{"data": obj{"id": x.ID}}, nil
}

// touched looks at the alerts that a change of somebody's balance concerns.
func (w *world) touched(customer string) {
	w.drafts = nil
	for _, x := range w.st.Alerts.Rows {
		switch {
		case x.Archived || x.Customer != "" && x.Customer != customer:
		case w.a.Variant(alertsLate):
			x.Later[customer] = w.now.Add(lag)
		default:
			w.look(x, customer)
		}
	}
}

func (w *world) lateAlerts() {
	for _, x := range w.st.Alerts.Rows {
		for _, who := range w.st.Customers.Rows {
			if at, waits := x.Later[who.ID]; waits && !at.After(w.now) {
				delete(x.Later, who.ID)
				w.look(x, who.ID)
			}
		}
	}
}

// look evaluates an alert for a customer and tells a change.
func (w *world) look(x *alert, customer string) {
	kinds, each, _ := watches(x.Type)
	if kinds == nil || x.Archived || x.Customer != "" && x.Customer != customer {
		return
	}
	var sum amount
	for _, g := range w.st.Grants.Rows {
		if g.Customer != customer || g.Unit != x.Unit || !slices.Contains(kinds, g.Kind) || g.Archived != nil || g.Segments[0].Start.After(w.now) {
			continue
		}
		left := w.balance(g, true)
		sum = sum.add(left)
		if each {
			w.ring(x, g.ID, left, g.subject())
		}
	}
	if !each {
		w.ring(x, customer, sum, obj{"customer_id": customer, "credit_type_id": x.Unit, "triggered_by": "usage"})
	}
}

// subject is what an alert of one grant says of it.
func (x *grant) subject() obj {
	out := obj{"customer_id": x.Customer}
	put(out, "contract_id", x.Contract != "" && x.Kind == credit, x.Contract)
	if x.Kind == credit {
		out["credit_id"], out["credit_type_id"] = x.ID, x.Unit
		return out
	}
	out["commit_id"], out["triggered_by"] = x.ID, "usage"
	return out
}

// ring tells that a balance came to a threshold, or is above it again.
func (w *world) ring(x *alert, subject string, left amount, properties obj) {
	alarm := left.cmp(x.Threshold) <= 0
	if alarm == x.Alarm[subject] {
		return
	}
	x.Alarm[subject] = alarm
	typ := "alerts." + x.Type
	if !alarm {
		typ = strings.TrimSuffix(typ, "_reached") + "_resolved"
		delete(properties, "triggered_by")
	}
	properties["alert_id"], properties["alert_name"], properties["timestamp"] = x.ID, x.Name, stamp(w.now)
	properties["threshold"], properties["remaining_balance"] = bare(x.Threshold), bare(left)
	body := obj{"properties": properties}
	if !w.a.Variant(alertEventIDs) {
		body["id"] = x.ID
	}
	w.emit(typ, body)
}

type alertRef struct {
	Customer string   `json:"customer_id"`
	ID       string   `json:"alert_id"`
	Statuses []string `json:"alert_statuses"`
}

func getAlert(c *call) (any, error) {
	var in alertRef
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	x, ok := c.st.Alerts.get(in.ID)
	if !ok {
		return nil, missing("Alert", in.ID)
	}
	if _, err := c.customer(in.Customer); err != nil {
		return nil, err
	}
	return obj{"data": c.renderAlert(x, in.Customer)}, nil
}

func listAlerts(c *call) (any, error) {
	var in alertRef
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if _, err := c.customer(in.Customer); err != nil {
		return nil, err
	}
	return listed(c, c.st.Alerts.Rows, func(x *alert) bool {
		return (x.Customer == "" || x.Customer == in.Customer) && (in.Statuses == nil && !x.Archived || slices.ContainsFunc(in.Statuses, func(s string) bool { return strings.EqualFold(s, x.status()) }))
	}, func(x *alert) obj { return c.renderAlert(x, in.Customer) })
}

func (x *alert) status() string {
	if x.Archived {
		return "archived"
	}
	return "enabled"
}

func (w *world) renderAlert(x *alert, customer string) obj {
	shape := obj{
		"id": x.ID, "name": x.Name, "type": x.Type, "status": x.status(), "credit_type": w.unitRef(x.Unit), "threshold": bare(x.Threshold), "updated_at": w.stamp(x.Updated),
	}
	put(shape, "uniqueness_key", x.Key != "", x.Key)
	status := "ok"
	for _, g := range w.st.Grants.Rows {
		if x.Alarm[customer] || g.Customer == customer && x.Alarm[g.ID] {
			status = "in_alarm"
		}
	}
	return obj{"customer_status": status, "alert": shape}
}
