package sim

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// size is the size of a run: from the environment, or a small one.
func size(t *testing.T, p plan) plan {
	t.Helper()
	text := os.Getenv("SCRIP_SIM_SIZE")
	if text == "" {
		return p
	}
	fields := strings.Split(text, ",")
	numbers := make([]int, 3)
	for i := range numbers {
		if len(fields) != 3 {
			t.Fatalf("SCRIP_SIM_SIZE %q is not customers,steps,days", text)
		}
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			t.Fatalf("SCRIP_SIM_SIZE %q is not customers,steps,days", text)
		}
		numbers[i] = n
	}
	p.customers, p.length, p.days = numbers[0], numbers[1], numbers[2]
	return p
}

func small(seed uint64) plan { return plan{seed: seed, customers: 5, length: 200, days: 20} }

// TestSeed repeats one run, and prints what happens in it.
func TestSeed(t *testing.T) {
	text := os.Getenv("SCRIP_SIM_SEED")
	if text == "" {
		text = "1"
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("SCRIP_SIM_SEED %q is no number", text)
	}
	p := size(t, small(seed))
	p.without = os.Getenv("SCRIP_SIM_WITHOUT")
	if steps := os.Getenv("SCRIP_SIM_STEPS"); steps != "" {
		if p.steps, err = readSteps(steps); err != nil {
			t.Fatalf("SCRIP_SIM_STEPS %q are not numbers and ranges", steps)
		}
	}
	var say func(string)
	if testing.Verbose() {
		say = func(line string) { t.Log(line) }
	}
	r := run(t, p, say)
	t.Logf("%d events, digest %016x, %v", r.trace.n, r.trace.hash, r.stats)
	if r.why == "" {
		return
	}
	if text := os.Getenv("SCRIP_SIM_SHRINK"); text != "" {
		patience, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("SCRIP_SIM_SHRINK %q is no length of time", text)
		}
		r = shrink(t, r, patience)
		p = r.plan
		t.Logf("%d steps are enough:\n%s", len(p.taken()), strings.Join(r.trace.last(120), "\n"))
	}
	t.Fatalf("%s\n%s", r.why, p.command())
}

// TestSeeds plays fixed seeds, and fresh ones, whose numbers are printed when
// they fail. SCRIP_SIM_SEEDS says how many there are, or which, in the size of
// the long mode.
//
// CR-01. CR-02. CR-05. CR-06. PA-02. PA-03. PA-04. PA-05.
func TestSeeds(t *testing.T) {
	plans := everyTime()
	if text := os.Getenv("SCRIP_SIM_SEEDS"); text != "" {
		plans = long(t, text)
	}
	begun, failed := time.Now(), 0
	for _, p := range plans {
		r := run(t, p, nil)
		if r.why == "" {
			continue
		}
		t.Errorf("%.1500s\n%s", r.why, p.command())
		if failed++; failed >= 20 {
			break
		}
	}
	t.Logf("%d runs in %s", len(plans), time.Since(begun).Round(time.Millisecond))
}

// everyTime is what every test run takes. Fresh seeds do without the operator: what
// his changes are known to leave open would fail a run that has changed nothing.
func everyTime() (plans []plan) {
	fixed, fresh := uint64(20), 20
	if underRace {
		fixed, fresh = 4, 1
	}
	for seed := uint64(1); seed <= fixed; seed++ {
		plans = append(plans, small(seed))
	}
	for range fresh {
		p := small(rand.Uint64() >> 40)
		p.without = "operator"
		plans = append(plans, p)
	}
	return plans
}

// long reads a number of seeds, or a range of them.
func long(t *testing.T, text string) (plans []plan) {
	t.Helper()
	from, to, ranged := strings.Cut(text, "-")
	if !ranged {
		from, to = "1", text
	}
	a, errFrom := strconv.ParseUint(from, 10, 64)
	b, errTo := strconv.ParseUint(to, 10, 64)
	if errFrom != nil || errTo != nil {
		t.Fatalf("SCRIP_SIM_SEEDS %q is no number and no range", text)
	}
	for ; a <= b; a++ {
		p := size(t, plan{seed: a, customers: 100, length: 400, days: 30})
		p.without = os.Getenv("SCRIP_SIM_WITHOUT")
		plans = append(plans, p)
	}
	return plans
}

// TestSameSeedSameHistory plays seeds twice, one of them on a file.
func TestSameSeedSameHistory(t *testing.T) {
	seeds := []uint64{3, 8}
	if underRace {
		seeds = seeds[:1]
	}
	for _, seed := range seeds {
		one, two := run(t, small(seed), nil), run(t, small(seed), nil)
		if one.trace.hash != two.trace.hash || one.trace.n == 0 {
			t.Errorf("seed %d: %d events with digest %016x, then %d with %016x", seed, one.trace.n, one.trace.hash, two.trace.n, two.trace.hash)
		}
	}
}
