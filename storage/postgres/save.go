package postgres

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"scrip/core"
	"scrip/core/ledger"
)

func compareText(a, b string) int { return strings.Compare(a, b) }

// The refusals of changes that do not fit what is stored.
var (
	// errVersion says that a record was written by somebody else meanwhile.
	errVersion = errors.New("the record has another version")
	// errIntent says that two orders would have one id: the second would never
	// reach its vendor.
	errIntent = errors.New("the id of an intent belongs to another customer's")
)

// save is what one try of a commit writes.
type save struct {
	load    *load
	changes *ledger.Changes
	writer  int64
	fills   []filled
}

// filled is a statement and its rows.
type filled struct {
	form *form
	fill *fill
}

func newSave(l *load, c *ledger.Changes) *save {
	return &save{load: l, changes: c, writer: rand.Int64()}
}

// needs are the buckets whose fence the changes move: those of the rows that
// have positions or versions, or, where there is none, of any row.
func (s *save) needs() []int {
	var in [core.BucketCount]bool
	c := s.changes
	for _, a := range c.Accounts {
		in[core.Bucket(a.Customer)] = true
	}
	for _, e := range c.Events {
		in[place(string(e.ID))] = true
	}
	for _, list := range [][]*ledger.Intent{c.Intents, c.Settled} {
		for _, i := range list {
			in[place(string(i.ID))] = true
		}
	}
	for _, r := range c.Records {
		in[place(r.ID)] = true
	}
	for _, list := range [][]ledger.Link{c.Unlinked, c.Links} {
		for _, l := range list {
			in[place(l.Neutral)] = true
		}
	}
	for _, id := range c.Bare {
		in[place(string(id))] = true
	}
	if in == [core.BucketCount]bool{} {
		for _, n := range c.Naturals {
			in[core.Bucket(n.Key)] = true
		}
		for _, list := range [][]*ledger.Request{c.Requests, c.Reversed, c.Cleared} {
			for _, r := range list {
				in[core.Bucket(r.Customer)] = true
			}
		}
	}
	var list []int
	for bucket, is := range in {
		if is {
			list = append(list, bucket)
		}
	}
	return list
}

// rows gathers the rows of a statement.
func (s *save) rows(f *form, width int) *fill {
	fill := newFill(s.load.store.one.Load(), width)
	s.fills = append(s.fills, filled{f, fill})
	return fill
}

// build gathers all rows, in the order in which they are written.
func (s *save) build() error {
	moved := s.rows(&moveBuckets, 5)
	s.accounts()
	s.requests()
	s.naturals()
	if err := s.records(); err != nil {
		return err
	}
	s.links()
	if err := s.queues(); err != nil {
		return err
	}
	for bucket := range core.BucketCount {
		if f := s.load.fences[bucket]; f != nil && f.moved {
			moved.row(bucket).longs(f.nextPos, f.nextItem, f.found.version+1, int64(max(f.at, s.changes.At)), s.writer)
		}
	}
	return nil
}

// trip is everything in one: what is written and the commit.
func (s *save) trip() *trip {
	var t trip
	for _, f := range s.fills {
		f.fill.add(&t, f.form, nil)
	}
	t.add(commitText, nil)
	return &t
}

// accounts writes the rows of accounts, their changed grants and holds, and
// appends their entries.
func (s *save) accounts() {
	if len(s.changes.Accounts) == 0 {
		return
	}
	move, put := s.rows(&moveAccounts, 6), s.rows(&putAccounts, 11)
	moveGrant, turn, add := s.rows(&moveGrants, 4), s.rows(&turnGrants, 7), s.rows(&addGrants, 20)
	holds, entries := s.rows(&putHolds, 13), s.rows(&addEntries, 10)
	seen := make(map[*core.Account]bool, len(s.changes.Accounts))
	for _, a := range byPlace(s.changes.Accounts, func(a *core.Account) (int, string) { return core.Bucket(a.Customer), a.Customer }) {
		if seen[a] {
			continue
		}
		seen[a] = true
		key := ledger.AccountKey{Customer: a.Customer, Unit: a.Unit.Code}
		name, bucket := accountName(key), bucketOf(key)
		was, known := s.load.loaded[key]
		s.head(a, move, put, name, bucket, was, known)
		for g := range a.ChangedGrants {
			row, old := was.grants[g.ID]
			switch live := g.Remaining > 0; {
			case !old:
				addGrant(add.row(bucket), name, g)
			case g.Closed == row.closed && live == row.live && g.Away == row.away:
				moveGrant.row(bucket).text(string(g.ID)).longs(int64(g.Remaining), int64(g.Held), int64(g.Ended))
			default:
				turn.row(bucket).text(string(g.ID)).longs(int64(g.Remaining), int64(g.Held), int64(g.Ended), int64(g.Away)).text(string(g.Closed)).bool(live)
			}
		}
		for h := range a.ChangedHolds {
			holds.row(bucket).text(name).text(string(h.ID)).text(string(h.State)).longs(int64(h.Amount), int64(h.Captured)).
				text(jsonText(h.Parts, len(h.Parts) == 0)).longs(int64(h.Created), int64(h.Expires), int64(h.Resolved)).bool(h.Protect).
				text(h.Action).text(h.Card).text(h.Price)
		}
		f := s.load.fences[bucket]
		for i := range a.Entries {
			e := &a.Entries[i]
			entries.row(bucket).longs(f.nextPos).text(name).longs(e.Seq).text(string(e.Kind)).text(string(e.Grant)).text(string(e.Source)).
				longs(int64(e.Amount), int64(e.Effective), int64(e.Recorded)).blob(e.Hash[:])
			f.nextPos++
		}
	}
}

