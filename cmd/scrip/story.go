package main

import (
	"cmp"
	"net/http"
	"strings"
	"time"
)

// story is the main job, the main job with everything going wrong, and then
// what is done by an edit of the config: each such part is a list of chapters
// of its own, which finds the company as the part before has left it.
func (st *stage) story() error {
	now := time.Now().UTC()
	st.clock = time.Date(now.Year(), now.Month(), now.Day()+1, 9, 0, 0, 0, time.UTC)
	if err := st.advance(st.clock); err != nil {
		return err
	}
	for _, part := range [][]func() error{st.mainJob(), st.moveHouse(), st.leaveCredits(), st.sellPlans()} {
		for _, chapter := range part {
			if err := chapter(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (st *stage) mainJob() []func() error {
	return []func() error{
		st.signUp, st.seePrices, st.buy, st.forge, st.holdAndCapture, st.debit, st.replay, st.gift, st.giveBack,
		st.tellVendor, st.expire, st.agree, st.vendorFaults, st.webhookFaults, st.crash, st.agree, st.audited, st.closeBooks,
	}
}

func (st *stage) available(customer string) (any, error) {
	m, err := st.get("/v1/customers/" + customer + "/balance")
	return m["available"], err
}

func (st *stage) checkAvailable(customer, want string) error {
	got, err := st.available(customer)
	if err == nil {
		st.check("credits of "+customer, want, got)
	}
	return err
}

func (st *stage) signUp() error {
	st.scene("a customer signs up")
	_, err := st.call(request{method: http.MethodPut, path: "/v1/customers/acme", body: body{"name": "Acme", "email": "ops@acme.example"}})
	if err != nil {
		return err
	}
	if err := st.checkAvailable("acme", "0.00"); err != nil {
		return err
	}
	return st.eventually("customers at the vendor named acme", 1, func() (any, error) {
		state, err := st.vendorState()
		return len(state.named("acme")), err
	})
}

func (st *stage) seePrices() error {
	st.scene("the application shows what things cost")
	list, err := st.get("/v1/actions")
	if err != nil {
		return err
	}
	actions, _ := list["data"].([]any)
	st.check("actions on the public price list", 3, len(actions))
	quote, err := st.post("/v1/quotes", "", body{"customer": "acme", "action": "image.generate"})
	if err != nil {
		return err
	}
	st.check("an image costs", "5.00 credits, amount 0.40, currency usd", plain(quote["amount"])+" "+plain(quote["unit"])+", "+plain(quote["value"]))
	st.check("can acme afford it", false, quote["affordable"])
	quote, err = st.post("/v1/quotes", "", body{"action": "text.generate", "quantity": "2500", "dimensions": body{"model": "large"}})
	if err == nil {
		st.check("2500 tokens of the large model cost", "4.50", quote["amount"])
	}
	return err
}

func (st *stage) buy() error {
	st.scene("the customer buys a pack; credits appear when the vendor proves the money")
	if err := st.purchase("acme", "buy-1"); err != nil {
		return err
	}
	if err := st.checkAvailable("acme", "1000.00"); err != nil {
		return err
	}
	want := "80.00 usd paid"
	if st.main.units {
		want = "1000.00 credits paid"
	}
	return st.eventually("grant at the vendor", want, func() (any, error) {
		state, err := st.vendorState()
		if err != nil {
			return nil, err
		}
		for _, g := range state.grantsOf("acme") {
			// Where the vendor's own terms do not say who paid, the metadata does.
			return canon(g.Amount) + " " + strings.ToLower(g.Unit) + " " + cmp.Or(g.Metadata["category"], g.Category), nil
		}
		return "none", nil
	})
}

// purchase buys the starter pack, pays at the vendor, and waits for the
// credits. The vendor tells of one payment by more than one event.
func (st *stage) purchase(customer, key string) error {
	p, err := st.post("/v1/customers/"+customer+"/purchases", key, body{"pack": "starter"})
	if err != nil {
		return err
	}
	st.check("purchase before payment", "pending", p["state"])
	if err := st.settle(); err != nil {
		return err
	}
	path := "/v1/purchases/" + plain(p["id"])
	if err := st.eventually("there is an address to pay at", true, func() (any, error) {
		p, err := st.get(path)
		return plain(p["pay_url"]) != "", err
	}); err != nil {
		return err
	}
	state, err := st.payState()
	if err != nil {
		return err
	}
	for _, invoice := range state.openInvoices(customer) {
		if _, err := st.controlOf(st.pay.control, "pay", body{"object": invoice, "outcome": "paid"}); err != nil {
			return err
		}
	}
	if err := st.eventually("purchase after the signed webhook", "paid", func() (any, error) {
		p, err := st.get(path)
		return p["state"], err
	}); err != nil {
		return err
	}
	return st.settle()
}

// settle lets both sides come to rest without moving time.
func (st *stage) settle() error { return st.advance(st.clock) }

func (st *stage) forge() error {
	st.scene("somebody forges a payment webhook")
	before, err := st.inboxCount("")
	if err != nil {
		return err
	}
	header, raw := st.pay.demo.forge(time.Now())
	status, err := st.deliverRaw(header, raw)
	if err != nil {
		return err
	}
	st.check("the forgery is refused", true, status >= 400 && status < 500)
	after, err := st.inboxCount("")
	if err != nil {
		return err
	}
	st.check("nothing of it is stored", before, after)
	return st.checkAvailable("acme", "1000.00")
}

func (st *stage) holdAndCapture() error {
	st.scene("the application holds credits, captures what was used, releases the rest")
	h, err := st.post("/v1/holds", "hold-1", body{"customer": "acme", "action": "image.generate", "quantity": "10"})
	if err != nil {
		return err
	}
	st.check("held for ten images", "50.00", h["amount"])
	if err := st.checkAvailable("acme", "950.00"); err != nil {
		return err
	}
	c, err := st.post("/v1/holds/"+plain(h["id"])+"/capture", "capture-1", body{"quantity": "6"})
	if err != nil {
		return err
	}
	st.check("captured for six", "30.00", c["captured"])
	if err := st.checkAvailable("acme", "970.00"); err != nil {
		return err
	}
	h, err = st.post("/v1/holds", "hold-2", body{"customer": "acme", "amount": "100"})
	if err != nil {
		return err
	}
	if _, err := st.post("/v1/holds/"+plain(h["id"])+"/release", "release-2", body{}); err != nil {
		return err
	}
	if err := st.checkAvailable("acme", "970.00"); err != nil {
		return err
	}
	h, err = st.post("/v1/holds", "hold-3", body{"customer": "acme", "amount": "70", "expires_in": "10m"})
	if err != nil {
		return err
	}
	if err := st.advance(st.clock.Add(10 * time.Minute)); err != nil {
		return err
	}
	late, err := st.get("/v1/holds/" + plain(h["id"]))
	if err != nil {
		return err
	}
	st.check("a forgotten hold ends by itself", "expired", late["state"])
	return st.checkAvailable("acme", "970.00")
}

func (st *stage) debit() error {
	st.scene("the application debits")
	d, err := st.post("/v1/debits", "debit-1", body{"customer": "acme", "action": "api.call", "quantity": "7"})
	if err != nil {
		return err
	}
	st.check("seven calls cost", "7.00", d["amount"])
	items := []body{
		{"key": "batch-1", "customer": "acme", "action": "text.generate", "quantity": "1001"},
		{"key": "batch-2", "customer": "acme", "action": "text.generate", "quantity": "9500", "dimensions": body{"model": "large"}},
		{"key": "batch-3", "customer": "acme", "amount": "5000"},
	}
	b, err := st.post("/v1/debits/batch", "", body{"debits": items})
	if err != nil {
		return err
	}
	st.check("a batch of three, one too dear", "applied applied refused", batchStatus(b))
	return st.checkAvailable("acme", "947.80")
}

func batchStatus(b map[string]any) string {
	rows, _ := b["data"].([]any)
	text := ""
	for i, row := range rows {
		if m, ok := row.(map[string]any); ok {
			if i > 0 {
				text += " "
			}
			text += plain(m["status"])
		}
	}
	return text
}

func (st *stage) replay() error {
	st.scene("requests are repeated, as networks make them be")
	again, err := st.call(request{method: http.MethodPost, path: "/v1/debits", key: "debit-1", body: body{"customer": "acme", "action": "api.call", "quantity": "7"}})
	if err != nil {
		return err
	}
	st.check("the same debit again is the first answer", true, again.replayed)
	st.check("the same key for another debit", "idempotency_conflict",
		st.refusal("/v1/debits", "debit-1", body{"customer": "acme", "action": "api.call", "quantity": "8"}))
	st.check("more than there is", "insufficient_credits", st.refusal("/v1/debits", "debit-2", body{"customer": "acme", "amount": "2000"}))
	st.check("an amount with three decimals", "invalid", st.refusal("/v1/debits", "debit-3", body{"customer": "acme", "amount": "1.234"}))
	return st.checkAvailable("acme", "947.80")
}

func (st *stage) gift() error {
	st.scene("a gift that ends in 30 days burns first")
	g, err := st.post("/v1/customers/acme/grants", "gift-1", body{
		"amount": "100", "category": "promotional", "expires_at": st.clock.Add(30 * 24 * time.Hour).Format(time.RFC3339),
	})
	if err != nil {
		return err
	}
	d, err := st.post("/v1/debits", "debit-4", body{"customer": "acme", "action": "image.generate", "quantity": "8"})
	if err != nil {
		return err
	}
	st.check("eight images are paid by the gift", "amount 40.00, grant "+plain(g["id"]), plain(d["allocations"]))
	g, err = st.post("/v1/customers/acme/grants", "mistake-1", body{"amount": "25", "category": "adjustment"})
	if err != nil {
		return err
	}
	v, err := st.post("/v1/grants/"+plain(g["id"])+"/void", "void-1", body{})
	if err != nil {
		return err
	}
	st.check("a grant made by mistake is voided", "void", v["state"])
	return st.checkAvailable("acme", "1007.80")
}

func (st *stage) giveBack() error {
	st.scene("work failed: its debit is reversed")
	d, err := st.post("/v1/debits", "debit-5", body{"customer": "acme", "action": "image.generate"})
	if err != nil {
		return err
	}
	if _, err := st.post("/v1/debits/"+plain(d["id"])+"/reverse", "reverse-5", body{}); err != nil {
		return err
	}
	st.check("it can be reversed once", "invalid", st.refusal("/v1/debits/"+plain(d["id"])+"/reverse", "reverse-6", body{}))
	return st.checkAvailable("acme", "1007.80")
}
