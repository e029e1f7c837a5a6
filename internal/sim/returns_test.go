package sim

import (
	"context"
	"net/http"
	"strings"

	"scrip/core"
	bought "scrip/core/sale"
)

// returns is money of a purchase that went back, as the vendor knows it.
type returns struct {
	refunded int64 // by the vendor's pages
	asking   int64 // by calls of ours whose answer nobody knows yet
	asked    int64 // by calls of ours that were taken, which the vendor carries out
	disputed int64 // by the customer's bank
	won      bool  // the dispute
	taken    core.Amount
}

// most is the most of the price that was gone at any time.
func (s *sale) most() int64 {
	return min(s.price, s.back.refunded+s.back.asked+s.back.disputed)
}

// gone is how much of the price is gone in the end.
func (s *sale) gone() int64 {
	if s.back.won {
		return min(s.price, s.back.refunded+s.back.asked)
	}
	return s.most()
}

// forfeits is what so much of the price had bought.
func (s *sale) forfeits(minor int64) core.Amount {
	return core.Amount(int64(s.credits) * minor / s.price)
}

// paidSale is a purchase that was paid, and which nobody asked us to refund.
func (c *client) paidSale() *sale {
	if len(c.sales) == 0 {
		return nil
	}
	s := c.sales[c.w.dice.IntN(len(c.sales))]
	if !s.paid || s.url == "" {
		return nil
	}
	return s
}

func (s *sale) invoice() string { return s.url[strings.LastIndex(s.url, "/")+1:] }

// giveBack refunds a purchase, in whole or in part: in the vendor's own pages,
// or by a call of ours.
func (c *client) giveBack() {
	w := c.w
	s := c.paidSale()
	draw, share := w.dice.IntN(3), w.dice.Int64N(4)+1
	if s == nil || s.back.disputed > 0 && !s.back.won {
		return
	}
	left := s.price - s.back.refunded - s.back.asked - s.back.asking
	minor := max(1, left*share/4)
	switch {
	case left <= 0:
	case draw == 0 && s.back.disputed == 0 && s.granted:
		o := &command{op: opRefund, key: c.newKey(), customer: s.customer, sale: s, path: "/v1/purchases/" + string(s.id) + "/refund"}
		o.minor, s.back.asking = minor, s.back.asking+minor
		o.body = map[string]any{"amount": core.Amount(minor).Format(2)}
		c.fresh(o)
	case draw > 0:
		status, raw := w.boxes["main"].control("pay", map[string]any{"object": s.invoice(), "outcome": "refunded", "amount": minor})
		w.say("%d cents of %s are given back: %d %.200s", minor, s.id, status, raw)
		if status == http.StatusOK {
			s.back.refunded += minor
			w.judge.stats["refund"]++
		}
	}
}

// opRefund is the operation that keys of refunds are scoped by.
const opRefund = "refund"

// dispute lets the customer's bank take the money, or give it back.
func (c *client) dispute() {
	w := c.w
	s := c.paidSale()
	if s == nil || s.back.won || s.back.asked+s.back.asking > 0 || s.back.refunded == s.price {
		return
	}
	outcome := "disputed"
	if s.back.disputed > 0 {
		outcome = "won"
	}
	status, raw := w.boxes["main"].control("pay", map[string]any{"object": s.invoice(), "outcome": outcome})
	w.say("%s is %s: %d %.200s", s.id, outcome, status, raw)
	switch {
	case status != http.StatusOK:
	case outcome == "won":
		s.back.won = true
		w.judge.stats["won"]++
	default:
		s.back.disputed = s.price - s.back.refunded
		w.judge.stats["dispute"]++
	}
}

