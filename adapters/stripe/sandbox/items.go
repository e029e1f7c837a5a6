package sandbox

import "strconv"

func (w *world) renderItem(x *invoiceItem) obj {
	return obj{
		"id": x.ID, "object": "invoiceitem", "date": x.Created, "livemode": false, "customer": x.Customer, "currency": x.Currency,
		"amount": x.Amount, "unit_amount": x.UnitAmount, "unit_amount_decimal": strconv.FormatInt(x.UnitAmount, 10), "quantity": x.Quantity,
		"description": orNull(x.Description), "invoice": orNull(x.Invoice), "metadata": x.Metadata, "price": w.priceObject(x.Price),
		"period": obj{"start": x.PeriodStart, "end": x.PeriodEnd}, "discountable": true, "discounts": []string{}, "proration": false,
		"subscription": nil, "tax_rates": []string{}, "test_clock": nil,
	}
}

func (w *world) priceObject(id string) any {
	if x, ok := w.st.Prices.get(id); ok {
		return renderPrice(x)
	}
	return nil
}

// pricedItem fills in what a price says: one given by id, or one described.
func (c *call) pricedItem(x *invoiceItem) {
	p := c.p
	var y *price
	switch {
	case p.has("price"):
		id := p.needText("price")
		known, ok := c.st.Prices.get(id)
		if !ok {
			p.fail(noSuch("price", "price", id))
			return
		}
		y = known
	case p.has("price_data"):
		y = c.readPrice("price_data")
		y.Product, y.Active = p.needText("price_data[product]"), false
		if _, ok := c.st.Products.get(y.Product); !ok {
			p.fail(noSuch("price_data[product]", "product", y.Product))
		}
		if p.err != nil {
			return
		}
		y.ID = c.a.NewID("price_", 24)
		c.st.Prices.add(y)
	default:
		return
	}
	if y.Interval != "" {
		p.fail(invalid("price", "The price specified is set to `type=recurring` but this field only accepts prices with `type=one_time`."))
		return
	}
	if y.UnitAmount == nil {
		p.fail(invalid("price", "The price's unit amount is not a whole number of minor units."))
		return
	}
	x.Price, x.UnitAmount, x.Currency = y.ID, *y.UnitAmount, y.Currency
}

func createItem(c *call) (any, error) {
	p := c.p
	x := &invoiceItem{Created: c.now, Quantity: 1, PeriodStart: c.now, PeriodEnd: c.now, Currency: "usd", Metadata: p.metadata(nil)}
	if owner := c.customerOf("customer"); owner != nil {
		x.Customer = owner.ID
	}
	if p.has("currency") {
		x.Currency = p.currency("currency")
	}
	set(&x.Description, p.textMax("description", 5000))
	amount, unit, quantity := p.num("amount"), p.num("unit_amount"), p.num("quantity")
	if p.has("period") {
		x.PeriodStart, x.PeriodEnd = p.needNum("period[start]"), p.needNum("period[end]")
	}
	if quantity != nil {
		x.Quantity = *quantity
	}
	priced := p.has("price") || p.has("price_data")
	switch {
	case amount != nil && (unit != nil || priced || quantity != nil):
		p.fail(invalid("amount", "You may only specify one of amount, or a price or unit_amount with quantity"))
	case amount != nil:
		x.UnitAmount = *amount
	case unit != nil:
		x.UnitAmount = *unit
	case !priced:
		p.fail(missing("amount"))
	}
	x.Invoice = c.draftFor(x.Customer)
	if p.err == nil {
		c.pricedItem(x)
	}
	x.Amount = x.UnitAmount * x.Quantity
	if x.Quantity < 0 || x.Quantity > 1 && x.Amount/x.Quantity != x.UnitAmount {
		p.fail(invalid("quantity", "Invalid quantity: the amount is too large").code("amount_too_large"))
	}
	if p.err != nil {
		return nil, p.err
	}
	if inv, ok := c.st.Invoices.get(x.Invoice); ok && inv.Currency != x.Currency {
		return nil, refused("The invoice is in %s; an item in %s cannot be added.", inv.Currency, x.Currency)
	}
	x.ID = c.a.NewID("ii_", 24)
	c.st.Items.add(x)
	if inv, ok := c.st.Invoices.get(x.Invoice); ok {
		c.addItem(inv, x)
	}
	c.emit("invoiceitem.created", c.renderItem(x), nil)
	return c.renderItem(x), nil
}

