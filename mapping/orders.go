package mapping

import (
	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/sale"
)

// CustomerOrder asks a vendor to know a customer.
func CustomerOrder(c ledger.Customer, mark adapters.Mark, links adapters.Links) adapters.CustomerOrder {
	return adapters.CustomerOrder{Mark: mark, ID: c.ID, Name: c.Name, Email: c.Email, Currency: c.Currency, Metadata: c.Metadata, Links: links}
}

// Order is the grant's order. now is the business time at which it is sent.
func (g *GrantFacts) Order(mark adapters.Mark, now core.Time, links adapters.Links) adapters.GrantOrder {
	return adapters.GrantOrder{
		Mark: mark, Grant: g.Grant, Holding: g.Holding, Value: g.Value, Unit: g.Unit, Original: g.Original, Consumed: g.Consumed,
		Category: g.Category, Priority: g.Priority, Starts: g.Starts, Expires: g.Expires, Basis: g.Basis,
		Source: g.Source, Actions: g.Actions, Now: now, Links: links,
	}
}

// Order withdraws the grant.
func (e *EndFacts) Order(mark adapters.Mark, links adapters.Links) adapters.EndOrder {
	return adapters.EndOrder{Mark: mark, Grant: e.Grant, Consumed: e.Consumed, Holding: e.Holding, Anywhere: e.Anywhere, Over: e.Over, Spare: e.Spare, Links: links}
}

// Order tells the closed window. now is the business time at which it is sent.
func (c *Consumption) Order(mark adapters.Mark, now core.Time, links adapters.Links) adapters.ConsumeOrder {
	return adapters.ConsumeOrder{
		Mark: mark, Window: c.Window, Quanta: c.Tell, Scale: c.Scale, Unit: c.Counts,
		Opened: c.Told.Opened, Closed: c.Told.Closed, Sent: now, Links: links,
	}
}

// DrawOrder tells what the closed window takes off one lot.
func (c *Consumption) DrawOrder(d *Draw, mark adapters.Mark, now core.Time, links adapters.Links) adapters.ConsumeOrder {
	o := c.Order(mark, now, links)
	o.Grant, o.Quanta = d.Grant, d.Quanta
	return o
}

// Order takes the window back.
func (t *Taken) Order(mark adapters.Mark, links adapters.Links) adapters.CancelOrder {
	window := adapters.Link{Neutral: t.Window, Role: adapters.RoleUsage, Vendor: t.Vendor}
	return adapters.CancelOrder{Mark: mark, Windows: []adapters.Link{window}, Links: links}
}

// SaleOrder asks a customer to pay for a purchase.
func SaleOrder(p sale.Purchase, text string, mark adapters.Mark, links adapters.Links) adapters.SellOrder {
	return adapters.SellOrder{Mark: mark, Purchase: p.ID, Pack: p.Pack, Price: p.Price, Text: text, Collect: p.Auto, Links: links}
}

// RefundOrder gives money of a purchase back.
func RefundOrder(r sale.Refund, mark adapters.Mark, links adapters.Links) adapters.SellOrder {
	return adapters.SellOrder{Mark: mark, Purchase: r.Purchase, Price: r.Amount, Links: links}
}
