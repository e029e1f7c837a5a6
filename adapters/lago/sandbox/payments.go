package sandbox

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

type payment struct {
	ID        string    `json:"lago_id"`
	Invoice   string    `json:"invoice_id"`
	Cents     int64     `json:"amount_cents"`
	Type      string    `json:"type"`
	Status    string    `json:"payment_status"`
	Reference *string   `json:"reference"`
	Created   time.Time `json:"created_at"`
}

// creditNote gives money of an invoice back.
type creditNote struct {
	ID       string    `json:"lago_id"`
	Sequence int       `json:"sequential_id"`
	Invoice  string    `json:"lago_invoice_id"`
	Cents    int64     `json:"refund_amount_cents"`
	Reason   string    `json:"reason"`
	Created  time.Time `json:"created_at"`
}

// billCredits makes the invoice of a purchase of credits. One that waits for
// its payment is not seen until then.
func (w *world) billCredits(t *txn) {
	wl, _ := w.st.Wallets.get(t.Wallet)
	x := w.newInvoice(wl.Customer, "credit", wl.Currency)
	name := cmp.Or(or(t.Name, ""), "Prepaid credits")
	x.Fees = []fee{{
		ID: w.uuid(), Kind: "credit", Code: "credit", Name: name, Item: t.ID, ItemType: "WalletTransaction", Units: t.Credits, Unit: wl.Rate,
		Cents: t.Cents, Created: w.now,
	}}
	t.Invoice = &x.ID
	if t.RequiresPayment {
		x.Status = open
		return
	}
	w.finalize(x)
}

// collect lets a payment of an invoice succeed or fail, with all that follows.
func (w *world) collect(x *invoice, outcome string) {
	x.PaymentStatus, x.Updated = outcome, w.now
	t, sold := w.sold(x)
	switch outcome {
	case succeeded:
		x.Paid, x.PaidAt = x.total(), &w.now
		if x.Status == open {
			w.finalize(x)
		}
		if sold && t.Status != settled {
			wl, _ := w.st.Wallets.get(t.Wallet)
			w.settle(wl, t)
			w.tellTxn("wallet_transaction.updated", t)
		}
	case failed:
		if sold && t.Status == pending {
			t.Status, t.Failed = failed, &w.now
			w.tellTxn("wallet_transaction.updated", t)
			w.tell("wallet_transaction.payment_failure", "payment_provider_wallet_transaction_payment_error", func() obj {
				return w.declinedNotice(x, "lago_wallet_transaction_id", t.ID)
			})
		}
		if x.visible() {
			w.tell("invoice.payment_failure", "payment_provider_invoice_payment_error", func() obj {
				out := w.declinedNotice(x, "lago_invoice_id", x.ID)
				out["error_details"] = nil
				return out
			})
		}
	}
	if x.visible() {
		w.tellInvoice("invoice.payment_status_updated", x)
	}
}

// sold is the purchase of credits that an invoice is for.
func (w *world) sold(x *invoice) (*txn, bool) {
	if x.Type != "credit" || len(x.Fees) == 0 {
		return nil, false
	}
	return w.st.Txns.get(x.Fees[0].Item)
}

func (w *world) declinedNotice(x *invoice, name, id string) obj {
	owner, _ := w.st.Customers.get(x.Customer)
	return obj{
		name: id, "lago_customer_id": owner.ID, "external_customer_id": owner.external(), "provider_customer_id": owner.billing().text("provider_customer_id"),
		"payment_provider": w.provider(owner), "payment_provider_code": owner.billing().text("payment_provider_code"),
		"provider_error": obj{"message": "Your card was declined.", "error_code": "card_declined"},
	}
}

func (w *world) provider(x *customer) string {
	return cmp.Or(x.billing().word("payment_provider"), "stripe")
}

// received keeps a payment and, when it is the last, counts the invoice paid.
func (w *world) received(x *invoice, cents int64, kind string, reference *string) *payment {
	p := w.st.Payments.add(&payment{ID: w.uuid(), Invoice: x.ID, Cents: cents, Type: kind, Status: succeeded, Reference: reference, Created: w.now})
	if x.Paid += cents; x.Paid >= x.total() {
		w.collect(x, succeeded)
	}
	if kind == "provider" {
		w.tell("payment.succeeded", "payment", func() obj { return w.renderPayment(p) })
	}
	return p
}

