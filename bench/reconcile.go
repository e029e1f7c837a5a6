package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
	"scrip/mapping/reconcile"
)

// Reconcile measures the comparison of so many customers, with one grant each,
// with a vendor that lists them as JSON, against a bare merge of the same two
// streams with the same decoder. One grant differs by one part, and both sides
// must find just that. The heap of the comparison may grow by maxGrowth.
func Reconcile(ctx context.Context, name string, customers int, p Pace) (Result, error) {
	c := crowd{customers: customers, grants: 1}
	v := &shelf{crowd: c, wrong: customers * 2 / 3}
	heap := newGauge()
	r, err := Compare(ctx, name, p,
		func(ctx context.Context, _ time.Duration) (Slice, error) { return v.reconcile(ctx, heap) },
		func(ctx context.Context, _ time.Duration) (Slice, error) { return v.merge(ctx) })
	if err == nil {
		err = heap.check()
	}
	r.Heap = mebibytes(heap.growth())
	return r, err
}

// shelfUnit is the vendor's id of the unit.
const shelfUnit = "U1"

// reconcile is the subject.
func (v *shelf) reconcile(ctx context.Context, heap *gauge) (Slice, error) {
	report, err := reconcile.Run(ctx, reconcile.Options{
		Reader: v.crowd.Reader(), Port: adapters.NewPort(v, adapters.Limits{Percent: 100}), Units: []core.Unit{credits}, AsOf: burnAt.AddMonths(1),
		Connection: mapping.Connection{Name: crowdMain, Strategy: adapters.Mirror, HoldsUnits: true, Units: map[string]string{credits.Code: shelfUnit}},
		Route:      mapping.Route{Primary: crowdMain}, Progress: func(int) { heap.look() },
	})
	if err != nil {
		return Slice{}, err
	}
	n := report.Counts
	if n.Customers != v.customers || n.VendorCustomers != v.customers || n.Grants != v.customers || n.InFlight != 0 || n.Findings != 1 ||
		report.Findings[0].Customer != crowdID(v.wrong) || report.Findings[0].Cause != reconcile.AmountDiffers {
		return Slice{}, fmt.Errorf("the comparison of %d customers came to %+v, %.1000v", v.customers, n, report.Findings)
	}
	return Slice{Ops: n.Customers}, nil
}

// merge is the limit: it reads what the comparison reads, in step, and compares
// ids and amounts.
func (v *shelf) merge(ctx context.Context) (s Slice, err error) {
	var theirs adapters.Listing[adapters.VendorCustomer]
	after, differ := "", 0
	for {
		records, err := v.crowd.List(ctx, ledger.CustomerKind, after, 200)
		if err != nil {
			return s, err
		}
		if len(records) == 0 {
			break
		}
		after = records[len(records)-1].ID
		for i := range records {
			if len(theirs.Items) == 0 {
				if theirs, err = v.Customers(ctx, adapters.Page{Cursor: theirs.Next, Limit: 100}); err != nil {
					return s, err
				}
			}
			same, err := v.same(ctx, &records[i], &theirs.Items[0])
			if err != nil {
				return s, err
			}
			if theirs.Items = theirs.Items[1:]; !same {
				differ++
			}
			s.Ops++
		}
	}
	if s.Ops != v.customers || differ != 1 || len(theirs.Items) > 0 || theirs.Next != "" {
		return s, fmt.Errorf("the bare merge of %d customers met %d and found %d", v.customers, s.Ops, differ)
	}
	return s, nil
}

// same compares one customer and its grants.
func (v *shelf) same(ctx context.Context, record *ledger.Record, theirs *adapters.VendorCustomer) (bool, error) {
	var c ledger.Customer
	if err := json.Unmarshal(record.Body, &c); err != nil {
		return false, err
	}
	a, err := v.crowd.Account(ctx, ledger.AccountKey{Customer: c.ID, Unit: credits.Code})
	if err != nil {
		return false, err
	}
	list, err := v.Grants(ctx, theirs.ID, adapters.Page{Limit: 100})
	if err != nil {
		return false, err
	}
	same := c.ID == theirs.Neutral && len(a.Grants) == len(list.Items)
	for i := range list.Items {
		same = same && list.Items[i].Neutral == string(a.Grants[i].ID) && list.Items[i].Held.Quanta == int64(a.Grants[i].Amount)
	}
	return same, nil
}

