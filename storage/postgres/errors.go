package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Errors are told apart by their SQLSTATE alone: on a distributed database the
// names of constraints are those of its parts.

// refused reports whether the server itself refused a statement, so that the
// transaction is not committed and the connection goes on.
func refused(err error) bool {
	var known *pgconn.PgError
	return errors.As(err, &known) && (known.Severity == "ERROR" || known.SeverityUnlocalized == "ERROR")
}

// spread reports whether an error may be one node's of several, where what
// another did is not known.
func (s *Store) spread(err error) bool {
	var known *pgconn.PgError
	return s.one.Load() && errors.As(err, &known) && (strings.HasPrefix(known.Code, "08") || strings.HasPrefix(known.Code, "57") || known.Code == "XX000")
}

// taken is the state of a key that somebody took between looking and writing,
// or that was there all the time.
const taken = "23505"

// unfit is the state of a statement that a distributed database cannot run: the
// tables were spread since this store was opened.
const unfit = "0A000"

// The states in which another try may succeed, by class or whole.
var passing = []string{
	"40001", "40P01", // serialization failure, deadlock
	"55P03",                   // lock_timeout: somebody holds a bucket for long
	"57P01", "57P02", "57P03", // the server is stopped, crashed, starting
	"57014",          // statement_timeout: it met a lock or a slow disk
	"25006", "25P02", // a standby; a transaction that another statement spoilt
	"26000", // a prepared statement that a pooler does not know
	"08",    // the connection
	"53",    // too many connections, out of memory or disk
	taken,
	"25P03", "58", // idle_in_transaction_session_timeout; the server's disk
}

// retryable marks an error after which nothing is written and another try may
// succeed; others are returned as they are.
func (s *Store) retryable(ctx context.Context, err error) error {
	var again *againError
	if err == nil || errors.As(err, &again) || ctx.Err() != nil {
		return err
	}
	var known *pgconn.PgError
	if s.spread(err) {
		// A node was lost, or a shard has moved. Others wait for this caller's
		// turn to write to nodes that are there, so it does not wait here.
		return &againError{cause: err, once: true}
	}
	if errors.As(err, &known) {
		if known.Code == unfit && !s.one.Load() {
			if spread, e := s.distributed(ctx); e == nil && spread {
				s.one.Store(true)
				return &againError{cause: err}
			}
		}
		for _, state := range passing {
			if strings.HasPrefix(known.Code, state) {
				return &againError{cause: err, once: state == taken}
			}
		}
		return err
	}
	var network net.Error
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) || pgconn.SafeToRetry(err) || broken(err) {
		return &againError{cause: err}
	}
	return err
}

// meaning names the refusals that a statement was written to cause.
func (w *save) meaning(err error) error {
	var known *pgconn.PgError
	if errors.As(err, &known) && known.Code == "23502" {
		return fmt.Errorf("%w: %w", errIntent, err)
	}
	return err
}
