package convert

import (
	"math/big"
	"slices"
)

// Totals adds up the plans of many accounts for a report; all must be of one
// change. The zero Totals is ready.
type Totals struct {
	Accounts, Lots, Holds int64
	Closed                int64   // lots that become nothing
	From, To              big.Int // sums of the accounts' totals, in parts of each unit
	exact                 big.Int
	broken                map[int64]*big.Int // numerators of what rounding settled, by denominator
}

// Add counts one account.
func (t *Totals) Add(p *Plan) {
	if t.broken == nil {
		t.broken = map[int64]*big.Int{}
	}
	var n big.Int
	t.Accounts++
	t.Lots += int64(len(p.Lots))
	t.Holds += int64(len(p.Holds))
	t.From.Add(&t.From, n.SetInt64(int64(p.Total.From)))
	t.To.Add(&t.To, n.SetInt64(int64(p.Total.To)))
	var last share // the sum of a run of lots of one denominator
	for i := range p.Lots {
		l := &p.Lots[i]
		if l.Closed() {
			t.Closed++
		}
		x, err := shareOf(l.Total.From, l.Rate)
		if err != nil { // no rate: a grant that returns whole
			x = share{whole: l.Total.To, den: 1}
		}
		if x.den != last.den {
			t.book(last)
			last = share{den: x.den}
		}
		last.whole += x.whole
		if last.rem += x.rem; last.rem >= last.den {
			last.rem -= last.den
			last.whole++
		}
	}
	t.book(last)
}

// book adds an exact value, its broken part to those of its denominator.
func (t *Totals) book(x share) {
	var n big.Int
	t.exact.Add(&t.exact, n.SetInt64(int64(x.whole)))
	if x.rem == 0 {
		return
	}
	den := int64(x.den)
	if t.broken[den] == nil {
		t.broken[den] = new(big.Int)
	}
	t.broken[den].Add(t.broken[den], n.SetUint64(x.rem))
}

// Residual is the sum of the accounts' residuals, exact, in parts of the new
// unit. At one rate for all it costs nothing; at cost basis it grows with the
// number of different prices paid.
func (t *Totals) Residual() *big.Rat {
	terms := []*big.Rat{new(big.Rat).SetInt(new(big.Int).Sub(&t.exact, &t.To))}
	dens := make([]int64, 0, len(t.broken))
	for den := range t.broken {
		dens = append(dens, den)
	}
	slices.Sort(dens)
	for _, den := range dens {
		terms = append(terms, new(big.Rat).SetFrac(t.broken[den], big.NewInt(den)))
	}
	// Pairs, then pairs of pairs: numbers of like size are added, which keeps
	// the work near linear.
	for len(terms) > 1 {
		half := (len(terms) + 1) / 2
		for i := half; i < len(terms); i++ {
			terms[i-half].Add(terms[i-half], terms[i])
		}
		terms = terms[:half]
	}
	return terms[0]
}
