package sandbox

import (
	"slices"
	"time"
)

type metric struct {
	ID          string    `json:"lago_id"`
	Code        string    `json:"code"`
	Name        string    `json:"name"`
	Aggregation string    `json:"aggregation_type"`
	Field       *string   `json:"field_name"`
	Created     time.Time `json:"created_at"`
}

// charge prices a metric at an amount a unit; other models do not exist here.
type charge struct {
	ID        string    `json:"lago_id"`
	Metric    string    `json:"billable_metric_code"`
	Amount    dec       `json:"amount"`
	GroupKeys []string  `json:"pricing_group_keys"`
	InAdvance bool      `json:"pay_in_advance"`
	Targets   bool      `json:"accepts_target_wallet"`
	Created   time.Time `json:"created_at"`
}

type usageThreshold struct {
	ID        string  `json:"lago_id"`
	Name      *string `json:"threshold_display_name"`
	Cents     int64   `json:"amount_cents"`
	Recurring bool    `json:"recurring"`
}

type plan struct {
	ID         string           `json:"lago_id"`
	Code       string           `json:"code"`
	Name       string           `json:"name"`
	Interval   string           `json:"interval"`
	Cents      int64            `json:"amount_cents"`
	Currency   string           `json:"amount_currency"`
	InAdvance  bool             `json:"pay_in_advance"`
	Charges    []charge         `json:"charges"`
	Thresholds []usageThreshold `json:"usage_thresholds"`
	Created    time.Time        `json:"created_at"`
}

// addOn is what a one-off invoice charges for.
type addOn struct {
	ID          string    `json:"lago_id"`
	Code        string    `json:"code"`
	Name        string    `json:"name"`
	Description *string   `json:"description"`
	Cents       int64     `json:"amount_cents"`
	Currency    string    `json:"amount_currency"`
	Created     time.Time `json:"created_at"`
}

type tax struct {
	ID      string    `json:"lago_id"`
	Code    string    `json:"code"`
	Name    string    `json:"name"`
	Rate    dec       `json:"rate"`
	All     bool      `json:"applied_to_organization"`
	Created time.Time `json:"created_at"`
}

func (w *world) metricNamed(code string) (*metric, bool) {
	return coded(w.st.Metrics.Rows, code, func(m *metric) string { return m.Code })
}

func (w *world) planNamed(code string) (*plan, bool) {
	return coded(w.st.Plans.Rows, code, func(p *plan) string { return p.Code })
}

func coded[T any](rows []T, code string, of func(T) string) (found T, ok bool) {
	i := slices.IndexFunc(rows, func(x T) bool { return of(x) == code })
	if i < 0 {
		return found, false
	}
	return rows[i], true
}

// fresh notes a code that is missing or taken.
func fresh(code string, taken bool, f faults) {
	switch {
	case code == "":
		f.add("code", "value_is_mandatory")
	case taken:
		f.add("code", "value_already_exist")
	}
}

func createMetric(c *call) (any, error) {
	p, err := c.root("billable_metric")
	if err != nil {
		return nil, err
	}
	f, m := faults{}, &metric{Code: p.word("code"), Name: p.word("name"), Aggregation: p.word("aggregation_type"), Field: p.text("field_name"), Created: c.now}
	_, taken := c.metricNamed(m.Code)
	fresh(m.Code, taken, f)
	if m.Aggregation != "sum_agg" && m.Aggregation != "count_agg" {
		f.add("aggregation_type", "value_is_invalid") // the sandbox sums and counts, nothing else
	}
	if m.Aggregation == "sum_agg" && m.Field == nil {
		f.add("field_name", "value_is_mandatory")
	}
	if err := f.problem(); err != nil {
		return nil, err
	}
	m.ID = c.uuid()
	return obj{"billable_metric": renderMetric(c.st.Metrics.add(m))}, nil
}

func renderMetric(m *metric) obj {
	return obj{
		"lago_id": m.ID, "name": m.Name, "code": m.Code, "description": nil, "aggregation_type": m.Aggregation, "weighted_interval": nil,
		"recurring": false, "rounding_function": nil, "rounding_precision": nil, "created_at": instant(m.Created), "field_name": m.Field, "filters": []any{},
	}
}

