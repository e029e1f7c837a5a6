package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"time"

	"scrip/core"
	"scrip/core/ledger"
)

// client is the company's application: it makes calls, repeats those whose
// answer it did not get, and now and then others too.
type client struct {
	w       *world
	serial  int
	known   map[string]bool // customers that were put
	history []*command      // that have a key
	open    []*command      // whose outcome it does not know
	holds   []core.ID
	debits  []core.ID
	grants  []core.ID
	sales   []*sale
}

// command is one call, and what is known of it.
type command struct {
	op, key, customer string
	path              string
	body              map[string]any
	decided           bool
	code              core.Code
	answer            map[string]any // the first, without what tells a repeat

	// What the judge must know of what it asks for.
	id       core.ID
	unit     string
	amount   core.Amount // 0 where it follows from an action or is the rest
	action   string
	hold     core.ID
	debit    core.ID
	grant    core.ID
	life     time.Duration
	protect  bool
	final    bool
	over     bool
	starts   core.Time
	expires  core.Time
	priority int
	free     bool
	actions  []string
	sale     *sale // that is to be refunded
	minor    int64 // of its price
}

// sale is a purchase.
type sale struct {
	id       core.ID
	grant    core.ID // that it makes
	customer string
	pack     string
	unit     string
	credits  core.Amount
	price    int64 // minor units
	url      string
	paid     bool // at the vendor, for its price
	short    bool // somebody changed what it asks for
	granted  bool
	auto     bool // its account bought it by itself
	back     returns
}

// life is when what is bought expires: nine days, or a month of the calendar.
func (s *sale) life(from core.Time) core.Time {
	if s.pack == "small" {
		return from.Add(9 * 24 * time.Hour)
	}
	at := from.Std()
	next := at.AddDate(0, 1, 0)
	if next.Day() != at.Day() { // the month is shorter
		next = next.AddDate(0, 0, -next.Day())
	}
	return core.TimeOf(next)
}

func newClient(w *world) *client { return &client{w: w, known: map[string]bool{}} }

func (c *client) name(i int) string { return fmt.Sprintf("c%03d", i) }

// customer is somebody, who is put if they are new.
func (c *client) customer() string {
	name := c.name(c.w.dice.IntN(c.w.plan.customers))
	if !c.known[name] {
		if status, _ := c.call(http.MethodPut, "/v1/customers/"+name, "", map[string]any{"name": name, "email": name + "@example.com"}); status == http.StatusOK {
			c.known[name] = true
			c.issue(name)
		}
	}
	return name
}

func (c *client) newKey() string {
	c.serial++
	return fmt.Sprintf("k%d", c.serial)
}

// call makes a call and returns its status and answer, 0 when none came.
func (c *client) call(method, path, key string, body map[string]any) (int, map[string]any) {
	w, p := c.w, c.w.proc
	if p.dead {
		return 0, nil
	}
	raw, _ := json.Marshal(body)
	if body == nil {
		raw = nil
	}
	r := httptest.NewRequest(method, "http://gateway"+path, bytes.NewReader(raw))
	r.Header.Set("Authorization", "Bearer "+adminKey)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	rec := httptest.NewRecorder()
	p.api().ServeHTTP(rec, r)
	w.judge.stats["call"]++
	status := rec.Code
	if p.dead {
		status = 0
	}
	var answer map[string]any
	d := json.NewDecoder(rec.Body)
	d.UseNumber()
	_ = d.Decode(&answer)
	if status >= http.StatusInternalServerError && status != http.StatusServiceUnavailable {
		w.fail("%s %s %s answered %d: %v", method, path, raw, status, answer)
	}
	w.say("%s %s %s %s: %d %v", method, path, key, raw, status, answer["code"])
	return status, answer
}

