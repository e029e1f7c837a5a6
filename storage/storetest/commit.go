package storetest

import (
	"context"
	"errors"

	"github.com/sourcegraph/conc/pool"

	"scrip/core"
	"scrip/core/ledger"
)

var commitCases = []testCase{
	{"an error of the decision comes back as it is and writes nothing", decisionRefuses},
	{"a failing write of any kind undoes all the others", failsHalfWay},
	{"a panic half way writes nothing and leaves the store in use", panicsHalfWay},
	{"a commit writes everything at once", writesEverything},
	{"an ended context refuses", endedContext},
	{"a request hash is used once", requestOnce},
	{"a natural key is used once", naturalOnce},
	{"what a reversal gave back is kept with the request", reversedGrows},
	{"what was not named is not there", namesNothing},
	{"names may repeat", namesTwice},
	{"content is taken out of rows that stay", takesContent},
	{"concurrent commits of one account are serial", serialAccount},
}

// everything makes one change of each kind, all new.
func (w *world) everything(key ledger.AccountKey) ledger.Changes {
	w.serial++
	t := w.terms(key, 100)
	a := &core.Account{Customer: key.Customer, Unit: core.Unit{Code: key.Unit}, Order: core.DefaultOrder()}
	if _, err := a.Issue(t, start); err != nil {
		w.Fatal(err)
	}
	if _, err := a.Reserve(core.Hold{ID: w.id(core.HoldID, key.Customer), Amount: 30, Expires: start + hour}, start); err != nil {
		w.Fatal(err)
	}
	return ledger.Changes{
		Requests: []*ledger.Request{w.request(key, "everything "+key.Customer)},
		Accounts: []*core.Account{a},
		Naturals: []ledger.Natural{{Key: "payment/" + key.Customer, ID: t.ID}},
		Records:  []*ledger.Record{{Kind: "plan", ID: key.Customer, Version: 1, Keys: []string{"name " + key.Customer}, Body: []byte(`{"a":1}`), At: start}},
		Links:    []ledger.Link{{Connection: "east", Neutral: key.Customer, Role: "customer", Vendor: "v_" + key.Customer}},
		Events:   []*ledger.Event{w.event(key.Customer)},
		Intents:  []*ledger.Intent{w.intent("east", key.Customer, start)},
	}
}

func (w *world) request(key ledger.AccountKey, name string) *ledger.Request {
	return &ledger.Request{
		Hash: ledger.RequestHash(ledger.OpDebit, name), Operation: ledger.OpDebit, Key: name, Customer: key.Customer, Unit: key.Unit,
		Fields: "amount\x1f5\x1e", Result: []byte(`{"ok":true}`), FirstSeq: 1, LastSeq: 2, Amount: 5, At: start,
	}
}

// dump is all that a reader can see.
func (w *world) dump() string {
	w.Helper()
	d, err := dump(w.ctx, w.reader, 1000)
	w.need(err)
	return d
}

func decisionRefuses(w *world) {
	w.need(w.write(w.everything(ann)))
	before := w.dump()
	id := w.id(core.DebitID, "ann")
	err := w.commit(ledger.Batch{}, ann, func(a *core.Account) error {
		if err := debiting(id, 5)(a); err != nil {
			return err
		}
		return errRefused
	})
	if err != errRefused {
		w.Errorf("the error is %v, want the decision's own", err)
	}
	w.same("the store", w.dump(), before)
}

func failsHalfWay(w *world) {
	first := w.everything(ann)
	w.need(w.write(first))
	before := w.dump()
	for _, c := range []struct {
		name  string
		spoil func(*ledger.Changes)
	}{
		{"request", func(c *ledger.Changes) { c.Requests = append(c.Requests, first.Requests[0]) }},
		{"account with entries that exist", func(c *ledger.Changes) { c.Accounts = append(c.Accounts, first.Accounts[0]) }},
		{"natural key", func(c *ledger.Changes) { c.Naturals = append(c.Naturals, first.Naturals[0]) }},
		{"record that exists", func(c *ledger.Changes) { c.Records = append(c.Records, first.Records[0]) }},
		{"record with a version ahead", func(c *ledger.Changes) {
			c.Records = append(c.Records, &ledger.Record{Kind: "plan", ID: "ann", Version: 3, Body: []byte("{}"), At: start})
		}},
		{"new record that does not begin at 1", func(c *ledger.Changes) {
			c.Records = append(c.Records, &ledger.Record{Kind: "plan", ID: "new", Version: 2, Body: []byte("{}"), At: start})
		}},
		{"look-up key of another record", func(c *ledger.Changes) {
			c.Records = append(c.Records, &ledger.Record{Kind: "plan", ID: "new", Version: 1, Keys: first.Records[0].Keys, Body: []byte("{}"), At: start})
		}},
		{"reversal of more than was taken", func(c *ledger.Changes) {
			more := *first.Requests[0]
			more.Reversed = more.Amount + 1
			c.Reversed = append(c.Reversed, &more)
		}},
	} {
		changes := w.everything(bob)
		c.spoil(&changes)
		if err := w.write(changes); err == nil {
			w.Errorf("%s: the commit succeeded", c.name)
		} else if errors.Is(err, ledger.ErrUnknown) {
			w.Errorf("%s: the outcome is told as unknown: %v", c.name, err)
		}
		w.same(c.name, w.dump(), before)
	}
	w.need(w.write(w.everything(bob)))
}

