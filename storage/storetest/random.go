package storetest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"scrip/core"
	"scrip/core/ledger"
)

// randomScripts runs the same random script on a fresh store and on the model
// and compares every answer. A failure prints the script, cut to what matters.
func randomScripts(t *testing.T, open func(t *testing.T) ledger.Store) {
	FewChecks(t)
	opened := 0
	rapid.Check(t, func(rt *rapid.T) {
		opened++
		// A subtest, so that the store of each script is closed with it.
		var failed error
		t.Run(fmt.Sprint(opened), func(t *testing.T) {
			defer func() {
				// What rapid stops a script by must reach rapid.
				if r := recover(); r != nil {
					failed = errStopped{r}
				}
			}()
			both := &pair{T: rt, ctx: t.Context(), store: open(t), model: newModel(), now: start}
			rt.Repeat(map[string]func(*rapid.T){
				"account": both.account, "grant": both.issue, "hold": both.reserve, "record": both.putRecord,
				"arrive": both.arrive, "send": both.sendIntent, "claim": both.claim, "settle": both.settle, "forget": both.forget,
				"link": both.link, "request": both.request, "time": both.pass, "due": both.due, "": both.compare,
			})
		})
		if stopped, ok := failed.(errStopped); ok {
			panic(stopped.by)
		}
	})
}

// FewChecks lets the random checks of a test try a quarter of the usual
// number of cases, since each opens a database of its own. A number asked for
// with -rapid.checks is kept.
func FewChecks(t *testing.T) {
	f := flag.Lookup("rapid.checks")
	if f == nil || f.Value.String() != f.DefValue {
		return
	}
	if err := f.Value.Set("25"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Value.Set(f.DefValue) })
}

// errStopped carries a panic out of a subtest.
type errStopped struct{ by any }

func (e errStopped) Error() string { return fmt.Sprint(e.by) }

// pair is a store and the model under one script.
type pair struct {
	*rapid.T
	ctx    context.Context
	store  ledger.Store
	model  *model
	now    core.Time
	serial int
	// What was claimed and not yet settled, with every fence it had.
	events  []ledger.Event
	intents []ledger.Intent
}

var (
	drawKey    = rapid.SampledFrom([]ledger.AccountKey{ann, bob, cat, {Customer: "ann", Unit: "tokens"}})
	drawAmount = rapid.Custom(func(t *rapid.T) core.Amount { return core.Amount(rapid.IntRange(1, 20).Draw(t, "amount")) })
)

func (p *pair) id(prefix, owner string) core.ID {
	p.serial++
	return core.NewID(prefix, owner, "random", fmt.Sprint(p.serial), 0)
}

// commit runs one commit on both. Both must take it or both refuse it; a
// refusal of the decision must come back as it is.
func (p *pair) commit(t *rapid.T, b ledger.Batch, decide func(*ledger.State) (*ledger.Changes, error)) error {
	want := sealed{p.model}.Commit(p.ctx, &b, decide)
	got := sealed{p.store}.Commit(p.ctx, &b, decide)
	switch {
	case (got == nil) != (want == nil):
		t.Fatalf("the store gave %v, the model %v", got, want)
	case errors.Is(want, errRefused) && got != want, errors.Is(want, ledger.ErrFenced) != errors.Is(got, ledger.ErrFenced):
		t.Fatalf("the store refused by %v, the model by %v", got, want)
	}
	return want
}

// change runs a rule on an account of both; a refusal of the rule is turned
// into one that can be compared.
func (p *pair) change(t *rapid.T, b ledger.Batch, key ledger.AccountKey, rule func(*core.Account) error) {
	b.Accounts = append(b.Accounts, key)
	_ = p.commit(t, b, func(s *ledger.State) (*ledger.Changes, error) {
		a := accountIn(s, key)
		if err := rule(a); err != nil {
			return nil, errRefused
		}
		if !a.Changed() {
			return &ledger.Changes{}, nil
		}
		return &ledger.Changes{Accounts: []*core.Account{a}}, nil
	})
}

