package sync

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
)

// TestCarrierFirst: what consumption is billed by is made before the first of
// it, once, whichever way its call fails, and again for nobody.
func TestCarrierFirst(t *testing.T) {
	d := newDrawer()
	w := newWorldOf(t, one(d), func(c *mapping.Connection) { c.Carrier = "price_9" })
	w.customer("acme", "Acme")
	w.grant("acme", 1000_00)
	w.drain()
	if calls, _ := d.count("carrier"); calls != 0 {
		t.Errorf("%d calls before anything was consumed", calls)
	}
	for range 2 {
		w.debit("acme", 100_00)
		d.fail("carrier", fault{err: vendorError(adapters.CodeUnknown), after: true}, fault{err: vendorError(adapters.CodeRateLimited)})
		d.fail("consume", fault{err: vendorError(adapters.CodeUnknown), after: true})
		w.advance(time.Minute)
		w.drain()
	}
	calls, made := d.count("carrier")
	mustBe(t, "calls", calls, 3)
	mustBe(t, "carriers", made, 1)
	mustBe(t, "told", d.total(), 1600)
	mark := core.NewID(core.IntentID, "acme", "carrier/main", "acme", 0)
	mustBe(t, "its content", d.sent[mark], "cus_acmeprice_9")
	if vendor, n := w.linked("acme", adapters.RoleCarrier); vendor != "sub_acme" || n != 1 {
		t.Errorf("carrier %q, %d links", vendor, n)
	}
}

// TestNoCarrierForMovements: only metered consumption is billed by a carrier.
func TestNoCarrierForMovements(t *testing.T) {
	d := newDrawer()
	w := newWorldOf(t, one(d), func(c *mapping.Connection) { c.Strategy = adapters.Mirror })
	w.customer("acme", "Acme")
	w.grant("acme", 1000_00)
	w.debit("acme", 100_00)
	w.advance(time.Minute)
	w.drain()
	calls, _ := d.count("carrier")
	mustBe(t, "calls of carrier", calls, 0)
	mustBe(t, "told", d.total(), 800)
}

// TestUnitsHeld: a vendor that holds units is told whole parts of its own unit.
func TestUnitsHeld(t *testing.T) {
	u := newUnitVendor()
	w := newWorldOf(t, one(u), func(c *mapping.Connection) {
		c.Strategy, c.HoldsUnits, c.Rate, c.Units = adapters.Mirror, true, core.Price{}, map[string]string{"credits": "pu_1"}
	})
	w.customer("acme", "Acme")
	id := w.grant("acme", 1000_00)
	w.debit("acme", 123_45)
	w.advance(time.Minute)
	w.drain()
	_, _, err := w.led.Void(w.ctx, "void", id)
	w.must(err)
	w.drain()
	if len(*u.grants) != 1 || len(*u.told) != 1 || len(*u.ended) != 1 {
		t.Fatalf("grants %v, told %v, ended %v", *u.grants, *u.told, *u.ended)
	}
	part := func(n int64) adapters.Holding { return adapters.Holding{Quanta: n, Scale: 2, Unit: "pu_1"} }
	mustBe(t, "grant", (*u.grants)[0].Holding, part(1000_00))
	mustBe(t, "its money", (*u.grants)[0].Value, core.Money{})
	told := (*u.told)[0]
	mustBe(t, "told", adapters.Holding{Quanta: told.Quanta, Scale: told.Scale, Unit: told.Unit}, part(123_45))
	mustBe(t, "ended", (*u.ended)[0].Holding, part(1000_00-123_45))
	mustBe(t, "true-up", (*u.ended)[0].TrueUp, false)
	if u.setup.Currency != "" || !slices.Equal(u.setup.Units, []string{"pu_1"}) {
		t.Errorf("prepared for %+v", *u.setup)
	}
	w.final("in_1", w.led.Now())
	w.drain()
	w.state(w.only(mapping.TrueUpKind), ledger.Ignored)
}

// month is a customer with two grants of 80 usd and 60 usd of consumption told
// before the hour that ends the invoice's period; the vendor drew them from the
// other grant than the core.
func month(t *testing.T) (d drawer, w *world, first, second core.ID, end core.Time) {
	t.Helper()
	d = newDrawer()
	w = newWorld(t, one(d))
	w.customer("acme", "Acme")
	first = w.grant("acme", 1000_00)
	second = w.grant("acme", 1000_00)
	w.debit("acme", 750_00)
	w.advance(time.Minute)
	w.drain()
	mustBe(t, "told", d.total(), 6000)
	end = w.led.Now().Add(59 * time.Minute)
	w.advance(time.Hour)
	d.draw(second, 6000)
	return d, w, first, second, end
}

