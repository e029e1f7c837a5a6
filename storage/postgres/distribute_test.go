package postgres

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/internal/pgtest"
)

// cluster is a plain server that takes the calls of a distribution.
type cluster struct {
	*testing.T
	url string
}

func newCluster(t *testing.T) cluster {
	t.Helper()
	c := cluster{t, pgtest.New(t)}
	c.run(citusStub)
	// The server must know the name of the setting to take it.
	c.run("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET citus.recover_2pc_interval = ''60s''', current_database()); END $$")
	return c
}

func (c cluster) run(statements string) {
	c.Helper()
	conn, err := pgx.Connect(c.Context(), c.url)
	if err != nil {
		c.Fatal(err)
	}
	defer func() { _ = conn.Close(c.Context()) }()
	if _, err := conn.PgConn().Exec(c.Context(), statements).ReadAll(); err != nil {
		c.Fatalf("%.200s: %v", statements, err)
	}
}

// texts is a column of what a statement brings.
func (c cluster) texts(statement string) (list []string) {
	c.Helper()
	conn, err := pgx.Connect(c.Context(), c.url)
	if err != nil {
		c.Fatal(err)
	}
	defer func() { _ = conn.Close(c.Context()) }()
	rows, err := conn.Query(c.Context(), statement)
	if err == nil {
		list, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		c.Fatalf("%s: %v", statement, err)
	}
	return list
}

// calls are those that were made since it was last asked.
func (c cluster) calls() []string {
	c.Helper()
	list := c.texts("SELECT call FROM calls ORDER BY n")
	c.run("TRUNCATE calls")
	return list
}

func newLedger(s *Store) *ledger.Ledger {
	now := core.TimeOf(time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC))
	return ledger.Open(s, ledger.Options{Now: func() core.Time { return now }, Units: []core.Unit{{Code: "credits", Scale: 2}}})
}

// fill makes the tables and gives some customers a history.
func (c cluster) fill() {
	c.Helper()
	s := openAt(c.T, c.url, Options{})
	l := newLedger(s)
	defer l.Close()
	for _, customer := range []string{"ann", "bob", "cem", "dov"} {
		key := ledger.AccountKey{Customer: customer, Unit: "credits"}
		if _, _, err := l.PutCustomer(c.Context(), ledger.Customer{ID: customer}); err != nil {
			c.Fatal(err)
		}
		terms := core.Terms{Amount: 1000, Category: core.Promotional, Priority: core.DefaultPriority, Expires: core.Never}
		if _, _, err := l.Issue(c.Context(), "grant-"+customer, key, terms); err != nil {
			c.Fatal(err)
		}
		if _, _, err := l.Debit(c.Context(), "debit-"+customer, ledger.Charge{Account: key, Amount: 30}); err != nil {
			c.Fatal(err)
		}
	}
}

