package core

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseRate(t *testing.T) {
	for _, c := range []struct {
		text string
		want Rate
	}{
		{"0", Rate{0, 1}}, {"0.000", Rate{0, 1}}, {"1", Rate{1, 1}}, {"0.08", Rate{2, 25}}, {"1.50", Rate{3, 2}},
		{"0.000000001", Rate{1, 1_000_000_000}}, {"12.5", Rate{25, 2}},
	} {
		if got, err := ParseRate(c.text); err != nil || got != c.want {
			t.Errorf("ParseRate(%q) = %v, %v; want %v", c.text, got, err, c.want)
		}
	}
	for _, text := range []string{"", "-1", "1e3", "1/3", ".5", "5.", "0.0000000001", "1.1.1", "NaN", strings.Repeat("1", 5000), "0." + strings.Repeat("1", 5000)} {
		got, err := ParseRate(text)
		if CodeOf(err) != CodeInvalid || got != (Rate{}) {
			t.Errorf("ParseRate(%.40q) = %v, %v; want a refusal", text, got, err)
		} else if len(err.Error()) > 200 {
			t.Errorf("AP-02: the refusal of %.20q has %d characters", text, len(err.Error()))
		}
	}
}

// bigRat is r in numbers of any size.
func bigRat(r Rate) *big.Rat {
	if r.Num == 0 {
		return new(big.Rat)
	}
	return big.NewRat(r.Num, r.Den)
}

// round settles an exact value between two integers in the plain way.
func round(x *big.Rat, mode Rounding) *big.Int {
	q, rem := new(big.Int).QuoRem(x.Num(), x.Denom(), new(big.Int))
	twice := new(big.Int).Lsh(rem, 1).Cmp(x.Denom())
	if mode == RoundUp && rem.Sign() > 0 || mode == RoundHalfEven && (twice > 0 || twice == 0 && q.Bit(0) == 1) {
		q.Add(q, big.NewInt(1))
	}
	return q
}

// positive draws numbers of every length, with the edges of 64 bits.
func positive(from int64) *rapid.Generator[int64] {
	sized := rapid.Custom(func(t *rapid.T) int64 {
		return max(from, rapid.Int64Range(0, math.MaxInt64).Draw(t, "n")>>rapid.IntRange(0, 62).Draw(t, "shift"))
	})
	return rapid.OneOf(sized, rapid.SampledFrom([]int64{from, 1, 2, 3, 10, 1_000_000_000, math.MaxInt64 - 1, math.MaxInt64}))
}

func TestMulDivIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, r := positive(0).Draw(t, "a"), Rate{positive(0).Draw(t, "num"), positive(1).Draw(t, "den")}
		mode := rapid.SampledFrom([]Rounding{RoundHalfEven, RoundUp, RoundDown}).Draw(t, "mode")
		checkMulDiv(t, Amount(a), r, mode)
	})
}

func checkMulDiv(t interface{ Fatalf(string, ...any) }, a Amount, r Rate, mode Rounding) {
	exactly := new(big.Rat).Mul(big.NewRat(int64(a), 1), big.NewRat(r.Num, r.Den))
	want := round(exactly, mode)
	got, exact, err := MulDiv(a, r, mode)
	if want.IsInt64() != (err == nil) {
		t.Fatalf("MulDiv(%d, %v, %d) = %d, %v; want %s", a, r, mode, got, err, want)
	}
	if err == nil && (int64(got) != want.Int64() || exact != exactly.IsInt()) {
		t.Fatalf("MulDiv(%d, %v, %d) = %d, %t; want %s, %t", a, r, mode, got, exact, want, exactly.IsInt())
	}
}

