package sandbox

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

type contract struct {
	ID       string            `json:"id"`
	Customer string            `json:"customer_id"`
	Card     string            `json:"rate_card_id"`
	Name     string            `json:"name"`
	Key      string            `json:"uniqueness_key"`
	Custom   map[string]string `json:"custom_fields"`
	Start    time.Time         `json:"starting_at"`
	End      *time.Time        `json:"ending_before"`
	Created  time.Time         `json:"created_at"`
	Archived *time.Time        `json:"archived_at"`
	Started  bool              `json:"started"` // it was told
	Ended    bool              `json:"ended"`
}

func (x *contract) key() string { return x.ID }

func (x *contract) covers(t time.Time) bool {
	return x.Archived == nil && !t.Before(x.Start) && (x.End == nil || t.Before(*x.End))
}

// gateIn is how a commit of a contract is paid for before it exists.
type gateIn struct {
	Type   string          `json:"payment_gate_type"`
	Tax    string          `json:"tax_type"`
	Stripe json.RawMessage `json:"stripe_config"`
	Pre    json.RawMessage `json:"precalculated_tax_config"`
}

// addedIn is a credit or commit of a contract.
type addedIn struct {
	commitIn
	Rollover  json.RawMessage `json:"rollover_fraction"`
	Temporary string          `json:"temporary_id"`
	Gate      *gateIn         `json:"payment_gate_config"`
}

