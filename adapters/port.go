package adapters

import (
	"cmp"
	"context"
	"time"

	"golang.org/x/time/rate"

	"scrip/core"
)

// Limits bound how a port uses its vendor.
type Limits struct {
	PerSecond int           // calls a second that the vendor allows, the published figure when zero
	Percent   int           // of the vendor's rate that may be used, 50 when zero
	Timeout   time.Duration // of one call, 30 s when zero
	Observe   func(op string, took time.Duration, err error)
}

// Rate is how many calls a second may be made of a vendor with these traits:
// the share of what it allows, at least one.
func (l Limits) Rate(t Traits) int {
	if l.Percent <= 0 {
		l.Percent = 50
	}
	return max(1, cmp.Or(max(0, l.PerSecond), t.PerSecond)*l.Percent/100)
}

// Port is an adapter as the rest of Scrip uses it: what the adapter can do,
// found once, behind limits, timeouts and one form of errors. It is safe for
// concurrent use.
type Port struct {
	Adapter
	limits  Limits
	limiter *rate.Limiter
	can     capabilities
}

// capabilities holds the optional interfaces; nil is "cannot".
type capabilities struct {
	Preparer
	CustomerWriter
	CarrierWriter
	GrantWriter
	GrantEnder
	ConsumptionWriter
	ConsumptionCanceller
	Seller
	Finder
	CustomerReader
	GrantReader
	UsageReader
	Confirmer
	Refunder
	EventLister
	Sweeper
}

// NewPort finds what an adapter can do.
func NewPort(a Adapter, l Limits) *Port {
	if l.Timeout <= 0 {
		l.Timeout = 30 * time.Second
	}
	p := &Port{Adapter: a, limits: l}
	perSecond := l.Rate(a.Traits())
	p.limiter = rate.NewLimiter(rate.Limit(perSecond), perSecond)
	p.can.Preparer, _ = a.(Preparer)
	p.can.CustomerWriter, _ = a.(CustomerWriter)
	p.can.CarrierWriter, _ = a.(CarrierWriter)
	p.can.GrantWriter, _ = a.(GrantWriter)
	p.can.GrantEnder, _ = a.(GrantEnder)
	p.can.ConsumptionWriter, _ = a.(ConsumptionWriter)
	p.can.ConsumptionCanceller, _ = a.(ConsumptionCanceller)
	p.can.Seller, _ = a.(Seller)
	p.can.Finder, _ = a.(Finder)
	p.can.CustomerReader, _ = a.(CustomerReader)
	p.can.GrantReader, _ = a.(GrantReader)
	p.can.UsageReader, _ = a.(UsageReader)
	p.can.Confirmer, _ = a.(Confirmer)
	p.can.Refunder, _ = a.(Refunder)
	p.can.EventLister, _ = a.(EventLister)
	p.can.Sweeper, _ = a.(Sweeper)
	return p
}

// call runs one call of the vendor within the limits. can is the capability
// it rests on.
func call[T any](ctx context.Context, p *Port, op string, can bool, f func(context.Context) (T, error)) (T, error) {
	var none T
	if !can {
		return none, &Error{Code: CodeNotSupported, Op: op, Message: p.Traits().Provider + " cannot do this"}
	}
	ctx, cancel := context.WithTimeout(ctx, p.limits.Timeout)
	defer cancel()
	if err := p.limiter.Wait(ctx); err != nil {
		return none, &Error{Code: CodeRateLimited, Op: op, Message: "our share of the vendor's rate is used up"}
	}
	start := time.Now()
	result, err := f(ctx)
	if p.limits.Observe != nil {
		p.limits.Observe(op, time.Since(start), err)
	}
	if err != nil {
		e := *AsError(err)
		e.Op = op
		return none, &e
	}
	return result, nil
}

// Prepare makes or finds what orders rest on.
func (p *Port) Prepare(ctx context.Context, o Setup) (Answer, error) {
	if p.can.Preparer == nil {
		return Answer{}, nil
	}
	return call(ctx, p, "prepare", true, func(ctx context.Context) (Answer, error) { return p.can.Prepare(ctx, o) })
}

// PutCustomer creates or updates a customer.
func (p *Port) PutCustomer(ctx context.Context, o CustomerOrder) (Answer, error) {
	return call(ctx, p, "put customer", p.can.CustomerWriter != nil, func(ctx context.Context) (Answer, error) { return p.can.PutCustomer(ctx, o) })
}

// NeedsCarrier reports whether consumption is billed by an object of the
// customer's own, which must be made before it.
func (p *Port) NeedsCarrier() bool { return p.can.CarrierWriter != nil }

// PutCarrier makes what a customer's consumption is billed by.
func (p *Port) PutCarrier(ctx context.Context, o CarrierOrder) (Answer, error) {
	return call(ctx, p, "put carrier", p.can.CarrierWriter != nil, func(ctx context.Context) (Answer, error) { return p.can.PutCarrier(ctx, o) })
}

// CreateGrant gives the vendor a grant to hold.
func (p *Port) CreateGrant(ctx context.Context, o GrantOrder) (Answer, error) {
	return call(ctx, p, "create grant", p.can.GrantWriter != nil, func(ctx context.Context) (Answer, error) { return p.can.CreateGrant(ctx, o) })
}

// EndGrant withdraws what is left of a grant.
func (p *Port) EndGrant(ctx context.Context, o EndOrder) (Answer, error) {
	return call(ctx, p, "end grant", p.can.GrantEnder != nil, func(ctx context.Context) (Answer, error) { return p.can.EndGrant(ctx, o) })
}

