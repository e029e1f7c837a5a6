package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
	"scrip/mapping/queue"
)

const (
	grantPage    = 100  // grants in a page
	grantPages   = 100  // pages of one customer's grants
	entryPage    = 1000 // entries in a page
	entryPages   = 2000 // pages of one account's entries
	compareTries = 20   // comparisons that the account's movements may outrun
)

// grants reads what the vendor holds for a customer.
func (c *connection) grants(ctx context.Context, customer string) ([]adapters.VendorGrant, error) {
	var all []adapters.VendorGrant
	page := adapters.Page{Limit: grantPage}
	for range grantPages {
		list, err := c.port.Grants(ctx, customer, page)
		if err != nil {
			return nil, err
		}
		all = append(all, list.Items...)
		if list.Next == "" {
			return all, nil
		}
		page.Cursor = list.Next
	}
	return nil, adapters.Errorf(adapters.CodeBadAnswer, "the list of the customer's grants has no end after %d pages", grantPages)
}

// chooseRedo takes the next call of a true-up: the comparison, then what it
// asked for.
func (j *job) chooseRedo(row *ledger.Intent, t *mapping.TrueUp, o *order) *unsent {
	switch {
	case o.mark.Customer == "":
		return &unsent{ledger.Ignored, "the vendor was given no such customer"}
	case !j.conn.TruesUp() || !j.conn.canTrueUp():
		return &unsent{ledger.Ignored, "grants are not trued up at this connection"}
	case !t.Planned:
		o.act = doCompare
		return nil
	}
	redo, end := t.Next()
	if redo == nil {
		return &unsent{ledger.Applied, ""}
	}
	o.redo, o.act, o.mark.Kind, o.mark.Neutral = redo, doRedo, adapters.GrantKind, string(redo.Grant)
	step := "make/" + cmp.Or(redo.Vendor, string(redo.Grant))
	if end {
		o.act, o.mark.Kind, step = doRedoEnd, adapters.EndKind, "end/"+redo.Vendor
	}
	o.mark.ID = mapping.StepMark(row.ID, row.Customer, step)
	return nil
}

// ledgerSide is one account with what the vendor has not drawn for: the net
// consumption of each grant after the last entry that was told in time.
type ledgerSide struct {
	key   ledger.AccountKey
	told  bool  // something was, before the invoice's period ended
	seq   int64 // of the last entry that is counted
	later map[core.ID]core.Amount
	held  []adapters.VendorGrant
	live  []core.ID // grants with a remainder when the account was read
}

// unseen is a grant that the vendor was given and does not list, "" when there
// is none. Reads may lag behind writes.
func (j *job) unseen(ctx context.Context, o *order) (core.ID, error) {
	seen := map[string]bool{}
	for _, v := range o.seen {
		seen[v.ID] = true
	}
	reader := j.w.o.Ledger.Reader()
	for _, u := range j.w.o.Units {
		a, err := reader.Accounts.Account(ctx, ledger.AccountKey{Customer: j.item.Customer, Unit: u.Code})
		if err != nil {
			return "", err
		}
		if a == nil {
			continue
		}
		for i := range a.Grants {
			links, err := reader.Links.Links(ctx, ledger.LinkKey{Connection: j.conn.Name, Neutral: string(a.Grants[i].ID)})
			if err != nil {
				return "", err
			}
			if vendor := vendorLinks(links).One(adapters.RoleGrant); vendor != "" && !seen[vendor] {
				return a.Grants[i].ID, nil
			}
		}
	}
	return "", nil
}

