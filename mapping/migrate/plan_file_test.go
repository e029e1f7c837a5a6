package migrate_test

import (
	"bytes"
	"strings"
	"testing"

	"scrip/core"
	"scrip/mapping/migrate"
)

// planFile writes a plan with the effect on some accounts.
func planFile(t testing.TB, p *migrate.Plan, e *migrate.Effect, rows ...*migrate.CustomerEffect) string {
	t.Helper()
	var b bytes.Buffer
	w, err := migrate.NewWriter(&b, p)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range rows {
		if err := w.Add(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(e); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func dearer(t *testing.T) *migrate.Plan {
	return migrate.NewPlan(settings(t, base), settings(t, strings.Replace(base, "{cost: 5}", "{cost: 6}", 1)), nil)
}

func TestPlanFilesAreReadAsTheyWereWritten(t *testing.T) {
	rows := []*migrate.CustomerEffect{
		{Customer: "ann <&\u2028\"", Unit: "credits", Seq: 3, Before: "1.00", After: "1.00", Warnings: []migrate.Warning{migrate.BelowQuantum}},
		{Customer: "bob", Unit: "credits", Seq: 1 << 60, Before: "2.00", After: "2.00"},
	}
	for n := range len(rows) + 1 {
		p := dearer(t)
		text := planFile(t, p, &migrate.Effect{Accounts: n, Fingerprint: "f"}, rows[:n]...)
		if strings.Count(text, "\n") != n+1+min(n, 1) {
			t.Errorf("%d accounts stand on other lines:\n%s", n, text)
		}
		var seen []*migrate.CustomerEffect
		got, err := migrate.ReadPlan(strings.NewReader(text), func(c *migrate.CustomerEffect) error { seen = append(seen, c); return nil })
		if err != nil || got.Check() != nil || got.Digest != p.Digest || got.Effect.Accounts != n || len(got.Changes) != 1 || len(seen) != n {
			t.Fatalf("%d accounts: read %+v and %d accounts, %v", n, got, len(seen), err)
		}
		for i, c := range seen {
			if c.Customer != rows[i].Customer || c.Seq != rows[i].Seq || len(c.Warnings) != len(rows[i].Warnings) {
				t.Errorf("read %+v, want %+v", c, rows[i])
			}
		}
		if again := planFile(t, got, got.Effect, seen...); again != text {
			t.Errorf("written again it is\n%s\nnot\n%s", again, text)
		}
	}
}

func TestPlanFilesAreReadStrictly(t *testing.T) {
	text := planFile(t, dearer(t), &migrate.Effect{}, &migrate.CustomerEffect{Customer: "ann", Before: "1.00"}, &migrate.CustomerEffect{Customer: "bob"})
	replace := func(old, new string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("%q is not in %s", old, text)
		}
		return strings.Replace(text, old, new, 1)
	}
	digest := text[len(text)-67 : len(text)-3]
	for name, changed := range map[string]string{
		"empty": "", "no plan": "[]", "another object": `{"hello":1}`, "cut short": text[:len(text)-1], "cut in an account": text[:strings.Index(text, "bob")],
		"more": text + "{}", "a space more": text + " ", "a changed setting": replace(`"after":"6"`, `"after":"1"`),
		"a changed balance": replace(`"before":"1.00"`, `"before":"9.00"`), "an account less": replace(`{"customer":"ann"`, `{"customer":"bob"`),
		"an unknown field": replace(`"format"`, `"x":1,"format"`), "an unknown field of an account": replace(`"customer":"bob"`, `"customer":"bob","x":1`),
		"a field twice": replace(`"from"`, `"to":"","from"`), "another format": replace(migrate.Format, "scrip-plan/9"),
		"another digest": replace(digest, strings.Repeat("0", 64)), "no digest": replace(`,"digest":"`+digest+`"`, ""), "an account of another kind": replace(`{"customer":"ann"`, `7,{"customer":"ann"`),
	} {
		if _, err := migrate.ReadPlan(strings.NewReader(changed), nil); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := migrate.ReadPlan(strings.NewReader(text), nil); err != nil {
		t.Errorf("its own file is refused: %v", err)
	}
}

func TestAPlanIsBoundedByTheAccount(t *testing.T) {
	text := planFile(t, dearer(t), nil, &migrate.CustomerEffect{Customer: strings.Repeat("a", 17<<20)})
	if _, err := migrate.ReadPlan(strings.NewReader(text), nil); core.CodeOf(err) != core.CodeTooLarge {
		t.Errorf("an account of 17 MiB: %v", err)
	}
}

func TestAPlanHoldsAsLongAsNobodyChangesIt(t *testing.T) {
	p := dearer(t)
	if err := p.Check(); err != nil {
		t.Error(err)
	}
	p.Changes[0].After = "1"
	if core.CodeOf(p.Check()) != core.CodeInvalid {
		t.Error("a changed plan holds")
	}
	if core.CodeOf((&migrate.Plan{Format: migrate.Format}).Check()) != core.CodeInvalid {
		t.Error("a plan that nobody made holds")
	}
}

func FuzzReadPlan(f *testing.F) {
	f.Add(`{"format":"scrip-plan/2","from":"","to":"","changes":[],"customers":[{"customer":"ann"}],"effect":{},"digest":""}`)
	f.Add(planFile(f, migrate.NewPlan(migrate.Settings{}, migrate.Settings{"a": "b"}, nil), &migrate.Effect{}, &migrate.CustomerEffect{Customer: "ann"}))
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := migrate.ReadPlan(strings.NewReader(text), nil); err == nil && p.Check() != nil {
			t.Errorf("read a plan that does not hold: %+v", p)
		}
	})
}
