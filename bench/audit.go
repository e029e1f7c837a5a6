package bench

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	driver "zombiezen.com/go/sqlite"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/storage/sqlite"
)

// AuditEntries measures the audit of so many entries, which verifies every
// chain and recomputes every balance, grant and hold, against reading the same
// rows and one SHA-256 of each. The peak of its memory must not grow with the
// entries: more than maxAudit bytes of heap is an error.
func AuditEntries(ctx context.Context, dir, name string, entries int, p Pace) (Result, error) {
	path := filepath.Join(dir, "audit.db")
	if err := fillEntries(ctx, path, entries); err != nil {
		return Result{}, err
	}
	store, err := sqlite.OpenWith(ctx, path, sqlite.Options{Relaxed: true})
	if err != nil {
		return Result{}, err
	}
	defer store.Close()
	conn, err := driver.OpenConn(path, driver.OpenReadOnly)
	if err != nil {
		return Result{}, err
	}
	defer conn.Close()
	return Compare(ctx, name, p,
		func(ctx context.Context, _ time.Duration) (Slice, error) {
			report, err := ledger.Audit(ctx, store.Reader(), func(ledger.AuditReport) {})
			if err == nil && (len(report.Findings) > 0 || report.Entries != int64(entries)) {
				err = fmt.Errorf("the audit found %v in %d entries", report.Findings, report.Entries)
			}
			if heap := heapInUse(); err == nil && heap > maxAudit {
				err = fmt.Errorf("the audit of %d entries holds %d MiB", entries, heap>>20)
			}
			return Slice{Ops: int(report.Entries)}, err
		},
		func(context.Context, time.Duration) (Slice, error) { return scan(conn) })
}

// maxAudit bounds the heap after an audit: a few pages of entries and one
// account.
const maxAudit = 48 << 20

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// perAccount is how many entries each audited account has.
const perAccount = 10_000

// fillEntries makes a database of chained entries, without the answers that
// commands leave.
func fillEntries(ctx context.Context, path string, entries int) error {
	store, err := sqlite.OpenWith(ctx, path, sqlite.Options{Relaxed: true})
	if err != nil {
		return err
	}
	defer store.Close()
	for made := 0; made < entries; {
		n := min(perAccount, entries-made)
		if err := fillAccount(ctx, store, fmt.Sprintf("audited-%06d", made/perAccount), n); err != nil {
			return err
		}
		made += n
	}
	return nil
}

func fillAccount(ctx context.Context, store *sqlite.Store, name string, entries int) error {
	key := ledger.AccountKey{Customer: name, Unit: credits.Code}
	grant := core.NewID(core.GrantID, name, "audit", name, 0) // of a customer, an id keeps ten bits alone
	for done := 0; done < entries; {
		batch := &ledger.Batch{Accounts: []ledger.AccountKey{key}}
		n := min(1000, entries-done)
		err := store.Commit(ctx, batch, func(s *ledger.State) (*ledger.Changes, error) {
			a := s.Accounts[key]
			first := 0
			if a == nil {
				a = &core.Account{Customer: name, Unit: credits, Order: core.DefaultOrder()}
				t := core.Terms{ID: grant, Amount: core.Amount(entries), Category: core.Paid, Priority: core.DefaultPriority, Starts: burnAt, Expires: core.Never}
				if _, err := a.Issue(t, burnAt); err != nil {
					return nil, err
				}
				first = 1
			}
			a.Unit, a.Order = credits, core.DefaultOrder()
			for i := first; i < n; i++ {
				id := core.NewID(core.DebitID, name, "audit", fmt.Sprintf("%s/%d", name, done+i), 0)
				if _, err := a.Debit(id, 1, "", burnAt, nil); err != nil {
					return nil, err
				}
			}
			a.Seal()
			return &ledger.Changes{Accounts: []*core.Account{a}}, nil
		})
		if err != nil {
			return err
		}
		done += n
	}
	return nil
}

// scan reads every entry in the order of its account, and hashes it.
func scan(conn *driver.Conn) (s Slice, err error) {
	q, _, err := conn.PrepareTransient(`SELECT account, seq, kind, grant_id, source, amount, effective, recorded, hash FROM entries ORDER BY bucket, account, seq`)
	if err != nil {
		return s, err
	}
	defer func() { _ = q.Finalize() }()
	var text []byte
	var head [32]byte
	for {
		row, err := q.Step()
		if err != nil || !row {
			return s, err
		}
		text = append(text[:0], head[:]...)
		for i := range 5 {
			text = append(text, q.ColumnText(i)...)
		}
		for i := range 3 {
			text = fmt.Append(text, q.ColumnInt64(5+i))
		}
		q.ColumnBytes(8, head[:])
		head = sha256.Sum256(text)
		s.Ops++
	}
}
