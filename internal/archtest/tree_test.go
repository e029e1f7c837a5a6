package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// module is the path that every package of this repository starts with.
const module = "scrip"

// vendors are the folders under adapters/ that speak to one vendor each.
var vendors = []string{"stripe", "orb", "metronome", "lago", "chargebee"}

// goFile is one parsed Go file; dir is its package's folder, "" never stands.
type goFile struct {
	path      string // slash-separated, from the root
	dir       string
	test      bool
	generated bool
	src       string
	ast       *ast.File
}

// tree is a parsed repository: what every rule looks at.
type tree struct {
	root  string
	fset  *token.FileSet
	files []*goFile
}

// finding is one broken rule: where, what, and what to do about it.
type finding struct{ pos, what, do string }

func (f finding) String() string { return fmt.Sprintf("%s: %s; %s", f.pos, f.what, f.do) }

var generatedLine = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// repository is this repository, parsed once for all rules.
var repository = sync.OnceValues(func() (*tree, error) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return nil, err
	}
	return load(root)
})

// check runs one rule on this repository.
func check(t *testing.T, rule func(*tree) []finding) {
	t.Helper()
	tr, err := repository()
	if err != nil {
		t.Fatalf("cannot read the repository: %v", err)
	}
	for _, f := range rule(tr) {
		t.Error(f)
	}
}

// load parses every Go file under root, as the go command would choose them
// with all build tags set: no testdata, no hidden folder, no nested module.
func load(root string) (*tree, error) {
	tr := &tree{root: root, fset: token.NewFileSet()}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if rel != "." && skipDir(p, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		return tr.add(filepath.ToSlash(rel))
	})
	return tr, err
}

func skipDir(p, name string) bool {
	if name == "testdata" || name == "node_modules" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return true
	}
	_, err := os.Stat(filepath.Join(p, "go.mod"))
	return err == nil
}

func (tr *tree) add(rel string) error {
	src, err := os.ReadFile(filepath.Join(tr.root, filepath.FromSlash(rel)))
	if err != nil {
		return err
	}
	parsed, err := parser.ParseFile(tr.fset, rel, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	tr.files = append(tr.files, &goFile{
		path: rel, dir: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"),
		generated: generatedLine.Match(src), src: string(src), ast: parsed,
	})
	return nil
}

// code are the hand-written files that are no tests.
func (tr *tree) code() []*goFile {
	var out []*goFile
	for _, f := range tr.files {
		if !f.test && !f.generated {
			out = append(out, f)
		}
	}
	return out
}

// packages groups files by folder, in order of the folders' names.
func packages(files []*goFile) [][]*goFile {
	by := map[string][]*goFile{}
	for _, f := range files {
		by[f.dir] = append(by[f.dir], f)
	}
	var out [][]*goFile
	for _, dir := range sortedKeys(by) {
		out = append(out, by[dir])
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// at is the place of p as file:line.
func (tr *tree) at(p token.Pos) string {
	pos := tr.fset.Position(p)
	return pos.Filename + ":" + strconv.Itoa(pos.Line)
}

// lines counts the lines that a node covers.
func (tr *tree) lines(n ast.Node) int {
	return tr.fset.Position(n.End()).Line - tr.fset.Position(n.Pos()).Line + 1
}

// localName is the name by which a file calls an imported package, "" when
// the file does not import it.
func localName(f *goFile, importPath string) string {
	for _, spec := range f.ast.Imports {
		if strings.Trim(spec.Path.Value, `"`) != importPath {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(importPath)
	}
	return ""
}

// under tells whether dir is one of the folders or lies below one.
func under(dir string, folders ...string) bool {
	for _, f := range folders {
		if dir == f || strings.HasPrefix(dir, f+"/") {
			return true
		}
	}
	return false
}
