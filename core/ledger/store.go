package ledger

import (
	"context"
	"time"

	"scrip/core"
)

// Store is what the ledger needs of a database. It holds no rule.
type Store interface {
	// Commit loads what b names, calls decide, and persists the changes that
	// come back, atomically and durably: when it returns nil they survive a
	// crash. decide is pure and may run again. An error from decide aborts
	// and is returned as it is; any other error says that nothing was
	// written, or, when it is [ErrUnknown], that the outcome is not known.
	Commit(ctx context.Context, b *Batch, decide func(*State) (*Changes, error)) error
	// Reader reads committed state.
	Reader() Reader
	// Claim leases up to n due items of a queue: the oldest of each stream,
	// so that items of one stream never overtake each other. A leased item
	// is not handed out again before its lease ends; each claim raises its
	// fence, and only the newest fence can settle it. now is the business
	// time by which items become due; leases and retries follow wall.
	Claim(ctx context.Context, q Queue, now, wall core.Time, n int, lease time.Duration) ([]Claimed, error)
	// Forget empties the bodies of up to n applied or ignored events that were
	// received before an instant, the oldest first, and reports how many. Their
	// digests stay. Parked and waiting ones keep their bodies: see [Event.Forgotten].
	Forget(ctx context.Context, before core.Time, n int) (int, error)
	// Close waits for running work and closes the database.
	Close() error
}

// Queue names one of the durable queues.
type Queue string

// The queues: events from vendors, and intents towards them.
const (
	Inbox  Queue = "inbox"
	Outbox Queue = "outbox"
)

// Claimed is a leased item: exactly one of Event and Intent is set.
type Claimed struct {
	Event  *Event
	Intent *Intent
}

// AccountKey names an account.
type AccountKey struct{ Customer, Unit string }

// RecordKey names a record.
type RecordKey struct{ Kind, ID string }

// LinkKey names the links of a neutral thing at one connection.
type LinkKey struct{ Connection, Neutral string }

// Lease names a claimed item and the fence it was claimed with.
type Lease struct {
	ID    core.ID
	Fence int64
}

// Batch is what a set of commands needs to see. Duplicates are allowed.
type Batch struct {
	Requests []string // request hashes, see [RequestHash]
	Accounts []AccountKey
	Grants   []core.ID // of named accounts: loaded even when closed or spent
	Holds    []core.ID // of named accounts: loaded even when resolved
	Naturals []string
	Records  []RecordKey
	Links    []LinkKey
	Events   []Lease // the commit is refused with [ErrFenced] when one is not held
	Intents  []Lease // likewise
}

// State is what the store found. An account that does not exist is absent;
// its grants and holds are those with a remainder, open holds, and the named.
// It belongs to decide while that runs and to the store before and after.
type State struct {
	// At is the latest [Changes.At] of the partitions that were read, or 0
	// where one process writes. Nothing is decided at an earlier time.
	At       core.Time
	Requests map[string]*Request
	Accounts map[AccountKey]*core.Account
	Naturals map[string]core.ID
	Records  map[RecordKey]*Record
	Links    map[LinkKey][]Link
	Events   map[core.ID]*Event
	Intents  map[core.ID]*Intent
}

// Changes is everything one commit writes.
type Changes struct {
	At       core.Time       // the business time it was decided at
	Requests []*Request      // new ones; a hash that exists fails the commit
	Reversed []*Request      // existing ones whose Reversed grew
	Accounts []*core.Account // rows, changed grants and holds, and Entries
	Naturals []Natural       // new ones; a key that exists fails the commit
	Records  []*Record       // upserts; Version must follow the stored one
	Unlinked []Link          // deletes, before the inserts; a missing link is no error
	Links    []Link          // inserts; an equal link is no error
	Events   []*Event        // new inbox rows, or claimed ones settled; an empty body empties the row's, another leaves it
	Intents  []*Intent       // new outbox rows; an equal id is no error, unless it is another stream's or kind's
	Settled  []*Intent       // claimed ones settled
	Bare     []core.ID       // grants whose metadata is taken away
	Cleared  []*Request      // existing ones that get other Fields and another Result
	Wipe     bool            // what is taken out of rows is overwritten where it stood
}

// Request is the durable answer to one idempotency key.
type Request struct {
	Hash      string
	Operation string
	Key       string
	Customer  string
	Unit      string
	Fields    string // canonical request, to recognise another body
	Code      core.Code
	Result    []byte // JSON: the receipt, or the refusal when Code is set
	FirstSeq  int64  // entries it made; FirstSeq > LastSeq when none
	LastSeq   int64
	Amount    core.Amount // of a debit or capture
	Reversed  core.Amount // given back so far
	At        core.Time
}

// Natural is a business key used once: one grant per payment.
type Natural struct {
	Key string
	ID  core.ID
}

// Record is a document of a kind the store does not know.
type Record struct {
	Kind    string
	ID      string
	Version int64    // 1 for a new one
	Keys    []string // look-up keys, unique within the kind
	Body    []byte   // JSON
	Deleted bool
	At      core.Time
}

// Link joins a neutral thing to a vendor's object, in a role; many to many.
type Link struct {
	Connection string
	Neutral    string
	Role       string
	Vendor     string
}

// QueueState is where a queued item stands.
type QueueState string

// The states. Waiting includes retries; parked waits for a person.
const (
	Waiting QueueState = "waiting"
	Applied QueueState = "applied" // an intent: carried out at the vendor
	Ignored QueueState = "ignored"
	Parked  QueueState = "parked"
)

// Event is a row of the inbox: a vendor's delivery, kept raw.
type Event struct {
	ID         core.ID
	Connection string
	VendorID   string // the vendor's event id, or a hash of the signed content
	Type       string
	Body       []byte
	Digest     string // SHA-256 of Body, in hex
	Received   core.Time
	State      QueueState
	Reason     string
	Attempts   int
	RetryAt    core.Time // wall time before which it is not tried again
	Fence      int64
	Settled    core.Time
}

// Intent is a row of the outbox: something a vendor must hear.
type Intent struct {
	ID         core.ID // also the idempotency key and the mark at the vendor
	Connection string
	Customer   string // with Connection: the stream whose order is kept
	Kind       string
	Ref        string // the neutral thing it is about
	Body       []byte // JSON; fixed before the first call
	Due        core.Time
	State      QueueState
	Reason     string
	Attempts   int
	RetryAt    core.Time
	Fence      int64
	Created    core.Time
	Settled    core.Time
	Tried      bool // a call was begun: the vendor may have acted
	Leased     bool // settling keeps the lease: the claimer is not done with it
}
