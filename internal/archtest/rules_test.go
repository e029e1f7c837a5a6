package archtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each rule is run on a small tree that breaks it and on one that does not.

// write lays a tree of files into a temporary folder and parses it.
func write(t *testing.T, files map[string]string) *tree {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		p := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tr, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// broken is one tree, and what each finding must contain, in order.
type broken struct {
	name  string
	rule  func(*tree) []finding
	files map[string]string
	want  []string
}

func runBroken(t *testing.T, cases []broken) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := c.rule(write(t, c.files))
			if len(got) != len(c.want) {
				t.Fatalf("got %d findings %v, want %d", len(got), got, len(c.want))
			}
			for i, f := range got {
				if !strings.Contains(f.String(), c.want[i]) {
					t.Errorf("finding %q does not say %q", f, c.want[i])
				}
			}
		})
	}
}

func imports(paths ...string) string {
	src := "package p\n"
	for _, p := range paths {
		src += fmt.Sprintf("import _ %q\n", p)
	}
	return src
}

// one is an import rule's case of a single file.
func one(name, file string, paths []string, want ...string) broken {
	return broken{name, checkImports, map[string]string{file: imports(paths...)}, want}
}

func TestImportsRule(t *testing.T) {
	in := func(p ...string) []string { return p }
	runBroken(t, []broken{
		one("core uses std", "core/a.go", in("strings", "math/big")),
		one("core imports a helper", "core/a.go", in("scrip/internal/clock"), "core/a.go:2"),
		one("core imports a library", "core/a.go", in("github.com/sourcegraph/conc/pool"), "of other modules"),
		one("rate imports core", "core/rate/a.go", in("scrip/core")),
		one("rate imports plan", "core/rate/a.go", in("scrip/core/plan"), "may import only [core]"),
		one("ledger", "core/ledger/a.go", in("scrip/core", "scrip/core/rate", "github.com/sourcegraph/conc/pool")),
		one("ledger imports a store", "core/ledger/a.go", in("scrip/storage/sqlite"), "storage/sqlite"),
		one("store", "storage/sqlite/a.go", in("scrip/core", "scrip/core/ledger", "zombiezen.com/go/sqlite/sqlitex", "modernc.org/sqlite/lib")),
		one("store imports another's driver", "storage/sqlite/a.go", in("github.com/jackc/pgx/v5"), "pgx"),
		one("prefix is no match", "storage/sqlite/a.go", in("zombiezen.com/go/sqliteother"), "sqliteother"),
		one("adapter", "adapters/stripe/a.go", in("scrip/core", "scrip/adapters", "scrip/internal/httpx", "github.com/stripe/stripe-go/v76/form")),
		one("adapter imports another's SDK", "adapters/orb/a.go", in("github.com/stripe/stripe-go/v76"), "of other modules"),
		one("adapter imports another", "adapters/orb/a.go", in("scrip/adapters/lago"), "no vendor's package"),
		one("adapter's test imports another", "adapters/orb/a_test.go", in("scrip/adapters/lago/sandbox"), "no vendor's package"),
		one("adapter imports its sandbox", "adapters/orb/a.go", in("scrip/adapters/orb/sandbox"), "may import only"),
		one("adapter's test may", "adapters/orb/a_test.go", in("scrip/adapters/orb/sandbox", "scrip/adapters/adaptertest", rapid)),
		one("sandbox", "adapters/orb/sandbox/a.go", in("net/http", "scrip/adapters/sandbox", conc)),
		one("sandbox imports core", "adapters/orb/sandbox/a.go", in("scrip/core"), "may import only [adapters/sandbox]"),
		one("sandbox's test imports the adapter", "adapters/orb/sandbox/a_test.go", in("scrip/adapters/orb"), "never sees"),
		one("kit imports a vendor", "adapters/sandbox/a.go", in("scrip/adapters/orb/sandbox"), "may import only []"),
		one("unknown vendor", "adapters/newcomer/a.go", in("scrip/core"), "no row"),
		one("unknown room", "billing/a.go", in("fmt"), "billing: no row"),
		one("config reads yaml", "mapping/config/a.go", in("github.com/goccy/go-yaml/ast")),
		one("sync must not", "mapping/sync/a.go", in("github.com/goccy/go-yaml"), "of other modules"),
		one("mapping imports a vendor", "mapping/sync/a.go", in("scrip/adapters/orb"), "may import only"),
		one("gateway", "gateway/dashboard/a.go", in("scrip/gateway", "scrip/mapping/sync", "scrip/core/ledger", "github.com/danielgtaylor/huma/v2/adapters/humago")),
		one("gateway imports adapters", "gateway/a.go", in("scrip/adapters"), "may import only"),
		one("gateway imports a store", "gateway/a.go", in("scrip/storage/sqlite"), "may import only"),
		one("nothing imports cmd", "bench/a.go", in("scrip/cmd/scrip"), "nothing imports cmd"),
		one("nor do tests", "gateway/a_test.go", in("scrip/cmd/scrip"), "nothing imports cmd"),
		one("cmd may all", "cmd/scrip/a.go", in("scrip/adapters/orb", "scrip/storage/sqlite", "github.com/spf13/cobra")),
		one("but no test library", "cmd/scrip/a.go", in("github.com/rogpeppe/go-internal/testscript"), "tests and test suites only"),
		one("nor a suite", "cmd/scrip/a.go", in("scrip/adapters/adaptertest"), "imported by tests only"),
		one("suites may", "internal/speccheck/a.go", in("github.com/pb33f/libopenapi")),
		one("the clock knows the unit of time", "internal/clock/a.go", in("scrip/core")),
		one("helpers know no domain", "internal/httpx/a.go", in("scrip/core"), "may import only [internal/...]"),
	})
}

