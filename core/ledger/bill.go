package ledger

import (
	"strconv"

	"scrip/core"
	"scrip/core/sale"
)

// opOverage is what bills for overage are derived from.
const opOverage = "overage"

// bill asks for the money of the charges that overage has become, in the
// commit that makes them. It is a purchase that brings no credits.
func (tx *Tx) bill(a *core.Account) error {
	state := stateOf(a)
	if state == nil || tx.ledger.options.Collector == "" || tx.Erased(a.Customer) {
		return nil // nobody can be asked
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
