package reconcile

import (
	"math/big"
	"strings"

	"scrip/adapters"
	"scrip/core"
	"scrip/mapping"
)

// held is what the vendor must hold of an amount, by the quantum law. It is
// the only place here that says what a quantum is.
func held(c mapping.Connection, unit core.Unit, amount core.Amount) (adapters.Holding, error) {
	q, err := c.QuantumOf(unit)
	if err != nil {
		return adapters.Holding{}, err
	}
	return q.Holding(amount)
}

func ofMoney(m core.Money) adapters.Holding {
	return adapters.Holding{Quanta: int64(m.Minor), Scale: m.Currency.Exponent(), Unit: string(m.Currency)}
}

// heldBy is what the vendor says it holds of a grant: all, and what is left.
func heldBy(g *adapters.VendorGrant) (value, left adapters.Holding) {
	if g.Held.Unit != "" {
		return g.Held, g.Left
	}
	return ofMoney(g.Value), ofMoney(g.Remaining)
}

// whole reports whether every amount of a unit is a whole number of quanta,
// so that no rounding ever happens.
func whole(c mapping.Connection, unit core.Unit) bool {
	const many = 1_000_000_000
	one, err := held(c, unit, 1)
	if err != nil {
		return false
	}
	all, err := held(c, unit, many)
	return err == nil && one.Quanta > 0 && all.Quanta/many == one.Quanta && all.Quanta%many == 0
}

// figure writes a holding for people: 12.34 usd.
func figure(h adapters.Holding) string { return sum(h).String() }

// total is a sum of holdings in one of the vendor's units, exact whatever
// decimals each of them has.
type total struct {
	parts big.Int
	scale int
	unit  string
}

// sum adds holdings; the unit is the first's.
func sum(list ...adapters.Holding) *total {
	t := &total{}
	for _, h := range list {
		t.add(h, 1)
	}
	return t
}

// add adds a holding so many times.
func (t *total) add(h adapters.Holding, times int64) {
	if t.unit == "" {
		t.unit = h.Unit
	}
	t.grow(h.Scale)
	d := new(big.Int).Mul(big.NewInt(h.Quanta), big.NewInt(times))
	t.parts.Add(&t.parts, d.Mul(d, power(t.scale-h.Scale)))
}

// grow lets a total have that many decimals at least.
func (t *total) grow(scale int) {
	if scale > t.scale {
		t.parts.Mul(&t.parts, power(scale-t.scale))
		t.scale = scale
	}
}

func power(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// less is t - u.
func (t *total) less(u *total) *total {
	d := &total{unit: t.unit}
	for _, side := range []struct {
		*total
		sign int64
	}{{t, 1}, {u, -1}} {
		d.grow(side.scale)
		part := new(big.Int).Mul(&side.parts, big.NewInt(side.sign))
		d.parts.Add(&d.parts, part.Mul(part, power(d.scale-side.scale)))
	}
	return d
}

// number writes a total as a decimal.
func (t *total) number() string {
	digits := new(big.Int).Abs(&t.parts).String()
	if short := t.scale + 1 - len(digits); short > 0 {
		digits = strings.Repeat("0", short) + digits
	}
	if t.scale > 0 {
		digits = digits[:len(digits)-t.scale] + "." + digits[len(digits)-t.scale:]
	}
	if t.parts.Sign() < 0 {
		digits = "-" + digits
	}
	return digits
}

// String writes a total for people: 12.34 usd.
func (t *total) String() string { return t.number() + " " + t.unit }

// sameUnit reports whether two holdings are of the same thing.
func sameUnit(a, b adapters.Holding) bool { return strings.EqualFold(a.Unit, b.Unit) }
