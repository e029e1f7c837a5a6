package reconcile

import (
	"context"
	"hash/maphash"
	"slices"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
)

// listVendor walks the vendor's customers. Of each no more is kept than a
// hash, and that of a bounded number.
func (r *run) listVendor(ctx context.Context) error {
	if !r.can["read customers"] {
		return nil
	}
	r.listed = true
	seed, page := maphash.MakeSeed(), adapters.Page{Limit: vendorPage}
	r.hash = func(id string) uint64 { return maphash.String(seed, id) }
	for range maxPages {
		got, err := ask(ctx, func(ctx context.Context) (adapters.Listing[adapters.VendorCustomer], error) {
			return r.Port.Customers(ctx, page)
		})
		if err != nil {
			return err
		}
		for i := range got.Items {
			if err := r.vendorCustomer(ctx, &got.Items[i]); err != nil {
				return err
			}
		}
		if got.Next == "" {
			slices.Sort(r.seen)
			return nil
		}
		if got.Next == page.Cursor {
			break
		}
		page.Cursor = got.Next
	}
	return adapters.Errorf(adapters.CodeBadAnswer, "the vendor's list of customers has no end")
}

// vendorCustomer judges one customer of the vendor's: whose it is, and
// whether it is the one that is linked.
func (r *run) vendorCustomer(ctx context.Context, v *adapters.VendorCustomer) error {
	r.report.Counts.VendorCustomers++
	if len(r.seen) < maxSeen {
		r.seen = append(r.seen, r.hash(v.ID))
	} else {
		r.listed = false
	}
	linked, err := r.neutralOf(ctx, v.ID, adapters.RoleCustomer)
	if err != nil {
		return err
	}
	f := Finding{Customer: v.Neutral, Object: "customer", Vendors: v.ID, VendorObject: v.ID}
	switch {
	case linked != "" && v.Neutral == "":
		f.Customer, f.Cause, f.Ours = linked, MarkLost, linked
		f.Vendors, f.Evidence = "", "our id is gone from the vendor's object"
	case linked != "" && v.Neutral != linked:
		f.Customer, f.Cause, f.Ours = linked, MarkLost, linked
		f.Vendors, f.Evidence = v.Neutral, "the vendor's object bears another id of ours"
	case linked != "":
		return nil
	case v.Neutral == "":
		r.report.Counts.Foreign++
		return nil
	default:
		if err := r.unlinkedCustomer(ctx, v, &f); err != nil || f.Cause == "" {
			return err
		}
	}
	r.add(f)
	return nil
}

// unlinkedCustomer judges a customer of the vendor's that bears our id and
// that no link leads to. Without any link of ours the customer itself is
// judged when its turn comes.
func (r *run) unlinkedCustomer(ctx context.Context, v *adapters.VendorCustomer, f *Finding) error {
	record, err := r.Reader.Records.Record(ctx, ledger.RecordKey{Kind: ledger.CustomerKind, ID: v.Neutral})
	if err != nil {
		return err
	}
	if record == nil || record.Deleted {
		f.Cause, f.Evidence = ExtraAtVendor, "the vendor's object bears an id that we do not know"
		return nil
	}
	links, err := r.linksOf(ctx, v.Neutral, adapters.RoleCustomer)
	if err != nil || len(links) == 0 {
		return err
	}
	f.Cause, f.Ours = Duplicate, links[0].Vendor
	f.Evidence = "another object of the vendor's is linked to this customer"
	return nil
}

// neutralOf is the neutral thing that a vendor's object is linked to in a role.
func (r *run) neutralOf(ctx context.Context, vendor, role string) (string, error) {
	links, err := r.Reader.Links.ByVendor(ctx, r.Connection.Name, vendor)
	for _, l := range links {
		if l.Role == role {
			return l.Neutral, err
		}
	}
	return "", err
}

// present finds a customer at the vendor and reports whether it is there to
// be compared. Absence is never concluded from the list alone: the vendor is
// asked for that customer. Where it is not expected, absence is right.
func (r *run) present(ctx context.Context, c ledger.Customer, s *state, expected bool) (bool, error) {
	links, err := r.linksOf(ctx, c.ID, adapters.RoleCustomer)
	if err != nil {
		return false, err
	}
	for _, l := range links {
		if _, ok := slices.BinarySearch(r.seen, r.hashOf(l.Vendor)); ok {
			s.vendor = l.Vendor
			return true, nil
		}
	}
	if !expected && len(links) == 0 {
		return false, nil
	}
	found, asked, err := r.lookUp(ctx, c, links)
	if err != nil {
		return false, err
	}
	for _, l := range links {
		if l.Vendor == found || !asked && !r.listed {
			s.vendor = l.Vendor
			return true, nil
		}
	}
	if !expected {
		return false, nil
	}
	f := Finding{Object: "customer", Cause: MissingAtVendor, Ours: c.ID}
	switch {
	case len(links) > 0:
		f.VendorObject, f.Evidence = links[0].Vendor, "the linked object is not there any more"
	case found != "":
		f.Cause, f.Vendors, f.VendorObject = Unlinked, found, found
	default:
		f.Evidence = "it was never linked to an object of the vendor's"
	}
	if r.fresh(s.put) {
		s.lag(f.Object, f.Cause, "it was put so shortly ago that the vendor's reads may lag")
	}
	s.find(f)
	return false, nil
}

func (r *run) hashOf(id string) uint64 {
	if r.hash == nil {
		return 0 // nothing was listed
	}
	return r.hash(id)
}

// lookUp asks the vendor for one customer. asked is false where it cannot.
func (r *run) lookUp(ctx context.Context, c ledger.Customer, links adapters.Links) (vendor string, asked bool, err error) {
	if !r.can["find by mark"] {
		return "", false, nil
	}
	mark := adapters.Mark{
		ID:   core.NewID(core.IntentID, c.ID, "reconcile/"+r.Connection.Name, c.ID, 0),
		Kind: adapters.CustomerKind, Neutral: c.ID, Customer: links.One(adapters.RoleCustomer),
	}
	answer, err := ask(ctx, func(ctx context.Context) (adapters.Answer, error) { return r.Port.Find(ctx, mark) })
	switch {
	case err == nil:
		return adapters.Links(answer.Links).One(adapters.RoleCustomer), true, nil
	case adapters.AsError(err).Code == adapters.CodeNotFound:
		return "", true, nil
	case adapters.AsError(err).Code == adapters.CodeNotSupported:
		return "", false, nil
	}
	return "", false, err
}
