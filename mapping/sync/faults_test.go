package sync

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
	"scrip/mapping/queue"
)

func vendorError(code adapters.Code) *adapters.Error {
	return &adapters.Error{Code: code, Message: "scripted", Status: 500}
}

// queued is a world whose customer is known and whose grant is due.
func queued(t *testing.T, a adapters.Adapter) *world {
	t.Helper()
	w := newWorld(t, one(a))
	w.customer("acme", "Acme")
	w.drain()
	w.grant("acme", 1000_00)
	return w
}

func TestPA01RetryAfter(t *testing.T) {
	for _, c := range []struct {
		after, least, most time.Duration
	}{
		{7 * time.Second, 7 * time.Second, 8 * time.Second},
		{999999 * time.Second, 10 * time.Minute, 11 * time.Minute}, // capped
		{0, 500 * time.Millisecond, 1500 * time.Millisecond},       // unusable values arrive as zero
		{-time.Second, 500 * time.Millisecond, 1500 * time.Millisecond},
	} {
		t.Run(c.after.String(), func(t *testing.T) {
			v, other := newVendor(), newVendor()
			w := newWorld(t, map[string]adapters.Adapter{"main": v, "next": other})
			v.fail("customer", fault{err: &adapters.Error{Code: adapters.CodeRateLimited, Status: 429, RetryAfter: c.after}})
			w.customer("acme", "Acme")
			w.pass()
			for _, i := range w.intents(adapters.CustomerKind) {
				if i.Connection == "next" {
					w.state(i, ledger.Applied)
					continue
				}
				wait := time.Duration(int64(i.RetryAt)-w.wall.Load()) * time.Microsecond
				if i.State != ledger.Waiting || wait < c.least || wait > c.most || i.Tried {
					t.Errorf("%s, waits %s, tried %v; want %s to %s", i.State, wait, i.Tried, c.least, c.most)
				}
			}
			w.pass()
			if calls, _ := v.count("customer"); calls != 1 {
				t.Errorf("%d calls before the time, want 1", calls)
			}
		})
	}
}

// TestPA02PA03PA04PA05PA15Ambiguous: an answer that was lost, in whatever
// form, never leads to a second effect, whether the vendor can be asked or
// only keeps keys.
func TestPA02PA03PA04PA05PA15Ambiguous(t *testing.T) {
	for name, wrap := range map[string]func(*vendor) adapters.Adapter{
		"by key":  func(v *vendor) adapters.Adapter { return v },
		"by mark": func(v *vendor) adapters.Adapter { return finder{v} },
	} {
		for _, after := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, effect %v", name, after), func(t *testing.T) {
				v := newVendor()
				w := queued(t, wrap(v))
				for range 3 {
					v.fail("grant", fault{err: vendorError(adapters.CodeUnknown), after: after})
				}
				w.pass()
				if i := w.only(adapters.GrantKind); !i.Tried || i.State != ledger.Waiting {
					t.Fatalf("after a lost answer: tried %v, %s", i.Tried, i.State)
				}
				w.drain()
				w.state(w.only(adapters.GrantKind), ledger.Applied)
				if _, made := v.count("grant"); made != 1 {
					t.Errorf("%d grants were made", made)
				}
				if len(v.marks) != 2 { // customer and grant
					t.Errorf("%d marks were used, want 2: a new key was made", len(v.marks))
				}
			})
		}
	}
}

// TestPA03KeysForgotten: without keys, or after the vendor forgot them, only a
// look-up settles an unknown outcome; where there is none a person must.
func TestPA03KeysForgotten(t *testing.T) {
	for _, life := range []time.Duration{0, time.Hour} {
		t.Run(life.String(), func(t *testing.T) {
			v := newVendor()
			v.traits.KeyLifetime = life
			w := queued(t, v)
			v.fail("grant", fault{err: vendorError(adapters.CodeUnknown), after: true})
			w.pass()
			w.advance(2 * time.Hour)
			w.drain()
			i := w.only(adapters.GrantKind)
			w.state(i, ledger.Parked)
			if calls, made := v.count("grant"); calls != 1 || made != 1 {
				t.Errorf("%d calls made %d grants, want one each", calls, made)
			}
			w.must(w.led.RetryIntent(w.ctx, i.ID)) // a person has looked
			w.drain()
			w.state(w.only(adapters.GrantKind), ledger.Applied)
		})
	}
}

