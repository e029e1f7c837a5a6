package plan

import (
	"math/big"
	"slices"
	"strings"

	"scrip/core"
)

// Billing is the overage of a cycle and the charges it has become.
type Billing struct {
	Begun   core.Time     `json:"begun,omitempty"` // since when overage is counted
	Over    []Over        `json:"over,omitempty"`
	Charges []Charge      `json:"charges,omitempty"` // the newest last
	Count   int           `json:"count,omitempty"`   // of all charges ever
	Billed  int           `json:"billed,omitempty"`  // up to which charge somebody was asked to pay
	Earlier []core.Money  `json:"earlier,omitempty"` // what charges that are no longer listed came to
	Carry   string        `json:"carry,omitempty"`   // what rounding has left over, in minor units, as a ratio
	In      core.Currency `json:"in,omitempty"`      // of Carry
	Unit    string        `json:"unit,omitempty"`    // of the account when the newest charge was made
	Seq     int64         `json:"seq,omitempty"`     // its last entry then
	Moved   bool          `json:"moved,omitempty"`   // a part was counted in another unit
}

// Over is overage that has one price: an action's own, or the plan's.
type Over struct {
	Action string      `json:"action,omitempty"`
	Units  core.Amount `json:"units"`            // in the cycle
	Billed core.Amount `json:"billed,omitempty"` // of them, charged already
}

// Charge is a line to be paid: overage, exact, rounded once.
type Charge struct {
	N     int         `json:"n"` // from 1
	From  core.Time   `json:"from"`
	At    core.Time   `json:"at"`
	Units core.Amount `json:"units"`
	Money core.Money  `json:"money"`
	Rest  string      `json:"rest,omitempty"`  // what rounding left over, in minor units; the next charge takes it
	Why   string      `json:"why"`             // cycle, threshold, change, end, correction
	Asked bool        `json:"asked,omitempty"` // somebody was asked to pay it, though not yet all before it
}

// maxCharges bounds the charges that a state lists.
const maxCharges = 60

// Overage is what the cycle has come to: units, and their money so far,
// charged or not, rounded to the minor unit.
func (s *State) Overage(a *core.Account) (core.Amount, core.Money) {
	var units core.Amount
	for _, o := range s.Billing.Over {
		units += o.Units
	}
	if s.Subscription == nil || units == 0 {
		return units, core.Money{}
	}
	return units, core.Money{Minor: rounded(s.worth(a, false)), Currency: s.Subscription.Currency}
}

// worth is the exact money of the cycle's overage, or of what is not charged
// of it yet, in minor units.
func (s *State) worth(a *core.Account, open bool) *big.Rat {
	sum, sub := new(big.Rat), s.Subscription
	terms := sub.Terms.Overage
	if terms == nil {
		return sum
	}
	for _, o := range s.Billing.Over {
		units := o.Units
		if open {
			units -= o.Billed
		}
		if price := terms.price(o.Action, sub.Currency); units != 0 && !price.IsZero() {
			sum.Add(sum, terms.cost(a.Unit.Scale, price, units))
		}
	}
	return sum
}

// cost is the exact money of so many parts of a unit, in minor units.
func (o *Overage) cost(scale int, price core.Price, units core.Amount) *big.Rat {
	one := big.NewRat(price.Rate.Num, price.Rate.Den)
	one.Mul(one, big.NewRat(int64(units), max(1, o.Per)))
	return one.Mul(one, power(price.Currency.Exponent()-scale))
}

// Units is all overage that there ever was, less what came back; whole is false
// where not all of it is known here any more.
func (b *Billing) Units() (sum core.Amount, whole bool) {
	for _, o := range b.Over {
		sum += o.Units - o.Billed
	}
	for _, c := range b.Charges {
		sum += c.Units
	}
	return sum, len(b.Charges) == b.Count && !b.Moved
}

// power is 10^n.
func power(n int) *big.Rat {
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(n, -n))), nil)
	if n < 0 {
		return new(big.Rat).SetFrac(big.NewInt(1), ten)
	}
	return new(big.Rat).SetInt(ten)
}

