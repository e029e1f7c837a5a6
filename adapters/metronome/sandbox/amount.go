package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

const (
	places    = 9  // decimals that every amount is kept in
	maxDigits = 60 // characters of an amount that is read
	maxPower  = 30 // size of an exponent that is read
	maxSize   = 40 // digits of an amount, decimals included
)

// amount is an exact decimal with nine places. It is a value: no method changes
// it. The zero value is zero.
type amount struct{ n *big.Int }

func (x amount) int() *big.Int {
	if x.n == nil {
		return new(big.Int)
	}
	return x.n
}

func (x amount) add(y amount) amount { return amount{new(big.Int).Add(x.int(), y.int())} }
func (x amount) sub(y amount) amount { return amount{new(big.Int).Sub(x.int(), y.int())} }
func (x amount) neg() amount         { return amount{new(big.Int).Neg(x.int())} }
func (x amount) cmp(y amount) int    { return x.int().Cmp(y.int()) }
func (x amount) sign() int           { return x.int().Sign() }

func least(x, y amount) amount {
	if x.cmp(y) < 0 {
		return x
	}
	return y
}

func power(n int64) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil) }

// times multiplies and cuts off what is beyond nine decimals.
func (x amount) times(y amount) amount {
	product := new(big.Int).Mul(x.int(), y.int())
	return amount{product.Quo(product, power(places))}
}

// hundredth moves the point by two places, as from cents to dollars.
func (x amount) hundredth() *big.Rat { return new(big.Rat).SetFrac(x.int(), power(places+2)) }

// parseAmount reads a decimal, with an exponent if need be.
func parseAmount(s string) (amount, error) {
	bad := func(why string) (amount, error) { return amount{}, fmt.Errorf("%q is not an amount: %s", s, why) }
	if s == "" || len(s) > maxDigits || strings.Trim(s, "0123456789+-.eE") != "" {
		return bad("write a decimal number")
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		if p, err := strconv.Atoi(s[i+1:]); err != nil || p > maxPower || p < -maxPower {
			return bad("its exponent is too large")
		}
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return bad("write a decimal number")
	}
	r.Mul(r, new(big.Rat).SetInt(power(places)))
	if !r.IsInt() {
		return bad("it has more than nine decimals")
	}
	if len(r.Num().String()) > maxSize {
		return bad("it is too large")
	}
	return amount{new(big.Int).Set(r.Num())}, nil
}

// rat is the amount as a fraction.
func (x amount) rat() *big.Rat { return new(big.Rat).SetFrac(x.int(), power(places)) }

// String writes the shortest exact decimal.
func (x amount) String() string {
	return exact(x.rat())
}

// exact writes a fraction of a power of ten without needless zeros.
func exact(r *big.Rat) string {
	return strings.TrimRight(strings.TrimRight(r.FloatString(places+2), "0"), ".")
}

// MarshalJSON writes a string, the form that snapshots keep.
func (x amount) MarshalJSON() ([]byte, error) { return json.Marshal(x.String()) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (x *amount) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	got, err := parseAmount(s)
	*x = got
	return err
}

// numeral is an amount that requests carry as a bare JSON number.
type numeral struct{ amount }

// UnmarshalJSON takes a number and no string.
func (x *numeral) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte{'"'}) {
		return errors.New("an amount here is a JSON number, not a string")
	}
	got, err := parseAmount(string(text))
	x.amount = got
	return err
}

// bare is an amount written as a JSON number.
type bare amount

// MarshalJSON writes the digits.
func (x bare) MarshalJSON() ([]byte, error) { return []byte(amount(x).String()), nil }

// whole is a small integer as an amount.
func whole(n int64) amount { return amount{new(big.Int).Mul(big.NewInt(n), power(places))} }

// cut leaves off decimals.
func (x amount) cut(decimals int64) amount {
	unit := power(places - decimals)
	n := new(big.Int).Quo(x.int(), unit)
	return amount{n.Mul(n, unit)}
}
