package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sourcegraph/conc/pool"
	"pgregory.net/rapid"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/plan"
	"scrip/core/rate"
)

// whole is a rate without a fraction.
func whole(n int64) core.Rate { return core.Rate{Num: n, Den: 1} }

func flat(cost int64) rate.Action {
	return rate.Action{Per: 1, Rates: []rate.Rate{{Cost: whole(cost)}}}
}

// priceList has two versions, of which the second begins in an hour.
func priceList() rate.Cards {
	archive := rate.Action{Name: "archive", Per: 1, RefundOn: []string{"failed"}, Rates: []rate.Rate{{Tiers: &rate.Tiers{
		Mode: rate.Graduated, Per: rate.PerMonth, Counter: "archive", Steps: []rate.Tier{{UpTo: 10, Cost: whole(3)}, {Cost: whole(1)}},
	}}}}
	enrich := rate.Action{Name: "enrich", Per: 1, Rates: []rate.Rate{
		{Parts: []rate.Cost{{Unit: "credits", Cost: whole(1)}}},
		{When: map[string]string{"tokens": "yes"}, Parts: []rate.Cost{{Unit: "credits", Cost: whole(1)}, {Unit: "tokens", Cost: whole(2)}}},
		{When: map[string]string{"tokens": "only"}, Parts: []rate.Cost{{Unit: "credits", Cost: whole(0)}, {Unit: "tokens", Cost: whole(5)}}},
	}}
	keep := flat(2)
	keep.NotFrom = []core.Category{core.Promotional}
	first := map[string]rate.Action{"image": flat(5), "archive": archive, "enrich": enrich, "keep": keep}
	return rate.Cards{
		{Version: "old", Effective: start - hour, Actions: first},
		{Version: "new", Effective: start + hour, Actions: map[string]rate.Action{"image": flat(7), "archive": archive, "enrich": enrich}},
	}
}

func asked(action string, quantity int64, dimensions map[string]string) ledger.Charge {
	return ledger.Charge{Account: ann, Action: action, Quantity: fmt.Sprint(quantity), Dimensions: dimensions, Ask: &rate.Ask{
		Cards: priceList(), Units: units, Event: rate.Event{Quantity: rate.Quantity(quantity) * rate.One, Dimensions: dimensions},
	}}
}

var tokens = ledger.AccountKey{Customer: "ann", Unit: "tokens"}

// An action that costs several units takes all of them or none, has one answer
// for ever, and is given back as a whole.
func TestSeveralUnitsAtOnce(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.grant("credits", ann, 10_00)
	_, _, err := b.Debit(b.ctx, "no tokens", asked("enrich", 1, map[string]string{"tokens": "yes"}))
	b.wantCode(err, core.CodeInsufficientCredits)
	b.wantBalance(ann, 10_00, 0)
	b.grant("tokens", tokens, 7)
	d, _, err := b.Debit(b.ctx, "both", asked("enrich", 2, map[string]string{"tokens": "yes"}))
	b.need(err)
	if d.Amount != 2_00 || d.Account != ann || d.Card != "old" || len(d.Also) != 1 || d.Also[0].Amount != 4 || d.Also[0].Account != tokens || d.Also[0].ID == d.ID {
		t.Errorf("the debit is %+v", d)
	}
	_, _, err = b.Debit(b.ctx, "too many", asked("enrich", 2, map[string]string{"tokens": "yes"}))
	b.wantCode(err, core.CodeInsufficientCredits)
	b.wantBalance(ann, 8_00, 0)
	b.wantBalance(tokens, 3, 0)
	b.grant("more tokens", tokens, 100)
	_, replay, err := b.Debit(b.ctx, "too many", asked("enrich", 2, map[string]string{"tokens": "yes"}))
	if b.wantCode(err, core.CodeInsufficientCredits); !replay {
		t.Error("the refusal was not the key's answer for ever")
	}
	one, _, err := b.Debit(b.ctx, "one", asked("enrich", 1, nil))
	b.need(err)
	only, _, err := b.Debit(b.ctx, "only tokens", asked("enrich", 1, map[string]string{"tokens": "only"}))
	b.need(err)
	if len(one.Also) != 0 || len(only.Also) != 0 || only.Account != tokens || only.Amount != 5 {
		t.Errorf("of one unit each: %+v, %+v", one, only)
	}
	b.restart()
	again, replay, err := b.Debit(b.ctx, "both", asked("enrich", 2, map[string]string{"tokens": "yes"}))
	if b.need(err); !replay || text(again) != text(d) {
		t.Errorf("again it is %+v", again)
	}
	_, _, err = b.Reverse(b.ctx, "part", d.ID, 1_00)
	b.wantCode(err, core.CodeNotSupported)
	if _, err := b.Taken(b.ctx, d.Also[0].ID); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("a part by itself: %v", err)
	}
	r, _, err := b.Reverse(b.ctx, "back", d.ID, 0)
	b.need(err)
	if r.Amount != 2_00 || len(r.Also) != 1 || r.Also[0].Amount != 4 || r.Also[0].Debit != d.Also[0].ID {
		t.Errorf("the reversal is %+v", r)
	}
	b.wantBalance(ann, 9_00, 0)
	b.wantBalance(tokens, 102, 0)
	_, _, err = b.Reverse(b.ctx, "twice", d.ID, 0)
	b.wantCode(err, core.CodeInvalid)
	_, _, err = b.Reverse(b.ctx, "tokens back", only.ID, 3)
	b.need(err)
	b.wantBalance(tokens, 105, 0)
	b.clean()
}

