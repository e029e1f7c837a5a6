package sandbox

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// period is what an invoice bills of a subscription.
type period struct {
	Sub      string
	From, To time.Time
	Reason   string
}

type invoice struct {
	ID            string     `json:"lago_id"`
	Customer      string     `json:"lago_customer_id"`
	Sequence      int        `json:"sequential_id"`
	Number        string     `json:"number"`
	Type          string     `json:"invoice_type"`
	Status        string     `json:"status"`
	PaymentStatus string     `json:"payment_status"`
	Currency      string     `json:"currency"`
	Issuing       time.Time  `json:"issuing_date"`
	Fees          []fee      `json:"fees"`
	Periods       []period   `json:"billing_periods"`
	TaxRate       dec        `json:"taxes_rate"`
	Taxes         int64      `json:"taxes_amount_cents"`
	Progressive   int64      `json:"progressive_billing_credit_amount_cents"`
	Prepaid       int64      `json:"prepaid_credit_amount_cents"`
	FromGranted   *int64     `json:"prepaid_granted_credit_amount_cents"`
	FromPurchased *int64     `json:"prepaid_purchased_credit_amount_cents"`
	Paid          int64      `json:"total_paid_amount_cents"`
	PaidAt        *time.Time `json:"paid_at"`
	Refunded      int64      `json:"refunded_amount_cents"`
	DisputeLost   *time.Time `json:"payment_dispute_lost_at"`
	Metadata      []pair     `json:"metadata"`
	Created       time.Time  `json:"created_at"`
	Updated       time.Time  `json:"updated_at"`
	Voided        *time.Time `json:"voided_at"`
	Link          bool       `json:"payment_link"` // one was asked for
}

func (x *invoice) subtotal() int64 { return sumOf(x.Fees) - x.Progressive }
func (x *invoice) total() int64    { return x.subtotal() + x.Taxes - x.Prepaid }
func (x *invoice) due() int64 {
	if x.Status == voided {
		return 0
	}
	return x.total() - x.Paid
}

// visible says whether the API shows an invoice: one that waits for its
// payment does not exist for it.
func (x *invoice) visible() bool { return x.Status != open }

func (w *world) newInvoice(customer, kind, currency string) *invoice {
	owner, _ := w.st.Customers.get(customer)
	local := w.now.In(owner.zone())
	return w.st.Invoices.add(&invoice{
		ID: w.uuid(), Customer: customer, Number: w.prefix() + "-DRAFT", Type: kind, Status: draft, PaymentStatus: pending, Currency: currency,
		Issuing: time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, owner.zone()), Created: w.now, Updated: w.now,
	})
}

// price computes the tax of an invoice; credits that are sold carry none.
func (w *world) price(x *invoice) {
	owner, _ := w.st.Customers.get(x.Customer)
	x.TaxRate = dec{}
	if x.Type != "credit" {
		x.TaxRate = w.taxRate(owner)
	}
	total, _ := taxed(x.subtotal(), x.TaxRate).round(0).int()
	x.Taxes = total - x.subtotal()
}

// finalize gives an invoice its number, pays it from wallets as far as they go,
// and tells of it.
func (w *world) finalize(x *invoice) {
	owner, _ := w.st.Customers.get(x.Customer)
	w.price(x)
	owner.LastBill++
	x.Status, x.Sequence, x.Updated = finalized, owner.LastBill, w.now
	x.Number = fmt.Sprintf("%s-%03d", owner.slug(w), owner.LastBill)
	if x.Type == "subscription" || x.Type == "progressive_billing" {
		w.prepay(x)
		w.refresh(x.Customer)
	}
	if x.total() == 0 {
		x.PaymentStatus, x.PaidAt = succeeded, &w.now
	}
	typ := map[string]string{"credit": "invoice.paid_credit_added", "one_off": "invoice.one_off_created"}[x.Type]
	w.tellInvoice(cmp.Or(typ, "invoice.created"), x)
}

// share is a part of an invoice that the same wallets may pay.
type share struct {
	kind, metric, target string
	exact                dec
	cents                int64
}

