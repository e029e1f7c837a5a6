//go:build !race

// The race detector would cost this test minutes and has nothing to see in it.

package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	driver "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/storage/sqlite"
)

// cannotTell are the columns of which a changed value may be as good as the
// one before: nothing else that is kept depends on it. Every other column of
// every audited table must make a finding.
var cannotTell = map[string]string{
	"accounts.windows":  "number and times of a window are its connection's; what it was told is tried below",
	"inbox.type":        "as the vendor wrote it, in words of its own",
	"inbox.received":    "a time that nothing else keeps",
	"inbox.reason":      "text for people",
	"inbox.attempts":    "a count of tries",
	"inbox.retry_at":    "when a try comes next",
	"inbox.leased":      "until when a worker has it",
	"inbox.fence":       "a count of claims",
	"inbox.settled":     "a time that nothing else keeps",
	"outbox.connection": "the connection's name is kept nowhere else",
	"outbox.kind":       "words of the mapping",
	"outbox.ref":        "words of the mapping",
	"outbox.body":       "words of the mapping",
	"outbox.due":        "a time that nothing else keeps",
	"outbox.reason":     "text for people",
	"outbox.attempts":   "a count of tries",
	"outbox.retry_at":   "when a try comes next",
	"outbox.leased":     "until when a worker has it",
	"outbox.fence":      "a count of claims",
	"outbox.created":    "a time that nothing else keeps",
	"outbox.settled":    "a time that nothing else keeps",
	"outbox.tried":      "whether a call was begun",
	"links.connection":  "the connection's name is kept nowhere else",
	"links.role":        "words of the adapters",
	"links.vendor":      "the vendor's name of a thing",
}

// excused are the rows that cannotTell would name too wide: of these rows
// alone a value, or under the name of the table the row itself, cannot be told.
var excused = map[string]func(row string) bool{
	// A link may be taken away, and lead from another that exists.
	"links": func(string) bool { return true },
	"links.neutral": func(row string) bool {
		return strings.Contains(row, "'customer'") || strings.Contains(row, "'carrier'")
	},
	// Which fact an event told is known to its adapter alone.
	"naturals":     isFact,
	"naturals.key": isFact,
	// How a settled row ended; that it did not wait is known.
	"inbox.state":  func(row string) bool { return !strings.Contains(row, "'waiting'") },
	"outbox.state": func(row string) bool { return !strings.Contains(row, "'waiting'") },
	// An intent's id is a hash of what the mapping meant; a gap in the positions
	// does not show the last one.
	"outbox.id": func(string) bool { return true },
	"outbox":    func(row string) bool { return strings.HasPrefix(row, "20,") },
	// When a refusal was made: it has no entries.
	"requests.at": func(row string) bool { return strings.Contains(row, "'insufficient_credits'") },
	// What a change of unit made of a hold's figures, and what a reversal after it
	// says was paid for what it gave back, follow from the rates of the change.
	"holds.amount":   isMoved,
	"holds.captured": isMoved,
	"holds.price":    isMoved,
	"grants.paid":    func(row string) bool { return strings.Contains(row, lateGrant) },
}

func isFact(row string) bool { return strings.Contains(row, "'event/") }

func isMoved(row string) bool {
	return strings.Contains(row, "'ann/usd'") && strings.Contains(row, fmt.Sprint(int64(start)))
}

// lateGrant is made in the new unit by the reversal of a debit in the old one.
var lateGrant = string(core.NewID(core.GrantID, "ann", "convert", string(core.NewID(core.ReversalID, "ann", ledger.OpReverse, "reverse old", 0)), 0))

// excuse reports whether a change of a column of any of the rows is let pass.
func excuse(what string, rows ...[]string) bool {
	for _, row := range rows {
		if f := excused[what]; f != nil && f(strings.Join(row, ",")) {
			return true
		}
	}
	return cannotTell[what] != ""
}

// audited are the tables that the mutation test changes.
var audited = []string{"accounts", "entries", "grants", "holds", "requests", "naturals", "links", "inbox", "outbox"}

// sample is about how many rows of a table have each of their values changed;
// each of all rows is taken away once.
const sample = 4

// mutator changes one thing at a time in a copy of a database, through a
// connection of its own, and takes it back.
type mutator struct {
	*testing.T
	conn  *driver.Conn
	store *sqlite.Store
	tried map[string]int
	found map[string]int
	names map[string][]string // of a table's columns
}

