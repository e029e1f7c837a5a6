package core

import (
	"cmp"
	"math/bits"
	"strings"
)

// OrderKey is one criterion of a burn order.
type OrderKey string

// The criteria, each ascending: what compares lower burns first.
const (
	ByPriority  OrderKey = "priority"          // lower number first
	ByExpiry    OrderKey = "expiry"            // sooner first, never last
	ByFree      OrderKey = "promotional_first" // promotional and adjustment before what was paid for
	ByEffective OrderKey = "effective"         // earlier start first
	ByRecorded  OrderKey = "recorded"          // earlier entry first
	ByCostBasis OrderKey = "cost_basis"        // cheaper money per unit first
	ByScope     OrderKey = "scoped_first"      // grants restricted to actions first
)

// Order is a burn order: criteria in turn, made total by the entry sequence.
type Order []OrderKey

// DefaultOrder is the order used when the config names none.
func DefaultOrder() Order {
	return Order{ByPriority, ByExpiry, ByFree, ByEffective, ByRecorded}
}

// ParseOrder checks the names of criteria; an unknown or repeated one is an error.
func ParseOrder(names []string) (Order, error) {
	var o Order
	for _, name := range names {
		key := OrderKey(name)
		if _, known := comparers[key]; !known {
			return nil, Errorf(CodeInvalid, "burn order %q is unknown, use priority, expiry, promotional_first, effective, recorded, cost_basis or scoped_first", clip(name))
		}
		for _, before := range o {
			if before == key {
				return nil, Errorf(CodeInvalid, "burn order names %q twice", name)
			}
		}
		o = append(o, key)
	}
	if len(o) == 0 {
		return nil, Errorf(CodeInvalid, "burn order is empty")
	}
	return o, nil
}

// Compare orders two grants of one account. It is a total order: the entry
// sequence, then the id, settle what the criteria leave equal.
func (o Order) Compare(a, b *Grant) int {
	for _, key := range o {
		if c := comparers[key](a, b); c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(a.Seq, b.Seq), strings.Compare(string(a.ID), string(b.ID)))
}

var comparers = map[OrderKey]func(a, b *Grant) int{
	ByPriority:  func(a, b *Grant) int { return cmp.Compare(a.Priority, b.Priority) },
	ByExpiry:    func(a, b *Grant) int { return cmp.Compare(a.Expires, b.Expires) },
	ByFree:      func(a, b *Grant) int { return compareBool(a.Category.free(), b.Category.free()) },
	ByEffective: func(a, b *Grant) int { return cmp.Compare(a.Starts, b.Starts) },
	ByRecorded:  func(a, b *Grant) int { return cmp.Compare(a.Seq, b.Seq) },
	ByCostBasis: compareCostBasis,
	ByScope:     func(a, b *Grant) int { return compareBool(len(a.Actions) > 0, len(b.Actions) > 0) },
}

// compareBool puts true first.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// compareCostBasis compares paid/amount exactly, in 128 bits. Grants paid in
// different currencies have no common measure and compare by currency code.
func compareCostBasis(a, b *Grant) int {
	if a.Paid.Minor != 0 && b.Paid.Minor != 0 && a.Paid.Currency != b.Paid.Currency {
		return strings.Compare(string(a.Paid.Currency), string(b.Paid.Currency))
	}
	aHi, aLo := bits.Mul64(uint64(a.Paid.Minor), uint64(b.Amount))
	bHi, bLo := bits.Mul64(uint64(b.Paid.Minor), uint64(a.Amount))
	return cmp.Or(cmp.Compare(aHi, bHi), cmp.Compare(aLo, bLo))
}