func TestMulDivEdges(t *testing.T) {
	for _, c := range []struct {
		a Amount
		r Rate
	}{
		{1, Rate{1, 2}}, {3, Rate{1, 2}}, {5, Rate{1, 2}}, {1, Rate{1, 3}}, {2, Rate{1, 3}}, {5, Rate{1, 10}}, {15, Rate{1, 10}}, {25, Rate{1, 10}},
		{math.MaxInt64, Rate{1, 1}}, {math.MaxInt64, Rate{math.MaxInt64, math.MaxInt64}}, {math.MaxInt64, Rate{math.MaxInt64, 1}},
		// The quotient is the largest of 64 bits with a remainder of a half: rounded up it would wrap to zero.
		{253921, Rate{145295143558111, 2}},
		{math.MaxInt64, Rate{3, 2}}, {math.MaxInt64, Rate{2, 1}},
	} {
		for _, mode := range []Rounding{RoundHalfEven, RoundUp, RoundDown} {
			checkMulDiv(t, c.a, c.r, mode)
		}
	}
	for _, c := range []struct {
		a Amount
		r Rate
	}{{-1, Rate{1, 1}}, {1, Rate{-1, 1}}, {1, Rate{1, 0}}, {1, Rate{1, -1}}, {0, Rate{}}} {
		if got, _, err := MulDiv(c.a, c.r, RoundDown); CodeOf(err) != CodeInvalid || got != 0 {
			t.Errorf("MulDiv(%d, %v) = %d, %v; want a refusal", c.a, c.r, got, err)
		}
	}
}

func TestRateArithmeticIsExact(t *testing.T) {
	rate := rapid.Custom(func(t *rapid.T) Rate { return Rate{positive(0).Draw(t, "num"), positive(1).Draw(t, "den")} })
	rapid.Check(t, func(t *rapid.T) {
		r, s := rate.Draw(t, "r"), rate.Draw(t, "s")
		product, err := r.Mul(s)
		checkRate(t, "product", product, err, new(big.Rat).Mul(bigRat(r), bigRat(s)), true)
		sum, err := r.Add(s)
		checkRate(t, "sum", sum, err, new(big.Rat).Add(bigRat(r), bigRat(s)), false)
		n := rapid.IntRange(-18, 18).Draw(t, "n")
		ten := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(n, -n))), nil))
		if n < 0 {
			ten.Inv(ten)
		}
		scaled, err := r.Scaled(n)
		checkRate(t, "scaled", scaled, err, ten.Mul(ten, bigRat(r)), true)
	})
}

// checkRate compares with the exact value. Where always is set, everything
// that fits must be answered; else a refusal of what fits is allowed.
func checkRate(t *rapid.T, what string, got Rate, err error, want *big.Rat, always bool) {
	fits := want.Num().IsInt64() && want.Denom().IsInt64()
	if err != nil {
		if fits && always {
			t.Fatalf("%s %s fits and is refused: %v", what, want, err)
		}
		return
	}
	if got.Den <= 0 || bigRat(got).Cmp(want) != 0 {
		t.Fatalf("%s is %v, want %s", what, got, want)
	}
}

func TestRateRefusesWhatItCannotHold(t *testing.T) {
	half, huge := Rate{1, 2}, Rate{math.MaxInt64, 1}
	for name, do := range map[string]func() (Rate, error){
		"product":           func() (Rate, error) { return huge.Mul(huge) },
		"fine product":      func() (Rate, error) { return Rate{1, math.MaxInt64}.Mul(half) },
		"sum":               func() (Rate, error) { return huge.Add(huge) },
		"fine sum":          func() (Rate, error) { return Rate{1, math.MaxInt64}.Add(half) },
		"undefined sum":     func() (Rate, error) { return Rate{1, 0}.Add(Rate{1, 0}) },
		"undefined product": func() (Rate, error) { return Rate{1, 0}.Mul(half) },
		"scaled":            func() (Rate, error) { return huge.Scaled(1) },
		"scaled far":        func() (Rate, error) { return half.Scaled(19) },
		"scaled farther":    func() (Rate, error) { return half.Scaled(math.MaxInt) },
		"scaled far down":   func() (Rate, error) { return half.Scaled(math.MinInt) },
	} {
		if got, err := do(); CodeOf(err) != CodeInvalid || got != (Rate{}) {
			t.Errorf("%s: %v, %v; want a refusal", name, got, err)
		}
	}
}
