package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/storage/storetest"
)

// TestRandomCommands sends random commands, some of them again and some keys
// with another body, and compares every outcome and balance with the naive
// account.
func TestRandomCommands(t *testing.T) {
	storetest.FewChecks(t)
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t, nil, ledger.Options{MaxBatch: rapid.SampledFrom([]int{1, 512}).Draw(rt, "batch")})
		defer b.close()
		r := &random{bench: b, accounts: map[ledger.AccountKey]*naive{ann: {}, bob: {}}}
		rt.Repeat(map[string]func(*rapid.T){
			"issue": r.issue, "debit": r.debit, "hold": r.hold, "capture": r.capture, "release": r.release, "void": r.void,
			"reverse": r.reverse, "again": r.again, "other body": r.otherBody, "batch": r.batch, "time": r.later, "": r.check,
		})
		b.sound()
		if t.Failed() {
			rt.Fatal("see above")
		}
	})
}

type random struct {
	*bench
	accounts map[ledger.AccountKey]*naive
	grants   []known[*naiveGrant]
	holds    []known[*naiveHold]
	debits   []known[[]naivePart]
	sent     []sent
	serial   int
}

// known is a thing by its id, and what the naive account calls it.
type known[T any] struct {
	id    core.ID
	of    *naive
	value T
}

// sent is a command that can be sent again.
type sent struct {
	key    string
	answer string
	repeat func() (any, bool, error)
}

func (r *random) key() string {
	r.serial++
	return fmt.Sprint("k", r.serial)
}

// send sends a new command; its outcome must be code.
func (r *random) send(t *rapid.T, key string, code core.Code, call func() (any, bool, error)) bool {
	answer, replay, err := call()
	if core.CodeOf(err) != code || replay {
		t.Fatalf("%s: %v (%s), replay %v; want %q", key, err, core.CodeOf(err), replay, code)
	}
	r.sent = append(r.sent, sent{key, text(answer) + text(err), call})
	return err == nil
}

func (r *random) draw(t *rapid.T) (ledger.AccountKey, *naive, core.Amount, string) {
	account := rapid.SampledFrom([]ledger.AccountKey{ann, bob}).Draw(t, "account")
	n := r.accounts[account]
	n.settle(r.Now())
	return account, n, core.Amount(rapid.IntRange(1, 30).Draw(t, "amount")), r.key()
}

func pick[T any](t *rapid.T, list []known[T], now core.Time) known[T] {
	if len(list) == 0 {
		t.Skip("there is none yet")
	}
	k := rapid.SampledFrom(list).Draw(t, "which")
	k.of.settle(now)
	return k
}

func (r *random) issue(t *rapid.T) {
	account, n, amount, key := r.draw(t)
	terms := terms(amount)
	terms.Priority = rapid.IntRange(0, 1).Draw(t, "priority")
	g := &naiveGrant{priority: terms.Priority, expires: core.Never, left: amount}
	if hours := rapid.IntRange(0, 4).Draw(t, "hours"); hours > 0 {
		terms.Expires = r.Now() + core.Time(hours)*hour
		g.expires = terms.Expires
	}
	r.send(t, key, "", func() (any, bool, error) { return answer(r.Issue(r.ctx, key, account, terms)) })
	n.grants = append(n.grants, g)
	r.grants = append(r.grants, known[*naiveGrant]{core.NewID(core.GrantID, account.Customer, ledger.OpGrant, key, 0), n, g})
}

func (r *random) debit(t *rapid.T) {
	account, n, amount, key := r.draw(t)
	parts, code := n.debit(amount)
	if r.send(t, key, code, func() (any, bool, error) { return answer(r.Debit(r.ctx, key, charge(account, amount))) }) {
		r.debits = append(r.debits, known[[]naivePart]{core.NewID(core.DebitID, account.Customer, ledger.OpDebit, key, 0), n, parts})
	}
}

func (r *random) hold(t *rapid.T) {
	account, n, amount, key := r.draw(t)
	hours := rapid.IntRange(1, 3).Draw(t, "hours")
	h, code := n.hold(amount, r.Now()+core.Time(hours)*hour)
	if r.send(t, key, code, func() (any, bool, error) {
		return answer(r.Hold(r.ctx, key, charge(account, amount), ledger.HoldTerms{For: time.Duration(hours) * time.Hour}))
	}) {
		r.holds = append(r.holds, known[*naiveHold]{core.NewID(core.HoldID, account.Customer, ledger.OpHold, key, 0), n, h})
	}
}

