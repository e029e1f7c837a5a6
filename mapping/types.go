// Package mapping is where the neutral core meets a vendor: which connection
// hears of what, how a grant or consumption is valued there, and what the
// vendor must hold for both sides to agree. It is pure; [scrip/mapping/sync]
// does the talking.
package mapping

import (
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/sale"
	"scrip/mapping/burn"
)

// Connection is one vendor account as the config describes it.
type Connection struct {
	Name          string
	Provider      string
	BaseURL       string                // "" is the vendor's own
	Strategy      adapters.Strategy     // the adapter's default when the config names none
	Rate          core.Price            // value of one unit at this vendor, where it holds money
	Rates         map[string]core.Price // by code, the value of units that were retired; it comes before Rate
	Create        bool                  // make missing vendor objects
	Window        time.Duration         // how long consumption is gathered, 60 s by default
	ManualChanges string                // flag, accept or revert
	Percent       int                   // of the vendor's rate limit that may be used
	Limit         int                   // calls a second that the vendor allows this account; 0 is the published figure
	Packs         map[string]string     // pack to the vendor's price or product
	HoldsUnits    bool                  // the vendor holds units, not money
	Decimals      int                   // of the vendor's units, where it documents more than are trusted to others
	Draws         bool                  // consumption is told grant by grant, on lots that we name
	StartsNow     bool                  // the vendor cannot be given a grant before it starts
	Units         map[string]string     // unit code, a retired one's too, to the vendor's id of it, where it holds units
	Carrier       string                // the vendor's price or plan that consumption is billed by; "" when it is made or not needed
	Live          bool                  // expect live events; a test key expects test events
	Burn          burn.Vendor           // how the vendor draws grants down by itself
}

// TruesUp reports whether the vendor draws grants down by itself, in money and
// in its own order, so that they are put right after each of its invoices.
func (c Connection) TruesUp() bool { return c.Strategy == adapters.Meter && !c.HoldsUnits }

// ByLot reports whether consumption is told grant by grant: we move the vendor's
// ledger, and name the lot.
func (c Connection) ByLot() bool { return c.Draws && c.Strategy == adapters.Mirror }

// Pools reports whether we move the vendor's ledger, and the vendor chooses the
// lots: only what a customer has in all is then known.
func (c Connection) Pools() bool { return c.Strategy == adapters.Mirror && !c.Draws }

// Route says which connection does what.
type Route struct {
	Primary  string   // holds grants and consumption
	Payments string   // collects money; Primary when empty
	Shadow   []string // hears the same as Primary and is not billed
}

// Pack is credits sold at a price.
type Pack = sale.Pack
