package bench

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"scrip/core"
)

// pgBareSchema has the tables that a debit writes, with the same keys, the same
// room in their pages and nothing else.
const pgBareSchema = `
CREATE TABLE buckets (bucket int PRIMARY KEY, next_pos bigint NOT NULL, next_item bigint NOT NULL, version bigint NOT NULL, at bigint NOT NULL,
  writer bigint NOT NULL) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
INSERT INTO buckets SELECT n, 1, 1, 0, 0, 0 FROM generate_series(0, 63) n;
CREATE TABLE accounts (bucket int NOT NULL, account text COLLATE "C" NOT NULL, seq bigint NOT NULL, head bytea NOT NULL, consumed bigint NOT NULL,
  holds bigint NOT NULL, due bigint NOT NULL, windows text COLLATE "C" NOT NULL, PRIMARY KEY (bucket, account))
  WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE TABLE grants (bucket int NOT NULL, id text COLLATE "C" NOT NULL, account text COLLATE "C" NOT NULL, seq bigint NOT NULL, amount bigint NOT NULL,
  remaining bigint NOT NULL, held bigint NOT NULL, ended bigint NOT NULL, live boolean NOT NULL, metadata text COLLATE "C" NOT NULL, PRIMARY KEY (bucket, id))
  WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX grants_live ON grants (bucket, account, live);
CREATE INDEX grants_account ON grants (bucket, account, seq);
CREATE TABLE entries (bucket int NOT NULL, pos bigint NOT NULL, account text COLLATE "C" NOT NULL, seq bigint NOT NULL, amount bigint NOT NULL,
  effective bigint NOT NULL, recorded bigint NOT NULL, kind text COLLATE "C" NOT NULL, grant_id text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL, hash bytea NOT NULL, PRIMARY KEY (bucket, account, seq));
CREATE UNIQUE INDEX entries_pos ON entries (bucket, pos);
CREATE TABLE requests (bucket int NOT NULL, hash text COLLATE "C" NOT NULL, first_seq bigint NOT NULL, last_seq bigint NOT NULL, amount bigint NOT NULL,
  reversed bigint NOT NULL, at bigint NOT NULL, operation text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, account text COLLATE "C" NOT NULL,
  fields text COLLATE "C" NOT NULL, code text COLLATE "C" NOT NULL, result bytea NOT NULL, PRIMARY KEY (bucket, hash));
CREATE UNIQUE INDEX requests_key ON requests (hash);`

// The statements of one group, in the order in which they are sent.
const (
	pgBareBuckets = `UPDATE buckets t SET next_pos = n.next_pos, version = t.version + 1, at = n.at
 FROM unnest($1::int[], $2::bigint[], $3::bigint[]) AS n(bucket, next_pos, at) WHERE t.bucket = n.bucket`
	pgBareAccounts = `UPDATE accounts t SET seq = n.seq, head = n.head, consumed = n.consumed, holds = 0, windows = n.windows
 FROM unnest($1::int[], $2::text[], $3::bigint[], $4::bytea[], $5::bigint[], $6::text[]) AS n(bucket, account, seq, head, consumed, windows)
 WHERE t.bucket = n.bucket AND t.account = n.account`
	pgBareGrants = `UPDATE grants t SET remaining = n.remaining, held = 0, ended = 0
 FROM unnest($1::int[], $2::text[], $3::bigint[]) AS n(bucket, id, remaining) WHERE t.bucket = n.bucket AND t.id = n.id`
	pgBareEntries = `INSERT INTO entries (bucket, pos, account, seq, amount, effective, recorded, kind, grant_id, source, hash)
 SELECT * FROM unnest($1::int[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::text[], $11::bytea[])`
	pgBareRequests = `INSERT INTO requests (bucket, hash, first_seq, last_seq, amount, reversed, at, operation, key, account, fields, code, result)
 SELECT * FROM unnest($1::int[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bytea[])`
)

// pgGroup is how many debits the limit writes at once.
const pgGroup = 500

// pgBare writes the rows of debits, five hundred a transaction and nothing
// between, over one connection: no read, no rule, no hash.
type pgBare struct {
	conn     *pgx.Conn
	accounts []bareAccount
	next     [core.BucketCount]int64 // positions
	made     int64
	head     []byte
	choose   func() func() int
}

// bareAccount is what the limit knows of an account by itself.
type bareAccount struct {
	customer, name, grant string
	bucket                int32
	debits                int64
}

