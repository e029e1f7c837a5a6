package adaptertest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/sale"
)

// mailbox receives webhooks, verifies and normalises them.
type mailbox struct {
	b      *bench
	mu     sync.Mutex
	events []adapters.Event
	faults []string
}

func (b *bench) mailbox() *mailbox {
	m := &mailbox{b: b}
	s := httptest.NewServer(m)
	b.t.Cleanup(s.Close)
	body := fmt.Sprintf(`{"url":%q,"secret":%q}`, s.URL, canarySecret)
	if f := b.lab.h.Endpoint; f != nil {
		body = f(s.URL)
	}
	b.control("POST", "webhooks", body, nil)
	return m
}

// ServeHTTP takes one delivery in.
func (m *mailbox) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		err = m.b.port.Verify(adapters.Delivery{Header: r.Header, Body: body}, time.Now())
	}
	if err != nil {
		m.faults = append(m.faults, err.Error())
		return
	}
	other := append(bytes.Clone(body), ' ')
	if m.b.port.Traits().SignsBody && m.b.port.Verify(adapters.Delivery{Header: r.Header, Body: other}, time.Now()) == nil {
		m.faults = append(m.faults, "another body was accepted under the same signature")
	}
	e, err := m.b.port.Normalise(body)
	if err != nil {
		m.faults = append(m.faults, err.Error())
		return
	}
	m.events = append(m.events, e)
}

// take returns the events since it was last called.
func (m *mailbox) take() []adapters.Event {
	m.b.t.Helper()
	m.b.control("POST", "deliver", "", nil)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.faults {
		m.b.t.Errorf("a delivery: %s", f)
	}
	got := m.events
	m.events, m.faults = nil, nil
	return got
}

// testDeliveries follows orders and payments by the webhooks that the sandbox
// sends for them.
func testDeliveries(t *testing.T, h Harness) {
	l := newLab(t, h)
	t.Run("echoes", func(t *testing.T) { testEchoes(t, l.account(t)) })
	t.Run("payments", func(t *testing.T) { testPayments(t, l.account(t)) })
}

// testEchoes sends each order and expects the event that its trait names,
// with the order's mark.
func testEchoes(t *testing.T, b *bench) {
	m := b.mailbox()
	b.ready()
	orders := map[adapters.Kind]order{}
	for _, o := range []order{putCustomer(1), createGrant(1, b.held(8000)), consume(1, 350), endGrant(1, b.held(7650)), sell(1, b.money(8000))} {
		if b.has(o.needs) {
			orders[o.kind] = o
			b.customer = b.links.One(adapters.RoleCustomer)
			b.must(o)
		}
	}
	events := m.take()
	for _, echo := range b.port.Traits().Echoes {
		o := orders[echo.Write]
		seen := slices.ContainsFunc(events, func(e adapters.Event) bool {
			return (e.Type == echo.Event || echo.Event == "") && e.Mark == o.mark(b).ID
		})
		if seen != (echo.Event != "") {
			t.Errorf("the echo of %s is told as %q, seen: %v", echo.Write, echo.Event, seen)
		}
	}
	for _, e := range events {
		if e.Kind == adapters.UnknownEvent {
			t.Errorf("the sandbox sends %q, which no rule knows", e.Type)
		}
	}
}

