package main

import "scrip/core"

// closeBooks reads where the money of every pack is, whatever unit it has
// been counted in, and holds the sum against the packs that were sold.
func (st *stage) closeBooks() error {
	st.scene("finance closes the books: where the money of every pack is")
	report, err := st.get("/v1/reports/revenue?by=total")
	if err != nil {
		return err
	}
	p, err := st.readPurses()
	if err != nil {
		return err
	}
	all, ties := core.Amount(0), "nothing was sold"
	rows, _ := report["rows"].([]any)
	for _, row := range rows {
		r, _ := row.(map[string]any)
		if r["row"] != "total" || r["currency"] != "usd" {
			continue
		}
		ties = plain(r["ties_out"])
		for _, part := range []string{"recognised", "deferred", "breakage", "refunded", "voided"} {
			cents, err := core.ParseSigned(plain(r[part]), 2)
			if err != nil {
				return err
			}
			all += cents
		}
	}
	st.check("recognised, deferred, lapsed, refunded and written off come to what was paid", money(p.credits.sold()+p.dollars.sold()), money(all))
	st.check("each lot and each month ties out to the cent", "yes", ties)
	return nil
}
