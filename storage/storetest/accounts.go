package storetest

import (
	"math"
	"time"

	"scrip/core"
	"scrip/core/ledger"
)

var accountCases = []testCase{
	{"every field of a grant comes back", grantRoundTrip},
	{"every field of a hold comes back", holdRoundTrip},
	{"windows come back", windowsRoundTrip},
	{"only grants with a remainder and open holds are loaded", loadsLive},
	{"closed grants and holds are loaded when named", loadsNamed},
	{"a named grant of another account stays out", namedElsewhere},
	{"a change of a named closed grant is kept", changesNamed},
	{"units of one customer are apart", unitsApart},
	{"an account that only opened a window is kept", windowOnly},
	{"a new account in a batch beside an old one", mixedAccounts},
	{"a balance goes over to another unit and comes back", changesUnit},
}

func grantRoundTrip(w *world) {
	full := w.terms(ann, 7)
	full.Category, full.Priority, full.Starts, full.Expires = core.Rollover, core.MaxPriority, start-hour, start+hour
	full.Paid, full.Actions, full.Source = core.Money{Minor: 12345, Currency: "jpy"}, []string{"a", "b:c,d\"e"}, w.id(core.PurchaseID, "ann")
	full.Metadata = map[string]string{"k": "v", "": "empty name", "note": "line\nü€𝄞'\"\\"}
	largest := w.terms(ann, core.MaxAmount)
	largest.Priority, largest.Starts = 0, start+1
	tiny := w.terms(ann, 1)
	tiny.Starts, tiny.Expires = 1, core.Never-1
	list := []core.Terms{full, largest, tiny}
	var want []core.Grant
	w.need(w.commit(ledger.Batch{}, ann, func(a *core.Account) error {
		want = want[:0]
		for i, t := range list {
			g, err := a.Issue(t, start+core.Time(i))
			if err != nil {
				return err
			}
			want = append(want, *g)
		}
		return nil
	}))
	listed, err := w.reader.Accounts.Grants(w.ctx, ann, 0, 10)
	w.need(err)
	w.same("grants by sequence", listed, want)
	for i := range want {
		key, g, err := w.reader.Accounts.Grant(w.ctx, want[i].ID)
		w.need(err)
		w.same("grant", g, want[i])
		w.same("its account", key, ann)
	}
}

func holdRoundTrip(w *world) {
	w.grant(ann, 50)
	w.grant(ann, 50)
	full := core.Hold{
		ID: w.id(core.HoldID, "ann"), Amount: 70, Expires: start + hour, Protect: true,
		Action: "render:4k", Card: "card@3", Price: "{\"per\":\"0.08\"} ü",
	}
	var want core.Hold
	hold := func(h core.Hold) func(*core.Account) error {
		return func(a *core.Account) error {
			made, err := a.Reserve(h, start+1)
			if err == nil {
				want = *made
			}
			return err
		}
	}
	w.need(w.commit(ledger.Batch{}, ann, hold(full)))
	w.same("parts", len(want.Parts), 2)
	w.same("holds", w.account(ann).Holds, []core.Hold{want})
	capture := core.Capture{ID: w.id(core.DebitID, "ann"), Hold: full.ID, Amount: 60}
	w.need(w.commit(ledger.Batch{}, ann, func(a *core.Account) error {
		_, err := a.Capture(capture, start+2)
		want = *a.Hold(full.ID)
		return err
	}))
	key, h, err := w.reader.Accounts.Hold(w.ctx, full.ID)
	w.need(err)
	w.same("captured hold", h, want)
	w.same("its account", key, ann)
	w.need(w.commit(ledger.Batch{}, ann, func(a *core.Account) error {
		released, err := a.Release(full.ID, start+3)
		if err == nil {
			want = *released
		}
		return err
	}))
	_, h, err = w.reader.Accounts.Hold(w.ctx, full.ID)
	w.need(err)
	w.same("released hold", h, want)
	if h.State != core.HoldReleased || h.Resolved != start+3 || len(h.Parts) != 0 {
		w.Errorf("the hold is %+v", h)
	}
}

