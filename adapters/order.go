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
)

// Roles of links: what a vendor's object is to the neutral thing.
const (
	RoleCustomer = "customer" // neutral: customer id
	RoleGrant    = "grant"    // neutral: grant id
	RoleInvoice  = "invoice"  // neutral: purchase id
	RoleUsage    = "usage"    // neutral: window; vendor: the event's identifier
	RoleMeter    = "meter"    // neutral: [SetupNeutral]
	RoleProduct  = "product"  // neutral: pack
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
}

// Setup names what a connection's orders will rest on.
type Setup struct {
	Currency core.Currency // what grants and consumption are valued in
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
	Metadata map[string]string
	Links    Links
}

// GrantOrder gives a grant to hold. Value is what the vendor can hold of the
// remaining part, by the quantum law; the facts of the whole lot go into metadata.
type GrantOrder struct {
	Mark     Mark
	Grant    core.ID
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
	Links    Links
}

// ConsumeOrder tells one window. Quanta is floor(consumed x rate) now less
// what the windows before told, in the connection's quantum; never negative.
type ConsumeOrder struct {
	Mark   Mark
	Window string // neutral id of the window
	Quanta int64
	Opened core.Time
	Closed core.Time
	Sent   core.Time // business time of sending
	Links  Links     // of the customer and the connection
}

// CancelOrder takes back windows that were told, by their usage links.
type CancelOrder struct {
	Mark    Mark
	Windows []Link
	Links   Links
}

// SellOrder asks for money for a pack.
type SellOrder struct {
	Mark     Mark
	Purchase core.ID
	Pack     string
	Price    core.Money
	Text     string // what the invoice line says
	Links    Links  // of the customer, the pack and the purchase
}

// UsageQuery asks for the consumption of a customer in [From, To).
type UsageQuery struct {
	Customer string // vendor's id
	From, To core.Time
	Links    Links // of the connection
}
