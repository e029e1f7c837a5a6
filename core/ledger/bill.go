package ledger

import (
	"strconv"

	"scrip/core"
	"scrip/core/plan"
	"scrip/core/sale"
)

// opOverage is what bills for overage are derived from.
const opOverage = "overage"

// opPeriod is what bills for plans' periods are derived from.
const opPeriod = "period"

// bill asks for the money of periods that have begun, where the plan says so,
// and of the charges that overage has become, in the commit that makes them.
// Each is a purchase that brings no credits.
func (tx *Tx) bill(a *core.Account) error {
	state := stateOf(a)
	if state == nil || tx.ledger.options.Collector == "" || tx.Erased(a.Customer) {
		return nil // nobody can be asked
	}
	if err := tx.billPeriods(a, state); err != nil {
		return err
	}
	for {
		b, due := state.Bill()
		if !due {
			return nil
		}
		p := sale.Purchase{
			ID:       core.NewID(core.PurchaseID, a.Customer, opOverage, a.Customer+"/"+a.Unit.Code+"/"+strconv.Itoa(b.Last), 0),
			Customer: a.Customer, Pack: opOverage, Unit: a.Unit.Code, Overage: b.Units, Price: b.Money, Final: true, Auto: true,
			Connection: tx.ledger.options.Collector, State: sale.Pending, Created: tx.Now,
		}
		if err := tx.order(p); err != nil {
			return err
		}
		state.Billed(b)
		a.Keep(state)
	}
}

// billPeriods asks for the prices of periods.
func (tx *Tx) billPeriods(a *core.Account, state *plan.State) (err error) {
	for err == nil && state.Ask(func(d plan.Due) core.ID {
		name := a.Customer + "/" + a.Unit.Code + "/" + strconv.Itoa(d.Serial) + "/" + strconv.FormatInt(int64(d.Start), 10)
		p := sale.Purchase{
			ID:       core.NewID(core.PurchaseID, a.Customer, opPeriod, name, 0),
			Customer: a.Customer, Pack: opPeriod, Unit: a.Unit.Code, Price: d.Money, Auto: true,
			Period:     &sale.Period{Plan: d.Plan, Serial: d.Serial, Start: d.Start, End: d.End},
			Connection: tx.ledger.options.Collector, State: sale.Pending, Created: tx.Now,
		}
		err = tx.order(p)
		return p.ID
	}) {
		a.Keep(state)
	}
	return err
}

// periodPaid takes the payment of a plan's period, and reports whether it granted
// or proved anything.
func (tx *Tx) periodPaid(p *sale.Purchase) bool {
	a := tx.Account(tx.ledger.Current(AccountKey{p.Customer, p.Unit}))
	if a == nil || a.Became != "" || tx.Erased(p.Customer) {
		return false
	}
	a.Settle(tx.Now)
	state := stateOf(a)
	return state != nil && state.PaidDue(a, plan.Due{Plan: p.Period.Plan, Serial: p.Period.Serial, Start: p.Period.Start, End: p.Period.End, Money: p.Price}, tx.Now)
}
