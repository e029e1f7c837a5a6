package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const mostEvents = 100

type usageEvent struct {
	ID          string     `json:"lago_id"`
	Transaction string     `json:"transaction_id"`
	Sub         string     `json:"external_subscription_id"`
	Code        string     `json:"code"`
	Timestamp   time.Time  `json:"timestamp"`
	Properties  attributes `json:"properties"`
	Precise     *string    `json:"precise_total_amount_cents"`
	Created     time.Time  `json:"created_at"`
	Checked     bool       `json:"checked"`  // by the hourly check
	Replaced    bool       `json:"replaced"` // by a later one of the same name, in ClickHouse
}

// ingest takes one event.
func ingest(c *call) (any, error) {
	p, err := c.root("event")
	if err != nil {
		return nil, err
	}
	e, f := c.readEvent(p, nil)
	if err := f.problem(); err != nil {
		return nil, err
	}
	return obj{"event": c.record(e)}, nil
}

// ingestBatch takes all events or none.
func ingestBatch(c *call) (any, error) {
	var body params
	if json.Unmarshal(c.Body, &body) != nil || !body.has("events") {
		return nil, c.noRoot("events")
	}
	list := body.objects("events")
	switch {
	case len(list) == 0:
		return nil, invalid("events", "no_events")
	case len(list) > mostEvents:
		return nil, invalid("events", "too_many_events")
	}
	var fresh []*usageEvent
	wrong := map[string]any{}
	for i, p := range list {
		e, f := c.readEvent(p, fresh)
		if len(f) > 0 {
			wrong[strconv.Itoa(i)] = f
		}
		fresh = append(fresh, e)
	}
	if len(wrong) > 0 {
		return nil, refusedFields(wrong)
	}
	shown := []obj{}
	for _, e := range fresh {
		shown = append(shown, c.record(e))
	}
	return obj{"events": shown}, nil
}

// readEvent checks what the vendor checks at once: the names and the time.
// Whether code and subscription exist is found later.
func (c *call) readEvent(p params, before []*usageEvent) (*usageEvent, faults) {
	f := faults{}
	e := &usageEvent{
		Transaction: p.word("transaction_id"), Sub: p.word("external_subscription_id"), Code: p.word("code"), Timestamp: c.now,
		Properties: attributes(p.object("properties")), Precise: p.text("precise_total_amount_cents"), Created: c.now,
	}
	if e.Transaction == "" {
		f.add("transaction_id", "value_is_mandatory")
	}
	if e.Code == "" {
		f.add("code", "value_is_mandatory")
	}
	if p.given("timestamp") {
		seconds := p.decimal("timestamp")
		if seconds == nil || seconds.cmp(whole(1<<40)) > 0 {
			f.add("timestamp", "invalid_format")
		} else {
			milli, _ := seconds.times(whole(1000)).floor(0).int()
			e.Timestamp = time.UnixMilli(milli).UTC()
		}
	}
	same := func(o *usageEvent) bool { return o.Transaction == e.Transaction && o.Sub == e.Sub }
	if !c.a.Variant(clickhouse) && e.Transaction != "" && (slices.ContainsFunc(before, same) || slices.ContainsFunc(c.st.Events.Rows, same)) {
		f.add("transaction_id", "value_already_exist")
	}
	return e, f
}

// record keeps an event, does what follows from it, and shows it as creation
// does: without the customer, who is not looked up yet.
func (c *call) record(e *usageEvent) obj {
	e.ID = c.uuid()
	if c.a.Variant(clickhouse) {
		for _, o := range c.st.Events.Rows {
			if o.Code == e.Code && o.Sub == e.Sub && o.Transaction == e.Transaction && o.Timestamp.Equal(e.Timestamp) {
				o.Replaced = true
			}
		}
	}
	c.st.Events.add(e)
	if s, ok := c.subscriptionNamed(e.Sub); ok {
		c.flag(s.Customer)
		if s.Flagged == nil {
			s.Flagged = &c.now
		}
		c.billInAdvance(s, e)
	}
	shown := c.renderEvent(e)
	shown["lago_customer_id"], shown["lago_subscription_id"] = nil, nil
	return shown
}

