package ledger

import (
	"context"
	"encoding/json"
	"fmt"

	"scrip/core"
	"scrip/core/convert"
)

// Conversion is a change of the unit that balances are counted in. While it is
// open it comes to an account in the first commit that names the account in
// the new unit, before anything else in that commit, and to the others by
// [Ledger.Convert]. No account is ever spendable in both units, or in none.
type Conversion struct {
	ID     string // of this change alone; the ids it makes stand on it
	Change *convert.Change
	Of     string // the id of the conversion that this one takes back; Change is that one's
	Open   bool   // accounts may be left that it has not come to
}

// From is the unit that accounts leave.
func (c *Conversion) From() core.Unit {
	if c.Of != "" {
		return c.Change.To
	}
	return c.Change.From
}

// To is the unit that accounts are counted in afterwards.
func (c *Conversion) To() core.Unit {
	if c.Of != "" {
		return c.Change.From
	}
	return c.Change.To
}

// convertedKey names the record that says what a conversion made of a customer's
// account: a [convert.Plan].
func convertedKey(conversion, customer string) RecordKey {
	return RecordKey{"converted", conversion + "/" + customer}
}

// RetiredKey names a record that is there while a unit is retired: nobody may
// open an account in it, whichever config a process still runs with.
func RetiredKey(unit string) RecordKey { return RecordKey{"retired", unit} }

// worth is how many whole units of the one that is gone to one of the one that
// is left is worth.
func (c *Conversion) worth() core.Rate {
	by := c.Change.Unit()
	if c.Of != "" {
		return core.Rate{Num: by.Den, Den: by.Num}
	}
	return by
}

// grantID is the id of what a conversion makes of a grant.
func grantID(conversion, customer string, grant core.ID) core.ID {
	return core.NewID(core.GrantID, customer, "convert", conversion+"/"+string(grant), 0)
}

// units folds the conversions of the options: which one is open, and what each
// retired unit became.
func (l *Ledger) foldConversions() {
	l.became = map[string]string{}
	for i := range l.options.Conversions {
		c := &l.options.Conversions[i]
		l.became[c.From().Code] = c.To().Code
		delete(l.became, c.To().Code)
		if c.Open {
			l.open = c
		}
	}
}

// Current is the account that a customer's balance is counted in now, where
// key names one that was converted.
func (l *Ledger) Current(key AccountKey) AccountKey {
	for range l.options.Conversions {
		next, retired := l.became[key.Unit]
		if !retired {
			break
		}
		key.Unit = next
	}
	return key
}

// knows refuses accounts in a unit that this process's config does not have:
// another config has been put in force, and what a vendor would be told of them
// here would be told in the wrong decimals.
func (l *Ledger) knows(s *State) error {
	for key := range s.Accounts {
		if _, known := l.units[key.Unit]; !known {
			return core.Errorf(core.CodeUnavailable, "unit %q is not configured here: another config is being put in force, repeat the request", key.Unit)
		}
	}
	return nil
}

// nameConverted adds to a batch what an open conversion must see.
func (l *Ledger) nameConverted(b *Batch) error {
	if l.open == nil {
		return nil
	}
	from, to, seen := l.open.From().Code, l.open.To().Code, map[string]bool{}
	for _, key := range b.Accounts[:len(b.Accounts):len(b.Accounts)] {
		if key.Unit != to && key.Unit != from || seen[key.Customer] {
			continue
		}
		seen[key.Customer] = true
		b.Accounts = append(b.Accounts, AccountKey{key.Customer, from}, AccountKey{key.Customer, to})
		if l.open.Of == "" {
			b.Records = append(b.Records, convertedKey(l.open.ID, key.Customer))
			continue
		}
		made, err := l.converted(context.Background(), key.Customer)
		if err != nil {
			return err
		}
		for i := range made.Lots {
			b.Grants = append(b.Grants, made.Lots[i].Grant)
		}
		b.Records = append(b.Records, convertedKey(l.open.Of, key.Customer))
	}
	return nil
}

// converted reads what the conversion that the open one takes back had made of
// a customer's account. Once written it never changes.
func (l *Ledger) converted(ctx context.Context, customer string) (*convert.Plan, error) {
	r, err := l.Reader().Records.Record(ctx, convertedKey(l.open.Of, customer))
	if err != nil {
		return nil, err
	}
	return l.open.again(r, customer)
}

