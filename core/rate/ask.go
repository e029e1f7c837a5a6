package rate

import "scrip/core"

// Ask is an action that is priced where it is decided: by the rate card that is
// in force then, or that the customer keeps, and by what was used before.
type Ask struct {
	Cards Cards
	Units []core.Unit // all that are configured; the first is the cards' own
	Event Event       // its Used is found out
}

// Quote is what an ask would come to now.
type Quote struct {
	Card  string
	Parts []QuotePart // as a debit would take them
	Short error       // why it cannot be paid, nil when it can
	Times int64       // how often it could be paid one after the other, from grants alone; [Endless] when it is free
}

// QuotePart is what an ask would take in one unit.
type QuotePart struct {
	Account   *core.Account // as it is now; the caller may do with it what it likes
	Amount    core.Amount
	Available core.Amount // what grants could pay of this action
	core.Drawn
	Charged string // the money of overage, an exact decimal with its currency
}
