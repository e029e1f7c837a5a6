package postgres

import (
	"context"
	"slices"
	"time"

	"scrip/core"
	"scrip/core/ledger"
)

// What a claim runs: first a plain look at what is due, over all buckets, then
// in each bucket that has something the claim itself. Rows that another
// process is about to claim are passed over, not waited for.
var (
	dueEvents = &statement{"claim_due_events", `SELECT bucket, id FROM inbox
		WHERE state IN ('waiting', 'parked') AND state = 'waiting' AND retry_at <= $1 AND leased <= $1 ORDER BY received, bucket, pos LIMIT $2`}
	dueIntents = &statement{"claim_due_intents", `SELECT bucket, id FROM outbox o
		WHERE state = 'waiting' AND due <= $1 AND retry_at <= $2 AND leased <= $2 AND ` + atHead("o.bucket") + ` ORDER BY due, bucket, pos LIMIT $3`}
	claimEvents = &statement{"claim_events", `UPDATE inbox t SET leased = $4, fence = t.fence + 1 WHERE t.bucket = $1 AND t.id IN (
		SELECT id FROM inbox WHERE bucket = $1 AND id = ANY($2::text[]) AND state = 'waiting' AND retry_at <= $3 AND leased <= $3
		ORDER BY pos FOR UPDATE SKIP LOCKED) RETURNING ` + prefixed("t.", eventColumns)}
	claimIntents = &statement{"claim_intents", `UPDATE outbox t SET leased = $5, fence = t.fence + 1 WHERE t.bucket = $1 AND t.id IN (
		SELECT id FROM outbox o WHERE bucket = $1 AND id = ANY($2::text[]) AND state = 'waiting' AND due <= $3 AND retry_at <= $4 AND leased <= $4 AND ` + atHead("$1") + `
		ORDER BY due, pos FOR UPDATE SKIP LOCKED) RETURNING ` + prefixed("t.", intentColumns)}
)

// atHead is an intent that no unfinished one of its stream stands before. A
// stream is of one customer and so of one bucket.
func atHead(bucket string) string {
	return "NOT EXISTS (SELECT 1 FROM outbox p WHERE p.bucket = " + bucket + ` AND p.state IN ('waiting', 'parked')
	AND p.connection = o.connection AND p.customer = o.customer AND (p.due, p.pos) < (o.due, o.pos))`
}

// Claim implements [ledger.Store]. Of each outbox stream, one customer at one
// connection, only the oldest due item is taken; a parked one keeps those
// behind it waiting. Any number of processes may claim at once.
func (s *Store) Claim(ctx context.Context, queue ledger.Queue, now, wall core.Time, n int, lease time.Duration) (items []ledger.Claimed, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := s.session(ctx)
	if err != nil {
		return nil, err
	}
	defer c.release()
	due := map[int][]string{}
	each := func(r *row) error {
		bucket := int(r.int())
		due[bucket] = append(due[bucket], r.text())
		return nil
	}
	var look, take trip
	if queue == ledger.Inbox {
		look.add(dueEvents, each, longOf(wall), longOf(int64(n)))
	} else {
		look.add(dueIntents, each, longOf(now), longOf(wall), longOf(int64(n)))
	}
	if err := c.run(ctx, &look); err != nil || len(due) == 0 {
		return nil, err
	}
	take.add(beginText, nil)
	until := wall.Add(lease)
	for bucket := range core.BucketCount {
		switch ids := due[bucket]; {
		case len(ids) == 0:
		case queue == ledger.Inbox:
			take.add(claimEvents, func(r *row) error {
				e := r.event()
				items = append(items, ledger.Claimed{Event: &e})
				return nil
			}, intOf(bucket), texts(ids...), longOf(wall), longOf(until))
		default:
			take.add(claimIntents, func(r *row) error {
				i := r.intent()
				items = append(items, ledger.Claimed{Intent: &i})
				return nil
			}, intOf(bucket), texts(ids...), longOf(now), longOf(wall), longOf(until))
		}
	}
	take.add(commitText, nil)
	if err := c.run(ctx, &take); err != nil {
		c.rollback(ctx)
		return nil, err // what may be leased all the same is free again when the lease ends
	}
	slices.SortStableFunc(items, older)
	return items, nil
}

// older orders claimed items by the time since which they wait.
func older(a, b ledger.Claimed) int {
	if a.Event != nil && b.Event != nil {
		return int(max(-1, min(1, a.Event.Received-b.Event.Received)))
	}
	if a.Intent != nil && b.Intent != nil {
		return int(max(-1, min(1, a.Intent.Due-b.Intent.Due)))
	}
	return 0
}
