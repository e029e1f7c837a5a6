package books

import (
	"math/bits"

	"scrip/core"
)

// Units are where the parts of a lot are, in the smallest parts of its unit.
type Units struct {
	Issued                              core.Amount // by its grant, or by what another lot became
	Consumed, Expired, Voided, Refunded core.Amount
	Moved                               core.Amount // carried into other lots: by a renewal, or by a change of unit
	Remaining                           core.Amount // unspent; held parts included
}

// Money is where the money of a lot is, in minor units of its currency.
// Paid + In = Recognised + Breakage + Voided + Refunded + Out + Remaining.
type Money struct {
	Paid       core.Amount // by the customer, for the lot
	In         core.Amount // that came with credits from another lot
	Recognised core.Amount // earned: of what was consumed
	Breakage   core.Amount // of what expired unspent
	Voided     core.Amount // written off; also of what a change of unit rounded to nothing
	Refunded   core.Amount // of what was taken back with the payment
	Out        core.Amount // gone with credits to other lots
	Remaining  core.Amount // deferred: of what is unspent
}

// Ties reports whether every minor unit that came is somewhere.
func (m Money) Ties() bool {
	return m.Paid+m.In == m.Recognised+m.Breakage+m.Voided+m.Refunded+m.Out+m.Remaining
}

func (m Money) less(n Money) Money {
	return Money{m.Paid - n.Paid, m.In - n.In, m.Recognised - n.Recognised, m.Breakage - n.Breakage,
		m.Voided - n.Voided, m.Refunded - n.Refunded, m.Out - n.Out, m.Remaining - n.Remaining}
}

func (u Units) less(v Units) Units {
	return Units{u.Issued - v.Issued, u.Consumed - v.Consumed, u.Expired - v.Expired,
		u.Voided - v.Voided, u.Refunded - v.Refunded, u.Moved - v.Moved, u.Remaining - v.Remaining}
}

// The pots that a part of a lot can have gone to, in the order in which its
// money is laid out, and the figures kept beside them.
const (
	consumed = iota
	expired
	voided
	refunded
	moved
	pots
	issued = iota - 1
	linked // of the lot it came from: the parts that became this lot
	figures
)

// placeOf is the figure that a pot of the ledger counts in; ok is false for
// what is still in the lot. A pot that is not known here is written off.
func placeOf(p core.Pot) (place int, ok bool) {
	switch p {
	case core.Available, core.Held:
		return 0, false
	case core.Consumed, core.Owed, core.Billed: // what settles a deficit was consumed by it
		return consumed, true
	case core.Breakage:
		return expired, true
	case core.Refunded:
		return refunded, true
	case core.Exchanged, core.Rolled:
		return moved, true
	case core.Issued:
		return issued, true
	}
	return voided, true
}

// Lot is one grant, with where its credits and its money are.
type Lot struct {
	Grant    core.Grant // its terms; its figures are the store's of today
	Unit     string
	Currency core.Currency // "" while no money is in it
	Units    Units
	Money    Money
	Burnt    core.Amount // net consumption after the instant given to [New]

	months   []tally
	now      [figures]core.Amount
	parent   *Lot   // whose credits became this one
	children []*Lot // what became of its credits, in the order they were made
	out      core.Amount
	claimed  core.Amount // of out: what is known to have gone somewhere
	stamp    Month
	was      Units // before the month at hand
	wasMoney Money
}

// tally is what changed of a lot in one month.
type tally struct {
	month Month
	by    [figures]core.Amount
}

func (l *Lot) reset(unit string, g *core.Grant) {
	*l = Lot{Grant: *g, Unit: unit, months: l.months[:0], children: l.children[:0]}
}

// add counts an amount in a month; entries mostly come in the order of time.
func (l *Lot) add(m Month, place int, amount core.Amount) {
	for i := len(l.months) - 1; i >= 0; i-- {
		if l.months[i].month == m {
			l.months[i].by[place] += amount
			return
		}
	}
	t := tally{month: m}
	t.by[place] = amount
	l.months = append(l.months, t)
}

// floorShare is floor(money x part / whole), with part kept between nothing
// and the whole.
func floorShare(money, part, whole core.Amount) core.Amount {
	switch {
	case money <= 0 || part <= 0 || whole <= 0:
		return 0
	case part >= whole:
		return money
	}
	hi, lo := bits.Mul64(uint64(money), uint64(part))
	q, _ := bits.Div64(hi, lo, uint64(whole)) // part < whole: the quotient is below money
	return core.Amount(q)
}

// settle works out Units and Money, the parent's first. It is asked once a
// stamp.
func (l *Lot) settle(stamp Month) {
	if l.stamp == stamp {
		return
	}
	l.stamp = stamp
	money := Money{In: l.Money.In}
	if l.parent != nil {
		l.parent.settle(stamp)
		money.In, l.Currency = l.Money.In, l.parent.Currency // the parent has just set it
	} else if l.now[issued] > 0 && l.now[linked] == 0 {
		money.Paid, l.Currency = l.Grant.Paid.Minor, l.Grant.Paid.Currency
	}
	whole, paid := l.now[issued], money.Paid+money.In
	var by [pots]core.Amount
	var end, before core.Amount
	for pot := range by {
		end += l.now[pot]
		if at := floorShare(paid, end, whole); at > before {
			by[pot], before = at-before, at
		}
	}
	money.Recognised, money.Breakage, money.Voided, money.Refunded = by[consumed], by[expired], by[voided], by[refunded]
	if whole > 0 {
		money.Remaining = paid - before
	} else {
		money.Voided = paid // all of it went back where it came from, but for what rounding left
	}
	money.Out = l.pass(by[moved])
	money.Voided += by[moved] - money.Out
	l.Money = money
	l.Units = Units{
		Issued: whole, Consumed: l.now[consumed], Expired: l.now[expired], Voided: l.now[voided],
		Refunded: l.now[refunded], Moved: l.now[moved], Remaining: whole - end,
	}
}

// pass shares the money of what moved out among the lots it became, by the
// parts of each, and returns how much found one.
func (l *Lot) pass(money core.Amount) core.Amount {
	var end, before core.Amount
	for _, c := range l.children {
		end += max(c.now[linked], 0)
		at := max(floorShare(money, end, l.now[moved]), before)
		c.Money.In, before = at-before, at
	}
	return before
}

// Carried reports whether the lot's credits come from another lot: by a
// renewal, or by a change of unit.
func (l *Lot) Carried() bool { return l.parent != nil }
