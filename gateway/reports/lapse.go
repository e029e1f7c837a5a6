package reports

import (
	"cmp"
	"context"
	"io"
	"maps"
	"slices"

	"scrip/core"
	"scrip/core/books"
)

// kind is what lots are told together by: their month, purse and category.
type kind struct {
	month books.Month
	purse
	category core.Category
}

type kinds map[kind]*holding

func (t kinds) add(m books.Month, l *books.Lot, units, money core.Amount) {
	if units == 0 && money == 0 {
		return
	}
	k := kind{m, purse{l.Unit, l.Currency}, l.Grant.Category}
	h := t[k]
	if h == nil {
		h = &holding{}
		t[k] = h
	}
	h.units.Add(units)
	h.money.Add(money)
}

func (t kinds) sorted() []kind {
	return slices.SortedFunc(maps.Keys(t), func(x, y kind) int {
		return cmp.Or(cmp.Compare(x.month, y.month), x.purse.compare(y.purse), cmp.Compare(x.category, y.category))
	})
}

// totals adds up over months.
func (t kinds) totals() kinds {
	sums := kinds{}
	for k, h := range t {
		k.month = 0
		if sums[k] == nil {
			sums[k] = &holding{}
		}
		sums[k].units.AddSum(&h.units)
		sums[k].money.AddSum(&h.money)
	}
	return sums
}

// breakage lists what expired unspent by month, and what will if customers
// spend as they did.
func (r *run) breakage(ctx context.Context, w io.Writer) error {
	r.open(w, text("row", 14), text("period", 7), text("unit", 8), text("category", 11), amount("units"), short("currency"), amount("money"))
	past, ahead := kinds{}, kinds{}
	err := r.customers(ctx, func(s books.Step) {
		past.add(s.Month, s.Lot, s.Units.Expired, s.Money.Breakage)
	}, func(_ string, b *books.Book) error {
		for _, stock := range b.Stocks(r.config.Order) {
			for i, l := range stock.Lots {
				if stock.Lapses[i] > 0 {
					ahead.add(books.MonthOf(l.Grant.Expires), l, stock.Lapses[i], l.Basis(stock.Lapses[i]))
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, part := range [...]struct {
		row, total string
		kinds      kinds
	}{{"period", "total", past}, {"expected", "expected_total", ahead}} {
		if err := r.kinds(part.row, part.kinds, false); err != nil {
			return err
		}
		if err := r.kinds(part.total, part.kinds.totals(), false); err != nil {
			return err
		}
	}
	return nil
}

// kinds writes sums, with what a unit of each cost where that is asked for.
func (r *run) kinds(row string, sums kinds, priced bool) error {
	for _, k := range sums.sorted() {
		h, period := sums[k], ""
		if k.month != 0 {
			period = k.month.String()
		}
		cells := []string{row, period, k.unit, string(k.category), h.units.Text(r.scales[k.unit]), string(k.currency), sum(k.currency, &h.money)}
		if priced {
			price := ""
			if k.currency != "" {
				price = books.PricePerUnit(&h.money, k.currency.Exponent(), &h.units, r.scales[k.unit])
			}
			cells = append(cells, price)
		}
		if err := r.sheet.row(cells...); err != nil {
			return err
		}
	}
	return nil
}

// price lists what a credit cost: of those that were granted in a month, and of
// those that were consumed in it.
func (r *run) price(ctx context.Context, w io.Writer) error {
	r.open(w, text("row", 14), text("period", 7), text("unit", 8), text("category", 11), amount("units"), short("currency"), amount("money"), amount("price"))
	sold, used := kinds{}, kinds{}
	err := r.customers(ctx, func(s books.Step) {
		if !s.Lot.Carried() {
			sold.add(s.Month, s.Lot, s.Units.Issued, s.Money.Paid)
		}
		used.add(s.Month, s.Lot, s.Units.Consumed, s.Money.Recognised)
	}, func(string, *books.Book) error { return nil })
	if err != nil {
		return err
	}
	for _, part := range [...]struct {
		row, total string
		kinds      kinds
	}{{"granted", "granted_total", sold}, {"consumed", "consumed_total", used}} {
		totals := part.kinds.totals()
		part.kinds.blend()
		totals.blend()
		if err := r.kinds(part.row, part.kinds, true); err != nil {
			return err
		}
		if err := r.kinds(part.total, totals, true); err != nil {
			return err
		}
	}
	return nil
}

// everyCategory is the category of sums over all of them.
const everyCategory core.Category = "all"

// blend adds to each month and unit what a credit cost on the whole, those that
// nobody paid for among them. Where several currencies paid there is no such
// price.
func (t kinds) blend() {
	type place struct {
		month books.Month
		unit  string
	}
	currency, several := map[place]core.Currency{}, map[place]bool{}
	for k := range t {
		at := place{k.month, k.unit}
		if k.currency == "" {
			continue
		}
		if c := currency[at]; c != "" && c != k.currency {
			several[at] = true
		}
		currency[at] = k.currency
	}
	all, parts := kinds{}, map[kind]int{}
	for k, h := range t {
		at := place{k.month, k.unit}
		if currency[at] == "" || several[at] {
			continue
		}
		to := kind{k.month, purse{k.unit, currency[at]}, everyCategory}
		if all[to] == nil {
			all[to] = &holding{}
		}
		all[to].units.AddSum(&h.units)
		all[to].money.AddSum(&h.money)
		parts[to]++
	}
	for k, h := range all {
		if parts[k] > 1 {
			t[k] = h
		}
	}
}
