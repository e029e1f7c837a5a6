package webhooks

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/sale"
)

// TestEndings: what each kind of event comes to. Nothing is dropped.
// WH-04, WH-12, WH-13.
func TestEndings(t *testing.T) {
	mark := core.NewID(core.IntentID, "acme", "x", "y", 0)
	refund := wire{Kind: adapters.RefundEvent, Object: "ch_1", Minor: 8000, Currency: "usd"}
	for name, c := range map[string]struct {
		event  func(p sale.Purchase) wire
		state  ledger.QueueState
		reason string
		worth  core.Amount
	}{
		"payment":            {func(p sale.Purchase) wire { return paid("", p) }, ledger.Applied, "", 1000_00},
		"payment, our mark":  {func(p sale.Purchase) wire { x := paid("", p); x.Mark = mark; return x }, ledger.Applied, "", 1000_00},
		"too little":         {func(p sale.Purchase) wire { x := paid("", p); x.Minor--; return x }, ledger.Parked, "costs 80.00 usd", 0},
		"too much":           {func(p sale.Purchase) wire { x := paid("", p); x.Minor++; return x }, ledger.Parked, "costs 80.00 usd", 0},
		"other currency":     {func(p sale.Purchase) wire { x := paid("", p); x.Currency = "eur"; return x }, ledger.Parked, "eur", 0},
		"not settled":        {func(p sale.Purchase) wire { x := paid("", p); x.Unpaid = true; return x }, ledger.Parked, "not settled", 0},
		"not authenticated":  {func(p sale.Purchase) wire { x := paid("", p); x.Hint = true; return x }, ledger.Parked, "not signed", 0},
		"no purchase":        {func(sale.Purchase) wire { return wire{Kind: adapters.PaymentEvent} }, ledger.Ignored, "not a purchase of ours", 0},
		"odd purchase":       {func(sale.Purchase) wire { return wire{Kind: adapters.PaymentEvent, Purchase: "x", Minor: 1} }, ledger.Ignored, "not a purchase of ours", 0},
		"WH-13 live":         {func(p sale.Purchase) wire { x := paid("", p); x.Live = true; return x }, ledger.Parked, "live", 0},
		"failed":             {func(p sale.Purchase) wire { x := paid("", p); x.Kind = adapters.FailedEvent; return x }, ledger.Applied, "", 0},
		"refund, unpaid":     {func(p sale.Purchase) wire { x := refund; x.Purchase = p.ID; return x }, ledger.Applied, "", 0},
		"refund, by invoice": {func(sale.Purchase) wire { x := refund; x.Object = "in_1"; return x }, ledger.Applied, "", 0},
		"refund, by customer": {func(sale.Purchase) wire { x := refund; x.Customer = "cus_1"; return x }, ledger.Parked,
			`customer "acme"`, 0},
		"refund, not ours": {func(sale.Purchase) wire { return refund }, ledger.Ignored, "not a purchase of ours", 0},
		"refund, failed":   {func(p sale.Purchase) wire { x := refund; x.Purchase, x.Unpaid = p.ID, true; return x }, ledger.Parked, "failed", 0},
		"refund, currency": {func(p sale.Purchase) wire { x := refund; x.Purchase, x.Currency = p.ID, "eur"; return x }, ledger.Parked, `"eur"`, 0},
		"refund, unsigned": {func(p sale.Purchase) wire { x := refund; x.Purchase, x.Hint = p.ID, true; return x }, ledger.Parked, "not signed", 0},
		"dispute":          {func(p sale.Purchase) wire { x := refund; x.Kind, x.Purchase = adapters.DisputeEvent, p.ID; return x }, ledger.Applied, "", 0},
		"dispute won": {func(p sale.Purchase) wire {
			x := refund
			x.Kind, x.Purchase, x.Won = adapters.DisputeEvent, p.ID, true
			return x
		},
			ledger.Applied, "", 0},
		"usage":             {func(sale.Purchase) wire { return wire{Kind: adapters.UsageEvent} }, ledger.Parked, "not counted", 0},
		"echo":              {func(sale.Purchase) wire { return wire{Kind: adapters.GrantEvent, Mark: mark} }, ledger.Ignored, "echo of", 0},
		"echo by trait":     {func(sale.Purchase) wire { return wire{Kind: adapters.UnknownEvent, Type: "odd.echo", Mark: mark} }, ledger.Ignored, "echo of", 0},
		"changed by others": {func(sale.Purchase) wire { return wire{Kind: adapters.GrantEvent} }, ledger.Ignored, "not by us", 0},
		"system":            {func(sale.Purchase) wire { return wire{Kind: adapters.SystemEvent} }, ledger.Ignored, "nothing to apply", 0},
		"WH-12 unknown":     {func(sale.Purchase) wire { return wire{Kind: adapters.UnknownEvent, Type: "new.thing"} }, ledger.Ignored, "new.thing", 0},
		"WH-04 panic":       {func(sale.Purchase) wire { return wire{Panic: true} }, ledger.Parked, "cannot be read", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.buy("buy")
			w.link(string(p.ID), adapters.RoleInvoice, "in_1")
			w.link("acme", adapters.RoleCustomer, "cus_1")
			x := c.event(p)
			x.ID = "evt_1"
			w.deliver(x)
			w.drain()
			e := w.last()
			if e.State != c.state || !strings.Contains(e.Reason, c.reason) || (e.Reason == "") != (c.reason == "") || e.Settled == 0 {
				t.Errorf("%s: %q, want %s: %q", e.State, e.Reason, c.state, c.reason)
			}
			if w.balance() != c.worth {
				t.Errorf("balance %d, want %d", w.balance(), c.worth)
			}
		})
	}
}

