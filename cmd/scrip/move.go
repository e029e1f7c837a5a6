package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sourcegraph/conc/pool"
	"github.com/spf13/cobra"

	"scrip/mapping/config"
	"scrip/mapping/migrate"
)

// settleTime is how long serving processes may take to notice what was applied;
// they look every noticeTime. On a database that processes on several machines
// share it is longer than any of them can write for without having looked: see
// freshTime, and the bounds of the store's commits.
const (
	settleTime   = 2 * time.Second
	settleShared = freshTime + 15*time.Second
	noticeTime   = 250 * time.Millisecond
)

func settleOf(c *config.Config) time.Duration {
	if onPostgres(c) {
		return settleShared
	}
	return settleTime
}

// carryOut runs a move from where its journal stands. begin, where it is not
// nil, first writes a new journal, or turns the one there is.
func (s *shell) carryOut(ctx context.Context, file *configFile, begin func(*migrate.Mover) error) error {
	ctx, release, err := onlyOperator(ctx, file.config)
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
	return lost(ctx, err)
}

// openMover opens an app that runs with the file's config, which knows both
// sides of a move. It works the queues unless another process serves.
func (s *shell) openMover(ctx context.Context, file *configFile) (*app, error) {
	a, err := openApp(ctx, file, appOptions{serve: true, wanted: true})
	if isServed(err) {
		return openApp(ctx, file, appOptions{wanted: true})
	}
	return a, err
}

func (s *shell) mover(a *app) *migrate.Mover {
	return &migrate.Mover{
		Ledger: a.ledger, Carrier: a.carrier, Settle: settleOf(a.file.config),
		Rest: func(ctx context.Context, connection string) error { return s.rest(ctx, a, connection) },
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
		Use: "rollback", Short: "undo a vendor move that is not drained yet, or the last change of the unit", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, file, err := s.makePlan(cmd)
			if err != nil {
				return err
			}
			if last, err := s.lastChange(cmd.Context(), file); err != nil {
				return err
			} else if last == aUnit {
				return s.changeUnit(cmd.Context(), file, func(a *app) error { return migrate.UndoConversion(cmd.Context(), a.ledger) })
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
			c, errUnit := migrate.CurrentConversion(cmd.Context(), a.store.Reader())
			applied := a.applied
			if err := errors.Join(err, errUnit, a.close()); err != nil {
				return err
			}
			return s.printStatus(applied, p, m, c)
		},
	}
}

func (s *shell) printStatus(applied *migrate.Applied, p *migrate.Plan, m *migrate.Move, c *migrate.Conversion) error {
	if s.json {
		data := map[string]any{"applied_at": applied.At.String(), "digest": applied.Digest, "pending_changes": len(p.Changes)}
		if m != nil {
			data["move"] = map[string]any{
				"source": m.Source, "target": m.Target, "phase": m.Phase, "accounts": m.Accounts,
				"started": m.Started.String(), "updated": m.Updated.String(),
			}
		}
		if c != nil {
			data["unit"] = map[string]any{
				"from": c.From, "to": c.To, "phase": c.Phase, "accounts": c.Accounts, "started": c.Started.String(), "updated": c.Updated.String(),
			}
		}
		return s.printJSON(data)
	}
	fmt.Fprintf(s.out, "applied  %s, at %s\npending  %d changes\n", applied.Digest[:12], applied.At, len(p.Changes))
	if m != nil {
		fmt.Fprintf(s.out, "move     %s -> %s, %s since %s, %d accounts\n", m.Source, m.Target, m.Phase, m.Updated, m.Accounts)
	}
	if c != nil {
		fmt.Fprintf(s.out, "unit     %s -> %s, %s since %s, %d accounts\n", c.From, c.To, c.Phase, c.Updated, c.Accounts)
	}
	return nil
}
