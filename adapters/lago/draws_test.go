package lago_test

import (
	"fmt"
	"maps"
	"net/http"
	"testing"

	"scrip/adapters"
	"scrip/core"
)

// TestDrawsOverTopUps draws on a grant whose value lies in two top-ups, and
// loses the answer of the second void: what is found and what is told is whole
// or not at all.
//
// PA-03.
func TestDrawsOverTopUps(t *testing.T) {
	r := newRig(t)
	r.grant(1, 500, 90)
	r.consume(1, 1, 450)
	r.consume(2, 1, -200)
	order := r.draw(3, 1, 230)
	r.posts, r.cut = nil, func(*http.Request) bool { return len(r.posts) == 2 }
	if _, err := r.a.Consume(t.Context(), order); !adapters.AsError(err).Ambiguous() {
		t.Fatalf("the lost answer gave %v", err)
	}
	r.cut = nil
	if sum, _ := r.active(); sum == 20 || sum == 250 {
		t.Fatalf("%d are left: the draw was not cut in two", sum)
	}
	if found, err := r.a.Find(t.Context(), order.Mark); err != nil || len(found.Links) != 0 {
		t.Errorf("half a draw is found: %v, %v", found, err)
	}
	first := r.keep(r.a.Consume(t.Context(), order))
	again, err := r.a.Consume(t.Context(), order)
	found, findErr := r.a.Find(t.Context(), order.Mark)
	if fmt.Sprint(first, again, err) != fmt.Sprint(again, found, findErr) {
		t.Errorf("first %v, again %v, %v, found %v, %v", first, again, err, found, findErr)
	}
	if sum, _ := r.active(); sum != 20 || r.usage() != 480 {
		t.Errorf("%d are left, %d used", sum, r.usage())
	}
}

// TestEachReleaseKeepsWallets gives three grants to one wallet, draws on them
// and ends them, in releases that void by name and in those that do not: the
// wallet is right at every step, and with names each grant is.
func TestEachReleaseKeepsWallets(t *testing.T) {
	for _, variant := range []string{"", "version_1_51", "version_1_50", "wallets_not_traceable"} {
		t.Run("with "+variant, func(t *testing.T) {
			var on []string
			if variant != "" {
				on = []string{variant}
			}
			r := newRig(t, on...)
			for n, cents := range []int64{300, 200, 100} {
				r.grant(n, cents, 70)
			}
			want := map[core.ID]int64{grantID(0): 300, grantID(1): 200, grantID(2): 100}
			check := func(what string) {
				t.Helper()
				var sum int64
				for _, n := range want {
					sum += n
				}
				if got, _ := r.active(); got != sum {
					t.Errorf("%s: the wallet holds %d, want %d", what, got, sum)
				}
				if got := r.left(); (variant == "" || variant == "wallets_not_traceable") && !maps.Equal(got, want) {
					t.Errorf("%s: the grants hold %v, want %v", what, got, want)
				}
			}
			for i, step := range []struct {
				grant int
				cents int64
			}{{1, 150}, {2, 100}, {1, -30}, {0, 10}, {2, -100}, {1, 80}} {
				r.consume(i, step.grant, step.cents)
				want[grantID(step.grant)] -= step.cents
				check(fmt.Sprint("step ", i))
			}
			for n := range 3 {
				for range 2 {
					r.end(n)
					want[grantID(n)] = 0
					check(fmt.Sprint("end ", n))
				}
			}
			if got := r.usage(); got != 150+100-30+10-100+80 {
				t.Errorf("usage is %d", got)
			}
		})
	}
}

// TestWhatOthersTook lets a person void a part of one grant: its end takes what
// is left of it and nothing of the other.
func TestWhatOthersTook(t *testing.T) {
	r := newRig(t)
	r.grant(1, 300, 70)
	r.grant(2, 200, 70)
	r.call("POST", "/api/v1/wallet_transactions", fmt.Sprintf(`{"wallet_transaction":{"wallet_id":%q,"voided_credits":"1.2","voided_transaction_id":%q}}`,
		r.wallets()[0].ID, linkOf(r.links, grantID(1))), nil)
	r.end(1)
	if got := r.left(); got[grantID(1)] != 0 || got[grantID(2)] != 200 {
		t.Errorf("left are %v", got)
	}
}

func linkOf(links adapters.Links, id core.ID) string {
	for _, l := range links {
		if l.Role == adapters.RoleGrant && l.Neutral == string(id) {
			return l.Vendor
		}
	}
	return ""
}

// TestNoRoomToDraw draws more than anything holds: a definite refusal.
func TestNoRoomToDraw(t *testing.T) {
	r := newRig(t)
	r.grant(1, 300, 70)
	_, err := r.a.Consume(t.Context(), r.draw(1, 1, 301))
	if e := adapters.AsError(err); e.Code != adapters.CodeInvalid {
		t.Errorf("drawn too much: %v", err)
	}
	if sum, _ := r.active(); sum != 300 {
		t.Errorf("the refused draw left %d", sum)
	}
	if _, err := r.a.Consume(t.Context(), r.draw(2, 9, 1)); adapters.AsError(err).Code != adapters.CodeInvalid {
		t.Errorf("drawn on a grant that was never given: %v", err)
	}
}
