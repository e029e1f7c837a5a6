package ledger_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/storage/sqlite"
)

var credits = core.Unit{Code: "credits", Scale: 2}

// exampleLedger is a ledger on a new file at a standing clock, with the
// customer ada. An application leaves Now as core.TimeOf(time.Now()).
func exampleLedger(ctx context.Context, now *core.Time) (*ledger.Ledger, func()) {
	folder, err := os.MkdirTemp("", "scrip")
	if err != nil {
		panic(err)
	}
	store, err := sqlite.OpenWith(ctx, filepath.Join(folder, "scrip.db"), sqlite.Options{Relaxed: true})
	if err != nil {
		panic(err)
	}
	l := ledger.Open(store, ledger.Options{
		Now: func() core.Time { return *now }, Units: []core.Unit{credits}, Order: core.DefaultOrder(),
	})
	if _, _, err := l.PutCustomer(ctx, ledger.Customer{ID: "ada"}); err != nil {
		panic(err)
	}
	return l, func() { l.Close(); _ = store.Close(); _ = os.RemoveAll(folder) }
}

func january(day int) core.Time { return core.TimeOf(time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC)) }

var ada = ledger.AccountKey{Customer: "ada", Unit: "credits"}

// written is an amount as people read it.
func written(a core.Amount) string { return a.Format(credits.Scale) }

// An application grants credits under a key of its own: repeating the call
// with the key changes nothing and answers the same.
func ExampleLedger_Issue() {
	ctx, now := context.Background(), january(1)
	l, done := exampleLedger(ctx, &now)
	defer done()
	for range 2 {
		r, replayed, err := l.Issue(ctx, "welcome-ada", ada, core.Terms{Amount: 50_00, Category: core.Promotional})
		fmt.Println(written(r.Grant.Amount), r.Grant.State(now), "replayed:", replayed, err)
	}
	// Output:
	// 50.00 open replayed: false <nil>
	// 50.00 open replayed: true <nil>
}

// A debit takes all of an amount or nothing, from the grants in burn order.
func ExampleLedger_Debit() {
	ctx, now := context.Background(), january(1)
	l, done := exampleLedger(ctx, &now)
	defer done()
	_, _, _ = l.Issue(ctx, "bought", ada, core.Terms{Amount: 10_00, Category: core.Paid})
	_, _, _ = l.Issue(ctx, "gift", ada, core.Terms{Amount: 5_00, Category: core.Promotional})
	r, _, err := l.Debit(ctx, "image-1", ledger.Charge{Account: ada, Amount: 7_00})
	for _, part := range r.Allocations {
		fmt.Println("from one grant", written(part.Amount))
	}
	fmt.Println("left", written(r.Balance.Available), err)
	_, _, err = l.Debit(ctx, "image-2", ledger.Charge{Account: ada, Amount: 9_00})
	fmt.Println(core.CodeOf(err), err)
	// Output:
	// from one grant 5.00
	// from one grant 2.00
	// left 8.00 <nil>
	// insufficient_credits 9.00 credits are required, 8.00 are available
}

// A hold reserves credits before work whose cost is not known yet; a capture
// takes what it did cost and gives the rest back.
func ExampleLedger_Hold() {
	ctx, now := context.Background(), january(1)
	l, done := exampleLedger(ctx, &now)
	defer done()
	_, _, _ = l.Issue(ctx, "bought", ada, core.Terms{Amount: 10_00, Category: core.Paid})
	h, _, err := l.Hold(ctx, "video-1", ledger.Charge{Account: ada, Amount: 8_00}, ledger.HoldTerms{For: 15 * time.Minute})
	fmt.Println("held", written(h.Balance.Held), "available", written(h.Balance.Available), err)
	d, h, _, err := l.Capture(ctx, "video-1-done", ledger.CaptureTerms{Hold: h.Hold.ID, Unit: "credits", Amount: 6_50, Final: true})
	fmt.Println("took", written(d.Amount), "available", written(h.Balance.Available), h.Hold.State, err)
	// Output:
	// held 8.00 available 2.00 <nil>
	// took 6.50 available 3.50 captured <nil>
}

// A hold that is not captured is given back: here because the work failed, and
// else when it expires.
func ExampleLedger_Release() {
	ctx, now := context.Background(), january(1)
	l, done := exampleLedger(ctx, &now)
	defer done()
	_, _, _ = l.Issue(ctx, "bought", ada, core.Terms{Amount: 10_00, Category: core.Paid})
	h, _, _ := l.Hold(ctx, "video-1", ledger.Charge{Account: ada, Amount: 8_00}, ledger.HoldTerms{For: 15 * time.Minute})
	h, _, err := l.Release(ctx, "video-1-failed", h.Hold.ID)
	fmt.Println(h.Hold.State, written(h.Balance.Available), err)
	// Output: released 10.00 <nil>
}

