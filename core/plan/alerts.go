package plan

import (
	"slices"
	"strconv"
	"time"

	"scrip/core"
)

// Alerts says what a customer is to be told of an account.
type Alerts struct {
	Off      bool          `json:"off,omitempty"`
	Low      []core.Amount `json:"low,omitempty"`      // balances whose crossing is told, both ways
	Expiring []int64       `json:"expiring,omitempty"` // seconds before a grant's expiry
}

// AlertState is what an account remembers of what it told.
type AlertState struct {
	Rule   *Alerts       `json:"rule,omitempty"`   // the customer's own, instead of the config's
	Armed  []core.Amount `json:"armed,omitempty"`  // thresholds that the balance is at or above
	Low    []core.Amount `json:"low,omitempty"`    // those below which it has moved since
	Warned core.Time     `json:"warned,omitempty"` // expiries are warned of up to here
	Over   bool          `json:"over,omitempty"`   // overage has begun
}

// The types of notices, by the names under which they are sent.
const (
	LowNotice       = "balance.low"
	RestoredNotice  = "balance.restored"
	ExhaustedNotice = "balance.exhausted"
	ExpiringNotice  = "credits.expiring"
	ExpiredNotice   = "credits.expired"
	OverageNotice   = "overage.started"
	TopUpNotice     = "topup.failed"
	RenewedNotice   = "subscription.renewed"
	RefundedNotice  = "purchase.refunded"
	ReturnedNotice  = "credits.reinstated"
)

// NoticeTypes are all types that notices have.
func NoticeTypes() []string {
	return []string{LowNotice, RestoredNotice, ExhaustedNotice, ExpiringNotice, ExpiredNotice, OverageNotice, TopUpNotice, RenewedNotice, RefundedNotice, ReturnedNotice}
}

// Notice is something that happened once and that a customer may be told.
type Notice struct {
	Type   string            `json:"type"`
	At     core.Time         `json:"at"`     // when it happened
	Dedupe string            `json:"dedupe"` // with customer and type, what makes it one
	Facts  map[string]string `json:"facts"`  // amounts as decimals, ids, instants
}

// Told is a notice as it is kept.
type Told struct {
	ID       core.ID           `json:"id"` // the same for the same thing
	Customer string            `json:"customer"`
	Unit     string            `json:"unit"`
	Seq      int64             `json:"seq"` // of the account's notices, without gaps, from 1
	Type     string            `json:"type"`
	At       core.Time         `json:"at"` // when it happened
	Recorded core.Time         `json:"recorded"`
	Facts    map[string]string `json:"facts,omitempty"`
}

// exhausted is the threshold of having anything at all.
const exhausted core.Amount = 1

func (r *Alerts) thresholds(yield func(core.Amount) bool) {
	for _, t := range r.Low {
		if !yield(t) {
			return
		}
	}
	yield(exhausted)
}

// quiet reports whether a balance crosses nothing.
func (s *AlertState) quiet(r *Alerts, net core.Amount) bool {
	if r == nil || r.Off {
		return true
	}
	for t := range r.thresholds {
		armed := s != nil && slices.Contains(s.Armed, t)
		if armed != (net >= t) {
			return false
		}
	}
	return true
}

// crossings tells what the balance has moved across: below a threshold after
// it had been at or above, and back.
func (s *AlertState) crossings(r *Alerts, a *core.Account, net core.Amount, now core.Time) []Notice {
	var list []Notice
	for t := range r.thresholds {
		armed := slices.Contains(s.Armed, t)
		if armed == (net >= t) {
			continue
		}
		n := Notice{At: now, Facts: map[string]string{"available": amountText(a, max(0, net)), "threshold": amountText(a, t)}}
		if t == exhausted {
			n.Facts["threshold"] = amountText(a, 0)
		}
		if net < 0 {
			n.Facts["overdrawn"] = amountText(a, -net)
		}
		n.Dedupe = a.Unit.Code + "/" + n.Facts["threshold"] + "/" + strconv.FormatInt(a.Seq, 10)
		if !armed {
			s.Armed = append(s.Armed, t)
			if n.Type = RestoredNotice; !slices.Contains(s.Low, t) {
				continue // it was never below: there is nothing to take back
			}
			s.Low = without(s.Low, t)
		} else {
			if n.Type = LowNotice; t == exhausted {
				n.Type = ExhaustedNotice
			}
			s.Armed, s.Low = without(s.Armed, t), append(s.Low, t)
		}
		list = append(list, n)
	}
	return list
}

