package reports

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"scrip/core"
	"scrip/core/books"
	"scrip/core/ledger"
)

// unit tells whether the units fit what is done with them: what each action
// costs by the rate card, what it did cost, and what to change.
func (r *run) unit(ctx context.Context, w io.Writer) error {
	r.open(w, text("row", 10), text("unit", 8), text("action", 24), text("card_from", 12), text("card_to", 12), amount("events"), short("events_share"),
		amount("units"), short("units_share"), amount("least"), amount("most"), short("fitting"), text("factor", 9), text("note", 4))
	fits := map[string]*books.Fit{}
	for _, u := range r.config.Units {
		fits[u.Code] = books.NewFit(u.Scale)
	}
	if err := r.used(ctx, fits); err != nil {
		return err
	}
	for _, unit := range slices.Sorted(maps.Keys(fits)) {
		if err := r.fit(unit, fits[unit], r.card(unit)); err != nil {
			return err
		}
	}
	return nil
}

// used counts what was charged for actions, in units that are still counted in.
func (r *run) used(ctx context.Context, fits map[string]*books.Fit) error {
	reader := r.ledger.Reader()
	if reader.Audit == nil {
		return core.Errorf(core.CodeNotSupported, "this storage cannot list what was charged")
	}
	for after := ""; ; {
		list, err := reader.Audit.Requests(ctx, after, page)
		if err != nil {
			return err
		}
		for i := range list {
			q := &list[i]
			after = q.Hash
			f := fits[q.Unit]
			if f == nil || q.Code != "" || q.At > min(r.At, r.Known) || !strings.HasPrefix(q.Operation, ledger.OpDebit) && q.Operation != ledger.OpCapture {
				continue
			}
			// A capture's answer holds that of its debit; of a debit of several units
			// each further one has an answer of its own.
			var receipt struct {
				Action string
				Debit  struct{ Action string }
			}
			if err := json.Unmarshal(q.Result, &receipt); err != nil {
				return core.Errorf(core.CodeInternal, "the answer %s cannot be read: %v", q.Hash, err)
			}
			f.Use(receipt.Action+receipt.Debit.Action, q.Amount)
		}
		if len(list) < page {
			return nil
		}
	}
}

// fit writes one unit: its actions, then what to make of them.
func (r *run) fit(unit string, f *books.Fit, card map[string]reach) error {
	scale, all, done := r.scales[unit], f.All(), map[string]bool{}
	for _, u := range f.Actions() {
		done[u.Action] = true
		name := u.Action
		if name == "" {
			name = "(amount)"
		}
		if err := r.action("action", unit, name, u, all, scale, card[u.Action]); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(card)) {
		if !done[name] {
			if err := r.action("action", unit, name, &books.Usage{}, all, scale, card[name]); err != nil {
				return err
			}
		}
	}
	if err := r.action("total", unit, "", all, all, scale, reach{}); err != nil {
		return err
	}
	return r.advise(unit, f, card)
}

func (r *run) action(row, unit, name string, u, all *books.Usage, scale int, card reach) error {
	cells := []string{row, unit, name, "", "", fmt.Sprint(u.Events + u.Free), books.Percent(u.Events, all.Events),
		u.Units.Text(scale), u.Units.Share(&all.Units), "", "", books.Percent(u.Fitting, u.Events), "", ""}
	if card.from.Den > 0 {
		cells[3], cells[4] = books.Decimal(card.from), books.Decimal(card.to)
	}
	if u.Events > 0 {
		cells[9], cells[10] = u.Least.Format(scale), u.Most.Format(scale)
	}
	return r.sheet.row(cells...)
}

// advise says what the figures mean.
func (r *run) advise(unit string, f *books.Fit, card map[string]reach) error {
	say := func(row, factor, format string, args ...any) error {
		return r.sheet.row(row, unit, "", "", "", "", "", "", "", "", "", "", factor, fmt.Sprintf(format, args...))
	}
	by := "uses"
	if f.All().Events == 0 { // nothing was charged yet: the card alone speaks
		by = "prices of the rate card"
		f = r.cardFit(unit, card)
	}
	power, now, after := f.Suggest()
	var err error
	switch {
	case f.All().Events == 0:
		err = say("verdict", "", "nothing is priced in this unit yet")
	case power > 0:
		err = say("verdict", "1 : "+powerOfTen(power), "%s of the %s cost 1 to 50; make one of it %s and %s do", tenths(now), by, powerOfTen(power), tenths(after))
	case power < 0:
		err = say("verdict", powerOfTen(-power)+" : 1", "%s of the %s cost 1 to 50; make %s of it one and %s do", tenths(now), by, powerOfTen(-power), tenths(after))
	case now >= 500:
		err = say("verdict", "", "%s of the %s cost 1 to 50: the unit fits", tenths(now), by)
	default:
		err = say("verdict", "", "%s of the %s cost 1 to 50, and no change of the unit makes it many more: the prices lie too far apart", tenths(now), by)
	}
	if one := f.Dominant(); err == nil && one != nil && by == "uses" {
		err = say("dominant", "", "%s of the uses are %s, always at %s: credits only add confusion, sell it by itself or price it in money",
			books.Percent(one.Events, f.All().Events)+" %", orAmount(one.Action), one.Least.Format(r.scales[unit]))
	}
	return err
}

// cardFit takes each price of the card for one use.
func (r *run) cardFit(unit string, card map[string]reach) *books.Fit {
	f := books.NewFit(r.scales[unit])
	for name, c := range card {
		for _, cost := range [...]core.Rate{c.from, c.to} {
			if parts, err := cost.Scaled(r.scales[unit]); err == nil {
				if n, _, err := core.MulDiv(1, parts, core.RoundHalfEven); err == nil {
					f.Use(name, n)
				}
			}
		}
	}
	return f
}

func orAmount(action string) string {
	if action == "" {
		return "bare amounts"
	}
	return action
}

func tenths(thousandths int64) string {
	return fmt.Sprintf("%d.%d %%", thousandths/10, thousandths%10)
}

func powerOfTen(n int) string {
	text := "1"
	for range n {
		text += "0"
	}
	return text
}
