package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
)

// The instants that cases count from, and the customers that they use. Their
// buckets differ.
const (
	start core.Time = 1_700_000_000_000_000
	hour  core.Time = 3_600_000_000
)

var (
	ann = ledger.AccountKey{Customer: "ann", Unit: "credits"}
	bob = ledger.AccountKey{Customer: "bob", Unit: "credits"}
	cat = ledger.AccountKey{Customer: "cat", Unit: "tokens"}
)

// errRefused is what a decision gives up with.
var errRefused = errors.New("the decision was to refuse")

// world is one empty store and what a case does with it.
type world struct {
	*testing.T
	store  ledger.Store
	reader ledger.Reader
	ctx    context.Context
	serial int
}

func newWorld(t *testing.T, s ledger.Store) *world {
	return &world{T: t, store: sealed{s}, reader: s.Reader(), ctx: t.Context()}
}

// need fails the case at once when err is not nil.
func (w *world) need(err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("unexpected error: %v", err)
	}
}

// same fails unless both values read the same as JSON; unexported marks, such
// as whether something has changed, do not count.
func (w *world) same(what string, got, want any) {
	w.Helper()
	if g, n := text(got), text(want); g != n {
		w.Errorf("%s:\n got %s\nwant %s", what, g, n)
	}
}

func text(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%v: %+v", err, v)
	}
	return strings.ReplaceAll(string(raw), ":[]", ":null") // no item is no item
}

// id makes an id of the account's bucket that no other call makes.
func (w *world) id(prefix string, owner string) core.ID {
	w.serial++
	return core.NewID(prefix, owner, "storetest", fmt.Sprint(w.serial), 0)
}

// write commits changes that need to see nothing.
func (w *world) write(c ledger.Changes) error {
	return w.store.Commit(w.ctx, &ledger.Batch{}, func(*ledger.State) (*ledger.Changes, error) { return &c, nil })
}

// commit lets change work on an account, which is made when it is not there.
func (w *world) commit(b ledger.Batch, key ledger.AccountKey, change func(*core.Account) error) error {
	b.Accounts = append(b.Accounts, key)
	return w.store.Commit(w.ctx, &b, func(s *ledger.State) (*ledger.Changes, error) {
		a := accountIn(s, key)
		if err := change(a); err != nil {
			return nil, err
		}
		return &ledger.Changes{Accounts: []*core.Account{a}}, nil
	})
}

// accountIn is the loaded account in burn order, or a new one.
func accountIn(s *ledger.State, key ledger.AccountKey) *core.Account {
	a := s.Accounts[key]
	if a == nil {
		a = &core.Account{Customer: key.Customer, Unit: core.Unit{Code: key.Unit}}
	}
	a.Order = core.DefaultOrder()
	a.Sort()
	return a
}

// terms are a plain grant's.
func (w *world) terms(key ledger.AccountKey, amount core.Amount) core.Terms {
	return core.Terms{
		ID: w.id(core.GrantID, key.Customer), Amount: amount, Category: core.Promotional,
		Priority: core.DefaultPriority, Starts: start, Expires: core.Never,
	}
}

// grant gives an account credits that never expire.
func (w *world) grant(key ledger.AccountKey, amount core.Amount) core.ID {
	w.Helper()
	t := w.terms(key, amount)
	w.need(w.commit(ledger.Batch{}, key, func(a *core.Account) error { _, err := a.Issue(t, start); return err }))
	return t.ID
}

// debit takes amount.
func (w *world) debit(key ledger.AccountKey, amount core.Amount) {
	w.Helper()
	id := w.id(core.DebitID, key.Customer)
	w.need(w.commit(ledger.Batch{}, key, debiting(id, amount)))
}

func debiting(id core.ID, amount core.Amount) func(*core.Account) error {
	return func(a *core.Account) error {
		_, err := a.Debit(id, amount, "", start, nil)
		return err
	}
}

// hold reserves amount until expires.
func (w *world) hold(key ledger.AccountKey, amount core.Amount, now, expires core.Time) core.ID {
	w.Helper()
	id := w.id(core.HoldID, key.Customer)
	w.need(w.commit(ledger.Batch{}, key, func(a *core.Account) error {
		_, err := a.Reserve(core.Hold{ID: id, Amount: amount, Expires: expires}, now)
		return err
	}))
	return id
}

// account reads an account in burn order; it must be there.
func (w *world) account(key ledger.AccountKey) *core.Account {
	w.Helper()
	a, err := w.reader.Accounts.Account(w.ctx, key)
	w.need(err)
	if a == nil {
		w.Fatalf("account %v is not there", key)
	}
	a.Order = core.DefaultOrder()
	a.Sort()
	return a
}

// see returns what a batch finds.
func (w *world) see(b ledger.Batch) (seen *ledger.State, err error) {
	err = w.store.Commit(w.ctx, &b, func(s *ledger.State) (*ledger.Changes, error) {
		mine := *s // the accounts are the store's again after decide
		mine.Accounts = map[ledger.AccountKey]*core.Account{}
		for key, a := range s.Accounts {
			mine.Accounts[key] = copied(a)
		}
		seen = &mine
		return &ledger.Changes{}, nil
	})
	return seen, err
}

func copied(a *core.Account) *core.Account {
	c := *a
	c.Grants, c.Holds = slices.Clone(a.Grants), slices.Clone(a.Holds)
	return &c
}

// entries reads all entries of an account.
func (w *world) entries(key ledger.AccountKey) []core.Entry {
	w.Helper()
	list, err := w.reader.Entries.Entries(w.ctx, key, 0, 1_000_000)
	w.need(err)
	return list
}

// claim leases items for a minute.
func (w *world) claim(q ledger.Queue, now, wall core.Time, n int) []ledger.Claimed {
	w.Helper()
	items, err := w.store.Claim(w.ctx, q, now, wall, n, time.Minute)
	w.need(err)
	return items
}

// ids are the ids of claimed items, sorted.
func ids(items []ledger.Claimed) []core.ID {
	list := []core.ID{}
	for _, c := range items {
		switch {
		case c.Event != nil && c.Intent == nil:
			list = append(list, c.Event.ID)
		case c.Intent != nil && c.Event == nil:
			list = append(list, c.Intent.ID)
		}
	}
	slices.Sort(list)
	return list
}

func sorted(list ...core.ID) []core.ID {
	list = append([]core.ID{}, list...)
	slices.Sort(list)
	return list
}
