package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/plan"
	"scrip/core/rate"
)

// A grant that keeps a version of the rate card prices what it pays first,
// whatever the customer keeps, and through holds, late debits and a change of
// the unit; what it may not pay, or when it is spent, goes by the other prices.
func TestAGrantKeepsItsPrices(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	pinned := terms(9_00)
	pinned.Category, pinned.Priority = core.Promotional, 10
	pinned.Metadata = map[string]string{rate.GrantPin: "old", "note": "x"}
	b.pass(2 * hour)
	g, _, err := b.Issue(b.ctx, "pinned", ann, pinned)
	b.need(err)
	b.grant("plain", ann, 1000_00)
	price := func(key, action string) string {
		d, _, err := b.Debit(b.ctx, key, asked(action, 1, nil))
		b.need(err)
		return fmt.Sprintf("%s %d", d.Card, d.Amount)
	}
	kept := func(want string) {
		t.Helper()
		list, err := b.KeptCards(b.ctx)
		b.need(err)
		if got := fmt.Sprint(list); got != want {
			t.Errorf("kept are %s, want %s", got, want)
		}
	}
	q, err := b.Quote(b.ctx, asked("image", 1, nil))
	b.need(err)
	got := []string{q.Card, price("first", "image")}
	kept("map[old:ann]")
	b.need(b.PutSettings(b.ctx, "ann", plan.Settings{Form: []byte(`{"rate_card":"new"}`), Card: "new"}))
	h, _, err := b.Hold(b.ctx, "hold", asked("image", 1, nil), ledger.HoldTerms{For: time.Hour}) // 4 of the grant, 1 of the other
	b.need(err)
	got = append(got, h.Hold.Card, price("all of it is held", "image"))
	_, _, err = b.Release(b.ctx, "release", h.Hold.ID)
	b.need(err)
	late := asked("image", 1, nil)
	late.At = start + 2*hour - 1 // before there was such a grant
	_, _, err = b.Debit(b.ctx, "late", late)
	b.wantCode(err, core.CodeInsufficientCredits)
	b.restart()
	got = append(got, price("the rest", "image"), price("spent", "image"))
	b.need(b.PutSettings(b.ctx, "ann", plan.Settings{Form: []byte(`{}`)}))
	kept("map[]")
	if want := "[old old 500 old new 700 old 500 new 700]"; fmt.Sprint(got) != want {
		t.Errorf("the prices are %v, want %s", got, want)
	}
	if g.Grant.Metadata["note"] != "x" {
		t.Errorf("the grant is %+v", g.Grant)
	}
	b.clean()
}

// A grant that keeps a version goes on to keep it in another unit.
func TestAKeptPriceOutlivesItsUnit(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	pinned := terms(100_00)
	pinned.Metadata = map[string]string{rate.GrantPin: "old"}
	_, _, err := b.Issue(b.ctx, "pinned", ann, pinned)
	b.need(err)
	b.pass(2 * hour)
	b.convertTo(true, b.forward())
	b.convertAll()
	c := asked("image", 1, nil)
	c.Account, c.Ask.Units = annInUSD, units[2:]
	d, _, err := b.Debit(b.ctx, "in usd", c)
	b.need(err)
	list, err := b.KeptCards(b.ctx)
	b.need(err)
	if d.Card != "old" || fmt.Sprint(list) != "map[old:ann]" {
		t.Errorf("it is priced by %q, kept are %v", d.Card, list)
	}
	b.clean()
}
