package adaptertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/core"
)

// testPrecision sends amounts of every size in currencies of every scale and
// reads them back, by the adapter and by the sandbox.
func testPrecision(t *testing.T, h Harness) {
	l := newLab(t, h)
	for _, kind := range h.kinds() {
		t.Run(fmt.Sprintf("grants in %s of %d decimals", kind.Unit, kind.Scale), func(t *testing.T) { testHoldings(t, l.account(t).ready(), kind) })
	}
	t.Run("consumption", func(t *testing.T) { testConsumption(t, l) })
}

func testHoldings(t *testing.T, b *bench, kind adapters.Holding) {
	if !b.has("grants") {
		t.Log("not claimed: grants") // and so nothing to prove
		return
	}
	var want []string
	for n, quanta := range []int64{1, 99, 100, 101, 12_345, 99_999_999, 9_007_199_254_740_993} {
		kind.Quanta = quanta
		b.must(createGrant(n, kind))
		want = append(want, plain(kind))
	}
	var told []string
	for _, g := range b.state().Customers[0].Grants {
		told = append(told, trimmed(g.Amount))
	}
	same(t, "the vendor holds", told, want)
	if !b.has("read grants") {
		return
	}
	var read []string
	for _, g := range all(t, 3, func(p adapters.Page) (adapters.Listing[adapters.VendorGrant], error) {
		return b.port.Grants(t.Context(), b.customer, p)
	}) {
		if g.Held != g.Left || g.Value != g.Remaining || g.State != core.Open {
			t.Errorf("an untouched grant of %s has %s and is %s", plain(g.Held), plain(g.Left), g.State)
		}
		if money := b.value(g.Held); g.Held.Unit != kind.Unit || money != g.Value {
			t.Errorf("a grant is held as %s %s, which is not %s", plain(g.Held), g.Held.Unit, g.Value)
		}
		read = append(read, plain(g.Held))
	}
	same(t, "read back", read, want)
}

// same compares two lists of decimals in any order.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("%s %v, want %v", what, got, want)
	}
}

// plain is a holding as the shortest decimal.
func plain(h adapters.Holding) string { return trimmed(core.Amount(h.Quanta).Format(h.Scale)) }

func trimmed(decimal string) string {
	if !strings.Contains(decimal, ".") {
		return decimal
	}
	return strings.TrimRight(strings.TrimRight(decimal, "0"), ".")
}

// testTakingBack tells windows and takes one back, twice: the others stay.
func testTakingBack(t *testing.T, h Harness) {
	b := newLab(t, h).account(t).ready()
	if !b.has("cancel consumption") || !b.has("read usage") {
		t.Log("not claimed: cancel consumption, read usage") // and so nothing to prove
		return
	}
	b.fund()
	b.must(consume(1, 350))
	b.must(consume(2, 7))
	b.must(takeBack(1))
	b.must(takeBack(1))
	got, err := b.port.Usage(t.Context(), b.usage(b.now-hour, b.now+hour))
	if err != nil || got != 7 {
		t.Errorf("usage is %d, %v; want the 7 of the window that was kept", got, err)
	}
}

func testConsumption(t *testing.T, l *lab) {
	b := l.account(t).ready()
	if !b.has("consumption") {
		t.Log("not claimed: consumption") // and so nothing to prove
		return
	}
	if b.has("grants") {
		b.must(createGrant(1, b.held(9_007_199_254_740_993)))
	}
	var want int64
	for n, quanta := range []int64{1, 0, 7, l.h.Quanta, 3} {
		got := b.must(consume(n, quanta))
		want += quanta
		if quanta == 0 && len(got.Links) != 0 {
			t.Errorf("a window of nothing got the links %v", got.Links)
		}
	}
	if b.draws() {
		b.must(consume(9, -1))
		want--
	} else if _, err := consume(9, -1).send(t.Context(), b); adapters.AsError(err).Code != adapters.CodeInvalid {
		t.Errorf("consumption below zero: %v", err)
	}
	if !b.has("read usage") {
		return
	}
	read := func(from, to core.Time) int64 {
		got, err := b.port.Usage(t.Context(), b.usage(from, to))
		if err != nil {
			t.Fatalf("usage: %v", err)
		}
		return got
	}
	if got := read(b.now-hour, b.now+hour); got != want {
		t.Errorf("usage reads back as %d, want %d", got, want)
	}
	if got := read(b.now-3*hour, b.now-2*hour); got != 0 {
		t.Errorf("usage before there was any is %d", got)
	}
}

// all walks a listing to its end in pages of the given size. It fails on a
// cursor that comes again, which would be an endless loop.
func all[T any](t *testing.T, size int, read func(adapters.Page) (adapters.Listing[T], error)) []T {
	t.Helper()
	var out []T
	seen := map[string]bool{}
	p := adapters.Page{Limit: size}
	for {
		got, err := read(p)
		if err != nil {
			t.Fatalf("page after %q: %v", p.Cursor, err)
		}
		if len(got.Items) > size {
			t.Fatalf("a page of %d items was asked for, %d came", size, len(got.Items))
		}
		out = append(out, got.Items...)
		if got.Next == "" {
			return out
		}
		if seen[got.Next] {
			t.Fatalf("cursor %q comes again", got.Next)
		}
		seen[got.Next] = true
		p.Cursor = got.Next
	}
}

// once fails unless each of n ids is in the list exactly once.
func once(t *testing.T, what string, ids []string, n int) {
	t.Helper()
	slices.Sort(ids)
	if unique := len(slices.Compact(slices.Clone(ids))); len(ids) != n || unique != n {
		t.Errorf("%d %s read, %d different, want %d", len(ids), what, unique, n)
	}
}

// testPaging reads lists of many objects, each object exactly once.
func testPaging(t *testing.T, h Harness) {
	const many = 23
	l := newLab(t, h)
	b := l.account(t).ready()
	for n := 1; n < many; n++ {
		b.must(putCustomer(n))
	}
	b.customer = b.links.One(adapters.RoleCustomer)
	for _, size := range []int{1, 10, many, 100} {
		t.Run(fmt.Sprintf("by %d", size), func(t *testing.T) {
			if b.has("read customers") {
				var ids []string
				for _, c := range all(t, size, func(p adapters.Page) (adapters.Listing[adapters.VendorCustomer], error) {
					return b.port.Customers(t.Context(), p)
				}) {
					ids = append(ids, c.Neutral)
				}
				once(t, "customers", ids, many)
			}
			if b.has("list events") {
				var ids []string
				for _, body := range all(t, size, func(p adapters.Page) (adapters.Listing[[]byte], error) {
					return b.port.Events(t.Context(), b.now-hour, p)
				}) {
					e, err := b.port.Normalise(body)
					if err != nil {
						t.Fatalf("a listed event: %v", err)
					}
					if e.Kind == adapters.CustomerEvent {
						ids = append(ids, e.ID)
					}
				}
				once(t, "events", ids, many)
			}
		})
	}
	if b.has("grants") && b.has("read grants") {
		for n := range many {
			b.must(createGrant(n, b.held(int64(100+n))))
		}
		var ids []string
		for _, g := range all(t, 10, func(p adapters.Page) (adapters.Listing[adapters.VendorGrant], error) {
			return b.port.Grants(t.Context(), b.customer, p)
		}) {
			ids = append(ids, g.Neutral)
		}
		once(t, "grants", ids, many)
	}
}
