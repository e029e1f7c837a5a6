package ledger

import (
	"context"
	"slices"

	"scrip/core"
)

// Told is what a closed window says: the account's net consumption when it
// closed, and when the window before it did.
type Told struct {
	Number   int64       `json:"number"`
	Consumed core.Amount `json:"consumed"`
	Before   core.Amount `json:"before"`
	Opened   core.Time   `json:"opened"`
	Closed   core.Time   `json:"closed"`
	Apart    core.Amount `json:"apart,omitempty"` // of Consumed less Before: late, of grants that had ended at the vendor
}

// CloseWindow closes the open window of one connection and returns its
// figures, which from then on never change. ok is false when none is open.
func (tx *Tx) CloseWindow(key AccountKey, connection string) (t Told, ok bool) {
	a := tx.Account(key)
	if a == nil {
		return Told{}, false
	}
	w, ok := a.CloseWindow(connection)
	return Told{Number: w.Number, Consumed: a.Consumed, Before: w.Told, Opened: w.Opened, Closed: tx.Now, Apart: w.Apart}, ok
}

// Sweep settles accounts that time alone has changed: expired grants and
// holds get their entries. It changes no balance. It returns how many
// accounts it settled, and the next instant at which there will be work; when
// it settled limit of them there may be more at once.
func (l *Ledger) Sweep(ctx context.Context, limit int) (int, core.Time, error) {
	now := l.Now()
	keys, next, err := l.Reader().Entries.Due(ctx, now, limit)
	if err != nil || len(keys) == 0 {
		return 0, next, err
	}
	ops, dues := make([]*Op, len(keys)), make([]core.Time, len(keys))
	for i, key := range keys {
		ops[i] = &Op{
			Names: func(b *Batch) { b.Accounts = append(b.Accounts, key) },
			Decide: func(tx *Tx) error {
				dues[i] = core.Never
				if a := tx.Account(key); a != nil {
					a.Settle(tx.Now)
					dues[i] = a.NextDue()
				}
				return nil
			},
		}
	}
	if err := l.Do(ctx, ops...); err != nil {
		return 0, 0, err
	}
	return len(keys), min(next, slices.Min(dues)), nil
}