// TestDistribute spreads a database over two workers, once.
func TestDistribute(t *testing.T) {
	c := newCluster(t)
	c.fill()
	d := Distribution{Workers: []string{"127.0.0.1:2", "127.0.0.1:3"}, Coordinator: "127.0.0.1:1"}
	var told []string
	d.Tell = func(statement string) { told = append(told, statement) }

	// Told only.
	if _, err := Distribute(t.Context(), c.url, d); err != nil {
		t.Fatal(err)
	}
	if made := c.calls(); len(made) > 0 {
		t.Errorf("telling made the calls %q", made)
	}
	only := told
	begin, commit := slices.Index(told, "BEGIN"), slices.Index(told, "COMMIT")
	if begin < 0 || commit < begin || !strings.HasPrefix(told[begin+1], "LOCK TABLE buckets, ") || !strings.Contains(told[begin+1], "ACCESS EXCLUSIVE") {
		t.Errorf("it tells %q", told)
	}

	// Done.
	d.Apply, told = true, nil
	report, err := Distribute(t.Context(), c.url, d)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"coordinator 127.0.0.1 1", "node 127.0.0.1 2", "node 127.0.0.1 3", "distribute accounts bucket 32 none",
	}
	for _, table := range distributedTables {
		if table != "accounts" {
			want = append(want, "distribute "+table+" bucket - accounts")
		}
	}
	made := c.calls()
	if n := len(want); len(made) < n || !slices.Equal(made[:n], want) {
		t.Errorf("the calls are %q, want them to begin with %q", made, want)
	}
	if !slices.Contains(made, "truncate entries") {
		t.Errorf("what is left of the entries is not truncated: %q", made)
	}
	rows := map[string]int64{}
	for _, table := range report.Tables {
		rows[table.Name] = table.Rows
	}
	if rows["buckets"] != 64 || rows["accounts"] != 4 || rows["entries"] != 8 || rows["requests"] != 8 || len(rows) != len(distributedTables) {
		t.Errorf("the report has %v", rows)
	}
	if !slices.Equal(report.Nodes, d.Workers) {
		t.Errorf("the shards are on %q", report.Nodes)
	}
	for _, statement := range only { // truncating and analysing are told of all, done where something is left
		if !slices.Contains(told, statement) && !strings.Contains(statement, "truncate_local") && !strings.HasPrefix(statement, "ANALYZE") {
			t.Errorf("%q was told and not done", statement)
		}
	}
	if left := c.texts("SELECT indexname::text FROM pg_indexes WHERE tablename = 'requests' ORDER BY 1"); !slices.Equal(left, []string{"requests_hash", "requests_pkey"}) {
		t.Errorf("requests have the indexes %q", left)
	}

	// Again, and with one more node.
	d.Workers = append(d.Workers, "localhost:3", "127.0.0.1:4")
	report, err = Distribute(t.Context(), c.url, d)
	if err != nil {
		t.Fatal(err)
	}
	made = slices.DeleteFunc(c.calls(), func(call string) bool { return strings.HasPrefix(call, "truncate ") }) // rows stay here
	if !slices.Equal(made, []string{"node 127.0.0.1 4"}) || len(report.Tables) > 0 {
		t.Errorf("again, with a node more: %q, %v", made, report.Tables)
	}
	if !slices.ContainsFunc(report.Notes, func(note string) bool { return strings.Contains(note, "citus_rebalance_start") }) {
		t.Errorf("the notes are %q", report.Notes)
	}
}

// TestDistributesAll: no table with a bucket is forgotten.
func TestDistributesAll(t *testing.T) {
	s := open(t, Options{})
	rows, err := s.pool.Query(t.Context(), `SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE c.relkind = 'r' AND a.attname = 'bucket' AND pg_table_is_visible(c.oid) ORDER BY c.relname`)
	if err != nil {
		t.Fatal(err)
	}
	have, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if want := slices.Sorted(slices.Values(distributedTables)); err != nil || !slices.Equal(have, want) {
		t.Errorf("tables with a bucket are %q, distributed are %q, %v", have, want, err)
	}
}

// TestDistributeGoesOn: what an attempt before did, or another's hand, is left.
func TestDistributeGoesOn(t *testing.T) {
	c := newCluster(t)
	c.fill()
	c.run(`SELECT citus_set_coordinator_host('localhost', 5432); SELECT citus_set_node_property('localhost', 5432, 'shouldhaveshards', true);
		BEGIN; LOCK TABLE buckets; SELECT create_distributed_table('accounts', 'bucket'); SELECT create_distributed_table('grants', 'bucket'); COMMIT`)
	c.calls()
	if _, err := Distribute(t.Context(), c.url, Distribution{Apply: true}); err != nil {
		t.Fatal(err)
	}
	made := strings.Join(c.calls(), "\n")
	if strings.Contains(made, "distribute accounts") || strings.Contains(made, "distribute grants") || strings.Contains(made, "coordinator") || !strings.Contains(made, "distribute outbox bucket - accounts") {
		t.Errorf("the calls are %s", made)
	}
}

