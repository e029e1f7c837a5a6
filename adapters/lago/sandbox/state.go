package sandbox

import (
	"encoding/json"
	"time"
)

// state is everything an account holds, as plain data: a snapshot is its JSON.
// The names in the tags are also those that POST /_sandbox/mutate takes.
type state struct {
	Key          string // signs webhooks; one for the organization
	PrivateKey   string // PEM, made when a webhook needs it
	Customers    table[*customer]
	Wallets      table[*wallet]
	Txns         table[*txn]
	Consumptions table[*consumption]
	Metrics      table[*metric]
	Plans        table[*plan]
	Subs         table[*subscription]
	Events       table[*usageEvent]
	Invoices     table[*invoice]
	Payments     table[*payment]
	Notes        table[*creditNote]
	AddOns       table[*addOn]
	Taxes        table[*tax]
	Jobs         []job

	byWallet map[string][]*txn // made at need
	byOwner  map[string][]*wallet
	calls    map[string]int // in the present second of the wall clock
	second   int64
}

// job is work in the background, done at an instant.
type job struct {
	At     time.Time
	Kind   string
	Object string // what it is about
	TopUp  *topUp
}

// row is an object with an identifier.
type row interface{ key() string }

// table keeps rows in the order of their creation.
type table[T row] struct {
	Rows  []T
	index map[string]T // made at need
}

func (t *table[T]) get(id string) (T, bool) {
	if t.index == nil {
		t.index = make(map[string]T, len(t.Rows))
		for _, x := range t.Rows {
			t.index[x.key()] = x
		}
	}
	x, ok := t.index[id]
	return x, ok
}

func (t *table[T]) add(x T) T {
	t.get("")
	t.Rows = append(t.Rows, x)
	t.index[x.key()] = x
	return x
}

func (t *table[T]) remove(id string) {
	for i, x := range t.Rows {
		if x.key() == id {
			t.Rows = append(t.Rows[:i:i], t.Rows[i+1:]...)
			delete(t.index, id)
			return
		}
	}
}

// pair is one metadata entry of a transaction, an invoice or a rule.
type pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// method names how something is paid.
type method struct {
	ID   *string `json:"payment_method_id"`
	Type string  `json:"payment_method_type"`
}

type customer struct {
	ID       string     `json:"lago_id"`
	External string     `json:"external_id"`
	Sequence int        `json:"sequential_id"`
	Created  time.Time  `json:"created_at"`
	Updated  time.Time  `json:"updated_at"`
	Deleted  *time.Time `json:"deleted_at"`
	Flagged  *time.Time `json:"flagged_at"` // since when ongoing balances want a refresh
	LastBill int        `json:"invoices"`   // sequence of its last invoice
	Attrs    attributes `json:"attributes"`
	Metadata []noted    `json:"metadata"`
	TaxCodes []string   `json:"tax_codes"`
	Sections bool       `json:"skip_invoice_custom_sections"`
}

// attributes are the texts and numbers of a customer, by the names that the
// API gives them; what is never set is null.
type attributes map[string]json.RawMessage

// noted is one metadata entry of a customer.
type noted struct {
	ID      string    `json:"lago_id"`
	Key     string    `json:"key"`
	Value   string    `json:"value"`
	Display bool      `json:"display_in_invoice"`
	Created time.Time `json:"created_at"`
}

type wallet struct {
	ID              string             `json:"lago_id"`
	Customer        string             `json:"lago_customer_id"`
	Status          string             `json:"status"`
	Currency        string             `json:"currency"`
	Name            *string            `json:"name"`
	Code            string             `json:"code"`
	Order           *string            `json:"purchase_order_number"`
	Entity          string             `json:"billing_entity_code"`
	Rate            dec                `json:"rate_amount"`
	Credits         dec                `json:"credits_balance"`
	Balance         int64              `json:"balance_cents"`
	Usage           int64              `json:"ongoing_usage_balance_cents"`
	UsageCredits    dec                `json:"credits_ongoing_usage_balance"`
	Ongoing         int64              `json:"ongoing_balance_cents"`
	OngoingCredits  dec                `json:"credits_ongoing_balance"`
	Consumed        dec                `json:"consumed_credits"`
	ConsumedCents   int64              `json:"consumed_amount_cents"`
	Created         time.Time          `json:"created_at"`
	Expiration      *time.Time         `json:"expiration_at"`
	LastSync        *time.Time         `json:"last_balance_sync_at"`
	LastConsumed    *time.Time         `json:"last_consumed_credit_at"`
	Terminated      *time.Time         `json:"terminated_at"`
	RequiresPayment bool               `json:"invoice_requires_successful_payment"`
	Min             *int64             `json:"paid_top_up_min_amount_cents"`
	Max             *int64             `json:"paid_top_up_max_amount_cents"`
	Priority        int                `json:"priority"`
	FeeTypes        []string           `json:"allowed_fee_types"`
	Metrics         []string           `json:"billable_metric_codes"`
	Rules           []*rule            `json:"recurring_transaction_rules"`
	Metadata        map[string]*string `json:"metadata"` // nil for none
	Method          method             `json:"payment_method"`
	Traceable       bool               `json:"traceable"`
}