func TestPA05NothingUsable(t *testing.T) {
	v := newVendor()
	w := queued(t, finder{v})
	v.fail("grant", fault{err: vendorError(adapters.CodeUnknown)})
	v.fail("find", fault{err: vendorError(adapters.CodeBadAnswer)}, fault{err: vendorError(adapters.CodeUnavailable)})
	w.drain()
	w.state(w.only(adapters.GrantKind), ledger.Applied)
	if _, made := v.count("grant"); made != 1 {
		t.Errorf("%d grants were made", made)
	}
}

func TestPA06Conflicts(t *testing.T) {
	t.Run("409 in use", func(t *testing.T) {
		v := newVendor()
		w := queued(t, v)
		v.fail("grant", fault{err: vendorError(adapters.CodeInProgress)}, fault{err: vendorError(adapters.CodeInProgress)})
		w.pass()
		w.state(w.only(adapters.GrantKind), ledger.Waiting)
		w.drain()
		w.state(w.only(adapters.GrantKind), ledger.Applied)
	})
	t.Run("400 other content", func(t *testing.T) {
		v := newVendor()
		w := queued(t, v)
		v.fail("grant", fault{err: vendorError(adapters.CodeConflict)})
		w.drain()
		i := w.only(adapters.GrantKind)
		w.state(i, ledger.Parked)
		if !strings.Contains(i.Reason, "fault of this program") {
			t.Errorf("reason %q", i.Reason)
		}
		if calls, made := v.count("grant"); calls != 1 || made != 0 {
			t.Errorf("%d calls made %d", calls, made)
		}
	})
}

// TestPA07Storm: an hour of 429 with a long queue costs few calls, each after
// the circuit has opened a single one, and another connection goes on.
func TestPA07Storm(t *testing.T) {
	const queueLength = 60
	v, other := newVendor(), newVendor()
	w := newWorld(t, map[string]adapters.Adapter{"main": v, "next": other})
	v.break_("customer", &adapters.Error{Code: adapters.CodeRateLimited, Status: 429})
	for i := range queueLength {
		w.customer(fmt.Sprintf("c%d", i), "x")
	}
	for range 10 {
		w.pass()
	}
	if _, made := other.count("customer"); made != queueLength {
		t.Errorf("the other connection carried %d of %d", made, queueLength)
	}
	before, _ := v.count("customer")
	if before != openAfter {
		t.Errorf("%d calls until the circuit opened, want %d", before, openAfter)
	}
	for range 360 {
		w.advance(10 * time.Second)
		for w.pass() > 0 {
		}
	}
	calls, _ := v.count("customer")
	if calls-before > 20 { // doubling to ten minutes
		t.Errorf("%d calls in an hour of refusals", calls-before)
	}
	v.break_("customer", nil)
	w.advance(20 * time.Minute)
	w.drain()
	for _, i := range w.intents(adapters.CustomerKind) {
		w.state(i, ledger.Applied)
	}
}

func TestPA07HalfOpenLetsOneThrough(t *testing.T) {
	g := gate{room: 8}
	for range openAfter {
		g.failure(vendorError(adapters.CodeUnknown), 0)
	}
	if p, _ := g.enter("int_a", 0, false); p != denied {
		t.Fatal("the gate is open after a storm")
	}
	wall := core.Time(0).Add(time.Minute)
	first, _ := g.enter("int_a", wall, false)
	second, again := g.enter("int_b", wall, false)
	if first != let || second != denied || again <= wall {
		t.Errorf("half open: %v, %v until %d", first, second, again)
	}
	g.success()
	if p, _ := g.enter("int_b", wall, false); p != let {
		t.Error("the gate stays shut after a success")
	}
}

// TestPA08Spread: items that failed at one instant come back spread.
func TestPA08Spread(t *testing.T) {
	for attempts := 1; attempts <= 14; attempts++ {
		seconds, last := map[int64]int{}, int64(0)
		for n := range 1000 {
			d := queue.Backoff(core.NewID(core.IntentID, "acme", "x", fmt.Sprint(n), 0), attempts)
			if d < 500*time.Millisecond || d > 15*time.Minute {
				t.Fatalf("attempt %d waits %s", attempts, d)
			}
			s := int64(d / time.Second)
			seconds[s]++
			last = max(last, s)
		}
		mean := max(1, 1000/len(seconds))
		if attempts > 10 {
			mean = 2 // 1000 over ten minutes
		}
		for s, n := range seconds {
			if limit := 3*mean + 6; n > limit {
				t.Errorf("attempt %d: %d items come back in second %d of %d, mean %d", attempts, n, s, last, mean)
			}
		}
	}
}