// TestTrueUp: what was consumed after the period stays at the vendor for the
// next invoice, the rest becomes what the core says, and repeats change nothing.
func TestTrueUp(t *testing.T) {
	d, w, first, second, end := month(t)
	w.debit("acme", 100_00) // told with the next period
	w.final("in_1", end)
	w.final("in_1", end)
	w.drain()
	w.state(w.only(mapping.TrueUpKind), ledger.Applied)
	mustBe(t, "first", d.left(first), 2000)
	mustBe(t, "second", d.left(second), 8000)
	calls, _ := d.count("grants")
	mustBe(t, "reads", calls, 1)
	for grant, old := range map[core.ID]string{first: "cg_0", second: "cg_1"} {
		if vendor, n := w.linked(string(grant), adapters.RoleGrant); n != 1 || vendor == old {
			t.Errorf("grant %s is linked to %s, %d links", grant, vendor, n)
		}
	}
	_, ends := d.count("end")
	mustBe(t, "ends", ends, 2)
	w.final("in_2", end)
	w.drain()
	_, made := d.count("grant")
	mustBe(t, "grants made", made, 4)
	// The next invoice draws what was told since, in the core's order.
	w.advance(time.Hour)
	w.drain()
	mustBe(t, "told in all", d.total(), 6800)
	d.draw(first, 800)
	w.final("in_3", w.led.Now().Add(time.Second))
	w.drain()
	_, made = d.count("grant")
	mustBe(t, "grants made, when both drew alike", made, 4)
}

// TestTrueUpOfWhatIsOver: of a grant that is void here nothing stays, but what
// the next invoice still has to draw.
func TestTrueUpOfWhatIsOver(t *testing.T) {
	d, w, first, second, end := month(t)
	w.debit("acme", 100_00)
	for _, id := range []core.ID{first, second} {
		_, _, err := w.led.Void(w.ctx, "void"+string(id), id)
		w.must(err)
	}
	w.drain()
	w.final("in_1", end)
	w.drain()
	w.advance(time.Minute)
	w.drain()
	mustBe(t, "first", d.left(first), 800)
	mustBe(t, "second", d.left(second), 0)
	for _, i := range w.intents(adapters.EndKind) {
		w.state(i, ledger.Applied)
	}
}

// TestTrueUpGivesAgain: a true-up leaves nothing of a grant that the core has
// consumed; what is given back to it later is at the vendor after the next one.
func TestTrueUpGivesAgain(t *testing.T) {
	d := newDrawer()
	w := newWorld(t, one(d))
	w.customer("acme", "Acme")
	first, second := w.grant("acme", 1000_00), w.grant("acme", 1000_00)
	debit := w.debit("acme", 1000_00)
	w.advance(time.Minute)
	w.drain()
	end := w.led.Now().Add(59 * time.Minute)
	w.advance(time.Hour)
	d.draw(second, 8000)
	w.final("in_1", end)
	w.drain()
	mustBe(t, "first", d.left(first), 0)
	mustBe(t, "second", d.left(second), 8000)
	if vendor, n := w.linked(string(first), adapters.RoleGrant); n != 0 {
		t.Errorf("the ended object %s is linked still", vendor)
	}
	w.reverse(debit, 300_00)
	w.debit("acme", 400_00) // 300 of the first, 100 of the second
	w.reverse(debit, 200_00)
	w.advance(time.Minute)
	w.drain()
	end = w.led.Now().Add(59 * time.Minute)
	w.advance(time.Hour)
	w.final("in_2", end)
	w.drain()
	mustBe(t, "first, given back", d.left(first), 1600)
	w.state(w.only(adapters.CustomerKind), ledger.Applied)
}

// TestTrueUpTooLate: what was told before an instant long past is not known,
// and nothing is done then.
func TestTrueUpTooLate(t *testing.T) {
	d, w, _, _, end := month(t)
	for range 50 {
		w.debit("acme", 1_00)
		w.advance(time.Hour)
		w.drain()
	}
	w.final("in_1", end)
	w.drain()
	w.state(w.only(mapping.TrueUpKind), ledger.Ignored)
	_, made := d.count("grant")
	mustBe(t, "grants made", made, 2)
}

