package sync

import (
	"context"

	"scrip/core/ledger"
	"scrip/mapping"
)

// moot settles an order of a connection that is not configured, when it asks
// for nothing any more: its window was closed before its time, as it is when
// an account leaves a connection, and was told by an order of its own. It comes
// due when the connection may long be gone, and needs no vendor to be known as
// void. Everything else waits for its connection.
func (j *job) moot(ctx context.Context) bool {
	body, err := mapping.DecodeBody(j.item.Body)
	if err != nil || body.Consume == nil {
		return false
	}
	void := false
	account := ledger.AccountKey{Customer: j.item.Customer, Unit: body.Consume.Unit.Code}
	ok := j.onRow(ctx, func(b *ledger.Batch) { b.Accounts = append(b.Accounts, account) }, func(tx *ledger.Tx, row *ledger.Intent) error {
		void, row.Leased = false, true
		body, err := mapping.DecodeBody(row.Body)
		if err != nil || row.State != ledger.Waiting {
			return nil
		}
		a, c := tx.Account(account), body.Consume
		if c.Told != nil || c.Early != nil || a == nil {
			return nil
		}
		if _, open := peek(a, j.item.Connection, c.Number, tx.Now); open {
			return nil
		}
		settle(row, body, ledger.Ignored, "its window is not open", tx.Now)
		void = true
		return nil
	})
	return ok && void
}
