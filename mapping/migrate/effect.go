package migrate

import (
	"context"
	"encoding/hex"
	"math/big"
	"slices"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/convert"
	"scrip/core/ledger"
	"scrip/mapping/burn"
)

// CustomerEffect is what a plan does to one customer's account in one unit.
// Amounts are decimals of whole units.
type CustomerEffect struct {
	Customer string       `json:"customer"`
	Unit     string       `json:"unit"`
	Seq      int64        `json:"seq"`                // of its last entry when the plan was made
	Head     string       `json:"head"`               // hash of that entry, in hex
	Before   string       `json:"before"`             // left of all its grants
	After    string       `json:"after"`              // the same by a vendor move; in To by a change of the unit
	To       string       `json:"to,omitempty"`       // the new unit
	Residual string       `json:"residual,omitempty"` // exact: what rounding keeps in the core, in the vendor's unit; or before less after, in To
	Holds    int          `json:"holds,omitempty"`    // open ones
	Carried  int          `json:"carried,omitempty"`  // grants that the target is given
	Kept     int          `json:"kept,omitempty"`     // grants that stay in the core alone
	Value    string       `json:"value,omitempty"`    // of what is carried, as the target holds it
	Burn     burn.Verdict `json:"burn,omitempty"`     // the target's burn order on what is carried
	Pair     *burn.Pair   `json:"pair,omitempty"`     // the first two grants that it turns round
	Closed   int          `json:"closed,omitempty"`   // grants that become nothing
	Power    []Power      `json:"power,omitempty"`    // actions of which another number can be paid for
	Warnings []Warning    `json:"warnings,omitempty"`
}

// Power is how often an action can be paid for; -1 is without end.
type Power struct {
	Action string `json:"action"`
	Before int64  `json:"before"`
	After  int64  `json:"after"`
}

// Warning is a stable code for what somebody should look at.
type Warning string

// The warnings of a vendor move, then those of a change of the unit.
const (
	NoValue       Warning = "no_value"         // the unit is worth nothing at the target: nothing is carried
	BelowQuantum  Warning = "below_quantum"    // a grant is worth less than the least that the target can hold
	TooManyGrants Warning = "too_many_grants"  // more grants than the target takes: the rest is parked
	BurnDiffers   Warning = "burn_differs"     // the target would draw grants in another order
	BurnMayDiffer Warning = "burn_may_differ"  // nothing documented says in which order it would
	LotClosed     Warning = "lot_closed"       // a grant becomes nothing
	PowerChanged  Warning = "purchasing_power" // of some action another number can be paid for
)

// Effect sums up what a plan does.
type Effect struct {
	Fingerprint string               `json:"fingerprint"` // of the data, see [Fingerprint]
	Accounts    int                  `json:"accounts"`
	Grants      int                  `json:"grants"` // with a remainder
	Holds       int                  `json:"holds"`
	Carried     int                  `json:"carried,omitempty"`
	Kept        int                  `json:"kept,omitempty"`
	Closed      int                  `json:"closed,omitempty"`
	Warned      int                  `json:"warned"` // accounts with a warning
	Units       []UnitTotal          `json:"units"`
	Burn        map[burn.Verdict]int `json:"burn,omitempty"` // accounts by verdict
	Losses      []Loss               `json:"losses"`
	Calls       int                  `json:"calls"`            // to the target, at least
	AtLimit     int                  `json:"seconds_at_limit"` // they take at the target's rate limit
	Seconds     int                  `json:"seconds"`          // they take at our share of it
}

// UnitTotal adds up the accounts of one unit. What is said of [CustomerEffect]'s
// fields holds for these.
type UnitTotal struct {
	Unit     string `json:"unit"`
	Before   string `json:"before"`
	After    string `json:"after"`
	To       string `json:"to,omitempty"`
	Value    string `json:"value,omitempty"`
	Residual string `json:"residual,omitempty"`
}

// Loss is a fact of grants that the target does not carry exactly and that
// this data has.
type Loss struct {
	Fact  string       `json:"fact"`
	Fit   adapters.Fit `json:"fit"`
	How   string       `json:"how"`
	Count int          `json:"count"`
	Of    string       `json:"of"` // what is counted: grants, holds, accounts or customers
}

// effectOf begins the effect on an account with what every plan says.
func effectOf(a *core.Account, print stamp) *CustomerEffect {
	return &CustomerEffect{Customer: a.Customer, Unit: a.Unit.Code, Seq: print.seq, Head: hex.EncodeToString(print.head[:])}
}

// count adds an account to the sums.
func (e *Effect) count(c *CustomerEffect) {
	e.Accounts++
	e.Holds += c.Holds
	e.Carried += c.Carried
	e.Kept += c.Kept
	e.Closed += c.Closed
	if len(c.Warnings) > 0 {
		e.Warned++
	}
}

func (c *CustomerEffect) warn(w Warning) {
	if !slices.Contains(c.Warnings, w) {
		c.Warnings = append(c.Warnings, w)
	}
}

// whole writes a number of parts, of which 10^scale are one, as an exact
// decimal, or as a fraction where no decimal ends.
func whole(parts *big.Rat, scale int) string {
	x := new(big.Rat).Quo(parts, new(big.Rat).SetInt(power10(scale)))
	if n, exact := x.FloatPrec(); exact {
		return x.FloatString(n)
	}
	return x.RatString()
}

// decimal writes a number of parts with all decimals of its unit.
func decimal(parts *big.Int, scale int) string {
	return new(big.Rat).SetFrac(parts, power10(scale)).FloatString(scale)
}

func power10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// MeasureChange says what a change of the unit does to every account in the old
// one, telling each of them in turn, and sums it up. charges are what one event
// of each action costs before and after.
func MeasureChange(ctx context.Context, l *ledger.Ledger, change *convert.Change, charges []convert.Charge, each func(*CustomerEffect) error) (*Effect, error) {
	e := &Effect{Losses: []Loss{}}
	var totals convert.Totals
	now := l.Now()
	var err error
	e.Fingerprint, err = walk(ctx, l, func(a *core.Account, print stamp) error {
		if a.Unit.Code != change.From.Code {
			return nil
		}
		a.Settle(now)
		p, err := change.Plan(a, now)
		if err != nil {
			return err
		}
		totals.Add(p)
		c := changed(p, a, charges, now, effectOf(a, print))
		e.Grants += len(p.Lots)
		e.count(c)
		return each(c)
	})
	e.Units = []UnitTotal{{
		Unit: change.From.Code, Before: decimal(&totals.From, change.From.Scale), After: decimal(&totals.To, change.To.Scale),
		To: change.To.Code, Residual: whole(totals.Residual(), change.To.Scale),
	}}
	return e, err
}

// changed is what a change of the unit does to one account.
func changed(p *convert.Plan, a *core.Account, charges []convert.Charge, now core.Time, c *CustomerEffect) *CustomerEffect {
	c.Before, c.After, c.To = p.Total.From.Format(p.From.Scale), p.Total.To.Format(p.To.Scale), p.To.Code
	c.Residual, c.Holds = whole(p.Residual, p.To.Scale), len(p.Holds)
	for i := range p.Lots {
		if p.Lots[i].Closed() {
			c.Closed++
			c.warn(LotClosed)
		}
	}
	for _, w := range p.Power(a, charges, now) {
		if w.Changed() {
			c.Power = append(c.Power, Power{w.Action, w.Before, w.After})
			c.warn(PowerChanged)
		}
	}
	return c
}