// compared fixes what a true-up does. It reports whether the job goes on.
func (j *job) compared(ctx context.Context, o *order) bool {
	missing, err := j.unseen(ctx, o)
	if missing != "" && o.sinceTry < j.port.Traits().ReadLag {
		wait := queue.Backoff(j.id, j.item.Attempts+1)
		j.putBack(ctx, j.w.o.Wall().Add(wait), fmt.Sprintf("the vendor does not list grant %q yet, reads may lag", string(missing)))
		return false
	}
	var sides []*ledgerSide
	var skip string
	if err == nil {
		sides, skip, err = j.sides(ctx, o)
	}
	if err == nil && skip == "" {
		var moved bool
		for range compareTries {
			for _, s := range sides {
				if err = s.count(ctx, j.w.o.Ledger.Reader()); err != nil {
					break
				}
			}
			if err != nil {
				break
			}
			if moved, err = j.fix(ctx, o, sides); !moved || err != nil {
				break
			}
		}
		if err == nil && moved {
			err = core.Errorf(core.CodeUnavailable, "the account moves faster than it can be compared")
		}
	}
	switch {
	case errors.Is(err, ledger.ErrFenced):
		return false // another worker has it
	case err != nil && core.CodeOf(err) == core.CodeInvalid:
		j.park(ctx, err.Error())
		return false
	case err != nil:
		j.w.o.Log.Warn("grants cannot be compared now", "intent", string(j.id), "error", err)
		j.putBack(ctx, j.w.o.Wall().Add(probeEvery), "its grants cannot be compared now")
		return false
	case skip != "":
		j.onRow(ctx, nil, func(tx *ledger.Tx, row *ledger.Intent) error {
			settle(row, o.body, ledger.Ignored, skip, tx.Now)
			return nil
		})
		j.observe(ledger.Ignored, "")
		return false
	}
	return true
}

// sides sorts what the vendor holds by our accounts. skip says why nothing can
// be compared.
func (j *job) sides(ctx context.Context, o *order) (sides []*ledgerSide, skip string, err error) {
	reader := j.w.o.Ledger.Reader()
	until := o.body.TrueUp.Until
	byKey := map[ledger.AccountKey]*ledgerSide{}
	for _, v := range o.seen {
		if !core.ID(v.Neutral).Valid(core.GrantID) {
			continue // not of ours
		}
		key, g, err := reader.Accounts.Grant(ctx, core.ID(v.Neutral))
		if err != nil {
			return nil, "", err
		}
		if g == nil || key.Customer != j.item.Customer {
			continue
		}
		s := byKey[key]
		if s == nil {
			s = &ledgerSide{key: key, later: map[core.ID]core.Amount{}}
			byKey[key] = s
			record, err := reader.Records.Record(ctx, mapping.BookKey(j.conn.Name, key))
			if err != nil {
				return nil, "", err
			}
			book, err := mapping.BookOf(record)
			if err != nil {
				return nil, "", err
			}
			if s.seq, s.told = book.ToldBy(until); s.told {
				sides = append(sides, s)
			}
			if s.live, err = j.live(ctx, key); err != nil {
				return nil, "", err
			}
		}
		s.held = append(s.held, v)
	}
	if len(sides) == 0 {
		skip = fmt.Sprintf("nothing is known to be told before %s that the invoice could have drawn for", until)
	}
	return sides, skip, nil
}

// live are the grants of an account that have a remainder.
func (j *job) live(ctx context.Context, key ledger.AccountKey) (ids []core.ID, err error) {
	a, err := j.w.o.Ledger.Reader().Accounts.Account(ctx, key)
	if err != nil || a == nil {
		return nil, err
	}
	for i := range a.Grants {
		ids = append(ids, a.Grants[i].ID)
	}
	return ids, nil
}

// count adds the entries made since the last look.
func (s *ledgerSide) count(ctx context.Context, reader ledger.Reader) error {
	for range entryPages {
		page, err := reader.Entries.Entries(ctx, s.key, s.seq, entryPage)
		if err != nil {
			return err
		}
		for i := range page {
			e := &page[i]
			s.seq = e.Seq
			switch e.Kind {
			case core.EntryDebit, core.EntryCapture, core.EntrySettle:
				s.later[e.Grant] += e.Amount
			case core.EntryReverse:
				s.later[e.Grant] -= e.Amount
			}
		}
		if len(page) < entryPage {
			return nil
		}
	}
	return core.Errorf(core.CodeInvalid, "account %q of customer %q has moved too often since the invoice's period to be compared", s.key.Unit, s.key.Customer)
}

