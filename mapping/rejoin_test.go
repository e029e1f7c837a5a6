package mapping

import (
	"testing"

	"scrip/core"
)

// What was consumed of a kept grant while the account was away was never the
// connection's to count, nor is it set apart when the account comes back.
func TestBookBeginsAnewWhenAnAccountRejoins(t *testing.T) {
	const id = core.ID("grn_kept")
	b := &Book{Carry: -3, Apart: 70, Windows: []ToldWindow{{Window: "win_1"}}}
	if b.Rejoin(5) {
		t.Error("a book without single grants has changed")
	}
	b.Keep(&GrantFacts{Grant: id, Seq: 10})
	if !b.Rejoin(50) || b.Drawn() != 50 || b.Keeps(id) {
		t.Errorf("after rejoining the book is %+v", b)
	}
	if b.Carry != -3 || b.Apart != 70 || len(b.Windows) != 1 {
		t.Errorf("what was told is forgotten: %+v", b)
	}
	b.Keep(&GrantFacts{Grant: id, Seq: 50})
	split := b.Split(Quantum{Rate: core.Rate{Num: 1, Den: 1}})
	split.Add(&core.Entry{Kind: core.EntryDebit, Grant: id, Seq: 40, Amount: 9})
	split.Add(&core.Entry{Kind: core.EntryDebit, Grant: id, Seq: 51, Amount: 2})
	if split.Apart != 2 {
		t.Errorf("%d are set apart, want the 2 since it came back", split.Apart)
	}
}