// TestPA09Poison: a call that is refused for ever is parked with its reason;
// other customers go on, the same customer's orders keep their order behind it.
func TestPA09Poison(t *testing.T) {
	v := newVendor()
	w := queued(t, v)
	v.fail("grant", fault{err: vendorError(adapters.CodeInvalid)})
	w.drain()
	poison := w.only(adapters.GrantKind)
	w.state(poison, ledger.Parked)
	if poison.Reason == "" || poison.Tried {
		t.Errorf("parked with %q, tried %v", poison.Reason, poison.Tried)
	}
	w.grant("acme", 5_00)
	w.customer("other", "Other")
	w.grant("other", 7_00)
	w.drain()
	states := map[string]ledger.QueueState{}
	for _, i := range w.intents(adapters.GrantKind)[1:] {
		states[i.Customer] = i.State
	}
	if states["other"] != ledger.Applied || states["acme"] != ledger.Waiting {
		t.Errorf("states %v", states)
	}
	w.must(w.led.RetryIntent(w.ctx, poison.ID))
	w.drain()
	for _, i := range w.intents(adapters.GrantKind) {
		w.state(i, ledger.Applied)
	}
}

// TestPA11ReadLag: where only look-ups tell, one that finds nothing too soon
// after the write is no licence to write again.
func TestPA11ReadLag(t *testing.T) {
	v := newVendor()
	v.traits.KeyLifetime, v.traits.ReadLag = 0, time.Minute
	w := queued(t, finder{v})
	v.fail("grant", fault{err: vendorError(adapters.CodeUnknown), after: true})
	v.hidden = true
	for range 3 {
		w.pass()
		w.advance(5 * time.Second)
	}
	if calls, _ := v.count("grant"); calls != 1 {
		t.Fatalf("%d writes while reads lag, want 1", calls)
	}
	v.hidden = false
	w.drain()
	w.state(w.only(adapters.GrantKind), ledger.Applied)
	if calls, _ := v.count("grant"); calls != 1 {
		t.Errorf("%d writes", calls)
	}
}

// TestPA13Revoked: refused credentials break the connection after three, keep
// the queue, cost one probe a rest, and heal without a restart.
func TestPA13Revoked(t *testing.T) {
	v := newVendor()
	w := newWorld(t, one(v))
	w.must(w.w.Prepare(w.ctx))
	v.break_("any", vendorError(adapters.CodeUnauthorized))
	for i := range 20 {
		w.customer(fmt.Sprintf("c%d", i), "x")
	}
	for w.pass() > 0 {
	}
	health, err := w.w.Health(w.ctx)
	if err != nil || !health[0].Broken || health[0].Code != "unauthorized" || health[0].Waiting != 20 || health[0].Since == 0 {
		t.Fatalf("health %+v, %v", health, err)
	}
	if calls, _ := v.count("customer"); calls != brokenAfter {
		t.Errorf("%d calls until the connection was broken, want %d", calls, brokenAfter)
	}
	const minutes = 2 * 60
	for range minutes {
		w.advance(time.Minute)
		for w.pass() > 0 {
		}
	}
	calls, _ := v.count("customer")
	probes, _ := v.count("probe")
	if calls != brokenAfter || probes < minutes/2 || probes > minutes {
		t.Errorf("%d calls and %d probes in %d minutes", calls, probes, minutes)
	}
	v.break_("any", nil)
	w.advance(time.Minute)
	for range 12 {
		w.pass()
		w.advance(time.Minute)
	}
	for _, i := range w.intents(adapters.CustomerKind) {
		w.state(i, ledger.Applied)
	}
	if health, _ = w.w.Health(w.ctx); health[0].Broken || health[0].Waiting != 0 {
		t.Errorf("health %+v", health)
	}
}

func TestPrepareFails(t *testing.T) {
	v := newVendor()
	w := newWorld(t, one(v))
	v.fail("prepare", fault{err: vendorError(adapters.CodeInvalid)}, fault{err: vendorError(adapters.CodeInvalid)})
	w.customer("acme", "Acme")
	w.pass()
	w.pass()
	w.state(w.only(adapters.CustomerKind), ledger.Waiting)
	if calls, _ := v.count("prepare"); calls != 1 {
		t.Errorf("prepared %d times at once", calls)
	}
	if health, _ := w.w.Health(w.ctx); !health[0].Broken || health[0].Code != "invalid" {
		t.Errorf("health %+v", health)
	}
	for range 3 {
		w.advance(time.Minute)
		w.pass()
	}
	w.state(w.only(adapters.CustomerKind), ledger.Applied)
	if health, _ := w.w.Health(w.ctx); health[0].Broken {
		t.Errorf("health %+v", health)
	}
}

