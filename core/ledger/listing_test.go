package ledger_test

import (
	"fmt"
	"slices"
	"testing"

	"scrip/core"
	"scrip/core/ledger"
)

// Entries that are listed while others write have no gap, stay as they were
// listed, and leave no balance below zero at any prefix.
// LC-07.
func TestListingWhileOthersWrite(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.grant("all", ann, 1000_00)
	wait := b.start(32, func(i int) {
		for n := range 12 {
			_, _, err := b.Debit(b.ctx, fmt.Sprintf("d%d/%d", i, n), charge(ann, 1_00))
			b.ok(err)
		}
	})
	var listed []core.Entry
	read := func() int {
		last := int64(len(listed))
		page, err := b.Reader().Entries.Entries(b.ctx, ann, last, 7)
		b.need(err)
		for i := range page {
			if page[i].Seq != last+int64(i)+1 {
				t.Fatalf("entry %d is listed after %d", page[i].Seq, last+int64(i))
			}
		}
		listed = append(listed, page...)
		return len(page)
	}
	for len(listed) < 200 {
		read()
	}
	wait()
	for read() > 0 {
	}
	var left core.Amount
	for i := range listed {
		switch from, to := listed[i].Kind.Pots(); {
		case to == core.Available:
			left += listed[i].Amount
		case from == core.Available:
			left -= listed[i].Amount
		}
		if left < 0 {
			t.Fatalf("after entry %d the balance is %d", listed[i].Seq, left)
		}
	}
	again, err := b.Reader().Entries.Entries(b.ctx, ann, 0, len(listed)+1)
	b.need(err)
	if len(listed) != 1+32*12 || !slices.Equal(again, listed) || left != b.balance(ann).Available {
		t.Errorf("%d entries were listed, %d are there; %d are left by them", len(listed), len(again), left)
	}
}
