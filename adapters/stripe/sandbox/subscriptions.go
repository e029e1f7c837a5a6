package sandbox

import (
	"slices"

	"scrip/adapters/sandbox"
)

const maxSubscriptionItems = 20

func subscriptionRoutes() []sandbox.Route {
	const common = " metadata metadata[*] description cancel_at_period_end collection_method days_until_due proration_behavior payment_behavior " +
		"off_session items[*][price] items[*][quantity] items[*][metadata][*] "
	return []sandbox.Route{
		route("POST", "/v1/subscriptions", common+"customer currency billing_cycle_anchor billing_cycle_anchor_config[day_of_month] "+
			"billing_cycle_anchor_config[hour] billing_cycle_anchor_config[minute] billing_cycle_anchor_config[second]", createSubscription),
		route("GET", "/v1/subscriptions", paging+createdFilter+"customer price status collection_method", listSubscriptions),
		route("GET", "/v1/subscriptions/{id}", "", getSubscription),
		route("POST", "/v1/subscriptions/{id}", common+"items[*][id] items[*][deleted] items[*][clear_usage]", updateSubscription),
		route("DELETE", "/v1/subscriptions/{id}", "invoice_now prorate", cancelSubscription),
		route("GET", "/v1/subscription_items", paging+"subscription", listSubItems),
		route("GET", "/v1/subscription_items/{id}", "", getSubItem),
	}
}

func (w *world) renderSubItem(s *subscription, it *subItem) obj {
	out := obj{
		"id": it.ID, "object": "subscription_item", "created": it.Created, "subscription": s.ID, "metadata": it.Metadata,
		"price": w.priceObject(it.Price), "billing_thresholds": nil, "tax_rates": []obj{}, "discounts": []string{},
		"current_period_start": s.PeriodStart, "current_period_end": s.PeriodEnd,
	}
	if y, ok := w.st.Prices.get(it.Price); ok && y.UsageType != "metered" {
		out["quantity"] = it.Quantity
	}
	return out
}

func (w *world) renderSubscription(s *subscription) obj {
	items := []obj{}
	for _, it := range s.Items {
		items = append(items, w.renderSubItem(s, it))
	}
	var days any
	if s.Collection == sendInvoice {
		days = s.DaysDue
	}
	out := obj{
		"id": s.ID, "object": "subscription", "created": s.Created, "start_date": s.Created, "livemode": false, "customer": s.Customer,
		"currency": s.Currency, "status": s.Status, "billing_cycle_anchor": s.Anchor, "billing_cycle_anchor_config": s.AnchorConfig.render(),
		"current_period_start": s.PeriodStart, "current_period_end": s.PeriodEnd, "cancel_at_period_end": s.CancelAtEnd, "cancel_at": nil,
		"canceled_at": at(s.CanceledAt), "ended_at": at(s.EndedAt), "collection_method": s.Collection, "days_until_due": days,
		"description": orNull(s.Description), "latest_invoice": orNull(s.Latest), "metadata": s.Metadata,
		"items":                obj{"object": "list", "url": "/v1/subscription_items?subscription=" + s.ID, "has_more": false, "total_count": len(items), "data": items},
		"automatic_tax":        obj{"enabled": false, "liability": nil},
		"cancellation_details": obj{"comment": nil, "feedback": nil, "reason": nil}, "default_tax_rates": []obj{},
		"payment_settings": obj{"payment_method_options": nil, "payment_method_types": nil, "save_default_payment_method": nil},
		"trial_settings":   obj{"end_behavior": obj{"missing_payment_method": "create_invoice"}},
	}
	for _, name := range []string{
		"application", "application_fee_percent", "billing_thresholds", "default_payment_method", "default_source", "discount",
		"next_pending_invoice_item_invoice", "on_behalf_of", "pause_collection", "pending_invoice_item_interval", "pending_setup_intent",
		"pending_update", "schedule", "test_clock", "transfer_data", "trial_end", "trial_start",
	} {
		out[name] = nil
	}
	return out
}

