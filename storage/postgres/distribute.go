package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Distribution says how the tables of a database are spread over the nodes of
// a Citus cluster, whose coordinator the database is on.
type Distribution struct {
	// Workers are the addresses of the nodes to add, each as host:port. Without
	// any the nodes that the cluster has are used, and where there is none the
	// coordinator holds all shards itself, until nodes are added.
	Workers []string
	// Coordinator is host:port by which the nodes reach the coordinator; that
	// of the database's URL when empty.
	Coordinator string
	// Shards is how many parts each table gets, 32 when zero.
	Shards int
	// Apply runs the statements; else they are only told.
	Apply bool
	// Tell is given each statement before it runs.
	Tell func(statement string)
}

// Distributed says how a database is spread.
type Distributed struct {
	Tables []DistributedTable
	// Nodes are those that hold shards, each as host:port.
	Nodes []string
	// Notes say what remains to be done by somebody else.
	Notes []string
}

// DistributedTable is a table that was spread now, and what was counted in it
// both before and after.
type DistributedTable struct {
	Name string
	Rows int64
}

// ErrNoCitus says that a server cannot be spread over nodes.
var ErrNoCitus = errors.New("the server has no Citus")

// Tables that lie in buckets, the fence first, as every writer takes it first.
// Shards of one bucket stand on one node: the others follow the anchor.
var (
	distributedTables = []string{
		"buckets", "accounts", "grants", "holds", "entries", "requests",
		"naturals", "records", "record_keys", "links", "inbox", "outbox",
	}
	anchorTable = "accounts"
)

const (
	defaultShards = 32
	// recoverWithin is how soon a transaction over two nodes is ended that a
	// dying one left behind: until then its rows stay locked.
	recoverWithin = "2s"
	// lockWait bounds the wait for those who write.
	lockWait = 30 * time.Second
)

// Distribute spreads the tables of the database at url by their bucket, or only
// tells how. It may be repeated: what is done already is left alone, and nodes
// are added. Writers wait while rows are moved; all of that is one transaction,
// which counts and sums every table before and after, and undoes all where they
// differ.
func Distribute(ctx context.Context, url string, d Distribution) (*Distributed, error) {
	config, err := configOf(url, Options{})
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{
		"application_name": "scrip distribute", "statement_timeout": "0", "idle_in_transaction_session_timeout": "0", "lock_timeout": milliseconds(lockWait),
	} {
		config.ConnConfig.RuntimeParams[name] = value
	}
	s := &spreading{Distribution: d, config: config.ConnConfig, report: &Distributed{}, unreached: map[string]error{}}
	if s.Shards <= 0 {
		s.Shards = defaultShards
	}
	if s.conn, err = pgx.ConnectConfig(ctx, config.ConnConfig); err != nil {
		return nil, fmt.Errorf("cannot open database %q: %w", config.ConnConfig.Database, err)
	}
	defer func() { _ = s.conn.Close(context.WithoutCancel(ctx)) }()
	for _, step := range []func(context.Context) error{s.look, s.extend, s.settings, s.nodes, s.needs, s.spread, s.tidy, s.verify} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return s.report, nil
}

// spreading is one run of Distribute.
type spreading struct {
	Distribution
	config *pgx.ConnConfig
	conn   *pgx.Conn
	found  found
	report *Distributed
	// unreached are workers that could not be asked from here, and why.
	unreached map[string]error
}

