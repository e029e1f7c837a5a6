package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
	"scrip/mapping/config"
	"scrip/mapping/migrate"
	"scrip/storage/sqlite"
)

// told is the one finding that look makes, or nothing.
func told(t *testing.T, look func(*doctor)) diagnosis {
	t.Helper()
	d := &doctor{}
	look(d)
	if len(d.list) > 1 {
		t.Fatalf("%d findings: %v", len(d.list), d.list)
	}
	if len(d.list) == 0 {
		return diagnosis{}
	}
	if f := d.list[0]; (f.Level == isOK) != (f.Mend == "") {
		t.Errorf("%+v: what is not fine needs a mend, and nothing else does", f)
	}
	return d.list[0]
}

func want(t *testing.T, what string, f diagnosis, l level, text string) {
	t.Helper()
	if f.Level != l || !strings.Contains(f.Seen, text) {
		t.Errorf("%s: %q %q, want %q and %q", what, f.Level, f.Seen, l, text)
	}
}

func TestDoctorJudgesClocks(t *testing.T) {
	for ahead, c := range map[time.Duration]struct {
		level level
		text  string
	}{
		0: {isOK, "agrees"}, 5 * time.Second: {isOK, "agrees"}, -5 * time.Second: {isOK, "agrees"},
		time.Minute: {isWarn, "1m0s behind"}, -time.Minute: {isWarn, "1m0s ahead of"},
		time.Hour: {isFail, "1h0m0s behind"}, -5 * time.Minute: {isFail, "5m0s ahead of"},
	} {
		want(t, ahead.String(), told(t, func(d *doctor) { d.skew("x", ahead) }), c.level, c.text)
	}
}

func TestDoctorJudgesAnswers(t *testing.T) {
	c := config.Connection{Connection: mapping.Connection{Name: "main", Provider: "someone"}, APIKey: config.NewSecret("env:KEY", "canary")}
	for code, want := range map[adapters.Code]struct {
		level level
		text  string
	}{
		"": {isOK, "accepts the key env:KEY"}, adapters.CodeUnauthorized: {isFail, "refuses the key env:KEY"}, adapters.CodeForbidden: {isFail, "does not let"},
		adapters.CodeRateLimited: {isWarn, "too often"}, adapters.CodeBadAnswer: {isFail, "not its own"}, adapters.CodeNotFound: {isFail, "not its own"},
		adapters.CodeUnavailable: {isFail, "does not answer"}, adapters.CodeUnknown: {isFail, "does not answer"},
	} {
		f := told(t, func(d *doctor) {
			var err error
			if code != "" {
				err = adapters.Errorf(code, "said so")
			}
			d.answer("x", c, err)
		})
		if f.Level != want.level || !strings.Contains(f.Seen, want.text) || strings.Contains(fmt.Sprint(f), "canary") {
			t.Errorf("%q: %+v, want %+v", code, f, want)
		}
	}
}

func TestDoctorJudgesQueues(t *testing.T) {
	now := core.TimeOf(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC))
	ago := func(d time.Duration) core.Time { return now.Add(-d) }
	for name, c := range map[string]struct {
		stats ledger.QueueStats
		level level
		text  string
	}{
		"empty":       {ledger.QueueStats{}, "", ""},
		"at work":     {ledger.QueueStats{Waiting: 9, Oldest: ago(time.Minute)}, "", ""},
		"open":        {ledger.QueueStats{Open: 9}, "", ""},
		"late":        {ledger.QueueStats{Waiting: 9, Oldest: ago(time.Hour)}, isWarn, "9 of \"main\" wait, the oldest for 1h0m0s"},
		"long late":   {ledger.QueueStats{Waiting: 1, Oldest: ago(25 * time.Hour)}, isFail, "the oldest for 25h"},
		"parked":      {ledger.QueueStats{Parked: 2}, isWarn, "2 of \"main\" are parked"},
		"from future": {ledger.QueueStats{Waiting: 1, Oldest: now + 1}, "", ""},
	} {
		c.stats.Connection, c.stats.Queue = "main", ledger.Outbox
		f := told(t, func(d *doctor) { d.queue(c.stats, now) })
		want(t, name, f, c.level, c.text)
		if f.Mend != "" && !strings.Contains(f.Mend, "scrip outbox ") {
			t.Errorf("%s: the mend is %q", name, f.Mend)
		}
	}
}

