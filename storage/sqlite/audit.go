package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"scrip/core"
	"scrip/core/ledger"
)

// Requests implements what [ledger.Reader] asks for an audit.
func (r reader) Requests(ctx context.Context, after string, limit int) (list []ledger.Request, err error) {
	err = r.store.with(ctx, func(conn *sqlite.Conn) error {
		q := query(conn, "SELECT "+requestColumns+" FROM requests WHERE hash > ? ORDER BY hash LIMIT ?")
		return q.text(after).ints(int64(limit)).each(func(r *row) error { list = append(list, *r.request()); return nil })
	})
	return list, err
}

// Natural implements what [ledger.Reader] asks for an audit.
func (r reader) Natural(ctx context.Context, key string) (id core.ID, err error) {
	err = r.store.with(ctx, func(conn *sqlite.Conn) error {
		q := query(conn, "SELECT id FROM naturals WHERE key = ?")
		return q.text(key).each(func(r *row) error { id = r.id(); return nil })
	})
	return id, err
}

// Naturals implements what [ledger.Reader] asks for an audit.
func (r reader) Naturals(ctx context.Context, after string, limit int) (list []ledger.Natural, err error) {
	err = r.store.with(ctx, func(conn *sqlite.Conn) error {
		q := query(conn, "SELECT key, id FROM naturals WHERE key > ? ORDER BY key LIMIT ?")
		return q.text(after).ints(int64(limit)).each(func(r *row) error {
			list = append(list, ledger.Natural{Key: r.text(), ID: r.id()})
			return nil
		})
	})
	return list, err
}

// AllLinks implements what [ledger.Reader] asks for an audit.
func (r reader) AllLinks(ctx context.Context, after ledger.Link, limit int) (list []ledger.Link, err error) {
	err = r.store.with(ctx, func(conn *sqlite.Conn) error {
		q := query(conn, `SELECT connection, neutral, role, vendor FROM links WHERE (connection, neutral, role, vendor) > (?, ?, ?, ?)
			ORDER BY connection, neutral, role, vendor LIMIT ?`)
		q.text(after.Connection, after.Neutral, after.Role, after.Vendor).ints(int64(limit))
		return q.each(func(r *row) error { list = append(list, r.link()); return nil })
	})
	return list, err
}

