package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sourcegraph/conc/pool"
	"github.com/spf13/cobra"

	"scrip/gateway"
	"scrip/internal/clock"
	"scrip/mapping/config"
)

// drainTime is how long a stop waits for requests that are being answered.
const drainTime = 20 * time.Second

func (s *shell) serve() *cobra.Command {
	var testClock bool
	c := &cobra.Command{
		Use: "serve", Short: "run the gateway: HTTP API, webhook endpoints and workers", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			level, err := logLevel()
			if err != nil {
				return err
			}
			o := appOptions{serve: true, testClock: testClock, adminKey: adminKey()}
			o.log, o.redact = s.openLog(level)
			signals := make(chan os.Signal, 1)
			signal.Notify(signals, syscall.SIGHUP)
			defer signal.Stop(signals)
			o.hangup = newHangup(signals)
			if testClock {
				o.clock = clock.Test(0)
			}
			file, err := s.loadConfig()
			if err != nil {
				return err
			}
			// The queues stay this process's while one config follows another.
			release, err := lockQueues(file.config)
			if err != nil {
				return err
			}
			defer func() { _ = release() }()
			o.held = true
			a, err := s.loadApp(cmd.Context(), o)
			if err != nil {
				return err
			}
			return s.listenAndServe(cmd.Context(), a, o)
		},
	}
	c.Flags().BoolVar(&testClock, "test-clock", false, "let POST /v1/test-clock move business time (sandboxes only)")
	return c
}

// adminKey is the first key, when the environment brings one.
func adminKey() config.Secret {
	return config.NewSecret("env:SCRIP_ADMIN_KEY", os.Getenv("SCRIP_ADMIN_KEY"))
}

// listenAndServe serves until ctx ends, then finishes requests and workers.
// When another config is applied, or the process is told to read its config
// again, the app is closed and opened anew behind the same address.
func (s *shell) listenAndServe(ctx context.Context, a *app, o appOptions) error {
	listener, err := net.Listen("tcp", a.config.Listen)
	if err != nil {
		return errors.Join(fmt.Errorf("cannot listen on %q: %w", a.config.Listen, err), a.close())
	}
	f := newFront()
	server := gateway.NewServer(f, a.config.Listen)
	work, stop := context.WithCancel(ctx)
	defer stop()
	running := pool.New().WithErrors()
	running.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			stop()
			return err
		}
		return nil
	})
	s.say("scrip serves http://%s", listener.Addr())
	err = s.runApps(work, f, a, o, func() error {
		s.say("scrip is stopping: it finishes what it has begun")
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		return server.Shutdown(drain)
	})
	_ = server.Close()
	return errors.Join(err, running.Wait())
}

// runApps runs one app after the other until ctx ends, then calls finish
// while the last one can still answer.
func (s *shell) runApps(ctx context.Context, f *front, a *app, o appOptions, finish func() error) error {
	for {
		switch {
		case a.fault != nil:
			s.say("what is applied stays in force, the config file cannot follow on it: %s", a.fault)
		case a.pending:
			s.say("the config file differs from what is applied, which stays in force: scrip plan shows how")
		}
		f.open(a.handler)
		next, err := s.runApp(ctx, a, o.hangup)
		if !errors.Is(err, errReload) && !errors.Is(err, errHangup) {
			return errors.Join(err, finish(), a.close())
		}
		why := err
		f.shut()
		if err := a.close(); err != nil {
			return err
		}
		if a, err = s.follow(ctx, a.file, next, o); err != nil {
			return errors.Join(err, finish())
		}
		s.say("%s and is in force", why)
	}
}
