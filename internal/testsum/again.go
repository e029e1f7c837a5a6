package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

// again runs failed tests once more, each package's by themselves, and takes
// them for passed when they pass: a loaded machine can starve a test of its
// time. They are told, never hidden. Nothing is repeated when more than most
// tests failed, or when one raced, panicked or never ended.
func (s *summary) again(args []string, most int) error {
	tests := 0
	for _, list := range s.failing {
		tests += len(list)
	}
	command, repeatable := withoutPackages(args)
	if s.final || tests == 0 || tests > most || !repeatable {
		return nil
	}
	for name, list := range s.failing {
		for i, test := range list {
			list[i] = regexp.QuoteMeta(test)
		}
		run := append(slices.Clone(command), "-count=1", "-run=^("+strings.Join(list, "|")+")$", name)
		fmt.Fprintf(s.w, "once more: %s\n", strings.Join(run, " "))
		second := newSummary(s.w)
		out, err := exec.Command(run[0], run[1:]...).Output()
		if readErr := second.read(strings.NewReader(string(out))); readErr != nil {
			return readErr
		}
		second.end()
		if err != nil || second.failed > 0 || second.passed == 0 {
			continue
		}
		s.unsteady += s.failures[name]
		s.failed -= s.failures[name]
		s.passed += s.failures[name]
	}
	return nil
}

// withoutPackages is a "go test" command without its packages, unless it says
// which tests to run.
func withoutPackages(args []string) ([]string, bool) {
	var rest []string
	for i, arg := range args {
		switch {
		case i < 2 || strings.HasPrefix(arg, "-"):
			if strings.HasPrefix(strings.TrimLeft(arg, "-"), "run") {
				return nil, false
			}
			rest = append(rest, arg)
		case arg == "." || strings.HasPrefix(arg, "./") || strings.HasPrefix(arg, "scrip"):
		default:
			return nil, false
		}
	}
	return rest, len(rest) > 1
}

// lasting reports whether a package's failure says more than that a test
// failed: a race, a panic, a test without an end, or a build that failed.
func (p *pkg) lasting(e event) bool {
	if e.FailedBuild != "" || len(p.order) == 0 {
		return true
	}
	for _, t := range p.order {
		if p.state[t] == "run" {
			return true
		}
	}
	return slices.ContainsFunc(p.output, func(l line) bool {
		return strings.Contains(l.text, "DATA RACE") || strings.HasPrefix(l.text, "panic: ") || strings.HasPrefix(l.text, "fatal error: ")
	})
}
