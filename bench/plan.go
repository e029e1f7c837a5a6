package bench

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
	"scrip/mapping/migrate"
)

// planGrants is how many grants each planned customer has.
const planGrants = 4

// Plan measures the plan of a vendor move of so many customers, with four
// grants each, written to a file, against writing the same grants as one line
// of JSON a customer, with one SHA-256 of all. The heap of the plan may grow by
// maxGrowth.
func Plan(ctx context.Context, dir, name string, customers int, p Pace) (Result, error) {
	c := crowd{customers: customers, grants: planGrants}
	l := ledger.Open(c, ledger.Options{Now: func() core.Time { return burnAt.AddMonths(1) }, Units: []core.Unit{credits}, Order: core.DefaultOrder()})
	defer l.Close()
	pl := &planner{crowd: c, ledger: l, path: filepath.Join(dir, "plan.json"), heap: newGauge(), sum: c.sum()}
	r, err := Compare(ctx, name, p,
		func(ctx context.Context, _ time.Duration) (Slice, error) { return pl.plan(ctx) },
		func(ctx context.Context, _ time.Duration) (Slice, error) {
			return pl.stream(ctx, filepath.Join(dir, "rows.json"))
		})
	if err == nil {
		err = pl.heap.check()
	}
	if err == nil {
		err = pl.readBack()
	}
	r.Heap = mebibytes(pl.heap.growth())
	return r, err
}

type planner struct {
	crowd
	ledger *ledger.Ledger
	path   string
	heap   *gauge
	sum    core.Amount
	digest string // of the first plan
}

// target holds money, and carries some facts with a loss, so that each is
// looked for.
func (p *planner) target() migrate.Target {
	return migrate.Target{
		Connection: mapping.Connection{Name: "next", Strategy: adapters.Meter, Rate: core.Price{Rate: core.Rate{Num: 8, Den: 100}, Currency: "usd"}, Percent: 50},
		Traits: adapters.Traits{
			PerSecond: 100, BurnOrder: []adapters.OrderKey{{Key: core.ByPriority, Confirmed: true}, {Key: core.ByExpiry, Confirmed: true}},
			Facts: []adapters.Fact{
				{Name: "expiry", Fit: adapters.Loss, How: "rounded later"}, {Name: "scope", Fit: adapters.Kept}, {Name: "customer", Fit: adapters.Loss},
				{Name: "negative balance, hold", Fit: adapters.Kept}, {Name: "consumption", Fit: adapters.Loss},
			},
		},
	}
}

// plan is the subject.
func (p *planner) plan(ctx context.Context) (s Slice, err error) {
	f, err := os.Create(p.path)
	if err != nil {
		return s, err
	}
	defer f.Close()
	plan := migrate.NewPlan(migrate.Settings{"route.primary": crowdMain}, migrate.Settings{"route.primary": "next"}, nil)
	w, err := migrate.NewWriter(f, plan)
	if err != nil {
		return s, err
	}
	effect, err := migrate.MeasureMove(ctx, p.ledger, p.target(), func(c *migrate.CustomerEffect) error {
		s.Ops++
		p.heap.look()
		return w.Add(c)
	})
	if err != nil {
		return s, err
	}
	if err := w.Close(effect); err != nil {
		return s, err
	}
	want := p.sum.Format(credits.Scale)
	if s.Ops != p.customers || effect.Accounts != p.customers || effect.Carried != planGrants*p.customers || len(effect.Units) != 1 || effect.Units[0].Before != want {
		return s, fmt.Errorf("the plan of %d customers with %s came to %d with %+v", p.customers, want, s.Ops, effect)
	}
	if p.digest == "" {
		p.digest = plan.Digest
	}
	if plan.Digest != p.digest {
		return s, fmt.Errorf("two plans of the same data differ: %s and %s", p.digest, plan.Digest)
	}
	return s, f.Close()
}

// readBack sees that the plan's file is whole and that it sums up.
func (p *planner) readBack() error {
	f, err := os.Open(p.path)
	if err != nil {
		return err
	}
	defer f.Close()
	var sum core.Amount
	rows := 0
	_, err = migrate.ReadPlan(bufio.NewReader(f), func(c *migrate.CustomerEffect) error {
		before, err := core.ParseAmount(c.Before, credits.Scale)
		sum, rows = sum+before, rows+1
		return err
	})
	if err == nil && (rows != p.customers || sum != p.sum) {
		err = fmt.Errorf("the plan's file has %d customers with %s", rows, sum.Format(credits.Scale))
	}
	return err
}

// planRow is one line of the limit: what the plan reads of a customer.
type planRow struct {
	Customer string      `json:"customer"`
	Unit     string      `json:"unit"`
	Seq      int64       `json:"seq"`
	Head     string      `json:"head"`
	Grants   []planGrant `json:"grants"`
}

type planGrant struct {
	ID      core.ID     `json:"id"`
	Left    core.Amount `json:"left"`
	Expires core.Time   `json:"expires"`
}

// stream is the limit: the rows that a plan reads, as JSON, hashed.
func (p *planner) stream(ctx context.Context, path string) (s Slice, err error) {
	f, err := os.Create(path)
	if err != nil {
		return s, err
	}
	defer f.Close()
	hash := sha256.New()
	out := bufio.NewWriter(io.MultiWriter(f, hash))
	lines := json.NewEncoder(out)
	var sum core.Amount
	for after := (ledger.AccountKey{}); ; {
		keys, err := p.Keys(ctx, after, 200)
		if err != nil {
			return s, err
		}
		if len(keys) == 0 {
			break
		}
		for _, key := range keys {
			a, err := p.Account(ctx, key)
			if err != nil {
				return s, err
			}
			row := planRow{Customer: a.Customer, Unit: a.Unit.Code, Seq: a.Seq, Head: hex.EncodeToString(a.Head[:]), Grants: make([]planGrant, len(a.Grants))}
			for i := range a.Grants {
				g := &a.Grants[i]
				row.Grants[i] = planGrant{g.ID, g.Remaining, g.Expires}
				sum += g.Remaining
			}
			if err := lines.Encode(row); err != nil {
				return s, err
			}
			s.Ops++
		}
		after = keys[len(keys)-1]
	}
	if err := out.Flush(); err != nil {
		return s, err
	}
	if s.Ops != p.customers || sum != p.sum || len(hash.Sum(nil)) == 0 {
		return s, fmt.Errorf("the bare stream of %d customers wrote %d", p.customers, s.Ops)
	}
	return s, f.Close()
}
