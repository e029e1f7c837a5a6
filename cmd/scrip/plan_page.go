package main

import (
	_ "embed"
	"html/template"
	"io"

	"scrip/mapping/migrate"
)

//go:embed plan.html
var planPage string

// printPage writes a plan as one page that needs nothing else: no script, no
// style or font from elsewhere.
func printPage(to io.Writer, p *migrate.Plan, seen *gallery) error {
	t, err := template.New("plan").Funcs(template.FuncMap{
		"after": after, "warnings": warningText, "span": span, "burn": burnText,
	}).Parse(planPage)
	if err != nil {
		return err
	}
	rows := seen.warned
	if room := pageRows - len(rows); room > 0 {
		rows = append(rows[:len(rows):len(rows)], seen.rest[:min(room, len(seen.rest))]...)
	}
	return t.Execute(to, map[string]any{"Plan": p, "Effect": p.Effect, "Rows": rows, "Total": seen.total, "More": seen.total - len(rows)})
}
