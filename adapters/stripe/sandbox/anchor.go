package sandbox

import "time"

// lastCommonDay is the last day that every month has. Anchors on later days
// would move in shorter months, which is not played here.
const lastCommonDay = 28

// anchor reads when the full periods of a new subscription begin: at an
// instant, or at the next one on a day of the month; nil for now.
func (c *call) anchor(s *subscription) *int64 {
	p := c.p
	at, config := p.num("billing_cycle_anchor"), p.has("billing_cycle_anchor_config")
	switch {
	case at != nil && config:
		p.fail(invalid("billing_cycle_anchor_config", "You may only specify one of billing_cycle_anchor and billing_cycle_anchor_config"))
	case at != nil && (*at <= c.now || *at > s.PeriodEnd):
		p.fail(invalid("billing_cycle_anchor", "billing_cycle_anchor must be in the future and not later than the next natural billing date"))
	case config:
		return c.nextAnchor(s)
	}
	return at
}

// nextAnchor is the first instant after now on the day and at the time of the
// config, in UTC. Parts of the time that are not given are those of now.
func (c *call) nextAnchor(s *subscription) *int64 {
	p, now := c.p, time.Unix(c.now, 0).UTC()
	x := &anchorConfig{Hour: int64(now.Hour()), Minute: int64(now.Minute()), Second: int64(now.Second())}
	part := func(name string, field *int64, least, most int64) {
		key := "billing_cycle_anchor_config[" + name + "]"
		if n := p.num(key); n != nil {
			if *field = *n; *n < least || *n > most {
				p.fail(invalid(key, "Invalid %s: it must be between %d and %d", name, least, most))
			}
		}
	}
	p.needNum("billing_cycle_anchor_config[day_of_month]")
	part("day_of_month", &x.Day, 1, 31)
	part("hour", &x.Hour, 0, 23)
	part("minute", &x.Minute, 0, 59)
	part("second", &x.Second, 0, 59)
	if y, ok := c.st.Prices.get(firstPrice(s)); ok && y.Interval != "month" && y.Interval != "year" {
		p.fail(invalid("billing_cycle_anchor_config", "billing_cycle_anchor_config is only valid with monthly and yearly prices"))
	}
	if x.Day > lastCommonDay {
		p.fail(invalid("billing_cycle_anchor_config[day_of_month]", "not_supported: this sandbox takes days up to %d", lastCommonDay))
	}
	if p.err != nil {
		return nil
	}
	s.AnchorConfig = x
	next := time.Date(now.Year(), now.Month(), int(x.Day), int(x.Hour), int(x.Minute), int(x.Second), 0, time.UTC)
	if !next.After(now) {
		next = next.AddDate(0, 1, 0)
	}
	at := next.Unix()
	return &at
}

func (x *anchorConfig) render() any {
	if x == nil {
		return nil
	}
	return obj{"day_of_month": x.Day, "hour": x.Hour, "minute": x.Minute, "month": nil, "second": x.Second}
}
