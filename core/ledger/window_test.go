package ledger_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/sale"
	"scrip/storage/storetest"
)

// outward gathers consumption in windows of an hour for one connection, and
// tells every grant, customer and purchase at once.
type outward struct{}

func (outward) intent(owner, kind, ref string, now, due core.Time) *ledger.Intent {
	return &ledger.Intent{
		ID: core.NewID(core.IntentID, owner, kind, ref, 0), Connection: "east", Customer: owner, Kind: kind, Ref: ref,
		Body: []byte("{}"), Due: due, State: ledger.Waiting, Created: now,
	}
}

func (o outward) OnEntries(now core.Time, a *core.Account, entries []core.Entry) (list []*ledger.Intent) {
	for _, e := range entries {
		switch e.Kind {
		case core.EntryDebit, core.EntryCapture, core.EntryReverse:
			if w, opened := a.OpenWindow("east", time.Hour, now); opened {
				list = append(list, o.intent(a.Customer, "usage", fmt.Sprint(a.Unit.Code, w.Number), now, w.Closes))
			}
		case core.EntryGrant:
			list = append(list, o.intent(a.Customer, "grant", string(e.Grant), now, now))
		}
	}
	return list
}

func (o outward) OnCustomer(now core.Time, c ledger.Customer) []*ledger.Intent {
	return []*ledger.Intent{o.intent(c.ID, "customer", c.ID+c.Name, now, now)}
}

func (o outward) OnPurchase(now core.Time, p sale.Purchase) []*ledger.Intent {
	return []*ledger.Intent{o.intent(p.Customer, "purchase", string(p.ID), now, now)}
}

// kinds are the intents that were sent, oldest first.
func (b *bench) kinds() (list []string) {
	b.Helper()
	intents, err := b.Reader().Queues.Intents(b.ctx, ledger.QueueFilter{Limit: 10_000})
	b.need(err)
	for _, i := range intents {
		list = append(list, i.Kind)
	}
	return list
}

// closeWindow closes the open window, as the worker that tells it does.
func (b *bench) closeWindow(key ledger.AccountKey) (told ledger.Told, ok bool) {
	b.Helper()
	b.need(b.Do(b.ctx, &ledger.Op{
		Names:  func(batch *ledger.Batch) { batch.Accounts = append(batch.Accounts, key) },
		Decide: func(tx *ledger.Tx) error { told, ok = tx.CloseWindow(key, "east"); return nil },
	}))
	return told, ok
}

// What a command causes is told once, with its effect; replays and refusals
// tell nothing.
func TestOutward(t *testing.T) {
	b := newBench(t, nil, ledger.Options{Outward: outward{}})
	for range 2 {
		b.customer("eve")
		b.grant("g", ann, 10)
		b.buy("buy", 0)
		_, _, err := b.Debit(b.ctx, "d1", charge(ann, 3))
		b.need(err)
		_, _, err = b.Debit(b.ctx, "d2", charge(ann, 3))
		b.need(err)
		_, _, err = b.Debit(b.ctx, "d3", charge(ann, 30))
		wantCode(t, "d3", err, core.CodeInsufficientCredits)
	}
	same(t, "told", b.kinds(), []string{"customer", "customer", "customer", "grant", "purchase", "usage"})
	if _, _, err := b.PutCustomer(b.ctx, ledger.Customer{ID: "eve", Name: "Eve"}); err != nil {
		t.Fatal(err)
	}
	same(t, "a changed customer is told", len(b.kinds()), 7)
}

// counter counts the entries it is asked about.
type counter struct {
	outward
	entries *atomic.Int64
}

func (c counter) OnEntries(_ core.Time, _ *core.Account, entries []core.Entry) []*ledger.Intent {
	c.entries.Add(int64(len(entries)))
	return nil
}

// Commands that share a commit and an account are each told of their own
// entries; so is a refusal that settled what time had decided.
func TestOutwardInOneCommit(t *testing.T) {
	told := &atomic.Int64{}
	b, g := newGated(t, ledger.Options{Outward: counter{entries: told}})
	short := terms(10)
	short.Expires = start + hour
	_, _, err := b.Issue(b.ctx, "short", ann, short)
	b.need(err)
	b.grant("long", ann, 10)
	release := b.stall(g)
	b.pass(hour)
	wait := b.start(5, func(i int) {
		amount := core.Amount(2)
		if i == 4 {
			amount = 100
		}
		_, _, err := b.Debit(b.ctx, fmt.Sprint(i), charge(ann, amount))
		if i == 4 {
			wantCode(t, "too much", err, core.CodeInsufficientCredits)
		} else {
			b.ok(err)
		}
	})
	b.queued(5)
	release()
	wait()
	if told.Load() != 7 || b.feedLength() != 7 {
		t.Errorf("told of %d entries, there are %d", told.Load(), b.feedLength())
	}
}

func TestWindow(t *testing.T) {
	b := newBench(t, nil, ledger.Options{Outward: outward{}})
	b.grant("g", ann, 100)
	if _, ok := b.closeWindow(ann); ok {
		t.Error("a window that was never opened was closed")
	}
	if _, ok := b.closeWindow(ledger.AccountKey{Customer: "eve", Unit: "credits"}); ok {
		t.Error("a window of no account was closed")
	}
	d, _, err := b.Debit(b.ctx, "1", charge(ann, 30))
	b.need(err)
	b.pass(hour)
	_, _, err = b.Debit(b.ctx, "2", charge(ann, 5)) // late, but before the close: in the first window
	b.need(err)
	told, ok := b.closeWindow(ann)
	same(t, "first", told, ledger.Told{Number: 1, Consumed: 35, Opened: start, Closed: start + hour})
	if _, again := b.closeWindow(ann); !ok || again {
		t.Errorf("closed %v, closed again %v", ok, again)
	}
	_, _, err = b.Reverse(b.ctx, "back", d.ID, 10)
	b.need(err)
	b.pass(hour)
	told, _ = b.closeWindow(ann)
	same(t, "second, which gave back", told, ledger.Told{Number: 2, Consumed: 25, Before: 35, Opened: start + hour, Closed: start + 2*hour})
	b.sound()
}

