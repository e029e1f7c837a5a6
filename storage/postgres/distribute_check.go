package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// node is a server of a cluster.
type node struct {
	host   string
	port   int
	group  int // 0 is the coordinator's
	shards bool
}

// String is its address.
func (n node) String() string { return net.JoinHostPort(n.host, strconv.Itoa(n.port)) }

// args are its host and port in a call.
func (n node) args() string { return literal(n.host) + ", " + strconv.Itoa(n.port) }

// found is what stands before anything is changed.
type found struct {
	functions bool     // those of Citus are there
	spread    []string // tables
	nodes     []node
}

func (f *found) has(n node) bool {
	return slices.ContainsFunc(f.nodes, func(k node) bool {
		return k.port == n.port && (k.host == n.host || k.loopback() && n.loopback())
	})
}

// loopback reports whether a node is on the machine that asks.
func (n node) loopback() bool {
	ip := net.ParseIP(n.host)
	return n.host == "localhost" || ip != nil && ip.IsLoopback()
}

func (f *found) coordinator() (node, bool) {
	i := slices.IndexFunc(f.nodes, func(n node) bool { return n.group == 0 })
	if i < 0 {
		return node{}, false
	}
	return f.nodes[i], true
}

// look finds out what is there, and refuses what cannot be spread.
func (s *spreading) look(ctx context.Context) error {
	var schema, available bool
	err := s.conn.QueryRow(ctx, `SELECT to_regclass('schema_versions') IS NOT NULL, to_regproc('create_distributed_table') IS NOT NULL,
		EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'citus')`).Scan(&schema, &s.found.functions, &available)
	switch {
	case err != nil:
		return err
	case !schema:
		return fmt.Errorf("the database %q has no tables of Scrip yet: scrip serve makes them", s.config.Database)
	case !s.found.functions && !available:
		var version int
		if err := s.conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int / 10000").Scan(&version); err != nil {
			return err
		}
		missing := fmt.Errorf("%w: install Citus 13 for PostgreSQL %d (its makers have packages), name citus first in shared_preload_libraries "+
			"of postgresql.conf and restart, on this server and on every node", ErrNoCitus, version)
		if s.Apply {
			return missing
		}
		s.note("%s", missing)
	}
	if s.found.functions {
		if s.found.spread, err = s.tables(ctx); err == nil {
			s.found.nodes, err = s.cluster(ctx)
		}
	}
	return err
}

// tables are ours that are spread by hash.
func (s *spreading) tables(ctx context.Context) (list []string, err error) {
	err = s.conn.QueryRow(ctx, `SELECT coalesce(array_agg(c.relname::text), '{}') FROM pg_dist_partition p JOIN pg_class c ON c.oid = p.logicalrelid
		WHERE p.partmethod = 'h' AND pg_table_is_visible(c.oid) AND c.relname = ANY($1)`, distributedTables).Scan(&list)
	return list, err
}

func (s *spreading) cluster(ctx context.Context) (list []node, err error) {
	rows, err := s.conn.Query(ctx, "SELECT nodename::text, nodeport::int, groupid::int, shouldhaveshards FROM pg_dist_node WHERE noderole = 'primary' ORDER BY groupid")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var n node
		if err := rows.Scan(&n.host, &n.port, &n.group, &n.shards); err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, rows.Err()
}

// settings sets how soon what a dead node left behind is ended.
func (s *spreading) settings(ctx context.Context) error {
	var late bool
	if s.found.functions || s.Apply { // the extension is loaded
		const asked = "SELECT coalesce(i <= interval '0' OR i > interval '" + recoverWithin + "', true) FROM (SELECT current_setting('citus.recover_2pc_interval', true)::interval) n(i)"
		if err := s.conn.QueryRow(ctx, asked).Scan(&late); err != nil {
			return err
		}
	}
	if !late && s.found.functions {
		return nil
	}
	for _, set := range []string{"ALTER SYSTEM SET citus.recover_2pc_interval = '" + recoverWithin + "'", "SELECT pg_reload_conf()"} {
		if err := s.do(ctx, set); err != nil {
			s.note("set citus.recover_2pc_interval = '%s' in postgresql.conf of the coordinator and reload it: %v", recoverWithin, err)
			break
		}
	}
	return nil
}

// counted is what a table holds: its rows, and the sums of its numbers and of
// the lengths of its texts, as one text.
type counted struct {
	table string
	rows  int64
	sums  string
}

