package adapters

import (
	"scrip/core"
	"scrip/core/sale"
)

// EventKind is what an event means to the core.
type EventKind string

// The kinds of events.
const (
	PaymentEvent  EventKind = "payment"        // money for a purchase was settled
	FailedEvent   EventKind = "payment_failed" // an attempt to pay failed, or the sale was called off
	RefundEvent   EventKind = "refund"         // money went back: how much of the claim in all; not settled: it failed
	DisputeEvent  EventKind = "dispute"        // money is contested; settled: it came back; the reason "lost": it will not
	CustomerEvent EventKind = "customer"       // a customer changed
	GrantEvent    EventKind = "grant"          // a grant the vendor holds changed
	EntryEvent    EventKind = "entry"          // a movement in the vendor's own ledger
	FinalEvent    EventKind = "invoice_final"  // an invoice that draws grants down is final
	RenewalEvent  EventKind = "renewal"        // a period of a subscription that the vendor bills was paid
	UsageEvent    EventKind = "usage_error"    // consumption we told was not counted
	SystemEvent   EventKind = "system"         // about the vendor's own objects; nothing to apply
	UnknownEvent  EventKind = "unknown"        // kept, not applied
)

// Event is a vendor's webhook in neutral terms.
type Event struct {
	ID       string    // the vendor's id, never empty: a hash of the body where there is none
	Type     string    // the vendor's own name
	Kind     EventKind // what it means
	Object   string    // the vendor's object
	Customer string    // the vendor's customer id, or ""
	At       core.Time // the vendor's time: data, never the only order
	Until    core.Time // end of the period that a final invoice is for: what was told before it is drawn; 0 when not told
	Live     bool      // whether the vendor calls it live, not test
	Hint     bool      // its content is not authenticated: read the object back before money is moved
	Mark     core.ID   // our intent, when the object or request carries it: an echo
	Neutral  string    // our id of what it is about, from the object's metadata; of a renewal the customer
	Claim    string    // of money that went back or is contested: the vendor's one name for it, Object where it is ""
	Related  []string  // other objects of the vendor that it names, such as the charge of an invoice
	Reason   string    // why there is nothing to apply, for people
	Payment  *sale.Payment
	Renewal  *sale.Renewal // of a [RenewalEvent], whose object is the invoice
}

// VendorCustomer is a customer as the vendor holds it.
type VendorCustomer struct {
	ID      string
	Neutral string // our id in its metadata
	Name    string
	Email   string
}

// VendorGrant is a grant as the vendor holds it.
type VendorGrant struct {
	ID        string
	Neutral   string     // our id in its metadata
	Value     core.Money // where the vendor holds money
	Remaining core.Money
	Held      Holding // the same two in the vendor's own parts, and unit
	Left      Holding
	Starts    core.Time
	Expires   core.Time // or [core.Never]
	Priority  int
	Category  core.Category
	State     core.GrantState
}
