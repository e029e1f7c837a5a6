package adaptertest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/internal/speccheck"
)

// neutral is an event as the golden file keeps it.
type neutral struct {
	Kind     adapters.EventKind `json:"kind"`
	Type     string             `json:"type"`
	Object   string             `json:"object,omitempty"`
	Customer string             `json:"customer,omitempty"`
	At       string             `json:"at"`
	Live     bool               `json:"live,omitempty"`
	Hint     bool               `json:"hint,omitempty"`
	Mark     string             `json:"mark,omitempty"`
	Neutral  string             `json:"neutral,omitempty"`
	Related  []string           `json:"related,omitempty"`
	Reason   string             `json:"reason,omitempty"`
	Payment  string             `json:"payment,omitempty"`
	Renewal  string             `json:"renewal,omitempty"`
}

func summarise(e adapters.Event) neutral {
	n := neutral{
		Kind: e.Kind, Type: e.Type, Object: e.Object, Customer: e.Customer, At: e.At.String(), Live: e.Live, Hint: e.Hint,
		Mark: string(e.Mark), Neutral: e.Neutral, Related: e.Related, Reason: e.Reason,
	}
	if p := e.Payment; p != nil {
		settled := "open"
		if p.Settled {
			settled = "settled"
		}
		n.Payment = strings.TrimSpace(strings.Join([]string{p.Paid.String(), settled, "for", string(p.Purchase), "by", p.Object}, " "))
	}
	if r := e.Renewal; r != nil {
		settled := "open"
		if r.Settled {
			settled = "settled"
		}
		n.Renewal = strings.Join([]string{r.Paid.String(), settled, "for", r.Subscription, "from", r.Start.String()}, " ")
	}
	return n
}

// testEvents normalises every sample event and compares with the golden file.
// It also cuts and spoils each: no body may be more than refused.
func testEvents(t *testing.T, h Harness) {
	a, err := h.New(Access{URL: "http://127.0.0.1:1", Key: canaryKey, Secrets: []string{canarySecret}, HTTP: quick()})
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"", "null", "[]", "{}", `"x"`, "1", "<html>", `{"id":1}`, strings.Repeat("[", 100_000)} {
		if _, err := a.Normalise([]byte(body)); adapters.AsError(err).Code != adapters.CodeInvalid {
			t.Errorf("%.20q: %v, want it refused as invalid", body, err)
		}
	}
	dir, ok := speccheck.Material(h.Material + "/events")
	if !ok {
		t.Skipf("%s is not set: it names the folder of vendor material", speccheck.MaterialVariable)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no sample events: %v", err)
	}
	got := map[string]neutral{}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		e, err := a.Normalise(body)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
			continue
		}
		if e.ID == "" || e.Type == "" || e.At == 0 && dated.Match(body) || e.Kind == "" {
			t.Errorf("%s: the event lacks id, type, time or kind: %+v", filepath.Base(file), e)
		}
		got[filepath.Base(file)] = summarise(e)
		spoil(t, a, body)
	}
	golden(t, h.Golden, got)
}

// dated finds an instant in a body: not every event tells its time.
var dated = regexp.MustCompile(`"\d{4}-\d\d-\d\dT|"(created|created_at|occurred_at|timestamp)": ?\d{9}`)

// spoil feeds what is left of a body after a mishap. Nothing is asserted of
// the outcome but that there is one, and that a failure is classified.
func spoil(t *testing.T, a adapters.Adapter, body []byte) {
	t.Helper()
	for _, cut := range []int{1, len(body) / 3, len(body) / 2, len(body) - 2} {
		if _, err := a.Normalise(body[:cut]); adapters.AsError(err).Code != adapters.CodeInvalid {
			t.Errorf("a body cut at %d: %v, want it refused as invalid", cut, err)
		}
	}
	for _, swap := range [][2]string{{"{", "["}, {":", ": null, \"x\":"}, {"true", "\"true\""}, {"0", "1e9"}} {
		if _, err := a.Normalise(bytes.ReplaceAll(body, []byte(swap[0]), []byte(swap[1]))); err != nil && adapters.AsError(err).Code != adapters.CodeInvalid {
			t.Errorf("a spoilt body: %v", err)
		}
	}
}

// golden compares with the file, or writes it.
func golden(t *testing.T, file string, got map[string]neutral) {
	t.Helper()
	text, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; run the test with -update to write it", err)
	}
	var want map[string]neutral
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	for name, g := range got {
		a, _ := json.Marshal(g)
		b, _ := json.Marshal(want[name])
		if !bytes.Equal(a, b) {
			t.Errorf("%s:\n got %s\nwant %s", name, a, b)
		}
	}
	for name := range want {
		if _, ok := got[name]; !ok {
			t.Errorf("%s is in the golden file and no sample", name)
		}
	}
}
