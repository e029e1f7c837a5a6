// Package burn compares two burn orders on the grants of one account: the
// core's, and that of a vendor that draws grants down by itself. It is pure.
//
// A vendor's order is known by what it documents. Where only an undocumented
// criterion, or none at all, tells two grants apart, nothing is claimed.
package burn

import (
	"cmp"
	"fmt"
	"slices"

	"scrip/adapters"
	"scrip/core"
)

// Verdict says how a vendor's burn order relates to the core's for one account.
type Verdict string

// The verdicts.
const (
	Same      Verdict = "same"       // the vendor draws the same grants in the same order
	MayDiffer Verdict = "may_differ" // nothing that the vendor documents tells some two grants apart
	Differs   Verdict = "differs"    // the vendor draws some grant before one that the core draws first
	Mended    Verdict = "mended"     // it would not be the same, but is where grants carry [Result.Priorities]
)

// Vendor is what is known of how a vendor draws grants down.
type Vendor struct {
	Keys   []adapters.OrderKey // its criteria in turn
	Coarse []core.OrderKey     // criteria it rounds: it may see two grants as equal that the core tells apart, never the other way round
	Scopes bool                // it keeps to the actions that a grant may pay for
	Named  bool                // it draws on the grant that we name: its own order decides nothing
	// Lowest and Highest bound the priority numbers that it keeps exactly; it
	// keeps none where they are equal.
	Lowest, Highest int
}

// VendorOf reads a vendor's traits: its burn order, and from its facts what it
// rounds and which priorities it keeps.
func VendorOf(t adapters.Traits) Vendor {
	v := Vendor{Keys: t.BurnOrder, Named: t.Draws}
	for _, f := range t.Facts {
		switch {
		case f.Name == "expiry" && f.Fit != adapters.Exact:
			v.Coarse = append(v.Coarse, core.ByExpiry)
		case f.Name == "future start" && f.Fit != adapters.Exact:
			v.Coarse = append(v.Coarse, core.ByEffective)
		case f.Name == "scope":
			v.Scopes = f.Fit == adapters.Exact
		case f.Name == "priority" && f.Fit == adapters.Exact:
			if n, _ := fmt.Sscanf(f.How, "int %d..%d", &v.Lowest, &v.Highest); n != 2 || v.Lowest > v.Highest {
				v.Lowest, v.Highest = 0, 0
			}
		}
	}
	return v
}

// Pair are two grants that a vendor draws in the other order.
type Pair struct {
	First  core.ID `json:"first"`  // the core draws it before Second
	Second core.ID `json:"second"` // the vendor draws it before First
}

// Result is the verdict on one account.
type Result struct {
	Verdict Verdict
	Pair    Pair // the first pair found, where the orders differ or did before they were mended
	// Priorities make the vendor draw in the core's order, one for each grant
	// in the order they were given; only where the verdict is [Mended].
	Priorities []int
}

// Judge compares the orders on an account's live grants, in any sequence.
// Where they are not known to be the same and the vendor keeps priorities, it
// looks for numbers that make them so.
func (v Vendor) Judge(grants []core.Grant, order core.Order) Result {
	if v.Named {
		return Result{Verdict: Same}
	}
	s := v.sight(grants, order)
	verdict, pair := s.verdict()
	if verdict == Same {
		return Result{Verdict: Same}
	}
	if numbers := v.encode(s); numbers != nil {
		return Result{Mended, pair, numbers}
	}
	return Result{Verdict: verdict, Pair: pair}
}

// encode ranks the grants in the core's order as priorities, and keeps them
// where they do make the vendor's order the core's.
func (v Vendor) encode(s *sight) []int {
	if v.Highest-v.Lowest < len(s.bare)-1 || v.Highest == v.Lowest {
		return nil
	}
	priorities := make([]int, len(s.bare))
	for rank, at := range s.ranked {
		s.bare[rank].Priority = v.Lowest + rank
		priorities[at] = v.Lowest + rank
	}
	if verdict, _ := s.verdict(); verdict != Same {
		return nil
	}
	return priorities
}

// sight is an account's grants in the core's order, as the vendor's criteria
// see them.
type sight struct {
	vendor Vendor
	ranked []int        // where each grant stood, by its rank in the core's order
	bare   []core.Grant // by rank, without what the core's order falls back on
	seqs   []int64      // by rank
	ids    []core.ID    // by rank
	single []core.Order // each of the vendor's criteria alone
}

func (v Vendor) sight(grants []core.Grant, order core.Order) *sight {
	s := &sight{vendor: v, ranked: make([]int, len(grants)), bare: make([]core.Grant, len(grants)), seqs: make([]int64, len(grants)), ids: make([]core.ID, len(grants))}
	for i := range s.ranked {
		s.ranked[i] = i
	}
	slices.SortFunc(s.ranked, func(i, j int) int { return order.Compare(&grants[i], &grants[j]) })
	for rank, at := range s.ranked {
		g := grants[at]
		s.seqs[rank], s.ids[rank] = g.Seq, g.ID
		g.Seq, g.ID = 0, ""
		s.bare[rank] = g
	}
	for _, k := range v.Keys {
		s.single = append(s.single, core.Order{k.Key})
	}
	return s
}

// maxPairs bounds the accounts whose every pair of grants is compared; in a
// larger one neighbours alone are.
const maxPairs = 1000

// verdict compares neighbours first: where each is known to be drawn before the
// next, all are. Else it looks for a pair that is turned round.
func (s *sight) verdict() (Verdict, Pair) {
	verdict := Same
	for i := 1; i < len(s.bare); i++ {
		switch s.relation(i-1, i, 0) {
		case turned:
			return Differs, Pair{s.ids[i-1], s.ids[i]}
		case unknown:
			verdict = MayDiffer
		}
	}
	if verdict == Same || len(s.bare) > maxPairs {
		return verdict, Pair{}
	}
	for i := range s.bare {
		for j := i + 2; j < len(s.bare); j++ {
			if s.relation(i, j, 0) == turned {
				return Differs, Pair{s.ids[i], s.ids[j]}
			}
		}
	}
	return verdict, Pair{}
}

// relation is what is known of two grants at the vendor, of which the core
// draws the first before the second.
type relation int

const (
	unknown relation = iota
	kept
	turned
)

// relation asks the vendor's criteria from the given one on.
func (s *sight) relation(i, j, from int) relation {
	for n := from; n < len(s.single); n++ {
		key := s.vendor.Keys[n]
		c := s.compare(n, i, j)
		if c == 0 {
			continue
		}
		if !key.Confirmed {
			return unknown
		}
		r := kept
		if c > 0 {
			r = turned
		}
		// Rounded, they may be equal; then what follows decides.
		if slices.Contains(s.vendor.Coarse, key.Key) && s.relation(i, j, n+1) != r {
			return unknown
		}
		return s.within(i, j, r)
	}
	return unknown
}

// within weighs scopes: a vendor that does not keep to them may draw a grant
// for what the core would not let it pay.
func (s *sight) within(i, j int, r relation) relation {
	if !s.vendor.Scopes && !slices.Equal(s.bare[i].Actions, s.bare[j].Actions) {
		return unknown
	}
	return r
}

func (s *sight) compare(key, i, j int) int {
	if s.vendor.Keys[key].Key == core.ByRecorded {
		return cmp.Compare(s.seqs[i], s.seqs[j])
	}
	return s.single[key].Compare(&s.bare[i], &s.bare[j])
}
