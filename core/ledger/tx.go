package ledger

import (
	"encoding/json"
	"slices"

	"scrip/core"
)

// Tx is the state of a batch while its ops decide, one after the other, each
// seeing what those before it did.
type Tx struct {
	Now     core.Time
	ledger  *Ledger
	state   *State
	changes *Changes
	ready   map[AccountKey]bool // accounts that were given unit and order
	touched []touch
}

// touch remembers how far an account's entries had come when an op took it.
type touch struct {
	account *core.Account
	from    int
}

func newTx(l *Ledger, s *State, now core.Time) *Tx {
	return &Tx{Now: now, ledger: l, state: s, changes: &Changes{At: now}, ready: make(map[AccountKey]bool, len(s.Accounts))}
}

// Account is a named account, or nil when it does not exist.
func (tx *Tx) Account(key AccountKey) *core.Account {
	a := tx.state.Accounts[key]
	if a == nil {
		return nil
	}
	if !tx.ready[key] {
		tx.ready[key] = true
		tx.ledger.prepare(a)
		tx.changes.Accounts = append(tx.changes.Accounts, a)
	}
	for _, t := range tx.touched {
		if t.account == a {
			return a
		}
	}
	tx.touched = append(tx.touched, touch{a, len(a.Entries)})
	return a
}

// errNoAccount asks for the op to be repeated with the customer's record.
var errNoAccount = core.Errorf(core.CodeNotFound, "the account is not open yet")

// undecided is a refusal of what never reached the rules: it is nobody's
// answer for ever.
type undecided struct{ error }

// Unwrap returns the refusal.
func (u undecided) Unwrap() error { return u.error }

// usable refuses a unit in which nothing is counted any more.
func (tx *Tx) usable(key AccountKey, a *core.Account) error {
	if to := tx.ledger.became[key.Unit]; to != "" {
		return undecided{core.InField(core.Errorf(core.CodeUnitMismatch, "%q was converted to %q, name amounts in that", key.Unit, tx.ledger.Current(key).Unit), "unit")}
	}
	if a != nil && a.Became != "" || a == nil && tx.Record(RetiredKey(key.Unit)) != nil {
		return undecided{core.Errorf(core.CodeUnavailable, "a change of unit is being put in force, repeat the request with the same key")}
	}
	return nil
}

// OpenAccount is the account of a customer, made when it is not there yet. The
// customer must exist: nothing but PutCustomer creates one. An account that
// was converted to another unit is refused.
func (tx *Tx) OpenAccount(key AccountKey) (*core.Account, error) {
	a := tx.Account(key)
	if err := tx.usable(key, a); err != nil {
		return a, err
	}
	record, named := tx.state.Records[customerKey(key.Customer)]
	switch {
	case record != nil && record.Deleted:
		return nil, errErased(key.Customer)
	case a != nil:
		return a, nil
	case !named:
		return nil, errNoAccount
	case record == nil:
		return nil, core.InField(core.Errorf(core.CodeUnknownCustomer, "customer %q does not exist, create it first", key.Customer), "customer")
	}
	tx.state.Accounts[key] = &core.Account{Customer: key.Customer, Unit: core.Unit{Code: key.Unit}}
	return tx.Account(key), tx.buyer(key, record)
}

// prepare gives a loaded account what the store does not know.
func (l *Ledger) prepare(a *core.Account) {
	if u, ok := l.units[a.Unit.Code]; ok {
		a.Unit = u
	}
	a.Order, a.Settles = l.options.Order, l.options.Settles
	l.policy(a)
	a.Sort()
}

// tell looks at the accounts that an op took, and asks what vendors must hear of
// the entries it made.
func (tx *Tx) tell() error {
	for _, t := range tx.touched {
		if err := tx.watch(t); err != nil {
			return err
		}
		if err := tx.bill(t.account); err != nil {
			return err
		}
	}
	if tx.ledger.options.Outward == nil {
		return nil
	}
	for _, t := range tx.touched {
		if made := t.account.Entries[t.from:]; len(made) > 0 || lingers(t.account) {
			tx.Send(tx.ledger.options.Outward.OnEntries(tx.Now, t.account, made)...)
		}
	}
	return nil
}

