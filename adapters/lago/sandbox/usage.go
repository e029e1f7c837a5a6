package sandbox

import (
	"slices"
	"sort"
	"strings"
	"time"
)

// fee is one line of an invoice.
type fee struct {
	ID        string            `json:"lago_id"`
	Kind      string            `json:"type"` // charge, subscription, credit, add_on
	Code      string            `json:"code"`
	Name      string            `json:"name"`
	Text      *string           `json:"description"`
	Item      string            `json:"lago_item_id"`
	ItemType  string            `json:"item_type"`
	Charge    string            `json:"lago_charge_id"`
	Sub       string            `json:"lago_subscription_id"`
	Target    string            `json:"target_wallet_code"`
	Groups    map[string]string `json:"grouped_by"`
	Units     dec               `json:"units"`
	Unit      dec               `json:"precise_unit_amount"`
	Cents     int64             `json:"amount_cents"`
	Events    int               `json:"events_count"`
	InAdvance bool              `json:"pay_in_advance"`
	From      *time.Time        `json:"from_date"`
	To        *time.Time        `json:"to_date"`
	Created   time.Time         `json:"created_at"`
}

func (f fee) metric() string {
	if f.Kind == "charge" {
		return f.Code
	}
	return ""
}

func sumOf(list []fee) int64 {
	var sum int64
	for _, f := range list {
		sum += f.Cents
	}
	return sum
}

// taxed adds a tax of some percent to an amount, exactly.
func taxed(cents int64, percent dec) dec {
	return whole(cents).times(whole(100).add(percent)).per(whole(100))
}

// usageFees prices the events of a subscription in [from, to), charge by charge
// and group by group. What is billed in advance is a matter of its own.
func (w *world) usageFees(s *subscription, from, to time.Time, inAdvance bool) []fee {
	pl, ok := w.planNamed(s.Plan)
	if !ok {
		return nil
	}
	var out []fee
	for _, ch := range pl.Charges {
		if ch.InAdvance != inAdvance {
			continue
		}
		groups := map[string]*fee{}
		var names []string
		for _, e := range w.st.Events.Rows {
			if e.Sub != s.External || e.Code != ch.Metric || e.Timestamp.Before(from) || !e.Timestamp.Before(to) || e.Replaced {
				continue
			}
			name, keys := ch.group(e)
			if groups[name] == nil {
				groups[name] = w.chargeFee(s, ch, pl, from, to)
				groups[name].Groups, groups[name].Target = keys, ch.target(e)
				names = append(names, name)
			}
			groups[name].Units = groups[name].Units.add(w.unitsOf(ch, e))
			groups[name].Events++
		}
		sort.Strings(names)
		for _, name := range names {
			groups[name].price(pl.Currency)
			out = append(out, *groups[name])
		}
	}
	return out
}

func (f *fee) price(currency string) {
	f.Cents, _ = minor(f.Units.times(f.Unit), currency).round(0).int()
}

func (w *world) chargeFee(s *subscription, ch charge, pl *plan, from, to time.Time) *fee {
	m, _ := w.metricNamed(ch.Metric)
	return &fee{
		ID: w.uuid(), Kind: "charge", Code: m.Code, Name: m.Name, Item: m.ID, ItemType: "BillableMetric", Charge: ch.ID, Sub: s.ID,
		Unit: ch.Amount, InAdvance: ch.InAdvance, From: &from, To: &to, Created: w.now,
	}
}

// group names the bundle of an event by the charge's keys and target wallet.
func (ch charge) group(e *usageEvent) (string, map[string]string) {
	keys, name := map[string]string{}, ch.target(e)
	for _, k := range ch.GroupKeys {
		keys[k] = params(e.Properties).word(k)
		name += "\x00" + keys[k]
	}
	return name, keys
}

func (ch charge) target(e *usageEvent) string {
	if !ch.Targets {
		return ""
	}
	return params(e.Properties).word("target_wallet_code")
}

func (w *world) unitsOf(ch charge, e *usageEvent) dec {
	m, ok := w.metricNamed(ch.Metric)
	if !ok || m.Aggregation == "count_agg" {
		return whole(1)
	}
	return or(params(e.Properties).decimal(or(m.Field, "")), dec{})
}

