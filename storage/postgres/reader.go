package postgres

import (
	"context"
	"errors"

	"scrip/core"
	"scrip/core/ledger"
)

// reader answers reads. All of them go to the server that takes the writes.
type reader struct{ store *Store }

// Reader implements [ledger.Store].
func (s *Store) Reader() ledger.Reader {
	r := reader{s}
	return ledger.Reader{Accounts: r, Entries: r, Queues: queues{s}, Records: r, Links: r, Audit: r, Snapshot: s.snapshot}
}

// What readers ask.
var (
	readGrant   = &statement{"read_grant", "SELECT account, " + grantColumns + " FROM grants WHERE bucket = $1 AND id = $2"}
	readHold    = &statement{"read_hold", "SELECT account, " + holdColumns + " FROM holds WHERE bucket = $1 AND id = $2"}
	listGrants  = &statement{"list_grants", "SELECT " + grantColumns + " FROM grants WHERE bucket = $1 AND account = $2 AND seq > $3 ORDER BY seq LIMIT $4"}
	listHolds   = &statement{"list_holds", "SELECT " + holdColumns + " FROM holds WHERE bucket = $1 AND account = $2 ORDER BY created DESC, id DESC LIMIT $3"}
	listHoldsOf = &statement{"list_holds_of", "SELECT " + holdColumns + ` FROM holds WHERE bucket = $1 AND account = $2
		AND (created, id) < (SELECT created, id FROM holds WHERE bucket = $1 AND id = $4) ORDER BY created DESC, id DESC LIMIT $3`}
	listEntries  = &statement{"list_entries", "SELECT " + entryColumns + " FROM entries WHERE bucket = $1 AND account = $2 AND seq > $3 ORDER BY seq LIMIT $4"}
	requestIn    = &statement{"request_in", "SELECT " + requestColumns + " FROM requests WHERE bucket = $1 AND hash = $2"}
	readRequest  = &statement{"read_request", "SELECT " + requestColumns + " FROM requests WHERE hash = $1"}
	listKeys     = &statement{"list_keys", "SELECT account FROM accounts WHERE (bucket, account) > ($1, $2) ORDER BY bucket, account LIMIT $3"}
	listDue      = &statement{"list_due", "SELECT account FROM accounts WHERE due <= $1 AND due < 9223372036854775807 ORDER BY due LIMIT $2"}
	nextDue      = &statement{"next_due", "SELECT due FROM accounts WHERE due > $1 AND due < 9223372036854775807 ORDER BY due LIMIT 1"}
	readRecord   = &statement{"read_record", "SELECT " + recordColumns + " FROM records WHERE bucket = $1 AND kind = $2 AND id = $3"}
	readKey      = &statement{"read_key", "SELECT id FROM record_keys WHERE bucket = $1 AND kind = $2 AND key = $3"}
	listRecords  = &statement{"list_records", "SELECT " + recordColumns + " FROM records WHERE kind = $1 AND id > $2 AND NOT deleted ORDER BY id LIMIT $3"}
	readLinks    = &statement{"read_links", "SELECT " + linkColumns + " FROM links WHERE bucket = $1 AND connection = $2 AND neutral = $3 ORDER BY role, vendor"}
	linksByThing = &statement{"links_by_vendor", "SELECT " + linkColumns + " FROM links WHERE connection = $1 AND vendor = $2 ORDER BY neutral, role"}
)

// with runs f on a connection. A database that cannot be read now may be read
// later, like one that cannot be written.
func (s *Store) with(ctx context.Context, f func(*session) error) error {
	if err := ctx.Err(); err != nil {
		return core.Errorf(core.CodeUnavailable, "the request ended before the database was read")
	}
	c, held := ctx.Value(snapshotOf{s}).(*session)
	var err error
	if !held {
		if c, err = s.session(ctx); err != nil {
			return &ledger.StoreError{Cause: err}
		}
		defer c.release()
	}
	var known *core.Error
	if err = f(c); err != nil && !errors.As(err, &known) {
		err = &ledger.StoreError{Cause: err}
	}
	return err
}

// ask runs one statement and gives each row to f.
func (s *Store) ask(ctx context.Context, text *statement, f func(*row) error, values ...[]byte) error {
	return s.with(ctx, func(c *session) error {
		var t trip
		t.add(text, f, values...)
		return c.run(ctx, &t)
	})
}

// snapshotOf is the key of the connection that a context's reads are held to.
type snapshotOf struct{ *Store }

// snapshot implements [ledger.Reader]: a transaction that sees one state.
func (s *Store) snapshot(ctx context.Context, f func(context.Context) error) error {
	var fault error
	err := s.with(ctx, func(c *session) error {
		var t trip
		t.snapshot(s)
		t.add(patienceText, nil)
		if err := c.run(ctx, &t); err != nil {
			return err
		}
		defer c.rollback(ctx)
		fault = f(context.WithValue(ctx, snapshotOf{s}, c))
		return nil
	})
	if fault != nil {
		return fault
	}
	return err
}

// Account implements [ledger.AccountReader].
func (r reader) Account(ctx context.Context, key ledger.AccountKey) (a *core.Account, err error) {
	err = r.store.with(ctx, func(c *session) (err error) { a, err = c.account(ctx, key); return err })
	return a, err
}

// Grant implements [ledger.AccountReader].
func (r reader) Grant(ctx context.Context, id core.ID) (key ledger.AccountKey, g *core.Grant, err error) {
	err = r.store.ask(ctx, readGrant, func(r *row) error {
		key = accountKey(r.text())
		found := r.grant()
		g = &found
		return nil
	}, intOf(id.Bucket()), textOf(string(id)))
	return key, g, err
}

