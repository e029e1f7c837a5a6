package sandbox

import "encoding/json"

// state is everything an account holds, as plain data: a snapshot is its JSON.
// The names in the tags are also those that POST /_sandbox/mutate takes. Times
// are unix seconds.
type state struct {
	Site          site
	Version       int64 // the last resource_version given
	Customers     table[*customer]
	Subscriptions table[*subscription]
	Units         table[*creditUnit]
	Accounts      table[*account]
	Operations    table[*operation]
	Held          []string // authorizations that hold something
	Invoices      table[*invoice]
	Transactions  table[*transaction]
	Notes         table[*creditNote]
	Promotions    table[*promotion]
	Families      table[*family]
	Items         table[*item]
	Prices        table[*price]
	Events        table[*event]
	Usage         table[*usage]
}

// site is what a person sets for the whole site.
type site struct {
	CallsPerMinute int   `json:"calls_per_minute"` // 0: no limit
	Minute         int64 `json:"minute"`           // the wall minute that is counted
	Calls          int   `json:"calls"`            // made in it
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

// stamps are when an object was made and changed, and the milliseconds by which
// its versions are ordered.
type stamps struct {
	Created int64 `json:"created_at"`
	Updated int64 `json:"updated_at"`
	Version int64 `json:"resource_version"`
}

type customer struct {
	stamps
	ID             string            `json:"id"`
	Texts          map[string]string `json:"texts"` // first_name, email, and what else is a plain text
	AutoCollection string            `json:"auto_collection"`
	NetTerms       int64             `json:"net_term_days"`
	DirectDebit    bool              `json:"allow_direct_debit"`
	Meta           json.RawMessage   `json:"meta_data"`
	Billing        map[string]string `json:"billing_address"`
	Promotional    map[string]int64  `json:"promotional_credits"` // minor units by currency
	Deleted        bool              `json:"deleted"`
}

type subscription struct {
	stamps
	ID             string          `json:"id"`
	Customer       string          `json:"customer_id"`
	Status         string          `json:"status"`
	Currency       string          `json:"currency_code"`
	Items          []subItem       `json:"subscription_items"`
	Period         int64           `json:"billing_period"`
	PeriodUnit     string          `json:"billing_period_unit"`
	TermStart      int64           `json:"current_term_start"`
	TermEnd        int64           `json:"current_term_end"`
	CancelledAt    int64           `json:"cancelled_at"`
	AutoCollection string          `json:"auto_collection"`
	Meta           json.RawMessage `json:"meta_data"`
	Deleted        bool            `json:"deleted"`
}

type subItem struct {
	Price    string `json:"item_price_id"`
	Type     string `json:"item_type"`
	Quantity int64  `json:"quantity"`
	Unit     int64  `json:"unit_price"`
}

func (x subItem) amount() int64 { return x.Unit * x.Quantity }

type creditUnit struct {
	stamps
	ID        string  `json:"id"`
	Name      string  `json:"name"`
	External  string  `json:"external_name"`
	Status    string  `json:"status"`
	Unlimited bool    `json:"is_unlimited"`
	Overdraft *amount `json:"overdraft_amount"`
}

// account is the ledger of one unit under one subscription.
type account struct {
	stamps
	Subscription string   `json:"subscription_id"`
	Unit         string   `json:"unit_id"`
	Blocks       []*block `json:"blocks"`
}

type block struct {
	stamps
	ID         string          `json:"id"`
	Overdraft  bool            `json:"overdraft"` // of the overdraft account
	Granted    amount          `json:"granted_amount"`
	Balance    amount          `json:"balance"`
	Hold       amount          `json:"hold_amount"`
	Used       amount          `json:"used_amount"`
	Expired    amount          `json:"expired_amount"`
	RolledOver amount          `json:"rolled_over_amount"`
	Voided     amount          `json:"voided_amount"`
	From       int64           `json:"effective_from"`
	Expires    int64           `json:"expires_at"`
	Source     string          `json:"grant_source"`
	Ended      bool            `json:"ended"` // what it held has expired
	Meta       json.RawMessage `json:"metadata"`
}

type operation struct {
	stamps
	ID           string          `json:"id"`
	Subscription string          `json:"subscription_id"`
	Unit         string          `json:"unit_id"`
	Type         string          `json:"type"`
	Amount       amount          `json:"amount"`
	Start        totals          `json:"start"`
	End          totals          `json:"end"`
	Parent       string          `json:"parent_ledger_operation_id"`
	Timestamp    int64           `json:"ledger_operation_timestamp"`
	AutoRelease  int64           `json:"auto_release_timestamp"`
	Meta         json.RawMessage `json:"metadata"`
	Entries      []entry         `json:"entries"`
	Holds        []held          `json:"holds"` // what an authorization still holds
}

// totals are the balances of both accounts, held parts included.
type totals struct{ Provisioned, Overdraft amount }

// held is a part of a block that an authorization holds.
type held struct {
	Block  string
	Amount amount
}

type entry struct {
	ID           string
	Created      int64
	Overdraft    bool
	Type         string
	Amount       amount
	Block        string
	BlockStart   amount
	BlockEnd     amount
	AccountStart amount
	AccountEnd   amount
}

type invoice struct {
	stamps
	ID        string   `json:"id"`
	Customer  string   `json:"customer_id"`
	Sub       string   `json:"subscription_id"`
	Status    string   `json:"status"`
	Currency  string   `json:"currency_code"`
	Recurring bool     `json:"recurring"`
	Date      int64    `json:"date"`
	Due       int64    `json:"due_date"`
	NetTerms  int64    `json:"net_term_days"`
	Total     int64    `json:"total"`
	Paid      int64    `json:"amount_paid"`
	Credits   int64    `json:"credits_applied"`
	Adjusted  int64    `json:"amount_adjusted"`
	PaidAt    int64    `json:"paid_at"`
	VoidedAt  int64    `json:"voided_at"`
	Lines     []line   `json:"line_items"`
	Payments  []string `json:"payments"` // transactions
	Note      string   `json:"note"`
	PO        string   `json:"po_number"`
	Deleted   bool     `json:"deleted"`
}

func (x *invoice) due() int64 {
	if x.Status == voided {
		return 0
	}
	return x.Total - x.Paid - x.Credits - x.Adjusted
}

type line struct {
	ID          string
	Description string
	Type        string // adhoc, or what kind of item price
	Price       string
	Unit        int64
	Quantity    int64
	From, To    int64
}

type transaction struct {
	stamps
	ID        string `json:"id"`
	Customer  string `json:"customer_id"`
	Sub       string `json:"subscription_id"`
	Type      string `json:"type"`
	Method    string `json:"payment_method"`
	Gateway   string `json:"gateway"`
	Reference string `json:"reference_number"`
	Status    string `json:"status"`
	Currency  string `json:"currency_code"`
	Amount    int64  `json:"amount"`
	Applied   int64  `json:"applied_amount"`
	Invoice   string `json:"invoice_id"`
	Note      string `json:"credit_note_id"`
	Refunds   string `json:"refunded_txn_id"`
	ErrorCode string `json:"error_code"`
	ErrorText string `json:"error_text"`
}

type creditNote struct {
	stamps
	ID       string `json:"id"`
	Customer string `json:"customer_id"`
	Sub      string `json:"subscription_id"`
	Invoice  string `json:"reference_invoice_id"`
	Type     string `json:"type"`
	Status   string `json:"status"`
	Reason   string `json:"reason_code"`
	Currency string `json:"currency_code"`
	Total    int64  `json:"total"`
	Refunded int64  `json:"amount_refunded"`
}

type promotion struct {
	ID          string `json:"id"`
	Created     int64  `json:"created_at"`
	Customer    string `json:"customer_id"`
	Type        string `json:"type"`
	Amount      int64  `json:"amount"`
	Currency    string `json:"currency_code"`
	Description string `json:"description"`
	Credit      string `json:"credit_type"`
	Reference   string `json:"reference"`
	Closing     int64  `json:"closing_balance"`
}

type family struct {
	stamps
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

type item struct {
	stamps
	ID       string `json:"id"`
	Name     string `json:"name"`
	External string `json:"external_name"`
	Text     string `json:"description"`
	Family   string `json:"item_family_id"`
	Type     string `json:"type"`
}

type price struct {
	stamps
	ID         string `json:"id"`
	Name       string `json:"name"`
	External   string `json:"external_name"`
	Text       string `json:"description"`
	Item       string `json:"item_id"`
	Model      string `json:"pricing_model"`
	Price      int64  `json:"price"`
	Currency   string `json:"currency_code"`
	Period     int64  `json:"period"`
	PeriodUnit string `json:"period_unit"`
}

// event is what happened, with its content as it was rendered then.
type event struct {
	ID      string          `json:"id"`
	At      int64           `json:"occurred_at"`
	Type    string          `json:"event_type"`
	Source  string          `json:"source"`
	Told    bool            `json:"told"` // there was an endpoint to tell
	Content json.RawMessage `json:"content"`
}

type usage struct {
	ID           string          `json:"deduplication_id"`
	Subscription string          `json:"subscription_id"`
	At           int64           `json:"usage_timestamp"` // milliseconds
	Properties   json.RawMessage `json:"properties"`
}

func (x *customer) key() string     { return x.ID }
func (x *subscription) key() string { return x.ID }
func (x *creditUnit) key() string   { return x.ID }
func (x *account) key() string      { return x.Subscription + "/" + x.Unit }
func (x *block) key() string        { return x.ID }
func (x *operation) key() string    { return x.ID }
func (x *invoice) key() string      { return x.ID }
func (x *transaction) key() string  { return x.ID }
func (x *creditNote) key() string   { return x.ID }
func (x *promotion) key() string    { return x.ID }
func (x *family) key() string       { return x.ID }
func (x *item) key() string         { return x.ID }
func (x *price) key() string        { return x.ID }
func (x *event) key() string        { return x.ID }
func (x *usage) key() string        { return usageKey(x.At, x.Subscription, x.ID) }
