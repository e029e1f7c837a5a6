package adaptertest

import (
	"slices"
	"strings"
	"testing"

	"scrip/adapters"
)

// testClaims holds the traits against the method set.
func testClaims(t *testing.T, h Harness) {
	b := newLab(t, h).account(t)
	tr := b.port.Traits()
	claim := func(ok bool, text string) {
		t.Helper()
		if !ok {
			t.Error(text)
		}
	}
	claim(tr.Provider != "" && tr.Provider == strings.ToLower(tr.Provider), "the provider has no lower-case name")
	claim(len(tr.Strategies) > 0, "no strategy is named")
	claim(tr.WhyNot != "" || len(tr.Strategies) == 3, "missing strategies have no reason")
	claim(tr.QuantumOf != "" && tr.PerSecond > 0, "the quantum or the rate limit is not told")
	for _, s := range tr.Strategies {
		claim(b.has("customers"), "no strategy goes without customers")
		if s != adapters.Totals {
			claim(b.has("grants") && b.has("consumption"), string(s)+" needs grants and consumption")
		}
	}
	claim(!b.has("grants") || len(tr.BurnOrder) > 0, "grants are held but no burn order is told")
	checkEchoes(t, b, tr)
	checkFacts(t, b, tr)
	reads := b.has("read grants") || b.has("read usage") || b.has("read customers")
	claim(reads == (len(tr.Comparable) > 0), "what can be compared and what can be read do not agree")
	claim(tr.KeyLifetime > 0 || b.has("find by mark"), "writes can neither be repeated by a key nor looked up")
}

func checkEchoes(t *testing.T, b *bench, tr adapters.Traits) {
	needs := map[adapters.Kind]string{
		adapters.CustomerKind: "customers", adapters.GrantKind: "grants", adapters.EndKind: "end grants",
		adapters.ConsumeKind: "consumption", adapters.SellKind: "sell packs",
	}
	seen := map[adapters.Kind]bool{}
	for _, e := range tr.Echoes {
		if seen[e.Write] || needs[e.Write] == "" || e.How == "" {
			t.Errorf("echo of %q is told twice, of no known write, or without how", e.Write)
		}
		seen[e.Write] = true
	}
	for kind, capability := range needs {
		if b.has(capability) != seen[kind] {
			t.Errorf("claims %q: %v, tells its echo: %v", capability, b.has(capability), seen[kind])
		}
	}
}

// rows are the facts that every column of the capability matrix has.
var rows = []string{
	"object", "never expires", "expiry", "future start", "priority", "paid / promotional", "cost basis", "scope", "limits",
	"void unspent", "idempotency", "negative balance, hold",
}

func checkFacts(t *testing.T, b *bench, tr adapters.Traits) {
	fits := map[string]adapters.Fit{}
	for _, f := range tr.Facts {
		if _, twice := fits[f.Name]; twice || f.How == "" || f.Source == "" {
			t.Errorf("fact %q is told twice, without how, or without source", f.Name)
		}
		if !slices.Contains([]adapters.Fit{adapters.Exact, adapters.Loss, adapters.Kept, adapters.Refused}, f.Fit) {
			t.Errorf("fact %q has the unknown fit %q", f.Name, f.Fit)
		}
		fits[f.Name] = f.Fit
	}
	for _, row := range rows {
		if fits[row] == "" {
			t.Errorf("fact %q is not told", row)
		}
	}
	if fits["void unspent"] != adapters.Refused && fits["void unspent"] != adapters.Kept && !b.has("end grants") {
		t.Error("void unspent is claimed without the method for it")
	}
	if fits["idempotency"] != adapters.Refused && tr.KeyLifetime == 0 && !b.has("find by mark") {
		t.Error("idempotency is claimed without keys and without look-up")
	}
}
