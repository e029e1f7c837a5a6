package sandbox

import (
	"slices"
	"time"
)

// drawn is what an invoice draws on a segment.
type drawn struct {
	Grant   string `json:"grant"`
	Segment string `json:"segment"`
	Amount  amount `json:"amount"`
}

// deduction is what one invoice drew on a segment, as the ledger tells it.
type deduction struct {
	invoice *invoice
	amount  amount
}

// deductions lists what invoices draw on a segment, oldest invoice first;
// drafts count unless only facts are asked for.
func (w *world) deductions(x *grant, s *segment, drafts bool) []deduction {
	var out []deduction
	for _, inv := range w.st.Invoices.Rows {
		if inv.Customer != x.Customer || inv.Status == draft && !drafts {
			continue
		}
		list := inv.Drawn
		if inv.Status == draft {
			list = w.draftOf(inv)
		}
		for _, d := range list {
			if d.Segment == s.ID {
				out = append(out, deduction{inv, d.Amount})
			}
		}
	}
	return out
}

// rest is what a segment holds, whenever that is usable: its amount, manual
// entries of any date, less what invoices drew. Late entries count only into
// what the ledger shows.
func (w *world) rest(x *grant, s *segment, drafts bool) amount {
	sum := s.Amount
	for _, m := range x.Manuals {
		if m.Segment == s.ID && !m.Late {
			sum = sum.add(m.Amount)
		}
	}
	for _, d := range w.deductions(x, s, drafts) {
		if d.invoice.Status != void {
			sum = sum.sub(d.amount)
		}
	}
	return sum
}

// stop is when a segment is over.
func (w *world) stop(x *grant, s *segment) time.Time {
	if x.Archived != nil && x.Archived.Before(s.End) && !w.a.Variant(archiveWritesNothing) {
		return *x.Archived
	}
	return s.End
}

// balance is what is usable now, never below zero.
func (w *world) balance(x *grant, drafts bool) amount {
	var sum amount
	if x.Archived != nil {
		return sum
	}
	for _, s := range x.Segments {
		if s.covers(w.now) {
			sum = sum.add(w.rest(x, s, drafts))
		}
	}
	if sum.sign() < 0 {
		return amount{}
	}
	return sum
}

// line is an entry of a ledger.
type line struct {
	at   time.Time
	body obj
}

// ledger tells a grant's history.
func (w *world) ledger(x *grant) []obj {
	var lines []line
	for _, s := range x.Segments {
		lines = append(lines, w.story(x, s)...)
	}
	slices.SortStableFunc(lines, func(a, b line) int { return a.at.Compare(b.at) })
	out := []obj{}
	for _, l := range lines {
		out = append(out, l.body)
	}
	return out
}

// story is the ledger of one segment.
func (w *world) story(x *grant, s *segment) []line {
	kind := map[string]string{credit: "CREDIT_", prepaid: "PREPAID_COMMIT_", postpaid: "POSTPAID_COMMIT_"}[x.Kind]
	var out []line
	add := func(typ string, at time.Time, sum amount, named bool, more obj) {
		body := obj{"type": kind + typ, "timestamp": w.stamp(at), "amount": bare(sum)}
		put(body, "segment_id", named, s.ID)
		for k, v := range more {
			body[k] = v
		}
		out = append(out, line{at, body})
	}
	stop := w.stop(x, s)
	began := !s.Start.After(w.now) && s.Start.Before(stop)
	if began || w.a.Variant(futureListed) && s.Start.Before(stop) {
		first := "SEGMENT_START"
		if x.Kind == postpaid {
			first = "INITIAL_BALANCE"
		}
		add(first, s.Start, s.Amount, x.Kind != postpaid, nil)
	}
	for _, d := range w.deductions(x, s, true) {
		named := d.invoice.Status == draft || !w.a.Variant(deductionsNameless)
		origin := obj{"invoice_id": d.invoice.ID, "contract_id": d.invoice.Contract}
		add("AUTOMATED_INVOICE_DEDUCTION", d.invoice.End, d.amount.neg(), named, origin)
		if d.invoice.Status == void && d.invoice.Voided != nil {
			add("CANCELED", *d.invoice.Voided, d.amount, true, origin)
		}
	}
	for _, m := range x.Manuals {
		if m.Segment == s.ID {
			add("MANUAL", m.At, m.Amount, w.a.Variant(manualNamesSegment), obj{"reason": m.Reason})
		}
	}
	if rest := w.rest(x, s, true); began && !stop.After(w.now) && rest.sign() > 0 {
		add("EXPIRATION", stop, rest.neg(), x.Kind != postpaid, nil)
	}
	return out
}

