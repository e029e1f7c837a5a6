package sandbox

import (
	"encoding/json"
	"time"
)

// state is everything an account holds, as plain data: a snapshot is its JSON.
// The names in the tags are also those that POST /_sandbox/mutate takes.
type state struct {
	Units     []unit
	Customers table[*customer]
	Ledgers   table[*ledger]
	Invoices  table[*invoice]
	TopUps    table[*topUp]
	Alerts    table[*alert]
	Txns      table[*balanceTxn]
	Items     table[*item]
	Notes     table[*creditNote]
	Events    table[*usageEvent]
	Blocks    map[string]string // ledger of each block

	zones map[string]*time.Location // made at need
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

// unit is a custom pricing unit; Orb makes them in its app alone.
type unit struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type address struct {
	Line1      *string `json:"line1"`
	Line2      *string `json:"line2"`
	City       *string `json:"city"`
	State      *string `json:"state"`
	PostalCode *string `json:"postal_code"`
	Country    *string `json:"country"`
}

type customer struct {
	ID               string            `json:"id"`
	Created          time.Time         `json:"created_at"`
	ExternalID       *string           `json:"external_customer_id"`
	Name             string            `json:"name"`
	Email            string            `json:"email"`
	Timezone         string            `json:"timezone"`
	Currency         *string           `json:"currency"`
	Metadata         map[string]string `json:"metadata"`
	Provider         *string           `json:"payment_provider"`
	ProviderID       *string           `json:"payment_provider_id"`
	AutoCollection   bool              `json:"auto_collection"`
	AutoIssuance     *bool             `json:"auto_issuance"`
	EmailDelivery    bool              `json:"email_delivery"`
	AdditionalEmails []string          `json:"additional_emails"`
	Shipping         *address          `json:"shipping_address"`
	Billing          *address          `json:"billing_address"`
	TaxID            json.RawMessage   `json:"tax_id"`
	Balance          amount            `json:"balance"`
	DeletedAt        *time.Time        `json:"deleted_at"`
}

// ledger is one customer's blocks and history in one unit.
type ledger struct {
	Customer string
	Unit     string
	Balance  amount
	Sequence int64
	Blocks   []*block
	Entries  []*entry
}

type filter struct {
	Field    string   `json:"field"`
	Operator string   `json:"operator"`
	Values   []string `json:"values"`
}

type block struct {
	ID        string            `json:"id"`
	Recorded  int64             `json:"recorded"` // order of creation
	Balance   amount            `json:"balance"`
	Initial   *amount           `json:"maximum_initial_balance"`
	Effective *time.Time        `json:"effective_date"`
	Expiry    *time.Time        `json:"expiry_date"`
	Basis     *string           `json:"per_unit_cost_basis"`
	Status    string            `json:"status"`
	Filters   []filter          `json:"filters"`
	Source    string            `json:"credit_block_source"`
	Metadata  map[string]string `json:"metadata"`
	Expired   bool              `json:"expired"`
	Voided    bool              `json:"voided"`
	Debt      bool              `json:"debt"` // holds what was spent beyond all blocks
	Invoices  []string          `json:"invoices"`
	TopUp     string            `json:"top_up"`
	Root      string            `json:"root"` // the block it was split from, its own id for none
}

type entry struct {
	ID          string            `json:"id"`
	Sequence    int64             `json:"ledger_sequence_number"`
	Status      string            `json:"entry_status"`
	Type        string            `json:"entry_type"`
	Created     time.Time         `json:"created_at"`
	Amount      amount            `json:"amount"`
	Delta       amount            `json:"delta"` // what it adds to the balance
	Start       amount            `json:"starting_balance"`
	End         amount            `json:"ending_balance"`
	Description *string           `json:"description"`
	Metadata    map[string]string `json:"metadata"`
	Block       string            `json:"block"`
	BlockExpiry *time.Time        `json:"block_expiry_date"`
	BlockBasis  *string           `json:"block_cost_basis"`
	Filters     []filter          `json:"block_filters"`
	NewExpiry   *time.Time        `json:"new_block_expiry_date"`
	Reason      *string           `json:"void_reason"`
	Invoices    []string          `json:"created_invoices"`
}

type invoice struct {
	ID             string     `json:"id"`
	Number         string     `json:"invoice_number"`
	Customer       string     `json:"customer"`
	Block          string     `json:"block"`
	Created        time.Time  `json:"created_at"`
	Date           time.Time  `json:"invoice_date"`
	Due            *time.Time `json:"due_date"`
	IssuedAt       *time.Time `json:"issued_at"`
	PaidAt         *time.Time `json:"paid_at"`
	VoidedAt       *time.Time `json:"voided_at"`
	FailedAt       *time.Time `json:"payment_failed_at"`
	StartedAt      *time.Time `json:"payment_started_at"`
	Status         string     `json:"status"`
	Currency       string     `json:"currency"`
	Total          amount     `json:"total"`
	Memo           *string    `json:"memo"`
	AutoCollection bool       `json:"auto_collection"`
	MarkAsPaid     bool       `json:"mark_as_paid"`
	PayURL         string     `json:"hosted_invoice_url"`
	Attempts       []attempt  `json:"payment_attempts"`
}

type attempt struct {
	ID        string    `json:"id"`
	Created   time.Time `json:"created_at"`
	Succeeded bool      `json:"succeeded"`
}

type topUp struct {
	ID          string     `json:"id"`
	Ledger      string     `json:"ledger"`
	Threshold   amount     `json:"threshold"`
	Amount      amount     `json:"amount"`
	Basis       string     `json:"per_unit_cost_basis"`
	Collect     bool       `json:"auto_collection"`
	NetTerms    int        `json:"net_terms"`
	Memo        *string    `json:"memo"`
	MustPay     bool       `json:"require_successful_payment"`
	ExpireAfter *int       `json:"expires_after"`
	ExpireUnit  *string    `json:"expires_after_unit"`
	ActiveFrom  *time.Time `json:"active_from"`
}

type alert struct {
	ID         string    `json:"id"`
	Created    time.Time `json:"created_at"`
	Ledger     string    `json:"ledger"`
	Type       string    `json:"type"`
	Enabled    bool      `json:"enabled"`
	Thresholds []amount  `json:"thresholds"`
	In         []bool    `json:"in_alert"`
}

type balanceTxn struct {
	ID          string    `json:"id"`
	Customer    string    `json:"customer"`
	Created     time.Time `json:"created_at"`
	Type        string    `json:"type"`
	Amount      amount    `json:"amount"`
	Start       amount    `json:"starting_balance"`
	End         amount    `json:"ending_balance"`
	Description *string   `json:"description"`
}

type item struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Created  time.Time         `json:"created_at"`
	Metadata map[string]string `json:"metadata"`
}

type creditNote struct {
	ID      string    `json:"id"`
	Number  string    `json:"credit_note_number"`
	Created time.Time `json:"created_at"`
	Invoice string    `json:"invoice_id"`
	Total   amount    `json:"total"`
}

type usageEvent struct {
	Key        string          `json:"idempotency_key"`
	Name       string          `json:"event_name"`
	Customer   *string         `json:"customer_id"`
	External   *string         `json:"external_customer_id"`
	Timestamp  time.Time       `json:"timestamp"`
	Properties json.RawMessage `json:"properties"`
	Received   time.Time       `json:"received"`
	Deprecated bool            `json:"deprecated"`
}

func (x *customer) key() string   { return x.ID }
func (x *ledger) key() string     { return x.Customer + "/" + x.Unit }
func (x *block) key() string      { return x.ID }
func (x *entry) key() string      { return x.ID }
func (x *invoice) key() string    { return x.ID }
func (x *topUp) key() string      { return x.ID }
func (x *alert) key() string      { return x.ID }
func (x *balanceTxn) key() string { return x.ID }
func (x *item) key() string       { return x.ID }
func (x *creditNote) key() string { return x.ID }
func (x *usageEvent) key() string { return x.Key }
