package reconcile_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/adapters/orb"
	orbbox "scrip/adapters/orb/sandbox"
	kit "scrip/adapters/sandbox"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/internal/clock"
	"scrip/mapping"
)

// newOrbTown is a town whose vendor holds units and debits the lot that we name.
func newOrbTown(t *testing.T) *town {
	t.Helper()
	box := orbbox.New(kit.Options{Seed: 1})
	server := httptest.NewServer(box)
	t.Cleanup(func() { server.Close(); box.Close() })
	x := &town{t: t, vendor: server.URL, clock: clock.Test(0), route: mapping.Route{Primary: "main"}}
	x.must(x.clock.Set(x.clock.Now().Add(time.Second)))
	x.conn = mapping.Connection{
		Name: "main", Strategy: adapters.Mirror, HoldsUnits: true, Units: map[string]string{"credits": "credits"}, Window: time.Minute, Create: true, Draws: true,
	}
	a, err := orb.New(orb.Config{Key: apiKey, BaseURL: server.URL + "/v1", Units: []string{"credits"}, Now: x.clock.Now})
	x.must(err)
	x.control("units", map[string]any{"units": []map[string]any{{"name": "credits"}}})
	x.open(a)
	return x
}

// Late usage of a grant that has expired is charged to it here. The vendor has
// ended its own, so it hears nothing of that part, and its other grants stay as
// they are; nor does it hear more when it is given back.
func TestLateUsageOfAnExpiredGrant(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *town{
		"meter": newTown, "mirror": func(t *testing.T) *town { return newMirrorTown(t, newMirror()) }, "lots": newOrbTown,
	} {
		t.Run(name, func(t *testing.T) {
			x := open(t)
			x.customer("acme")
			key := ledger.AccountKey{Customer: "acme", Unit: "credits"}
			first := x.grant("acme", "first", 100_00, core.Terms{Expires: x.clock.Now().Add(time.Hour)})
			x.settle()
			x.grant("acme", "second", 100_00, core.Terms{Expires: x.clock.Now().Add(500 * time.Hour)})
			happened := x.clock.Now().Add(30 * time.Minute)
			x.debit("acme", "on-time", 30_00)
			x.advance(2 * time.Hour)
			x.settle()
			x.settle()
			expect(t, x.compare(), "", "")
			took := func(key string, amount core.Amount) core.ID {
				t.Helper()
				r, _, err := x.led.Debit(t.Context(), key, ledger.Charge{Account: ledger.AccountKey{Customer: "acme", Unit: "credits"}, Amount: amount, At: happened})
				x.must(err)
				return r.ID
			}
			late := took("late", 20_00) // in a window of its own
			x.settle()
			expect(t, x.compare(), "", "")
			x.debit("acme", "between", 5_00)
			took("later", 10_00) // in one that is open
			if r := x.compare(); !r.Agrees() {
				t.Errorf("while a window is open: %+v", r.Findings)
			}
			took("both", 50_00) // 40 of the first, the rest of the second
			x.settle()
			expect(t, x.compare(), "", "")
			a, err := x.led.Account(t.Context(), key)
			x.must(err)
			if got := a.Balance(x.clock.Now()); got.Available != 85_00 {
				t.Errorf("%+v is left, want 85.00", got)
			}
			// What is given back of it expires again.
			_, _, err = x.led.Reverse(t.Context(), "back", late, 0)
			x.must(err)
			x.settle()
			expect(t, x.compare(), "", "")
			_, g, err := x.led.Reader().Accounts.Grant(t.Context(), first)
			x.must(err)
			if g.Consumed() != 80_00 || g.Ended != 20_00 {
				t.Errorf("of the first %d is consumed and %d has expired, want 80.00 and 20.00", g.Consumed(), g.Ended)
			}
			q, err := x.led.Reader().Queues.Stats(t.Context(), x.clock.Now())
			x.must(err)
			for _, s := range q {
				if s.Parked > 0 {
					t.Errorf("%+v", s)
				}
			}
		})
	}
}

// What is given back of usage that was told, to a grant that has ended since,
// ends at once; where we name the vendor's lots, the others stay as they are.
func TestGivenBackToAnEndedLot(t *testing.T) {
	x := newOrbTown(t)
	x.customer("acme")
	first := x.grant("acme", "first", 100_00, core.Terms{Expires: x.clock.Now().Add(time.Hour)})
	x.settle()
	x.grant("acme", "second", 100_00, core.Terms{Expires: x.clock.Now().Add(500 * time.Hour)})
	account := ledger.AccountKey{Customer: "acme", Unit: "credits"}
	r, _, err := x.led.Debit(t.Context(), "debit", ledger.Charge{Account: account, Amount: 30_00})
	x.must(err)
	x.advance(2 * time.Hour)
	x.settle()
	x.settle()
	expect(t, x.compare(), "", "")
	_, _, err = x.led.Reverse(t.Context(), "back", r.ID, 0)
	x.must(err)
	x.settle()
	expect(t, x.compare(), "", "")
	_, g, err := x.led.Reader().Accounts.Grant(t.Context(), first)
	if err != nil || g.Ended != 100_00 {
		t.Errorf("the first is %+v, %v; want all of it expired", g, err)
	}
}