// The tiers of many callers are those of one count: what they pay together is
// what one after the other would.
func TestTiersAreCountedInside(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.grant("credits", ann, 1000_00)
	p := pool.NewWithResults[core.Amount]().WithErrors()
	for i := range 40 {
		p.Go(func() (core.Amount, error) {
			c := asked("archive", 1, nil)
			if i%4 == 0 {
				c.Ask.Event.Outcome = "failed"
			}
			d, _, err := b.Debit(b.ctx, fmt.Sprint("debit ", i), c)
			return d.Amount, err
		})
	}
	list, err := p.Wait()
	b.need(err)
	var sum core.Amount
	for _, n := range list {
		sum += n
	}
	if sum != 10*3_00+20*1_00 {
		t.Errorf("thirty that did not fail cost %d", sum)
	}
	b.restart()
	d, _, err := b.Debit(b.ctx, "after", asked("archive", 2, nil))
	if b.need(err); d.Amount != 2_00 {
		t.Errorf("two more cost %d", d.Amount)
	}
	replayed, replay, err := b.Debit(b.ctx, "after", asked("archive", 2, nil))
	if b.need(err); !replay || replayed.Amount != 2_00 {
		t.Errorf("again they cost %d", replayed.Amount)
	}
	_, _, err = b.Reverse(b.ctx, "back", d.ID, 1_00)
	b.need(err)
	if q, err := b.Quote(b.ctx, asked("archive", 1, nil)); err != nil || q.Parts[0].Amount != 1_00 {
		t.Errorf("after a part came back one costs %+v, %v", q, err)
	}
	first, _, err := b.Debit(b.ctx, "many", asked("archive", 25, nil))
	b.need(err)
	b.need(second(b.Reverse(b.ctx, "many back", first.ID, 0)))
	p2, _, err := b.Debit(b.ctx, "as if it had not been", asked("archive", 1, nil))
	if b.need(err); p2.Amount != 1_00 { // thirty-two are still counted
		t.Errorf("one costs %d", p2.Amount)
	}
	b.pass(31 * 24 * hour)
	d, _, err = b.Debit(b.ctx, "next month", asked("archive", 2, nil))
	if b.need(err); d.Amount != 6_00 || d.Card != "new" {
		t.Errorf("two of the next month cost %d on %q", d.Amount, d.Card)
	}
	nine, _, err := b.Debit(b.ctx, "nine", asked("archive", 9, nil))
	if b.need(err); nine.Amount != 8*3_00+1_00 {
		t.Errorf("nine after two cost %d", nine.Amount)
	}
	b.need(second(b.Reverse(b.ctx, "nine back", nine.ID, 0)))
	nine, _, err = b.Debit(b.ctx, "nine again", asked("archive", 9, nil))
	if b.need(err); nine.Amount != 8*3_00+1_00 {
		t.Errorf("nine again after two cost %d", nine.Amount)
	}
	b.clean()
}

