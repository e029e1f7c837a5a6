// Package books reads the money in a ledger: what of each payment has been
// earned, what has lapsed, went back or was written off, and what is still
// owed as service, at any instant and by month. It is pure and takes one
// customer at a time, so that its memory does not grow with their number.
//
// A lot's money follows its credits exactly. Of a lot of A parts paid with P
// minor units, the pots consumed, expired, voided, refunded and moved are laid
// end to end in this order, and each gets the difference of floor(P x part / A)
// between its two ends; what is left of the lot is the last part and takes the
// rest. So the parts always sum to P, each is within one minor unit of its
// exact share, and what is recognised depends on what was consumed alone.
package books

import (
	"fmt"
	"math/big"
	"strings"

	"scrip/core"
)

// Month is a calendar month in UTC; months are consecutive numbers.
type Month int

// MonthOf is the month that an instant lies in.
func MonthOf(t core.Time) Month {
	year, month, _ := t.Std().Date()
	return Month(year*12 + int(month) - 1)
}

// String is the month as 2026-01.
func (m Month) String() string { return fmt.Sprintf("%04d-%02d", int(m)/12, int(m)%12+1) }

// Sum adds up amounts of many accounts, which no amount could hold. The zero
// value is zero.
type Sum struct{ total, one big.Int }

// Add adds an amount, which may be below zero.
func (s *Sum) Add(a core.Amount) {
	if a != 0 {
		s.total.Add(&s.total, s.one.SetInt64(int64(a)))
	}
}

// AddSum adds another sum.
func (s *Sum) AddSum(t *Sum) { s.total.Add(&s.total, &t.total) }

// Sub takes another sum away.
func (s *Sum) Sub(t *Sum) { s.total.Sub(&s.total, &t.total) }

// Sign is -1, 0 or 1.
func (s *Sum) Sign() int { return s.total.Sign() }

// Text is the sum with that many decimals.
func (s *Sum) Text(scale int) string {
	digits := s.total.String()
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	if scale <= 0 {
		return sign + digits
	}
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	at := len(digits) - scale
	return sign + digits[:at] + "." + digits[at:]
}

// Share is s as a part of whole, in percent with one decimal, to the nearest;
// "" when the whole is zero.
func (s *Sum) Share(whole *Sum) string {
	if whole.Sign() == 0 {
		return ""
	}
	r := new(big.Rat).SetFrac(&s.total, &whole.total)
	return r.Mul(r, big.NewRat(100, 1)).FloatString(1)
}

// priceDecimals are kept of a price that is worked out for people.
const priceDecimals = 6

// PricePerUnit is the money, in minor units of a currency of that exponent,
// for one whole unit of units that were counted in parts of that scale: in
// major units, to the nearest of six decimals; "" when there are no units.
func PricePerUnit(money *Sum, exponent int, units *Sum, scale int) string {
	if units.Sign() == 0 {
		return ""
	}
	r := new(big.Rat).SetFrac(&money.total, &units.total)
	return r.Mul(r, new(big.Rat).SetFrac(power(scale), power(exponent))).FloatString(priceDecimals)
}

func power(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// Percent is n as a part of whole, in percent with one decimal, to the nearest;
// "" when the whole is zero.
func Percent(n, whole int64) string {
	if whole == 0 {
		return ""
	}
	return new(big.Rat).SetFrac64(100*n, whole).FloatString(1)
}

// CompareRates is -1, 0 or 1 as x is below, equal to or above y. One that is
// unset counts as zero.
func CompareRates(x, y core.Rate) int { return ratOf(x).Cmp(ratOf(y)) }

// Decimal is a rate for people, with as many of six decimals as it needs.
func Decimal(r core.Rate) string {
	text := strings.TrimRight(ratOf(r).FloatString(priceDecimals), "0")
	return strings.TrimSuffix(text, ".")
}

func ratOf(r core.Rate) *big.Rat {
	if r.Den <= 0 {
		return new(big.Rat)
	}
	return big.NewRat(r.Num, r.Den)
}