// items reads the listed items over those that exist. All prices must share
// currency and interval.
func (c *call) items(s *subscription) []*subItem {
	p, list := c.p, []*subItem{}
	for _, it := range s.Items {
		twin := *it
		list = append(list, &twin)
	}
	for _, i := range p.form.Under("items") {
		prefix := "items[" + i + "]"
		var it *subItem
		if id := p.text(prefix + "[id]"); id != nil {
			at := slices.IndexFunc(list, func(x *subItem) bool { return x.ID == *id })
			if at < 0 {
				p.fail(noSuch(prefix+"[id]", "subscription item", *id))
				return nil
			}
			if gone := p.flag(prefix + "[deleted]"); gone != nil && *gone {
				list = slices.Delete(list, at, at+1)
				continue
			}
			it = list[at]
		} else {
			p.needText(prefix + "[price]")
			it = &subItem{Created: c.now, Quantity: 1, Metadata: map[string]string{}}
			list = append(list, it)
		}
		set(&it.Price, p.text(prefix+"[price]"))
		if n := p.num(prefix + "[quantity]"); n != nil {
			it.Quantity = *n
		}
		for _, k := range p.form.Under(prefix + "[metadata]") {
			it.Metadata[k] = p.form[prefix+"[metadata]["+k+"]"]
		}
		c.checkItem(s, it, prefix)
	}
	switch {
	case len(list) == 0:
		p.fail(missing("items"))
	case len(list) > maxSubscriptionItems:
		p.fail(invalid("items", "You may specify up to %d items", maxSubscriptionItems))
	}
	return list
}

func (c *call) checkItem(s *subscription, it *subItem, prefix string) {
	y, ok := c.st.Prices.get(it.Price)
	switch {
	case !ok:
		c.p.fail(noSuch(prefix+"[price]", "price", it.Price))
		return
	case y.Interval == "":
		c.p.fail(invalid(prefix+"[price]", "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`."))
	case !y.Active:
		c.p.fail(invalid(prefix+"[price]", "The price specified is inactive. This field only accepts active prices."))
	case y.UsageType == "metered" && c.p.has(prefix+"[quantity]"):
		c.p.fail(invalid(prefix+"[quantity]", "You cannot set the quantity of a metered price."))
	case it.Quantity < 0:
		c.p.fail(invalid(prefix+"[quantity]", "Invalid integer: a quantity is at least 0").code("parameter_invalid_integer"))
	}
	if s.Currency == "" {
		s.Currency = y.Currency
	}
	if s.Currency != y.Currency {
		c.p.fail(invalid(prefix+"[price]", "The price's currency is %s, the subscription's %s.", y.Currency, s.Currency))
	}
	if other, found := c.st.Prices.get(firstPrice(s)); found && (other.Interval != y.Interval || other.IntervalCount != y.IntervalCount) {
		c.p.fail(invalid(prefix+"[price]", "All prices of a subscription must have the same billing interval."))
	}
	if len(s.Items) == 0 {
		s.Items = []*subItem{it} // the first item sets the interval
	}
}

func firstPrice(s *subscription) string {
	if len(s.Items) == 0 {
		return ""
	}
	return s.Items[0].Price
}

func (c *call) subscriptionUpdate(s subscription) subscription {
	p := c.p
	if on := p.flag("cancel_at_period_end"); on != nil {
		s.CancelAtEnd, s.CanceledAt = *on, nil
		if now := c.now; *on {
			s.CanceledAt = &now
		}
	}
	if p.has("collection_method") {
		s.Collection = p.oneOf("collection_method", chargeAutomatic, sendInvoice)
	}
	if n := p.num("days_until_due"); n != nil {
		s.DaysDue = *n
	} else if s.Collection == sendInvoice && s.DaysDue == 0 {
		p.fail(missing("days_until_due"))
	}
	p.flag("off_session")
	set(&s.Description, p.textMax("description", 500))
	s.Metadata = p.metadata(s.Metadata)
	return s
}

func createSubscription(c *call) (any, error) {
	p := c.p
	s := subscription{Created: c.now, Status: "active", Anchor: c.now, PeriodStart: c.now, Collection: chargeAutomatic}
	if owner := c.customerOf("customer"); owner != nil {
		s.Customer, s.Currency = owner.ID, owner.Currency
	}
	if p.has("currency") {
		s.Currency = p.currency("currency")
	}
	s = c.subscriptionUpdate(s)
	s.Items = c.items(&s)
	prorate := p.oneOf("proration_behavior", "create_prorations", "none", "always_invoice") != "none"
	p.oneOf("payment_behavior", "allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete")
	s.PeriodEnd = c.periodEnd(&s, 1)
	anchor := c.anchor(&s)
	if p.err != nil {
		return nil, p.err
	}
	if anchor != nil {
		s.Anchor, s.PeriodEnd, s.Cycle = *anchor, *anchor, -1
	}
	s.ID = c.a.NewID("sub_", 24)
	for _, it := range s.Items {
		it.ID = c.a.NewID("si_", 14)
	}
	made := c.st.Subscriptions.add(&s)
	c.firstInvoice(made, anchor != nil, prorate)
	c.emit("customer.subscription.created", c.renderSubscription(made), nil)
	return c.renderSubscription(made), nil
}