// TestDistributeRefuses leaves everything as it was where something is wrong.
func TestDistributeRefuses(t *testing.T) {
	t.Run("no Citus", func(t *testing.T) {
		s := open(t, Options{})
		_, err := Distribute(t.Context(), s.pool.Config().ConnString(), Distribution{Apply: true})
		if !errors.Is(err, ErrNoCitus) || !strings.Contains(err.Error(), "shared_preload_libraries") {
			t.Errorf("without Citus: %v", err)
		}
		report, err := Distribute(t.Context(), s.pool.Config().ConnString(), Distribution{})
		if err != nil || len(report.Notes) == 0 || !strings.Contains(report.Notes[0], "install Citus") {
			t.Errorf("told without Citus: %v, %v", report, err)
		}
	})
	c := newCluster(t)
	for _, test := range []struct{ name, wrong, says string }{
		{"no tables", "", "has no tables"},
		{"a row less", "lose entries", "table entries had 8 rows"},
		{"apart", "apart links", "links"},
		{"no transactions over two nodes", "unprepared", "max_prepared_transactions"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := cluster{t, c.url}
			if test.wrong != "" {
				if !slices.Contains(c.texts("SELECT relname::text FROM pg_class"), "accounts") {
					c.fill()
				}
				c.run("TRUNCATE wrongs; INSERT INTO wrongs VALUES ('" + test.wrong + "')")
			}
			_, err := Distribute(t.Context(), c.url, Distribution{Apply: true})
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%s: %v", test.name, err)
			}
			if n := len(c.texts("SELECT 'x' FROM pg_dist_partition")); n > 0 {
				t.Errorf("%d tables are distributed all the same", n)
			}
		})
	}
	for _, at := range []string{"10.0.0.8", "10.0.0.8:no", ":5432", "10.0.0.8:70000"} {
		if _, err := Distribute(t.Context(), c.url, Distribution{Workers: []string{at}, Coordinator: at, Apply: true}); err == nil || !strings.Contains(err.Error(), "host:port") {
			t.Errorf("address %q: %v", at, err)
		}
	}
}

// TestStoreOnDistributedTables: a store finds out by itself, keeps each commit
// to one bucket, and does all that a store does.
func TestStoreOnDistributedTables(t *testing.T) {
	c := newCluster(t)
	c.fill()
	old := openAt(t, c.url, Options{})
	if _, err := Distribute(t.Context(), c.url, Distribution{Apply: true}); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, c.url, Options{})
	if lanes, _ := s.Lanes(); !s.one.Load() || lanes != core.BucketCount {
		t.Fatalf("the store has %d lanes", lanes)
	}
	var seen []core.Entry
	for cursor := ""; ; {
		list, next, err := s.Reader().Entries.Feed(t.Context(), cursor, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		seen, cursor = append(seen, list...), next
	}
	if len(seen) != 8 {
		t.Errorf("the feed has %d entries", len(seen))
	}
	report, err := s.Reader().AuditAll(context.WithoutCancel(t.Context()), nil)
	if err != nil || len(report.Findings) > 0 {
		t.Errorf("the audit finds %v, %v", report.Findings, err)
	}
	// A key is used once within a bucket, and by a customer.
	l := newLedger(s)
	defer l.Close()
	charge := ledger.Charge{Account: ledger.AccountKey{Customer: "ann", Unit: "credits"}, Amount: 30}
	first, replayed, err := l.Debit(t.Context(), "debit-ann", charge)
	if err != nil || !replayed {
		t.Errorf("a debit again: %v, %v", replayed, err)
	}
	if _, _, err := l.Reverse(t.Context(), "back", first.ID, 10); err != nil {
		t.Error(err)
	}
	// One that was opened before finds out when a statement is refused.
	was := newLedger(old)
	defer was.Close()
	var refused atomic.Bool
	old.fault = func(string) string {
		if refused.CompareAndSwap(false, true) {
			return unfit
		}
		return ""
	}
	if _, _, err := was.Debit(t.Context(), "old", charge); err != nil || !refused.Load() || !old.one.Load() {
		t.Errorf("a store from before: %v, %t", err, old.one.Load())
	}
	charge.Amount = 31
	if _, _, err := l.Debit(t.Context(), "debit-ann", charge); core.CodeOf(err) != core.CodeIdempotencyConflict {
		t.Errorf("a key for another amount: %v", err)
	}
	charge.Account.Customer = "bob"
	if _, replayed, err := l.Debit(t.Context(), "debit-ann", charge); err != nil || replayed {
		t.Errorf("a key that another bucket has: %v, %v", replayed, err)
	}
	if got, err := l.Taken(t.Context(), first.ID); err != nil || got.Account.Customer != "ann" {
		t.Errorf("the first debit by that key is of %v, %v", got.Account, err)
	}
}
