package reports

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"scrip/core"
	"scrip/core/books"
)

// worth is the money side of a stock in one currency.
type worth struct {
	deferred, lapsing, list, paid core.Amount
	listed                        bool // the unit has a list price in the currency
}

// valued are the sums of a purse: deferred, lapsing, list value and discount.
type valued struct {
	sums   [4]books.Sum
	listed bool
}

// hoard is what one customer has of one unit.
type hoard struct {
	customer, unit       string
	units, burn, lapsing core.Amount
	months               string
	worth                map[core.Currency]worth
}

// hoardTotals are those of a unit, over all its customers.
type hoardTotals struct {
	customers            int64
	units, burn, lapsing books.Sum
}

// hoarding lists what customers keep against what they spend: how long it
// lasts, what of it will lapse, and what discounts on it cost.
func (r *run) hoarding(ctx context.Context, w io.Writer) error {
	r.open(w, text("row", 8), text("customer", 24), text("unit", 8), text("months", 13), amount("customers"), amount("balance"), amount("monthly_burn"), amount("months_of_stock"),
		amount("lapsing"), short("currency"), amount("deferred"), amount("lapsing_money"), amount("list_value"), amount("discount"))
	totals, money, bands := map[string]*hoardTotals{}, map[purse]*valued{}, map[string]map[string]*hoardTotals{}
	top := map[string]*largest{}
	err := r.customers(ctx, nil, func(customer string, b *books.Book) error {
		for _, stock := range b.Stocks(r.config.Order) {
			h := r.hoard(customer, b, &stock)
			for c, v := range h.worth {
				p := purse{h.unit, c}
				if money[p] == nil {
					money[p] = &valued{}
				}
				money[p].listed = money[p].listed || v.listed
				for i, a := range [...]core.Amount{v.deferred, v.lapsing, v.list, v.list - v.paid} {
					money[p].sums[i].Add(a)
				}
			}
			if h.units == 0 {
				continue
			}
			if totals[h.unit] == nil {
				totals[h.unit], bands[h.unit], top[h.unit] = &hoardTotals{}, map[string]*hoardTotals{}, &largest{}
			}
			totals[h.unit].add(h)
			band := bandOf(&stock)
			if bands[h.unit][band] == nil {
				bands[h.unit][band] = &hoardTotals{}
			}
			bands[h.unit][band].add(h)
			if r.Top > 0 {
				top[h.unit].offer(h, r.Top)
			} else if err := r.hoarder(h); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, unit := range slices.Sorted(maps.Keys(top)) {
		for _, h := range top[unit].sorted() {
			if err := r.hoarder(h); err != nil {
				return err
			}
		}
	}
	for _, unit := range slices.Sorted(maps.Keys(totals)) {
		if err := r.hoarded(unit, totals[unit], bands[unit]); err != nil {
			return err
		}
	}
	for _, p := range sorted(money) {
		m, c := &money[p].sums, p.currency
		cells := []string{"money", "", p.unit, "", "", "", "", "", "", string(c), sum(c, &m[0]), sum(c, &m[1]), "", ""}
		if money[p].listed {
			cells[12], cells[13] = sum(c, &m[2]), sum(c, &m[3])
		}
		if err := r.sheet.row(cells...); err != nil {
			return err
		}
	}
	return nil
}

// hoard values a stock: what is left at what was paid, and every lot that was
// ever sold at the unit's list price in its currency, where there is one.
func (r *run) hoard(customer string, b *books.Book, s *books.Stock) *hoard {
	h := &hoard{customer: customer, unit: s.Unit, units: s.Units, burn: s.Burn / core.Amount(books.Window/books.Period), worth: map[core.Currency]worth{}}
	if tenths, ok := s.Months(); ok {
		h.months = fmt.Sprintf("%d.%d", tenths/10, tenths%10)
	}
	for i, l := range s.Lots {
		h.lapsing += s.Lapses[i]
		if l.Currency != "" {
			v := h.worth[l.Currency]
			v.deferred += l.Money.Remaining
			v.lapsing += l.Basis(s.Lapses[i])
			h.worth[l.Currency] = v
		}
	}
	u, _ := r.config.Unit(s.Unit)
	for _, l := range b.Lots() {
		if l.Unit != s.Unit || l.Currency == "" || l.Carried() || l.Units.Issued <= 0 {
			continue
		}
		for _, p := range u.Prices {
			if p.Currency != l.Currency {
				continue
			}
			if list, err := p.Value(l.Units.Issued, u.Scale, core.RoundHalfEven); err == nil {
				v := h.worth[l.Currency]
				v.listed = true
				v.list += list.Minor
				v.paid += l.Money.Paid
				h.worth[l.Currency] = v
			}
		}
	}
	return h
}

// hoarder writes one customer: its money in further currencies on lines of
// their own.
func (r *run) hoarder(h *hoard) error {
	figures := []string{h.units.Format(r.scales[h.unit]), h.burn.Format(r.scales[h.unit]), h.months, h.lapsing.Format(r.scales[h.unit])}
	currencies := slices.Sorted(maps.Keys(h.worth))
	if len(currencies) == 0 {
		currencies = []core.Currency{""}
	}
	for i, c := range currencies {
		v, row := h.worth[c], "customer"
		if i > 0 {
			row, figures = "also", []string{"", "", "", ""}
		}
		cells := append([]string{row, h.customer, h.unit, "", ""}, figures...)
		cells = append(cells, string(c), minor(c, v.deferred), minor(c, v.lapsing), "", "")
		if v.listed {
			cells[12], cells[13] = minor(c, v.list), minor(c, v.list-v.paid)
		}
		if err := r.sheet.row(cells...); err != nil {
			return err
		}
	}
	return nil
}

func (t *hoardTotals) add(h *hoard) {
	t.customers++
	t.units.Add(h.units)
	t.burn.Add(h.burn)
	t.lapsing.Add(h.lapsing)
}

// The bands of how many months stocks last.
const (
	bandUnspent = "nothing spent"
	bandOver    = "over 12"
)

var bandBounds = [...]struct {
	tenths int64
	name   string
}{{10, "below 1"}, {30, "1-3"}, {60, "3-6"}, {121, "6-12"}}

func bandOf(s *books.Stock) string {
	tenths, ok := s.Months()
	if !ok && s.Burn <= 0 {
		return bandUnspent
	}
	for _, b := range bandBounds {
		if ok && tenths < b.tenths {
			return b.name
		}
	}
	return bandOver
}

// hoarded writes the totals of a unit, by how long stocks last and in all.
func (r *run) hoarded(unit string, t *hoardTotals, bands map[string]*hoardTotals) error {
	names := []string{}
	for _, b := range bandBounds {
		names = append(names, b.name)
	}
	scale := r.scales[unit]
	for _, name := range append(names, bandOver, bandUnspent) {
		b := bands[name]
		if b == nil {
			continue
		}
		if err := r.sheet.row("band", "", unit, name, fmt.Sprint(b.customers), b.units.Text(scale), b.burn.Text(scale), "", b.lapsing.Text(scale),
			"", "", "", "", ""); err != nil {
			return err
		}
	}
	return r.sheet.row("total", "", unit, "", fmt.Sprint(t.customers), t.units.Text(scale), t.burn.Text(scale), "", t.lapsing.Text(scale),
		"", "", "", "", "")
}

// largest keeps the customers with the largest balances, the least of them in front.
type largest []*hoard

func (l largest) Len() int { return len(l) }
func (l largest) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(l[i].units, l[j].units), cmp.Compare(l[j].customer, l[i].customer)) < 0
}
func (l largest) Swap(i, j int) { l[i], l[j] = l[j], l[i] }

// Push implements [heap.Interface].
func (l *largest) Push(x any) { *l = append(*l, x.(*hoard)) }

// Pop implements [heap.Interface].
func (l *largest) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}

func (l *largest) offer(h *hoard, most int) {
	heap.Push(l, h)
	if len(*l) > most {
		heap.Pop(l)
	}
}

// sorted empties it, the largest first.
func (l *largest) sorted() []*hoard {
	list := make([]*hoard, len(*l))
	for i := len(list) - 1; i >= 0; i-- {
		list[i] = heap.Pop(l).(*hoard)
	}
	return list
}