func TestDoctorSeesWhatListens(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		level  level
		text   string
	}{
		"a gateway":  {200, `{"status":"ok","storage":"ok"}`, isOK, "is ready"},
		"not ready":  {503, `{}`, isWarn, "not ready"},
		"a stranger": {200, "<html>", isWarn, "no gateway"},
		"another":    {404, "", isWarn, "no gateway"},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		}))
		want(t, name, told(t, func(d *doctor) { d.listen(t.Context(), strings.TrimPrefix(s.URL, "http://")) }), c.level, c.text)
		s.Close()
	}
	want(t, "nobody", told(t, func(d *doctor) { d.listen(t.Context(), "127.0.0.1:1") }), isOK, "none answers")
}

func TestDoctorSeesChangesUnderWay(t *testing.T) {
	for name, c := range map[string]struct {
		id    string
		body  any
		level level
		text  string
	}{
		"none":        {"", nil, "", ""},
		"under way":   {"move", migrate.Move{Source: "a", Target: "b", Phase: migrate.Backfill}, isWarn, `from "a" to "b" stands at backfill`},
		"moved":       {"move", migrate.Move{Source: "a", Target: "b", Phase: migrate.Moved}, isWarn, `"b" leads`},
		"drained":     {"move", migrate.Move{Source: "a", Target: "b", Phase: migrate.Done}, "", ""},
		"unit":        {"unit", migrate.Conversion{From: "credits", To: "usd", Phase: migrate.Check}, isWarn, `from "credits" to "usd" stands at check`},
		"unit, ended": {"unit", migrate.Conversion{From: "credits", To: "usd", Phase: migrate.Converted}, "", ""},
	} {
		store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "scrip.db"))
		if err != nil {
			t.Fatal(err)
		}
		if c.body != nil {
			raw, err := json.Marshal(c.body)
			if err != nil {
				t.Fatal(err)
			}
			err = store.Commit(t.Context(), &ledger.Batch{}, func(*ledger.State) (*ledger.Changes, error) {
				return &ledger.Changes{Records: []*ledger.Record{{Kind: "migration", ID: c.id, Version: 1, Body: raw, At: 1}}}, nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		want(t, name, told(t, func(d *doctor) { d.moves(t.Context(), store.Reader()) }), c.level, c.text)
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A vendor's clock is read from its answer, and a key that it refuses is told
// by its reference.
func TestDoctorAsksVendors(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error": {"type": "invalid_request_error", "message": "no"}}`)
	}))
	defer s.Close()
	for _, v := range vendors() {
		d := &doctor{}
		d.connections(context.Background(), []config.Connection{{
			Connection: mapping.Connection{Name: "main", Provider: v.name, BaseURL: s.URL}, APIKey: config.NewSecret("env:KEY", "sk_test_canary"),
		}})
		text := fmt.Sprint(d.list)
		for _, part := range []string{"refuses the key env:KEY", "our clock is 1h0m", "ahead of the vendor's", "no webhook secret"} {
			if !strings.Contains(text, part) {
				t.Errorf("%s: %s does not say %q", v.name, text, part)
			}
		}
		if strings.Contains(text, "canary") {
			t.Errorf("%s: %s", v.name, text)
		}
	}
}

// Failures decide the exit code, and the JSON has them all.
func TestDoctorReports(t *testing.T) {
	for name, c := range map[string]struct {
		level level
		code  int
	}{"fine": {isOK, exitFine}, "to look at": {isWarn, exitFine}, "failed": {isFail, exitFailed}} {
		var out, words bytes.Buffer
		s := &shell{out: &out, err: &words, json: true}
		d := &doctor{shell: s}
		d.add(c.level, "x", "do it", "seen")
		if got := s.report(d.print()); got != c.code {
			t.Errorf("%s: exit %d, want %d", name, got, c.code)
		}
		var got struct {
			OK       bool
			Findings []diagnosis
		}
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || got.OK != (c.code == 0) || len(got.Findings) != 1 || got.Findings[0] != d.list[0] {
			t.Errorf("%s: %s (%v)", name, out.String(), err)
		}
	}
}
