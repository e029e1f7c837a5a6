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

// purse is what amounts can be added up within: a unit, and the currency that
// its lots were paid in, "" for what nobody paid.
type purse struct {
	unit     string
	currency core.Currency
}

func (p purse) compare(q purse) int {
	return cmp.Or(cmp.Compare(p.unit, q.unit), cmp.Compare(p.currency, q.currency))
}

// holding is an amount of a purse.
type holding struct{ units, money books.Sum }

// tallies are sums by a label within each purse.
type tallies map[string]map[purse]*holding

func (t tallies) add(label string, p purse, units, money core.Amount) {
	if t[label] == nil {
		t[label] = map[purse]*holding{}
	}
	h := t[label][p]
	if h == nil {
		h = &holding{}
		t[label][p] = h
	}
	h.units.Add(units)
	h.money.Add(money)
}

// sorted are the purses of a label in order.
func sorted[V any](m map[purse]V) []purse {
	return slices.SortedFunc(maps.Keys(m), purse.compare)
}

// liability lists what of paid credits is unspent, and what was paid for it.
func (r *run) liability(ctx context.Context, w io.Writer) error {
	r.open(w, text("row", 8), text("customer", 24), text("unit", 8), fine(text("grant", 33)), text("category", 11), text("age", 13),
		text("expiry", 13), fine(text("expires_at", 20)), amount("units"), short("currency"), amount("money"))
	totals, ages, expiries, categories := map[purse]*holding{}, tallies{}, tallies{}, tallies{}
	one := map[purse]*holding{} // of the customer at hand
	err := r.customers(ctx, nil, func(customer string, b *books.Book) error {
		clear(one)
		for _, l := range b.Lots() {
			if l.Units.Remaining <= 0 || l.Currency == "" && l.Grant.Category != core.Paid {
				continue
			}
			p, units, money := purse{l.Unit, l.Currency}, l.Units.Remaining, l.Money.Remaining
			age, expiry := books.BucketOf(l.Grant.Starts, r.At), books.BucketOf(r.At, l.Grant.Expires)
			for _, m := range [...]map[purse]*holding{one, totals} {
				if m[p] == nil {
					m[p] = &holding{}
				}
				m[p].units.Add(units)
				m[p].money.Add(money)
			}
			ages.add(age, p, units, money)
			expiries.add(expiry, p, units, money)
			categories.add(string(l.Grant.Category), p, units, money)
			if r.By != "grant" {
				continue
			}
			ends := l.Grant.Expires.String()
			if err := r.sheet.row("grant", customer, l.Unit, string(l.Grant.ID), string(l.Grant.Category), age, expiry, ends,
				r.units(l.Unit, units), string(l.Currency), minor(l.Currency, money)); err != nil {
				return err
			}
		}
		if r.By != "customer" {
			return nil
		}
		for _, p := range sorted(one) {
			if err := r.owed("customer", customer, "", "", "", p, one[p]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.owedInAll(totals, ages, expiries, categories)
}

func (r *run) owed(row, customer, category, age, expiry string, p purse, h *holding) error {
	return r.sheet.row(row, customer, p.unit, "", category, age, expiry, "",
		h.units.Text(r.scales[p.unit]), string(p.currency), sum(p.currency, &h.money))
}

// owedInAll writes the totals of a liability: by category, age and expiry,
// each of which adds up to the last rows.
func (r *run) owedInAll(totals map[purse]*holding, ages, expiries, categories tallies) error {
	for _, name := range slices.Sorted(maps.Keys(categories)) {
		for _, p := range sorted(categories[name]) {
			if err := r.owed("category", "", name, "", "", p, categories[name][p]); err != nil {
				return err
			}
		}
	}
	for _, name := range books.Buckets() {
		for _, p := range sorted(ages[name]) {
			if err := r.owed("age", "", "", name, "", p, ages[name][p]); err != nil {
				return err
			}
		}
	}
	for _, name := range books.Buckets() {
		for _, p := range sorted(expiries[name]) {
			if err := r.owed("expiry", "", "", "", name, p, expiries[name][p]); err != nil {
				return err
			}
		}
	}
	for _, p := range sorted(totals) {
		if err := r.owed("total", "", "", "", "", p, totals[p]); err != nil {
			return err
		}
	}
	return nil
}
