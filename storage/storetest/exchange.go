package storetest

import (
	"scrip/core"
	"scrip/core/ledger"
)

// changesUnit takes a balance with a hold over to another unit in one commit,
// and back. Both ways the old unit's account, kept in memory or not, must know
// nothing more of it.
func changesUnit(w *world) {
	euros := ledger.AccountKey{Customer: ann.Customer, Unit: "eur"}
	old, made := w.grant(ann, 100), w.id(core.GrantID, ann.Customer)
	hold := w.hold(ann, 40, start, start+hour)
	w.debit(ann, 10)

	w.need(w.store.Commit(w.ctx, &ledger.Batch{Accounts: []ledger.AccountKey{ann, euros}}, func(s *ledger.State) (*ledger.Changes, error) {
		from, to := accountIn(s, ann), accountIn(s, euros)
		_, holds := from.ConvertOut("eur", start+1)
		_, err := to.ConvertIn(core.Terms{ID: made, Amount: 900, Category: core.Paid, Starts: start, Expires: core.Never}, "", old, start+1)
		if err != nil || len(holds) != 1 {
			w.Fatalf("%d holds left, %v", len(holds), err)
		}
		h := holds[0]
		h.Amount, h.Price, h.Parts = 400, "times ten", []core.Allocation{{Grant: made, Amount: 400}}
		return &ledger.Changes{Accounts: []*core.Account{from, to}}, to.TakeHold(h, start+1)
	}))
	w.same("the unit it became", w.account(ann).Became, "eur")
	w.same("what the old unit's account loads", len(w.account(ann).Grants)+len(w.account(ann).Holds), 0)
	w.same("balance", w.account(euros).Balance(start+2), core.Balance{Posted: 900, Held: 400, Available: 500})
	key, h, err := w.reader.Accounts.Hold(w.ctx, hold)
	w.need(err)
	w.same("the hold's account", key, euros)
	w.same("the hold's price", h.Price, "times ten")
	listed, err := w.reader.Accounts.Holds(w.ctx, ann, "", 10)
	w.need(err)
	w.same("holds of the old account", len(listed), 0)
	w.debit(euros, 200)

	w.need(w.store.Commit(w.ctx, &ledger.Batch{Accounts: []ledger.AccountKey{ann, euros}, Grants: []core.ID{old}}, func(s *ledger.State) (*ledger.Changes, error) {
		from, to := accountIn(s, euros), accountIn(s, ann)
		_, holds := from.ConvertOut("credits", start+3)
		to.Reopen()
		if err := to.ConvertBack(old, "", made, 70, start+3); err != nil || len(holds) != 1 {
			w.Fatalf("%d holds left, %v", len(holds), err)
		}
		h := holds[0]
		h.Amount, h.Parts = 40, []core.Allocation{{Grant: old, Amount: 40}}
		return &ledger.Changes{Accounts: []*core.Account{from, to}}, to.TakeHold(h, start+3)
	}))
	w.same("the unit it became", w.account(ann).Became, "")
	w.same("balance", w.account(ann).Balance(start+4), core.Balance{Posted: 70, Held: 40, Available: 30})
	w.same("balance there", w.account(euros).Balance(start+4), core.Balance{})
	_, g, err := w.reader.Accounts.Grant(w.ctx, old)
	w.need(err)
	w.same("what is gone of the grant", []core.Amount{g.Ended, g.Away}, []core.Amount{20, 20})
	w.debit(ann, 30)
	report, err := ledger.Audit(w.ctx, w.reader, nil)
	w.need(err)
	w.same("findings of an audit", report.Findings, []ledger.Finding(nil))
}
