package adaptertest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"scrip/adapters"
	"scrip/core"
)

// testSweep holds what a sweep of the objects tells against the webhooks that
// the sandbox sent for them.
func testSweep(t *testing.T, h Harness) {
	l := newLab(t, h)
	if !l.account(t).has("sweep events") {
		t.Log("not claimed: sweep events") // and so nothing to prove
		return
	}
	t.Run("as delivered", func(t *testing.T) { testSweptAsDelivered(t, l.account(t)) })
	t.Run("paging", func(t *testing.T) { testSweptPages(t, l.account(t)) })
	t.Run("faults", func(t *testing.T) { testSweepFaults(t, l.account(t)) })
}

// sweep reads all events of one owner since an instant, in pages of a size.
func (b *bench) sweep(since core.Time, customer string, size int) []adapters.Event {
	b.t.Helper()
	var out []adapters.Event
	for _, body := range all(b.t, size, func(p adapters.Page) (adapters.Listing[[]byte], error) {
		return b.port.Sweep(b.t.Context(), since, customer, p)
	}) {
		e, err := b.port.Normalise(body)
		if err != nil {
			b.t.Fatalf("a swept event: %v", err)
		}
		out = append(out, e)
	}
	return out
}

// sweepAll sweeps the objects of no one customer and those of each customer.
func (b *bench) sweepAll(since core.Time, size int) []adapters.Event {
	b.t.Helper()
	out := b.sweep(since, "", size)
	for _, l := range b.links {
		if l.Role == adapters.RoleCustomer {
			of := b.sweep(since, l.Vendor, size)
			for _, e := range of {
				if e.Customer != l.Vendor {
					b.t.Errorf("the sweep of customer %q tells of %q: %+v", l.Vendor, e.Customer, e)
				}
			}
			out = append(out, of...)
		}
	}
	return out
}

// meaning is what must not depend on how an event came here.
func meaning(e adapters.Event) string {
	e.ID, e.At, e.Reason = "", 0, ""
	text := fmt.Sprintf("%+v", e)
	if e.Payment != nil {
		text += fmt.Sprintf("%+v", *e.Payment)
	}
	return text
}

// testSweptAsDelivered sends orders and expects a sweep to tell what the
// webhooks told, by ids that are its own and stay the same; and to change
// nothing.
func testSweptAsDelivered(t *testing.T, b *bench) {
	m := b.mailbox()
	b.ready()
	for _, o := range []order{
		putCustomer(1), createGrant(1, b.held(8000)), createGrant(2, b.held(500)), consume(1, 350), endGrant(2, b.held(500)), sell(1, b.money(8000)),
	} {
		if b.has(o.needs) {
			b.customer = b.links.One(adapters.RoleCustomer)
			b.must(o)
		}
	}
	told := map[string]adapters.Event{} // by type and object
	delivered := m.take()
	for _, e := range delivered {
		told[e.Type+"/"+e.Object] = e
	}
	before := len(b.changing(0))
	found := b.sweepAll(b.now-hour, 100)
	facts, ids := map[string]bool{}, map[string]bool{}
	for _, e := range found {
		fact := e.Type + "/" + e.Object
		was, ok := told[fact]
		switch {
		case !ok:
			t.Errorf("a sweep tells %s, which no webhook did", fact)
		case meaning(was) != meaning(e):
			t.Errorf("%s is swept as\n%s, delivered as\n%s", fact, meaning(e), meaning(was))
		case e.ID == was.ID || e.ID == "" || ids[e.ID] || facts[fact]:
			t.Errorf("%s is swept twice or under no id of its own: %q", fact, e.ID)
		case e.Kind == adapters.UnknownEvent || e.Kind == adapters.SystemEvent:
			t.Errorf("%s is swept but has no effect", fact)
		case e.At < b.now-hour || e.At > b.now+hour:
			t.Errorf("%s is dated %s", fact, e.At)
		}
		facts[fact], ids[e.ID] = true, true
	}
	for _, e := range delivered {
		if (e.Mark != "" || e.Payment != nil) && !facts[e.Type+"/"+e.Object] {
			t.Errorf("%s/%s was delivered and is not swept", e.Type, e.Object)
		}
	}
	if len(facts) == 0 {
		t.Error("a sweep tells nothing")
	}
	for _, e := range b.sweepAll(b.now-hour, 1) {
		if !ids[e.ID] {
			t.Errorf("the next sweep tells %q under another id", e.ID)
		}
	}
	if later := b.sweepAll(b.now+hour, 100); len(later) != 0 {
		t.Errorf("a sweep since later tells %v", later)
	}
	if n := len(b.changing(0)) - before; n != 0 {
		t.Errorf("sweeps changed the vendor by %d requests", n)
	}
}

