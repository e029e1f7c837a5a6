package orb

import (
	"context"
	"net/url"

	"scrip/adapters"
)

// Find looks an object up by the mark in its metadata, a customer by the
// application's id. Grants and consumption need the customer in the mark. The
// end of a grant is never found: it may be half done, and repeating it reads
// the ledger for its own mark before it writes, whatever became of its key.
func (a *Adapter) Find(ctx context.Context, m adapters.Mark) (adapters.Answer, error) {
	switch {
	case m.Kind == adapters.CustomerKind:
		return a.findCustomer(ctx, m)
	case m.Kind == adapters.GrantKind && m.Customer != "":
		return a.findGrant(ctx, m, m.Customer)
	case m.Kind == adapters.ConsumeKind && m.Customer != "":
		return a.findUsage(ctx, m)
	case m.Kind == adapters.EndKind:
		return adapters.Answer{}, nil
	}
	return adapters.Answer{}, adapters.Errorf(adapters.CodeNotSupported, "orders of kind %q without this mark cannot be looked up, repeat them with their key", string(m.Kind))
}

func (a *Adapter) findCustomer(ctx context.Context, m adapters.Mark) (adapters.Answer, error) {
	c, err := a.customerByExternal(ctx, m.Neutral)
	switch {
	case hasCode(err, adapters.CodeNotFound):
		return adapters.Answer{}, nil
	case err != nil:
		return adapters.Answer{}, err
	}
	return customerAnswer(m.Neutral, c.ID), nil
}

// findGrant looks through all blocks of the customer. A block of the same
// grant made by another intent is not what was asked for; one without an
// intent, as an import leaves it, is. Whether blocks are listed before they
// take effect is not documented, so the ledger's increments are read too.
func (a *Adapter) findGrant(ctx context.Context, m adapters.Mark, customer string) (adapters.Answer, error) {
	var found adapters.Answer
	err := a.inUnits(func(unit string) (bool, error) {
		q := url.Values{"include_all_blocks": {"true"}}
		err := each(ctx, a, customer, unit, ofBlocks, q, pageSize, func(b *block) bool {
			intent, grant := b.Metadata[metaIntent], b.Metadata[metaGrant]
			if intent != string(m.ID) && (intent != "" || m.Neutral == "" || grant != m.Neutral) {
				return false
			}
			found = grantAnswer(m.Neutral, b.ID)
			return true
		})
		if err != nil || len(found.Links) > 0 {
			return true, err
		}
		err = a.ledger(ctx, customer, unit, "increment", nil, func(e *entry) bool {
			if e.madeBy(m.ID) && e.Block.ID != "" {
				found = grantAnswer(m.Neutral, e.Block.ID)
			}
			return len(found.Links) > 0
		})
		return len(found.Links) > 0, err
	})
	return found, err
}

// findUsage looks for the decrement of a window, newest first. Where it
// spanned blocks the last of its entries is the answer, as it was Orb's.
func (a *Adapter) findUsage(ctx context.Context, m adapters.Mark) (adapters.Answer, error) {
	var last entry
	err := a.inUnits(func(unit string) (bool, error) {
		err := a.ledger(ctx, m.Customer, unit, "decrement", nil, func(e *entry) bool {
			if !e.madeBy(m.ID) {
				return last.ID != ""
			}
			if last.ID == "" || e.Sequence > last.Sequence {
				last = *e
			}
			return false
		})
		return last.ID != "", err
	})
	if err != nil || last.ID == "" {
		return adapters.Answer{}, err
	}
	return usageAnswer(m.Neutral, last.ID), nil
}

var _ adapters.Finder = (*Adapter)(nil)
