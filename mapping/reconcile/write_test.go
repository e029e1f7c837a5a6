package reconcile_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"scrip/mapping/reconcile"
)

// TestCells: what a vendor or a customer id says is never run by a
// spreadsheet, steers no terminal, and comes back whole from JSON.
func TestCells(t *testing.T) {
	for cell, want := range map[string]string{
		"=HYPERLINK(1)": "'=HYPERLINK(1)", "+cmd": "'+cmd", "-1+2": "'-1+2", "@x": "'@x", "\t=1": "'\t=1", "  =1": "'  =1",
		"-0.01": "-0.01", "+12": "+12", "acme": "acme", "a=b": "a=b", "12.34 usd": "12.34 usd", `a"b,c`: `a"b,c`, "": "",
	} {
		r := &reconcile.Report{
			Findings: []reconcile.Finding{{Customer: cell}},
			InFlight: []reconcile.Finding{{Evidence: cell}},
		}
		var out bytes.Buffer
		if err := r.Write(&out, "csv"); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(rows) != 3 || rows[1][0] != "finding" || rows[2][0] != "in_flight" {
			t.Fatalf("%v, %v", rows, err)
		}
		if got := rows[1][2]; got != want {
			t.Errorf("%q is written %q, want %q", cell, got, want)
		}
		if got := rows[2][9]; got != want {
			t.Errorf("%q is written %q, want %q", cell, got, want)
		}
		out.Reset()
		var back reconcile.Report
		if err := r.Write(&out, "json"); err != nil || json.Unmarshal(out.Bytes(), &back) != nil || back.Findings[0].Customer != cell {
			t.Errorf("%q comes back as %+v, %v", cell, back.Findings, err)
		}
	}
	var out bytes.Buffer
	r := &reconcile.Report{Findings: []reconcile.Finding{{Customer: "a\x1b[2J\nb\u009bc"}}}
	if err := r.Write(&out, "table"); err != nil || strings.ContainsAny(out.String(), "\x1b\u009b") || !strings.Contains(out.String(), "a?[2J?b?c") {
		t.Errorf("%q, %v", out.String(), err)
	}
}

type full struct{ room int }

func (f *full) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errors.New("full")
	}
	return len(p), nil
}

func TestWriteFails(t *testing.T) {
	r := &reconcile.Report{Findings: []reconcile.Finding{{Customer: "acme"}}, NotComparable: []reconcile.NotComparable{{Fact: "x"}}}
	for _, format := range reconcile.Formats() {
		if err := r.Write(&full{room: 60}, format); err == nil {
			t.Errorf("%s: a full disk was not noticed", format)
		}
	}
}
