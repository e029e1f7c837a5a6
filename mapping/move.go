package mapping

import (
	"strconv"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping/burn"
)

// carrier is a configured connection that can hold grants and consumption.
func (o *Outward) carrier(name string) *Connection {
	for i := range o.carriers {
		if o.carriers[i].Name == name {
			return &o.carriers[i]
		}
	}
	return nil
}

// Introduce tells a connection that begins to be told of a customer. Telling it
// again of the same is the same order.
func (o *Outward) Introduce(now core.Time, c ledger.Customer, connection string) []*ledger.Intent {
	key := "introduce/" + strconv.FormatInt(c.Version, 10) + "/" + contentHash(c)
	return []*ledger.Intent{newIntent(connection, c.ID, c.ID, key, now, now, &Body{Customer: &c})}
}

// Backfill gives what is left of an account's live grants to a connection
// that begins to be told. Together with the consumption told from then on, the
// vendor holds by the quantum law what the core does.
func (o *Outward) Backfill(now core.Time, a *core.Account, connection string) []*ledger.Intent {
	c := o.carrier(connection)
	if c == nil {
		return nil
	}
	var intents []*ledger.Intent
	priorities := c.priorities(now, a)
	for i := range a.Grants {
		g := &a.Grants[i]
		if !carried(g, now) {
			continue
		}
		q, err := c.QuantumOf(a.Unit)
		if err != nil {
			return nil
		}
		quanta, err := q.Floor(g.Remaining)
		if err == nil && quanta == 0 {
			continue
		}
		facts := factsOf(g, a.Unit, q, quanta)
		facts.Consumed, facts.Seq = g.Amount-g.Remaining, a.Seq
		facts.Late = c.begins(now, g) > now
		if n, ok := priorities[g.ID]; ok {
			facts.Priority = n
		}
		intents = append(intents, newIntent(c.Name, a.Customer, string(g.ID), moveKey(g, a, connection), now, c.begins(now, g), &Body{Grant: facts}))
	}
	return intents
}

// carried reports whether a move gives a grant to its target.
func carried(g *core.Grant, now core.Time) bool {
	return g.Remaining > 0 && g.Closed == "" && g.Expires > now
}

// priorities are what the grants of an account are given at a vendor whose own
// burn order would draw them otherwise than the core, and which other numbers
// mend. There are none where nothing is to be mended, or nothing mends it.
func (c *Connection) priorities(now core.Time, a *core.Account) map[core.ID]int {
	var live []core.Grant
	for i := range a.Grants {
		if carried(&a.Grants[i], now) {
			live = append(live, a.Grants[i])
		}
	}
	result := c.Burn.Judge(live, a.Order)
	if result.Verdict != burn.Mended {
		return nil
	}
	numbers := make(map[core.ID]int, len(live))
	for i, n := range result.Priorities {
		numbers[live[i].ID] = n
	}
	return numbers
}

// Withdraw tells a connection that is no longer told the last of what was
// consumed, and ends what it still holds of the account's grants.
func (o *Outward) Withdraw(now core.Time, a *core.Account, connection string) []*ledger.Intent {
	c := o.carrier(connection)
	if c == nil {
		return nil
	}
	intents := closeEarly(now, c, a, a.Consumed, a.Seq)
	for i := range a.Grants {
		g := &a.Grants[i]
		if g.Remaining == 0 {
			continue
		}
		q, err := c.QuantumOf(a.Unit)
		if err != nil {
			return nil
		}
		left, err := q.Holding(c.standing(g))
		if err == nil && left.Quanta == 0 {
			continue
		}
		end := &EndFacts{Grant: g.ID, Unit: a.Unit.Code, Consumed: g.Consumed(), Holding: left, Seq: g.Seq, Over: c.Pools()}
		intents = append(intents, newIntent(c.Name, a.Customer, string(g.ID), moveKey(g, a, connection), now, now, &Body{End: end}))
	}
	return intents
}

// standing is what a vendor still has to hold of a grant: where it chooses the
// lots, all of one that has ended while a hold keeps a part of it.
func (c *Connection) standing(g *core.Grant) core.Amount {
	if g.Closed == "" || !c.Pools() {
		return g.Remaining
	}
	return g.Remaining + g.Ended - g.Away
}

// moveKey tells one joining or leaving of an account from another.
func moveKey(g *core.Grant, a *core.Account, connection string) string {
	for _, w := range a.Windows {
		if w.Connection == connection {
			return string(g.ID) + "/move/" + strconv.FormatInt(w.Moves, 10)
		}
	}
	return string(g.ID) + "/move"
}
