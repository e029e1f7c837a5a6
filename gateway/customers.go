package gateway

import (
	"context"
	"net/http"

	"scrip/core"
	"scrip/core/ledger"
)

type customerBody struct {
	Name     string            `json:"name,omitempty"`
	Email    string            `json:"email,omitempty"`
	Timezone string            `json:"timezone,omitempty" example:"Europe/Berlin"`
	Currency string            `json:"currency,omitempty" example:"usd"`
	Metadata map[string]string `json:"metadata,omitempty" doc:"at most 50 pairs"`
}

type customerView struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Email     string            `json:"email"`
	Timezone  string            `json:"timezone"`
	Currency  string            `json:"currency"`
	Metadata  map[string]string `json:"metadata"`
	CreatedAt *string           `json:"created_at" format:"date-time"`
}

func viewCustomer(c *ledger.Customer) customerView {
	return customerView{
		ID: c.ID, Name: c.Name, Email: c.Email, Timezone: c.Timezone, Currency: string(c.Currency),
		Metadata: c.Metadata, CreatedAt: timeView(c.Created),
	}
}

func (b *customerBody) parse(id string) (ledger.Customer, error) {
	c := ledger.Customer{ID: id, Name: b.Name, Email: b.Email, Timezone: b.Timezone, Metadata: b.Metadata}
	if err := checkCustomer(id, "id"); err != nil {
		return c, err
	}
	if b.Currency != "" {
		currency, err := core.ParseCurrency(short(b.Currency))
		if err != nil {
			return c, core.InField(err, "currency")
		}
		c.Currency = currency
	}
	for _, err := range []error{
		checkText(b.Name, 200, "name"), checkEmail(b.Email), checkTimezone(b.Timezone), checkPairs(b.Metadata, "metadata"),
	} {
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

func (g *gateway) mountCustomers() {
	register(g, write, route{method: http.MethodPut, path: "/v1/customers/{id}", id: "put-customer", summary: "Create or replace a customer", tag: "customers"},
		func(ctx context.Context, p *idParam, b *customerBody) (*answer[customerView], error) {
			c, err := b.parse(p.ID)
			if err != nil {
				return nil, err
			}
			stored, _, err := g.Ledger.PutCustomer(ctx, c)
			if err != nil {
				return nil, err
			}
			return ok(viewCustomer(&stored))
		})
	register(g, read, route{method: http.MethodGet, path: "/v1/customers/{id}", id: "get-customer", summary: "Read a customer", tag: "customers"},
		func(ctx context.Context, p *idParam, _ *none) (*answer[customerView], error) {
			c, err := g.customer(ctx, p.ID)
			if err != nil {
				return nil, err
			}
			return ok(viewCustomer(&c))
		})
	register(g, write, route{method: http.MethodDelete, path: "/v1/customers/{id}", id: "erase-customer", summary: "Erase a customer's personal data; what the ledger counted stays", tag: "customers", slow: true}, g.erase)
	register(g, read, route{method: http.MethodGet, path: "/v1/customers", id: "list-customers", summary: "List customers by id", tag: "customers"}, g.listCustomers)
}

// customer reads the customer that a path names.
func (g *gateway) customer(ctx context.Context, id string) (ledger.Customer, error) {
	if err := checkCustomer(id, "id"); err != nil {
		return ledger.Customer{}, err
	}
	c, err := g.Ledger.Customer(ctx, id)
	return c, readFault(err)
}

// known refuses a customer that never was. What was counted of an erased one
// can still be read.
func (g *gateway) known(ctx context.Context, id string) error {
	_, err := g.customer(ctx, id)
	if core.CodeOf(err) != core.CodeUnknownCustomer {
		return err
	}
	at, failed := g.Ledger.Erased(ctx, id)
	if failed != nil || at != 0 {
		return readFault(failed)
	}
	return err
}

func (g *gateway) listCustomers(ctx context.Context, p *listParams, _ *none) (*answer[list[customerView]], error) {
	limit, err := limitOf(p.Limit)
	if err != nil {
		return nil, err
	}
	after, err := textAt(p.Cursor, "customers")
	if err != nil {
		return nil, err
	}
	items, err := g.Ledger.Customers(ctx, after, limit+1)
	if err != nil {
		return nil, readFault(err)
	}
	return ok(pageOf(items, limit, viewCustomer, func(c *ledger.Customer) *string { return cursorOf("customers", c.ID) }))
}