// Whatever happens between, what the windows tell adds up to the account's
// consumption: each begins where the one before ended.
func TestWindowsTelescope(t *testing.T) {
	storetest.FewChecks(t)
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t, nil, ledger.Options{Outward: outward{}})
		defer b.close()
		b.grant("g", ann, 1000)
		var sum, last core.Amount
		var debits []core.ID
		number := int64(0)
		for i := range rapid.IntRange(1, 25).Draw(rt, "steps") {
			key := fmt.Sprint(i)
			switch rapid.IntRange(0, 3).Draw(rt, "what") {
			case 0, 1:
				d, _, err := b.Debit(b.ctx, key, charge(ann, core.Amount(rapid.IntRange(1, 40).Draw(rt, "amount"))))
				b.need(err)
				debits = append(debits, d.ID)
			case 2:
				if len(debits) > 0 {
					_, _, err := b.Reverse(b.ctx, key, debits[0], 0)
					b.need(err)
					debits = debits[1:]
				}
			case 3:
				if told, ok := b.closeWindow(ann); ok {
					number++
					if told.Before != last || told.Number != number {
						rt.Fatalf("window %d begins at %d, the one before told %d", told.Number, told.Before, last)
					}
					sum, last = sum+told.Consumed-told.Before, told.Consumed
				}
			}
		}
		if told, ok := b.closeWindow(ann); ok {
			sum += told.Consumed - told.Before
		}
		a, err := b.Account(b.ctx, ann)
		b.need(err)
		if sum != a.Consumed {
			rt.Fatalf("the windows tell %d, the account consumed %d", sum, a.Consumed)
		}
	})
}

// Sweep posts what time has decided, in portions, and changes no balance.
func TestSweep(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	accounts := []ledger.AccountKey{ann, bob, {Customer: "ann", Unit: "tokens"}}
	for i, key := range accounts {
		short := terms(10)
		short.Expires = start + core.Time(i+1)*hour
		_, _, err := b.Issue(b.ctx, fmt.Sprint("short", i), key, short)
		b.need(err)
		b.grant(fmt.Sprint("long", i), key, 10)
		_, _, err = b.Hold(b.ctx, fmt.Sprint("hold", i), charge(key, 15), ledger.HoldTerms{For: 90 * time.Minute})
		b.need(err)
	}
	sweep := func(limit, want int, next core.Time) {
		t.Helper()
		n, first, err := b.Sweep(b.ctx, limit)
		if err != nil || n != want || first != next {
			t.Errorf("swept %d, next %v, %v; want %d, %v", n, first, err, want, next)
		}
	}
	sweep(10, 0, start+hour)
	b.pass(90 * 60 * 1_000_000) // an hour and a half: one grant and every hold
	before := []core.Balance{b.balance(accounts[0]), b.balance(accounts[1]), b.balance(accounts[2])}
	same(t, "balances", before, []core.Balance{{Posted: 10, Available: 10}, {Posted: 20, Available: 20}, {Posted: 20, Available: 20}})
	if n, _, err := b.Sweep(b.ctx, 2); n != 2 || err != nil { // which two is left open
		t.Errorf("swept %d, %v", n, err)
	}
	sweep(2, 1, start+2*hour)
	sweep(2, 0, start+2*hour)
	same(t, "balances after", []core.Balance{b.balance(accounts[0]), b.balance(accounts[1]), b.balance(accounts[2])}, before)
	b.pass(hour / 2)
	_, _, err := b.Debit(b.ctx, "settles on the way", charge(bob, 1))
	b.need(err)
	sweep(10, 0, start+3*hour)
	h, _, err := b.Hold(b.ctx, "until after the grant", charge(accounts[2], 12), ledger.HoldTerms{For: 2 * time.Hour})
	b.need(err)
	b.pass(hour)
	sweep(10, 1, start+4*hour) // the account that was swept has more to come
	_, _, err = b.Release(b.ctx, "r", h.Hold.ID)
	b.need(err)
	sweep(10, 0, core.Never)
	for i, left := range []core.Amount{10, 9, 10} {
		same(t, "left", b.balance(accounts[i]).Available, left)
	}
	b.sound()
}

// Business time may be set back between commits; what the ledger records never goes back.
func TestClockGoesBack(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.pass(hour)
	b.grant("g", ann, 10)
	b.pass(-2 * hour)
	r, _, err := b.Debit(b.ctx, "d", charge(ann, 1))
	if err != nil || r.At != start+hour {
		t.Errorf("the debit is at %v, %v", r.At, err)
	}
	entries, err := b.Reader().Entries.Entries(b.ctx, ann, 0, 10)
	b.need(err)
	for i := 1; i < len(entries); i++ {
		if entries[i].Recorded < entries[i-1].Recorded {
			t.Errorf("entry %d was recorded before the one it follows", entries[i].Seq)
		}
	}
}