// recordPayment keeps a payment that was made elsewhere.
func recordPayment(c *call) (any, error) {
	p, err := c.root("payment")
	if err != nil {
		return nil, err
	}
	if c.a.Variant(noLicence) {
		return nil, forbidden("feature_unavailable")
	}
	x, ok := c.st.Invoices.get(p.word("invoice_id"))
	if !ok {
		return nil, missing("invoice")
	}
	f, cents := faults{}, or(p.number("amount_cents"), 0)
	if cents <= 0 || cents > x.due() {
		f.add("amount_cents", "invalid_amount")
	}
	if r := p.word("reference"); r == "" || len([]rune(r)) > 40 {
		f.add("reference", "value_is_invalid")
	}
	if x.Status != finalized && x.Status != open || x.PaymentStatus == succeeded {
		f.add("invoice_id", "payable_not_payable")
	}
	if err := f.problem(); err != nil {
		return nil, err
	}
	return obj{"payment": c.renderPayment(c.received(x, cents, manual, p.text("reference")))}, nil
}

func listPayments(c *call) (any, error) {
	invoice, external := c.among("invoice_id"), c.query().Get("external_customer_id")
	owner, _ := c.byExternal(external)
	return page(c, "payments", c.st.Payments.Rows, func(p *payment) bool {
		x, ok := c.st.Invoices.get(p.Invoice)
		return ok && invoice(p.Invoice) && (external == "" || owner != nil && owner.ID == x.Customer)
	}, c.renderPayment)
}

func (w *world) renderPayment(p *payment) obj {
	x, _ := w.st.Invoices.get(p.Invoice)
	owner, _ := w.st.Customers.get(x.Customer)
	out := obj{
		"lago_id": p.ID, "lago_customer_id": owner.ID, "external_customer_id": owner.external(), "invoice_ids": []string{x.ID},
		"invoice_numbers": []string{x.Number}, "lago_payable_id": x.ID, "payable_type": "Invoice", "amount_cents": p.Cents,
		"amount_currency": x.Currency, "status": p.Status, "payment_status": p.Status, "type": p.Type, "reference": p.Reference,
		"payment_provider_code": nil, "payment_provider_type": nil, "external_payment_id": nil, "provider_payment_id": nil,
		"provider_customer_id": nil, "next_action": obj{}, "created_at": instant(p.Created),
	}
	if p.Type == "provider" {
		id := "pi_" + p.ID[:8]
		out["payment_provider_code"], out["payment_provider_type"] = owner.billing().text("payment_provider_code"), "PaymentProviders::StripeProvider"
		out["external_payment_id"], out["provider_payment_id"] = id, id
		out["provider_customer_id"] = owner.billing().text("provider_customer_id")
	}
	return out
}

// paymentLink is where a person pays an invoice.
func (w *world) paymentLink(x *invoice) (obj, error) {
	owner, _ := w.st.Customers.get(x.Customer)
	switch {
	case w.a.Variant(providerRequired) && !owner.billing().given("payment_provider"):
		return nil, invalid("base", "no_linked_payment_provider")
	case x.PaymentStatus == succeeded || x.Status == voided || x.Status == draft:
		return nil, invalid("base", "invalid_invoice_status_or_payment_status")
	}
	x.Link = true
	return obj{
		"lago_customer_id": owner.ID, "external_customer_id": owner.external(), "payment_provider": w.provider(owner), "lago_invoice_id": x.ID,
		"payment_url": w.a.BaseURL() + "/_sandbox/invoice/" + x.ID,
	}, nil
}

func invoicePaymentURL(c *call) (any, error) {
	x, err := c.invoiceOf()
	if err != nil {
		return nil, err
	}
	out, err := c.paymentLink(x)
	if err != nil {
		return nil, err
	}
	return obj{"invoice_payment_details": out}, nil
}

func loseDispute(c *call) (any, error) {
	x, err := c.invoiceOf()
	if err != nil {
		return nil, err
	}
	if x.Status != finalized {
		return nil, notAllowed("not_disputable")
	}
	c.dispute(x)
	return obj{"invoice": c.renderInvoice(x)}, nil
}

func (w *world) dispute(x *invoice) {
	x.DisputeLost, x.Updated = &w.now, w.now
	w.tell("invoice.payment_dispute_lost", "payment_dispute_lost", func() obj {
		out := w.renderInvoice(x)
		if w.a.Variant(disputeNested) {
			out = obj{"invoice": out}
		}
		out["provider_error"] = nil
		return out
	})
}

