package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"scrip/mapping/burn"
	"scrip/mapping/migrate"
)

// crowded is a plan with more accounts than are shown, every 300th of which has
// a warning.
func crowded(t *testing.T, limit int) (*migrate.Plan, *gallery) {
	p := migrate.NewPlan(migrate.Settings{"route.primary": "main"}, migrate.Settings{"route.primary": "next"}, nil)
	if p.With(&migrate.Effect{Accounts: pageRows + 5, Calls: 4000, Seconds: 7265, AtLimit: 61, Burn: map[burn.Verdict]int{burn.Differs: 3, burn.Same: 2}}); p.Check() != nil {
		t.Fatal("the plan does not hold")
	}
	seen := &gallery{limit: limit}
	for i := range pageRows + 5 {
		c := &migrate.CustomerEffect{Customer: fmt.Sprintf("customer-%d<script>", i), Unit: "credits", Before: "1.00", After: "1.00"}
		if i%300 == 299 {
			c.Warnings, c.Pair = []migrate.Warning{migrate.BurnDiffers}, &burn.Pair{First: "grn_a", Second: "grn_b"}
		}
		seen.see(c)
	}
	return p, seen
}

func TestAPageIsBounded(t *testing.T) {
	var page bytes.Buffer
	p, seen := crowded(t, pageRows)
	if err := printPage(&page, p, seen); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	for _, want := range []string{
		"10000 of 10005 accounts, those with warnings first. The other 5 stand in the plan's file.", p.Digest, "from main to next",
		"4000 calls or more: 2h01m at our share of the vendor's limit, 1m01s at all of it", "the same for 2 accounts, differs for 3",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if n := strings.Count(text, "<tr><td>customer-"); n != pageRows || strings.Contains(text, "<script") || strings.Contains(text, "://") {
		t.Errorf("%d rows, or something of elsewhere", n)
	}
	if n := strings.Count(text, "burn_differs (grn_b before grn_a)"); n != 33 {
		t.Errorf("%d of 33 warnings are shown", n)
	}
}

func TestATableIsShort(t *testing.T) {
	var out, words bytes.Buffer
	s := &shell{out: &out, err: &words}
	p, seen := crowded(t, shownRows)
	if err := s.printPlan(p, seen); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "burn_differs"); n != shownRows || !strings.Contains(out.String(), "… and 13 more, in the file") {
		t.Errorf("%d accounts are shown in\n%s", n, out.String())
	}
}
