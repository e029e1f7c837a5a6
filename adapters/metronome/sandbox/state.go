package sandbox

import (
	"encoding/json"
	"time"
)

// state is everything an account holds, as plain data: a snapshot is its JSON.
// The names in the tags are also those that POST /_sandbox/mutate takes.
type state struct {
	Units     []unit
	Fields    []customField
	Customers table[*customer]
	Products  table[*product]
	Grants    table[*grant]
	Metrics   table[*metric]
	Cards     table[*rateCard]
	Contracts table[*contract]
	Invoices  table[*invoice]
	Usage     table[*usage]
	Alerts    table[*alert]
	Gates     table[*gate]
	Keys      map[string]string // uniqueness keys that were used, and by what
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

// unit is a credit type: a currency, or a custom pricing unit.
type unit struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Currency bool   `json:"is_currency"`
}

// customField is a key that was declared for a kind of object.
type customField struct {
	Entity string `json:"entity"`
	Key    string `json:"key"`
	Unique bool   `json:"enforce_uniqueness"`
}

type customer struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	ExternalID string            `json:"external_id"`
	Aliases    []string          `json:"ingest_aliases"`
	Custom     map[string]string `json:"custom_fields"`
	Created    time.Time         `json:"created_at"`
	Updated    time.Time         `json:"updated_at"`
	Archived   *time.Time        `json:"archived_at"`
}

func (x *customer) key() string { return x.ID }

type product struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Type     string            `json:"type"`
	Metric   string            `json:"billable_metric_id"`
	Tags     []string          `json:"tags"`
	Custom   map[string]string `json:"custom_fields"`
	Created  time.Time         `json:"created_at"`
	Archived *time.Time        `json:"archived_at"`
}

func (x *product) key() string { return x.ID }

// Kinds of grants.
const (
	credit   = "CREDIT"
	prepaid  = "PREPAID"
	postpaid = "POSTPAID"
)

// grant is a credit or a commit.
type grant struct {
	ID              string            `json:"id"`
	Customer        string            `json:"customer_id"`
	Contract        string            `json:"contract_id"` // of a grant that belongs to a contract
	Kind            string            `json:"type"`
	Name            string            `json:"name"`
	Description     string            `json:"description"`
	Priority        *amount           `json:"priority"`
	Product         string            `json:"product_id"`
	Unit            string            `json:"credit_type_id"`
	Segments        []*segment        `json:"segments"`
	Manuals         []*manual         `json:"manuals"`
	Invoicing       *invoicing        `json:"invoice_schedule"`
	InvoiceContract string            `json:"invoice_contract_id"`
	Products        []string          `json:"applicable_product_ids"`
	Tags            []string          `json:"applicable_product_tags"`
	Contracts       []string          `json:"applicable_contract_ids"`
	Specifiers      []json.RawMessage `json:"specifiers"`
	RateType        string            `json:"rate_type"`
	Key             string            `json:"uniqueness_key"`
	Custom          map[string]string `json:"custom_fields"`
	Netsuite        string            `json:"netsuite_sales_order_id"`
	Salesforce      string            `json:"salesforce_opportunity_id"`
	Created         time.Time         `json:"created_at"`
	Archived        *time.Time        `json:"archived_at"`
}

func (x *grant) key() string { return x.ID }

func (x *grant) segment(id string) *segment {
	for _, s := range x.Segments {
		if s.ID == id {
			return s
		}
	}
	return nil
}

// segment is a part of a grant with its own life.
type segment struct {
	ID      string    `json:"id"`
	Amount  amount    `json:"amount"`
	Start   time.Time `json:"starting_at"`
	End     time.Time `json:"ending_before"`
	Started bool      `json:"started"` // it was told
	Ended   bool      `json:"ended"`
}

func (x *segment) covers(t time.Time) bool { return !t.Before(x.Start) && t.Before(x.End) }

// manual is an adjustment of a segment by hand. Late ones came when the
// segment was over, and do not count into its expiration.
type manual struct {
	Segment string    `json:"segment_id"`
	Amount  amount    `json:"amount"`
	Reason  string    `json:"reason"`
	At      time.Time `json:"timestamp"`
	Late    bool      `json:"late"`
}

// invoicing is how a commit is paid for.
type invoicing struct {
	Unit   string         `json:"credit_type_id"`
	Items  []*installment `json:"schedule_items"`
	Silent bool           `json:"do_not_invoice"`
}

type installment struct {
	ID       string    `json:"id"`
	Amount   amount    `json:"amount"`
	Price    amount    `json:"unit_price"`
	Quantity amount    `json:"quantity"`
	At       time.Time `json:"timestamp"`
	Invoice  string    `json:"invoice_id"`
}

// paid says that money was or will be taken for the grant.
func (x *grant) paid() bool {
	if x.Invoicing != nil {
		for _, i := range x.Invoicing.Items {
			if i.Amount.sign() > 0 {
				return true
			}
		}
	}
	return false
}
