package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"scrip/core"
)

// leaving is what the chapters about leaving credits remember.
type leaving struct {
	images string         // a hold for images, taken in credits and captured in dollars
	amount string         // a hold of an amount, which goes there, back and there again
	debit  body           // made in credits, repeated in dollars
	answer map[string]any // what it was answered
	before purses
}

// leaveCredits is the story of a company that counts its balances in dollars,
// goes back to credits, and to dollars for good, behind the same gateway and
// with the same calls for work.
func (st *stage) leaveCredits() []func() error {
	return []func() error{
		st.lastCredits, st.planDollars, st.applyDollars, st.sameValue, st.nameUnits, st.backToCredits, st.dollarsAgain, st.aMonthInDollars, st.audited, st.closeBooks,
	}
}

func (st *stage) lastCredits() error {
	st.scene("before the change: work that is under way, and a debit whose answer may be asked for again")
	h, err := st.post("/v1/holds", "hold-5", body{"customer": "acme", "action": "image.generate", "quantity": "8"})
	if err != nil {
		return err
	}
	st.leaving.images = plain(h["id"])
	st.check("held for eight images", "40.00", h["amount"])
	if h, err = st.post("/v1/holds", "hold-6", body{"customer": "globex", "amount": "12.34"}); err != nil {
		return err
	}
	st.leaving.amount = plain(h["id"])
	st.leaving.debit = body{"customer": "globex", "amount": "0.37"}
	if st.leaving.answer, err = st.post("/v1/debits", "before-dollars", st.leaving.debit); err != nil {
		return err
	}
	if err := st.advance(st.clock.Add(2 * time.Minute)); err != nil {
		return err
	}
	st.leaving.before, err = st.readPurses()
	return err
}

func (st *stage) planDollars() error {
	st.scene("the company leaves credits for dollars: two lines of scrip.yaml, and a plan of what they mean")
	st.show(diff(st.after(), st.dollars()))
	if err := st.configure(st.dollars()); err != nil {
		return err
	}
	return st.operate(exitDiffer, "plan", "-o", "plan.json")
}

func (st *stage) applyDollars() error {
	st.scene("scrip apply carries it out while both customers go on spending, by the calls they always make")
	return st.whileSpending("dollars", func() error {
		return st.operate(exitFine, "apply", "plan.json", "--yes")
	})
}

// sameValue holds balances, prices, holds and the vendor against the feed.
func (st *stage) sameValue() error {
	st.scene("everybody has what they had, at 0.08 dollars a credit")
	if err := st.checkHold("the hold for images, by its id", st.leaving.images, "open, 3.200000 usd"); err != nil {
		return err
	}
	c, err := st.post("/v1/holds/"+st.leaving.images+"/capture", "capture-5", body{"quantity": "6"})
	if err != nil {
		return err
	}
	st.check("captured for six, at the price that was fixed in credits", "2.400000", c["captured"])
	if err := st.checkHold("the hold of 12.34 credits, by its id", st.leaving.amount, "open, 0.987200 usd"); err != nil {
		return err
	}
	q, err := st.post("/v1/quotes", "", body{"customer": "acme", "action": "image.generate"})
	if err != nil {
		return err
	}
	st.check("an image costs", "0.400000 usd", plain(q["amount"])+" "+plain(q["unit"]))
	return st.compareDollars()
}

func (st *stage) checkHold(what, id, want string) error {
	h, err := st.get("/v1/holds/" + id)
	if err == nil {
		st.check(what, want, plain(h["state"])+", "+plain(h["amount"])+" "+plain(h["unit"]))
	}
	return err
}

// compareDollars recomputes what every balance is and what the vendor must hold.
func (st *stage) compareDollars() error {
	if err := st.advance(st.clock.Add(2 * time.Minute)); err != nil {
		return err
	}
	p, err := st.readPurses()
	if err != nil {
		return err
	}
	there, err := st.stateOf(st.next)
	if err != nil {
		return err
	}
	for _, name := range p.dollars.customers() {
		if err := st.checkPosted(name, dollars6(p.dollars.leftOf(name))); err != nil {
			return err
		}
		st.check("credits left of "+name, "0.00", money(p.credits.leftOf(name)))
		st.check("grants of "+name+" in dollars, at "+st.next.name, st.next.dollarLines(p.dollars, name), there.linesOf(name, p.dollars.live(name)))
		if st.next.units {
			st.check("left of "+name+" at "+st.next.name, dollars6(p.dollars.leftOf(name)), there.leftEach(name))
			continue
		}
		got, err := st.next.since(there, name, st.moving.counted[name])
		if err != nil {
			return err
		}
		st.checkConsumed("consumption of "+name+" since the move, at "+st.next.name, st.next, st.toldInAll(p, name), got, len(p.credits.grants[name])+len(p.dollars.grants[name]))
	}
	return st.proven()
}

// proven has the product compare itself with the vendor, and recompute itself.
func (st *stage) proven() error {
	if err := st.reconciled(st.next); err != nil {
		return err
	}
	said, code, err := st.runs("audit")
	if err == nil && code != exitFine {
		st.show(said)
	}
	st.check("scrip audit ends with", exitFine, code)
	return err
}

// checkPosted checks a balance, held or not.
func (st *stage) checkPosted(customer, want string) error {
	m, err := st.get("/v1/customers/" + customer + "/balance")
	if err == nil {
		st.check("balance of "+customer+", with what is held", want, plain(m["posted"])+" "+plain(m["unit"]))
	}
	return err
}

