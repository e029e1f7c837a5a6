package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"scrip/core"
	"scrip/core/ledger"
)

// What an audit asks for.
var (
	listRequests = &statement{"list_requests", "SELECT " + requestColumns + " FROM requests WHERE hash > $1 ORDER BY hash LIMIT $2"}
	readNatural  = &statement{"read_natural", "SELECT id FROM naturals WHERE bucket = $1 AND key = $2"}
	listNaturals = &statement{"list_naturals", "SELECT key, id FROM naturals WHERE key > $1 ORDER BY key LIMIT $2"}
	listLinks    = &statement{"list_links", "SELECT " + linkColumns + ` FROM links WHERE (connection, neutral, role, vendor) > ($1, $2, $3, $4)
		ORDER BY connection, neutral, role, vendor LIMIT $5`}
)

// Requests implements what [ledger.Reader] asks for an audit.
func (r reader) Requests(ctx context.Context, after string, limit int) (list []ledger.Request, err error) {
	err = r.store.ask(ctx, listRequests, func(r *row) error { list = append(list, *r.request()); return nil }, textOf(after), longOf(int64(limit)))
	return list, err
}

// Natural implements what [ledger.Reader] asks for an audit.
func (r reader) Natural(ctx context.Context, key string) (id core.ID, err error) {
	err = r.store.ask(ctx, readNatural, func(r *row) error { id = r.id(); return nil }, intOf(core.Bucket(key)), textOf(key))
	return id, err
}

// Naturals implements what [ledger.Reader] asks for an audit.
func (r reader) Naturals(ctx context.Context, after string, limit int) (list []ledger.Natural, err error) {
	err = r.store.ask(ctx, listNaturals, func(r *row) error {
		list = append(list, ledger.Natural{Key: r.text(), ID: r.id()})
		return nil
	}, textOf(after), longOf(int64(limit)))
	return list, err
}

// AllLinks implements what [ledger.Reader] asks for an audit.
func (r reader) AllLinks(ctx context.Context, after ledger.Link, limit int) (list []ledger.Link, err error) {
	err = r.store.ask(ctx, listLinks, func(r *row) error { list = append(list, r.link()); return nil },
		textOf(after.Connection), textOf(after.Neutral), textOf(after.Role), textOf(after.Vendor), longOf(int64(limit)))
	return list, err
}

// filing is an audit of what the store keeps beside its rows, in one snapshot.
type filing struct {
	ctx   context.Context
	c     *session
	found func(where, what string)
}

