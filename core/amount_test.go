package core

import (
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseAmountAccepts(t *testing.T) {
	for _, c := range []struct {
		text  string
		scale int
		want  Amount
	}{
		{"0", 0, 0}, {"7", 0, 7}, {"10", 2, 1000}, {"1.5", 2, 150}, {"1.50", 2, 150}, {"0.05", 2, 5}, {"0.00", 2, 0},
		{"0.000001", 6, 1}, {"12.345678", 6, 12345678}, {"9.999999999", 9, 9999999999},
		{"1152921504606846975", 0, MaxAmount}, {"11529215046068469.75", 2, MaxAmount}, {"1152921504.606846975", 9, MaxAmount},
	} {
		got, err := ParseAmount(c.text, c.scale)
		if err != nil || got != c.want {
			t.Errorf("ParseAmount(%q, %d) = %d, %v; want %d", c.text, c.scale, got, err, c.want)
		}
	}
}

// badAmounts is every wrong form, with what its message must say.
var badAmounts = []struct{ id, text, says string }{
	{"AP-01 empty", "", "is empty"},
	{"AP-01 plus sign", "+1", "has a sign"},
	{"AP-01 minus sign", "-1", "has a sign"},
	{"AP-01 minus zero", "-0", "has a sign"},
	{"AP-01 only a sign", "-", "has a sign"},
	{"AP-01 sign inside", "1-1", "has a sign"},
	{"AP-01 exponent", "1e3", "has an exponent"},
	{"AP-01 capital exponent", "1E3", "has an exponent"},
	{"AP-01 negative exponent", "1e-3", "has an exponent"},
	{"AP-01 exponent after the point", "1.5e3", "has an exponent"},
	{"AP-01 leading zero", "01", "leading zero"},
	{"AP-01 many zeros", "000", "leading zero"},
	{"AP-01 octal", "0755", "leading zero"},
	{"AP-01 octal with letter", "0o17", "leading zero"},
	{"AP-01 hex", "0x10", "leading zero"},
	{"AP-01 hex digits", "ff", `has the character 'f'`},
	{"AP-01 bare point", ".", "no digit before the point"},
	{"AP-01 leading point", ".5", "no digit before the point"},
	{"AP-01 trailing point", "5.", "ends with a point"},
	{"AP-01 two points", "1.2.3", `has the character '.'`},
	{"AP-01 leading space", " 1", `has the character ' '`},
	{"AP-01 trailing space", "1 ", `has the character ' '`},
	{"AP-01 line break", "1\n", `has the character '\n'`},
	{"AP-01 NUL", "1\x00", `has the character '\x00'`},
	{"AP-01 comma", "1,000", `has the character ','`},
	{"AP-01 underscore", "1_000", `has the character '_'`},
	{"AP-01 apostrophe", "1'000", `has the character '\''`},
	{"AP-01 currency", "$1", `has the character '$'`},
	{"AP-01 NaN", "NaN", `has the character 'N'`},
	{"AP-01 Infinity", "Infinity", `has the character 'I'`},
	{"AP-01 null", "null", `has the character 'n'`},
	{"AP-01 array", "[1]", `has the character '['`},
	{"AP-01 quoted", `"1"`, `has the character '"'`},
	{"AP-01 Arabic digits", "١٢", "has the character"},
	{"AP-01 full-width digits", "１２", "has the character"},
	{"AP-01 superscript", "1²", "has the character"},
	{"AP-01 fraction sign", "½", "has the character"},
	{"AP-01 lone surrogate bytes", "1\xed\xa0\x80", "has the character"},
	{"AP-01 above the largest", "1152921504606846976", "is too large"},
	{"AP-01 above 63 bits", "9223372036854775808", "is too large"},
	{"AP-01 above 64 bits", "18446744073709551617", "is too large"},
	{"AP-01 above 128 bits", "340282366920938463463374607431768211457", "is too large"},
	{"AP-02 1e400", "1e400", "has an exponent"},
	{"AP-02 1e999999999", "1e999999999", "has an exponent"},
	{"AP-02 5000 digits", strings.Repeat("9", 5000), "has 5000 characters"},
	{"AP-02 400 decimals", "0." + strings.Repeat("1", 400), "has 402 characters"},
	{"AP-02 5000 zeros", strings.Repeat("0", 5000), "has 5000 characters"},
}

func TestParseAmountRefuses(t *testing.T) {
	for _, c := range badAmounts {
		t.Run(c.id, func(t *testing.T) {
			for _, scale := range []int{0, 2, 6} {
				got, err := ParseAmount(c.text, scale)
				if err == nil {
					t.Fatalf("ParseAmount(%.40q, %d) = %d, want a refusal", c.text, scale, got)
				}
				if CodeOf(err) != CodeInvalid || !strings.Contains(err.Error(), c.says) || got != 0 {
					t.Errorf("ParseAmount(%.40q, %d) = %d, %q %q; want %q saying %q", c.text, scale, got, CodeOf(err), err, CodeInvalid, c.says)
				}
				if len(err.Error()) > 200 {
					t.Errorf("the refusal of %.40q has %d characters", c.text, len(err.Error()))
				}
			}
		})
	}
}

func TestParseAmountKeepsTheUnitsDecimals(t *testing.T) {
	for _, c := range []struct {
		text  string
		scale int
	}{{"1.0", 0}, {"0.1", 0}, {"1.234", 2}, {"1.500", 2}, {"0.0000001", 6}, {"1.0000000000", 9}} {
		if got, err := ParseAmount(c.text, c.scale); err == nil || !strings.Contains(err.Error(), "decimals, the unit keeps") {
			t.Errorf("AP-01: ParseAmount(%q, %d) = %d, %v; want a refusal for its decimals", c.text, c.scale, got, err)
		}
	}
	for _, scale := range []int{-1, MaxScale + 1, math.MaxInt, math.MinInt} {
		if _, err := ParseAmount("1", scale); CodeOf(err) != CodeInvalid {
			t.Errorf("scale %d is accepted", scale)
		}
	}
}

func TestParseSigned(t *testing.T) {
	for _, c := range []struct {
		text string
		want Amount
		ok   bool
	}{{"-1.50", -150, true}, {"1.50", 150, true}, {"-0.05", -5, true}, {"--1", 0, false}, {"-", 0, false}, {"+1", 0, false}, {"-01", 0, false}, {"-.5", 0, false}} {
		if got, err := ParseSigned(c.text, 2); (err == nil) != c.ok || got != c.want {
			t.Errorf("ParseSigned(%q) = %d, %v", c.text, got, err)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		a     Amount
		scale int
		want  string
	}{
		{0, 0, "0"}, {0, 2, "0.00"}, {7, 0, "7"}, {150, 2, "1.50"}, {-5, 2, "-0.05"}, {-100, 2, "-1.00"}, {1, 9, "0.000000001"},
		{math.MaxInt64, 0, "9223372036854775807"}, {math.MinInt64, 0, "-9223372036854775808"}, {math.MinInt64, 9, "-9223372036.854775808"},
	} {
		if got := c.a.Format(c.scale); got != c.want {
			t.Errorf("Amount(%d).Format(%d) = %q, want %q", int64(c.a), c.scale, got, c.want)
		}
	}
}

func TestFormatRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Amount(rapid.Int64Range(-int64(MaxAmount), int64(MaxAmount)).Draw(t, "amount"))
		scale := rapid.IntRange(0, MaxScale).Draw(t, "scale")
		got, err := ParseSigned(a.Format(scale), scale)
		if err != nil || got != a {
			t.Fatalf("%d at scale %d is %q and reads back as %d, %v", a, scale, a.Format(scale), got, err)
		}
	})
}

