package main

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

const readmePath = "../../README.md"

// readme does what a section of the README shows: it makes the section's diff
// to a config file, runs its commands one after the other, and compares what
// they print with what stands there, but for digests, ids and times. The
// README's addresses stand for those of the script. With -update the README is
// written anew: readme SECTION FILE.
func readme(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: readme SECTION FILE")
	}
	raw, err := os.ReadFile(readmePath)
	ts.Check(err)
	section := sectionOf(string(raw), args[0])
	if section == "" {
		ts.Fatalf("the README has no section %q", args[0])
	}
	there := strings.NewReplacer("127.0.0.1:4010", "127.0.0.1:"+ts.Getenv("BOXPORT"), "127.0.0.1:4011", "127.0.0.1:"+ts.Getenv("BOXPORT2"))
	here := strings.NewReplacer("127.0.0.1:"+ts.Getenv("BOXPORT"), "127.0.0.1:4010", "127.0.0.1:"+ts.Getenv("BOXPORT2"), "127.0.0.1:4011")
	text, commands := section, 0
	for _, block := range fenced(section) {
		if strings.HasPrefix(block, "```diff\n") {
			change(ts, args[1], there.Replace(strings.TrimPrefix(block, "```diff\n")))
			continue
		}
		var shown strings.Builder
		for line := range strings.Lines(strings.TrimPrefix(block, "```\n")) {
			if command, is := strings.CutPrefix(line, "$ "); is {
				commands++
				shown.WriteString(line + here.Replace(terminal(ts, strings.Fields(command))))
			}
		}
		if got := shown.String(); got != "" && !shows(strings.TrimPrefix(block, "```\n"), got) {
			text = strings.Replace(text, block, "```\n"+got, 1)
			if !*update {
				ts.Fatalf("the README shows\n%s\nbut this is what is printed:\n%s\ngo test ./cmd/scrip -run Scripts -update writes it", block[4:], got)
			}
		}
	}
	if commands == 0 {
		ts.Fatalf("the section %q shows no command", args[0])
	}
	if text != section {
		ts.Check(os.WriteFile(readmePath, []byte(strings.Replace(string(raw), section, text, 1)), 0o644))
	}
}

// sectionOf is the text of a section, up to the next of its level.
func sectionOf(text, title string) string {
	_, rest, found := strings.Cut(text, "\n## "+title+"\n")
	if !found {
		return ""
	}
	section, _, _ := strings.Cut(rest, "\n## ")
	return section
}

// fenced lists a section's code blocks, each with its opening fence.
func fenced(section string) []string {
	var blocks []string
	for i, part := range strings.SplitAfter("\n"+section, "\n```") {
		if i%2 == 1 {
			blocks = append(blocks, "```"+strings.TrimSuffix(part, "```"))
		}
	}
	return blocks
}

// change makes a diff to a file, whose lines must be there as the diff has them.
func change(ts *testscript.TestScript, file, diff string) {
	var before, after strings.Builder
	for line := range strings.Lines(diff) {
		if line[0] != '+' {
			before.WriteString(line[1:])
		}
		if line[0] != '-' {
			after.WriteString(line[1:])
		}
	}
	text := ts.ReadFile(file)
	if strings.Count(text, before.String()) != 1 {
		ts.Fatalf("%s does not hold the lines that the diff begins with:\n%s", file, before.String())
	}
	ts.Check(os.WriteFile(ts.MkAbs(file), []byte(strings.Replace(text, before.String(), after.String(), 1)), 0o600))
}

// terminal runs a command and returns all it prints, as a terminal shows it.
func terminal(ts *testscript.TestScript, command []string) string {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), os.Environ()
	for _, name := range []string{"VENDOR_KEY", "VENDOR_WEBHOOK_SECRET", "STRIPE_KEY", "STRIPE_WH", "ORB_KEY", "ORB_WH"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && (!errors.As(err, &ended) || ended.ExitCode() != exitDiffer) {
		ts.Fatalf("%v: %v\n%s", command, err, out)
	}
	return trimmed(string(out))
}

// trimmed is a text without spaces at the ends of its lines.
func trimmed(text string) string { return trailing.ReplaceAllString(text, "") }

// What differs from run to run, and spaces that nobody sees.
var (
	trailing = regexp.MustCompile(`(?m)[ \t]+$`)
	passing  = regexp.MustCompile(`\b([a-z]{3}_[0-9a-z]{20,}|[0-9a-f]{12,64}|\d{4}-\d\d-\d\dT[0-9:.]+Z)`)
)

// shows reports whether a block of the README is what was printed.
func shows(block, printed string) bool {
	form := strings.ReplaceAll(regexp.QuoteMeta(plainly(block)), "…", "(?s:.*)")
	return regexp.MustCompile("^" + form + "$").MatchString(plainly(printed))
}

// plainly is a text in which what passes is not told apart.
func plainly(text string) string {
	return strings.TrimSpace(passing.ReplaceAllString(trimmed(text), "*"))
}
