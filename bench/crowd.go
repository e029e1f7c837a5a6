package bench

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
)

// crowd is a store of many customers that are made up as they are read, so
// that what reads them is measured without a database and without their
// memory. Each has an account with the same number of grants, known to the
// connection "main" as crowdLinks says. What is not asked for is not there.
type crowd struct {
	ledger.AccountReader
	ledger.EntryReader
	ledger.QueueReader
	ledger.RecordReader
	ledger.LinkReader
	customers int
	grants    int // of each
}

var errReadOnly = errors.New("the crowd is only read")

// Reader implements [ledger.Store].
func (c crowd) Reader() ledger.Reader {
	return ledger.Reader{Accounts: c, Entries: c, Queues: c, Records: c, Links: c}
}

// Close implements [ledger.Store].
func (c crowd) Close() error { return nil }

// Commit implements [ledger.Store].
func (c crowd) Commit(context.Context, *ledger.Batch, func(*ledger.State) (*ledger.Changes, error)) error {
	return errReadOnly
}

// Claim implements [ledger.Store].
func (c crowd) Claim(context.Context, ledger.Queue, core.Time, core.Time, int, time.Duration) ([]ledger.Claimed, error) {
	return nil, errReadOnly
}

// Forget implements [ledger.Store].
func (c crowd) Forget(context.Context, core.Time, int) (int, error) { return 0, errReadOnly }

const (
	crowdName  = "customer-"
	crowdGrant = "grn-"
	crowdMain  = "main" // the connection that knows the crowd
)

func crowdID(n int) string { return fmt.Sprintf("%s%07d", crowdName, n) }

// number is the place of a customer, or of a grant, -1 for another.
func (c crowd) number(prefix, id string) int {
	digits, ok := strings.CutPrefix(id, prefix)
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 0 {
		return -1
	}
	return n
}

// amount is what the n-th customer's i-th grant has left, all of it.
func (c crowd) amount(n, i int) core.Amount { return core.Amount(1000 + n%1000 + i) }

// sum is what all grants have left.
func (c crowd) sum() (all core.Amount) {
	for n := range c.customers {
		for i := range c.grants {
			all += c.amount(n, i)
		}
	}
	return all
}

func (c crowd) grant(n, i int) core.Grant {
	amount := c.amount(n, i)
	return core.Grant{Seq: int64(i + 1), Remaining: amount, Terms: core.Terms{
		ID: core.ID(crowdGrant + strconv.Itoa(n*c.grants+i)), Amount: amount, Category: core.Paid, Priority: core.DefaultPriority,
		Starts: burnAt, Expires: core.Never, Paid: core.Money{Minor: amount, Currency: "usd"},
	}}
}

// Account implements [ledger.AccountReader].
func (c crowd) Account(_ context.Context, key ledger.AccountKey) (*core.Account, error) {
	n := c.number(crowdName, key.Customer)
	if n < 0 || n >= c.customers || key.Unit != credits.Code {
		return nil, nil
	}
	a := &core.Account{
		Customer: key.Customer, Unit: core.Unit{Code: key.Unit}, Seq: int64(c.grants),
		Windows: []core.Window{{Connection: crowdMain, Moves: 1}}, Grants: make([]core.Grant, c.grants),
	}
	binary.BigEndian.PutUint64(a.Head[:], uint64(n))
	for i := range a.Grants {
		a.Grants[i] = c.grant(n, i)
	}
	return a, nil
}

// Grants implements [ledger.AccountReader].
func (c crowd) Grants(ctx context.Context, key ledger.AccountKey, afterSeq int64, limit int) ([]core.Grant, error) {
	if afterSeq >= int64(c.grants) {
		return nil, nil
	}
	a, err := c.Account(ctx, key)
	if err != nil || a == nil {
		return nil, err
	}
	rest := a.Grants[afterSeq:]
	return rest[:min(limit, len(rest))], nil
}

// Keys implements [ledger.EntryReader].
func (c crowd) Keys(_ context.Context, after ledger.AccountKey, limit int) ([]ledger.AccountKey, error) {
	next := c.number(crowdName, after.Customer) + 1
	keys := make([]ledger.AccountKey, 0, limit)
	for ; next < c.customers && len(keys) < limit; next++ {
		keys = append(keys, ledger.AccountKey{Customer: crowdID(next), Unit: credits.Code})
	}
	return keys, nil
}

// Record implements [ledger.RecordReader]: there are customers alone.
func (c crowd) Record(_ context.Context, key ledger.RecordKey) (*ledger.Record, error) {
	n := c.number(crowdName, key.ID)
	if key.Kind != ledger.CustomerKind || n < 0 || n >= c.customers {
		return nil, nil
	}
	raw, err := json.Marshal(ledger.Customer{ID: key.ID, Name: key.ID, Email: key.ID + "@example.org", Created: burnAt})
	return &ledger.Record{Kind: key.Kind, ID: key.ID, Version: 1, Body: raw, At: burnAt}, err
}

// List implements [ledger.RecordReader].
func (c crowd) List(ctx context.Context, kind, afterID string, limit int) (list []ledger.Record, err error) {
	for next := c.number(crowdName, afterID) + 1; next < c.customers && len(list) < limit; next++ {
		r, err := c.Record(ctx, ledger.RecordKey{Kind: kind, ID: crowdID(next)})
		if err != nil || r == nil {
			return list, err
		}
		list = append(list, *r)
	}
	return list, nil
}

// atVendor is the vendor's id of a customer or a grant of the crowd.
func atVendor(neutral string) string { return "v-" + neutral }

func crowdLinks(neutral string) []ledger.Link {
	l := ledger.Link{Connection: crowdMain, Neutral: neutral, Role: adapters.RoleCustomer, Vendor: atVendor(neutral)}
	switch {
	case strings.HasPrefix(neutral, crowdName):
	case strings.HasPrefix(neutral, crowdGrant):
		l.Role = adapters.RoleGrant
	default:
		return nil
	}
	return []ledger.Link{l}
}

// Links implements [ledger.LinkReader].
func (c crowd) Links(_ context.Context, key ledger.LinkKey) ([]ledger.Link, error) {
	return crowdLinks(key.Neutral), nil
}

// ByVendor implements [ledger.LinkReader].
func (c crowd) ByVendor(_ context.Context, _, vendor string) ([]ledger.Link, error) {
	return crowdLinks(strings.TrimPrefix(vendor, "v-")), nil
}

// Intents implements [ledger.QueueReader]: nothing waits, and what was sent is
// not kept.
func (c crowd) Intents(context.Context, ledger.QueueFilter) ([]ledger.Intent, error) { return nil, nil }

// Intent implements [ledger.QueueReader].
func (c crowd) Intent(context.Context, core.ID) (*ledger.Intent, error) { return nil, nil }

// Stats implements [ledger.QueueReader].
func (c crowd) Stats(context.Context, core.Time) ([]ledger.QueueStats, error) { return nil, nil }
