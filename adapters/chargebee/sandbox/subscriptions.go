package sandbox

import (
	"slices"
	"time"
)

// States of a subscription.
const (
	active       = "active"
	nonRenewing  = "non_renewing"
	cancelled    = "cancelled"
	maxPriceName = 100
)

func createSubscription(c *call) (any, error) {
	owner, err := c.customerNamed(c.Path("id"))
	if err != nil {
		return nil, err
	}
	f := c.form()
	x := &subscription{Customer: owner.ID, Status: active, ID: f.text("id", maxID)}
	x.AutoCollection = f.word("auto_collection", owner.AutoCollection, "on", "off")
	x.Meta, _ = f.object("meta_data")
	names := f.column("subscription_items", "item_price_id")
	quantities := f.numbers("subscription_items", "quantity", len(names), 1)
	prices := f.numbers("subscription_items", "unit_price", len(names), -1)
	f.skip("invoice_immediately", "billing_cycles", "po_number", "start_date", "net_term_days", "create_pending_invoices", "auto_close_invoices")
	if err := f.end(); err != nil {
		return nil, err
	}
	if _, taken := c.st.Subscriptions.get(x.ID); taken {
		return nil, duplicate("id", x.ID)
	}
	if err := c.subscribe(x, names, quantities, prices); err != nil {
		return nil, err
	}
	cost := x.cost()
	if err := c.collectable(owner, x.AutoCollection, cost); err != nil {
		return nil, err
	}
	if x.ID == "" {
		x.ID = c.a.NewID("", 17)
	}
	c.made(&x.stamps)
	x.TermStart = x.Created
	x.TermEnd = term(x.TermStart, x.Period, x.PeriodUnit)
	c.st.Subscriptions.add(x)
	out := obj{"subscription": c.renderSubscription(x), "customer": c.renderCustomer(owner)}
	var bill *invoice
	if cost > 0 {
		bill = c.bill(owner, &invoice{Sub: x.ID, Recurring: true, Currency: x.Currency, Lines: c.linesOf(x)})
		out["invoice"] = c.renderInvoice(bill)
	}
	c.tell("subscription_created", "api", out)
	if bill != nil {
		c.tellInvoice("invoice_generated", bill)
	}
	return out, nil
}

// subscribe fills in what the item prices say: one of them is the plan's.
func (c *call) subscribe(x *subscription, names []string, quantities, prices []int64) error {
	plans := 0
	for i, name := range names {
		p, ok := c.st.Prices.get(name)
		if !ok || len(name) > maxPriceName {
			return missing("item_price", name)
		}
		of, ok := c.st.Items.get(p.Item)
		if !ok {
			return missing("item", p.Item)
		}
		if of.Type == "plan" {
			plans++
			x.Currency, x.Period, x.PeriodUnit = p.Currency, p.Period, p.PeriodUnit
		}
		unit := prices[i]
		if unit < 0 {
			unit = p.Price
		}
		x.Items = append(x.Items, subItem{Price: p.ID, Type: of.Type, Quantity: max(1, quantities[i]), Unit: unit})
	}
	if plans != 1 {
		return wrong("subscription_items[item_price_id][0]", "one item price of a plan is needed, not %d", plans)
	}
	return nil
}

func (x *subscription) cost() int64 {
	var sum int64
	for _, i := range x.Items {
		sum += i.amount()
	}
	return sum
}

func (w *world) linesOf(x *subscription) []line {
	var out []line
	for _, i := range x.Items {
		out = append(out, line{Description: i.Price, Type: i.Type + "_item_price", Price: i.Price, Unit: i.Unit, Quantity: i.Quantity, From: x.TermStart, To: x.TermEnd})
	}
	return out
}

// term is the end of a billing period.
func term(start, count int64, unit string) int64 {
	t, n := time.Unix(start, 0).UTC(), int(count)
	switch unit {
	case "day":
		t = t.AddDate(0, 0, n)
	case "week":
		t = t.AddDate(0, 0, 7*n)
	case "year":
		t = t.AddDate(n, 0, 0)
	default:
		t = t.AddDate(0, max(1, n), 0)
	}
	return t.Unix()
}

func (w *world) subscriptionNamed(id string) (*subscription, error) {
	x, ok := w.st.Subscriptions.get(id)
	if !ok || x.Deleted {
		return nil, missing("subscription", id)
	}
	return x, nil
}

