package main

import (
	"slices"

	"scrip/core"
)

// leftOf is what a customer has: available or held.
func (b *books) leftOf(customer string) core.Amount {
	sum := core.Amount(0)
	for _, id := range b.grants[customer] {
		sum += b.left[id]
	}
	return sum
}

// sold is what all packs that were granted cost together, in cents.
func (b *books) sold() core.Amount {
	sum := core.Amount(0)
	for _, n := range b.packs {
		sum += core.Amount(n) * 80_00
	}
	return sum
}

// carriedLines lists what the vendor must have been given: of every grant that
// lives, what was left of it then, less what had been used.
func (s *seat) carriedLines(b *books, customer string, used map[string]core.Amount) []string {
	var lines []string
	for _, id := range b.grants[customer] {
		if value := s.floor(b.amounts[id] - used[id]); b.left[id] > 0 && value > 0 {
			lines = append(lines, id+" "+value.Format(2))
		}
	}
	slices.Sort(lines)
	return lines
}

// over reports whether the grant is in force no more.
func (g *vendorGrant) over() bool {
	return g.State == "void" || g.State == "voided" || g.State == "expired"
}

// carried lists a customer's grants that are in force, as they were given, and
// how much of each had been used by then.
func (v *vendorView) carried(customer string) (used map[string]core.Amount, lines []string) {
	used = map[string]core.Amount{}
	for _, g := range v.grantsOf(customer) {
		if g.over() {
			continue
		}
		id := g.Metadata["scrip_grant"]
		if amount, err := core.ParseAmount(g.Metadata["consumed"], feedScale); err == nil {
			used[id] = amount
		}
		lines = append(lines, id+" "+canon(g.Amount))
	}
	slices.Sort(lines)
	return used, lines
}

// lawLeft is what must remain of a customer's grants: each at its floor.
func (s *seat) lawLeft(b *books, customer string) string {
	sum := core.Amount(0)
	for _, id := range b.grants[customer] {
		sum += s.floor(b.left[id])
	}
	return sum.Format(2)
}

// left is what remains of all of a customer's grants. A vendor that draws by
// itself does so when it makes an invoice.
func (v *vendorView) left(customer string) string {
	sum := core.Amount(0)
	for _, g := range v.grantsOf(customer) {
		remaining, err := core.ParseAmount(canon(g.Remaining), feedScale)
		if err != nil {
			return g.Remaining
		}
		sum += remaining
	}
	return money(sum)
}

// since is what the vendor counted beyond an earlier count of its own.
func (s *seat) since(v *vendorView, customer, earlier string) (string, error) {
	now, err := s.parts(s.counted(v, customer))
	if err != nil {
		return "", err
	}
	then, err := s.parts(earlier)
	return s.count(now - then), err
}

// parts reads what count writes; nothing counts as zero.
func (s *seat) parts(text string) (core.Amount, error) {
	switch {
	case text == "":
		return 0, nil
	case s.units:
		return core.ParseAmount(text, feedScale)
	}
	return core.ParseAmount(text, 0)
}

// money adds up what the invoices of all customers brought in, in cents, and
// counts those that still ask for something.
func (v *vendorView) money() (paid core.Amount, open int) {
	for _, c := range v.Customers {
		for _, i := range c.Invoices {
			if amount, err := core.ParseAmount(i.Paid, 2); err == nil {
				paid += amount
			}
			total, err := core.ParseAmount(i.Total, 2)
			if i.Status == "open" && (err != nil || total > 0) {
				open++
			}
		}
	}
	return paid, open
}
