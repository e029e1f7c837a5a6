package core

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCurrencyExponents(t *testing.T) {
	for code, want := range map[Currency]int{
		"bif": 0, "clp": 0, "djf": 0, "gnf": 0, "isk": 0, "jpy": 0, "kmf": 0, "krw": 0, "pyg": 0, "rwf": 0,
		"ugx": 0, "uyi": 0, "vnd": 0, "vuv": 0, "xaf": 0, "xof": 0, "xpf": 0,
		"bhd": 3, "iqd": 3, "jod": 3, "kwd": 3, "lyd": 3, "omr": 3, "tnd": 3,
		"clf": 4, "uyw": 4,
		"usd": 2, "eur": 2, "huf": 2, "mga": 2, "twd": 2,
	} {
		if _, err := ParseCurrency(string(code)); err != nil || code.Exponent() != want {
			t.Errorf("%s has exponent %d, %v; ISO 4217 says %d", code, code.Exponent(), err, want)
		}
	}
}

func TestCurrencyListsAreDisjoint(t *testing.T) {
	seen := map[string]bool{}
	for _, list := range []string{currencies0, currencies2, currencies3, currencies4} {
		for _, code := range strings.Fields(list) {
			if seen[code] || len(code) != 3 || strings.ToLower(code) != code {
				t.Errorf("currency %q stands twice or is no lower-case code", code)
			}
			seen[code] = true
		}
	}
}

func TestParseCurrencyRefuses(t *testing.T) {
	for _, code := range []string{"", "us", "usdd", "USD", "Usd", "xxx", "xdr", " us", "us ", "d e", "ed ", "usd\n", "€", strings.Repeat("usd ", 500)} {
		got, err := ParseCurrency(code)
		if CodeOf(err) != CodeInvalid || got != "" {
			t.Errorf("ParseCurrency(%.20q) = %q, %v; want a refusal", code, got, err)
		} else if len(err.Error()) > 300 {
			t.Errorf("the refusal of %.20q has %d characters", code, len(err.Error()))
		}
	}
}

// AP-02.
func TestParseMoney(t *testing.T) {
	for text, want := range map[string]Money{
		"80 usd": {8000, "usd"}, "0.50 eur": {50, "eur"}, "0.5 eur": {50, "eur"}, "1000 jpy": {1000, "jpy"},
		"1.234 iqd": {1234, "iqd"}, "0.0001 clf": {1, "clf"}, "0 usd": {0, "usd"},
	} {
		got, err := ParseMoney(text)
		if err != nil || got != want {
			t.Errorf("ParseMoney(%q) = %v, %v; want %v", text, got, err, want)
		}
		if back, err := ParseMoney(got.String()); err != nil || back != got {
			t.Errorf("%q is written %q and reads back as %v, %v", text, got, back, err)
		}
	}
	for _, text := range []string{"", "80", "usd", "80usd", "80  usd", "80 usd ", " 80 usd", "80 USD", "80 xxx", "-80 usd", "1.5 jpy", "0.001 usd", "1.2345 iqd", "1e3 usd", "80\tusd", strings.Repeat("8", 5000)} {
		got, err := ParseMoney(text)
		if CodeOf(err) != CodeInvalid || got.Minor != 0 {
			t.Errorf("ParseMoney(%.20q) = %v, %v; want a refusal", text, got, err)
		} else if len(err.Error()) > 300 {
			t.Errorf("AP-02: the refusal of %.20q has %d characters", text, len(err.Error()))
		}
	}
}

func TestMoneyZero(t *testing.T) {
	if !(Money{}).IsZero() || (Money{0, "usd"}).IsZero() || (Money{1, "usd"}).IsZero() {
		t.Error("only money without amount and currency is unset")
	}
	if !(Price{}).IsZero() || (Price{Rate{0, 1}, "usd"}).IsZero() {
		t.Error("only a price without currency is unset")
	}
	if got := (Money{8000, "usd"}).Decimal(); got != "80.00" {
		t.Errorf("80 dollars are %q", got)
	}
}

