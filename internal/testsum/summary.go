package main

import (
	"fmt"
	"io"
	"regexp"
	"sort"
	"strings"
)

// event is one line of "go test -json"; see "go doc test2json".
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build events
	FailedBuild string // of a package's failure: the ImportPath to look under
	Test        string
	Elapsed     float64 // seconds
	Output      string
}

type line struct{ test, text string }

// pkg is what is known of a package until it ends.
type pkg struct {
	state  map[string]string // test to its last action
	order  []string
	output []line
	cached bool
}

type summary struct {
	w                       io.Writer
	pkgs                    map[string]*pkg
	builds                  map[string][]string // compiler output by import path
	passed, failed, skipped int
	skips                   map[string][]string // tests by reason
	failing                 map[string][]string // failed tests, without their subtests, by package
	failures                map[string]int      // how many failures of each package were counted
	final                   bool                // something failed for more than once
	unsteady                int                 // failures that were none the second time
}

func newSummary(w io.Writer) *summary {
	return &summary{
		w: w, pkgs: map[string]*pkg{}, builds: map[string][]string{}, skips: map[string][]string{},
		failing: map[string][]string{}, failures: map[string]int{},
	}
}

func (s *summary) add(e event) {
	if e.Action == "build-output" {
		s.builds[e.ImportPath] = append(s.builds[e.ImportPath], e.Output)
		return
	}
	if e.Package == "" {
		return
	}
	p := s.pkgs[e.Package]
	if p == nil {
		p = &pkg{state: map[string]string{}}
		s.pkgs[e.Package] = p
	}
	switch e.Action {
	case "output":
		p.output = append(p.output, line{e.Test, e.Output})
		p.cached = p.cached || e.Test == "" && strings.HasSuffix(e.Output, "\t(cached)\n")
	case "run", "pass", "fail", "skip":
		if e.Test == "" {
			if e.Action != "run" {
				s.finish(p, e)
				delete(s.pkgs, e.Package)
			}
			return
		}
		if p.state[e.Test] == "" {
			p.order = append(p.order, e.Test)
		}
		p.state[e.Test] = e.Action
	}
}

// finish counts a package's tests and prints its line.
func (s *summary) finish(p *pkg, e event) {
	parents := map[string]bool{}
	failedBelow := map[string]bool{}
	for _, t := range p.order {
		for up := parent(t); up != ""; up = parent(up) {
			parents[up] = true
			failedBelow[up] = failedBelow[up] || p.failed(t)
		}
	}
	passed, failed, skipped := 0, 0, 0
	for _, t := range p.order {
		switch {
		case p.failed(t):
			if !failedBelow[t] {
				failed++
			}
		case p.state[t] == "skip":
			skipped++
			reason := p.reason(t)
			s.skips[reason] = append(s.skips[reason], e.Package+" "+t)
		case !parents[t]:
			passed++
		}
	}
	if e.Action == "fail" && failed == 0 {
		failed, s.final = 1, true
	}
	if failed > 0 {
		s.failures[e.Package] = failed
		s.final = s.final || p.lasting(e)
		for _, t := range p.order {
			if parent(t) == "" && p.failed(t) {
				s.failing[e.Package] = append(s.failing[e.Package], t)
			}
		}
	}
	s.passed, s.failed, s.skipped = s.passed+passed, s.failed+failed, s.skipped+skipped
	s.print(p, e, passed, failed, skipped)
}

func (s *summary) print(p *pkg, e event, passed, failed, skipped int) {
	if failed == 0 {
		if passed+skipped == 0 {
			return
		}
		took := fmt.Sprintf("%.1fs", e.Elapsed)
		if p.cached {
			took = "cached"
		}
		fmt.Fprintf(s.w, "     %-36s %5d passed %6s\n", e.Package, passed, took)
		return
	}
	fmt.Fprintf(s.w, "FAIL %-36s %5d passed, %d failed (%.1fs)\n", e.Package, passed, failed, e.Elapsed)
	for _, text := range s.builds[e.FailedBuild] {
		fmt.Fprint(s.w, "  ", text)
	}
	for _, l := range p.output {
		if !noise(l.text) && (l.test == "" || p.failed(l.test)) {
			fmt.Fprint(s.w, "  ", l.text)
		}
	}
}

// end counts what the stream left unfinished: the test program was killed.
func (s *summary) end() {
	for name, p := range s.pkgs {
		s.finish(p, event{Action: "fail", Package: name})
		s.final = true
		delete(s.pkgs, name)
	}
}

// close prints what is left to say and reports whether all is fine.
func (s *summary) close(noSkip bool) bool {
	s.end()
	if s.unsteady > 0 {
		fmt.Fprintf(s.w, "UNSTEADY: %d failed at first and passed by themselves, see above\n", s.unsteady)
	}
	reasons := make([]string, 0, len(s.skips))
	for r := range s.skips {
		reasons = append(reasons, r)
	}
	sort.Strings(reasons)
	for _, r := range reasons {
		fmt.Fprintf(s.w, "skipped %d: %s\n", len(s.skips[r]), r)
		if noSkip {
			fmt.Fprintf(s.w, "  %s\n", strings.Join(s.skips[r], "\n  "))
		}
	}
	ok := s.failed == 0
	if noSkip && s.skipped > 0 {
		fmt.Fprintln(s.w, "no test may be skipped here")
		ok = false
	}
	if noSkip && s.passed == 0 {
		fmt.Fprintln(s.w, "no test ran")
		ok = false
	}
	fmt.Fprintf(s.w, "%d passed, %d failed, %d skipped\n", s.passed, s.failed, s.skipped)
	return ok
}

// failed is true also for a test that began and never ended.
func (p *pkg) failed(test string) bool {
	return p.state[test] == "fail" || p.state[test] == "run"
}

var place = regexp.MustCompile(`^\S+\.go:\d+: `)

// reason is what a skipped test said.
func (p *pkg) reason(test string) string {
	var said []string
	for _, l := range p.output {
		if text := strings.TrimSpace(l.text); l.test == test && text != "" && !noise(l.text) && !strings.HasPrefix(text, "--- ") {
			said = append(said, place.ReplaceAllString(text, ""))
		}
	}
	if len(said) == 0 {
		return "no reason given"
	}
	return strings.Join(said, " ")
}

// noise is what the test runner says about itself.
func noise(text string) bool {
	return strings.HasPrefix(text, "=== ") || text == "PASS\n" || text == "FAIL\n" ||
		strings.HasPrefix(text, "FAIL\t") || strings.HasPrefix(text, "ok  \t")
}

func parent(test string) string {
	if i := strings.LastIndexByte(test, '/'); i >= 0 {
		return test[:i]
	}
	return ""
}