// send makes a command's call and holds what happened against what was due.
func (c *client) send(o *command) {
	w := c.w
	due := w.judge.due(o)
	status, answer := c.call(http.MethodPost, o.path, o.key, o.body)
	req, err := w.inner.Reader().Entries.Request(context.Background(), ledger.RequestHash(o.op, o.key))
	if err != nil {
		w.fail("the answer of %q cannot be read: %v", o.key, err)
		return
	}
	w.judge.read()
	lost := status == 0 || status == http.StatusServiceUnavailable
	code := core.Code("")
	if text, ok := answer["code"].(string); ok {
		code = core.Code(text)
	}
	switch {
	case o.decided && req == nil:
		w.fail("the answer of %s %q is gone", o.op, o.key)
	case o.decided && !lost && code != o.code:
		w.fail("%s %q was answered %q, and now %q", o.op, o.key, o.code, code)
	case !o.decided && req == nil:
		c.undecided(o, status, code)
		return
	case !o.decided:
		o.decided, o.code = true, req.Code
		if !lost && code != req.Code {
			w.fail("%s %q was answered %q and is stored as %q", o.op, o.key, code, req.Code)
		}
		w.judge.decided(o, due, req, answer)
	}
	if !lost {
		c.answered(o, answer)
	}
	if lost && !contains(c.open, o) {
		c.open = append(c.open, o)
	}
}

func contains(list []*command, o *command) bool {
	for _, x := range list {
		if x == o {
			return true
		}
	}
	return false
}

// undecided is a call whose key has no answer still.
func (c *client) undecided(o *command, status int, code core.Code) {
	switch {
	case status == 0 || status == http.StatusServiceUnavailable:
		if !contains(c.open, o) {
			c.open = append(c.open, o)
		}
	case code == core.CodeUnitMismatch || code == core.CodeUnitRequired || code == core.CodeNotFound || code == core.CodeUnknownCustomer:
		c.close(o)
	default:
		c.w.fail("%s %q was answered %d %q, and nothing is stored", o.op, o.key, status, code)
	}
}

func (c *client) close(o *command) {
	for i := range c.open {
		if c.open[i] == o {
			c.open = append(c.open[:i:i], c.open[i+1:]...)
			return
		}
	}
}

// answered holds a repeated answer against the first.
func (c *client) answered(o *command, answer map[string]any) {
	c.close(o)
	plain(answer)
	switch {
	case o.answer == nil:
		o.answer = answer
	case o.code == "" && !reflect.DeepEqual(o.answer, answer):
		c.w.fail("%s %q was answered %v, and now %v", o.op, o.key, o.answer, answer)
	}
}

// plain takes out of an answer what tells a repeat from the first.
func plain(answer map[string]any) {
	delete(answer, "replayed")
	if debit, ok := answer["debit"].(map[string]any); ok {
		delete(debit, "replayed")
	}
}

// fresh sends a new command.
func (c *client) fresh(o *command) {
	c.history = append(c.history, o)
	if o.id != "" {
		c.w.judge.orders[o.id] = o
	}
	c.send(o)
}

// repeat sends an old command again.
func (c *client) repeat() {
	list := c.history
	if len(c.open) > 0 && c.w.dice.IntN(4) > 0 {
		list = c.open
	}
	if len(list) > 0 {
		c.send(list[c.w.dice.IntN(len(list))])
	}
}

// conflict sends another body under an old key, which must have no effect.
func (c *client) conflict() {
	w := c.w
	if len(c.history) == 0 {
		return
	}
	o := c.history[w.dice.IntN(len(c.history))]
	if !o.decided || o.op != ledger.OpDebit && o.op != ledger.OpHold && o.op != ledger.OpGrant {
		return
	}
	body := map[string]any{}
	for k, v := range o.body {
		body[k] = v
	}
	switch {
	case o.op == ledger.OpGrant:
		body["category"] = map[bool]string{true: "paid", false: "promotional"}[o.free]
	case body["quantity"] != nil:
		body["quantity"] = body["quantity"].(string) + "7"
	default:
		body["customer"] = c.name(0) + "x"
		if o.op == ledger.OpHold {
			body["customer"], body["protect_until_resolved"] = o.customer, !o.protect
		}
	}
	if body["unit"] != nil && body["unit"] != w.proc.unit().Code {
		return // it is refused for its unit, before its key is looked at
	}
	status, answer := c.call(http.MethodPost, o.path, o.key, body)
	w.judge.read()
	if status != 0 && status != http.StatusServiceUnavailable && answer["code"] != string(core.CodeIdempotencyConflict) {
		w.fail("key %q of %s was taken with another body: %d %v, first %v, then %v", o.key, o.op, status, answer, o.body, body)
	}
}

