package history

import (
	"fmt"
	"math/big"
	"strings"
)

// Op is a kind of command.
type Op string

// The commands. Those from Grant to Buy have a key.
const (
	Grant   Op = "grant"
	Void    Op = "void"
	Debit   Op = "debit"
	Reverse Op = "reverse"
	Hold    Op = "hold"
	Capture Op = "capture"
	Release Op = "release"
	Buy     Op = "purchase"

	Batch    Op = "batch"    // several debits, each by itself
	Customer Op = "customer" // creates or renames one
	Pay      Op = "pay"      // the payment of a purchase
	Balance  Op = "balance"  // at an instant, now or ahead
	Quote    Op = "quote"    // what an action would cost
	Time     Op = "time"     // business time moves to an instant
	Sweep    Op = "sweep"    // what time has decided is written down
)

// Place is an account: a customer's in one unit.
type Place struct{ Customer, Unit string }

// Command is one thing that a caller asks for. Amounts are in the smallest
// parts of the unit, instants in microseconds.
type Command struct {
	Op    Op
	Key   string // idempotency key
	Place Place
	ID    string // of what it makes
	Of    string // the grant, hold, debit or purchase that it is about

	Amount   *big.Int // nil: all that is left, or what the action costs
	Action   string
	Quantity int64
	Life     int64 // of a hold
	Protect  bool
	Final    bool
	Over     bool
	Category string
	Priority int64
	Starts   int64 // zero: now
	Expires  int64 // zero: never
	Scope    []string
	At       int64     // of a balance and of time
	Name     string    // of a customer
	Items    []Command // of a batch
}

// String is the command in one line, without what is not set.
func (c Command) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", c.Op, c.body())
	if c.Key != "" {
		fmt.Fprintf(&b, " key %s", c.Key)
	}
	if c.ID != "" {
		fmt.Fprintf(&b, " makes %s", c.ID)
	}
	return b.String()
}

// body is what a caller says, the key apart: a key is good for one body.
func (c Command) body() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%s", c.Place.Customer, c.Place.Unit)
	say := func(name string, value any, set bool) {
		if set {
			fmt.Fprintf(&b, " %s %v", name, value)
		}
	}
	say("of", c.Of, c.Of != "")
	say("amount", c.Amount, c.Amount != nil)
	say("action", c.Action, c.Action != "")
	say("quantity", c.Quantity, c.Quantity != 0)
	say("for", c.Life, c.Life != 0)
	say("protected", "", c.Protect)
	say("final", "", c.Final)
	say("allowed over", "", c.Over)
	say("category", c.Category, c.Category != "")
	say("priority", c.Priority, c.Op == Grant)
	say("from", c.Starts, c.Starts != 0)
	say("to", c.Expires, c.Expires != 0)
	say("only", strings.Join(c.Scope, ","), len(c.Scope) > 0)
	say("at", c.At, c.At != 0)
	say("name", c.Name, c.Name != "")
	for _, item := range c.Items {
		say("with", item, true)
	}
	return b.String()
}

// Part is an amount of one grant.
type Part struct {
	Grant  string
	Amount *big.Int
}

// Answer is what a ledger says to a command. What a command does not tell
// stays unset.
type Answer struct {
	Lost     bool   // it never came: the command may or may not have happened
	Refused  string // the code of a refusal
	Replayed bool   // it is the answer to an earlier request
	ID       string // of what was made or changed
	State    string
	Late     bool
	Amount   *big.Int
	Left     *big.Int // of a grant; reserved by a hold; of a debit, to be reversed
	Parts    []Part   // taken, reserved or given back; of a balance, what grants have left

	Posted, Held, Available *big.Int

	Each []Answer // to the items of a batch
}

// String is the answer in one line, without what is not set. Equal answers
// have equal lines.
func (a Answer) String() string {
	if a.Lost {
		return "no answer"
	}
	var b strings.Builder
	say := func(name string, value any, set bool) {
		if set {
			fmt.Fprintf(&b, "%s %v ", name, value)
		}
	}
	say("refused", a.Refused, a.Refused != "")
	say("replayed", "", a.Replayed)
	say("id", a.ID, a.ID != "")
	say("state", a.State, a.State != "")
	say("late", "", a.Late)
	say("amount", a.Amount, a.Amount != nil)
	say("left", a.Left, a.Left != nil)
	for _, p := range a.Parts {
		say(p.Grant, p.Amount, true)
	}
	say("posted", a.Posted, a.Posted != nil)
	say("held", a.Held, a.Held != nil)
	say("available", a.Available, a.Available != nil)
	for _, each := range a.Each {
		say("each", each, true)
	}
	return strings.TrimSpace(b.String())
}
