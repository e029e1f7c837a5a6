package ledger_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/sale"
)

// command is one keyed command: how it is first sent, and the same key with
// another value in one field.
type command struct {
	name   string
	first  func(b *bench, key string) (any, bool, error)
	others map[string]func(b *bench, key string) (any, bool, error) // by the field that differs
	posts  int64                                                    // entries it makes
}

// fixture is what the commands act on.
type fixture struct{ grant, hold, held, debit core.ID }

func prepare(b *bench) fixture {
	b.Helper()
	f := fixture{grant: b.grant("fix grant", ann, 100_00)}
	b.grant("fix spare", ann, 50_00)
	for key, id := range map[string]*core.ID{"fix hold": &f.hold, "fix held": &f.held} {
		h, _, err := b.Hold(b.ctx, key, charge(ann, 10_00), ledger.HoldTerms{For: time.Hour})
		b.need(err)
		*id = h.Hold.ID
	}
	d, _, err := b.Debit(b.ctx, "fix debit", charge(ann, 5_00))
	b.need(err)
	f.debit = d.ID
	return f
}

// answer forgets the type of a receipt.
func answer[R any](r R, replay bool, err error) (any, bool, error) { return r, replay, err }

func commands(f fixture) []command {
	type call = func(b *bench, key string) (any, bool, error)
	issue := func(account ledger.AccountKey, t core.Terms) call {
		return func(b *bench, key string) (any, bool, error) { return answer(b.Issue(b.ctx, key, account, t)) }
	}
	with := func(change func(*core.Terms)) call {
		t := terms(7_00)
		change(&t)
		return issue(ann, t)
	}
	void := func(id core.ID) call {
		return func(b *bench, key string) (any, bool, error) { return answer(b.Void(b.ctx, key, id)) }
	}
	debit := func(c ledger.Charge) call {
		return func(b *bench, key string) (any, bool, error) { return answer(b.Debit(b.ctx, key, c)) }
	}
	action := ledger.Charge{Account: ann, Amount: 2_00, Action: "render", Quantity: "4", Dimensions: map[string]string{"size": "4k"}}
	varied := func(change func(*ledger.Charge)) call {
		c := action
		change(&c)
		return debit(c)
	}
	hold := func(c ledger.Charge, t ledger.HoldTerms) call {
		return func(b *bench, key string) (any, bool, error) { return answer(b.Hold(b.ctx, key, c, t)) }
	}
	capture := func(t ledger.CaptureTerms) call {
		return func(b *bench, key string) (any, bool, error) {
			d, h, replay, err := b.Capture(b.ctx, key, t)
			return []any{d, h}, replay, err
		}
	}
	release := func(id core.ID) call {
		return func(b *bench, key string) (any, bool, error) { return answer(b.Release(b.ctx, key, id)) }
	}
	reverse := func(id core.ID, amount core.Amount) call {
		return func(b *bench, key string) (any, bool, error) { return answer(b.Reverse(b.ctx, key, id, amount)) }
	}
	buy := func(customer, pack string) call {
		return func(b *bench, key string) (any, bool, error) {
			return answer(b.Buy(b.ctx, key, sale.Purchase{Customer: customer, Pack: pack, Unit: "credits", Credits: 10, Price: core.Money{Minor: 5, Currency: "usd"}}))
		}
	}
	full := ledger.CaptureTerms{Unit: "credits", Hold: f.hold, Amount: 3_00}
	return []command{
		{"issue", issue(ann, terms(7_00)), map[string]call{
			"amount": issue(ann, terms(7_01)), "customer": issue(bob, terms(7_00)), "unit": issue(ledger.AccountKey{Customer: "ann", Unit: "tokens"}, terms(7_00)),
			"category":     with(func(t *core.Terms) { t.Category = core.Paid }),
			"priority":     with(func(t *core.Terms) { t.Priority = 3 }),
			"effective_at": with(func(t *core.Terms) { t.Starts = start + 1 }),
			"expires_at":   with(func(t *core.Terms) { t.Expires = start + hour }),
			"paid":         with(func(t *core.Terms) { t.Paid = core.Money{Minor: 1, Currency: "usd"} }),
			"scope":        with(func(t *core.Terms) { t.Actions = []string{"render"} }),
			"metadata":     with(func(t *core.Terms) { t.Metadata = map[string]string{"a": "b"} }),
		}, 1},
		{"debit", debit(charge(ann, 1_00)), map[string]call{
			"amount": debit(charge(ann, 1_01)), "customer": debit(charge(bob, 1_00)), "action": debit(ledger.Charge{Account: ann, Amount: 1_00, Action: "render"}),
		}, 1},
		{"debit of an action", debit(action), map[string]call{
			"quantity":   varied(func(c *ledger.Charge) { c.Quantity = "5" }),
			"dimensions": varied(func(c *ledger.Charge) { c.Dimensions = map[string]string{"size": "8k"} }),
			"action":     varied(func(c *ledger.Charge) { c.Action = "upscale" }),
		}, 1},
		{"hold", hold(charge(ann, 2_00), ledger.HoldTerms{For: time.Hour}), map[string]call{
			"amount":                 hold(charge(ann, 2_01), ledger.HoldTerms{For: time.Hour}),
			"expires_in":             hold(charge(ann, 2_00), ledger.HoldTerms{For: time.Minute}),
			"protect_until_resolved": hold(charge(ann, 2_00), ledger.HoldTerms{For: time.Hour, Protect: true}),
		}, 1},
		{"capture", capture(full), map[string]call{
			"amount": capture(ledger.CaptureTerms{Unit: "credits", Hold: f.hold, Rest: true}), "hold": capture(ledger.CaptureTerms{Hold: f.held, Amount: 3_00}),
			"final":      capture(ledger.CaptureTerms{Unit: "credits", Hold: f.hold, Amount: 3_00, Final: true}),
			"allow_over": capture(ledger.CaptureTerms{Unit: "credits", Hold: f.hold, Amount: 3_00, AllowOver: true}),
		}, 1},
		{"release", release(f.held), map[string]call{"hold": release(f.hold)}, 1},
		{"reverse", reverse(f.debit, 1_00), map[string]call{"amount": reverse(f.debit, 0)}, 1},
		{"buy", buy("ann", "small"), map[string]call{"pack": buy("ann", "large"), "customer": buy("bob", "small")}, 0},
		{"void", void(f.grant), map[string]call{"grant": func(b *bench, key string) (any, bool, error) {
			return answer(b.Void(b.ctx, key, b.grant("another for "+key, ann, 1)))
		}}, 1},
	}
}

