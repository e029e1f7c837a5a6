package reports

import (
	"context"
	"io"
	"maps"
	"slices"

	"scrip/core"
	"scrip/core/books"
)

// flow is money by where it is, added up.
type flow struct {
	paid, in, recognised, breakage, refunded, voided, out, deferred books.Sum
}

func (f *flow) add(m books.Money) {
	f.paid.Add(m.Paid)
	f.in.Add(m.In)
	f.recognised.Add(m.Recognised)
	f.breakage.Add(m.Breakage)
	f.refunded.Add(m.Refunded)
	f.voided.Add(m.Voided)
	f.out.Add(m.Out)
	f.deferred.Add(m.Remaining)
}

func (f *flow) plus(g *flow) {
	f.paid.AddSum(&g.paid)
	f.in.AddSum(&g.in)
	f.recognised.AddSum(&g.recognised)
	f.breakage.AddSum(&g.breakage)
	f.refunded.AddSum(&g.refunded)
	f.voided.AddSum(&g.voided)
	f.out.AddSum(&g.out)
	f.deferred.AddSum(&g.deferred)
}

// ties reports whether all that came is somewhere.
func (f *flow) ties() bool {
	var rest books.Sum
	rest.AddSum(&f.paid)
	rest.AddSum(&f.in)
	for _, s := range [...]*books.Sum{&f.recognised, &f.breakage, &f.refunded, &f.voided, &f.out, &f.deferred} {
		rest.Sub(s)
	}
	return rest.Sign() == 0
}

// equal reports whether two ways of adding up came to the same.
func (f *flow) equal(g *flow) bool {
	for _, pair := range [...][2]*books.Sum{{&f.paid, &g.paid}, {&f.in, &g.in}, {&f.recognised, &g.recognised}, {&f.breakage, &g.breakage},
		{&f.refunded, &g.refunded}, {&f.voided, &g.voided}, {&f.out, &g.out}, {&f.deferred, &g.deferred}} {
		var d books.Sum
		d.AddSum(pair[0])
		if d.Sub(pair[1]); d.Sign() != 0 {
			return false
		}
	}
	return true
}

// revenue lists where the money paid for credits is: deferred, recognised, or
// what else became of it; by lot or customer, and by month.
func (r *run) revenue(ctx context.Context, w io.Writer) error {
	r.open(w, text("row", 8), text("period", 7), text("customer", 24), fine(text("unit", 8)), fine(text("grant", 33)), fine(text("category", 11)), short("currency"),
		amount("paid"), amount("moved_in"), amount("recognised"), amount("breakage"), amount("refunded"), amount("voided"),
		amount("moved_out"), amount("deferred"), short("ties_out"))
	totals, months := map[core.Currency]*flow{}, map[core.Currency]map[books.Month]*flow{}
	one := map[core.Currency]*flow{}
	err := r.customers(ctx, func(s books.Step) {
		c := s.Lot.Currency
		if c == "" {
			return
		}
		if months[c] == nil {
			months[c] = map[books.Month]*flow{}
		}
		if months[c][s.Month] == nil {
			months[c][s.Month] = &flow{}
		}
		months[c][s.Month].add(s.Money)
	}, func(customer string, b *books.Book) error {
		clear(one)
		for _, l := range b.Lots() {
			if l.Currency == "" {
				continue
			}
			for _, m := range [...]map[core.Currency]*flow{one, totals} {
				if m[l.Currency] == nil {
					m[l.Currency] = &flow{}
				}
				m[l.Currency].add(l.Money)
			}
			if r.By != "grant" {
				continue
			}
			var f flow
			f.add(l.Money)
			if err := r.earned("grant", "", customer, l, l.Currency, &f, l.Money.Ties()); err != nil {
				return err
			}
		}
		if r.By != "customer" {
			return nil
		}
		for _, c := range slices.Sorted(maps.Keys(one)) {
			if err := r.earned("customer", "", customer, nil, c, one[c], one[c].ties()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.earnedInAll(totals, months)
}

func (r *run) earned(row, period, customer string, l *books.Lot, c core.Currency, f *flow, ties bool) error {
	unit, grant, category := "", "", ""
	if l != nil {
		unit, grant, category = l.Unit, string(l.Grant.ID), string(l.Grant.Category)
	}
	return r.sheet.row(row, period, customer, unit, grant, category, string(c), sum(c, &f.paid), sum(c, &f.in), sum(c, &f.recognised),
		sum(c, &f.breakage), sum(c, &f.refunded), sum(c, &f.voided), sum(c, &f.out), sum(c, &f.deferred), r.ties(ties))
}

// earnedInAll writes the months, each with what was deferred at its end, and
// the totals, which must be the sum of the months.
func (r *run) earnedInAll(totals map[core.Currency]*flow, months map[core.Currency]map[books.Month]*flow) error {
	for _, c := range slices.Sorted(maps.Keys(months)) {
		so := &flow{}
		for _, m := range slices.Sorted(maps.Keys(months[c])) {
			f := months[c][m]
			ties := f.ties()
			so.plus(f)
			var closing books.Sum
			closing.AddSum(&so.deferred)
			f.deferred = closing
			if err := r.earned("period", m.String(), "", nil, c, f, ties); err != nil {
				return err
			}
		}
		t := totals[c]
		if t == nil {
			t = &flow{}
		}
		if err := r.earned("total", "", "", nil, c, t, t.ties() && t.equal(so)); err != nil {
			return err
		}
	}
	return nil
}