// refundable checks that some money of an invoice can be given back: of sold
// credits only what is left of them.
func (w *world) refundable(x *invoice, cents int64) error {
	if t, ok := w.sold(x); ok {
		wl, _ := w.st.Wallets.get(t.Wallet)
		switch {
		case wl.Status != active:
			return notAllowed("invalid_type_or_status")
		case cents > t.Remaining:
			return invalid("refund_amount_cents", "higher_than_wallet_balance")
		}
	}
	if x.Status != finalized || x.PaymentStatus != succeeded {
		return notAllowed("invalid_type_or_status")
	}
	if cents <= 0 || cents > x.Paid-x.Refunded {
		return invalid("refund_amount_cents", "higher_than_remaining_invoice_amount")
	}
	return nil
}

// refund gives money back; sold credits are taken off the very transaction.
func (w *world) refund(x *invoice, cents int64, reason string) *creditNote {
	x.Refunded += cents
	n := w.st.Notes.add(&creditNote{ID: w.uuid(), Sequence: len(w.st.Notes.Rows) + 1, Invoice: x.ID, Cents: cents, Reason: reason, Created: w.now})
	if t, ok := w.sold(x); ok {
		wl, _ := w.st.Wallets.get(t.Wallet)
		if took, err := ofCents(whole(cents), wl.Rate, wl.Currency); err == nil {
			out := w.newTxn(wl, topUp{Source: manual, Priority: defaultPriority, Method: method{Type: "provider"}}, voided, outbound, took)
			out.Note = &n.ID
			w.takeOff(wl, out, t)
			w.later("refresh", wl.Customer, 0, nil)
		}
	}
	w.tell("credit_note.created", "credit_note", func() obj { return w.renderNote(n) })
	return n
}

func createNote(c *call) (any, error) {
	p, err := c.root("credit_note")
	if err != nil {
		return nil, err
	}
	x, ok := c.st.Invoices.get(p.word("invoice_id"))
	if !ok || !x.visible() {
		return nil, missing("invoice")
	}
	cents := or(p.number("refund_amount_cents"), 0)
	if err := c.refundable(x, cents); err != nil {
		return nil, err
	}
	return obj{"credit_note": c.renderNote(c.refund(x, cents, cmp.Or(p.word("reason"), "other")))}, nil
}

func (w *world) renderNote(n *creditNote) obj {
	x, _ := w.st.Invoices.get(n.Invoice)
	owner, _ := w.st.Customers.get(x.Customer)
	items := []obj{}
	if len(x.Fees) > 0 {
		items = append(items, obj{
			"lago_id": uuidOf("item " + n.ID), "amount_cents": n.Cents, "precise_amount_cents": whole(n.Cents), "amount_currency": x.Currency,
			"fee": w.renderFee(x, x.Fees[0]),
		})
	}
	return obj{
		"lago_id": n.ID, "billing_entity_code": entity, "sequential_id": n.Sequence, "number": fmt.Sprintf("%s-CN%03d", x.Number, n.Sequence),
		"lago_invoice_id": x.ID, "invoice_number": x.Number, "purchase_order_number": nil, "issuing_date": n.Created.Format(time.DateOnly),
		"credit_status": nil, "refund_status": "pending", "reason": n.Reason, "description": nil, "currency": x.Currency,
		"total_amount_cents": n.Cents, "precise_total_amount_cents": whole(n.Cents), "taxes_amount_cents": 0, "precise_taxes_amount_cents": "0.0",
		"sub_total_excluding_taxes_amount_cents": n.Cents, "balance_amount_cents": 0, "credit_amount_cents": 0, "refund_amount_cents": n.Cents,
		"offset_amount_cents": 0, "coupons_adjustment_amount_cents": 0, "taxes_rate": bare(dec{}), "created_at": instant(n.Created),
		"updated_at": instant(n.Created), "file_url": nil, "xml_url": nil, "self_billed": false, "customer": w.innerCustomer(owner),
		"items": items, "applied_taxes": []any{},
	}
}

func listNotes(c *call) (any, error) {
	external := c.query().Get("external_customer_id")
	owner, _ := c.byExternal(external)
	return page(c, "credit_notes", c.st.Notes.Rows, func(n *creditNote) bool {
		x, ok := c.st.Invoices.get(n.Invoice)
		return ok && (external == "" || owner != nil && owner.ID == x.Customer)
	}, c.renderNote)
}

