package archtest

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// impureImports would let a rule of the core read the world or toss a coin.
var impureImports = []string{"os", "math/rand", "math/rand/v2", "crypto/rand", "net", "database/sql", "log", "io/ioutil", "syscall", "runtime"}

// impureTime are the parts of package time that read or wait for the clock.
var impureTime = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer"}

func TestCoreIsPure(t *testing.T) { check(t, checkPure) }

// checkPure holds the core to pure functions of (state, command, now): only
// then can it be replayed, simulated and property-tested. core/ledger drives
// the core and may use the clock and goroutines.
func checkPure(tr *tree) []finding {
	const do = "take the time, the random bits or the data as an argument"
	var out []finding
	for _, f := range tr.code() {
		if !under(f.dir, "core") || under(f.dir, "core/ledger") {
			continue
		}
		for _, spec := range f.ast.Imports {
			p := strings.Trim(spec.Path.Value, `"`)
			if under(p, impureImports...) {
				out = append(out, finding{tr.at(spec.Pos()), fmt.Sprintf("the core imports %q", p), do})
			}
		}
		clock := localName(f, "time")
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				out = append(out, finding{tr.at(n.Pos()), "the core starts a goroutine", "leave concurrency to core/ledger"})
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && clock != "" && x.Name == clock && slices.Contains(impureTime, n.Sel.Name) {
					out = append(out, finding{tr.at(n.Pos()), "the core uses time." + n.Sel.Name, do})
				}
			}
			return true
		})
	}
	return out
}
