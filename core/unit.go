package core

import (
	"strings"
)

// Unit is what a balance is counted in: a code and the decimals it keeps. A
// unit whose code is a currency holds money, at a scale of its own choice.
type Unit struct {
	Code  string
	Scale int
}

// Money is an amount of a real currency in that currency's minor units. It is
// a type of its own: no operation takes it where an [Amount] of a unit is meant.
type Money struct {
	Minor    Amount
	Currency Currency
}

// Currency is a lower-case ISO 4217 code.
type Currency string

// currencyExponents holds the currencies whose minor unit is not a hundredth
// (ISO 4217 list one); every other known code has two decimals.
const (
	currencies0 = " bif clp djf gnf isk jpy kmf krw pyg rwf ugx uyi vnd vuv xaf xof xpf "
	currencies3 = " bhd iqd jod kwd lyd omr tnd "
	currencies4 = " clf uyw "
	currencies2 = " aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob bov brl bsd btn bwp byn bzd cad cdf che chf chw cny cop cou crc cup cve czk dkk dop dzd egp ern etb eur fjd fkp gbp gel ghs gip gmd gtq gyd hkd hnl htg huf idr ils inr irr jmd kes kgs khr kpw kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mru mur mvr mwk mxn mxv myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sdg sek sgd shp sle sos srd ssp stn svc syp szl thb tjs tmt top try ttd twd tzs uah usd usn uyu uzs ved ves wst xcd xcg yer zar zmw zwg "
)

// ParseCurrency reads a lower-case ISO 4217 code, or returns an error.
func ParseCurrency(code string) (Currency, error) {
	if _, ok := exponent(code); !ok {
		return "", Errorf(CodeInvalid, "currency %q is not a known lower-case ISO 4217 code such as \"usd\"", clip(code))
	}
	return Currency(code), nil
}

// Exponent is the number of decimals of the currency's minor unit.
func (c Currency) Exponent() int {
	n, _ := exponent(string(c))
	return n
}

func exponent(code string) (int, bool) {
	if len(code) != 3 || strings.ContainsRune(code, ' ') {
		return 2, false
	}
	word := " " + code + " "
	switch {
	case strings.Contains(currencies2, word):
		return 2, true
	case strings.Contains(currencies0, word):
		return 0, true
	case strings.Contains(currencies3, word):
		return 3, true
	case strings.Contains(currencies4, word):
		return 4, true
	}
	return 2, false
}

// ParseMoney reads "80 usd" or "0.50 eur": a decimal with no more decimals
// than the currency has, one space, and the currency's code.
func ParseMoney(text string) (Money, error) {
	number, code, ok := strings.Cut(text, " ")
	if !ok {
		return Money{}, Errorf(CodeInvalid, "money %q is not an amount and a currency, such as \"80 usd\"", clip(text))
	}
	currency, err := ParseCurrency(code)
	if err != nil {
		return Money{}, err
	}
	minor, err := ParseAmount(number, currency.Exponent())
	return Money{minor, currency}, err
}

// IsZero reports whether m is unset.
func (m Money) IsZero() bool { return m == Money{} }

// Decimal is the amount alone, in major units: 80.00.
func (m Money) Decimal() string { return m.Minor.Format(m.Currency.Exponent()) }

// String is the form that [ParseMoney] reads: 80.00 usd.
func (m Money) String() string { return m.Decimal() + " " + string(m.Currency) }

// Price is the money value of one whole unit, exact: it may be finer than the
// currency's minor unit.
type Price struct {
	Rate     Rate // major currency units per whole unit
	Currency Currency
}

// ParsePrice reads "0.08 usd": an exact decimal and a currency.
func ParsePrice(text string) (Price, error) {
	number, code, ok := strings.Cut(text, " ")
	if !ok {
		return Price{}, Errorf(CodeInvalid, "price %q is not an amount and a currency, such as \"0.08 usd\"", clip(text))
	}
	currency, err := ParseCurrency(code)
	if err != nil {
		return Price{}, err
	}
	r, err := ParseRate(number)
	return Price{r, currency}, err
}

// IsZero reports whether p is unset.
func (p Price) IsZero() bool { return p.Currency == "" }

// PerPart is the price of the smallest part of a unit of the given scale in
// minor units of the price's currency, exact.
func (p Price) PerPart(scale int) (Rate, error) {
	if p.Rate.Den == 0 {
		return Rate{}, Errorf(CodeInvalid, "there is no price to value an amount at")
	}
	return p.Rate.Scaled(p.Currency.Exponent() - scale)
}

// Value is the money value of amount, rounded by mode to the minor unit.
func (p Price) Value(amount Amount, scale int, mode Rounding) (Money, error) {
	r, err := p.PerPart(scale)
	if err != nil {
		return Money{}, err
	}
	minor, _, err := MulDiv(amount, r, mode)
	return Money{minor, p.Currency}, err
}
