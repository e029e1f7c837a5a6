package sandboxtest

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"scrip/adapters/sandbox"
	"scrip/internal/speccheck"
)

// Documents holds a scenario against a vendor's OpenAPI documents, both ways.
type Documents struct {
	// New starts the vendor's sandbox; Scenario uses all of it.
	New      func(sandbox.Options) *sandbox.Server
	Scenario func(url string)
	// Files are the documents among the vendor material. Prefix tells what of
	// a path the second and further ones judge; the first judges the rest.
	Files  []string
	Prefix string
	// Calls bounds from below how many exchanges the scenario is made of.
	Calls int
	// Exceptions are the reviewed differences between document and wire: parts
	// of a violation's text, and why it stands.
	Exceptions [][2]string
	// Wrong are the negative controls.
	Wrong []Wrong
}

// Wrong spoils one exchange of the scenario in a way that has to be found.
type Wrong struct {
	What string
	// Call begins with the method and is found in the exchange's name, as
	// "POST /v1/customers -> 200".
	Call  string
	Spoil func(x *speccheck.Exchange)
}

// Check runs the scenario and judges every exchange of it.
func (d Documents) Check(t *testing.T) {
	var specs []*speccheck.Spec
	for _, name := range d.Files {
		path, set := speccheck.Material(name)
		if !set {
			t.Skip(speccheck.MaterialVariable + " is not set: it names the folder with the vendors' documents")
		}
		spec, err := speccheck.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		specs = append(specs, spec)
	}
	s := d.New(sandbox.Options{Seed: 3})
	rec := speccheck.Record(s)
	hs := httptest.NewServer(rec)
	defer hs.Close()
	defer s.Close()
	s.SetPublicURL(hs.URL)
	d.Scenario(hs.URL)
	list := slices.DeleteFunc(rec.Exchanges(), func(x speccheck.Exchange) bool { return strings.Contains(x.URL, "/_sandbox/") })
	d.judge(t, specs, list)
	for _, w := range d.Wrong {
		i := slices.IndexFunc(list, func(x speccheck.Exchange) bool {
			x.URL = strings.TrimPrefix(x.URL, hs.URL)
			return strings.Contains(x.String(), w.Call)
		})
		if i < 0 {
			t.Errorf("the scenario has no %q, so that %s cannot be tried", w.Call, w.What)
			continue
		}
		x := list[i]
		x.Header = x.Header.Clone()
		w.Spoil(&x)
		if len(d.spec(specs, x).Check(x)) == 0 {
			t.Errorf("%s was accepted", w.What)
		}
	}
}

func (d Documents) spec(specs []*speccheck.Spec, x speccheck.Exchange) *speccheck.Spec {
	if len(specs) > 1 && strings.Contains(x.URL, d.Prefix) {
		return specs[1]
	}
	return specs[0]
}

func (d Documents) judge(t *testing.T, specs []*speccheck.Spec, list []speccheck.Exchange) {
	t.Helper()
	if len(list) < d.Calls {
		t.Errorf("only %d exchanges were checked; the scenario does not reach the API", len(list))
	}
	used := make([]bool, len(d.Exceptions))
	for _, x := range list {
		for _, violation := range d.spec(specs, x).Check(x) {
			i := slices.IndexFunc(d.Exceptions, func(e [2]string) bool { return strings.Contains(violation, e[0]) })
			if i >= 0 {
				used[i] = true
				continue
			}
			t.Errorf("%s\n  %s\n  %.300s", violation, x.Body, x.Reply)
		}
	}
	for i, e := range d.Exceptions {
		if !used[i] {
			t.Errorf("exception %q is not needed any more; take it out", e[0])
		}
	}
}

// Replace spoils an exchange by replacing the first old text of the request's
// body, or of the answer's where the request's has none.
func Replace(old, by string) func(*speccheck.Exchange) {
	return func(x *speccheck.Exchange) {
		if body := strings.Replace(string(x.Body), old, by, 1); body != string(x.Body) {
			x.Body = []byte(body)
			return
		}
		x.Reply = []byte(strings.Replace(string(x.Reply), old, by, 1))
	}
}

// Reply spoils an exchange by another answer.
func Reply(body string) func(*speccheck.Exchange) {
	return func(x *speccheck.Exchange) { x.Reply = []byte(body) }
}

// Query spoils an exchange by asking with a query instead.
func Query(query string) func(*speccheck.Exchange) {
	return func(x *speccheck.Exchange) { x.Method, x.Body, x.URL = "GET", nil, x.URL+"?"+query }
}