// feedLength counts all entries.
func (b *bench) feedLength() int64 {
	b.Helper()
	list, _, err := b.Reader().Entries.Feed(b.ctx, "", 100_000)
	b.need(err)
	return int64(len(list))
}

// Every command: the first time it works, the same again is the first answer
// marked as a replay and changes nothing, also after a restart; another body
// is a conflict that names the field and changes nothing.
// AP-06.
func TestFirstReplayConflict(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	f := prepare(b)
	firsts := map[string]string{}
	for _, c := range commands(f) {
		before := b.feedLength()
		first, replay, err := c.first(b, "key "+c.name)
		if err != nil || replay {
			t.Fatalf("%s: the first answer is %v, replay %v", c.name, err, replay)
		}
		firsts[c.name] = text(first)
		if made := b.feedLength() - before; made != c.posts {
			t.Errorf("%s made %d entries, want %d", c.name, made, c.posts)
		}
	}
	check := func(when string) {
		for _, c := range commands(f) {
			for field, other := range c.others {
				_, _, err := other(b, "key "+c.name)
				var conflict *core.Error
				if !errors.As(err, &conflict) || conflict.Code != core.CodeIdempotencyConflict || conflict.Field != field {
					t.Errorf("%s, %s: another %s gave %v", when, c.name, field, err)
				}
			}
			before := b.feedLength()
			again, replay, err := c.first(b, "key "+c.name)
			if err != nil || !replay || text(again) != firsts[c.name] {
				t.Errorf("%s, %s: the replay is %s, %v, %v; the first was %s", when, c.name, text(again), replay, err, firsts[c.name])
			}
			if made := b.feedLength() - before; made != 0 {
				t.Errorf("%s, %s: the replay made %d entries", when, c.name, made)
			}
		}
	}
	check("at once")
	b.pass(48 * hour)
	check("two days later")
	b.restart()
	check("after a restart")
	b.sound()
}

