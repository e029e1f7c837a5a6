package ledger_test

import (
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/plan"
	"scrip/core/rate"
	"scrip/core/sale"
)

// pinnedGrant issues a grant of 5.00 that keeps the old card and pays first,
// beside a plain one of 1,000.
func (b *bench) pinnedGrant(life time.Duration) {
	b.Helper()
	t := terms(5_00)
	t.Category, t.Priority, t.Metadata = core.Promotional, 10, map[string]string{rate.GrantPin: "old"}
	if life > 0 {
		t.Expires = b.Now().Add(life)
	}
	b.pass(2 * hour)
	_, _, err := b.Issue(b.ctx, "pinned", ann, t)
	b.need(err)
	b.grant("plain", ann, 1000_00)
}

// A hold that has lapsed leaves its grant to pay, and its grant's card to price,
// whether or not a sweep has come by.
func TestALapsedHoldLeavesThePin(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.pinnedGrant(0)
	_, _, err := b.Hold(b.ctx, "hold", asked("image", 1, nil), ledger.HoldTerms{For: time.Hour})
	b.need(err)
	b.pass(2 * hour)
	q, err := b.Quote(b.ctx, asked("image", 1, nil))
	b.need(err)
	d, _, err := b.Debit(b.ctx, "d", asked("image", 1, nil))
	b.need(err)
	if q.Card != "old" || d.Card != "old" || d.Amount != 5_00 {
		t.Errorf("quoted by %q, debited %d by %q", q.Card, d.Amount, d.Card)
	}
}

// What happened before a pinned grant's end has that grant's price, also once a
// sweep has expired it.
func TestALateDebitKeepsThePin(t *testing.T) {
	for name, sweep := range map[string]bool{"swept": true, "not swept": false} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil, ledger.Options{})
			b.pinnedGrant(3 * time.Hour)
			b.pass(90 * hour / 60)
			if sweep {
				_, _, err := b.Sweep(b.ctx, 100)
				b.need(err)
			}
			late := asked("image", 1, nil)
			late.At = b.Now() - hour*3/4
			d, _, err := b.Debit(b.ctx, "d", late)
			b.need(err)
			if d.Card != "old" || d.Amount != 5_00 {
				t.Errorf("%d by %q", d.Amount, d.Card)
			}
		})
	}
}

// A spent grant keeps no card in the config; what comes back to it later is
// priced as any other.
func TestARevivedPinWithoutItsCard(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.pinnedGrant(0)
	d, _, err := b.Debit(b.ctx, "d", asked("image", 1, nil))
	b.need(err)
	_, _, err = b.Reverse(b.ctx, "r", d.ID, 0)
	b.need(err)
	c := asked("image", 1, nil)
	var cards rate.Cards
	for _, card := range c.Ask.Cards {
		if card.Version != "old" {
			cards = append(cards, card)
		}
	}
	c.Ask.Cards = cards
	d, _, err = b.Debit(b.ctx, "again", c)
	b.need(err)
	if d.Card == "old" || d.Card == "" {
		t.Errorf("priced by %q", d.Card)
	}
}

// Money for a period of a plan that is over by then is told from money that
// granted one.
func TestAPeriodPaidForNothing(t *testing.T) {
	b := newBench(t, nil, ledger.Options{Collector: "main"})
	b.until("2026-01-31T10:00:00Z")
	terms := proPlan()
	terms.Collect, terms.Allotments[0].OnPayment = plan.ByScrip, true
	b.subscribe(plan.Wish{Terms: terms})
	p := b.bills(1)[0]
	_, _, err := b.Cancel(b.ctx, ann, plan.AtOnce)
	b.need(err)
	now, fresh, err := b.pay(p, sale.Payment{Purchase: p.ID, Object: "in_1", Paid: p.Price, Settled: true})
	b.need(err)
	if !fresh || now.State != sale.Paid || now.Period == nil || !now.Period.Idle {
		t.Errorf("%+v, fresh %v", now, fresh)
	}
}