func panicsHalfWay(w *world) {
	w.need(w.write(w.everything(ann)))
	before := w.dump()
	attempt := func(b ledger.Batch, decide func(*ledger.State) (*ledger.Changes, error)) (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = errors.New("panicked")
			}
		}()
		return w.store.Commit(w.ctx, &b, decide)
	}
	err := attempt(ledger.Batch{}, func(*ledger.State) (*ledger.Changes, error) { panic("deciding") })
	if err == nil {
		w.Error("a panicking decision was committed")
	}
	changes := w.everything(bob)
	changes.Accounts = append(changes.Accounts, nil) // a bug of the caller, met after the first account was written
	if err := attempt(ledger.Batch{}, func(*ledger.State) (*ledger.Changes, error) { return &changes, nil }); err == nil {
		w.Error("changes with a nil account were committed")
	}
	w.same("the store", w.dump(), before)
	w.need(w.write(w.everything(bob)))
}

func writesEverything(w *world) {
	c := w.everything(ann)
	w.need(w.write(c))
	seen, err := w.see(ledger.Batch{
		Requests: []string{c.Requests[0].Hash}, Accounts: []ledger.AccountKey{ann}, Naturals: []string{"payment/ann"},
		Records: []ledger.RecordKey{{Kind: "plan", ID: "ann"}}, Links: []ledger.LinkKey{{Connection: "east", Neutral: "ann"}},
		Events: []ledger.Lease{{ID: c.Events[0].ID}}, Intents: []ledger.Lease{{ID: c.Intents[0].ID}},
	})
	w.need(err)
	w.same("request", seen.Requests[c.Requests[0].Hash], c.Requests[0])
	w.same("natural", seen.Naturals["payment/ann"], c.Naturals[0].ID)
	w.same("record", seen.Records[ledger.RecordKey{Kind: "plan", ID: "ann"}], c.Records[0])
	w.same("links", seen.Links[ledger.LinkKey{Connection: "east", Neutral: "ann"}], c.Links)
	w.same("event", seen.Events[c.Events[0].ID], c.Events[0])
	w.same("intent", seen.Intents[c.Intents[0].ID], c.Intents[0])
	w.same("grants", seen.Accounts[ann].Grants, c.Accounts[0].Grants)
	w.same("holds", seen.Accounts[ann].Holds, c.Accounts[0].Holds)
	w.same("entries", w.entries(ann), c.Accounts[0].Entries)
}

func endedContext(w *world) {
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	c := w.everything(ann)
	err := w.store.Commit(ctx, &ledger.Batch{}, func(*ledger.State) (*ledger.Changes, error) { return &c, nil })
	if err == nil {
		w.Error("the commit succeeded")
	}
	if _, err := w.store.Claim(ctx, ledger.Inbox, start, start, 1, 1); err == nil {
		w.Error("the claim succeeded")
	}
	if a, err := w.reader.Accounts.Account(w.ctx, ann); err != nil || a != nil {
		w.Errorf("the account is %v, %v", a, err)
	}
}

func requestOnce(w *world) {
	r := w.request(ann, "once")
	w.need(w.write(ledger.Changes{Requests: []*ledger.Request{r}}))
	other := w.request(bob, "once")
	if err := w.write(ledger.Changes{Requests: []*ledger.Request{other}}); err == nil {
		w.Error("another customer used the same key of the same operation")
	}
	if err := w.write(ledger.Changes{Requests: []*ledger.Request{w.request(ann, "two"), w.request(ann, "two")}}); err == nil {
		w.Error("one commit used a key twice")
	}
	stored, err := w.reader.Entries.Request(w.ctx, r.Hash)
	w.need(err)
	w.same("request", stored, r)
	refusal := &ledger.Request{Hash: "hash", Code: core.CodeInsufficientCredits, Result: []byte("{}"), FirstSeq: 1, Fields: "ü\x1f\n\x1e"}
	w.need(w.write(ledger.Changes{Requests: []*ledger.Request{refusal}}))
	stored, err = w.reader.Entries.Request(w.ctx, "hash")
	w.need(err)
	w.same("refusal", stored, refusal)
}

