package copying

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math/bits"
	"slices"
	"strings"

	"github.com/sourcegraph/conc/pool"

	"scrip/core/ledger"
)

// progressRows is after how many rows of the source a comparison tells how far
// it is.
const progressRows = 10_000

// compare reads every row of both databases, and audits the target.
func (c *run) compare(ctx context.Context) (*Report, error) {
	r := &Report{}
	for _, p := range c.passages {
		if err := c.compareTable(ctx, p, r); err != nil {
			return nil, fmt.Errorf("comparing %s: %w", p.name, err)
		}
	}
	var err error
	if r.Audit, err = c.audit(ctx, c.target, "auditing the target's accounts"); err != nil {
		return nil, fmt.Errorf("target: %w", err)
	}
	if len(r.Audit.Findings) == 0 {
		return r, nil
	}
	// What is wrong with the source too is nothing that copying made.
	source, err := c.audit(ctx, c.source, "auditing the source's accounts")
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	for _, f := range r.Audit.Findings {
		if !slices.ContainsFunc(source.Findings, func(g ledger.Finding) bool { return g.Where == f.Where && g.What == f.What }) {
			r.News = append(r.News, f)
		}
	}
	return r, nil
}

// audit recomputes every chain, and asks the store what of its own filing is
// wrong: that is what copying could spoil though no row differs. What an audit
// finds beside it stands in the rows.
func (c *run) audit(ctx context.Context, s side, what string) (report ledger.AuditReport, err error) {
	store, err := s.reader(ctx)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	r := store.Reader()
	report, err = ledger.Audit(ctx, r, func(a ledger.AuditReport) { c.progress(what, int64(a.Accounts)) })
	if err != nil {
		return report, err
	}
	err = r.Audit.Filed(ctx, func(where, what string) {
		if len(report.Findings) < maxFindings {
			report.Findings = append(report.Findings, ledger.Finding{Where: where, What: what})
		}
	})
	return report, err
}

// maxFindings is how many findings are kept.
const maxFindings = 1000

// compareTable reads the rows of both sides as they lie, and only where those
// are not the same looks which are not.
func (c *run) compareTable(ctx context.Context, p *passage, r *Report) error {
	var a, b *scan
	both := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	both.Go(func(ctx context.Context) (err error) {
		if a, err = scanned(ctx, c.source, p, p.shared, c.progress); err != nil {
			err = fmt.Errorf("source: %w", err)
		}
		return err
	})
	both.Go(func(ctx context.Context) (err error) {
		if b, err = scanned(ctx, c.target, p, p.target, func(string, int64) {}); err != nil {
			err = fmt.Errorf("target: %w", err)
		}
		return err
	})
	if err := both.Wait(); err != nil {
		return err
	}
	t := Table{Name: p.name, Source: a.n, Target: b.n}
	r.Told += max(a.told, b.told)
	r.Sums = append(r.Sums, join(a.sums, b.sums)...)
	equal := a.n
	if a.n != b.n || a.digest != b.digest {
		var err error
		if equal, err = c.differences(ctx, p, &t); err != nil {
			return err
		}
	}
	if p.name == "accounts" {
		r.Heads = equal
	}
	r.Tables = append(r.Tables, t)
	return nil
}

// scan is what one side of a table comes to in any order.
type scan struct {
	n      int64
	told   int64     // texts that PostgreSQL cannot keep
	digest [4]uint64 // the sum of all rows' SHA-256
	sums   *sums
}

func scanned(ctx context.Context, s source, p *passage, columns []column, progress func(string, int64)) (*scan, error) {
	r := &scan{sums: newSums(p)}
	var text []byte
	for row, err := range s.read(ctx, selection{columns: columns, from: p.name}) {
		if err != nil {
			return nil, err
		}
		if r.n%progressRows == 0 {
			progress("comparing "+p.name, r.n)
		}
		r.n++
		r.sums.add(row)
		text = r.append(text[:0], row)
		sum := sha256.Sum256(text)
		carry := uint64(0)
		for i := range r.digest {
			r.digest[i], carry = bits.Add64(r.digest[i], binary.LittleEndian.Uint64(sum[8*i:]), carry)
		}
	}
	return r, nil
}

// append writes a row so that no other reads the same.
func (r *scan) append(to []byte, row []any) []byte {
	for _, v := range row {
		switch v := v.(type) {
		case int64:
			to = binary.LittleEndian.AppendUint64(to, uint64(v))
		case string:
			kept := sound(v)
			if kept != v {
				r.told++
			}
			to = append(binary.LittleEndian.AppendUint64(to, uint64(len(kept))), kept...)
		case []byte:
			to = append(binary.LittleEndian.AppendUint64(to, uint64(len(v))), v...)
		}
	}
	return to
}

// rows is one side in the order of its keys.
type rows struct {
	row  []any // nil behind the last
	next func() ([]any, error, bool)
	stop func()
}

func inOrder(ctx context.Context, s source, p *passage, columns []column) (*rows, error) {
	by := make([]column, len(p.keys))
	for i, at := range p.keys {
		by[i] = columns[at]
	}
	next, stop := iter.Pull2(s.read(ctx, selection{columns: columns, from: p.name, by: by}))
	r := &rows{next: next, stop: stop}
	return r, r.advance()
}

func (r *rows) advance() error {
	row, err, more := r.next()
	if !more || err != nil {
		r.row = nil
		return err
	}
	r.row = row
	return nil
}

// differences reads both sides next to each other, in the order of their keys,
// and counts the rows that are equal.
func (c *run) differences(ctx context.Context, p *passage, t *Table) (equal int64, err error) {
	a, err := inOrder(ctx, c.source, p, p.shared)
	defer a.stop()
	if err != nil {
		return 0, fmt.Errorf("source: %w", err)
	}
	b, err := inOrder(ctx, c.target, p, p.target)
	defer b.stop()
	if err != nil {
		return 0, fmt.Errorf("target: %w", err)
	}
	for a.row != nil || b.row != nil {
		step := order(p, a.row, b.row)
		switch {
		case step < 0:
			t.Missing++
			t.example(p, a.row, "is missing")
		case step > 0:
			t.Extra++
			t.example(p, b.row, "is in the target alone")
		default:
			if differ := differing(p, a.row, b.row); differ != "" {
				t.Changed++
				t.example(p, a.row, "differs in %s", differ)
			} else {
				equal++
			}
		}
		if step <= 0 {
			if err := a.advance(); err != nil {
				return 0, fmt.Errorf("source: %w", err)
			}
		}
		if step >= 0 {
			if err := b.advance(); err != nil {
				return 0, fmt.Errorf("target: %w", err)
			}
		}
	}
	return equal, nil
}

// order is how two rows stand to each other by their keys; behind the last row
// of a side comes the other's.
func order(p *passage, a, b []any) int {
	if a == nil || b == nil {
		return cmp.Compare(len(b), len(a))
	}
	for _, at := range p.keys {
		n := 0
		switch v := a[at].(type) {
		case int64:
			n = cmp.Compare(v, b[at].(int64))
		case string:
			n = strings.Compare(v, b[at].(string))
		}
		if n != 0 {
			return n
		}
	}
	return 0
}

// differing names the columns in which two rows differ.
func differing(p *passage, a, b []any) string {
	var list []string
	for i, c := range p.shared {
		same := false
		switch v := a[i].(type) {
		case int64:
			same = v == b[i].(int64)
		case []byte:
			same = bytes.Equal(v, b[i].([]byte))
		case string:
			same = sound(v) == sound(b[i].(string))
		}
		if !same {
			list = append(list, c.name)
		}
	}
	return strings.Join(list, ", ")
}
