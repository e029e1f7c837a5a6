package plan

import (
	"testing"
	"time"

	"scrip/core"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func instant(t testing.TB, text string) core.Time {
	t.Helper()
	at, err := core.ParseTime(text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// CK-01.
func TestStartsAgainstAScanOfTheClocks(t *testing.T) {
	// The day before a change of clocks in each zone, and its time of day.
	anchors := []struct{ zone, at string }{
		{"America/Sao_Paulo", "2014-10-18T03:00:00Z"}, // midnight; 19 October has none
		{"America/Sao_Paulo", "2014-01-31T02:30:00Z"}, // half past midnight in summer
		{"Asia/Beirut", "2021-03-27T22:10:00Z"},       // ten past midnight, left out
		{"Africa/Cairo", "2023-04-27T22:00:00Z"},      // midnight, left out
		{"America/Havana", "2022-03-13T05:00:00Z"},    // midnight, left out
		{"America/Havana", "2022-11-05T04:30:00Z"},    // half past midnight comes twice
		{"Asia/Tehran", "2018-03-21T20:30:00Z"},       // midnight, left out
		{"Europe/Berlin", "2024-01-31T01:30:00Z"},     // half past two
		{"America/New_York", "2023-08-29T06:15:00Z"},
		{"Australia/Lord_Howe", "2022-10-01T15:40:00Z"}, // changes by half an hour
		{"Pacific/Apia", "2011-11-30T22:00:00Z"},        // a zone that left a day out
		{"Asia/Kathmandu", "2024-02-29T18:15:30Z"},
		{"UTC", "2023-12-31T23:59:59Z"},
		{"UTC", "2020-02-29T00:00:00Z"},
	}
	everies := []Span{{1, Day}, {1, Week}, {2, Week}, {1, Month}, {3, Month}, {1, Year}, {10, Day}}
	for _, a := range anchors {
		z := zone(t, a.zone)
		anchor := instant(t, a.at)
		scan := scanClocks(anchor, z)
		for _, add := range []int{0, 1, 2, 3} { // the days of a month's end
			from := core.TimeOf(anchor.Std().AddDate(0, 0, add))
			for _, every := range everies {
				if add > 0 && every.Of != Month && every.Of != Year {
					continue
				}
				c := Calendar{from, every, z}
				for n := 1; ; n++ {
					want, ok := scan.first(naive(from, every, n, z))
					if !ok {
						break
					}
					if got := c.Start(n); got != want {
						t.Fatalf("%s from %s, %s: start %d is %s, the clocks say %s", a.zone, from, every, n, got, want)
					}
					if every != (Span{1, Day}) || n%7 == 0 {
						checkIn(t, c, n)
					}
				}
			}
		}
	}
}

// checkIn holds In and After against Start.
func checkIn(t *testing.T, c Calendar, n int) {
	t.Helper()
	start, next := c.Start(n), c.Start(n+1)
	if next < start {
		t.Fatalf("%+v: period %d begins before period %d", c, n+1, n)
	}
	if next > start && (c.In(start) != n || c.In(next-1) != n || c.After(n) != next) {
		t.Fatalf("%+v: %s to %s lies in %d to %d, not in %d", c, start, next, c.In(start), c.In(next-1), n)
	}
	if next == start && c.After(n) <= start {
		t.Fatalf("%+v: after %s comes %s", c, start, c.After(n))
	}
}

// naive is the local time of the n-th start, counted by hand: day by day, or
// month by month from the anchor.
func naive(anchor core.Time, every Span, n int, z *time.Location) int64 {
	local := anchor.Std().In(z)
	y, m, d := local.Year(), int(local.Month()), local.Day()
	switch every.Of {
	case Day, Week:
		days := n * every.N
		if every.Of == Week {
			days *= 7
		}
		for ; days > 0; days-- {
			if d++; d > monthDays(y, m) {
				d = 1
				if m++; m > 12 {
					y, m = y+1, 1
				}
			}
		}
	case Month:
		for i := n * every.N; i > 0; i-- {
			if m++; m > 12 {
				y, m = y+1, 1
			}
		}
	case Year:
		y += n * every.N
	}
	d = min(d, monthDays(y, m))
	return shown(time.Date(y, time.Month(m), d, local.Hour(), local.Minute(), local.Second(), 0, time.UTC))
}

// shown is what clocks show, as a number that grows with it.
func shown(t time.Time) int64 {
	y, m, d := t.Date()
	return ((int64(y)*12+int64(m))*31+int64(d))*86400 + int64(t.Hour()*3600+t.Minute()*60+t.Second())
}

func monthDays(y, m int) int {
	switch {
	case m == 2 && y%4 == 0 && (y%100 != 0 || y%400 == 0):
		return 29
	case m == 2:
		return 28
	case m == 4 || m == 6 || m == 9 || m == 11:
		return 30
	}
	return 31
}

// clocks is what a zone's clocks showed every half hour of five years, at the
// anchor's minute and second of the half hour.
type clocks struct {
	zone  *time.Location
	from  time.Time
	shown []int64
}

const half = 30 * time.Minute

func scanClocks(from core.Time, z *time.Location) *clocks {
	c := &clocks{zone: z, from: from.Std()}
	for t := c.from; t.Before(c.from.AddDate(5, 0, 0)); t = t.Add(half) {
		c.shown = append(c.shown, shown(t.In(z)))
	}
	return c
}

func (c *clocks) at(i int) time.Time { return c.from.Add(time.Duration(i) * half) }

// first finds the first instant at which the clocks show a time or later: a
// look at every half hour, then at every second of the half hour before.
func (c *clocks) first(local int64) (core.Time, bool) {
	// Two days before the first that looks late enough when whole days are looked at.
	day := 0
	for lo, hi := 0, len(c.shown)/48; lo < hi; {
		if day = (lo + hi) / 2; c.shown[day*48] < local {
			lo = day + 1
		} else {
			hi = day
		}
	}
	for i := max(0, (day-3)*48); i < len(c.shown); i++ {
		if c.shown[i] < local {
			continue
		}
		if i == 0 || c.shown[i] == local && c.steady(i) {
			return core.TimeOf(c.at(i)), true
		}
		for t := c.at(i - 1); ; t = t.Add(time.Second) {
			if shown(t.In(c.zone)) >= local {
				return core.TimeOf(t), true
			}
		}
	}
	return 0, false
}

// steady reports whether no clock was changed in the half hour before.
func (c *clocks) steady(i int) bool {
	_, before := c.at(i - 1).In(c.zone).Zone()
	_, after := c.at(i).In(c.zone).Zone()
	return before == after
}

// CK-04.
func TestStartsDoNotDrift(t *testing.T) {
	utc := Calendar{instant(t, "2023-01-31T10:00:00Z"), Span{1, Month}, time.UTC}
	for n, want := range []string{"2023-01-31", "2023-02-28", "2023-03-31", "2023-04-30", "2023-05-31"} {
		if got := utc.Start(n).String()[:10]; got != want {
			t.Errorf("start %d is %s, want %s", n, got, want)
		}
	}
	leap := Calendar{instant(t, "2024-02-29T00:00:00Z"), Span{1, Year}, time.UTC}
	for n, want := range []string{"2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"} {
		if got := leap.Start(n).String()[:10]; got != want {
			t.Errorf("year %d begins on %s, want %s", n, got, want)
		}
	}
	if got := utc.Start(-1).String(); got != "2022-12-31T10:00:00Z" {
		t.Errorf("the period before the anchor begins at %s", got)
	}
	for _, at := range []string{"1990-05-05T00:00:00Z", "2022-12-31T09:59:59Z", "2099-02-28T10:00:00Z", "2500-06-30T10:00:00Z"} {
		when := instant(t, at)
		if n := utc.In(when); utc.Start(n) > when || utc.Start(n+1) <= when {
			t.Errorf("%s lies in period %d, %s to %s", at, n, utc.Start(n), utc.Start(n+1))
		}
	}
}