func (w *world) link(neutral, role, id string) {
	w.t.Helper()
	l := ledger.Link{Connection: "main", Neutral: neutral, Role: role, Vendor: id}
	w.must(w.led.Do(w.ctx, &ledger.Op{
		Names:  func(b *ledger.Batch) { b.Links = append(b.Links, ledger.LinkKey{Connection: "main", Neutral: neutral}) },
		Decide: func(tx *ledger.Tx) error { tx.Link(l); return nil },
	}))
}

func TestWH02Order(t *testing.T) {
	w := newWorld(t)
	p := w.buy("buy")
	late, second := paid("evt_1", p), paid("evt_4", p)
	late.Kind, second.Object = adapters.FailedEvent, "in_2"
	// evt_3 tells the same payment again, evt_4 another one.
	for _, x := range []wire{paid("evt_2", p), late, paid("evt_3", p), second} {
		w.deliver(x)
		w.drain()
	}
	for i, want := range []ledger.QueueState{ledger.Applied, ledger.Ignored, ledger.Ignored, ledger.Parked} {
		if e := w.events()[i]; e.State != want {
			t.Errorf("event %d is %s (%s), want %s", i, e.State, e.Reason, want)
		}
	}
	p, err := w.led.Purchase(w.ctx, p.ID)
	if err != nil || p.State != sale.Paid || w.balance() != 1000_00 {
		t.Errorf("purchase %s, balance %d, %v", p.State, w.balance(), err)
	}
}

// TestWH04Replay: poison does not hold up others, and a replay after whatever
// was wrong applies once, however often.
func TestWH04Replay(t *testing.T) {
	w := newWorld(t)
	p := w.buy("buy")
	w.post("main", "good", []byte("not json"))
	w.deliver(paid("evt_1", p))
	w.drain()
	poison := w.events()[0]
	if poison.State != ledger.Parked || w.balance() != 1000_00 {
		t.Fatalf("poison is %s, balance %d", poison.State, w.balance())
	}
	for range 2 {
		for _, e := range w.events() {
			w.must(w.led.ReplayEvent(w.ctx, e.ID))
		}
		w.drain()
	}
	if e := w.events()[1]; w.balance() != 1000_00 || e.State != ledger.Ignored || e.Reason != "already applied" {
		t.Errorf("after replays: balance %d, %s %q", w.balance(), e.State, e.Reason)
	}
}

// TestUnknownPurchaseWaits: an event that carries an id of ours waits for its
// purchase, and for a day at most.
func TestUnknownPurchaseWaits(t *testing.T) {
	w := newWorld(t)
	p := sale.Purchase{ID: core.NewID(core.PurchaseID, "acme", ledger.OpPurchase, "buy", 0)}
	w.deliver(paid("evt_1", p))
	w.pass()
	e := w.last()
	if e.State != ledger.Waiting || e.Attempts != 1 || e.RetryAt <= w.led.Now() {
		t.Fatalf("%s after %d attempts, again at %d", e.State, e.Attempts, e.RetryAt)
	}
	w.buy("buy")
	w.drain()
	if e = w.last(); e.State != ledger.Applied || w.balance() != 1000_00 {
		t.Errorf("%s (%s), balance %d", e.State, e.Reason, w.balance())
	}
	other := paid("evt_2", sale.Purchase{ID: core.NewID(core.PurchaseID, "acme", "x", "y", 0)})
	w.deliver(other)
	started, hours := w.led.Now(), 0
	for w.last().State == ledger.Waiting && hours < 48*6 {
		w.pass()
		w.nowTime.Add((10 * time.Minute).Microseconds())
		hours++
	}
	waited := time.Duration(w.led.Now()-started) * time.Microsecond
	if e = w.last(); e.State != ledger.Parked || waited < 20*time.Hour || waited > 48*time.Hour {
		t.Errorf("%s (%s) after %s", e.State, e.Reason, waited)
	}
}

// pass works once on what is due.
func (w *world) pass() {
	w.t.Helper()
	items, err := w.led.Store().Claim(w.ctx, ledger.Inbox, w.led.Now(), w.worker.o.wall(), 16, 30*time.Second)
	w.must(err)
	for _, item := range items {
		w.worker.work(w.ctx, item)
	}
}

