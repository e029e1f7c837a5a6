package mapping

import (
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"scrip/core"
)

// Whatever is consumed and given back, in however many windows, what a vendor
// holds of each lot is the floor of what is left of it, and what stays in the
// core for want of room is told to nobody.
func TestDrawsKeepTheLawOfEachLot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		price, err := core.ParsePrice(rapid.SampledFrom([]string{"0.08 usd", "1 usd", "0.0137 eur", "3 jpy"}).Draw(t, "rate"))
		if err != nil {
			t.Fatal(err)
		}
		unit := core.Unit{Code: "credits", Scale: rapid.IntRange(0, 6).Draw(t, "scale")}
		q, err := MoneyQuantum(unit, price)
		if err != nil {
			t.Fatal(err)
		}
		floor := func(a core.Amount) int64 {
			n, err := q.Floor(a)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		book := &Book{}
		left, kept, vendor := map[core.ID]core.Amount{}, map[core.ID]bool{}, map[core.ID]int64{}
		var ids []core.ID
		seq, apart := int64(0), core.Amount(0)
		for range rapid.IntRange(1, 8).Draw(t, "windows") {
			if len(ids) < 6 && (len(ids) == 0 || rapid.Bool().Draw(t, "another grant")) {
				seq++
				id := core.NewID(core.GrantID, "acme", "test", string(rune('a'+len(ids))), 0)
				left[id] = core.Amount(rapid.Int64Range(1, 1_000_000_000).Draw(t, "amount"))
				facts := &GrantFacts{Grant: id, Original: left[id], Seq: seq, Expires: core.Never}
				if kept[id] = rapid.IntRange(0, 4).Draw(t, "kept") == 0; kept[id] {
					book.Keep(facts)
				} else {
					book.Give(facts)
					vendor[id] = floor(left[id])
				}
				ids = append(ids, id)
			}
			split := book.Split(q)
			var back core.Amount
			for range rapid.IntRange(0, 20).Draw(t, "entries") {
				id := rapid.SampledFrom(ids).Draw(t, "grant")
				e := core.Entry{Kind: core.EntryDebit, Grant: id, Seq: seq + 1}
				if rapid.IntRange(0, 5).Draw(t, "reverse") == 0 {
					e.Kind, e.Amount = core.EntryReverse, core.Amount(rapid.Int64Range(1, 1_000_000).Draw(t, "back"))
					left[id] += e.Amount
					back = -e.Amount
				} else if left[id] > 0 {
					e.Amount = core.Amount(rapid.Int64Range(1, int64(left[id])).Draw(t, "taken"))
					left[id] -= e.Amount
					back = e.Amount
				} else {
					continue
				}
				seq++
				if kept[id] {
					apart += back
				}
				split.Add(&e)
			}
			draws, err := split.Draws(0)
			if err != nil {
				t.Fatal(err)
			}
			book.Apart += split.Apart
			for _, d := range draws {
				vendor[d.Grant] -= d.Quanta
			}
			if seq > book.Seq && len(draws) > 0 {
				t.Fatalf("the book has come to %d of %d", book.Seq, seq)
			}
		}
		for _, id := range ids {
			if !kept[id] && vendor[id] != floor(left[id]) {
				t.Errorf("the vendor holds %d of %s, want %d", vendor[id], id, floor(left[id]))
			}
			if kept[id] && vendor[id] != 0 {
				t.Errorf("kept grant %s was drawn on by %d", id, vendor[id])
			}
		}
		if book.Apart != apart {
			t.Errorf("%d apart, want %d", book.Apart, apart)
		}
	})
}

func TestBookForgetsWhatCannotComeBack(t *testing.T) {
	book := &Book{}
	q := Quantum{Rate: core.Rate{Num: 1, Den: 1}}
	hour := core.Time(0).Add(time.Hour)
	for n := range lotLimit + 10 {
		id := core.NewID(core.GrantID, "acme", "test", string(rune('a'+n)), 0)
		book.Give(&GrantFacts{Grant: id, Original: 1, Consumed: 1, Seq: int64(n + 1), Expires: core.Never})
	}
	book.Give(&GrantFacts{Grant: "over", Original: 1, Consumed: 1, Seq: 1, Expires: hour})
	book.Give(&GrantFacts{Grant: "open", Original: 1, Seq: 1, Expires: hour})
	if _, err := book.Split(q).Draws(hour); err != nil {
		t.Fatal(err)
	}
	if _, there := book.Lots["over"]; there || len(book.Lots) != lotLimit+1 {
		t.Errorf("%d lots are kept: %v", len(book.Lots), slices.Sorted(maps.Keys(book.Lots)))
	}
	if _, there := book.Lots["open"]; !there {
		t.Error("a lot with something left was forgotten")
	}
}