// testPayments lets a purchase fail, be paid and be refunded, and another be
// disputed and won. Nothing but the payment may prove it.
func testPayments(t *testing.T, b *bench) {
	if !b.has("sell packs") {
		t.Log("not claimed: sell packs") // and so nothing to prove
		return
	}
	m := b.mailbox()
	b.ready()
	price := b.money(8000)
	for n, steps := range [][]string{{"failed", "paid", "refunded"}, {"paid", "disputed", "won"}} {
		o := sell(n, price)
		got := b.must(o)
		if got.PayURL == "" || len(got.Links) == 0 {
			t.Fatalf("the sale brought %v", got)
		}
		invoice := got.Links[0].Vendor
		purchase := sale.Purchase{ID: core.ID(o.mark(b).Neutral), Price: price}
		for _, e := range m.take() {
			if e.Payment != nil {
				t.Errorf("event %q tells of money before there was any", e.Type)
			}
		}
		known := []string{invoice}
		for _, step := range steps {
			if !b.may("pay", fmt.Sprintf(`{"object":%q,"outcome":%q}`, invoice, step)) {
				continue // the vendor has no such outcome
			}
			known = append(known, followMoney(t, m.take(), step, &purchase, known)...)
		}
	}
	if b.has("refund packs") {
		testRefund(t, b, m, price)
	}
}

// testRefund asks for a quarter of a payment twice, with one mark: it goes back
// once, and one event tells how much.
func testRefund(t *testing.T, b *bench, m *mailbox, price core.Money) {
	o := sell(2, price)
	invoice := b.must(o).Links[0]
	b.may("pay", fmt.Sprintf(`{"object":%q,"outcome":"paid"}`, invoice.Vendor))
	m.take()
	mark := b.mark(adapters.RefundKind, 2, invoice.Neutral)
	part := core.Money{Minor: price.Minor / 4, Currency: price.Currency}
	var made [2]adapters.Answer
	for i := range made {
		var err error
		made[i], err = b.port.Refund(t.Context(), adapters.SellOrder{Mark: mark, Purchase: core.ID(invoice.Neutral), Price: part, Links: adapters.Links{invoice}})
		if err != nil {
			t.Fatalf("refund %d: %v", i, err)
		}
	}
	if a, z := made[0].Links, made[1].Links; len(a) != 1 || !slices.Equal(a, z) || a[0].Role != adapters.RoleRefund {
		t.Errorf("a refund and its repetition brought %v and %v", a, z)
	}
	told := 0
	for _, e := range m.take() {
		if e.Kind == adapters.RefundEvent {
			told++
			if e.Payment == nil || e.Payment.Paid != part || !e.Payment.Settled || e.Mark != "" {
				t.Errorf("event %q tells of the refund as %+v", e.Type, e.Payment)
			}
		}
	}
	if told != 1 {
		t.Errorf("%d events tell of the refund", told)
	}
}

// followMoney checks the events of one step and returns the vendor's objects
// that the purchase is now known by.
func followMoney(t *testing.T, events []adapters.Event, step string, p *sale.Purchase, known []string) []string {
	t.Helper()
	want := map[string]adapters.EventKind{
		"failed": adapters.FailedEvent, "paid": adapters.PaymentEvent, "refunded": adapters.RefundEvent,
		"disputed": adapters.DisputeEvent, "won": adapters.DisputeEvent,
	}[step]
	seen := 0
	var names []string
	for _, e := range events {
		if e.Payment == nil {
			continue
		}
		if e.Kind != want || e.Mark != "" {
			t.Errorf("%s: event %q is a %s with mark %q", step, e.Type, e.Kind, e.Mark)
			continue
		}
		seen++
		names = append(append(names, e.Object, e.Payment.Object), e.Related...)
		ours := e.Payment.Purchase == p.ID || slices.ContainsFunc(names, func(n string) bool { return slices.Contains(known, n) })
		if !ours {
			t.Errorf("%s: nothing leads from event %q to the purchase", step, e.Type)
		}
		if proven := p.Prove(*e.Payment) == nil; proven != (want == adapters.PaymentEvent) && step != "refunded" && step != "won" {
			t.Errorf("%s: event %q proves the payment: %v", step, e.Type, proven)
		}
		if step != "failed" && e.Payment.Paid != p.Price {
			t.Errorf("%s: event %q is about %s, not %s", step, e.Type, e.Payment.Paid, p.Price)
		}
	}
	if seen == 0 || want == adapters.PaymentEvent && seen != 1 {
		t.Errorf("%s: %d events tell of it", step, seen)
	}
	return names
}