func (st *stage) nameUnits() error {
	st.scene("an amount has to name its unit now; work that is priced by the rate card does not")
	st.check("a bare amount", "unit_required", st.refusal("/v1/debits", "bare-1", body{"customer": "acme", "amount": "1"}))
	st.check("an amount in credits", "unit_mismatch", st.refusal("/v1/debits", "bare-2", body{"customer": "acme", "amount": "1", "unit": "credits"}))
	again, err := st.call(request{method: http.MethodPost, path: "/v1/debits", key: "before-dollars", body: st.leaving.debit})
	if err != nil {
		return err
	}
	m, err := again.object()
	if err != nil {
		return err
	}
	st.check("a debit of before, repeated, is the first answer", true, again.replayed)
	st.check("and says what it said", answerText(st.leaving.answer), answerText(m))
	return nil
}

func answerText(m map[string]any) string {
	return fmt.Sprintf("%s: %s %s, %s left", plain(m["id"]), plain(m["amount"]), plain(m["unit"]), plain(m["balance"]))
}

func (st *stage) backToCredits() error {
	st.scene("scrip rollback goes back to credits, while both customers go on spending")
	if err := st.whileSpending("credits", func() error { return st.operate(exitFine, "rollback") }); err != nil {
		return err
	}
	if err := st.eventually("the gateway runs with the old config", true, func() (any, error) {
		ready, err := st.get("/readyz")
		return ready["config_pending"], err
	}); err != nil {
		return err
	}
	if err := st.configure(st.after()); err != nil {
		return err
	}
	if err := st.operate(exitFine, "plan"); err != nil {
		return err
	}
	if err := st.advance(st.clock.Add(2 * time.Minute)); err != nil {
		return err
	}
	p, err := st.readPurses()
	if err != nil {
		return err
	}
	before := st.leaving.before
	for _, name := range p.credits.customers() {
		spent := p.consumedBy(name) - before.consumedBy(name)
		st.check("grants of "+name+", by their ids", before.credits.live(name), p.credits.live(name))
		want := money(before.credits.leftOf(name)-spent/dollarParts) + " credits"
		if err := st.checkPosted(name, want); err != nil {
			return err
		}
	}
	if err := st.checkHold("the hold of 12.34 credits, by its id", st.leaving.amount, "open, 12.34 credits"); err != nil {
		return err
	}
	return st.proven()
}

func (st *stage) dollarsAgain() error {
	st.scene("the company counts in dollars again, for good")
	if err := st.configure(st.dollars()); err != nil {
		return err
	}
	if err := st.operate(exitFine, "apply", "--yes"); err != nil {
		return err
	}
	if _, err := st.post("/v1/holds/"+st.leaving.amount+"/release", "release-6", body{}); err != nil {
		return err
	}
	for _, name := range []string{"acme", "globex"} {
		d, err := st.insist(request{method: http.MethodPost, path: "/v1/debits", key: "dollars-" + name, body: body{"customer": name, "action": "image.generate"}})
		if err != nil {
			return err
		}
		m, err := d.object()
		if err != nil {
			return err
		}
		st.check(name+" pays for an image", "0.400000 usd", plain(m["amount"])+" "+plain(m["unit"]))
	}
	if st.next.pays == "" {
		st.pay = st.next // since the move it asks for the money too
	}
	if err := st.purchase("acme", "buy-dollars"); err != nil {
		return err
	}
	return st.compareDollars()
}

// aMonthInDollars is after the next invoices of a vendor that draws grants down
// by itself: of what was given in credits, nothing is left there.
func (st *stage) aMonthInDollars() error {
	st.scene("a month later, when the vendors have made their own invoices")
	if err := st.advance(st.clock.AddDate(0, 1, 0)); err != nil {
		return err
	}
	p, err := st.readPurses()
	if err != nil {
		return err
	}
	there, err := st.stateOf(st.next)
	if err != nil {
		return err
	}
	for _, name := range p.dollars.customers() {
		want := core.Amount(0)
		for _, id := range p.dollars.live(name) {
			want += st.next.floorDollars(p.dollars.left[id])
		}
		st.check("left of "+name+" at "+st.next.name, dollars6(want), there.leftEach(name))
	}
	if err := st.billedOnce(p.credits.sold() + p.dollars.sold()); err != nil {
		return err
	}
	return st.reconciled(st.next)
}

// linesOf lists those of a customer's grants in force that have one of the ids.
// A vendor that draws by itself keeps older ones until its next invoice has
// drawn what was consumed of them.
func (v *vendorView) linesOf(customer string, ids []string) []string {
	var lines []string
	for _, g := range v.grantsOf(customer) {
		if id := g.Metadata["scrip_grant"]; !g.over() && slices.Contains(ids, id) {
			amount, err := core.ParseAmount(g.Amount, dollarScale)
			if err != nil {
				return []string{g.Amount}
			}
			lines = append(lines, id+" "+amount.Format(dollarScale))
		}
	}
	slices.Sort(lines)
	return lines
}

// leftEach is what remains of a customer's grants in dollars, and in credits if
// anything does.
func (v *vendorView) leftEach(customer string) string {
	dollars, credits := core.Amount(0), core.Amount(0)
	for _, g := range v.grantsOf(customer) {
		sum := &credits
		if strings.EqualFold(g.Unit, "usd") {
			sum = &dollars
		}
		remaining, err := core.ParseAmount(g.Remaining, dollarScale)
		if err != nil {
			return g.Remaining
		}
		*sum += remaining
	}
	if credits != 0 {
		return dollars6(dollars) + " and " + credits.Format(dollarScale) + " credits"
	}
	return dollars6(dollars)
}
