package adapters

import (
	"time"

	"scrip/core"
)

// Strategy is how much of the core a connection carries to its vendor.
type Strategy string

// The strategies.
const (
	Totals Strategy = "totals" // customers and purchases only
	Meter  Strategy = "meter"  // and grants, and consumption as a metered quantity of value
	Mirror Strategy = "mirror" // and grants, and consumption as movements of the vendor's ledger
)

// Fit says how exactly a vendor carries one fact of a grant.
type Fit string

// The fits.
const (
	Exact   Fit = "exact"
	Loss    Fit = "with loss"
	Kept    Fit = "kept in the core"
	Refused Fit = "refused"
)

// Fact is one row of the capability matrix: how a fact is carried, and the
// source of the claim.
type Fact struct {
	Name   string
	Fit    Fit
	How    string
	Source string
}

// OrderKey is a criterion of the vendor's own burn order.
type OrderKey struct {
	Key       core.OrderKey
	Confirmed bool // documented by the vendor; otherwise it may differ
}

// Echo says which event, if any, reports a write of ours back.
type Echo struct {
	Write Kind
	Event string // vendor's type, or "" when there is none
	How   string // how it is recognised
}

// Traits are a vendor's facts that no method set can show.
type Traits struct {
	Provider     string
	Strategies   []Strategy    // the first is the default
	WhyNot       string        // why the missing strategies are missing
	QuantumOf    string        // what the smallest value is, for people
	KeyLifetime  time.Duration // how long the vendor keeps idempotency keys; 0: it has none
	PerSecond    int           // calls a second the vendor allows
	Backdating   time.Duration // how old a told consumption may be
	ReadLag      time.Duration // how long a read may lag behind a write
	MaxGrants    int           // unused grants per customer; 0: no limit
	Decimals     int           // that it documents of its units, 0 where it holds money or documents none
	Draws        bool          // consumption is told grant by grant, on lots that we name
	StartsNow    bool          // a grant cannot be given before it starts
	CarrierLeads bool          // grants hang on the carrier too, so it is made before them
	Pooled       bool          // what is withdrawn is taken from any of a customer's lots, so the lot of an ended grant may stay in force
	BillsMonths  bool          // consumption is billed by calendar month (UTC): what was told in one that is over is drawn, and not taken back
	SignsBody    bool          // webhooks authenticate their content
	BurnOrder    []OrderKey
	Echoes       []Echo
	Facts        []Fact
	Unconfirmed  []string // behaviour that could not be confirmed, each safe either way
	Comparable   []string // what reconciliation may compare
}
