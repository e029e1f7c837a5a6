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

// bookOf is the book of accounts in a unit. Plans are in the unit of now: an
// account that is still counted in one that is left renews as it was.
func (l *Ledger) bookOf(unit string) *plan.Book {
	if l.became[unit] == "" {
		return l.plans
	}
	old := *l.plans
	old.Plans = nil
	return &old
}

// policy gives a loaded account what moves it by itself.
func (l *Ledger) policy(a *core.Account) {
	if s := stateOf(a); s != nil {
		s.In(l.bookOf(a.Unit.Code))
		return
	}
	if a.Stored == "" || a.Policy != nil {
		return
	}
	s, err := l.bookOf(a.Unit.Code).Read(a.Stored)
	if err != nil {
		a.Policy = unread{a.Stored, a.Acts, err}
		return
	}
	a.Policy = s
}

// takePolicy takes what moves an account by itself over to the account in
// another unit, of which by are worth one.
func (l *Ledger) takePolicy(old, to *core.Account, by core.Rate) error {
	if old.Policy == nil {
		return nil
	}
	state := stateOf(old)
	if state == nil {
		return core.Errorf(core.CodeInternal, "what is kept of the account's plan cannot be read here")
	}
	other, err := state.Exchange(old.Unit, to.Unit, by)
	if err != nil {
		return err
	}
	none, err := l.plans.Read("")
	if err != nil {
		return err
	}
	other.In(l.bookOf(to.Unit.Code))
	to.Keep(other)
	old.Keep(none)
	return nil
}

// unread is a state that cannot be read here, such as one of a time zone that
// this machine does not know. It stays as it is, due when it is due, and what
// depends on it fails until it can be read.
type unread struct {
	text  string
	acts  core.Time
	cause error
}

// Due is when those who can read it will act.
func (u unread) Due() core.Time {
	if u.acts == 0 {
		return core.Never
	}
	return u.acts
}

// Act does nothing.
func (u unread) Act(*core.Account, core.Time, core.Time) {}

// Text is what could not be read.
func (u unread) Text() string { return u.text }

// Draw fails and leaves the key free: the plan's rule is not known here.
func (u unread) Draw(*core.Account, core.Draw, core.Time) (core.Drawn, string, error) {
	return core.Drawn{}, "", undecided{core.Errorf(core.CodeUnavailable, "the account's plan cannot be read here: %s", u.cause)}
}
