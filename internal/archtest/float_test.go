package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"testing"
)

// floatFiles may use binary floating point, each for a reason that has nothing
// to do with an amount. An entry whose file uses none fails: remove it then.
var floatFiles = map[string]string{
	"gateway/metrics.go": "the metrics library takes float64; counts and seconds, no amount",
}

// floatRooms are where amounts live.
var floatRooms = []string{"core", "mapping", "storage", "adapters", "webhooks", "gateway"}

var floatNames = []string{"float32", "float64", "complex64", "complex128", "ParseFloat", "FormatFloat", "AppendFloat", "Float32", "Float64", "NewFloat", "SetFloat64"}

// integerMath are the names of package math that are not floating point.
var integerMath = regexp.MustCompile(`^(Max|Min)U?[Ii]nt(8|16|32|64)?$`)

func TestNoFloats(t *testing.T) {
	check(t, func(tr *tree) []finding { return checkFloats(tr, floatFiles) })
}

// checkFloats keeps binary floating point out of the rooms that handle amounts:
// 0.1 has no exact float, and an error of one part in 2^53 is a wrong balance.
func checkFloats(tr *tree, allowed map[string]string) []finding {
	var out []finding
	for _, f := range tr.code() {
		if !under(f.dir, floatRooms...) {
			continue
		}
		found := floatsIn(tr, f)
		_, ok := allowed[f.path]
		switch {
		case ok && len(found) == 0:
			out = append(out, finding{f.path, "is on the list of files that may use floats and uses none", "remove it from floatFiles"})
		case !ok:
			out = append(out, found...)
		}
	}
	return out
}

func floatsIn(tr *tree, f *goFile) []finding {
	const do = "use integers of the smallest unit or decimal strings; if no amount is near, list the file in floatFiles with its reason"
	var out []finding
	maths := localName(f, "math")
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			if slices.Contains(floatNames, n.Name) {
				out = append(out, finding{tr.at(n.Pos()), fmt.Sprintf("%s stands near amounts", n.Name), do})
			}
		case *ast.BasicLit:
			if n.Kind == token.FLOAT || n.Kind == token.IMAG {
				out = append(out, finding{tr.at(n.Pos()), fmt.Sprintf("the floating-point literal %s stands near amounts", n.Value), do})
			}
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && maths != "" && x.Name == maths && !integerMath.MatchString(n.Sel.Name) {
				out = append(out, finding{tr.at(n.Pos()), "math." + n.Sel.Name + " is floating point near amounts", do})
			}
		}
		return true
	})
	return out
}
