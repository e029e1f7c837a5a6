package ledger

import (
	"sync"
	"time"

	"scrip/core"
	"scrip/core/plan"
)

// zones finds time zones and keeps them: accounts name few, and often.
type zones struct{ known sync.Map }

func (z *zones) find(name string) (*time.Location, error) {
	if zone, ok := z.known.Load(name); ok {
		return zone.(*time.Location), nil
	}
	zone, err := time.LoadLocation(name)
	if err == nil {
		z.known.Store(name, zone)
	}
	return zone, err
}

// newBook is what states of plans are read with.
func newBook(o *Options) *plan.Book {
	return &plan.Book{Zones: new(zones).find, Plans: o.Plans, Since: o.PlansSince, Deficit: o.Deficit}
}

// policy gives a loaded account what moves it by itself.
func (l *Ledger) policy(a *core.Account) {
	if s := stateOf(a); s != nil {
		s.In(l.plans)
		return
	}
	if a.Stored == "" || a.Policy != nil {
		return
	}
	s, err := l.plans.Read(a.Stored)
	if err != nil {
		a.Policy = unread{a.Stored, err}
		return
	}
	a.Policy = s
}

// unread is a state that cannot be read here, such as one of a time zone that
// this machine does not know. It stays as it is, and what depends on it fails.
type unread struct {
	text  string
	cause error
}

// Due is never.
func (u unread) Due() core.Time { return core.Never }

// Act does nothing.
func (u unread) Act(*core.Account, core.Time, core.Time) {}

// Text is what could not be read.
func (u unread) Text() string { return u.text }

// Draw fails: the plan's rule is not known.
func (u unread) Draw(*core.Account, core.Draw, core.Time) (core.Drawn, string, error) {
	return core.Drawn{}, "", u.cause
}
