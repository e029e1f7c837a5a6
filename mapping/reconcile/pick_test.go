package reconcile

import (
	"testing"

	"scrip/adapters"
	"scrip/core"
	"scrip/mapping"
)

// An object that is used up and that no link leads to has lost its link, unless
// a true-up had made another of its grant, and ended that.
func TestPickUnlinked(t *testing.T) {
	held := adapters.Holding{Quanta: 100, Scale: 2, Unit: "usd"}
	used := adapters.VendorGrant{ID: "cg_1", Neutral: "grn_1", Held: held, Left: adapters.Holding{Scale: 2, Unit: "usd"}, State: core.Spent}
	open, over := used, used
	open.ID, open.Left, open.State = "cg_2", held, core.Open
	over.ID, over.State = "cg_3", core.Expired
	given := []*mapping.GrantFacts{{Holding: held}}
	for name, c := range map[string]struct {
		list    []adapters.VendorGrant
		truesUp bool
		want    string // of which it is found
	}{
		"alone":                         {[]adapters.VendorGrant{used}, true, "cg_1"},
		"with one that was ended":       {[]adapters.VendorGrant{used, over}, true, ""},
		"ended without a true-up":       {[]adapters.VendorGrant{used, over}, false, "cg_1"},
		"with one that is still in use": {[]adapters.VendorGrant{used, open}, true, "cg_2"},
	} {
		s := &state{}
		pick(s, &core.Grant{Terms: core.Terms{ID: "grn_1"}}, c.list, nil, given, c.truesUp)
		got := ""
		for _, f := range s.findings {
			if f.Cause == Unlinked {
				got = f.VendorObject
			}
		}
		if got != c.want {
			t.Errorf("%s: %q is found, want %q", name, got, c.want)
		}
	}
}