// The same key under two operations is two requests.
func TestKeysAreScopedByOperation(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.grant("same", ann, 10_00)
	if _, replay, err := b.Debit(b.ctx, "same", charge(ann, 1_00)); err != nil || replay {
		t.Errorf("the debit is %v, replay %v", err, replay)
	}
	if _, replay, err := b.Hold(b.ctx, "same", charge(ann, 1_00), ledger.HoldTerms{For: time.Hour}); err != nil || replay {
		t.Errorf("the hold is %v, replay %v", err, replay)
	}
	same(t, "balance", b.balance(ann), core.Balance{Posted: 9_00, Held: 1_00, Available: 8_00})
}

// A refusal that was told stays the answer: a late retry never turns it into
// a charge.
// LC-10.
func TestRefusalIsStored(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	g := b.grant("g", ann, 1_00)
	tries := map[string]func(key string) error{
		"debit": func(key string) error { _, _, err := b.Debit(b.ctx, key, charge(ann, 5_00)); return err },
		"hold": func(key string) error {
			_, _, err := b.Hold(b.ctx, key, charge(ann, 5_00), ledger.HoldTerms{For: time.Hour})
			return err
		},
		"unknown": func(key string) error {
			_, _, err := b.Debit(b.ctx, key, charge(ledger.AccountKey{Customer: "eve", Unit: "credits"}, 1))
			return err
		},
	}
	told := map[string]string{}
	for name, try := range tries {
		err := try(name)
		want := core.CodeInsufficientCredits
		if name == "unknown" {
			want = core.CodeUnknownCustomer
		}
		wantCode(t, name, err, want)
		told[name] = text(err)
	}
	if !strings.Contains(told["debit"], `"available":"1.00","required":"5.00"`) {
		t.Errorf("the refusal is %s", told["debit"])
	}
	before := b.feedLength()
	b.grant("more", ann, 100_00)
	b.customer("eve")
	b.grant("eve's", ledger.AccountKey{Customer: "eve", Unit: "credits"}, 10)
	for _, when := range []string{"after a top-up", "after a restart"} {
		for name, try := range tries {
			if err := try(name); text(err) != told[name] {
				t.Errorf("%s, %s: %s, first told %s", when, name, text(err), told[name])
			}
		}
		b.restart()
	}
	same(t, "entries", b.feedLength()-before, 2)
	// Another body under a refused key is a conflict as ever.
	_, _, err := b.Debit(b.ctx, "debit", charge(ann, 1_00))
	wantCode(t, "another amount", err, core.CodeIdempotencyConflict)
	_, _, err = b.Void(b.ctx, "void", g)
	b.need(err)
	_, _, err = b.Void(b.ctx, "void again", g)
	wantCode(t, "a second void", err, core.CodeGrantNotOpen)
	b.sound()
}

func TestKeyForms(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.grant("g", ann, 100_00)
	for name, c := range map[string]struct {
		key  string
		code core.Code
	}{
		"empty":        {"", core.CodeIdempotencyKeyRequired},
		"256":          {strings.Repeat("k", 256), core.CodeMalformed},
		"line break":   {"a\nb", core.CodeMalformed},
		"NUL":          {"a\x00", core.CodeMalformed},
		"delete":       {"\x7f", core.CodeMalformed},
		"umlaut":       {"ü", core.CodeMalformed},
		"invalid utf8": {"\xff", core.CodeMalformed},
	} {
		_, _, err := b.Debit(b.ctx, c.key, charge(ann, 1))
		wantCode(t, name, err, c.code)
		_, _, err = b.Buy(b.ctx, c.key, sale.Purchase{Customer: "ann"})
		wantCode(t, name, err, c.code)
		outcomes, err := b.DebitBatch(b.ctx, []ledger.BatchItem{{Key: c.key, Charge: charge(ann, 1)}})
		if err != nil {
			t.Fatal(err)
		}
		wantCode(t, name, outcomes[0].Err, c.code)
	}
	for _, key := range []string{"k", strings.Repeat("k", 255), " ", "~!\"'%{}[]\\", "Key", "key"} {
		if _, replay, err := b.Debit(b.ctx, key, charge(ann, 1)); err != nil || replay {
			t.Errorf("key %q: %v, replay %v", key, err, replay)
		}
	}
	same(t, "spent", b.balance(ann).Posted, 100_00-6)
}

