package ledger

import (
	"slices"

	"scrip/core"
	"scrip/core/convert"
	"scrip/core/rate"
)

// forward takes all that is left of an account over to the account of the new
// unit, and returns what became of it.
func (c *Conversion) forward(old, to *core.Account, now core.Time) (*convert.Plan, error) {
	old.Settle(now)
	plan, err := c.Change.Plan(old, now)
	if err != nil {
		return nil, err
	}
	grants, holds := old.ConvertOut(to.Unit.Code, now)
	join(old, to)
	to.Reopen()
	made := map[core.ID]core.ID{}
	for i := range plan.Lots {
		lot := &plan.Lots[i]
		if lot.Closed() {
			continue
		}
		made[lot.Grant] = grantID(c.ID, old.Customer, lot.Grant)
		if err := convertIn(to, made[lot.Grant], lot, find(grants, lot.Grant), now); err != nil {
			return nil, err
		}
	}
	if err := takeHolds(old.Unit.Code, to, plan, holds, made, c.Change.Unit(), now); err != nil {
		return nil, err
	}
	owed, _, err := c.Change.Line(old.Overdrawn)
	if err == nil {
		old.MoveDebt(to, owed.To, core.ID(c.ID), now)
	}
	return plan, err
}

// back takes all that is left over to the account it once came from, by
// entries that run counter to those of the conversion it takes back.
func (c *Conversion) back(before *convert.Plan, old, to *core.Account, now core.Time) error {
	origin, made := map[core.ID]core.ID{}, map[core.ID]core.ID{}
	for i := range before.Lots {
		if lot := &before.Lots[i]; !lot.Closed() {
			origin[grantID(c.Of, old.Customer, lot.Grant)] = lot.Grant
		}
	}
	old.Settle(now)
	plan, err := before.Undo(old, origin, now)
	if err != nil {
		return err
	}
	grants, holds := old.ConvertOut(to.Unit.Code, now)
	join(old, to)
	to.Reopen()
	for i := range plan.Lots {
		lot := &plan.Lots[i]
		was, known := origin[lot.Grant]
		switch {
		case known:
			made[lot.Grant] = was
			err = to.ConvertBack(was, find(grants, lot.Grant).Closed, lot.Grant, lot.Total.To, now)
		case lot.Total.From == 0: // it had become nothing
			err = to.ConvertBack(lot.Grant, "", lot.Grant, lot.Total.To, now)
		case lot.Total.To > 0:
			made[lot.Grant] = grantID(c.ID, old.Customer, lot.Grant)
			err = convertIn(to, made[lot.Grant], lot, find(grants, lot.Grant), now)
		}
		if err != nil {
			return err
		}
	}
	restoreHolds(before, plan, made)
	r := c.Change.Unit()
	if err := takeHolds(old.Unit.Code, to, plan, holds, made, core.Rate{Num: r.Den, Den: r.Num}, now); err != nil {
		return err
	}
	owed, err := c.Change.LateBack(old.Overdrawn)
	if err != nil {
		return err
	}
	old.MoveDebt(to, owed, core.ID(c.ID), now)
	to.Sort()
	to.Settle(now)
	return nil
}

// restoreHolds gives holds of which nothing was captured since the conversion
// their own figures again, also where rounding had left them nothing.
func restoreHolds(before, plan *convert.Plan, made map[core.ID]core.ID) {
	for i := range plan.Holds {
		h := &plan.Holds[i]
		at := slices.IndexFunc(before.Holds, func(b convert.Hold) bool { return b.ID == h.ID })
		if at < 0 || before.Holds[at].Captured.To != h.Captured.From {
			continue
		}
		was := &before.Holds[at]
		h.Amount.To, h.Captured.To, h.Parts = was.Amount.From, was.Captured.From, nil
		for _, part := range was.Parts {
			made[part.Grant] = part.Grant
			h.Parts = append(h.Parts, convert.Part{Grant: part.Grant, Moved: convert.Moved{To: part.From}})
		}
	}
}

// join lets the new unit's account be told where the old one's is.
func join(old, to *core.Account) {
	for _, w := range old.Windows {
		if old.Tells(w.Connection) {
			to.Join(w.Connection)
		}
	}
	for _, w := range to.Windows {
		if !old.Tells(w.Connection) {
			to.Leave(w.Connection)
		}
	}
}