// billInAdvance makes the invoice of an event whose charge is paid in advance.
func (w *world) billInAdvance(s *subscription, e *usageEvent) {
	pl, ok := w.planNamed(s.Plan)
	if !ok || s.Status != active || e.Timestamp.Before(s.From) || !e.Timestamp.Before(s.To) {
		return
	}
	for _, ch := range pl.Charges {
		if !ch.InAdvance || ch.Metric != e.Code {
			continue
		}
		one := w.chargeFee(s, ch, pl, s.From, s.To)
		_, one.Groups = ch.group(e)
		one.Target, one.Units, one.Events = ch.target(e), w.unitsOf(ch, e), 1
		one.price(pl.Currency)
		x := w.newInvoice(s.Customer, "subscription", pl.Currency)
		x.Fees, x.Periods = []fee{*one}, []period{{Sub: s.ID, From: s.From, To: s.To, Reason: "in_advance_charge"}}
		w.tell("fee.created", "fee", func() obj {
			out := w.renderFee(x, *one)
			out["event_transaction_id"] = e.Transaction
			return out
		})
		w.finalize(x)
	}
}

// checkEvents is the hourly check of codes and properties.
func (w *world) checkEvents() {
	unknown, lacking := []string{}, []string{}
	for _, e := range w.st.Events.Rows {
		if e.Checked {
			continue
		}
		e.Checked = true
		m, ok := w.metricNamed(e.Code)
		switch {
		case !ok:
			unknown = append(unknown, e.Transaction)
		case m.Field != nil && !params(e.Properties).given(*m.Field):
			lacking = append(lacking, e.Transaction)
		}
	}
	if len(unknown)+len(lacking) > 0 {
		w.tell("events.errors", "events_errors", func() obj {
			return obj{"invalid_code": unknown, "missing_aggregation_property": lacking, "missing_group_key": nil, "invalid_filter_values": []string{}}
		})
	}
}

func getEvent(c *call) (any, error) {
	e, ok := coded(c.st.Events.Rows, c.Path("transaction_id"), func(e *usageEvent) string { return e.Transaction })
	if !ok {
		return nil, missing("event")
	}
	return obj{"event": c.renderEvent(e)}, nil
}

func listEvents(c *call) (any, error) {
	sub, code := c.among("external_subscription_id"), c.among("code")
	from, to, err := c.span("timestamp_from", "timestamp_to")
	if err != nil {
		return nil, err
	}
	return page(c, "events", c.st.Events.Rows, func(e *usageEvent) bool {
		return sub(e.Sub) && code(e.Code) && !e.Timestamp.Before(from) && !e.Timestamp.After(to)
	}, c.renderEvent)
}

// span reads two limits of the query; without them it is all of time.
func (c *call) span(from, to string) (first, last time.Time, err error) {
	last = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, at := range map[string]*time.Time{from: &first, to: &last} {
		text := c.query().Get(name)
		if text == "" {
			continue
		}
		t, ok := parseInstant(strings.ReplaceAll(text, " ", "+"))
		if !ok {
			return first, last, invalid(name, fmt.Sprintf("invalid_%s", "date"))
		}
		*at = t
	}
	return first, last, nil
}

func (w *world) renderEvent(e *usageEvent) obj {
	out := obj{
		"lago_id": e.ID, "transaction_id": e.Transaction, "lago_customer_id": nil, "code": e.Code, "timestamp": precise(&e.Timestamp),
		"precise_total_amount_cents": e.Precise, "properties": params(e.Properties), "lago_subscription_id": nil,
		"external_subscription_id": e.Sub, "created_at": instant(e.Created),
	}
	if e.Properties == nil {
		out["properties"] = obj{}
	}
	if s, ok := w.subscriptionNamed(e.Sub); ok {
		out["lago_customer_id"], out["lago_subscription_id"] = s.Customer, s.ID
	}
	if w.a.Variant(clickhouse) {
		out["lago_id"], out["created_at"] = nil, nil
	}
	return out
}