// TestTrueUpForgetsTakenBack: windows that were taken back count as not told.
func TestTrueUpForgetsTakenBack(t *testing.T) {
	d := newDrawer()
	w := newWorld(t, one(d))
	w.customer("acme", "Acme")
	id := w.grant("acme", 1000_00)
	w.debit("acme", 100_00)
	w.advance(time.Hour)
	w.drain()
	debit := w.debit("acme", 200_00)
	w.advance(time.Hour)
	w.drain()
	end := w.led.Now().Add(time.Hour)
	w.reverse(debit, 150_00)
	w.advance(2 * time.Hour)
	w.drain()
	mustBe(t, "told", d.total(), 1200)
	d.draw(id, 1200)
	w.final("in_1", end)
	w.drain()
	i := w.only(mapping.TrueUpKind)
	w.state(i, ledger.Applied)
	if left := d.left(id); left < 6800 {
		t.Errorf("the vendor holds %d, less than the core", left)
	}
}

// TestTrueUpUnderFaults: whatever is consumed, however the vendor draws and
// calls fail, each grant ends as the floor of what the core had left of it when
// the period ended, with nothing made or ended twice.
func TestTrueUpUnderFaults(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := newDrawer()
		w := newWorld(t, one(d))
		w.customer("acme", "Acme")
		var ids []core.ID
		for range rapid.IntRange(1, 5).Draw(rt, "grants") {
			ids = append(ids, w.grant("acme", core.Amount(rapid.IntRange(13, 99_999).Draw(rt, "amount"))))
		}
		// A quantum is 12.5 parts: less than one told is not drawn for yet.
		spend := func(what string, least int) {
			a, err := w.led.Account(w.ctx, ledger.AccountKey{Customer: "acme", Unit: "credits"})
			w.must(err)
			if left := int(a.Balance(w.led.Now()).Available); left >= least {
				w.debit("acme", core.Amount(rapid.IntRange(least, left).Draw(rt, what)))
			}
		}
		spend("in the period", 13)
		w.advance(time.Minute)
		w.drain()
		end := w.led.Now().Add(59 * time.Minute)
		w.advance(time.Hour)
		law, quantum := map[core.ID]core.Amount{}, mustQuantum(w)
		for _, id := range ids {
			n, err := quantum.Floor(w.figure(id).Remaining)
			w.must(err)
			law[id] = core.Amount(n)
		}
		for _, id := range ids {
			d.draw(id, core.Amount(rapid.Int64Range(0, int64(d.left(id))).Draw(rt, "drawn")))
		}
		if rapid.Bool().Draw(rt, "more") {
			spend("after the period", 1)
		}
		for _, op := range []string{"grants", "end", "grant", "find"} {
			for range rapid.IntRange(0, 2).Draw(rt, op) {
				code := rapid.SampledFrom([]adapters.Code{adapters.CodeUnknown, adapters.CodeRateLimited, adapters.CodeUnavailable}).Draw(rt, "code")
				d.fail(op, fault{err: adapters.Errorf(code, "scripted"), after: code == adapters.CodeUnknown && rapid.Bool().Draw(rt, "after")})
			}
		}
		ends, grants := len(d.effects), len(*d.held)
		w.final("in_1", end)
		w.drain()
		w.state(w.only(mapping.TrueUpKind), ledger.Applied)
		open := map[string]int{}
		for _, v := range *d.held {
			if v.State == core.Open {
				open[v.Neutral]++
			}
		}
		for _, id := range ids {
			vendor, n := w.linked(string(id), adapters.RoleGrant)
			if d.left(id) != law[id] || open[string(id)] > 1 || n != 1 && law[id] > 0 {
				rt.Fatalf("grant %s: the vendor holds %d in %d grants, the law says %d; linked to %s (%d)", id, d.left(id), open[string(id)], law[id], vendor, n)
			}
		}
		if len(*d.held)-grants > len(ids) || len(d.effects)-ends > 2*len(ids) {
			rt.Fatalf("%d grants were made for %d: %v", len(*d.held)-grants, len(ids), fmt.Sprint(*d.held))
		}
	})
}

func mustQuantum(w *world) mapping.Quantum {
	w.t.Helper()
	q, err := w.w.o.Connections[0].QuantumOf(credits)
	w.must(err)
	return q
}

// TestTrueUpTakenOver: a worker whose lease ends in the middle of any call is
// overtaken by another; together they do each thing once.
func TestTrueUpTakenOver(t *testing.T) {
	for _, op := range []string{"end", "grant"} {
		t.Run(op, func(t *testing.T) {
			d, w, first, second, end := month(t)
			over := func() {
				w.wall.Add((31 * time.Second).Microseconds())
				w.pass()
			}
			d.fail(op, fault{inCall: over}, fault{inCall: over})
			w.final("in_1", end)
			w.drain()
			w.state(w.only(mapping.TrueUpKind), ledger.Applied)
			mustBe(t, "first", d.left(first), 2000)
			mustBe(t, "second", d.left(second), 8000)
			_, made := d.count("grant")
			_, ended := d.count("end")
			mustBe(t, "made", made, 4)
			mustBe(t, "ended", ended, 2)
			for _, id := range []core.ID{first, second} {
				if _, n := w.linked(string(id), adapters.RoleGrant); n != 1 {
					t.Errorf("%d links of %s", n, id)
				}
			}
		})
	}
}

