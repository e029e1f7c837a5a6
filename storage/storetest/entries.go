package storetest

import (
	"errors"
	"slices"

	"github.com/sourcegraph/conc/pool"

	"scrip/core"
	"scrip/core/ledger"
)

var entryCases = []testCase{
	{"entries come back exactly, gapless and chained", entriesRoundTrip},
	{"entries resume after a sequence number", entriesPage},
	{"the feed has every entry once, in commit order", feedOrder},
	{"the feed loses nothing while others write", feedUnderWriters},
	{"due lists what time has changed, and when the next is", dueAccounts},
	{"keys lists every account once", keysPage},
}

// chain checks that an account has n entries, gapless and chained from the
// zero hash to its head.
func (w *world) chain(key ledger.AccountKey, n int64) {
	w.Helper()
	var prev [32]byte
	list := w.entries(key)
	for i := range list {
		e := &list[i]
		if e.Seq != int64(i)+1 {
			w.Fatalf("entry %d of %v has sequence %d", i, key, e.Seq)
		}
		if e.Hash != e.Chain(prev) {
			w.Fatalf("entry %d of %v does not follow from the one before", e.Seq, key)
		}
		prev = e.Hash
	}
	a := w.account(key)
	if int64(len(list)) != n || a.Seq != n || a.Head != prev {
		w.Errorf("%v has %d entries and counts %d, want %d; its head matches: %v", key, len(list), a.Seq, n, a.Head == prev)
	}
}

func entriesRoundTrip(w *world) {
	t := w.terms(ann, 100)
	t.Starts, t.Expires = start+hour, start+3*hour
	hold, debit := core.Hold{ID: w.id(core.HoldID, "ann"), Amount: 60, Expires: start + 3*hour}, w.id(core.DebitID, "ann")
	capture := core.Capture{ID: w.id(core.DebitID, "ann"), Hold: hold.ID, Amount: 20, Final: true}
	var want []core.Entry
	step := func(change func(*core.Account) error) {
		w.Helper()
		var made []core.Entry
		w.need(w.commit(ledger.Batch{}, ann, func(a *core.Account) error {
			err := change(a)
			made = a.Entries
			return err
		}))
		want = append(want, made...)
	}
	step(func(a *core.Account) error { _, err := a.Issue(t, start); return err })
	step(func(a *core.Account) error { _, err := a.Reserve(hold, start+hour); return err })
	step(func(a *core.Account) error { _, err := a.Debit(debit, 15, "", start+hour, nil); return err })
	step(func(a *core.Account) error { _, err := a.Capture(capture, start+2*hour); return err })
	step(func(a *core.Account) error { a.Settle(start + 9*hour); return nil })
	w.same("entries", w.entries(ann), want)
	w.chain(ann, 6)
	kinds := map[core.EntryKind]core.Amount{}
	for _, e := range want {
		kinds[e.Kind] += e.Amount
	}
	w.same("sums", kinds, map[core.EntryKind]core.Amount{
		core.EntryGrant: 100, core.EntryHold: 60, core.EntryDebit: 15, core.EntryCapture: 20, core.EntryRelease: 40, core.EntryExpire: 65,
	})
}

func entriesPage(w *world) {
	w.grant(ann, 100)
	for range 6 {
		w.debit(ann, 1)
	}
	w.grant(bob, 1)
	for _, limit := range []int{1, 3, 7, 100} {
		var all []core.Entry
		for after := int64(0); ; {
			list, err := w.reader.Entries.Entries(w.ctx, ann, after, limit)
			w.need(err)
			if len(list) > limit {
				w.Fatalf("a page of %d has %d entries", limit, len(list))
			}
			if len(list) == 0 {
				break
			}
			all, after = append(all, list...), list[len(list)-1].Seq
		}
		w.same("all pages", all, w.entries(ann))
	}
}

// feed reads the feed after a cursor to its present end, where the answered
// cursor stands.
func (w *world) feed(after string, limit int) ([]core.Entry, string) {
	w.Helper()
	var all []core.Entry
	for {
		list, next, err := w.reader.Entries.Feed(w.ctx, after, limit)
		w.need(err)
		if len(list) == 0 {
			w.same("the cursor at the end", next, after)
			return all, after
		}
		if len(list) > limit {
			w.Fatalf("a page of %d has %d entries", limit, len(list))
		}
		all, after = append(all, list...), next
	}
}

func feedOrder(w *world) {
	var want []core.Entry
	for i, key := range []ledger.AccountKey{bob, ann, cat, ann, bob} {
		w.grant(key, core.Amount(100+i))
		list := w.entries(key)
		want = append(want, list[len(list)-1])
	}
	byAccount := func(entries []core.Entry) map[string][]core.Entry {
		m := map[string][]core.Entry{}
		for _, e := range entries {
			m[e.Customer] = append(m[e.Customer], e)
		}
		return m
	}
	var end string
	for _, limit := range []int{1, 2, 100} {
		got, next := w.feed("", limit)
		w.same("feed", byAccount(got), byAccount(want))
		end = next
	}
	for _, cursor := range []string{"-1", "x", end + "!"} {
		if _, _, err := w.reader.Entries.Feed(w.ctx, cursor, 10); !errors.Is(err, ledger.ErrCursor) {
			w.Errorf("the cursor %q gave %v", cursor, err)
		}
	}
}

