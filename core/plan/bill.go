package plan

import "scrip/core"

// Bill is what customers are asked to pay for overage: charges that nobody was
// asked for yet, in one sum.
type Bill struct {
	Last  int // the charge that it goes up to
	From  core.Time
	To    core.Time
	Units core.Amount
	Money core.Money
}

// Bill sums up the charges that are to be paid. There is none while they come
// to nothing, or to less because something was given back: the next charges
// then make it good.
func (s *State) Bill() (Bill, bool) {
	var b Bill
	for _, c := range s.Billing.Charges {
		switch {
		case c.N <= s.Billing.Billed:
			continue
		case b.Last == 0:
			b.From, b.Money.Currency = c.From, c.Money.Currency
		case c.Money.Currency != b.Money.Currency: // the plan changed its currency: a bill of its own
			return b, b.Money.Minor > 0
		}
		b.Last, b.To = c.N, c.At
		b.Units += c.Units
		b.Money.Minor += c.Money.Minor
	}
	return b, b.Money.Minor > 0
}

// Billed notes up to which charge customers were asked.
func (s *State) Billed(last int) { s.Billing.Billed = last }
