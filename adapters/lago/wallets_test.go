package lago_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"scrip/adapters"
	"scrip/adapters/lago"
	"scrip/core"
)

const day = 24 * hour

func TestExpiryAtVendor(t *testing.T) {
	for expires, want := range map[string]string{
		"2026-12-30T23:59:59Z": "2027-01-01T00:00:00Z",
		"2026-12-31T00:00:00Z": "2027-01-01T00:00:00Z",
		"2026-12-31T00:00:01Z": "2027-04-01T00:00:00Z",
		"2027-01-01T00:00:00Z": "2027-04-01T00:00:00Z",
	} {
		at, err := core.ParseTime(expires)
		if err != nil {
			t.Fatal(err)
		}
		if got := lago.ExpiryAtVendor(at).Std().Format(time.RFC3339); got != want {
			t.Errorf("%s expires at the vendor at %s, want %s", expires, got, want)
		}
	}
	if lago.ExpiryAtVendor(core.Never) != core.Never {
		t.Error("never is not for ever")
	}
}

func TestExpiryAtVendorIsLater(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := core.Time(rapid.Int64Range(0, int64(200*365*day)).Draw(t, "at"))
		got := lago.ExpiryAtVendor(at)
		if over := got - at; over < day || over > 93*day || got.Std().Day() != 1 || got.Std().Month()%3 != 1 || got%day != 0 {
			t.Fatalf("%s becomes %s", at, got)
		}
	})
}

// TestAYearFits gives a grant of a year's life every week: none has to wait.
func TestAYearFits(t *testing.T) {
	r := newRig(t)
	r.grant(0, 100, 0)
	for n := 1; n <= 60; n++ {
		r.advance("168h")
		r.grant(n, 100, 365)
		if sum, count := r.active(); count > 6 || sum == 0 {
			t.Fatalf("%d wallets hold %d", count, sum)
		}
	}
}

// TestSixWallets gives grants of seven quarters of expiry: the seventh waits until
// a wallet of ours is empty, and then takes its place.
func TestSixWallets(t *testing.T) {
	r := newRig(t)
	for n := range 6 {
		r.grant(n, 100, 60+92*n)
	}
	seventh := r.grantOrder(6, 700, 0)
	for range 2 {
		_, err := r.a.CreateGrant(t.Context(), seventh)
		if e := adapters.AsError(err); e.Code != adapters.CodeFull || e.Ambiguous() || e.Retry() {
			t.Fatalf("the seventh wallet: %v", err)
		}
	}
	if sum, n := r.active(); sum != 600 || n != 6 {
		t.Fatalf("%d wallets hold %d", n, sum)
	}
	r.grant(7, 50, 61) // another grant of a quarter that has a wallet
	r.consume(1, 2, 100)
	r.keep(r.a.CreateGrant(t.Context(), seventh))
	sum, n := r.active()
	if sum != 500+50+700 || n != 6 {
		t.Errorf("%d wallets hold %d", n, sum)
	}
	// What comes back to the grant whose wallet was ended finds no room: it goes
	// to the wallet that expires next.
	order := r.draw(2, 2, -40)
	first := r.keep(r.a.Consume(t.Context(), order))
	if again, err := r.a.Consume(t.Context(), order); err != nil || again.Links[0] != first.Links[0] {
		t.Errorf("again %v, %v; first %v", again, err, first)
	}
	r.consume(3, 2, 15)
	for _, w := range r.wallets() {
		if w.Status == "active" && w.Balance == 125 {
			n++
		}
	}
	if got := r.left()[grantID(2)]; got != 25 || n != 7 {
		t.Errorf("%d are left of the grant, want 25", got)
	}
	for n := range 8 {
		r.end(n)
	}
	if sum, _ := r.active(); sum != 0 {
		t.Errorf("after all ends %d are left", sum)
	}
}

// TestFiveWallets is the limit that the documents tell.
func TestFiveWallets(t *testing.T) {
	r := newRig(t, "wallet_limit_five")
	for n := range 5 {
		r.grant(n, 100, 60+92*n)
	}
	if _, err := r.a.CreateGrant(t.Context(), r.grantOrder(5, 100, 0)); adapters.AsError(err).Code != adapters.CodeFull {
		t.Errorf("the sixth wallet: %v", err)
	}
}

// TestPutBackAfterTheWalletEnded puts back what was drawn from a wallet that
// somebody has ended: it goes into another wallet, once.
func TestPutBackAfterTheWalletEnded(t *testing.T) {
	r := newRig(t)
	r.grant(1, 500, 90)
	r.consume(1, 1, 500)
	r.call("DELETE", "/api/v1/wallets/"+r.wallets()[0].ID, "", nil)
	order := r.draw(2, 1, -120)
	first := r.keep(r.a.Consume(t.Context(), order))
	for _, links := range []adapters.Links{order.Links, r.links} {
		order.Links = links
		again, err := r.a.Consume(t.Context(), order)
		if err != nil || len(again.Links) != 2 || again.Links[0] != first.Links[0] {
			t.Errorf("again %v, %v; first %v", again, err, first)
		}
	}
	if sum, n := r.active(); sum != 120 || n != 1 {
		t.Errorf("%d wallets hold %d", n, sum)
	}
	found, err := r.a.Find(t.Context(), order.Mark)
	if err != nil || len(found.Links) == 0 || found.Links[0] != first.Links[0] {
		t.Errorf("found %v, %v", found, err)
	}
	r.consume(3, 1, 20)
	if got := r.usage(); got != 500-120+20 {
		t.Errorf("usage is %d", got)
	}
	r.end(1)
	if sum, _ := r.active(); sum != 0 {
		t.Errorf("after the end %d are left", sum)
	}
}

// TestExpiredWallet tells consumption, an end and a return of a grant whose
// wallet has expired: all are moot, none is an error.
func TestExpiredWallet(t *testing.T) {
	r := newRig(t)
	r.grant(1, 500, 20)
	r.consume(1, 1, 100)
	r.advance("2400h")
	if sum, n := r.active(); n != 0 {
		t.Fatalf("%d wallets hold %d after their time", n, sum)
	}
	r.posts = nil
	for n, cents := range map[int]int64{2: 30, 3: -30} {
		if got := r.consume(n, 1, cents); len(got.Links) != 0 {
			t.Errorf("%d told of an expired wallet brought %v", cents, got.Links)
		}
	}
	r.end(1)
	if got := r.left(); len(got) != 0 {
		t.Errorf("an expired wallet has %v", got)
	}
	var state struct {
		Customers []struct{ Consumed string }
	}
	r.call("GET", "/_sandbox/state", "", &state)
	if len(state.Customers) != 1 || len(state.Customers[0].Consumed) == 0 || state.Customers[0].Consumed[0] != '1' {
		t.Errorf("the vendor's count is %+v", state)
	}
}