func (w *world) subscriptionAnswer(x *subscription) obj {
	out := obj{"subscription": w.renderSubscription(x)}
	if owner, ok := w.st.Customers.get(x.Customer); ok {
		out["customer"] = w.renderCustomer(owner)
	}
	return out
}

func getSubscription(c *call) (any, error) {
	x, err := c.subscriptionNamed(c.Path("id"))
	if err != nil {
		return nil, err
	}
	return c.subscriptionAnswer(x), nil
}

func listSubscriptions(c *call) (any, error) {
	return list(c, listing{
		name: "subscription", filters: "id customer_id status created_at updated_at activated_at next_billing_at cancelled_at", sorts: "created_at updated_at", deleted: true,
	}, c.st.Subscriptions.Rows, c.renderSubscription, c.subscriptionAnswer)
}

func cancelSubscription(c *call) (any, error) {
	x, err := c.subscriptionNamed(c.Path("id"))
	if err != nil {
		return nil, err
	}
	f := c.form()
	later := f.flag("end_of_term", false) || f.word("cancel_option", "immediately", "end_of_term") == "end_of_term"
	f.skip("cancel_reason_code", "credit_option_for_current_term_charges", "unbilled_charges_option", "account_receivables_handling", "refundable_credits_handling")
	if err := f.end(); err != nil {
		return nil, err
	}
	if !x.lives() {
		return nil, invalidState("The subscription is %s", x.Status)
	}
	if later {
		x.Status, x.CancelledAt = nonRenewing, x.TermEnd
		c.changed(&x.stamps)
		c.tell("subscription_cancellation_scheduled", "api", c.subscriptionAnswer(x))
	} else {
		c.cancel(x, "api")
	}
	return c.subscriptionAnswer(x), nil
}

func (x *subscription) lives() bool { return slices.Contains([]string{active, nonRenewing}, x.Status) }

func (w *world) cancel(x *subscription, source string) {
	x.Status, x.CancelledAt = cancelled, w.at()
	w.changed(&x.stamps)
	w.tell("subscription_cancelled", source, w.subscriptionAnswer(x))
}

// renew begins the next term of a subscription, or ends it.
func (w *world) renew(x *subscription) {
	if x.Status == nonRenewing {
		w.cancel(x, "scheduled_job")
		return
	}
	x.TermStart = x.TermEnd
	x.TermEnd = term(x.TermStart, x.Period, x.PeriodUnit)
	w.changed(&x.stamps)
	out := w.subscriptionAnswer(x)
	owner, ok := w.st.Customers.get(x.Customer)
	var bill *invoice
	if ok && x.cost() > 0 {
		bill = w.bill(owner, &invoice{Sub: x.ID, Recurring: true, Currency: x.Currency, Lines: w.linesOf(x)})
		out["invoice"] = w.renderInvoice(bill)
	}
	w.tell("subscription_renewed", "scheduled_job", out)
	if bill != nil {
		w.tellInvoice("invoice_generated", bill)
	}
}

func (w *world) renderSubscription(x *subscription) obj {
	items := []obj{}
	for _, i := range x.Items {
		items = append(items, obj{"item_price_id": i.Price, "item_type": i.Type, "quantity": i.Quantity, "unit_price": i.Unit, "amount": i.amount(),
			"free_quantity": int64(0), "object": "subscription_item"})
	}
	out := obj{
		"id": x.ID, "customer_id": x.Customer, "currency_code": x.Currency, "status": x.Status, "billing_period": x.Period, "billing_period_unit": x.PeriodUnit,
		"start_date": x.Created, "current_term_start": x.TermStart, "current_term_end": x.TermEnd, "created_at": x.Created, "started_at": x.Created,
		"activated_at": x.Created, "updated_at": x.Updated, "resource_version": x.Version, "has_scheduled_advance_invoices": false, "has_scheduled_changes": false,
		"deleted": x.Deleted, "decommissioned": false, "subscription_items": items, "cancelled_at": some(x.CancelledAt),
		"meta_data": x.Meta, "due_invoices_count": w.dues(x.ID), "mrr": int64(0), "object": "subscription",
	}
	if x.Status == active {
		out["next_billing_at"] = x.TermEnd
	}
	return full(out)
}

func (w *world) dues(sub string) int64 {
	var n int64
	for _, v := range w.st.Invoices.Rows {
		if v.Sub == sub && !v.Deleted && (v.Status == paymentDue || v.Status == notPaid) {
			n++
		}
	}
	return n
}