func (r *random) capture(t *rapid.T) {
	h, key := pick(t, r.holds, r.Now()), r.key()
	account, _, err := r.Reader().Accounts.Hold(r.ctx, h.id)
	if err != nil {
		t.Fatal(err)
	}
	terms := ledger.CaptureTerms{Unit: account.Unit, Hold: h.id, Amount: core.Amount(rapid.IntRange(0, 30).Draw(t, "amount")), Final: rapid.Bool().Draw(t, "final")}
	code := h.of.capture(h.value, terms.Amount, terms.Final)
	r.send(t, key, code, func() (any, bool, error) {
		d, h, replay, err := r.Capture(r.ctx, key, terms)
		return []any{d, h}, replay, err
	})
}

func (r *random) release(t *rapid.T) {
	h, key := pick(t, r.holds, r.Now()), r.key()
	r.send(t, key, h.of.release(h.value), func() (any, bool, error) { return answer(r.Release(r.ctx, key, h.id)) })
}

func (r *random) void(t *rapid.T) {
	g, key := pick(t, r.grants, r.Now()), r.key()
	r.send(t, key, g.of.void(g.value), func() (any, bool, error) { return answer(r.Void(r.ctx, key, g.id)) })
}

func (r *random) reverse(t *rapid.T) {
	d, key := pick(t, r.debits, r.Now()), r.key()
	code := core.CodeInvalid // it was reversed before
	for i := range r.debits {
		if r.debits[i].id == d.id && r.debits[i].value != nil {
			code = ""
			d.of.reverse(d.value)
			r.debits[i].value = nil
		}
	}
	r.send(t, key, code, func() (any, bool, error) { return answer(r.Reverse(r.ctx, key, d.id, 0)) })
}

// again repeats an old command: the answer is the old one and nothing moves.
func (r *random) again(t *rapid.T) {
	if len(r.sent) == 0 {
		t.Skip("nothing was sent yet")
	}
	s := rapid.SampledFrom(r.sent).Draw(t, "which")
	answer, replay, err := s.repeat()
	if got := text(answer) + text(err); got != s.answer || err == nil && !replay {
		t.Fatalf("%s again: %s, replay %v; first it was %s", s.key, got, replay, s.answer)
	}
}

// otherBody uses the key of an old debit for another.
func (r *random) otherBody(t *rapid.T) {
	if len(r.debits) == 0 {
		t.Skip("nothing was debited yet")
	}
	req, err := r.Reader().Entries.Request(r.ctx, ledger.HashOf(rapid.SampledFrom(r.debits).Draw(t, "which").id))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = r.Debit(r.ctx, req.Key, charge(ann, 31))
	if core.CodeOf(err) != core.CodeIdempotencyConflict {
		t.Fatalf("key %s with another amount: %v", req.Key, err)
	}
}

// batch debits several at once, with a duplicate.
func (r *random) batch(t *rapid.T) {
	var items []ledger.BatchItem
	var codes []core.Code
	for range rapid.IntRange(1, 4).Draw(t, "items") {
		account, n, amount, key := r.draw(t)
		_, code := n.debit(amount)
		items, codes = append(items, ledger.BatchItem{Key: key, Charge: charge(account, amount)}), append(codes, code)
	}
	items, codes = append(items, items[0]), append(codes, codes[0])
	outcomes, err := r.DebitBatch(r.ctx, items)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range outcomes {
		if core.CodeOf(o.Err) != codes[i] || o.Err == nil && o.Replayed != (i == len(items)-1) {
			t.Fatalf("item %d: %+v, want %q", i, o, codes[i])
		}
	}
}

// later lets time pass, and sometimes the sweeper run.
func (r *random) later(t *rapid.T) {
	r.pass(core.Time(rapid.IntRange(1, 3).Draw(t, "hours")) * hour / 2)
	if rapid.Bool().Draw(t, "sweep") {
		if _, _, err := r.Sweep(r.ctx, 100); err != nil {
			t.Fatal(err)
		}
	}
}

func (r *random) check(t *rapid.T) {
	for key, n := range r.accounts {
		n.settle(r.Now())
		a, err := r.Account(r.ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		var spent core.Amount
		for _, g := range n.grants {
			spent += g.spent
		}
		if got, want := a.Balance(r.Now()), n.balance(); got != want || a.Consumed != spent {
			t.Fatalf("%v has %+v and consumed %d, the naive account %+v and %d", key, got, a.Consumed, want, spent)
		}
	}
}
