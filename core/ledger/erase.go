package ledger

import (
	"context"
	"encoding/json"
	"slices"

	"scrip/core"
)

// eraser is an [Outward] whose intents may say what is personal of a customer.
type eraser interface {
	// EraseBody takes that out of an intent's body, and reports whether there
	// was any.
	EraseBody(body []byte) ([]byte, bool)
}

// erasedEmail is the address that vendors are told of an erased customer: no
// mail can reach it (RFC 2606).
const erasedEmail = "erased@scrip.invalid"

// erasureKind is the kind of the records that say what of an erasure is left
// to do.
const erasureKind = "erasure"

// Personal reports whether it says anything about a person but the id.
func (c Customer) Personal() bool {
	for _, value := range c.Metadata {
		if value != "" {
			return true
		}
	}
	return c.Name != "" && c.Name != c.ID || c.Email != "" && c.Email != erasedEmail || c.Timezone != ""
}

// Erasure says what became of a customer's personal data.
type Erasure struct {
	Customer string
	At       core.Time // when it was first asked for
	Vendors  []Link    // what vendors hold the customer as
	// Waiting counts deliveries and orders about it that are being worked on
	// and keep what they say until they are settled: [Ledger.FinishErasures].
	Waiting int
}

// erased is the record of an erased customer.
type erased struct {
	ID      string    `json:"id"`
	Created core.Time `json:"created"`
	Erased  core.Time `json:"erased"`
}

// Erase takes what is personal out of all that is kept of a customer: its
// details, the metadata of its grants and of their answers, addresses to pay
// at, what vendors were told of it and the bodies of deliveries about it. What
// the ledger counted stays, under the id. Vendors are told a placeholder for
// name and address. Erasing again changes nothing more.
//
// The error is unknown_customer for one that never was, and
// customer_not_empty while a grant has a rest or a hold is open.
func (l *Ledger) Erase(ctx context.Context, customer string) (Erasure, error) {
	e := Erasure{Customer: customer}
	if err := l.eraseCustomer(ctx, &e); err != nil {
		return e, err
	}
	return e, l.eraseRest(ctx, &e)
}

// FinishErasures goes on with erasures that had to leave something, and
// reports how many are complete by now.
func (l *Ledger) FinishErasures(ctx context.Context) (done int, err error) {
	const page = 100
	for after := ""; ; {
		list, err := l.Reader().Records.List(ctx, erasureKind, after, page)
		if err != nil {
			return done, err
		}
		for _, r := range list {
			e := Erasure{Customer: r.ID}
			if err := l.eraseRest(ctx, &e); err != nil {
				return done, err
			}
			if e.Waiting == 0 {
				done++
			}
			after = r.ID
		}
		if len(list) < page {
			return done, nil
		}
	}
}

// Erased is when a customer was erased, or zero.
func (l *Ledger) Erased(ctx context.Context, customer string) (core.Time, error) {
	r, err := l.Reader().Records.Record(ctx, customerKey(customer))
	if err != nil || r == nil || !r.Deleted {
		return 0, err
	}
	var gone erased
	return gone.Erased, json.Unmarshal(r.Body, &gone)
}

// Erased reports whether a named customer was erased.
func (tx *Tx) Erased(customer string) bool {
	r := tx.state.Records[customerKey(customer)]
	return r != nil && r.Deleted
}

// Wipe has what the commit takes out of rows overwritten where it stood.
func (tx *Tx) Wipe() { tx.changes.Wipe = true }

func errErased(customer string) error {
	return core.InField(core.Errorf(core.CodeUnknownCustomer, "customer %q was erased", customer), "customer")
}