// TestTrueUpWhileMoving: movements between reading and comparing are counted.
func TestTrueUpWhileMoving(t *testing.T) {
	d, w, first, second, end := month(t)
	d.fail("grants", fault{inCall: func() { w.debit("acme", 10_00) }})
	w.final("in_1", end)
	w.drain()
	mustBe(t, "first", d.left(first), 2000)
	mustBe(t, "second", d.left(second), 8000)
}

// TestTrueUpAfterMovingAway: of an account that is told elsewhere by now, only
// what is still to be drawn stays.
func TestTrueUpAfterMovingAway(t *testing.T) {
	d, w, first, second, end := month(t)
	w.debit("acme", 100_00)
	key := ledger.AccountKey{Customer: "acme", Unit: "credits"}
	w.must(w.led.Do(w.ctx, &ledger.Op{
		Names:  func(b *ledger.Batch) { b.Accounts = append(b.Accounts, key) },
		Decide: func(tx *ledger.Tx) error { tx.Account(key).Leave("main"); return nil },
	}))
	w.final("in_1", end)
	w.drain()
	mustBe(t, "first", d.left(first), 800)
	mustBe(t, "second", d.left(second), 0)
}

// TestTrueUpWaitsForReads: a grant that was given and is not listed yet is
// waited for as long as reads may lag, and no longer.
// PA-11.
func TestTrueUpWaitsForReads(t *testing.T) {
	d, w, first, second, end := month(t)
	d.traits.ReadLag = time.Minute
	all := *d.held
	*d.held = all[:1]
	w.final("in_1", end)
	w.pass()
	w.state(w.only(mapping.TrueUpKind), ledger.Waiting)
	mustBe(t, "first, not compared", d.left(first), 8000)
	*d.held = all
	w.advance(30 * time.Second)
	w.pass()
	w.state(w.only(mapping.TrueUpKind), ledger.Applied)
	mustBe(t, "second", d.left(second), 8000)

	*d.held = (*d.held)[1:3] // somebody removed one
	w.final("in_2", end)
	w.pass()
	w.advance(2 * time.Minute)
	w.pass()
	for _, i := range w.intents(mapping.TrueUpKind) {
		w.state(i, ledger.Applied)
	}
}

// TestTrueUpOutrun: nothing is fixed by figures that the account has outrun.
func TestTrueUpOutrun(t *testing.T) {
	d, w, first, _, end := month(t)
	w.final("in_1", end)
	items, err := w.led.Store().Claim(w.ctx, ledger.Outbox, w.led.Now(), core.Time(w.wall.Load()), 1, time.Minute)
	w.must(err)
	row := items[0].Intent
	j := &job{w: w.w, id: row.ID, item: *row, conn: w.w.conns["main"], port: w.w.conns["main"].port}
	o, err := j.begin(w.ctx)
	w.must(err)
	o.seen = *d.held
	sides, _, err := j.sides(w.ctx, o)
	w.must(err)
	for _, want := range []bool{true, false} {
		w.must(sides[0].count(w.ctx, w.led.Reader()))
		if want {
			w.debit("acme", 10_00)
		}
		moved, err := j.fix(w.ctx, o, sides)
		if err != nil || moved != want {
			t.Fatalf("moved %v, %v, want %v", moved, err, want)
		}
	}
	if r := o.body.TrueUp.Redos; len(r) != 2 || r[0].Grant != first || r[0].Again.Holding.Quanta != 2000 {
		t.Errorf("to be done: %+v", r)
	}
}

// TestTrueUpLooksUp: where the vendor keeps no keys, a grant whose answer was
// lost is found by its mark and not made twice.
// PA-03.
func TestTrueUpLooksUp(t *testing.T) {
	d, w, first, second, end := month(t)
	d.traits.KeyLifetime = 0
	d.fail("grant", fault{err: vendorError(adapters.CodeUnknown), after: true})
	w.final("in_1", end)
	w.drain()
	w.state(w.only(mapping.TrueUpKind), ledger.Applied)
	mustBe(t, "grants", len(*d.held), 4)
	mustBe(t, "first", d.left(first), 2000)
	mustBe(t, "second", d.left(second), 8000)
}
