package mapping

import (
	"testing"
	"time"

	"scrip/core"
)

// What was consumed of a kept grant while the account was away was never the
// connection's to count, nor is it set apart when the account comes back.
func TestBookBeginsAnewWhenAnAccountRejoins(t *testing.T) {
	const id = core.ID("grn_kept")
	b := &Book{Carry: -3, Apart: 70, Windows: []ToldWindow{{Window: "win_1"}}}
	b.Keep(&GrantFacts{Grant: id, Seq: 10})
	b.Join(&core.Account{Seq: 50}, 0)
	if b.Drawn() != 50 || b.Keeps(id) || b.Joined != 50 {
		t.Errorf("after rejoining the book is %+v", b)
	}
	if b.Carry != -3 || b.Apart != 70 || len(b.Windows) != 0 {
		t.Errorf("what was told is forgotten, or could be taken back: %+v", b)
	}
	b.Keep(&GrantFacts{Grant: id, Seq: 50})
	split := b.Split(Quantum{Rate: core.Rate{Num: 1, Den: 1}})
	split.Add(&core.Entry{Kind: core.EntryDebit, Grant: id, Seq: 40, Amount: 9})
	split.Add(&core.Entry{Kind: core.EntryDebit, Grant: id, Seq: 51, Amount: 2})
	if split.Apart != 2 {
		t.Errorf("%d are set apart, want the 2 since it came back", split.Apart)
	}
}

// What a hold keeps of a grant that has ended is not given to a vendor that an
// account joins, so what is captured of it is not told either.
func TestBookKeepsWhatIsNotGiven(t *testing.T) {
	a := &core.Account{Seq: 50, Grants: []core.Grant{
		{Terms: core.Terms{ID: "grn_live", Expires: core.Never}, Remaining: 9},
		{Terms: core.Terms{ID: "grn_over", Expires: 5}, Remaining: 4, Held: 4, Closed: core.Expired},
		{Terms: core.Terms{ID: "grn_due", Expires: 7}, Remaining: 9},
	}}
	b := &Book{}
	b.Join(a, 7)
	for id, want := range map[core.ID]bool{"grn_live": false, "grn_over": true, "grn_due": true} {
		if b.Keeps(id) != want {
			t.Errorf("%s is kept: %t", id, !want)
		}
	}
}

// A kept grant is forgotten once no entry can follow, but not while the order of
// its end may be on its way.
func TestBookForgetsLate(t *testing.T) {
	const id = core.ID("grn_kept")
	b, a := &Book{}, &core.Account{Seq: 12}
	b.Keep(&GrantFacts{Grant: id, Seq: 10})
	split := b.Split(Quantum{Rate: core.Rate{Num: 1, Den: 1}})
	split.Add(&core.Entry{Kind: core.EntryReverse, Grant: id, Seq: 11, Amount: 4})
	split.Add(&core.Entry{Kind: core.EntryExpire, Grant: id, Seq: 12, Amount: 4})
	if b.Settle(a, 10); !b.Keeps(id) || split.Apart != -4 {
		t.Errorf("%d apart, the book is %+v", split.Apart, b)
	}
	if b.Settle(a, 12); b.Keeps(id) {
		t.Errorf("it is still kept: %+v", b)
	}
}

// What was consumed between two stays is not the vendor's to draw for: what it
// was given at the second was without it.
func TestToldBySinceTheAccountRejoined(t *testing.T) {
	b := &Book{}
	b.Mark(Point{At: 10, Seq: 18})
	b.Join(&core.Account{Seq: 20}, 12)
	if seq, ok := b.ToldBy(100); !ok || seq != 20 {
		t.Errorf("told to entry %d, %t", seq, ok)
	}
	b.Mark(Point{At: core.Time(3 * time.Hour / time.Microsecond), Seq: 25})
	if seq, ok := b.ToldBy(core.Time(4 * time.Hour / time.Microsecond)); !ok || seq != 25 {
		t.Errorf("told to entry %d, %t", seq, ok)
	}
}

// A month's invoice has drawn for what was told in it, and gives nothing back.
func TestWindowsThatWereBilled(t *testing.T) {
	at := func(text string) core.Time {
		got, err := core.ParseTime(text)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	b := &Book{}
	b.Add(ToldWindow{Window: "january", Quanta: 10, At: at("2026-01-31T23:59:59Z")})
	b.Add(ToldWindow{Window: "february", Quanta: 5, At: at("2026-02-01T00:00:00Z")})
	b.Billed(at("2026-02-01T00:30:00Z"))
	c := &Consumption{Counts: "usd", Owed: -8}
	step := c.Next(b, true)
	if step == nil || step.Cancel == nil || step.Cancel.Window != "february" {
		t.Fatalf("first %+v", step)
	}
	step.Cancel.Done = true
	if step = c.Next(b, true); step != nil || b.Carry != -3 {
		t.Errorf("then %+v, %d carried", step, b.Carry)
	}
}
