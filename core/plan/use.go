package plan

import (
	"time"

	"scrip/core"
)

// Use is how much of an action was used in a period.
type Use struct {
	From core.Time `json:"from"` // start of the period
	N    int64     `json:"n"`    // in the caller's smallest part
}

// The periods that use is counted in.
const (
	useCycle = "cycle" // of the subscription, else the calendar month in UTC
	useDay   = "day"   // in the subscription's zone, else in UTC
	useMonth = "month"
)

// Used is how much was counted under a name in the period that now is in.
func (s *State) Used(name, per string, now core.Time) int64 {
	if s == nil {
		return 0
	}
	if u, ok := s.Uses[name]; ok && u.From == s.usePeriod(per, now) {
		return u.N
	}
	return 0
}

// Count adds to what was used in the period that now is in. The caller keeps
// the state.
func (s *State) Count(name, per string, n int64, now core.Time) {
	if s.Uses == nil {
		s.Uses = map[string]Use{}
	}
	s.Uses[name] = Use{s.usePeriod(per, now), s.Used(name, per, now) + n}
}

// usePeriod is when the period that now is in began.
func (s *State) usePeriod(per string, now core.Time) core.Time {
	local := now.Std().In(s.zone)
	year, month, day := local.Date()
	switch {
	case per == useDay:
	case per == useCycle && s.Subscription != nil && s.Subscription.Ended == 0 && s.Subscription.Trial == 0:
		cal := s.cycle()
		return cal.Start(cal.In(now))
	default:
		day = 1
	}
	return core.TimeOf(firstShown(time.Date(year, month, day, 0, 0, 0, 0, time.UTC), s.zone))
}
