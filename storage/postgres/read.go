package postgres

import (
	"context"

	"scrip/core"
	"scrip/core/ledger"
)

// An account and what makes it up must be of one commit. One statement sees one
// state: so the account's row comes with each of its live grants. Where it has
// open holds, which is rare, all is read again in a transaction that sees one.
var (
	readBoth = &statement{"read_both", "SELECT a.holds, " + prefixed("a.", accountColumns) + ", " + prefixed("g.", grantColumns) + ` FROM accounts a
		LEFT JOIN grants g ON g.bucket = $1 AND g.account = $2 AND g.live WHERE a.bucket = $1 AND a.account = $2`}
	readOpen = &statement{"read_open", "SELECT " + holdColumns + " FROM holds WHERE bucket = $1 AND account = $2 AND state = 'open' ORDER BY created, id"}
)

// account reads an account with its live grants and its open holds; nil when it
// has no row.
func (c *session) account(ctx context.Context, key ledger.AccountKey) (a *core.Account, err error) {
	var holds int64
	both := func(r *row) error {
		holds = r.int()
		if a == nil {
			a, _ = r.account()
		} else {
			r.next = 1 + accountWidth
		}
		if r.values[r.next] != nil {
			a.Grants = append(a.Grants, r.grant())
		}
		return nil
	}
	values := [][]byte{intOf(bucketOf(key)), textOf(accountName(key))}
	open := func(r *row) error { a.Holds = append(a.Holds, r.hold()); return nil }
	var t trip
	t.add(readBoth, both, values...)
	if err := c.run(ctx, &t); err != nil || a == nil || holds == 0 {
		return a, err
	}
	var again trip
	if c.pg.TxStatus() == 'I' {
		again.snapshot(c.store)
		again.add(readBoth, both, values...)
		again.add(readOpen, open, values...)
		again.add(commitText, nil)
		a = nil
	} else { // in a snapshot, which has seen the account's row already
		again.add(readOpen, open, values...)
	}
	if err := c.run(ctx, &again); err != nil {
		return nil, err
	}
	return a, nil
}