// head writes the account's own row. The due instant is indexed, so it is
// written only when it, or what hardly ever does, moved.
func (s *save) head(a *core.Account, move, put *fill, name string, bucket int, was loadedAccount, known bool) {
	due, open := a.NextDue(), int64(0)
	for i := range a.Holds {
		if a.Holds[i].State == core.HoldOpen {
			open++
		}
	}
	plain := known && due == was.due && a.Became == was.became && a.Overdrawn == was.overdrawn && !a.Kept()
	into := put
	if plain {
		into = move
	}
	g := into.row(bucket).text(name).longs(a.Seq).blob(a.Head[:]).longs(int64(a.Consumed), open).text(formatWindows(a.Windows))
	if !plain {
		g.longs(int64(due)).text(a.Became).longs(int64(a.Overdrawn)).text(a.Stored).longs(int64(a.Acts))
	}
}

func addGrant(row *group, name string, g *core.Grant) {
	row.text(name).bool(g.Remaining > 0).text(string(g.ID)).longs(g.Seq, int64(g.Amount), int64(g.Remaining), int64(g.Held), int64(g.Ended), int64(g.Away)).
		text(string(g.Closed)).text(string(g.Category)).longs(int64(g.Priority), int64(g.Starts), int64(g.Expires), int64(g.Paid.Minor)).
		text(string(g.Paid.Currency)).text(jsonText(g.Actions, len(g.Actions) == 0)).text(string(g.Source)).
		text(jsonText(g.Metadata, len(g.Metadata) == 0)).longs(int64(g.Recorded))
}

func (s *save) requests() {
	add := s.rows(&addRequests, 12)
	for _, r := range byPlace(s.changes.Requests, func(r *ledger.Request) (int, string) { return core.Bucket(r.Customer), r.Hash }) {
		add.row(core.Bucket(r.Customer)).text(r.Hash).text(r.Operation).text(r.Key).text(r.Customer+"/"+r.Unit).text(r.Fields).text(string(r.Code)).
			blob(r.Result).longs(r.FirstSeq, r.LastSeq, int64(r.Amount), int64(r.Reversed), int64(r.At))
	}
	move := s.rows(&moveRequests, 2)
	for _, r := range last(s.changes.Reversed, func(r *ledger.Request) string { return r.Hash }) {
		move.row(core.Bucket(r.Customer)).text(r.Hash).longs(int64(r.Reversed))
	}
	bare := s.rows(&bareGrants, 2)
	for _, id := range s.changes.Bare {
		bare.row(place(string(id))).text(string(id)).text("")
	}
	cleared := s.rows(&clearRequests, 3)
	for _, r := range last(s.changes.Cleared, func(r *ledger.Request) string { return r.Hash }) {
		cleared.row(core.Bucket(r.Customer)).text(r.Hash).text(r.Fields).blob(r.Result)
	}
}

// byPlace is a list in the order of its keys, in which it is written quickest
// and in which all lock it.
func byPlace[T any](list []T, key func(T) (int, string)) []T {
	type placed struct {
		bucket int
		key    string
		value  T
	}
	order := make([]placed, len(list))
	for i, v := range list {
		order[i].value = v
		order[i].bucket, order[i].key = key(v)
	}
	slices.SortStableFunc(order, func(a, b placed) int {
		return cmp.Or(a.bucket-b.bucket, strings.Compare(a.key, b.key))
	})
	sorted := make([]T, len(list))
	for i := range order {
		sorted[i] = order[i].value
	}
	return sorted
}

// last is what stands of a list in which later ones replace earlier ones: a
// statement writes a row once.
func last[T any, K comparable](list []T, key func(T) K) []T {
	if len(list) < 2 {
		return list
	}
	at := make(map[K]int, len(list))
	for i, v := range list {
		at[key(v)] = i
	}
	if len(at) == len(list) {
		return list
	}
	kept := make([]T, 0, len(at))
	for i, v := range list {
		if at[key(v)] == i {
			kept = append(kept, v)
		}
	}
	return kept
}