func TestPureRule(t *testing.T) {
	src := "package p\nimport (\n\"os\"\nclk \"time\"\n)\nvar D = clk.Second\nfunc f() {\n_ = clk.Now()\ngo f()\nos.Exit(1)\n}\n"
	runBroken(t, []broken{
		{"core", checkPure, map[string]string{"core/rate/a.go": src}, []string{"a.go:3", "a.go:8: the core uses time.Now", "goroutine"}},
		{"random", checkPure, map[string]string{"core/a.go": imports("math/rand/v2", "crypto/sha256")}, []string{"math/rand/v2"}},
		{"ledger may", checkPure, map[string]string{"core/ledger/a.go": src}, nil},
		{"tests may", checkPure, map[string]string{"core/a_test.go": src}, nil},
	})
}

func TestFloatRule(t *testing.T) {
	src := "package p\nimport \"math\"\nvar a float64\nvar b = 0.1\nvar c = math.Floor(1)\nvar d = math.MaxInt64\n"
	rule := func(tr *tree) []finding {
		return checkFloats(tr, map[string]string{"gateway/latency.go": "histogram", "gateway/stale.go": "none left"})
	}
	runBroken(t, []broken{
		{"amounts", rule, map[string]string{"mapping/sync/a.go": src}, []string{"a.go:3: float64", "literal 0.1", "math.Floor"}},
		{"allowed", rule, map[string]string{"gateway/latency.go": src}, nil},
		{"stale", rule, map[string]string{"gateway/stale.go": "package p\n"}, []string{"uses none"}},
		{"elsewhere", rule, map[string]string{"bench/a.go": src}, nil},
	})
}

func TestSizeRules(t *testing.T) {
	long := func(n int) string { return "package p\n" + strings.Repeat("\n", n-1) }
	fn := func(n int) string { return "package p\nfunc f() {\n" + strings.Repeat("_ = 1\n", n-2) + "}\n" }
	names := func(n int) string {
		src := "package p\nconst (\nA = 1\nB = 2\n)\n"
		for i := 1; i < n; i++ {
			src += fmt.Sprintf("func F%d() {}\n", i)
		}
		return src
	}
	median := map[string]string{}
	for i := range medianFrom {
		median[fmt.Sprintf("core/a%d.go", i)] = long(maxMedian + 1)
	}
	runBroken(t, []broken{
		{"file fits", checkFileLength, map[string]string{"core/a.go": long(maxFile)}, nil},
		{"file too long", checkFileLength, map[string]string{"core/a.go": long(maxFile + 1)}, []string{"701 lines"}},
		{"test fits", checkFileLength, map[string]string{"core/a_test.go": long(maxTestFile)}, nil},
		{"test too long", checkFileLength, map[string]string{"core/a_test.go": long(maxTestFile + 1)}, []string{"901 lines"}},
		{"generated", checkFileLength, map[string]string{"core/a.go": "// Code generated by hand. DO NOT EDIT.\n" + long(2000)}, nil},
		{"median", checkFileLength, median, []string{"median file has 161"}},
		{"function fits", checkFunctionLength, map[string]string{"core/a.go": fn(maxFunc)}, nil},
		{"function too long", checkFunctionLength, map[string]string{"core/a.go": fn(maxFunc + 1)}, []string{"a.go:2: f has 71 lines"}},
		{"names fit", checkExportedNames, map[string]string{"core/a.go": names(maxExported)}, nil},
		{"too many names", checkExportedNames, map[string]string{"core/a.go": names(maxExported + 1)}, []string{"core: 61 exported names"}},
	})
}

func TestInterfaceRule(t *testing.T) {
	methods := func(n int) (s string) {
		for i := range n {
			s += fmt.Sprintf("M%d()\n", i)
		}
		return s
	}
	iface := func(body string) string {
		return "package p\nimport \"io\"\nvar _ io.Reader\ntype T interface {\n" + body + "}\n"
	}
	wide := func(tr *tree) []finding { return checkInterfaces(tr, map[string]string{"gateway.T": "a reason"}) }
	other := "package q\ntype Two interface {\nA()\nB()\n}\ntype Alias = Two\n"
	runBroken(t, []broken{
		{"five", wide, map[string]string{"core/a.go": iface(methods(5))}, nil},
		{"six", wide, map[string]string{"core/a.go": iface(methods(6))}, []string{"a.go:4: interface T has 6 methods"}},
		{"listed", wide, map[string]string{"gateway/a.go": iface(methods(6))}, nil},
		{"embeds std", wide, map[string]string{"core/a.go": iface(methods(3) + "io.ReadWriteCloser\n")}, []string{"has 6 methods"}},
		{"embeds own", wide, map[string]string{"core/a.go": iface(methods(4)+"u\n") + "type u interface {\nX()\nY()\n}\n"}, []string{"has 6 methods"}},
		{"embeds another package's", wide, map[string]string{
			"core/q/q.go": other,
			"core/a.go":   "package p\nimport \"scrip/core/q\"\ntype T interface {\n" + methods(4) + "q.Alias\n}\n"}, []string{"has 6 methods"}},
		{"a constraint has none", wide, map[string]string{"core/a.go": "package p\ntype N interface {\n~int | ~int8\ncomparable\n}\n"}, nil},
	})
}

