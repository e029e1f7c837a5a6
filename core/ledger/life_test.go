package ledger_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"testing"
	"time"

	"pgregory.net/rapid"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/plan"
	"scrip/core/sale"
)

// TestLife does anything that may happen to a customer's account, in any
// order: grants, debits, holds, a plan, purchases, refunds, disputes, facts
// that come late, keys that come twice. After each command its answer and
// everything that the account holds must be what a naive model says, and at
// the end the audit must find nothing.
//
//	go test ./core/ledger -run 'TestLife$' -rapid.checks=2000
func TestLife(t *testing.T) {
	plans := map[string]plan.Terms{}
	for _, p := range lifePlans {
		plans[p.name] = p.terms()
	}
	b, serial, done := newBench(t, nil, ledger.Options{Deficit: lifeLimit, Plans: plans}), 0, map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		serial++
		w := &lifeWorld{bench: b, rt: rt, model: &life{now: b.Now()}, account: ledger.AccountKey{Customer: fmt.Sprintf("life-%d", serial), Unit: "credits"}, done: done}
		b.customer(w.account.Customer)
		var last string
		rt.Repeat(map[string]func(*rapid.T){
			"command": func(rt *rapid.T) {
				kind := w.kind()
				rt.Log(kind.name)
				if last = kind.name; kind.do(w) {
					done[last]++
				}
			},
			"": func(*rapid.T) { w.same(last) },
		})
	})
	b.sound()
	var never []string
	for _, kind := range lifeKinds {
		if done[kind.name] == 0 {
			never = append(never, kind.name)
		}
	}
	if len(lifeKinds)-len(never) < 30 {
		t.Errorf("of %d kinds of commands these were never done: %v", len(lifeKinds), never)
	}
}

// lifeWorld is one account and the model of it.
type lifeWorld struct {
	*bench
	rt        *rapid.T
	account   ledger.AccountKey
	model     *life
	lots      map[core.ID]*lifeLot // that commands made
	debits    []*lifeTook
	purchases []*lifePurchase
	keys      int
	told      []func() (string, bool, error) // commands with a key, to be said again
	answers   []string
	others    []func() error // the same keys with another body
	done      map[string]int
}

type lifeTook struct {
	id   core.ID
	told *lifeDebit
}

// lifeKind is a kind of command. do reports whether it came to anything.
type lifeKind struct {
	name string
	do   func(*lifeWorld) bool
}