// count sums tables up, however they are spread.
func (s *spreading) count(ctx context.Context, tables []string) (list []counted, err error) {
	if !s.Apply {
		return make([]counted, len(tables)), nil
	}
	for _, t := range tables {
		var sums string
		err := s.conn.QueryRow(ctx, `SELECT string_agg(CASE WHEN format_type(atttypid, NULL) IN ('integer', 'bigint') THEN 'sum(' || attname || ')'
			WHEN format_type(atttypid, NULL) = 'boolean' THEN 'count(*) FILTER (WHERE ' || attname || ')' ELSE 'sum(octet_length(' || attname || '))' END, ', ' ORDER BY attnum)
			FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped`, t).Scan(&sums)
		if err != nil {
			return nil, err
		}
		results, err := s.conn.PgConn().Exec(ctx, "SELECT count(*), "+sums+" FROM "+t).ReadAll()
		if err != nil {
			return nil, fmt.Errorf("cannot sum up %s: %w", t, err)
		}
		c := counted{table: t}
		for i, v := range results[0].Rows[0] {
			if i == 0 {
				c.rows, _ = strconv.ParseInt(string(v), 10, 64)
			}
			c.sums += string(v) + " "
		}
		list = append(list, c)
	}
	return list, nil
}

// same compares sums of before and after.
func same(before, after []counted) error {
	for i := range before {
		if before[i] != after[i] {
			return fmt.Errorf("table %s had %d rows and the sums %s and would have %d and %s", before[i].table, before[i].rows, before[i].sums, after[i].rows, after[i].sums)
		}
	}
	return nil
}

// together refuses tables whose shards of one bucket stand apart.
func (s *spreading) together(ctx context.Context) error {
	if !s.Apply {
		return nil
	}
	var apart string
	err := s.conn.QueryRow(ctx, `SELECT coalesce(string_agg(c.relname, ', ' ORDER BY c.relname), '') FROM pg_class c LEFT JOIN pg_dist_partition p ON p.logicalrelid = c.oid AND p.partmethod = 'h'
		WHERE c.oid IN (SELECT t::regclass FROM unnest($1::text[]) t)
		AND p.colocationid IS DISTINCT FROM (SELECT colocationid FROM pg_dist_partition WHERE logicalrelid = $2::text::regclass)`, distributedTables, anchorTable).Scan(&apart)
	if err == nil && apart != "" {
		err = fmt.Errorf("of these tables the rows of one bucket would not stand together with those of %s: %s; undistribute_table takes a table back", anchorTable, apart)
	}
	return err
}

// verify looks at the result and at what each node is set to.
func (s *spreading) verify(ctx context.Context) error {
	if !s.Apply {
		return nil
	}
	if err := s.together(ctx); err != nil {
		return err
	}
	nodes, err := s.cluster(ctx)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if n.shards {
			s.report.Nodes = append(s.report.Nodes, n.String())
		}
	}
	if len(s.report.Nodes) == 0 {
		return errors.New("no node holds shards")
	}
	if len(s.found.spread) > 0 && len(nodes) > len(s.found.nodes) {
		s.note("new nodes are empty: SELECT citus_rebalance_start() moves shards to them while all goes on, citus_rebalance_status() tells how far it is")
	}
	var open int
	err = s.conn.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'scrip' AND datname = current_database()").Scan(&open)
	if err == nil && open > 0 {
		s.note("restart every scrip serve: %d connections are of such as were started before, and what they do over several buckets is refused until then", open)
	}
	return err
}

// needs are the settings without which transactions over two nodes fail; each
// node is asked before anything is moved.
func (s *spreading) needs(ctx context.Context) error {
	if !s.Apply {
		return nil
	}
	const ask = `SELECT n.nodename || ':' || n.nodeport, r.success, r.result
		FROM run_command_on_all_nodes('SELECT current_setting(''max_prepared_transactions'') || '' '' || current_setting(''wal_level'') || '' '' || current_setting(''max_connections'')') r
		JOIN pg_dist_node n ON n.nodeid = r.nodeid`
	results, err := s.conn.PgConn().Exec(ctx, ask).ReadAll()
	if err != nil {
		return fmt.Errorf("the nodes cannot be asked how they are set: %w", err)
	}
	for _, row := range results[0].Rows {
		at, answer := string(row[0]), strings.Fields(string(row[2]))
		switch {
		case string(row[1]) != "t" || len(answer) != 3:
			return fmt.Errorf("node %s does not answer: %s", at, row[2])
		case answer[0] == "0":
			return fmt.Errorf("node %s: set max_prepared_transactions to 200 or more and restart it", at)
		case answer[1] != "logical":
			s.note("node %s: set wal_level = logical and restart it, else shards can only be moved while writers wait", at)
		}
	}
	return nil
}
