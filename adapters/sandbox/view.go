package sandbox

import "time"

// State is the answer of GET /_sandbox/state, the same for every vendor.
type State struct {
	Now       string         `json:"now"`
	Customers []Customer     `json:"customers"`
	Calls     map[string]int `json:"calls"`
}

// Customer is one customer as a sandbox shows it. Consumed is the sum of what
// was counted as usage, in the vendor's own meter unit.
type Customer struct {
	ID         string            `json:"id"`
	ExternalID string            `json:"external_id"`
	Grants     []Grant           `json:"grants"`
	Consumed   string            `json:"consumed"`
	Meters     map[string]string `json:"meters,omitempty"`
	Invoices   []Invoice         `json:"invoices"`
}

// Grant is one credit of a customer. Amount and Remaining are decimal strings
// in Unit: major units where the unit is a currency.
type Grant struct {
	ID          string            `json:"id"`
	Amount      string            `json:"amount"`
	Remaining   string            `json:"remaining"`
	Unit        string            `json:"unit"`
	EffectiveAt *string           `json:"effective_at"`
	ExpiresAt   *string           `json:"expires_at"`
	Priority    *int              `json:"priority"`
	Category    string            `json:"category"`
	Metadata    map[string]string `json:"metadata"`
	State       string            `json:"state"`
}

// Invoice is one invoice of a customer; Total and Paid are decimal strings in
// major units of the currency.
type Invoice struct {
	ID       string            `json:"id"`
	Status   string            `json:"status"`
	Currency string            `json:"currency"`
	Total    string            `json:"total"`
	Paid     string            `json:"paid"`
	PayURL   string            `json:"pay_url,omitempty"`
	Metadata map[string]string `json:"metadata"`
}

// Stamp writes an instant as all sandboxes do: RFC 3339 in UTC.
func Stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
