package reconcile

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Cause names why two sides differ.
type Cause string

// The causes.
const (
	MissingAtVendor Cause = "missing_at_vendor" // we have it, the vendor does not
	ExtraAtVendor   Cause = "extra_at_vendor"   // the vendor has it, we do not
	Duplicate       Cause = "duplicate"         // the vendor has it more than once
	Unlinked        Cause = "unlinked"          // the vendor's object bears our id, no link leads to it
	MarkLost        Cause = "mark_lost"         // a link leads to the vendor's object, which no longer bears our id
	AmountDiffers   Cause = "amount"            // of a grant, as it was given
	LeftDiffers     Cause = "remaining"         // of a grant or of all of a customer's
	ExpiryDiffers   Cause = "expiry"            // earlier at the vendor, or only one side never ends
	PriorityDiffers Cause = "priority"
	CategoryDiffers Cause = "category"
	StateDiffers    Cause = "state" // one side has ended the grant, the other has not
	ConsumedDiffers Cause = "consumption"
)

// Finding is one difference. Its id depends on what differs and why, not on
// the figures or the time, so that it is the same in every run while it lasts.
type Finding struct {
	ID           string `json:"id"`
	Customer     string `json:"customer"` // ours; "" when the vendor's object names none
	Object       string `json:"object"`   // customer, grant ID, grants or consumption
	Cause        Cause  `json:"cause"`
	Ours         string `json:"ours"`
	Vendors      string `json:"vendors"`
	Difference   string `json:"difference,omitempty"` // the vendor's figure less ours
	VendorObject string `json:"vendor_object,omitempty"`
	Evidence     string `json:"evidence,omitempty"`
}

// upsets reports whether sums over a customer's grants differ because of it.
func (f *Finding) upsets() bool {
	switch f.Cause {
	case MissingAtVendor, ExtraAtVendor, Duplicate, AmountDiffers, StateDiffers:
		return true
	}
	return false
}

// NotComparable is a fact that this vendor gives no way to compare.
type NotComparable struct {
	Fact string `json:"fact"`
	Why  string `json:"why"`
}

// Counts are what a run looked at.
type Counts struct {
	Customers       int `json:"customers"`        // ours
	VendorCustomers int `json:"vendor_customers"` // listed by the vendor
	Foreign         int `json:"foreign"`          // of those: neither marked nor linked, so none of ours
	Grants          int `json:"grants"`           // ours that were compared
	Kept            int `json:"kept_in_core"`     // ours that the vendor does not hold and need not
	Findings        int `json:"findings"`
	InFlight        int `json:"in_flight"`
	LeftOut         int `json:"left_out,omitempty"` // findings beyond those that a report lists
}

// Queues say how settled the connection's queues were.
type Queues struct {
	Waiting int `json:"waiting"`
	Open    int `json:"open"`
	Parked  int `json:"parked"`
}

// Report is the outcome of one run. The same state and options give the same
// report.
type Report struct {
	Connection    string          `json:"connection"`
	Strategy      string          `json:"strategy"`
	AsOf          string          `json:"as_of"` // RFC 3339
	Counts        Counts          `json:"counts"`
	Queues        Queues          `json:"queues"`
	Findings      []Finding       `json:"findings"`
	InFlight      []Finding       `json:"in_flight"` // differences that what is on its way explains
	NotComparable []NotComparable `json:"not_comparable"`
}

// Agrees reports whether no difference is left to explain.
func (r *Report) Agrees() bool { return r.Counts.Findings == 0 }

// findingID hashes what differs and why.
func findingID(connection string, f *Finding) string {
	parts := []string{connection, f.Customer, f.Object, string(f.Cause)}
	switch f.Cause {
	case ExtraAtVendor, Duplicate:
		parts = append(parts, f.VendorObject) // there may be several
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return "fnd_" + hex.EncodeToString(sum[:10])
}

// arrange puts a report into the one order that its content has.
func (r *Report) arrange() {
	arrange(r.Findings)
	arrange(r.InFlight)
	slices.SortFunc(r.NotComparable, func(a, b NotComparable) int {
		return cmp.Or(cmp.Compare(a.Fact, b.Fact), cmp.Compare(a.Why, b.Why))
	})
	r.NotComparable = slices.Compact(r.NotComparable)
}

func arrange(list []Finding) {
	slices.SortFunc(list, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Customer, b.Customer), cmp.Compare(a.Object, b.Object),
			cmp.Compare(a.Cause, b.Cause), cmp.Compare(a.VendorObject, b.VendorObject), cmp.Compare(a.ID, b.ID))
	})
}
