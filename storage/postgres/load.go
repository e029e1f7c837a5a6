package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"scrip/core"
	"scrip/core/ledger"
)

// fence is the row of a bucket that a commit holds.
type fence struct {
	found    mark
	nextPos  int64
	nextItem int64
	at       core.Time
	moved    bool // rows of the bucket are written
}

// load is what one try of a commit reads.
type load struct {
	store  *Store
	c      *session
	batch  *ledger.Batch
	state  *ledger.State
	fences map[int]*fence
	loaded map[ledger.AccountKey]loadedAccount
	// records are those that were read, as they were, nil where there is none.
	records map[ledger.RecordKey]*ledger.Record
	named   struct {
		grants []named[core.Grant]
		holds  []named[core.Hold]
	}
}

type named[T any] struct {
	key   ledger.AccountKey
	value T
}

func newLoad(c *session, b *ledger.Batch) *load {
	return &load{
		store: c.store, c: c, batch: b, fences: map[int]*fence{}, records: map[ledger.RecordKey]*ledger.Record{}, loaded: make(map[ledger.AccountKey]loadedAccount, len(b.Accounts)),
		state: &ledger.State{
			Requests: make(map[string]*ledger.Request, len(b.Requests)),
			Accounts: make(map[ledger.AccountKey]*core.Account, len(b.Accounts)),
			Naturals: map[string]core.ID{}, Records: map[ledger.RecordKey]*ledger.Record{},
			Links: map[ledger.LinkKey][]ledger.Link{}, Events: map[core.ID]*ledger.Event{}, Intents: map[core.ID]*ledger.Intent{},
		},
	}
}

// bucketsOf are the buckets of what a batch names, ascending. Answers
// need no fence: whoever takes a key that is being taken is refused by its
// index, looks again and finds it.
func bucketsOf(b *ledger.Batch, more []int) []int {
	var in [core.BucketCount]bool
	at := func(bucket int) {
		if bucket >= 0 {
			in[bucket] = true
		}
	}
	for _, key := range b.Accounts {
		at(bucketOf(key))
	}
	for _, list := range [][]core.ID{b.Grants, b.Holds} {
		for _, id := range list {
			at(id.Bucket())
		}
	}
	for _, key := range b.Naturals { // that one is not there is what a decision may rest on
		at(core.Bucket(key))
	}
	for _, key := range b.Records {
		at(place(key.ID))
	}
	for _, key := range b.Links {
		at(place(key.Neutral))
	}
	for _, list := range [][]ledger.Lease{b.Events, b.Intents} {
		for _, lease := range list {
			at(place(string(lease.ID)))
		}
	}
	for _, bucket := range more {
		at(bucket)
	}
	var list []int
	for bucket, is := range in {
		if is {
			list = append(list, bucket)
		}
	}
	return list
}

// run takes the fences of some buckets and reads what the batch names.
func (l *load) run(ctx context.Context, buckets []int) error {
	taken := l.takeCached()
	var t trip
	if len(buckets)+len(l.batch.Requests) > 0 {
		t.add(beginText, nil)
	}
	l.lock(&t, buckets)
	l.askRequests(&t, buckets)
	l.askAccounts(&t, slices.Values(l.batch.Accounts), taken)
	l.askRest(&t)
	if err := l.c.run(ctx, &t); err != nil {
		return err
	}
	if err := l.refresh(ctx, taken); err != nil {
		return err
	}
	l.place()
	return l.held()
}

// lock takes fences, in the order of their buckets.
func (l *load) lock(t *trip, buckets []int) {
	each := func(r *row) error {
		bucket := int(r.int())
		f := &fence{nextPos: r.int(), nextItem: r.int()}
		f.found.version = r.int()
		f.at = r.time()
		f.found.writer = r.int()
		l.fences[bucket] = f
		l.state.At = max(l.state.At, f.at)
		return nil
	}
	switch {
	case len(buckets) == 0:
	case l.store.one.Load() || len(buckets) == 1:
		for _, bucket := range buckets {
			t.add(lockBuckets.one, each, intOf(bucket))
		}
	default:
		list := array{kind: typeInt}
		for _, bucket := range buckets {
			list.int(bucket)
		}
		t.add(lockBuckets.many, each, list.value())
	}
}

