package plan

import (
	"slices"

	"scrip/core"
)

// Bill is what customers are asked to pay for overage: charges that nobody was
// asked for yet, in one sum.
type Bill struct {
	Last  int // the charge that it goes up to
	From  core.Time
	To    core.Time
	Units core.Amount
	Money core.Money
}

// Bill sums up the charges of one currency that are to be paid. There is none
// while those of every currency come to nothing, or to less because something
// was given back: the next charges in that currency then make it good.
func (s *State) Bill() (Bill, bool) {
	var list []Bill
	for _, c := range s.Billing.Charges {
		if s.Billing.asked(&c) {
			continue
		}
		i := slices.IndexFunc(list, func(b Bill) bool { return b.Money.Currency == c.Money.Currency })
		if i < 0 {
			i, list = len(list), append(list, Bill{From: c.From, Money: core.Money{Currency: c.Money.Currency}})
		}
		b := &list[i]
		b.Last, b.To = c.N, c.At
		b.Units += c.Units
		b.Money.Minor += c.Money.Minor
	}
	for _, b := range list {
		if b.Money.Minor > 0 {
			return b, true
		}
	}
	return Bill{}, false
}

// Billed notes that customers were asked for what a bill sums up.
func (s *State) Billed(bill Bill) {
	b := &s.Billing
	upTo := b.Count
	for i := len(b.Charges) - 1; i >= 0; i-- {
		c := &b.Charges[i]
		c.Asked = b.asked(c) || c.N <= bill.Last && c.Money.Currency == bill.Money.Currency
		if !c.Asked {
			upTo = c.N - 1
		}
	}
	for i := range b.Charges {
		b.Charges[i].Asked = b.Charges[i].Asked && b.Charges[i].N > upTo
	}
	b.Billed = upTo
}

// asked reports whether somebody was asked to pay a charge.
func (b *Billing) asked(c *Charge) bool { return c.Asked || c.N <= b.Billed }
