package main

import (
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"time"

	"scrip/core"
)

// moving is what the chapters about a move remember.
type moving struct {
	hold     string                 // taken before the move, captured after it
	consumed map[string]core.Amount // by customer, when the target was last told of nothing more
	counted  map[string]string      // by customer: what the target had counted by then
}

// moveHouse is the story of a company that moves to another vendor, back, and
// there again for good, behind the same gateway and the same API.
func (st *stage) moveHouse() []func() error {
	return []func() error{
		st.lastWork, st.planMove, st.applyMove, st.bothAgree, st.goBack, st.moveAgain, st.drainSource, st.aMonthLater, st.audited,
	}
}

func (st *stage) lastWork() error {
	st.scene("before the move: a gift for globex, and work of acme's that is under way")
	_, err := st.post("/v1/customers/globex/grants", "gift-2", body{
		"amount": "500", "category": "promotional", "expires_at": st.clock.Add(60 * 24 * time.Hour).Format(time.RFC3339),
	})
	if err != nil {
		return err
	}
	h, err := st.post("/v1/holds", "hold-4", body{"customer": "acme", "action": "image.generate", "quantity": "8"})
	if err != nil {
		return err
	}
	st.moving.hold = plain(h["id"])
	st.check("held for eight images", "40.00", h["amount"])
	if err := st.settle(); err != nil {
		return err
	}
	// The new vendor's sandbox lives at the same time as everybody else.
	_, err = st.controlOf(st.next.control, "clock", body{"now": st.clock.Format(time.RFC3339)})
	return err
}

func (st *stage) planMove() error {
	st.scene("the company moves from %s to %s: an edit of scrip.yaml, and a plan of what it means", st.main.title, st.next.title)
	st.show(diff(st.before(), st.after()))
	if err := st.configure(st.after()); err != nil {
		return err
	}
	return st.operate(exitDiffer, "plan", "-o", "plan.json")
}

func (st *stage) applyMove() error {
	st.scene("scrip apply carries it out while both customers go on spending")
	return st.whileSpending("move", func() error {
		return st.operate(exitFine, "apply", "plan.json", "--yes")
	})
}

// bothAgree holds both vendors against the feed: the one that was left is
// still told everything, the other holds what was left of each grant.
func (st *stage) bothAgree() error {
	st.scene("both vendors hold what the ledger says")
	return st.compareBoth(func(books *books, customer string, given map[string]core.Amount) core.Amount {
		joined := core.Amount(0) // what was consumed before the target was told
		for _, id := range books.grants[customer] {
			if used, carried := given[id]; carried {
				joined += used
			} else {
				joined += books.used[id]
			}
		}
		return joined
	})
}

// compareBoth recomputes what both vendors must hold. joined says how much a
// customer had consumed when the target began to be told, given what had been
// used of each grant that it was given.
func (st *stage) compareBoth(joined func(b *books, customer string, given map[string]core.Amount) core.Amount) error {
	if err := st.advance(st.clock.Add(2 * time.Minute)); err != nil {
		return err
	}
	books, err := st.readBooks()
	if err != nil {
		return err
	}
	target, err := st.stateOf(st.next)
	if err != nil {
		return err
	}
	for _, name := range books.customers() {
		given, held := target.carried(name)
		st.check("grants of "+name+" at "+st.next.name, st.next.carriedLines(books, name, given), held)
		before := st.next.floor(joined(books, name, given))
		want := st.next.floor(books.consumed[name]) - before
		got, err := st.next.since(target, name, st.moving.counted[name])
		if err != nil {
			return err
		}
		st.checkConsumed("consumption of "+name+" since the move, at "+st.next.name, st.next, want, got, len(books.grants[name]))
		if st.next.units {
			st.check("left of "+name+" at "+st.next.name, money(books.leftOf(name)), target.left(name))
		}
	}
	if err := st.compareSource(books); err != nil {
		return err
	}
	return st.reconciled(st.main, st.next)
}

// compareSource holds the vendor that the company comes from against the feed.
func (st *stage) compareSource(books *books) error {
	source, err := st.stateOf(st.main)
	if err != nil {
		return err
	}
	for _, name := range books.customers() {
		st.check("grants of "+name+" at "+st.main.name, st.main.heldLines(books, name), source.grantLines(name))
		st.checkConsumed("consumption of "+name+" at "+st.main.name, st.main, st.main.floor(books.consumed[name]), st.main.counted(source, name), len(books.grants[name]))
	}
	return st.billedOnce(books.sold())
}

// billedOnce adds up what customers paid, which is the packs they bought, in
// cents. A
// vendor that collects no money keeps records of it, which ask for none.
func (st *stage) billedOnce(sold core.Amount) error {
	paid, open := core.Amount(0), 0
	for _, s := range st.seats {
		state, err := st.stateOf(s)
		if err != nil {
			return err
		}
		p, o := state.money()
		open += o
		if s.pays == "" {
			paid += p
		}
	}
	st.check("paid by all customers, ever", money(sold), money(paid))
	st.check("invoices at any vendor that ask for more", 0, open)
	return nil
}

// reconciled has the product compare itself with vendors.
func (st *stage) reconciled(seats ...*seat) error {
	for _, s := range seats {
		said, code, err := st.runs("reconcile", "--connection", s.connection)
		if err != nil {
			return err
		}
		st.check("scrip reconcile --connection "+s.connection+" ends with", exitFine, code)
		if code != exitFine {
			st.show(said)
		}
	}
	return nil
}

