package faultsdoc

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
	"slices"
	"strconv"
	"strings"
)

// Page writes the page of all cases and the tests under root that cover them.
// It fails where a test names a case that is not in the table.
func Page(root string) (string, error) {
	cover, err := scan(root)
	if err != nil {
		return "", err
	}
	for id, tests := range cover {
		if !slices.ContainsFunc(Cases[:], func(c Case) bool { return c.ID == id }) {
			return "", fmt.Errorf("%s names case %q, which is not in the table", tests[0], id)
		}
	}
	var b strings.Builder
	b.WriteString(intro)
	for _, f := range Families {
		covered, all := 0, 0
		var rows strings.Builder
		for _, c := range Cases {
			if !strings.HasPrefix(c.ID, f.Letters+"-") {
				continue
			}
			all++
			tests := "not covered yet"
			if list := cover[c.ID]; len(list) > 0 {
				covered++
				tests = strings.Join(list, "<br>")
			}
			fmt.Fprintf(&rows, "| %s | %s | %s |\n", c.ID, c.Title, tests)
		}
		fmt.Fprintf(&b, "\n## %s: %s\n\n%d of %d covered.\n\n| case | what goes wrong | tests |\n|---|---|---|\n%s", f.Letters, f.Title, covered, all, rows.String())
	}
	return b.String(), nil
}

const intro = `# Faults and the tests that show them

Made by ` + "`go test ./internal/faultsdoc -update`" + `; a test fails when it is out of date.
A test covers a case when the comment above it, or a comment of a script, names the case's id,
or when its own name has it without the dash. A test that is named may cover a part of its case.
`

var (
	written = regexp.MustCompile(`\b(CR|PA|CF|SC|AP|LC|WH|MG|RC|CK|RP)-([0-9]{2})\b(?:\s+to\s+(?:[A-Z]{2}-)?([0-9]{2})\b)?`)
	inName  = regexp.MustCompile(`(CR|PA|CF|SC|AP|LC|WH|MG|RC|CK|RP)([0-9]{2})`)
)

// named are the ids in a text, those between the ends of a span too.
func named(text string) (ids []string) {
	for _, m := range written.FindAllStringSubmatch(text, -1) {
		from, _ := strconv.Atoi(m[2]) // two digits
		to := from
		if m[3] != "" {
			to, _ = strconv.Atoi(m[3])
		}
		for n := from; n <= to; n++ {
			ids = append(ids, fmt.Sprintf("%s-%02d", m[1], n))
		}
	}
	return ids
}

// scan finds the tests that cover each case: their package and name, in order.
func scan(root string) (map[string][]string, error) {
	cover := map[string][]string{}
	add := func(ids []string, test string) {
		for _, id := range ids {
			if !slices.Contains(cover[id], test) {
				cover[id] = append(cover[id], test)
			}
		}
	}
	err := filepath.WalkDir(root, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, at)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch {
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && rel != "." || rel == "internal/faultsdoc"):
			return filepath.SkipDir
		case strings.HasSuffix(rel, "_test.go"):
			return scanTests(at, rel, add)
		case strings.HasSuffix(rel, ".txtar"):
			return scanScript(at, rel, add)
		}
		return nil
	})
	for _, tests := range cover {
		slices.Sort(tests)
	}
	return cover, err
}

func scanTests(at, rel string, add func([]string, string)) error {
	file, err := parser.ParseFile(token.NewFileSet(), at, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") && !strings.HasPrefix(f.Name.Name, "Fuzz") {
			continue
		}
		name := "`" + path.Dir(rel) + "` " + f.Name.Name
		add(named(f.Doc.Text()), name)
		for _, m := range inName.FindAllStringSubmatch(f.Name.Name, -1) {
			add([]string{m[1] + "-" + m[2]}, name)
		}
	}
	return nil
}

// scanScript reads a script's comments, up to its first file.
func scanScript(at, rel string, add func([]string, string)) error {
	raw, err := os.ReadFile(at)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(line, "-- ") {
			break
		}
		if strings.HasPrefix(line, "#") {
			add(named(line), "`"+rel+"`")
		}
	}
	return nil
}