func TestCommentRule(t *testing.T) {
	bad := `package p

type T struct{}

func F() {}

func (t *T) M() {}

func (g G[A]) M() {}

var V = 1

const (
	A = 1
	B = 2 // said
)

type (
	// G is said.
	G[A any] struct{}
	H        struct{}
)

//go:noinline
func Directive() {}
`
	good := `package p

// T is said.
type T struct{}

// Known values.
const (
	A = iota
	B
)

func f() {}

type t struct{}

func (t) Exported() {}
`
	runBroken(t, []broken{
		{"missing", checkComments, map[string]string{"core/a.go": bad}, []string{"type T", "function F", "a.go:7", "a.go:9", "var V", "const A", "type H", "Directive"}},
		{"said", checkComments, map[string]string{"core/a.go": good, "core/a_test.go": bad}, nil},
	})
}

func TestVendorRule(t *testing.T) {
	runBroken(t, []broken{
		{"named", checkVendorNames, map[string]string{
			"gateway/a.go":            "package p\n\n// Absorb like Stripe does.\nvar absorb = \"x\"\nvar newOrb = 1\nconst K = \"LAGO_KEY\"\n",
			"storage/sqlite/0001.sql": "create table a (id);\ncreate table orb_links (id);\n",
		}, []string{`gateway/a.go:3: names the vendor "Stripe"`, `a.go:5: names the vendor "Orb"`, `a.go:6: names the vendor "LAGO"`, "0001.sql:2"}},
		{"where they belong", checkVendorNames, map[string]string{
			"adapters/orb/a.go":         "package orb\n",
			"adapters/orb/sandbox/a.go": "package sandbox // orb, pays through stripe\n",
			registryFile:                "package main // stripe\n",
			"gateway/a_test.go":         "package p // stripe\n",
			"gateway/b.go":              "package p // an archipelago absorbs orbits and a metro\n",
		}, nil},
	})
}

func TestWorkplaceRule(t *testing.T) {
	slash := "/"
	runBroken(t, []broken{
		{"named", checkWorkplace, map[string]string{
			"README.md":         "fine\nsee " + slash + "work" + slash + "main\n",
			"a/package.lock":    `"resolved": "https://` + "registry.np" + "mjs" + `.org/x"`,
			"node_modules/x.md": slash + "work" + slash,
		}, []string{"README.md:2", "a/package.lock:1"}},
		{"not named", checkWorkplace, map[string]string{"README.md": "net" + slash + "work" + slash + "x, framework/work" + slash + "x, pkg.go.dev\n"}, nil},
	})
}

func TestModulesRule(t *testing.T) {
	mod := "module scrip\n\ngo 1.26.0\n\nrequire (\n\texample.org/a v1.0.0\n\texample.org/b/v2 v2.0.0\n\texample.org/pin v1.0.0 // indirect\n)\n"
	tools := "module scrip/tools\n\ntool example.org/lint/cmd/lint\n\nrequire (\n\texample.org/dep v1.0.0 // indirect\n\texample.org/lint v0.1.0 // indirect\n)\n"
	doc := "| module | for |\n|---|---|\n| `example.org/a` | x |\n| `example.org/b/v2` | x |\n| `example.org/lint` | x |\n"
	tree := func(mod, doc string) map[string]string {
		return map[string]string{"go.mod": mod, "tools/go.mod": tools, "docs/dependencies.md": doc}
	}
	runBroken(t, []broken{
		{"agree", checkModules, tree(mod, doc+"| `example.org/pin` | pinned |\n"), nil},
		{"no row", checkModules, tree(mod+"require example.org/new v1.0.0\n", doc), []string{"go.mod:10: requires example.org/new"}},
		{"no tool's row", checkModules, tree(mod, strings.Replace(doc, "/lint`", "/a`", 1)), []string{"tools/go.mod:7: requires example.org/lint"}},
		{"stale row", checkModules, tree(mod, doc+"| `example.org/gone` | x |\n"), []string{"dependencies.md:6: example.org/gone is required by no"}},
		{"indirect only", checkModules, tree(mod, doc+"| `example.org/pin` | x |\n"), []string{"only an indirect"}},
		{"not tidied yet", checkModules, tree(strings.ReplaceAll(mod, ".0.0\n", ".0.0 // indirect\n"), doc+"| `example.org/pin` | x |\n"), nil},
	})
}
