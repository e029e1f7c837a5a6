package core

import (
	"fmt"
	"testing"
)

// burner is an account with n grants of which a debit crosses all, and the
// state to return to.
func burner(n int) (a *Account, reset func()) {
	a = &Account{Customer: "ada", Unit: Unit{"credits", 2}, Order: DefaultOrder()}
	for i := range n {
		if _, err := a.Issue(lot{ID(fmt.Sprintf("grn_%03d", i)), 100, 0, Time(1000 + i)}.terms(), 0); err != nil {
			panic(err)
		}
	}
	return a, func() {
		a.summary = summary{}
		for i := range a.Grants {
			a.Grants[i].Remaining = a.Grants[i].Amount
		}
		a.Entries, a.Consumed = a.Entries[:0], 0
	}
}

func benchmarkBurn(b *testing.B, n int) {
	a, reset := burner(n)
	var dst []Allocation
	b.ReportAllocs()
	for b.Loop() {
		reset()
		var err error
		if dst, err = a.Debit("deb_bench", Amount(100*n), "", 1, dst[:0]); err != nil || len(dst) != n {
			b.Fatal(len(dst), err)
		}
	}
}

func BenchmarkBurn4(b *testing.B)  { benchmarkBurn(b, 4) }
func BenchmarkBurn64(b *testing.B) { benchmarkBurn(b, 64) }

func BenchmarkMulDiv(b *testing.B) {
	r := Rate{1, 3}
	for b.Loop() {
		if _, _, err := MulDiv(1_000_000, r, RoundHalfEven); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseAmount(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseAmount("12345.67", 2); err != nil {
			b.Fatal(err)
		}
	}
}

// The rules allocate nothing once their slices have grown: a debit is what
// this program does most.
func TestBurnDoesNotAllocate(t *testing.T) {
	for _, n := range []int{4, 64} {
		a, reset := burner(n)
		var dst []Allocation
		allocs := testing.AllocsPerRun(100, func() {
			reset()
			var err error
			if dst, err = a.Debit("deb_bench", Amount(100*n), "", 1, dst[:0]); err != nil || len(dst) != n {
				t.Fatal(len(dst), err)
			}
			a.Balance(1)
			a.NextDue()
		})
		if allocs != 0 {
			t.Errorf("a debit over %d grants allocates %v times", n, allocs)
		}
	}
}