func TestAddSubNeverWrap(t *testing.T) {
	edges := []int64{0, 1, -1, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, math.MinInt64 + 1}
	number := rapid.OneOf(rapid.Int64(), rapid.SampledFrom(edges))
	rapid.Check(t, func(t *rapid.T) {
		a, b := number.Draw(t, "a"), number.Draw(t, "b")
		checkSum(t, "+", a, b, new(big.Int).Add(big.NewInt(a), big.NewInt(b)), Amount(a).Add)
		if b != math.MinInt64 {
			checkSum(t, "-", a, b, new(big.Int).Sub(big.NewInt(a), big.NewInt(b)), Amount(a).Sub)
		}
	})
	if _, err := Amount(-1).Sub(math.MinInt64); err == nil {
		t.Error("the smallest number has no negative in 64 bits, subtracting it must be refused")
	}
}

func checkSum(t *rapid.T, op string, a, b int64, want *big.Int, do func(Amount) (Amount, error)) {
	got, err := do(Amount(b))
	if want.IsInt64() != (err == nil) || err == nil && int64(got) != want.Int64() {
		t.Fatalf("%d %s %d = %d, %v; want %s", a, op, b, got, err, want)
	}
	var refusal *Error
	if err != nil && (!errors.As(err, &refusal) || refusal.Code != CodeInvalid) {
		t.Fatalf("an overflow is %v, want code %q", err, CodeInvalid)
	}
}