// TestOwedAfterACutover: a connection that no longer leads, and was never
// prepared while it did, is prepared for what accounts still owe it.
func TestOwedAfterACutover(t *testing.T) {
	u := newUnitVendor()
	w := newWorld(t, map[string]adapters.Adapter{"main": u, "next": newVendor()})
	w.customer("acme", "Acme")
	w.grant("acme", 1000_00)
	after := w.w.o
	after.Route = mapping.Route{Primary: "next", Payments: "main"}
	w.w = New(after)
	w.must(w.w.Prepare(w.ctx))
	mustBe(t, "the currency of one that only collects", u.setup.Currency, core.Currency(""))
	w.drain()
	mustBe(t, "the currency of one that is owed grants", u.setup.Currency, core.Currency("usd"))
	if len(*u.grants) != 1 {
		t.Errorf("grants %v", *u.grants)
	}
}

// TestGivenUp: what fails for a day is parked, with the last reason.
func TestGivenUp(t *testing.T) {
	v := newVendor()
	w := queued(t, v)
	v.break_("grant", vendorError(adapters.CodeUnknown))
	for range 24*6 + 12 {
		w.pass()
		w.advance(11 * time.Minute)
	}
	i := w.only(adapters.GrantKind)
	w.state(i, ledger.Parked)
	if !i.Tried {
		t.Error("it is not known any more that the vendor may have acted")
	}
}

// TestCR06Crash: the worker dies after the call was begun, or after the
// vendor acted; the next one uses the same mark and makes no second object.
func TestCR06Crash(t *testing.T) {
	for _, acted := range []bool{false, true} {
		t.Run(fmt.Sprint(acted), func(t *testing.T) {
			v := newVendor()
			w := queued(t, finder{v})
			items, err := w.led.Store().Claim(w.ctx, ledger.Outbox, w.led.Now(), core.Time(w.wall.Load()), 1, 30*time.Second)
			w.must(err)
			conn := w.w.conns["main"]
			j := &job{w: w.w, conn: conn, id: items[0].Intent.ID, item: *items[0].Intent, port: conn.port}
			o, err := j.begin(w.ctx)
			w.must(err)
			if acted {
				_, err := o.call(w.ctx, conn)
				w.must(err)
			}
			if w.pass() != 0 {
				t.Fatal("a leased intent was claimed")
			}
			w.advance(31 * time.Second)
			w.drain()
			w.state(w.only(adapters.GrantKind), ledger.Applied)
			if _, made := v.count("grant"); made != 1 {
				t.Errorf("%d grants were made", made)
			}
			if j.succeeded(w.ctx, o, adapters.Answer{}) {
				t.Error("the dead worker goes on")
			}
			w.state(w.only(adapters.GrantKind), ledger.Applied)
		})
	}
}

// TestCR12Stop: a stopping worker gives its call the grace, then puts the
// intent back at once, for the next to look it up.
func TestCR12Stop(t *testing.T) {
	v := newVendor()
	w := queued(t, finder{v})
	ctx, cancel := context.WithCancel(w.ctx)
	v.fail("grant", fault{err: vendorError(adapters.CodeUnknown), after: true, inCall: cancel})
	items, err := w.led.Store().Claim(w.ctx, ledger.Outbox, w.led.Now(), core.Time(w.wall.Load()), 1, time.Hour)
	w.must(err)
	w.w.work(ctx, items[0])
	if i := w.only(adapters.GrantKind); !i.Tried || i.State != ledger.Waiting || i.RetryAt != 0 {
		t.Fatalf("after the stop: %+v", i)
	}
	if w.pass() != 1 {
		t.Fatal("the intent is still leased")
	}
	w.state(w.only(adapters.GrantKind), ledger.Applied)
	if _, made := v.count("grant"); made != 1 {
		t.Errorf("%d grants were made", made)
	}
}

