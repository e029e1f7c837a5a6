package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"scrip/core"
	"scrip/core/ledger"
)

// model is a store so simple that it can be read to be right: lists that are
// searched from end to end, and copied whole before every commit. Other
// stores must give its answers.
type model struct {
	mu     sync.Mutex
	tables tables
}

// tables is everything that is kept.
type tables struct {
	accounts map[ledger.AccountKey]core.Account // without grants, holds and entries
	grants   []owned[core.Grant]
	holds    []owned[core.Hold]
	entries  []core.Entry // the position is the index
	requests map[string]ledger.Request
	naturals map[string]core.ID
	records  map[ledger.RecordKey]ledger.Record
	links    []ledger.Link
	events   []leased[ledger.Event]
	intents  []leased[ledger.Intent]
}

type owned[T any] struct {
	key   ledger.AccountKey
	value T
}

type leased[T any] struct {
	value T
	until core.Time
}

func newModel() *model {
	return &model{tables: tables{
		accounts: map[ledger.AccountKey]core.Account{}, requests: map[string]ledger.Request{},
		naturals: map[string]core.ID{}, records: map[ledger.RecordKey]ledger.Record{},
	}}
}

func (t tables) clone() tables {
	t.accounts, t.requests, t.naturals, t.records = maps.Clone(t.accounts), maps.Clone(t.requests), maps.Clone(t.naturals), maps.Clone(t.records)
	t.grants, t.holds, t.entries = slices.Clone(t.grants), slices.Clone(t.holds), slices.Clone(t.entries)
	t.links, t.events, t.intents = slices.Clone(t.links), slices.Clone(t.events), slices.Clone(t.intents)
	return t
}

// Close implements [ledger.Store].
func (m *model) Close() error { return nil }

