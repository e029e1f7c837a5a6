package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

const (
	creditPlaces = 5  // decimals that credits and rates are kept in
	maxDigits    = 60 // characters of an amount that is read
	mostCents    = 100_000_000_000_000_000
)

// dec is an exact decimal. It is a value: no method changes it. The zero value
// is zero.
type dec struct{ r *big.Rat }

func whole(n int64) dec { return dec{new(big.Rat).SetInt64(n)} }

func (x dec) rat() *big.Rat {
	if x.r == nil {
		return new(big.Rat)
	}
	return x.r
}

func (x dec) add(y dec) dec   { return dec{new(big.Rat).Add(x.rat(), y.rat())} }
func (x dec) sub(y dec) dec   { return dec{new(big.Rat).Sub(x.rat(), y.rat())} }
func (x dec) times(y dec) dec { return dec{new(big.Rat).Mul(x.rat(), y.rat())} }
func (x dec) cmp(y dec) int   { return x.rat().Cmp(y.rat()) }
func (x dec) sign() int       { return x.rat().Sign() }

// per divides; the divisor is not zero.
func (x dec) per(y dec) dec { return dec{new(big.Rat).Quo(x.rat(), y.rat())} }

func least(x, y dec) dec {
	if x.cmp(y) < 0 {
		return x
	}
	return y
}

func most(x, y dec) dec {
	if x.cmp(y) < 0 {
		return y
	}
	return x
}

func tenth(places int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil)
}

// floor cuts a number down to some decimals.
func (x dec) floor(places int) dec {
	scale := tenth(places)
	scaled := new(big.Rat).Mul(x.rat(), new(big.Rat).SetInt(scale))
	n := new(big.Int).Div(scaled.Num(), scaled.Denom()) // towards minus infinity, since the denominator is positive
	return dec{new(big.Rat).SetFrac(n, scale)}
}

// round rounds to some decimals, halves away from zero.
func (x dec) round(places int) dec {
	half := dec{new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Mul(big.NewInt(2), tenth(places)))}
	if x.sign() < 0 {
		positive := whole(0).sub(x).add(half).floor(places)
		return whole(0).sub(positive)
	}
	return x.add(half).floor(places)
}

// int is a whole number that fits, and false for any other.
func (x dec) int() (int64, bool) {
	r := x.rat()
	return r.Num().Int64(), r.IsInt() && r.Num().IsInt64()
}

// String writes a decimal as the API does: at least one digit after the point.
func (x dec) String() string {
	n, _ := x.rat().FloatPrec()
	return x.rat().FloatString(max(n, 1))
}

// MarshalJSON writes a string, in answers and in snapshots.
func (x dec) MarshalJSON() ([]byte, error) { return json.Marshal(x.String()) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (x *dec) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	got, err := parseDec(s)
	*x = got
	return err
}

// parseDec reads a plain decimal without an exponent.
func parseDec(s string) (dec, error) {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || len(s) > maxDigits || strings.Trim(digits, "0123456789.") != "" || strings.Count(digits, ".") > 1 || strings.Trim(digits, ".") == "" {
		return dec{}, fmt.Errorf("%q is not a decimal number", s)
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return dec{}, fmt.Errorf("%q is not a decimal number", s)
	}
	return dec{r}, nil
}

// errAmount is any amount that the API takes for none.
var errAmount = errors.New("invalid_amount")

// amountOf reads an amount of credits out of a request: a string alone, zero
// when it is absent or null.
func amountOf(raw json.RawMessage) (dec, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return dec{}, nil
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return dec{}, errAmount
	}
	x, err := parseDec(s)
	if err != nil || x.sign() < 0 || x.cmp(dec{new(big.Rat).SetInt(tenth(25))}) >= 0 {
		return dec{}, errAmount
	}
	return x, nil
}

// exponent is how many digits of a currency's amounts are below one.
func exponent(currency string) int {
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	default:
		return 2
	}
}

// major is an amount of minor units in major ones.
func major(cents int64, currency string) dec {
	return dec{new(big.Rat).SetFrac(big.NewInt(cents), tenth(exponent(currency)))}
}

// minor is an amount in minor units, exact or not.
func minor(amount dec, currency string) dec {
	return dec{new(big.Rat).Mul(amount.rat(), new(big.Rat).SetInt(tenth(exponent(currency))))}
}

// worth is an amount of credits and what it is worth in minor units.
type worth struct {
	Credits dec
	Cents   int64
}

// toppedUp is what a top-up of some credits becomes: the money is rounded to
// what the currency has, and the credits follow the money.
func toppedUp(credits, rate dec, currency string) (worth, error) {
	amount := credits.floor(creditPlaces).times(rate).round(exponent(currency))
	return priced(amount.per(rate).round(creditPlaces), amount, currency)
}

// takenOff is what a void of some credits becomes: the credits stay as they
// are, so credits and money can drift apart.
func takenOff(credits, rate dec, currency string) (worth, error) {
	credits = credits.floor(creditPlaces)
	return priced(credits, credits.times(rate).round(exponent(currency)), currency)
}

// ofCents is what an amount of minor units, whole or not, is in credits.
func ofCents(cents, rate dec, currency string) (worth, error) {
	amount := cents.per(minor(whole(1), currency)).round(exponent(currency))
	return priced(amount.per(rate).round(creditPlaces), amount, currency)
}

func priced(credits, amount dec, currency string) (worth, error) {
	cents, ok := minor(amount, currency).int()
	if !ok || cents > mostCents {
		return worth{}, errAmount
	}
	return worth{credits, cents}, nil
}