// Filed implements what [ledger.Reader] asks for an audit: on one snapshot of
// the database.
func (r reader) Filed(ctx context.Context, found func(where, what string)) error {
	return r.store.snapshot(ctx, func(ctx context.Context) error {
		return r.store.with(ctx, func(c *session) error {
			f := filing{ctx, c.patient(migrationWait), found}
			for _, whole := range []string{ // it walks whole tables
				"statement_timeout = " + milliseconds(migrationWait), "enable_seqscan = on", "enable_hashjoin = on", "enable_mergejoin = on",
			} {
				if err := f.each("SET LOCAL "+whole, nil); err != nil {
					return err
				}
			}
			for _, check := range []func() error{f.strayRows, f.partitions, f.dueInstants, f.windowTexts, f.lookUpKeys} {
				if err := check(); err != nil {
					return err
				}
				if err := ctx.Err(); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// patient is the session with another bound on a trip.
func (c *session) patient(trip time.Duration) *session {
	store := &Store{limits: c.store.limits, fault: c.store.fault}
	store.limits.trip = trip
	return &session{conn: c.conn, pg: c.pg, store: store}
}

// each runs a text, which an audit alone runs and so is not kept prepared.
func (f *filing) each(sql string, each func(*row) error) error {
	var t trip
	t.add(&statement{"", sql}, each) // the unnamed one: the next takes its place
	return f.c.run(f.ctx, &t)
}

// noAccount is a row whose account is not there.
const noAccount = " x WHERE NOT EXISTS (SELECT 1 FROM accounts a WHERE a.bucket = x.bucket AND a.account = x.account)"

// lastOf is the last position of each bucket. What belongs together is joined
// by its bucket, and what is counted is grouped by it, as a database that is
// spread over nodes asks for.
func lastOf(table string) string {
	return "(SELECT bucket, max(pos) AS pos FROM " + table + " GROUP BY bucket) e"
}

// faults name rows that cannot be: each selects what names the row, and says
// what is wrong with it. Entries are never deleted and never overtake each
// other, so a bucket's positions have no gap and follow the sequence.
var faults = [...]struct{ rows, what string }{
	{"SELECT 'entry ' || account || ' ' || seq FROM entries" + noAccount, "belongs to an account that is not there"},
	{"SELECT 'grant ' || id FROM grants" + noAccount, "belongs to an account that is not there"},
	{"SELECT 'hold ' || id FROM holds" + noAccount, "belongs to an account that is not there"},
	{"SELECT 'entry ' || x.account || ' ' || x.seq FROM entries x JOIN accounts a ON a.bucket = x.bucket AND a.account = x.account WHERE x.seq > a.seq", "is beyond the last of its account"},
	{"SELECT 'entry ' || x.account || ' ' || x.seq FROM entries x JOIN entries p ON p.bucket = x.bucket AND p.account = x.account AND p.seq = x.seq - 1 WHERE p.pos >= x.pos", "stands before the one it follows"},
	{"SELECT 'grant ' || id FROM grants WHERE live <> (remaining > 0)", "is marked against its remainder"},
	{"SELECT 'account ' || a.account FROM accounts a LEFT JOIN (SELECT bucket, account, count(*) AS n FROM holds WHERE state = 'open' GROUP BY bucket, account) h ON h.bucket = a.bucket AND h.account = a.account WHERE a.holds <> coalesce(h.n, 0)", "counts other open holds than it has"},
	{"SELECT 'entries of bucket ' || bucket FROM entries GROUP BY bucket HAVING count(*) <> max(pos) OR min(pos) < 1", "have a gap in their positions: a row is missing"},
	{"SELECT 'bucket ' || b.bucket FROM buckets b LEFT JOIN " + lastOf("entries") + " ON e.bucket = b.bucket WHERE b.next_pos - 1 <> coalesce(e.pos, 0)", "counts other positions than its entries have"},
	{"SELECT 'bucket ' || b.bucket FROM buckets b JOIN " + lastOf("inbox") + " ON e.bucket = b.bucket WHERE b.next_item <= e.pos", "gives out positions that its inbox has already"},
	{"SELECT 'bucket ' || b.bucket FROM buckets b JOIN " + lastOf("outbox") + " ON e.bucket = b.bucket WHERE b.next_item <= e.pos", "gives out positions that its outbox has already"},
	{"SELECT 'event ' || id FROM inbox WHERE leased < 0 OR leased > 0 AND (state <> 'waiting' OR fence < 1)", "is leased and is not being worked on"},
	{"SELECT 'intent ' || id FROM outbox WHERE leased < 0 OR leased > 0 AND (state <> 'waiting' OR fence < 1)", "is leased and is not being worked on"},
	{"SELECT 'answer of ' || account FROM requests WHERE hash = ''", "is filed under nothing"},
	{"SELECT 'natural of ' || id FROM naturals WHERE key = ''", "is filed under nothing"},
}

// strayRows reports what one row, or its neighbours, show.
func (f *filing) strayRows() error {
	for _, fault := range faults {
		err := f.each(fault.rows, func(r *row) error { f.found(r.text(), fault.what); return nil })
		if err != nil {
			return fmt.Errorf("looking for what %s: %w", fault.what, err)
		}
	}
	return f.each("SELECT count(*), coalesce(min(bucket), 0), coalesce(max(bucket), 0) FROM buckets", func(r *row) error {
		if r.int() != core.BucketCount || r.int() != 0 || r.int() != core.BucketCount-1 {
			f.found("buckets", fmt.Sprintf("are not the %d that there are", core.BucketCount))
		}
		return nil
	})
}

// owners name the rows of each table and what their bucket follows from: the
// account, or, where there is none, the text beside it.
var owners = [...]struct{ what, rows string }{
	{"account", "SELECT bucket, account, '' FROM accounts"},
	{"entry of", "SELECT bucket, account, '' FROM entries"},
	{"answer of", "SELECT bucket, account, '' FROM requests"},
	{"grant", "SELECT bucket, account, id FROM grants"},
	{"hold", "SELECT bucket, account, id FROM holds"},
	{"natural", "SELECT bucket, '', key FROM naturals"},
	{"record", "SELECT bucket, '', id FROM records"},
	{"link of", "SELECT bucket, '', neutral FROM links"},
	{"event", "SELECT bucket, '', id FROM inbox"},
	{"intent", "SELECT bucket, customer || '/', id FROM outbox"},
}

// partitions reports rows that lie in a bucket where nobody looks for them.
func (f *filing) partitions() error {
	for _, o := range owners {
		err := f.each(o.rows, func(r *row) error {
			bucket, account, id := int(r.int()), r.text(), r.text()
			own := place(id)
			if o.what == "natural" {
				own = core.Bucket(id)
			}
			if id != "" && own != bucket || account != "" && bucketOf(accountKey(account)) != bucket || id == "" && account == "" {
				f.found(strings.TrimSpace(o.what+" "+account+" "+id), fmt.Sprintf("lies in bucket %d, which is not its own", bucket))
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
func (f *filing) dueInstants() error {
	// Which grants settle a deficit is a rule, which the store does not know.
	filed := map[ledger.AccountKey]core.Time{}
	const page = 1000
	for bucket, after := int64(-1), ""; ; {
		clear(filed)
		var keys []ledger.AccountKey
		err := f.each(fmt.Sprintf(`SELECT bucket, account, due FROM accounts WHERE overdrawn = 0 AND (bucket, account) > (%d, %s)
			ORDER BY bucket, account LIMIT %d`, bucket, quoted(after), page), func(r *row) error {
			bucket, after = r.int(), r.text()
			key := accountKey(after)
			keys, filed[key] = append(keys, key), r.time()
			return nil
		})
		if err != nil || len(keys) == 0 {
			return err
		}
		for _, key := range keys {
			a, err := f.c.account(f.ctx, key)
			if err != nil {
				return err
			}
			if a != nil && a.NextDue() != filed[key] {
				f.found("account "+accountName(key), fmt.Sprintf("is filed as due at %s, it is due at %s", filed[key], a.NextDue()))
			}
		}
	}
}

// quoted is a text as a literal, which may hold any character.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// windowTexts reports windows that this program did not write.
func (f *filing) windowTexts() error {
	return f.each("SELECT account, windows FROM accounts WHERE windows <> ''", func(r *row) error {
		name, text := r.text(), r.text()
		windows := parseWindows(text)
		sound := formatWindows(windows) == text
		for _, w := range windows {
			sound = sound && w.Number >= 0 && w.Moves >= 0 && (w.Opened == 0) == (w.Closes == 0) && w.Opened <= w.Closes
		}
		if !sound {
			f.found("account "+name, fmt.Sprintf("has windows that nobody wrote: %q", text))
		}
		return nil
	})
}

// lookUpKeys reports records whose look-up keys do not lead to them.
func (f *filing) lookUpKeys() error {
	type key struct{ kind, key string }
	leads := map[key]string{}
	err := f.each("SELECT bucket, kind, key, id FROM record_keys", func(r *row) error {
		bucket := int(r.int())
		k := key{r.text(), r.text()}
		leads[k] = r.text()
		if bucket != core.Bucket(k.key) {
			f.found("look-up key "+k.kind+" "+k.key, fmt.Sprintf("lies in bucket %d, which is not its own", bucket))
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = f.each("SELECT "+recordColumns+" FROM records", func(r *row) error {
		rec := r.record()
		if rec.Version < 1 {
			f.found("record "+rec.Kind+" "+rec.ID, "has no version")
		}
		for _, k := range rec.Keys {
			if at := (key{rec.Kind, k}); leads[at] == rec.ID {
				delete(leads, at)
			} else {
				f.found("record "+rec.Kind+" "+rec.ID, fmt.Sprintf("is not found by its key %q", k))
			}
		}
		return nil
	})
	for k, id := range leads {
		if err == nil {
			f.found("look-up key "+k.kind+" "+k.key, fmt.Sprintf("leads to record %q, which does not have it", id))
		}
	}
	return err
}
