package migrate

import (
	"context"
	"time"

	"scrip/core"
	"scrip/core/ledger"
)

// Effect is what a vendor move has to carry, counted when the plan was made.
// Totals do not change by a move: what an account has left is the core's.
type Effect struct {
	Accounts int               `json:"accounts"`
	Grants   int               `json:"grants"`  // with a remainder
	Left     map[string]string `json:"left"`    // by unit: the sum of all remainders, before and after
	Calls    int               `json:"calls"`   // to the target, at least
	Seconds  int               `json:"seconds"` // they take at our share of the target's rate limit
}

// Measure counts what a move to a target that takes perSecond calls a second
// has to carry. It streams, one page of accounts at a time.
func Measure(ctx context.Context, l *ledger.Ledger, perSecond int) (*Effect, error) {
	e := &Effect{Left: map[string]string{}}
	left, scales := map[string]core.Amount{}, map[string]int{}
	var after ledger.AccountKey
	for {
		keys, err := l.Reader().Entries.Keys(ctx, after, accountsAtOnce)
		if err != nil {
			return nil, err
		}
		if len(keys) == 0 {
			break
		}
		for _, key := range keys {
			a, err := l.Account(ctx, key)
			if err != nil {
				return nil, err
			}
			scales[key.Unit] = a.Unit.Scale
			e.Accounts++
			for i := range a.Grants {
				if left[key.Unit], err = left[key.Unit].Add(a.Grants[i].Remaining); err != nil {
					return nil, err
				}
				e.Grants++
			}
		}
		after = keys[len(keys)-1]
	}
	for unit, sum := range left {
		e.Left[unit] = sum.Format(scales[unit])
	}
	e.Calls = e.Accounts + e.Grants
	e.Seconds = (e.Calls + max(perSecond, 1) - 1) / max(perSecond, 1)
	return e, nil
}

// Takes is how long the calls take at least.
func (e *Effect) Takes() time.Duration { return time.Duration(e.Seconds) * time.Second }
