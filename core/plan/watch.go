package plan

import (
	"slices"
	"strconv"

	"scrip/core"
)

// Rules are what the config has accounts of one unit watched for. Customers
// may have others, see [Watch].
type Rules struct {
	TopUp  *TopUp
	Alerts *Alerts
}

// Watch is what an account remembers of being watched, and the customer's own
// rules. It is a part of the account's [State].
type Watch struct {
	TopUp    *TopUpState   `json:"top_up,omitempty"`
	Alerts   *AlertState   `json:"alerts,omitempty"`
	Notify   []string      `json:"notify,omitempty"` // the only types of notices that are made; none means all
	Currency core.Currency `json:"currency,omitempty"`
	Next     core.Time     `json:"next,omitempty"`    // when to look without a command, 0 never
	Notices  int64         `json:"notices,omitempty"` // how many were made
	Home     string        `json:"home,omitempty"`    // the unit in which they were begun to be counted, when it is another by now
	stir     bool          // there is something to look at beside the balance
	told     []Notice      // by others, to be made with the next look
}

// Settings are what a customer has instead of what the config says.
type Settings struct {
	Form   []byte             // as they were put, in JSON, to be answered
	TopUp  map[string]*TopUp  // by unit
	Alerts map[string]*Alerts // by unit
	Notify []string           // the only types of notices that are made; none means all
	Card   string             // the version of the rate card that prices stay at, "" for the one in force
}

// View is what a look at an account after a command sees.
type View struct {
	Account *core.Account
	Made    []core.Entry // by the command
	Rules   *Rules       // of the unit, nil for none
	Now     core.Time
	// Offer says what buying at least so much of a pack comes to, for the top-up
	// of that number.
	Offer func(pack string, want core.Amount, number int64) (Offer, error)
}

// Net is what an account has to spend, less what it owes.
func Net(a *core.Account, now core.Time) core.Amount {
	return a.Balance(now).Available - a.Overdrawn
}

// Due is when the account is to be looked at without a command.
func (w *Watch) Due() core.Time {
	if w == nil || w.Next == 0 {
		return core.Never
	}
	return w.Next
}

// Act notes that its time has come: [Watch.Look] follows with the commit.
func (w *Watch) Act() { w.Next, w.stir = 0, true }

// Tell adds a notice that somebody else has.
func (w *Watch) Tell(n Notice) { w.told, w.stir = append(w.told, n), true }

// Quiet reports, fast, that a look would find nothing. A nil Watch remembers
// nothing.
func (w *Watch) Quiet(r *Rules, a *core.Account, made []core.Entry, now core.Time) bool {
	if w == nil && r == nil {
		return true
	}
	if w != nil && w.stir {
		return false
	}
	for i := range made {
		switch made[i].Kind {
		case core.EntryDebit, core.EntryHold, core.EntryCapture, core.EntryRelease:
		default:
			return false
		}
	}
	topUp, alerts := w.rules(r)
	if topUp == nil && alerts == nil {
		return true
	}
	net := Net(a, now)
	return w.topUp().quiet(topUp, net, now) && w.alerts().quiet(alerts, net)
}

func (w *Watch) topUp() *TopUpState {
	if w == nil {
		return nil
	}
	return w.TopUp
}

func (w *Watch) alerts() *AlertState {
	if w == nil {
		return nil
	}
	return w.Alerts
}

// rules are those in force for the account.
func (w *Watch) rules(r *Rules) (*TopUp, *Alerts) {
	if r == nil {
		r = &Rules{}
	}
	return w.topUp().rule(r.TopUp), w.alerts().rule(r.Alerts)
}