// shares bundles the fees of an invoice, the largest sum first. What is lost by
// rounding goes to the first.
func (x *invoice) shares() []share {
	var out []share
	all, rest := whole(sumOf(x.Fees)), x.subtotal()+x.Taxes
	for _, f := range x.Fees {
		exact := taxed(f.Cents, x.TaxRate)
		if all.sign() > 0 {
			exact = exact.times(whole(x.subtotal())).per(all)
		}
		i := slices.IndexFunc(out, func(s share) bool { return s.kind == f.Kind && s.metric == f.metric() && s.target == f.Target })
		if i < 0 {
			out = append(out, share{kind: f.Kind, metric: f.metric(), target: f.Target, exact: exact})
			continue
		}
		out[i].exact = out[i].exact.add(exact)
	}
	slices.SortStableFunc(out, func(a, b share) int { return b.exact.cmp(a.exact) })
	for i := range out {
		out[i].cents, _ = out[i].exact.floor(0).int()
		rest -= out[i].cents
	}
	if len(out) > 0 && rest > 0 && rest <= int64(len(out)) {
		out[0].cents += rest
	}
	return out
}

// prepay takes from the customer's wallets what they may pay: wallet by wallet,
// within a wallet share by share, one transaction each.
func (w *world) prepay(x *invoice) {
	shares, rest := x.shares(), x.subtotal()+x.Taxes
	var list []*txn
	for _, wl := range w.activeWallets(x.Customer) {
		if wl.Balance <= 0 || wl.Currency != x.Currency {
			continue
		}
		left, sum := wl.Balance, int64(0)
		for i := range shares {
			if !wl.accepts(shares[i].kind, shares[i].metric, shares[i].target) {
				continue
			}
			part := min(shares[i].cents, left, rest)
			shares[i].cents, left, rest, sum = shares[i].cents-part, left-part, rest-part, sum+part
		}
		if sum <= 0 {
			continue
		}
		took, err := ofCents(whole(sum), wl.Rate, wl.Currency)
		if err != nil {
			continue
		}
		out := w.newTxn(wl, topUp{Source: manual, Priority: defaultPriority, Method: method{Type: "provider"}}, invoiced, outbound, took)
		out.Invoice = &x.ID
		w.takeOff(wl, out, nil)
		list = append(list, out)
		x.Prepaid += sum
	}
	if w.allTraceable(x.Customer) && len(list) > 0 {
		free, bought := w.breakdown(list)
		x.FromGranted, x.FromPurchased = &free, &bought
	}
}

// allTraceable looks at every wallet a customer ever had.
func (w *world) allTraceable(customer string) bool {
	return !slices.ContainsFunc(w.walletsOf(customer), func(x *wallet) bool { return !x.Traceable })
}

// createOneOff bills add-ons at once. Wallets do not pay such invoices.
func createOneOff(c *call) (any, error) {
	p, err := c.root("invoice")
	if err != nil {
		return nil, err
	}
	owner, ok := c.byExternal(p.word("external_customer_id"))
	if !ok {
		return nil, missing("customer")
	}
	f, currency := faults{}, cmp.Or(p.word("currency"), owner.currency())
	if !isCurrency(currency) {
		f.add("currency", "value_is_mandatory")
	}
	var fees []fee
	for _, one := range p.objects("fees") {
		add, ok := coded(c.st.AddOns.Rows, one.word("add_on_code"), func(a *addOn) string { return a.Code })
		if !ok {
			return nil, missing("add_on")
		}
		line := fee{
			Kind: "add_on", Code: add.Code, Name: cmp.Or(one.word("invoice_display_name"), add.Name), Item: add.ID, ItemType: "AddOn", Created: c.now,
			Text: one.text("description"), Units: or(one.decimal("units"), whole(1)), Unit: major(or(one.number("unit_amount_cents"), add.Cents), currency),
		}
		if line.Text == nil {
			line.Text = add.Description
		}
		line.price(currency)
		fees = append(fees, line)
	}
	if len(fees) == 0 {
		f.add("fees", "value_is_mandatory")
	}
	if err := f.problem(); err != nil {
		return nil, err
	}
	x := c.newInvoice(owner.ID, "one_off", currency)
	for i := range fees {
		fees[i].ID = c.uuid()
	}
	x.Fees = fees
	c.finalize(x)
	return obj{"invoice": c.renderInvoice(x)}, nil
}

