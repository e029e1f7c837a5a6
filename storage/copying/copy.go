package copying

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
	"time"
)

// Place is a database: one of both is set.
type Place struct {
	SQLite   string // a path
	Postgres string // a URL; it may hold a password, which no error tells
}

// Options change how a copy is made. The zero value is right.
type Options struct {
	// Progress is told what is being done, "copying entries", and to how many
	// rows it was done.
	Progress func(what string, rows int64)

	// For tests.
	rows             int                   // of a chunk, chunkRows when zero
	patience         time.Duration         // with sessions that are about to end, leaving when zero
	writing, written func(chunk int) error // before and after a chunk of a table is in the target
}

// What of one table is read before it is written, at most.
const (
	chunkRows  = 20_000
	chunkBytes = 16 << 20
)

// ErrUnfinished says that the target holds a copy that is not finished and
// cannot be gone on with.
var ErrUnfinished = errors.New("the target holds an unfinished copy of another source, or of this one before it changed: copy into an empty database")

// Run copies a database into an empty one of the other kind and compares both.
// The source must not be served: its writer is kept out while this runs. A copy
// that was cut off goes on where it stood, if the source is as it was. As long
// as it is unfinished, or both differ, nothing else opens the target.
func Run(ctx context.Context, from, to Place, o Options) (_ *Report, err error) {
	source, target, err := open(ctx, from, to, true, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, source.close(), target.close()) }()
	c := &run{source: source, target: target, options: o}
	if c.options.rows <= 0 {
		c.options.rows = chunkRows
	}
	if err := c.copy(ctx); err != nil {
		return nil, interrupted(ctx, err)
	}
	report, err := c.compare(ctx)
	if err != nil {
		return nil, interrupted(ctx, err)
	}
	report.Copied, report.Resumed = c.copied, c.resumed
	if !report.Same() {
		return report, nil
	}
	return report, interrupted(ctx, target.finish(ctx))
}

// Verify compares two databases that hold, or are to hold, the same. Neither
// may be served meanwhile.
func Verify(ctx context.Context, from, to Place, o Options) (_ *Report, err error) {
	source, target, err := open(ctx, from, to, false, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, source.close(), target.close()) }()
	c := &run{source: source, target: target, options: o}
	if err := c.compareColumns(ctx); err != nil {
		return nil, err
	}
	report, err := c.compare(ctx)
	return report, interrupted(ctx, err)
}

func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("it was interrupted: %w", ctx.Err())
	}
	return err
}

func open(ctx context.Context, from, to Place, write bool, o Options) (source, target side, err error) {
	if (from.SQLite == "") == (to.SQLite == "") {
		return source, target, errors.New("one of both must be SQLite and the other PostgreSQL: scrip backup copies a file, pg_dump a PostgreSQL")
	}
	one := func(p Place, write bool) (opened side, err error) {
		if p.SQLite != "" {
			f, fault := openFile(ctx, p.SQLite, write)
			opened, err = side{f, f, f}, fault
		} else {
			s, fault := openServer(ctx, p.Postgres, write, cmp.Or(o.patience, leaving))
			opened, err = side{s, s, s}, fault
		}
		if err != nil || write {
			return opened, err
		}
		unfinished, err := opened.state(ctx)
		if err == nil && unfinished != nil {
			err = errors.New("it holds an unfinished copy itself: run scrip db copy into it again")
		}
		if err != nil {
			return side{}, errors.Join(err, opened.close())
		}
		return opened, nil
	}
	if source, err = one(from, false); err != nil {
		return source, target, fmt.Errorf("source: %w", err)
	}
	if target, err = one(to, write); err != nil {
		return source, target, errors.Join(fmt.Errorf("target: %w", err), source.close())
	}
	return source, target, nil
}

// run is one call of [Run] or [Verify].
type run struct {
	source, target side
	options        Options
	passages       []*passage
	copied         int64 // rows, by this call
	resumed        bool
	chunks         int
}

func (c *run) progress(what string, rows int64) {
	if c.options.Progress != nil {
		c.options.Progress(what, rows)
	}
}

func (c *run) compareColumns(ctx context.Context) error {
	for i := range tables {
		t := &tables[i]
		source, err := c.source.columns(ctx, t.name)
		if err != nil {
			return fmt.Errorf("source: %w", err)
		}
		target, err := c.target.columns(ctx, t.name)
		if err != nil {
			return fmt.Errorf("target: %w", err)
		}
		p, err := pass(t, source, target)
		if err != nil {
			return err
		}
		c.passages = append(c.passages, p)
	}
	return nil
}