var lifeKinds = []lifeKind{
	{"grant paid", func(w *lifeWorld) bool { return w.grant(core.Paid, 0, 0, false) }},
	{"grant promotional", func(w *lifeWorld) bool { return w.grant(core.Promotional, 0, 0, false) }},
	{"grant allotment", func(w *lifeWorld) bool { return w.grant(core.Allotment, 0, 0, false) }},
	{"grant rollover", func(w *lifeWorld) bool { return w.grant(core.Rollover, 0, 0, false) }},
	{"grant adjustment", func(w *lifeWorld) bool { return w.grant(core.Adjustment, 0, 0, false) }},
	{"grant scheduled", func(w *lifeWorld) bool { return w.grant(core.Paid, w.hours(1, 200), 0, false) }},
	{"grant backdated", func(w *lifeWorld) bool { return w.grant(core.Paid, -w.hours(1, 300), 0, false) }},
	{"grant expiring", func(w *lifeWorld) bool { return w.grant(core.Paid, 0, w.hours(1, 200), false) }},
	{"grant scoped", func(w *lifeWorld) bool { return w.grant(core.Promotional, 0, w.hours(1, 500), true) }},
	{"debit amount", func(w *lifeWorld) bool { return w.debit(lifeDraw{}) }},
	{"debit action", func(w *lifeWorld) bool { return w.debit(lifeDraw{action: "build"}) }},
	{"debit excluding", func(w *lifeWorld) bool { return w.debit(lifeDraw{action: "build", not: core.Paid}) }},
	{"debit reject", func(w *lifeWorld) bool { return w.debit(lifeDraw{rule: core.Reject}) }},
	{"debit cap", func(w *lifeWorld) bool { return w.debit(lifeDraw{rule: core.Cap}) }},
	{"debit overage", func(w *lifeWorld) bool { return w.debit(lifeDraw{rule: core.Overage}) }},
	{"debit deficit", func(w *lifeWorld) bool { return w.debit(lifeDraw{rule: core.Deficit}) }},
	{"debit late", func(w *lifeWorld) bool { return w.debit(lifeDraw{at: w.Now() - w.hours(1, 300)}) }},
	{"reverse a part", func(w *lifeWorld) bool { return w.reverse(false) }},
	{"reverse the whole", func(w *lifeWorld) bool { return w.reverse(true) }},
	{"reverse twice", func(w *lifeWorld) bool { return w.reverse(true) && !w.reverse(true) }},
	{"hold", func(w *lifeWorld) bool { return w.hold(false) }},
	{"hold protected", func(w *lifeWorld) bool { return w.hold(true) }},
	{"capture a part", func(w *lifeWorld) bool { return w.capture(false, false, false) }},
	{"capture the last", func(w *lifeWorld) bool { return w.capture(true, false, false) }},
	{"capture more", func(w *lifeWorld) bool { return w.capture(true, true, false) }},
	{"capture late", func(w *lifeWorld) bool { return w.capture(true, true, true) }},
	{"release", (*lifeWorld).release},
	{"void", (*lifeWorld).void},
	{"subscribe", func(w *lifeWorld) bool { return w.wish(func(was, to *lifePlan) bool { return was == nil }) }},
	{"stay", func(w *lifeWorld) bool { return w.wish(func(was, to *lifePlan) bool { return was == to }) }},
	{"upgrade", func(w *lifeWorld) bool {
		return w.wish(func(was, to *lifePlan) bool { return was != nil && to.dollars > was.dollars })
	}},
	{"downgrade", func(w *lifeWorld) bool {
		return w.wish(func(was, to *lifePlan) bool { return was != nil && to.dollars < was.dollars })
	}},
	{"cancel", (*lifeWorld).cancel},
	{"buy", (*lifeWorld).buys},
	{"pay", (*lifeWorld).pays},
	{"payment fails", (*lifeWorld).fails},
	{"refund a part", func(w *lifeWorld) bool { return w.claims(sale.RefundClaim, lifePrice/2, sale.Standing) }},
	{"refund the whole", func(w *lifeWorld) bool { return w.claims(sale.RefundClaim, lifePrice, sale.Standing) }},
	{"dispute", func(w *lifeWorld) bool { return w.claims(sale.DisputeClaim, lifePrice, sale.Standing) }},
	{"dispute is won", func(w *lifeWorld) bool { return w.claims(sale.DisputeClaim, lifePrice, sale.Won) }},
	{"time passes", func(w *lifeWorld) bool { return w.wait(w.hours(1, 100)) }},
	{"a period passes", func(w *lifeWorld) bool { return w.wait(lifePeriod) }},
	{"replay", (*lifeWorld).replay},
	{"conflict", (*lifeWorld).conflict},
}

// lifeOften are the kinds that others need, for the numbers that are left.
var lifeOften = []string{"grant paid", "debit amount", "debit overage", "hold", "subscribe", "subscribe", "upgrade", "downgrade", "buy", "buy", "pay", "pay", "pay",
	"refund a part", "dispute", "dispute", "dispute is won", "capture late", "time passes", "a period passes", "debit late"}

// kind picks one by six bits, each as likely as the other: a number would most
// often be a small one.
func (w *lifeWorld) kind() lifeKind {
	n := 0
	for range 6 {
		if n *= 2; rapid.Bool().Draw(w.rt, "kind") {
			n++
		}
	}
	if n < len(lifeKinds) {
		return lifeKinds[n]
	}
	name := lifeOften[(n-len(lifeKinds))%len(lifeOften)]
	return lifeKinds[slices.IndexFunc(lifeKinds, func(k lifeKind) bool { return k.name == name })]
}

func (w *lifeWorld) number(least, most int) core.Amount {
	return core.Amount(rapid.IntRange(least, most).Draw(w.rt, "number"))
}

func (w *lifeWorld) hours(least, most int) core.Time {
	return core.Time(rapid.IntRange(least, most).Draw(w.rt, "hours")) * hour
}