// balancesIn asks for a page of grants.
type balancesIn struct {
	Customer  string  `json:"customer_id"`
	ID        string  `json:"id"`
	Credit    string  `json:"credit_id"`
	Commit    string  `json:"commit_id"`
	Covering  *moment `json:"covering_date"`
	From      *moment `json:"starting_at"`
	Before    *moment `json:"effective_before"`
	Archived  bool    `json:"include_archived"`
	Ledgers   bool    `json:"include_ledgers"`
	Balance   bool    `json:"include_balance"`
	Contracts bool    `json:"include_contract_balances"`
	Credits   bool    `json:"include_contract_credits"`
	Commits   bool    `json:"include_contract_commits"`
	NoZeros   bool    `json:"exclude_zero_balances"`
	Next      string  `json:"next_page"`
	Limit     *int    `json:"limit"`
}

func listBalances(c *call) (any, error) { return c.balances(credit, prepaid, postpaid) }
func listCredits(c *call) (any, error)  { return c.balances(credit) }
func listCommits(c *call) (any, error)  { return c.balances(prepaid, postpaid) }

func (c *call) balances(kinds ...string) (any, error) {
	var in balancesIn
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if _, err := c.customer(in.Customer); err != nil {
		return nil, err
	}
	limit := or(in.Limit, maxBalances)
	if limit < 1 || limit > maxBalances {
		return nil, invalid("limit must be between 1 and %d, not %d", maxBalances, limit)
	}
	for _, id := range []string{in.ID, in.Credit, in.Commit} {
		if id != "" && !isUUID(id) {
			return nil, invalid("%q is not a UUID", id)
		}
	}
	wanted := in.ID + in.Credit + in.Commit
	rows := ordered(c.world, c.st.Grants.Rows, func(x *grant) bool {
		return x.Customer == in.Customer && slices.Contains(kinds, x.Kind) && (wanted == "" || wanted == x.ID) &&
			(in.Archived || x.Archived == nil) && (x.Contract == "" || in.Contracts || in.Credits || in.Commits) && in.within(x) &&
			(!in.NoZeros || c.balance(x, true).sign() != 0)
	})
	return page(rows, in.Next, limit, func(x *grant) obj { return c.renderGrant(x, in.Balance, in.Ledgers) })
}

// within says that a grant gives access at the times asked for.
func (in balancesIn) within(x *grant) bool {
	return slices.ContainsFunc(x.Segments, func(s *segment) bool {
		return (in.Covering == nil || s.covers(in.Covering.Time)) && (in.From == nil || s.End.After(in.From.Time)) && (in.Before == nil || s.Start.Before(in.Before.Time))
	})
}

// netBalance sums what is usable in one unit.
func netBalance(c *call) (any, error) {
	var in struct {
		Customer string  `json:"customer_id"`
		Unit     *string `json:"credit_type_id"`
		Mode     string  `json:"invoice_inclusion_mode"`
		Filters  []struct {
			Types  []string          `json:"balance_types"`
			IDs    []string          `json:"ids"`
			Custom map[string]string `json:"custom_fields"`
		} `json:"filters"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if _, err := c.customer(in.Customer); err != nil {
		return nil, err
	}
	unit, err := c.unitOf(in.Unit)
	if err != nil {
		return nil, err
	}
	var sum amount
	for _, x := range c.st.Grants.Rows {
		wanted := len(in.Filters) == 0
		for _, f := range in.Filters {
			typ := x.Kind
			if typ != credit {
				typ += "_COMMIT"
			}
			fits := (f.Types == nil || slices.Contains(f.Types, typ)) && (f.IDs == nil || slices.Contains(f.IDs, x.ID))
			for k, v := range f.Custom {
				fits = fits && x.Custom[k] == v
			}
			wanted = wanted || fits
		}
		if wanted && x.Customer == in.Customer && x.Unit == unit {
			sum = sum.add(c.balance(x, in.Mode != "FINALIZED"))
		}
	}
	return obj{"data": obj{"balance": bare(sum), "credit_type_id": unit}}, nil
}
