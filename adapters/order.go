package adapters

import "scrip/core"

// Mark identifies an order at the vendor: it is the idempotency key of the
// call and is written into the object's metadata, where the vendor has such,
// so that the object can be found when an answer was lost and its event be
// recognised as our own echo.
type Mark struct {
	ID       core.ID // of the intent
	Kind     Kind
	Neutral  string // what the order is about: a customer id, grant id, purchase id or window
	Customer string // vendor's customer id, where it is known
}

// Kind is what an order asks for.
type Kind string

// The kinds of orders.
const (
	CustomerKind Kind = "customer"
	GrantKind    Kind = "grant"
	EndKind      Kind = "end"
	ConsumeKind  Kind = "consume"
	SellKind     Kind = "sell"
	CarrierKind  Kind = "carrier"
	RefundKind   Kind = "refund"
)

// Roles of links: what a vendor's object is to the neutral thing.
const (
	RoleCustomer = "customer" // neutral: customer id
	RoleGrant    = "grant"    // neutral: grant id
	RoleInvoice  = "invoice"  // neutral: purchase id
	RoleUsage    = "usage"    // neutral: window; vendor: the event's identifier
	RoleMeter    = "meter"    // neutral: [SetupNeutral]
	RoleRefund   = "refund"   // neutral: purchase id; vendor: the refund that was asked for
	RoleProduct  = "product"  // neutral: pack
	RoleCarrier  = "carrier"  // neutral: customer id; vendor: what its consumption is billed by
	RolePrice    = "price"    // neutral: [SetupNeutral]; vendor: the price consumption is told at
)

// SetupNeutral is the neutral name that the links of a connection's own
// objects hang on.
const SetupNeutral = "connection"

// Link joins the neutral thing of an order to a vendor's object.
type Link struct {
	Neutral string
	Role    string
	Vendor  string
}

// Links are those that exist for what an order is about.
type Links []Link

// One returns the vendor's object in a role, or "".
func (l Links) One(role string) string {
	for _, link := range l {
		if link.Role == role {
			return link.Vendor
		}
	}
	return ""
}

// Answer is what a write brought: new links, and for a sale where to pay.
type Answer struct {
	Links  []Link
	PayURL string
	Spared int64 // quanta of [EndOrder].Spare that were not withdrawn; below zero so many more were, or are lost
}

// Holding is a value as a vendor keeps it: a whole number of its smallest
// parts, of money or of a unit of the vendor's own.
type Holding struct {
	Quanta int64  // the value, in parts of 10^-Scale
	Scale  int    // decimals of the vendor's unit
	Unit   string // the vendor's id of its unit, or a currency code
}

// Setup names what a connection's orders will rest on.
type Setup struct {
	Currency core.Currency // what grants and consumption are valued in; "" where the vendor holds units
	Units    []string      // the vendor's ids of the units that are carried
	Packs    []string      // packs that are sold
	Create   bool          // make what is missing; else it is an error that lists it
	Links    Links         // what is known already
}

// CustomerOrder creates a customer, or updates the linked one.
type CustomerOrder struct {
	Mark     Mark
	ID       string // the application's
	Name     string
	Email    string
	Currency core.Currency // that it is invoiced in, "" where that is open
	Metadata map[string]string
	Links    Links
}

// GrantOrder gives a grant to hold. Holding is what the vendor can hold of the
// remaining part, by the quantum law, and Value the same in money where the
// vendor holds money; the facts of the whole lot go into metadata.
type GrantOrder struct {
	Mark     Mark
	Grant    core.ID
	Holding  Holding
	Value    core.Money
	Unit     core.Unit
	Original core.Amount
	Consumed core.Amount
	Category core.Category
	Priority int
	Starts   core.Time
	Expires  core.Time // or [core.Never]
	Basis    core.Money
	Source   string
	Actions  []string
	Now      core.Time // business time
	Links    Links     // of the customer, the grant and the connection
}

// EndOrder withdraws a grant's rest.
type EndOrder struct {
	Mark     Mark
	Grant    core.ID
	Consumed core.Amount // by the core; above zero where the vendor may still have to draw
	TrueUp   bool        // the vendor has drawn for the period: end it even if some was consumed
	Holding  Holding     // what is left of it at the vendor, where the vendor must be told how much
	Anywhere bool        // it is in whatever lots the customer has: it came back when the grant's own was over, or the grant was never given
	Over     bool        // nothing is left of the grant: what its own lot holds beyond that would be lost, and is taken too
	Spare    int64       // so many quanta are missing at the vendor already: they are not withdrawn from other lots than the grant's
	Links    Links
}

// ConsumeOrder tells one window. Quanta is floor(consumed x rate) now less
// what the windows before told, in the connection's quantum; never negative.
// Scale and Unit say what a quantum is, as in [Holding].
//
// Where the vendor debits the lot that the caller names, [Traits.Draws], an
// order is of one grant: Grant is set, Links are the grant's too, and Quanta is
// what is to be taken off it; below zero that much is put back.
type ConsumeOrder struct {
	Mark   Mark
	Window string  // neutral id of the window
	Grant  core.ID // the grant that is drawn on, "" where the vendor chooses
	Quanta int64
	Scale  int
	Unit   string
	Opened core.Time
	Closed core.Time
	Sent   core.Time // business time of sending
	Links  Links     // of the customer, the connection and the grant drawn on
}

// CancelOrder takes back windows that were told, by their usage links.
type CancelOrder struct {
	Mark    Mark
	Windows []Link
	Links   Links
}

// SellOrder asks for money for a pack, or, as an order of [RefundKind], gives so
// much of it back.
type SellOrder struct {
	Mark     Mark
	Purchase core.ID
	Pack     string
	Price    core.Money
	Text     string // what the invoice line says
	Collect  bool   // charge what the customer has left to be charged, once and now, where the vendor can; else the customer is asked
	Links    Links  // of the customer, the pack and the purchase
}

// CarrierOrder makes what a customer's consumption is billed by, such as a
// subscription of its own, or finds it.
type CarrierOrder struct {
	Mark  Mark
	Links Links // of the customer and the connection
}

// UsageQuery asks for the consumption of a customer in [From, To). Where the
// vendor holds units, the sum is of Unit, in parts of 10^-Scale.
type UsageQuery struct {
	Customer string // vendor's id
	From, To core.Time
	Unit     string
	Scale    int
	Links    Links // of the connection
}
