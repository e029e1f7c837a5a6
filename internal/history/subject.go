package history

import (
	"context"
	"fmt"
	"maps"
	"math/big"
	"slices"
)

// Subject is a ledger under test.
type Subject interface {
	// Do carries a command out and says what was answered. It is safe for
	// concurrent use, apart from Time and Sweep.
	Do(ctx context.Context, c Command) Answer
	// Entries lists all entries of an account in their order.
	Entries(p Place) ([]Entry, error)
	// Audit says what the ledger's own audit finds.
	Audit() ([]string, error)
	// Close ends the ledger. Before it returns all commands have ended.
	Close()
}

// Entry is a movement of one grant from a pot to another.
type Entry struct {
	Seq             int64
	Kind, From, To  string
	Grant, Source   string
	Amount          *big.Int
	Effective, Hash string
}

// pots adds up the entries of each grant by pot, and says what is wrong with
// them: a gap, an amount that is not above zero, a pot that lends what it has
// not, a change of what was read before.
func pots(entries, before []Entry) (map[string]map[string]*big.Int, error) {
	sums := map[string]map[string]*big.Int{}
	for i, e := range entries {
		if i < len(before) && fmt.Sprint(e) != fmt.Sprint(before[i]) {
			return nil, fmt.Errorf("entry %d was %v, now it is %v", i+1, before[i], e)
		}
		if e.Seq != int64(i+1) || !some(e.Amount) || e.From == e.To {
			return nil, fmt.Errorf("entry %v stands at place %d", e, i+1)
		}
		pot := sums[e.Grant]
		if pot == nil {
			pot = map[string]*big.Int{}
			for _, name := range []string{"issued", "available", "held", "consumed", "expired", "voided"} {
				pot[name] = number(0)
			}
			sums[e.Grant] = pot
		}
		if pot[e.From] == nil || pot[e.To] == nil {
			return nil, fmt.Errorf("entry %v names a pot that nobody knows", e)
		}
		pot[e.From], pot[e.To] = minus(pot[e.From], e.Amount), plus(pot[e.To], e.Amount)
		if e.From != "issued" && less(pot[e.From], number(0)) {
			return nil, fmt.Errorf("entry %v leaves %v %s", e, pot[e.From], e.From)
		}
	}
	if len(entries) < len(before) {
		return nil, fmt.Errorf("%d entries are left of %d", len(entries), len(before))
	}
	return sums, nil
}

// compare holds what the entries of an account add up to against the model.
// With settled, all that time has decided must have been written down.
func (m *Model) compare(p Place, entries, before []Entry, settled bool) error {
	sums, err := pots(entries, before)
	if err != nil {
		return err
	}
	a := m.account(p).clone()
	a.pass(m.now)
	for _, g := range a.grants {
		has := sums[g.id]
		delete(sums, g.id)
		switch held := a.held(g.id); {
		case has == nil:
			return fmt.Errorf("grant %s has no entry", g.id)
		case g.gone != "" && !settled:
		case has["held"].Cmp(held) != 0 && settled, plus(has["available"], has["held"]).Cmp(g.left) != 0:
			return fmt.Errorf("the entries of grant %s add up to %v, the model has %v left and %v held", g.id, has, g.left, held)
		}
	}
	if len(sums) > 0 {
		return fmt.Errorf("there are entries of grants that nobody made: %v", slices.Collect(maps.Keys(sums)))
	}
	return nil
}
