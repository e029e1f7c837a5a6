package sandbox

// state is everything an account holds, as plain data: a snapshot is its JSON.
// The names in the tags are also those that POST /_sandbox/mutate takes.
type state struct {
	Customers     table[*customer]
	BalanceTxns   table[*balanceTxn]
	Grants        table[*grant]
	Ledger        table[*ledgerEntry]
	Meters        table[*meter]
	MeterEvents   table[*meterEvent]
	Products      table[*product]
	Prices        table[*price]
	Items         table[*invoiceItem]
	Invoices      table[*invoice]
	Intents       table[*intent]
	Charges       table[*charge]
	Disputes      table[*dispute]
	Refunds       table[*refund]
	Subscriptions table[*subscription]
	Endpoints     table[*endpoint]
	Events        table[*event]

	usage *usageIndex // made at need
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

type customer struct {
	ID            string            `json:"id"`
	Created       int64             `json:"created"`
	Name          string            `json:"name"`
	Email         string            `json:"email"`
	Description   string            `json:"description"`
	Phone         string            `json:"phone"`
	TaxExempt     string            `json:"tax_exempt"`
	Metadata      map[string]string `json:"metadata"`
	Balance       int64             `json:"balance"`
	Currency      string            `json:"currency"`
	InvoicePrefix string            `json:"invoice_prefix"`
	NextInvoice   int64             `json:"next_invoice_sequence"`
	Card          string            `json:"card"` // "declined" makes payments fail
	Deleted       bool              `json:"deleted"`
	Unsearchable  int               `json:"unsearchable"` // searches that do not find it yet
}

type balanceTxn struct {
	ID          string            `json:"id"`
	Created     int64             `json:"created"`
	Customer    string            `json:"customer"`
	Amount      int64             `json:"amount"`
	Currency    string            `json:"currency"`
	Description string            `json:"description"`
	Ending      int64             `json:"ending_balance"`
	Type        string            `json:"type"`
	Invoice     string            `json:"invoice"`
	Metadata    map[string]string `json:"metadata"`
}

type grant struct {
	ID          string            `json:"id"`
	Created     int64             `json:"created"`
	Updated     int64             `json:"updated"`
	Customer    string            `json:"customer"`
	Currency    string            `json:"currency"`
	Value       int64             `json:"value"`
	Remaining   int64             `json:"remaining"` // sum of its ledger entries
	Category    string            `json:"category"`
	Priority    int64             `json:"priority"`
	Name        string            `json:"name"`
	Prices      []string          `json:"prices"` // empty: every metered price
	EffectiveAt int64             `json:"effective_at"`
	ExpiresAt   *int64            `json:"expires_at"`
	VoidedAt    *int64            `json:"voided_at"`
	Metadata    map[string]string `json:"metadata"`
	Granted     bool              `json:"granted"`    // its credit entry is recorded
	Expired     bool              `json:"expired"`    // its expiry was recorded
	Unreadable  int               `json:"unreadable"` // reads that do not see it yet
}

type ledgerEntry struct {
	ID      string `json:"id"`
	Created int64  `json:"created"`
	Grant   string `json:"credit_grant"`
	Kind    string `json:"kind"`
	Amount  int64  `json:"amount"`
	Invoice string `json:"invoice"`
	Line    string `json:"invoice_line_item"`
}

type meter struct {
	ID            string `json:"id"`
	Created       int64  `json:"created"`
	Updated       int64  `json:"updated"`
	DisplayName   string `json:"display_name"`
	EventName     string `json:"event_name"`
	Formula       string `json:"formula"`
	CustomerKey   string `json:"customer_key"`
	ValueKey      string `json:"value_key"`
	Window        string `json:"event_time_window"`
	DeactivatedAt *int64 `json:"deactivated_at"`
}

type meterEvent struct {
	ID         string            `json:"id"`
	Received   int64             `json:"received"`
	EventName  string            `json:"event_name"`
	Identifier string            `json:"identifier"`
	Timestamp  int64             `json:"timestamp"`
	Payload    map[string]string `json:"payload"`
	Meter      string            `json:"meter"`
	Customer   string            `json:"customer"`
	Value      string            `json:"value"`
	Rejected   string            `json:"rejected"` // the code of the later error report, empty when counted
	Cancelled  bool              `json:"cancelled"`
	Uncounted  int               `json:"uncounted"` // summaries that do not see it yet
}

type product struct {
	ID           string            `json:"id"`
	Created      int64             `json:"created"`
	Updated      int64             `json:"updated"`
	Name         string            `json:"name"`
	Description  string            `json:"description"`
	Active       bool              `json:"active"`
	UnitLabel    string            `json:"unit_label"`
	DefaultPrice string            `json:"default_price"`
	Metadata     map[string]string `json:"metadata"`
}

type price struct {
	ID            string            `json:"id"`
	Created       int64             `json:"created"`
	Product       string            `json:"product"`
	Currency      string            `json:"currency"`
	Active        bool              `json:"active"`
	UnitAmount    *int64            `json:"unit_amount"`
	UnitDecimal   string            `json:"unit_amount_decimal"`
	Interval      string            `json:"interval"` // empty: one time
	IntervalCount int64             `json:"interval_count"`
	UsageType     string            `json:"usage_type"`
	Meter         string            `json:"meter"`
	Nickname      string            `json:"nickname"`
	LookupKey     string            `json:"lookup_key"`
	TaxBehavior   string            `json:"tax_behavior"`
	Metadata      map[string]string `json:"metadata"`
}

type invoiceItem struct {
	ID          string            `json:"id"`
	Created     int64             `json:"date"`
	Customer    string            `json:"customer"`
	Currency    string            `json:"currency"`
	Amount      int64             `json:"amount"`
	UnitAmount  int64             `json:"unit_amount"`
	Quantity    int64             `json:"quantity"`
	Description string            `json:"description"`
	Price       string            `json:"price"`
	Invoice     string            `json:"invoice"`
	PeriodStart int64             `json:"period_start"`
	PeriodEnd   int64             `json:"period_end"`
	Metadata    map[string]string `json:"metadata"`
}

type invoiceLine struct {
	ID           string            `json:"id"`
	Item         string            `json:"invoice_item"`
	Amount       int64             `json:"amount"`
	Description  string            `json:"description"`
	Price        string            `json:"price"`
	Quantity     int64             `json:"quantity"`
	PeriodStart  int64             `json:"period_start"`
	PeriodEnd    int64             `json:"period_end"`
	Subscription string            `json:"subscription"`
	SubItem      string            `json:"subscription_item"`
	Metadata     map[string]string `json:"metadata"`
	Credits      []creditUse       `json:"credits"`
}

// creditUse is credit that finalisation applied to a line.
type creditUse struct {
	Grant  string `json:"credit_grant"`
	Entry  string `json:"entry"`
	Amount int64  `json:"amount"`
}

type invoice struct {
	ID              string            `json:"id"`
	Created         int64             `json:"created"`
	Customer        string            `json:"customer"`
	Currency        string            `json:"currency"`
	Status          string            `json:"status"`
	BillingReason   string            `json:"billing_reason"`
	Collection      string            `json:"collection_method"`
	AutoAdvance     bool              `json:"auto_advance"`
	FinalizesAt     *int64            `json:"automatically_finalizes_at"`
	Description     string            `json:"description"`
	Number          string            `json:"number"`
	DueDate         *int64            `json:"due_date"`
	EffectiveAt     *int64            `json:"effective_at"`
	PeriodStart     int64             `json:"period_start"`
	PeriodEnd       int64             `json:"period_end"`
	Lines           []*invoiceLine    `json:"lines"`
	StartingBalance int64             `json:"starting_balance"`
	BalanceApplied  int64             `json:"balance_applied"` // added to the total; negative where balance paid
	EndingBalance   *int64            `json:"ending_balance"`
	AmountPaid      int64             `json:"amount_paid"`
	Attempts        int64             `json:"attempt_count"`
	OutOfBand       bool              `json:"paid_out_of_band"`
	FinalizedAt     *int64            `json:"finalized_at"`
	PaidAt          *int64            `json:"paid_at"`
	VoidedAt        *int64            `json:"voided_at"`
	UncollectibleAt *int64            `json:"marked_uncollectible_at"`
	Intent          string            `json:"payment_intent"`
	Charge          string            `json:"charge"`
	Subscription    string            `json:"subscription"`
	PayURL          string            `json:"hosted_invoice_url"`
	Metadata        map[string]string `json:"metadata"`
}

type intent struct {
	ID        string            `json:"id"`
	Created   int64             `json:"created"`
	Amount    int64             `json:"amount"`
	Received  int64             `json:"amount_received"`
	Currency  string            `json:"currency"`
	Customer  string            `json:"customer"`
	Invoice   string            `json:"invoice"`
	Charge    string            `json:"latest_charge"`
	Status    string            `json:"status"`
	Declined  string            `json:"declined"` // decline code of the last attempt
	Cancelled *int64            `json:"canceled_at"`
	Metadata  map[string]string `json:"metadata"`
}

type charge struct {
	ID       string `json:"id"`
	Created  int64  `json:"created"`
	Amount   int64  `json:"amount"`
	Refunded int64  `json:"amount_refunded"`
	Currency string `json:"currency"`
	Customer string `json:"customer"`
	Invoice  string `json:"invoice"`
	Intent   string `json:"payment_intent"`
	Disputed bool   `json:"disputed"`
	Failure  string `json:"failure_code"`
}

type dispute struct {
	ID      string `json:"id"`
	Created int64  `json:"created"`
	Amount  int64  `json:"amount"`
	Charge  string `json:"charge"`
	Status  string `json:"status"`
}

type subscription struct {
	ID          string            `json:"id"`
	Created     int64             `json:"created"`
	Customer    string            `json:"customer"`
	Currency    string            `json:"currency"`
	Status      string            `json:"status"`
	Anchor      int64             `json:"billing_cycle_anchor"`
	Cycle       int64             `json:"cycle"` // full periods since the anchor at which the present one starts
	PeriodStart int64             `json:"current_period_start"`
	PeriodEnd   int64             `json:"current_period_end"`
	CancelAtEnd bool              `json:"cancel_at_period_end"`
	CanceledAt  *int64            `json:"canceled_at"`
	EndedAt     *int64            `json:"ended_at"`
	Collection  string            `json:"collection_method"`
	DaysDue     int64             `json:"days_until_due"`
	Description string            `json:"description"`
	Latest      string            `json:"latest_invoice"`
	Items       []*subItem        `json:"items"`
	Metadata    map[string]string `json:"metadata"`

	AnchorConfig *anchorConfig `json:"billing_cycle_anchor_config"`
}

// anchorConfig is the day and time that an anchor was asked to fall on.
type anchorConfig struct {
	Day    int64 `json:"day_of_month"`
	Hour   int64 `json:"hour"`
	Minute int64 `json:"minute"`
	Second int64 `json:"second"`
}

type subItem struct {
	ID       string            `json:"id"`
	Created  int64             `json:"created"`
	Price    string            `json:"price"`
	Quantity int64             `json:"quantity"`
	Metadata map[string]string `json:"metadata"`
}

type endpoint struct {
	ID          string            `json:"id"`
	Created     int64             `json:"created"`
	Description string            `json:"description"`
	APIVersion  string            `json:"api_version"`
	Metadata    map[string]string `json:"metadata"`
}

type event struct {
	ID       string `json:"id"`
	Created  int64  `json:"created"`
	Type     string `json:"type"`
	Object   []byte `json:"object"`
	Previous []byte `json:"previous_attributes"`
	Request  string `json:"request"`
	Key      string `json:"idempotency_key"`
	Pending  int    `json:"pending_webhooks"`
}

func (x *customer) key() string     { return x.ID }
func (x *balanceTxn) key() string   { return x.ID }
func (x *grant) key() string        { return x.ID }
func (x *ledgerEntry) key() string  { return x.ID }
func (x *meter) key() string        { return x.ID }
func (x *meterEvent) key() string   { return x.ID }
func (x *product) key() string      { return x.ID }
func (x *price) key() string        { return x.ID }
func (x *invoiceItem) key() string  { return x.ID }
func (x *invoice) key() string      { return x.ID }
func (x *intent) key() string       { return x.ID }
func (x *charge) key() string       { return x.ID }
func (x *dispute) key() string      { return x.ID }
func (x *subscription) key() string { return x.ID }
func (x *endpoint) key() string     { return x.ID }
func (x *event) key() string        { return x.ID }
