//go:build crash

package sqlite_test

import (
	"errors"
	"fmt"
	"strings"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/sale"
)

// erase makes a customer of whom something personal is kept in every place, and
// erases it. Told again after the erasure was begun, it only ends that.
func (s *story) erase() error {
	at, err := s.Erased(s.ctx, "eve")
	if err == nil && at == 0 {
		err = s.personal()
	}
	if err != nil {
		return err
	}
	e, err := s.Erase(s.ctx, "eve")
	if err != nil {
		return err
	}
	if e.Waiting > 0 {
		return fmt.Errorf("%d things are left", e.Waiting)
	}
	events, err := s.Reader().Queues.Events(s.ctx, ledger.QueueFilter{Limit: 10})
	if err != nil {
		return err
	}
	for _, event := range events {
		if strings.Contains(string(event.Body), "personal") {
			return errors.New("a delivery keeps its body")
		}
	}
	return nil
}

func (s *story) personal() error {
	_, _, err := s.PutCustomer(s.ctx, ledger.Customer{ID: "eve", Name: "personal", Metadata: map[string]string{"note": "personal"}})
	if err != nil {
		return err
	}
	account := ledger.AccountKey{Customer: "eve", Unit: "credits"}
	terms := core.Terms{Amount: 100, Category: core.Promotional, Priority: core.DefaultPriority, Metadata: map[string]string{"note": "personal"}}
	g, _, err := s.Issue(s.ctx, "eve grant", account, terms)
	if err == nil {
		_, _, err = s.Void(s.ctx, "eve void", g.Grant.ID)
	}
	if err != nil {
		return err
	}
	p, _, err := s.Buy(s.ctx, "eve buy", sale.Purchase{Customer: "eve", Pack: "small", Unit: "credits", Credits: 5, Price: core.Money{Minor: 1, Currency: "usd"}, Connection: "east"})
	if err != nil {
		return err
	}
	event := &ledger.Event{
		ID: core.NewID(core.EventID, "evt_e", "inbox", "east/evt_e", 0), Connection: "east", VendorID: "evt_e", Body: []byte(`{"customer":"cus_eve","name":"personal"}`),
		Received: crashStart, State: ledger.Ignored, Settled: crashStart, Reason: "nothing to apply",
	}
	return s.Do(s.ctx, &ledger.Op{
		Names: func(b *ledger.Batch) {
			ledger.NamesPurchase(b, p.ID)
			b.Events = append(b.Events, ledger.Lease{ID: event.ID})
			b.Links = append(b.Links, ledger.LinkKey{Connection: "east", Neutral: "eve"})
		},
		Decide: func(tx *ledger.Tx) error {
			if tx.Event(event.ID) == nil {
				tx.PutEvent(event)
			}
			tx.Link(ledger.Link{Connection: "east", Neutral: "eve", Role: "customer", Vendor: "cus_eve"})
			return tx.OfferPayment(p.ID, "https://pay.example/personal")
		},
	})
}
