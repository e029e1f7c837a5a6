package postgres

import (
	"context"

	"scrip/core"
)

// What forgetting runs. States and body are named as the partial index of kept
// bodies names them: else that one does not serve, and all events are walked.
var (
	oldEvents = &statement{"forget_old", `SELECT bucket, id FROM inbox WHERE state IN ('applied', 'ignored') AND length(body) > 0 AND received < $1
		ORDER BY received, bucket, pos LIMIT $2`}
	forgetEvents = &statement{"forget_events", `UPDATE inbox SET body = ''::bytea WHERE bucket = $1 AND id = ANY($2::text[])
		AND state IN ('applied', 'ignored') AND length(body) > 0 RETURNING 1`}
)

// Forget implements [ledger.Store].
func (s *Store) Forget(ctx context.Context, before core.Time, n int) (emptied int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	c, err := s.session(ctx)
	if err != nil {
		return 0, err
	}
	defer c.release()
	old := map[int][]string{}
	var look, empty trip
	look.add(oldEvents, func(r *row) error {
		bucket := int(r.int())
		old[bucket] = append(old[bucket], r.text())
		return nil
	}, longOf(before), longOf(int64(n)))
	if err := c.run(ctx, &look); err != nil || len(old) == 0 {
		return 0, err
	}
	empty.add(beginText, nil)
	for bucket := range core.BucketCount {
		if ids := old[bucket]; len(ids) > 0 {
			empty.add(forgetEvents, func(*row) error { emptied++; return nil }, intOf(bucket), texts(ids...))
		}
	}
	empty.add(commitText, nil)
	if err := c.run(ctx, &empty); err != nil {
		c.rollback(ctx)
		return 0, err
	}
	return emptied, nil
}
