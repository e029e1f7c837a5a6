package main

import (
	"testing"
	"time"

	"scrip/mapping/config"
	"scrip/storage/pgserver"
)

func TestDoctorJudgesServers(t *testing.T) {
	c := &config.Config{Storage: "env:URL", Database: config.NewSecret("env:URL", "postgres://me:canary-4711@db/scrip")}
	sound := pgserver.State{Version: 160004, Commits: "on", Fsync: true, FullPages: true, Encoding: "UTF8", Encrypted: true, MaxConnections: 97, Used: 10}
	durable := func(d *doctor, s *pgserver.State) { d.durable(s) }
	connected := func(d *doctor, s *pgserver.State) { d.connected(c, s) }
	clock := func(d *doctor, s *pgserver.State) { d.serverClock(s) }
	tables := func(d *doctor, s *pgserver.State) {
		if d.tables(t.Context(), c, s) != nil {
			t.Error("it was opened")
		}
	}
	for name, f := range map[string]struct {
		look   func(*doctor, *pgserver.State)
		change func(*pgserver.State)
		level  level
		text   string
	}{
		"sound":              {durable, func(*pgserver.State) {}, isOK, "no synchronous standby"},
		"with a standby":     {durable, func(s *pgserver.State) { s.Standbys = "b" }, isOK, "of its standby (b)"},
		"fsync":              {durable, func(s *pgserver.State) { s.Fsync = false }, isFail, "does not wait for the disk"},
		"pages":              {durable, func(s *pgserver.State) { s.FullPages = false }, isFail, "half written"},
		"commits":            {durable, func(s *pgserver.State) { s.Commits = "off" }, isFail, "before they are durable"},
		"local":              {durable, func(s *pgserver.State) { s.Commits, s.Standbys = "local", "b" }, isWarn, "has not heard"},
		"local, alone":       {durable, func(s *pgserver.State) { s.Commits = "local" }, isOK, ""},
		"remote write":       {durable, func(s *pgserver.State) { s.Commits, s.Standbys = "remote_write", "b" }, isWarn, "has not written"},
		"encoding":           {durable, func(s *pgserver.State) { s.Encoding = "SQL_ASCII" }, isFail, "as SQL_ASCII"},
		"room":               {connected, func(*pgserver.State) {}, isOK, "10 of the server's 97"},
		"room for one":       {connected, func(s *pgserver.State) { s.Used = 80 }, isWarn, "for one more"},
		"no room":            {connected, func(s *pgserver.State) { s.Pool = 87 }, isFail, "needs up to 88"},
		"the clock agrees":   {clock, func(s *pgserver.State) { s.Skew, s.RoundTrip = 900*time.Millisecond, time.Millisecond }, isOK, "agrees"},
		"a slow answer":      {clock, func(s *pgserver.State) { s.Skew, s.RoundTrip = 2*time.Second, 3*time.Second }, isOK, "agrees"},
		"the clock is ahead": {clock, func(s *pgserver.State) { s.Skew = 2 * time.Second }, isWarn, "2s away"},
		"the clock is wrong": {clock, func(s *pgserver.State) { s.Skew = -time.Minute }, isFail, "1m0s away"},
		"a standby":          {tables, func(s *pgserver.State) { s.Standby, s.Schema = true, 1 }, isFail, "db/scrip is a standby"},
		"nothing yet":        {tables, func(*pgserver.State) {}, isWarn, "no tables"},
		"newer":              {tables, func(s *pgserver.State) { s.Schema, s.Least = 99, 98 }, isFail, "a program that knows 98"},
	} {
		s := sound
		f.change(&s)
		found := told(t, func(d *doctor) { f.look(d, &s) })
		want(t, name, found, f.level, f.text)
	}

	s := sound
	s.Encrypted = false
	d := &doctor{}
	d.connected(c, &s)
	want(t, "in the open", d.list[0], isWarn, "not encrypted")
	s.Local = true
	want(t, "on this machine", told(t, func(d *doctor) { d.connected(c, &s) }), isOK, "")
}