// choose picks one of a list.
func choose[T any](w *lifeWorld, list []T) (one T, ok bool) {
	if len(list) == 0 {
		return one, false
	}
	return list[rapid.IntRange(0, len(list)-1).Draw(w.rt, "which")], true
}

// say gives a command with a key of its own, and remembers both for later.
func (w *lifeWorld) say(command func(key string, more core.Amount) (string, bool, error)) error {
	w.keys++
	key := fmt.Sprintf("%s-%d", w.account.Customer, w.keys)
	w.model.play(w.Now())
	text, before, err := command(key, 0)
	if before {
		w.rt.Fatalf("%s is new and was answered before", key)
	}
	w.told = append(w.told, func() (string, bool, error) { return command(key, 0) })
	w.answers = append(w.answers, text+string(core.CodeOf(err)))
	w.others = append(w.others, func() error { _, _, err := command(key, 1); return err })
	return err
}

// agree compares a refusal with the model's.
func (w *lifeWorld) agree(err error, want core.Code) bool {
	if got := core.CodeOf(err); err == nil && want != "" || err != nil && got != want {
		w.rt.Fatalf("refused with %q (%v), the model with %q", got, err, want)
	}
	return err == nil
}

func (w *lifeWorld) grant(category core.Category, starts, lasts core.Time, scoped bool) bool {
	t := core.Terms{Amount: w.number(1, 80), Category: category, Priority: core.DefaultPriority, Starts: w.Now() + starts, Expires: core.Never}
	if lasts > 0 {
		t.Expires = t.Starts + lasts
	}
	if scoped {
		t.Actions = []string{"build"}
	}
	var r ledger.GrantReceipt
	w.agree(w.say(func(key string, more core.Amount) (string, bool, error) {
		u := t
		u.Amount += more
		got, before, err := w.Issue(w.ctx, key, w.account, u)
		r = got
		return jsonOf(got), before, err
	}), "")
	if w.lots == nil {
		w.lots = map[core.ID]*lifeLot{}
	}
	w.lots[r.Grant.ID] = w.model.add(t, w.Now())
	w.model.settle(w.Now())
	return true
}

func (w *lifeWorld) debit(d lifeDraw) bool {
	d.amount = w.number(1, 150)
	c := ledger.Charge{Account: w.account, Amount: d.amount, Action: d.action, Rule: d.rule, At: d.at}
	if d.action != "" {
		c.Quantity = "1"
	}
	if d.not != "" {
		c.Not = []core.Category{d.not}
	}
	var r ledger.DebitReceipt
	err := w.say(func(key string, more core.Amount) (string, bool, error) {
		u := c
		if u.Amount += more; more > 0 && u.Action != "" {
			u.Quantity = "2"
		}
		got, before, err := w.Debit(w.ctx, key, u)
		r = got
		return jsonOf(got), before, err
	})
	told, code := w.model.draw(d)
	if !w.agree(err, code) {
		return false
	}
	if r.Overage != told.over || r.Deficit != told.deficit || r.Forgone != told.forgone {
		w.rt.Fatalf("the debit is %+v, the model's %+v", r, told)
	}
	w.took(r.Allocations, told.parts)
	w.debits = append(w.debits, &lifeTook{r.ID, told})
	return true
}

// took compares what lots were taken of.
func (w *lifeWorld) took(got []core.Allocation, want []lifePart) {
	sum := map[*lifeLot]core.Amount{}
	for _, p := range want {
		sum[p.lot] += p.amount
	}
	var x, y []string
	for _, p := range got {
		_, g, err := w.Reader().Accounts.Grant(w.ctx, p.Grant)
		w.need(err)
		x = append(x, fmt.Sprint(lotName(&g.Terms), p.Amount))
	}
	for _, p := range want {
		if n := sum[p.lot]; n > 0 {
			y = append(y, fmt.Sprint(p.lot.name(), n))
			sum[p.lot] = 0
		}
	}
	if !slices.Equal(x, y) {
		w.rt.Fatalf("it took\n%v\nthe model\n%v", x, y)
	}
}

