package sandbox

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// itemIn is one part of an access schedule.
type itemIn struct {
	Amount *numeral `json:"amount"`
	Start  *moment  `json:"starting_at"`
	End    *moment  `json:"ending_before"`
}

// installmentIn is one part of an invoice schedule.
type installmentIn struct {
	Amount   *numeral `json:"amount"`
	Price    *numeral `json:"unit_price"`
	Quantity *numeral `json:"quantity"`
	At       *moment  `json:"timestamp"`
}

type accessIn struct {
	Unit  *string  `json:"credit_type_id"`
	Items []itemIn `json:"schedule_items"`
}

type invoicingIn struct {
	Unit      *string         `json:"credit_type_id"`
	Items     []installmentIn `json:"schedule_items"`
	Recurring json.RawMessage `json:"recurring_schedule"`
	Silent    bool            `json:"do_not_invoice"`
}

// grantIn is a credit or a commit as requests describe it.
type grantIn struct {
	Customer    string            `json:"customer_id"`
	Name        *string           `json:"name"`
	Description *string           `json:"description"`
	Priority    *numeral          `json:"priority"`
	Product     string            `json:"product_id"`
	Access      *accessIn         `json:"access_schedule"`
	Products    []string          `json:"applicable_product_ids"`
	Tags        []string          `json:"applicable_product_tags"`
	Contracts   []string          `json:"applicable_contract_ids"`
	Specifiers  []json.RawMessage `json:"specifiers"`
	RateType    string            `json:"rate_type"`
	Key         *string           `json:"uniqueness_key"`
	Custom      map[string]string `json:"custom_fields"`
	Netsuite    string            `json:"netsuite_sales_order_id"`
	Salesforce  string            `json:"salesforce_opportunity_id"`
}

// commitIn is what commits have beside.
type commitIn struct {
	grantIn
	Type            string       `json:"type"`
	Invoicing       *invoicingIn `json:"invoice_schedule"`
	InvoiceContract string       `json:"invoice_contract_id"`
}

func createCredit(c *call) (any, error) {
	var in grantIn
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return c.createGrant(commitIn{grantIn: in, Type: credit})
}

func createCommit(c *call) (any, error) {
	var in commitIn
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Type = strings.ToUpper(in.Type); in.Type != prepaid && in.Type != postpaid {
		return nil, invalid("type must be PREPAID or POSTPAID, not %q", in.Type)
	}
	return c.createGrant(in)
}

// createGrant makes a grant of the customer.
func (c *call) createGrant(in commitIn) (any, error) {
	x, err := c.newGrant(in, "")
	if err != nil {
		return nil, err
	}
	if in.Priority == nil {
		return nil, invalid("priority is required")
	}
	if err := c.freeKey(keyScope(x.Kind), in.Key); err != nil {
		return nil, err
	}
	c.takeKey(keyScope(x.Kind), in.Key, x.ID)
	c.addGrant(x)
	return obj{"data": obj{"id": x.ID}}, nil
}

// keyScope keeps the keys of credits apart from those of commits.
func keyScope(kind string) string {
	if kind == credit {
		return "credit/"
	}
	return "commit/"
}

// newGrant reads a grant of a customer, or of one of its contracts, from a
// request; nothing is kept yet.
func (w *world) newGrant(in commitIn, contract string) (*grant, error) {
	if _, err := w.living(in.Customer); err != nil {
		return nil, err
	}
	if err := w.fixed(in.Product); err != nil {
		return nil, err
	}
	if in.Name != nil && *in.Name == "" {
		return nil, invalid("name must not be empty")
	}
	x := &grant{
		Customer: in.Customer, Contract: contract, Kind: in.Type, Name: or(in.Name, ""), Description: or(in.Description, ""), Product: in.Product,
		Products: in.Products, Tags: in.Tags, Contracts: in.Contracts, Specifiers: in.Specifiers, RateType: strings.ToUpper(in.RateType),
		InvoiceContract: in.InvoiceContract, Key: or(in.Key, ""), Custom: in.Custom, Netsuite: in.Netsuite, Salesforce: in.Salesforce, Created: w.now,
	}
	if in.Priority != nil {
		x.Priority = &in.Priority.amount
	}
	if err := w.declared(x.entity(), in.Custom); err != nil {
		return nil, err
	}
	if err := w.scope(x); err != nil {
		return nil, err
	}
	if err := w.access(x, in.Access); err != nil {
		return nil, err
	}
	return x, w.invoicing(x, in.Invoicing)
}

// entity is what custom fields call the grant.
func (x *grant) entity() string {
	if x != nil && x.Kind == credit {
		return "contract_credit"
	}
	return "commit"
}

