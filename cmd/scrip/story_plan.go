package main

import "net/http"

// sellPlans is the story of a company that begins to sell a plan: a month's
// allotment, what of it goes on, and what is used beyond it for money.
func (st *stage) sellPlans() []func() error {
	return []func() error{st.offerPlan, st.subscribe, st.useBeyond, st.renew, st.payOverage, st.audited, st.closeBooks}
}

// planned is the config with a plan, all of whose figures are in dollars.
func (st *stage) planned() string {
	return st.dollars() + `plans:
  pro:
    price: 49 usd
    every: 1 month
    allotment: {credits: 20, expires: cycle, rollover: {max: 5, of: rolled, for: 1 cycle}}
    at_zero: overage
    overage: {price: 1.2 usd, limit: 100}
`
}

func (st *stage) offerPlan() error {
	st.scene("the company offers a plan: a month's allotment, a rollover, and overage at a price")
	st.show(diff(st.dollars(), st.planned()))
	if err := st.configure(st.planned()); err != nil {
		return err
	}
	if err := st.operate(exitFine, "apply", "--yes"); err != nil {
		return err
	}
	_, err := st.call(request{method: http.MethodPut, path: "/v1/customers/initech", body: body{"name": "Initech", "timezone": "America/New_York"}})
	return err
}

func (st *stage) subscribe() error {
	st.scene("initech subscribes; the allotment is there, here and at the vendor")
	err := st.eventually("initech is subscribed", true, func() (any, error) {
		// A gateway that has not taken the plan up yet refuses.
		_, err := st.call(request{method: http.MethodPut, path: "/v1/customers/initech/subscription", body: body{"plan": "pro"}})
		return err == nil, nil
	})
	if err != nil {
		return err
	}
	if err := st.checkPosted("initech", "20.000000 usd"); err != nil {
		return err
	}
	if err := st.settle(); err != nil {
		return err
	}
	return st.atVendor("20.000000 usd")
}

func (st *stage) atVendor(want string) error {
	return st.eventually("left of initech at "+st.next.name, want, func() (any, error) {
		there, err := st.stateOf(st.next)
		if err != nil {
			return nil, err
		}
		return there.leftEach("initech"), nil
	})
}

// useBeyond spends all of the allotment but for what one more event needs a
// part of: that event is split between credits and money.
func (st *stage) useBeyond() error {
	st.scene("it uses more than the allotment: one event is split between credits and money")
	q, err := st.post("/v1/quotes", "", body{"customer": "initech", "action": "image.generate", "quantity": "60"})
	if err != nil {
		return err
	}
	st.check("sixty images would cost", "24.000000", q["amount"])
	d, err := st.post("/v1/debits", "beyond-1", body{"customer": "initech", "action": "image.generate", "quantity": "60"})
	if err != nil {
		return err
	}
	over, _ := d["overage"].(map[string]any)
	st.check("beyond the credits", "4.000000 for 4.80 usd", plain(over["amount"])+" for "+plain(over["money"]))
	if err := st.checkPosted("initech", "0.000000 usd"); err != nil {
		return err
	}
	r, err := st.post("/v1/debits/"+plain(d["id"])+"/reverse", "beyond-1-half", body{"amount": "2", "unit": "usd"})
	if err != nil {
		return err
	}
	over, _ = r["overage"].(map[string]any)
	st.check("given back of it, the last taken first", "2.000000 of the overage", plain(over["amount"])+" of the overage")
	return nil
}

func (st *stage) renew() error {
	st.scene("a month later the period renews, by the calendar of its time zone, and the overage is billed")
	if err := st.advance(st.clock.AddDate(0, 1, 1)); err != nil {
		return err
	}
	if err := st.checkPosted("initech", "20.000000 usd"); err != nil {
		return err
	}
	s, err := st.get("/v1/customers/initech/subscription")
	if err != nil {
		return err
	}
	over, _ := s["overage"].(map[string]any)
	charges, _ := over["charges"].([]any)
	st.check("charges for overage", 1, len(charges))
	return st.reconciled(st.next)
}

func (st *stage) payOverage() error {
	st.scene("initech pays for what it used beyond the plan; that brings no credits")
	state, err := st.payState()
	if err != nil {
		return err
	}
	// Where a payment method is left with the vendor, it has been charged.
	for _, invoice := range state.openInvoices("initech") {
		if _, err := st.controlOf(st.pay.control, "pay", body{"object": invoice, "outcome": "paid"}); err != nil {
			return err
		}
	}
	if err := st.settle(); err != nil {
		return err
	}
	if err := st.eventually("paid at the vendor", "1 for 2.40", func() (any, error) {
		state, err := st.payState()
		if err != nil {
			return nil, err
		}
		return state.paidInvoices("initech"), nil
	}); err != nil {
		return err
	}
	return st.checkPosted("initech", "20.000000 usd")
}
