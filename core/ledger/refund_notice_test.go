package ledger_test

import (
	"fmt"
	"strings"
	"testing"

	"scrip/core/ledger"
	"scrip/core/plan"
	"scrip/core/sale"
)

// What money went back, and what credits came back, is told once, whatever the
// vendor repeats, and only to those who want to know.
func TestRefundsAndReturnsAreTold(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	told := func() string {
		t.Helper()
		list, err := b.Notices(b.ctx, ann, 0, 100)
		b.need(err)
		var got []string
		for _, n := range list {
			got = append(got, fmt.Sprint(n.Type, " ", n.Facts["credits"], " ", n.Facts["amount"], " ", n.Facts["state"]))
		}
		return strings.Join(got, ", ")
	}
	p := b.bought("one", 0)
	half := p.Price.Minor / 2
	for range 2 {
		b.claim(p.ID, sale.RefundClaim, "re_1", half, sale.Standing)
	}
	b.claim(p.ID, sale.RefundClaim, "re_2", half, sale.Standing)
	credits, amount := (p.Credits / 2).Format(2), p.Price
	amount.Minor = half
	want := fmt.Sprintf("purchase.refunded %s %s paid, purchase.refunded %s %s refunded", credits, amount.Decimal(), credits, amount.Decimal())
	if got := told(); got != want {
		t.Errorf("told %q, want %q", got, want)
	}
	q := b.bought("two", 0)
	b.claim(q.ID, sale.DisputeClaim, "dp_1", q.Price.Minor, sale.Standing)
	if got := told(); got != want {
		t.Errorf("of what is contested: told %q", got)
	}
	for range 2 {
		b.claim(q.ID, sale.DisputeClaim, "dp_1", q.Price.Minor, sale.Won)
	}
	want += ", credits.reinstated " + q.Credits.Format(2) + "  "
	if got := told(); got != want {
		t.Errorf("told %q, want %q", got, want)
	}
	b.need(b.PutSettings(b.ctx, "ann", plan.Settings{Form: []byte(`{"notify":["balance.low"]}`), Notify: []string{plan.LowNotice}}))
	b.claim(q.ID, sale.RefundClaim, "re_3", q.Price.Minor, sale.Standing)
	if got := told(); got != want {
		t.Errorf("what nobody wants to know is told: %q", got)
	}
	b.clean()
}
