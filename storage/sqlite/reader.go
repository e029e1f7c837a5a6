package sqlite

import (
	"context"
	"errors"
	"strconv"

	"zombiezen.com/go/sqlite"

	"scrip/core"
	"scrip/core/ledger"
)

// reader answers reads from the pool.
type reader struct{ store *Store }

// Reader implements [ledger.Store].
func (s *Store) Reader() ledger.Reader {
	r := reader{s}
	return ledger.Reader{Accounts: r, Entries: r, Queues: queues{s}, Records: r, Links: r, Audit: r, Snapshot: s.snapshot}
}

// with runs f on a reading connection. A database that cannot be read now may
// be read later, like one that cannot be written.
func (s *Store) with(ctx context.Context, f func(*sqlite.Conn) error) error {
	conn, held := ctx.Value(snapshotOf{s}).(*sqlite.Conn)
	if !held {
		var err error
		if conn, err = s.read.Take(ctx); err != nil {
			return core.Errorf(core.CodeUnavailable, "no connection for reading became free in time")
		}
		defer s.read.Put(conn)
	}
	var known *core.Error
	err := f(conn)
	if err != nil && !errors.As(err, &known) {
		err = &ledger.StoreError{Cause: err}
	}
	return err
}

// snapshotOf is the key of the connection that a context's reads are held to.
type snapshotOf struct{ *Store }

// snapshot implements [ledger.Reader]: a read transaction, on one connection.
func (s *Store) snapshot(ctx context.Context, f func(context.Context) error) error {
	var fault error
	err := s.with(ctx, func(conn *sqlite.Conn) (err error) {
		defer saveRead(conn)(&err)
		fault = f(context.WithValue(ctx, snapshotOf{s}, conn))
		return nil
	})
	if fault != nil {
		return fault
	}
	return err
}

// Account implements [ledger.AccountReader].
func (r reader) Account(ctx context.Context, key ledger.AccountKey) (a *core.Account, err error) {
	err = r.store.with(ctx, func(conn *sqlite.Conn) (err error) {
		defer saveRead(conn)(&err)
		a, _, err = readAccount(conn, key)
		return err
	})
	return a, err
}

// Grant implements [ledger.AccountReader].
func (r reader) Grant(ctx context.Context, id core.ID) (key ledger.AccountKey, g *core.Grant, err error) {
	err = r.store.with(ctx, func(conn *sqlite.Conn) (err error) { key, g, _, err = readGrant(conn, id); return err })
	return key, g, err
}

// Hold implements [ledger.AccountReader].
func (r reader) Hold(ctx context.Context, id core.ID) (key ledger.AccountKey, h *core.Hold, err error) {
	err = r.store.with(ctx, func(conn *sqlite.Conn) (err error) { key, h, err = readHold(conn, id); return err })
	return key, h, err
}

// Holds implements [ledger.AccountReader].
func (r reader) Holds(ctx context.Context, key ledger.AccountKey, before core.ID, limit int) (list []core.Hold, err error) {
	err = r.store.with(ctx, func(conn *sqlite.Conn) error {
		q := query(conn, "SELECT "+holdColumns+` FROM holds WHERE bucket = ?1 AND account = ?2 AND (?3 = '' OR (created, id) <
			(SELECT created, id FROM holds WHERE bucket = ?1 AND id = ?3)) ORDER BY created DESC, id DESC LIMIT ?4`)
		q.ints(bucketOf(key)).text(accountName(key), string(before)).ints(int64(limit))
		return q.each(func(r *row) error { list = append(list, r.hold()); return nil })
	})
	return list, err
}

// Grants implements [ledger.AccountReader].
func (r reader) Grants(ctx context.Context, key ledger.AccountKey, afterSeq int64, limit int) (list []core.Grant, err error) {
	err = r.store.with(ctx, func(conn *sqlite.Conn) error {
		q := query(conn, "SELECT "+grantColumns+" FROM grants WHERE bucket = +? AND account = +? AND seq > ? ORDER BY seq LIMIT +?")
		q.ints(bucketOf(key)).text(accountName(key)).ints(afterSeq, int64(limit))
		return q.each(func(r *row) error { list = append(list, r.grant()); return nil })
	})
	return list, err
}

// Entries implements [ledger.EntryReader].
func (r reader) Entries(ctx context.Context, key ledger.AccountKey, afterSeq int64, limit int) (list []core.Entry, err error) {
	err = r.store.with(ctx, func(conn *sqlite.Conn) error {
		q := query(conn, "SELECT "+entryColumns+" FROM entries WHERE bucket = +? AND account = +? AND seq > ? ORDER BY seq LIMIT +?")
		q.ints(bucketOf(key)).text(accountName(key)).ints(afterSeq, int64(limit))
		return q.each(func(r *row) error { list = append(list, r.entry()); return nil })
	})
	return list, err
}

