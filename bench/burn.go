package bench

import (
	"context"
	"fmt"
	"time"

	"scrip/core"
)

// perGrant is how many debits of one part a benchmarked grant pays for.
const perGrant = 1000

// Burn measures the burn-down rule over an account of some grants, with the
// balance read after each debit, against a bare loop over an array with a
// cursor. Entries are made; they are chained when they are committed.
func Burn(ctx context.Context, grants int, p Pace) (Result, error) {
	b, err := newBurner(grants)
	if err != nil {
		return Result{}, err
	}
	return Compare(ctx, fmt.Sprintf("burn/%d", grants), p, b.subject, b.limit)
}

type burner struct {
	full    core.Account
	grants  []core.Grant
	account core.Account
	taken   []core.Allocation
	entries []core.Entry
}

const burnAt core.Time = 1_767_225_600_000_000

func newBurner(grants int) (*burner, error) {
	b := &burner{
		full:  core.Account{Customer: "customer-00001", Unit: credits, Order: core.DefaultOrder()},
		taken: make([]core.Allocation, 0, grants), entries: make([]core.Entry, 0, 2*perGrant*grants),
	}
	for i := range grants {
		_, err := b.full.Issue(core.Terms{
			ID: core.NewID(core.GrantID, "customer-00001", "bench", fmt.Sprint(i), 0), Amount: perGrant, Category: core.Paid,
			Priority: core.DefaultPriority, Starts: burnAt, Expires: burnAt.AddMonths(1 + i%12),
		}, burnAt)
		if err != nil {
			return nil, err
		}
	}
	b.grants = make([]core.Grant, grants)
	b.refill()
	return b, nil
}

// refill starts over with full grants, in the memory that is there.
func (b *burner) refill() {
	copy(b.grants, b.full.Grants)
	b.account = b.full
	b.account.Grants, b.account.Entries = b.grants, b.entries[:0]
}

const burnDebit core.ID = "deb_0123456789abcdefghjkmnpq"

// step debits one part and reads the balance.
func (b *burner) step() error {
	if len(b.account.Entries) == perGrant*len(b.grants) {
		b.refill()
	}
	taken, err := b.account.Debit(burnDebit, 1, "", burnAt, b.taken[:0])
	if err != nil {
		return err
	}
	if b.account.Balance(burnAt).Available < 0 || len(taken) != 1 {
		return fmt.Errorf("the burn-down is wrong: %v", taken)
	}
	return nil
}

func (b *burner) subject(_ context.Context, t time.Duration) (s Slice, err error) {
	for until := time.Now().Add(t); time.Now().Before(until); {
		for range 100 {
			if err := b.step(); err != nil {
				return s, err
			}
			s.Ops++
		}
	}
	return s, nil
}

// limit is the bare loop: remainders in an array, a cursor on the first that
// has something left, and a sum. No dates, no order, no entries.
func (b *burner) limit(_ context.Context, t time.Duration) (s Slice, err error) {
	left, at, sum := make([]int64, len(b.grants)), len(b.grants), int64(0)
	for until := time.Now().Add(t); time.Now().Before(until); {
		for range 10_000 {
			if at == len(left) {
				for i := range left {
					left[i] = perGrant
				}
				at, sum = 0, int64(perGrant*len(left))
			}
			left[at]--
			sum--
			if left[at] == 0 {
				at++
			}
			if sum < 0 {
				return s, fmt.Errorf("the bare loop is wrong: %d", sum)
			}
		}
		s.Ops += 10_000
	}
	return s, nil
}