// What does not exist is refused before the key is used, so that the key is
// free when it does.
func TestMissingThings(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	grant, hold := core.NewID(core.GrantID, "ann", ledger.OpGrant, "later", 0), core.NewID(core.HoldID, "ann", ledger.OpHold, "later", 0)
	debit := core.NewID(core.DebitID, "ann", ledger.OpDebit, "later", 0)
	check := func(want func(what string, err error)) {
		t.Helper()
		_, _, err := b.Void(b.ctx, "v", grant)
		want("void", err)
		_, _, _, err = b.Capture(b.ctx, "c", ledger.CaptureTerms{Unit: "credits", Hold: hold, Amount: 1})
		want("capture", err)
		_, _, err = b.Release(b.ctx, "r", hold)
		want("release", err)
		_, _, err = b.Reverse(b.ctx, "u", debit, 1)
		want("reverse", err)
	}
	check(func(what string, err error) { t.Helper(); wantCode(t, what, err, core.CodeNotFound) })
	b.grant("spare", ann, 100)
	b.grant("later", ann, 100)
	_, _, err := b.Hold(b.ctx, "later", charge(ann, 10), ledger.HoldTerms{For: time.Hour})
	b.need(err)
	_, _, err = b.Debit(b.ctx, "later", charge(ann, 10))
	b.need(err)
	check(func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	})
	for _, id := range []core.ID{"", "deb_x", hold, core.ID(strings.Replace(string(debit), "deb", "hld", 1)), core.NewID(core.DebitID, "bob", ledger.OpDebit, "later", 0)} {
		_, err := b.Taken(b.ctx, id)
		wantCode(t, "debit "+string(id), err, core.CodeNotFound)
	}
	_, err = b.Customer(b.ctx, "eve")
	wantCode(t, "customer", err, core.CodeUnknownCustomer)
	_, err = b.Purchase(b.ctx, "pur_none")
	wantCode(t, "purchase", err, core.CodeNotFound)
}

func TestUnknownCustomer(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	eve := ledger.AccountKey{Customer: "eve", Unit: "credits"}
	_, _, err := b.Issue(b.ctx, "i", eve, terms(1))
	wantCode(t, "issue", err, core.CodeUnknownCustomer)
	_, _, err = b.Hold(b.ctx, "h", charge(eve, 1), ledger.HoldTerms{For: time.Hour})
	wantCode(t, "hold", err, core.CodeUnknownCustomer)
	_, _, err = b.Buy(b.ctx, "b", sale.Purchase{Customer: "eve", Unit: "credits"})
	wantCode(t, "buy", err, core.CodeUnknownCustomer)
	var field *core.Error
	if !errors.As(err, &field) || field.Field != "customer" {
		t.Errorf("the field is not named: %v", err)
	}
	if a, err := b.Reader().Accounts.Account(b.ctx, eve); a != nil || err != nil {
		t.Errorf("an account was made: %v, %v", a, err)
	}
	if _, err := b.Customer(b.ctx, "eve"); err == nil {
		t.Error("a command created a customer")
	}
	// A zero debit opens nothing, and needs the customer all the same.
	if r, _, err := b.Debit(b.ctx, "zero", charge(bob, 0)); err != nil || len(r.Allocations) != 0 {
		t.Errorf("a zero debit of a known customer: %+v, %v", r, err)
	}
}

