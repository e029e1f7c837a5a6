package reports

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"

	"scrip/core"
	"scrip/core/books"
	"scrip/core/rate"
	"scrip/mapping/config"
)

func rateOf(t *testing.T, text string) core.Rate {
	r, err := core.ParseRate(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What a card says of an action is the least and the most of all its figures.
func TestReachOfACard(t *testing.T) {
	of := func(text string) core.Rate { return rateOf(t, text) }
	three := of("3")
	card := rate.Card{Version: "1", Effective: start, Actions: map[string]rate.Action{
		"plain":  {Rates: []rate.Rate{{Cost: of("1.5")}}},
		"rates":  {Base: of("10"), Rates: []rate.Rate{{Cost: of("2")}, {Cost: of("0.5"), Base: &three}}},
		"least":  {Minimum: of("1"), Rates: []rate.Rate{{Cost: of("0.25")}}},
		"tiered": {Rates: []rate.Rate{{Tiers: &rate.Tiers{Steps: []rate.Tier{{UpTo: 10, Cost: of("4")}, {Cost: of("0.5")}}}}}},
		"os":     {Multiply: []rate.Factor{{Dimension: "os", Values: map[string]core.Rate{"linux": of("1"), "macos": of("10")}, Otherwise: &three}}, Rates: []rate.Rate{{Cost: of("2")}}},
		"two":    {Rates: []rate.Rate{{Parts: []rate.Cost{{Unit: "email", Cost: of("1")}, {Unit: "export", Cost: of("7")}}}}},
		"other":  {Unit: "email", Rates: []rate.Rate{{Cost: of("9")}}},
	}}
	r := &run{Request: Request{At: start}, config: &config.Config{Cards: rate.Cards{card},
		Units: []config.Unit{{Unit: core.Unit{Code: "credits", Scale: 2}}, {Unit: core.Unit{Code: "email"}}}}}
	for unit, want := range map[string]map[string][2]string{
		"credits": {"plain": {"1.5", "1.5"}, "rates": {"3.5", "12"}, "least": {"1", "1"}, "tiered": {"0.5", "4"}, "os": {"2", "20"}},
		"email":   {"two": {"1", "1"}, "other": {"9", "9"}},
		"export":  {"two": {"7", "7"}},
	} {
		got := r.card(unit)
		if len(got) != len(want) {
			t.Errorf("in %s the card prices %v", unit, got)
		}
		for action, w := range want {
			if g := got[action]; books.Decimal(g.from) != w[0] || books.Decimal(g.to) != w[1] {
				t.Errorf("%s costs %s to %s %s, want %v", action, books.Decimal(g.from), books.Decimal(g.to), unit, w)
			}
		}
	}
	if r.At = start - 1; len(r.card("credits")) != 0 {
		t.Error("the card speaks before its time")
	}
}

func TestUnitAdvises(t *testing.T) {
	o := newOffice(t)
	for _, c := range []struct {
		name, factor string
		costs        []core.Amount // of 100 parts each
	}{
		{"fits", "", []core.Amount{100, 5000, 700}},
		{"small", "1 : 100", []core.Amount{2, 30, 7}},
		{"large", "1000 : 1", []core.Amount{4_000_000, 300_000, 700_000}},
		{"apart", "", []core.Amount{1, 100, 100_000, 10_000_000, 1_000_000_000}},
	} {
		f := books.NewFit(2)
		for i, cost := range c.costs {
			f.Use(string(rune('a'+i)), cost)
		}
		q := Request{Name: "unit", Format: "csv"}
		o.need(q.Check(o.ledger.Now()))
		r := &run{Request: q, config: o.config, scales: map[string]int{"credits": 2}}
		rows := &lines{}
		r.open(rows, text("row", 1), text("unit", 1), text("c", 1), text("d", 1), text("e", 1), text("f", 1), text("g", 1), text("h", 1), text("i", 1), text("j", 1), text("k", 1), text("l", 1), text("factor", 1), text("note", 1))
		o.need(r.advise("credits", f, nil))
		o.need(r.sheet.end())
		if got := rows.cell("verdict", "factor"); got != c.factor {
			t.Errorf("%s: the factor is %q, want %q:\n%s", c.name, got, c.factor, rows)
		}
	}
}

// lines is CSV that can be asked for a cell.
type lines struct{ strings.Builder }

func (l *lines) cell(row, column string) string {
	rows, err := csv.NewReader(strings.NewReader(l.String())).ReadAll()
	if err != nil || len(rows) == 0 {
		return "unreadable"
	}
	for _, cells := range rows[1:] {
		if at := slices.Index(rows[0], column); cells[slices.Index(rows[0], "row")] == row && at >= 0 {
			return cells[at]
		}
	}
	return "no such row"
}
