package sandbox

import (
	"slices"
	"time"
)

// States of an invoice.
const (
	draft     = "DRAFT"
	finalized = "FINALIZED"
	void      = "VOID"
)

// grace is how long after its period an invoice stays a draft.
const grace = day

type invoice struct {
	ID       string     `json:"id"`
	Customer string     `json:"customer_id"`
	Contract string     `json:"contract_id"`
	Type     string     `json:"type"` // USAGE or SCHEDULED
	Unit     string     `json:"credit_type_id"`
	Start    time.Time  `json:"start_timestamp"`
	End      time.Time  `json:"end_timestamp"`
	Status   string     `json:"status"`
	Created  time.Time  `json:"created_at"`
	Issued   *time.Time `json:"issued_at"`
	Voided   *time.Time `json:"voided_at"`
	Drawn    []drawn    `json:"drawn"` // of a finalized one
	Lines    []billed   `json:"lines"`
	Total    amount     `json:"total"`
}

func (x *invoice) key() string { return x.ID }

// billed is one line of an invoice.
type billed struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Product  string `json:"product_id"`
	Unit     string `json:"credit_type_id"`
	Quantity amount `json:"quantity"`
	Price    amount `json:"unit_price"`
	Total    amount `json:"total"`
	Grant    string `json:"commit_id"`
	Segment  string `json:"commit_segment_id"`
}

// rebill makes the drafts that a customer's usage needs.
func (w *world) rebill(customer string) {
	w.drafts = nil
	for _, u := range w.st.Usage.Rows {
		if u.Customer != customer {
			continue
		}
		for _, k := range w.st.Contracts.Rows {
			if k.Customer == customer && k.Card != "" && k.covers(u.At) {
				w.draftFor(k, u.At)
			}
		}
	}
}

