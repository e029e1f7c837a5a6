package sqlite

import (
	"errors"
	"fmt"

	"scrip/core"
	"scrip/core/ledger"
)

// save writes the changes of a batch.
func (w *writer) save(c *ledger.Changes) (err error) {
	if c.Wipe {
		stop, err := wiping(w.conn)
		if err != nil {
			return err
		}
		defer stop(&err)
	}
	for _, a := range c.Accounts {
		if err := w.saveAccount(a); err != nil {
			return err
		}
	}
	if err := w.saveRequests(c); err != nil {
		return err
	}
	for _, n := range c.Naturals {
		q := query(w.conn, "INSERT INTO naturals (bucket, key, id) VALUES (?, ?, ?)")
		if err := q.ints(int64(n.ID.Bucket())).text(n.Key, string(n.ID)).run(); err != nil {
			return err
		}
	}
	for _, r := range c.Records {
		if err := w.saveRecord(r); err != nil {
			return err
		}
	}
	for _, l := range c.Unlinked {
		q := query(w.conn, "DELETE FROM links WHERE connection = ? AND neutral = ? AND role = ? AND vendor = ?")
		if err := q.text(l.Connection, l.Neutral, l.Role, l.Vendor).run(); err != nil {
			return err
		}
	}
	for _, l := range c.Links {
		q := query(w.conn, "INSERT OR IGNORE INTO links (connection, neutral, role, vendor) VALUES (?, ?, ?, ?)")
		if err := q.text(l.Connection, l.Neutral, l.Role, l.Vendor).run(); err != nil {
			return err
		}
	}
	if err := w.saveBare(c); err != nil {
		return err
	}
	return w.saveQueues(c)
}

// saveBare takes metadata out of grants and of the answers that tell it.
func (w *writer) saveBare(c *ledger.Changes) error {
	for _, id := range c.Bare {
		q := query(w.conn, "UPDATE grants SET metadata = '' WHERE bucket = ? AND id = ?")
		if err := q.ints(int64(id.Bucket())).text(string(id)).run(); err != nil {
			return err
		}
	}
	for _, r := range c.Cleared {
		q := query(w.conn, "UPDATE requests SET fields = ?, result = ? WHERE hash = ?")
		if err := q.text(r.Fields).blob(r.Result).text(r.Hash).run(); err != nil {
			return err
		}
	}
	return nil
}