func (w *lifeWorld) reverse(whole bool) bool {
	d, ok := choose(w, w.debits)
	if !ok {
		return false
	}
	amount := w.number(1, 60)
	if whole {
		amount = max(1, d.told.total())
	}
	err := w.say(func(key string, more core.Amount) (string, bool, error) {
		r, before, err := w.Reverse(w.ctx, key, d.id, amount+more)
		return jsonOf(r), before, err
	})
	return w.agree(err, w.model.reverse(d.told, amount))
}

func (w *lifeWorld) hold(protect bool) bool {
	c, span := ledger.Charge{Account: w.account, Amount: w.number(1, 60)}, w.hours(1, 100)
	var r ledger.HoldReceipt
	err := w.say(func(key string, more core.Amount) (string, bool, error) {
		u := c
		u.Amount += more
		got, before, err := w.Hold(w.ctx, key, u, ledger.HoldTerms{For: time.Duration(span) * time.Microsecond, Protect: protect})
		r = got
		return jsonOf(got), before, err
	})
	told, code := w.model.draw(lifeDraw{amount: c.Amount, rule: core.Reject})
	if !w.agree(err, code) {
		return false
	}
	w.took(r.Hold.Parts, told.parts)
	w.model.holds = append(w.model.holds, &lifeHold{
		id: r.Hold.ID, amount: c.Amount, parts: told.parts, state: core.HoldOpen, made: w.Now(), expires: w.Now() + span, protect: protect,
	})
	return true
}

func (w *lifeWorld) capture(final, more, late bool) bool {
	w.model.play(w.Now())
	var list []*lifeHold
	for _, h := range w.model.holds {
		if !late || h.state == core.HoldExpired {
			list = append(list, h)
		}
	}
	h, ok := choose(w, list)
	if !ok {
		return false
	}
	c := ledger.CaptureTerms{Hold: h.id, Unit: w.account.Unit, Amount: w.number(1, 60), Final: final, AllowOver: more}
	if !more && h.captured < h.amount {
		c.Amount = min(c.Amount, h.amount-h.captured)
	}
	var r ledger.DebitReceipt
	err := w.say(func(key string, add core.Amount) (string, bool, error) {
		u := c
		u.Amount += add
		got, hold, before, err := w.Capture(w.ctx, key, u)
		r = got
		return jsonOf(got, hold), before, err
	})
	told, code := w.model.capture(h, c.Amount, final, more)
	if !w.agree(err, code) {
		return false
	}
	if r.Overage != told.over || r.Deficit != told.deficit || r.Forgone != told.forgone {
		w.rt.Fatalf("the capture is %+v, the model's %+v", r, told)
	}
	w.took(r.Allocations, told.parts)
	w.debits = append(w.debits, &lifeTook{r.ID, told})
	return true
}

// capture takes from a hold what it has, and more by an ordinary debit.
func (l *life) capture(h *lifeHold, amount core.Amount, final, more bool) (*lifeDebit, core.Code) {
	switch {
	case h.state != core.HoldOpen && h.state != core.HoldExpired:
		return nil, core.CodeHoldNotOpen
	case amount > max(0, h.amount-h.captured) && !more:
		return nil, core.CodeHoldExceeded
	}
	rest := amount
	for _, p := range h.parts {
		rest -= min(rest, p.amount)
	}
	beside, code := l.draw(lifeDraw{amount: rest})
	if code != "" {
		return nil, code
	}
	done, left := &lifeDebit{cycle: beside.cycle, over: beside.over, deficit: beside.deficit, forgone: beside.forgone}, amount-rest
	for i := range h.parts {
		p := &h.parts[i]
		if n := min(left, p.amount); n > 0 {
			done.parts = append(done.parts, lifePart{p.lot, n})
			p.amount, left = p.amount-n, left-n
		}
	}
	for _, p := range beside.parts {
		if i := slices.IndexFunc(done.parts, func(q lifePart) bool { return q.lot == p.lot }); i >= 0 {
			done.parts[i].amount += p.amount
		} else {
			done.parts = append(done.parts, p)
		}
	}
	h.captured += amount - done.forgone
	if final && h.state == core.HoldOpen {
		l.free(h, l.now)
		h.state = core.HoldCaptured
		l.settle(l.now)
	}
	return done, ""
}