func createPlan(c *call) (any, error) {
	p, err := c.root("plan")
	if err != nil {
		return nil, err
	}
	f := faults{}
	x := &plan{
		Code: p.word("code"), Name: p.word("name"), Interval: p.word("interval"), Cents: or(p.number("amount_cents"), -1), Currency: p.word("amount_currency"),
		InAdvance: p.flag("pay_in_advance"), Created: c.now,
	}
	_, taken := c.planNamed(x.Code)
	fresh(x.Code, taken, f)
	if !slices.Contains([]string{"weekly", "monthly", "quarterly", "semiannual", "yearly"}, x.Interval) {
		f.add("interval", "value_is_invalid")
	}
	if x.Cents < 0 {
		f.add("amount_cents", "value_is_out_of_range")
	}
	if !isCurrency(x.Currency) {
		f.add("amount_currency", "value_is_invalid")
	}
	for _, one := range p.objects("charges") {
		x.Charges = append(x.Charges, c.readCharge(one, f))
	}
	for _, one := range p.objects("usage_thresholds") {
		t := usageThreshold{ID: c.uuid(), Name: one.text("threshold_display_name"), Cents: or(one.number("amount_cents"), 0), Recurring: one.flag("recurring")}
		if t.Cents <= 0 {
			f.add("usage_thresholds", "value_is_out_of_range")
		}
		x.Thresholds = append(x.Thresholds, t)
	}
	if err := f.problem(); err != nil {
		return nil, err
	}
	x.ID = c.uuid()
	return obj{"plan": c.renderPlan(c.st.Plans.add(x))}, nil
}

func (c *call) readCharge(p params, f faults) charge {
	out := charge{ID: c.uuid(), InAdvance: p.flag("pay_in_advance"), Targets: p.flag("accepts_target_wallet") && !c.a.Variant(noLicence), Created: c.now}
	m, ok := c.st.Metrics.get(p.word("billable_metric_id"))
	if !ok {
		f.add("billable_metrics", "value_is_invalid")
	} else {
		out.Metric = m.Code
	}
	properties := p.object("properties")
	amount := properties.decimal("amount")
	if p.word("charge_model") != "standard" || amount == nil || amount.sign() < 0 {
		f.add("charges", "invalid_charge_model_or_amount") // the sandbox knows the standard model alone
	} else {
		out.Amount = *amount
	}
	if out.GroupKeys = properties.words("pricing_group_keys"); out.GroupKeys == nil {
		out.GroupKeys = properties.words("grouped_by")
	}
	return out
}

func (w *world) renderPlan(x *plan) obj {
	charges, thresholds := []obj{}, []obj{}
	for _, ch := range x.Charges {
		m, _ := w.metricNamed(ch.Metric)
		charges = append(charges, obj{
			"lago_id": ch.ID, "lago_billable_metric_id": m.ID, "code": ch.Metric, "billable_metric_code": ch.Metric, "invoice_display_name": nil,
			"created_at": instant(ch.Created), "charge_model": "standard", "pay_in_advance": ch.InAdvance, "invoiceable": true,
			"regroup_paid_fees": nil, "prorated": false, "min_amount_cents": 0,
			"properties": ch.properties(), "filters": []any{}, "taxes": []any{},
			"accepts_target_wallet": ch.Targets, "lago_parent_id": nil,
		})
	}
	for _, t := range x.Thresholds {
		thresholds = append(thresholds, obj{
			"lago_id": t.ID, "threshold_display_name": t.Name, "amount_cents": t.Cents, "recurring": t.Recurring, "created_at": instant(x.Created),
			"updated_at": instant(x.Created),
		})
	}
	return obj{
		"lago_id": x.ID, "name": x.Name, "created_at": instant(x.Created), "code": x.Code, "interval": x.Interval, "amount_cents": x.Cents,
		"amount_currency": x.Currency, "pay_in_advance": x.InAdvance, "bill_charges_monthly": nil, "bill_fixed_charges_monthly": nil,
		"charges": charges, "fixed_charges": []any{}, "taxes": []any{}, "usage_thresholds": thresholds, "entitlements": []any{},
	}
}

func (ch charge) properties() obj {
	out := obj{"amount": ch.Amount}
	if len(ch.GroupKeys) > 0 {
		out["pricing_group_keys"] = ch.GroupKeys
	}
	return out
}