// lingers reports whether holds keep some of a grant that has expired. Where they
// keep all of it, no entry says so.
func lingers(a *core.Account) bool {
	return len(a.Holds) > 0 && slices.ContainsFunc(a.Grants, func(g core.Grant) bool { return g.Closed == core.Expired && g.Remaining > 0 })
}

// Send adds outbox intents to the commit.
func (tx *Tx) Send(intents ...*Intent) { tx.changes.Intents = append(tx.changes.Intents, intents...) }

// finish returns what the batch changed.
func (tx *Tx) finish() *Changes {
	tx.changes.Accounts = slices.DeleteFunc(tx.changes.Accounts, func(a *core.Account) bool { return !a.Changed() })
	for _, a := range tx.changes.Accounts {
		a.Seal()
	}
	return tx.changes
}

// Request is the stored answer to a named request hash, or nil.
func (tx *Tx) Request(hash string) *Request { return tx.state.Requests[hash] }

// Natural is the id that a named natural key was used for, or "".
func (tx *Tx) Natural(key string) core.ID { return tx.state.Naturals[key] }

// UseNatural takes a natural key for id.
func (tx *Tx) UseNatural(key string, id core.ID) {
	tx.state.Naturals[key] = id
	tx.changes.Naturals = append(tx.changes.Naturals, Natural{key, id})
}

// Record is a named record, or nil.
func (tx *Tx) Record(key RecordKey) *Record {
	if r := tx.state.Records[key]; r != nil && !r.Deleted {
		return r
	}
	return nil
}

// PutRecord writes the next version of a named record.
func (tx *Tx) PutRecord(key RecordKey, body any, keys ...string) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return tx.write(&Record{Kind: key.Kind, ID: key.ID, Keys: keys, Body: raw})
}

// DeleteRecord marks a named record deleted; its body is emptied.
func (tx *Tx) DeleteRecord(key RecordKey) error {
	return tx.write(&Record{Kind: key.Kind, ID: key.ID, Deleted: true, Body: []byte("{}")})
}

func (tx *Tx) write(r *Record) error {
	key := RecordKey{r.Kind, r.ID}
	old, named := tx.state.Records[key]
	if !named {
		return core.Errorf(core.CodeInternal, "record %q %q was not named by the batch", r.Kind, r.ID)
	}
	r.Version, r.At = 1, tx.Now
	if old != nil {
		r.Version = old.Version + 1
	}
	tx.state.Records[key] = r
	tx.changes.Records = append(tx.changes.Records, r)
	return nil
}

// Links are the links of a named neutral thing.
func (tx *Tx) Links(key LinkKey) []Link { return tx.state.Links[key] }

// Link adds a link.
func (tx *Tx) Link(l Link) {
	key := LinkKey{l.Connection, l.Neutral}
	for _, have := range tx.state.Links[key] {
		if have == l {
			return
		}
	}
	tx.state.Links[key] = append(tx.state.Links[key], l)
	tx.changes.Links = append(tx.changes.Links, l)
}

// Unlink removes a link, if it is there: what it named has been replaced.
func (tx *Tx) Unlink(l Link) {
	key := LinkKey{l.Connection, l.Neutral}
	same := func(have Link) bool { return have == l }
	tx.state.Links[key] = slices.DeleteFunc(tx.state.Links[key], same)
	tx.changes.Links = slices.DeleteFunc(tx.changes.Links, same)
	tx.changes.Unlinked = append(tx.changes.Unlinked, l)
}

// Event is a named inbox row, or nil.
func (tx *Tx) Event(id core.ID) *Event { return tx.state.Events[id] }

// PutEvent inserts an inbox row or settles a named one.
func (tx *Tx) PutEvent(e *Event) {
	tx.state.Events[e.ID] = e
	tx.changes.Events = append(tx.changes.Events, e)
}

// Intent is a named outbox row, or nil.
func (tx *Tx) Intent(id core.ID) *Intent { return tx.state.Intents[id] }

// SettleIntent writes back a named outbox row.
func (tx *Tx) SettleIntent(i *Intent) {
	tx.state.Intents[i.ID] = i
	tx.changes.Settled = append(tx.changes.Settled, i)
}
