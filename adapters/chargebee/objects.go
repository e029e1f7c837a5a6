package chargebee

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// The keys of metadata that this adapter writes and reads.
const (
	metaIntent    = "scrip_intent"
	metaGrant     = "scrip_grant"
	metaWindow    = "scrip_window" // on consumption alone
	metaWithdrawn = "withdrawn"    // on what ends a grant, and names it
	metaExternal  = "external_id"  // on a customer: the application's id
)

const (
	finest   = 10  // decimals of an amount that the ledger keeps
	maxID    = 50  // characters of an id that we choose
	maxText  = 250 // of a company or a description
	pageSize = 100 // the most that a list gives at once
	maxPages = 200 // that one call of ours walks

	// farAway stands for never, since every block expires: 2200-01-01.
	farAway = int64(7_258_118_400)
	// earliest is the first time that filters take: they want ten digits.
	earliest = int64(1_000_000_000)
	second   = core.Time(1_000_000)
)

type customerObject struct {
	ID      string     `json:"id"`
	First   string     `json:"first_name"`
	Last    string     `json:"last_name"`
	Company string     `json:"company"`
	Email   string     `json:"email"`
	Deleted bool       `json:"deleted"`
	Meta    rest.Texts `json:"meta_data"`
}

// neutral is the application's id of the customer.
func (c *customerObject) neutral() string {
	if id := c.Meta[metaExternal]; id != "" {
		return id
	}
	return c.ID
}

type subscriptionObject struct {
	ID       string `json:"id"`
	Customer string `json:"customer_id"`
	Status   string `json:"status"`
	Deleted  bool   `json:"deleted"`
}

type block struct {
	ID       string       `json:"id"`
	Unit     string       `json:"unit_id"`
	Granted  rest.Decimal `json:"granted_amount"`
	Balance  rest.Decimal `json:"balance"`
	From     int64        `json:"effective_from"`
	Expires  int64        `json:"expires_at"`
	Metadata rest.Texts   `json:"metadata"`
}

// serves reports whether the block can be drawn on at an instant.
func (b *block) serves(now core.Time) bool { return b.From <= unix(now) && unix(now) < b.Expires }

type operation struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Unit     string       `json:"unit_id"`
	Amount   rest.Decimal `json:"amount"`
	Metadata rest.Texts   `json:"metadata"`
}

type invoiceObject struct {
	ID       string `json:"id"`
	Customer string `json:"customer_id"`
	Status   string `json:"status"`
	Currency string `json:"currency_code"`
	Total    *int64 `json:"total"`
	Due      *int64 `json:"amount_due"`
	Paid     *int64 `json:"amount_paid"`
	Credits  int64  `json:"credits_applied"`
	PO       string `json:"po_number"`
	Lines    []struct {
		Type         string `json:"entity_type"`
		Subscription string `json:"subscription_id"`
		From         int64  `json:"date_from"`
		Amount       int64  `json:"amount"`
		Discount     int64  `json:"discount_amount"`
	} `json:"line_items"`
}

// marks are the purchase and the intent that a sale of ours wrote down.
func (x *invoiceObject) marks() (purchase, intent core.ID) {
	for _, word := range strings.Fields(x.PO) {
		switch id := core.ID(word); {
		case id.Valid(core.PurchaseID):
			purchase = id
		case id.Valid(core.IntentID):
			intent = id
		}
	}
	return purchase, intent
}

type transactionObject struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Status   string `json:"status"`
	Amount   *int64 `json:"amount"`
	Currency string `json:"currency_code"`
}

// intentOf is the id of ours that metadata carry, or "".
func intentOf(m rest.Texts) core.ID {
	if id := core.ID(m[metaIntent]); id.Valid(core.IntentID) {
		return id
	}
	return ""
}

// vendorID is the application's id of a customer as the vendor's own: the same
// where it fits, else a hash.
func vendorID(id string) string {
	if len(id) <= maxID {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "scrip-" + hex.EncodeToString(sum[:20])
}

// carrierID is the id of the one subscription that we make for a customer.
func carrierID(customer string) string { return vendorID("scrip-" + customer) }

// carries refuses a holding that cannot be written exactly.
func carries(h adapters.Holding) error {
	switch {
	case h.Unit == "":
		return adapters.Errorf(adapters.CodeInvalid, "the order names no credit unit, map the unit to one of the vendor's")
	case h.Scale < 0 || h.Scale > finest:
		return adapters.Errorf(adapters.CodeInvalid, "the order counts in %d decimals, the vendor keeps at most %d", h.Scale, finest)
	case h.Quanta < 0:
		return adapters.Errorf(adapters.CodeInvalid, "the order is of %d parts, below zero", h.Quanta)
	}
	return nil
}

// decimal writes a holding as the vendor reads it.
func decimal(h adapters.Holding) string { return core.Amount(h.Quanta).Format(h.Scale) }

// unix is a time in whole seconds, rounded down.
func unix(t core.Time) int64 { return t.Std().Unix() }

// unixUp is a time in whole seconds, rounded up.
func unixUp(t core.Time) int64 {
	if t > core.Never-second {
		return farAway
	}
	return unix(t + second - 1)
}

// clip cuts a text to what the vendor takes, in characters.
func clip(s string, most int) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most])
	}
	return s
}

// list reads one page: the objects of a name, and the offset of the next page.
func list[T any](ctx context.Context, a *Adapter, path, name string, q url.Values) (items []T, next string, err error) {
	var p struct {
		List *[]map[string]json.RawMessage `json:"list"`
		Next string                        `json:"next_offset"`
	}
	if err := a.api.Get(ctx, path, q, &p); err != nil {
		return nil, "", err
	}
	bad := adapters.Errorf(adapters.CodeBadAnswer, "the answer is not a page of a list")
	if p.List == nil || p.Next != "" && p.Next == q.Get("offset") {
		return nil, "", bad
	}
	for _, entry := range *p.List {
		var x T
		if json.Unmarshal(entry[name], &x) != nil {
			return nil, "", bad
		}
		items = append(items, x)
	}
	return items, p.Next, nil
}

// each walks a list until visit says stop. One that does not end within bounds
// is an error: what was not seen is not known.
func each[T any](ctx context.Context, a *Adapter, path, name string, q url.Values, visit func(*T) (stop bool)) error {
	q.Set("limit", strconv.Itoa(pageSize))
	for range maxPages {
		items, next, err := list[T](ctx, a, path, name, q)
		if err != nil {
			return err
		}
		for i := range items {
			if visit(&items[i]) {
				return nil
			}
		}
		if next == "" {
			return nil
		}
		q.Set("offset", next)
	}
	return adapters.Errorf(adapters.CodeBadAnswer, "the list has no end within %d pages", maxPages)
}

// pageOf is the query of a page that the caller asks for.
func pageOf(p adapters.Page) url.Values {
	n := p.Limit
	if n <= 0 || n > pageSize {
		n = pageSize
	}
	q := url.Values{"limit": {strconv.Itoa(n)}}
	if p.Cursor != "" {
		q.Set("offset", p.Cursor)
	}
	return q
}

// blocks walks a customer's blocks, of all units where unit is "".
func (a *Adapter) blocks(ctx context.Context, customer, unit string, visit func(*block) (stop bool)) error {
	q := url.Values{"subscription_id[is]": {carrierID(customer)}, "account_type[is]": {"provisioned"}}
	if unit != "" {
		q.Set("unit_id[is]", unit)
	}
	return each(ctx, a, "/grant_blocks", "grant_block", q, visit)
}