func second[A, B any](_ A, _ B, err error) error { return err }

// What is counted of holds is what their captures take.
func TestTiersOfHolds(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.grant("credits", ann, 1000_00)
	hold := func(key string, quantity int64) ledger.HoldReceipt {
		h, _, err := b.Hold(b.ctx, key, asked("archive", quantity, nil), ledger.HoldTerms{For: time.Hour})
		b.need(err)
		return h
	}
	h := hold("eight", 8)
	if h.Hold.Amount != 24_00 {
		t.Errorf("eight are held at %d", h.Hold.Amount)
	}
	if h := hold("another eight", 8); h.Hold.Amount != 24_00 { // nothing is used by holding
		t.Errorf("another eight are held at %d", h.Hold.Amount)
	}
	_, _, _, err := b.Capture(b.ctx, "six", ledger.CaptureTerms{Hold: h.Hold.ID, Unit: "credits", Amount: 18_00, Quantity: "6", Final: true})
	b.need(err)
	if h := hold("six left of the first tier", 6); h.Hold.Amount != 4*3_00+2*1_00 {
		t.Errorf("six after six are held at %d", h.Hold.Amount)
	} else {
		_, _, _, err = b.Capture(b.ctx, "all", ledger.CaptureTerms{Hold: h.Hold.ID, Rest: true, Final: true})
		b.need(err)
	}
	if d, _, err := b.Debit(b.ctx, "beyond", asked("archive", 1, nil)); err != nil || d.Amount != 1_00 {
		t.Errorf("one after twelve costs %d, %v", d.Amount, err)
	}
	_, _, err = b.Hold(b.ctx, "several", asked("enrich", 1, map[string]string{"tokens": "yes"}), ledger.HoldTerms{For: time.Hour})
	b.wantCode(err, core.CodeNotSupported)
	only, _, err := b.Hold(b.ctx, "tokens", asked("keep", 1, nil), ledger.HoldTerms{For: time.Hour})
	b.wantCode(err, core.CodeInsufficientCredits) // what there is is promotional, and must not pay
	if only.Hold.ID != "" {
		t.Errorf("the hold is %+v", only)
	}
	b.clean()
}

// A version begins at its instant; a customer that keeps one is priced by it,
// and what waits keeps the price it was made at.
func TestVersionsOfTheCard(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.grant("credits", ann, 1000_00)
	price := func(key string) string {
		d, _, err := b.Debit(b.ctx, key, asked("image", 1, nil))
		b.need(err)
		return fmt.Sprintf("%s %d", d.Card, d.Amount)
	}
	h, _, err := b.Hold(b.ctx, "hold", asked("image", 1, nil), ledger.HoldTerms{For: 5 * time.Hour})
	b.need(err)
	got := []string{price("before")}
	b.pass(hour - 1)
	got = append(got, price("at the last instant"))
	b.pass(1)
	got = append(got, price("at its instant"))
	b.need(b.PutSettings(b.ctx, "ann", plan.Settings{Form: []byte(`{"rate_card":"old"}`), Card: "old"}))
	got = append(got, price("kept"))
	b.restart()
	got = append(got, price("kept still"))
	if c := asked("image", 1, nil); true {
		c.Ask.Cards = c.Ask.Cards[1:]
		_, _, err := b.Debit(b.ctx, "gone", c)
		b.wantCode(err, core.CodeUnknownAction)
	}
	b.need(b.PutSettings(b.ctx, "ann", plan.Settings{Form: []byte(`{}`)}))
	got = append(got, price("gone")) // a request that was not priced has left its key free
	if want := "[old 500 old 500 new 700 old 500 old 500 new 700]"; fmt.Sprint(got) != want {
		t.Errorf("the prices are %v, want %s", got, want)
	}
	if h.Hold.Card != "old" || h.Hold.Amount != 5_00 {
		t.Errorf("the hold is %+v", h.Hold)
	}
	fixed, err := rate.ParseFixed(h.Hold.Price)
	b.need(err)
	if n, err := fixed.Cost(2*rate.One, units[0]); err != nil || n != 10_00 {
		t.Errorf("two of the hold cost %d, %v", n, err)
	}
	b.clean()
}