// owedBy is what a customer has used and no invoice has taken: the present
// periods less what was billed progressively, and the drafts.
func (w *world) owedBy(id, currency string) []owed {
	owner, _ := w.st.Customers.get(id)
	percent := w.taxRate(owner)
	var out []owed
	add := func(f fee, cents int64) {
		sum, _ := taxed(cents, percent).round(0).int()
		i := slices.IndexFunc(out, func(o owed) bool { return o.Kind == f.Kind && o.Metric == f.metric() && o.Target == f.Target })
		if i < 0 {
			out = append(out, owed{f.Kind, f.metric(), f.Target, sum})
			return
		}
		out[i].Cents += sum
	}
	for _, s := range w.st.Subs.Rows {
		pl, ok := w.planNamed(s.Plan)
		if !ok || s.Customer != id || s.Status != active || pl.Currency != currency {
			continue
		}
		fees := w.usageFees(s, s.From, s.To, false)
		for _, f := range fees {
			add(f, f.Cents)
		}
		for _, code := range sortedKeys(s.Progressed) {
			add(fee{Kind: "charge", Code: code}, -s.Progressed[code])
		}
	}
	for _, x := range w.st.Invoices.Rows {
		if x.Customer == id && x.Status == draft && x.Currency == currency {
			for _, f := range w.feesOf(x.Periods) {
				add(f, f.Cents)
			}
			add(fee{Kind: "charge"}, -x.Progressive)
		}
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// currentUsage shows a subscription's present period.
func currentUsage(c *call) (any, error) {
	owner, err := c.named()
	if err != nil {
		return nil, err
	}
	s, ok := c.subscriptionNamed(c.query().Get("external_subscription_id"))
	if !ok || s.Customer != owner.ID {
		return nil, missing("subscription")
	}
	pl, _ := c.planNamed(s.Plan)
	fees := append(c.usageFees(s, s.From, s.To, false), c.usageFees(s, s.From, s.To, true)...)
	charges, sum := []obj{}, sumOf(fees)
	for _, f := range fees {
		m, _ := c.metricNamed(f.Code)
		charges = append(charges, obj{
			"units": f.Units, "total_aggregated_units": f.Units, "events_count": f.Events, "amount_cents": f.Cents, "amount_currency": pl.Currency,
			"charge":          obj{"lago_id": f.Charge, "charge_model": "standard", "invoice_display_name": nil},
			"billable_metric": obj{"lago_id": m.ID, "name": m.Name, "code": m.Code, "aggregation_type": m.Aggregation},
			"filters":         []any{}, "grouped_usage": []any{}, "presentation_breakdowns": []any{},
		})
	}
	total, _ := taxed(sum, c.taxRate(owner)).round(0).int()
	return obj{"customer_usage": obj{
		"from_datetime": instant(s.From), "to_datetime": instant(s.To.Add(-time.Second)), "issuing_date": s.To.In(owner.zone()).Format(time.DateOnly),
		"lago_invoice_id": nil, "currency": pl.Currency, "amount_cents": sum, "taxes_amount_cents": total - sum, "total_amount_cents": total,
		"charges_usage": charges,
	}}, nil
}

func (w *world) renderFee(x *invoice, f fee) obj {
	owner, _ := w.st.Customers.get(x.Customer)
	percent, paid := x.TaxRate, any(nil)
	total := taxed(f.Cents, percent)
	taxes, _ := total.sub(whole(f.Cents)).round(0).int()
	if x.PaymentStatus == succeeded {
		paid = stamp(x.PaidAt)
	}
	out := obj{
		"lago_id": f.ID, "lago_charge_id": textOf(f.Charge), "lago_charge_filter_id": nil, "lago_fixed_charge_id": nil, "lago_invoice_id": x.ID,
		"lago_true_up_fee_id": nil, "lago_true_up_parent_fee_id": nil, "lago_original_fee_id": nil, "lago_subscription_id": textOf(f.Sub),
		"external_subscription_id": nil, "lago_customer_id": x.Customer, "external_customer_id": owner.external(),
		"item": obj{
			"type": f.Kind, "code": f.Code, "name": f.Name, "description": nil, "invoice_display_name": f.Name, "filters": nil,
			"filter_invoice_display_name": nil, "lago_item_id": f.Item, "item_type": f.ItemType, "grouped_by": f.Groups,
		},
		"pay_in_advance": f.InAdvance, "invoiceable": true, "amount_cents": f.Cents, "amount_currency": x.Currency,
		"precise_amount": major(f.Cents, x.Currency), "precise_total_amount": total.per(minor(whole(1), x.Currency)), "taxes_amount_cents": taxes,
		"taxes_precise_amount": total.sub(whole(f.Cents)).per(minor(whole(1), x.Currency)), "taxes_rate": bare(percent),
		"total_aggregated_units": nil, "total_amount_cents": f.Cents + taxes, "total_amount_currency": x.Currency, "units": f.Units,
		"description": f.Text, "precise_unit_amount": f.Unit, "precise_coupons_amount_cents": "0.0", "sub_total_excluding_taxes_amount_cents": f.Cents,
		"sub_total_excluding_taxes_precise_amount_cents": whole(f.Cents), "events_count": nil, "payment_status": x.PaymentStatus,
		"created_at": instant(f.Created), "succeeded_at": paid, "failed_at": nil, "refunded_at": nil, "amount_details": obj{}, "self_billed": false,
		"pricing_unit_details": nil, "presentation_breakdowns": []any{},
	}
	if f.Groups == nil {
		out["item"].(obj)["grouped_by"] = obj{}
	}
	if s, ok := w.st.Subs.get(f.Sub); ok {
		out["external_subscription_id"] = s.External
	}
	if f.Kind == "charge" {
		out["total_aggregated_units"], out["events_count"] = f.Units, f.Events
	}
	if f.From != nil {
		out["from_date"], out["to_date"] = zoned(*f.From), zoned(f.To.Add(-time.Second))
	}
	return out
}

// zoned writes an instant with a numeric zone, as the dates of fees are.
func zoned(t time.Time) string { return strings.TrimSuffix(instant(t), "Z") + "+00:00" }