func (w *lifeWorld) release() bool {
	h, ok := choose(w, w.model.holds)
	if !ok {
		return false
	}
	err := w.say(func(key string, _ core.Amount) (string, bool, error) {
		r, before, err := w.Release(w.ctx, key, h.id)
		return jsonOf(r), before, err
	})
	w.others = w.others[:len(w.others)-1] // nothing of it could differ
	w.others = append(w.others, nil)
	if h.state != core.HoldOpen {
		return w.agree(err, core.CodeHoldNotOpen)
	}
	w.model.free(h, w.Now())
	h.state = core.HoldReleased
	w.model.settle(w.Now())
	return w.agree(err, "")
}

func (w *lifeWorld) void() bool {
	var ids []core.ID
	for id := range w.lots {
		ids = append(ids, id)
	}
	sort.Slice(ids, func(i, j int) bool { return w.lots[ids[i]].seq < w.lots[ids[j]].seq })
	id, ok := choose(w, ids)
	if !ok {
		return false
	}
	err := w.say(func(key string, _ core.Amount) (string, bool, error) {
		r, before, err := w.Void(w.ctx, key, id)
		return jsonOf(r), before, err
	})
	w.others[len(w.others)-1] = nil
	lot := w.lots[id]
	if lot.gone != "" || lot.free+w.model.held(lot) == 0 {
		return w.agree(err, core.CodeGrantNotOpen)
	}
	lot.gone = core.Void
	w.model.spill(lot)
	return w.agree(err, "")
}

func (w *lifeWorld) wish(fits func(was, to *lifePlan) bool) bool {
	w.model.play(w.Now())
	var was *lifePlan
	if s := w.model.sub; s != nil && !s.over {
		was = s.plan
	}
	var list []*lifePlan
	for _, p := range lifePlans {
		if fits(was, p) {
			list = append(list, p)
		}
	}
	p, ok := choose(w, list)
	if !ok {
		return false
	}
	seats := int(w.number(0, 4))
	_, _, err := w.Subscribe(w.ctx, w.account, plan.Wish{Terms: p.terms(), Seats: seats})
	w.need(err)
	w.model.wish(p, seats)
	w.model.settle(w.Now())
	return true
}

func (w *lifeWorld) cancel() bool {
	w.model.play(w.Now())
	if w.model.sub == nil {
		return false
	}
	_, changed, err := w.Cancel(w.ctx, w.account, plan.NextPeriod)
	w.need(err)
	w.model.cancel()
	return changed
}

func (w *lifeWorld) wait(d core.Time) bool {
	w.pass(d)
	w.model.play(w.Now())
	return true
}

func (w *lifeWorld) buys() bool {
	p := sale.Purchase{
		Customer: w.account.Customer, Pack: "fifty", Unit: "credits", Credits: lifeCredits, Days: 15,
		Price: core.Money{Minor: lifePrice * 100, Currency: "usd"}, Connection: "east",
	}
	w.agree(w.say(func(key string, more core.Amount) (string, bool, error) {
		u := p
		if more > 0 {
			u.Pack = "sixty"
		}
		got, before, err := w.Buy(w.ctx, key, u)
		if more == 0 && !before {
			w.purchases = append(w.purchases, &lifePurchase{id: got.ID, state: "pending"})
		}
		return fmt.Sprint(got.ID), before, err
	}), "")
	return true
}

func (w *lifeWorld) purchaseIn(states ...string) (*lifePurchase, sale.Purchase, bool) {
	w.model.play(w.Now())
	var list []*lifePurchase
	for _, p := range w.purchases {
		if slices.Contains(states, p.state) {
			list = append(list, p)
		}
	}
	p, ok := choose(w, list)
	if !ok {
		return nil, sale.Purchase{}, false
	}
	return p, w.purchase(p.id), true
}

func (w *lifeWorld) pays() bool {
	p, real, ok := w.purchaseIn("pending", "paid")
	if !ok {
		return false
	}
	_, fresh, err := w.pay(real, payment(real, "in_"+string(p.id)))
	if w.need(err); fresh != (p.state == "pending") {
		w.rt.Fatalf("a payment of what is %s is fresh: %v", p.state, fresh)
	}
	if fresh {
		p.state = "paid"
		p.lot = w.model.add(core.Terms{Amount: lifeCredits, Category: core.Paid, Priority: core.DefaultPriority, Starts: w.Now(), Expires: w.Now() + 15*lifeDay}, w.Now())
		w.model.settle(w.Now())
	}
	return fresh
}

