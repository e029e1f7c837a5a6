package lago

import (
	"encoding/json"
	"strings"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// The keys of metadata that this adapter writes and reads; a transaction's may
// have 20 characters, their values 100. Source: lago-api,
// app/validators/metadata_validator.rb.
const (
	metaIntent   = "scrip_intent"
	metaGrant    = "scrip_grant"    // on all that moves a grant's value
	metaWindow   = "scrip_window"   // on consumption and on what comes back of it, and on nothing else
	metaPurchase = "scrip_purchase" // on an invoice
	metaTotal    = "scrip_total"    // on consumption: cents of the whole order, which may take several voids
	maxValue     = 100
)

// pair is one entry of metadata.
type pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	ID    string `json:"id,omitempty"`                 // of a customer's alone, when it is changed
	Named string `json:"lago_id,omitempty"`            // the same, as it is listed
	Shown *bool  `json:"display_in_invoice,omitempty"` // of a customer's alone
}

// pairs is metadata as Lago lists it.
type pairs []pair

// UnmarshalJSON reads a list of pairs; what is none is left out.
func (p *pairs) UnmarshalJSON(b []byte) error {
	*p = nil
	var list []json.RawMessage
	if json.Unmarshal(b, &list) != nil {
		return nil
	}
	for _, raw := range list {
		var one pair
		if json.Unmarshal(raw, &one) == nil {
			*p = append(*p, one)
		}
	}
	return nil
}

func (p pairs) get(key string) string {
	for _, one := range p {
		if one.Key == key {
			return one.Value
		}
	}
	return ""
}

// intent is the id of ours that metadata carry, or "".
func (p pairs) intent() core.ID {
	if id := core.ID(p.get(metaIntent)); id.Valid(core.IntentID) {
		return id
	}
	return ""
}

// notes makes metadata of keys and values in turn; empty values are left out,
// which Lago would refuse.
func notes(texts ...string) pairs {
	var out pairs
	for i := 0; i+1 < len(texts); i += 2 {
		if texts[i+1] != "" {
			out = append(out, pair{Key: texts[i], Value: clip(texts[i+1], maxValue)})
		}
	}
	return out
}

type customer struct {
	ID       string     `json:"lago_id"`
	External string     `json:"external_id"`
	Name     string     `json:"name"`
	Email    string     `json:"email"`
	Created  *time.Time `json:"created_at"`
	Metadata pairs      `json:"metadata"`
}

// wallet is a wallet. One that is terminated keeps its balance, which nobody
// can spend any more.
type wallet struct {
	ID       string     `json:"lago_id"`
	Customer string     `json:"external_customer_id"`
	Status   string     `json:"status"`
	Currency string     `json:"currency"`
	Code     string     `json:"code"`
	Balance  *int64     `json:"balance_cents"`
	Expires  *time.Time `json:"expiration_at"`
	Moved    *time.Time `json:"last_balance_sync_at"`
	Created  *time.Time `json:"created_at"`
}

func (w *wallet) active() bool { return w.Status == "active" }

// ours reports whether this adapter made the wallet.
func (w *wallet) ours() bool { return strings.HasPrefix(w.Code, codePrefix) }

// expires is when the wallet does, or never.
func (w *wallet) expires() core.Time {
	if w.Expires == nil {
		return core.Never
	}
	return core.TimeOf(*w.Expires)
}

// transaction is a movement of a wallet. What remains is told of settled
// inbound ones in traceable wallets.
type transaction struct {
	ID       string       `json:"lago_id"`
	Wallet   string       `json:"lago_wallet_id"`
	Status   string       `json:"status"`
	Kind     string       `json:"transaction_status"` // purchased, granted, voided, invoiced
	Type     string       `json:"transaction_type"`   // inbound, outbound
	Amount   rest.Decimal `json:"amount"`             // of money, in whole units
	Credits  rest.Decimal `json:"credit_amount"`
	Left     *int64       `json:"remaining_amount_cents"`
	Priority int          `json:"priority"`
	Created  *time.Time   `json:"created_at"`
	Metadata pairs        `json:"metadata"`
}

func (t *transaction) inbound() bool { return t.Type == "inbound" }

func (t *transaction) settled() bool { return t.Status == "settled" }

// madeBy reports whether the intent made the transaction.
func (t *transaction) madeBy(intent core.ID) bool {
	return intent != "" && t.Metadata.get(metaIntent) == string(intent)
}

// cents is the size of a movement in parts of 10^-scale.
func (t *transaction) cents(scale int) (int64, error) {
	n, ok := t.Amount.Parts(scale)
	if !ok || n < 0 || t.ID == "" {
		return 0, adapters.Errorf(adapters.CodeBadAnswer, "a transaction of a wallet has an amount that cannot be used")
	}
	return n, nil
}

// earlier orders transactions by time, then by id, since times are whole seconds.
func earlier(a, b transaction) int {
	if a.Created != nil && b.Created != nil && !a.Created.Equal(*b.Created) {
		return a.Created.Compare(*b.Created)
	}
	return strings.Compare(a.ID, b.ID)
}

// carries refuses a holding that is no money, or not counted in its minor unit.
func carries(scale int, unit string) error {
	currency, err := core.ParseCurrency(unit)
	if err != nil {
		return adapters.Errorf(adapters.CodeInvalid, "the vendor holds money, %.16q is no currency", unit)
	}
	if scale != currency.Exponent() {
		return adapters.Errorf(adapters.CodeInvalid, "the order counts in %d decimals, %s has %d", scale, unit, currency.Exponent())
	}
	return nil
}

// clip cuts a text to what the vendor takes, in characters.
func clip(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most])
}

// timeOf is the core's time of a vendor's that may be missing.
func timeOf(t *time.Time) core.Time {
	if t == nil {
		return 0
	}
	return core.TimeOf(*t)
}

// upper is a currency as Lago writes it.
func upper(c core.Currency) string { return strings.ToUpper(string(c)) }