// askRequests finds stored answers. They lie in their customer's bucket, which
// on one node needs not be known.
func (l *load) askRequests(t *trip, buckets []int) {
	if len(l.batch.Requests) == 0 {
		return
	}
	each := func(r *row) error {
		q := r.request()
		l.state.Requests[q.Hash] = q
		return nil
	}
	hashes := texts(l.batch.Requests...)
	if !l.store.one.Load() || len(l.batch.Accounts) == 0 {
		t.add(findRequests.many, each, hashes)
		return
	}
	for _, bucket := range buckets {
		t.add(findRequests.one, each, intOf(bucket), hashes)
	}
}

// keyed builds the arrays of a reading statement, of one bucket or of several.
type keyed struct {
	form *form
	fill *fill
}

func (l *load) keyed(f *form, columns int) keyed {
	return keyed{f, newFill(l.store.one.Load(), columns)}
}

func (k keyed) ask(t *trip, each func(*row) error) { k.fill.add(t, k.form, each) }

// takeCached takes what the cache has of the batch's accounts.
func (l *load) takeCached() map[ledger.AccountKey]mark {
	taken := make(map[ledger.AccountKey]mark, len(l.batch.Accounts))
	for _, key := range l.batch.Accounts {
		if _, have := taken[key]; have {
			continue
		}
		if c, mark, ok := l.store.cache.take(key); ok {
			taken[key], l.loaded[key], l.state.Accounts[key] = mark, c.loaded, c.account
		}
	}
	return taken
}

// refresh reads those of the taken accounts again whose bucket somebody else
// has written to.
func (l *load) refresh(ctx context.Context, taken map[ledger.AccountKey]mark) error {
	var stale []ledger.AccountKey
	for key, mark := range taken {
		if f := l.fences[bucketOf(key)]; f == nil || f.found != mark {
			stale = append(stale, key)
			delete(l.loaded, key)
			delete(l.state.Accounts, key)
		}
	}
	if len(stale) == 0 {
		return nil
	}
	slices.SortFunc(stale, func(a, b ledger.AccountKey) int { return compareText(accountName(a), accountName(b)) })
	var t trip
	l.askAccounts(&t, slices.Values(stale), nil)
	return l.c.run(ctx, &t)
}

// askAccounts reads accounts, their live grants and their open holds, except
// those that were taken.
func (l *load) askAccounts(t *trip, keys func(func(ledger.AccountKey) bool), except map[ledger.AccountKey]mark) {
	accounts := l.keyed(&findAccounts, 1)
	asked := map[ledger.AccountKey]bool{}
	for key := range keys {
		if _, have := except[key]; have || asked[key] {
			continue
		}
		asked[key] = true
		accounts.fill.row(bucketOf(key)).text(accountName(key))
	}
	if len(asked) == 0 {
		return
	}
	accounts.ask(t, func(r *row) error {
		a, due := r.account()
		key := ledger.AccountKey{Customer: a.Customer, Unit: a.Unit.Code}
		l.state.Accounts[key] = a
		l.loaded[key] = loadedAccount{due, a.Became, a.Overdrawn, map[core.ID]grantRow{}}
		return nil
	})
	keyed{&findGrants, accounts.fill}.ask(t, func(r *row) error {
		key := accountKey(r.text())
		g := r.grant()
		if a := l.state.Accounts[key]; a != nil {
			a.Grants = append(a.Grants, g)
			l.loaded[key].grants[g.ID] = grantRow{true, g.Closed, g.Away}
		}
		return nil
	})
	keyed{&findHolds, accounts.fill}.ask(t, func(r *row) error {
		key := accountKey(r.text())
		h := r.hold()
		if a := l.state.Accounts[key]; a != nil {
			a.Holds = append(a.Holds, h)
		}
		return nil
	})
}