func (st *stage) goBack() error {
	st.scene("scrip rollback goes back, while both customers go on spending")
	if err := st.whileSpending("back", func() error { return st.operate(exitFine, "rollback") }); err != nil {
		return err
	}
	// The gateway has taken up the old config when it finds that the file differs.
	if err := st.eventually("the gateway runs with the old config", true, func() (any, error) {
		ready, err := st.get("/readyz")
		return ready["config_pending"], err
	}); err != nil {
		return err
	}
	if err := st.configure(st.before()); err != nil {
		return err
	}
	if err := st.operate(exitFine, "plan"); err != nil {
		return err
	}
	if err := st.advance(st.clock.Add(2 * time.Minute)); err != nil {
		return err
	}
	books, err := st.readBooks()
	if err != nil {
		return err
	}
	target, err := st.stateOf(st.next)
	if err != nil {
		return err
	}
	for _, name := range books.customers() {
		if st.next.units {
			st.check("left of "+name+" at "+st.next.name, "0.00", target.left(name))
		}
		st.moving.consumed[name], st.moving.counted[name] = books.consumed[name], st.next.counted(target, name)
	}
	if err := st.compareSource(books); err != nil {
		return err
	}
	return st.reconciled(st.main)
}

func (st *stage) moveAgain() error {
	st.scene("the company moves again, for good")
	if err := st.configure(st.after()); err != nil {
		return err
	}
	if err := st.operate(exitFine, "apply", "--yes"); err != nil {
		return err
	}
	for _, name := range []string{"acme", "globex"} {
		d, err := st.insist(request{method: http.MethodPost, path: "/v1/debits", key: "there-" + name, body: body{"customer": name, "action": "image.generate"}})
		if err != nil {
			return err
		}
		m, err := d.object()
		if err != nil {
			return err
		}
		st.check(name+" pays for an image as ever", "5.00", m["amount"])
	}
	c, err := st.post("/v1/holds/"+st.moving.hold+"/capture", "capture-4", body{"quantity": "6"})
	if err != nil {
		return err
	}
	st.check("what was held before the move is captured after it", "30.00", c["captured"])
	return st.compareBoth(func(_ *books, customer string, _ map[string]core.Amount) core.Amount {
		return st.moving.consumed[customer]
	})
}

func (st *stage) drainSource() error {
	st.scene("scrip apply --drain ends what %s still holds", st.main.title)
	if err := st.operate(exitFine, "apply", "--drain"); err != nil {
		return err
	}
	if err := st.advance(st.clock.Add(2 * time.Minute)); err != nil {
		return err
	}
	books, err := st.readBooks()
	if err != nil {
		return err
	}
	source, err := st.stateOf(st.main)
	if err != nil {
		return err
	}
	for _, name := range books.customers() {
		st.checkConsumed("consumption of "+name+" at "+st.main.name, st.main, st.main.floor(books.consumed[name]), st.main.counted(source, name), len(books.grants[name]))
		got, err := st.available(name)
		if err != nil {
			return err
		}
		st.check("balance of "+name+" by its entries", money(books.balance[name]), got)
	}
	return st.reconciled(st.next)
}

// aMonthLater is after the vendors' own invoices: one that draws grants down by
// itself has drawn, and was put right.
func (st *stage) aMonthLater() error {
	st.scene("a month later, when the vendors have made their own invoices")
	if err := st.advance(st.clock.AddDate(0, 1, 0)); err != nil {
		return err
	}
	books, err := st.readBooks()
	if err != nil {
		return err
	}
	source, err := st.stateOf(st.main)
	if err != nil {
		return err
	}
	target, err := st.stateOf(st.next)
	if err != nil {
		return err
	}
	for _, name := range books.customers() {
		st.check("left of "+name+" at "+st.main.name, "0.00", source.left(name))
		st.check("left of "+name+" at "+st.next.name, st.next.lawLeft(books, name), target.left(name))
	}
	if err := st.billedOnce(books.sold()); err != nil {
		return err
	}
	return st.reconciled(st.next)
}

// runs runs the product's own command as the operator would.
func (st *stage) runs(args ...string) (said []string, code int, err error) {
	cmd, err := st.scrip(args...)
	if err != nil {
		return nil, 0, err
	}
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		return nil, 0, err
	}
	return strings.Split(strings.TrimRight(string(out), "\n"), "\n"), cmd.ProcessState.ExitCode(), nil
}

// operate runs a command, shows what it says, and checks how it ends. The
// story cannot go on when it ends otherwise.
func (st *stage) operate(want int, args ...string) error {
	said, code, err := st.runs(args...)
	if err != nil {
		return err
	}
	line := "scrip " + strings.Join(args, " ")
	st.show([]string{"$ " + line})
	step := slices.IndexFunc(said, func(s string) bool { return strings.Contains(s, " -> ") })
	if step > 0 && args[0] == "apply" {
		st.show([]string{"…"}) // the plan, once more
		st.show(said[step:])
	} else {
		st.show(said)
	}
	st.check(line+" ends with", want, code)
	if code != want {
		return fmt.Errorf("%s: %s", line, strings.Join(said, "\n"))
	}
	return nil
}

// show prints lines as a terminal or an editor would show them.
func (st *stage) show(lines []string) {
	if st.shell.json {
		return
	}
	for _, line := range lines {
		fmt.Fprintln(st.shell.out, strings.TrimRight("    "+line, " "))
	}
}