// again is what the conversion that this one takes back made of an account, by
// its record.
func (c *Conversion) again(r *Record, customer string) (*convert.Plan, error) {
	var made convert.Plan
	if r != nil {
		if err := json.Unmarshal(r.Body, &made); err != nil {
			return nil, err
		}
	}
	made.Customer = customer
	return c.Change.Again(made), nil
}

// convert brings the open conversion to the accounts of a batch that it has not
// come to. Vendors hear of it as of any other entries.
func (tx *Tx) convert() error {
	c := tx.ledger.open
	if c == nil {
		return nil
	}
	for key := range tx.state.Accounts {
		if key.Unit != c.From().Code || tx.state.Accounts[key].Became != "" {
			continue
		}
		tx.touched = tx.touched[:0]
		old, to := tx.Account(key), AccountKey{key.Customer, c.To().Code}
		if tx.state.Accounts[to] == nil {
			tx.state.Accounts[to] = &core.Account{Customer: to.Customer, Unit: core.Unit{Code: to.Unit}}
		}
		if err := tx.convertOne(c, old, tx.Account(to)); err != nil {
			return fmt.Errorf("the account of customer %q in %q cannot be converted to %q: %w", key.Customer, key.Unit, to.Unit, err)
		}
		if err := tx.tell(); err != nil {
			return err
		}
	}
	tx.touched = tx.touched[:0]
	return nil
}

func (tx *Tx) convertOne(c *Conversion, old, to *core.Account) error {
	if c.Of != "" {
		made, err := c.again(tx.Record(convertedKey(c.Of, old.Customer)), old.Customer)
		if err == nil {
			err = c.back(made, old, to, tx.Now)
		}
		if err == nil {
			err = tx.ledger.takePolicy(old, to, c.worth())
		}
		return err
	}
	plan, err := c.forward(old, to, tx.Now)
	if err == nil {
		err = tx.ledger.takePolicy(old, to, c.worth())
	}
	if err != nil {
		return err
	}
	return tx.PutRecord(convertedKey(c.ID, old.Customer), plan)
}

// Convert brings the open conversion to accounts that no command has named
// since it began, in the order of their keys after one. It returns the last
// key it looked at and how many it converted; done when there is no other.
func (l *Ledger) Convert(ctx context.Context, after AccountKey, limit int) (last AccountKey, n int, done bool, err error) {
	keys, err := l.Reader().Entries.Keys(ctx, after, limit)
	if err != nil || len(keys) == 0 || l.open == nil {
		return after, 0, true, err
	}
	from, to := l.open.From().Code, l.open.To().Code
	var ops []*Op
	for _, key := range keys {
		if key.Unit == from {
			ops = append(ops, &Op{
				Names:  func(b *Batch) { b.Accounts = append(b.Accounts, AccountKey{key.Customer, to}) },
				Decide: func(*Tx) error { return nil },
			})
		}
	}
	return keys[len(keys)-1], len(ops), len(keys) < limit, l.Do(ctx, ops...)
}

// foresee is an account as the open conversion will make it, where it has not
// come to the account yet.
func (l *Ledger) foresee(ctx context.Context, to *core.Account) (*core.Account, error) {
	old, err := l.Reader().Accounts.Account(ctx, AccountKey{to.Customer, l.open.From().Code})
	if err != nil || old == nil {
		return to, err
	}
	l.prepare(old)
	if old.Became != "" { // perhaps since the other was read
		return l.read(ctx, AccountKey{to.Customer, to.Unit.Code})
	}
	now := l.Now()
	if l.open.Of == "" {
		if _, err = l.open.forward(old, to, now); err == nil {
			err = l.takePolicy(old, to, l.open.worth())
		}
		return to, err
	}
	made, err := l.converted(ctx, to.Customer)
	for i := 0; err == nil && i < len(made.Lots); i++ {
		var g *core.Grant
		if _, g, err = l.Reader().Accounts.Grant(ctx, made.Lots[i].Grant); err == nil && g != nil {
			to.Grants = append(to.Grants, *g)
		}
	}
	if err == nil {
		err = l.open.back(made, old, to, now)
	}
	if err == nil {
		err = l.takePolicy(old, to, l.open.worth())
	}
	return to, err
}
