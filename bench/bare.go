package bench

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"scrip/core"
)

// bare writes the rows of a debit, and nothing else, as fast as the database
// takes them: no read, no rule, no hash.
type bare struct {
	conn *sqlite.Conn
	made int64
	head []byte

	accounts int

	reads bool // look up what a debit must know, too
}

// bareSchema has the tables that a debit writes, with the same keys.
const bareSchema = `
CREATE TABLE accounts (bucket INTEGER NOT NULL, account TEXT NOT NULL, seq INTEGER NOT NULL, head BLOB NOT NULL, consumed INTEGER NOT NULL,
  holds INTEGER NOT NULL, due INTEGER NOT NULL, windows TEXT NOT NULL, PRIMARY KEY (bucket, account)) STRICT, WITHOUT ROWID;
CREATE TABLE grants (bucket INTEGER NOT NULL, id TEXT NOT NULL, account TEXT NOT NULL, amount INTEGER NOT NULL, remaining INTEGER NOT NULL,
  held INTEGER NOT NULL, ended INTEGER NOT NULL, metadata TEXT NOT NULL, PRIMARY KEY (bucket, id)) STRICT;
CREATE INDEX grants_account ON grants (bucket, account);
CREATE TABLE entries (pos INTEGER PRIMARY KEY, bucket INTEGER NOT NULL, account TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL,
  grant_id TEXT NOT NULL, source TEXT NOT NULL, amount INTEGER NOT NULL, effective INTEGER NOT NULL, recorded INTEGER NOT NULL,
  hash BLOB NOT NULL, UNIQUE (bucket, account, seq)) STRICT;
CREATE TABLE requests (pos INTEGER PRIMARY KEY, bucket INTEGER NOT NULL, hash TEXT NOT NULL UNIQUE, operation TEXT NOT NULL, key TEXT NOT NULL,
  account TEXT NOT NULL, fields TEXT NOT NULL, code TEXT NOT NULL, result BLOB NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
  amount INTEGER NOT NULL, reversed INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;`

func openBare(path string, accounts int, relaxed bool) (*bare, error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenCreate, sqlite.OpenWAL)
	if err != nil {
		return nil, err
	}
	synchronous := "FULL"
	if relaxed {
		synchronous = "NORMAL"
	}
	script := "PRAGMA journal_mode = WAL; PRAGMA synchronous = " + synchronous + "; PRAGMA cache_size = -16384;"
	if err := sqlitex.ExecuteTransient(conn, "PRAGMA journal_mode = WAL", nil); err != nil {
		return nil, err
	}
	for _, pragma := range strings.Split(strings.TrimSuffix(script, ";"), ";") {
		if err := sqlitex.ExecuteTransient(conn, pragma, nil); err != nil {
			return nil, err
		}
	}
	b := &bare{conn: conn, head: make([]byte, 32), accounts: accounts}
	return b, b.fill()
}