// do tells a statement, and runs it where that is asked for.
func (s *spreading) do(ctx context.Context, statement string) error {
	if s.Tell != nil {
		s.Tell(statement)
	}
	if !s.Apply {
		return nil
	}
	if _, err := s.conn.PgConn().Exec(ctx, statement).ReadAll(); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

func (s *spreading) note(format string, args ...any) {
	s.report.Notes = append(s.report.Notes, fmt.Sprintf(format, args...))
}

// literal writes a text in a statement.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// address reads host:port and writes both as arguments of a call.
func address(text string) (node, error) {
	host, port, err := net.SplitHostPort(text)
	n, bad := strconv.Atoi(port)
	if err != nil || bad != nil || host == "" || n < 1 || n > 65535 || strings.ContainsRune(host, '\\') {
		return node{}, fmt.Errorf("the address %q of a node cannot be read: write host:port", text)
	}
	return node{host: host, port: n}, nil
}

// extend makes the extension where it is missing, on the nodes too.
func (s *spreading) extend(ctx context.Context) error {
	const create = "CREATE EXTENSION IF NOT EXISTS citus"
	for _, text := range s.Workers {
		n, err := address(text)
		if err != nil {
			return err
		}
		if s.found.has(n) {
			continue
		}
		if s.Tell != nil {
			s.Tell(create + " /* on " + text + ", in database " + s.config.Database + " */")
		}
		if s.Apply {
			if err := s.extendWorker(ctx, n, create); err != nil {
				// It may be reached from the coordinator alone, and have all it needs.
				s.unreached[text] = err
			}
		}
	}
	if s.found.functions {
		return nil
	}
	if err := s.do(ctx, create); err != nil {
		return fmt.Errorf("%w: name citus first in shared_preload_libraries of postgresql.conf, on every node, and restart them", err)
	}
	return nil
}

// extendWorker makes the extension on a node, with the user and the password
// that lead to the coordinator.
func (s *spreading) extendWorker(ctx context.Context, n node, create string) error {
	config := s.config.Copy()
	config.Host, config.Port, config.Fallbacks = n.host, uint16(n.port), nil
	conn, err := pgx.ConnectConfig(ctx, config)
	if err == nil {
		_, err = conn.Exec(ctx, create)
		_ = conn.Close(ctx)
	}
	if err != nil {
		return fmt.Errorf("node %s was asked from here: %w", n, err)
	}
	return nil
}

// nodes makes the nodes known to the coordinator.
func (s *spreading) nodes(ctx context.Context) error {
	holder := slices.ContainsFunc(s.found.nodes, func(n node) bool { return n.shards })
	if len(s.Workers) == 0 && holder && s.Coordinator == "" {
		return nil
	}
	at, known := s.found.coordinator()
	if known && at.loopback() { // which is no way there from another machine
		known = !slices.ContainsFunc(s.Workers, func(text string) bool {
			n, err := address(text)
			return err == nil && !n.loopback()
		})
	}
	if !known || s.Coordinator != "" {
		text := s.Coordinator
		if text == "" {
			text = net.JoinHostPort(s.config.Host, strconv.Itoa(int(s.config.Port)))
			if strings.HasPrefix(s.config.Host, "/") {
				text = net.JoinHostPort("localhost", strconv.Itoa(int(s.config.Port)))
			}
		}
		wanted, err := address(text)
		if err != nil {
			return err
		}
		if !known || wanted.String() != at.String() {
			at = wanted
			if err := s.do(ctx, "SELECT citus_set_coordinator_host("+at.args()+")"); err != nil {
				return err
			}
		}
	}
	for _, text := range s.Workers {
		n, err := address(text)
		if err != nil || s.found.has(n) {
			if err != nil {
				return err
			}
			continue
		}
		if err := s.do(ctx, "SELECT citus_add_node("+n.args()+")"); err != nil {
			err = fmt.Errorf("%w: the coordinator must reach it as the user of the address, see citus.node_conninfo and pg_hba.conf; "+
				"it needs a database %q and the extension citus in it", err, s.config.Database)
			return errors.Join(err, s.unreached[text])
		}
	}
	if len(s.Workers) == 0 && !holder {
		return s.do(ctx, "SELECT citus_set_node_property("+at.args()+", 'shouldhaveshards', true)")
	}
	return nil
}

// spread moves the tables into shards, all in one transaction.
func (s *spreading) spread(ctx context.Context) error {
	var tables []string
	for _, t := range distributedTables {
		if !slices.Contains(s.found.spread, t) {
			tables = append(tables, t)
		}
	}
	if len(tables) == 0 {
		return nil
	}
	for try := 1; ; try++ {
		err := s.spreadOnce(ctx, tables)
		var known *pgconn.PgError
		if err == nil || !errors.As(err, &known) || known.Code != "40P01" || try == 3 { // a reader took tables in another order
			return err
		}
	}
}

func (s *spreading) spreadOnce(ctx context.Context, tables []string) (err error) {
	if err := s.do(ctx, "BEGIN"); err != nil {
		return err
	}
	defer func() {
		if err != nil && s.Apply {
			_, _ = s.conn.PgConn().Exec(context.WithoutCancel(ctx), "ROLLBACK").ReadAll()
		}
	}()
	if err := s.do(ctx, "LOCK TABLE "+strings.Join(tables, ", ")+" IN ACCESS EXCLUSIVE MODE"); err != nil {
		return err
	}
	before, err := s.count(ctx, tables)
	if err != nil {
		return err
	}
	if slices.Contains(tables, "requests") {
		// No node can know of a key in another's rows: from here on a key is
		// used once within a bucket. Answers are still found by key alone.
		for _, change := range []string{"DROP INDEX IF EXISTS requests_key", "CREATE INDEX IF NOT EXISTS requests_hash ON requests (hash)"} {
			if err := s.do(ctx, change); err != nil {
				return err
			}
		}
	}
	for _, t := range inOrder(tables) {
		call := fmt.Sprintf("SELECT create_distributed_table(%s, 'bucket', colocate_with => '%s')", literal(t), anchorTable)
		if t == anchorTable {
			call = fmt.Sprintf("SELECT create_distributed_table(%s, 'bucket', shard_count => %d, colocate_with => 'none')", literal(t), s.Shards)
		}
		if err := s.do(ctx, call); err != nil {
			return err
		}
	}
	after, err := s.count(ctx, tables)
	if err != nil {
		return err
	}
	if err := same(before, after); err != nil {
		return fmt.Errorf("nothing was distributed: %w", err)
	}
	if err := s.together(ctx); err != nil {
		return fmt.Errorf("nothing was distributed: %w", err)
	}
	if err := s.do(ctx, "COMMIT"); err != nil {
		return err
	}
	for i, t := range tables {
		if s.Apply {
			s.report.Tables = append(s.report.Tables, DistributedTable{t, before[i].rows})
		}
	}
	return nil
}

// inOrder puts the anchor first.
func inOrder(tables []string) []string {
	list := make([]string, 0, len(tables))
	if slices.Contains(tables, anchorTable) {
		list = append(list, anchorTable)
	}
	for _, t := range tables {
		if t != anchorTable {
			list = append(list, t)
		}
	}
	return list
}

// tidy frees the room of the rows that were moved, and lets the planner know
// the shards.
func (s *spreading) tidy(ctx context.Context) error {
	for _, t := range distributedTables {
		left := !s.Apply && !slices.Contains(s.found.spread, t)
		if s.Apply || slices.Contains(s.found.spread, t) {
			// Of the coordinator's own table: what is in shards does not count.
			err := s.conn.QueryRow(ctx, "SELECT pg_relation_size($1::text::regclass) > 0", t).Scan(&left)
			if err != nil {
				return err
			}
		}
		if !left {
			continue
		}
		if err := s.do(ctx, "SELECT truncate_local_data_after_distributing_table("+literal(t)+")"); err != nil {
			return err
		}
		if err := s.do(ctx, "ANALYZE "+t); err != nil {
			return err
		}
	}
	return nil
}