// Commit implements [ledger.Store].
func (m *model) Commit(ctx context.Context, b *ledger.Batch, decide func(*ledger.State) (*ledger.Changes, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	next := m.tables.clone()
	state, err := next.load(b)
	if err != nil {
		return err
	}
	changes, err := decide(state)
	if err != nil {
		return err
	}
	if err := next.apply(changes); err != nil {
		return err
	}
	m.tables = next
	return nil
}

func (t *tables) load(b *ledger.Batch) (*ledger.State, error) {
	s := &ledger.State{
		Requests: map[string]*ledger.Request{}, Accounts: map[ledger.AccountKey]*core.Account{}, Naturals: map[string]core.ID{},
		Records: map[ledger.RecordKey]*ledger.Record{}, Links: map[ledger.LinkKey][]ledger.Link{},
		Events: map[core.ID]*ledger.Event{}, Intents: map[core.ID]*ledger.Intent{},
	}
	for _, hash := range b.Requests {
		if r, ok := t.requests[hash]; ok {
			s.Requests[hash] = &r
		}
	}
	for _, key := range b.Accounts {
		if a := t.account(key, b.Grants, b.Holds); a != nil {
			s.Accounts[key] = a
		}
	}
	for _, key := range b.Naturals {
		if id, ok := t.naturals[key]; ok {
			s.Naturals[key] = id
		}
	}
	for _, key := range b.Records {
		s.Records[key] = nil
		if r, ok := t.records[key]; ok {
			s.Records[key] = &r
		}
	}
	for _, key := range b.Links {
		s.Links[key] = t.linksOf(key)
	}
	for _, l := range b.Events {
		e := find(t.events, func(e ledger.Event) bool { return e.ID == l.ID })
		if l.Fence != 0 && (e == nil || e.value.Fence != l.Fence) {
			return nil, ledger.ErrFenced
		}
		if e != nil {
			found := e.value
			s.Events[l.ID] = &found
		}
	}
	for _, l := range b.Intents {
		i := find(t.intents, func(i ledger.Intent) bool { return i.ID == l.ID })
		if l.Fence != 0 && (i == nil || i.value.Fence != l.Fence) {
			return nil, ledger.ErrFenced
		}
		if i != nil {
			found := i.value
			s.Intents[l.ID] = &found
		}
	}
	return s, nil
}

func find[T any](list []leased[T], is func(T) bool) *leased[T] {
	for i := range list {
		if is(list[i].value) {
			return &list[i]
		}
	}
	return nil
}

// account puts an account together: what is live, and what is named.
func (t *tables) account(key ledger.AccountKey, grants, holds []core.ID) *core.Account {
	a, ok := t.accounts[key]
	if !ok {
		return nil
	}
	a.Windows = slices.Clone(a.Windows)
	for _, g := range t.grants {
		if g.key == key && (g.value.Remaining > 0 || slices.Contains(grants, g.value.ID)) {
			a.Grants = append(a.Grants, cleanGrant(g.value))
		}
	}
	for _, h := range t.holds {
		if h.key == key && (h.value.State == core.HoldOpen || slices.Contains(holds, h.value.ID)) {
			a.Holds = append(a.Holds, cleanHold(h.value))
		}
	}
	return &a
}

// cleanGrant is a grant without the mark of having changed.
func cleanGrant(g core.Grant) core.Grant {
	return core.Grant{Terms: g.Terms, Recorded: g.Recorded, Seq: g.Seq, Remaining: g.Remaining, Held: g.Held, Ended: g.Ended, Away: g.Away, Closed: g.Closed}
}

// cleanHold is a hold without the mark of having changed.
func cleanHold(h core.Hold) core.Hold {
	return core.Hold{
		ID: h.ID, Amount: h.Amount, Captured: h.Captured, Parts: slices.Clone(h.Parts), State: h.State, Created: h.Created, Expires: h.Expires,
		Resolved: h.Resolved, Protect: h.Protect, Action: h.Action, Card: h.Card, Price: h.Price,
	}
}

var errModel = errors.New("the changes do not fit what is stored")

func (t *tables) apply(c *ledger.Changes) error {
	for _, a := range c.Accounts {
		if a == nil {
			return errModel
		}
		if err := t.applyAccount(a); err != nil {
			return err
		}
	}
	for _, r := range c.Requests {
		if _, ok := t.requests[r.Hash]; ok {
			return fmt.Errorf("request %q: %w", r.Hash, errModel)
		}
		t.requests[r.Hash] = *r
	}
	for _, r := range c.Reversed {
		stored := t.requests[r.Hash]
		if stored.Reversed = r.Reversed; r.Reversed > stored.Amount {
			return fmt.Errorf("reversal of %q: %w", r.Hash, errModel)
		}
		t.requests[r.Hash] = stored
	}
	t.applyBare(c)
	for _, n := range c.Naturals {
		if _, ok := t.naturals[n.Key]; ok {
			return fmt.Errorf("natural %q: %w", n.Key, errModel)
		}
		t.naturals[n.Key] = n.ID
	}
	t.links = slices.DeleteFunc(t.links, func(l ledger.Link) bool { return slices.Contains(c.Unlinked, l) })
	for _, l := range c.Links {
		if !slices.Contains(t.links, l) {
			t.links = append(t.links, l)
		}
	}
	if err := t.applyRecords(c.Records); err != nil {
		return err
	}
	return t.applyQueues(c)
}

// applyBare takes metadata out of grants and of the answers that tell it.
func (t *tables) applyBare(c *ledger.Changes) {
	for i := range t.grants {
		if g := &t.grants[i].value; slices.Contains(c.Bare, g.ID) {
			g.Metadata = nil
		}
	}
	for _, r := range c.Cleared {
		if stored, ok := t.requests[r.Hash]; ok {
			stored.Fields, stored.Result = r.Fields, r.Result
			t.requests[r.Hash] = stored
		}
	}
}

func (t *tables) applyAccount(a *core.Account) error {
	key := ledger.AccountKey{Customer: a.Customer, Unit: a.Unit.Code}
	for _, e := range a.Entries {
		for _, have := range t.entries {
			if have.Customer == e.Customer && have.Unit == e.Unit && have.Seq == e.Seq {
				return fmt.Errorf("entry %d of %v: %w", e.Seq, key, errModel)
			}
		}
		t.entries = append(t.entries, e)
	}
	t.accounts[key] = core.Account{
		Customer: a.Customer, Unit: core.Unit{Code: a.Unit.Code}, Seq: a.Seq, Head: a.Head, Consumed: a.Consumed, Windows: slices.Clone(a.Windows),
		Became: a.Became, Overdrawn: a.Overdrawn, Stored: a.Stored, Acts: a.Acts,
	}
	for g := range a.ChangedGrants {
		t.grants = slices.DeleteFunc(t.grants, func(o owned[core.Grant]) bool { return o.value.ID == g.ID })
		t.grants = append(t.grants, owned[core.Grant]{key, cleanGrant(*g)})
	}
	for h := range a.ChangedHolds {
		t.holds = slices.DeleteFunc(t.holds, func(o owned[core.Hold]) bool { return o.value.ID == h.ID })
		t.holds = append(t.holds, owned[core.Hold]{key, cleanHold(*h)})
	}
	return nil
}

func (t *tables) applyRecords(list []*ledger.Record) error {
	for _, r := range list {
		key := ledger.RecordKey{Kind: r.Kind, ID: r.ID}
		if r.Version != t.records[key].Version+1 {
			return fmt.Errorf("version %d of %v: %w", r.Version, key, errModel)
		}
		for other, have := range t.records {
			if other.Kind == r.Kind && other != key && slices.ContainsFunc(r.Keys, func(k string) bool { return slices.Contains(have.Keys, k) }) {
				return fmt.Errorf("a key of %v: %w", key, errModel)
			}
		}
		t.records[key] = *r
	}
	return nil
}

func (t *tables) applyQueues(c *ledger.Changes) error {
	for _, e := range c.Events {
		have := find(t.events, func(x ledger.Event) bool { return x.ID == e.ID })
		if have == nil {
			t.events = append(t.events, leased[ledger.Event]{value: *e})
			continue
		}
		v := &have.value
		if len(e.Body) == 0 {
			v.Body = []byte{}
		}
		have.until, v.Type, v.State, v.Reason, v.Attempts, v.RetryAt, v.Settled = 0, e.Type, e.State, e.Reason, e.Attempts, e.RetryAt, e.Settled
	}
	for _, i := range c.Intents {
		have := find(t.intents, func(x ledger.Intent) bool { return x.ID == i.ID })
		if have != nil && (have.value.Connection != i.Connection || have.value.Customer != i.Customer || have.value.Kind != i.Kind) {
			return fmt.Errorf("intent %q: %w", string(i.ID), errModel)
		}
		if have == nil {
			first := *i
			first.Leased = false
			t.intents = append(t.intents, leased[ledger.Intent]{value: first})
		}
	}
	for _, i := range c.Settled {
		if have := find(t.intents, func(x ledger.Intent) bool { return x.ID == i.ID }); have != nil {
			v := &have.value
			v.Body, v.Due, v.State, v.Reason, v.Attempts = i.Body, i.Due, i.State, i.Reason, i.Attempts
			v.RetryAt, v.Settled, v.Tried = i.RetryAt, i.Settled, i.Tried
			if !i.Leased {
				have.until = 0
			}
		}
	}
	return nil
}

// Forget implements [ledger.Store].
func (m *model) Forget(ctx context.Context, before core.Time, n int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var old []*ledger.Event
	for i := range m.tables.events {
		e := &m.tables.events[i].value
		if (e.State == ledger.Applied || e.State == ledger.Ignored) && len(e.Body) > 0 && e.Received < before {
			old = append(old, e)
		}
	}
	slices.SortStableFunc(old, func(a, b *ledger.Event) int { return cmp.Compare(a.Received, b.Received) })
	old = first(old, n)
	for _, e := range old {
		e.Body = []byte{}
	}
	return len(old), nil
}

// Claim implements [ledger.Store].
func (m *model) Claim(ctx context.Context, q ledger.Queue, now, wall core.Time, n int, lease time.Duration) ([]ledger.Claimed, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t := &m.tables
	var items []ledger.Claimed
	if q == ledger.Inbox {
		for i := range t.events {
			e := &t.events[i]
			if len(items) < n && e.value.State == ledger.Waiting && e.value.RetryAt <= wall && e.until <= wall {
				e.value.Fence++
				e.until = wall.Add(lease)
				found := e.value
				items = append(items, ledger.Claimed{Event: &found})
			}
		}
		return items, nil
	}
	for _, i := range t.heads() {
		if len(items) < n && i.value.State == ledger.Waiting && i.value.Due <= now && i.value.RetryAt <= wall && i.until <= wall {
			i.value.Fence++
			i.until = wall.Add(lease)
			found := i.value
			items = append(items, ledger.Claimed{Intent: &found})
		}
	}
	return items, nil
}

// heads are the first unfinished intents of every stream, those due first first.
func (t *tables) heads() []*leased[ledger.Intent] {
	order := make([]*leased[ledger.Intent], len(t.intents))
	for i := range t.intents {
		order[i] = &t.intents[i]
	}
	slices.SortStableFunc(order, func(a, b *leased[ledger.Intent]) int { return cmp.Compare(a.value.Due, b.value.Due) })
	var heads []*leased[ledger.Intent]
	seen := map[[2]string]bool{}
	for _, i := range order {
		stream := [2]string{i.value.Connection, i.value.Customer}
		if open := i.value.State == ledger.Waiting || i.value.State == ledger.Parked; open && !seen[stream] {
			seen[stream] = true
			heads = append(heads, i)
		}
	}
	return heads
}