// copy brings every table into the target, or what of them is not there yet.
func (c *run) copy(ctx context.Context) error {
	if err := c.compareColumns(ctx); err != nil {
		return err
	}
	is, err := fingerprint(ctx, c)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	s, err := c.target.state(ctx)
	if err != nil {
		return fmt.Errorf("target: %w", err)
	}
	switch {
	case s == nil:
		s = &state{source: is, table: tables[0].name}
		if err := c.target.begin(ctx, s); err != nil {
			return fmt.Errorf("target: %w", err)
		}
	case s.source != is:
		return ErrUnfinished
	default:
		c.resumed = true
	}
	begun := false
	for i, p := range c.passages {
		if begun = begun || p.name == s.table; !begun {
			continue
		}
		if err := c.table(ctx, p, s); err != nil {
			return fmt.Errorf("copying %s: %w", p.name, err)
		}
		next := ""
		if i+1 < len(c.passages) {
			next = c.passages[i+1].name
		}
		*s = state{source: is, table: next}
	}
	return c.target.settle(ctx)
}

// table copies what of a table is not in the target yet.
func (c *run) table(ctx context.Context, p *passage, s *state) error {
	from, by := c.source.order(p)
	var rows [][]any
	var size int
	write := func() error {
		if len(rows) == 0 {
			return nil
		}
		s.last = rows[len(rows)-1][len(p.shared):]
		s.rows += int64(len(rows))
		c.chunks++
		if c.options.writing != nil {
			if err := c.options.writing(c.chunks); err != nil {
				return err
			}
		}
		if err := c.target.write(ctx, p, rows, s); err != nil {
			return err
		}
		c.copied += int64(len(rows))
		if c.options.written != nil {
			if err := c.options.written(c.chunks); err != nil {
				return err
			}
		}
		c.progress("copying "+p.name, s.rows)
		rows, size = rows[:0], 0
		return nil
	}
	for row, err := range c.source.read(ctx, selection{columns: p.shared, from: from, by: by, after: s.last}) {
		if err != nil {
			return err
		}
		rows, size = append(rows, row), size+bytesOf(row)
		if len(rows) < c.options.rows && size < chunkBytes {
			continue
		}
		if err := write(); err != nil {
			return err
		}
	}
	return write()
}

// bytesOf is about what a row takes.
func bytesOf(row []any) (n int) {
	for _, v := range row {
		switch v := v.(type) {
		case string:
			n += len(v)
		case []byte:
			n += len(v)
		default:
			n += 8
		}
	}
	return n
}

// isEmpty refuses a database that has rows.
func isEmpty(ctx context.Context, s source) error {
	for i := range tables {
		t := tables[i].name
		have, err := s.line(ctx, "SELECT CASE WHEN EXISTS (SELECT 1 FROM "+t+") THEN 'some' ELSE '' END")
		if err != nil {
			return err
		}
		if have != "" {
			return fmt.Errorf("it is not empty, it has %s: copy into a new database", t)
		}
	}
	return nil
}

// counts tell what of a source could change without an account's head.
var counts = [...]string{
	"count(*) FROM entries", "count(*) FROM grants", "count(*) FROM holds", "count(*) FROM requests", "coalesce(sum(reversed), 0) FROM requests",
	"count(*) FROM naturals", "count(*) FROM record_keys", "coalesce(sum(version), 0) FROM records", "count(*) FROM links",
	"count(*) FROM inbox", "coalesce(sum(fence + attempts), 0) FROM inbox", "count(*) FROM inbox WHERE state = 'waiting'",
	"count(*) FROM outbox", "coalesce(sum(fence + attempts), 0) FROM outbox", "count(*) FROM outbox WHERE state = 'waiting'",
}

// fingerprint tells a source from another, and from itself after a write: every
// account with the head of its chain, and counts. What it does not see the
// comparison at the end does.
func fingerprint(ctx context.Context, c *run) (string, error) {
	sum := sha256.New()
	accounts := c.passages[0]
	for row, err := range c.source.read(ctx, selection{columns: accounts.shared, from: accounts.name, by: accounts.keyColumns()}) {
		if err != nil {
			return "", err
		}
		put(sum, row)
	}
	for _, count := range counts {
		n, err := c.source.line(ctx, "SELECT CAST("+strings.Replace(count, " FROM", " AS text) FROM", 1))
		if err != nil {
			return "", err
		}
		put(sum, []any{count, n})
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func put(into hash.Hash, row []any) {
	for _, v := range row {
		fmt.Fprintf(into, "%d:%v,", bytesOf([]any{v}), v)
	}
}