// Hold implements [ledger.AccountReader].
func (r reader) Hold(ctx context.Context, id core.ID) (key ledger.AccountKey, h *core.Hold, err error) {
	err = r.store.ask(ctx, readHold, func(r *row) error {
		key = accountKey(r.text())
		found := r.hold()
		h = &found
		return nil
	}, intOf(id.Bucket()), textOf(string(id)))
	return key, h, err
}

// Holds implements [ledger.AccountReader].
func (r reader) Holds(ctx context.Context, key ledger.AccountKey, before core.ID, limit int) (list []core.Hold, err error) {
	text, values := listHolds, [][]byte{intOf(bucketOf(key)), textOf(accountName(key)), longOf(int64(limit))}
	if before != "" {
		text, values = listHoldsOf, append(values, textOf(string(before)))
	}
	err = r.store.ask(ctx, text, func(r *row) error { list = append(list, r.hold()); return nil }, values...)
	return list, err
}

// Grants implements [ledger.AccountReader].
func (r reader) Grants(ctx context.Context, key ledger.AccountKey, afterSeq int64, limit int) (list []core.Grant, err error) {
	err = r.store.ask(ctx, listGrants, func(r *row) error { list = append(list, r.grant()); return nil },
		intOf(bucketOf(key)), textOf(accountName(key)), longOf(afterSeq), longOf(int64(limit)))
	return list, err
}

// Entries implements [ledger.EntryReader].
func (r reader) Entries(ctx context.Context, key ledger.AccountKey, afterSeq int64, limit int) (list []core.Entry, err error) {
	err = r.store.ask(ctx, listEntries, func(r *row) error { list = append(list, r.entry()); return nil },
		intOf(bucketOf(key)), textOf(accountName(key)), longOf(afterSeq), longOf(int64(limit)))
	return list, err
}

// Request implements [ledger.EntryReader].
func (r reader) Request(ctx context.Context, hash string) (req *ledger.Request, err error) {
	err = r.store.ask(ctx, readRequest, func(r *row) error { req = r.request(); return nil }, textOf(hash))
	return req, err
}

// RequestIn finds the stored answer of a request hash in a bucket.
func (r reader) RequestIn(ctx context.Context, bucket int, hash string) (req *ledger.Request, err error) {
	err = r.store.ask(ctx, requestIn, func(r *row) error { req = r.request(); return nil }, intOf(bucket), textOf(hash))
	return req, err
}

// Keys implements [ledger.EntryReader].
func (r reader) Keys(ctx context.Context, after ledger.AccountKey, limit int) (list []ledger.AccountKey, err error) {
	bucket, name := bucketOf(after), accountName(after)
	if after == (ledger.AccountKey{}) {
		bucket, name = -1, ""
	}
	err = r.store.ask(ctx, listKeys, func(r *row) error { list = append(list, accountKey(r.text())); return nil },
		intOf(bucket), textOf(name), longOf(int64(limit)))
	return list, err
}

// Due implements [ledger.EntryReader].
func (r reader) Due(ctx context.Context, now core.Time, limit int) (list []ledger.AccountKey, next core.Time, err error) {
	next = core.Never
	err = r.store.with(ctx, func(c *session) error {
		var t trip
		t.add(listDue, func(r *row) error { list = append(list, accountKey(r.text())); return nil }, longOf(now), longOf(int64(limit)))
		t.add(nextDue, func(r *row) error { next = r.time(); return nil }, longOf(now))
		return c.run(ctx, &t)
	})
	return list, next, err
}

// Record implements [ledger.RecordReader].
func (r reader) Record(ctx context.Context, key ledger.RecordKey) (rec *ledger.Record, err error) {
	err = r.store.ask(ctx, readRecord, func(r *row) error {
		found := r.record()
		rec = &found
		return nil
	}, intOf(place(key.ID)), textOf(key.Kind), textOf(key.ID))
	return rec, err
}

// ByKey implements [ledger.RecordReader].
func (r reader) ByKey(ctx context.Context, kind, key string) (rec *ledger.Record, err error) {
	id, found := "", false
	err = r.store.ask(ctx, readKey, func(r *row) error { id, found = r.text(), true; return nil },
		intOf(core.Bucket(key)), textOf(kind), textOf(key))
	if err != nil || !found {
		return nil, err
	}
	return r.Record(ctx, ledger.RecordKey{Kind: kind, ID: id})
}

// List implements [ledger.RecordReader].
func (r reader) List(ctx context.Context, kind, afterID string, limit int) (list []ledger.Record, err error) {
	err = r.store.ask(ctx, listRecords, func(r *row) error { list = append(list, r.record()); return nil },
		textOf(kind), textOf(afterID), longOf(int64(limit)))
	return list, err
}

// Links implements [ledger.LinkReader].
func (r reader) Links(ctx context.Context, key ledger.LinkKey) (list []ledger.Link, err error) {
	err = r.store.ask(ctx, readLinks, func(r *row) error { list = append(list, r.link()); return nil },
		intOf(place(key.Neutral)), textOf(key.Connection), textOf(key.Neutral))
	return list, err
}

// ByVendor implements [ledger.LinkReader].
func (r reader) ByVendor(ctx context.Context, connection, vendor string) (list []ledger.Link, err error) {
	err = r.store.ask(ctx, linksByThing, func(r *row) error { list = append(list, r.link()); return nil },
		textOf(connection), textOf(vendor))
	return list, err
}
