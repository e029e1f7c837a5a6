package ledger

import (
	"bytes"
	"context"
	"encoding/json"

	"scrip/core"
	"scrip/core/plan"
)

// settingsKind is the kind of records that customers' settings are.
const settingsKind = "settings"

func settingsKey(customer string) RecordKey { return RecordKey{settingsKind, customer} }

// PutSettings replaces a customer's settings. Putting equal ones changes
// nothing, and no change makes a second purchase of what was bought already.
func (l *Ledger) PutSettings(ctx context.Context, customer string, s plan.Settings) error {
	var units []string
	for _, u := range l.options.Units {
		if l.became[u.Code] == "" {
			units = append(units, u.Code)
		}
	}
	key := settingsKey(customer)
	return l.Do(ctx, &Op{
		Names: func(b *Batch) {
			b.Records = append(b.Records, customerKey(customer), key)
			for _, code := range units {
				b.Accounts = append(b.Accounts, AccountKey{customer, code})
				b.Records = append(b.Records, RetiredKey(code))
			}
		},
		Decide: func(tx *Tx) error {
			record := tx.Record(customerKey(customer))
			switch {
			case tx.Erased(customer):
				return errErased(customer)
			case record == nil:
				return core.InField(core.Errorf(core.CodeUnknownCustomer, "customer %q does not exist, create it first", customer), "id")
			}
			if old := tx.Record(key); old != nil && bytes.Equal(old.Body, s.Form) {
				return nil
			}
			var owner Customer
			if err := json.Unmarshal(record.Body, &owner); err != nil {
				return err
			}
			for _, code := range units {
				if err := tx.configure(AccountKey{customer, code}, &s, owner.Currency); err != nil {
					return err
				}
			}
			return tx.PutRecord(key, json.RawMessage(s.Form))
		},
	})
}

// configure puts settings in force for one account. One that does not exist is
// opened when there is something to remember.
func (tx *Tx) configure(key AccountKey, s *plan.Settings, currency core.Currency) error {
	topUp, alerts := s.TopUp[key.Unit], s.Alerts[key.Unit]
	a := tx.Account(key)
	if a == nil && topUp == nil && alerts == nil && len(s.Notify) == 0 && s.Card == "" {
		return nil
	}
	a, err := tx.OpenAccount(key)
	if err != nil {
		return err
	}
	a.Settle(tx.Now)
	state, err := tx.ledger.remembering(a)
	if err != nil {
		return err
	}
	if state.Watch == nil {
		state.Watch = &plan.Watch{}
	}
	state.Card = s.Card
	state.Watch.Currency = currency
	state.Watch.Own(tx.ledger.options.Rules[key.Unit], topUp, alerts, s.Notify)
	a.Keep(state)
	return nil
}

// Settings are a customer's settings as they were put, nil when none were.
func (l *Ledger) Settings(ctx context.Context, customer string) ([]byte, error) {
	r, err := l.Reader().Records.Record(ctx, settingsKey(customer))
	if err != nil || r == nil || r.Deleted {
		return nil, err
	}
	return r.Body, nil
}
