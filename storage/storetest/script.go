package storetest

import (
	"testing"

	"pgregory.net/rapid"

	"scrip/core/ledger"
)

// scriptRound is how many steps a script makes before everything is compared.
const scriptRound = 100

// Script runs the random script of a seed, so many steps long, on an empty
// store, holds every answer against the model's and now and then all that can be
// read, and returns that as it is at the end: of two stores the same. Instants,
// ids and entries are in it, positions are not.
func Script(t *testing.T, store ledger.Store, seed, steps int) (end string) {
	t.Helper()
	both := &pair{ctx: t.Context(), store: store, model: newModel(), now: start}
	var failed any
	rounds := rapid.Custom(func(rt *rapid.T) bool {
		defer func() { failed = recover() }() // rapid would only try another
		both.T = rt
		actions := []func(*rapid.T){
			both.account, both.account, both.account, both.issue, both.reserve, both.putRecord, both.arrive, both.sendIntent,
			both.claim, both.forget, both.link, both.request, both.pass, both.due,
		}
		for range scriptRound {
			if n := rapid.IntRange(0, len(actions)).Draw(rt, "action"); n < len(actions) {
				actions[n](rt)
			} else if len(both.events)+len(both.intents) > 0 {
				both.settle(rt)
			}
		}
		both.compare(rt)
		return true
	})
	for round := range (steps + scriptRound - 1) / scriptRound {
		if rounds.Example(seed*1_000_003 + round); failed != nil {
			t.Fatalf("seed %d, steps %d to %d: %v", seed, round*scriptRound, (round+1)*scriptRound, failed)
		}
	}
	end, err := dump(t.Context(), store.Reader(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	return end
}