func openPgBare(ctx context.Context, url string, accounts int, choose func() func() int) (*pgBare, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	b := &pgBare{conn: conn, head: make([]byte, 32), accounts: make([]bareAccount, accounts), choose: choose}
	for i := range b.accounts {
		c := customer(i)
		b.accounts[i] = bareAccount{
			customer: c, name: c + "/" + credits.Code, bucket: int32(core.Bucket(c)), grant: bareGrant(c, 0),
		}
	}
	for i := range b.next {
		b.next[i] = 1
	}
	if err := b.fill(ctx); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func bareGrant(customer string, n int) string {
	return string(core.NewID(core.GrantID, customer, "grant", fmt.Sprintf("fund-%s-%d", customer, n), 0))
}

func (b *pgBare) close() { _ = b.conn.Close(context.Background()) }

// fill gives every account its row and its grants.
func (b *pgBare) fill(ctx context.Context) error {
	if _, err := b.conn.PgConn().Exec(ctx, pgBareSchema).ReadAll(); err != nil {
		return err
	}
	rows := make([][]any, 0, len(b.accounts))
	grants := make([][]any, 0, grantsEach*len(b.accounts))
	for i := range b.accounts {
		a := &b.accounts[i]
		rows = append(rows, []any{a.bucket, a.name, 1, b.head, 0, 0, int64(core.Never), ""})
		for n := range grantsEach {
			id := bareGrant(a.customer, n)
			grants = append(grants, []any{a.bucket, id, a.name, n + 1, int64(funded), int64(funded), 0, 0, true, ""})
		}
	}
	for table, of := range map[string][][]any{"accounts": rows, "grants": grants} {
		columns := []string{"bucket", "account", "seq", "head", "consumed", "holds", "due", "windows"}
		if table == "grants" {
			columns = []string{"bucket", "id", "account", "seq", "amount", "remaining", "held", "ended", "live", "metadata"}
		}
		if _, err := b.conn.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(of)); err != nil {
			return err
		}
	}
	_, err := b.conn.Exec(ctx, "VACUUM ANALYZE")
	return err
}

// run writes groups for about t.
func (b *pgBare) run(ctx context.Context, t time.Duration) (s Slice, err error) {
	choose := b.choose()
	for until := time.Now().Add(t); time.Now().Before(until); s.Ops += pgGroup {
		if err := b.group(ctx, choose); err != nil {
			return s, err
		}
	}
	return s, nil
}

// bareRows are the columns of one group's rows.
type bareRows struct {
	bucket                   []int32
	account, grant, key      []string
	hash, fields             []string
	pos, seq, five, zero, at []int64
	kind, none, source       []string
	head, result             [][]byte
}

// group writes one transaction, in one round trip.
func (b *pgBare) group(ctx context.Context, choose func() int) error {
	chosen := make([]int, pgGroup)
	for i := range chosen {
		chosen[i] = choose()
	}
	// By the order of the keys, as it is quickest and locks alike.
	slices.SortFunc(chosen, func(x, y int) int {
		if d := int(b.accounts[x].bucket) - int(b.accounts[y].bucket); d != 0 {
			return d
		}
		return x - y
	})
	now := time.Now().UnixMicro()
	var rows bareRows
	for _, i := range chosen {
		b.add(&rows, &b.accounts[i], now)
	}
	var batch pgx.Batch
	batch.Queue("BEGIN")
	b.queueUpdates(&batch, chosen, now)
	batch.Queue(pgBareEntries, rows.bucket, rows.pos, rows.account, rows.seq, rows.five, rows.at, rows.at, rows.kind, rows.grant, rows.source, rows.head)
	batch.Queue(pgBareRequests, rows.bucket, rows.hash, rows.seq, rows.seq, rows.five, rows.zero, rows.at, rows.kind, rows.key, rows.account, rows.fields, rows.none, rows.result)
	batch.Queue("COMMIT")
	return b.conn.SendBatch(ctx, &batch).Close()
}

// add puts the rows of one debit into a group.
func (b *pgBare) add(rows *bareRows, a *bareAccount, now int64) {
	b.made++
	a.debits++
	pos := b.next[a.bucket]
	b.next[a.bucket]++
	var random [11]byte
	for at := range random {
		random[at] = byte(rand.Uint32())
	}
	rows.bucket, rows.account, rows.grant = append(rows.bucket, a.bucket), append(rows.account, a.name), append(rows.grant, a.grant)
	rows.key = append(rows.key, fmt.Sprintf("bench-debit-%012d", b.made))
	rows.hash = append(rows.hash, hex.EncodeToString(random[:]))
	rows.fields = append(rows.fields, "customer\x1f"+a.customer+"\x1eunit\x1fcredits\x1eamount\x1f5\x1e")
	rows.pos, rows.seq = append(rows.pos, pos), append(rows.seq, a.debits+1)
	rows.five, rows.zero, rows.at = append(rows.five, 5), append(rows.zero, 0), append(rows.at, now)
	rows.kind, rows.none = append(rows.kind, "debit"), append(rows.none, "")
	rows.source = append(rows.source, "deb_0123456789abcdefghjkmnpq")
	rows.head, rows.result = append(rows.head, b.head), append(rows.result, bareResult)
}

// queueUpdates writes each bucket, account and grant of a group once, however
// often it was chosen.
func (b *pgBare) queueUpdates(batch *pgx.Batch, chosen []int, now int64) {
	var buckets, of []int32
	var next, at, seq, consumed, remaining []int64
	var accounts, grants, windows []string
	var heads [][]byte
	for n, i := range chosen {
		a := &b.accounts[i]
		if n+1 < len(chosen) && chosen[n+1] == i {
			continue
		}
		if len(buckets) == 0 || buckets[len(buckets)-1] != a.bucket {
			buckets, next, at = append(buckets, a.bucket), append(next, b.next[a.bucket]), append(at, now)
		}
		of, accounts, grants = append(of, a.bucket), append(accounts, a.name), append(grants, a.grant)
		seq, consumed, remaining = append(seq, a.debits+1), append(consumed, 5*a.debits), append(remaining, funded-5*a.debits)
		heads, windows = append(heads, b.head), append(windows, bareWindows)
	}
	batch.Queue(pgBareBuckets, buckets, next, at)
	batch.Queue(pgBareAccounts, of, accounts, seq, heads, consumed, windows)
	batch.Queue(pgBareGrants, of, grants, remaining)
}
