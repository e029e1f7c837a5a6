package mapping

import (
	"scrip/core"
	"scrip/core/ledger"
)

// The quantum law: what a vendor holds for a grant is the floor, in the
// currency's minor unit, of what remains times the rate; what it holds as
// consumption is the floor of all consumption so far times the rate. A window
// tells the difference of two such floors and never a rounded part of its
// own, so that however consumption is split, what was told sums to the law.

// Quanta is the consumption a vendor must hold once consumed was taken in
// all, in minor units of the rate's currency, rounded down.
func Quanta(consumed core.Amount, unit core.Unit, rate core.Price) (int64, error) {
	m, err := rate.Value(consumed, unit.Scale, core.RoundDown)
	return int64(m.Minor), err
}

// WindowQuanta is what one closed window tells: what the vendor must hold
// after it, less what it must hold before. It is negative when the window
// gave more back than it took.
func WindowQuanta(told ledger.Told, unit core.Unit, rate core.Price) (int64, error) {
	after, err := Quanta(told.Consumed, unit, rate)
	if err != nil {
		return 0, err
	}
	before, err := Quanta(told.Before, unit, rate)
	return after - before, err
}

// HeldValue is what a vendor can hold of a grant's remainder: its value at
// the rate, rounded down. What is lost by rounding stays in the core.
func HeldValue(remaining core.Amount, unit core.Unit, rate core.Price) (core.Money, error) {
	return rate.Value(remaining, unit.Scale, core.RoundDown)
}

// RateOf is the value of one whole unit at a connection: 1 where the unit is
// money, the connection's rate otherwise. It is zero when there is none.
func (c Connection) RateOf(unit core.Unit) core.Price {
	if currency, err := core.ParseCurrency(unit.Code); err == nil {
		return core.Price{Rate: core.Rate{Num: 1, Den: 1}, Currency: currency}
	}
	return c.Rate
}