func naturalOnce(w *world) {
	n := ledger.Natural{Key: "payment/1", ID: w.id(core.GrantID, "ann")}
	w.need(w.write(ledger.Changes{Naturals: []ledger.Natural{n}}))
	for _, again := range [][]ledger.Natural{{{Key: "payment/1", ID: w.id(core.GrantID, "bob")}}, {{Key: "two", ID: n.ID}, {Key: "two", ID: n.ID}}} {
		if err := w.write(ledger.Changes{Naturals: again}); err == nil {
			w.Errorf("%v was taken twice", again)
		}
	}
	seen, err := w.see(ledger.Batch{Naturals: []string{"payment/1", "two"}})
	w.need(err)
	w.same("naturals", seen.Naturals, map[string]core.ID{"payment/1": n.ID})
}

func reversedGrows(w *world) {
	r := w.request(ann, "debit")
	w.need(w.write(ledger.Changes{Requests: []*ledger.Request{r}}))
	for _, amount := range []core.Amount{2, 5} {
		r.Reversed = amount
		w.need(w.write(ledger.Changes{Reversed: []*ledger.Request{r}}))
		stored, err := w.reader.Entries.Request(w.ctx, r.Hash)
		w.need(err)
		w.same("request", stored, r)
	}
}

func namesNothing(w *world) {
	w.need(w.write(w.everything(ann)))
	nobody := ledger.AccountKey{Customer: "nobody", Unit: "credits"}
	missing := ledger.RecordKey{Kind: "plan", ID: "nobody"}
	seen, err := w.see(ledger.Batch{
		Requests: []string{"none"}, Accounts: []ledger.AccountKey{nobody}, Grants: []core.ID{"grn_none", w.id(core.GrantID, "ann")},
		Holds: []core.ID{"", w.id(core.HoldID, "ann")}, Naturals: []string{"none"}, Records: []ledger.RecordKey{missing},
		Links: []ledger.LinkKey{{Connection: "east", Neutral: "nobody"}}, Events: []ledger.Lease{{ID: "none"}}, Intents: []ledger.Lease{{ID: "none"}},
	})
	w.need(err)
	if a := seen.Accounts[nobody]; a != nil || seen.Requests["none"] != nil || seen.Naturals["none"] != "" || seen.Records[missing] != nil ||
		len(seen.Links[ledger.LinkKey{Connection: "east", Neutral: "nobody"}]) > 0 || seen.Events["none"] != nil || seen.Intents["none"] != nil {
		w.Errorf("something was found: %+v", seen)
	}
	if _, named := seen.Records[missing]; !named {
		w.Error("a named record that does not exist must be told from one that was not named")
	}
	if len(seen.Accounts) > 0 {
		w.Errorf("accounts that were not named were loaded: %v", seen.Accounts)
	}
}

func namesTwice(w *world) {
	c := w.everything(ann)
	w.need(w.write(c))
	g, h, debit := c.Accounts[0].Grants[0].ID, c.Accounts[0].Holds[0].ID, w.id(core.DebitID, "ann")
	w.need(w.commit(ledger.Batch{
		Accounts: []ledger.AccountKey{ann, ann}, Grants: []core.ID{g, g}, Holds: []core.ID{h, h}, Requests: []string{c.Requests[0].Hash, c.Requests[0].Hash},
		Records: []ledger.RecordKey{{Kind: "plan", ID: "ann"}, {Kind: "plan", ID: "ann"}}, Naturals: []string{"payment/ann", "payment/ann"},
		Links: []ledger.LinkKey{{Connection: "east", Neutral: "ann"}, {Connection: "east", Neutral: "ann"}},
	}, ann, func(a *core.Account) error {
		if len(a.Grants) != 1 || len(a.Holds) != 1 {
			w.Errorf("%d grants and %d holds were loaded, want one of each", len(a.Grants), len(a.Holds))
		}
		return debiting(debit, 70)(a)
	}))
	w.same("consumed", w.account(ann).Consumed, 70)
}

func serialAccount(w *world) {
	const callers, each = 8, 25
	w.grant(ann, callers*each)
	p := pool.New().WithErrors()
	for caller := range callers {
		var own []core.ID
		for range each {
			own = append(own, w.id(core.DebitID, "ann"))
		}
		p.Go(func() error {
			for i, id := range own {
				// Every second caller meets other accounts too, in another order.
				b := ledger.Batch{Accounts: []ledger.AccountKey{bob}}
				if (caller+i)%2 == 0 {
					b.Accounts = []ledger.AccountKey{ann, bob}
				}
				if err := w.commit(b, ann, debiting(id, 1)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	w.need(p.Wait())
	a := w.account(ann)
	w.same("consumed", a.Consumed, callers*each)
	w.same("balance", a.Balance(start), core.Balance{})
	w.chain(ann, callers*each+1)
}
