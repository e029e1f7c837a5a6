package sim

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// mutation is one deliberate fault in the gateway, which the simulation has to
// find within fifty seeds.
type mutation struct {
	name     string
	file     string
	old, new string
}

// mutations are the faults that have cost others, or would have cost us, money.
// Each old text stands in its file exactly once.
var mutations = []mutation{
	{"forget the inbox mark", "webhooks/worker.go",
		"			r.forget(tx, &row)\n			tx.PutEvent(&row)\n", "			r.forget(tx, &row)\n"},
	{"retry with a new key", "mapping/sync/plan.go",
		"o.mark = adapters.Mark{ID: row.ID, Kind: body.Kind()",
		"o.mark = adapters.Mark{ID: core.NewID(core.IntentID, row.Customer, string(row.ID), row.RetryAt.String(), 0), Kind: body.Kind()"},
	{"drop the natural key of a payment", "core/ledger/purchase.go",
		"	tx.UseNatural(paymentKey(p.ID), g.ID)\n", ""},
	{"expiry inclusive", "core/rules.go",
		"		if due > now {\n", "		if due >= now {\n"},
	{"release a hold twice", "core/hold.go",
		"	if h.State != HoldOpen {\n		return nil, Errorf(CodeHoldNotOpen, \"hold %q is %s\", string(id), h.State)",
		"	if h.State == HoldExpired {\n		return nil, Errorf(CodeHoldNotOpen, \"hold %q is %s\", string(id), h.State)"},
	{"lose the residual of a conversion", "core/convert/exact.go",
		"for _, i := range order[:rest] {", "for _, i := range order[:0] {"},
	{"acknowledge before the commit", "webhooks/receiver.go",
		"port, name, body, delivered); err != nil {", "port, name, body, delivered); err != nil && ctx.Err() != nil {"},
	{"skip the fingerprint of a request", "core/ledger/request.go",
		"	if a.Fields != k.fields {\n", "	if a.Fields == \"\" {\n"},
	{"do not fence the lease", "mapping/sync/job.go",
		"return ledger.Lease{ID: j.id, Fence: j.item.Fence}", "return ledger.Lease{ID: j.id}"},
	{"forget an outbox intent", "mapping/outward.go",
		"		intents = append(intents, windowIntent(now, c, a, entries)...)\n		intents = append(intents, endIntents(now, c, a, entries)...)\n",
		"		intents = append(intents, windowIntent(now, c, a, entries)...)\n"},
	{"credit on less money than was asked for", "core/sale/purchase.go",
		"case pay.Paid.Minor != p.Price.Minor:", "case pay.Paid.Minor > p.Price.Minor:"},
	{"a move, or its rollback, skips an account", "mapping/migrate/move.go",
		"		ops := make([]*ledger.Op, len(keys))\n", "		keys = keys[min(1, len(keys)-1):]\n		ops := make([]*ledger.Op, len(keys))\n"},
	{"count a window twice", "core/window.go",
		"w.Opened, w.Closes, w.Told, w.Apart = 0, 0, consumed, 0", "w.Opened, w.Closes, w.Apart = 0, 0, 0"},
	{"give a debit back more than once", "core/reverse.go",
		"if amount <= 0 || amount > total-before {", "if amount <= 0 || amount > total {"},
	{"keep what is given back in a unit that was left", "core/rules.go",
		"	case a.Became != \"\": // nothing was left of it when its account was converted\n", "	case a.Became == \"never\":\n"},
	{"count in the answer of a void what time decided", "core/ledger/commands.go",
		"			a.Settle(tx.Now) // what time has decided is not the answer's\n", ""},
	{"take a window back whose month was billed", "mapping/sync/plan.go",
		"	if j.port.Traits().BillsMonths {\n", "	if j.port.Traits().BillsMonths && j.id == \"\" {\n"},
	{"leave the lot of a spent grant at the vendor", "mapping/outward.go",
		"	return append(append(ends, window...), spentIntents(now, c, a, entries)...)\n", "	return append(ends, window...)\n"},
	{"keep credits back whose dispute was won", "core/sale/returns.go",
		"		if c := &p.Returns.Claims[i]; c.State != Won {\n", "		if c := &p.Returns.Claims[i]; c.State != \"\" {\n"},
	{"roll over more than the most", "core/plan/renew.go",
		"id, part := g.ID, min(g.Free(), room)", "id, part := g.ID, max(g.Free(), room)"},
}

const moduleRoot = "../.."

// TestMutations holds the list against the code. With SCRIP_SIM_MUTATIONS=1 it
// builds the gateway with each fault and looks for the first seed that finds
// it; a name, or a part of one, instead of 1 takes only those.
func TestMutations(t *testing.T) {
	for _, m := range mutations {
		text, err := os.ReadFile(filepath.Join(moduleRoot, m.file))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), m.old); n != 1 || m.old == m.new {
			t.Errorf("%s: its old text stands %d times in %s", m.name, n, m.file)
		}
	}
	wanted := os.Getenv("SCRIP_SIM_MUTATIONS")
	if wanted == "" || t.Failed() {
		return
	}
	for _, m := range mutations {
		if wanted == "1" || strings.Contains(m.name, wanted) {
			t.Run(strings.ReplaceAll(m.name, " ", "_"), func(t *testing.T) { m.find(t) })
		}
	}
}

// find builds a copy of the module with the fault and runs fifty seeds.
func (m mutation) find(t *testing.T) {
	dir := t.TempDir()
	root, err := filepath.Abs(moduleRoot)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		t.Fatal(err)
	}
	changed, overlay := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(changed, strings.Replace(string(text), m.old, m.new, 1))
	write(overlay, fmt.Sprintf("{\"Replace\": {%q: %q}}", filepath.Join(root, m.file), changed))
	binary := filepath.Join(dir, "sim.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("it does not build: %s", out)
	}
	begun := time.Now()
	for seed := 1; seed <= 50; seed++ {
		cmd := exec.CommandContext(t.Context(), binary, "-test.run", "TestSeed$", "-test.timeout", "60s")
		cmd.Env = append(os.Environ(), fmt.Sprintf("SCRIP_SIM_SEED=%d", seed), "SCRIP_SIM_MUTATIONS=", "SCRIP_SIM_SHRINK=")
		out, err := cmd.CombinedOutput()
		if err == nil {
			continue
		}
		why := regexp.MustCompile(`sim_test.go:\d+: (.*)`).FindAllStringSubmatch(string(out), -1)
		words := string(out[:min(300, len(out))])
		if len(why) > 0 {
			words = why[len(why)-1][1]
		}
		t.Logf("seed %d, after %s: %.200s", seed, time.Since(begun).Round(time.Second), words)
		return
	}
	t.Error("fifty seeds did not find it")
}
