package metronome

import (
	"math/big"
	"strings"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// usdCents is the credit type of US dollars, the same in every account. It
// counts in cents; other currencies count in whole units, by their names there.
// Source: docs.metronome.com, pricing units; GET /v1/credit-types/list.
const usdCents = "2714e483-4ff1-48e4-9e25-ac732e8f24f2"

// creditType is a unit of the vendor's.
type creditType struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Currency bool   `json:"is_currency"`
}

// is reports whether a unit of ours is this credit type: by its id, by its
// name, or by the code of its currency.
func (t creditType) is(unit string) bool {
	return strings.EqualFold(unit, t.ID) || t.Name != "" && strings.EqualFold(unit, t.Name) || t.ID == usdCents && strings.EqualFold(unit, "usd")
}

// finest is the number of decimals that a unit is given at most: the precision
// of the vendor's ledger is not documented.
const finest = 6

// shift is the number of decimals by which the vendor's numbers of a credit
// type are larger than ours.
func shift(id string) int {
	if strings.EqualFold(id, usdCents) {
		return 2
	}
	return 0
}

// number writes quanta of a scale as the bare decimal that the vendor reads.
func number(quanta int64, scale int, id string) rest.Decimal {
	if scale -= shift(id); scale >= 0 {
		return rest.Decimal(core.Amount(quanta).Format(scale))
	}
	return rest.Decimal(core.Amount(quanta).Format(0) + strings.Repeat("0", -scale))
}

// parts is the vendor's number of a credit type counted in parts of 10^-scale
// of ours, rounded down, and false where that is too large.
func parts(r *big.Rat, scale int, id string) (int64, bool) {
	n := new(big.Int).Mul(r.Num(), power(max(0, scale-shift(id))))
	n.Div(n, new(big.Int).Mul(r.Denom(), power(max(0, shift(id)-scale)))) // rounds down, since the divisor is positive
	return n.Int64(), n.IsInt64()
}

func power(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// holdings counts two of the vendor's numbers in millionths, or in as few
// decimals as both fit in.
func holdings(held, left *big.Rat, id, unit string) (h, l adapters.Holding, ok bool) {
	for scale := finest; scale >= 0; scale-- {
		a, fits := parts(held, scale, id)
		b, also := parts(left, scale, id)
		if fits && also {
			return adapters.Holding{Quanta: a, Scale: scale, Unit: unit}, adapters.Holding{Quanta: b, Scale: scale, Unit: unit}, true
		}
	}
	return h, l, false
}

// carries refuses a holding that cannot be written exactly.
func carries(scale int, unit string) error {
	switch {
	case unit == "":
		return adapters.Errorf(adapters.CodeInvalid, "the order names no credit type, map the unit to one of the vendor's")
	case scale < 0 || scale > finest:
		return adapters.Errorf(adapters.CodeInvalid, "the order counts in %d decimals, the vendor is given at most %d", scale, finest)
	}
	return nil
}

// costBasis is what was paid for the part of a grant that the vendor is given,
// in the vendor's number of the currency, rounded to millionths; "" where
// nothing was paid.
func costBasis(o adapters.GrantOrder) rest.Decimal {
	if o.Basis.Minor <= 0 || o.Original <= 0 {
		return ""
	}
	share := new(big.Rat).SetFrac(
		new(big.Int).Mul(big.NewInt(o.Holding.Quanta), power(o.Unit.Scale)),
		new(big.Int).Mul(big.NewInt(int64(o.Original)), power(o.Holding.Scale)))
	paid := new(big.Rat).Mul(share, new(big.Rat).SetInt64(int64(o.Basis.Minor)))
	if o.Basis.Currency != "usd" {
		paid.Quo(paid, new(big.Rat).SetInt(power(o.Basis.Currency.Exponent())))
	}
	return rest.Decimal(strings.TrimSuffix(strings.TrimRight(paid.FloatString(finest), "0"), "."))
}