// amount is an amount as people write it.
func amount(n core.Amount) string { return n.Format(2) }

// Actions of the application, each a step of its own.

func (c *client) issue(customer string) {
	w := c.w
	o := &command{op: ledger.OpGrant, key: c.newKey(), customer: customer, unit: w.proc.unit().Code, path: "/v1/customers/" + customer + "/grants"}
	o.amount = core.Amount(1 + w.dice.IntN(100_000))
	o.priority = []int{50, 50, 50, 10, 90}[w.dice.IntN(5)]
	o.free = w.dice.IntN(2) == 0
	o.body = map[string]any{
		"amount": amount(o.amount), "unit": o.unit, "priority": o.priority, "category": map[bool]string{true: "promotional", false: "allotment"}[o.free],
	}
	now := w.now()
	if w.dice.IntN(6) == 0 {
		o.starts = now.Add(time.Duration(1+w.dice.IntN(48)) * time.Hour)
		o.body["effective_at"] = o.starts.String()
	}
	if w.dice.IntN(4) > 0 {
		o.expires = max(now, o.starts).Add(time.Duration(1+w.dice.IntN(24*12)) * time.Hour)
		o.body["expires_at"] = o.expires.String()
	}
	if w.dice.IntN(8) == 0 {
		o.actions = []string{"image"}
		o.body["scope"] = map[string]any{"actions": o.actions}
	}
	o.id = core.NewID(core.GrantID, customer, ledger.OpGrant, o.key, 0)
	c.grants = append(c.grants, o.id)
	c.fresh(o)
}

// charge fills in what a debit or a hold is for.
func (c *client) charge(o *command) {
	w := c.w
	o.body["customer"] = o.customer
	if w.dice.IntN(3) == 0 {
		o.action = []string{"image", "text"}[w.dice.IntN(2)]
		o.body["action"], o.body["quantity"] = o.action, fmt.Sprint(1+w.dice.IntN(40))
		return
	}
	o.unit = w.proc.unit().Code
	o.amount = core.Amount(1 + w.dice.IntN(20_000))
	if w.dice.IntN(4) == 0 { // all there is, or one part more
		if a := w.judge.accounts[ledger.AccountKey{Customer: o.customer, Unit: o.unit}]; a != nil {
			o.amount = max(1, a.available(w.judge, "", w.now())+core.Amount(w.dice.IntN(2)))
		}
	}
	o.body["amount"], o.body["unit"] = amount(o.amount), o.unit
}

func (c *client) debitOf(customer string) {
	o := &command{op: ledger.OpDebit, key: c.newKey(), customer: customer, path: "/v1/debits", body: map[string]any{}}
	c.charge(o)
	o.id = core.NewID(core.DebitID, customer, ledger.OpDebit, o.key, 0)
	c.debits = append(c.debits, o.id)
	c.fresh(o)
}

func (c *client) holdOf(customer string) {
	w := c.w
	o := &command{op: ledger.OpHold, key: c.newKey(), customer: customer, path: "/v1/holds", body: map[string]any{}}
	c.charge(o)
	o.life = time.Duration(1+w.dice.IntN(96)) * time.Hour
	o.protect = w.dice.IntN(4) == 0
	o.body["expires_in"], o.body["protect_until_resolved"] = o.life.String(), o.protect
	o.id = core.NewID(core.HoldID, customer, ledger.OpHold, o.key, 0)
	c.holds = append(c.holds, o.id)
	c.fresh(o)
}

// pick is one of a list, rather a late one.
func pick(w *world, list []core.ID) core.ID {
	if len(list) == 0 {
		return ""
	}
	if recent := 12; len(list) > recent && w.dice.IntN(4) > 0 {
		list = list[len(list)-recent:]
	}
	return list[w.dice.IntN(len(list))]
}

