package stripe

import (
	"encoding/json"
	"strings"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/sale"
)

// details are what an invoice says of the subscription that it bills.
type details struct {
	Subscription ref  `json:"subscription"`
	Metadata     meta `json:"metadata"`
}

// billed is an invoice of a subscription, in the form of any API version:
// later ones name the subscription below parent.
type billed struct {
	Status       string  `json:"status"`
	Reason       string  `json:"billing_reason"`
	Currency     string  `json:"currency"`
	Paid         *int64  `json:"amount_paid"`
	Total        *int64  `json:"total"`
	ByHand       bool    `json:"paid_out_of_band"`
	Subscription ref     `json:"subscription"`
	Details      details `json:"subscription_details"`
	Parent       struct {
		Details details `json:"subscription_details"`
	} `json:"parent"`
	Lines struct {
		More bool         `json:"has_more"`
		Data []billedLine `json:"data"`
	} `json:"lines"`
}

type billedLine struct {
	Type      string `json:"type"`
	Amount    int64  `json:"amount"`
	Discounts []struct {
		Amount int64 `json:"amount"`
	} `json:"discount_amounts"`
	Period struct {
		Start int64 `json:"start"`
		End   int64 `json:"end"`
	} `json:"period"`
	Proration bool `json:"proration"`
	Parent    struct {
		Type    string `json:"type"`
		Details struct {
			Proration bool `json:"proration"`
		} `json:"subscription_item_details"`
	} `json:"parent"`
	Price struct {
		Recurring struct {
			Usage string `json:"usage_type"`
		} `json:"recurring"`
	} `json:"price"`
}

// licensed reports whether a line is a period's own price: neither consumption,
// which is billed when it is over, nor a part of a period.
func (l *billedLine) licensed() bool {
	item := l.Type == "subscription" || l.Parent.Type == "subscription_item_details"
	return item && l.Price.Recurring.Usage != "metered" && !l.Proration && !l.Parent.Details.Proration && l.Period.End > l.Period.Start
}

// renewal reads an invoice that sells no pack of ours. One of a subscription
// that was paid proves the period that its price is for, which is the latest
// that a line of it has; what else stands on the invoice is no part of that
// price. Where not all was paid with money it proves nothing.
// Source: docs.stripe.com/api/invoices/object, docs.stripe.com/api/invoice-line-item.
func (d *delivered) renewal(e *adapters.Event) error {
	e.Kind, e.Reason = adapters.SystemEvent, "the invoice is for no purchase of ours"
	var x billed
	if e.Type != "invoice.paid" {
		return nil
	}
	if json.Unmarshal(d.Data.Object, &x) != nil {
		return unreadable(e)
	}
	from := x.Details
	if x.Parent.Details.Subscription != "" {
		from = x.Parent.Details
	}
	if from.Subscription == "" {
		from.Subscription = x.Subscription
	}
	switch {
	case from.Subscription == "" || !strings.HasPrefix(x.Reason, "subscription") || from.Metadata[metaCarrier] != "":
		return nil
	case x.Total != nil && *x.Total == 0:
		e.Reason = "nothing was to be paid for the subscription"
		return nil
	}
	var start, minor int64
	for i := range x.Lines.Data {
		if l := &x.Lines.Data[i]; l.licensed() {
			if l.Period.Start > start {
				start, minor = l.Period.Start, 0
			}
			if l.Period.Start == start {
				minor += l.Amount
				for _, less := range l.Discounts {
					minor -= less.Amount
				}
			}
		}
	}
	if start == 0 {
		e.Reason = "the invoice bills no period of a subscription"
		return nil
	}
	if c, err := core.ParseCurrency(strings.ToLower(x.Currency)); err != nil || carries(c) != nil {
		e.Reason = "nothing is sold in this currency"
		return nil
	}
	paid, err := money(minor, x.Currency)
	if err != nil || x.Paid == nil || x.Total == nil {
		return unreadable(e)
	}
	e.Kind, e.Reason, e.Mark, e.Neutral = adapters.RenewalEvent, "", "", from.Metadata[metaOwner]
	e.Renewal = &sale.Renewal{
		Subscription: string(from.Subscription), Start: seconds(start), Paid: paid,
		Settled: x.Status == "paid" && *x.Paid == *x.Total && !x.ByHand && !x.Lines.More,
	}
	return nil
}