func (s *save) naturals() {
	add := s.rows(&addNaturals, 2)
	for _, n := range s.changes.Naturals {
		add.row(core.Bucket(n.Key)).text(n.Key).text(string(n.ID))
	}
}

// records writes the newest of each record, and its look-up keys instead of
// those of the version that is stored.
func (s *save) records() error {
	version := map[ledger.RecordKey]int64{}
	key := func(r *ledger.Record) ledger.RecordKey { return ledger.RecordKey{Kind: r.Kind, ID: r.ID} }
	for _, r := range s.changes.Records {
		at, begun := version[key(r)]
		if stored := s.load.records[key(r)]; !begun && stored != nil {
			at = stored.Version
		}
		if r.Version != at+1 {
			return fmt.Errorf("record %q %q: %w", r.Kind, r.ID, errVersion)
		}
		version[key(r)] = r.Version
	}
	drop, add, put := newFill(s.load.store.one.Load(), 3), newFill(s.load.store.one.Load(), 3), s.rows(&putRecords, 7)
	for _, r := range last(s.changes.Records, key) {
		if stored := s.load.records[key(r)]; stored != nil {
			for _, k := range stored.Keys {
				drop.row(core.Bucket(k)).text(r.Kind).text(k).text(r.ID)
			}
		}
		put.row(place(r.ID)).text(r.Kind).text(r.ID).longs(r.Version).text(jsonText(r.Keys, len(r.Keys) == 0)).blob(r.Body).bool(r.Deleted).longs(int64(r.At))
		for _, k := range r.Keys {
			add.row(core.Bucket(k)).text(r.Kind).text(k).text(r.ID)
		}
	}
	s.fills = append(s.fills, filled{&dropKeys, drop}, filled{&addKeys, add})
	return nil
}

func (s *save) links() {
	drop := s.rows(&dropLinks, 4)
	for _, l := range s.changes.Unlinked {
		drop.row(place(l.Neutral)).text(l.Connection).text(l.Neutral).text(l.Role).text(l.Vendor)
	}
	add := s.rows(&addLinks, 4)
	for _, l := range s.changes.Links {
		add.row(place(l.Neutral)).text(l.Connection).text(l.Neutral).text(l.Role).text(l.Vendor)
	}
}

func (s *save) queues() error {
	item := func(bucket int) int64 {
		f := s.load.fences[bucket]
		f.nextItem++
		return f.nextItem - 1
	}
	events := s.rows(&putEvents, 15)
	for _, e := range last(s.changes.Events, func(e *ledger.Event) core.ID { return e.ID }) {
		bucket := place(string(e.ID))
		events.row(bucket).longs(item(bucket), 0).text(string(e.ID)).text(e.Connection).text(e.VendorID).text(e.Type).blob(e.Body).text(e.Digest).
			longs(int64(e.Received)).text(string(e.State)).text(e.Reason).longs(int64(e.Attempts), int64(e.RetryAt), e.Fence, int64(e.Settled))
	}
	intents, first := s.rows(&addIntents, 17), map[core.ID]*ledger.Intent{}
	for _, i := range s.changes.Intents {
		if f := first[i.ID]; f != nil {
			if f.Connection != i.Connection || f.Customer != i.Customer || f.Kind != i.Kind {
				return fmt.Errorf("intent %q of customer %q: %w", string(i.ID), i.Customer, errIntent)
			}
			continue
		}
		first[i.ID] = i
		bucket := place(string(i.ID))
		intents.row(bucket).longs(item(bucket), 0).text(string(i.ID)).text(i.Connection).text(i.Customer).text(i.Kind).text(i.Ref).blob(i.Body).
			longs(int64(i.Due)).text(string(i.State)).text(i.Reason).longs(int64(i.Attempts), int64(i.RetryAt), i.Fence, int64(i.Created), int64(i.Settled)).
			bool(i.Tried)
	}
	settle := s.rows(&settleIntents, 10)
	for _, i := range last(s.changes.Settled, func(i *ledger.Intent) core.ID { return i.ID }) {
		settle.row(place(string(i.ID))).text(string(i.ID)).blob(i.Body).longs(int64(i.Due)).text(string(i.State)).text(i.Reason).
			longs(int64(i.Attempts), int64(i.RetryAt), int64(i.Settled)).bool(i.Tried).bool(i.Leased)
	}
	return nil
}

// missing are the buckets of needs whose fence is not held.
func (s *save) missing(needs []int) []int {
	return slices.DeleteFunc(slices.Clone(needs), func(bucket int) bool { return s.load.fences[bucket] != nil })
}

// unread are the changed records whose stored version is not known yet.
func (s *save) unread() []ledger.RecordKey {
	var list []ledger.RecordKey
	for _, r := range s.changes.Records {
		key := ledger.RecordKey{Kind: r.Kind, ID: r.ID}
		if _, read := s.load.records[key]; !read && !slices.Contains(list, key) {
			list = append(list, key)
		}
	}
	return list
}