// scope checks what a grant may be used for.
func (w *world) scope(x *grant) error {
	if x.RateType == "" {
		x.RateType = "LIST_RATE"
	}
	if x.RateType != "LIST_RATE" && x.RateType != "COMMIT_RATE" {
		return invalid("rate_type %q is unknown", x.RateType)
	}
	if len(x.Specifiers) > 0 && (x.Products != nil || x.Tags != nil) {
		return invalid("specifiers cannot be used with applicable_product_ids or applicable_product_tags")
	}
	for _, id := range x.Products {
		if _, ok := w.st.Products.get(id); !ok {
			return missing("Product", id)
		}
	}
	for _, id := range x.Contracts {
		if k, ok := w.st.Contracts.get(id); !ok || k.Customer != x.Customer {
			return missing("Contract", id)
		}
	}
	return nil
}

// access reads the segments.
func (w *world) access(x *grant, in *accessIn) error {
	if in == nil || len(in.Items) == 0 {
		return invalid("access_schedule must have at least one schedule item")
	}
	if x.Kind == postpaid && len(in.Items) != 1 {
		return invalid("the access_schedule of a POSTPAID commit has exactly one schedule item")
	}
	unit, err := w.unitOf(in.Unit)
	if err != nil {
		return err
	}
	x.Unit = unit
	for _, item := range in.Items {
		s, err := w.newSegment(item)
		if err != nil {
			return err
		}
		x.Segments = append(x.Segments, s)
	}
	return nil
}

// newSegment checks one item of a schedule.
func (w *world) newSegment(in itemIn) (*segment, error) {
	if in.Amount == nil || in.Start == nil || in.End == nil {
		return nil, invalid("a schedule item needs amount, starting_at and ending_before")
	}
	s := &segment{ID: uuid(w.a), Amount: w.rounded(in.Amount.amount), Start: in.Start.Time, End: in.End.Time}
	return s, w.sound(s)
}

// sound checks a segment as it would be kept.
func (w *world) sound(s *segment) error {
	if s.Amount.sign() < 0 {
		return invalid("amount must not be negative, it is %s", s.Amount)
	}
	for name, t := range map[string]time.Time{"starting_at": s.Start, "ending_before": s.End} {
		if err := aligned(name, &moment{t}); err != nil {
			return err
		}
	}
	if !s.Start.Before(s.End) {
		return invalid("ending_before %s must be after starting_at %s", stamp(s.End), stamp(s.Start))
	}
	if w.a.Variant(farDatesRefused) && s.End.After(w.now.AddDate(50, 0, 0)) {
		return invalid("ending_before %s is too far in the future", stamp(s.End))
	}
	return nil
}

// rounded is an amount as it is kept.
func (w *world) rounded(x amount) amount {
	if w.a.Variant(roundedToSix) {
		return x.cut(6)
	}
	return x
}

// invoicing reads how a commit is paid for.
func (w *world) invoicing(x *grant, in *invoicingIn) error {
	if in == nil {
		if x.Kind == postpaid {
			return invalid("invoice_schedule is required for a POSTPAID commit")
		}
		return nil
	}
	if in.Recurring != nil {
		return invalid("recurring_schedule is not known to this sandbox; list the schedule_items")
	}
	unit, err := w.unitOf(in.Unit)
	if err != nil {
		return err
	}
	x.Invoicing = &invoicing{Unit: unit, Silent: in.Silent}
	for _, item := range in.Items {
		one := &installment{ID: uuid(w.a), Quantity: whole(1)}
		switch {
		case item.At == nil:
			return invalid("an item of an invoice_schedule needs a timestamp")
		case item.Amount != nil && item.Price == nil && item.Quantity == nil:
			one.Amount, one.Price = item.Amount.amount, item.Amount.amount
		case item.Amount == nil && item.Price != nil && item.Quantity != nil:
			one.Price, one.Quantity, one.Amount = item.Price.amount, item.Quantity.amount, item.Price.times(item.Quantity.amount)
		default:
			return invalid("an item of an invoice_schedule needs either amount, or unit_price and quantity")
		}
		if err := aligned("timestamp", item.At); err != nil {
			return err
		}
		one.At = item.At.Time
		x.Invoicing.Items = append(x.Invoicing.Items, one)
	}
	if x.InvoiceContract == "" && x.Contract == "" && (!in.Silent || w.a.Variant(silentNeedsContract)) {
		return invalid("invoice_contract_id is required with an invoice_schedule")
	}
	if x.InvoiceContract != "" {
		if k, ok := w.st.Contracts.get(x.InvoiceContract); !ok || k.Customer != x.Customer {
			return missing("Contract", x.InvoiceContract)
		}
	}
	return nil
}

// addGrant keeps a grant and tells of it.
func (w *world) addGrant(x *grant) {
	x.ID = uuid(w.a)
	w.st.Grants.add(x)
	w.tellGrant(x, "create", nil)
	w.live()
}

// grantNamed finds a customer's grant of one kind; "" is any kind.
func (w *world) grantNamed(customer, id string, kinds ...string) (*grant, error) {
	if err := ident("id", id); err != nil {
		return nil, err
	}
	x, ok := w.st.Grants.get(id)
	if !ok || x.Customer != customer || kinds != nil && !slices.Contains(kinds, x.Kind) {
		return nil, missing("Credit or commit", id)
	}
	return x, nil
}
