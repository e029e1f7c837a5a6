package ledger

import (
	"context"

	"scrip/core"
)

// Reader reads committed state. What does not exist is nil without an error,
// or an empty list. Lists are bounded by limit and resume after a cursor.
type Reader struct {
	Accounts AccountReader
	Entries  EntryReader
	Queues   QueueReader
	Records  RecordReader
	Links    LinkReader
	Audit    auditReader // nil where the store cannot list its tables
	// Snapshot runs f so that all reads with the context it is given see one
	// committed state; nil where the store has no such thing.
	Snapshot func(ctx context.Context, f func(context.Context) error) error
}

// AccountReader reads balances and what makes them up.
type AccountReader interface {
	// Account is the account with what has a remainder and its open holds.
	// Sort it and give it its unit before use: [Ledger.Account] does.
	Account(ctx context.Context, key AccountKey) (*core.Account, error)
	// Grant finds a grant and its account.
	Grant(ctx context.Context, id core.ID) (AccountKey, *core.Grant, error)
	// Hold finds a hold and its account.
	Hold(ctx context.Context, id core.ID) (AccountKey, *core.Hold, error)
	// Holds lists an account's holds, resolved ones too, newest first, before an id.
	Holds(ctx context.Context, key AccountKey, before core.ID, limit int) ([]core.Hold, error)
	// Grants lists an account's grants, closed ones too, by entry sequence.
	Grants(ctx context.Context, key AccountKey, afterSeq int64, limit int) ([]core.Grant, error)
}

// EntryReader reads the append-only entries and the answers that made them.
type EntryReader interface {
	// Entries lists one account's entries after a sequence number.
	Entries(ctx context.Context, key AccountKey, afterSeq int64, limit int) ([]core.Entry, error)
	// Feed lists all entries after a cursor, "" being the start: each account's
	// in order, and none is ever missed, whoever writes meanwhile. next resumes
	// after the last one listed. A cursor that no Feed gave is [ErrCursor].
	Feed(ctx context.Context, after string, limit int) (list []core.Entry, next string, err error)
	// Request finds the stored answer of a request hash.
	Request(ctx context.Context, hash string) (*Request, error)
	// Keys lists account keys in order after one.
	Keys(ctx context.Context, after AccountKey, limit int) ([]AccountKey, error)
	// Due lists accounts that time alone has changed by now, at most limit,
	// and the first instant after now at which it will change another, or Never.
	Due(ctx context.Context, now core.Time, limit int) ([]AccountKey, core.Time, error)
}

// QueueFilter narrows a list of queued items; empty fields match all.
type QueueFilter struct {
	State      QueueState
	Connection string
	Customer   string // of intents; events are of no customer that a store knows
	After      core.ID
	Limit      int
}

// QueueStats is the state of a queue for one connection.
type QueueStats struct {
	Connection string
	Queue      Queue
	Waiting    int       // due or retrying; windows that are still open are not counted
	Open       int       // not due yet
	Parked     int       // waiting for a person
	Oldest     core.Time // creation of the oldest waiting item, or zero
	NextDue    core.Time // earliest business time at which an open item becomes due, or Never
}

// QueueReader reads the inbox and the outbox.
type QueueReader interface {
	Events(ctx context.Context, f QueueFilter) ([]Event, error)
	Event(ctx context.Context, id core.ID) (*Event, error)
	Intents(ctx context.Context, f QueueFilter) ([]Intent, error)
	Intent(ctx context.Context, id core.ID) (*Intent, error)
	// Stats counts the queues as of business time now.
	Stats(ctx context.Context, now core.Time) ([]QueueStats, error)
}

// RecordReader reads records.
type RecordReader interface {
	Record(ctx context.Context, key RecordKey) (*Record, error)
	// ByKey finds a record by one of its look-up keys.
	ByKey(ctx context.Context, kind, key string) (*Record, error)
	// List lists a kind by id after one.
	List(ctx context.Context, kind, afterID string, limit int) ([]Record, error)
}

// LinkReader reads links.
type LinkReader interface {
	Links(ctx context.Context, key LinkKey) ([]Link, error)
	// ByVendor finds the links that name a vendor's object.
	ByVendor(ctx context.Context, connection, vendor string) ([]Link, error)
}

// requestOf finds the stored answer that made an id. A store of many partitions
// finds it in the id's own, where it lies beside its account.
func (r Reader) requestOf(ctx context.Context, id core.ID) (*Request, error) {
	at, can := r.Entries.(interface {
		RequestIn(ctx context.Context, bucket int, hash string) (*Request, error)
	})
	if can && id.Bucket() >= 0 {
		if req, err := at.RequestIn(ctx, id.Bucket(), HashOf(id)); req != nil || err != nil {
			return req, err
		}
	}
	return r.Entries.Request(ctx, HashOf(id))
}
