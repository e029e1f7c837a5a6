package sync_test

import (
	"strconv"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/adapters/stripe"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
)

// day is an instant of next year: the sandbox begins now and only goes on.
func (x *town) day(text string) core.Time {
	x.t.Helper()
	at, err := core.ParseTime(strconv.Itoa(time.Now().UTC().Year()+1) + "-" + text)
	x.must(err)
	return at
}

// to moves the clocks to an instant and lets everything arrive.
func (x *town) to(text string) {
	x.t.Helper()
	at := x.day(text)
	x.must(x.clock.Set(at))
	x.must(x.out.Drain(x.t.Context())) // what was due before
	x.control("clock", map[string]any{"now": at.String()})
	x.settle()
}

// holdings is what the vendor has left of each of our grants, in cents, and how
// many objects it keeps for them.
func (x *town) holdings() (left map[string]core.Amount, objects int) {
	x.t.Helper()
	adapter, err := stripe.New(stripe.Config{Key: apiKey, WebhookSecrets: []string{secret}, BaseURL: x.vendor, Now: x.clock.Now})
	x.must(err)
	links, err := x.led.Reader().Links.Links(x.t.Context(), ledger.LinkKey{Connection: "main", Neutral: "acme"})
	x.must(err)
	left = map[string]core.Amount{}
	for _, l := range links {
		if l.Role == adapters.RoleCustomer {
			list, err := adapter.Grants(x.t.Context(), l.Vendor, adapters.Page{Limit: 100})
			x.must(err)
			objects = len(list.Items)
			for _, g := range list.Items {
				left[g.Neutral] += g.Remaining.Minor
			}
		}
	}
	return left, objects
}

// TestMonths lives through two invoices of a vendor that draws grants down in
// its own order, and in one that is not confirmed. After each, the vendor holds
// of every grant the floor of what the core had left when the period ended.
func TestMonths(t *testing.T) {
	for _, variant := range []string{"", "never_expiring_first", "drafts_finalize_at_once", "read_lag"} {
		t.Run("variant "+variant, func(t *testing.T) {
			x := newTown(t)
			if variant != "" {
				x.control("variant", map[string]any{"name": variant, "on": true})
			}
			x.to("01-10T12:00:00Z")
			_, _, err := x.led.PutCustomer(t.Context(), ledger.Customer{ID: "acme", Name: "Acme", Email: "a@acme.test"})
			x.must(err)
			summer := x.day("06-30T00:00:00Z")
			var ids []core.ID
			for i, terms := range []core.Terms{
				{Amount: 1000_00, Category: core.Paid, Priority: 50, Expires: summer},
				{Amount: 100_07, Category: core.Promotional, Priority: 50, Expires: core.Never},
				{Amount: 50_00, Category: core.Paid, Priority: 50, Expires: core.Never},
			} {
				r, _, err := x.led.Issue(t.Context(), "grant"+string(rune('a'+i)), x.account, terms)
				x.must(err)
				ids = append(ids, r.Grant.ID)
			}
			x.settle()
			x.debit("d1", 1070_03)
			x.settle()
			x.to("01-31T23:50:00Z")
			law := x.law(ids)
			x.to("02-01T00:30:00Z")
			x.debit("d2", 50_00) // of the next period
			x.settle()
			x.to("02-01T03:00:00Z")
			x.agree("the first invoice", law)
			law = x.law(ids)
			_, objects := x.holdings()
			if trued := objects > len(ids); trued != (x.trued() > 0) {
				t.Errorf("%d objects for %d grants after %d calls", objects, len(ids), x.trued())
			}
			x.to("03-01T03:00:00Z")
			x.agree("the second invoice", law)
			intents, err := x.led.Reader().Queues.Intents(t.Context(), ledger.QueueFilter{Limit: 100})
			x.must(err)
			ups := 0
			for _, i := range intents {
				if i.Kind == string(mapping.TrueUpKind) && i.State == ledger.Applied {
					ups++
				}
			}
			if ups != 2 {
				x.report()
				t.Errorf("%d true-ups were carried out, want one for each invoice", ups)
			}
		})
	}
}

// trued counts the grants that true-ups have replaced.
func (x *town) trued() (n int) {
	x.t.Helper()
	intents, err := x.led.Reader().Queues.Intents(x.t.Context(), ledger.QueueFilter{Limit: 100})
	x.must(err)
	for _, i := range intents {
		b, err := mapping.DecodeBody(i.Body)
		x.must(err)
		if b.TrueUp != nil {
			for _, r := range b.TrueUp.Redos {
				if r.Made {
					n++
				}
			}
		}
	}
	return n
}

// law is what the vendor must hold of each grant by the quantum law.
func (x *town) law(ids []core.ID) map[string]core.Amount {
	x.t.Helper()
	rate, err := core.ParsePrice("0.08 usd")
	x.must(err)
	law := map[string]core.Amount{}
	for _, id := range ids {
		_, g, err := x.led.Reader().Accounts.Grant(x.t.Context(), id)
		x.must(err)
		value, err := mapping.HeldValue(g.Remaining, core.Unit{Code: "credits", Scale: 2}, rate)
		x.must(err)
		law[string(id)] = value.Minor
	}
	return law
}

func (x *town) agree(when string, law map[string]core.Amount) {
	x.t.Helper()
	left, _ := x.holdings()
	for id, want := range law {
		if left[id] != want {
			x.report()
			x.t.Errorf("after %s the vendor holds %d of grant %s, the law says %d", when, left[id], id, want)
		}
	}
}
