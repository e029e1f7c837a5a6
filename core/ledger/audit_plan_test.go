//go:build !race

package ledger_test

import (
	"testing"

	"scrip/core/ledger"
	"scrip/core/plan"
)

// The audit holds what is kept of a plan against the entries, and knows a
// subscription's grants from others.
func TestAuditOfPlans(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.until("2026-01-31T10:00:00Z")
	b.subscribe(plan.Wish{Terms: proPlan()})
	b.until("2026-02-28T10:00:00Z")
	_, _, err := b.Debit(b.ctx, "some", charge(ann, 135_00))
	b.need(err)
	b.clean()
	m := newMutator(t, b)
	for _, edit := range []struct{ column, old, new string }{
		{"policy", `"given":10000`, `"given":10001`}, {"policy", `"grants":1`, `"grants":2`}, {"policy", `"units":500`, `"units":501`},
		{"policy", `"period":1`, `"period":2`}, {"policy", `"plan":"pro"`, `"plam":"pro"`}, {"policy", `"v":1`, `"v":2`}, {"policy", `"period":1`, `"period": 1`},
	} {
		swap := func(from, to string) {
			m.run("UPDATE accounts SET " + edit.column + " = replace(" + edit.column + ", '" + from + "', '" + to + "')")
		}
		if swap(edit.old, edit.new); m.conn.Changes() == 0 || !m.seen("plan") {
			t.Errorf("%s is as good to the audit as %s", edit.new, edit.old)
		}
		swap(edit.new, edit.old)
	}
	if m.seen("end") {
		t.Error("the mutations were not all taken back")
	}
	for _, edit := range [][2]string{
		{"starts = starts + 1", "starts = starts - 1"}, {"category = 'promotional'", "category = 'rollover'"}, {"recorded = recorded - 1", "recorded = recorded + 1"},
	} {
		m.run("UPDATE grants SET " + edit[0] + " WHERE amount = 3000")
		if m.conn.Changes() != 1 || !m.seen("rolled") {
			t.Errorf("a rolled grant with %s is as good to the audit", edit[0])
		}
		m.run("UPDATE grants SET " + edit[1] + " WHERE amount = 3000")
	}
	if m.seen("end") {
		t.Error("the mutations were not all taken back")
	}
}
