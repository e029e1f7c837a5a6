package sim

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// plan is a run as data: which steps of a seed it takes. What a step does
// follows from the seed and the step's number, not from the steps before it,
// so that a run from which steps are left out does the same in the others.
type plan struct {
	seed      uint64
	customers int
	length    int   // steps of the whole run
	days      int   // of virtual time that they span
	steps     []int // those that are taken, in order; nil is all
	without   string
}

// The kinds of trouble that a plan may do without, in the order in which
// shrinking tries to.
var troubles = []string{"operator", "trade", "crash", "store", "vendor", "web", "nest", "time"}

func (p plan) has(trouble string) bool {
	return !slices.Contains(strings.Split(p.without, ","), trouble)
}

func (p plan) taken() []int {
	if p.steps != nil {
		return p.steps
	}
	all := make([]int, p.length)
	for i := range all {
		all[i] = i
	}
	return all
}

// dice are the choices of one step.
func (p plan) dice(step int) *rand.Rand { return rand.New(rand.NewPCG(p.seed, uint64(step)+1)) }

// sqlite reports whether the run keeps its ledger in a file.
func (p plan) sqlite() bool { return p.seed%8 == 0 }

// sells reports whether customers can subscribe to plans. The unit is not left
// in such a run.
func (p plan) sells() bool { return p.seed%3 == 1 && p.has("trade") }

// command is what repeats the run.
func (p plan) command() string {
	text := fmt.Sprintf("SCRIP_SIM_SEED=%d SCRIP_SIM_SIZE=%d,%d,%d", p.seed, p.customers, p.length, p.days)
	if p.steps != nil {
		text += " SCRIP_SIM_STEPS=" + writeSteps(p.steps)
	}
	if p.without != "" {
		text += " SCRIP_SIM_WITHOUT=" + p.without
	}
	return text + " go test ./internal/sim -run 'TestSeed$' -v"
}

// writeSteps writes numbers as ranges: 0-3,7.
func writeSteps(steps []int) string {
	var parts []string
	for i := 0; i < len(steps); {
		j := i
		for j+1 < len(steps) && steps[j+1] == steps[j]+1 {
			j++
		}
		if i == j {
			parts = append(parts, strconv.Itoa(steps[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", steps[i], steps[j]))
		}
		i = j + 1
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ",")
}

func readSteps(text string) ([]int, error) {
	steps := []int{}
	if text == "none" {
		return steps, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		from, to, ranged := strings.Cut(part, "-")
		a, err := strconv.Atoi(from)
		if err != nil {
			return nil, err
		}
		b := a
		if ranged {
			if b, err = strconv.Atoi(to); err != nil {
				return nil, err
			}
		}
		for ; a <= b; a++ {
			steps = append(steps, a)
		}
	}
	return steps, nil
}

// trace is the history of a run: a digest of all of it, and its lines.
type trace struct {
	hash  uint64
	n     int
	lines []string
	keep  int // how many of the last lines are kept; below zero all
	say   func(string)
}

func (t *trace) add(line string) {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s", t.hash, line)
	t.hash = h.Sum64()
	t.n++
	if t.say != nil {
		t.say(line)
	}
	if t.lines = append(t.lines, line); t.keep >= 0 && len(t.lines) > 2*t.keep {
		t.lines = slices.Clone(t.lines[len(t.lines)-t.keep:])
	}
}

// last are the last lines.
func (t *trace) last(n int) []string { return t.lines[max(0, len(t.lines)-n):] }
