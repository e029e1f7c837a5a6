package sandbox

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"scrip/adapters/sandbox"
)

// maxDays bounds terms of payment and lifetimes.
const maxDays = 36_500

// States of an invoice.
const (
	draft  = "draft"
	issued = "issued"
	paid   = "paid"
	void   = "void"
)

// invoiceSettings say how credits are paid for.
type invoiceSettings struct {
	AutoCollection *bool   `json:"auto_collection"`
	NetTerms       *int    `json:"net_terms"`
	DueDate        *string `json:"custom_due_date"`
	Date           *string `json:"invoice_date"`
	Memo           *string `json:"memo"`
	Item           *string `json:"item_id"`
	RequirePayment bool    `json:"require_successful_payment"`
	MarkAsPaid     bool    `json:"mark_as_paid"`
}

func (s *invoiceSettings) check(to *shape) {
	if s == nil {
		return
	}
	to.check(s.AutoCollection != nil, "invoice_settings.auto_collection: field required")
	to.check((s.NetTerms == nil) != (s.DueDate == nil), "invoice_settings: give exactly one of net_terms and custom_due_date")
	to.check(s.NetTerms == nil || *s.NetTerms >= 0 && *s.NetTerms <= maxDays, "invoice_settings.net_terms: it is between 0 and 36500")
	for name, text := range map[string]*string{"custom_due_date": s.DueDate, "invoice_date": s.Date} {
		if text != nil {
			_, err := dateOr(*text, time.UTC)
			to.check(err == nil, "invoice_settings.%s: %v", name, err)
		}
	}
}

// dateOr reads a date-time, or a date in a zone.
func dateOr(text string, zone *time.Location) (time.Time, error) {
	if t, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return t.UTC(), nil
	}
	return instant(text)
}

// billBlock makes the invoice for a block of credits. Its total is the amount
// times the cost basis; it is issued at its date.
func (w *world) billBlock(l *ledger, b *block, s *invoiceSettings) *invoice {
	owner, _ := w.st.Customers.get(l.Customer)
	zone, currency := w.zone(owner), or(owner.Currency, "USD")
	x := &invoice{
		ID: w.a.NewID("", 16), Customer: l.Customer, Block: b.ID, Created: w.second(), Date: or(b.Effective, w.second()), Status: draft,
		Currency: currency, Total: b.Balance.times(b.basis(), int64(minorPlaces(currency))), Memo: s.Memo,
		AutoCollection: or(s.AutoCollection, false), MarkAsPaid: s.MarkAsPaid,
	}
	if s.Date != nil {
		x.Date, _ = dateOr(*s.Date, zone) //nolint:errcheck // read once already
	}
	due := x.Date
	if s.DueDate != nil {
		due, _ = dateOr(*s.DueDate, zone) //nolint:errcheck // read once already
	} else {
		due = dated(due.AddDate(0, 0, or(s.NetTerms, 0)))
	}
	x.Due = &due
	x.Number = fmt.Sprintf("%s-%05d", strings.ToUpper(l.Customer[:min(8, len(l.Customer))]), len(w.st.Invoices.Rows)+1)
	if base := w.a.BaseURL(); base != "" {
		x.PayURL = base + "/_sandbox/invoice/" + x.ID
	}
	w.st.Invoices.add(x)
	b.Invoices = append(b.Invoices, x.ID)
	if !x.Date.After(w.now) {
		w.issue(x)
	}
	return x
}

// issue sends an invoice out; one that was settled elsewhere is paid at once.
func (w *world) issue(x *invoice) {
	at := w.second()
	x.Status, x.IssuedAt = issued, &at
	marked := obj{"automatically_marked_as_paid": x.MarkAsPaid}
	w.tellInvoice("invoice.issued", x, marked)
	w.tellInvoice("invoice.issued_summary", x, marked)
	if x.MarkAsPaid {
		x.Status, x.PaidAt = paid, &at
		w.activate(x)
	}
}

// activate makes the block spendable that waited for its payment.
func (w *world) activate(x *invoice) {
	l, b, ok := w.blockNamed(x.Block)
	if !ok || b.Status != pendingPayment || b.Expired {
		return
	}
	b.Status = active
	for _, e := range l.Entries {
		if e.Block != b.ID || e.Status != pending {
			continue
		}
		l.Entries = slices.DeleteFunc(l.Entries, func(other *entry) bool { return other == e })
		e.Status, e.Delta = committed, b.Balance
		l.record(e)
		break
	}
	if !w.a.Variant(incrementedWhilePending) {
		w.tellIncrement(l, b)
	}
	w.touched(l)
}

