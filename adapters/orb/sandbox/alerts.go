package sandbox

import (
	"fmt"
	"net/http"
	"slices"
)

// Kinds of alerts about a customer's credits.
const (
	depleted  = "credit_balance_depleted"
	dropped   = "credit_balance_dropped"
	recovered = "credit_balance_recovered"
)

type threshold struct {
	Value *numeral `json:"value"`
}

func values(list []threshold) ([]amount, error) {
	out := []amount{}
	for _, t := range list {
		if t.Value == nil {
			return nil, invalid("thresholds.value: field required")
		}
		out = append(out, t.Value.amount)
	}
	return out, nil
}

func createAlert(c *call) (any, error) {
	x, err := c.customerNamed(c.Path("part"))
	if err != nil {
		return nil, err
	}
	var in struct {
		Type       *string     `json:"type"`
		Currency   *string     `json:"currency"`
		Thresholds []threshold `json:"thresholds"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	typ := or(in.Type, "")
	var s shape
	s.check(slices.Contains([]string{depleted, dropped, recovered}, typ), "type: %q is unknown", typ)
	s.check(in.Currency != nil, "currency: field required")
	s.check((typ == dropped) == (len(in.Thresholds) > 0), "thresholds: they belong to credit_balance_dropped alone, which needs them")
	if err := s.problem(); err != nil {
		return nil, err
	}
	limits, err := values(in.Thresholds)
	if err != nil {
		return nil, err
	}
	unit, err := c.unit(x, in.Currency)
	if err != nil {
		return nil, err
	}
	l := c.ledger(x, unit)
	for _, old := range c.st.Alerts.Rows {
		if old.Ledger == l.key() && old.Type == typ {
			return nil, failure(400, duplicateResource, "Duplicate resource creation", "An alert of type %s exists for this customer and currency", typ)
		}
	}
	al := &alert{ID: c.a.NewID("", 16), Created: c.second(), Ledger: l.key(), Type: typ, Enabled: true, Thresholds: limits}
	al.In = al.status(l)
	c.st.Alerts.add(al)
	return answered{http.StatusCreated, c.renderAlert(al)}, nil
}

// status says which thresholds the balance is under; one value where there is
// no threshold.
func (al *alert) status(l *ledger) []bool {
	switch al.Type {
	case depleted:
		return []bool{l.Balance.sign() <= 0}
	case recovered:
		return []bool{l.Balance.sign() > 0}
	}
	out := make([]bool, len(al.Thresholds))
	for i, limit := range al.Thresholds {
		out[i] = l.Balance.cmp(limit) <= 0
	}
	return out
}

// watch compares the alerts of a ledger with its balance and tells of those
// that start.
func (w *world) watch(l *ledger) {
	x, ok := w.st.Customers.get(l.Customer)
	if !ok {
		return
	}
	for _, al := range w.st.Alerts.Rows {
		if al.Ledger != l.key() || !al.Enabled {
			continue
		}
		before := al.In
		al.In = al.status(l)
		for i, in := range al.In {
			if !in || i < len(before) && before[i] {
				continue
			}
			properties := obj{"alert_configuration": w.webhookAlert(al), "pricing_unit": w.pricingUnit(l.Unit)}
			if al.Type == dropped {
				properties["balance_threshold"] = al.Thresholds[i].String()
			}
			w.tellCustomer("customer."+al.Type, x, properties)
		}
	}
}

func (w *world) renderAlert(al *alert) obj {
	return w.alertWith(al, func(x amount) any { return bare(x) })
}

// webhookAlert is an alert as webhooks carry it, with strings for numbers.
func (w *world) webhookAlert(al *alert) obj {
	return w.alertWith(al, func(x amount) any { return x.String() })
}

func (w *world) alertWith(al *alert, number func(amount) any) obj {
	l, ok := w.st.Ledgers.get(al.Ledger)
	if !ok {
		l = &ledger{}
	}
	limits, status := []obj{}, []obj{}
	for i, in := range al.In {
		value := amount{}
		if i < len(al.Thresholds) {
			value = al.Thresholds[i]
			limits = append(limits, obj{"value": number(value)})
		}
		status = append(status, obj{"threshold_value": number(value), "in_alert": in})
	}
	var thresholds any
	if al.Type == dropped {
		thresholds = limits
	}
	return obj{
		"id": al.ID, "type": al.Type, "created_at": stamp(&al.Created), "enabled": al.Enabled, "thresholds": thresholds, "customer": w.minified(l.Customer),
		"plan": nil, "subscription": nil, "metric": nil, "license_type": nil, "currency": l.Unit, "grouping_keys": nil, "price_filters": nil,
		"threshold_overrides": nil, "balance_alert_status": status,
	}
}

func (c *call) alert() (*alert, error) {
	if al, ok := c.st.Alerts.get(c.Path("alert_id")); ok {
		return al, nil
	}
	return nil, missing("alert", c.Path("alert_id"))
}

func getAlert(c *call) (any, error) {
	al, err := c.alert()
	if err != nil {
		return nil, err
	}
	return c.renderAlert(al), nil
}

// listAlerts wants one of its filters, as each alert belongs to something.
func listAlerts(c *call) (any, error) {
	created, err := c.within("created_at")
	if err != nil {
		return nil, err
	}
	q := c.Request.URL.Query()
	owner := q.Get("customer_id")
	if ext := q.Get("external_customer_id"); ext != "" {
		if x, ok := c.byExternal(ext); ok {
			owner = x.ID
		}
	}
	if owner == "" {
		return nil, invalid("give one of customer_id, external_customer_id and subscription_id")
	}
	return list(c, pageLimit, c.st.Alerts.Rows, func(al *alert) bool {
		l, ok := c.st.Ledgers.get(al.Ledger)
		return ok && l.Customer == owner && created(al.Created)
	}, c.renderAlert)
}

func updateAlert(c *call) (any, error) {
	al, err := c.alert()
	if err != nil {
		return nil, err
	}
	var in struct {
		Thresholds []threshold `json:"thresholds"`
		Filters    []filter    `json:"price_filters"`
		Overrides  []obj       `json:"threshold_overrides"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	limits, err := values(in.Thresholds)
	if err != nil {
		return nil, err
	}
	if (al.Type == dropped) != (len(limits) > 0) || len(in.Filters)+len(in.Overrides) > 0 {
		return nil, violates("%s", fmt.Sprintf("An alert of type %s cannot be changed like this", al.Type))
	}
	al.Thresholds = limits
	if l, ok := c.st.Ledgers.get(al.Ledger); ok {
		al.In = al.status(l)
	}
	return c.renderAlert(al), nil
}

func deleteAlert(c *call) (any, error) {
	al, err := c.alert()
	if err != nil {
		return nil, err
	}
	c.st.Alerts.remove(al.ID)
	return nil, nil
}

// postAlertPart makes an alert for a customer, or switches one on or off.
func postAlertPart(c *call) (any, error) {
	part := c.Path("part")
	if c.Path("alert_id") == "customer_id" {
		return createAlert(c)
	}
	if part != "enable" && part != "disable" {
		return nil, noSuchPath(c.Request.Method, c.Request.URL.Path)
	}
	al, err := c.alert()
	if err != nil {
		return nil, err
	}
	al.Enabled = part == "enable"
	return c.renderAlert(al), nil
}
