// Package sale holds what is bought: purchases of packs, the payments that
// prove them, and what they grant. It is pure.
package sale

import "scrip/core"

// State is where a purchase stands.
type State string

// The states of a purchase.
const (
	Pending  State = "pending"
	Paid     State = "paid"
	Failed   State = "failed"
	Refunded State = "refunded" // all of its price was given back
	Disputed State = "disputed" // some of its price is contested, or lost to a dispute
)

// Purchase is a pack that a customer has chosen to buy. Its price, credits and
// expiry are fixed when it is made; a later change of the pack does not reach it.
type Purchase struct {
	ID         core.ID     `json:"id"`
	Customer   string      `json:"customer"`
	Pack       string      `json:"pack"`
	Unit       string      `json:"unit"`
	Credits    core.Amount `json:"credits"`           // parts of the unit
	Overage    core.Amount `json:"overage,omitempty"` // what was used already and is paid for; it brings no credits
	Period     *Period     `json:"period,omitempty"`  // of a plan, which is paid for; it brings no credits by itself
	Price      core.Money  `json:"price"`
	Months     int         `json:"months,omitempty"` // life of the credits from payment; with Days zero too: never expires
	Days       int         `json:"days,omitempty"`
	Quantity   int64       `json:"quantity,omitempty"` // packs, when they are several
	Asked      string      `json:"asked,omitempty"`    // the amount that the buyer named, a canonical decimal
	Cycle      bool        `json:"cycle,omitempty"`    // the credits end with the subscription's period in which they are paid for
	Until      core.Time   `json:"until,omitempty"`    // when that is, once it is known
	Final      bool        `json:"final,omitempty"`    // the money is not given back
	Auto       bool        `json:"auto,omitempty"`     // the account asked for it by itself
	Connection string      `json:"connection"`         // who collects the money
	State      State       `json:"state"`
	PayURL     string      `json:"pay_url,omitempty"`
	Object     string      `json:"object,omitempty"` // the vendor's object that was paid
	Grant      core.ID     `json:"grant,omitempty"`
	Returning  core.Amount `json:"returning,omitempty"` // of the price, in all that the vendor was asked to give back
	Unmade     core.Amount `json:"unmade,omitempty"`    // of that, what the vendor could not give back
	Returns    *Returns    `json:"returns,omitempty"`   // nil while no money went back
	Created    core.Time   `json:"created"`
}

// Period is a plan's period that a purchase pays for.
type Period struct {
	Plan   string    `json:"plan"`
	Serial int       `json:"serial"` // which of the customer's beginnings of a plan
	Start  core.Time `json:"start"`
	End    core.Time `json:"end"`
	Idle   bool      `json:"idle,omitempty"` // it was paid, and that granted nothing: the plan was over, another, or paid already
}

// Payment is what a vendor says about money for a purchase.
type Payment struct {
	Purchase core.ID
	Object   string // the vendor's invoice or payment
	Paid     core.Money
	Settled  bool // the vendor calls it paid; anything else is no proof
}

// Renewal is what a vendor says about money for a period of a subscription that
// it bills itself.
type Renewal struct {
	Subscription string    // the vendor's
	Start        core.Time // of the period that was paid
	Paid         core.Money
	Settled      bool // all of the invoice was paid with money; anything else is no proof
}

// Prove checks that a payment is exactly what the purchase expects: settled,
// in its currency, for its price. Only then may credits be granted.
func (p *Purchase) Prove(pay Payment) error {
	switch {
	case !pay.Settled:
		return core.Errorf(core.CodeInvalid, "payment %q of purchase %q is not settled", pay.Object, string(p.ID))
	case pay.Paid.Currency != p.Price.Currency:
		return core.Errorf(core.CodeInvalid, "payment %q is in %q, purchase %q costs %s", pay.Object, string(pay.Paid.Currency), string(p.ID), p.Price)
	case pay.Paid.Minor != p.Price.Minor:
		return core.Errorf(core.CodeInvalid, "payment %q is %s, purchase %q costs %s", pay.Object, pay.Paid, string(p.ID), p.Price)
	}
	return nil
}

// Terms are those of the grant that the paid purchase makes at now.
func (p *Purchase) Terms(grant core.ID, now core.Time) core.Terms {
	expires := core.Never
	switch {
	case p.Until != 0:
		expires = p.Until
	case p.Months > 0 || p.Days > 0:
		expires = now.AddMonths(p.Months) + core.Time(p.Days)*24*3600*1_000_000
	}
	return core.Terms{
		ID: grant, Amount: p.Credits, Category: core.Paid, Priority: core.DefaultPriority,
		Starts: now, Expires: expires, Paid: p.Price, Source: p.ID,
	}
}
