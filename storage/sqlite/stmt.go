package sqlite

import (
	"zombiezen.com/go/sqlite"

	"scrip/core"
	"scrip/internal/crash"
)

// statement is a prepared statement being bound and read in order.
type statement struct {
	*sqlite.Stmt
	next int
	err  error // of preparing: the file can fail then too
}

// query prepares sql once per connection and starts it afresh.
func query(conn *sqlite.Conn, sql string) statement {
	if err := crash.Statement(); err != nil {
		return statement{err: err}
	}
	stmt, err := conn.Prepare(sql)
	return statement{Stmt: stmt, err: err}
}

func (s *statement) text(values ...string) *statement {
	if s.err != nil {
		return s
	}
	for _, v := range values {
		s.next++
		s.BindText(s.next, v)
	}
	return s
}

func (s *statement) ints(values ...int64) *statement {
	if s.err != nil {
		return s
	}
	for _, v := range values {
		s.next++
		s.BindInt64(s.next, v)
	}
	return s
}

func (s *statement) blob(v []byte) *statement {
	if s.err != nil {
		return s
	}
	s.next++
	if len(v) == 0 {
		s.BindZeroBlob(s.next, 0)
	} else {
		s.BindBytes(s.next, v)
	}
	return s
}

// run steps a statement that returns no row and resets it.
func (s *statement) run() error {
	if s.err != nil {
		return s.err
	}
	_, err := s.Step()
	if resetErr := s.Reset(); err == nil {
		err = resetErr
	}
	s.next = 0
	return err
}

// each calls f for every row, then resets.
func (s *statement) each(f func(*row) error) error {
	if s.err != nil {
		return s.err
	}
	s.next = 0
	r := row{stmt: s.Stmt}
	for {
		more, err := s.Step()
		if err != nil || !more {
			return firstError(err, s.Reset())
		}
		r.next = 0
		if err := f(&r); err != nil {
			return firstError(err, s.Reset())
		}
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// row reads the columns of a result row in order.
type row struct {
	stmt *sqlite.Stmt
	next int
}

func (r *row) int() int64 {
	r.next++
	return r.stmt.ColumnInt64(r.next - 1)
}

func (r *row) text() string {
	r.next++
	return r.stmt.ColumnText(r.next - 1)
}

func (r *row) blob() []byte {
	r.next++
	b := make([]byte, r.stmt.ColumnLen(r.next-1))
	r.stmt.ColumnBytes(r.next-1, b)
	return b
}

// hash reads a blob of exactly 32 bytes without allocating.
func (r *row) hash(into *[32]byte) {
	r.next++
	r.stmt.ColumnBytes(r.next-1, into[:])
}

func (r *row) bool() bool          { return r.int() != 0 }
func (r *row) time() core.Time     { return core.Time(r.int()) }
func (r *row) amount() core.Amount { return core.Amount(r.int()) }
func (r *row) id() core.ID         { return core.ID(r.text()) }

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
