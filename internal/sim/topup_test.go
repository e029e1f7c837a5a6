package sim

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"

	"scrip/core"
	"scrip/core/ledger"
	bought "scrip/core/sale"
)

// topUp lets an account buy by itself from now on, or turns that off.
func (c *client) topUp(customer string) {
	w := c.w
	rule := map[string]any{"pack": "small", "below": "25", "at_most": []string{"4 per month"}, "retry": []string{"6h", "24h"}}
	if w.dice.IntN(5) == 0 {
		rule = map[string]any{"enabled": false}
	}
	status, answer := c.call(http.MethodPut, "/v1/customers/"+customer+"/settings", "", map[string]any{"top_up": rule})
	if rule["pack"] != nil {
		w.judge.buyers[customer] = true // even if nobody knows: it may have come through
	}
	if status >= 400 && status != http.StatusServiceUnavailable {
		w.fail("the settings of %s were refused: %d %v", customer, status, answer)
	}
}

// purchases are all that are stored, of which accounts have made some by
// themselves.
func (w *world) purchases() (list []bought.Purchase) {
	for after := ""; ; {
		page, err := w.inner.Reader().Records.List(context.Background(), ledger.PurchaseKind, after, 100)
		if err != nil {
			w.fail("the purchases cannot be read: %v", err)
		}
		if len(page) == 0 {
			return list
		}
		for _, r := range page {
			var p bought.Purchase
			if err := json.Unmarshal(r.Body, &p); err != nil {
				w.fail("purchase %q cannot be read: %v", r.ID, err)
			}
			list = append(list, p)
			after = r.ID
		}
	}
}

// meet takes in what accounts have bought by themselves since the last look.
func (w *world) meet() {
	if len(w.judge.buyers) == 0 {
		return
	}
	for _, p := range w.purchases() {
		if !p.Auto || w.judge.saleOf(p.ID) != nil {
			continue
		}
		pack := w.proc.config.Packs[p.Pack]
		if !w.judge.buyers[p.Customer] || p.Pack != "small" || p.Price != pack.Price {
			w.fail("the account of %s has bought %+v by itself", p.Customer, p)
		}
		s := &sale{id: p.ID, customer: p.Customer, pack: p.Pack, unit: p.Unit, credits: p.Credits, price: int64(p.Price.Minor), auto: true}
		s.grant = core.NewID(core.GrantID, p.Customer, ledger.OpPurchase, string(p.ID), 0)
		w.judge.sales[s.grant] = s
		w.client.grants, w.client.sales = append(w.client.grants, s.grant), append(w.client.sales, s)
		w.judge.stats["top-up"]++
	}
}

// collected asks the vendor whether the bill of what an account has bought by
// itself is paid: it may have charged the customer by itself.
func (w *world) collected(s *sale) bool {
	if !s.auto || s.paid {
		return s.paid
	}
	for _, id := range w.invoices(s.id) {
		r := httptest.NewRequest(http.MethodGet, "http://main.box/v1/invoices/"+id, nil)
		r.Header.Set("Authorization", "Bearer "+vendorKey)
		rec := httptest.NewRecorder()
		w.boxes["main"].server.ServeHTTP(rec, r)
		var invoice struct{ Status string }
		if rec.Code == http.StatusOK && json.Unmarshal(rec.Body.Bytes(), &invoice) == nil {
			s.paid = s.paid || invoice.Status == "paid"
			s.url = "/" + id
		}
	}
	return s.paid
}

// bought reports whether a bill was paid that nothing was granted for yet.
func (w *world) bought() bool {
	w.meet()
	for _, s := range w.client.sales {
		if s.auto && w.collected(s) && !s.granted {
			return true
		}
	}
	return false
}

// invoices are what the vendor bills a purchase by, as far as we know.
func (w *world) invoices(id core.ID) (list []string) {
	links, err := w.inner.Reader().Links.Links(context.Background(), ledger.LinkKey{Connection: "main", Neutral: string(id)})
	if err != nil {
		w.fail("the links of %q cannot be read: %v", id, err)
	}
	for _, l := range links {
		list = append(list, l.Vendor)
	}
	if p, err := w.proc.ledger.Purchase(context.Background(), id); err == nil && p.Object != "" {
		list = append(list, p.Object)
	}
	return list
}
