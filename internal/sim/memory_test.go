package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"scrip/core"
	"scrip/core/ledger"
)

// memory is a store in memory, with what makes a long run quick: indexes, and
// no copy of what a commit does not touch. It passes the suite of all stores.
type memory struct {
	write    sync.Mutex // one commit at a time
	mu       sync.Mutex // of what follows; free while a commit decides, which may read
	accounts map[ledger.AccountKey]*memAccount
	keys     []ledger.AccountKey // in the order of their listing
	grants   map[core.ID]ledger.AccountKey
	holds    map[core.ID]ledger.AccountKey
	feed     []core.Entry // the position is the index and one
	requests map[string]ledger.Request
	naturals map[string]core.ID
	records  map[ledger.RecordKey]ledger.Record
	kinds    map[string][]string            // ids of each kind, in order
	lookUp   map[[2]string]ledger.RecordKey // by kind and look-up key
	links    map[ledger.LinkKey][]ledger.Link
	vendors  map[[2]string][]ledger.Link // by connection and vendor's object
	events   []*memEvent
	eventAt  map[core.ID]*memEvent
	unread   []*memEvent // waiting ones, the oldest first
	intents  []*memIntent
	intentAt map[core.ID]*memIntent
	streams  map[[2]string][]*memIntent // waiting and parked ones, by due and position
}

type memAccount struct {
	head    core.Account // without grants, holds and entries
	grants  map[core.ID]core.Grant
	order   []core.ID // of grants, by sequence
	live    []core.ID // grants with a remainder
	holds   map[core.ID]core.Hold
	open    []core.ID // open holds
	entries []core.Entry
}

type memEvent struct {
	ledger.Event
	pos   int
	until core.Time
}

type memIntent struct {
	ledger.Intent
	pos   int
	until core.Time
}

func newMemory() *memory {
	return &memory{
		accounts: map[ledger.AccountKey]*memAccount{}, grants: map[core.ID]ledger.AccountKey{}, holds: map[core.ID]ledger.AccountKey{},
		requests: map[string]ledger.Request{}, naturals: map[string]core.ID{}, records: map[ledger.RecordKey]ledger.Record{},
		kinds: map[string][]string{}, lookUp: map[[2]string]ledger.RecordKey{}, links: map[ledger.LinkKey][]ledger.Link{},
		vendors: map[[2]string][]ledger.Link{}, eventAt: map[core.ID]*memEvent{}, intentAt: map[core.ID]*memIntent{},
		streams: map[[2]string][]*memIntent{},
	}
}

// Close implements [ledger.Store].
func (m *memory) Close() error { return nil }

