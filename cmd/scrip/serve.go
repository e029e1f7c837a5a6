package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/sourcegraph/conc/pool"
	"github.com/spf13/cobra"

	"scrip/gateway"
	"scrip/mapping/config"
)

// drainTime is how long a stop waits for requests that are being answered.
const drainTime = 20 * time.Second

func (s *shell) serve() *cobra.Command {
	var testClock bool
	c := &cobra.Command{
		Use: "serve", Short: "run the gateway: HTTP API, webhook endpoints and workers", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := slog.New(slog.NewJSONHandler(s.err, nil))
			a, err := s.loadApp(cmd.Context(), appOptions{serve: true, testClock: testClock, adminKey: adminKey(), log: log})
			if err != nil {
				return err
			}
			err = a.listenAndServe(cmd.Context(), s)
			return errors.Join(err, a.close())
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
func (a *app) listenAndServe(ctx context.Context, s *shell) error {
	listener, err := net.Listen("tcp", a.config.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %q: %w", a.config.Listen, err)
	}
	server := gateway.NewServer(a.handler, a.config.Listen)
	s.say("scrip serves http://%s", listener.Addr())
	work, stop := context.WithCancel(ctx)
	defer stop()
	running := pool.New().WithErrors()
	running.Go(func() error { return a.run(work) })
	running.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			stop()
			return err
		}
		return nil
	})
	<-work.Done()
	s.say("scrip is stopping: it finishes what it has begun")
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	err = server.Shutdown(drain)
	return errors.Join(err, running.Wait())
}