// live returns the subscription that the path names; ended ones only if asked.
func (c *call) live(ended bool) (*subscription, error) {
	s, ok := c.st.Subscriptions.get(c.Path("id"))
	if !ok || s.EndedAt != nil && !ended {
		return nil, gone("subscription", c.Path("id"))
	}
	return s, nil
}

func getSubscription(c *call) (any, error) {
	s, err := c.live(true)
	if err != nil {
		return nil, err
	}
	return c.renderSubscription(s), nil
}

func listSubscriptions(c *call) (any, error) {
	p := c.p
	owner, y, method, created := p.text("customer"), p.text("price"), p.text("collection_method"), p.within("created")
	status := p.oneOf("status", "", "active", "past_due", "canceled", "all", "trialing", "unpaid", "incomplete", "incomplete_expired", "paused", "ended")
	return list(c, "/v1/subscriptions", c.st.Subscriptions.Rows, func(s *subscription) bool {
		fits := status == "all" || status == s.Status || status == "" && s.EndedAt == nil || status == "ended" && s.EndedAt != nil
		has := y == nil || slices.ContainsFunc(s.Items, func(it *subItem) bool { return it.Price == *y })
		return fits && has && (owner == nil || s.Customer == *owner) && (method == nil || s.Collection == *method) && created(s.Created)
	}, c.renderSubscription)
}

func updateSubscription(c *call) (any, error) {
	s, err := c.live(false)
	if err != nil {
		return nil, err
	}
	next := c.subscriptionUpdate(*s)
	next.Items = slices.Clone(s.Items)
	next.Items = c.items(&next)
	prorate := c.p.oneOf("proration_behavior", "create_prorations", "none", "always_invoice") != "none"
	if c.p.err == nil && prorate && c.licensed(next.Items) != c.licensed(s.Items) {
		c.p.fail(invalid("proration_behavior", "not_supported: this sandbox does not prorate a change inside a period; send proration_behavior=none"))
	}
	if c.p.err != nil {
		return nil, c.p.err
	}
	for _, it := range next.Items {
		if it.ID == "" {
			it.ID = c.a.NewID("si_", 14)
		}
	}
	c.change("customer.subscription.updated", func() obj { return c.renderSubscription(s) }, func() { *s = next })
	return c.renderSubscription(s), nil
}

func cancelSubscription(c *call) (any, error) {
	s, err := c.live(false)
	if err != nil {
		return nil, err
	}
	now, prorate := c.p.flag("invoice_now"), c.p.flag("prorate")
	if c.p.err == nil && prorate != nil && *prorate {
		c.p.fail(invalid("prorate", "not_supported: this sandbox does not prorate; leave prorate out"))
	}
	if c.p.err != nil {
		return nil, c.p.err
	}
	if now != nil && *now {
		c.usageInvoice(s, c.now, "subscription_update")
	}
	c.endSubscription(s)
	return c.renderSubscription(s), nil
}

func listSubItems(c *call) (any, error) {
	id := c.p.needText("subscription")
	if c.p.err != nil {
		return nil, c.p.err
	}
	s, ok := c.st.Subscriptions.get(id)
	if !ok {
		return nil, noSuch("subscription", "subscription", id)
	}
	rows := make([]itemRow, 0, len(s.Items))
	for _, it := range s.Items {
		rows = append(rows, itemRow{it})
	}
	return list(c, "/v1/subscription_items", rows, func(itemRow) bool { return true }, func(it itemRow) obj { return c.renderSubItem(s, it.subItem) })
}

// itemRow lets items be listed like objects.
type itemRow struct{ *subItem }

func (r itemRow) key() string { return r.ID }

func getSubItem(c *call) (any, error) {
	for _, s := range c.st.Subscriptions.Rows {
		for _, it := range s.Items {
			if it.ID == c.Path("id") {
				return c.renderSubItem(s, it), nil
			}
		}
	}
	return nil, gone("subscription_item", c.Path("id"))
}
