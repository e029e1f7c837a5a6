package sale

import (
	"slices"

	"scrip/core"
)

// Shortfall says what becomes of credits that were bought with money that went
// back, and are spent by then.
type Shortfall string

// The rules.
const (
	Owe       Shortfall = "deficit"    // the customer owes them; the default
	WriteOff  Shortfall = "write_off"  // nobody pays for them
	OtherPaid Shortfall = "other_paid" // the customer's other paid grants pay; what they do not have is owed
)

// Valid reports whether s is a known rule.
func (s Shortfall) Valid() bool { return s == Owe || s == WriteOff || s == OtherPaid }

// ClaimKind is how money goes back.
type ClaimKind string

// The kinds of claims.
const (
	RefundClaim  ClaimKind = "refund"  // the seller gave it back
	DisputeClaim ClaimKind = "dispute" // the customer's bank took it
)

// ClaimState is where a claim stands.
type ClaimState string

// The states of a claim. Money that is claimed is gone until the claim is won.
const (
	Standing ClaimState = "standing" // refunded, or contested
	Lost     ClaimState = "lost"     // of a dispute: for good
	Won      ClaimState = "won"      // of a dispute: the money came back
)

// Claim is money of one payment that goes back, by what a vendor calls one
// refund, credit note or dispute, or, where it tells only their sum, by the
// payment. Whatever is told of the same object is the same claim.
type Claim struct {
	Purchase core.ID    `json:"-"`
	Kind     ClaimKind  `json:"kind"`
	Object   string     `json:"object"` // the vendor's
	Amount   core.Money `json:"amount"` // in all: what is told later is never less
	State    ClaimState `json:"state"`
	At       core.Time  `json:"at"` // when it was first heard of
}

// Taking is what one claim took of the credits, less what was reinstated.
type Taking struct {
	Claim     string            `json:"claim"` // its object
	Kind      ClaimKind         `json:"kind"`
	At        core.Time         `json:"at"`
	Requested core.Amount       `json:"requested"`         // in parts of the purchase's unit
	Unit      string            `json:"unit"`              // of what follows; another than the purchase's after a change of unit
	Lots      []core.Allocation `json:"lots,omitempty"`    // what was collected, of which grants
	Owed      core.Amount       `json:"owed,omitempty"`    // what became a deficit
	Lost      core.Amount       `json:"lost,omitempty"`    // what was written off
	Revived   []core.ID         `json:"revived,omitempty"` // grants that reinstating made
}

// Collected is what was taken of grants.
func (t *Taking) Collected() core.Amount {
	var sum core.Amount
	for _, l := range t.Lots {
		sum += l.Amount
	}
	return sum
}

// Returns is what became of a purchase's money and credits after it was paid.
type Returns struct {
	Claims  []Claim  `json:"claims"`
	Takings []Taking `json:"takings,omitempty"` // in the order they were made
}

// Last is the newest claim that stands, or the newest.
func (r *Returns) Last() *Claim {
	for i := len(r.Claims) - 1; i > 0; i-- {
		if r.Claims[i].State != Won {
			return &r.Claims[i]
		}
	}
	return &r.Claims[0]
}

// Claim takes in what a vendor tells of a claim. It reports whether that is
// news: what was heard before, in whatever order, changes nothing. A claim in
// another currency than the purchase's is refused.
func (p *Purchase) Claim(c Claim) (fresh bool, err error) {
	switch {
	case c.Object == "" || c.Kind != RefundClaim && c.Kind != DisputeClaim:
		return false, core.Errorf(core.CodeInvalid, "what is told of purchase %q names no refund or dispute", string(p.ID))
	case c.Amount.Currency != p.Price.Currency:
		return false, core.Errorf(core.CodeInvalid, "%s %q is in %q, purchase %q was paid in %q", c.Kind, c.Object, string(c.Amount.Currency), string(p.ID), string(p.Price.Currency))
	case c.Amount.Minor < 0 || c.Amount.Minor == 0 && c.State != Won:
		return false, core.Errorf(core.CodeInvalid, "%s %q of purchase %q is of %s", c.Kind, c.Object, string(p.ID), c.Amount)
	case c.Kind == RefundClaim:
		c.State = Standing
	}
	was := p.Returns
	if was == nil {
		was = &Returns{}
	}
	next := &Returns{Claims: slices.Clone(was.Claims), Takings: was.Takings}
	at := slices.IndexFunc(next.Claims, func(x Claim) bool { return x.Kind == c.Kind && x.Object == c.Object })
	if at < 0 {
		next.Claims = append(next.Claims, c)
		p.Returns = next
		return true, nil
	}
	x := &next.Claims[at]
	before := *x
	x.Amount.Minor = max(x.Amount.Minor, c.Amount.Minor)
	if x.State == Standing || c.State == Won { // won is the last that is said of a dispute
		x.State = c.State
	}
	if *x == before {
		return false, nil
	}
	p.Returns = next
	return true, nil
}

// Reversed is how much of the price is claimed now, by refunds and disputes
// together: at most all of it.
func (p *Purchase) Reversed() core.Money {
	sum := core.Money{Currency: p.Price.Currency}
	if p.Returns == nil {
		return sum
	}
	for i := range p.Returns.Claims {
		if c := &p.Returns.Claims[i]; c.State != Won {
			sum.Minor += min(c.Amount.Minor, p.Price.Minor-sum.Minor)
		}
	}
	return sum
}