// Filed implements what [ledger.Reader] asks for an audit: on one snapshot of the file.
func (r reader) Filed(ctx context.Context, found func(where, what string)) error {
	return r.store.with(ctx, func(conn *sqlite.Conn) (err error) {
		defer saveRead(conn)(&err)
		for _, check := range []func(*sqlite.Conn, func(where, what string)) error{
			strayRows, partitions, dueInstants, windowTexts, lookUpKeys,
		} {
			if err := check(conn, found); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		return nil
	})
}

// noAccount is a row whose account is not there.
const noAccount = " x WHERE NOT EXISTS (SELECT 1 FROM accounts a WHERE a.bucket = x.bucket AND a.account = x.account)"

// faults name rows that cannot be: each selects what names the row, and says
// what is wrong with it. Rows are never deleted and never overtake each other,
// so positions have no gap and follow the sequence.
var faults = [...]struct{ rows, what string }{
	{"SELECT 'entry ' || account || ' ' || seq FROM entries" + noAccount, "belongs to an account that is not there"},
	{"SELECT 'grant ' || id FROM grants" + noAccount, "belongs to an account that is not there"},
	{"SELECT 'hold ' || id FROM holds" + noAccount, "belongs to an account that is not there"},
	{"SELECT 'entry ' || x.account || ' ' || x.seq FROM entries x JOIN accounts a ON a.bucket = x.bucket AND a.account = x.account WHERE x.seq > a.seq", "is beyond the last of its account"},
	{"SELECT 'entry ' || x.account || ' ' || x.seq FROM entries x JOIN entries p ON p.bucket = x.bucket AND p.account = x.account AND p.seq = x.seq - 1 WHERE p.pos >= x.pos", "stands before the one it follows"},
	{"SELECT 'grant ' || id FROM grants WHERE live <> (remaining > 0)", "is marked against its remainder"},
	{"SELECT 'account ' || account FROM accounts a WHERE holds <> (SELECT count(*) FROM holds h WHERE h.bucket = a.bucket AND h.account = a.account AND h.state = 'open')", "counts other open holds than it has"},
	{"SELECT 'entries' WHERE (SELECT count(*) <> coalesce(max(pos), 0) OR min(pos) < 1 FROM entries)", "have a gap in their positions: a row is missing"},
	{"SELECT 'answers' WHERE (SELECT count(*) <> coalesce(max(pos), 0) OR min(pos) < 1 FROM requests)", "have a gap in their positions: a row is missing"},
	{"SELECT 'inbox' WHERE (SELECT count(*) <> coalesce(max(pos), 0) OR min(pos) < 1 FROM inbox)", "has a gap in its positions: a row is missing"},
	{"SELECT 'outbox' WHERE (SELECT count(*) <> coalesce(max(pos), 0) OR min(pos) < 1 FROM outbox)", "has a gap in its positions: a row is missing"},
	{"SELECT 'event ' || id FROM inbox WHERE leased < 0 OR leased > 0 AND (state <> 'waiting' OR fence < 1)", "is leased and is not being worked on"},
	{"SELECT 'intent ' || id FROM outbox WHERE leased < 0 OR leased > 0 AND (state <> 'waiting' OR fence < 1)", "is leased and is not being worked on"},
	{"SELECT 'grant ' || id FROM grants WHERE actions <> '' AND NOT json_valid(actions) OR metadata <> '' AND NOT json_valid(metadata)", "has a scope or metadata that cannot be read"},
	{"SELECT 'hold ' || id FROM holds WHERE parts <> '' AND NOT json_valid(parts)", "has parts that cannot be read"},
	{"SELECT 'hold ' || id FROM holds WHERE protect NOT IN (0, 1)", "is neither protected nor not"},
	{"SELECT 'answer of ' || account FROM requests WHERE hash = ''", "is filed under nothing"},
	{"SELECT 'natural of ' || id FROM naturals WHERE key = ''", "is filed under nothing"},
	{"SELECT 'look-up key ' || kind || ' ' || key FROM record_keys k WHERE NOT EXISTS (SELECT 1 FROM records r WHERE r.kind = k.kind AND r.id = k.id)", "leads to a record that is not there"},
}

// strayRows reports what one row, or its neighbours, show.
func strayRows(conn *sqlite.Conn, found func(where, what string)) error {
	for _, f := range faults {
		q := query(conn, f.rows)
		if err := q.each(func(r *row) error { found(r.text(), f.what); return nil }); err != nil {
			return fmt.Errorf("looking for what %s: %w", f.what, err)
		}
	}
	return nil
}

// owners name the rows of each table and whose bucket they are to lie in: the
// account's, or, where owner is "", the id's.
var owners = [...]struct{ what, rows string }{
	{"account", "SELECT bucket, account, '' FROM accounts"},
	{"entry of", "SELECT bucket, account, '' FROM entries"},
	{"answer of", "SELECT bucket, account, '' FROM requests"},
	{"grant", "SELECT bucket, account, id FROM grants"},
	{"hold", "SELECT bucket, account, id FROM holds"},
	{"natural", "SELECT bucket, '', id FROM naturals"},
	{"event", "SELECT bucket, '', id FROM inbox"},
	{"intent", "SELECT bucket, customer || '/', id FROM outbox"},
}

// partitions reports rows that lie in a bucket where nobody looks for them.
func partitions(conn *sqlite.Conn, found func(where, what string)) error {
	for _, o := range owners {
		q := query(conn, o.rows)
		err := q.each(func(r *row) error {
			bucket, account, id := r.int(), r.text(), r.id()
			astray := id != "" && int64(id.Bucket()) != bucket || account != "" && bucketOf(accountKey(account)) != bucket
			if astray || id == "" && account == "" {
				found(o.what+" "+account+" "+string(id), fmt.Sprintf("lies in bucket %d, which is not its own", bucket))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// dueInstants reports accounts that time would change at another instant than
// the one they are filed under.
func dueInstants(conn *sqlite.Conn, found func(where, what string)) error {
	// Which grants settle a deficit is a rule, which the store does not know.
	q := query(conn, "SELECT account, due FROM accounts WHERE overdrawn = 0 ORDER BY bucket, account")
	return q.each(func(r *row) error {
		name, due := r.text(), r.time()
		a, _, err := readAccount(conn, accountKey(name))
		if err == nil && a != nil && a.NextDue() != due {
			found("account "+name, fmt.Sprintf("is filed as due at %s, it is due at %s", due, a.NextDue()))
		}
		return err
	})
}

// windowTexts reports windows that this program did not write.
func windowTexts(conn *sqlite.Conn, found func(where, what string)) error {
	q := query(conn, "SELECT account, windows FROM accounts WHERE windows <> ''")
	return q.each(func(r *row) error {
		name, text := r.text(), r.text()
		windows := parseWindows(text)
		sound := formatWindows(windows) == text
		for _, w := range windows {
			sound = sound && w.Number >= 0 && w.Moves >= 0 && (w.Opened == 0) == (w.Closes == 0) && w.Opened <= w.Closes
		}
		if !sound {
			found("account "+name, fmt.Sprintf("has windows that nobody wrote: %q", text))
		}
		return nil
	})
}

// lookUpKeys reports records whose look-up keys do not lead to them.
func lookUpKeys(conn *sqlite.Conn, found func(where, what string)) error {
	var named, kept int64
	q := query(conn, "SELECT "+recordColumns+" FROM records")
	err := q.each(func(r *row) error {
		rec := r.record()
		if rec.Version < 1 {
			found("record "+rec.Kind+" "+rec.ID, "has no version")
		}
		for _, key := range rec.Keys {
			named++
			leads := false
			k := query(conn, "SELECT id FROM record_keys WHERE kind = ? AND key = ?")
			if err := k.text(rec.Kind, key).each(func(r *row) error { leads = r.text() == rec.ID; return nil }); err != nil {
				return err
			}
			if !leads {
				found("record "+rec.Kind+" "+rec.ID, fmt.Sprintf("is not found by its key %q", key))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	count := query(conn, "SELECT count(*) FROM record_keys")
	if err := count.each(func(r *row) error { kept = r.int(); return nil }); err != nil {
		return err
	}
	if kept != named {
		found("look-up keys", fmt.Sprintf("are %d, the records name %d", kept, named))
	}
	return nil
}
