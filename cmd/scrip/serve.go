package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
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
			o := appOptions{serve: true, testClock: testClock, adminKey: adminKey(), log: slog.New(slog.NewJSONHandler(s.err, nil))}
			if testClock {
				o.clock = clock.Test(0)
			}
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

// front is the handler of the address: that of the app that runs now.
type front struct{ now atomic.Pointer[http.Handler] }

// ServeHTTP implements [http.Handler]. Between two apps it asks to come again.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h := f.now.Load(); h != nil {
		(*h).ServeHTTP(w, r)
		return
	}
	w.Header().Set("Retry-After", "1")
	http.Error(w, "another config is being put in force", http.StatusServiceUnavailable)
}

// listenAndServe serves until ctx ends, then finishes requests and workers.
// When another config is applied, the app is closed and opened anew behind
// the same address.
func (s *shell) listenAndServe(ctx context.Context, a *app, o appOptions) error {
	listener, err := net.Listen("tcp", a.config.Listen)
	if err != nil {
		return errors.Join(fmt.Errorf("cannot listen on %q: %w", a.config.Listen, err), a.close())
	}
	f := &front{}
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
		if a.pending {
			s.say("the config file differs from what is applied, which stays in force: scrip plan shows how")
		}
		f.now.Store(&a.handler)
		err := a.run(ctx)
		if !errors.Is(err, errReload) {
			return errors.Join(err, finish(), a.close())
		}
		f.now.Store(nil)
		if err := a.close(); err != nil {
			return err
		}
		if a, err = s.loadApp(ctx, o); err != nil {
			return errors.Join(err, finish())
		}
		s.say("another config was applied and is in force")
	}
}