// rounded is a ratio to the nearest whole, ties to the even one.
func rounded(r *big.Rat) core.Amount {
	twice := new(big.Int).Lsh(r.Num(), 1)
	twice.Add(twice, r.Denom())
	whole, rest := new(big.Int).DivMod(twice, new(big.Int).Lsh(r.Denom(), 1), new(big.Int))
	if rest.Sign() == 0 && whole.Bit(0) == 1 {
		whole.Sub(whole, big.NewInt(1))
	}
	if !whole.IsInt64() {
		return core.MaxAmount
	}
	return core.Amount(whole.Int64())
}

// charge makes one line of the overage that is not charged yet, and begins a
// new cycle unless it is the threshold that asks.
func (s *State) charge(a *core.Account, at core.Time, why string) {
	b, sub := &s.Billing, s.Subscription
	b.Unit, b.Seq = a.Unit.Code, a.Seq
	var units core.Amount
	for i := range b.Over {
		units += b.Over[i].Units - b.Over[i].Billed
	}
	exact := s.worth(a, true)
	if units != 0 || exact.Sign() != 0 {
		if carry, ok := new(big.Rat).SetString(b.Carry); ok && b.In == sub.Currency {
			exact.Add(exact, carry)
		}
		money := rounded(exact)
		rest := exact.Sub(exact, new(big.Rat).SetInt64(int64(money)))
		b.Carry, b.In = "", ""
		if rest.Sign() != 0 {
			b.Carry, b.In = rest.RatString(), sub.Currency
		}
		b.Count++
		b.Charges = append(b.Charges, Charge{
			N: b.Count, From: b.Begun, At: at, Units: units, Money: core.Money{Minor: money, Currency: sub.Currency}, Rest: b.Carry, Why: why,
		})
		b.trim()
	}
	if why == "threshold" {
		for i := range b.Over {
			b.Over[i].Billed = b.Over[i].Units
		}
		return
	}
	b.Over, b.Begun = nil, at
}

// closed reports whether a debit's overage is charged already, by where its
// entries lie.
func (b *Billing) closed(unit string, back *Back) bool {
	if back.Unit == b.Unit {
		return back.Seq <= b.Seq
	}
	return b.Unit != "" && back.Unit != unit
}

// correct makes a line of what was charged for overage that came back, pro
// rata; those that nobody was asked for yet are one. It reports whether the
// money is known.
func (b *Billing) correct(back *Back, now core.Time) bool {
	number, code, _ := strings.Cut(back.Charged, " ")
	exact, ok := new(big.Rat).SetString(number)
	if !ok || back.Whole <= 0 {
		return false
	}
	in := core.Currency(code)
	exact.Mul(exact, power(in.Exponent())).Mul(exact, big.NewRat(-int64(back.Part), int64(back.Whole)))
	mine := b.Carry == "" || b.In == in
	if carry, ok := new(big.Rat).SetString(b.Carry); ok && mine {
		exact.Add(exact, carry)
	}
	money := rounded(exact)
	rest := ""
	if exact.Sub(exact, new(big.Rat).SetInt64(int64(money))).Sign() != 0 {
		rest = exact.RatString()
	}
	if mine {
		if b.Carry, b.In = rest, in; rest == "" {
			b.In = ""
		}
	}
	if n := len(b.Charges) - 1; n >= 0 {
		if c := &b.Charges[n]; c.Why == "correction" && c.Money.Currency == in && !b.asked(c) {
			c.At, c.Units, c.Money.Minor, c.Rest = now, c.Units-back.Units, c.Money.Minor+money, rest
			return true
		}
	}
	b.Count++
	b.Charges = append(b.Charges, Charge{
		N: b.Count, From: now, At: now, Units: -back.Units, Money: core.Money{Minor: money, Currency: in}, Rest: rest, Why: "correction",
	})
	b.trim()
	return true
}

// trim keeps the list of charges bounded; those that wait to be asked for go last.
func (b *Billing) trim() {
	for len(b.Charges) > maxCharges {
		k := max(0, slices.IndexFunc(b.Charges, func(c Charge) bool { return b.asked(&c) }))
		gone := b.Charges[k].Money
		b.Charges = slices.Delete(b.Charges, k, k+1)
		found := false
		for i := range b.Earlier {
			if found = b.Earlier[i].Currency == gone.Currency; found {
				b.Earlier[i].Minor += gone.Minor
				break
			}
		}
		if !found {
			b.Earlier = append(b.Earlier, gone)
		}
	}
}
