package ledger_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
)

// auditTown is a database in which everything has happened that leaves a row:
// every command, refusals, expiries, windows, queues, links, and a change of
// unit with what comes after it.
func auditTown(t *testing.T) *bench {
	b := newBench(t, nil, ledger.Options{Outward: outward{}})
	b.join(ann, bob)
	scheduled, scoped, paid, brief := terms(50_00), terms(40_00), terms(1000_00), terms(30_00)
	scheduled.Starts, scheduled.Priority = start+50*hour, 7
	scoped.Actions, scoped.Metadata = []string{"image", "video"}, map[string]string{"campaign": "spring"}
	paid.Category, paid.Paid, paid.Priority = core.Paid, core.Money{Minor: 100_00, Currency: "usd"}, 60
	brief.Expires = start + 2*hour
	for i, g := range []core.Terms{scheduled, scoped, paid, brief} {
		for _, account := range []ledger.AccountKey{ann, bob} {
			_, _, err := b.Issue(b.ctx, fmt.Sprint("grant ", i, account.Customer), account, g)
			b.need(err)
		}
	}
	b.commands("before", ann, 1_00)
	voided := b.grant("voided", bob, 5_00)
	_, _, err := b.Void(b.ctx, "void", voided)
	b.need(err)
	first, second := b.buy("first", 12), b.buy("second", 0)
	_, _, err = b.pay(first, payment(first, "in_1"))
	b.need(err)
	b.fail(second)
	b.buy("third", 0)
	b.queues()
	b.closeAuditWindow(ann)
	_, _, err = b.Debit(b.ctx, "in the next window", charge(ann, 3_00))
	b.need(err)

	b.close()
	b.open(nil, ledger.Options{Outward: outward{}, Conversions: []ledger.Conversion{{ID: "one", Change: toUSD(b), Open: true}}})
	b.convertAll()
	b.commands("after", annInUSD, 80000)
	old, err := b.Taken(b.ctx, core.NewID(core.DebitID, "ann", ledger.OpDebit, "plain before", 0))
	b.need(err)
	_, _, err = b.Reverse(b.ctx, "reverse old", old.ID, 2_00)
	b.need(err)
	return b
}

func (b *bench) join(keys ...ledger.AccountKey) {
	b.Helper()
	for _, key := range keys {
		b.grant("join "+key.Customer, key, 1_00)
		b.need(b.Do(b.ctx, &ledger.Op{
			Names:  func(batch *ledger.Batch) { batch.Accounts = append(batch.Accounts, key) },
			Decide: func(tx *ledger.Tx) error { tx.Account(key).Join("east"); return nil },
		}))
	}
}

func (b *bench) closeAuditWindow(key ledger.AccountKey) {
	b.Helper()
	b.need(b.Do(b.ctx, &ledger.Op{
		Names:  func(batch *ledger.Batch) { batch.Accounts = append(batch.Accounts, key) },
		Decide: func(tx *ledger.Tx) error { tx.CloseWindow(key, "east"); return nil },
	}))
}

// commands runs every command on consumption, in amounts of one.
func (b *bench) commands(name string, key ledger.AccountKey, one core.Amount) {
	b.Helper()
	plain, _, err := b.Debit(b.ctx, "plain "+name, charge(key, 60*one))
	b.need(err)
	priced := ledger.Charge{Account: key, Amount: 5 * one, Action: "image", Quantity: "1", Dimensions: map[string]string{"size": "big"}, Card: "v1"}
	_, _, err = b.Debit(b.ctx, "priced "+name, priced)
	b.need(err)
	_, _, err = b.Debit(b.ctx, "nothing "+name, charge(key, 0))
	b.need(err)
	_, _, err = b.Debit(b.ctx, "too much "+name, charge(key, 1_000_000*one))
	b.wantCode(err, core.CodeInsufficientCredits)
	holds := map[string]core.ID{}
	for _, what := range []string{"kept", "captured", "partly", "released", "lapsed"} {
		t := ledger.HoldTerms{For: 100 * time.Hour, Protect: what == "kept"}
		if what == "lapsed" {
			t.For = time.Hour
		}
		h, _, err := b.Hold(b.ctx, what+" "+name, charge(key, 20*one), t)
		b.need(err)
		holds[what] = h.Hold.ID
	}
	capture := func(what string, amount core.Amount, final bool) {
		_, _, _, err := b.Capture(b.ctx, fmt.Sprint(what, amount, name), ledger.CaptureTerms{Hold: holds[what], Unit: key.Unit, Amount: amount, Final: final, AllowOver: amount > 20*one})
		b.need(err)
	}
	capture("captured", 8*one, true)
	capture("partly", 3*one, false)
	capture("partly", 4*one, false)
	capture("kept", 2*one, false)
	_, _, err = b.Release(b.ctx, "release "+name, holds["released"])
	b.need(err)
	for i, amount := range []core.Amount{10 * one, 15 * one} {
		_, _, err := b.Reverse(b.ctx, fmt.Sprint("reverse ", i, name), plain.ID, amount)
		b.need(err)
	}
	b.pass(3 * hour)
	_, _, err = b.Sweep(b.ctx, 100)
	b.need(err)
	capture("lapsed", 6*one, false)
}