func TestRunWorksAndStops(t *testing.T) {
	v := newVendor()
	w := newWorld(t, one(v))
	ctx, cancel := context.WithCancel(w.ctx)
	ended := make(chan error, 1)
	go func() { ended <- w.w.Run(ctx) }()
	for i := range 50 {
		w.customer(fmt.Sprintf("c%d", i), "x")
	}
	w.w.Kick()
	w.drain()
	cancel()
	w.must(<-ended)
	if _, made := v.count("customer"); made != 50 {
		t.Errorf("%d customers were made, want 50", made)
	}
}

func TestPanicParksAndAnUnknownConnectionWaits(t *testing.T) {
	v := newVendor()
	w := newWorld(t, one(v))
	v.fail("customer", fault{inCall: func() { panic("vendor bug") }})
	w.customer("acme", "Acme")
	w.drain()
	w.state(w.only(adapters.CustomerKind), ledger.Parked)
	// Another process may have put the connection in force already.
	delete(w.w.conns, "main")
	w.customer("other", "Other")
	if err := w.w.Drain(context.Background()); core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("drained with %v", err)
	}
	w.state(w.intents(adapters.CustomerKind)[1], ledger.Waiting)
}

func TestQueueCommands(t *testing.T) {
	v := newVendor()
	w := newWorld(t, one(v))
	w.customer("acme", "Acme")
	id := w.only(adapters.CustomerKind).ID
	w.must(w.led.ParkIntent(w.ctx, id, "by hand"))
	w.drain()
	if i := w.only(adapters.CustomerKind); i.State != ledger.Parked || i.Reason != "by hand" {
		t.Errorf("%s, %q", i.State, i.Reason)
	}
	w.must(w.led.RetryIntent(w.ctx, id))
	w.drain()
	w.state(w.only(adapters.CustomerKind), ledger.Applied)
	for name, err := range map[string]error{
		"retry applied": w.led.RetryIntent(w.ctx, id), "park applied": w.led.ParkIntent(w.ctx, id, "x"),
	} {
		if core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"retry": w.led.RetryIntent(w.ctx, "int_x"), "park": w.led.ParkIntent(w.ctx, "int_x", "x"), "replay": w.led.ReplayEvent(w.ctx, "inb_x"),
	} {
		if core.CodeOf(err) != core.CodeNotFound {
			t.Errorf("%s of an unknown id: %v", name, err)
		}
	}
}

// TestParkedWhileCalling: a person's parking stands when the call then fails,
// and gives way when it succeeds.
func TestParkedWhileCalling(t *testing.T) {
	for _, fails := range []bool{true, false} {
		t.Run(fmt.Sprint(fails), func(t *testing.T) {
			v := newVendor()
			w := queued(t, v)
			id := w.only(adapters.GrantKind).ID
			f := fault{inCall: func() { w.must(w.led.ParkIntent(w.ctx, id, "by hand")) }}
			want := ledger.Applied
			if fails {
				f.err, want = vendorError(adapters.CodeUnknown), ledger.Parked
			}
			v.fail("grant", f)
			w.pass()
			w.state(w.only(adapters.GrantKind), want)
		})
	}
}

// TestDrainEnds: what keeps failing ends a drain with an error and its reason.
func TestDrainEnds(t *testing.T) {
	v := newVendor()
	w := queued(t, v)
	w.debit("acme", 5_00)
	v.break_("grant", vendorError(adapters.CodeUnavailable))
	err := w.w.Drain(w.ctx)
	if core.CodeOf(err) != core.CodeUnavailable || !strings.Contains(err.Error(), "scripted") {
		t.Errorf("drain ends with %v", err)
	}
	w.state(w.only(adapters.GrantKind), ledger.Waiting)
}

// TestDrainRespectsLeases: what another worker holds is not taken from it,
// however urgent the drain.
func TestDrainRespectsLeases(t *testing.T) {
	v := newVendor()
	w := queued(t, v)
	items, err := w.led.Store().Claim(w.ctx, ledger.Outbox, w.led.Now(), core.Time(w.wall.Load()), 1, 30*time.Second)
	if err != nil || len(items) != 1 {
		t.Fatal(len(items), err)
	}
	ctx, cancel := context.WithTimeout(w.ctx, 100*time.Millisecond)
	defer cancel()
	if err := w.w.Drain(ctx); core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("drain ends with %v", err)
	}
	if calls, _ := v.count("grant"); calls != 0 {
		t.Errorf("%d calls for a leased intent", calls)
	}
	w.w.work(w.ctx, items[0])
	w.drain()
	w.state(w.only(adapters.GrantKind), ledger.Applied)
}