// planNotice is a plan as webhooks have it.
func (w *world) planNotice(x *plan) obj {
	out := w.renderPlan(x)
	delete(out, "fixed_charges")
	delete(out, "entitlements")
	for _, name := range []string{"invoice_display_name", "description", "parent_id"} {
		out[name] = nil
	}
	for _, name := range []string{"customers_count", "active_subscriptions_count", "draft_invoices_count"} {
		out[name] = 0
	}
	out["trial_period"], out["pending_deletion"], out["applicable_usage_thresholds"] = bare(dec{}), false, []any{}
	for _, ch := range out["charges"].([]obj) {
		ch["applied_pricing_unit"] = nil
	}
	return out
}

func createAddOn(c *call) (any, error) {
	p, err := c.root("add_on")
	if err != nil {
		return nil, err
	}
	f, x := faults{}, &addOn{
		Code: p.word("code"), Name: p.word("name"), Description: p.text("description"), Cents: or(p.number("amount_cents"), 0),
		Currency: p.word("amount_currency"), Created: c.now,
	}
	_, taken := coded(c.st.AddOns.Rows, x.Code, func(a *addOn) string { return a.Code })
	fresh(x.Code, taken, f)
	if x.Cents < 0 || !isCurrency(x.Currency) {
		f.add("amount_cents", "value_is_out_of_range")
	}
	if err := f.problem(); err != nil {
		return nil, err
	}
	x.ID = c.uuid()
	return obj{"add_on": renderAddOn(c.st.AddOns.add(x))}, nil
}

func renderAddOn(x *addOn) obj {
	return obj{
		"lago_id": x.ID, "name": x.Name, "invoice_display_name": nil, "code": x.Code, "description": x.Description, "amount_cents": x.Cents,
		"amount_currency": x.Currency, "created_at": instant(x.Created), "taxes": []any{},
	}
}

func createTax(c *call) (any, error) {
	p, err := c.root("tax")
	if err != nil {
		return nil, err
	}
	f, x := faults{}, &tax{Code: p.word("code"), Name: p.word("name"), Rate: or(p.decimal("rate"), dec{}), All: p.flag("applied_to_organization"), Created: c.now}
	_, taken := coded(c.st.Taxes.Rows, x.Code, func(t *tax) string { return t.Code })
	fresh(x.Code, taken, f)
	if x.Rate.sign() < 0 {
		f.add("rate", "value_is_out_of_range")
	}
	if err := f.problem(); err != nil {
		return nil, err
	}
	x.ID = c.uuid()
	return obj{"tax": renderTax(c.st.Taxes.add(x))}, nil
}

func renderTax(x *tax) obj {
	return obj{
		"lago_id": x.ID, "name": x.Name, "code": x.Code, "rate": bare(x.Rate), "description": nil, "applied_to_organization": x.All,
		"created_at": instant(x.Created),
	}
}

// bare is a decimal written as a JSON number.
type bare dec

// MarshalJSON writes the digits.
func (x bare) MarshalJSON() ([]byte, error) { return []byte(dec(x).String()), nil }

// getCoded answers with the object that has the code of the path.
func getCoded[T any](name string, rows func(*state) []T, of func(T) string, render func(*call, T) obj) handler {
	return func(c *call) (any, error) {
		x, ok := coded(rows(c.st), c.Path("code"), of)
		if !ok {
			return nil, missing(name)
		}
		return obj{name: render(c, x)}, nil
	}
}

// listCoded answers with pages of all there are.
func listCoded[T any](plural string, rows func(*state) []T, render func(*call, T) obj) handler {
	return func(c *call) (any, error) {
		return page(c, plural, rows(c.st), func(T) bool { return true }, func(x T) obj { return render(c, x) })
	}
}

// taxesOf are a customer's own taxes, or else those of the organization.
func (w *world) taxesOf(x *customer) []*tax {
	var own, all []*tax
	for _, t := range w.st.Taxes.Rows {
		if slices.Contains(x.TaxCodes, t.Code) {
			own = append(own, t)
		}
		if t.All {
			all = append(all, t)
		}
	}
	if len(own) > 0 {
		return own
	}
	return all
}

// taxRate is their sum in percent.
func (w *world) taxRate(x *customer) dec {
	var sum dec
	for _, t := range w.taxesOf(x) {
		sum = sum.add(t.Rate)
	}
	return sum
}
