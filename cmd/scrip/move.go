package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sourcegraph/conc/pool"
	"github.com/spf13/cobra"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping/migrate"
	"scrip/storage/sqlite"
)

// settleTime is how long serving processes may take to notice what was applied.
const settleTime = 3 * time.Second

// carryOut runs a move from where its journal stands. begin, where it is not
// nil, first writes a new journal, or turns the one there is.
func (s *shell) carryOut(ctx context.Context, file *configFile, begin func(*migrate.Mover) error) error {
	path := strings.TrimPrefix(file.config.Storage, "sqlite:")
	release, err := sqlite.Lock(path, "apply.lock")
	if errors.Is(err, sqlite.ErrLocked) {
		return core.Errorf(core.CodeConversionInProgress, "another operator is applying a change to this database")
	}
	if err != nil {
		return err
	}
	defer func() { _ = release() }()
	a, err := s.openMover(ctx, file)
	if err != nil {
		return err
	}
	work, stop := context.WithCancel(ctx)
	workers := pool.New().WithErrors()
	if a.owns {
		workers.Go(func() error { return a.run(work) })
	}
	mover := s.mover(a)
	if begin != nil {
		err = begin(mover)
	}
	var m *migrate.Move
	if err == nil {
		m, err = mover.Run(ctx)
	}
	stop()
	err = errors.Join(err, workers.Wait(), a.close())
	if err == nil && m != nil {
		s.sayMove(m)
	}
	return err
}

// openMover opens an app that runs with the file's config, which knows both
// sides of a move. It works the queues unless another process serves.
func (s *shell) openMover(ctx context.Context, file *configFile) (*app, error) {
	a, err := openApp(ctx, file, appOptions{serve: true, wanted: true})
	if errors.Is(err, sqlite.ErrLocked) {
		return openApp(ctx, file, appOptions{wanted: true})
	}
	return a, err
}

func (s *shell) mover(a *app) *migrate.Mover {
	return &migrate.Mover{
		Ledger: a.ledger, Carrier: a.carrier, Settle: settleTime,
		Rest: func(ctx context.Context, connection string) error { return a.rest(ctx, connection) },
		Verify: func(ctx context.Context, connection string) (int, error) {
			report, err := s.compare(ctx, a, reconcileFlags{connection: connection})
			if err != nil {
				return 0, err
			}
			for _, f := range report.Findings {
				s.say("%s %s %s: ours %s, the vendor's %s", f.Customer, f.Object, f.Cause, f.Ours, f.Vendors)
			}
			return report.Counts.Findings, nil
		},
		Tell: func(m migrate.Move) { s.say("%s -> %s: %s", m.Source, m.Target, m.Phase) },
	}
}

// rest waits until the due intents of a connection that were made before it was
// called are settled; those that the traffic goes on making are not waited for.
func (a *app) rest(ctx context.Context, connection string) error {
	start := a.clock.Now()
	for {
		stats, err := a.ledger.Reader().Queues.Stats(ctx, a.clock.Now())
		if err != nil {
			return err
		}
		waiting := false
		for _, q := range stats {
			if q.Queue != ledger.Outbox || q.Connection != connection {
				continue
			}
			if q.Parked > 0 {
				return core.Errorf(core.CodeUnavailable, "%d intents for %q are parked: see scrip outbox list --state parked, mend them and apply again", q.Parked, connection)
			}
			waiting = q.Waiting > 0 && q.Oldest <= start
		}
		if !waiting {
			return nil
		}
		a.outward.Kick()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *shell) sayMove(m *migrate.Move) {
	switch m.Phase {
	case migrate.Moved:
		s.say("%q leads now, and %q is still told: scrip rollback goes back, scrip apply --drain ends it", m.Target, m.Source)
	case migrate.Done:
		s.say("%q is drained", m.Source)
	case migrate.Undone:
		s.say("%q leads again", m.Source)
	}
}

func (s *shell) rollback() *cobra.Command {
	return &cobra.Command{
		Use: "rollback", Short: "undo a vendor move that is not drained yet", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, file, err := s.makePlan(cmd)
			if err != nil {
				return err
			}
			return s.carryOut(cmd.Context(), file, func(v *migrate.Mover) error { return v.Turn(cmd.Context(), migrate.Undo) })
		},
	}
}

func (s *shell) status() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "what is applied, and how far a move has come", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, file, err := s.makePlan(cmd)
			if err != nil {
				return err
			}
			a, err := openApp(cmd.Context(), file, appOptions{})
			if err != nil {
				return err
			}
			m, err := migrate.CurrentMove(cmd.Context(), a.store.Reader())
			applied := a.applied
			if err := errors.Join(err, a.close()); err != nil {
				return err
			}
			return s.printStatus(applied, p, m)
		},
	}
}

func (s *shell) printStatus(applied *migrate.Applied, p *migrate.Plan, m *migrate.Move) error {
	if s.json {
		data := map[string]any{"applied_at": applied.At.String(), "digest": applied.Digest, "pending_changes": len(p.Changes)}
		if m != nil {
			data["move"] = map[string]any{
				"source": m.Source, "target": m.Target, "phase": m.Phase, "accounts": m.Accounts,
				"started": m.Started.String(), "updated": m.Updated.String(),
			}
		}
		return s.printJSON(data)
	}
	fmt.Fprintf(s.out, "applied  %s, at %s\npending  %d changes\n", applied.Digest[:12], applied.At, len(p.Changes))
	if m != nil {
		fmt.Fprintf(s.out, "move     %s -> %s, %s since %s, %d accounts\n", m.Source, m.Target, m.Phase, m.Updated, m.Accounts)
	}
	return nil
}