func (p *pair) issue(t *rapid.T) {
	key := drawKey.Draw(t, "account")
	terms := core.Terms{
		ID: p.id(core.GrantID, key.Customer), Amount: drawAmount.Draw(t, "amount"), Category: core.Paid, Priority: rapid.IntRange(0, 2).Draw(t, "priority"),
		Starts: p.now + core.Time(rapid.IntRange(-1, 2).Draw(t, "starts"))*hour, Expires: core.Never,
	}
	if rapid.Bool().Draw(t, "expires") {
		terms.Expires = terms.Starts + core.Time(rapid.IntRange(1, 5).Draw(t, "for"))*hour
	}
	if rapid.Bool().Draw(t, "scoped") {
		terms.Actions = []string{"render"}
		terms.Metadata = map[string]string{"note": rapid.StringN(0, 5, 10).Draw(t, "note")}
	}
	p.change(t, ledger.Batch{}, key, func(a *core.Account) error { _, err := a.Issue(terms, p.now); return err })
}

func (p *pair) reserve(t *rapid.T) {
	key := drawKey.Draw(t, "account")
	h := core.Hold{
		ID: p.id(core.HoldID, key.Customer), Amount: drawAmount.Draw(t, "amount"), Protect: rapid.Bool().Draw(t, "protect"),
		Expires: p.now + core.Time(rapid.IntRange(1, 4).Draw(t, "for"))*hour, Action: rapid.SampledFrom([]string{"", "render"}).Draw(t, "action"),
	}
	p.change(t, ledger.Batch{}, key, func(a *core.Account) error { _, err := a.Reserve(h, p.now); return err })
}

// account does one of the other things to an account.
func (p *pair) account(t *rapid.T) {
	key := drawKey.Draw(t, "account")
	grants, err := p.model.Reader().Accounts.Grants(p.ctx, key, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	holds, err := p.model.Reader().Accounts.Holds(p.ctx, key, "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	grant, hold := core.ID("none"), core.ID("none")
	if len(grants) > 0 {
		grant = rapid.SampledFrom(grants).Draw(t, "grant").ID
	}
	if len(holds) > 0 {
		hold = rapid.SampledFrom(holds).Draw(t, "hold").ID
	}
	amount, debit, final := drawAmount.Draw(t, "amount"), p.id(core.DebitID, key.Customer), rapid.Bool().Draw(t, "final")
	b := ledger.Batch{Grants: []core.ID{grant}, Holds: []core.ID{hold}}
	kind := rapid.SampledFrom([]string{"debit", "void", "capture", "release", "settle", "window", "reverse", "fail"}).Draw(t, "kind")
	p.change(t, b, key, func(a *core.Account) error {
		var err error
		switch kind {
		case "debit":
			_, err = a.Debit(debit, amount, "", p.now, nil)
		case "void":
			_, err = a.Void(grant, p.now)
		case "capture":
			_, err = a.Capture(core.Capture{ID: debit, Hold: hold, Amount: amount, Final: final, AllowOver: final}, p.now)
		case "release":
			_, err = a.Release(hold, p.now)
		case "settle":
			a.Settle(p.now)
		case "window":
			if _, opened := a.OpenWindow("east", time.Hour, p.now); !opened {
				a.CloseWindow("east")
			}
		case "reverse":
			if g := a.Grant(grant); g != nil && g.Consumed() > 0 {
				part := []core.Allocation{{Grant: grant, Amount: g.Consumed()}}
				_, err = a.Reverse(debit, part, 0, min(amount, g.Consumed()), p.now)
			}
		case "fail": // after work that would have changed something
			a.Settle(p.now)
			_, _ = a.Debit(debit, amount, "", p.now, nil)
			err = errRefused
		}
		return err
	})
}

func (p *pair) putRecord(t *rapid.T) {
	key := ledger.RecordKey{Kind: rapid.SampledFrom(dumpKinds).Draw(t, "kind"), ID: rapid.SampledFrom([]string{"A", "a", "b"}).Draw(t, "id")}
	keys := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"x", "y", "z"}), 0, 2, rapid.ID).Draw(t, "keys")
	skip, gone := rapid.SampledFrom([]int64{1, 1, 1, 1, 2, 0}).Draw(t, "version"), rapid.IntRange(0, 3).Draw(t, "gone") == 0
	_ = p.commit(t, ledger.Batch{Records: []ledger.RecordKey{key}}, func(s *ledger.State) (*ledger.Changes, error) {
		r := &ledger.Record{Kind: key.Kind, ID: key.ID, Version: skip, Keys: keys, Body: fmt.Appendf(nil, `{"at":%d}`, p.now), At: p.now}
		if old := s.Records[key]; old != nil {
			r.Version = old.Version + skip
		}
		if gone {
			r.Deleted, r.Keys = true, nil
		}
		return &ledger.Changes{Records: []*ledger.Record{r}}, nil
	})
	for _, k := range []string{"x", "y", "z"} {
		got, err := p.store.Reader().Records.ByKey(p.ctx, key.Kind, k)
		want, _ := p.model.Reader().Records.ByKey(p.ctx, key.Kind, k)
		if err != nil || text(got) != text(want) {
			t.Fatalf("by key %s the store finds %s (%v), the model %s", k, text(got), err, text(want))
		}
	}
}

