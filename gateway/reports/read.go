package reports

import (
	"context"

	"scrip/core"
	"scrip/core/books"
	"scrip/core/ledger"
)

// page is how many rows are read at a time.
const page = 1000

// customers reads every customer's accounts, each customer whole, in the order
// of the ledger. The book that each gets is its own only until it returns.
func (r *run) customers(ctx context.Context, step func(books.Step), each func(customer string, b *books.Book) error) error {
	now := r.ledger.Now()
	due, _, err := r.ledger.Reader().Entries.Due(ctx, now, 1)
	if err != nil {
		return err
	}
	b := books.New(r.At, r.Known, r.At.Add(-books.Window))
	var after ledger.AccountKey
	open := false
	shut := func() error {
		b.Close(step)
		return each(after.Customer, b)
	}
	for {
		keys, err := r.ledger.Reader().Entries.Keys(ctx, after, page)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if open && key.Customer != after.Customer {
				if err := shut(); err != nil {
					return err
				}
				open = false
			}
			if !open {
				b.Begin()
				open = true
			}
			if err := r.account(ctx, b, key, len(due) > 0, now); err != nil {
				return err
			}
			after = key
		}
		if len(keys) < page {
			break
		}
	}
	if open {
		return shut()
	}
	return nil
}

// account adds one account to a book. What time has decided and nobody has
// posted yet is worked out, so that a report never depends on a sweep.
func (r *run) account(ctx context.Context, b *books.Book, key ledger.AccountKey, behind bool, now core.Time) error {
	if _, known := r.scales[key.Unit]; !known {
		return core.Errorf(core.CodeUnavailable, "unit %q is not configured here: another config is being put in force, repeat the request", key.Unit)
	}
	reader := r.ledger.Reader()
	for after, n := int64(0), page; n == page; {
		list, err := reader.Accounts.Grants(ctx, key, after, page)
		if err != nil {
			return err
		}
		for i := range list {
			b.Grant(key.Unit, &list[i])
			after = list[i].Seq
		}
		n = len(list)
	}
	for after, n := int64(0), page; n == page; {
		list, err := reader.Entries.Entries(ctx, key, after, page)
		if err != nil {
			return err
		}
		for i := range list {
			b.Entry(&list[i])
			after = list[i].Seq
		}
		n = len(list)
	}
	if !behind {
		return nil
	}
	return r.pending(ctx, b, key, now)
}

// pending adds what time alone has decided by now.
func (r *run) pending(ctx context.Context, b *books.Book, key ledger.AccountKey, now core.Time) error {
	a, err := r.ledger.Account(ctx, key)
	if err != nil {
		return err
	}
	// An account of a change of unit that has not come to it yet is still
	// counted in the unit that it leaves.
	for i := range a.Entries {
		if a.Entries[i].Kind == core.EntryConvertIn {
			return nil
		}
	}
	a.Settle(now)
	for i := range a.Grants {
		b.Grant(key.Unit, &a.Grants[i])
	}
	for i := range a.Entries {
		b.Entry(&a.Entries[i])
	}
	return nil
}
