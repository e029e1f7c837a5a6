package sim

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/storage/storetest"
)

func TestMemoryStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) ledger.Store { return newMemory() })
}

// memReader reads a memory; one value answers all the small interfaces.
type memReader struct{ m *memory }

// memQueues is apart because its method names differ only by type.
type memQueues struct{ memReader }

// Reader implements [ledger.Store].
func (m *memory) Reader() ledger.Reader {
	r := memReader{m}
	return ledger.Reader{Accounts: r, Entries: r, Queues: memQueues{r}, Records: r, Links: r, Audit: r}
}

func (r memReader) lock() func() {
	r.m.mu.Lock()
	return r.m.mu.Unlock
}

func (r memReader) Account(_ context.Context, key ledger.AccountKey) (*core.Account, error) {
	defer r.lock()()
	if a := r.m.accounts[key]; a != nil {
		return a.load(nil, nil), nil
	}
	return nil, nil
}

func (r memReader) Grant(_ context.Context, id core.ID) (ledger.AccountKey, *core.Grant, error) {
	defer r.lock()()
	key, ok := r.m.grants[id]
	if !ok {
		return ledger.AccountKey{}, nil, nil
	}
	g := r.m.accounts[key].grants[id]
	return key, &g, nil
}

func (r memReader) Hold(_ context.Context, id core.ID) (ledger.AccountKey, *core.Hold, error) {
	defer r.lock()()
	key, ok := r.m.holds[id]
	if !ok {
		return ledger.AccountKey{}, nil, nil
	}
	h := copyHold(r.m.accounts[key].holds[id])
	return key, &h, nil
}

func (r memReader) Holds(_ context.Context, key ledger.AccountKey, before core.ID, limit int) ([]core.Hold, error) {
	defer r.lock()()
	var list []core.Hold
	if a := r.m.accounts[key]; a != nil {
		for _, h := range a.holds {
			list = append(list, copyHold(h))
		}
	}
	slices.SortFunc(list, func(a, b core.Hold) int {
		return cmp.Or(cmp.Compare(b.Created, a.Created), strings.Compare(string(b.ID), string(a.ID)))
	})
	if before != "" {
		list = list[slices.IndexFunc(list, func(h core.Hold) bool { return h.ID == before })+1:]
	}
	return list[:min(limit, len(list))], nil
}

func (r memReader) Grants(_ context.Context, key ledger.AccountKey, afterSeq int64, limit int) ([]core.Grant, error) {
	defer r.lock()()
	var list []core.Grant
	if a := r.m.accounts[key]; a != nil {
		for _, id := range a.order {
			if g := a.grants[id]; g.Seq > afterSeq && len(list) < limit {
				list = append(list, g)
			}
		}
	}
	return list, nil
}

func (r memReader) Entries(_ context.Context, key ledger.AccountKey, afterSeq int64, limit int) ([]core.Entry, error) {
	defer r.lock()()
	a := r.m.accounts[key]
	if a == nil || afterSeq >= int64(len(a.entries)) {
		return nil, nil
	}
	from := max(0, afterSeq)
	return slices.Clone(a.entries[from:min(from+int64(limit), int64(len(a.entries)))]), nil
}

func (r memReader) Feed(_ context.Context, after string, limit int) ([]core.Entry, string, error) {
	defer r.lock()()
	pos := 0
	if after != "" {
		var err error
		if pos, err = strconv.Atoi(after); err != nil || pos < 0 || pos > len(r.m.feed) {
			return nil, after, ledger.ErrCursor
		}
	}
	to := min(pos+limit, len(r.m.feed))
	if to == pos {
		return nil, after, nil
	}
	return slices.Clone(r.m.feed[pos:to]), strconv.Itoa(to), nil
}

func (r memReader) Request(_ context.Context, hash string) (*ledger.Request, error) {
	defer r.lock()()
	if req, ok := r.m.requests[hash]; ok {
		return &req, nil
	}
	return nil, nil
}

func (r memReader) Keys(_ context.Context, after ledger.AccountKey, limit int) ([]ledger.AccountKey, error) {
	defer r.lock()()
	from := 0
	if after != (ledger.AccountKey{}) {
		at, found := slices.BinarySearchFunc(r.m.keys, after, compareKeys)
		if from = at; found {
			from++
		}
	}
	return slices.Clone(r.m.keys[from:min(from+limit, len(r.m.keys))]), nil
}

func (r memReader) Due(_ context.Context, now core.Time, limit int) ([]ledger.AccountKey, core.Time, error) {
	defer r.lock()()
	next := core.Never
	type one struct {
		key ledger.AccountKey
		at  core.Time
	}
	var list []one
	for _, key := range r.m.keys {
		switch at := r.m.accounts[key].load(nil, nil).NextDue(); {
		case at <= now && at < core.Never:
			list = append(list, one{key, at})
		case at < next:
			next = at
		}
	}
	slices.SortStableFunc(list, func(a, b one) int { return cmp.Compare(a.at, b.at) })
	var keys []ledger.AccountKey
	for _, o := range list[:min(limit, len(list))] {
		keys = append(keys, o.key)
	}
	return keys, next, nil
}

func (r memReader) Record(_ context.Context, key ledger.RecordKey) (*ledger.Record, error) {
	defer r.lock()()
	if rec, ok := r.m.records[key]; ok {
		return &rec, nil
	}
	return nil, nil
}

