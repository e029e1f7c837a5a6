package sandbox

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strings"
)

const places = 10 // decimals that every amount is kept in

// amount is an exact decimal with ten places. It is a value: no method changes
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
func (x amount) cmp(y amount) int    { return x.int().Cmp(y.int()) }
func (x amount) sign() int           { return x.int().Sign() }

func least(x, y amount) amount {
	if x.cmp(y) < 0 {
		return x
	}
	return y
}

// parseAmount reads a decimal string of at most 25 digits before and 10 after
// the point, zero or positive.
func parseAmount(s string) (amount, error) {
	if !regexp.MustCompile(`^\d{1,25}(\.\d{1,10})?$`).MatchString(s) {
		return amount{}, fmt.Errorf("%.40q is not an amount: write at most 25 digits and 10 decimals", s)
	}
	whole, fraction, _ := strings.Cut(s, ".")
	n, ok := new(big.Int).SetString(whole+fraction+strings.Repeat("0", places-len(fraction)), 10)
	if !ok {
		return amount{}, fmt.Errorf("%.40q is not an amount", s)
	}
	return amount{n}, nil
}

// String writes the shortest exact decimal.
func (x amount) String() string {
	sign, digits := "", x.int().String()
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	if short := places + 1 - len(digits); short > 0 {
		digits = strings.Repeat("0", short) + digits
	}
	cut := len(digits) - places
	return sign + strings.TrimRight(strings.TrimRight(digits[:cut]+"."+digits[cut:], "0"), ".")
}

// MarshalJSON writes a string.
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

// major writes minor units of a currency in major ones.
func major(minor int64, currency string) string {
	digits := 2
	switch strings.ToUpper(currency) {
	case "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF":
		return fmt.Sprint(minor)
	case "BHD", "JOD", "KWD", "OMR", "TND":
		digits = 3
	}
	text := fmt.Sprintf("%0*d", digits+1, minor)
	return text[:len(text)-digits] + "." + text[len(text)-digits:]
}
