package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"scrip/core"
)

// books are what the feed adds up to in one unit, in parts of its scale:
// everything here is recomputed from entries alone.
type books struct {
	scale    int
	pack     core.Amount            // what the starter pack grants
	packs    map[string]int         // by customer: packs that were granted
	balance  map[string]core.Amount // by customer
	consumed map[string]core.Amount // by customer
	pots     map[string]core.Amount
	grants   map[string][]string    // by customer: ids, in order
	amounts  map[string]core.Amount // by grant: what was given,
	left     map[string]core.Amount // what is available or held of it,
	used     map[string]core.Amount // and what was consumed
}

// feedScale is the scale of the unit that the demo begins with.
const feedScale = 2

func newBooks(scale int, pack core.Amount) *books {
	return &books{
		scale: scale, pack: pack, packs: map[string]int{}, balance: map[string]core.Amount{}, consumed: map[string]core.Amount{}, pots: map[string]core.Amount{},
		grants: map[string][]string{}, amounts: map[string]core.Amount{}, left: map[string]core.Amount{}, used: map[string]core.Amount{},
	}
}

// readBooks adds up the whole feed in credits.
func (st *stage) readBooks() (*books, error) {
	p, err := st.readPurses()
	return p.credits, err
}

func (b *books) add(e map[string]any) error {
	amount, err := core.ParseAmount(plain(e["amount"]), b.scale)
	if err != nil {
		return err
	}
	customer, from, to, grant := plain(e["customer"]), plain(e["from"]), plain(e["to"]), plain(e["grant"])
	b.pots[from] -= amount
	b.pots[to] += amount
	for pot, sign := range map[string]core.Amount{from: -1, to: 1} {
		switch pot {
		case "available":
			b.balance[customer] += sign * amount
			b.left[grant] += sign * amount
		case "held":
			b.left[grant] += sign * amount
		case "consumed":
			b.consumed[customer] += sign * amount
			b.used[grant] += sign * amount
		}
	}
	if e["kind"] == "grant" && amount == b.pack {
		b.packs[customer]++
	}
	if _, known := b.amounts[grant]; !known && (e["kind"] == "grant" || e["kind"] == "convert_in") {
		b.grants[customer] = append(b.grants[customer], grant)
		b.amounts[grant] = amount
	}
	return nil
}