func (c *client) capture() {
	w := c.w
	id := pick(w, c.holds)
	h := w.judge.holds[id]
	if h == nil {
		return
	}
	o := &command{op: ledger.OpCapture, key: c.newKey(), customer: h.account.key.Customer, hold: id, path: "/v1/holds/" + string(id) + "/capture", body: map[string]any{}}
	o.final = w.dice.IntN(3) > 0
	o.over = w.dice.IntN(3) == 0
	o.body["final"], o.body["allow_over"] = o.final, o.over
	if w.dice.IntN(3) > 0 {
		o.unit = w.proc.unit().Code
		o.amount = core.Amount(1 + w.dice.Int64N(max(1, int64(h.amount)+int64(h.amount)/4)))
		o.body["amount"], o.body["unit"] = amount(o.amount), o.unit
	}
	o.id = core.NewID(core.DebitID, o.customer, ledger.OpCapture, o.key, 0)
	c.debits = append(c.debits, o.id)
	c.fresh(o)
}

func (c *client) release() {
	id := pick(c.w, c.holds)
	if h := c.w.judge.holds[id]; h != nil {
		c.fresh(&command{op: ledger.OpRelease, key: c.newKey(), customer: h.account.key.Customer, hold: id, path: "/v1/holds/" + string(id) + "/release", body: map[string]any{}})
	}
}

func (c *client) void() { c.voidGrant(pick(c.w, c.grants)) }

// voidOf voids the grant of a customer that would be spent first.
func (c *client) voidOf(customer string) {
	a := c.w.judge.accounts[ledger.AccountKey{Customer: customer, Unit: c.w.proc.unit().Code}]
	if a == nil {
		return
	}
	for _, l := range a.lots {
		if l.spendable(c.w.now()) && l.remaining > 0 {
			c.voidGrant(l.id)
			return
		}
	}
}

func (c *client) voidGrant(id core.ID) {
	if l := c.w.judge.lots[id]; l != nil {
		o := &command{op: ledger.OpVoid, key: c.newKey(), customer: l.account.key.Customer, grant: id, path: "/v1/grants/" + string(id) + "/void", body: map[string]any{}}
		c.w.judge.orders["void "+id] = o
		if l.closed == core.Converted || l.account.key.Unit != c.w.proc.unit().Code {
			c.w.judge.orders["void for "+core.ID(o.customer)] = o // what has become of it
		}
		c.fresh(o)
	}
}

func (c *client) reverse() {
	w := c.w
	id := pick(w, c.debits)
	if w.office.turned && w.dice.IntN(2) == 0 { // one of before the change of unit
		var old []core.ID
		for _, x := range c.debits {
			if d := w.judge.taken[x]; d != nil && d.account.away {
				old = append(old, x)
			}
		}
		if len(old) > 0 {
			id = old[w.dice.IntN(len(old))]
		}
	}
	d := w.judge.taken[id]
	if d == nil {
		return
	}
	o := &command{op: ledger.OpReverse, key: c.newKey(), customer: d.account.key.Customer, debit: id, path: "/v1/debits/" + string(id) + "/reverse", body: map[string]any{}}
	if w.dice.IntN(2) == 0 {
		var sum core.Amount
		for _, p := range d.parts {
			sum += p.Amount
		}
		o.amount, o.unit = core.Amount(1+w.dice.Int64N(int64(sum)+1)), d.account.key.Unit
		o.body["amount"], o.body["unit"] = amount(o.amount), o.unit
	}
	o.id = core.NewID(core.ReversalID, o.customer, ledger.OpReverse, o.key, 0)
	c.fresh(o)
}

