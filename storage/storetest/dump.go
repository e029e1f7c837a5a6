package storetest

import (
	"context"
	"slices"
	"strings"

	"scrip/core"
	"scrip/core/ledger"
)

// The kinds, connections and things that cases use, for reading all of them.
var (
	dumpKinds       = []string{"plan", "endpoint"}
	dumpConnections = []string{"east", "west"}
	dumpThings      = []string{"ann", "bob", "cat"}
)

// dump writes down all that a reader can see, in pages of limit, one line for
// each thing. Positions are left out: they may have gaps.
func dump(ctx context.Context, r ledger.Reader, limit int) (string, error) {
	var b strings.Builder
	line := func(what string, v any) { b.WriteString(what + " " + text(v) + "\n") }
	after := ledger.AccountKey{}
	for {
		keys, err := r.Entries.Keys(ctx, after, limit)
		if err != nil {
			return "", err
		}
		if len(keys) == 0 {
			break
		}
		for _, key := range keys {
			if err := dumpAccount(ctx, r, key, limit, line); err != nil {
				return "", err
			}
		}
		after = keys[len(keys)-1]
	}
	fed := map[string][]int64{} // accounts have no order among each other
	for cursor := ""; ; {
		list, next, err := r.Entries.Feed(ctx, cursor, limit)
		if err != nil {
			return "", err
		}
		if len(list) == 0 {
			break
		}
		for _, e := range list {
			fed[e.Customer+"/"+e.Unit] = append(fed[e.Customer+"/"+e.Unit], e.Seq)
		}
		cursor = next
	}
	line("feed", fed)
	if err := dumpRecords(ctx, r, limit, line); err != nil {
		return "", err
	}
	err := dumpQueues(ctx, r, limit, line)
	return b.String(), err
}

func dumpAccount(ctx context.Context, r ledger.Reader, key ledger.AccountKey, limit int, line func(string, any)) error {
	a, err := r.Accounts.Account(ctx, key)
	if err != nil {
		return err
	}
	a.Order = core.DefaultOrder()
	a.Sort()
	line("account", a)
	for seq := int64(0); ; {
		list, err := r.Accounts.Grants(ctx, key, seq, limit)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			break
		}
		for _, g := range list {
			line("grant", g)
			seq = g.Seq
		}
	}
	for id := core.ID(""); ; {
		list, err := r.Accounts.Holds(ctx, key, id, limit)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			break
		}
		for _, h := range list {
			line("hold", h)
			id = h.ID
		}
	}
	for seq := int64(0); ; {
		list, err := r.Entries.Entries(ctx, key, seq, limit)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return nil
		}
		for _, e := range list {
			line("entry", e)
			seq = e.Seq
		}
	}
}

func dumpRecords(ctx context.Context, r ledger.Reader, limit int, line func(string, any)) error {
	for _, kind := range dumpKinds {
		for id := ""; ; {
			list, err := r.Records.List(ctx, kind, id, limit)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				break
			}
			for _, rec := range list {
				line("record", rec)
				id = rec.ID
			}
		}
	}
	for _, connection := range dumpConnections {
		for _, thing := range dumpThings {
			links, err := r.Links.Links(ctx, ledger.LinkKey{Connection: connection, Neutral: thing})
			if err != nil {
				return err
			}
			line("links", append([]ledger.Link{}, links...))
		}
	}
	return nil
}

func dumpQueues(ctx context.Context, r ledger.Reader, limit int, line func(string, any)) error {
	for id := core.ID(""); ; {
		list, err := r.Queues.Events(ctx, ledger.QueueFilter{After: id, Limit: limit})
		if err != nil {
			return err
		}
		if len(list) == 0 {
			break
		}
		for _, e := range list {
			line("event", e)
			id = e.ID
		}
	}
	for id := core.ID(""); ; {
		list, err := r.Queues.Intents(ctx, ledger.QueueFilter{After: id, Limit: limit})
		if err != nil {
			return err
		}
		if len(list) == 0 {
			break
		}
		for _, i := range list {
			line("intent", i)
			id = i.ID
		}
	}
	stats, err := r.Queues.Stats(ctx, start+hour)
	slices.SortFunc(stats, func(a, b ledger.QueueStats) int {
		return strings.Compare(string(a.Queue)+a.Connection, string(b.Queue)+b.Connection)
	})
	line("stats", append([]ledger.QueueStats{}, stats...))
	return err
}