// clawed is a part of a grant that went with the money that had bought it.
func (j *judge) clawed(a *jAccount, l *lot, e *core.Entry) {
	s := j.saleOf(e.Source)
	switch {
	case s == nil || s.most() == 0:
		j.w.fail("%d of grant %q were taken for %q, of which no money went back", e.Amount, l.id, e.Source)
		return
	case e.Recorded >= l.expires || l.closed != "" || e.Amount > l.remaining-l.held:
		j.w.fail("%d of grant %q were taken (%d left, %d held, until %s, %q) at %s", e.Amount, l.id, l.remaining, l.held, l.expires, l.closed, e.Recorded)
	}
	a.reversed, l.returned = true, true
	l.remaining -= e.Amount
	l.away += e.Amount
	if s.unit == e.Unit {
		if s.back.taken += e.Amount; s.back.taken > s.forfeits(s.most()) || l.id != s.grant && !j.w.office.turned {
			j.w.fail("%d credits of %q were taken, of grant %q, %d of %d cents went back", s.back.taken, s.id, l.id, s.most(), s.price)
		}
	}
}

// reinstated is a part that came back with the money.
func (j *judge) reinstated(a *jAccount, l *lot, e *core.Entry) {
	s := j.saleOf(e.Source)
	if s == nil || !s.back.won || l.away < e.Amount {
		j.w.fail("%d of grant %q came back for %q, of which no dispute was won that had taken them", e.Amount, l.id, e.Source)
		return
	}
	a.reversed, l.returned = true, true
	l.remaining, l.reinstated = l.remaining+e.Amount, true
	l.away -= e.Amount
	if s.unit == e.Unit {
		s.back.taken -= e.Amount
	}
}

func (j *judge) saleOf(id core.ID) *sale {
	for _, s := range j.w.client.sales {
		if s.id == id {
			return s
		}
	}
	return nil
}

// returned holds what is stored of a purchase's returns against what the vendor
// knows.
func (w *world) returned(s *sale) {
	p, err := w.proc.ledger.Purchase(context.Background(), s.id)
	if err != nil {
		w.fail("purchase %q is gone: %v", s.id, err)
		return
	}
	if got := int64(p.Reversed().Minor); got != s.gone() {
		w.fail("%d cents of purchase %q went back, %d are known", s.gone(), s.id, got)
	}
	if !s.granted {
		return
	}
	state := bought.Paid
	switch {
	case s.back.disputed > 0 && !s.back.won:
		state = bought.Disputed
	case s.gone() == s.price:
		state = bought.Refunded
	}
	if p.State != state {
		w.fail("purchase %q is %s, not %s: %+v", s.id, p.State, state, s.back)
	}
	want := s.forfeits(s.gone())
	if w.office.turned { // they may be of the other unit
		want = core.Amount(int64(p.Credits) * s.gone() / s.price)
	}
	if taken := p.Taken(); taken != want {
		w.fail("%d credits of purchase %q were asked back for %d of %d cents, %d were due", taken, s.id, s.gone(), s.price, want)
	}
	if s.back.taken > s.forfeits(s.gone()) && !w.office.turned {
		w.fail("%d credits of purchase %q are gone for %d of %d cents", s.back.taken, s.id, s.gone(), s.price)
	}
}

// rolled is what goes on in a grant of its own: the rest of an allotment, or
// what comes back of one that has ended meanwhile.
func (j *judge) rolledOut(a *jAccount, l *lot, e *core.Entry) {
	l.remaining -= e.Amount
	if l.closed == "" {
		l.closed = core.Expired
		if s := l.sub; s == nil && !l.reinstated || s != nil && (l.from != "" || e.Amount > plans[s.plan].rolls) {
			j.w.fail("%d of grant %q were rolled over", e.Amount, l.id)
		}
	}
	a.rolled += e.Amount
}

func (j *judge) rolledIn(a *jAccount, e *core.Entry) {
	if a.rolled -= e.Amount; a.rolled < 0 || j.lots[e.Grant] != nil {
		j.w.fail("%d of grant %q were rolled over and came of nothing", e.Amount, e.Grant)
		return
	}
	l := &lot{id: e.Grant, account: a, remaining: e.Amount, seq: e.Seq, sub: j.subs[e.Customer], from: e.Source}
	if j.reload(l) {
		j.keep(l)
	}
}
