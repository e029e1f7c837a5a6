package sandbox

func renderMeter(m *meter) obj {
	status := "active"
	if m.DeactivatedAt != nil {
		status = "inactive"
	}
	return obj{
		"id": m.ID, "object": "billing.meter", "created": m.Created, "updated": m.Updated, "livemode": false,
		"display_name": m.DisplayName, "event_name": m.EventName, "default_aggregation": obj{"formula": m.Formula},
		"customer_mapping": obj{"type": "by_id", "event_payload_key": m.CustomerKey},
		"value_settings":   obj{"event_payload_key": m.ValueKey}, "event_time_window": orNull(m.Window),
		"status": status, "status_transitions": obj{"deactivated_at": at(m.DeactivatedAt)},
	}
}

// meterNamed finds the active meter of an event name, else an archived one.
func (w *world) meterNamed(event string) *meter {
	var archived *meter
	for _, m := range w.st.Meters.Rows {
		if m.EventName != event {
			continue
		}
		if m.DeactivatedAt == nil {
			return m
		}
		archived = m
	}
	return archived
}

func createMeter(c *call) (any, error) {
	p := c.p
	m := &meter{Created: c.now, Updated: c.now, CustomerKey: "stripe_customer_id", ValueKey: "value"}
	m.DisplayName, m.EventName = p.needText("display_name"), p.needText("event_name")
	p.textMax("display_name", 250)
	p.textMax("event_name", 100)
	p.needText("default_aggregation[formula]")
	m.Formula = p.oneOf("default_aggregation[formula]", "sum", "count", "last")
	if p.has("customer_mapping") {
		p.needText("customer_mapping[type]")
		p.oneOf("customer_mapping[type]", "by_id")
		m.CustomerKey = p.needText("customer_mapping[event_payload_key]")
	}
	if p.has("value_settings") {
		m.ValueKey = p.needText("value_settings[event_payload_key]")
	}
	m.Window = p.oneOf("event_time_window", "", "day", "hour")
	if p.err != nil {
		return nil, p.err
	}
	if old := c.meterNamed(m.EventName); old != nil && old.DeactivatedAt == nil {
		return nil, refused("An active meter with event_name '%s' already exists (%s).", m.EventName, old.ID)
	}
	m.ID = c.a.NewID("mtr_test_", 24)
	c.st.Meters.add(m)
	c.emit("billing.meter.created", renderMeter(m), nil)
	return renderMeter(m), nil
}

func (c *call) meter() (*meter, error) {
	m, ok := c.st.Meters.get(c.Path("id"))
	if !ok {
		return nil, gone("billing.meter", c.Path("id"))
	}
	return m, nil
}

func getMeter(c *call) (any, error) {
	m, err := c.meter()
	if err != nil {
		return nil, err
	}
	return renderMeter(m), nil
}

func listMeters(c *call) (any, error) {
	status := c.p.oneOf("status", "", "active", "inactive")
	return list(c, "/v1/billing/meters", c.st.Meters.Rows, func(m *meter) bool {
		return status == "" || (status == "active") == (m.DeactivatedAt == nil)
	}, renderMeter)
}

func updateMeter(c *call) (any, error) {
	m, err := c.meter()
	if err != nil {
		return nil, err
	}
	name := c.p.textMax("display_name", 250)
	if c.p.err != nil {
		return nil, c.p.err
	}
	c.change("billing.meter.updated", func() obj { return renderMeter(m) }, func() {
		set(&m.DisplayName, name)
		m.Updated = c.now
	})
	return renderMeter(m), nil
}

func deactivateMeter(c *call) (any, error) {
	m, err := c.meter()
	if err != nil {
		return nil, err
	}
	if m.DeactivatedAt != nil {
		return nil, refused("The meter %s is already inactive.", m.ID)
	}
	now := c.now
	m.DeactivatedAt, m.Updated = &now, now
	c.emit("billing.meter.deactivated", renderMeter(m), nil)
	return renderMeter(m), nil
}

func reactivateMeter(c *call) (any, error) {
	m, err := c.meter()
	if err != nil {
		return nil, err
	}
	if m.DeactivatedAt == nil {
		return nil, refused("The meter %s is already active.", m.ID)
	}
	if other := c.meterNamed(m.EventName); other != m && other.DeactivatedAt == nil {
		return nil, refused("An active meter with event_name '%s' already exists (%s).", m.EventName, other.ID)
	}
	m.DeactivatedAt, m.Updated = nil, c.now
	c.emit("billing.meter.reactivated", renderMeter(m), nil)
	return renderMeter(m), nil
}