func TestPutCustomer(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	c := ledger.Customer{ID: "eve", Name: "Eve ü", Metadata: map[string]string{"a": "b"}, Currency: "usd"}
	stored, created, err := b.PutCustomer(b.ctx, c)
	if err != nil || !created || stored.Created != start {
		t.Fatalf("first: %+v, %v, %v", stored, created, err)
	}
	version := func() int64 {
		r, err := b.Reader().Records.Record(b.ctx, ledger.RecordKey{Kind: ledger.CustomerKind, ID: "eve"})
		b.need(err)
		return r.Version
	}
	b.pass(hour)
	if _, created, err = b.PutCustomer(b.ctx, c); err != nil || created || version() != 1 {
		t.Errorf("an equal one: created %v, version %d, %v", created, version(), err)
	}
	c.Name = "Eve"
	stored, created, err = b.PutCustomer(b.ctx, c)
	if err != nil || created || stored.Created != start || version() != 2 {
		t.Errorf("another name: %+v, created %v, version %d, %v", stored, created, version(), err)
	}
	read, err := b.Customer(b.ctx, "eve")
	b.need(err)
	same(t, "read", read, stored)
	list, err := b.Customers(b.ctx, "ann", 10)
	b.need(err)
	if len(list) != 2 || list[0].ID != "bob" || list[1].ID != "eve" {
		t.Errorf("after ann come %+v", list)
	}
}

func TestReverseInParts(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.grant("a", ann, 3_00)
	b.grant("b", ann, 3_00)
	d, _, err := b.Debit(b.ctx, "d", charge(ann, 5_00))
	b.need(err)
	r, _, err := b.Reverse(b.ctx, "1", d.ID, 1_00)
	b.need(err)
	same(t, "left", r.Left, 4_00)
	_, _, err = b.Reverse(b.ctx, "too much", d.ID, 4_01)
	wantCode(t, "more than is left", err, core.CodeInvalid)
	r, _, err = b.Reverse(b.ctx, "2", d.ID, 0)
	b.need(err)
	same(t, "the rest", []core.Amount{r.Amount, r.Left}, []core.Amount{4_00, 0})
	_, _, err = b.Reverse(b.ctx, "3", d.ID, 0)
	wantCode(t, "nothing left", err, core.CodeInvalid)
	same(t, "balance", b.balance(ann).Posted, 6_00)
	b.sound()
}

// Rest is what is left of the hold, whatever earlier captures took.
func TestCaptureRest(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.grant("g", ann, 100)
	h, _, err := b.Hold(b.ctx, "h", charge(ann, 60), ledger.HoldTerms{For: time.Hour})
	b.need(err)
	_, _, _, err = b.Capture(b.ctx, "part", ledger.CaptureTerms{Unit: "credits", Hold: h.Hold.ID, Amount: 25})
	b.need(err)
	d, after, _, err := b.Capture(b.ctx, "rest", ledger.CaptureTerms{Unit: "credits", Hold: h.Hold.ID, Rest: true, Final: true})
	b.need(err)
	if d.Amount != 35 || after.Hold.State != core.HoldCaptured || after.Hold.Captured != 60 {
		t.Errorf("the rest is %d, the hold %+v", d.Amount, after.Hold)
	}
	_, _, _, err = b.Capture(b.ctx, "more", ledger.CaptureTerms{Unit: "credits", Hold: h.Hold.ID, Rest: true})
	wantCode(t, "a capture of what is closed", err, core.CodeHoldNotOpen)
	same(t, "balance", b.balance(ann), core.Balance{Posted: 40, Available: 40})
	b.sound()
}

func TestEndedContext(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	b.grant("g", ann, 10)
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	_, _, err := b.Debit(ctx, "d", charge(ann, 1))
	wantCode(t, "debit", err, core.CodeUnavailable)
	// Whatever became of it, the same key tells, and has one effect.
	_, _, err = b.Debit(b.ctx, "d", charge(ann, 1))
	b.need(err)
	same(t, "balance", b.balance(ann).Posted, 9)
}

// A debit of nothing opens no account, and leaves nothing to give back.
func TestReverseOfNothing(t *testing.T) {
	b := newBench(t, nil, ledger.Options{})
	d, _, err := b.Debit(b.ctx, "nothing", charge(ann, 0))
	b.need(err)
	for range 2 { // the refusal is the key's answer
		_, _, err = b.Reverse(b.ctx, "back", d.ID, 0)
		wantCode(t, "reversing a debit of zero", err, core.CodeInvalid)
	}
}