// shortInvoice is an invoice as lists show it.
func (w *world) shortInvoice(x *invoice) obj {
	owner, _ := w.st.Customers.get(x.Customer)
	sub, metadata, taxes := x.subtotal(), []obj{}, []obj{}
	for i, p := range x.Metadata {
		metadata = append(metadata, obj{"lago_id": uuidOf(x.ID + fmt.Sprint(i)), "key": p.Key, "value": p.Value, "created_at": instant(x.Updated)})
	}
	if x.TaxRate.sign() > 0 {
		for _, t := range w.taxesOf(owner) {
			share, _ := whole(x.Taxes).times(t.Rate).per(x.TaxRate).round(0).int()
			taxes = append(taxes, obj{
				"lago_id": uuidOf(x.ID + t.ID), "lago_tax_id": t.ID, "tax_name": t.Name, "tax_code": t.Code, "tax_rate": bare(t.Rate), "tax_description": nil,
				"amount_cents": share, "amount_currency": x.Currency, "created_at": instant(x.Created), "lago_invoice_id": x.ID, "fees_amount_cents": sub,
			})
		}
	}
	date := x.Issuing.In(owner.zone()).Format(time.DateOnly)
	return obj{
		"lago_id": x.ID, "billing_entity_code": entity, "sequential_id": x.Sequence, "number": x.Number, "purchase_order_number": nil,
		"issuing_date": date, "payment_due_date": date, "net_payment_term": 0, "invoice_type": x.Type, "status": x.Status,
		"payment_status": x.PaymentStatus, "payment_dispute_lost_at": stamp(x.DisputeLost), "payment_overdue": false, "currency": x.Currency,
		"fees_amount_cents": sumOf(x.Fees), "taxes_amount_cents": x.Taxes, "progressive_billing_credit_amount_cents": x.Progressive,
		"coupons_amount_cents": 0, "credit_notes_amount_cents": 0, "sub_total_excluding_taxes_amount_cents": sub,
		"sub_total_including_taxes_amount_cents": sub + x.Taxes, "total_amount_cents": x.total(), "total_due_amount_cents": x.due(),
		"total_paid_amount_cents": x.Paid, "total_offsetted_credit_note_amount_cents": 0, "prepaid_credit_amount_cents": x.Prepaid,
		"prepaid_granted_credit_amount_cents": x.FromGranted, "prepaid_purchased_credit_amount_cents": x.FromPurchased, "file_url": nil,
		"xml_url": nil, "web_url": nil, "version_number": 4, "self_billed": false, "created_at": instant(x.Created),
		"updated_at": instant(x.Updated), "voided_at": stamp(x.Voided), "customer": w.innerCustomer(owner), "metadata": metadata,
		"applied_taxes": taxes, "applied_invoice_custom_sections": []any{},
	}
}

// renderInvoice is an invoice with its lines.
func (w *world) renderInvoice(x *invoice) obj {
	out := w.shortInvoice(x)
	fees, periods, subs := []obj{}, []obj{}, []obj{}
	for _, f := range x.Fees {
		fees = append(fees, w.renderFee(x, f))
	}
	for _, p := range x.Periods {
		s, ok := w.st.Subs.get(p.Sub)
		if !ok {
			continue
		}
		pl, _ := w.planNamed(s.Plan)
		from, to := instant(p.From), instant(p.To.Add(-time.Second))
		periods = append(periods, obj{
			"lago_subscription_id": s.ID, "external_subscription_id": s.External, "lago_plan_id": pl.ID, "subscription_from_datetime": from,
			"subscription_to_datetime": to, "charges_from_datetime": from, "charges_to_datetime": to, "fixed_charges_from_datetime": from,
			"fixed_charges_to_datetime": to, "invoicing_reason": p.Reason,
		})
		if !slices.ContainsFunc(subs, func(o obj) bool { return o["lago_id"] == s.ID }) {
			subs = append(subs, w.renderSubscription(s))
		}
	}
	out["fees"] = fees
	if x.Type == "subscription" || x.Type == "progressive_billing" {
		out["billing_periods"], out["subscriptions"], out["credits"] = periods, subs, []any{}
	}
	return out
}

func (w *world) tellInvoice(typ string, x *invoice) {
	w.tell(typ, "invoice", func() obj {
		out := w.renderInvoice(x)
		delete(out, "metadata")
		switch typ {
		case "invoice.payment_status_updated":
			delete(out, "applied_taxes")
			delete(out, "applied_invoice_custom_sections")
			delete(out, "billing_periods")
			delete(out, "subscriptions")
			delete(out, "credits")
		case "invoice.drafted":
			delete(out, "applied_invoice_custom_sections")
			out["error_details"] = []any{}
		case "invoice.voided":
			delete(out, "applied_invoice_custom_sections")
		}
		return out
	})
}
