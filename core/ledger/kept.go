package ledger

import (
	"context"
	"encoding/json"

	"scrip/core/rate"
)

// pinKind is the kind of the records that say that a customer has, or had,
// grants that keep a version of the rate card.
const pinKind = "card_pin"

type cardPin struct {
	Customer string `json:"customer"`
	Card     string `json:"rate_card"`
}

func pinKey(customer, card string) RecordKey { return RecordKey{pinKind, customer + "/" + card} }

// pin notes that a customer has a grant that keeps a version, "" for none.
func (tx *Tx) pin(customer, card string) error {
	if card == "" || tx.Record(pinKey(customer, card)) != nil {
		return nil
	}
	return tx.PutRecord(pinKey(customer, card), cardPin{customer, card})
}

// KeptCards lists the versions of the rate card that customers keep, or grants
// of theirs of which something is left, each with one who does.
func (l *Ledger) KeptCards(ctx context.Context) (map[string]string, error) {
	kept := map[string]string{}
	err := l.eachRecord(ctx, settingsKind, func(r *Record) error {
		var form struct {
			Card string `json:"rate_card"`
		}
		err := json.Unmarshal(r.Body, &form)
		if err == nil && form.Card != "" && kept[form.Card] == "" {
			kept[form.Card] = r.ID
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return kept, l.eachRecord(ctx, pinKind, func(r *Record) error {
		var p cardPin
		if err := json.Unmarshal(r.Body, &p); err != nil || kept[p.Card] != "" {
			return err
		}
		left, err := l.keepsCard(ctx, p)
		if left {
			kept[p.Card] = p.Customer
		}
		return err
	})
}

// keepsCard reports whether something is left of a grant that keeps a version.
func (l *Ledger) keepsCard(ctx context.Context, p cardPin) (bool, error) {
	for _, u := range l.options.Units {
		a, err := l.Account(ctx, AccountKey{p.Customer, u.Code})
		if err != nil {
			return false, err
		}
		a.Settle(l.Now())
		for i := range a.Grants {
			if g := &a.Grants[i]; g.Metadata[rate.GrantPin] == p.Card && g.Closed == "" && g.Remaining > 0 {
				return true, nil
			}
		}
	}
	return false, nil
}

// eachRecord calls f with every record of a kind.
func (l *Ledger) eachRecord(ctx context.Context, kind string, f func(*Record) error) error {
	const page = 1000
	for after := ""; ; {
		list, err := l.Reader().Records.List(ctx, kind, after, page)
		if err != nil {
			return err
		}
		for i := range list {
			after = list[i].ID
			if list[i].Deleted {
				continue
			}
			if err := f(&list[i]); err != nil {
				return err
			}
		}
		if len(list) < page {
			return nil
		}
	}
}
