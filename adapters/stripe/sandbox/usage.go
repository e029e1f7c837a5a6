package sandbox

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"scrip/adapters/sandbox"
)

const (
	day              = 24 * 60 * 60
	usageWindow      = 35 * day // how old a meter event may be, in seconds
	usageSkew        = 5 * 60   // how far ahead it may be
	maxUsageDigits   = 15
	identifierWindow = day // for which an identifier counts once
)

// decimal reads a plain decimal number: no exponent, no fraction bar.
func decimal(s string) (*big.Rat, bool) {
	if s == "" || len(s) > 40 || strings.Trim(s, "0123456789.-") != "" {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

// plain writes a number as shortly as a decimal can.
func plain(r *big.Rat) string {
	s := r.FloatString(maxUsageDigits)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

func createMeterEvent(c *call) (any, error) {
	p := c.p
	e := &meterEvent{Received: c.now, Timestamp: c.now, Payload: map[string]string{}}
	e.EventName = p.needText("event_name")
	p.textMax("event_name", 100)
	set(&e.Identifier, p.textMax("identifier", 100))
	if t := p.num("timestamp"); t != nil {
		e.Timestamp = *t
	}
	if !p.has("payload") {
		p.fail(missing("payload"))
	}
	for _, k := range p.form.Under("payload") {
		e.Payload[k] = p.form["payload["+k+"]"]
	}
	if e.Timestamp != c.now && c.outsideWindow(e) != "" && c.a.Variant(meterTimestampRefused) {
		p.fail(invalid("timestamp", "The timestamp must be within the past 35 calendar days and at most 5 minutes ahead").code(c.outsideWindow(e)))
	}
	if p.err != nil {
		return nil, p.err
	}
	if e.Identifier == "" {
		e.Identifier = c.a.NewID("", 36)
	}
	out := obj{
		"object": "billing.meter_event", "created": c.now, "livemode": false, "event_name": e.EventName,
		"identifier": e.Identifier, "payload": e.Payload, "timestamp": e.Timestamp,
	}
	if c.usedIdentifier(e) {
		if c.a.Variant(meterDuplicateError) {
			return nil, refused("An event already exists with identifier %s.", e.Identifier).code("duplicate_meter_event")
		}
		return out, nil
	}
	e.ID = c.a.NewID("mtrev_", 24)
	c.judge(e)
	if c.a.Variant(summaryLag) {
		e.Uncounted = 1
	}
	c.st.usageIndexed().add(c.st.MeterEvents.add(e))
	if e.Rejected != "" {
		c.reportUsageError(e)
	}
	return out, nil
}

// usageIndex finds meter events without walking through all of them.
type usageIndex struct {
	received   map[string]int64 // by identifier, the last time
	byCustomer map[string][]*meterEvent
}

func (x *usageIndex) add(e *meterEvent) {
	x.received[e.Identifier] = e.Received
	x.byCustomer[e.Customer] = append(x.byCustomer[e.Customer], e)
}

// usageIndexed returns the index, made from the table where there is none yet.
func (s *state) usageIndexed() *usageIndex {
	if s.usage == nil {
		s.usage = &usageIndex{received: map[string]int64{}, byCustomer: map[string][]*meterEvent{}}
		for _, e := range s.MeterEvents.Rows {
			s.usage.add(e)
		}
	}
	return s.usage
}

func (c *call) usedIdentifier(e *meterEvent) bool {
	last, used := c.st.usageIndexed().received[e.Identifier]
	return used && last > c.now-identifierWindow
}

func (w *world) outsideWindow(e *meterEvent) string {
	switch {
	case e.Timestamp > w.now+usageSkew:
		return "timestamp_in_future"
	case e.Timestamp < w.now-usageWindow:
		return "timestamp_too_far_in_past"
	}
	return ""
}

// judge decides, after the answer as far as a client can tell, whether an
// event counts.
func (w *world) judge(e *meterEvent) {
	m := w.meterNamed(e.EventName)
	if m == nil {
		e.Rejected = "no_meter"
		return
	}
	e.Meter, e.Customer, e.Value = m.ID, e.Payload[m.CustomerKey], e.Payload[m.ValueKey]
	owner, known := w.st.Customers.get(e.Customer)
	_, number := decimal(e.Value)
	switch {
	case m.DeactivatedAt != nil:
		e.Rejected = "archived_meter"
	case e.Customer == "":
		e.Rejected = "meter_event_no_customer_defined"
	case !known || owner.Deleted:
		e.Rejected = "meter_event_customer_not_found"
	case m.Formula == "count" && e.Value == "":
		e.Value = "1"
	case !number:
		e.Rejected = "meter_event_invalid_value"
	case len(strings.Trim(e.Value, "-.")) > maxUsageDigits:
		e.Rejected = "meter_event_value_too_many_digits"
	}
	if e.Rejected == "" {
		e.Rejected = w.outsideWindow(e)
	}
}

func (e *meterEvent) counts() bool { return e.Rejected == "" && !e.Cancelled }

func createAdjustment(c *call) (any, error) {
	p := c.p
	p.needText("type")
	p.oneOf("type", "cancel")
	name, id := p.needText("event_name"), p.needText("cancel[identifier]")
	if p.err != nil {
		return nil, p.err
	}
	for _, e := range slices.Backward(c.st.MeterEvents.Rows) {
		if e.Identifier != id || e.EventName != name {
			continue
		}
		if e.Received <= c.now-day {
			return nil, refused("The event with identifier %s was received more than 24 hours ago and cannot be cancelled.", id)
		}
		e.Cancelled = true
		return obj{
			"object": "billing.meter_event_adjustment", "livemode": false, "event_name": name,
			"type": "cancel", "status": "complete", "cancel": obj{"identifier": id},
		}, nil
	}
	return nil, noSuch("cancel[identifier]", "meter event", id)
}

// aggregate folds the counted events of a customer with timestamps in
// [from, to), and says whether there were any.
func (w *world) aggregate(m *meter, customer string, from, to int64) (*big.Rat, bool) {
	total, any, last := new(big.Rat), false, int64(0)
	for _, e := range w.st.usageIndexed().byCustomer[customer] {
		if e.Meter != m.ID || !e.counts() || e.Timestamp < from || e.Timestamp >= to {
			continue
		}
		v, ok := decimal(e.Value)
		if !ok {
			continue
		}
		switch {
		case m.Formula == "sum":
			total.Add(total, v)
		case m.Formula == "count":
			total.Add(total, big.NewRat(1, 1))
		case !any || e.Timestamp >= last:
			total.Set(v)
			last = e.Timestamp
		}
		any = true
	}
	return total, any
}

func eventSummaries(c *call) (any, error) {
	m, err := c.meter()
	if err != nil {
		return nil, err
	}
	x := c.customerOf("customer")
	from, to := c.p.needNum("start_time"), c.p.needNum("end_time")
	step, align := to-from, int64(60)
	switch c.p.oneOf("value_grouping_window", "", "hour", "day") {
	case "hour":
		step, align = 3600, 3600
	case "day":
		step, align = day, day
	}
	w := c.p.window()
	switch {
	case c.p.err != nil:
		return nil, c.p.err
	case from%align != 0:
		return nil, invalid("start_time", "start_time must align with %d second boundaries", align)
	case to%align != 0:
		return nil, invalid("end_time", "end_time must align with %d second boundaries", align)
	case to <= from:
		return nil, invalid("end_time", "end_time must be after start_time")
	case (to-from)/step > 10_000:
		return nil, invalid("end_time", "The time range is too wide for this value_grouping_window")
	}
	hidden := c.hideUncounted(m, x.ID)
	defer hidden()
	data := []obj{}
	for end := to; end > from; end -= step {
		if v, any := c.aggregate(m, x.ID, end-step, end); any {
			data = append(data, renderSummary(m, end-step, end, v))
		}
	}
	page, more, found := sandbox.Cut(data, func(x obj) string { return fmt.Sprint(x["id"]) }, w)
	if !found {
		return nil, noSuch("starting_after", "object", w.After+w.Before)
	}
	return obj{"object": "list", "url": "/v1/billing/meters/" + m.ID + "/event_summaries", "has_more": more, "data": page}, nil
}

// hideUncounted takes events out of one summary that lags behind, and returns
// what puts them back.
func (c *call) hideUncounted(m *meter, customer string) func() {
	var hidden []*meterEvent
	for _, e := range c.st.usageIndexed().byCustomer[customer] {
		if e.Uncounted > 0 && e.Meter == m.ID && e.counts() {
			e.Uncounted--
			e.Cancelled = true
			hidden = append(hidden, e)
		}
	}
	return func() {
		for _, e := range hidden {
			e.Cancelled = false
		}
	}
}

func renderSummary(m *meter, from, to int64, v *big.Rat) obj {
	return obj{
		"id": fmt.Sprintf("mtrusg_test_%s_%d_%d", strings.TrimPrefix(m.ID, "mtr_test_"), from, to), "object": "billing.meter_event_summary",
		"livemode": false, "meter": m.ID, "start_time": from, "end_time": to, "aggregated_value": number(plain(v)),
	}
}