func (p *pair) link(t *rapid.T) {
	l := ledger.Link{
		Connection: rapid.SampledFrom(dumpConnections).Draw(t, "connection"), Neutral: rapid.SampledFrom(dumpThings).Draw(t, "thing"),
		Role: rapid.SampledFrom([]string{"credit", "wallet"}).Draw(t, "role"), Vendor: rapid.SampledFrom([]string{"v1", "V2", "v_3"}).Draw(t, "vendor"),
	}
	c := &ledger.Changes{Links: []ledger.Link{l}}
	switch rapid.IntRange(0, 4).Draw(t, "unlink") {
	case 0:
		c = &ledger.Changes{Unlinked: []ledger.Link{l}}
	case 1:
		c.Unlinked = c.Links // deleted, then made again
	}
	_ = p.commit(t, ledger.Batch{}, func(*ledger.State) (*ledger.Changes, error) { return c, nil })
	got, err := p.store.Reader().Links.ByVendor(p.ctx, l.Connection, l.Vendor)
	want, _ := p.model.Reader().Links.ByVendor(p.ctx, l.Connection, l.Vendor)
	if err != nil || text(got) != text(want) {
		t.Fatalf("by vendor the store finds %s (%v), the model %s", text(got), err, text(want))
	}
}

func (p *pair) request(t *rapid.T) {
	key := drawKey.Draw(t, "account")
	r := &ledger.Request{
		Hash: rapid.SampledFrom([]string{"h1", "h2", "h3", "h4"}).Draw(t, "hash"), Operation: ledger.OpDebit, Customer: key.Customer, Unit: key.Unit,
		Result: []byte("{}"), Amount: 10, At: p.now,
	}
	natural := ledger.Natural{Key: "natural/" + r.Hash, ID: p.id(core.GrantID, key.Customer)}
	given := core.Amount(rapid.IntRange(0, 12).Draw(t, "reversed"))
	_ = p.commit(t, ledger.Batch{Requests: []string{r.Hash}, Naturals: []string{natural.Key}}, func(s *ledger.State) (*ledger.Changes, error) {
		if old := s.Requests[r.Hash]; old != nil && given > 2 {
			again := *old
			again.Reversed = max(given, old.Reversed)
			return &ledger.Changes{Reversed: []*ledger.Request{&again}}, nil
		}
		return &ledger.Changes{Requests: []*ledger.Request{r}, Naturals: []ledger.Natural{natural}}, nil
	})
	got, err := p.store.Reader().Entries.Request(p.ctx, r.Hash)
	want, _ := p.model.Reader().Entries.Request(p.ctx, r.Hash)
	if err != nil || text(got) != text(want) {
		t.Fatalf("the store has request %s (%v), the model %s", text(got), err, text(want))
	}
}

// pass lets time pass.
func (p *pair) pass(t *rapid.T) { p.now += core.Time(rapid.IntRange(1, 3).Draw(t, "hours")) * hour }

func (p *pair) due(t *rapid.T) {
	got, first, err := p.store.Reader().Entries.Due(p.ctx, p.now, 100)
	want, next, _ := p.model.Reader().Entries.Due(p.ctx, p.now, 100)
	order := func(a, b ledger.AccountKey) int { return compareText(a, b) }
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	if err != nil || text(got) != text(want) || first != next {
		t.Fatalf("due at %v: the store has %v and %v (%v), the model %v and %v", p.now, got, first, err, want, next)
	}
}

// compare runs after every step.
func (p *pair) compare(t *rapid.T) {
	limit := rapid.SampledFrom([]int{100, 100, 100, 2}).Draw(t, "page")
	got, err := dump(p.ctx, p.store.Reader(), limit)
	if err != nil {
		t.Fatal(err)
	}
	want, err := dump(p.ctx, p.model.Reader(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Fatalf("the store reads\n%s\nthe model\n%s", got, want)
	}
}
