package migrate

import (
	"context"
	"math/big"
	"slices"
	"strings"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
	"scrip/mapping/burn"
)

// Target is the connection that a vendor move goes to.
type Target struct {
	Connection mapping.Connection
	Traits     adapters.Traits
	Collects   bool // it collects the money after the move
}

// MeasureMove says what a vendor move does to every account, telling each in
// turn, and sums it up. It is worked out as the move itself does: by the
// quantum law, grant by grant, of what is live at the ledger's time. Nothing is
// written. What it says of the same data is the same, byte by byte, until time
// itself ends or starts a grant.
func MeasureMove(ctx context.Context, l *ledger.Ledger, t Target, each func(*CustomerEffect) error) (*Effect, error) {
	m := &moveMeter{ledger: l, target: t, now: l.Now(), burns: burn.VendorOf(t.Traits), sums: map[string]*unitSums{}}
	m.effect = &Effect{Burn: map[burn.Verdict]int{}, Losses: []Loss{}, Units: []UnitTotal{}}
	m.lossy = slices.DeleteFunc(slices.Clone(t.Traits.Facts), func(f adapters.Fact) bool { return f.Fit == adapters.Exact })
	m.counts = make([]touch, len(m.lossy))
	var err error
	m.effect.Fingerprint, err = walk(ctx, l, func(a *core.Account, print stamp) error {
		c, err := m.account(ctx, a, print)
		if err != nil {
			return err
		}
		m.effect.count(c)
		return each(c)
	})
	if err != nil {
		return nil, err
	}
	return m.finish(), nil
}

// moveMeter adds up a vendor move.
type moveMeter struct {
	ledger    *ledger.Ledger
	target    Target
	now       core.Time
	burns     burn.Vendor
	effect    *Effect
	sums      map[string]*unitSums
	lossy     []adapters.Fact // that the target does not carry exactly
	counts    []touch         // of each
	customer  string          // the one at hand; accounts of one follow each other
	customers int
	carried   []core.Grant // of the account at hand
}

// unitSums adds up one unit.
type unitSums struct {
	unit     core.Unit
	quantum  mapping.Quantum
	left     big.Int
	quanta   big.Int
	residual big.Rat
	worth    bool // the unit has a value at the target
}

func (m *moveMeter) account(ctx context.Context, a *core.Account, print stamp) (*CustomerEffect, error) {
	a.Settle(m.now)
	c := effectOf(a, print)
	for i := range a.Holds {
		if a.Holds[i].State == core.HoldOpen {
			c.Holds++
		}
	}
	sums := m.unit(a.Unit)
	var left, covered core.Amount // of all grants, and of those that the quantum law speaks of
	var quanta int64
	live := 0
	m.carried = m.carried[:0]
	for i := range a.Grants {
		g := &a.Grants[i]
		if g.Remaining == 0 {
			continue
		}
		live++
		var err error
		if left, err = left.Add(g.Remaining); err != nil {
			return nil, err
		}
		if !sums.worth || g.Closed != "" || g.Expires <= m.now {
			continue
		}
		n, err := sums.quantum.Floor(g.Remaining)
		if err != nil {
			return nil, err
		}
		covered += g.Remaining
		if n == 0 {
			c.warn(BelowQuantum)
			continue
		}
		quanta += n
		m.carried = append(m.carried, *g)
	}
	c.Carried, c.Kept = len(m.carried), live-len(m.carried)
	m.effect.Grants += live
	c.Before = left.Format(a.Unit.Scale)
	c.After = c.Before
	sums.left.Add(&sums.left, big.NewInt(int64(left)))
	m.value(c, sums, covered, quanta)
	m.judge(c, a)
	return c, m.touch(ctx, c, a)
}

// unit finds the sums of a unit, and what it is worth at the target.
func (m *moveMeter) unit(u core.Unit) *unitSums {
	s := m.sums[u.Code]
	if s == nil {
		s = &unitSums{unit: u}
		q, err := m.target.Connection.QuantumOf(u)
		s.quantum, s.worth = q, err == nil && m.target.Connection.Strategy != adapters.Totals
		m.sums[u.Code] = s
	}
	return s
}

// value says what the target holds of an account and what rounding keeps here.
func (m *moveMeter) value(c *CustomerEffect, s *unitSums, covered core.Amount, quanta int64) {
	if !s.worth {
		if c.Kept > 0 && m.target.Connection.Strategy != adapters.Totals {
			c.warn(NoValue)
		}
		return
	}
	exact := new(big.Rat).Mul(new(big.Rat).SetInt64(int64(covered)), big.NewRat(s.quantum.Rate.Num, s.quantum.Rate.Den))
	exact.Sub(exact, new(big.Rat).SetInt64(quanta))
	s.residual.Add(&s.residual, exact)
	s.quanta.Add(&s.quanta, big.NewInt(quanta))
	c.Value = core.Amount(quanta).Format(s.quantum.Scale) + " " + held(s.quantum)
	if exact.Sign() != 0 {
		c.Residual = whole(exact, s.quantum.Scale)
	}
}

// held is the name of what the vendor holds.
func held(q mapping.Quantum) string {
	if q.Currency != "" {
		return string(q.Currency)
	}
	return q.UnitID
}

// judge compares the burn orders on what is carried.
func (m *moveMeter) judge(c *CustomerEffect, a *core.Account) {
	if c.Carried == 0 {
		return
	}
	r := m.burns.Judge(m.carried, a.Order)
	m.effect.Burn[r.Verdict]++
	c.Burn = r.Verdict
	if r.Pair != (burn.Pair{}) {
		c.Pair = &r.Pair
	}
	switch r.Verdict {
	case burn.Differs:
		c.warn(BurnDiffers)
	case burn.MayDiffer:
		c.warn(BurnMayDiffer)
	}
	if limit := m.target.Traits.MaxGrants; limit > 0 && c.Carried > limit {
		c.warn(TooManyGrants)
	}
}

// finish sums up.
func (m *moveMeter) finish() *Effect {
	e := m.effect
	for _, s := range m.sums {
		t := UnitTotal{Unit: s.unit.Code, Before: decimal(&s.left, s.unit.Scale), After: decimal(&s.left, s.unit.Scale)}
		if s.worth {
			t.Value = decimal(&s.quanta, s.quantum.Scale) + " " + held(s.quantum)
			t.Residual = whole(&s.residual, s.quantum.Scale)
		}
		e.Units = append(e.Units, t)
	}
	slices.SortFunc(e.Units, func(a, b UnitTotal) int { return strings.Compare(a.Unit, b.Unit) })
	for i, f := range m.lossy {
		if n := m.counts[i]; n.count > 0 {
			e.Losses = append(e.Losses, Loss{Fact: f.Name, Fit: f.Fit, How: f.How, Count: n.count, Of: n.of})
		}
	}
	e.Calls = m.customers + e.Carried
	limits := adapters.Limits{PerSecond: m.target.Connection.Limit, Percent: m.target.Connection.Percent}
	e.Seconds = seconds(e.Calls, limits.Rate(m.target.Traits))
	limits.Percent = 100
	e.AtLimit = seconds(e.Calls, limits.Rate(m.target.Traits))
	return e
}

func seconds(calls, perSecond int) int { return (calls + perSecond - 1) / perSecond }
