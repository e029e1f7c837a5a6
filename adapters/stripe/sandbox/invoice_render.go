package sandbox

import (
	"math/big"
	"strconv"
)

func (w *world) renderLine(inv *invoice, l *invoiceLine) obj {
	kind, item := "invoiceitem", any(l.Item)
	if l.Item == "" {
		kind = "subscription"
	}
	exact := new(big.Rat)
	if l.Quantity != 0 {
		exact.SetFrac64(l.Amount, l.Quantity)
	}
	out := obj{
		"id": l.ID, "object": "line_item", "livemode": false, "invoice": inv.ID, "type": kind, "currency": inv.Currency,
		"amount": l.Amount, "amount_excluding_tax": l.Amount, "unit_amount_excluding_tax": plain(exact), "quantity": l.Quantity,
		"description": orNull(l.Description), "metadata": l.Metadata, "period": obj{"start": l.PeriodStart, "end": l.PeriodEnd},
		"price": w.priceObject(l.Price), "proration": false, "proration_details": obj{"credited_items": nil},
		"subscription": orNull(l.Subscription), "discountable": true, "discounts": []string{}, "discount_amounts": []obj{},
		"tax_amounts": []obj{}, "tax_rates": []string{}, "pretax_credit_amounts": renderCredits(l.Credits),
	}
	if l.Item != "" {
		out["invoice_item"] = item
	}
	if l.SubItem != "" {
		out["subscription_item"] = l.SubItem
	}
	return out
}

func renderCredits(uses []creditUse) []obj {
	out := []obj{}
	for _, u := range uses {
		out = append(out, obj{"amount": u.Amount, "type": creditTransactions, "credit_balance_transaction": u.Entry})
	}
	return out
}

func (w *world) renderLines(x *invoice) obj {
	lines := []obj{}
	for _, l := range x.Lines[:min(len(x.Lines), maxLinesInAnswer)] {
		lines = append(lines, w.renderLine(x, l))
	}
	return obj{"object": "list", "url": "/v1/invoices/" + x.ID + "/lines", "has_more": len(x.Lines) > maxLinesInAnswer, "total_count": len(x.Lines), "data": lines}
}

func (w *world) renderInvoice(x *invoice) obj {
	var credits []creditUse
	for _, l := range x.Lines {
		credits = append(credits, l.Credits...)
	}
	subtotal, total, due := x.subtotal(), x.total(), x.due()
	owner, ok := w.st.Customers.get(x.Customer)
	if !ok {
		owner = &customer{TaxExempt: "none"}
	}
	var pdf any
	if x.PayURL != "" {
		pdf = x.PayURL + "?format=pdf"
	}
	out := obj{
		"id": x.ID, "object": "invoice", "created": x.Created, "livemode": false, "status": x.Status, "customer": x.Customer,
		"customer_name": orNull(owner.Name), "customer_email": orNull(owner.Email), "customer_phone": orNull(owner.Phone), "customer_tax_exempt": owner.TaxExempt,
		"currency": x.Currency, "billing_reason": x.BillingReason, "collection_method": x.Collection, "auto_advance": x.AutoAdvance,
		"automatically_finalizes_at": at(x.FinalizesAt), "description": orNull(x.Description), "number": orNull(x.Number),
		"due_date": at(x.DueDate), "effective_at": at(x.EffectiveAt), "period_start": x.PeriodStart, "period_end": x.PeriodEnd,
		"subtotal": subtotal, "subtotal_excluding_tax": subtotal, "total": total, "total_excluding_tax": total, "tax": nil,
		"amount_due": due, "amount_paid": x.AmountPaid, "amount_remaining": due - x.AmountPaid, "amount_shipping": 0,
		"starting_balance": x.StartingBalance, "ending_balance": at(x.EndingBalance), "total_pretax_credit_amounts": renderCredits(credits),
		"attempt_count": x.Attempts, "attempted": x.Attempts > 0, "paid": x.Status == paid, "paid_out_of_band": x.OutOfBand,
		"payment_intent": orNull(x.Intent), "charge": orNull(x.Charge), "subscription": orNull(x.Subscription),
		"hosted_invoice_url": orNull(x.PayURL), "invoice_pdf": pdf, "metadata": x.Metadata, "lines": w.renderLines(x),
		"status_transitions": obj{
			"finalized_at": at(x.FinalizedAt), "paid_at": at(x.PaidAt), "voided_at": at(x.VoidedAt), "marked_uncollectible_at": at(x.UncollectibleAt),
		},
		"subscription_details": obj{"metadata": w.subscriptionMetadata(x.Subscription)},
	}
	for k, v := range blankInvoice() {
		out[k] = v
	}
	return out
}

func (w *world) subscriptionMetadata(id string) any {
	if s, ok := w.st.Subscriptions.get(id); ok {
		return s.Metadata
	}
	return nil
}

// blankInvoice are the fields that never hold anything here.
func blankInvoice() obj {
	out := obj{
		"account_country": "US", "account_tax_ids": nil, "automatic_tax": obj{"enabled": false, "liability": nil, "status": nil},
		"customer_tax_ids": []obj{}, "default_tax_rates": []obj{}, "discounts": []obj{}, "issuer": obj{"type": "self"},
		"payment_settings":                 obj{"default_mandate": nil, "payment_method_options": nil, "payment_method_types": nil},
		"post_payment_credit_notes_amount": 0, "pre_payment_credit_notes_amount": 0,
		"total_discount_amounts": []obj{}, "total_tax_amounts": []obj{},
	}
	for _, name := range []string{
		"account_name", "application", "application_fee_amount", "custom_fields", "customer_address", "customer_shipping", "default_payment_method",
		"default_source", "discount", "footer", "from_invoice", "last_finalization_error", "latest_revision", "next_payment_attempt", "on_behalf_of",
		"quote", "receipt_number", "rendering", "shipping_cost", "shipping_details", "statement_descriptor", "test_clock", "transfer_data", "webhooks_delivered_at",
	} {
		out[name] = nil
	}
	return out
}

// invoiceNumber is the next number of a customer's own sequence.
func (w *world) invoiceNumber(x *customer) string {
	n := x.NextInvoice
	x.NextInvoice++
	text := strconv.FormatInt(n, 10)
	for len(text) < 4 {
		text = "0" + text
	}
	return x.InvoicePrefix + "-" + text
}