// eraseCustomer empties the customer's record, unless it still owns something.
func (l *Ledger) eraseCustomer(ctx context.Context, e *Erasure) error {
	key, left := customerKey(e.Customer), RecordKey{erasureKind, e.Customer}
	return l.Do(ctx, &Op{
		Names: func(b *Batch) {
			b.Records = append(b.Records, key, left)
			for _, u := range l.options.Units {
				b.Accounts = append(b.Accounts, AccountKey{e.Customer, u.Code})
			}
		},
		Decide: func(tx *Tx) error {
			old := tx.state.Records[key]
			if old == nil {
				return core.InField(core.Errorf(core.CodeUnknownCustomer, "customer %q does not exist", e.Customer), "customer")
			}
			gone := erased{ID: e.Customer}
			if old.Deleted {
				err := json.Unmarshal(old.Body, &gone)
				e.At = gone.Erased
				return err
			}
			var was Customer
			if err := json.Unmarshal(old.Body, &was); err != nil {
				return err
			}
			if err := tx.empty(e.Customer); err != nil {
				return err
			}
			gone.Created, gone.Erased = was.Created, tx.Now
			raw, err := json.Marshal(gone)
			if err != nil {
				return err
			}
			if err := tx.PutRecord(left, gone); err != nil {
				return err
			}
			tx.unwatch(e.Customer)
			tx.Wipe()
			e.At = tx.Now
			if err := tx.write(&Record{Kind: key.Kind, ID: key.ID, Deleted: true, Body: raw}); err != nil {
				return err
			}
			tx.tellErased(was, tx.state.Records[key].Version)
			return nil
		},
	})
}

// tellErased tells vendors a placeholder in the place of each thing they were
// told: what is left out would stay there.
func (tx *Tx) tellErased(was Customer, version int64) {
	out := tx.ledger.options.Outward
	if out == nil {
		return
	}
	told := Customer{ID: was.ID, Name: was.ID, Email: erasedEmail, Created: was.Created, Version: version}
	if len(was.Metadata) > 0 {
		told.Metadata = map[string]string{}
		for name := range was.Metadata {
			told.Metadata[name] = ""
		}
	}
	tx.Send(out.OnCustomer(tx.Now, told)...)
}

// empty refuses a customer who still owns something.
func (tx *Tx) empty(customer string) error {
	for _, u := range tx.ledger.options.Units {
		a := tx.Account(AccountKey{customer, u.Code})
		if a == nil {
			continue
		}
		a.Settle(tx.Now)
		var left core.Amount
		grants, holds := 0, 0
		for i := range a.Grants {
			if g := &a.Grants[i]; g.Remaining > 0 {
				grants++
				left += g.Remaining
			}
		}
		for i := range a.Holds {
			if a.Holds[i].State == core.HoldOpen {
				holds++
			}
		}
		if grants > 0 || holds > 0 {
			return core.Errorf(core.CodeCustomerNotEmpty, "customer %q has %s %s left in %d grants and %d open holds: capture or release the holds and void the grants first",
				customer, left.Format(u.Scale), u.Code, grants, holds)
		}
	}
	return nil
}

// eraseRest takes out what is not the customer's own record, in small commits,
// and notes whether it could take all.
func (l *Ledger) eraseRest(ctx context.Context, e *Erasure) error {
	t := trace{customer: e.Customer, things: []string{e.Customer}, connections: map[string]bool{}}
	for _, step := range []func(context.Context, *trace) error{l.erasePurchases, l.eraseGrants, l.eraseIntents, l.findObjects, l.eraseEvents} {
		if err := step(ctx, &t); err != nil {
			return err
		}
	}
	e.Waiting = t.waiting
	for _, link := range t.links {
		if link.Neutral == e.Customer && link.Role == customerRole {
			e.Vendors = append(e.Vendors, link)
		}
	}
	slices.SortFunc(e.Vendors, compareLinks)
	left := RecordKey{erasureKind, e.Customer}
	return l.Do(ctx, &Op{
		Names: func(b *Batch) { b.Records = append(b.Records, left) },
		Decide: func(tx *Tx) error {
			switch noted := tx.Record(left) != nil; {
			case e.Waiting > 0 && !noted:
				return tx.PutRecord(left, erased{ID: e.Customer})
			case e.Waiting == 0 && noted:
				return tx.DeleteRecord(left)
			}
			return nil
		},
	})
}
