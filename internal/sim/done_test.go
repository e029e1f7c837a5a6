package sim

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// done is which seeds of a long run were played, in a file, so that the run can
// be broken off and go on. Without a file it remembers nothing.
type done struct {
	file   *os.File
	seeds  map[uint64]bool // and whether they passed
	failed []string
}

func played(t *testing.T, name string) *done {
	t.Helper()
	d := &done{seeds: map[uint64]bool{}}
	if name == "" {
		return d
	}
	raw, err := os.ReadFile(name)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		var seed uint64
		var word string
		if n, _ := fmt.Sscan(line, &seed, &word); n == 2 {
			d.add(seed, word == "passed", strings.TrimSpace(line))
		}
	}
	if d.file, err = os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *done) add(seed uint64, passed bool, line string) {
	d.seeds[seed] = passed
	if !passed {
		d.failed = append(d.failed, line)
	}
}

func (d *done) has(seed uint64) bool {
	_, known := d.seeds[seed]
	return known
}

func (d *done) note(t *testing.T, p plan, why string) {
	if d.file == nil {
		return
	}
	line := fmt.Sprintf("%d passed", p.seed)
	if why != "" {
		line = fmt.Sprintf("%d failed: %.300s | %s", p.seed, strings.ReplaceAll(why, "\n", " "), p.command())
	}
	d.add(p.seed, why == "", line)
	if _, err := fmt.Fprintln(d.file, line); err != nil {
		t.Fatal(err)
	}
}

// sum says what is in the file; what failed in a run before fails this one.
func (d *done) sum(t *testing.T) {
	if d.file == nil {
		return
	}
	t.Logf("%d seeds were played in all, %d failed", len(d.seeds), len(d.failed))
	for _, line := range slices.Compact(d.failed) {
		t.Error(line)
	}
}

func (d *done) close() {
	if d.file != nil {
		_ = d.file.Close()
	}
}

// A long run goes on where it was broken off, and does not forget a failure.
func TestLongRunGoesOn(t *testing.T) {
	name := t.TempDir() + "/done"
	d := played(t, name)
	d.note(t, small(3), "")
	d.note(t, small(4), "two\nlines")
	d.close()
	d = played(t, name)
	defer d.close()
	if !d.has(3) || !d.has(4) || d.has(5) || len(d.failed) != 1 || !strings.Contains(d.failed[0], "SCRIP_SIM_SEED=4 ") {
		t.Errorf("%+v", d)
	}
}