// Forfeit is how many of the purchase's credits are to be gone for what is
// claimed, at their exact cost: rounded down, which the customer keeps, and
// what that left, in fractions of the smallest part.
func (p *Purchase) Forfeit() (core.Amount, core.Rate, error) {
	money := p.Reversed().Minor
	if money == 0 || p.Price.Minor <= 0 {
		return 0, core.Rate{Num: 0, Den: 1}, nil
	}
	share := core.Rate{Num: int64(money), Den: int64(p.Price.Minor)}
	parts, _, err := core.MulDiv(p.Credits, share, core.RoundDown)
	if err != nil {
		return 0, core.Rate{}, err
	}
	// credits x money - parts x price, modulo 2^64: below the price, so exact.
	rest := int64(uint64(p.Credits)*uint64(money) - uint64(parts)*uint64(p.Price.Minor))
	return parts, core.Rate{Num: rest, Den: int64(p.Price.Minor)}, nil
}

// Taken is what was requested of the credits so far, less what was reinstated.
func (p *Purchase) Taken() core.Amount {
	var sum core.Amount
	if p.Returns != nil {
		for i := range p.Returns.Takings {
			sum += p.Returns.Takings[i].Requested
		}
	}
	return sum
}

// Outcome is the state that the claims leave a paid purchase in: disputed
// while a dispute of it is not won, refunded when all the money was given back.
func (p *Purchase) Outcome() State {
	if p.Returns == nil {
		return Paid
	}
	for i := range p.Returns.Claims {
		if c := &p.Returns.Claims[i]; c.Kind == DisputeClaim && c.State != Won {
			return Disputed
		}
	}
	if p.Reversed().Minor >= p.Price.Minor {
		return Refunded
	}
	return Paid
}

// Undo says how an amount is to be reinstated: first what the named claim took,
// then what others did, the last first. It returns the takings by their place,
// with how much of each.
func (p *Purchase) Undo(claim string, kind ClaimKind, amount core.Amount) []Undone {
	var list []Undone
	for _, own := range []bool{true, false} {
		for i := len(p.Returns.Takings) - 1; i >= 0 && amount > 0; i-- {
			t := &p.Returns.Takings[i]
			if part := min(amount, t.Requested); part > 0 && own == (t.Claim == claim && t.Kind == kind) {
				list = append(list, Undone{Taking: i, Amount: part})
				amount -= part
			}
		}
	}
	return list
}

// Undone is how much of a taking is reinstated.
type Undone struct {
	Taking int // its place among the takings
	Amount core.Amount
}

// Back parts what comes back of a taking, in its own unit: what was written off
// first, then what was owed, then what was taken of grants, the last first. The
// taking loses it; half of the share leaves it with half.
func (t *Taking) Back(requested, amount core.Amount) core.Drawn {
	var back core.Drawn
	part := func(have *core.Amount) core.Amount {
		n := min(amount, *have)
		*have -= n
		amount -= n
		return n
	}
	t.Requested -= requested
	back.Forgone = part(&t.Lost)
	back.Deficit = part(&t.Owed)
	t.Lots = slices.Clone(t.Lots)
	for i := len(t.Lots) - 1; i >= 0; i-- {
		if n := part(&t.Lots[i].Amount); n > 0 {
			back.Allocations = append(back.Allocations, core.Allocation{Grant: t.Lots[i].Grant, Amount: n})
		}
	}
	t.Lots = slices.DeleteFunc(t.Lots, func(l core.Allocation) bool { return l.Amount == 0 })
	return back
}

// Total is all that the taking still has, in its own unit.
func (t *Taking) Total() core.Amount { return t.Collected() + t.Owed + t.Lost }

// Refund is money of a purchase that somebody asked the vendor to give back.
type Refund struct {
	ID       core.ID    `json:"id"`
	Purchase core.ID    `json:"purchase"`
	Customer string     `json:"customer"`
	Unit     string     `json:"unit"` // of the purchase
	Amount   core.Money `json:"amount"`
	At       core.Time  `json:"at"`
}

// RefundID is the prefix of the ids of refunds.
const RefundID = "rfd"

// Refund says how much of the price may be given back still, or of so much as
// is asked for, where minor is above zero; an error where none may be.
func (p *Purchase) Refund(minor core.Amount) (core.Money, error) {
	m := core.Money{Minor: p.Price.Minor - max(p.Reversed().Minor, p.Returning-p.Unmade), Currency: p.Price.Currency}
	switch {
	case p.State == Pending || p.State == Failed:
		return m, core.Errorf(core.CodeInvalid, "purchase %q is %s, no money of it was taken", string(p.ID), p.State)
	case p.Final:
		return m, core.Errorf(core.CodeInvalid, "the money of pack %q is not given back", p.Pack)
	case p.State == Disputed:
		return m, core.Errorf(core.CodeInvalid, "purchase %q is disputed: the customer's bank has its money", string(p.ID))
	case m.Minor <= 0:
		return m, core.Errorf(core.CodeInvalid, "all money of purchase %q is given back, or was asked to be", string(p.ID))
	case minor > m.Minor:
		return m, core.InField(core.Errorf(core.CodeInvalid, "%s of purchase %q are left to be given back", m, string(p.ID)), "amount")
	case minor > 0:
		m.Minor = minor
	}
	return m, nil
}