// collect lets an attempt at payment succeed or fail.
func (w *world) collect(x *invoice, succeeds bool) {
	at := w.second()
	x.StartedAt = &at
	try := attempt{ID: w.a.NewID("", 16), Created: at, Succeeded: succeeds}
	x.Attempts = append(x.Attempts, try)
	properties := obj{"payment_provider": "stripe", "payment_provider_id": x.ID, "payment_provider_transaction_id": try.ID}
	if !succeeds {
		x.FailedAt = &at
		w.tellInvoice("invoice.payment_failed", x, properties)
		return
	}
	x.Status, x.PaidAt = paid, &at
	w.tellInvoice("invoice.payment_succeeded", x, properties)
	w.activate(x)
}

// void takes an invoice back, and with it the block that it was to pay; a
// top-up loses its block and stops.
func (w *world) void(x *invoice) {
	at := w.second()
	x.Status, x.VoidedAt = void, &at
	w.tellInvoice("invoice.manually_marked_as_void", x, obj{})
	l, b, ok := w.blockNamed(x.Block)
	if !ok || b.Expired {
		return
	}
	if b.TopUp != "" {
		w.st.TopUps.remove(b.TopUp)
	}
	left := b.Balance
	first, second := w.newEntry(voidInitiated, b, nil, nil), w.newEntry(voided, b, nil, nil)
	first.Amount, first.NewExpiry, second.Amount = left, &at, left
	if b.Status == active {
		second.Delta = left.neg()
	}
	b.Balance, b.Voided, b.Expired = amount{}, true, true
	l.record(first, second)
	w.touched(l)
}

func (c *call) invoice() (*invoice, error) {
	id := c.Path("invoice_id")
	if x, ok := c.st.Invoices.get(id); ok {
		return x, nil
	}
	return nil, missing("invoice", id)
}

func getInvoice(c *call) (any, error) {
	x, err := c.invoice()
	if err != nil {
		return nil, err
	}
	return c.renderInvoice(x), nil
}

// listInvoices leaves out what is not issued or paid, unless asked for.
func listInvoices(c *call) (any, error) {
	date, err := c.within("invoice_date")
	if err != nil {
		return nil, err
	}
	q := c.Request.URL.Query()
	states := q["status[]"]
	for _, s := range states {
		if !slices.Contains([]string{draft, issued, paid, "synced", void}, s) {
			return nil, invalid(fmt.Sprintf("status: %q is unknown", s))
		}
	}
	if len(states) == 0 {
		states = []string{issued, paid, "synced"}
	}
	owner := q.Get("customer_id")
	if ext := q.Get("external_customer_id"); ext != "" {
		x, ok := c.byExternal(ext)
		if !ok {
			return nil, missing("customer", ext)
		}
		owner = x.ID
	}
	return list(c, pageLimit, c.st.Invoices.Rows, func(x *invoice) bool {
		return date(x.Date) && slices.Contains(states, x.Status) && (owner == "" || owner == x.Customer)
	}, c.renderInvoice)
}

func issueInvoice(c *call) (any, error) {
	x, err := c.invoice()
	if err != nil {
		return nil, err
	}
	var in struct {
		Synchronous bool `json:"synchronous"`
	}
	if len(c.Body) > 0 {
		if err := c.decode(&in); err != nil {
			return nil, err
		}
	}
	if x.Status != draft {
		return nil, violates("The invoice is %s; only a draft can be issued", x.Status)
	}
	c.issue(x)
	return c.renderInvoice(x), nil
}

