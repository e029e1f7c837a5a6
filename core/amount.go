package core

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Amount counts the smallest parts of a unit: with scale 2, 1.50 is 150. The
// scale belongs to the [Unit] or [Currency], never to the amount.
type Amount int64

// The bounds of what may be written.
const (
	// MaxScale is the largest number of decimals a unit may keep.
	MaxScale = 9
	// MaxAmount bounds every single written amount, so that sums of many of
	// them still fit; arithmetic is checked all the same.
	MaxAmount Amount = math.MaxInt64 / 8
	// MaxPriority is the largest priority of a grant; lower burns first.
	MaxPriority = 100
	// DefaultPriority is the priority of a grant that names none.
	DefaultPriority = 50
)

// maxAmountText bounds what ParseAmount reads, far above any valid amount.
const maxAmountText = 40

// Add returns a+b, or an [CodeInvalid] error when the sum does not fit.
func (a Amount) Add(b Amount) (Amount, error) {
	c := a + b
	if (c > a) != (b > 0) && b != 0 {
		return 0, Errorf(CodeInvalid, "amount overflows: %d + %d", int64(a), int64(b))
	}
	return c, nil
}

// Sub returns a-b, or an [CodeInvalid] error when the difference does not fit.
func (a Amount) Sub(b Amount) (Amount, error) {
	if b == math.MinInt64 {
		return 0, Errorf(CodeInvalid, "amount overflows: %d - %d", int64(a), int64(b))
	}
	return a.Add(-b)
}

// Append writes a with scale decimals, always all of them: 1.50, -0.05, 7.
func (a Amount) Append(dst []byte, scale int) []byte {
	u := uint64(a)
	if a < 0 {
		dst = append(dst, '-')
		u = -u
	}
	if scale <= 0 {
		return strconv.AppendUint(dst, u, 10)
	}
	p := pow10(scale)
	dst = strconv.AppendUint(dst, u/p, 10)
	dst = append(dst, '.')
	at := len(dst)
	dst = strconv.AppendUint(dst, u%p, 10)
	for missing := scale - (len(dst) - at); missing > 0; missing-- {
		dst = append(dst, 0)
		copy(dst[at+1:], dst[at:])
		dst[at] = '0'
	}
	return dst
}

// Format is [Amount.Append] as a string.
func (a Amount) Format(scale int) string {
	var buf [32]byte
	return string(a.Append(buf[:0], scale))
}

// ParseAmount reads a plain decimal: digits, and at most scale digits after
// one point. No sign, exponent, space, separator, leading zero or bare point
// is accepted, and nothing is ever rounded; each refusal says what is wrong.
func ParseAmount(text string, scale int) (Amount, error) {
	return parseDecimal(text, scale, false)
}

// ParseSigned is [ParseAmount] with an optional leading minus, for reading
// back what [Amount.Format] wrote.
func ParseSigned(text string, scale int) (Amount, error) {
	return parseDecimal(text, scale, true)
}

func parseDecimal(text string, scale int, signed bool) (Amount, error) {
	if scale < 0 || scale > MaxScale {
		return 0, Errorf(CodeInvalid, "scale %d is not between 0 and %d", scale, MaxScale)
	}
	if text == "" {
		return 0, Errorf(CodeInvalid, "amount is empty, write a decimal such as \"10.50\"")
	}
	if len(text) > maxAmountText {
		return 0, Errorf(CodeInvalid, "amount has %d characters, at most %d are read", len(text), maxAmountText)
	}
	digits, negative := text, false
	if signed && strings.HasPrefix(text, "-") {
		digits, negative = text[1:], true
	}
	whole, fraction, point := strings.Cut(digits, ".")
	if why := decimalFault(whole, fraction, point); why != "" {
		return 0, Errorf(CodeInvalid, "amount %q %s", text, why)
	}
	if len(fraction) > scale {
		return 0, Errorf(CodeInvalid, "amount %q has %d decimals, the unit keeps %d", text, len(fraction), scale)
	}
	var n uint64
	for _, c := range []byte(whole + fraction + strings.Repeat("0", scale-len(fraction))) {
		d := uint64(c - '0')
		if n > (math.MaxInt64-d)/10 {
			return 0, Errorf(CodeInvalid, "amount %q is too large", text)
		}
		n = n*10 + d
	}
	if Amount(n) > MaxAmount {
		return 0, Errorf(CodeInvalid, "amount %q is too large", text)
	}
	if negative {
		return -Amount(n), nil
	}
	return Amount(n), nil
}

// decimalFault names what keeps the parts of a decimal from being plain.
func decimalFault(whole, fraction string, point bool) string {
	switch {
	case whole == "":
		return "has no digit before the point"
	case point && fraction == "":
		return "ends with a point"
	case len(whole) > 1 && whole[0] == '0':
		return "has a leading zero"
	}
	for _, part := range [2]string{whole, fraction} {
		for i := 0; i < len(part); i++ {
			switch c := part[i]; {
			case c >= '0' && c <= '9':
			case c == '+' || c == '-':
				return "has a sign, write it without"
			case c == 'e' || c == 'E':
				return "has an exponent, write all digits"
			default:
				return fmt.Sprintf("has the character %q, only digits and one point are read", c)
			}
		}
	}
	return ""
}

func pow10(n int) uint64 {
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}