func createContract(c *call) (any, error) {
	var in struct {
		Customer string            `json:"customer_id"`
		Card     string            `json:"rate_card_id"`
		Name     string            `json:"name"`
		Key      *string           `json:"uniqueness_key"`
		Start    *moment           `json:"starting_at"`
		End      *moment           `json:"ending_before"`
		Commits  []addedIn         `json:"commits"`
		Credits  []addedIn         `json:"credits"`
		Custom   map[string]string `json:"custom_fields"`
		Terms    json.RawMessage   `json:"net_payment_terms_days"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if _, err := c.living(in.Customer); err != nil {
		return nil, err
	}
	if _, ok := c.st.Cards.get(in.Card); in.Card != "" && !ok {
		return nil, missing("Rate card", in.Card)
	}
	if in.Start == nil {
		return nil, invalid("starting_at is required")
	}
	for name, m := range map[string]*moment{"starting_at": in.Start, "ending_before": in.End} {
		if err := aligned(name, m); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(c.declared("contract", in.Custom), c.freeKey("contract/", in.Key)); err != nil {
		return nil, err
	}
	x := &contract{ID: uuid(c.a), Customer: in.Customer, Card: in.Card, Name: in.Name, Key: or(in.Key, ""), Custom: in.Custom, Start: in.Start.Time, Created: c.now}
	if in.End != nil {
		x.End = &in.End.Time
	}
	grants, err := c.added(x, in.Commits, in.Credits)
	if err != nil {
		return nil, err
	}
	c.takeKey("contract/", in.Key, x.ID)
	c.st.Contracts.add(x)
	c.tellContract(x, "create")
	for _, g := range grants {
		c.addGrant(g)
	}
	c.rebill(x.Customer)
	c.live()
	return obj{"data": obj{"id": x.ID}}, nil
}

// added reads the commits and credits of a contract; nothing is kept yet.
func (w *world) added(x *contract, commits, credits []addedIn) ([]*grant, error) {
	var out []*grant
	for i, in := range slices.Concat(commits, credits) {
		in.Customer = x.Customer
		if i >= len(commits) {
			in.Type = credit
		}
		in.Type = strings.ToUpper(in.Type)
		g, err := w.newGrant(in.commitIn, x.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	return out, nil
}

func (c *call) contract(customer, id string) (*contract, error) {
	if err := ident("contract_id", id); err != nil {
		return nil, err
	}
	x, ok := c.st.Contracts.get(id)
	if !ok || x.Customer != customer {
		return nil, missing("Contract", id)
	}
	return x, nil
}

type contractRef struct {
	Customer string          `json:"customer_id"`
	ID       string          `json:"contract_id"`
	Void     bool            `json:"void_invoices"`
	Ledgers  bool            `json:"include_ledgers"`
	Balance  bool            `json:"include_balance"`
	Archived bool            `json:"include_archived"`
	AsOf     json.RawMessage `json:"as_of_date"`
	From     *moment         `json:"starting_at"`
	Covering *moment         `json:"covering_date"`
}

func getContract(c *call) (any, error) {
	var in contractRef
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	x, err := c.contract(in.Customer, in.ID)
	if err != nil {
		return nil, err
	}
	return obj{"data": c.renderContract(x, in)}, nil
}

func listContracts(c *call) (any, error) {
	var in contractRef
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if _, err := c.customer(in.Customer); err != nil {
		return nil, err
	}
	data := []obj{}
	for _, x := range c.st.Contracts.Rows {
		if x.Customer == in.Customer && (in.Archived || x.Archived == nil) && (in.Covering == nil || x.covers(in.Covering.Time)) &&
			(in.From == nil || !x.Start.Before(in.From.Time)) {
			data = append(data, c.renderContract(x, in))
		}
	}
	return obj{"data": data}, nil
}

func (w *world) renderContract(x *contract, in contractRef) obj {
	commits, credits := []obj{}, []obj{}
	for _, g := range w.st.Grants.Rows {
		switch {
		case g.Contract != x.ID:
		case g.Kind == credit:
			credits = append(credits, w.renderGrant(g, in.Balance, in.Ledgers))
		default:
			commits = append(commits, w.renderGrant(g, in.Balance, in.Ledgers))
		}
	}
	out := obj{
		"id": x.ID, "customer_id": x.Customer, "starting_at": w.stamp(x.Start), "created_at": w.stamp(x.Created), "created_by": "sandbox",
		"commits": commits, "credits": credits, "overrides": []obj{}, "scheduled_charges": []obj{}, "transitions": []obj{}, "usage_filter": []obj{},
		"usage_statement_schedule": obj{"frequency": "MONTHLY", "billing_anchor_date": w.stamp(x.Start)}, "custom_fields": words(x.Custom),
	}
	put(out, "rate_card_id", x.Card != "", x.Card)
	put(out, "name", x.Name != "", x.Name)
	put(out, "uniqueness_key", x.Key != "", x.Key)
	if x.End != nil {
		out["ending_before"] = w.stamp(*x.End)
	}
	if x.Archived != nil {
		out["archived_at"] = w.stamp(*x.Archived)
	}
	return out
}

// archiveContract takes everything on the contract with it.
func archiveContract(c *call) (any, error) {
	var in contractRef
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	x, err := c.contract(in.Customer, in.ID)
	if err != nil {
		return nil, err
	}
	if x.Archived != nil {
		return obj{"data": obj{"id": x.ID}}, nil
	}
	at := c.now
	x.Archived = &at
	for _, inv := range c.st.Invoices.Rows {
		if inv.Contract == x.ID && in.Void && inv.Status != void {
			c.voidInvoice(inv)
		}
	}
	for _, g := range c.st.Grants.Rows {
		if g.Contract == x.ID && g.Archived == nil {
			g.Archived = &at
			c.tellGrant(g, "archive", nil)
		}
	}
	c.tellContract(x, "archive")
	c.live()
	return obj{"data": obj{"id": x.ID}}, nil
}

// editContract adds to a contract; commits may wait for a payment.
func editContract(c *call) (any, error) {
	var in struct {
		Customer string    `json:"customer_id"`
		ID       string    `json:"contract_id"`
		Key      *string   `json:"uniqueness_key"`
		Commits  []addedIn `json:"add_commits"`
		Credits  []addedIn `json:"add_credits"`
		Name     *string   `json:"update_contract_name"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if c.a.Variant(editingOff) {
		return nil, invalid("Contract editing is not enabled for this account")
	}
	if _, ok := c.st.Customers.get(in.Customer); !ok {
		return nil, &problem{Message: missing("Customer", in.Customer).Message, Code: "CustomerNotFound", status: 400}
	}
	x, err := c.contract(in.Customer, in.ID)
	if err != nil {
		return nil, &problem{Message: err.Error(), Code: "ContractNotFound", status: 400}
	}
	if err := c.freeKey("edit/", in.Key); err != nil {
		return nil, err
	}
	grants, err := c.added(x, in.Commits, in.Credits)
	if err != nil {
		return nil, err
	}
	c.takeKey("edit/", in.Key, x.ID)
	x.Name = or(in.Name, x.Name)
	for i, g := range grants {
		if i < len(in.Commits) && in.Commits[i].Gate != nil && in.Commits[i].Gate.Type != "NONE" {
			c.openGate(x, g, in.Commits[i].Gate.Type)
			continue
		}
		c.addGrant(g)
	}
	c.tellContract(x, "edit")
	c.live()
	return obj{"data": obj{"id": x.ID}}, nil
}
