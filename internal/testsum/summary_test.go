package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// stream turns short lines "action test output" of package p into events.
func stream(t *testing.T, lines ...string) string {
	t.Helper()
	var b strings.Builder
	for _, l := range lines {
		parts := strings.SplitN(l, "|", 3)
		e := event{Action: parts[0], Package: "p"}
		if len(parts) > 1 {
			e.Test = parts[1]
		}
		if len(parts) > 2 {
			e.Output = parts[2] + "\n"
		}
		j, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(j, '\n'))
	}
	return b.String()
}

func TestSummary(t *testing.T) {
	cases := []struct {
		name   string
		lines  []string
		noSkip bool
		last   string
		ok     bool
		has    []string
		hasNot []string
	}{
		{"passes", []string{"run|A", "output|A|chatter", "pass|A", "pass"}, true, "1 passed, 0 failed, 0 skipped", true, []string{" p "}, []string{"chatter"}},
		{"subtests count, not their parents", []string{"run|A", "run|A/x", "run|A/y", "pass|A/x", "pass|A/y", "pass|A", "pass"}, false, "2 passed, 0 failed, 0 skipped", true, nil, nil},
		{"a failed subtest is one failure", []string{"run|A", "run|A/x", "run|A/y", "output|A/x|why", "output|A/y|chatter", "fail|A/x", "pass|A/y", "fail|A", "fail"},
			false, "1 passed, 1 failed, 0 skipped", false, []string{"why"}, []string{"chatter"}},
		{"a parent that fails itself", []string{"run|A", "run|A/x", "pass|A/x", "output|A|why", "fail|A", "fail"}, false, "1 passed, 1 failed, 0 skipped", false, []string{"why"}, nil},
		{"skips are told", []string{"run|A", "output|A|    a_test.go:3: no node", "skip|A", "pass"}, false, "0 passed, 0 failed, 1 skipped", true, []string{"skipped 1: no node"}, nil},
		{"and refused", []string{"run|A", "output|A|    a_test.go:3: no node", "skip|A", "run|B", "pass|B", "pass"}, true, "1 passed, 0 failed, 1 skipped", false, []string{"p A", "no test may be skipped"}, nil},
		{"nothing ran", []string{"skip"}, true, "0 passed, 0 failed, 0 skipped", false, []string{"no test ran"}, nil},
		{"a test that never ended", []string{"run|A", "pass|A", "run|B", "output|B|panic: ouch", "fail"}, false, "1 passed, 1 failed, 0 skipped", false, []string{"panic: ouch"}, nil},
		{"a package that fails by itself", []string{"run|A", "pass|A", "output||exit status 2", "fail"}, false, "1 passed, 1 failed, 0 skipped", false, []string{"exit status 2"}, nil},
		{"a stream that ends early", []string{"run|A", "pass|A", "run|B"}, false, "1 passed, 1 failed, 0 skipped", false, nil, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			s := newSummary(&out)
			if err := s.read(strings.NewReader("not an event\n" + stream(t, c.lines...))); err != nil {
				t.Fatal(err)
			}
			if ok := s.close(c.noSkip); ok != c.ok {
				t.Errorf("ok = %v, want %v", ok, c.ok)
			}
			got := out.String()
			if !strings.HasSuffix(got, "\n"+c.last+"\n") {
				t.Errorf("last line is not %q in:\n%s", c.last, got)
			}
			for _, want := range append(c.has, "not an event") {
				if !strings.Contains(got, want) {
					t.Errorf("does not say %q:\n%s", want, got)
				}
			}
			for _, not := range c.hasNot {
				if strings.Contains(got, not) {
					t.Errorf("says %q:\n%s", not, got)
				}
			}
		})
	}
}

func TestBuildFailure(t *testing.T) {
	var out strings.Builder
	s := newSummary(&out)
	err := s.read(strings.NewReader(`{"ImportPath":"p [p.test]","Action":"build-output","Output":"a.go:1: undefined: x\n"}
{"ImportPath":"p [p.test]","Action":"build-fail"}
{"Package":"p","Action":"fail","FailedBuild":"p [p.test]"}
`))
	if err != nil || s.close(false) {
		t.Errorf("err = %v, or the failure was taken for a success", err)
	}
	if got := out.String(); !strings.Contains(got, "undefined: x") || !strings.HasSuffix(got, "0 passed, 1 failed, 0 skipped\n") {
		t.Errorf("got:\n%s", got)
	}
}

func TestCommandThatFails(t *testing.T) {
	var out strings.Builder
	ok, err := run([]string{"go", "no-such-command"}, &out, false, 9)
	if ok || err != nil || !strings.HasSuffix(out.String(), "0 passed, 1 failed, 0 skipped\n") {
		t.Errorf("ok = %v, err = %v, output:\n%s", ok, err, &out)
	}
	if _, err := run([]string{"no-such-program-at-all"}, &out, false, 0); err == nil {
		t.Error("a program that does not exist gave no error")
	}
}
