package sandbox

import (
	"fmt"
	"slices"
)

// Statuses of an invoice.
const (
	draft         = "draft"
	open          = "open"
	paid          = "paid"
	void          = "void"
	uncollectible = "uncollectible"
)

const (
	sendInvoice        = "send_invoice"
	chargeAutomatic    = "charge_automatically"
	finalizesAfter     = 60 * 60 // seconds that a draft waits before it finalizes by itself
	maxLinesInAnswer   = 10
	defaultDaysUntil   = 30
	creditTransactions = "credit_balance_transaction"
)

func (x *invoice) subtotal() (sum int64) {
	for _, l := range x.Lines {
		sum += l.Amount
	}
	return sum
}

func (l *invoiceLine) credited() (sum int64) {
	for _, u := range l.Credits {
		sum += u.Amount
	}
	return sum
}

// total is what the lines cost after credits, before the customer balance.
func (x *invoice) total() int64 {
	sum := x.subtotal()
	for _, l := range x.Lines {
		sum -= l.credited()
	}
	return sum
}

// due is what is to be paid in money.
func (x *invoice) due() int64 { return max(0, x.total()+x.BalanceApplied) }

func (x *invoice) dropItem(id string) {
	x.Lines = slices.DeleteFunc(x.Lines, func(l *invoiceLine) bool { return l.Item == id })
}

// invoiceUpdate reads the fields of create and update into a copy.
func (c *call) invoiceUpdate(x invoice) invoice {
	p := c.p
	if on := p.flag("auto_advance"); on != nil {
		x.AutoAdvance = *on
	}
	if p.has("collection_method") {
		x.Collection = p.oneOf("collection_method", chargeAutomatic, sendInvoice)
	}
	days, date := p.num("days_until_due"), p.num("due_date")
	switch {
	case days != nil && date != nil:
		p.fail(invalid("due_date", "You may only specify one of days_until_due and due_date"))
	case (days != nil || date != nil) && x.Collection != sendInvoice:
		p.fail(invalid("days_until_due", "You can only set a due date if collection_method is send_invoice"))
	case days != nil:
		until := x.Created + *days*day
		x.DueDate = &until
	case date != nil:
		x.DueDate = date
	}
	if x.Collection == sendInvoice && x.DueDate == nil {
		p.fail(missing("days_until_due"))
	}
	if t := p.num("effective_at"); t != nil {
		x.EffectiveAt = t
	}
	set(&x.Description, p.textMax("description", 1500))
	set(&x.Number, p.textMax("number", 26))
	x.Metadata = p.metadata(x.Metadata)
	x.FinalizesAt = nil
	if x.AutoAdvance && x.Status == draft {
		then := max(x.Created+finalizesAfter, c.now)
		x.FinalizesAt = &then
	}
	return x
}

func createInvoice(c *call) (any, error) {
	p := c.p
	x := invoice{Created: c.now, Status: draft, BillingReason: "manual", Collection: chargeAutomatic, PeriodStart: c.now, PeriodEnd: c.now}
	owner := c.customerOf("customer")
	if owner != nil {
		x.Customer, x.Currency = owner.ID, owner.Currency
	}
	if p.has("currency") {
		x.Currency = p.currency("currency")
	}
	x = c.invoiceUpdate(x)
	include := p.oneOf("pending_invoice_items_behavior", "exclude", "include") == "include"
	if p.err != nil {
		return nil, p.err
	}
	x.ID = c.a.NewID("in_", 24)
	for _, item := range c.st.Items.Rows {
		if !include || item.Customer != x.Customer || item.Invoice != "" {
			continue
		}
		if x.Currency == "" {
			x.Currency = item.Currency
		}
		if item.Currency == x.Currency {
			c.addItem(&x, item)
		}
	}
	if x.Currency == "" {
		x.Currency = "usd"
	}
	made := c.st.Invoices.add(&x)
	c.emit("invoice.created", c.renderInvoice(made), nil)
	return c.renderInvoice(made), nil
}

// invoice returns the invoice that the path names, if it has one of the
// statuses; none means any.
func (c *call) invoice(statuses ...string) (*invoice, error) {
	x, ok := c.st.Invoices.get(c.Path("id"))
	if !ok {
		return nil, gone("invoice", c.Path("id"))
	}
	if len(statuses) > 0 && !slices.Contains(statuses, x.Status) {
		return nil, refused("The invoice is %s; this needs an invoice that is %s.", x.Status, fmt.Sprint(statuses)).code("invoice_not_editable")
	}
	return x, nil
}

func getInvoice(c *call) (any, error) {
	x, err := c.invoice()
	if err != nil {
		return nil, err
	}
	return c.renderInvoice(x), nil
}

func listInvoices(c *call) (any, error) {
	p := c.p
	status := p.oneOf("status", "", draft, open, paid, void, uncollectible)
	created, dueBy, filtered := p.within("created"), p.within("due_date"), p.has("due_date")
	same := func(key, have string) bool { want := p.text(key); return want == nil || *want == have }
	return list(c, "/v1/invoices", c.st.Invoices.Rows, func(x *invoice) bool {
		return (status == "" || status == x.Status) && created(x.Created) && same("customer", x.Customer) && same("subscription", x.Subscription) &&
			same("collection_method", x.Collection) && (!filtered || x.DueDate != nil && dueBy(*x.DueDate))
	}, c.renderInvoice)
}

func updateInvoice(c *call) (any, error) {
	x, err := c.invoice()
	if err != nil {
		return nil, err
	}
	if x.Status != draft {
		for k := range c.p.form {
			if k != "auto_advance" && k != "description" && !fits("metadata[*]", k) && k != "metadata" && !fits("expand[*]", k) {
				return nil, invalid(k, "Finalized invoices can't be updated in this way").code("invoice_not_editable")
			}
		}
	}
	next := c.invoiceUpdate(*x)
	if c.p.err != nil {
		return nil, c.p.err
	}
	c.change("invoice.updated", func() obj { return c.renderInvoice(x) }, func() { *x = next })
	return c.renderInvoice(x), nil
}

func deleteInvoice(c *call) (any, error) {
	x, err := c.invoice(draft)
	if err != nil {
		return nil, err
	}
	if x.Subscription != "" {
		return nil, refused("You can only delete draft one-off invoices, not those of a subscription.")
	}
	c.removeInvoice(x, true)
	return obj{"id": x.ID, "object": "invoice", "deleted": true}, nil
}

// removeInvoice deletes an invoice; its items wait for another one again.
func (w *world) removeInvoice(x *invoice, tell bool) {
	for _, l := range x.Lines {
		if item, ok := w.st.Items.get(l.Item); ok {
			item.Invoice = ""
		}
	}
	w.st.Invoices.remove(x.ID)
	if tell {
		w.emit("invoice.deleted", w.renderInvoice(x), nil)
	}
}

func listLines(c *call) (any, error) {
	x, err := c.invoice()
	if err != nil {
		return nil, err
	}
	lines := make([]lineRow, len(x.Lines))
	for i, l := range slices.Backward(x.Lines) { // a list is kept oldest first and shown the other way
		lines[len(x.Lines)-1-i] = lineRow{l}
	}
	return list(c, "/v1/invoices/"+x.ID+"/lines", lines, func(lineRow) bool { return true }, func(l lineRow) obj { return c.renderLine(x, l.invoiceLine) })
}

// lineRow lets lines be listed like objects.
type lineRow struct{ *invoiceLine }

func (l lineRow) key() string { return l.ID }