func windowsRoundTrip(w *world) {
	w.grant(ann, 50)
	w.need(w.commit(ledger.Batch{}, ann, func(a *core.Account) error {
		a.OpenWindow("east", time.Second, start)
		a.OpenWindow("west", 2*time.Second, start+1)
		a.SetApart("west", 7)
		return nil
	}))
	want := []core.Window{
		{Connection: "east", Number: 1, Opened: start, Closes: start + 1_000_000},
		{Connection: "west", Number: 1, Opened: start + 1, Closes: start + 2_000_001, Apart: 7},
	}
	w.same("open windows", w.account(ann).Windows, want)
	w.debit(ann, 20)
	w.need(w.commit(ledger.Batch{}, ann, func(a *core.Account) error { a.CloseWindow("east"); return nil }))
	want[0] = core.Window{Connection: "east", Number: 1, Told: 20}
	w.same("closed window", w.account(ann).Windows, want)
}

func loadsLive(w *world) {
	spent := w.grant(ann, 10)
	w.debit(ann, 10)
	void, left := w.grant(ann, 5), w.grant(ann, 8)
	w.need(w.commit(ledger.Batch{}, ann, func(a *core.Account) error { _, err := a.Void(void, start); return err }))
	// Half reserved, then voided: the reserved part is still there.
	half := w.grant(ann, 6)
	open := w.hold(ann, 12, start, start+hour) // 8 of left, 4 of half
	w.need(w.commit(ledger.Batch{}, ann, func(a *core.Account) error { _, err := a.Void(half, start); return err }))
	w.grant(ann, 3)
	gone := w.hold(ann, 3, start, start+hour)
	w.need(w.commit(ledger.Batch{}, ann, func(a *core.Account) error { _, err := a.Release(gone, start); return err }))
	for name, a := range map[string]*core.Account{"read": w.account(ann), "loaded": w.load(ann)} {
		if len(a.Grants) != 3 || a.Grant(spent) != nil || a.Grant(void) != nil || a.Grant(left) == nil || a.Grant(half) == nil {
			w.Errorf("%s: grants are %s", name, text(a.Grants))
		}
		if len(a.Holds) != 1 || a.Hold(open) == nil {
			w.Errorf("%s: holds are %s", name, text(a.Holds))
		}
		w.same(name, a.Balance(start), core.Balance{Posted: 15, Held: 12, Available: 3})
	}
}

// load is the account as a batch that names it alone finds it.
func (w *world) load(key ledger.AccountKey) *core.Account {
	w.Helper()
	seen, err := w.see(ledger.Batch{Accounts: []ledger.AccountKey{key}})
	w.need(err)
	return accountIn(seen, key)
}

func loadsNamed(w *world) {
	spent, live := w.grant(ann, 10), core.ID("")
	w.debit(ann, 10)
	live = w.grant(ann, 5)
	gone := w.hold(ann, 5, start, start+hour)
	w.need(w.commit(ledger.Batch{}, ann, func(a *core.Account) error { _, err := a.Release(gone, start); return err }))
	seen, err := w.see(ledger.Batch{Accounts: []ledger.AccountKey{ann}, Grants: []core.ID{live, spent}, Holds: []core.ID{gone}})
	w.need(err)
	a := seen.Accounts[ann]
	if len(a.Grants) != 2 || a.Grant(spent) == nil || a.Grant(live) == nil || len(a.Holds) != 1 || a.Hold(gone) == nil {
		w.Errorf("grants %s, holds %s", text(a.Grants), text(a.Holds))
	}
}