func (w *lifeWorld) fails() bool {
	p, real, ok := w.purchaseIn("pending", "paid")
	if !ok {
		return false
	}
	changed := w.fail(real)
	if changed != (p.state == "pending") {
		w.rt.Fatalf("a failed payment of what is %s changes it: %v", p.state, changed)
	}
	if changed {
		p.state = "failed"
	}
	return changed
}

func (w *lifeWorld) claims(kind sale.ClaimKind, dollars core.Amount, state sale.ClaimState) bool {
	p, _, ok := w.purchaseIn("paid")
	if !ok || state == sale.Won && p.dispute == 0 {
		return false
	}
	dispute := kind == sale.DisputeClaim
	was := *p
	switch {
	case !dispute:
		p.refunded = max(p.refunded, dollars)
	case state == sale.Won:
		p.won = true
	default:
		p.dispute = dollars
	}
	fresh := p.refunded != was.refunded || p.dispute != was.dispute || p.won != was.won
	_, news, err := w.tryClaim(sale.Claim{
		Purchase: p.id, Kind: kind, Object: string(kind) + string(p.id), State: state, Amount: core.Money{Minor: dollars * 100, Currency: "usd"},
	})
	if w.need(err); news != fresh {
		w.rt.Fatalf("%s is news: %v, to the model %v", kind, news, fresh)
	}
	if fresh {
		w.model.claimed(p, dispute)
	}
	return fresh
}

func (w *lifeWorld) replay() bool {
	if len(w.told) == 0 {
		return false
	}
	i := rapid.IntRange(0, len(w.told)-1).Draw(w.rt, "which")
	text, before, err := w.told[i]()
	if !before || text+string(core.CodeOf(err)) != w.answers[i] {
		w.rt.Fatalf("said again (%v) it is\n%s %v\nand was\n%s", before, text, err, w.answers[i])
	}
	return true
}

func (w *lifeWorld) conflict() bool {
	if len(w.others) == 0 {
		return false
	}
	i := rapid.IntRange(0, len(w.others)-1).Draw(w.rt, "which")
	if w.others[i] == nil {
		return false
	}
	if err := w.others[i](); core.CodeOf(err) != core.CodeIdempotencyConflict {
		w.rt.Fatalf("another body under an old key is answered with %v", err)
	}
	return true
}

// same compares all that the account holds with the model.
func (w *lifeWorld) same(after string) {
	now := w.Now()
	w.model.play(now)
	var want, got []string
	for _, lot := range w.model.sorted() {
		if held := w.model.held(lot); lot.free+held > 0 {
			want = append(want, fmt.Sprint(lot.name(), " free ", lot.free, " held ", held))
		}
	}
	owed := core.Amount(0)
	a, err := w.Account(w.ctx, w.account)
	if known := (*core.Error)(nil); errors.As(err, &known) && known.Code == core.CodeNotFound {
		a, err = &core.Account{}, nil
	}
	w.need(err)
	a.Settle(now)
	for i := range a.Grants {
		if g := &a.Grants[i]; g.Remaining > 0 {
			got = append(got, fmt.Sprint(lotName(&g.Terms), " free ", g.Free(), " held ", g.Held))
		}
	}
	owed = a.Overdrawn
	if !slices.Equal(got, want) || owed != w.model.owed {
		w.rt.Fatalf("after %s at %s there is\n%v, %d owed\nby the model\n%v, %d owed", after, now, lines(got), owed, lines(want), w.model.owed)
	}
	var over core.Amount
	if s, err := w.Subscription(w.ctx, w.account); err == nil {
		for _, o := range s.State.Billing.Over {
			over += o.Units
		}
	}
	if over != w.model.over {
		w.rt.Fatalf("after %s the cycle's overage is %d, by the model %d", after, over, w.model.over)
	}
}

// jsonOf is what an answer comes to for whoever asked.
func jsonOf(parts ...any) string {
	text, err := json.Marshal(parts)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func lines(list []string) (text string) {
	for _, one := range list {
		text += "  " + one + "\n"
	}
	return text
}