// Feed implements [ledger.EntryReader]. Positions follow commit order because
// there is one writer.
func (r reader) Feed(ctx context.Context, after string, limit int) (list []core.Entry, next string, err error) {
	pos := int64(0)
	if after != "" {
		if pos, err = strconv.ParseInt(after, 10, 64); err != nil || pos < 0 {
			return nil, after, ledger.ErrCursor
		}
	}
	err = r.store.with(ctx, func(conn *sqlite.Conn) error {
		q := query(conn, "SELECT pos, "+entryColumns+" FROM entries WHERE pos > ? ORDER BY pos LIMIT ?")
		return q.ints(pos, int64(limit)).each(func(r *row) error {
			pos = r.int()
			list = append(list, r.entry())
			return nil
		})
	})
	if len(list) == 0 {
		return nil, after, err
	}
	return list, strconv.FormatInt(pos, 10), err
}

// Request implements [ledger.EntryReader].
func (r reader) Request(ctx context.Context, hash string) (req *ledger.Request, err error) {
	err = r.store.with(ctx, func(conn *sqlite.Conn) error { req, err = readRequest(conn, hash); return err })
	return req, err
}

// Keys implements [ledger.EntryReader].
func (r reader) Keys(ctx context.Context, after ledger.AccountKey, limit int) (list []ledger.AccountKey, err error) {
	err = r.store.with(ctx, func(conn *sqlite.Conn) error {
		q := query(conn, "SELECT account FROM accounts WHERE (bucket, account) > (?, ?) ORDER BY bucket, account LIMIT +?")
		bucket, name := bucketOf(after), accountName(after)
		if after == (ledger.AccountKey{}) {
			bucket, name = -1, ""
		}
		return q.ints(bucket).text(name).ints(int64(limit)).each(func(r *row) error { list = append(list, accountKey(r.text())); return nil })
	})
	return list, err
}

// Due implements [ledger.EntryReader].
func (r reader) Due(ctx context.Context, now core.Time, limit int) (list []ledger.AccountKey, next core.Time, err error) {
	next = core.Never
	err = r.store.with(ctx, func(conn *sqlite.Conn) error {
		q := query(conn, "SELECT account FROM accounts WHERE due <= ? AND due < 9223372036854775807 ORDER BY due LIMIT ?")
		if err := q.ints(int64(now), int64(limit)).each(func(r *row) error { list = append(list, accountKey(r.text())); return nil }); err != nil {
			return err
		}
		first := query(conn, "SELECT due FROM accounts WHERE due > ? AND due < 9223372036854775807 ORDER BY due LIMIT 1")
		return first.ints(int64(now)).each(func(r *row) error { next = r.time(); return nil })
	})
	return list, next, err
}

// Record implements [ledger.RecordReader].
func (r reader) Record(ctx context.Context, key ledger.RecordKey) (rec *ledger.Record, err error) {
	err = r.store.with(ctx, func(conn *sqlite.Conn) error { rec, err = readRecord(conn, key); return err })
	return rec, err
}

// ByKey implements [ledger.RecordReader].
func (r reader) ByKey(ctx context.Context, kind, key string) (rec *ledger.Record, err error) {
	err = r.store.with(ctx, func(conn *sqlite.Conn) error {
		var id string
		q := query(conn, "SELECT id FROM record_keys WHERE kind = ? AND key = ?")
		if err := q.text(kind, key).each(func(r *row) error { id = r.text(); return nil }); err != nil || id == "" {
			return err
		}
		rec, err = readRecord(conn, ledger.RecordKey{Kind: kind, ID: id})
		return err
	})
	return rec, err
}

// List implements [ledger.RecordReader].
func (r reader) List(ctx context.Context, kind, afterID string, limit int) (list []ledger.Record, err error) {
	err = r.store.with(ctx, func(conn *sqlite.Conn) error {
		q := query(conn, "SELECT "+recordColumns+" FROM records WHERE kind = ? AND id > ? AND deleted = 0 ORDER BY id LIMIT ?")
		return q.text(kind, afterID).ints(int64(limit)).each(func(r *row) error { list = append(list, r.record()); return nil })
	})
	return list, err
}

// Links implements [ledger.LinkReader].
func (r reader) Links(ctx context.Context, key ledger.LinkKey) (list []ledger.Link, err error) {
	err = r.store.with(ctx, func(conn *sqlite.Conn) error { list, err = readLinks(conn, key); return err })
	return list, err
}

// ByVendor implements [ledger.LinkReader].
func (r reader) ByVendor(ctx context.Context, connection, vendor string) (list []ledger.Link, err error) {
	err = r.store.with(ctx, func(conn *sqlite.Conn) error {
		q := query(conn, "SELECT connection, neutral, role, vendor FROM links WHERE connection = ? AND vendor = ? ORDER BY neutral, role")
		return q.text(connection, vendor).each(func(r *row) error { list = append(list, r.link()); return nil })
	})
	return list, err
}