// One item's want of a price is its own outcome.
func TestBatchWithoutAPrice(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.grant("credits", ann, 10_00)
	missing := asked("nothing", 1, nil)
	list, err := b.DebitBatch(b.ctx, []ledger.BatchItem{{Key: "a", Charge: asked("image", 1, nil)}, {Key: "b", Charge: missing}, {Key: "c", Charge: asked("image", 1, nil)}})
	b.need(err)
	if list[0].Err != nil || list[2].Err != nil || core.CodeOf(list[1].Err) != core.CodeUnknownAction {
		t.Errorf("the outcomes are %+v", list)
	}
	b.wantBalance(ann, 0, 0)
	b.clean()
}

// A quote says what the debit right after it does, and how often it goes on.
func TestQuoteIsTheDebit(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.grant("tokens", tokens, 1000)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		key := fmt.Sprint("quoted ", n)
		c := asked(rapid.SampledFrom([]string{"image", "archive", "enrich", "keep"}).Draw(rt, "action"), rapid.Int64Range(0, 9).Draw(rt, "quantity"),
			rapid.SampledFrom([]map[string]string{nil, {"tokens": "yes"}, {"tokens": "only"}}).Draw(rt, "dimensions"))
		if rapid.Bool().Draw(rt, "more") {
			_, _, err := b.Issue(b.ctx, key, ann, core.Terms{
				Amount: core.Amount(rapid.Int64Range(1, 40_00).Draw(rt, "grant")), Priority: 50,
				Category: rapid.SampledFrom([]core.Category{core.Paid, core.Promotional}).Draw(rt, "category"),
			})
			b.need(err)
		}
		q, err := b.Quote(b.ctx, c)
		b.need(err)
		for i := int64(0); i < min(q.Times, 20); i++ {
			d, _, err := b.Debit(b.ctx, fmt.Sprint(key, "/", i), c)
			if err != nil {
				rt.Fatalf("paid %d times, said were %d: %v", i, q.Times, err)
			}
			if i == 0 && (d.Amount != q.Parts[0].Amount || text(d.Allocations) != text(q.Parts[0].Allocations) || len(d.Also) != len(q.Parts)-1 || d.Card != q.Card) {
				rt.Fatalf("quoted %+v, taken %+v", q, d)
			}
		}
		if (q.Short == nil) != (q.Times > 0) {
			rt.Fatalf("it is paid %d times and %v", q.Times, q.Short)
		}
		if q.Times >= 0 && q.Times < 20 {
			if _, _, err := b.Debit(b.ctx, key+" once more", c); core.CodeOf(err) != core.CodeInsufficientCredits {
				rt.Fatalf("paid once more than %d times: %v", q.Times, err)
			}
		}
	})
	b.clean()
}

// A late debit has the price of its instant, in every unit, and is given back
// like any other.
func TestLateDebitHasThePriceOfThen(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.grant("credits", ann, 100_00)
	b.grant("tokens", tokens, 100)
	b.pass(2 * hour)
	late := func(key, action string, dimensions map[string]string) ledger.DebitReceipt {
		c := asked(action, 2, dimensions)
		c.At = start + hour/2
		d, _, err := b.Debit(b.ctx, key, c)
		b.need(err)
		return d
	}
	if d := late("image", "image", nil); d.Card != "old" || d.Amount != 10_00 {
		t.Errorf("two images of then cost %d on %q", d.Amount, d.Card)
	}
	both := late("both", "enrich", map[string]string{"tokens": "yes"})
	if both.Amount != 2_00 || len(both.Also) != 1 || both.Also[0].Amount != 4 || both.Also[0].Happened != both.Happened || both.Happened == 0 {
		t.Errorf("two contacts of then are %+v", both)
	}
	b.need(second(b.Reverse(b.ctx, "back", both.ID, 0)))
	b.wantBalance(ann, 90_00, 0)
	b.wantBalance(tokens, 100, 0)
	b.clean()
}