// draftFor reads the draft invoice that an item goes to, if it names one.
func (c *call) draftFor(owner string) string {
	id := c.p.text("invoice")
	if id == nil || *id == "" {
		return ""
	}
	inv, ok := c.st.Invoices.get(*id)
	switch {
	case !ok || inv.Customer != owner:
		c.p.fail(noSuch("invoice", "invoice", *id))
	case inv.Status != draft:
		c.p.fail(invalid("invoice", "The invoice %s is %s; items can only be added to drafts.", *id, inv.Status).code("invoice_not_editable"))
	}
	return *id
}

// addItem makes a line of an item.
func (w *world) addItem(inv *invoice, x *invoiceItem) {
	x.Invoice = inv.ID
	inv.Lines = append(inv.Lines, &invoiceLine{
		ID: w.a.NewID("il_", 24), Item: x.ID, Amount: x.Amount, Description: x.Description, Price: x.Price, Quantity: x.Quantity,
		PeriodStart: x.PeriodStart, PeriodEnd: x.PeriodEnd, Metadata: x.Metadata,
	})
}

// item returns the item that the path names; editable asks that its invoice,
// if any, is still a draft.
func (c *call) item(editable bool) (*invoiceItem, error) {
	x, ok := c.st.Items.get(c.Path("id"))
	if !ok {
		return nil, gone("invoiceitem", c.Path("id"))
	}
	if inv, ok := c.st.Invoices.get(x.Invoice); editable && ok && inv.Status != draft {
		return nil, refused("The invoice item is on an invoice that is %s and can no longer be changed.", inv.Status).code("invoice_not_editable")
	}
	return x, nil
}

func getItem(c *call) (any, error) {
	x, err := c.item(false)
	if err != nil {
		return nil, err
	}
	return c.renderItem(x), nil
}

func updateItem(c *call) (any, error) {
	x, err := c.item(true)
	if err != nil {
		return nil, err
	}
	next := *x
	set(&next.Description, c.p.textMax("description", 5000))
	if n := c.p.num("quantity"); n != nil {
		next.Quantity = *n
	}
	if n := c.p.num("unit_amount"); n != nil {
		next.UnitAmount = *n
	}
	next.Amount = next.UnitAmount * next.Quantity
	if n := c.p.num("amount"); n != nil {
		next.Amount, next.UnitAmount, next.Quantity = *n, *n, 1
	}
	next.Metadata = c.p.metadata(x.Metadata)
	if c.p.err != nil {
		return nil, c.p.err
	}
	*x = next
	if inv, ok := c.st.Invoices.get(x.Invoice); ok {
		inv.dropItem(x.ID)
		c.addItem(inv, x)
	}
	return c.renderItem(x), nil
}

func deleteItem(c *call) (any, error) {
	x, err := c.item(true)
	if err != nil {
		return nil, err
	}
	if inv, ok := c.st.Invoices.get(x.Invoice); ok {
		inv.dropItem(x.ID)
	}
	c.st.Items.remove(x.ID)
	c.emit("invoiceitem.deleted", c.renderItem(x), nil)
	return obj{"id": x.ID, "object": "invoiceitem", "deleted": true}, nil
}

func listItems(c *call) (any, error) {
	owner, inv, pending, created := c.p.text("customer"), c.p.text("invoice"), c.p.flag("pending"), c.p.within("created")
	return list(c, "/v1/invoiceitems", c.st.Items.Rows, func(x *invoiceItem) bool {
		return (owner == nil || x.Customer == *owner) && (inv == nil || x.Invoice == *inv) &&
			(pending == nil || *pending == (x.Invoice == "")) && created(x.Created)
	}, c.renderItem)
}
