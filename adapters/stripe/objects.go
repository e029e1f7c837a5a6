package stripe

import (
	"encoding/json"
	"strings"

	stripego "github.com/stripe/stripe-go/v76"

	"scrip/adapters"
	"scrip/core"
)

// The keys of metadata that this adapter writes and reads.
const (
	metaCustomer = "external_id" // the application's customer id
	metaIntent   = "scrip_intent"
	metaGrant    = "scrip_grant"
	metaPurchase = "scrip_purchase"
	metaPack     = "scrip_pack"
	metaCarrier  = "scrip_carrier"  // the application's customer id
	metaOwner    = "scrip_customer" // the same, on a subscription that collects a plan's price
)

// ref is the id of an object, which may come expanded.
type ref string

// UnmarshalJSON reads a string, an object with an id, or null; anything else
// is no reference.
func (r *ref) UnmarshalJSON(b []byte) error {
	*r = ""
	var object struct {
		ID string `json:"id"`
	}
	var text string
	if json.Unmarshal(b, &text) == nil {
		*r = ref(text)
	} else if json.Unmarshal(b, &object) == nil {
		*r = ref(object.ID)
	}
	return nil
}

// meta is metadata; pairs whose value is no string are left out.
type meta map[string]string

// UnmarshalJSON reads an object of strings.
func (m *meta) UnmarshalJSON(b []byte) error {
	*m = nil
	var pairs map[string]json.RawMessage
	if json.Unmarshal(b, &pairs) != nil {
		return nil
	}
	*m = meta{}
	for k, raw := range pairs {
		var v string
		if json.Unmarshal(raw, &v) == nil {
			(*m)[k] = v
		}
	}
	return nil
}

// intent is the id of ours that metadata carry, or "".
func (m meta) intent() core.ID { return intentID(m[metaIntent]) }

// intentID reads an id of an intent, alone or with a step after a colon, as
// idempotency keys have it.
func intentID(text string) core.ID {
	id, _, _ := strings.Cut(text, ":")
	if core.ID(id).Valid(core.IntentID) {
		return core.ID(id)
	}
	return ""
}

type customerObject struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Email    string `json:"email"`
	Deleted  bool   `json:"deleted"`
	Metadata meta   `json:"metadata"`
}

type monetary struct {
	Monetary struct {
		Currency string `json:"currency"`
		Value    int64  `json:"value"`
	} `json:"monetary"`
}

// creditGrant is a billing credit grant (API 2025-02-24.acacia). It has no
// state and no remainder of its own.
type creditGrant struct {
	stripego.APIResource
	ID          string   `json:"id"`
	Amount      monetary `json:"amount"`
	Category    string   `json:"category"`
	Created     int64    `json:"created"`
	Customer    ref      `json:"customer"`
	EffectiveAt *int64   `json:"effective_at"`
	ExpiresAt   *int64   `json:"expires_at"`
	VoidedAt    *int64   `json:"voided_at"`
	Priority    *int     `json:"priority"`
	Metadata    meta     `json:"metadata"`
}

// ended reports whether nothing is left to withdraw at now.
func (g *creditGrant) ended(now core.Time) bool {
	return g.VoidedAt != nil || g.ExpiresAt != nil && seconds(*g.ExpiresAt) <= now
}

// seconds reads the vendor's time.
func seconds(unix int64) core.Time {
	const most = 253402300799 // the year 9999
	return core.Time(min(max(0, unix), most) * 1_000_000)
}

// unix writes a time for the vendor, rounded up to the second: what begins or
// ends there does so no earlier than here.
func unix(t core.Time) int64 { return (int64(t) + 999_999) / 1_000_000 }

// exponent is the number of decimals by which Stripe counts a currency's
// minor unit. It differs from ISO 4217 for a few, among them ISK and UGX, which
// count hundredths to stay compatible, and MGA, which counts whole units.
// Source: docs.stripe.com/currencies.
func exponent(c core.Currency) int {
	const none = " bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf "
	const three = " bhd jod kwd omr tnd "
	switch word := " " + string(c) + " "; {
	case strings.Contains(none, word):
		return 0
	case strings.Contains(three, word):
		return 3
	}
	return 2
}

// carries refuses money that Stripe would count in another minor unit: it
// would be wrong by a factor of a hundred.
func carries(c core.Currency) error {
	if exponent(c) != c.Exponent() {
		return adapters.Errorf(adapters.CodeNotSupported, "the vendor counts %q in another minor unit than ISO 4217, use another currency", string(c))
	}
	return nil
}

// money reads an amount of minor units.
func money(minor int64, code string) (core.Money, error) {
	c, err := core.ParseCurrency(strings.ToLower(code))
	if err == nil {
		err = carries(c)
	}
	if err != nil || minor < 0 || core.Amount(minor) > core.MaxAmount {
		return core.Money{}, adapters.Errorf(adapters.CodeInvalid, "an amount of money cannot be used")
	}
	return core.Money{Minor: core.Amount(minor), Currency: c}, nil
}

// clip cuts a text to what the vendor takes, in characters.
func clip(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most])
}