// shelf is a vendor that holds the crowd's grants in units. It writes its
// lists as JSON and reads them back, as if they had come over a wire.
type shelf struct {
	crowd
	wrong int // the customer whose grant is one part too large
}

// shelfGrant is a grant on the wire; amounts are strings.
type shelfGrant struct {
	ID       string `json:"id"`
	Neutral  string `json:"external_id"`
	Amount   int64  `json:"amount,string"`
	Left     int64  `json:"left,string"`
	Starts   int64  `json:"starts"`
	Priority int    `json:"priority"`
	Category string `json:"category"`
	Status   string `json:"status"`
}

// Customers implements [adapters.CustomerReader].
func (v *shelf) Customers(_ context.Context, p adapters.Page) (out adapters.Listing[adapters.VendorCustomer], err error) {
	at, _ := strconv.Atoi(p.Cursor) // "" is the beginning
	text := []byte(`{"data":[`)
	end := min(at+p.Limit, v.customers)
	for n := at; n < end; n++ {
		if n > at {
			text = append(text, ',')
		}
		id := crowdID(n)
		text = fmt.Appendf(text, `{"id":"v-%s","external_id":%q,"name":%q,"email":"%s@example.org"}`, id, id, id, id)
	}
	text = append(text, `]}`...)
	var page struct {
		Data []struct {
			ID      string `json:"id"`
			Neutral string `json:"external_id"`
			Name    string `json:"name"`
			Email   string `json:"email"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &page); err != nil {
		return out, err
	}
	for _, c := range page.Data {
		out.Items = append(out.Items, adapters.VendorCustomer{ID: c.ID, Neutral: c.Neutral, Name: c.Name, Email: c.Email})
	}
	if end < v.customers {
		out.Next = strconv.Itoa(end)
	}
	return out, nil
}

// Grants implements [adapters.GrantReader].
func (v *shelf) Grants(_ context.Context, customer string, _ adapters.Page) (out adapters.Listing[adapters.VendorGrant], err error) {
	n := v.number(atVendor(crowdName), customer)
	if n < 0 || n >= v.customers {
		return out, adapters.Errorf(adapters.CodeNotFound, "there is no such customer")
	}
	g := v.crowd.grant(n, 0)
	if n == v.wrong {
		g.Amount++
	}
	text := fmt.Appendf(nil, `{"data":[{"id":"v-%s","external_id":%q,"amount":"%d","left":"%d","starts":%d,"priority":%d,"category":%q,"status":"open"}]}`,
		g.ID, g.ID, int64(g.Amount), int64(g.Remaining), int64(g.Starts), g.Priority, g.Category)
	var page struct {
		Data []shelfGrant `json:"data"`
	}
	if err := json.Unmarshal(text, &page); err != nil {
		return out, err
	}
	for _, g := range page.Data {
		out.Items = append(out.Items, adapters.VendorGrant{
			ID: g.ID, Neutral: g.Neutral, Held: holding(g.Amount), Left: holding(g.Left), Starts: core.Time(g.Starts), Expires: core.Never,
			Priority: g.Priority, Category: core.Category(g.Category), State: core.GrantState(strings.ToLower(g.Status)),
		})
	}
	return out, nil
}

func holding(quanta int64) adapters.Holding {
	return adapters.Holding{Quanta: quanta, Scale: credits.Scale, Unit: shelfUnit}
}

// Traits implements [adapters.Adapter]: it carries everything exactly, so that
// everything is compared, and allows more calls than can be made.
func (v *shelf) Traits() adapters.Traits {
	return adapters.Traits{Provider: "shelf", PerSecond: 1 << 30, Facts: []adapters.Fact{
		{Name: "priority", Fit: adapters.Exact}, {Name: "paid / promotional", Fit: adapters.Exact}, {Name: "never expires", Fit: adapters.Exact},
	}}
}

// Verify implements [adapters.Adapter].
func (v *shelf) Verify(adapters.Delivery, time.Time) error {
	return adapters.Errorf(adapters.CodeNotSupported, "it delivers nothing")
}

// Normalise implements [adapters.Adapter].
func (v *shelf) Normalise([]byte) (adapters.Event, error) {
	return adapters.Event{}, adapters.Errorf(adapters.CodeNotSupported, "it delivers nothing")
}

// Probe implements [adapters.Adapter].
func (v *shelf) Probe(context.Context) error { return nil }
