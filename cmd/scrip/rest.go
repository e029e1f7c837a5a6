package main

import (
	"context"
	"errors"
	"time"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping/migrate"
)

// How long nothing may move in a queue before somebody hears of it, and before
// the work is given up; it goes on from there when it is begun again.
const (
	restWords    = 10 * time.Second
	restPatience = 5 * time.Minute
)

// rest waits until the due intents of a connection that were made before it was
// called are settled; those that the traffic goes on making are not waited for.
func (s *shell) rest(ctx context.Context, a *app, connection string) error {
	start := a.clock.Now()
	var last ledger.QueueStats
	moved, said := time.Now(), time.Now()
	for {
		q, err := outboxOf(ctx, a, connection)
		switch {
		case err != nil:
			return err
		case q.Parked > 0:
			return core.Errorf(core.CodeUnavailable, "%d intents for %q are parked: see scrip outbox list --state parked, mend them and apply again", q.Parked, connection)
		case q.Waiting == 0 || q.Oldest > start:
			return nil
		}
		if q.Waiting != last.Waiting || q.Oldest != last.Oldest {
			last, moved = q, time.Now()
		}
		if time.Since(moved) > restWords && time.Since(said) > restWords {
			said = time.Now()
			s.say("%d calls to %q wait: %s", q.Waiting, connection, a.whyWaiting(ctx, connection))
		}
		if time.Since(moved) > restPatience {
			return core.Errorf(core.CodeUnavailable, "%d calls to %q wait and none was made in %s: %s; mend it and apply again", q.Waiting, connection, restPatience, a.whyWaiting(ctx, connection))
		}
		a.outward.Kick()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func outboxOf(ctx context.Context, a *app, connection string) (ledger.QueueStats, error) {
	stats, err := a.ledger.Reader().Queues.Stats(ctx, a.clock.Now())
	for _, q := range stats {
		if q.Queue == ledger.Outbox && q.Connection == connection {
			return q, err
		}
	}
	return ledger.QueueStats{}, err
}

// whyWaiting is the reason that stands with one of a connection's intents.
func (a *app) whyWaiting(ctx context.Context, connection string) string {
	list, err := a.ledger.Reader().Queues.Intents(ctx, ledger.QueueFilter{State: ledger.Waiting, Connection: connection, Limit: 100})
	if err != nil {
		return err.Error()
	}
	for i := range list {
		if list[i].Reason != "" {
			return list[i].Reason
		}
	}
	return "no attempt has failed, does a gateway serve"
}

// prepared makes sure, before a plan is begun, that the vendors it will rest on
// can do what it asks for: all that hold grants for a change of the unit, the
// target of a move.
func (s *shell) prepared(ctx context.Context, file *configFile, p *migrate.Plan) error {
	a, err := openApp(ctx, file, appOptions{wanted: true})
	if err != nil {
		return err
	}
	if a.applied.Digest != p.From || migrate.SettingsOf(a.wanted).Digest() != p.To {
		return a.close() // it is stale, as beginning it will say
	}
	err = a.carriers(func(connection string) error {
		if p.IsMove() && connection != p.Target {
			return nil
		}
		if err := a.outward.Prepare(ctx, connection); err != nil {
			return core.Errorf(core.CodeUnavailable, "it cannot be prepared and nothing was begun: %s", err)
		}
		return nil
	})
	return errors.Join(err, a.close())
}