func find(grants []core.Grant, id core.ID) *core.Grant {
	for i := range grants {
		if grants[i].ID == id {
			return &grants[i]
		}
	}
	return nil
}

// convertIn makes a grant of a lot: the old one's terms but for what the lot says.
func convertIn(to *core.Account, id core.ID, lot *convert.Lot, was *core.Grant, now core.Time) error {
	t := was.Terms
	t.ID, t.Amount, t.Paid = id, lot.Total.To, lot.Paid
	_, err := to.ConvertIn(t, was.Closed, was.ID, now)
	return err
}

// takeHolds makes open holds again, with their ids and lives, of what they
// reserve in the new unit and at the price that was fixed for them.
func takeHolds(from string, to *core.Account, plan *convert.Plan, holds []core.Hold, made map[core.ID]core.ID, by core.Rate, now core.Time) error {
	for i, h := range holds {
		p := &plan.Holds[i]
		if p.ID != h.ID {
			return core.Errorf(core.CodeInternal, "the plan has hold %q where the account has %q", string(p.ID), string(h.ID))
		}
		h.Amount, h.Captured, h.Parts = p.Amount.To, p.Captured.To, nil
		for _, part := range p.Parts {
			// What was spent beside it may have taken what rounding had added.
			g := to.Grant(made[part.Grant])
			if g != nil && min(part.To, g.Free()) > 0 {
				h.Parts = append(h.Parts, core.Allocation{Grant: g.ID, Amount: min(part.To, g.Free())})
			}
		}
		var err error
		if h.Price, err = rate.Convert(h.Price, from, to.Unit.Code, by); err != nil {
			return err
		}
		if err := to.TakeHold(h, now); err != nil {
			return err
		}
	}
	return nil
}

// late is what an amount of a grant becomes that was counted in a unit which
// has been converted since, in the unit of today.
func (l *Ledger) late(unit string, g core.Grant, amount core.Amount) (core.Amount, error) {
	for i := 0; i < len(l.options.Conversions); i++ {
		c := l.leaving(unit)
		if c == nil {
			break
		}
		var err error
		if c.Of != "" {
			amount, err = c.Change.LateBack(amount)
		} else {
			amount, err = c.Change.Late(&g, amount)
		}
		if err != nil {
			return 0, err
		}
		unit, g.Amount, g.Paid = c.To().Code, amount, core.Money{}
	}
	return amount, nil
}

// lateLine is [Ledger.late] of an amount that stands on no grant.
func (l *Ledger) lateLine(unit string, amount core.Amount) (core.Amount, error) {
	for range l.options.Conversions {
		c := l.leaving(unit)
		if c == nil {
			break
		}
		if c.Of != "" {
			var err error
			if amount, err = c.Change.LateBack(amount); err != nil {
				return 0, err
			}
		} else {
			moved, _, err := c.Change.Line(amount)
			if err != nil {
				return 0, err
			}
			amount = moved.To
		}
		unit = c.To().Code
	}
	return amount, nil
}

// lateShare is what is given back now, after what was before, of something that stands on no grant, in
// the unit of today: the difference of what all of it is after and before, so
// that giving it back in parts makes no more of it than at once.
func (l *Ledger) lateShare(unit string, s [2]core.Amount) (core.Amount, error) {
	before, err := l.lateLine(unit, s[0])
	if err != nil {
		return 0, err
	}
	after, err := l.lateLine(unit, s[0]+s[1])
	return after - before, err
}

// heir is what a grant's rest became, where its unit has been converted.
func (l *Ledger) heir(account AccountKey, grant core.ID) (AccountKey, core.ID) {
	for range l.options.Conversions {
		c := l.leaving(account.Unit)
		if c == nil || c.Of != "" {
			break
		}
		account.Unit, grant = c.To().Code, grantID(c.ID, account.Customer, grant)
	}
	return account, grant
}

// leaving is the conversion that a retired unit ended in, or nil.
func (l *Ledger) leaving(unit string) *Conversion {
	if l.became[unit] == "" {
		return nil
	}
	for i := len(l.options.Conversions) - 1; i >= 0; i-- {
		if c := &l.options.Conversions[i]; c.From().Code == unit {
			return c
		}
	}
	return nil
}