// rule tops a wallet up by itself.
type rule struct {
	ID              string     `json:"lago_id"`
	Trigger         string     `json:"trigger"`
	Method          string     `json:"method"`
	Interval        *string    `json:"interval"`
	Paid            dec        `json:"paid_credits"`
	Granted         dec        `json:"granted_credits"`
	Threshold       dec        `json:"threshold_credits"`
	Target          *dec       `json:"target_ongoing_balance"`
	GrantsTarget    bool       `json:"grants_target_top_up"`
	Started         *time.Time `json:"started_at"`
	Expiration      *time.Time `json:"expiration_at"`
	Fired           *time.Time `json:"fired_at"`
	Status          string     `json:"status"`
	Created         time.Time  `json:"created_at"`
	RequiresPayment bool       `json:"invoice_requires_successful_payment"`
	IgnoreLimits    bool       `json:"ignore_paid_top_up_limits"`
	Metadata        []pair     `json:"transaction_metadata"`
	Name            *string    `json:"transaction_name"`
	Order           *string    `json:"purchase_order_number"`
	Payment         method     `json:"payment_method"`
}

type txn struct {
	ID              string     `json:"lago_id"`
	Wallet          string     `json:"lago_wallet_id"`
	Invoice         *string    `json:"lago_invoice_id"`
	Note            *string    `json:"lago_credit_note_id"`
	VoidedInvoice   *string    `json:"lago_voided_invoice_id"`
	Status          string     `json:"status"`
	Source          string     `json:"source"`
	Kind            string     `json:"transaction_status"`
	Type            string     `json:"transaction_type"`
	Cents           int64      `json:"amount_cents"`
	Credits         dec        `json:"credit_amount"`
	Remaining       int64      `json:"remaining_amount_cents"` // kept for every wallet, shown for traceable ones
	Priority        int        `json:"priority"`
	Order           *string    `json:"purchase_order_number"`
	Settled         *time.Time `json:"settled_at"`
	Failed          *time.Time `json:"failed_at"`
	Created         time.Time  `json:"created_at"`
	RequiresPayment bool       `json:"invoice_requires_successful_payment"`
	Metadata        []pair     `json:"metadata"`
	Name            *string    `json:"name"`
	Method          method     `json:"payment_method"`
}

// consumption says which grant served what was taken.
type consumption struct {
	ID       string
	Inbound  string
	Outbound string
	Cents    int64
	Created  time.Time
}

// kinds, states and sources as the API writes them.
const (
	active     = "active"
	terminated = "terminated"
	pending    = "pending"
	settled    = "settled"
	failed     = "failed"
	succeeded  = "succeeded"
	purchased  = "purchased"
	granted    = "granted"
	voided     = "voided"
	invoiced   = "invoiced"
	inbound    = "inbound"
	outbound   = "outbound"
	manual     = "manual"
	interval   = "interval"
	threshold  = "threshold"
	fixed      = "fixed"
	target     = "target"
	draft      = "draft"
	open       = "open"
	finalized  = "finalized"
)

func (x *customer) key() string     { return x.ID }
func (x *wallet) key() string       { return x.ID }
func (x *txn) key() string          { return x.ID }
func (x *consumption) key() string  { return x.ID }
func (x *metric) key() string       { return x.ID }
func (x *plan) key() string         { return x.ID }
func (x *subscription) key() string { return x.ID }
func (x *usageEvent) key() string   { return x.ID }
func (x *invoice) key() string      { return x.ID }
func (x *payment) key() string      { return x.ID }
func (x *creditNote) key() string   { return x.ID }
func (x *addOn) key() string        { return x.ID }
func (x *tax) key() string          { return x.ID }