// TestCR05Crash: a worker that dies before its commit has had no effect, and
// one whose lease has gone cannot have one.
func TestCR05Crash(t *testing.T) {
	w := newWorld(t)
	p := w.buy("buy")
	w.deliver(paid("evt_1", p))
	items, err := w.led.Store().Claim(w.ctx, ledger.Inbox, w.led.Now(), w.worker.o.wall(), 1, 30*time.Second)
	w.must(err)
	w.nowTime.Add(time.Minute.Microseconds())
	w.drain()
	w.worker.work(w.ctx, items[0]) // the first worker wakes up
	if e := w.last(); e.State != ledger.Applied || w.balance() != 1000_00 {
		t.Errorf("%s (%s), balance %d", e.State, e.Reason, w.balance())
	}
}

// TestStoreAway: while the ledger takes nothing, events wait and are applied
// once afterwards.
func TestStoreAway(t *testing.T) {
	w := newWorld(t)
	p := w.buy("buy")
	w.deliver(paid("evt_1", p))
	items, err := w.led.Store().Claim(w.ctx, ledger.Inbox, w.led.Now(), w.worker.o.wall(), 1, 30*time.Second)
	w.must(err)
	w.store.off.Store(true)
	w.worker.work(w.ctx, items[0])
	w.store.off.Store(false)
	if e := w.last(); e.State != ledger.Waiting {
		t.Fatalf("%s (%s)", e.State, e.Reason)
	}
	w.nowTime.Add(time.Minute.Microseconds())
	w.drain()
	if e := w.last(); e.State != ledger.Applied || w.balance() != 1000_00 {
		t.Errorf("%s (%s), balance %d", e.State, e.Reason, w.balance())
	}
}

func TestWH13OtherConnection(t *testing.T) {
	w := newWorld(t)
	p := w.buy("buy")
	x := paid("evt_1", p)
	x.Live = true
	if rec := w.post("live", "live", raw(x)); rec.Code != 200 {
		t.Fatalf("answered %d", rec.Code)
	}
	w.drain()
	if e := w.last(); e.State != ledger.Parked || !strings.Contains(e.Reason, `connection "main"`) || w.balance() != 0 {
		t.Errorf("%s (%s), balance %d", e.State, e.Reason, w.balance())
	}
}

func TestRunAppliesWhatArrives(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(w.ctx)
	ended := make(chan error, 1)
	go func() { ended <- w.worker.Run(ctx) }()
	for i := range 100 {
		w.deliver(wire{ID: fmt.Sprintf("evt_%d", i), Kind: adapters.SystemEvent})
	}
	w.drain()
	cancel()
	w.must(<-ended)
	for _, e := range w.events() {
		if e.State != ledger.Ignored {
			t.Errorf("%s is %s", e.VendorID, e.State)
		}
	}
}

// TestMoneyBack: a refund and a dispute of one paid purchase, told in every
// order and twice: at the end the balance is what stands.
func TestMoneyBack(t *testing.T) {
	for name, c := range map[string]struct {
		tell  []string
		left  core.Amount
		state sale.State
	}{
		"refund":                         {[]string{"paid", "refund 20"}, 750_00, sale.Paid},
		"refund first":                   {[]string{"refund 20", "paid"}, 750_00, sale.Paid},
		"growing":                        {[]string{"paid", "refund 20", "refund 80"}, 0, sale.Refunded},
		"growing, reordered":             {[]string{"refund 80", "paid", "refund 20"}, 0, sale.Refunded},
		"disputed":                       {[]string{"paid", "dispute 80"}, 0, sale.Disputed},
		"won":                            {[]string{"paid", "dispute 80", "won 80"}, 1000_00, sale.Paid},
		"won, reordered":                 {[]string{"won 80", "dispute 80", "paid"}, 1000_00, sale.Paid},
		"lost":                           {[]string{"paid", "dispute 80", "lost 80"}, 0, sale.Disputed},
		"refund after dispute, then won": {[]string{"paid", "dispute 80", "refund 40", "won 80"}, 500_00, sale.Paid},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.buy("buy")
			for i, text := range append(c.tell, c.tell...) {
				word, minor := text, core.Amount(80)
				_, _ = fmt.Sscanf(text, "%s %d", &word, &minor)
				x := paid("", p)
				if word != "paid" {
					x = wire{Kind: adapters.DisputeEvent, Object: "dp_1", Purchase: p.ID, Minor: minor * 100, Currency: "usd", Won: word == "won", Why: word}
				}
				if word == "refund" {
					x.Kind, x.Object = adapters.RefundEvent, "ch_1"
				}
				x.ID = fmt.Sprint("evt_", i)
				w.deliver(x)
				w.drain()
				if e := w.last(); e.State == ledger.Parked || i >= len(c.tell) && e.State != ledger.Ignored {
					t.Errorf("%s, told %d, is %s: %s", text, i, e.State, e.Reason)
				}
			}
			now, err := w.led.Purchase(w.ctx, p.ID)
			if err != nil || now.State != c.state || w.balance() != c.left {
				t.Errorf("the purchase is %s with %d left (%v), want %s and %d", now.State, w.balance(), err, c.state, c.left)
			}
		})
	}
}