func newMutator(t *testing.T, b *bench) *mutator {
	b.need(b.file.Close())
	raw, err := os.ReadFile(b.path)
	b.need(err)
	path := filepath.Join(t.TempDir(), "copy.db")
	b.need(os.WriteFile(path, raw, 0o600))
	b.file, err = sqlite.OpenWith(b.ctx, b.path, sqlite.Options{Relaxed: true}) // for the bench to close
	b.need(err)
	store, err := sqlite.OpenWith(b.ctx, path, sqlite.Options{Relaxed: true})
	b.need(err)
	conn, err := driver.OpenConn(path, driver.OpenReadWrite, driver.OpenWAL)
	b.need(err)
	t.Cleanup(func() { _, _ = conn.Close(), store.Close() })
	m := &mutator{T: t, conn: conn, store: store, tried: map[string]int{}, found: map[string]int{}, names: map[string][]string{}}
	m.run("PRAGMA synchronous = OFF")
	m.run("PRAGMA ignore_check_constraints = ON") // the audit has to find it, not the schema
	return m
}

func (m *mutator) run(sql string) {
	m.Helper()
	if err := sqlitex.ExecuteTransient(m.conn, sql, nil); err != nil {
		m.Fatalf("%s: %v", sql, err)
	}
}

// rows are a table's rows as SQL literals, in the order of its columns.
func (m *mutator) rows(table string) (list [][]string) {
	m.Helper()
	err := sqlitex.ExecuteTransient(m.conn, "SELECT name FROM pragma_table_info('"+table+"')", &sqlitex.ExecOptions{ResultFunc: func(s *driver.Stmt) error {
		m.names[table] = append(m.names[table], s.ColumnText(0))
		return nil
	}})
	if err != nil {
		m.Fatal(err)
	}
	quoted := "quote(" + strings.Join(m.names[table], "), quote(") + ")"
	err = sqlitex.ExecuteTransient(m.conn, "SELECT "+quoted+" FROM "+table, &sqlitex.ExecOptions{ResultFunc: func(s *driver.Stmt) error {
		row := make([]string, s.ColumnCount())
		for i := range row {
			row[i] = s.ColumnText(i)
		}
		list = append(list, row)
		return nil
	}})
	if err != nil {
		m.Fatal(err)
	}
	return list
}

// is names one row by all its values.
func (m *mutator) is(table string, row []string) string {
	terms := make([]string, len(row))
	for i, name := range m.names[table] {
		terms[i] = name + " IS " + row[i]
	}
	return strings.Join(terms, " AND ")
}

// update makes one row another. It reports false where a unique key refuses.
func (m *mutator) update(table string, from, to []string) bool {
	m.Helper()
	sets := []string{}
	for i, name := range m.names[table] {
		if from[i] != to[i] {
			sets = append(sets, name+" = "+to[i])
		}
	}
	err := sqlitex.ExecuteTransient(m.conn, "UPDATE "+table+" SET "+strings.Join(sets, ", ")+" WHERE "+m.is(table, from), nil)
	switch code := driver.ErrCode(err); {
	case code == driver.ResultConstraintUnique || code == driver.ResultConstraintPrimaryKey || code == driver.ResultConstraintRowID:
		return false
	case err != nil || m.conn.Changes() != 1:
		m.Fatalf("%s %v to %v: %d rows, %v", table, from, to, m.conn.Changes(), err)
	}
	return true
}

// seen audits, and counts. An audit that fails on what it reads has seen it too.
func (m *mutator) seen(kind string) bool {
	report, err := m.store.Reader().AuditAll(m.Context(), nil)
	m.tried[kind]++
	if err != nil || len(report.Findings) > 0 {
		m.found[kind]++
		return true
	}
	return false
}

// others are other values of a literal: neighbours of a number, and texts with
// a byte changed at both ends and in between, one added and none left.
func others(literal string, r *rand.Rand) (list []string) {
	switch {
	case strings.HasPrefix(literal, "X'"):
		digits := []byte(literal[2 : len(literal)-1])
		for _, at := range places(len(digits), r) {
			changed := slices.Clone(digits)
			changed[at/2*2+1] = "0123456789ABCDEF"[(strings.IndexByte("0123456789ABCDEF", changed[at/2*2+1])+1)%16]
			list = append(list, "X'"+string(changed)+"'")
		}
	case strings.HasPrefix(literal, "'"):
		text := []byte(strings.ReplaceAll(literal[1:len(literal)-1], "''", "'"))
		for _, at := range places(len(text), r) {
			changed := slices.Clone(text)
			if changed[at]++; changed[at] > 'z' || changed[at] == '\'' {
				changed[at] = 'a'
			}
			list = append(list, quoted(changed))
		}
		if len(text) > 0 {
			list = append(list, "''")
		}
		list = append(list, quoted(append(text, 'x')))
	default:
		list = append(list, "("+literal+" + 1)")
		if literal == "9223372036854775807" {
			list = nil
		}
		list = append(list, "("+literal+" - 1)")
	}
	return list
}

