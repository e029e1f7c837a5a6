package core

import (
	"math"
	"math/bits"
	"strings"
)

// Rounding says how a value between two smallest parts is settled.
type Rounding int

// The ways to round. Values are never negative where rounding is asked for.
const (
	RoundHalfEven Rounding = iota // to the nearest part, ties to the even one
	RoundUp                       // to the next part up
	RoundDown                     // to the next part down
)

// Rate is an exact non-negative ratio, such as a price per unit. The zero
// value is no rate; a free price is 0/1.
type Rate struct{ Num, Den int64 }

// ParseRate reads a plain decimal with up to 9 decimals exactly.
func ParseRate(text string) (Rate, error) {
	scale := 0
	if _, fraction, ok := strings.Cut(text, "."); ok {
		scale = len(fraction)
	}
	if scale > MaxScale && len(text) <= maxAmountText {
		return Rate{}, Errorf(CodeInvalid, "rate %q has %d decimals, at most %d are kept", text, scale, MaxScale)
	}
	n, err := ParseAmount(text, min(scale, MaxScale))
	if err != nil {
		return Rate{}, err
	}
	return Rate{int64(n), int64(pow10(scale))}.reduced(), nil
}

// IsZero reports whether r is unset or zero.
func (r Rate) IsZero() bool { return r.Num == 0 }

// Add returns the exact sum, or an error when it cannot be held in 64 bits. A
// rate that is unset counts as zero.
func (r Rate) Add(s Rate) (Rate, error) {
	r, s = r.reduced(), s.reduced()
	if r.Den <= 0 || s.Den <= 0 {
		return Rate{}, Errorf(CodeInvalid, "rate %d/%d + %d/%d is undefined", r.Num, r.Den, s.Num, s.Den)
	}
	common := gcd(r.Den, s.Den)
	rHi, rNum := bits.Mul64(uint64(r.Num), uint64(s.Den/common))
	sHi, sNum := bits.Mul64(uint64(s.Num), uint64(r.Den/common))
	dHi, den := bits.Mul64(uint64(r.Den), uint64(s.Den/common))
	num, carry := bits.Add64(rNum, sNum, 0)
	if rHi|sHi|dHi|carry != 0 || num > math.MaxInt64 || den > math.MaxInt64 {
		return Rate{}, Errorf(CodeInvalid, "rate %d/%d + %d/%d is too fine to hold exactly", r.Num, r.Den, s.Num, s.Den)
	}
	return Rate{int64(num), int64(den)}.reduced(), nil
}

// Mul returns the exact product, or an error when it cannot be held in 64 bits.
// A rate that is unset counts as zero.
func (r Rate) Mul(s Rate) (Rate, error) {
	r, s = r.reduced(), s.reduced()
	a, b := Rate{r.Num, s.Den}.reduced(), Rate{s.Num, r.Den}.reduced()
	nHi, num := bits.Mul64(uint64(a.Num), uint64(b.Num))
	dHi, den := bits.Mul64(uint64(a.Den), uint64(b.Den))
	if nHi != 0 || dHi != 0 || num > math.MaxInt64 || den > math.MaxInt64 || den == 0 {
		return Rate{}, Errorf(CodeInvalid, "rate %d/%d x %d/%d is too fine to hold exactly", r.Num, r.Den, s.Num, s.Den)
	}
	return Rate{int64(num), int64(den)}, nil
}

// maxPower is the largest power of ten in 63 bits.
const maxPower = 18

// Scaled returns r x 10^n exactly; n may be negative.
func (r Rate) Scaled(n int) (Rate, error) {
	if n < -maxPower || n > maxPower {
		return Rate{}, Errorf(CodeInvalid, "rate %d/%d x 10^%d is too fine to hold exactly", r.Num, r.Den, n)
	}
	if n < 0 {
		return r.Mul(Rate{1, int64(pow10(-n))})
	}
	return r.Mul(Rate{int64(pow10(n)), 1})
}

func (r Rate) reduced() Rate {
	if r.Num == 0 {
		return Rate{0, 1}
	}
	common := gcd(r.Num, r.Den)
	return Rate{r.Num / common, r.Den / common}
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// MulDiv returns a x r rounded by mode, and whether the result is exact. It is
// the one place where Scrip rounds. Amounts and rates must not be negative.
func MulDiv(a Amount, r Rate, mode Rounding) (result Amount, exact bool, err error) {
	if a < 0 || r.Num < 0 || r.Den <= 0 {
		return 0, false, Errorf(CodeInvalid, "cannot take %d x %d/%d: negative or undefined", int64(a), r.Num, r.Den)
	}
	hi, lo := bits.Mul64(uint64(a), uint64(r.Num))
	if hi >= uint64(r.Den) {
		return 0, false, Errorf(CodeInvalid, "amount overflows: %d x %d/%d", int64(a), r.Num, r.Den)
	}
	q, rem := bits.Div64(hi, lo, uint64(r.Den))
	up := mode == RoundUp && rem > 0
	if mode == RoundHalfEven {
		half := uint64(r.Den) - rem
		up = rem > half || rem == half && rem > 0 && q%2 == 1
	}
	if up && q < math.MaxUint64 { // the largest quotient is refused below, it must not wrap to zero
		q++
	}
	if q > math.MaxInt64 {
		return 0, false, Errorf(CodeInvalid, "amount overflows: %d x %d/%d", int64(a), r.Num, r.Den)
	}
	return Amount(q), rem == 0, nil
}
