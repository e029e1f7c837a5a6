package main

import (
	"fmt"
	"net/url"
	"slices"

	"scrip/core"
)

// purses are what the feed adds up to in each unit. A change of the unit moves
// value from one to the other; what it is worth in all, only customers change.
type purses struct{ credits, dollars *books }

// dollarScale is the scale of the unit that the demo ends with. A hundredth of
// a credit is dollarParts of its parts: 0.08 dollars a credit.
const dollarScale, dollarParts = 6, core.Amount(800)

// readPurses reads the whole feed.
func (st *stage) readPurses() (purses, error) {
	p := purses{newBooks(feedScale, 1000_00), newBooks(dollarScale, 80_000_000)}
	units := map[any]*books{"credits": p.credits, "usd": p.dollars}
	for cursor := ""; ; {
		page, err := st.get("/v1/feed?limit=1000" + cursor)
		if err != nil {
			return p, err
		}
		rows, _ := page["data"].([]any)
		if len(rows) == 0 {
			return p, nil
		}
		for _, row := range rows {
			e, _ := row.(map[string]any)
			b := units[e["unit"]]
			if b == nil {
				return p, fmt.Errorf("an entry of the feed is in none of the demo's units: %v", row)
			}
			if err := b.add(e); err != nil {
				return p, err
			}
		}
		cursor = "&cursor=" + url.QueryEscape(plain(page["next_cursor"]))
	}
}

// leftOf is what a customer has in both units, in parts of a dollar, and
// consumedBy what it ever consumed.
func (p purses) leftOf(customer string) core.Amount {
	return p.credits.leftOf(customer)*dollarParts + p.dollars.leftOf(customer)
}

func (p purses) consumedBy(customer string) core.Amount {
	return p.credits.consumed[customer]*dollarParts + p.dollars.consumed[customer]
}

// say writes parts of a dollar: in credits as long as there is nothing else.
func (p purses) say(parts core.Amount) string {
	if len(p.dollars.grants) == 0 {
		return money(parts / dollarParts)
	}
	return dollars6(parts)
}

func dollars6(parts core.Amount) string { return parts.Format(dollarScale) + " usd" }

// floorDollars is what a vendor can hold of an amount in dollars: all of its
// millionths, or whole cents.
func (s *seat) floorDollars(a core.Amount) core.Amount {
	if s.units {
		return a
	}
	return a - a%centParts
}

// centParts are the parts of a dollar in a cent.
const centParts = core.Amount(10_000)

// dollarLines lists what the vendor must hold: every grant that lives, at the
// value that it began with in dollars.
func (s *seat) dollarLines(b *books, customer string) []string {
	var lines []string
	for _, id := range b.live(customer) {
		if value := s.floorDollars(b.amounts[id]); value > 0 {
			lines = append(lines, id+" "+value.Format(dollarScale))
		}
	}
	slices.Sort(lines)
	return lines
}

// toldInAll is how many cents the vendor must count since the move: each account's
// consumption is told by its own floor.
func (st *stage) toldInAll(p purses, customer string) core.Amount {
	s := st.next
	return s.floor(p.credits.consumed[customer]) - s.floor(st.moving.consumed[customer]) + s.floorDollars(p.dollars.consumed[customer])/centParts
}

// live lists the ids of a customer's grants of which something is left.
func (b *books) live(customer string) []string {
	var ids []string
	for _, id := range b.grants[customer] {
		if b.left[id] > 0 {
			ids = append(ids, id)
		}
	}
	return ids
}
