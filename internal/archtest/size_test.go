package archtest

import (
	"fmt"
	"go/ast"
	"sort"
	"strings"
	"testing"
)

const (
	maxFile     = 700 // lines of a file
	maxTestFile = 900
	maxMedian   = 160 // lines of the median file
	medianFrom  = 20  // files, below which a median says nothing
	maxFunc     = 70  // lines of a function
	maxExported = 60  // exported names of a package
	aimExported = 40
)

func TestFileLength(t *testing.T)     { check(t, checkFileLength) }
func TestFunctionLength(t *testing.T) { check(t, checkFunctionLength) }
func TestExportedNames(t *testing.T)  { check(t, checkExportedNames) }

func checkFileLength(tr *tree) []finding {
	var out []finding
	var lengths []int
	for _, f := range tr.files {
		if f.generated {
			continue
		}
		n, limit := strings.Count(f.src, "\n"), maxTestFile
		if !f.test {
			limit, lengths = maxFile, append(lengths, n)
		}
		if n > limit {
			out = append(out, finding{f.path + ":1", fmt.Sprintf("%d lines, the limit is %d", n, limit), "split it along what it does"})
		}
	}
	sort.Ints(lengths)
	if len(lengths) >= medianFrom && lengths[len(lengths)/2] > maxMedian {
		out = append(out, finding{"the tree", fmt.Sprintf("the median file has %d lines, the limit is %d", lengths[len(lengths)/2], maxMedian), "split the files that do two things"})
	}
	return out
}

func checkFunctionLength(tr *tree) []finding {
	var out []finding
	for _, f := range tr.code() {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && tr.lines(fn) > maxFunc {
				out = append(out, finding{tr.at(fn.Pos()), fmt.Sprintf("%s has %d lines, the limit is %d", fn.Name.Name, tr.lines(fn), maxFunc),
					"move steps into functions that say what they do"})
			}
		}
	}
	return out
}

// checkExportedNames counts types, functions and each const or var block that
// exports something; methods do not count.
func checkExportedNames(tr *tree) []finding {
	var out []finding
	for _, pkg := range packages(tr.code()) {
		n := 0
		for _, f := range pkg {
			for _, d := range f.ast.Decls {
				n += exportedIn(d)
			}
		}
		if n > maxExported {
			out = append(out, finding{pkg[0].dir, fmt.Sprintf("%d exported names, the limit is %d and the aim %d", n, maxExported, aimExported),
				"unexport what no other package uses, or split the package: it has two jobs"})
		}
	}
	return out
}

func exportedIn(d ast.Decl) int {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil && d.Name.IsExported() {
			return 1
		}
	case *ast.GenDecl:
		types, values := 0, 0
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					types++
				}
			case *ast.ValueSpec:
				if exportsValue(s) {
					values = 1
				}
			}
		}
		return types + values
	}
	return 0
}

func exportsValue(s *ast.ValueSpec) bool {
	for _, name := range s.Names {
		if name.IsExported() {
			return true
		}
	}
	return false
}
