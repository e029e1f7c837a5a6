package archtest

import (
	"regexp"
	"strings"
	"testing"
)

// replaceLine is what a go.mod must not have: code from elsewhere than its
// module says.
var replaceLine = regexp.MustCompile(`^\s*(replace|exclude)\b|=>`)

// Every module comes from where it says and is pinned by its sum.
//
// SC-03.
func TestModulesArePinned(t *testing.T) {
	tr, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", "tools/"} {
		mod, sum := readText(tr.root, dir+"go.mod"), readText(tr.root, dir+"go.sum")
		for n, line := range strings.Split(mod, "\n") {
			if replaceLine.MatchString(line) {
				t.Errorf("%sgo.mod:%d: %q takes code from elsewhere", dir, n+1, line)
			}
			m := requireLine.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			if !strings.Contains(sum, m[1]+" "+m[2]+"/go.mod h1:") {
				t.Errorf("%sgo.mod:%d: %s %s has no sum", dir, n+1, m[1], m[2])
			}
		}
	}
}
