package rest

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
)

// Decimal is a number as it stands in JSON, bare or as a string: vendors use
// both, sometimes for the same field. It never passes through binary floating
// point. The zero Decimal is absent, or null. It is written as a bare number.
type Decimal string

const (
	maxDigits   = 60
	maxExponent = 40
)

// UnmarshalJSON reads a number, a string that holds one, or null; anything
// else is an error.
func (d *Decimal) UnmarshalJSON(b []byte) error {
	*d = ""
	text := string(b)
	if text == "null" {
		return nil
	}
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
	}
	if _, ok := ratio(text); !ok {
		return &json.UnmarshalTypeError{Value: "no plain number"}
	}
	*d = Decimal(canonical(text))
	return nil
}

// canonical drops leading zeros, which a string may have and JSON may not.
func canonical(text string) string {
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	text = strings.TrimLeft(text, "0")
	if text == "" || text[0] < '0' || text[0] > '9' {
		text = "0" + text
	}
	return sign + text
}

// MarshalJSON writes a bare number, null for the zero Decimal.
func (d Decimal) MarshalJSON() ([]byte, error) {
	if d == "" {
		return []byte("null"), nil
	}
	return []byte(d), nil
}

// Rat is the number exactly; an absent number is zero.
func (d Decimal) Rat() *big.Rat {
	if r, ok := ratio(string(d)); ok {
		return r
	}
	return new(big.Rat)
}

// Parts is the number counted in parts of 10^-scale, and false where that is
// not a whole number of 64 bits. An absent number is zero.
func (d Decimal) Parts(scale int) (int64, bool) {
	r, ok := d.scaled(scale)
	if !ok || !r.IsInt() || !r.Num().IsInt64() {
		return 0, false
	}
	return r.Num().Int64(), true
}

// Floor is [Decimal.Parts] rounded down, so that only size makes it fail.
func (d Decimal) Floor(scale int) (int64, bool) {
	r, ok := d.scaled(scale)
	if !ok {
		return 0, false
	}
	n := new(big.Int).Div(r.Num(), r.Denom()) // rounds down, since a denominator is positive
	return n.Int64(), n.IsInt64()
}

func (d Decimal) scaled(scale int) (*big.Rat, bool) {
	if d == "" {
		return new(big.Rat), true
	}
	r, ok := ratio(string(d))
	if !ok || scale < 0 || scale > maxExponent {
		return nil, false
	}
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	return r.Mul(r, new(big.Rat).SetInt(power)), true
}

// ratio reads a decimal with an optional exponent: 12, -0.5, 1.2e1. A long one
// is refused, and a large exponent, which would make a number of as many digits.
func ratio(text string) (*big.Rat, bool) {
	mantissa, exponent, found := strings.Cut(strings.ToLower(text), "e")
	if found {
		if n, err := strconv.Atoi(exponent); err != nil || n < -maxExponent || n > maxExponent {
			return nil, false
		}
	}
	digits := strings.TrimPrefix(mantissa, "-")
	if len(digits) > maxDigits || digits == "" || strings.Trim(digits, "0123456789.") != "" || strings.Count(digits, ".") > 1 ||
		strings.HasPrefix(digits, ".") || strings.HasSuffix(digits, ".") {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}
