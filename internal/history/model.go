package history

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/big"
	"slices"
	"strings"
)

// never is the instant at which what does not expire expires.
const never = math.MaxInt64

// Model is customers, their accounts, and the answers that were given to keys.
// It does one command at a time.
type Model struct {
	now       int64
	customers []string
	accounts  []*account
	purchases []purchase
	given     *given
	over      bool   // the history ends here
	text      string // what String made of it, "" when it has changed since
}

// purchase is a pack that was chosen.
type purchase struct {
	id    string
	place Place
	pack  Pack
	paid  string // the grant that its payment made
}

// given is an answer to a key, and all answers before it.
type given struct {
	op     Op
	key    string
	body   string
	answer Answer
	before *given
	sum    uint64 // of all answers so far, whatever their order
}

// Pack is what can be bought: credits for money, which expire.
type Pack struct {
	Name    string
	Credits int64
	Minor   int64 // its price in cents
	Days    int64
}

// Small is the one pack that is sold.
var Small = Pack{Name: "small", Credits: 2000, Minor: 160, Days: 2}

// Prices is what quantity of an action costs, in parts of the first unit.
func Prices(action string, quantity int64) *big.Int {
	if action == "text" { // 10 for every thousand that is begun
		return number((quantity + 999) / 1000 * 10)
	}
	return number(500 * quantity)
}

// NewModel is nobody's, at an instant.
func NewModel(now int64) *Model { return &Model{now: now} }

func (m *Model) clone() *Model {
	c := *m
	c.text = ""
	c.customers, c.purchases, c.accounts = slices.Clone(m.customers), slices.Clone(m.purchases), nil
	for _, a := range m.accounts {
		c.accounts = append(c.accounts, a.clone())
	}
	return &c
}

// account finds an account, which begins empty.
func (m *Model) account(p Place) *account {
	for _, a := range m.accounts {
		if a.place == p {
			return a
		}
	}
	a := &account{place: p}
	m.accounts = append(m.accounts, a)
	return a
}

func refused(code string) Answer { return Answer{Refused: code} }

// Do carries a command out and returns its answer.
func (m *Model) Do(c Command) Answer {
	m.text = ""
	switch known := slices.Contains(m.customers, c.Place.Customer); {
	case c.Op == Time:
		m.now = c.At
		for _, a := range m.accounts {
			a.pass(m.now)
		}
		return Answer{}
	case c.Op == Sweep:
		return Answer{}
	case c.Op == Customer:
		if !known {
			m.customers = append(m.customers, c.Place.Customer)
		}
		return Answer{ID: c.Place.Customer, State: c.Name}
	case c.Op == Balance || c.Op == Quote:
		if !known {
			return refused("unknown_customer")
		}
		return m.read(c)
	case c.Op == Pay:
		return m.pay(c)
	case c.Op == Batch:
		return m.batch(c)
	case c.Of != "" && !m.has(c):
		return refused("not_found")
	case c.Op == Capture && c.Quantity > 0 && m.account(c.Place).hold(c.Of).action == "":
		return refused("invalid") // it has no price; the key stays free
	}
	return m.once(c)
}

// has reports whether what a command is about was ever made.
func (m *Model) has(c Command) bool {
	a := m.account(c.Place)
	switch c.Op {
	case Void:
		return a.grant(c.Of) != nil
	case Capture, Release:
		return a.hold(c.Of) != nil
	}
	return a.debit(c.Of) != nil
}

// once answers a key that was used before as the first time, unless it was
// for something else.
func (m *Model) once(c Command) Answer {
	for g := m.given; g != nil; g = g.before {
		if g.op == c.Op && g.key == c.Key {
			if g.body != c.body() {
				return refused("idempotency_conflict")
			}
			again := g.answer
			again.Replayed = true
			return again
		}
	}
	answer := refused("unknown_customer")
	if slices.Contains(m.customers, c.Place.Customer) {
		answer = m.first(c, m.account(c.Place))
	}
	m.give(c, answer)
	return answer
}

