package convert

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"scrip/core"
)

// checkSum adds shares and compares with numbers of any size; whatever order
// they come in, the sum stays whole + something below one.
func checkSum(t interface{ Fatalf(string, ...any) }, shares []share) (exact *big.Rat, total core.Amount) {
	var s sum
	exact = new(big.Rat)
	for _, x := range shares {
		if err := s.add(x); err != nil {
			t.Fatalf("adding %v: %v", x, err)
		}
		exact.Add(exact, value(x))
		if s.wide == nil && s.rem > 0 && s.rem >= s.den || s.wide != nil && s.wide.Cmp(big.NewRat(1, 1)) >= 0 {
			t.Fatalf("the broken part of %+v is not below one", s)
		}
	}
	total, residual := s.round()
	want := halfEven(exact)
	if int64(total) != want.Int64() || residual.Cmp(new(big.Rat).Sub(exact, new(big.Rat).SetInt(want))) != 0 {
		t.Fatalf("%v add up to %d and %s, exactly %s", shares, total, residual, exact)
	}
	if again, same := s.round(); again != total || same.Cmp(residual) != 0 {
		t.Fatalf("rounding again gives %d and %s", again, same)
	}
	return exact, total
}

func value(x share) *big.Rat {
	v := new(big.Rat).SetInt64(int64(x.whole))
	return v.Add(v, ratio(x.rem, x.den))
}

func TestSumProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var shares []share
		for range rapid.IntRange(0, 40).Draw(t, "n") {
			den := rapid.OneOf(rapid.SampledFrom([]uint64{1, 2, 3, 4, 10, math.MaxInt64, math.MaxInt64 - 1, math.MaxInt64 - 24}), rapid.Uint64Range(1, math.MaxInt64)).Draw(t, "den")
			shares = append(shares, share{core.Amount(rapid.Int64Range(0, 1000).Draw(t, "whole")), rapid.Uint64Range(0, den-1).Draw(t, "rem"), den})
		}
		_, total := checkSum(t, shares)
		parts := make([]core.Amount, len(shares))
		apportion(shares, total, parts)
		values := make([]*big.Rat, len(shares))
		for i, x := range shares {
			values[i] = value(x)
			total -= parts[i]
		}
		if total != 0 {
			t.Fatalf("%d of the total is given to nobody", total)
		}
		checkShares(t, values, parts)
	})
}

// Sums that come out at a whole or a half only after their denominators have
// outgrown 64 bits.
func TestSumBeyond64Bits(t *testing.T) {
	const p, q = math.MaxInt64 - 24, math.MaxInt64 - 164 // coprime
	ones := []share{{0, 1, p}, {0, 1, q}, {0, p - 1, p}, {0, q - 1, q}}
	half := share{0, 1, 2}
	for _, c := range []struct {
		shares []share
		want   string
		total  core.Amount
	}{
		{ones, "2", 2},
		{append([]share{half}, ones...), "5/2", 2},
		{append([]share{half, {1, 0, 1}}, ones...), "7/2", 4},
		{append([]share{half, {0, 1, p - 1}}, ones...), "", 3},
	} {
		exact, total := checkSum(t, c.shares)
		if total != c.total || c.want != "" && exact.RatString() != c.want {
			t.Errorf("%v add up to %s, rounded %d; want %s, %d", c.shares, exact, total, c.want, c.total)
		}
	}
}

func TestSumRefusesToWrap(t *testing.T) {
	for name, shares := range map[string][]share{
		"wholes":       {{math.MaxInt64, 0, 1}, {1, 0, 1}},
		"broken parts": {{math.MaxInt64, 1, 2}, {0, 1, 2}},
	} {
		var s sum
		if err := s.add(shares[0]); err != nil {
			t.Fatal(err)
		}
		wantCode(t, s.add(shares[1]), core.CodeInvalid)
		if s.whole < 0 {
			t.Errorf("%s wrapped to %d", name, int64(s.whole))
		}
	}
}
