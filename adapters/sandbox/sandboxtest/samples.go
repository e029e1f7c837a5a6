package sandboxtest

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"scrip/internal/speccheck"
)

// Samples holds every webhook of a list against the published sample of its
// type, a file of the folder among the vendor material: the same keys, and
// values of the same kind. Free names the objects that hold the user's own
// words; optional keys, written as a path, may be in the sample alone or in the
// webhook alone. It returns the types it saw.
func Samples(t *testing.T, folder string, file func(Answer) string, list []Answer, free, optional []string) map[string]bool {
	t.Helper()
	if _, set := speccheck.Material(""); !set {
		t.Skip(speccheck.MaterialVariable + " is not set: it names the folder with the vendors' samples")
	}
	seen := map[string]bool{}
	for _, e := range list {
		name := file(e)
		seen[e.Text("type")] = true
		path, _ := speccheck.Material(folder + "/" + name)
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("%s: there is no sample: %v", name, err)
			continue
		}
		var sample, got map[string]any
		if err := json.Unmarshal(raw, &sample); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(e.Raw, &got); err != nil {
			t.Fatal(err)
		}
		for _, wrong := range unlike("", sample, got, free) {
			if !slices.ContainsFunc(optional, func(o string) bool { return wrong == o+" is missing" || wrong == o+" is not in the sample" }) {
				t.Errorf("%s: %s", name, wrong)
			}
		}
	}
	return seen
}

// unlike lists where a value's keys or kinds differ from a sample's; null fits
// everything.
func unlike(at string, sample, got any, free []string) []string {
	if sample == nil || got == nil {
		return nil
	}
	if fmt.Sprintf("%T", sample) != fmt.Sprintf("%T", got) {
		return []string{fmt.Sprintf("%s is a %T, not a %T", at, got, sample)}
	}
	var out []string
	switch want := sample.(type) {
	case map[string]any:
		if slices.Contains(free, at[strings.LastIndex(at, ".")+1:]) {
			return nil
		}
		have := got.(map[string]any)
		for name, v := range want {
			if _, ok := have[name]; !ok {
				out = append(out, at+"."+name+" is missing")
			}
			out = append(out, unlike(at+"."+name, v, have[name], free)...)
		}
		for name := range have {
			if _, ok := want[name]; !ok {
				out = append(out, at+"."+name+" is not in the sample")
			}
		}
	case []any:
		if have := got.([]any); len(want) > 0 && len(have) > 0 {
			out = append(out, unlike(at+"[0]", want[0], have[0], free)...)
		}
	}
	return out
}