// give keeps the answer to a key.
func (m *Model) give(c Command, answer Answer) {
	h := fnv.New64a()
	fmt.Fprintln(h, c.Op, c.Key, c.body(), answer)
	m.given = &given{c.Op, c.Key, c.body(), answer, m.given, m.keys() + h.Sum64()}
}

// keys is the same for the same keys with the same answers.
func (m *Model) keys() uint64 {
	if m.given == nil {
		return 0
	}
	return m.given.sum
}

func (m *Model) first(c Command, a *account) Answer {
	switch c.Op {
	case Grant:
		return m.grant(c, a)
	case Void:
		g := a.grant(c.Of)
		if g.gone != "" || !some(g.left) {
			return refused("grant_not_open")
		}
		g.gone, g.left = "void", a.held(g.id)
		return Answer{ID: g.id, State: g.gone, Left: g.left}
	case Debit:
		return m.debit(c, a)
	case Reverse:
		return m.reverse(c, a)
	case Hold:
		return m.hold(c, a)
	case Capture:
		return m.capture(c, a)
	case Release:
		h := a.hold(c.Of)
		if h.state != "open" {
			return refused("hold_not_open")
		}
		a.giveBack(h, "released")
		return Answer{ID: h.id, State: h.state, Left: sum(h.parts)}
	case Buy:
		m.purchases = append(m.purchases, purchase{id: c.ID, place: c.Place, pack: Small})
		return Answer{ID: c.ID, State: "pending", Amount: number(Small.Credits)}
	}
	panic(fmt.Sprintf("the model does not know %q", c.Op))
}

func (m *Model) grant(c Command, a *account) Answer {
	g := grant{
		id: c.ID, left: c.Amount, priority: c.Priority, free: c.Category == "promotional" || c.Category == "adjustment",
		starts: c.Starts, expires: c.Expires, scope: c.Scope,
	}
	if g.starts == 0 {
		g.starts = m.now
	}
	if g.expires == 0 {
		g.expires = never
	}
	if !some(c.Amount) || g.expires <= g.starts || g.expires <= m.now {
		return refused("invalid")
	}
	a.grants = append(a.grants, g)
	state := "open"
	if m.now < g.starts {
		state = "scheduled"
	}
	return Answer{ID: c.ID, State: state, Amount: c.Amount, Left: c.Amount}
}

// cost is the amount that a debit or hold is for.
func cost(c Command) *big.Int {
	if c.Amount == nil {
		return Prices(c.Action, c.Quantity)
	}
	return c.Amount
}

func (m *Model) debit(c Command, a *account) Answer {
	parts, enough := a.find(cost(c), c.Action, m.now)
	if !enough {
		return refused("insufficient_credits")
	}
	a.take(parts)
	return m.debited(c, a, parts, cost(c))
}

// debited records a debit, so that it can be reversed.
func (m *Model) debited(c Command, a *account, parts []Part, amount *big.Int) Answer {
	a.debits = append(a.debits, debit{c.ID, parts, number(0)})
	answer := Answer{ID: c.ID, Amount: amount, Parts: parts}
	a.sums(&answer, m.now)
	answer.Posted, answer.Held = nil, nil
	return answer
}

func (m *Model) reverse(c Command, a *account) Answer {
	d := a.debit(c.Of)
	left, amount := minus(sum(d.parts), d.reversed), c.Amount
	if amount == nil {
		amount = left
	}
	if !some(amount) || less(left, amount) {
		return refused("invalid")
	}
	answer := Answer{ID: c.ID, Amount: amount, Left: minus(left, amount), Parts: a.reverse(d, amount)}
	a.sums(&answer, m.now)
	answer.Posted, answer.Held = nil, nil
	return answer
}

func (m *Model) hold(c Command, a *account) Answer {
	if !some(cost(c)) {
		return refused("invalid")
	}
	parts, enough := a.find(cost(c), c.Action, m.now)
	if !enough {
		return refused("insufficient_credits")
	}
	a.holds = append(a.holds, hold{
		id: c.ID, amount: cost(c), captured: number(0), action: c.Action, expires: m.now + c.Life, protect: c.Protect, state: "open", parts: parts,
	})
	return Answer{ID: c.ID, State: "open", Amount: cost(c), Left: cost(c), Parts: parts}
}