// askRest reads all else that the batch names.
func (l *load) askRest(t *trip) {
	b := l.batch
	grants := l.keyed(&nameGrants, 1)
	for _, id := range b.Grants {
		if bucket := id.Bucket(); bucket >= 0 {
			grants.fill.row(bucket).text(string(id))
		}
	}
	grants.ask(t, func(r *row) error {
		l.named.grants = append(l.named.grants, named[core.Grant]{accountKey(r.text()), r.grant()})
		return nil
	})
	holds := l.keyed(&nameHolds, 1)
	for _, id := range b.Holds {
		if bucket := id.Bucket(); bucket >= 0 {
			holds.fill.row(bucket).text(string(id))
		}
	}
	holds.ask(t, func(r *row) error {
		l.named.holds = append(l.named.holds, named[core.Hold]{accountKey(r.text()), r.hold()})
		return nil
	})
	naturals := l.keyed(&findNaturals, 1)
	for _, key := range b.Naturals {
		naturals.fill.row(core.Bucket(key)).text(key)
	}
	naturals.ask(t, func(r *row) error {
		l.state.Naturals[r.text()] = r.id()
		return nil
	})
	l.askRecords(t, b.Records)
	links := l.keyed(&findLinks, 2)
	for _, key := range b.Links {
		if _, have := l.state.Links[key]; !have {
			l.state.Links[key] = nil
			links.fill.row(place(key.Neutral)).text(key.Connection).text(key.Neutral)
		}
	}
	links.ask(t, func(r *row) error {
		k := r.link()
		key := ledger.LinkKey{Connection: k.Connection, Neutral: k.Neutral}
		l.state.Links[key] = append(l.state.Links[key], k)
		return nil
	})
	l.askQueues(t)
}

func (l *load) askRecords(t *trip, keys []ledger.RecordKey) {
	records := l.keyed(&findRecords, 2)
	for _, key := range keys {
		if _, have := l.records[key]; !have {
			l.records[key] = nil
			records.fill.row(place(key.ID)).text(key.Kind).text(key.ID)
		}
	}
	records.ask(t, func(r *row) error {
		rec := r.record()
		l.records[ledger.RecordKey{Kind: rec.Kind, ID: rec.ID}] = &rec
		return nil
	})
}

// askQueues reads claimed items. Their rows are kept from claims, which take
// no fence.
func (l *load) askQueues(t *trip) {
	events := l.keyed(&findEvents, 1)
	for _, id := range leased(l.batch.Events) {
		events.fill.row(place(string(id))).text(string(id))
	}
	events.ask(t, func(r *row) error {
		e := r.event()
		l.state.Events[e.ID] = &e
		return nil
	})
	intents := l.keyed(&findIntents, 1)
	for _, id := range leased(l.batch.Intents) {
		intents.fill.row(place(string(id))).text(string(id))
	}
	intents.ask(t, func(r *row) error {
		i := r.intent()
		l.state.Intents[i.ID] = &i
		return nil
	})
}

// leased are the ids of claimed items in one order, each once.
func leased(list []ledger.Lease) []core.ID {
	ids := map[core.ID]bool{}
	for _, lease := range list {
		ids[lease.ID] = true
	}
	return slices.Sorted(maps.Keys(ids))
}

// place puts together what was read in parts.
func (l *load) place() {
	for _, key := range l.batch.Records {
		l.state.Records[key] = nil
		if r := l.records[key]; r != nil {
			found := *r
			l.state.Records[key] = &found
		}
	}
	for _, n := range l.named.grants {
		if a := l.state.Accounts[n.key]; a != nil && a.Grant(n.value.ID) == nil {
			a.Grants = append(a.Grants, n.value)
			l.loaded[n.key].grants[n.value.ID] = grantRow{n.value.Remaining > 0, n.value.Closed, n.value.Away}
		}
	}
	for _, n := range l.named.holds {
		if a := l.state.Accounts[n.key]; a != nil && a.Hold(n.value.ID) == nil {
			a.Holds = append(a.Holds, n.value)
		}
	}
}

// held checks that each claimed item is still held.
func (l *load) held() error {
	for _, lease := range l.batch.Events {
		if e := l.state.Events[lease.ID]; lease.Fence != 0 && (e == nil || e.Fence != lease.Fence) {
			return fmt.Errorf("event %q: %w", string(lease.ID), ledger.ErrFenced)
		}
	}
	for _, lease := range l.batch.Intents {
		if i := l.state.Intents[lease.ID]; lease.Fence != 0 && (i == nil || i.Fence != lease.Fence) {
			return fmt.Errorf("intent %q: %w", string(lease.ID), ledger.ErrFenced)
		}
	}
	return nil
}
