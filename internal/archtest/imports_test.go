package archtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestImports(t *testing.T) { check(t, checkImports) }

func checkImports(tr *tree) []finding {
	var out []finding
	for _, pkg := range packages(tr.files) {
		dir := pkg[0].dir
		r, vendor, ok := rowFor(dir)
		if !ok {
			out = append(out, finding{dir, "no row of the import table names this package",
				"add a row to internal/archtest/imports_table_test.go, or move the package into a room that has one"})
		}
		for _, f := range pkg {
			for _, spec := range f.ast.Imports {
				p := strings.Trim(spec.Path.Value, `"`)
				what := importProblem(f, p)
				if what == "" && ok && !f.test {
					what = rowProblem(r, vendor, p)
				}
				if what != "" {
					out = append(out, finding{tr.at(spec.Pos()), fmt.Sprintf("%s imports %q: %s", dir, p, what),
						"pass what is needed in as a value or a small interface, or change the table on purpose"})
				}
			}
		}
	}
	return out
}

// rowFor finds the first row for a package, and the vendor it stands for.
func rowFor(dir string) (row, string, bool) {
	for _, r := range rows {
		for _, pattern := range strings.Fields(r.pkg) {
			if !strings.Contains(pattern, "{vendor}") {
				if matches(pattern, dir) {
					return r, "", true
				}
				continue
			}
			for _, v := range vendors {
				if matches(strings.ReplaceAll(pattern, "{vendor}", v), dir) {
					return r, v, true
				}
			}
		}
	}
	return row{}, "", false
}

// rowProblem says why a row forbids an import, "" when it does not.
func rowProblem(r row, vendor, p string) string {
	if own, ok := strings.CutPrefix(p, module+"/"); ok {
		for _, pattern := range strings.Fields(r.scrip) {
			if matches(strings.ReplaceAll(pattern, "{vendor}", vendor), own) {
				return ""
			}
		}
		return fmt.Sprintf("of this module it may import only [%s]", r.scrip)
	}
	if standard(p) || r.third == "*" {
		return ""
	}
	for _, prefix := range strings.Fields(r.third) {
		if under(p, prefix) {
			return ""
		}
	}
	return fmt.Sprintf("of other modules it may import only [%s]", r.third)
}

// importProblem holds what binds every file, tests included.
func importProblem(f *goFile, p string) string {
	own, isOwn := strings.CutPrefix(p, module+"/")
	if isOwn && under(own, "cmd") {
		return "nothing imports cmd"
	}
	if a, b := vendorOf(f.dir), vendorOf(own); isOwn && a != "" && b != "" {
		if a != b {
			return "no vendor's package imports another's"
		}
		if under(f.dir, "adapters/"+a+"/sandbox") && !under(own, "adapters/"+a+"/sandbox") {
			return "a sandbox never sees its adapter, also not in tests, else both can be wrong in the same way"
		}
	}
	if f.test || slices.Contains(testSuites, f.dir) {
		return ""
	}
	if isOwn && slices.Contains(testSuites, own) && !slices.Contains(testSuites, f.dir) {
		return "a test suite is imported by tests only"
	}
	for _, lib := range testOnly {
		if under(p, lib) {
			return "this library is for tests and test suites only"
		}
	}
	return ""
}

// vendorOf is the vendor whose folder dir lies in, "" for none.
func vendorOf(dir string) string {
	for _, v := range vendors {
		if under(dir, "adapters/"+v) {
			return v
		}
	}
	return ""
}

// standard tells the standard library's paths: their first element has no dot.
func standard(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return !strings.Contains(first, ".")
}

// matches compares a folder with a pattern of the import table.
func matches(pattern, dir string) bool {
	if pattern == "..." {
		return true
	}
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return under(dir, base)
	}
	want, got := strings.Split(pattern, "/"), strings.Split(dir, "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i] != "*" && want[i] != got[i] {
			return false
		}
	}
	return true
}
