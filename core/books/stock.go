package books

import (
	"cmp"
	"slices"
	"time"

	"scrip/core"
)

// Window is how far back consumption is looked at to tell how fast a customer
// spends, and Period what a month of it is taken for: a third.
const (
	Window = 90 * 24 * time.Hour
	Period = 30 * 24 * time.Hour
)

// Stock is what a customer has of a unit, beside how fast it is spent.
type Stock struct {
	Unit   string
	Lots   []*Lot      // with something left, in burn order
	Units  core.Amount // left
	Burn   core.Amount // consumed within the window
	Lapses []core.Amount
}

// Stocks are the customer's stocks in each unit, after [Book.Close], with what
// of each lot will expire unspent if spending goes on as it did: lots burn in
// order, one after another, and what time does not allow lapses.
func (b *Book) Stocks(order core.Order) []Stock {
	var list []Stock
	for _, l := range b.Lots() {
		at := slices.IndexFunc(list, func(s Stock) bool { return s.Unit == l.Unit })
		if at < 0 {
			at, list = len(list), append(list, Stock{Unit: l.Unit})
		}
		s := &list[at]
		s.Burn += l.Burnt
		if l.Units.Remaining > 0 {
			s.Lots, s.Units = append(s.Lots, l), s.Units+l.Units.Remaining
		}
	}
	for i := range list {
		s := &list[i]
		slices.SortFunc(s.Lots, func(x, y *Lot) int { return order.Compare(&x.Grant, &y.Grant) })
		s.foresee(b.at)
	}
	slices.SortFunc(list, func(x, y Stock) int { return cmp.Compare(x.Unit, y.Unit) })
	return list
}

// foresee works out what lapses of each lot.
func (s *Stock) foresee(at core.Time) {
	spent := core.Amount(0)
	s.Lapses = make([]core.Amount, len(s.Lots))
	for i, l := range s.Lots {
		left, room := l.Units.Remaining, core.Amount(0)
		switch {
		case l.Grant.Expires == core.Never:
			room = left
		case s.Burn > 0:
			can, _, err := core.MulDiv(s.Burn, core.Rate{Num: int64(max(l.Grant.Expires-at, 0)), Den: Window.Microseconds()}, core.RoundDown)
			if err != nil {
				can = core.MaxAmount * 2 // more than could ever be there
			}
			room = max(can-spent, 0)
		}
		used := min(left, room)
		spent += used
		s.Lapses[i] = left - used
	}
}

// Months is how many months the stock lasts, with one decimal, rounded down;
// ok is false where nothing is spent.
func (s *Stock) Months() (tenths int64, ok bool) {
	if s.Burn <= 0 {
		return 0, false
	}
	perMonth := core.Rate{Num: 10 * int64(Window/Period), Den: int64(s.Burn)}
	n, _, err := core.MulDiv(s.Units, perMonth, core.RoundDown)
	return int64(n), err == nil
}

// Basis is the money of a part of what is left of a lot, rounded down.
func (l *Lot) Basis(part core.Amount) core.Amount {
	return floorShare(l.Money.Remaining, part, l.Units.Remaining)
}

// Age and expiry are told in buckets of days, each up to and including its
// bound.
var bounds = [...]struct {
	days int64
	name string
}{{30, "0-30 days"}, {90, "31-90 days"}, {180, "91-180 days"}, {365, "181-365 days"}}

// Buckets are the names of the buckets in order; never is one of expiry alone.
func Buckets() []string {
	var names []string
	for _, b := range bounds {
		names = append(names, b.name)
	}
	return append(names, "over 365 days", "never")
}

// BucketOf is the bucket of the span between two instants.
func BucketOf(from, to core.Time) string {
	if to == core.Never {
		return "never"
	}
	for _, b := range bounds {
		if to-from <= core.Time(b.days*24*time.Hour.Microseconds()) {
			return b.name
		}
	}
	return "over 365 days"
}
