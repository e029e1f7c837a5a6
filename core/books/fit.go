package books

import (
	"maps"
	"slices"

	"scrip/core"
)

// A unit is easy to think in when what people do often costs between one and
// fifty of it.
const (
	fitsFrom = 1
	fitsTo   = 50
)

// maxPower bounds the changes of a unit that are tried: powers of ten both ways.
const maxPower = 6

// Fit tells whether a unit fits what is done with it.
type Fit struct {
	scale   int
	actions map[string]*Usage
	all     Usage
	by      [2*maxPower + 1]int64 // uses that would fit after the change by each power
	low     [2*maxPower + 1]core.Amount
	high    [2*maxPower + 1]core.Amount
}

// Usage is how often an action was done and what it cost.
type Usage struct {
	Action  string
	Events  int64       // that cost something
	Free    int64       // that cost nothing
	Fitting int64       // of Events: cost from 1 to 50 units
	Least   core.Amount // of Events
	Most    core.Amount
	Units   Sum
}

// NewFit looks at a unit of that scale.
func NewFit(scale int) *Fit {
	f := &Fit{scale: scale, actions: map[string]*Usage{}}
	for i := range f.by {
		f.low[i], f.high[i] = span(scale - (i - maxPower))
	}
	return f
}

// span is from one to fifty times 10^n, in whole parts.
func span(n int) (low, high core.Amount) {
	if n < -2 {
		return 1, 0 // fifty are less than a part
	}
	one := core.Amount(1)
	for range n {
		one *= 10
	}
	switch n {
	case -1:
		return 1, fitsTo / 10
	case -2:
		return 1, 0
	}
	return fitsFrom * one, fitsTo * one
}

// Use counts one use of an action.
func (f *Fit) Use(action string, cost core.Amount) {
	u := f.actions[action]
	if u == nil {
		u = &Usage{Action: action}
		f.actions[action] = u
	}
	fits := f.low[maxPower] <= cost && cost <= f.high[maxPower]
	u.count(cost, fits)
	f.all.count(cost, fits)
	if cost == 0 {
		return
	}
	for i := range f.by {
		if f.low[i] <= cost && cost <= f.high[i] {
			f.by[i]++
		}
	}
}

func (u *Usage) count(cost core.Amount, fits bool) {
	if cost == 0 {
		u.Free++
		return
	}
	if u.Events == 0 || cost < u.Least {
		u.Least = cost
	}
	u.Events++
	u.Most = max(u.Most, cost)
	u.Units.Add(cost)
	if fits {
		u.Fitting++
	}
}

// Actions are the uses by action, the most frequent first.
func (f *Fit) Actions() []*Usage {
	list := slices.Collect(maps.Values(f.actions))
	slices.SortFunc(list, func(x, y *Usage) int {
		switch {
		case x.Events != y.Events:
			return int(min(max(y.Events-x.Events, -1), 1))
		case x.Action < y.Action:
			return -1
		}
		return 1
	})
	return list
}

// All is the use of all actions together.
func (f *Fit) All() *Usage { return &f.all }

// Suggest is the power of ten by which the unit should be divided, so that
// costs grow, or multiplied where it is below zero; zero where no change would
// make at least a tenth more of the uses fit. share is in thousandths, now and
// after.
func (f *Fit) Suggest() (power int, now, after int64) {
	if f.all.Events == 0 {
		return 0, 0, 0
	}
	best := maxPower
	for distance := 1; distance <= maxPower; distance++ {
		for _, i := range [...]int{maxPower + distance, maxPower - distance} {
			if f.by[i] > f.by[best] {
				best = i
			}
		}
	}
	now = f.by[maxPower] * 1000 / f.all.Events
	if after = f.by[best] * 1000 / f.all.Events; after-now < 100 {
		return 0, now, now
	}
	return best - maxPower, now, after
}

// Dominant is the action that makes credits a detour: at least nine of ten
// uses are of it, at one cost. Nil where there is none.
func (f *Fit) Dominant() *Usage {
	for _, u := range f.actions {
		if u.Events*10 >= f.all.Events*9 && u.Events > 0 && u.Least == u.Most {
			return u
		}
	}
	return nil
}
