package copying

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"scrip/core"
	"scrip/core/ledger"
	store "scrip/storage/postgres"
)

// server is a side in PostgreSQL. Nobody else may be connected to it as the
// same user, or as a gateway is; as a source it holds one transaction, which keeps the fence too,
// so that who comes meanwhile cannot write.
type server struct {
	url  string
	conn *pgx.Conn
	// patience is how long a session that is about to end is waited for.
	patience time.Duration
	// What the next row of each bucket gets, and the latest business time of
	// its rows: see advance.
	next map[string]*[core.BucketCount]int64
	at   [core.BucketCount]int64
}

// leaving is the patience with which a database is opened.
const leaving = 10 * time.Second

// settings of the connection: rows are read and written for as long as it
// takes, locks are not waited for.
var settings = [...][2]string{
	{"application_name", "scrip db copy"}, {"lock_timeout", "5000"}, {"statement_timeout", "0"},
	{"idle_in_transaction_session_timeout", "0"}, {"work_mem", "64MB"}, {"jit", "off"},
}

func openServer(ctx context.Context, url string, write bool, patience time.Duration) (_ *server, err error) {
	s := &server{url: url, patience: patience}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the address of the PostgreSQL cannot be read: write postgres://USER@HOST/DATABASE")
	}
	c := config.ConnConfig
	for _, setting := range settings {
		c.RuntimeParams[setting[0]] = setting[1]
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 5 * time.Second
	}
	if s.conn, err = pgx.ConnectConfig(ctx, c); err != nil {
		return nil, fmt.Errorf("cannot open database %q: %w", c.Database, err)
	}
	// So that a statement ends with its process; not every server can tell.
	_, _ = s.conn.Exec(ctx, "SET client_connection_check_interval = 1000")
	if err = s.alone(ctx, patience); err == nil && write {
		err = s.make(ctx)
	} else if err == nil {
		err = s.hold(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("database %q: %w", c.Database, err), s.close())
	}
	return s, nil
}

// make makes the tables, or brings them up to date.
func (s *server) make(ctx context.Context) error {
	made, err := s.reader(ctx)
	if err != nil {
		return err
	}
	return made.Close()
}

// hold begins the transaction that a source is read in. The fence is taken
// before the first look, which decides what the transaction sees.
func (s *server) hold(ctx context.Context) error {
	there, err := s.line(ctx, "SELECT coalesce(to_regclass('buckets')::text, '')")
	if err == nil && there == "" {
		err = errors.New("it has no tables of Scrip's")
	}
	if err != nil {
		return err
	}
	for _, statement := range []string{"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "LOCK TABLE buckets IN EXCLUSIVE MODE"} {
		if _, err := s.conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return s.alone(ctx, 0)
}

// alone refuses a database that somebody else is connected to after a while.
func (s *server) alone(ctx context.Context, patience time.Duration) error {
	const others = `SELECT coalesce(string_agg(DISTINCT coalesce(nullif(application_name, ''), 'a nameless program'), ', '), '') FROM pg_stat_activity
		WHERE datname = current_database() AND (usename = current_user OR application_name LIKE 'scrip%') AND backend_type = 'client backend' AND pid <> pg_backend_pid()`
	for end := time.Now().Add(patience); ; {
		who, err := s.line(ctx, others)
		if err != nil || who == "" {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("it is in use by %s, stop every scrip serve on it first", who)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *server) close() error {
	if s.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return s.conn.Close(ctx) // ends its transaction
}

func (s *server) reader(ctx context.Context) (ledger.Store, error) {
	return store.Open(ctx, s.url, store.Options{Unfinished: true})
}

func (s *server) line(ctx context.Context, statement string) (line string, err error) {
	return line, s.conn.QueryRow(ctx, statement).Scan(&line)
}

func (s *server) columns(ctx context.Context, table string) (list []column, err error) {
	kinds := map[string]kind{"bigint": number, "integer": number, "text": text, "bytea": blob, "boolean": truth}
	rows, err := s.conn.Query(ctx, "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1", table)
	if err != nil {
		return nil, err
	}
	var name, is string
	_, err = pgx.ForEachRow(rows, []any{&name, &is}, func() error {
		k, known := kinds[is]
		if !known {
			return fmt.Errorf("column %s of table %s has the type %s", name, table, is)
		}
		list = append(list, column{name, k})
		return nil
	})
	return list, err
}

// order merges the rows of the buckets by time. Within a bucket time may be
// told to step back, the order may not: the latest so far counts.
func (s *server) order(p *passage) (string, []column) {
	if p.moment == "" {
		return p.name, p.keyColumns()
	}
	from := "(SELECT *, max(" + p.moment + ") OVER (PARTITION BY bucket ORDER BY pos) AS moment FROM " + p.name + ") merged"
	return from, []column{{"moment", number}, {bucketColumn, number}, {posColumn, number}}
}

func (s *server) read(ctx context.Context, q selection) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		rows, err := s.conn.Query(ctx, q.statement("$"), q.after...)
		if err != nil {
			yield(nil, err)
			return
		}
		defer rows.Close()
		columns := append(append([]column{}, q.columns...), q.by...)
		for rows.Next() {
			row, err := decode(rows, columns)
			if !yield(row, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// decode reads a row in PostgreSQL's binary form.
func decode(rows pgx.Rows, columns []column) ([]any, error) {
	row, raw, fields := make([]any, len(columns)), rows.RawValues(), rows.FieldDescriptions()
	for i, c := range columns {
		v := raw[i]
		switch {
		case c.kind == text:
			row[i] = string(v)
		case fields[i].Format != pgx.BinaryFormatCode:
			return nil, fmt.Errorf("column %s came as text", c.name)
		case c.kind == blob:
			row[i] = append(make([]byte, 0, len(v)), v...)
		case len(v) == 8:
			row[i] = int64(binary.BigEndian.Uint64(v))
		case len(v) == 4:
			row[i] = int64(int32(binary.BigEndian.Uint32(v)))
		case len(v) == 1:
			row[i] = int64(v[0])
		default:
			return nil, fmt.Errorf("column %s has a value of %d bytes", c.name, len(v))
		}
	}
	return row, nil
}

// sound is a text as PostgreSQL keeps it: without NUL and broken UTF-8.
func sound(v string) string {
	if utf8.ValidString(v) && strings.IndexByte(v, 0) < 0 {
		return v
	}
	return strings.ReplaceAll(strings.ToValidUTF8(v, "\ufffd"), "\x00", "\ufffd")
}
