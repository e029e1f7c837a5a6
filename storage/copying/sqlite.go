package copying

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"strings"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"scrip/core"
	"scrip/core/ledger"
	store "scrip/storage/sqlite"
)

// file is a side in SQLite. It holds the lock of the queues, so that nobody
// serves the database, and as a source one transaction, so that nobody writes.
type file struct {
	path string
	conn *sqlite.Conn
	end  func(*error) // ends the source's transaction
	// Nobody serves the database meanwhile, and nobody changes what applies.
	unlock, unapply func() error
}

// openFile opens a database that is there: to read it, or, with write, one that
// may be new.
func openFile(ctx context.Context, path string, write bool) (_ *file, err error) {
	f := &file{path: path}
	if !write {
		found, err := store.Inspect(ctx, path)
		switch {
		case err != nil:
			return nil, err
		case len(found.Damage) > 0:
			return nil, fmt.Errorf("database %q is damaged: %s", filepath.Base(path), strings.Join(found.Damage, "; "))
		case found.Schema == 0:
			return nil, fmt.Errorf("database %q has no tables of Scrip's", filepath.Base(path))
		case found.Schema != found.Known:
			return nil, fmt.Errorf("database %q has schema %d, this program %d: bring it up to date first, as scrip audit does", filepath.Base(path), found.Schema, found.Known)
		}
	}
	if f.unlock, err = store.LockQueues(path); err != nil {
		return nil, err
	}
	if f.unapply, err = store.Lock(path, "apply.lock"); err != nil {
		return nil, errors.Join(fmt.Errorf("an operator is applying a change: %w", err), f.unlock())
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("cannot open database %q: %w", filepath.Base(path), err), f.close())
		}
	}()
	if write {
		s, err := f.reader(ctx) // makes it, and brings it up to date
		if err != nil {
			return nil, err
		}
		if err := s.Close(); err != nil {
			return nil, err
		}
	}
	if f.conn, err = sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenWAL, sqlite.OpenURI); err != nil {
		return nil, err
	}
	f.conn.SetInterrupt(ctx.Done())
	for _, pragma := range []string{"busy_timeout = 10000", "synchronous = NORMAL", "cache_size = -65536", "temp_store = FILE"} {
		if err := f.exec("PRAGMA " + pragma); err != nil {
			return nil, err
		}
	}
	if !write {
		f.end, err = sqlitex.ImmediateTransaction(f.conn)
	}
	return f, err
}

func (f *file) exec(statement string, args ...any) error {
	return sqlitex.ExecuteTransient(f.conn, statement, &sqlitex.ExecOptions{Args: args})
}

func (f *file) close() (err error) {
	if f.end != nil {
		f.end(&err)
	}
	if f.conn != nil {
		err = errors.Join(err, f.conn.Close())
	}
	return errors.Join(err, f.unlock(), f.unapply())
}

func (f *file) reader(ctx context.Context) (ledger.Store, error) {
	return store.OpenWith(ctx, f.path, store.Options{Unfinished: true})
}

func (f *file) line(_ context.Context, statement string) (line string, err error) {
	err = sqlitex.ExecuteTransient(f.conn, statement, &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		line = s.ColumnText(0)
		return nil
	}})
	return line, err
}

func (f *file) columns(_ context.Context, table string) (list []column, err error) {
	kinds := map[string]kind{"INTEGER": number, "TEXT": text, "BLOB": blob}
	err = sqlitex.ExecuteTransient(f.conn, "SELECT name, type FROM pragma_table_info(?)", &sqlitex.ExecOptions{
		Args: []any{table}, ResultFunc: func(s *sqlite.Stmt) error {
			k, known := kinds[s.ColumnText(1)]
			if !known {
				return fmt.Errorf("column %s of table %s has the type %s", s.ColumnText(0), table, s.ColumnText(1))
			}
			list = append(list, column{s.ColumnText(0), k})
			return nil
		},
	})
	return list, err
}

// order is that of the positions, where there are some: one writer gave them.
func (f *file) order(p *passage) (string, []column) {
	if p.moment != "" || p.name == "requests" {
		return p.name, []column{{posColumn, number}}
	}
	return p.name, p.keyColumns()
}

