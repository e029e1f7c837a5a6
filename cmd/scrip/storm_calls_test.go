package main

import (
	"os"
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
)

// callsAWindow is how many calls a vendor's adapter makes to tell a window's
// part of one lot, what it reads before included.
var callsAWindow = map[string]int{"chargebee": 1, "lago": 3, "metronome": 2, "orb": 1, "stripe": 1}

// TestCallsFollowWindows lets customers debit for a while at the default
// window: calls are bounded by customers, windows and the lots touched, so ten
// times the debits make no more of them.
func TestCallsFollowWindows(t *testing.T) {
	t.Setenv("STORM_KEY", stormKey)
	t.Setenv("STORM_SECRET", stormSecret)
	customers, minutes := 4, 4
	if os.Getenv("SCRIP_STORM") != "" {
		customers, minutes = 100, 60
	}
	windows := customers * minutes
	debits := 2 * windows
	for _, v := range vendors() {
		t.Run(v.name, func(t *testing.T) {
			once, tenfold := callsOf(t, v, customers, minutes, debits), callsOf(t, v, customers, minutes, 10*debits)
			t.Logf("%d customers, %d minutes: %d calls for %d debits, %d for %d", customers, minutes, once, debits, tenfold, 10*debits)
			if tenfold > once {
				t.Errorf("%d calls for %d debits, %d for ten times as many", once, debits, tenfold)
			}
			// One window of each customer draws on two lots, and what a customer's
			// consumption is billed by may be looked for and made.
			if most := callsAWindow[v.name]*(windows+customers) + 2*customers; once > most {
				t.Errorf("%d calls for %d windows, at most %d are needed", once, windows, most)
			}
		})
	}
}

// callsOf has customers debit in every minute, the same in all however many
// debits that are, and returns how many calls that took.
func callsOf(t *testing.T, v vendor, customers, minutes, debits int) int {
	t.Helper()
	s := brew(t, v, 1, customers)
	amount := core.Amount(100*customers*minutes) * cent / core.Amount(debits)
	for _, p := range s.people {
		s.need(s.put(p))
		for range 2 {
			_, _, err := s.app.ledger.Issue(s.ctx, s.key(), ledger.AccountKey{Customer: p.id, Unit: "credits"}, core.Terms{
				Amount: core.Amount(60*minutes) * cent, Category: core.Promotional, Priority: core.DefaultPriority, Expires: core.Never,
			})
			s.need(err)
		}
	}
	s.settle()
	before := s.calls()
	for range minutes {
		for _, p := range s.people {
			for range debits / (customers * minutes) {
				_, _, err := s.app.ledger.Debit(s.ctx, s.key(), ledger.Charge{Account: ledger.AccountKey{Customer: p.id, Unit: "credits"}, Amount: amount})
				s.need(err)
			}
		}
		s.advance(time.Minute)
		s.settle()
	}
	stats, err := s.app.ledger.Reader().Queues.Stats(s.ctx, s.app.clock.Now())
	s.need(err)
	for _, q := range stats {
		if q.Open != 0 {
			s.Errorf("%d windows are open still", q.Open)
		}
	}
	return s.calls() - before
}

// calls counts those that the sandbox got.
func (s *storm) calls() (n int) {
	for _, k := range s.state().Calls {
		n += k
	}
	return n
}