// Look finds what happened to an account by a command, or by time, that its
// customer is to be told, and what is to be bought. The caller keeps the
// account's state, whose part this is, in the same commit.
func (w *Watch) Look(v View) ([]Notice, *Offer) {
	topUp, alerts := w.rules(v.Rules)
	w.stir = false
	list := w.told
	w.told = nil
	net := Net(v.Account, v.Now)
	if alerts != nil && !alerts.Off {
		if w.Alerts == nil {
			w.Alerts = &AlertState{}
		}
		list = append(list, w.Alerts.happened(v.Account, v.Made, net, v.Now)...)
		list = append(list, w.Alerts.crossings(alerts, v.Account, net, v.Now)...)
		list = append(list, w.Alerts.warnings(alerts, v.Account, v.Now)...)
	}
	var asked *Offer
	if topUp != nil && !topUp.Off {
		if w.TopUp == nil {
			w.TopUp = &TopUpState{}
		}
		var why string
		was := w.TopUp.Pending
		asked, why = w.TopUp.look(topUp, net, v.Now, v.Offer)
		if was != "" && w.TopUp.Pending != was {
			n := w.failed(v.Account, topUp, v.Now, "abandoned", string(was))
			n.Facts["purchase"] = string(was)
			list = append(list, n)
		}
		if why != "" {
			list = append(list, w.failed(v.Account, topUp, v.Now, why, strconv.FormatInt(v.Account.Seq, 10)+"/"+v.Now.String()))
		}
	}
	w.Next = min(alerts.nextWarning(v.Account, v.Now), w.TopUp.due(topUp, net, v.Now), w.nextStart(v))
	if w.Next == core.Never {
		w.Next = 0
	}
	if len(w.Notify) > 0 {
		list = slices.DeleteFunc(list, func(n Notice) bool { return !slices.Contains(w.Notify, n.Type) })
	}
	return list, asked
}

// nextStart is when a grant begins that moves the balance without an entry.
func (w *Watch) nextStart(v View) core.Time {
	next := core.Never
	for i := range v.Account.Grants {
		if g := &v.Account.Grants[i]; g.Closed == "" && g.Remaining > 0 && g.Starts > v.Now {
			next = min(next, g.Starts)
		}
	}
	return next
}

func (w *Watch) failed(a *core.Account, r *TopUp, now core.Time, why, dedupe string) Notice {
	facts := map[string]string{"reason": why, "pack": r.Pack, "available": amountText(a, max(0, Net(a, now)))}
	if w.TopUp.Suspended {
		facts["suspended"] = "true"
	} else if w.TopUp.Retry > now {
		facts["retry_at"] = w.TopUp.Retry.String()
	}
	return Notice{Type: TopUpNotice, At: now, Dedupe: a.Unit.Code + "/" + dedupe, Facts: facts}
}

// Declined notes that a purchase was not paid. It reports whether that was
// the top-up that is waited for.
func (w *Watch) Declined(v View, id core.ID) bool {
	topUp, _ := w.rules(v.Rules)
	if !w.topUp().declined(topUp, id, v.Now) {
		return false
	}
	if topUp == nil {
		topUp = &TopUp{}
	}
	n := w.failed(v.Account, topUp, v.Now, "declined", string(id))
	n.Facts["purchase"] = string(id)
	w.Tell(n)
	return true
}

// Paid notes a proven payment, of a purchase that the account asked for by
// itself or of another. It reports whether anything watches for that.
func (w *Watch) Paid(r *Rules, id core.ID, auto bool, credits core.Amount, price core.Money, now core.Time) bool {
	if topUp, _ := w.rules(r); topUp == nil && w.topUp() == nil {
		return false
	}
	if w.TopUp == nil {
		w.TopUp = &TopUpState{}
	}
	w.TopUp.paid(id, auto, credits, price, now)
	w.stir = true
	return true
}

// Own puts the customer's own rules in force; nil leaves the config's.
func (w *Watch) Own(r *Rules, topUp *TopUp, alerts *Alerts, notify []string) {
	if r == nil {
		r = &Rules{}
	}
	if topUp != nil || w.TopUp != nil {
		if w.TopUp == nil {
			w.TopUp = &TopUpState{}
		}
		w.TopUp.change(topUp, r.TopUp)
	}
	if alerts != nil || w.Alerts != nil {
		if w.Alerts == nil {
			w.Alerts = &AlertState{}
		}
		w.Alerts.Rule = alerts
	}
	w.Notify, w.stir = notify, true
}

// Blank reports whether nothing is remembered.
func (w *Watch) Blank() bool {
	return w == nil || w.TopUp == nil && w.Alerts == nil && len(w.Notify) == 0 && w.Currency == "" && w.Next == 0 && w.Notices == 0
}

// Close ends the watching for good: nothing is bought or told any more. How
// many notices were made stays known.
func (w *Watch) Close() {
	*w = Watch{
		TopUp: &TopUpState{Rule: &TopUp{Off: true}}, Alerts: &AlertState{Rule: &Alerts{Off: true}}, Notices: w.Notices, Home: w.Home,
	}
}