func (f *file) read(_ context.Context, s selection) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		stmt, err := f.conn.Prepare(s.statement("?"))
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { _ = stmt.Reset() }()
		for i, v := range s.after {
			bind(stmt, i+1, v)
		}
		columns := append(append([]column{}, s.columns...), s.by...)
		for {
			more, err := stmt.Step()
			if err != nil {
				yield(nil, err)
				return
			}
			if !more || !yield(values(stmt, columns), nil) {
				return
			}
		}
	}
}

func values(stmt *sqlite.Stmt, columns []column) []any {
	row := make([]any, len(columns))
	for i, c := range columns {
		switch c.kind {
		case text:
			row[i] = stmt.ColumnText(i)
		case blob:
			b := make([]byte, stmt.ColumnLen(i))
			stmt.ColumnBytes(i, b)
			row[i] = b
		default:
			row[i] = stmt.ColumnInt64(i)
		}
	}
	return row
}

func bind(stmt *sqlite.Stmt, at int, v any) {
	switch v := v.(type) {
	case int64:
		stmt.BindInt64(at, v)
	case string:
		stmt.BindText(at, v)
	case []byte:
		if len(v) == 0 {
			stmt.BindZeroBlob(at, 0)
		} else {
			stmt.BindBytes(at, v)
		}
	}
}

func (f *file) state(ctx context.Context) (s *state, err error) {
	there, err := f.line(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = 'copying'")
	if err != nil || there == "0" {
		return nil, err
	}
	err = sqlitex.ExecuteTransient(f.conn, "SELECT source, tab, last, rows FROM copying", &sqlitex.ExecOptions{ResultFunc: func(r *sqlite.Stmt) (err error) {
		s = &state{source: r.ColumnText(0), table: r.ColumnText(1), rows: r.ColumnInt64(3)}
		s.last, err = parseLast(r.ColumnText(2))
		return err
	}})
	return s, err
}

func (f *file) begin(ctx context.Context, s *state) (err error) {
	end, err := sqlitex.ImmediateTransaction(f.conn)
	if err != nil {
		return err
	}
	defer end(&err)
	if err := isEmpty(ctx, f); err != nil {
		return err
	}
	if err := f.exec(createState); err != nil {
		return err
	}
	return f.exec("INSERT INTO copying (source, tab, last, rows) VALUES (?, ?, ?, ?)", s.source, s.table, lastText(s.last), s.rows)
}

// write implements [sink]. Positions count the rows of a table, without a gap.
func (f *file) write(_ context.Context, p *passage, rows [][]any, s *state) (err error) {
	end, err := sqlitex.ImmediateTransaction(f.conn)
	if err != nil {
		return err
	}
	defer end(&err)
	all := append(append([]column{}, p.target...), p.own...)
	stmt, err := f.conn.Prepare("INSERT INTO " + p.name + " (" + names(all) + ") VALUES (?" + strings.Repeat(", ?", len(all)-1) + ")")
	if err != nil {
		return err
	}
	first := s.rows - int64(len(rows)) + 1
	for i, row := range rows {
		for at, v := range row[:len(p.target)] {
			bind(stmt, at+1, v)
		}
		for at, c := range p.own {
			v := int64(0) // of a lease
			switch c.name {
			case posColumn:
				v = first + int64(i)
			case bucketColumn: // that of the id, for natural keys and the queues
				v = int64(core.ID(row[p.at("id")].(string)).Bucket())
			}
			stmt.BindInt64(len(p.target)+at+1, v)
		}
		if _, err := stmt.Step(); err != nil {
			return err
		}
		if err := stmt.Reset(); err != nil {
			return err
		}
	}
	return f.exec("UPDATE copying SET tab = ?, last = ?, rows = ?", s.table, lastText(s.last), s.rows)
}

func (f *file) settle(context.Context) error { return nil }

// finish implements [sink]. Commits so far may lie in the write-ahead log
// alone: with them on disk the database loses its mark.
func (f *file) finish(context.Context) error {
	for _, statement := range []string{"PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA synchronous = FULL", "DROP TABLE copying", "PRAGMA wal_checkpoint(TRUNCATE)"} {
		if err := f.exec(statement); err != nil {
			return err
		}
	}
	return nil
}