func (c *client) buy(customer string) {
	w := c.w
	o := &command{op: ledger.OpPurchase, key: c.newKey(), customer: customer, path: "/v1/customers/" + customer + "/purchases"}
	pack := []string{"small", "large"}[w.dice.IntN(2)]
	o.body = map[string]any{"pack": pack}
	id := core.NewID(core.PurchaseID, customer, ledger.OpPurchase, o.key, 0)
	s := &sale{id: id, customer: customer, pack: pack, unit: w.proc.unit().Code, grant: core.NewID(core.GrantID, customer, ledger.OpPurchase, string(id), 0)}
	s.credits = w.proc.config.Packs[pack].Credits
	s.price = int64(w.proc.config.Packs[pack].Price.Minor)
	w.judge.sales[s.grant] = s
	c.grants = append(c.grants, s.grant)
	c.sales = append(c.sales, s)
	c.fresh(o)
}

// quote asks for a price, which changes nothing.
func (c *client) quote(customer string) {
	w := c.w
	action := []string{"image", "text"}[w.dice.IntN(2)]
	status, answer := c.call(http.MethodPost, "/v1/quotes", "", map[string]any{"customer": customer, "action": action, "quantity": fmt.Sprint(1 + w.dice.IntN(40))})
	a := w.judge.accounts[ledger.AccountKey{Customer: customer, Unit: w.proc.unit().Code}]
	if status != http.StatusOK || a == nil || w.judge.moving(customer) {
		return
	}
	if have := amount(a.available(w.judge, action, w.now())); answer["available"] != have {
		w.fail("a quote says that %s could spend %v, it is %s", customer, answer["available"], have)
	}
}

// balance reads a balance.
func (c *client) balance(customer string) {
	w := c.w
	unit := w.proc.unit().Code
	status, answer := c.call(http.MethodGet, "/v1/customers/"+customer+"/balance?unit="+unit, "", nil)
	a := w.judge.accounts[ledger.AccountKey{Customer: customer, Unit: unit}]
	if status != http.StatusOK || a == nil || w.judge.moving(customer) {
		return
	}
	available, held := w.judge.balance(a, w.now())
	if answer["available"] != amount(available) || answer["held"] != amount(held) {
		w.fail("the balance of %s is told as %v and %v held, it is %s and %s", customer, answer["available"], answer["held"], amount(available), amount(held))
	}
}

// rename changes a customer.
func (c *client) rename(customer string) {
	c.call(http.MethodPut, "/v1/customers/"+customer, "", map[string]any{"name": fmt.Sprintf("%s %d", customer, c.w.dice.IntN(3)), "email": customer + "@example.com"})
}

// pay lets a purchase be paid, or not, or for another amount.
func (c *client) pay() {
	w := c.w
	if len(c.sales) == 0 {
		return
	}
	s := c.sales[w.dice.IntN(len(c.sales))]
	outcome := w.dice.IntN(10)
	if w.collected(s) || s.short {
		return
	}
	if s.url == "" {
		_, answer := c.call(http.MethodGet, "/v1/purchases/"+string(s.id), "", nil)
		s.url, _ = answer["pay_url"].(string)
		if s.url == "" {
			return
		}
	}
	invoice := s.url[strings.LastIndex(s.url, "/")+1:]
	b := w.boxes["main"]
	switch {
	case outcome < 2:
		b.control("pay", map[string]any{"object": invoice, "outcome": "failed"})
		w.say("%s fails to pay %s", s.customer, invoice)
	case outcome < 3 && w.plan.has("web"):
		status, raw := b.control("mutate", map[string]any{"object": "invoice", "id": invoice, "op": "set", "fields": map[string]any{"balance_applied": -100}})
		w.say("somebody takes a dollar off invoice %s: %d %.100s", invoice, status, raw)
		if s.short = status == http.StatusOK; s.short {
			status, raw = b.control("pay", map[string]any{"object": invoice, "outcome": "paid"})
			w.say("%s pays the rest: %d %.100s", s.customer, status, raw)
			w.judge.stats["short"]++
		}
	default:
		status, raw := b.control("pay", map[string]any{"object": invoice, "outcome": "paid"})
		w.say("%s pays %s: %d", s.customer, invoice, status)
		if s.paid = status == http.StatusOK; !s.paid {
			w.fail("invoice %s cannot be paid: %s", invoice, raw)
		}
	}
}