// Commit implements [ledger.Store].
func (m *memory) Commit(ctx context.Context, b *ledger.Batch, decide func(*ledger.State) (*ledger.Changes, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.write.Lock()
	defer m.write.Unlock()
	m.mu.Lock()
	state, err := m.load(b)
	m.mu.Unlock()
	if err != nil {
		return err
	}
	changes, err := decide(state)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fits(changes); err != nil {
		return err
	}
	m.apply(changes)
	return nil
}

func (m *memory) load(b *ledger.Batch) (*ledger.State, error) {
	s := &ledger.State{
		Requests: map[string]*ledger.Request{}, Accounts: map[ledger.AccountKey]*core.Account{}, Naturals: map[string]core.ID{},
		Records: map[ledger.RecordKey]*ledger.Record{}, Links: map[ledger.LinkKey][]ledger.Link{},
		Events: map[core.ID]*ledger.Event{}, Intents: map[core.ID]*ledger.Intent{},
	}
	for _, hash := range b.Requests {
		if r, ok := m.requests[hash]; ok {
			s.Requests[hash] = &r
		}
	}
	for _, key := range b.Accounts {
		if a := m.accounts[key]; a != nil && s.Accounts[key] == nil {
			s.Accounts[key] = a.load(b.Grants, b.Holds)
		}
	}
	for _, key := range b.Naturals {
		if id, ok := m.naturals[key]; ok {
			s.Naturals[key] = id
		}
	}
	for _, key := range b.Records {
		s.Records[key] = nil
		if r, ok := m.records[key]; ok {
			s.Records[key] = &r
		}
	}
	for _, key := range b.Links {
		s.Links[key] = slices.Clone(m.links[key])
	}
	for _, l := range b.Events {
		e := m.eventAt[l.ID]
		if l.Fence != 0 && (e == nil || e.Fence != l.Fence) {
			return nil, ledger.ErrFenced
		}
		if e != nil {
			found := e.Event
			s.Events[l.ID] = &found
		}
	}
	for _, l := range b.Intents {
		i := m.intentAt[l.ID]
		if l.Fence != 0 && (i == nil || i.Fence != l.Fence) {
			return nil, ledger.ErrFenced
		}
		if i != nil {
			found := i.Intent
			s.Intents[l.ID] = &found
		}
	}
	return s, nil
}

// load puts an account together: what is live, and what is named.
func (a *memAccount) load(grants, holds []core.ID) *core.Account {
	out := a.head
	out.Windows = slices.Clone(out.Windows)
	for _, id := range a.live {
		out.Grants = append(out.Grants, a.grants[id])
	}
	for i, id := range grants {
		if g, ok := a.grants[id]; ok && !slices.Contains(a.live, id) && !slices.Contains(grants[:i], id) {
			out.Grants = append(out.Grants, g)
		}
	}
	for _, id := range a.open {
		out.Holds = append(out.Holds, copyHold(a.holds[id]))
	}
	for i, id := range holds {
		if h, ok := a.holds[id]; ok && !slices.Contains(a.open, id) && !slices.Contains(holds[:i], id) {
			out.Holds = append(out.Holds, copyHold(h))
		}
	}
	return &out
}

// storedGrant is a grant without the mark of having changed.
func storedGrant(g *core.Grant) core.Grant {
	return core.Grant{Terms: g.Terms, Recorded: g.Recorded, Seq: g.Seq, Remaining: g.Remaining, Held: g.Held, Ended: g.Ended, Away: g.Away, Closed: g.Closed}
}

// copyHold is a hold that shares nothing, without the mark of having changed.
func copyHold(h core.Hold) core.Hold {
	return core.Hold{
		ID: h.ID, Amount: h.Amount, Captured: h.Captured, Parts: slices.Clone(h.Parts), State: h.State, Created: h.Created, Expires: h.Expires,
		Resolved: h.Resolved, Protect: h.Protect, Action: h.Action, Card: h.Card, Price: h.Price,
	}
}

var errMisfit = errors.New("the changes do not fit what is stored")

// fits refuses changes before any of them is made.
func (m *memory) fits(c *ledger.Changes) error {
	for _, a := range c.Accounts {
		if a == nil {
			return errMisfit
		}
		have := m.accounts[ledger.AccountKey{Customer: a.Customer, Unit: a.Unit.Code}]
		for i := range a.Entries {
			if have != nil && a.Entries[i].Seq <= int64(len(have.entries)) {
				return fmt.Errorf("entry %d of %s: %w", a.Entries[i].Seq, a.Customer, errMisfit)
			}
		}
	}
	once := map[string]bool{}
	for _, r := range c.Requests {
		if _, ok := m.requests[r.Hash]; ok || once["request "+r.Hash] {
			return fmt.Errorf("request %q: %w", r.Hash, errMisfit)
		}
		once["request "+r.Hash] = true
	}
	for _, r := range c.Reversed {
		if r.Reversed > m.requests[r.Hash].Amount {
			return fmt.Errorf("reversal of %q: %w", r.Hash, errMisfit)
		}
	}
	for _, n := range c.Naturals {
		if _, ok := m.naturals[n.Key]; ok || once["natural "+n.Key] {
			return fmt.Errorf("natural %q: %w", n.Key, errMisfit)
		}
		once["natural "+n.Key] = true
	}
	versions := map[ledger.RecordKey]int64{}
	taken := map[[2]string]ledger.RecordKey{}
	for _, r := range c.Records {
		key := ledger.RecordKey{Kind: r.Kind, ID: r.ID}
		if r.Version != max(m.records[key].Version, versions[key])+1 {
			return fmt.Errorf("version %d of %v: %w", r.Version, key, errMisfit)
		}
		versions[key] = r.Version
		for _, k := range r.Keys {
			at := [2]string{r.Kind, k}
			if other, ok := m.lookUp[at]; ok && other != key {
				return fmt.Errorf("a key of %v: %w", key, errMisfit)
			}
			if other, ok := taken[at]; ok && other != key {
				return fmt.Errorf("a key of %v: %w", key, errMisfit)
			}
			taken[at] = key
		}
	}
	for _, i := range c.Intents {
		if have := m.intentAt[i.ID]; have != nil && (have.Connection != i.Connection || have.Customer != i.Customer || have.Kind != i.Kind) {
			return fmt.Errorf("intent %q: %w", string(i.ID), errMisfit)
		}
	}
	return nil
}

func (m *memory) apply(c *ledger.Changes) {
	for _, a := range c.Accounts {
		m.applyAccount(a)
	}
	for _, r := range c.Requests {
		m.requests[r.Hash] = *r
	}
	for _, r := range c.Reversed {
		stored := m.requests[r.Hash]
		stored.Reversed = r.Reversed
		m.requests[r.Hash] = stored
	}
	for _, id := range c.Bare {
		if a := m.accounts[m.grants[id]]; a != nil {
			g := a.grants[id]
			g.Metadata = nil
			a.grants[id] = g
		}
	}
	for _, r := range c.Cleared {
		if stored, ok := m.requests[r.Hash]; ok {
			stored.Fields, stored.Result = r.Fields, r.Result
			m.requests[r.Hash] = stored
		}
	}
	for _, n := range c.Naturals {
		m.naturals[n.Key] = n.ID
	}
	for _, l := range c.Unlinked {
		key, at := ledger.LinkKey{Connection: l.Connection, Neutral: l.Neutral}, [2]string{l.Connection, l.Vendor}
		same := func(have ledger.Link) bool { return have == l }
		m.links[key] = slices.DeleteFunc(slices.Clone(m.links[key]), same)
		m.vendors[at] = slices.DeleteFunc(slices.Clone(m.vendors[at]), same)
	}
	for _, l := range c.Links {
		m.link(l)
	}
	for _, r := range c.Records {
		m.applyRecord(*r)
	}
	for _, e := range c.Events {
		m.applyEvent(*e)
	}
	for _, i := range c.Intents {
		if m.intentAt[i.ID] == nil {
			first := &memIntent{Intent: *i, pos: len(m.intents)}
			first.Leased = false
			m.intents = append(m.intents, first)
			m.intentAt[i.ID] = first
			m.place(first)
		}
	}
	for _, i := range c.Settled {
		if have := m.intentAt[i.ID]; have != nil {
			have.Body, have.Due, have.State, have.Reason, have.Attempts = i.Body, i.Due, i.State, i.Reason, i.Attempts
			have.RetryAt, have.Settled, have.Tried = i.RetryAt, i.Settled, i.Tried
			if !i.Leased {
				have.until = 0
			}
			m.place(have)
		}
	}
}

func (m *memory) applyAccount(a *core.Account) {
	key := ledger.AccountKey{Customer: a.Customer, Unit: a.Unit.Code}
	have := m.accounts[key]
	if have == nil {
		have = &memAccount{grants: map[core.ID]core.Grant{}, holds: map[core.ID]core.Hold{}}
		m.accounts[key] = have
		at, _ := slices.BinarySearchFunc(m.keys, key, compareKeys)
		m.keys = slices.Insert(m.keys, at, key)
	}
	have.entries = append(have.entries, a.Entries...)
	m.feed = append(m.feed, a.Entries...)
	have.head = core.Account{
		Customer: a.Customer, Unit: core.Unit{Code: a.Unit.Code}, Seq: a.Seq, Head: a.Head, Consumed: a.Consumed, Windows: slices.Clone(a.Windows),
		Became: a.Became, Overdrawn: a.Overdrawn, Stored: a.Stored, Acts: a.Acts,
	}
	for g := range a.ChangedGrants {
		if _, known := have.grants[g.ID]; !known {
			m.grants[g.ID] = key
			at, _ := slices.BinarySearchFunc(have.order, g.Seq, func(id core.ID, seq int64) int { return cmp.Compare(have.grants[id].Seq, seq) })
			have.order = slices.Insert(have.order, at, g.ID)
		}
		have.grants[g.ID] = storedGrant(g)
		have.live = keepID(have.live, g.ID, g.Remaining > 0)
	}
	for h := range a.ChangedHolds {
		if was := m.holds[h.ID]; was != key && m.accounts[was] != nil {
			other := m.accounts[was]
			delete(other.holds, h.ID)
			other.open = keepID(other.open, h.ID, false)
		}
		m.holds[h.ID] = key
		have.holds[h.ID] = copyHold(*h)
		have.open = keepID(have.open, h.ID, h.State == core.HoldOpen)
	}
}

// keepID has an id in a list, or not.
func keepID(list []core.ID, id core.ID, in bool) []core.ID {
	at := slices.Index(list, id)
	switch {
	case in && at < 0:
		return append(list, id)
	case !in && at >= 0:
		return slices.Delete(list, at, at+1)
	}
	return list
}

// compareKeys is the order of listings: bucket, customer and unit.
func compareKeys(a, b ledger.AccountKey) int {
	return cmp.Or(cmp.Compare(core.Bucket(a.Customer), core.Bucket(b.Customer)), strings.Compare(a.Customer+"/"+a.Unit, b.Customer+"/"+b.Unit))
}

func (m *memory) link(l ledger.Link) {
	key, at := ledger.LinkKey{Connection: l.Connection, Neutral: l.Neutral}, [2]string{l.Connection, l.Vendor}
	if slices.Contains(m.links[key], l) {
		return
	}
	m.links[key] = append(slices.Clone(m.links[key]), l)
	slices.SortFunc(m.links[key], func(a, b ledger.Link) int {
		return cmp.Or(strings.Compare(a.Role, b.Role), strings.Compare(a.Vendor, b.Vendor))
	})
	m.vendors[at] = append(slices.Clone(m.vendors[at]), l)
	slices.SortFunc(m.vendors[at], func(a, b ledger.Link) int {
		return cmp.Or(strings.Compare(a.Neutral, b.Neutral), strings.Compare(a.Role, b.Role))
	})
}

func (m *memory) applyRecord(r ledger.Record) {
	key := ledger.RecordKey{Kind: r.Kind, ID: r.ID}
	old, known := m.records[key]
	if !known {
		at, _ := slices.BinarySearch(m.kinds[r.Kind], r.ID)
		m.kinds[r.Kind] = slices.Insert(m.kinds[r.Kind], at, r.ID)
	}
	for _, k := range old.Keys {
		delete(m.lookUp, [2]string{r.Kind, k})
	}
	for _, k := range r.Keys {
		m.lookUp[[2]string{r.Kind, k}] = key
	}
	m.records[key] = r
}

func (m *memory) applyEvent(e ledger.Event) {
	have := m.eventAt[e.ID]
	if have == nil {
		have = &memEvent{Event: e, pos: len(m.events)}
		m.events = append(m.events, have)
		m.eventAt[e.ID] = have
	} else {
		if len(e.Body) == 0 {
			have.Body = []byte{}
		}
		have.until, have.Type, have.State, have.Reason, have.Attempts, have.RetryAt, have.Settled = 0, e.Type, e.State, e.Reason, e.Attempts, e.RetryAt, e.Settled
	}
	m.unread = slices.DeleteFunc(m.unread, func(x *memEvent) bool { return x == have })
	if have.State == ledger.Waiting {
		at, _ := slices.BinarySearchFunc(m.unread, have.pos, func(x *memEvent, pos int) int { return cmp.Compare(x.pos, pos) })
		m.unread = slices.Insert(m.unread, at, have)
	}
}

// place files an intent in its stream, or takes it out.
func (m *memory) place(i *memIntent) {
	at := [2]string{i.Connection, i.Customer}
	list := slices.DeleteFunc(m.streams[at], func(x *memIntent) bool { return x == i })
	if i.State == ledger.Waiting || i.State == ledger.Parked {
		n, _ := slices.BinarySearchFunc(list, i, compareIntents)
		list = slices.Insert(list, n, i)
	}
	m.streams[at] = list
}

func compareIntents(a, b *memIntent) int {
	return cmp.Or(cmp.Compare(a.Due, b.Due), cmp.Compare(a.pos, b.pos))
}

// Forget implements [ledger.Store].
func (m *memory) Forget(ctx context.Context, before core.Time, n int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.write.Lock()
	defer m.write.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	var old []*memEvent
	for _, e := range m.events {
		if (e.State == ledger.Applied || e.State == ledger.Ignored) && len(e.Body) > 0 && e.Received < before {
			old = append(old, e)
		}
	}
	slices.SortStableFunc(old, func(a, b *memEvent) int { return cmp.Compare(a.Received, b.Received) })
	old = old[:min(n, len(old))]
	for _, e := range old {
		e.Body = []byte{}
	}
	return len(old), nil
}

// Claim implements [ledger.Store].
func (m *memory) Claim(ctx context.Context, q ledger.Queue, now, wall core.Time, n int, lease time.Duration) ([]ledger.Claimed, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.write.Lock()
	defer m.write.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	var items []ledger.Claimed
	if q == ledger.Inbox {
		for _, e := range m.unread {
			if len(items) < n && e.RetryAt <= wall && e.until <= wall {
				e.Fence++
				e.until = wall.Add(lease)
				found := e.Event
				items = append(items, ledger.Claimed{Event: &found})
			}
		}
		return items, nil
	}
	var heads []*memIntent
	for _, list := range m.streams {
		if len(list) == 0 {
			continue
		}
		if i := list[0]; i.State == ledger.Waiting && i.Due <= now && i.RetryAt <= wall && i.until <= wall {
			heads = append(heads, i)
		}
	}
	slices.SortFunc(heads, compareIntents)
	for _, i := range heads[:min(n, len(heads))] {
		i.Fence++
		i.until = wall.Add(lease)
		found := i.Intent
		items = append(items, ledger.Claimed{Intent: &found})
	}
	return items, nil
}