func (m *Model) capture(c Command, a *account) Answer {
	h := a.hold(c.Of)
	left, amount, late := minus(h.amount, h.captured), c.Amount, h.state == "expired"
	if less(left, number(0)) {
		left = number(0)
	}
	switch {
	case c.Quantity != 0:
		amount = Prices(h.action, c.Quantity)
	case amount == nil:
		amount = left
	}
	if h.state != "open" && !late {
		return refused("hold_not_open")
	}
	if less(left, amount) && !c.Over {
		return refused("hold_exceeded")
	}
	parts, enough := a.capture(h, amount, m.now)
	if !enough {
		return refused("insufficient_credits")
	}
	if c.Final && !late {
		a.giveBack(h, "captured")
	}
	answer := m.debited(c, a, parts, amount)
	answer.Late, answer.State, answer.Left = late, h.state, sum(h.parts)
	return answer
}

// pay grants what a purchase promised, once.
func (m *Model) pay(c Command) Answer {
	i := slices.IndexFunc(m.purchases, func(p purchase) bool { return p.id == c.Of })
	if i < 0 {
		return refused("not_found")
	}
	p := &m.purchases[i]
	switch {
	case p.paid != "":
		return Answer{Replayed: true, ID: p.paid}
	case c.Amount.Int64() != p.pack.Minor:
		return refused("invalid")
	}
	const day = 24 * 3600 * 1_000_000
	made := m.grant(Command{
		ID: c.ID, Amount: number(p.pack.Credits), Category: "paid", Priority: 50, Expires: m.now + p.pack.Days*day,
	}, m.account(p.place))
	p.paid = c.ID
	return Answer{ID: made.ID}
}

// batch debits each item by itself. It does not tell of a refusal whether it
// is an old one.
func (m *Model) batch(c Command) (all Answer) {
	for _, item := range c.Items {
		answer := m.once(item)
		answer.Replayed = answer.Replayed && answer.Refused == ""
		all.Each = append(all.Each, answer)
	}
	return all
}

// read answers what changes nothing.
func (m *Model) read(c Command) Answer {
	a := m.account(c.Place).clone()
	if c.Op == Quote {
		parts, enough := a.find(Prices(c.Action, c.Quantity), c.Action, m.now)
		if !enough {
			return Answer{Amount: Prices(c.Action, c.Quantity), State: "too much"}
		}
		return Answer{Amount: Prices(c.Action, c.Quantity), State: "affordable", Parts: parts}
	}
	at := m.now
	if c.At != 0 {
		at = c.At
	}
	a.pass(at)
	var answer Answer
	a.sums(&answer, at)
	for _, g := range a.order() {
		if g.gone == "" && some(g.left) || some(a.held(g.id)) {
			answer.Parts = append(answer.Parts, Part{g.id, g.left})
		}
	}
	return answer
}

// String is everything that a later answer can depend on, in lines.
func (m *Model) String() string {
	if m.text != "" {
		return m.text
	}
	var b strings.Builder
	fmt.Fprintln(&b, m.now, m.customers)
	for _, a := range m.accounts {
		fmt.Fprintf(&b, "%s in %s\n", a.place.Customer, a.place.Unit)
		for _, g := range a.grants {
			fmt.Fprintln(&b, "  grant", g.id, "left", g.left, g.gone, "from", g.starts, "to", g.expires, "priority", g.priority)
		}
		for _, h := range a.holds {
			fmt.Fprintln(&b, "  hold", h.id, h.state, "of", h.amount, "captured", h.captured, "reserves", h.parts, "to", h.expires)
		}
		for _, d := range a.debits {
			fmt.Fprintln(&b, "  debit", d.id, d.parts, "reversed", d.reversed)
		}
	}
	for _, p := range m.purchases {
		fmt.Fprintln(&b, "purchase", p.id, p.paid)
	}
	m.text = b.String()
	return m.text
}

// equal reports whether two models answer alike from here on.
func (m *Model) equal(o *Model) bool { return m.keys() == o.keys() && m.String() == o.String() }

func (m *Model) hash() uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(m.String()))
	return h.Sum64() + m.keys()
}