func (b *books) customers() []string {
	var names []string
	for name := range b.grants {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// floor is an amount by the quantum law: whole parts of what the vendor holds,
// hundredths of its unit or cents at 8 a credit.
func (s *seat) floor(a core.Amount) core.Amount {
	if s.units {
		return a
	}
	return a * 8 / 100
}

// count writes a count of the vendor's: decimal in its own units, whole cents.
func (s *seat) count(parts core.Amount) string {
	if s.units {
		return money(parts)
	}
	return strconv.FormatInt(int64(parts), 10)
}

// heldLines lists what the vendor must hold: every grant at its value.
func (s *seat) heldLines(b *books, customer string) []string {
	var lines []string
	for _, id := range b.grants[customer] {
		lines = append(lines, id+" "+s.floor(b.amounts[id]).Format(2))
	}
	slices.Sort(lines)
	return lines
}

// paid is what a customer paid by the pack's price, 80 dollars.
func (b *books) paid(customer string) string {
	return fmt.Sprintf("%d for %d.00", b.packs[customer], b.packs[customer]*80)
}

func money(a core.Amount) string { return a.Format(feedScale) }

// vendorView is the sandbox's state, of which the demo reads a part.
type vendorView struct {
	Customers []vendorCustomer `json:"customers"`
}

type vendorCustomer struct {
	ID         string          `json:"id"`
	ExternalID string          `json:"external_id"`
	Grants     []vendorGrant   `json:"grants"`
	Consumed   string          `json:"consumed"`
	Invoices   []vendorInvoice `json:"invoices"`
}

type vendorGrant struct {
	ID        string            `json:"id"`
	Amount    string            `json:"amount"`
	Remaining string            `json:"remaining"`
	Unit      string            `json:"unit"`
	Category  string            `json:"category"`
	State     string            `json:"state"`
	Metadata  map[string]string `json:"metadata"`
}

type vendorInvoice struct {
	ID       string            `json:"id"`
	Status   string            `json:"status"`
	Total    string            `json:"total"`
	Paid     string            `json:"paid"`
	Metadata map[string]string `json:"metadata"`
}

// sale reports whether the invoice sells a pack, whose purchase it names; a
// vendor makes others by itself.
func (i vendorInvoice) sale() bool {
	for _, v := range i.Metadata {
		if strings.HasPrefix(v, "pur_") {
			return true
		}
	}
	return false
}

// vendorState is the state of who holds grants and consumption, payState of
// who collects the money.
func (st *stage) vendorState() (*vendorView, error) { return st.stateOf(st.main) }
func (st *stage) payState() (*vendorView, error)    { return st.stateOf(st.pay) }

func (st *stage) stateOf(s *seat) (*vendorView, error) {
	a, err := st.controlOf(s.control, "state", nil)
	if err != nil {
		return nil, err
	}
	v := &vendorView{}
	return v, a.decode(v)
}

// named lists the vendor's customers that carry our id.
func (v *vendorView) named(customer string) []vendorCustomer {
	var list []vendorCustomer
	for _, c := range v.Customers {
		if c.ExternalID == customer {
			list = append(list, c)
		}
	}
	return list
}

func (v *vendorView) grantsOf(customer string) []vendorGrant {
	var list []vendorGrant
	for _, c := range v.named(customer) {
		list = append(list, c.Grants...)
	}
	return list
}

// grantLines lists the grants as they were first given. One that was trued up
// after an invoice was made again with what was left of it, and says so.
func (v *vendorView) grantLines(customer string) []string {
	var lines []string
	for _, g := range v.grantsOf(customer) {
		if consumed := g.Metadata["consumed"]; consumed != "" && canon(consumed) != "0.00" {
			continue
		}
		lines = append(lines, g.Metadata["scrip_grant"]+" "+canon(g.Amount))
	}
	slices.Sort(lines)
	return lines
}

func (v *vendorView) openInvoices(customer string) []string {
	var list []string
	for _, c := range v.named(customer) {
		for _, i := range c.Invoices {
			if slices.Contains([]string{"open", "finalized", "payment_due"}, i.Status) && i.sale() {
				list = append(list, i.ID)
			}
		}
	}
	return list
}

func (v *vendorView) paidInvoices(customer string) string {
	count, sum := 0, core.Amount(0)
	for _, c := range v.named(customer) {
		for _, i := range c.Invoices {
			paid, err := core.ParseAmount(i.Paid, 2)
			if i.Status == "paid" && i.sale() && err == nil {
				count, sum = count+1, sum+paid
			}
		}
	}
	return fmt.Sprintf("%d for %s", count, sum.Format(2))
}

// canon writes a decimal with two decimals, whatever zeros it came with.
func canon(text string) string {
	a, err := core.ParseAmount(text, core.MaxScale)
	if err != nil || a%1e7 != 0 {
		return text
	}
	return (a / 1e7).Format(2)
}

// counted is what the vendor counted for a customer.
func (s *seat) counted(v *vendorView, customer string) string {
	switch text := v.consumed(customer); {
	case s.units:
		return canon(text)
	case s.traits.Draws:
		if cents, err := core.ParseAmount(text, 2); err == nil {
			return s.count(cents)
		}
		return text
	default:
		return text
	}
}

// checkConsumed compares what a vendor counted with what it must. Where each
// grant is debited by itself, what is left of each is exact and the sum of what
// was taken may be more than its own floor, by at most a part of each grant.
func (st *stage) checkConsumed(what string, s *seat, want core.Amount, got string, grants int) {
	if counted, err := s.parts(got); err == nil && s.traits.Draws && !s.units && counted > want && counted <= want+core.Amount(grants) {
		want = counted
	}
	st.check(what, s.count(want), got)
}

func (v *vendorView) consumed(customer string) string {
	var parts []string
	for _, c := range v.named(customer) {
		parts = append(parts, c.Consumed)
	}
	return strings.Join(parts, "+")
}
