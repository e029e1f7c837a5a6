package ledger

import (
	"context"

	"scrip/core"
	"scrip/core/asof"
)

// historyPage is how many entries a look at the past reads at a time.
const historyPage = 1000

// AccountAt is an account as of an instant that is not ahead, as it was known
// at another: settled then, with what stood. It reads the account's entries
// page by page and keeps only what was there.
func (l *Ledger) AccountAt(ctx context.Context, key AccountKey, at, known core.Time) (*core.Account, error) {
	r := l.Reader()
	live, err := r.Accounts.Account(ctx, key)
	if err != nil {
		return nil, err
	}
	past := &core.Account{Customer: key.Customer, Unit: core.Unit{Code: key.Unit}}
	l.prepare(past)
	if live == nil {
		return past, nil
	}
	l.prepare(live)
	stored := live.Seq
	live.Settle(l.Now()) // what time has decided counts, posted or not
	h := asof.New(at, known)
	holdOf := func(capture core.ID) (core.ID, error) {
		taken, err := l.Taken(ctx, capture)
		return taken.Hold, err
	}
	for after, more := int64(0), true; more && after < stored; {
		page, err := r.Entries.Entries(ctx, key, after, int(min(historyPage, stored-after)))
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			return nil, core.Errorf(core.CodeInternal, "entry %d of account %s/%s is missing", after+1, key.Customer, key.Unit)
		}
		for i := range page {
			if more, err = h.Add(&page[i], holdOf); err != nil || !more {
				break
			}
		}
		if err != nil {
			return nil, err
		}
		after = page[len(page)-1].Seq
	}
	for i := range live.Entries {
		if _, err := h.Add(&live.Entries[i], holdOf); err != nil {
			return nil, err
		}
	}
	grants, holds, err := l.facts(ctx, live, h)
	if err != nil {
		return nil, err
	}
	h.Fill(past, grants, holds)
	past.Settle(at)
	return past, nil
}

// facts are those of the grants and holds that a history names.
func (l *Ledger) facts(ctx context.Context, live *core.Account, h *asof.History) ([]core.Grant, []core.Hold, error) {
	r := l.Reader()
	var grants []core.Grant
	for _, id := range h.Grants() {
		g := live.Grant(id)
		if g == nil {
			var err error
			if _, g, err = r.Accounts.Grant(ctx, id); err != nil {
				return nil, nil, err
			}
		}
		if g == nil {
			return nil, nil, core.Errorf(core.CodeInternal, "entries of account %s/%s name grant %q, which does not exist", live.Customer, live.Unit.Code, string(id))
		}
		grants = append(grants, *g)
	}
	var holds []core.Hold
	for _, id := range h.Holds() {
		hold := live.Hold(id)
		if hold == nil {
			var err error
			if _, hold, err = r.Accounts.Hold(ctx, id); err != nil {
				return nil, nil, err
			}
		}
		if hold == nil {
			return nil, nil, core.Errorf(core.CodeInternal, "entries of account %s/%s name hold %q, which does not exist", live.Customer, live.Unit.Code, string(id))
		}
		holds = append(holds, *hold)
	}
	return grants, holds, nil
}
