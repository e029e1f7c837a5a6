package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// keptQuery adds up what debits have left in the tables, each sum by itself:
// what accounts have consumed, what entries took, what grants lack, how many
// requests were answered, and the accounts and buckets whose counters are not
// those of their entries.
const keptQuery = `SELECT (SELECT coalesce(sum(consumed), 0)::bigint FROM accounts), (SELECT coalesce(sum(amount), 0)::bigint FROM entries WHERE kind = 'debit'),
 (SELECT coalesce(sum(amount - remaining), 0)::bigint FROM grants), (SELECT count(*) FROM requests WHERE operation = 'debit' AND code = ''),
 (SELECT count(DISTINCT key) FROM requests WHERE operation = 'debit' AND code = ''),
 (SELECT count(*) FROM accounts a JOIN (SELECT bucket, account, count(*) AS n, min(seq) AS first, max(seq) AS last FROM entries GROUP BY bucket, account) e
  USING (bucket, account) WHERE a.seq <> e.last OR e.last - e.first + 1 <> e.n OR e.first <> 1),
 (SELECT count(*) FROM buckets b JOIN (SELECT bucket, count(DISTINCT pos) AS n, max(pos) AS last FROM entries GROUP BY bucket) e
  USING (bucket) WHERE b.next_pos <> e.last + 1 OR e.n <> e.last)`

// kept sees that a database has each of so many debits of five parts, once.
func (s *pgServer) kept(ctx context.Context, database string, accounts int, debits int64) error {
	var consumed, taken, lacking, requests, keys, accountsOff, bucketsOff int64
	err := s.ask(ctx, database, keptQuery, &consumed, &taken, &lacking, &requests, &keys, &accountsOff, &bucketsOff)
	if err != nil {
		return err
	}
	want, made := 5*debits+int64(accounts), debits+int64(accounts)
	if consumed != want || taken != want || lacking != want || requests != made || keys != made || accountsOff != 0 || bucketsOff != 0 {
		return fmt.Errorf("%d debits of %d in all left %d in accounts, %d in entries, %d out of grants, %d requests of %d keys; %d accounts and %d buckets do not count their entries",
			made, want, consumed, taken, lacking, requests, keys, accountsOff, bucketsOff)
	}
	return nil
}

// delivered sees that the inbox has each of so many deliveries, once and whole.
func (s *pgServer) delivered(ctx context.Context, database string, deliveries int64) error {
	var rows, ids, whole int64
	err := s.ask(ctx, database, "SELECT count(*), count(DISTINCT vendor_id), count(*) FILTER (WHERE length(body) = "+strconv.Itoa(deliverySize)+") FROM inbox", &rows, &ids, &whole)
	if err == nil && (rows != deliveries || ids != deliveries || whole != deliveries) {
		err = fmt.Errorf("of %d deliveries %d were stored, %d different ones, %d whole", deliveries, rows, ids, whole)
	}
	return err
}

func (s *pgServer) ask(ctx context.Context, database, query string, into ...any) error {
	conn, err := pgx.Connect(ctx, s.at(database))
	if err != nil {
		return err
	}
	return errors.Join(conn.QueryRow(ctx, query).Scan(into...), conn.Close(ctx))
}

// check sees that the limit wrote what it counts.
func (b *pgBare) check(ctx context.Context) error {
	var consumed, lacking, entries, requests int64
	err := b.conn.QueryRow(ctx, `SELECT (SELECT sum(consumed)::bigint FROM accounts), (SELECT sum(amount - remaining)::bigint FROM grants),
 (SELECT count(*) FROM entries), (SELECT count(*) FROM requests)`).Scan(&consumed, &lacking, &entries, &requests)
	if err == nil && (consumed != 5*b.made || lacking != 5*b.made || entries != b.made || requests != b.made) {
		err = fmt.Errorf("the limit wrote %d debits as %d in accounts, %d out of grants, %d entries and %d requests", b.made, consumed, lacking, entries, requests)
	}
	return err
}
