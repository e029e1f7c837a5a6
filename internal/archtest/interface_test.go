package archtest

import (
	"fmt"
	"go/ast"
	"go/build"
	"path/filepath"
	"strings"
	"testing"
)

const maxMethods = 5

// wideInterfaces may have more methods, each for a reason: "folder.Name".
var wideInterfaces = map[string]string{}

func TestInterfaceSize(t *testing.T) {
	check(t, func(tr *tree) []finding { return checkInterfaces(tr, wideInterfaces) })
}

// checkInterfaces counts methods, those of embedded interfaces too. Embedded
// ones of this module and of the standard library are looked up; one of
// another module counts as a single method.
func checkInterfaces(tr *tree, wide map[string]string) []finding {
	var out []finding
	c := counter{}
	for _, pkg := range packages(tr.code()) {
		c[module+"/"+pkg[0].dir] = pkg
	}
	for _, f := range tr.code() {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			it, ok := spec.Type.(*ast.InterfaceType)
			if !ok || wide[f.dir+"."+spec.Name.Name] != "" {
				return true
			}
			if n := c.count(f, module+"/"+f.dir, it, 0); n > maxMethods {
				out = append(out, finding{tr.at(spec.Pos()), fmt.Sprintf("interface %s has %d methods, the limit is %d", spec.Name.Name, n, maxMethods),
					"split it by who calls it, or make the rest optional one-method interfaces"})
			}
			return true
		})
	}
	return out
}

// counter holds the files of each package by its import path.
type counter map[string][]*goFile

// maxDepth ends a chain of embedding that a compiler would refuse as a cycle.
const maxDepth = 10

// count counts the methods of an interface that stands in file f of package pkg.
func (c counter) count(f *goFile, pkg string, it *ast.InterfaceType, depth int) int {
	if depth > maxDepth {
		return 0
	}
	n := 0
	for _, m := range it.Methods.List {
		if len(m.Names) == 0 {
			n += c.embedded(f, pkg, m.Type, depth+1)
		}
		n += len(m.Names)
	}
	return n
}

func (c counter) embedded(f *goFile, pkg string, e ast.Expr, depth int) int {
	switch e := e.(type) {
	case *ast.InterfaceType:
		return c.count(f, pkg, e, depth)
	case *ast.IndexExpr:
		return c.embedded(f, pkg, e.X, depth)
	case *ast.IndexListExpr:
		return c.embedded(f, pkg, e.X, depth)
	case *ast.Ident:
		switch e.Name {
		case "error":
			return 1
		case "any", "comparable":
			return 0
		}
		return c.named(pkg, e.Name, depth)
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			return c.named(imported(f, x.Name), e.Sel.Name, depth)
		}
		return 1
	}
	return 0 // a union of types, which has no methods
}

// named counts the methods of a package's interface; 1 when it is unknown.
func (c counter) named(pkg, name string, depth int) int {
	if _, ok := c[pkg]; !ok && standard(pkg) {
		c[pkg] = standardPackage(pkg)
	}
	for _, f := range c[pkg] {
		for _, d := range f.ast.Decls {
			gen, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, s := range gen.Specs {
				spec, ok := s.(*ast.TypeSpec)
				if !ok || spec.Name.Name != name {
					continue
				}
				if it, ok := spec.Type.(*ast.InterfaceType); ok {
					return c.count(f, pkg, it, depth)
				}
				return c.embedded(f, pkg, spec.Type, depth+1)
			}
		}
	}
	return 1
}

// imported is the import path that f calls by a local name, "" for none.
func imported(f *goFile, local string) string {
	for _, spec := range f.ast.Imports {
		if p := strings.Trim(spec.Path.Value, `"`); localName(f, p) == local {
			return p
		}
	}
	return ""
}

// standardPackage parses one package of the standard library, none if it fails.
func standardPackage(p string) []*goFile {
	tr, err := load(filepath.Join(build.Default.GOROOT, "src", filepath.FromSlash(p)))
	if err != nil || p == "" {
		return nil
	}
	var out []*goFile
	for _, f := range tr.code() {
		if f.dir == "." {
			out = append(out, f)
		}
	}
	return out
}