func (b *bare) fill() (err error) {
	if err := sqlitex.ExecuteScript(b.conn, bareSchema, nil); err != nil {
		return err
	}
	end, err := sqlitex.ImmediateTransaction(b.conn)
	if err != nil {
		return err
	}
	defer end(&err)
	for i := range b.accounts {
		c := customer(i)
		account, bucket := c+"/"+credits.Code, core.Bucket(c)
		err = sqlitex.Execute(b.conn, "INSERT INTO accounts VALUES (?, ?, 1, ?, 0, 0, 9223372036854775807, '')",
			&sqlitex.ExecOptions{Args: []any{bucket, account, b.head}})
		if err != nil {
			return err
		}
		err = sqlitex.Execute(b.conn, "INSERT INTO grants VALUES (?, ?, ?, 1000000000, 1000000000, 0, 0, '')",
			&sqlitex.ExecOptions{Args: []any{bucket, string(core.NewID(core.GrantID, c, "grant", "fund-"+c, 0)), account}})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bare) close() { _ = b.conn.Close() }

// run writes groups for about t.
func (b *bare) run(_ context.Context, t time.Duration, group int) (Slice, error) {
	var s Slice
	for until := time.Now().Add(t); time.Now().Before(until); s.Ops += group {
		if err := b.group(group); err != nil {
			return s, err
		}
	}
	return s, nil
}

// bareWindows is as long as the open window of an account.
const bareWindows = "main 1 1764000000000000 1764003600000000 0 0 1\n"

// bareResult is as long as the stored answer of a debit.
var bareResult = []byte(strings.Repeat("r", 296))

func (b *bare) group(n int) (err error) {
	end, err := sqlitex.ImmediateTransaction(b.conn)
	if err != nil {
		return err
	}
	defer end(&err)
	for range n {
		b.made++
		i := rand.IntN(b.accounts)
		if err = b.debit(i, b.made); err != nil {
			return err
		}
	}
	return nil
}

func (b *bare) debit(i int, made int64) error {
	c := customer(i)
	account, bucket := c+"/"+credits.Code, int64(core.Bucket(c))
	if b.reads {
		if err := b.look(c, made); err != nil {
			return err
		}
	}
	now := time.Now().UnixMicro()
	a := b.conn.Prep("UPDATE accounts SET seq = ?, head = ?, consumed = ?, holds = ?, windows = ? WHERE bucket = ? AND account = ?")
	a.BindInt64(1, made+1)
	a.BindBytes(2, b.head)
	a.BindInt64(3, 5*made)
	a.BindInt64(4, 0)
	a.BindText(5, bareWindows)
	a.BindInt64(6, bucket)
	a.BindText(7, account)
	g := b.conn.Prep("UPDATE grants SET remaining = ?, held = ?, ended = ? WHERE rowid = ?")
	g.BindInt64(1, 1_000_000_000-5*made)
	g.BindInt64(2, 0)
	g.BindInt64(3, 0)
	g.BindInt64(4, int64(i+1))
	e := b.conn.Prep("INSERT INTO entries (bucket, account, seq, kind, grant_id, source, amount, effective, recorded, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
	e.BindInt64(1, bucket)
	e.BindText(2, account)
	e.BindInt64(3, made+1)
	e.BindText(4, "debit")
	e.BindText(5, "grn_0123456789abcdefghjkmnpq")
	e.BindText(6, "deb_0123456789abcdefghjkmnpq")
	e.BindInt64(7, 5)
	e.BindInt64(8, now)
	e.BindInt64(9, now)
	e.BindBytes(10, b.head)
	var random [11]byte
	for at := range random {
		random[at] = byte(rand.Uint32())
	}
	r := b.conn.Prep("INSERT INTO requests (bucket, hash, operation, key, account, fields, code, result, first_seq, last_seq, amount, reversed, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
	r.BindInt64(1, bucket)
	r.BindText(2, hex.EncodeToString(random[:]))
	r.BindText(3, "debit")
	r.BindText(4, fmt.Sprintf("bench-debit-%012d", made))
	r.BindText(5, account)
	r.BindText(6, "customer\x1f"+c+"\x1eunit\x1fcredits\x1eamount\x1f5\x1e")
	r.BindText(7, "")
	r.BindBytes(8, bareResult)
	for at, n := range []int64{made + 1, made + 1, 5, 0, now} {
		r.BindInt64(9+at, n)
	}
	for _, s := range []*sqlite.Stmt{a, g, e, r} {
		if _, err := s.Step(); err != nil {
			return err
		}
		if err := s.Reset(); err != nil {
			return err
		}
	}
	return nil
}

// look reads what a debit rests on: that its key is new, the account, its
// grants.
func (b *bare) look(c string, made int64) error {
	q := b.conn.Prep("SELECT code, result FROM requests WHERE hash = ?")
	q.BindText(1, fmt.Sprintf("%022d", made))
	if err := drain(q); err != nil {
		return err
	}
	return b.read(c)
}

// read reads an account and its grants.
func (b *bare) read(c string) error {
	account, bucket := c+"/"+credits.Code, int64(core.Bucket(c))
	a := b.conn.Prep("SELECT seq, head, consumed, holds, due, windows FROM accounts WHERE bucket = ? AND account = ?")
	a.BindInt64(1, bucket)
	a.BindText(2, account)
	if err := drain(a); err != nil {
		return err
	}
	g := b.conn.Prep("SELECT id, amount, remaining, held, ended, metadata FROM grants WHERE bucket = ? AND account = ?")
	g.BindInt64(1, bucket)
	g.BindText(2, account)
	return drain(g)
}

// drain reads all columns of all rows.
func drain(q *sqlite.Stmt) error {
	for {
		row, err := q.Step()
		if err != nil || !row {
			return errors.Join(err, q.Reset())
		}
		for i := range q.ColumnCount() {
			if q.ColumnType(i) == sqlite.TypeInteger {
				_ = q.ColumnInt64(i)
			} else {
				_ = q.ColumnText(i)
			}
		}
	}
}