// testSweptPages sweeps many objects, each exactly once whatever the size of
// the pages.
func testSweptPages(t *testing.T, b *bench) {
	const many = 23
	b.ready()
	for n := 1; n < many; n++ {
		b.must(putCustomer(n))
	}
	b.customer = b.links.One(adapters.RoleCustomer)
	if b.has("grants") {
		for n := range many {
			b.must(createGrant(n, b.held(int64(100+n))))
		}
	}
	var want []string
	for _, size := range []int{1, 10, many, 100} {
		var ids []string
		for _, e := range b.sweep(b.now-hour, b.customer, size) {
			ids = append(ids, e.ID)
		}
		for _, e := range b.sweep(b.now-hour, "", size) {
			ids = append(ids, e.ID)
		}
		if want == nil {
			want = slices.Sorted(slices.Values(ids))
		}
		once(t, "events", ids, len(want))
		if got := slices.Sorted(slices.Values(ids)); len(got) < many || !slices.Equal(got, want) {
			t.Errorf("pages of %d bring %d events, pages of one brought %d", size, len(got), len(want))
		}
	}
}

// testSweepFaults breaks the answers of a sweep: none is taken for "nothing
// happened".
func testSweepFaults(t *testing.T, b *bench) {
	b.ready()
	b.fund()
	for _, customer := range []string{"", b.customer} {
		before := len(b.calls())
		if _, err := b.port.Sweep(t.Context(), b.now-hour, customer, adapters.Page{Limit: 10}); err != nil {
			t.Errorf("a sweep: %v", err)
		}
		if customer == "" && len(b.calls()) == before {
			continue // the vendor has nothing that belongs to no customer
		}
		for _, fault := range []struct{ kind, spec string }{
			{"status", `,"status":500,"count":50`}, {"status", `,"status":429,"count":50`}, {"status", `,"status":401,"count":50`},
			{"malformed", `,"count":50`}, {"malformed", `,"html":true,"count":50`}, {"reset", `,"count":50`},
		} {
			b.fault("", "", fault.kind, fault.spec)
			got, err := b.port.Sweep(t.Context(), b.now-hour, customer, adapters.Page{Limit: 10})
			if err == nil || !adapters.AsError(err).Retry() || len(got.Items) != 0 {
				t.Errorf("%s%s gives %d events, %v", fault.kind, fault.spec, len(got.Items), err)
			}
			b.control("DELETE", "faults", "", nil)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.port.Sweep(gone, b.now-hour, customer, adapters.Page{Limit: 10}); err == nil {
			t.Error("a cancelled sweep succeeded")
		}
		if _, err := b.port.Sweep(t.Context(), b.now-hour, customer, adapters.Page{Limit: 10, Cursor: "no-cursor-of-theirs"}); err == nil {
			t.Error("a cursor of nobody is no error")
		}
	}
	if _, err := b.port.Sweep(t.Context(), b.now-hour, "nobody", adapters.Page{Limit: 10}); adapters.AsError(err).Code != adapters.CodeNotFound {
		t.Errorf("the sweep of an unknown customer: %v", err)
	}
}
