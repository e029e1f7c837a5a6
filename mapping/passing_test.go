package mapping

import (
	"testing"

	"scrip/core"
)

// What is given back to a grant of a unit that was left, and whose time is
// over, comes and goes by one command: no vendor can be given such a grant.
func TestGrantThatComesAndGoes(t *testing.T) {
	a := account(t)
	issue(t, a, "grn_1", 100, 10_000, 1)
	from := len(a.Entries)
	terms := core.Terms{ID: "grn_2", Amount: 50, Category: core.Promotional, Starts: 1, Expires: 4_000}
	if _, err := a.ConvertIn(terms, "", "grn_old", 5_000); err != nil {
		t.Fatal(err)
	}
	a.Settle(5_000)
	equal(t, "intents", summary(tell(outward(t, Route{Primary: "main", Shadow: []string{"next"}}), a, 5_000, &from)))
}