// feedUnderWriters reads on while others append. Whatever has been listed
// stays in its place, and every prefix is gapless for each account.
func feedUnderWriters(w *world) {
	const writers, each = 8, 30
	keys := []ledger.AccountKey{ann, bob, cat, {Customer: "dan", Unit: "credits"}}
	for _, key := range keys {
		w.grant(key, writers*each)
	}
	p := pool.New().WithErrors()
	for writer := range writers {
		key := keys[writer%len(keys)]
		var own []core.ID
		for range each {
			own = append(own, w.id(core.DebitID, key.Customer))
		}
		p.Go(func() error {
			for _, id := range own {
				if err := w.commit(ledger.Batch{}, key, debiting(id, 1)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	finished := make(chan error, 1)
	go func() { finished <- p.Wait() }()
	var seen []core.Entry
	cursor, seqs := "", map[string]int64{}
	for running := true; running; {
		select {
		case err := <-finished: // and read once more
			w.need(err)
			running = false
		default:
		}
		var page []core.Entry
		page, cursor = w.feed(cursor, 7)
		for _, e := range page {
			if e.Seq != seqs[e.Customer]+1 {
				w.Fatalf("sequence %d of %s after %d", e.Seq, e.Customer, seqs[e.Customer])
			}
			seqs[e.Customer] = e.Seq
			seen = append(seen, e)
		}
	}
	w.same("number of entries", len(seen), len(keys)+writers*each)
	for _, e := range seen {
		if list, err := w.reader.Entries.Entries(w.ctx, ledger.AccountKey{Customer: e.Customer, Unit: e.Unit}, e.Seq-1, 1); err != nil || len(list) != 1 || list[0] != e {
			w.Fatalf("entry %d of %s was read as %+v and is %+v, %v", e.Seq, e.Customer, e, list, err)
		}
	}
}

func dueAccounts(w *world) {
	t := w.terms(ann, 10)
	t.Expires = start + 2*hour
	w.need(w.commit(ledger.Batch{}, ann, func(a *core.Account) error { _, err := a.Issue(t, start); return err }))
	w.grant(bob, 10)
	held := w.hold(bob, 5, start, start+hour)
	w.grant(cat, 1) // never
	check := func(now core.Time, limit int, want []ledger.AccountKey, next core.Time) {
		w.Helper()
		list, first, err := w.reader.Entries.Due(w.ctx, now, limit)
		w.need(err)
		w.same("due", append([]ledger.AccountKey{}, list...), want)
		w.same("next", first, next)
	}
	none := []ledger.AccountKey{}
	check(start, 10, none, start+hour)
	check(start+hour-1, 10, none, start+hour)
	check(start+hour, 10, []ledger.AccountKey{bob}, start+2*hour)
	check(start+2*hour, 10, []ledger.AccountKey{bob, ann}, core.Never)
	check(start+2*hour, 1, []ledger.AccountKey{bob}, core.Never)
	w.need(w.commit(ledger.Batch{}, bob, func(a *core.Account) error { _, err := a.Release(held, start); return err }))
	check(start+2*hour, 10, []ledger.AccountKey{ann}, core.Never)
	w.need(w.commit(ledger.Batch{}, ann, func(a *core.Account) error { a.Settle(start + 2*hour); return nil }))
	check(start+2*hour, 10, none, core.Never)
	check(core.Never-1, 10, none, core.Never)
}

func keysPage(w *world) {
	var want []ledger.AccountKey
	for _, customer := range []string{"ann", "bob", "cat", "dan", "eve", "Fay", "g_h", "i.j", "k:l", "m@n"} {
		for _, unit := range []string{"credits", "tokens"} {
			key := ledger.AccountKey{Customer: customer, Unit: unit}
			want = append(want, key)
			w.grant(key, 1)
		}
	}
	all, err := w.reader.Entries.Keys(w.ctx, ledger.AccountKey{}, 100)
	w.need(err)
	w.same("number of keys", len(all), len(want))
	for _, key := range want {
		if !slices.Contains(all, key) {
			w.Errorf("%v is missing", key)
		}
	}
	for _, limit := range []int{1, 3, 19} {
		var paged []ledger.AccountKey
		for after := (ledger.AccountKey{}); ; after = paged[len(paged)-1] {
			list, err := w.reader.Entries.Keys(w.ctx, after, limit)
			w.need(err)
			if len(list) == 0 {
				break
			}
			paged = append(paged, list...)
		}
		w.same("all pages", paged, all)
	}
}