// saveAccount writes the account's row, its changed grants and holds, and
// appends its entries.
func (w *writer) saveAccount(a *core.Account) error {
	key := ledger.AccountKey{Customer: a.Customer, Unit: a.Unit.Code}
	name, bucket := accountName(key), bucketOf(key)
	was, known := w.loaded[key]
	if err := w.saveHead(a, name, bucket, was, known); err != nil {
		return err
	}
	for g := range a.ChangedGrants {
		if row, old := was.grants[g.ID]; old {
			if err := w.updateGrant(g, row); err != nil {
				return err
			}
			continue
		}
		if err := w.insertGrant(g, name, bucket); err != nil {
			return err
		}
	}
	for h := range a.ChangedHolds {
		if err := w.saveHold(h, name, bucket); err != nil {
			return err
		}
	}
	for i := range a.Entries {
		e := &a.Entries[i]
		q := query(w.conn, "INSERT INTO entries (bucket, account, seq, kind, grant_id, source, amount, effective, recorded, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
		q.ints(bucket).text(name).ints(e.Seq).text(string(e.Kind), string(e.Grant), string(e.Source))
		if err := q.ints(int64(e.Amount), int64(e.Effective), int64(e.Recorded)).blob(e.Hash[:]).run(); err != nil {
			return err
		}
	}
	return nil
}

// saveHead writes the account's own row. The due instant is indexed, so it is
// written only when it, or what hardly ever does, moved.
func (w *writer) saveHead(a *core.Account, name string, bucket int64, was loadedAccount, known bool) error {
	due, open := a.NextDue(), int64(0)
	for i := range a.Holds {
		if a.Holds[i].State == core.HoldOpen {
			open++
		}
	}
	windows := formatWindows(a.Windows)
	if known && due == was.due && a.Became == was.became && a.Overdrawn == was.overdrawn && !a.Kept() {
		q := query(w.conn, "UPDATE accounts SET seq = ?, head = ?, consumed = ?, holds = ?, windows = ? WHERE bucket = ? AND account = ?")
		return q.ints(a.Seq).blob(a.Head[:]).ints(int64(a.Consumed), open).text(windows).ints(bucket).text(name).run()
	}
	q := query(w.conn, `INSERT INTO accounts (bucket, account, seq, head, consumed, holds, due, windows, became, overdrawn, policy, acts)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET seq = excluded.seq, head = excluded.head, consumed = excluded.consumed, holds = excluded.holds, due = excluded.due,
		windows = excluded.windows, became = excluded.became, overdrawn = excluded.overdrawn, policy = excluded.policy, acts = excluded.acts`)
	q.ints(bucket).text(name).ints(a.Seq).blob(a.Head[:]).ints(int64(a.Consumed), open, int64(due)).text(windows, a.Became)
	return q.ints(int64(a.Overdrawn)).text(a.Stored).ints(int64(a.Acts)).run()
}

// updateGrant writes what a grant's movements changed. The columns that rarely
// change, one of them indexed, are written only when they did.
func (w *writer) updateGrant(g *core.Grant, row grantRow) error {
	if g.Closed == row.closed && (g.Remaining > 0) == row.live && g.Away == row.away {
		q := query(w.conn, "UPDATE grants SET remaining = ?, held = ?, ended = ? WHERE rowid = ?")
		return q.ints(int64(g.Remaining), int64(g.Held), int64(g.Ended), row.pos).run()
	}
	q := query(w.conn, "UPDATE grants SET remaining = ?, held = ?, ended = ?, away = ?, closed = ?, live = ? WHERE rowid = ?")
	q.ints(int64(g.Remaining), int64(g.Held), int64(g.Ended), int64(g.Away)).text(string(g.Closed))
	return q.ints(flag(g.Remaining > 0), row.pos).run()
}

func (w *writer) insertGrant(g *core.Grant, name string, bucket int64) error {
	q := query(w.conn, "INSERT INTO grants (bucket, account, live, "+grantColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
	q.ints(bucket).text(name).ints(flag(g.Remaining > 0))
	q.text(string(g.ID)).ints(g.Seq, int64(g.Amount), int64(g.Remaining), int64(g.Held), int64(g.Ended), int64(g.Away))
	q.text(string(g.Closed), string(g.Category)).ints(int64(g.Priority), int64(g.Starts), int64(g.Expires), int64(g.Paid.Minor))
	q.text(string(g.Paid.Currency), jsonText(g.Actions, len(g.Actions) == 0), string(g.Source))
	return q.text(jsonText(g.Metadata, len(g.Metadata) == 0)).ints(int64(g.Recorded)).run()
}

func (w *writer) saveHold(h *core.Hold, name string, bucket int64) error {
	q := query(w.conn, "INSERT INTO holds (bucket, account, "+holdColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET account = excluded.account, state = excluded.state, amount = excluded.amount, captured = excluded.captured,
		parts = excluded.parts, resolved = excluded.resolved, price = excluded.price`)
	q.ints(bucket).text(name, string(h.ID), string(h.State)).ints(int64(h.Amount), int64(h.Captured))
	q.text(jsonText(h.Parts, len(h.Parts) == 0)).ints(int64(h.Created), int64(h.Expires), int64(h.Resolved), flag(h.Protect))
	return q.text(h.Action, h.Card, h.Price).run()
}

func (w *writer) saveRequests(c *ledger.Changes) error {
	for _, r := range c.Requests {
		q := query(w.conn, "INSERT INTO requests (bucket, "+requestColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
		q.ints(int64(core.Bucket(r.Customer))).text(r.Hash, r.Operation, r.Key, r.Customer+"/"+r.Unit, r.Fields, string(r.Code))
		q.blob(r.Result).ints(r.FirstSeq, r.LastSeq, int64(r.Amount), int64(r.Reversed), int64(r.At))
		if err := q.run(); err != nil {
			return err
		}
	}
	for _, r := range c.Reversed {
		q := query(w.conn, "UPDATE requests SET reversed = ? WHERE hash = ?")
		if err := q.ints(int64(r.Reversed)).text(r.Hash).run(); err != nil {
			return err
		}
	}
	return nil
}

// errVersion says that a record was written by somebody else meanwhile.
var errVersion = errors.New("the record has another version")

func (w *writer) saveRecord(r *ledger.Record) error {
	keys := jsonText(r.Keys, len(r.Keys) == 0)
	var q statement
	if r.Version == 1 {
		q = query(w.conn, "INSERT INTO records ("+recordColumns+") VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
		q.text(r.Kind, r.ID).ints(r.Version).text(keys).blob(r.Body).ints(flag(r.Deleted), int64(r.At))
	} else {
		q = query(w.conn, "UPDATE records SET version = ?, keys = ?, body = ?, deleted = ?, at = ? WHERE kind = ? AND id = ? AND version = ?")
		q.ints(r.Version).text(keys).blob(r.Body).ints(flag(r.Deleted), int64(r.At)).text(r.Kind, r.ID).ints(r.Version - 1)
	}
	if err := q.run(); err != nil {
		return err
	}
	if w.conn.Changes() != 1 {
		return fmt.Errorf("record %q %q: %w", r.Kind, r.ID, errVersion)
	}
	clear := query(w.conn, "DELETE FROM record_keys WHERE kind = ? AND id = ?")
	if err := clear.text(r.Kind, r.ID).run(); err != nil {
		return err
	}
	for _, key := range r.Keys {
		q := query(w.conn, "INSERT INTO record_keys (kind, key, id) VALUES (?, ?, ?)")
		if err := q.text(r.Kind, key, r.ID).run(); err != nil {
			return err
		}
	}
	return nil
}

// errIntent says that two orders would have one id: the second would never
// reach its vendor.
var errIntent = errors.New("the id of an intent belongs to another customer's")

// insertIntent adds an intent to the outbox; an equal one is left alone.
func (w *writer) insertIntent(i *ledger.Intent) error {
	q := query(w.conn, "INSERT INTO outbox (bucket, leased, "+intentColumns+") VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING")
	q.ints(int64(i.ID.Bucket())).text(string(i.ID), i.Connection, i.Customer, i.Kind, i.Ref).blob(i.Body).ints(int64(i.Due))
	q.text(string(i.State), i.Reason).ints(int64(i.Attempts), int64(i.RetryAt), i.Fence, int64(i.Created), int64(i.Settled), flag(i.Tried))
	if err := q.run(); err != nil || w.conn.Changes() > 0 {
		return err
	}
	same := false
	q = query(w.conn, "SELECT connection, customer, kind FROM outbox WHERE id = ?")
	err := q.text(string(i.ID)).each(func(r *row) error {
		same = r.text() == i.Connection && r.text() == i.Customer && r.text() == i.Kind
		return nil
	})
	if err == nil && !same {
		err = fmt.Errorf("intent %q of customer %q: %w", string(i.ID), i.Customer, errIntent)
	}
	return err
}

func (w *writer) saveQueues(c *ledger.Changes) error {
	for _, e := range c.Events {
		q := query(w.conn, "INSERT INTO inbox (bucket, leased, "+eventColumns+`) VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET type = excluded.type, body = CASE WHEN length(excluded.body) = 0 THEN x'' ELSE body END, state = excluded.state, reason = excluded.reason,
			attempts = excluded.attempts, retry_at = excluded.retry_at, settled = excluded.settled, leased = 0`)
		q.ints(int64(e.ID.Bucket())).text(string(e.ID), e.Connection, e.VendorID, e.Type).blob(e.Body).text(e.Digest)
		q.ints(int64(e.Received)).text(string(e.State), e.Reason).ints(int64(e.Attempts), int64(e.RetryAt), e.Fence, int64(e.Settled))
		if err := q.run(); err != nil {
			return err
		}
	}
	for _, i := range c.Intents {
		if err := w.insertIntent(i); err != nil {
			return err
		}
	}
	for _, i := range c.Settled {
		q := query(w.conn, `UPDATE outbox SET body = ?, due = ?, state = ?, reason = ?, attempts = ?, retry_at = ?, settled = ?, tried = ?,
			leased = CASE WHEN ? THEN leased ELSE 0 END WHERE id = ?`)
		q.blob(i.Body).ints(int64(i.Due)).text(string(i.State), i.Reason)
		q.ints(int64(i.Attempts), int64(i.RetryAt), int64(i.Settled), flag(i.Tried), flag(i.Leased)).text(string(i.ID))
		if err := q.run(); err != nil {
			return err
		}
	}
	return nil
}
