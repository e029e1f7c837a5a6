package plan

import (
	"fmt"
	"time"

	"scrip/core"
)

// Step is a unit of calendar time.
type Step string

// The steps.
const (
	Day   Step = "day"
	Week  Step = "week"
	Month Step = "month"
	Year  Step = "year"
)

// Span is a length of calendar time, such as 3 months.
type Span struct {
	N  int  `json:"n"`
	Of Step `json:"of"`
}

// IsZero reports whether the span is unset.
func (s Span) IsZero() bool { return s.N == 0 }

// String is the span for people: 1 month, 30 days.
func (s Span) String() string {
	if s.N == 1 {
		return "1 " + string(s.Of)
	}
	return fmt.Sprintf("%d %ss", s.N, s.Of)
}

// Calendar counts periods from an anchor. Every start is computed from the
// anchor itself, so that none drifts: monthly from 31 January they are 28
// February, 31 March, 30 April.
//
// A start is the first instant at which the zone's clocks show the anchor's
// time of day, or later, on the day. A time that a change of clocks leaves out
// is so the instant of the change, and of a time that comes twice the first.
type Calendar struct {
	Anchor core.Time
	Every  Span
	Zone   *time.Location
}

// Start is when period n begins: 0 is the anchor, -1 the period before it.
func (c Calendar) Start(n int) core.Time {
	if n == 0 {
		return c.Anchor
	}
	at := c.Anchor.Std().In(c.Zone)
	year, month, day := at.Date()
	switch n *= c.Every.N; c.Every.Of {
	case Day:
		day += n
	case Week:
		day += 7 * n
	case Year:
		n *= 12
		fallthrough
	default:
		first := time.Date(year, month+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
		year, month = first.Year(), first.Month()
		day = min(day, first.AddDate(0, 1, -1).Day())
	}
	wanted := time.Date(year, month, day, at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), time.UTC)
	return core.TimeOf(firstShown(wanted, c.Zone))
}

// widest is more than any zone is away from UTC.
const widest = 26 * time.Hour

// firstShown is the first instant at which clocks in zone show what wanted
// shows in UTC, or later.
func firstShown(wanted time.Time, zone *time.Location) time.Time {
	t := wanted.Add(-widest).In(zone)
	for {
		_, offset := t.Zone()
		_, end := t.ZoneBounds()
		at := wanted.Add(-time.Duration(offset) * time.Second)
		if at.Before(t) {
			at = t
		}
		if end.IsZero() || at.Before(end) {
			return at
		}
		t = end
	}
}

// In is the period that an instant lies in: the last that has begun by then.
func (c Calendar) In(t core.Time) int {
	days := int64(c.Every.N) * map[Step]int64{Day: 1, Week: 7, Month: 30, Year: 365}[c.Every.Of]
	n := int(int64(t-c.Anchor) / (days * dayLength))
	for c.Start(n) > t {
		n -= max(1, int(int64(c.Start(n)-t)/(days*dayLength)))
	}
	for c.Start(n+1) <= t {
		n += max(1, int(int64(t-c.Start(n+1))/((days+days/30+1)*dayLength)))
	}
	return n
}

// dayLength is a day of 24 hours in microseconds.
const dayLength = 24 * 3600 * 1_000_000

// After is the first start later than that of period n. It is the next
// period's, but where a zone left a whole day out.
func (c Calendar) After(n int) core.Time {
	begun := c.Start(n)
	for {
		n++
		if next := c.Start(n); next > begun {
			return next
		}
	}
}