// Consume tells a window.
func (p *Port) Consume(ctx context.Context, o ConsumeOrder) (Answer, error) {
	return call(ctx, p, "consume", p.can.ConsumptionWriter != nil, func(ctx context.Context) (Answer, error) { return p.can.Consume(ctx, o) })
}

// CancelConsumption takes back windows.
func (p *Port) CancelConsumption(ctx context.Context, o CancelOrder) (Answer, error) {
	return call(ctx, p, "cancel consumption", p.can.ConsumptionCanceller != nil, func(ctx context.Context) (Answer, error) { return p.can.CancelConsumption(ctx, o) })
}

// Sell asks for money.
func (p *Port) Sell(ctx context.Context, o SellOrder) (Answer, error) {
	return call(ctx, p, "sell", p.can.Seller != nil, func(ctx context.Context) (Answer, error) { return p.can.Sell(ctx, o) })
}

// Find looks an object up by its mark.
func (p *Port) Find(ctx context.Context, m Mark) (Answer, error) {
	return call(ctx, p, "find", p.can.Finder != nil, func(ctx context.Context) (Answer, error) { return p.can.Find(ctx, m) })
}

// Customers lists the vendor's customers.
func (p *Port) Customers(ctx context.Context, page Page) (Listing[VendorCustomer], error) {
	return call(ctx, p, "list customers", p.can.CustomerReader != nil, func(ctx context.Context) (Listing[VendorCustomer], error) { return p.can.Customers(ctx, page) })
}

// Grants lists a customer's grants.
func (p *Port) Grants(ctx context.Context, customer string, page Page) (Listing[VendorGrant], error) {
	return call(ctx, p, "list grants", p.can.GrantReader != nil, func(ctx context.Context) (Listing[VendorGrant], error) { return p.can.Grants(ctx, customer, page) })
}

// Usage sums the consumption told for a customer.
func (p *Port) Usage(ctx context.Context, o UsageQuery) (int64, error) {
	return call(ctx, p, "read usage", p.can.UsageReader != nil, func(ctx context.Context) (int64, error) { return p.can.Usage(ctx, o) })
}

// Confirms reports whether an unsigned event can be read back.
func (p *Port) Confirms() bool { return p.can.Confirmer != nil }

// Confirm reads back what an unsigned event tells.
func (p *Port) Confirm(ctx context.Context, e Event) (Event, error) {
	return call(ctx, p, "confirm event", p.can.Confirmer != nil, func(ctx context.Context) (Event, error) { return p.can.Confirm(ctx, e) })
}

// Refund gives money of a sale back.
func (p *Port) Refund(ctx context.Context, o SellOrder) (Answer, error) {
	return call(ctx, p, "refund", p.can.Refunder != nil, func(ctx context.Context) (Answer, error) { return p.can.Refund(ctx, o) })
}

// Traces reports whether the purchase behind a payment can be asked for.
func (p *Port) Traces() bool { return p.can.Refunder != nil }

// Trace finds the purchase behind an event about money.
func (p *Port) Trace(ctx context.Context, e Event) (Event, error) {
	return call(ctx, p, "trace payment", p.can.Refunder != nil, func(ctx context.Context) (Event, error) { return p.can.Trace(ctx, e) })
}

// Events lists events that were sent.
func (p *Port) Events(ctx context.Context, since core.Time, page Page) (Listing[[]byte], error) {
	return call(ctx, p, "list events", p.can.EventLister != nil, func(ctx context.Context) (Listing[[]byte], error) { return p.can.Events(ctx, since, page) })
}

// Lists reports whether lost events can be read from the vendor's own list.
func (p *Port) Lists() bool { return p.can.EventLister != nil }

// Sweeps reports whether lost events are found by reading the objects they
// were about, for want of a list.
func (p *Port) Sweeps() bool { return !p.Lists() && p.can.Sweeper != nil }

// Sweep reads what happened to a customer's objects, or to those of no one
// customer when it is "", as events.
func (p *Port) Sweep(ctx context.Context, since core.Time, customer string, page Page) (Listing[[]byte], error) {
	return call(ctx, p, "sweep", p.can.Sweeper != nil, func(ctx context.Context) (Listing[[]byte], error) { return p.can.Sweep(ctx, since, customer, page) })
}

// Capability is one thing a vendor may do, and whether this one does.
type Capability struct {
	Name string
	Has  bool
}

// Capabilities lists what the adapter's method set claims.
func (p *Port) Capabilities() []Capability {
	c := p.can
	return []Capability{
		{"customers", c.CustomerWriter != nil}, {"carrier", c.CarrierWriter != nil}, {"grants", c.GrantWriter != nil}, {"end grants", c.GrantEnder != nil},
		{"consumption", c.ConsumptionWriter != nil}, {"cancel consumption", c.ConsumptionCanceller != nil},
		{"sell packs", c.Seller != nil}, {"find by mark", c.Finder != nil}, {"read customers", c.CustomerReader != nil},
		{"read grants", c.GrantReader != nil}, {"read usage", c.UsageReader != nil}, {"list events", c.EventLister != nil},
		{"sweep events", c.Sweeper != nil}, {"confirm events", c.Confirmer != nil},
		{"refund packs", c.Refunder != nil},
		{"prepare objects", c.Preparer != nil},
	}
}