func (c *call) invoiceOf() (*invoice, error) {
	x, ok := c.st.Invoices.get(c.Path("invoice_id"))
	if !ok || !x.visible() {
		return nil, missing("invoice")
	}
	return x, nil
}

func getInvoice(c *call) (any, error) {
	x, err := c.invoiceOf()
	if err != nil {
		return nil, err
	}
	return obj{"invoice": c.renderInvoice(x)}, nil
}

func listInvoices(c *call) (any, error) {
	status, paid, kind, currency := c.among("status"), c.among("payment_status"), c.among("invoice_type"), c.among("currency")
	statuses, payments := c.among("statuses"), c.among("payment_statuses")
	external, filter := c.query().Get("external_customer_id"), c.metadataFilter()
	if id := c.Path("external_id"); id != "" {
		if external = id; !c.known(id) {
			return nil, missing("customer")
		}
	}
	owner, _ := c.byExternal(external)
	return page(c, "invoices", c.st.Invoices.Rows, func(x *invoice) bool {
		return x.visible() && (external == "" || owner != nil && owner.ID == x.Customer) && status(x.Status) && statuses(x.Status) && paid(x.PaymentStatus) &&
			payments(x.PaymentStatus) && kind(x.Type) && currency(x.Currency) && filter(func(key string) (string, bool) {
			i := slices.IndexFunc(x.Metadata, func(p pair) bool { return p.Key == key })
			if i < 0 {
				return "", false
			}
			return x.Metadata[i].Value, true
		})
	}, c.shortInvoice)
}

// updateInvoice sets metadata, or says how a payment went that Lago did not see.
func updateInvoice(c *call) (any, error) {
	x, err := c.invoiceOf()
	if err != nil {
		return nil, err
	}
	p, err := c.root("invoice")
	if err != nil {
		return nil, err
	}
	state := p.word("payment_status")
	if p.given("payment_status") && !slices.Contains([]string{pending, succeeded, failed}, state) {
		return nil, invalid("payment_status", "value_is_invalid")
	}
	if p.given("payment_status") && x.Status != finalized {
		return nil, notAllowed("payment_status_update_on_draft_invoice")
	}
	if p.has("metadata") {
		x.Metadata = nil
		for _, one := range p.objects("metadata") {
			x.Metadata = append(x.Metadata, pair{one.word("key"), one.word("value")})
		}
	}
	if p.given("payment_status") && state != x.PaymentStatus {
		c.collect(x, state)
	}
	return obj{"invoice": c.renderInvoice(x)}, nil
}

func finalizeInvoice(c *call) (any, error) {
	x, err := c.invoiceOf()
	if err != nil {
		return nil, err
	}
	if x.Status != draft {
		return nil, missing("invoice")
	}
	c.finalizeDraft(x)
	return obj{"invoice": c.renderInvoice(x)}, nil
}

// voidInvoice takes an invoice back; what wallets paid is given again.
func voidInvoice(c *call) (any, error) {
	x, err := c.invoiceOf()
	if err != nil {
		return nil, err
	}
	if x.Status != finalized || x.DisputeLost != nil || x.Paid > 0 {
		return nil, notAllowed("not_voidable")
	}
	x.Status, x.Voided, x.Updated = voided, &c.now, c.now
	for _, t := range slices.Clone(c.st.Txns.Rows) {
		if or(t.Invoice, "") == x.ID && t.Kind == invoiced {
			c.recredit(t, x.ID)
		}
		if or(t.Invoice, "") == x.ID && t.Kind == purchased && t.Status == pending {
			t.Status, t.Failed = failed, &c.now
			c.tellTxn("wallet_transaction.updated", t)
		}
	}
	c.tellInvoice("invoice.voided", x)
	return obj{"invoice": c.renderInvoice(x)}, nil
}
