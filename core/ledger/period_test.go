package ledger_test

import (
	"testing"

	"scrip/core"
	"scrip/core/ledger"
)

func TestClosedPeriodTakesNothing(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.span("may", 10_00, start, start+10*hour)
	b.pass(5 * hour)
	early, _, err := b.Debit(b.ctx, "early", charge(ann, 2_00))
	b.need(err)
	b.pass(7 * hour)
	close := start + 11*hour
	p, made, err := b.ClosePeriod(b.ctx, close)
	if err != nil || !made || p.Until != close || p.Closed != b.Now() {
		t.Fatalf("closing gave %+v, %v, %v", p, made, err)
	}
	// What time decided of the period was posted before it was closed.
	entries, err := b.Reader().Entries.Entries(b.ctx, ann, 0, 10)
	b.need(err)
	if last := entries[len(entries)-1]; last.Kind != core.EntryExpire || last.Effective != start+10*hour {
		t.Errorf("the last entry is %+v, want the expiry", last)
	}
	b.pass(hour)
	if again, made, err := b.ClosePeriod(b.ctx, close); err != nil || made || again != p {
		t.Errorf("closing again gave %+v, %v, %v", again, made, err)
	}
	_, _, err = b.ClosePeriod(b.ctx, close-1)
	b.wantCode(err, core.CodePeriodClosed)
	_, _, err = b.ClosePeriod(b.ctx, b.Now()+1)
	b.wantCode(err, core.CodeInvalid)
	_, _, err = b.Debit(b.ctx, "late", lateCharge(ann, 1_00, close-1))
	b.wantCode(err, core.CodePeriodClosed)
	_, _, err = b.ReverseAt(b.ctx, "back", early.ID, 1_00, close-1)
	b.wantCode(err, core.CodePeriodClosed)
	dated := terms(5_00)
	dated.Starts = close - 1
	_, _, err = b.Issue(b.ctx, "dated", ann, dated)
	b.wantCode(err, core.CodePeriodClosed)
	dated.Starts = close
	_, _, err = b.Issue(b.ctx, "on-time", ann, dated)
	b.need(err)
	_, _, err = b.Reverse(b.ctx, "back-now", early.ID, 1_00)
	b.need(err)
	p2, made, err := b.ClosePeriod(b.ctx, b.Now())
	if err != nil || !made {
		t.Errorf("closing the next gave %v, %v", made, err)
	}
	list, err := b.Periods(b.ctx, 0, 10)
	if err != nil || len(list) != 2 || list[0] != p || list[1] != p2 {
		t.Errorf("the list is %+v, %v", list, err)
	}
	if list, err = b.Periods(b.ctx, close, 10); err != nil || len(list) != 1 || list[0] != p2 {
		t.Errorf("after the first the list is %+v, %v", list, err)
	}
	b.allSound()
}

// A closed period's facts go to the open one, and keep the time they name.
func TestClosedPeriodLeadsToTheNext(t *testing.T) {
	b := newBench(t, nil, ledger.Options{NextOpen: true})
	b.span("may", 10_00, start, start+10*hour)
	b.span("june", 10_00, start, start+20*hour)
	b.pass(12 * hour)
	close, happened := start+11*hour, start+9*hour
	_, _, err := b.ClosePeriod(b.ctx, close)
	b.need(err)
	before := b.availableAt(happened, b.Now())
	b.pass(hour)
	r, _, err := b.Debit(b.ctx, "late", lateCharge(ann, 4_00, happened))
	b.need(err)
	if r.Happened != close || r.Original != happened || len(r.Allocations) != 1 || r.Balance.Available != 6_00 {
		t.Errorf("it is placed at %s, named %s, took %v", r.Happened, r.Original, r.Allocations)
	}
	if after := b.availableAt(happened, b.Now()); after != before || before != 20_00 {
		t.Errorf("in the closed period %d was there and is %d now", before, after)
	}
	dated := terms(5_00)
	dated.Starts = happened
	g, _, err := b.Issue(b.ctx, "dated", ann, dated)
	b.need(err)
	if g.Grant.Starts != close || g.Original != happened {
		t.Errorf("the grant is %+v", g)
	}
	b.allSound()
}

// A debit that was wrong is given back as of when it was, and made again.
func TestCorrection(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	lot := b.span("may", 10_00, start, start+10*hour)
	b.pass(2 * hour)
	wrong, _, err := b.Debit(b.ctx, "wrong", charge(ann, 8_00))
	b.need(err)
	b.pass(10 * hour)
	known := b.Now()
	b.pass(hour)
	_, _, err = b.ReverseAt(b.ctx, "too-early", wrong.ID, 0, wrong.At-1)
	b.wantCode(err, core.CodeInvalid)
	back, _, err := b.ReverseAt(b.ctx, "back", wrong.ID, 0, wrong.At)
	if err != nil || back.Happened != wrong.At {
		t.Fatalf("giving back gave %+v, %v", back, err)
	}
	right, _, err := b.Debit(b.ctx, "right", lateCharge(ann, 3_00, wrong.At))
	if err != nil || len(right.Allocations) != 1 || right.Allocations[0].Grant != lot {
		t.Fatalf("the right one took %v, %v", right.Allocations, err)
	}
	for _, c := range []struct {
		at, known core.Time
		want      core.Amount
	}{
		{start + 3*hour, known, 2_00}, {start + 3*hour, b.Now(), 7_00}, {start + hour, b.Now(), 10_00}, {start + 10*hour, b.Now(), 0}, {b.Now(), b.Now(), 0},
	} {
		if got := b.availableAt(c.at, c.known); got != c.want {
			t.Errorf("at %s, as known at %s, is %d, want %d", c.at, c.known, got, c.want)
		}
	}
	b.allSound()
}

// A change of the unit closes what came before it: nothing late is taken out
// of what was changed.
func TestConversionClosesWhatCameBefore(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.grant("g", ann, 10_00)
	b.pass(2 * hour)
	b.convertTo(true, b.forward())
	b.pass(hour)
	b.convertAll()
	turned := b.Now()
	b.pass(hour)
	_, _, err := b.Debit(b.ctx, "late", lateCharge(annInUSD, 1, turned-1))
	b.wantCode(err, core.CodePeriodClosed)
	if _, _, err = b.Debit(b.ctx, "since", lateCharge(annInUSD, 1, turned)); err != nil {
		t.Error(err)
	}
	b.allSound()
}
