package sync

import (
	"context"
	"errors"
	"slices"
	"strings"
	stdsync "sync"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
)

// probeEvery is how long a connection rests between looks whether it works
// again, after its credentials or its preparation failed.
const probeEvery = 30 * time.Second

// connection is a vendor account with what the worker knows of it.
type connection struct {
	mapping.Connection
	port *adapters.Port
	gate gate

	mu     stdsync.Mutex // held while preparing, so that it happens once
	ready  bool
	owes   bool      // grants and consumption, whoever leads now
	next   core.Time // wall time before which it is not prepared again
	failed error     // of the last preparation
}

func (c *connection) canCancel() bool {
	_, can := c.port.Adapter.(adapters.ConsumptionCanceller)
	return can
}

func (c *connection) canFind() bool {
	_, can := c.port.Adapter.(adapters.Finder)
	return can
}

// canTrueUp reports whether what is left of grants can be read, and grants be
// ended and made.
func (c *connection) canTrueUp() bool {
	_, reads := c.port.Adapter.(adapters.GrantReader)
	_, ends := c.port.Adapter.(adapters.GrantEnder)
	_, makes := c.port.Adapter.(adapters.GrantWriter)
	return reads && ends && makes
}

func (c *connection) canPutCustomer() bool {
	_, can := c.port.Adapter.(adapters.CustomerWriter)
	return can
}

// ready prepares a connection once; a failure is repeated after a rest. carries
// says that something rests on grants and consumption: an account that left by
// a move may still owe them to a connection that the route no longer leads to,
// and that was never prepared while it did.
func (w *Worker) ready(ctx context.Context, c *connection, carries bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall := w.o.Wall()
	more := carries && !c.owes && !w.leads(c)
	switch {
	case c.ready && !more:
		return nil
	case c.failed != nil && wall < c.next && w.draining.Load() == 0:
		return c.failed
	}
	c.next = wall.Add(probeEvery)
	c.owes = c.owes || carries
	c.failed = w.prepare(ctx, c)
	c.ready = c.failed == nil
	return c.failed
}

func (w *Worker) prepare(ctx context.Context, c *connection) error {
	known, err := w.o.Ledger.Reader().Links.Links(ctx, ledger.LinkKey{Connection: c.Name, Neutral: adapters.SetupNeutral})
	if err != nil {
		return err
	}
	setup := w.setup(c)
	setup.Links = append(setup.Links, vendorLinks(known)...)
	answer, err := c.port.Prepare(ctx, setup)
	if err != nil {
		return err
	}
	return w.o.Ledger.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) { nameLinks(b, c.Name, adapters.SetupNeutral, answer.Links) },
		Decide: func(tx *ledger.Tx) error {
			addLinks(tx, c.Name, adapters.SetupNeutral, answer.Links)
			return nil
		},
	})
}

// leads reports whether the route tells a connection of grants and consumption.
func (w *Worker) leads(c *connection) bool {
	route := w.o.Route
	return route.Primary == "" || c.Name == route.Primary || slices.Contains(route.Shadow, c.Name)
}

// setup says what a connection's orders will rest on: a meter where it holds
// consumption, products where it collects money.
func (w *Worker) setup(c *connection) adapters.Setup {
	route := w.o.Route
	all := route.Primary == ""
	setup := adapters.Setup{Create: c.Create, Links: c.named()}
	if (c.owes || w.leads(c)) && c.Strategy != adapters.Totals {
		if !c.HoldsUnits {
			setup.Currency = c.Rate.Currency
		}
		for _, u := range w.o.Units {
			switch {
			case c.HoldsUnits:
				setup.Units = append(setup.Units, c.UnitID(u.Code))
			case setup.Currency == "":
				setup.Currency = c.RateOf(u).Currency
			}
		}
	}
	if all || c.Name == route.Collector() {
		for name := range w.o.Packs {
			setup.Packs = append(setup.Packs, name)
		}
		slices.Sort(setup.Packs)
	}
	return setup
}

// named are the vendor's objects that the config names: products of packs, and
// the price that consumption is told at.
func (c *connection) named() adapters.Links {
	var links adapters.Links
	for pack, id := range c.Packs {
		links = append(links, adapters.Link{Neutral: pack, Role: adapters.RoleProduct, Vendor: id})
	}
	slices.SortFunc(links, func(a, b adapters.Link) int { return strings.Compare(a.Neutral, b.Neutral) })
	if c.Carrier != "" {
		links = append(links, adapters.Link{Neutral: adapters.SetupNeutral, Role: adapters.RolePrice, Vendor: c.Carrier})
	}
	return links
}

// nameLinks names what [addLinks] adds. A link that names no neutral thing
// belongs to what the order was about.
func nameLinks(b *ledger.Batch, connection, about string, links []adapters.Link) {
	for _, l := range links {
		if l.Neutral == "" {
			l.Neutral = about
		}
		b.Links = append(b.Links, ledger.LinkKey{Connection: connection, Neutral: l.Neutral})
	}
}

func addLinks(tx *ledger.Tx, connection, about string, links []adapters.Link) {
	for _, l := range links {
		if l.Neutral == "" {
			l.Neutral = about
		}
		if l.Vendor != "" {
			tx.Link(ledger.Link{Connection: connection, Neutral: l.Neutral, Role: l.Role, Vendor: l.Vendor})
		}
	}
}

func vendorLinks(stored []ledger.Link) adapters.Links {
	links := make(adapters.Links, len(stored))
	for i, l := range stored {
		links[i] = adapters.Link{Neutral: l.Neutral, Role: l.Role, Vendor: l.Vendor}
	}
	return links
}

// isVendor tells a vendor's failure from one of the ledger.
func isVendor(err error) bool {
	var e *adapters.Error
	return errors.As(err, &e)
}

// rest is until when a connection that could not be prepared is left alone.
func (c *connection) rest() core.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.next
}

func (c *connection) prepared() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ready
}
