package archtest

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// registryFile is the one file outside the vendors' folders that names them.
const registryFile = "cmd/scrip/registry.go"

var (
	// longVendor matches names that are no part of any other word.
	longVendor = regexp.MustCompile(`(?i)stripe|metronome|chargebee`)
	letters    = regexp.MustCompile(`[A-Za-z]+`)
	camelWord  = regexp.MustCompile(`[A-Z]+[a-z]*|[a-z]+`)

	// workplace matches what only the place where the project was built knows.
	// Brackets keep the expression from matching itself.
	workplace = regexp.MustCompile(`(^|[^\w.~-])/work[/]|proxy[.]golang[.]org|sum[.]golang[.]org|registry[.]npmjs[.]org|deb[.]debian[.]org|pypi[.]org|crates[.]io`)
)

func TestVendorNames(t *testing.T) { check(t, checkVendorNames) }
func TestWorkplace(t *testing.T)   { check(t, checkWorkplace) }

// checkVendorNames keeps vendors' names in their folders and the registry, so
// that a vendor is added or left without touching anything else.
func checkVendorNames(tr *tree) []finding {
	texts := map[string]string{}
	for _, f := range tr.code() {
		if vendorOf(f.dir) == "" && f.path != registryFile {
			texts[f.path] = f.src
		}
	}
	for _, p := range textFiles(tr.root) {
		if path.Ext(p) == ".sql" {
			texts[p] = readText(tr.root, p)
		}
	}
	return eachLine(texts, func(line string) (string, string) {
		name := vendorIn(line)
		if name == "" {
			return "", ""
		}
		return fmt.Sprintf("names the vendor %q", name), "move it into adapters/<vendor>, or take the name from the registry as a value"
	})
}

// vendorIn is the vendor that a line of text names, "" for none. Short names
// count as words only (newOrb, ORB_KEY, but not absorb).
func vendorIn(line string) string {
	if m := longVendor.FindString(line); m != "" {
		return m
	}
	for _, run := range letters.FindAllString(line, -1) {
		for _, word := range append(camelWord.FindAllString(run, -1), run) {
			if w := strings.ToLower(word); w == "orb" || w == "lago" {
				return word
			}
		}
	}
	return ""
}

// checkWorkplace keeps the paths and package hosts of whoever built the
// project out of it: another builder has others.
func checkWorkplace(tr *tree) []finding {
	texts := map[string]string{}
	for _, p := range textFiles(tr.root) {
		texts[p] = readText(tr.root, p)
	}
	return eachLine(texts, func(line string) (string, string) {
		m := workplace.FindString(line)
		if m == "" {
			return "", ""
		}
		return fmt.Sprintf("names a place of its builder: %q", m), "use a relative path, an environment variable, or nothing"
	})
}

func eachLine(texts map[string]string, problem func(string) (what, do string)) []finding {
	var out []finding
	for _, p := range sortedKeys(texts) {
		n := 0
		for line := range strings.Lines(texts[p]) {
			n++
			if what, do := problem(line); what != "" {
				out = append(out, finding{fmt.Sprintf("%s:%d", p, n), what, do})
			}
		}
	}
	return out
}

// textFiles are the files that git tracks or would add; where git cannot tell,
// all files but the usual foreign ones.
func textFiles(root string) []string {
	git := exec.Command("git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if _, err := os.Stat(filepath.Join(root, ".git")); err == nil {
		if list, err := git.Output(); err == nil {
			return strings.FieldsFunc(string(list), func(r rune) bool { return r == 0 })
		}
	}
	var out []string
	_ = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if rel, err := filepath.Rel(root, p); err == nil && d.Type().IsRegular() {
			out = append(out, filepath.ToSlash(rel))
		}
		return nil
	})
	return out
}

// readText reads a text file; a binary or a vanished file is empty.
func readText(root, p string) string {
	b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(p)))
	if err != nil || bytes.IndexByte(b, 0) >= 0 {
		return ""
	}
	return string(b)
}
