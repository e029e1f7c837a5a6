package sale

import (
	"math"

	"scrip/core"
)

// Pack is credits sold at a price: so many for each pack, or, where Per is
// set, as many as the buyer names.
type Pack struct {
	Name    string
	Unit    string
	Credits core.Amount // of one pack; 0 where the buyer names the amount
	Price   core.Money  // of one pack, when there are no Tiers
	Tiers   []PackTier  // what one pack costs by how many are bought at once; in order, the last without end
	Per     []core.Price
	Minimum core.Amount // the fewest packs, or the least amount, that are sold at once; 0: one, or any
	Months  int         // life of the credits from payment; with Days and Cycle zero too they never expire
	Days    int
	Cycle   bool // the credits end with the subscription's current period
	Final   bool // the money is not given back
}

// PackTier is what each of all packs bought at once costs, up to a number.
type PackTier struct {
	UpTo   int64        // packs, or 0 without end
	Prices []core.Money // one for each currency
}

// Wish is what a buyer asks for. Without a currency the first one is taken.
type Wish struct {
	Quantity int64       // packs; 0 is one
	Amount   core.Amount // parts of the unit, where the pack lets the buyer name them
	Currency core.Currency
}

// MaxPacks is how many packs may be bought at once.
const MaxPacks = 100_000

// Sell is the purchase that a wish comes to, without buyer and id. The unit has
// the given scale.
func (p *Pack) Sell(w Wish, scale int) (Purchase, error) {
	sold := Purchase{
		Pack: p.Name, Unit: p.Unit, Months: p.Months, Days: p.Days, Cycle: p.Cycle, Final: p.Final,
	}
	if len(p.Per) > 0 {
		return sold, p.sellAmount(w, scale, &sold)
	}
	if w.Amount != 0 {
		return sold, core.InField(core.Errorf(core.CodeInvalid, "pack %q is sold by the pack, name a quantity", p.Name), "amount")
	}
	n := w.Quantity
	if n == 0 {
		n = 1
	}
	if n < 0 || n > MaxPacks || core.Amount(n) < p.Minimum {
		return sold, core.InField(core.Errorf(core.CodeInvalid, "%d packs %q cannot be bought, from %d to %d can", n, p.Name, max(1, p.Minimum), MaxPacks), "quantity")
	}
	each, err := p.price(n, w.Currency)
	if err != nil {
		return sold, err
	}
	if sold.Credits, err = times(p.Credits, n); err == nil {
		sold.Price.Minor, err = times(each.Minor, n)
	}
	sold.Price.Currency = each.Currency
	if n > 1 {
		sold.Quantity = n
	}
	return sold, err
}

func (p *Pack) sellAmount(w Wish, scale int, sold *Purchase) error {
	switch {
	case w.Quantity != 0:
		return core.InField(core.Errorf(core.CodeInvalid, "pack %q is sold by the amount, name one", p.Name), "quantity")
	case w.Amount <= 0:
		return core.InField(core.Errorf(core.CodeInvalid, "pack %q is sold by the amount, name one above zero", p.Name), "amount")
	case w.Amount < p.Minimum:
		return core.InField(core.Errorf(core.CodeInvalid, "%s %s are too few, pack %q is sold from %s on",
			w.Amount.Format(scale), p.Unit, p.Name, p.Minimum.Format(scale)), "amount")
	case w.Amount > core.MaxAmount:
		return core.InField(core.Errorf(core.CodeInvalid, "the amount is too large to be bought at once"), "amount")
	}
	per, err := pick(p.Per, w.Currency, func(q core.Price) core.Currency { return q.Currency })
	if err != nil {
		return err
	}
	rate, err := per.PerPart(scale)
	if err != nil {
		return err
	}
	minor, exact, err := core.MulDiv(w.Amount, rate, core.RoundDown)
	if err == nil && (!exact || minor == 0) {
		err = core.InField(core.Errorf(core.CodeInvalid, "%s %s cost no whole number of the smallest coin of %q, name an amount that does",
			w.Amount.Format(scale), p.Unit, string(per.Currency)), "amount")
	}
	sold.Credits, sold.Price = w.Amount, core.Money{Minor: minor, Currency: per.Currency}
	return err
}

// For is the least wish of the pack that brings an amount of credits.
func (p *Pack) For(amount core.Amount, currency core.Currency, scale int) (Wish, error) {
	w := Wish{Currency: currency}
	if len(p.Per) == 0 {
		packs := max(1, int64(p.Minimum), int64((amount+p.Credits-1)/p.Credits))
		w.Quantity = min(packs, MaxPacks)
		return w, nil
	}
	per, err := pick(p.Per, currency, func(q core.Price) core.Currency { return q.Currency })
	if err != nil {
		return w, err
	}
	rate, err := per.PerPart(scale)
	if err != nil {
		return w, err
	}
	// What can be paid is a multiple of the rate's denominator.
	step := core.Amount(rate.Den / gcd(rate.Num, rate.Den))
	w.Amount = max(amount, p.Minimum, step)
	if rest := w.Amount % step; rest > 0 {
		w.Amount += step - rest
	}
	return w, nil
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return max(a, 1)
}

// price is what one of n packs costs.
func (p *Pack) price(n int64, currency core.Currency) (core.Money, error) {
	prices := []core.Money{p.Price}
	for _, t := range p.Tiers {
		prices = t.Prices
		if t.UpTo == 0 || n <= t.UpTo {
			break
		}
	}
	return pick(prices, currency, func(m core.Money) core.Currency { return m.Currency })
}

// pick takes the one in a currency. The only one there is will do for whoever
// pays in another.
func pick[T any](list []T, currency core.Currency, of func(T) core.Currency) (T, error) {
	if len(list) == 1 || currency == "" && len(list) > 0 {
		return list[0], nil
	}
	for _, v := range list {
		if of(v) == currency {
			return v, nil
		}
	}
	var none T
	return none, core.InField(core.Errorf(core.CodeInvalid, "the pack has no price in %q, the customer's currency", string(currency)), "pack")
}

func times(a core.Amount, n int64) (core.Amount, error) {
	if a > 0 && n > int64(min(math.MaxInt64, core.MaxAmount)/a) {
		return 0, core.InField(core.Errorf(core.CodeInvalid, "so many packs are more than can be counted"), "quantity")
	}
	return a * core.Amount(n), nil
}
