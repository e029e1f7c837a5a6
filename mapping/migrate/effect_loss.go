package migrate

import (
	"context"
	"strings"

	"scrip/core"
	"scrip/core/ledger"
)

// touch counts what has a fact.
type touch struct {
	count int
	of    string
}

// touch counts, for every fact that the target does not carry exactly, what of
// an account has it.
func (m *moveMeter) touch(ctx context.Context, c *CustomerEffect, a *core.Account) error {
	first := m.customer != a.Customer
	if first {
		m.customer = a.Customer
		m.customers++
	}
	var owner *ledger.Customer
	for i, f := range m.lossy {
		if owner == nil && first && ofCustomers(f.Name) {
			known, err := m.ledger.Customer(ctx, a.Customer)
			if err != nil && core.CodeOf(err) != core.CodeUnknownCustomer {
				return err
			}
			owner = &known
		}
		n := m.touched(f.Name, f.How, c, owner)
		m.counts[i] = touch{m.counts[i].count + n.count, n.of}
	}
	return nil
}

func ofCustomers(fact string) bool {
	return fact == "customer" || fact == "customer metadata" || fact == "currency"
}

// touched counts what of the account at hand has a fact. A fact that nothing is
// known of is said to touch every account.
func (m *moveMeter) touched(fact, how string, c *CustomerEffect, owner *ledger.Customer) touch {
	if owner == nil && ofCustomers(fact) {
		return touch{0, "customers"}
	}
	switch fact {
	case "customer":
		return touch{one(owner.Email == ""), "customers"}
	case "customer metadata":
		return touch{one(len(owner.Metadata) > 0), "customers"}
	case "currency":
		return touch{one(owner.Currency == ""), "customers"}
	case "negative balance, hold":
		return touch{c.Holds, "holds"}
	case "limits":
		limit := m.target.Traits.MaxGrants
		return touch{max(0, c.Carried-limit) * one(limit > 0), "grants"}
	case "object":
		return touch{c.Carried, "grants"}
	case "payment":
		return touch{one(m.target.Collects), "accounts"}
	case "idempotency", "void unspent":
		return touch{} // no grant has it before something is voided
	}
	if has := grantFact(fact, how, m.now, m.unitCurrency(c.Unit)); has != nil {
		n := 0
		for i := range m.carried {
			n += one(has(&m.carried[i]))
		}
		return touch{n, "grants"}
	}
	return touch{1, "accounts"}
}

// grantFact says which grants have a fact, or nil where it is not a grant's.
func grantFact(fact, how string, now core.Time, currency core.Currency) func(*core.Grant) bool {
	switch fact {
	case "never expires":
		return func(g *core.Grant) bool { return g.Expires == core.Never }
	case "expiry":
		return func(g *core.Grant) bool { return g.Expires != core.Never }
	case "future start":
		return func(g *core.Grant) bool { return g.Starts > now }
	case "priority":
		return func(g *core.Grant) bool { return g.Priority != core.DefaultPriority }
	case "paid / promotional":
		return func(g *core.Grant) bool { return g.Category != core.Paid && g.Category != core.Promotional }
	case "cost basis":
		return func(g *core.Grant) bool { return !g.Paid.IsZero() }
	case "scope":
		return func(g *core.Grant) bool { return len(g.Actions) > 0 }
	case "currencies":
		named := currency != "" && strings.Contains(how, string(currency))
		return func(*core.Grant) bool { return named }
	}
	return nil
}

// unitCurrency is the money in which the target holds a unit, or "".
func (m *moveMeter) unitCurrency(unit string) core.Currency {
	if s := m.sums[unit]; s != nil {
		return s.quantum.Currency
	}
	return ""
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
