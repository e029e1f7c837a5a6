package storetest

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"scrip/core"
	"scrip/core/ledger"
)

// modelReader reads a model; one value answers all the small interfaces.
type modelReader struct{ m *model }

// modelQueues is apart because its method names differ only by type.
type modelQueues struct{ modelReader }

// Reader implements [ledger.Store].
func (m *model) Reader() ledger.Reader {
	r := modelReader{m}
	return ledger.Reader{Accounts: r, Entries: r, Queues: modelQueues{r}, Records: r, Links: r}
}

// tables is a copy of what is committed.
func (r modelReader) tables() tables {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	return r.m.tables.clone()
}

// first cuts a list.
func first[T any](list []T, limit int) []T { return list[:min(limit, len(list))] }

func keep[T any](list []T, is func(T) bool) []T {
	var kept []T
	for _, v := range list {
		if is(v) {
			kept = append(kept, v)
		}
	}
	return kept
}

func pointer[T any](list []T) *T {
	if len(list) == 0 {
		return nil
	}
	return &list[0]
}

// Account implements [ledger.AccountReader].
func (r modelReader) Account(_ context.Context, key ledger.AccountKey) (*core.Account, error) {
	t := r.tables()
	return t.account(key, nil, nil), nil
}

// Grant implements [ledger.AccountReader].
func (r modelReader) Grant(_ context.Context, id core.ID) (ledger.AccountKey, *core.Grant, error) {
	if o := pointer(keep(r.tables().grants, func(o owned[core.Grant]) bool { return o.value.ID == id })); o != nil {
		return o.key, &o.value, nil
	}
	return ledger.AccountKey{}, nil, nil
}

// Hold implements [ledger.AccountReader].
func (r modelReader) Hold(_ context.Context, id core.ID) (ledger.AccountKey, *core.Hold, error) {
	if o := pointer(keep(r.tables().holds, func(o owned[core.Hold]) bool { return o.value.ID == id })); o != nil {
		return o.key, &o.value, nil
	}
	return ledger.AccountKey{}, nil, nil
}

// Holds implements [ledger.AccountReader].
func (r modelReader) Holds(_ context.Context, key ledger.AccountKey, before core.ID, limit int) ([]core.Hold, error) {
	var list []core.Hold
	for _, o := range r.tables().holds {
		if o.key == key {
			list = append(list, o.value)
		}
	}
	slices.SortFunc(list, func(a, b core.Hold) int {
		return cmp.Or(cmp.Compare(b.Created, a.Created), strings.Compare(string(b.ID), string(a.ID)))
	})
	if before != "" {
		at := slices.IndexFunc(list, func(h core.Hold) bool { return h.ID == before })
		list = list[at+1:]
	}
	return first(list, limit), nil
}

// Grants implements [ledger.AccountReader].
func (r modelReader) Grants(_ context.Context, key ledger.AccountKey, afterSeq int64, limit int) ([]core.Grant, error) {
	var list []core.Grant
	for _, o := range r.tables().grants {
		if o.key == key && o.value.Seq > afterSeq {
			list = append(list, o.value)
		}
	}
	slices.SortFunc(list, func(a, b core.Grant) int { return cmp.Compare(a.Seq, b.Seq) })
	return first(list, limit), nil
}

// Entries implements [ledger.EntryReader].
func (r modelReader) Entries(_ context.Context, key ledger.AccountKey, afterSeq int64, limit int) ([]core.Entry, error) {
	return first(keep(r.tables().entries, func(e core.Entry) bool {
		return e.Customer == key.Customer && e.Unit == key.Unit && e.Seq > afterSeq
	}), limit), nil
}

// Feed implements [ledger.EntryReader].
func (r modelReader) Feed(_ context.Context, after string, limit int) ([]core.Entry, string, error) {
	pos := 0
	if after != "" {
		var err error
		if pos, err = strconv.Atoi(after); err != nil || pos < 0 || pos > len(r.tables().entries) {
			return nil, after, ledger.ErrCursor
		}
	}
	list := first(slices.Clone(r.tables().entries[pos:]), limit)
	if len(list) == 0 {
		return nil, after, nil
	}
	return list, strconv.Itoa(pos + len(list)), nil
}

// Request implements [ledger.EntryReader].
func (r modelReader) Request(_ context.Context, hash string) (*ledger.Request, error) {
	if req, ok := r.tables().requests[hash]; ok {
		return &req, nil
	}
	return nil, nil
}

// Keys implements [ledger.EntryReader]: by bucket, customer and unit.
func (r modelReader) Keys(_ context.Context, after ledger.AccountKey, limit int) ([]ledger.AccountKey, error) {
	var list []ledger.AccountKey
	order := func(a, b ledger.AccountKey) int {
		return cmp.Or(cmp.Compare(core.Bucket(a.Customer), core.Bucket(b.Customer)), strings.Compare(a.Customer+"/"+a.Unit, b.Customer+"/"+b.Unit))
	}
	for key := range r.tables().accounts {
		if after == (ledger.AccountKey{}) || order(key, after) > 0 {
			list = append(list, key)
		}
	}
	slices.SortFunc(list, order)
	return first(list, limit), nil
}

// Due implements [ledger.EntryReader].
func (r modelReader) Due(_ context.Context, now core.Time, limit int) ([]ledger.AccountKey, core.Time, error) {
	t, next := r.tables(), core.Never
	due := map[ledger.AccountKey]core.Time{}
	var list []ledger.AccountKey
	for key := range t.accounts {
		switch at := t.account(key, nil, nil).NextDue(); {
		case at <= now && at < core.Never:
			due[key] = at
			list = append(list, key)
		case at < next:
			next = at
		}
	}
	slices.SortFunc(list, func(a, b ledger.AccountKey) int { return cmp.Compare(due[a], due[b]) })
	return first(list, limit), next, nil
}

