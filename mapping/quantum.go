package mapping

import (
	"cmp"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
)

// The quantum law: what a vendor holds for a grant is the floor, in the
// vendor's quantum, of what remains times the rate; what it holds as
// consumption is the floor of all consumption so far times the rate. A window
// tells the difference of two such floors and never a rounded part of its
// own, so that however consumption is split, what was told sums to the law.

// unitScale is how many decimals of a unit a vendor that holds units is
// trusted with unless it documents more.
const unitScale = 6

// Quantum is the smallest value that a vendor keeps exactly of one of our
// units: a minor unit of money where it holds money, else 10^-Scale of the
// vendor's own unit.
type Quantum struct {
	Scale    int           // decimals of a whole currency unit, or of the vendor's unit
	UnitID   string        // the vendor's id of its unit, "" where it holds money
	Currency core.Currency // "" where it holds units
	Rate     core.Rate     // quanta in the smallest part of our unit
}

// MoneyQuantum is the quantum of a vendor that values a unit in money.
func MoneyQuantum(unit core.Unit, price core.Price) (Quantum, error) {
	r, err := price.PerPart(unit.Scale)
	return Quantum{Scale: price.Currency.Exponent(), Currency: price.Currency, Rate: r}, err
}

// UnitQuantum is the quantum of a vendor that holds units: one of its units is
// one of ours, with no more decimals than the vendor keeps, six where that is 0.
func UnitQuantum(unit core.Unit, id string, decimals int) (Quantum, error) {
	scale := min(unit.Scale, cmp.Or(decimals, unitScale))
	r, err := core.Rate{Num: 1, Den: 1}.Scaled(scale - unit.Scale)
	return Quantum{Scale: scale, UnitID: id, Rate: r}, err
}

// QuantumOf is the quantum of a unit at a connection. A unit that has no value
// there is an error.
func (c Connection) QuantumOf(unit core.Unit) (Quantum, error) {
	if c.HoldsUnits {
		return UnitQuantum(unit, c.UnitID(unit.Code), c.Decimals)
	}
	return MoneyQuantum(unit, c.RateOf(unit))
}

// Floor is what a vendor holds of an amount: whole quanta, rounded down.
func (q Quantum) Floor(amount core.Amount) (int64, error) {
	n, _, err := core.MulDiv(amount, q.Rate, core.RoundDown)
	return int64(n), err
}

// Holding is [Quantum.Floor] as an order says it.
func (q Quantum) Holding(amount core.Amount) (adapters.Holding, error) {
	n, err := q.Floor(amount)
	return q.of(n), err
}

// of is a number of quanta as an order says it.
func (q Quantum) of(quanta int64) adapters.Holding {
	unit := q.UnitID
	if unit == "" {
		unit = string(q.Currency)
	}
	return adapters.Holding{Quanta: quanta, Scale: q.Scale, Unit: unit}
}

// Value is a number of quanta as money, zero where the vendor holds units.
func (q Quantum) Value(quanta int64) core.Money {
	if q.Currency == "" {
		return core.Money{}
	}
	return core.Money{Minor: core.Amount(quanta), Currency: q.Currency}
}

// Quanta is the consumption that a vendor of money must hold once consumed was
// taken in all, in minor units of the rate's currency, rounded down.
func Quanta(consumed core.Amount, unit core.Unit, rate core.Price) (int64, error) {
	q, err := MoneyQuantum(unit, rate)
	if err != nil {
		return 0, err
	}
	return q.Floor(consumed)
}

// WindowQuanta is what one closed window tells: what the vendor must hold
// after it, less what it must hold before. It is negative when the window
// gave more back than it took.
func WindowQuanta(told ledger.Told, q Quantum) (int64, error) {
	after, err := q.Floor(told.Consumed)
	if err != nil {
		return 0, err
	}
	before, err := q.Floor(told.Before)
	return after - before, err
}

// HeldValue is what a vendor of money can hold of a grant's remainder: its
// value at the rate, rounded down. What is lost by rounding stays in the core.
func HeldValue(remaining core.Amount, unit core.Unit, rate core.Price) (core.Money, error) {
	n, err := Quanta(remaining, unit, rate)
	return core.Money{Minor: core.Amount(n), Currency: rate.Currency}, err
}

// RateOf is the value of one whole unit at a connection that holds money: 1
// where the unit is money, the value it had where it is retired, the
// connection's rate otherwise. It is zero when there is none.
func (c Connection) RateOf(unit core.Unit) core.Price {
	if currency, err := core.ParseCurrency(unit.Code); err == nil {
		return core.Price{Rate: core.Rate{Num: 1, Den: 1}, Currency: currency}
	}
	if kept, ok := c.Rates[unit.Code]; ok {
		return kept
	}
	return c.Rate
}

// UnitID is the vendor's id of one of our units: the one that the config
// names, else the unit's own code.
func (c Connection) UnitID(code string) string {
	if id := c.Units[code]; id != "" {
		return id
	}
	return code
}
