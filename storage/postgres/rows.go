package postgres

import (
	"encoding/json"
	"strings"

	"scrip/core"
	"scrip/core/ledger"
)

// The columns of each table in the order in which the functions beside them
// read.
const (
	accountColumns = "account, seq, head, consumed, windows, became, overdrawn, policy, acts, due"
	grantColumns   = "id, seq, amount, remaining, held, ended, away, closed, category, priority, starts, expires, paid, currency, actions, source, metadata, recorded"
	holdColumns    = "id, state, amount, captured, parts, created, expires, resolved, protect, action, card, price"
	entryColumns   = "account, seq, kind, grant_id, source, amount, effective, recorded, hash"
	requestColumns = "hash, operation, key, account, fields, code, result, first_seq, last_seq, amount, reversed, at"
	recordColumns  = "kind, id, version, keys, body, deleted, at"
	linkColumns    = "connection, neutral, role, vendor"
	eventColumns   = "id, connection, vendor_id, type, body, digest, received, state, reason, attempts, retry_at, fence, settled"
	intentColumns  = "id, connection, customer, kind, ref, body, due, state, reason, attempts, retry_at, fence, created, settled, tried"
)

// accountWidth is the number of columns of an account.
const accountWidth = 10

// accountName is how an account is written in a column.
func accountName(k ledger.AccountKey) string { return k.Customer + "/" + k.Unit }

func accountKey(name string) ledger.AccountKey {
	customer, unit, _ := strings.Cut(name, "/")
	return ledger.AccountKey{Customer: customer, Unit: unit}
}

func bucketOf(k ledger.AccountKey) int { return core.Bucket(k.Customer) }

// place is the bucket of what an id names: the one that the id carries, or,
// where it is any other text, that of the text.
func place(id string) int {
	if bucket := core.ID(id).Bucket(); bucket >= 0 {
		return bucket
	}
	return core.Bucket(id)
}

func (r *row) account() (a *core.Account, due core.Time) {
	key := accountKey(r.text())
	a = &core.Account{Customer: key.Customer, Unit: core.Unit{Code: key.Unit}, Seq: r.int()}
	r.hash(&a.Head)
	a.Consumed, a.Windows = r.amount(), parseWindows(r.text())
	a.Became, a.Overdrawn, a.Stored, a.Acts = r.text(), r.amount(), r.text(), r.time()
	return a, r.time()
}

func (r *row) grant() core.Grant {
	var g core.Grant
	g.ID, g.Seq, g.Amount, g.Remaining, g.Held, g.Ended, g.Away = r.id(), r.int(), r.amount(), r.amount(), r.amount(), r.amount(), r.amount()
	g.Closed, g.Category, g.Priority = core.GrantState(r.text()), core.Category(r.text()), int(r.int())
	g.Starts, g.Expires = r.time(), r.time()
	g.Paid = core.Money{Minor: r.amount(), Currency: core.Currency(r.text())}
	r.json(&g.Actions)
	g.Source = r.id()
	r.json(&g.Metadata)
	g.Recorded = r.time()
	return g
}

// json reads a column that this program wrote; empty means nothing.
func (r *row) json(into any) {
	if text := r.bytes(); len(text) > 0 {
		_ = json.Unmarshal(text, into)
	}
}

// jsonText writes a value that always marshals; nothing is empty.
func jsonText[T any](v T, empty bool) string {
	if empty {
		return ""
	}
	text, _ := json.Marshal(v)
	return string(text)
}

func (r *row) hold() core.Hold {
	var h core.Hold
	h.ID, h.State, h.Amount, h.Captured = r.id(), core.HoldState(r.text()), r.amount(), r.amount()
	r.json(&h.Parts)
	h.Created, h.Expires, h.Resolved, h.Protect = r.time(), r.time(), r.time(), r.bool()
	h.Action, h.Card, h.Price = r.text(), r.text(), r.text()
	return h
}

func (r *row) entry() core.Entry {
	key := accountKey(r.text())
	e := core.Entry{Customer: key.Customer, Unit: key.Unit}
	e.Seq, e.Kind, e.Grant, e.Source, e.Amount = r.int(), core.EntryKind(r.text()), r.id(), r.id(), r.amount()
	e.Effective, e.Recorded = r.time(), r.time()
	r.hash(&e.Hash)
	return e
}

func (r *row) request() *ledger.Request {
	q := &ledger.Request{Hash: r.text(), Operation: r.text(), Key: r.text()}
	key := accountKey(r.text())
	q.Customer, q.Unit = key.Customer, key.Unit
	q.Fields, q.Code, q.Result = r.text(), core.Code(r.text()), r.blob()
	q.FirstSeq, q.LastSeq, q.Amount, q.Reversed, q.At = r.int(), r.int(), r.amount(), r.amount(), r.time()
	return q
}

func (r *row) record() ledger.Record {
	rec := ledger.Record{Kind: r.text(), ID: r.text(), Version: r.int()}
	r.json(&rec.Keys)
	rec.Body, rec.Deleted, rec.At = r.blob(), r.bool(), r.time()
	return rec
}

func (r *row) link() ledger.Link {
	return ledger.Link{Connection: r.text(), Neutral: r.text(), Role: r.text(), Vendor: r.text()}
}

func (r *row) event() ledger.Event {
	return ledger.Event{
		ID: r.id(), Connection: r.text(), VendorID: r.text(), Type: r.text(), Body: r.blob(), Digest: r.text(),
		Received: r.time(), State: ledger.QueueState(r.text()), Reason: r.text(), Attempts: int(r.int()),
		RetryAt: r.time(), Fence: r.int(), Settled: r.time(),
	}
}

func (r *row) intent() ledger.Intent {
	return ledger.Intent{
		ID: r.id(), Connection: r.text(), Customer: r.text(), Kind: r.text(), Ref: r.text(), Body: r.blob(), Due: r.time(),
		State: ledger.QueueState(r.text()), Reason: r.text(), Attempts: int(r.int()), RetryAt: r.time(), Fence: r.int(),
		Created: r.time(), Settled: r.time(), Tried: r.bool(),
	}
}
