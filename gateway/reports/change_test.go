package reports

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"scrip/core"
	"scrip/core/convert"
	"scrip/core/ledger"
	"scrip/core/plan"
	"scrip/mapping/config"
)

// restart opens the ledger anew, with changes of unit, as a process does that
// takes up another config.
func (o *office) restart(list ...ledger.Conversion) {
	o.ledger.Close()
	o.ledger = ledger.Open(o.store, ledger.Options{
		Now: o.clock.Now, Order: o.config.Order, Conversions: list, Units: []core.Unit{{Code: "credits", Scale: 2}, {Code: "usd", Scale: 6}},
	})
	o.t.Cleanup(o.ledger.Close)
}

// money are the rows of a revenue report by customer, and its totals.
func (o *office) money(at core.Time) (rows []map[string]string) {
	var doc struct{ Rows []map[string]string }
	o.need(json.Unmarshal([]byte(o.write(Request{Name: "revenue", Format: "json", At: at})), &doc))
	for _, row := range doc.Rows {
		if row["row"] != "period" {
			delete(row, "moved_in")
			delete(row, "moved_out")
			rows = append(rows, row)
		}
	}
	return rows
}

func asText(rows []map[string]string) string {
	raw, _ := json.Marshal(rows)
	return string(raw)
}

// Balances become money, at list price, and credits again: each customer's
// money stays where it is to the cent, at each step of the change, before it
// has come to everybody too, and what is as of before does not change.
func TestMoneyThroughAChangeOfUnit(t *testing.T) {
	o := newOffice(t)
	o.config.Units = append(o.config.Units, config.Unit{Unit: core.Unit{Code: "usd", Scale: 6}})
	town(o)
	before, early := asText(o.money(0)), asText(o.money(start+15*day))
	price, err := core.ParsePrice("0.08 usd")
	o.need(err)
	change, err := convert.New(convert.Terms{From: o.config.Units[0].Unit, To: o.config.Units[1].Unit, Mode: convert.List, List: price})
	o.need(err)
	same := func(step string) {
		t.Helper()
		if now := asText(o.money(0)); now != before {
			t.Errorf("%s the money is\n%s\nit was\n%s", step, now, before)
		}
		if now := asText(o.money(start + 15*day)); now != early {
			t.Errorf("%s the money of the fifteenth day is\n%s\nit was\n%s", step, now, early)
		}
	}
	there := ledger.Conversion{ID: "one", Change: change, Open: true}
	o.restart(there)
	same("before the change has come to anybody")
	ctx := context.Background()
	last, _, _, err := o.ledger.Convert(ctx, ledger.AccountKey{}, 1)
	o.need(err)
	same("when it has come to the first")
	_, _, _, err = o.ledger.Convert(ctx, last, 10)
	o.need(err)
	same("when it has come to everybody")
	if text := o.write(Request{Name: "liability", Format: "csv"}); !strings.Contains(text, ",ann,usd,,,,,,59.999200,usd,60.00") {
		t.Errorf("ann has 749.99 x 0.08 usd for which 60.00 were paid: %s", text)
	}
	there.Open = false
	back := ledger.Conversion{ID: "one/back", Of: "one", Change: change, Open: true}
	o.restart(there, back)
	same("before the way back")
	_, _, _, err = o.ledger.Convert(ctx, ledger.AccountKey{}, 10)
	o.need(err)
	same("after the way back")
	o.debit("ann", "image", 74_999)
	rows := o.money(0)
	if ann := rows[0]; ann["recognised"] != "80.00" || ann["deferred"] != "0.00" {
		t.Errorf("ann spent everything: %v", ann)
	}
}

// What time has decided is in a report before a sweep posts it: expiries, and
// the renewals of subscriptions with what they roll over. The sweep changes no
// byte, for now or for before.
func TestReportsNeedNoSweep(t *testing.T) {
	o := newOffice(t)
	town(o)
	month := plan.Span{N: 1, Of: plan.Month}
	_, _, err := o.ledger.Subscribe(context.Background(), account("bob"), plan.Wish{Terms: plan.Terms{
		Plan: "pro", Every: month, Prices: []core.Money{{Minor: 1000, Currency: "usd"}}, AtZero: core.Reject,
		Allotments: []plan.Allotment{{Credits: 100_00, Every: month, Priority: core.DefaultPriority, Rollover: &plan.Rollover{Max: 30_00, Cycles: 1, Priority: core.DefaultPriority}}},
	}, Zone: "UTC"})
	o.need(err)
	o.debit("bob", "image", 80_00)
	o.to(start + 200*day)
	all := func() (text string) {
		for _, name := range Names() {
			for _, at := range []core.Time{0, start + 130*day} {
				text += o.write(Request{Name: name, Format: "csv", By: "grant", At: at})
			}
		}
		return text
	}
	before := all()
	for n := 1; n > 0; {
		n, _, err = o.ledger.Sweep(context.Background(), 10)
		o.need(err)
	}
	if after := all(); after != before {
		t.Errorf("a sweep changed the reports to\n%s\nfrom\n%s", after, before)
	}
	// Of the first month 20.00 are left, which roll and expire a month later
	// unspent; of each later one 30.00 roll and 70.00 expire at once.
	for _, row := range []string{"05,credits,allotment,70.00", "05,credits,rollover,20.00", "07,credits,allotment,70.00", "07,credits,rollover,30.00"} {
		if !strings.Contains(before, ",period,2026-"+row+",,\n") {
			t.Errorf("the breakage has no row %s: %s", row, before)
		}
	}
}
