package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"testing"
)

func TestDocComments(t *testing.T) { check(t, checkComments) }

// checkComments asks for a doc comment on every exported type, function and
// method of an exported type, and on every exported constant or variable, where
// the comment of the block or at the end of the line will do.
func checkComments(tr *tree) []finding {
	var out []finding
	missing := func(n ast.Node, kind, name string) {
		out = append(out, finding{tr.at(n.Pos()), fmt.Sprintf("exported %s %s has no doc comment", kind, name),
			"say what it means: units, errors, who owns it; or unexport it"})
	}
	for _, f := range tr.code() {
		for _, d := range f.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc.Text() == "" && exportedReceiver(d) {
					missing(d, "function", d.Name.Name)
				}
			case *ast.GenDecl:
				undocumented(d, missing)
			}
		}
	}
	return out
}

func undocumented(d *ast.GenDecl, missing func(ast.Node, string, string)) {
	block := d.Doc.Text() != ""
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			// In a group of types each is a thing of its own.
			if s.Name.IsExported() && s.Doc.Text() == "" && (d.Lparen != token.NoPos || !block) {
				missing(s, "type", s.Name.Name)
			}
		case *ast.ValueSpec:
			if exportsValue(s) && !block && s.Doc.Text() == "" && s.Comment.Text() == "" {
				missing(s, d.Tok.String(), s.Names[0].Name)
			}
		}
	}
}

// exportedReceiver is true for functions and for methods of exported types.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	e := d.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}