// draftFor makes the invoice of a contract's month, unless it exists or its
// time is over.
func (w *world) draftFor(k *contract, at time.Time) {
	start, end := month(at)
	if slices.ContainsFunc(w.st.Invoices.Rows, func(x *invoice) bool {
		return x.Contract == k.ID && x.Type == "USAGE" && x.Start.Equal(latest(start, k.Start))
	}) || !end.Add(grace).After(w.now) {
		return
	}
	card, _ := w.st.Cards.get(k.Card)
	if k.End != nil && k.End.Before(end) {
		end = *k.End
	}
	w.st.Invoices.add(&invoice{ID: uuid(w.a), Customer: k.Customer, Contract: k.ID, Type: "USAGE", Unit: card.Unit, Start: latest(start, k.Start), End: end, Status: draft, Created: w.now})
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// finalize freezes a draft.
func (w *world) finalize(x *invoice) {
	x.Drawn = w.draftOf(x)
	x.Lines, x.Total = w.bill(x)
	at := w.now
	x.Status, x.Issued, w.drafts = finalized, &at, nil
	w.tellInvoice(x)
}

// bill writes an invoice's lines: usage, what grants cover, and the conversion
// of custom units that nothing covered.
func (w *world) bill(x *invoice) ([]billed, amount) {
	if x.Status != draft {
		return x.Lines, x.Total
	}
	w.draftOf(x)
	got := w.drafts[x.ID]
	var lines []billed
	for _, ch := range got.charges {
		p, _ := w.st.Products.get(ch.product)
		i := slices.IndexFunc(lines, func(l billed) bool { return l.Product == ch.product && l.Price.cmp(ch.price) == 0 })
		if i < 0 {
			i = len(lines)
			lines = append(lines, billed{Name: p.Name, Type: "usage", Product: p.ID, Unit: ch.unit, Price: ch.price})
		}
		lines[i].Quantity, lines[i].Total = lines[i].Quantity.add(ch.count), lines[i].Total.add(ch.cost)
	}
	for _, d := range got.drawn {
		g, _ := w.st.Grants.get(d.Grant)
		lines = append(lines, billed{Name: g.Name, Type: "applied_commit_or_credit", Unit: g.Unit, Quantity: whole(1), Price: d.Amount.neg(), Total: d.Amount.neg(), Grant: g.ID, Segment: d.Segment})
	}
	total := got.open[x.Unit]
	k, _ := w.st.Contracts.get(x.Contract)
	card, _ := w.st.Cards.get(k.Card)
	for _, u := range w.st.Units {
		if open, worth := got.open[u.ID], card.Worth[u.ID]; u.ID != x.Unit && open.sign() > 0 {
			sum := open.times(worth)
			lines = append(lines, billed{Name: u.Name, Type: "cpu_conversion", Unit: x.Unit, Quantity: open, Price: worth, Total: sum})
			total = total.add(sum)
		}
	}
	return lines, total
}

func (w *world) renderInvoice(x *invoice) obj {
	lines, total := w.bill(x)
	items := []obj{}
	for _, l := range lines {
		one := obj{"name": l.Name, "type": l.Type, "credit_type": w.unitRef(l.Unit), "quantity": bare(l.Quantity), "unit_price": bare(l.Price), "total": bare(l.Total)}
		put(one, "product_id", l.Product != "", l.Product)
		if g, ok := w.st.Grants.get(l.Grant); ok {
			one["applied_commit_or_credit"] = obj{"id": g.ID, "type": g.Kind}
			one["commit_id"], one["commit_segment_id"] = g.ID, l.Segment
			put(one, "commit_type", g.Kind != credit, map[string]string{prepaid: "PrepaidCommit", postpaid: "PostpaidCommit"}[g.Kind])
		}
		items = append(items, one)
	}
	out := obj{
		"id": x.ID, "customer_id": x.Customer, "type": x.Type, "status": x.Status, "credit_type": w.unitRef(x.Unit), "line_items": items,
		"total": bare(total), "created_at": w.stamp(x.Created),
	}
	put(out, "contract_id", x.Contract != "", x.Contract)
	if !x.Start.IsZero() {
		out["start_timestamp"], out["end_timestamp"] = w.stamp(x.Start), w.stamp(x.End)
	}
	if x.Issued != nil {
		out["issued_at"] = w.stamp(*x.Issued)
	}
	return out
}

func listInvoices(c *call) (any, error) {
	x, err := c.customer(c.Path("customer_id"))
	if err != nil {
		return nil, err
	}
	q := c.Request.URL.Query()
	rows := kept(c.st.Invoices.Rows, func(inv *invoice) bool {
		return inv.Customer == x.ID && (q.Get("status") == "" || q.Get("status") == inv.Status) && (q.Get("type") == "" || q.Get("type") == inv.Type) &&
			(q.Get("contract_id") == "" || q.Get("contract_id") == inv.Contract)
	})
	slices.SortStableFunc(rows, func(a, b *invoice) int { return a.Start.Compare(b.Start) })
	if sort := q.Get("sort"); sort == "date_desc" || sort == "" && c.a.Variant(newestFirst) {
		slices.Reverse(rows)
	}
	return queried(c, rows, c.renderInvoice)
}

func getInvoice(c *call) (any, error) {
	x, ok := c.st.Invoices.get(c.Path("invoice_id"))
	if !ok || x.Customer != c.Path("customer_id") {
		return nil, missing("Invoice", c.Path("invoice_id"))
	}
	return obj{"data": c.renderInvoice(x)}, nil
}

func voidInvoice(c *call) (any, error) {
	var in struct {
		ID string `json:"id"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	x, ok := c.st.Invoices.get(in.ID)
	switch {
	case !ok:
		return nil, missing("Invoice", in.ID)
	case x.Status != finalized:
		return nil, invalid("Invoice %s is %s; only a finalized invoice can be voided", x.ID, x.Status)
	}
	c.voidInvoice(x)
	c.touched(x.Customer)
	return obj{"data": obj{"id": x.ID}}, nil
}

// voidInvoice takes an invoice back; what a finalized one drew is given back.
func (w *world) voidInvoice(x *invoice) {
	at := w.now
	if x.Status == finalized {
		x.Voided = &at
	}
	x.Status, w.drafts = void, nil
}

// billCommits makes the invoices of commits that are due.
func (w *world) billCommits() {
	for _, g := range w.st.Grants.Rows {
		if g.Invoicing == nil || g.Invoicing.Silent || g.Archived != nil {
			continue
		}
		for _, i := range g.Invoicing.Items {
			if i.Invoice == "" && !i.At.After(w.now) {
				w.issue(g, i, uuid(w.a))
			}
		}
	}
}

// issue makes the invoice of a commit's installment.
func (w *world) issue(g *grant, i *installment, id string) {
	if _, made := w.st.Invoices.get(id); made {
		i.Invoice = id
		return
	}
	at, k := w.now, g.InvoiceContract
	if k == "" {
		k = g.Contract
	}
	p, _ := w.st.Products.get(g.Product)
	i.Invoice = id
	w.tellInvoice(w.st.Invoices.add(&invoice{
		ID: id, Customer: g.Customer, Contract: k, Type: "SCHEDULED", Unit: g.Invoicing.Unit, Start: i.At, End: i.At, Status: finalized, Created: w.now, Issued: &at, Total: i.Amount,
		Lines: []billed{{Name: p.Name, Type: "scheduled", Product: p.ID, Unit: g.Invoicing.Unit, Quantity: i.Quantity, Price: i.Price, Total: i.Amount}},
	}))
}
