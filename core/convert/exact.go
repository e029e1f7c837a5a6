package convert

import (
	"cmp"
	"math/big"
	"math/bits"
	"slices"

	"scrip/core"
)

// share is an exact value in parts: whole + rem/den, with rem below den.
type share struct {
	whole    core.Amount
	rem, den uint64
}

// shareOf is a x r without rounding.
func shareOf(a core.Amount, r core.Rate) (share, error) {
	whole, _, err := core.MulDiv(a, r, core.RoundDown)
	if err != nil {
		return share{}, err
	}
	// The products may wrap; their difference, below 2^63, does not.
	den := uint64(r.Den)
	return share{whole, uint64(a)*uint64(r.Num) - uint64(whole)*den, den}, nil
}

// compareRem orders by the broken part, the larger first, in 128 bits.
func compareRem(x, y share) int {
	if x.den == y.den {
		return cmp.Compare(y.rem, x.rem)
	}
	xHi, xLo := bits.Mul64(x.rem, y.den)
	yHi, yLo := bits.Mul64(y.rem, x.den)
	return cmp.Or(cmp.Compare(yHi, xHi), cmp.Compare(yLo, xLo))
}

// sum adds shares exactly. Its broken part is below one; it is kept in 64 bits
// for as long as it fits there, which it does unless the shares have many
// denominators.
type sum struct {
	whole    core.Amount
	rem, den uint64
	wide     *big.Rat // in place of rem/den, once that does not fit
}

func (s *sum) add(x share) error {
	whole, err := s.whole.Add(x.whole)
	if err != nil {
		return err
	}
	s.whole = whole
	switch {
	case x.rem == 0:
		return nil
	case s.wide != nil:
		s.wide.Add(s.wide, ratio(x.rem, x.den))
	case s.rem == 0:
		s.rem, s.den = x.rem, x.den
	case s.den == x.den:
		s.rem += x.rem
	default:
		f, err := core.Rate{Num: int64(s.rem), Den: int64(s.den)}.Add(core.Rate{Num: int64(x.rem), Den: int64(x.den)})
		if err != nil {
			s.wide = ratio(s.rem, s.den)
			s.wide.Add(s.wide, ratio(x.rem, x.den))
			break
		}
		s.rem, s.den = uint64(f.Num), uint64(f.Den)
	}
	switch {
	case s.wide != nil && s.wide.Cmp(big.NewRat(1, 1)) >= 0:
		s.wide.Sub(s.wide, big.NewRat(1, 1))
		s.whole, err = s.whole.Add(1)
	case s.wide == nil && s.rem >= s.den:
		s.rem -= s.den
		s.whole, err = s.whole.Add(1)
	}
	return err
}

// round settles the sum as [core.MulDiv] does, to the nearest part with ties
// to the even one, and returns what that leaves: the exact sum less the
// rounded one.
func (s *sum) round() (core.Amount, *big.Rat) {
	side := -1 // of one half
	left := s.wide
	switch {
	case left != nil:
		left = new(big.Rat).Set(left)
		side = left.Cmp(big.NewRat(1, 2))
	case s.rem == 0:
		left = new(big.Rat)
	default:
		left = ratio(s.rem, s.den)
		side = cmp.Compare(s.rem, s.den-s.rem)
	}
	if side > 0 || side == 0 && s.whole%2 == 1 {
		return s.whole + 1, left.Sub(left, big.NewRat(1, 1))
	}
	return s.whole, left
}

func ratio(num, den uint64) *big.Rat { return big.NewRat(int64(num), int64(den)) }

// apportion writes into parts what each share gets of total: its whole part,
// and one more for those with the largest broken parts, the earlier of equal
// ones. The total must be the shares' exact sum rounded to a neighbour.
func apportion(shares []share, total core.Amount, parts []core.Amount) {
	rest := total
	for i, x := range shares {
		parts[i] = x.whole
		rest -= x.whole
	}
	if rest == 0 {
		return
	}
	var few [16]int // enough for most accounts without allocating
	order := few[:0]
	for i := range shares {
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(i, j int) int { return compareRem(shares[i], shares[j]) })
	for _, i := range order[:rest] {
		parts[i]++
	}
}