// Record implements [ledger.RecordReader].
func (r modelReader) Record(_ context.Context, key ledger.RecordKey) (*ledger.Record, error) {
	if rec, ok := r.tables().records[key]; ok {
		return &rec, nil
	}
	return nil, nil
}

// ByKey implements [ledger.RecordReader].
func (r modelReader) ByKey(_ context.Context, kind, key string) (*ledger.Record, error) {
	for k, rec := range r.tables().records {
		if k.Kind == kind && slices.Contains(rec.Keys, key) {
			return &rec, nil
		}
	}
	return nil, nil
}

// List implements [ledger.RecordReader].
func (r modelReader) List(_ context.Context, kind, afterID string, limit int) ([]ledger.Record, error) {
	var list []ledger.Record
	for key, rec := range r.tables().records {
		if key.Kind == kind && key.ID > afterID && !rec.Deleted {
			list = append(list, rec)
		}
	}
	slices.SortFunc(list, func(a, b ledger.Record) int { return strings.Compare(a.ID, b.ID) })
	return first(list, limit), nil
}

func (t *tables) linksOf(key ledger.LinkKey) []ledger.Link {
	list := keep(t.links, func(l ledger.Link) bool { return l.Connection == key.Connection && l.Neutral == key.Neutral })
	slices.SortFunc(list, func(a, b ledger.Link) int {
		return cmp.Or(strings.Compare(a.Role, b.Role), strings.Compare(a.Vendor, b.Vendor))
	})
	return list
}

// Links implements [ledger.LinkReader].
func (r modelReader) Links(_ context.Context, key ledger.LinkKey) ([]ledger.Link, error) {
	t := r.tables()
	return t.linksOf(key), nil
}

// ByVendor implements [ledger.LinkReader].
func (r modelReader) ByVendor(_ context.Context, connection, vendor string) ([]ledger.Link, error) {
	list := keep(r.tables().links, func(l ledger.Link) bool { return l.Connection == connection && l.Vendor == vendor })
	slices.SortFunc(list, func(a, b ledger.Link) int {
		return cmp.Or(strings.Compare(a.Neutral, b.Neutral), strings.Compare(a.Role, b.Role))
	})
	return list, nil
}

// page lists queued items after one, in the order in which they came.
func page[T any](rows []leased[T], f ledger.QueueFilter, id func(T) core.ID, is func(T) bool) []T {
	at := slices.IndexFunc(rows, func(r leased[T]) bool { return id(r.value) == f.After })
	var list []T
	for _, r := range rows[at+1:] {
		if is(r.value) {
			list = append(list, r.value)
		}
	}
	return first(list, f.Limit)
}

func (f matching) is(state ledger.QueueState, connection string) bool {
	return (f.State == "" || f.State == state) && (f.Connection == "" || f.Connection == connection)
}

// matching is a filter that can be asked.
type matching ledger.QueueFilter

// Events implements [ledger.QueueReader].
func (q modelQueues) Events(_ context.Context, f ledger.QueueFilter) ([]ledger.Event, error) {
	return page(q.tables().events, f, func(e ledger.Event) core.ID { return e.ID },
		func(e ledger.Event) bool { return matching(f).is(e.State, e.Connection) }), nil
}

// Event implements [ledger.QueueReader].
func (q modelQueues) Event(_ context.Context, id core.ID) (*ledger.Event, error) {
	if e := find(q.tables().events, func(e ledger.Event) bool { return e.ID == id }); e != nil {
		return &e.value, nil
	}
	return nil, nil
}

// Intents implements [ledger.QueueReader].
func (q modelQueues) Intents(_ context.Context, f ledger.QueueFilter) ([]ledger.Intent, error) {
	return page(q.tables().intents, f, func(i ledger.Intent) core.ID { return i.ID },
		func(i ledger.Intent) bool {
			return matching(f).is(i.State, i.Connection) && (f.Customer == "" || f.Customer == i.Customer)
		}), nil
}

// Intent implements [ledger.QueueReader].
func (q modelQueues) Intent(_ context.Context, id core.ID) (*ledger.Intent, error) {
	if i := find(q.tables().intents, func(i ledger.Intent) bool { return i.ID == id }); i != nil {
		return &i.value, nil
	}
	return nil, nil
}

// Stats implements [ledger.QueueReader].
func (q modelQueues) Stats(_ context.Context, now core.Time) ([]ledger.QueueStats, error) {
	t := q.tables()
	rows := map[[2]string]*ledger.QueueStats{}
	count := func(queue ledger.Queue, connection string, state ledger.QueueState, due, born core.Time) {
		if state != ledger.Waiting && state != ledger.Parked {
			return
		}
		s := rows[[2]string{string(queue), connection}]
		if s == nil {
			s = &ledger.QueueStats{Connection: connection, Queue: queue, NextDue: core.Never}
			rows[[2]string{string(queue), connection}] = s
		}
		switch {
		case state == ledger.Parked:
			s.Parked++
		case due > now:
			s.Open++
			s.NextDue = min(s.NextDue, due)
		default:
			s.Waiting++
			if s.Oldest == 0 || born < s.Oldest {
				s.Oldest = born
			}
		}
	}
	for _, e := range t.events {
		count(ledger.Inbox, e.value.Connection, e.value.State, now, e.value.Received)
	}
	for _, i := range t.intents {
		count(ledger.Outbox, i.value.Connection, i.value.State, i.value.Due, i.value.Created)
	}
	var list []ledger.QueueStats
	for _, s := range rows {
		list = append(list, *s)
	}
	return list, nil
}
