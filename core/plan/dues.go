package plan

import "scrip/core"

// Collect says who asks for a plan's price.
type Collect string

// Who collects. Without either it is somebody outside, who tells of payments.
const (
	ByVendor Collect = "vendor" // a subscription of the customer's at a vendor
	ByScrip  Collect = "scrip"  // a purchase for each period
)

// VendorRole is the role of the link of a customer to the vendor's subscription
// that collects the price of their plan.
const VendorRole = "plan"

// Due is the price of a period that has begun, to be asked for.
type Due struct {
	Plan   string     `json:"plan"`
	Serial int        `json:"serial"` // of the plan's beginning
	Start  core.Time  `json:"start"`
	End    core.Time  `json:"end"`
	Money  core.Money `json:"money"`
}

// maxDues bounds what waits to be asked for: a year of days.
const maxDues = 366

// demand notes the price of the period in force, unless it is paid already.
func (s *State) demand() {
	sub := s.Subscription
	price := sub.Terms.Price(sub.Currency)
	if sub.Terms.Collect != ByScrip || price.Minor == 0 || sub.Paid >= sub.Period {
		return
	}
	from, to := s.Span()
	s.Dues = append(s.Dues, Due{Plan: sub.Terms.Plan, Serial: s.Serial, Start: from, End: to, Money: price})
	s.Dues = s.Dues[max(0, len(s.Dues)-maxDues):]
}

// Ask takes the first price that is to be asked for; the caller asks, by a
// purchase of that id, and keeps the state.
func (s *State) Ask(purchase func(Due) core.ID) bool {
	if len(s.Dues) == 0 {
		return false
	}
	due := s.Dues[0]
	s.Dues = s.Dues[1:]
	if id := purchase(due); s.Subscription != nil && s.Serial == due.Serial {
		s.Subscription.Purchase = id
	}
	return true
}

// PaidDue takes the proven payment of a price that was asked for. It reports
// whether that granted or proved anything: of what was changed meanwhile, or is
// over, it does not.
func (s *State) PaidDue(a *core.Account, due Due, now core.Time) bool {
	if s.Redeem(a, due.Start, due.Money, now) {
		return true
	}
	if s.running() == nil || s.Serial != due.Serial {
		return false
	}
	fresh, err := s.Pay(a, due.Start, now)
	return fresh && err == nil
}
