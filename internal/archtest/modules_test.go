package archtest

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

var (
	// requireLine reads a requirement of go.mod: path, version, comment.
	requireLine = regexp.MustCompile(`^\s*(?:require\s+)?([\w.~-]+\.[\w.~-]+/\S+|[\w-]+\.[\w.-]+)\s+(v\S+)\s*(//.*)?$`)
	toolLine    = regexp.MustCompile(`^\s*tool\s+(\S+)\s*$`)
	// moduleRow reads a row of the table in docs/dependencies.md.
	moduleRow = regexp.MustCompile("^\\|\\s*`([^`]+)`")
)

func TestDependenciesDocumented(t *testing.T) { check(t, checkModules) }

// checkModules compares the direct requirements of both go.mod files with the
// table of docs/dependencies.md, both ways. In a go.mod that was not tidied
// yet, where all is marked indirect, a row needs any requirement.
func checkModules(tr *tree) []finding {
	const table = "docs/dependencies.md"
	direct, indirect := requirements(readText(tr.root, "go.mod"), readText(tr.root, "tools/go.mod"))
	rows := map[string]int{}
	pinned := map[string]bool{}
	n := 0
	for line := range strings.Lines(readText(tr.root, table)) {
		n++
		if m := moduleRow.FindStringSubmatch(line); m != nil {
			rows[m[1]] = n
			pinned[m[1]] = strings.Contains(line, "pinned")
		}
	}
	var out []finding
	for _, m := range sortedKeys(direct) {
		if rows[m] == 0 {
			out = append(out, finding{direct[m], fmt.Sprintf("requires %s, which has no row in %s", m, table), "write why it is needed and what else was possible, or do without it"})
		}
	}
	for _, m := range sortedKeys(rows) {
		tidied := strings.HasPrefix(indirect[m], "go.mod") && anyFrom(direct, "go.mod")
		switch {
		case direct[m] != "" || indirect[m] != "" && (!tidied || pinned[m]):
		case indirect[m] != "":
			out = append(out, finding{fmt.Sprintf("%s:%d", table, rows[m]), m + " is only an indirect requirement", "remove the row, or say in it why the version is pinned"})
		default:
			out = append(out, finding{fmt.Sprintf("%s:%d", table, rows[m]), m + " is required by no go.mod", "remove the row"})
		}
	}
	return out
}

// requirements maps each required module to its place as file:line. What
// tools/go.mod requires for a tool directive is direct, whatever its comment.
func requirements(mainMod, toolsMod string) (direct, indirect map[string]string) {
	direct, indirect = map[string]string{}, map[string]string{}
	n := 0
	for line := range strings.Lines(mainMod) {
		n++
		m := requireLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		switch at := fmt.Sprintf("go.mod:%d", n); {
		case m == nil:
		case strings.Contains(m[3], "indirect"):
			indirect[m[1]] = at
		default:
			direct[m[1]] = at
		}
	}
	tools, n := []string{}, 0
	for line := range strings.Lines(toolsMod) {
		if m := toolLine.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
			tools = append(tools, m[1])
		}
	}
	for line := range strings.Lines(toolsMod) {
		n++
		m := requireLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		for _, tool := range tools {
			if m != nil && under(tool, m[1]) {
				direct[m[1]] = fmt.Sprintf("tools/go.mod:%d", n)
			}
		}
	}
	return direct, indirect
}

func anyFrom(direct map[string]string, file string) bool {
	for _, at := range direct {
		if strings.HasPrefix(at, file+":") {
			return true
		}
	}
	return false
}