func TestPriceValue(t *testing.T) {
	for _, c := range []struct {
		price  string
		amount Amount
		scale  int
		mode   Rounding
		want   string
	}{
		{"0.08 usd", 100, 2, RoundDown, "0.08 usd"},      // one credit
		{"0.08 usd", 1, 2, RoundDown, "0.00 usd"},        // a hundredth of a credit is 0.08 cent
		{"0.08 usd", 1, 2, RoundUp, "0.01 usd"},          //
		{"0.005 usd", 100, 2, RoundHalfEven, "0.00 usd"}, // half a cent, to even
		{"0.015 usd", 100, 2, RoundHalfEven, "0.02 usd"}, //
		{"0.015 usd", 300, 2, RoundHalfEven, "0.04 usd"}, // 4.5 cents
		{"12 jpy", 150, 2, RoundDown, "18 jpy"},          //
		{"0.1 jpy", 15, 0, RoundHalfEven, "2 jpy"},       // 1.5 yen
		{"0.001 iqd", 5, 0, RoundDown, "0.005 iqd"},      //
		{"0.0001 clf", 7, 0, RoundDown, "0.0007 clf"},    //
		{"1 usd", 1_234_567, 6, RoundDown, "1.23 usd"},   // money finer than its currency
		{"0 usd", 100, 2, RoundUp, "0.00 usd"},           // free
		{"0.000000001 usd", 1, 9, RoundUp, "0.01 usd"},   // never lost by rounding up
		{"1000000000 usd", 100, 2, RoundDown, "1000000000.00 usd"},
	} {
		p, err := ParsePrice(c.price)
		if err != nil {
			t.Fatalf("ParsePrice(%q): %v", c.price, err)
		}
		if got, err := p.Value(c.amount, c.scale, c.mode); err != nil || got.String() != c.want {
			t.Errorf("%d parts of scale %d at %s are %s, %v; want %s", c.amount, c.scale, c.price, got, err, c.want)
		}
	}
	p, _ := ParsePrice("1000000000 usd")
	if got, err := p.Value(MaxAmount, 0, RoundDown); CodeOf(err) != CodeInvalid {
		t.Errorf("a value beyond 64 bits is %v, %v; want a refusal", got, err)
	}
	if _, err := (Price{}).Value(1, 2, RoundDown); CodeOf(err) != CodeInvalid {
		t.Errorf("the value at no price: %v; want a refusal", err)
	}
	for _, text := range []string{"", "0.08", "0.08usd", "-1 usd", "0.08 USD", "0.0000000001 usd", "1/3 usd", strings.Repeat("8", 5000)} {
		if got, err := ParsePrice(text); CodeOf(err) != CodeInvalid || !got.Rate.IsZero() || len(err.Error()) > 300 {
			t.Errorf("ParsePrice(%.20q) = %v, %v; want a short refusal", text, got, err)
		}
	}
}

func TestPriceValueIsAdditiveWithinOnePart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Price{Rate{rapid.Int64Range(0, 1_000_000).Draw(t, "num"), rapid.Int64Range(1, 1_000_000).Draw(t, "den")}, "usd"}
		a, b := Amount(rapid.Int64Range(0, 1e9).Draw(t, "a")), Amount(rapid.Int64Range(0, 1e9).Draw(t, "b"))
		x, errX := p.Value(a, 2, RoundDown)
		y, errY := p.Value(b, 2, RoundDown)
		both, errB := p.Value(a+b, 2, RoundDown)
		if errX != nil || errY != nil || errB != nil {
			t.Fatal(errX, errY, errB)
		}
		if d := both.Minor - x.Minor - y.Minor; d < 0 || d > 1 {
			t.Fatalf("%v and %v make %v", x, y, both)
		}
	})
}