func (r memReader) ByKey(_ context.Context, kind, key string) (*ledger.Record, error) {
	defer r.lock()()
	if at, ok := r.m.lookUp[[2]string{kind, key}]; ok {
		rec := r.m.records[at]
		return &rec, nil
	}
	return nil, nil
}

func (r memReader) List(_ context.Context, kind, afterID string, limit int) ([]ledger.Record, error) {
	defer r.lock()()
	var list []ledger.Record
	for _, id := range r.m.kinds[kind] {
		if rec := r.m.records[ledger.RecordKey{Kind: kind, ID: id}]; id > afterID && !rec.Deleted && len(list) < limit {
			list = append(list, rec)
		}
	}
	return list, nil
}

func (r memReader) Links(_ context.Context, key ledger.LinkKey) ([]ledger.Link, error) {
	defer r.lock()()
	return slices.Clone(r.m.links[key]), nil
}

func (r memReader) ByVendor(_ context.Context, connection, vendor string) ([]ledger.Link, error) {
	defer r.lock()()
	return append([]ledger.Link(nil), r.m.vendors[[2]string{connection, vendor}]...), nil // none is nil, as elsewhere
}

// fits reports whether a queued item passes a filter.
func fits(f ledger.QueueFilter, state ledger.QueueState, connection string) bool {
	return (f.State == "" || f.State == state) && (f.Connection == "" || f.Connection == connection)
}

func (q memQueues) Events(_ context.Context, f ledger.QueueFilter) ([]ledger.Event, error) {
	defer q.lock()()
	from := 0
	if e := q.m.eventAt[f.After]; e != nil {
		from = e.pos + 1
	}
	var list []ledger.Event
	for _, e := range q.m.events[from:] {
		if fits(f, e.State, e.Connection) && len(list) < f.Limit {
			list = append(list, e.Event)
		}
	}
	return list, nil
}

func (q memQueues) Event(_ context.Context, id core.ID) (*ledger.Event, error) {
	defer q.lock()()
	if e := q.m.eventAt[id]; e != nil {
		found := e.Event
		return &found, nil
	}
	return nil, nil
}

func (q memQueues) Intents(_ context.Context, f ledger.QueueFilter) ([]ledger.Intent, error) {
	defer q.lock()()
	from := 0
	if i := q.m.intentAt[f.After]; i != nil {
		from = i.pos + 1
	}
	var list []ledger.Intent
	for _, i := range q.m.intents[from:] {
		if fits(f, i.State, i.Connection) && (f.Customer == "" || f.Customer == i.Customer) && len(list) < f.Limit {
			list = append(list, i.Intent)
		}
	}
	return list, nil
}

func (q memQueues) Intent(_ context.Context, id core.ID) (*ledger.Intent, error) {
	defer q.lock()()
	if i := q.m.intentAt[id]; i != nil {
		found := i.Intent
		return &found, nil
	}
	return nil, nil
}

func (q memQueues) Stats(_ context.Context, now core.Time) ([]ledger.QueueStats, error) {
	defer q.lock()()
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
	for _, e := range q.m.events {
		count(ledger.Inbox, e.Connection, e.State, now, e.Received)
	}
	for _, stream := range q.m.streams {
		for _, i := range stream {
			count(ledger.Outbox, i.Connection, i.State, i.Due, i.Created)
		}
	}
	var list []ledger.QueueStats
	for _, s := range rows {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b ledger.QueueStats) int {
		return cmp.Or(cmp.Compare(a.Queue, b.Queue), cmp.Compare(a.Connection, b.Connection))
	})
	return list, nil
}

func (r memReader) Requests(_ context.Context, after string, limit int) ([]ledger.Request, error) {
	defer r.lock()()
	return sortedAfter(r.m.requests, after, limit), nil
}

func (r memReader) Natural(_ context.Context, key string) (core.ID, error) {
	defer r.lock()()
	return r.m.naturals[key], nil
}

func (r memReader) Naturals(_ context.Context, after string, limit int) ([]ledger.Natural, error) {
	defer r.lock()()
	var list []ledger.Natural
	for key, id := range r.m.naturals {
		if key > after {
			list = append(list, ledger.Natural{Key: key, ID: id})
		}
	}
	slices.SortFunc(list, func(a, b ledger.Natural) int { return strings.Compare(a.Key, b.Key) })
	return list[:min(limit, len(list))], nil
}

func (r memReader) AllLinks(_ context.Context, after ledger.Link, limit int) ([]ledger.Link, error) {
	defer r.lock()()
	order := func(a, b ledger.Link) int {
		return cmp.Or(strings.Compare(a.Connection, b.Connection), strings.Compare(a.Neutral, b.Neutral), strings.Compare(a.Role, b.Role), strings.Compare(a.Vendor, b.Vendor))
	}
	var list []ledger.Link
	for _, some := range r.m.links {
		for _, l := range some {
			if order(l, after) > 0 {
				list = append(list, l)
			}
		}
	}
	slices.SortFunc(list, order)
	return list[:min(limit, len(list))], nil
}

func (r memReader) Filed(context.Context, func(where, what string)) error { return nil }

func sortedAfter[T any](rows map[string]T, after string, limit int) []T {
	var keys []string
	for key := range rows {
		if key > after {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	var list []T
	for _, key := range keys[:min(limit, len(keys))] {
		list = append(list, rows[key])
	}
	return list
}
