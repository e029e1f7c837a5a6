package postgres

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// planStep is what a plan tells of one of its steps.
type planStep struct {
	Kind     string `json:"Node Type"`
	Table    string `json:"Relation Name"`
	Alias    string
	Index    string `json:"Index Cond"`
	Filter   string
	Recheck  string     `json:"Recheck Cond"`
	Children []planStep `json:"Plans"`
}

// outside are the scans of a plan that are not held to bucket $1.
func (n *planStep) outside() (found []string) {
	if n.Table != "" && n.Kind != "ModifyTable" && !strings.Contains(n.Index+n.Filter+n.Recheck, "bucket = $1") {
		found = append(found, fmt.Sprintf("%s of %s by %q, %q", n.Kind, n.Table, n.Index, n.Filter))
	}
	for i := range n.Children {
		found = append(found, n.Children[i].outside()...)
	}
	return found
}

// TestHotStatements has PostgreSQL plan every statement of a commit and of a
// claim in its form for one bucket, for any values: each scan of a table must be
// held to the bucket that is $1. Otherwise it would run on every node of a
// distributed database. What such a database does not take stands in none.
func TestHotStatements(t *testing.T) {
	conn := connect(t, open(t, Options{}).pool.Config().ConnString())
	run(t, conn, "SET plan_cache_mode = force_generic_plan")
	hot := []*statement{claimEvents, claimIntents, forgetEvents, fateFence, fateEntry, fateRequest, requestIn, readBoth, readOpen, readGrant, readHold, readRecord, feedRows}
	for _, f := range append(reads(), writes()...) {
		hot = append(hot, f.one)
		for _, word := range []string{"with", "merge", "random()", "clock_timestamp", "trigger"} {
			for _, text := range []string{f.one.text, f.many.text} {
				if strings.Contains(" "+strings.ToLower(text)+" ", " "+word+" ") {
					t.Errorf("%s has %q", f.one.name, word)
				}
			}
		}
		if strings.HasPrefix(f.one.text, "INSERT") && !strings.Contains(f.one.text, "FROM buckets f,") {
			t.Errorf("%s does not take its rows through the fence row", f.one.name)
		}
	}
	names := map[string]bool{}
	for _, s := range hot {
		if names[s.name] {
			t.Errorf("two statements are %s", s.name)
		}
		names[s.name] = true
		for _, fault := range plan(t, conn.PgConn(), s) {
			t.Errorf("%s: %s", s.name, fault)
		}
	}
	if wrong := plan(t, conn.PgConn(), &statement{"wrong", "SELECT count(*) FROM accounts a, grants g WHERE a.bucket = $1 AND g.account = a.account AND $2 > 0"}); len(wrong) != 1 {
		t.Errorf("a join over all buckets has %v", wrong)
	}
}

// plan is what of a statement's plan is not held to its bucket.
func plan(t *testing.T, conn *pgconn.PgConn, s *statement) []string {
	t.Helper()
	prepared, err := conn.Prepare(t.Context(), s.name, s.text, nil)
	if err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	none := strings.TrimSuffix(strings.Repeat("NULL, ", len(prepared.ParamOIDs)), ", ")
	results, err := conn.Exec(t.Context(), "EXPLAIN (FORMAT JSON, VERBOSE) EXECUTE "+s.name+"("+none+")").ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	var plans []struct{ Plan planStep }
	if err := json.Unmarshal(results[0].Rows[0][0], &plans); err != nil {
		t.Fatal(err)
	}
	return plans[0].Plan.outside()
}

// What a debit changes stands in no index and in no index's predicate: else each
// such update would write all indexes of its table.
func TestDebitsWriteNoIndex(t *testing.T) {
	conn := connect(t, database(t))
	indexed := map[string]string{} // columns and predicates, by table
	rows, err := conn.Query(t.Context(), "SELECT tablename::text, string_agg(indexdef, '; ') FROM pg_indexes WHERE schemaname = 'public' GROUP BY 1")
	if err != nil {
		t.Fatal(err)
	}
	var table, defined string
	if _, err := pgx.ForEachRow(rows, []any{&table, &defined}, func() error {
		indexed[table] = regexp.MustCompile(`\S+ ON \S+`).ReplaceAllString(defined, "")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for table, form := range map[string]form{"buckets": moveBuckets, "accounts": moveAccounts, "grants": moveGrants, "requests": moveRequests} {
		set := regexp.MustCompile(`(\w+) = n\.`).FindAllStringSubmatch(strings.Split(form.one.text, " FROM ")[0], -1)
		if len(set) == 0 || indexed[table] == "" {
			t.Errorf("%s: %s, %q", table, form.one.text, indexed[table])
		}
		for _, column := range set {
			if regexp.MustCompile(`\b` + column[1] + `\b`).MatchString(indexed[table]) {
				t.Errorf("%s of %s is in %s", column[1], table, indexed[table])
			}
		}
	}
}