// fix compares in one commit and writes down what differs. moved is true when
// an account has entries that are not counted yet: nothing is written then.
func (j *job) fix(ctx context.Context, o *order, sides []*ledgerSide) (moved bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	err = j.w.o.Ledger.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) {
			b.Intents = append(b.Intents, j.lease())
			for _, s := range sides {
				b.Accounts = append(b.Accounts, s.key)
				b.Records = append(b.Records, mapping.BookKey(j.conn.Name, s.key))
				for _, id := range s.live {
					b.Links = append(b.Links, ledger.LinkKey{Connection: j.conn.Name, Neutral: string(id)})
				}
				for _, v := range s.held {
					b.Grants = append(b.Grants, core.ID(v.Neutral))
					b.Links = append(b.Links, ledger.LinkKey{Connection: j.conn.Name, Neutral: v.Neutral})
				}
			}
		},
		Decide: func(tx *ledger.Tx) error {
			moved = false
			row := tx.Intent(j.id)
			for _, s := range sides {
				if a := tx.Account(s.key); a == nil || a.Seq != s.seq {
					moved = true
					return nil
				}
			}
			var redos []mapping.Redo
			for _, s := range sides {
				some, err := j.compare(tx, s)
				if err != nil {
					return err
				}
				redos = append(redos, some...)
			}
			o.body.TrueUp.Planned, o.body.TrueUp.Redos = true, redos
			row.Body, row.Tried, row.Leased = advanced(o, true), false, true
			tx.SettleIntent(row)
			return nil
		},
	})
	return moved, err
}

// compare says what is to be done about one account's carried grants. What
// has expired by now counts as expired, swept or not.
func (j *job) compare(tx *ledger.Tx, s *ledgerSide) ([]mapping.Redo, error) {
	a := tx.Account(s.key)
	var redos []mapping.Redo
	for _, v := range s.held {
		g := a.Grant(core.ID(v.Neutral))
		carried := ledger.Link{Connection: j.conn.Name, Neutral: v.Neutral, Role: adapters.RoleGrant, Vendor: v.ID}
		if g == nil || !has(tx.Links(ledger.LinkKey{Connection: j.conn.Name, Neutral: v.Neutral}), carried) {
			continue
		}
		now := *g
		switch {
		case !a.Tells(j.conn.Name):
			now.Remaining = 0 // it has moved away: only what is still to be drawn stays
		case tx.Now >= g.Expires:
			now.Remaining = g.Held
		}
		redo, err := j.conn.Compare(&now, a.Unit, s.later[g.ID], v, tx.Now)
		if err != nil {
			return nil, err
		}
		if redo != nil {
			redos = append(redos, *redo)
		}
	}
	return j.gone(tx, s, a, redos)
}

// gone adds grants of which an earlier true-up left nothing at the vendor and
// something has come back since.
func (j *job) gone(tx *ledger.Tx, s *ledgerSide, a *core.Account, redos []mapping.Redo) ([]mapping.Redo, error) {
	book, err := bookOf(tx, mapping.BookKey(j.conn.Name, s.key))
	if err != nil || !a.Tells(j.conn.Name) {
		return redos, err
	}
	for _, id := range s.live {
		g := a.Grant(id)
		links := vendorLinks(tx.Links(ledger.LinkKey{Connection: j.conn.Name, Neutral: string(id)}))
		if g == nil || tx.Now >= g.Expires || links.One(adapters.RoleGrant) != "" || book.Keeps(id) {
			continue
		}
		redo, err := j.conn.Anew(g, a.Unit, s.later[id])
		if err != nil {
			return nil, err
		}
		if redo != nil {
			redos = append(redos, *redo)
		}
	}
	return redos, nil
}

func has(links []ledger.Link, want ledger.Link) bool {
	for _, l := range links {
		if l == want {
			return true
		}
	}
	return false
}