func without(list []core.Amount, t core.Amount) []core.Amount {
	return slices.DeleteFunc(slices.Clone(list), func(x core.Amount) bool { return x == t })
}

// warnings tells of grants that will expire: of each the nearest lead time
// that has come since the last look.
func (s *AlertState) warnings(r *Alerts, a *core.Account, now core.Time) []Notice {
	var list []Notice
	for i := range a.Grants {
		g := &a.Grants[i]
		if g.Closed != "" || g.Remaining == 0 || g.Expires == core.Never || now >= g.Expires {
			continue
		}
		var at core.Time
		var lead int64
		for _, l := range r.Expiring {
			if t := warnAt(g, l); t > at && t <= now && t > s.Warned && t > g.Recorded {
				at, lead = t, l
			}
		}
		if at == 0 {
			continue
		}
		list = append(list, Notice{
			Type: ExpiringNotice, At: at, Dedupe: string(g.ID) + "/" + strconv.FormatInt(lead, 10),
			Facts: map[string]string{"grant": string(g.ID), "amount": amountText(a, g.Remaining), "expires_at": g.Expires.String()},
		})
	}
	if len(list) > 0 {
		s.Warned = now
	}
	return list
}

func warnAt(g *core.Grant, lead int64) core.Time {
	return g.Expires - core.Time(lead)*core.Time(time.Second/time.Microsecond)
}

// nextWarning is the first instant after now at which there is one.
func (r *Alerts) nextWarning(a *core.Account, now core.Time) core.Time {
	next := core.Never
	if r == nil || r.Off {
		return next
	}
	for i := range a.Grants {
		g := &a.Grants[i]
		if g.Closed != "" || g.Remaining == 0 || g.Expires == core.Never {
			continue
		}
		for _, l := range r.Expiring {
			if t := warnAt(g, l); t > now && t > g.Recorded {
				next = min(next, t)
			}
		}
	}
	return next
}

// happened tells what a command's entries say: grants that expired, and
// overage that began while there was none since the balance was last above zero.
func (s *AlertState) happened(a *core.Account, made []core.Entry, net core.Amount, now core.Time) []Notice {
	var list []Notice
	for i := range made {
		e := &made[i]
		switch {
		case e.Kind == core.EntryExpire && e.Source == e.Grant:
			list = append(list, Notice{
				Type: ExpiredNotice, At: e.Effective, Dedupe: string(e.Grant) + "/" + strconv.FormatInt(e.Seq, 10),
				Facts: map[string]string{"grant": string(e.Grant), "amount": amountText(a, e.Amount)},
			})
		case e.Kind == core.EntryOverage && !s.Over:
			s.Over = true
			list = append(list, Notice{
				Type: OverageNotice, At: e.Effective, Dedupe: a.Unit.Code + "/" + strconv.FormatInt(e.Seq, 10),
				Facts: map[string]string{"amount": amountText(a, e.Amount)},
			})
		}
	}
	if s.Over && net > 0 {
		s.Over = false
	}
	return list
}

func (s *AlertState) rule(config *Alerts) *Alerts {
	if s != nil && s.Rule != nil {
		return s.Rule
	}
	return config
}

func amountText(a *core.Account, n core.Amount) string { return n.Format(a.Unit.Scale) }