func quoted(text []byte) string { return "'" + strings.ReplaceAll(string(text), "'", "''") + "'" }

// places are the ends of n and a few in between.
func places(n int, r *rand.Rand) []int {
	if n == 0 {
		return nil
	}
	list := []int{0, n - 1}
	for range 4 {
		list = append(list, r.IntN(n))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// One changed value, one missing row, two values in each other's place: the
// audit finds each in whatever the ledger keeps.
func TestAuditFindsEveryChange(t *testing.T) {
	if testing.Short() {
		t.Skip("audits more than a thousand times")
	}
	seed := uint64(1) // the same mutations each time
	r := rand.New(rand.NewPCG(seed, seed))
	m := newMutator(t, auditTown(t))
	report, err := m.store.Reader().AuditAll(t.Context(), nil)
	if err != nil || len(report.Findings) > 0 {
		t.Fatalf("before anything was changed: %v, %v", report.Findings, err)
	}
	for _, table := range audited {
		rows := m.rows(table)
		if len(rows) == 0 {
			t.Fatalf("%s is empty", table)
		}
		for i, row := range rows {
			m.missing(table, row)
			if i%(1+len(rows)/sample) == 0 {
				m.values(table, row, r)
				m.swaps(table, row, rows[(i+1)%len(rows)])
			}
		}
	}
	for _, kind := range []string{"value", "row", "swap"} {
		t.Logf("%d of %d mutations of a %s were found", m.found[kind], m.tried[kind], kind)
	}
	for _, told := range []string{" 6301 0 1", " 6300 1 1"} {
		set := "UPDATE accounts SET windows = replace(windows, '%s', '%s') WHERE account = 'ann/credits'"
		m.run(fmt.Sprintf(set, " 6300 0 1", told))
		if m.conn.Changes() != 1 || !m.seen("window") {
			t.Errorf("a window that was told%s is as good to the audit", told)
		}
		m.run(fmt.Sprintf(set, told, " 6300 0 1"))
	}
	if m.seen("end") {
		t.Error("the mutations were not all taken back")
	}
}

func (m *mutator) values(table string, row []string, r *rand.Rand) {
	m.Helper()
	for i, name := range m.names[table] {
		if excuse(table+"."+name, row) {
			continue
		}
		for _, other := range others(row[i], r) {
			changed := slices.Clone(row)
			if changed[i] = other; !m.update(table, row, changed) {
				continue
			}
			if !m.seen("value") {
				m.Errorf("%s.%s of %s: %s is as good to the audit as %s", table, name, label(row), other, row[i])
			}
			m.update(table, changed, row)
		}
	}
}

func (m *mutator) missing(table string, row []string) {
	m.Helper()
	m.run("DELETE FROM " + table + " WHERE " + m.is(table, row))
	if !excuse(table, row) && !m.seen("row") {
		m.Errorf("%s: the audit does not miss %s", table, label(row))
	}
	m.run("INSERT INTO " + table + " (" + strings.Join(m.names[table], ", ") + ") VALUES (" + strings.Join(row, ", ") + ")")
}

// swaps puts one column's values of two rows in each other's place.
func (m *mutator) swaps(table string, x, y []string) {
	m.Helper()
	for i, name := range m.names[table] {
		if x[i] == y[i] || excuse(table+"."+name, x, y) {
			continue
		}
		newX, newY := slices.Clone(x), slices.Clone(y)
		newX[i], newY[i] = y[i], x[i]
		if !m.update(table, x, newX) {
			continue
		}
		if m.update(table, y, newY) {
			if !m.seen("swap") {
				m.Errorf("%s.%s: %s and %s may have each other's without a finding", table, name, x[i], y[i])
			}
			m.update(table, newY, y)
		}
		m.update(table, newX, x)
	}
}

func label(row []string) string {
	text := fmt.Sprint(row)
	return text[:min(len(text), 120)]
}