func markPaid(c *call) (any, error) {
	x, err := c.invoice()
	if err != nil {
		return nil, err
	}
	var in struct {
		Received *string `json:"payment_received_date"`
		External *string `json:"external_id"`
		Notes    *string `json:"notes"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if _, err := time.Parse(time.DateOnly, or(in.Received, "")); err != nil {
		return nil, invalid("payment_received_date: it is a date like 2026-01-31")
	}
	if x.Status != issued {
		return nil, violates("The invoice is %s; only an issued one can be marked as paid", x.Status)
	}
	at := c.second()
	x.Status, x.PaidAt = paid, &at
	c.tellInvoice("invoice.manually_marked_as_paid", x, obj{"payment_received_date": in.Received, "external_id": in.External, "notes": in.Notes})
	c.activate(x)
	return c.renderInvoice(x), nil
}

func voidInvoice(c *call) (any, error) {
	x, err := c.invoice()
	if err != nil {
		return nil, err
	}
	if x.Status != issued {
		return nil, violates("The invoice is %s; only an issued one can be voided", x.Status)
	}
	c.void(x)
	return c.renderInvoice(x), nil
}

func (x *invoice) due() amount {
	if x.Status == paid || x.Status == void {
		return amount{}
	}
	return x.Total
}

func (w *world) renderInvoice(x *invoice) obj {
	places := minorPlaces(x.Currency)
	total := x.Total.fixed(places)
	attempts, notes := []obj{}, []obj{}
	for _, try := range x.Attempts {
		attempts = append(attempts, obj{"id": try.ID, "payment_provider": "stripe", "payment_provider_id": x.ID, "amount": total,
			"succeeded": try.Succeeded, "created_at": stamp(&try.Created), "receipt_pdf": nil})
	}
	for _, n := range w.st.Notes.Rows {
		if n.Invoice == x.ID {
			notes = append(notes, obj{"id": n.ID, "credit_note_number": n.Number, "memo": nil, "reason": "Order change", "total": n.Total.fixed(places), "type": "refund", "voided_at": nil})
		}
	}
	var scheduled, url any
	if x.Status == draft {
		scheduled = stamp(&x.Date)
	}
	if x.PayURL != "" && x.Status != draft {
		url = x.PayURL
	}
	return obj{
		"id": x.ID, "invoice_number": x.Number, "status": x.Status, "currency": x.Currency, "customer": w.minified(x.Customer), "metadata": obj{},
		"created_at": stamp(&x.Created), "invoice_date": stamp(&x.Date), "due_date": stamp(x.Due), "issued_at": stamp(x.IssuedAt), "paid_at": stamp(x.PaidAt),
		"voided_at": stamp(x.VoidedAt), "payment_failed_at": stamp(x.FailedAt), "payment_started_at": stamp(x.StartedAt), "scheduled_issue_at": scheduled,
		"issue_failed_at": nil, "sync_failed_at": nil, "subtotal": total, "total": total, "amount_due": x.due().fixed(places),
		"auto_collection": obj{"next_attempt_at": nil, "previously_attempted_at": stamp(x.StartedAt), "enabled": x.AutoCollection, "num_attempts": len(x.Attempts)},
		"invoice_pdf":     nil, "hosted_invoice_url": url, "subscription": nil, "invoice_source": "one_off", "will_auto_issue": x.Status == draft,
		"eligible_to_issue_at": scheduled, "customer_balance_transactions": []obj{}, "shipping_address": nil, "billing_address": nil,
		"customer_tax_id": nil, "memo": x.Memo, "credit_notes": notes, "payment_attempts": attempts, "discount": nil, "discounts": []obj{},
		"minimum": nil, "minimum_amount": nil, "maximum": nil, "maximum_amount": nil, "line_items": []obj{}, "is_payable_now": x.Status == issued,
	}
}

// credit writes a note that gives money back.
func (w *world) credit(x *invoice, sum amount) {
	n := w.st.Notes.add(&creditNote{ID: w.a.NewID("", 16), Created: w.second(), Invoice: x.ID, Total: sum})
	n.Number = fmt.Sprintf("%s-CN%d", x.Number, len(w.st.Notes.Rows))
	w.emit("credit_note.issued", "credit_note", func(sandbox.Endpoint) obj { return w.renderNote(n) }, obj{})
}

func (w *world) renderNote(n *creditNote) obj {
	x, ok := w.st.Invoices.get(n.Invoice)
	if !ok {
		x = &invoice{}
	}
	total := n.Total.fixed(minorPlaces(x.Currency))
	return obj{
		"id": n.ID, "created_at": stamp(&n.Created), "voided_at": nil, "credit_note_number": n.Number, "invoice_id": n.Invoice, "memo": nil,
		"reason": "Order change", "type": "refund", "subtotal": total, "total": total, "customer": w.minified(x.Customer), "credit_note_pdf": nil,
		"minimum_amount_refunded": nil, "maximum_amount_adjustment": nil, "line_items": []obj{},
	}
}

func listNotes(c *call) (any, error) {
	created, err := c.within("created_at")
	if err != nil {
		return nil, err
	}
	return list(c, pageLimit, c.st.Notes.Rows, func(n *creditNote) bool { return created(n.Created) }, c.renderNote)
}

func getNote(c *call) (any, error) {
	if n, ok := c.st.Notes.get(c.Path("credit_note_id")); ok {
		return c.renderNote(n), nil
	}
	return nil, missing("credit note", c.Path("credit_note_id"))
}
