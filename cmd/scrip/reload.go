package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sourcegraph/conc"

	"scrip/mapping/config"
)

// errHangup ends a run because the config file and its secrets are to be read
// again.
var errHangup = errors.New("the config file was read again")

// hangup is what a process knows of being asked to read its config again.
type hangup struct {
	signals <-chan os.Signal
	failed  prometheus.Gauge
}

func newHangup(signals <-chan os.Signal) *hangup {
	return &hangup{signals, prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "scrip_config_reload_failed", Help: "1 when the config file could not be taken at the last hangup: what was in force stays.",
	})}
}

// runApp runs an app until ctx ends or another is to follow it; the error says
// which. Asked to read the config again, it does so beside the one that runs,
// which stays when the file, or one of its secrets, is not usable.
func (s *shell) runApp(ctx context.Context, a *app, h *hangup) (next *configFile, err error) {
	if h == nil {
		return nil, a.run(ctx)
	}
	work, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var listening conc.WaitGroup
	listening.Go(func() {
		for {
			select {
			case <-work.Done():
				return
			case <-h.signals:
			}
			for a.stepping.Load() > 0 && work.Err() == nil { // the test clock is being moved: that ends first
				time.Sleep(20 * time.Millisecond)
			}
			file, err := s.again(ctx, a)
			if err != nil {
				h.failed.Set(1)
				a.log.Error("the config file cannot be taken, what is in force stays", "error", err)
				continue
			}
			h.failed.Set(0)
			next = file
			stop(errHangup)
		}
	})
	err = a.run(work)
	stop(nil)
	listening.Wait()
	if err == nil && ctx.Err() == nil {
		err = context.Cause(work)
	}
	return next, err
}

// again reads the config file and sees, beside the app that runs, whether
// another can run with it.
func (s *shell) again(ctx context.Context, a *app) (*configFile, error) {
	file, err := s.loadConfig()
	if err != nil {
		return nil, err
	}
	for name, same := range map[string]bool{
		"storage": file.config.SameDatabase(a.file.config), "listen": file.config.Listen == a.file.config.Listen,
	} {
		if !same {
			return nil, usagef("%s has changed, which takes a restart", name)
		}
	}
	next := &app{clock: a.clock, wall: a.wall, log: a.log, store: a.store}
	if err := next.settle(ctx, file, false); err != nil {
		return nil, err
	}
	if err := next.openPorts(); err != nil {
		return nil, err
	}
	return file, nil
}

// follow opens the app after one that has ended. Where nothing is wrong with
// the file but that it cannot be read any more, the last one read serves.
func (s *shell) follow(ctx context.Context, last, next *configFile, o appOptions) (*app, error) {
	if next == nil {
		file, err := s.loadConfig()
		if err != nil {
			s.say("the config file cannot be read, the last one stays: %s", err)
			file = last
		}
		next = file
	}
	for end := time.Now().Add(reopenFor); ; {
		a, err := openApp(ctx, next, o)
		var ours usageError
		if err == nil || errors.As(err, &ours) || !onPostgres(next.config) || ctx.Err() != nil || time.Now().After(end) {
			return a, err
		}
		s.say("the database cannot be opened now, it is tried again: %s", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// reopenFor is how long a server that another takes the place of is waited for.
const reopenFor = time.Minute

// secretsOf are all secrets that a config brings.
func secretsOf(configs ...*config.Config) []config.Secret {
	var list []config.Secret
	for _, c := range configs {
		list = append(append(list, c.SecretKey), databaseSecrets(c)...)
		for _, connection := range c.Connections {
			list = append(append(list, connection.APIKey), connection.WebhookSecrets...)
		}
	}
	return list
}

// openLog is the log of a process that serves: one JSON object a line, in which
// no secret stands, whoever put it there.
func (s *shell) openLog(level slog.Level) (*slog.Logger, *redactor) {
	r := &redactor{to: s.err}
	return slog.New(slog.NewJSONHandler(r, &slog.HandlerOptions{Level: level, ReplaceAttr: spelled})), r
}

// spelled writes times as RFC 3339 in UTC, and bytes as the text that they are:
// encoded they could hide what must not be told.
func spelled(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindTime {
		a.Value = slog.StringValue(a.Value.Time().UTC().Format(time.RFC3339Nano))
	} else if raw, is := a.Value.Any().([]byte); is {
		a.Value = slog.StringValue(string(raw))
	}
	return a
}

// logLevel is what SCRIP_LOG asks for: debug, info, warn or error.
func logLevel() (slog.Level, error) {
	text := os.Getenv("SCRIP_LOG")
	if text == "" {
		return slog.LevelInfo, nil
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(strings.ToUpper(text))); err != nil {
		return 0, usagef("SCRIP_LOG is %q, known are debug, info, warn and error", text)
	}
	return level, nil
}
