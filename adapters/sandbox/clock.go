package sandbox

import (
	"fmt"
	"net/http"
	"time"
)

// maxSteps bounds how many instants one move of the clock lives through.
const maxSteps = 200_000

// Now is the account's business time, in UTC: the wall clock until a test sets
// it, and then the instant it was set to.
func (a *Account) Now() time.Time {
	switch {
	case !a.at.IsZero():
		return a.at
	case a.book.Frozen:
		return a.book.Now
	default:
		return a.srv.wall()
	}
}

// settle lives through everything that is due up to an instant, in order.
func (a *Account) settle(to time.Time) {
	v := a.srv.vendor
	if v.Due == nil || v.Run == nil {
		return
	}
	defer func() { a.at = time.Time{} }()
	for range maxSteps {
		due, ok := v.Due(a)
		if !ok || due.After(to) {
			break
		}
		if due.Before(a.book.Settled) {
			due = a.book.Settled
		}
		a.book.Settled, a.at = due, due
		v.Run(a)
	}
	a.book.Settled = to
}

// enter brings the account up to the present before anyone looks at it.
func (a *Account) enter() { a.settle(a.Now()) }

// moveClock freezes business time at an instant that is not in its past.
func (a *Account) moveClock(to time.Time) error {
	now := a.Now()
	if to.Before(now) {
		return &Refusal{http.StatusBadRequest, fmt.Sprintf("the clock only goes forward: it is %s, not after %s; use a later instant", Stamp(now), Stamp(to))}
	}
	a.settle(to)
	a.book.Frozen, a.book.Now = true, to
	return nil
}

// clockMove is the body of POST /_sandbox/clock.
type clockMove struct {
	Now     *string `json:"now"`
	Advance *string `json:"advance"`
}

func (m clockMove) target(now time.Time) (time.Time, error) {
	bad := func(format string, args ...any) (time.Time, error) {
		return time.Time{}, &Refusal{http.StatusBadRequest, fmt.Sprintf(format, args...)}
	}
	switch {
	case m.Now != nil && m.Advance == nil:
		t, err := time.Parse(time.RFC3339, *m.Now)
		if err != nil {
			return bad("now %q is not a time; write it like 2026-01-31T00:00:00Z", *m.Now)
		}
		return t.UTC(), nil
	case m.Advance != nil && m.Now == nil:
		d, err := time.ParseDuration(*m.Advance)
		if err != nil || d < 0 {
			return bad("advance %q is not a duration forward; write it like 720h", *m.Advance)
		}
		return now.Add(d), nil
	default:
		return bad(`give exactly one of "now" and "advance"`)
	}
}
