package copying

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"scrip/core"
)

func (s *server) state(ctx context.Context) (*state, error) {
	there, err := s.line(ctx, "SELECT count(*)::text FROM pg_tables WHERE tablename = 'copying' AND schemaname = current_schema()")
	if err != nil || there == "0" {
		return nil, err
	}
	var found state
	var last string
	if err := s.conn.QueryRow(ctx, "SELECT source, tab, last, rows FROM copying").Scan(&found.source, &found.table, &last, &found.rows); err != nil {
		return nil, err
	}
	if found.last, err = parseLast(last); err != nil {
		return nil, err
	}
	return &found, s.fences(ctx)
}

// fences reads where the positions of each bucket stand.
func (s *server) fences(ctx context.Context) error {
	positions, items := new([core.BucketCount]int64), new([core.BucketCount]int64)
	s.next = map[string]*[core.BucketCount]int64{"next_pos": positions, "next_item": items}
	rows, err := s.conn.Query(ctx, "SELECT bucket, next_pos, next_item, at FROM buckets")
	if err != nil {
		return err
	}
	var bucket, n int
	var pos, item, at int64
	_, err = pgx.ForEachRow(rows, []any{&bucket, &pos, &item, &at}, func() error {
		if bucket < 0 || bucket >= core.BucketCount {
			return fmt.Errorf("there is a bucket %d", bucket)
		}
		positions[bucket], items[bucket], s.at[bucket] = pos, item, at
		n++
		return nil
	})
	if err == nil && n != core.BucketCount {
		err = fmt.Errorf("there are %d buckets, not %d", n, core.BucketCount)
	}
	return err
}

// begin implements [sink]. Once the mark is there nobody can open the database
// any more, so who has it open is looked for afterwards, and then whether
// anything was written.
func (s *server) begin(ctx context.Context, first *state) error {
	if err := s.plain(ctx); err != nil {
		return err
	}
	err := pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, createState); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO copying (source, tab, last, rows) VALUES ($1, $2, $3, $4)", first.source, first.table, lastText(first.last), first.rows)
		return err
	})
	if err != nil {
		return err
	}
	err = s.alone(ctx, s.patience)
	if err == nil {
		err = isEmpty(ctx, s)
	}
	if err == nil {
		return s.fences(ctx)
	}
	_, undone := s.conn.Exec(context.WithoutCancel(ctx), "DROP TABLE copying")
	return errors.Join(err, undone)
}

// plain refuses tables that are spread over several nodes: what is written of
// them and how far that is would not be one transaction.
func (s *server) plain(ctx context.Context) error {
	is, err := s.line(ctx, "SELECT count(*)::text FROM pg_extension WHERE extname = 'citus'")
	if err == nil && is != "0" {
		is, err = s.line(ctx, "SELECT count(*)::text FROM pg_dist_partition WHERE logicalrelid = 'buckets'::regclass")
	}
	if err == nil && is != "0" {
		err = errors.New("its tables are distributed: copy into a plain PostgreSQL, and distribute it afterwards")
	}
	return err
}

// write implements [sink]. Positions count the rows of a bucket.
func (s *server) write(ctx context.Context, p *passage, rows [][]any, now *state) error {
	list := make([][]any, len(rows))
	for i, row := range rows {
		var err error
		if list[i], err = s.row(p, row); err != nil {
			return err
		}
	}
	columns := make([]string, 0, len(p.target)+len(p.own))
	for _, c := range p.target {
		columns = append(columns, c.name)
	}
	for _, c := range p.own {
		columns = append(columns, c.name)
	}
	buckets := make([]int32, core.BucketCount)
	for i := range buckets {
		buckets[i] = int32(i)
	}
	return pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{p.name}, columns, pgx.CopyFromRows(list)); err != nil {
			return err
		}
		batch := &pgx.Batch{}
		batch.Queue(`UPDATE buckets b SET next_pos = n.pos, next_item = n.item, at = n.at
			FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::bigint[]) AS n (bucket, pos, item, at) WHERE b.bucket = n.bucket`,
			buckets, s.next["next_pos"][:], s.next["next_item"][:], s.at[:])
		batch.Queue("UPDATE copying SET tab = $1, last = $2, rows = $3", now.table, lastText(now.last), now.rows)
		return tx.SendBatch(ctx, batch).Close()
	})
}

// row turns a row of the source into one of the target.
func (s *server) row(p *passage, row []any) ([]any, error) {
	list := make([]any, len(p.target), len(p.target)+len(p.own))
	for i, c := range p.target {
		switch v := row[i].(type) {
		case string:
			list[i] = sound(v)
		case int64:
			list[i] = v
			if c.kind == truth {
				list[i] = v != 0
			}
		default:
			list[i] = v
		}
	}
	for _, at := range p.keys {
		if v, is := row[at].(string); is && v != sound(v) {
			return nil, fmt.Errorf("table %s has a row whose %s is %q, which PostgreSQL cannot keep as text", p.name, p.target[at].name, v)
		}
	}
	bucket, err := p.bucket(row)
	if err != nil {
		return nil, err
	}
	for _, c := range p.own {
		switch c.name {
		case bucketColumn:
			list = append(list, bucket)
		case posColumn:
			next := s.next[p.counter]
			list = append(list, next[bucket])
			next[bucket]++
		default: // of a lease
			list = append(list, int64(0))
		}
	}
	for _, name := range []string{"recorded", "at"} {
		if at := p.at(name); at >= 0 && (p.name == "entries" || p.name == "requests") {
			s.at[bucket] = max(s.at[bucket], row[at].(int64))
		}
	}
	return list, nil
}

// settle lets the planner know what is there now.
func (s *server) settle(ctx context.Context) error {
	list := make([]string, len(tables))
	for i := range tables {
		list[i] = tables[i].name
	}
	_, err := s.conn.Exec(ctx, "ANALYZE "+strings.Join(list, ", "))
	return err
}

func (s *server) finish(ctx context.Context) error {
	_, err := s.conn.Exec(ctx, "DROP TABLE copying")
	return err
}