// queues fills both queues with rows in every state, and names what they are of.
func (b *bench) queues() {
	b.Helper()
	body := func(i int) []byte { return []byte(fmt.Sprintf(`{"id":"evt_%d"}`, i)) }
	b.need(b.Do(b.ctx, &ledger.Op{
		Names: func(*ledger.Batch) {},
		Decide: func(tx *ledger.Tx) error {
			for i := range 4 {
				sum, vendor := sha256.Sum256(body(i)), fmt.Sprint("evt_", i)
				e := &ledger.Event{
					ID: core.NewID(core.EventID, vendor, "event/east", vendor, 0), Connection: "east", VendorID: vendor, Type: "invoice.paid",
					Body: body(i), Digest: hex.EncodeToString(sum[:]), Received: tx.Now, State: ledger.Waiting,
				}
				tx.PutEvent(e)
				tx.UseNatural("event/east/invoice.paid/in_"+fmt.Sprint(i), e.ID)
			}
			tx.Link(ledger.Link{Connection: "east", Neutral: "ann", Role: "customer", Vendor: "cus_1"})
			tx.Link(ledger.Link{Connection: "east", Neutral: string(core.NewID(core.GrantID, "ann", ledger.OpGrant, "grant 2ann", 0)), Role: "grant", Vendor: "gr_1"})
			tx.Link(ledger.Link{Connection: "east", Neutral: string(core.NewID(core.PurchaseID, "ann", ledger.OpPurchase, "first", 0)), Role: "invoice", Vendor: "in_1"})
			tx.Link(ledger.Link{Connection: "west", Neutral: "bob", Role: "carrier", Vendor: "sub_1"})
			return nil
		},
	}))
	states := []ledger.QueueState{ledger.Applied, ledger.Ignored, ledger.Parked, ledger.Waiting}
	events, err := b.Store().Claim(b.ctx, ledger.Inbox, b.Now(), b.Now(), 3, time.Minute)
	b.need(err)
	intents, err := b.Store().Claim(b.ctx, ledger.Outbox, b.Now(), b.Now(), 3, time.Minute)
	b.need(err)
	if len(events) != 3 || len(intents) < 2 {
		b.Fatalf("%d events and %d intents were claimed", len(events), len(intents))
	}
	b.need(b.Do(b.ctx, &ledger.Op{
		Names: func(batch *ledger.Batch) {
			for i := range events {
				batch.Events = append(batch.Events, ledger.Lease{ID: events[i].Event.ID, Fence: events[i].Event.Fence})
			}
			for i := range intents {
				batch.Intents = append(batch.Intents, ledger.Lease{ID: intents[i].Intent.ID, Fence: intents[i].Intent.Fence})
			}
		},
		Decide: func(tx *ledger.Tx) error {
			for i := range events {
				e := *tx.Event(events[i].Event.ID)
				e.State, e.Reason, e.Attempts, e.Settled = states[i], "it is so", 1, tx.Now
				tx.PutEvent(&e)
			}
			for i := range intents {
				x := *tx.Intent(intents[i].Intent.ID)
				x.State, x.Reason, x.Attempts, x.Settled, x.Tried = states[i%3], "it is so", 1, tx.Now, true
				tx.SettleIntent(&x)
			}
			return nil
		},
	}))
}