func namedElsewhere(w *world) {
	of := w.grant(bob, 10)
	held := w.hold(bob, 5, start, start+hour)
	w.grant(ann, 1)
	seen, err := w.see(ledger.Batch{Accounts: []ledger.AccountKey{ann}, Grants: []core.ID{of}, Holds: []core.ID{held}})
	w.need(err)
	if a := seen.Accounts[ann]; len(a.Grants) != 1 || len(a.Holds) != 0 || len(seen.Accounts) != 1 {
		w.Errorf("found %s", text(a))
	}
}

func changesNamed(w *world) {
	spent := w.grant(ann, 10)
	w.debit(ann, 10)
	reversal := w.id(core.ReversalID, "ann")
	w.need(w.commit(ledger.Batch{Grants: []core.ID{spent}}, ann, func(a *core.Account) error {
		_, err := a.Reverse(reversal, []core.Allocation{{Grant: spent, Amount: 10}}, 0, 4, start)
		return err
	}))
	a := w.account(ann)
	if g := a.Grant(spent); g == nil || g.Remaining != 4 {
		w.Errorf("after the reversal the grants are %s", text(a.Grants))
	}
	// A hold that expired can still be captured, late.
	held := w.hold(ann, 4, start, start+1)
	w.need(w.commit(ledger.Batch{}, ann, func(a *core.Account) error { a.Settle(start + 2); return nil }))
	late := core.Capture{ID: w.id(core.DebitID, "ann"), Hold: held, Amount: 3}
	w.need(w.commit(ledger.Batch{Holds: []core.ID{held}}, ann, func(a *core.Account) error { _, err := a.Capture(late, start+3); return err }))
	_, h, err := w.reader.Accounts.Hold(w.ctx, held)
	w.need(err)
	if h.Captured != 3 || h.State != core.HoldExpired {
		w.Errorf("the hold is %s", text(h))
	}
	w.same("consumed", w.account(ann).Consumed, 9)
}

func unitsApart(w *world) {
	other := ledger.AccountKey{Customer: ann.Customer, Unit: "tokens"}
	longer := ledger.AccountKey{Customer: "ann:x", Unit: ann.Unit}
	w.grant(ann, 10)
	w.grant(other, 20)
	w.grant(longer, 30)
	w.debit(other, 5)
	for key, want := range map[ledger.AccountKey]core.Amount{ann: 10, other: 15, longer: 30} {
		w.same("balance", w.account(key).Balance(start).Posted, want)
		for _, e := range w.entries(key) {
			if e.Customer != key.Customer || e.Unit != key.Unit {
				w.Errorf("an entry of %v is of %v %v", key, e.Customer, e.Unit)
			}
		}
	}
}

func windowOnly(w *world) {
	w.need(w.commit(ledger.Batch{}, ann, func(a *core.Account) error { a.OpenWindow("east", time.Second, start); return nil }))
	a := w.account(ann)
	if len(a.Windows) != 1 || a.Seq != 0 || a.Head != ([32]byte{}) || len(a.Grants) != 0 {
		w.Errorf("the account is %s", text(a))
	}
}

func mixedAccounts(w *world) {
	w.grant(ann, 10)
	t, d := w.terms(bob, math.MaxInt32), w.id(core.DebitID, "ann")
	w.need(w.store.Commit(w.ctx, &ledger.Batch{Accounts: []ledger.AccountKey{bob, ann, cat}}, func(s *ledger.State) (*ledger.Changes, error) {
		one, two := accountIn(s, ann), accountIn(s, bob)
		if err := debiting(d, 10)(one); err != nil {
			return nil, err
		}
		_, err := two.Issue(t, start)
		return &ledger.Changes{Accounts: []*core.Account{two, one}}, err
	}))
	w.same("old account", w.account(ann).Balance(start).Posted, 0)
	w.same("new account", w.account(bob).Balance(start).Posted, math.MaxInt32)
	if a, err := w.reader.Accounts.Account(w.ctx, cat); a != nil || err != nil {
		w.Errorf("an account that nothing changed is there: %v, %v", a, err)
	}
}
