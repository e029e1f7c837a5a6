package ledger

import (
	"context"
	"encoding/json"
	"maps"

	"scrip/core"
)

// Customer is who owns accounts. Its id is the application's own.
type Customer struct {
	ID       string            `json:"id"`
	Name     string            `json:"name,omitempty"`
	Email    string            `json:"email,omitempty"`
	Timezone string            `json:"timezone,omitempty"`
	Currency core.Currency     `json:"currency,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Created  core.Time         `json:"created"`
	Version  int64             `json:"-"` // of the record, where [Outward] is asked; else zero
}

// The kinds of records that the ledger itself keeps.
const (
	CustomerKind = "customer"
	PurchaseKind = "purchase"
)

func customerKey(id string) RecordKey { return RecordKey{CustomerKind, id} }

func (c Customer) equal(d Customer) bool {
	return c.ID == d.ID && c.Name == d.Name && c.Email == d.Email && c.Timezone == d.Timezone &&
		c.Currency == d.Currency && maps.Equal(c.Metadata, d.Metadata)
}

// PutCustomer creates or replaces a customer and says whether it is new.
// Putting an equal one changes nothing.
func (l *Ledger) PutCustomer(ctx context.Context, c Customer) (Customer, bool, error) {
	// Not the results: returning would write them while the op may still run.
	var stored Customer
	created := false
	key, erasure := customerKey(c.ID), RecordKey{erasureKind, c.ID}
	err := l.Do(ctx, &Op{
		Names: func(b *Batch) {
			b.Records = append(b.Records, key, erasure)
			l.namesBuyers(b, c.ID)
		},
		Decide: func(tx *Tx) error {
			if tx.Record(erasure) != nil {
				return core.InField(core.Errorf(core.CodeUnavailable, "customer %q is being erased, create it again when that is over", c.ID), "id")
			}
			stored, created = c, true
			stored.Created = tx.Now
			if old := tx.Record(key); old != nil {
				var was Customer
				if err := json.Unmarshal(old.Body, &was); err != nil {
					return err
				}
				stored.Created, created = was.Created, false
				if was.equal(c) {
					return nil
				}
			}
			if err := tx.PutRecord(key, stored); err != nil {
				return err
			}
			if err := tx.buysIn(stored); err != nil {
				return err
			}
			if out := tx.ledger.options.Outward; out != nil {
				told := stored
				told.Version = tx.Record(key).Version
				tx.Send(out.OnCustomer(tx.Now, told)...)
			}
			return nil
		},
	})
	if err != nil {
		return Customer{}, false, err
	}
	return stored, created, nil
}

// Customer reads a customer, or an unknown_customer error.
func (l *Ledger) Customer(ctx context.Context, id string) (Customer, error) {
	r, err := l.Reader().Records.Record(ctx, customerKey(id))
	if err != nil {
		return Customer{}, err
	}
	if r != nil && r.Deleted {
		return Customer{}, errErased(id)
	}
	if r == nil {
		return Customer{}, core.InField(core.Errorf(core.CodeUnknownCustomer, "customer %q does not exist, create it first", id), "customer")
	}
	var c Customer
	return c, json.Unmarshal(r.Body, &c)
}

// Customers lists customers by id after one.
func (l *Ledger) Customers(ctx context.Context, after string, limit int) ([]Customer, error) {
	records, err := l.Reader().Records.List(ctx, CustomerKind, after, limit)
	if err != nil {
		return nil, err
	}
	list := make([]Customer, len(records))
	for i, r := range records {
		if err := json.Unmarshal(r.Body, &list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Account reads an account as it is, in burn order. One that has no row yet
// is empty; whether the customer exists is not asked.
func (l *Ledger) Account(ctx context.Context, key AccountKey) (*core.Account, error) {
	a, err := l.read(ctx, key)
	if err != nil || l.open == nil || key.Unit != l.open.To().Code {
		return a, err
	}
	return l.foresee(ctx, a)
}

func (l *Ledger) read(ctx context.Context, key AccountKey) (*core.Account, error) {
	a, err := l.Reader().Accounts.Account(ctx, key)
	if err != nil {
		return nil, err
	}
	if a == nil {
		a = &core.Account{Customer: key.Customer, Unit: core.Unit{Code: key.Unit}}
	}
	l.prepare(a)
	if a.Acts != 0 {
		a.Settle(l.Now()) // a renewal that is due is in every answer, posted or not
	}
	return a, nil
}