// A debit whose work failed afterwards is given back to the grants it came
// from, once.
func ExampleLedger_Reverse() {
	ctx, now := context.Background(), january(1)
	l, done := exampleLedger(ctx, &now)
	defer done()
	_, _, _ = l.Issue(ctx, "bought", ada, core.Terms{Amount: 10_00, Category: core.Paid})
	d, _, _ := l.Debit(ctx, "export-1", ledger.Charge{Account: ada, Amount: 4_00})
	r, _, err := l.Reverse(ctx, "export-1-failed", d.ID, 0)
	fmt.Println("back", written(r.Amount), "available", written(r.Balance.Available), err)
	_, _, err = l.Reverse(ctx, "export-1-again", d.ID, 0)
	fmt.Println(core.CodeOf(err))
	// Output:
	// back 4.00 available 10.00 <nil>
	// invalid
}

// A balance is what may be spent at an instant, whether or not anything has
// swept up what expired.
func ExampleLedger_Account() {
	ctx, now := context.Background(), january(1)
	l, done := exampleLedger(ctx, &now)
	defer done()
	_, _, _ = l.Issue(ctx, "trial", ada, core.Terms{Amount: 10_00, Category: core.Promotional, Expires: january(8)})
	_, _, _ = l.Issue(ctx, "bought", ada, core.Terms{Amount: 3_00, Category: core.Paid})
	for _, day := range []int{7, 8} {
		now = january(day)
		a, err := l.Account(ctx, ada)
		fmt.Println(now, written(a.Balance(now).Available), err)
	}
	// Output:
	// 2026-01-07T00:00:00Z 13.00 <nil>
	// 2026-01-08T00:00:00Z 3.00 <nil>
}

// Voiding a grant removes what is unspent of it; what was spent stays history.
func ExampleLedger_Void() {
	ctx, now := context.Background(), january(1)
	l, done := exampleLedger(ctx, &now)
	defer done()
	g, _, _ := l.Issue(ctx, "mistake", ada, core.Terms{Amount: 10_00, Category: core.Adjustment})
	_, _, _ = l.Debit(ctx, "image-1", ledger.Charge{Account: ada, Amount: 4_00})
	v, _, err := l.Void(ctx, "void-mistake", g.Grant.ID)
	fmt.Println(v.Grant.State(now), "spent", written(v.Grant.Consumed()), "removed", written(v.Grant.Ended), err)
	// Output: void spent 4.00 removed 6.00 <nil>
}

// Many debits go in one call; each is decided by itself.
func ExampleLedger_DebitBatch() {
	ctx, now := context.Background(), january(1)
	l, done := exampleLedger(ctx, &now)
	defer done()
	_, _, _ = l.Issue(ctx, "bought", ada, core.Terms{Amount: 5_00, Category: core.Paid})
	outcomes, err := l.DebitBatch(ctx, []ledger.BatchItem{
		{Key: "call-1", Charge: ledger.Charge{Account: ada, Amount: 3_00}},
		{Key: "call-2", Charge: ledger.Charge{Account: ada, Amount: 3_00}},
		{Key: "call-3", Charge: ledger.Charge{Account: ada, Amount: 2_00}},
	})
	for _, o := range outcomes {
		fmt.Println(written(o.Receipt.Amount), o.Err)
	}
	fmt.Println(err)
	// Output:
	// 3.00 <nil>
	// 0.00 3.00 credits are required, 2.00 are available
	// 2.00 <nil>
	// <nil>
}

// The feed has every entry of every account, each account's in order, and is
// read on from the last position.
func ExampleReader_feed() {
	ctx, now := context.Background(), january(1)
	l, done := exampleLedger(ctx, &now)
	defer done()
	_, _, _ = l.Issue(ctx, "bought", ada, core.Terms{Amount: 5_00, Category: core.Paid})
	_, _, _ = l.Debit(ctx, "call-1", ledger.Charge{Account: ada, Amount: 3_00})
	entries, _, err := l.Reader().Entries.Feed(ctx, "", 100)
	for _, e := range entries {
		from, to := e.Kind.Pots()
		fmt.Println(e.Customer, e.Seq, e.Kind, written(e.Amount), "from", from, "to", to)
	}
	fmt.Println(err)
	// Output:
	// ada 1 grant 5.00 from issued to available
	// ada 2 debit 3.00 from available to consumed
	// <nil>
}

// An audit recomputes every balance, grant and hold from the chained entries.
func ExampleAudit() {
	ctx, now := context.Background(), january(1)
	l, done := exampleLedger(ctx, &now)
	defer done()
	_, _, _ = l.Issue(ctx, "bought", ada, core.Terms{Amount: 5_00, Category: core.Paid})
	_, _, _ = l.Debit(ctx, "call-1", ledger.Charge{Account: ada, Amount: 3_00})
	report, err := ledger.Audit(ctx, l.Reader(), nil)
	fmt.Println(report.Accounts, "account,", report.Entries, "entries,", len(report.Findings), "findings", err)
	// Output: 1 account, 2 entries, 0 findings <nil>
}
