package ledger

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"scrip/core"
	"scrip/core/plan"
	"scrip/core/sale"
)

// grant holds a grant's terms against what made it: the answer of a command, a
// paid purchase, or the grant that it was converted from.
func (a *accountAudit) grant(g *core.Grant, t *tally) error {
	if t == nil {
		return nil
	}
	a.closed(g, t)
	if g.Seq != t.first.Seq || g.Recorded != t.first.Recorded {
		a.find(t.first.Seq, "made grant %s, whose row names entry %d of %s", g.ID, g.Seq, g.Recorded)
	}
	if t.first.Kind == core.EntryConvertIn {
		return a.converted(g, t)
	}
	if t.first.Kind == core.EntryRollIn && !paidFor(g) {
		return a.rolledOver(g, t)
	}
	if t.first.Kind != core.EntryGrant && t.first.Kind != core.EntryRollIn {
		a.find(t.first.Seq, "is the first of grant %s and does not make it", g.ID)
		return nil
	}
	if strings.HasPrefix(string(g.Source), core.ReversalID+"_") {
		return a.returned(g)
	}
	if strings.HasPrefix(string(g.Source), plan.SourceID+"_") {
		if !plan.Made(a.key.Customer, &g.Terms, "") || g.Starts > g.Recorded || g.Starts != t.first.Effective {
			a.find(g.Seq, "made grant %s, which no subscription of the customer makes", g.ID)
		}
		if a.periods == nil {
			a.periods = map[core.ID]plan.Period{}
		}
		made := a.periods[g.Source]
		a.periods[g.Source] = plan.Period{Grants: made.Grants + 1, Given: made.Given + g.Amount}
		return nil
	}
	if g.Source != "" {
		return a.bought(g, t)
	}
	req, err := a.r.requestOf(a.ctx, g.ID)
	if err != nil {
		return err
	}
	if req == nil || req.Operation != OpGrant {
		a.find(g.Seq, "made grant %s, of which no answer is stored", g.ID)
		return nil
	}
	if req.FirstSeq != g.Seq || req.LastSeq < g.Seq || req.LastSeq > g.Seq+1 {
		a.find(g.Seq, "made grant %s, whose answer names the entries %d to %d", g.ID, req.FirstSeq, req.LastSeq)
	}
	var receipt GrantReceipt
	if err := json.Unmarshal(req.Result, &receipt); err != nil || !reflect.DeepEqual(receipt.Grant.Terms, g.Terms) {
		a.find(g.Seq, "made grant %s, whose terms are not those of its answer", g.ID)
	}
	return nil
}

// closed holds the state of a grant against how its entries ended it. A grant
// all of which is reserved ends without an entry.
func (a *accountAudit) closed(g *core.Grant, t *tally) {
	switch {
	case g.Closed == t.closed:
	case t.closed == "" && t.first.Kind == core.EntryConvertIn && (g.Closed == core.Void || g.Closed == core.Expired):
	case t.closed == "" && g.Closed == core.Void && (t.held > 0 || t.freed > 0):
	case t.closed == "" && g.Closed == core.Expired && (t.held > 0 || t.freed >= g.Expires):
	default:
		a.find(g.Seq, "grant %s is closed as %q, its entries end it as %q", g.ID, g.Closed, t.closed)
	}
}

// converted holds a grant that a change of unit made against the grant it was.
func (a *accountAudit) converted(g *core.Grant, t *tally) error {
	_, was, err := a.r.Accounts.Grant(a.ctx, t.first.Source)
	if err != nil {
		return err
	}
	if was == nil {
		a.find(g.Seq, "made grant %s of grant %s, which does not exist", g.ID, t.first.Source)
		return nil
	}
	want := was.Terms
	want.ID, want.Amount, want.Paid = g.ID, g.Amount, g.Paid
	if !reflect.DeepEqual(want, g.Terms) || g.Paid.Minor < 0 || g.Paid.Currency != was.Paid.Currency && !g.Paid.IsZero() {
		a.find(g.Seq, "made grant %s, whose terms are not those of grant %s", g.ID, was.ID)
	}
	return nil
}

// rolledOver holds a grant against the one of the period before, of which it is
// a part.
func (a *accountAudit) rolledOver(g *core.Grant, t *tally) error {
	_, was, err := a.r.Accounts.Grant(a.ctx, t.first.Source)
	if err != nil {
		return err
	}
	switch {
	case was == nil:
		a.find(g.Seq, "made grant %s of grant %s, which does not exist", g.ID, t.first.Source)
	case !plan.Made(a.key.Customer, &g.Terms, was.ID) || g.Amount > was.Amount || g.Starts < was.Starts || g.Starts > was.Expires ||
		g.Starts != t.first.Effective || !slices.Equal(g.Actions, was.Actions):
		a.find(g.Seq, "made grant %s, which nothing carries over from grant %s", g.ID, was.ID)
	}
	return nil
}

// returned holds a grant against the reversal that gave back what had been
// paid of a deficit.
func (a *accountAudit) returned(g *core.Grant) error {
	req, err := a.r.requestOf(a.ctx, g.Source)
	if err != nil {
		return err
	}
	// A debit of a unit that has been converted is given back in the other.
	here := req != nil && (req.Unit != a.key.Unit || req.FirstSeq <= g.Seq && g.Seq <= req.LastSeq)
	ok := here && whole(req.Operation) == OpReverse &&
		g.ID == core.NewID(core.GrantID, a.key.Customer, req.Operation, req.Key, 0)
	want := core.Terms{
		ID: g.ID, Amount: g.Amount, Category: core.Adjustment, Priority: core.DefaultPriority, Starts: g.Recorded, Expires: core.Never, Source: g.Source,
	}
	if !ok || !reflect.DeepEqual(want, g.Terms) {
		a.find(g.Seq, "made grant %s, whose terms are not those of reversal %s", g.ID, g.Source)
	}
	return nil
}

// bought holds a grant against the purchase that paid for it.
func (a *accountAudit) bought(g *core.Grant, t *tally) error {
	r, err := a.r.Records.Record(a.ctx, purchaseKey(g.Source))
	if err != nil {
		return err
	}
	var p sale.Purchase
	if r == nil || json.Unmarshal(r.Body, &p) != nil {
		a.find(g.Seq, "made grant %s of purchase %s, which does not exist", g.ID, g.Source)
		return nil
	}
	if p.Grant != g.ID && p.Grant != "" && p.Returns != nil {
		return a.revived(g, t, &p)
	}
	id := core.NewID(core.GrantID, a.key.Customer, OpPurchase, string(p.ID), 0)
	if p.Grant != g.ID || p.Customer != a.key.Customer || !reflect.DeepEqual(p.Terms(id, g.Recorded), g.Terms) {
		a.find(g.Seq, "made grant %s, whose terms are not those of purchase %s", g.ID, g.Source)
	}
	used, err := a.r.Audit.Natural(a.ctx, paymentKey(p.ID))
	if err != nil {
		return err
	}
	if used != g.ID {
		a.find(g.Seq, "made grant %s, but the payment of purchase %s is kept as used for %q", g.ID, p.ID, string(used))
	}
	return nil
}

// compareHolds holds every stored hold against its entries and its answers,
// and looks for those that are gone.
func (a *accountAudit) compareHolds() error {
	seen := map[core.ID]bool{}
	for before := core.ID(""); ; {
		list, err := a.r.Accounts.Holds(a.ctx, a.key, before, auditPage)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			break
		}
		if seen[list[0].ID] {
			a.find(0, "has hold %q, at which the listing of holds turns back", string(before))
			break
		}
		for i := range list {
			seen[list[i].ID] = true
			if err := a.compareHold(&list[i]); err != nil {
				return err
			}
		}
		before = list[len(list)-1].ID
	}
	for id, t := range a.holds {
		if seen[id] {
			continue
		}
		// An open hold goes to another account when its unit is changed.
		key, h, err := a.r.Accounts.Hold(a.ctx, id)
		if err != nil {
			return err
		}
		if h == nil || key.Customer != a.key.Customer || key == a.key || len(open(t.parts)) > 0 {
			a.find(0, "its entries name hold %s, which is not there", id)
		}
	}
	return nil
}

func (a *accountAudit) compareHold(h *core.Hold) error {
	t := a.hold(h.ID)
	if got, want := sorted(h.Parts), open(t.parts); !reflect.DeepEqual(got, want) {
		a.find(0, "hold %s reserves %v, its entries say %v", h.ID, got, want)
	}
	if fault := stateFault(h, t); fault != "" {
		a.find(0, "hold %s %s", h.ID, fault)
	}
	req, err := a.r.requestOf(a.ctx, h.ID)
	if err != nil {
		return err
	}
	var made HoldReceipt
	if req == nil || req.Operation != OpHold || req.Code != "" || json.Unmarshal(req.Result, &made) != nil {
		a.find(0, "hold %s has no answer stored", h.ID)
		return nil
	}
	was := made.Hold
	same := h.ID == was.ID && h.Created == was.Created && h.Expires == was.Expires && h.Protect == was.Protect &&
		h.Action == was.Action && h.Card == was.Card
	// A hold that came from another unit, or was there and is back, has figures
	// of its own: those of its answers otherwise.
	switch {
	case made.Account != a.key:
		left, err := a.r.Accounts.Account(a.ctx, made.Account)
		if err != nil {
			return err
		}
		same = same && left != nil && (left.Became != "" || a.became != "")
	case t.at == h.Created && !(h.Created <= a.out && (h.Resolved == 0 || h.Resolved >= a.out)):
		same = same && h.Amount == was.Amount && h.Price == was.Price && h.Captured == t.captured
	}
	if !same || made.Account.Customer != a.key.Customer {
		a.find(0, "hold %s is not what its answers say", h.ID)
	}
	return nil
}

// stateFault says what is wrong with a hold's state and the time it was resolved at.
func stateFault(h *core.Hold, t *holdTally) string {
	switch h.State {
	case core.HoldOpen:
		if h.Resolved != 0 {
			return "is open and was resolved at " + h.Resolved.String()
		}
		return ""
	case core.HoldExpired:
		if h.Resolved != h.Expires {
			return "expired at " + h.Resolved.String() + " and was to at " + h.Expires.String()
		}
	case core.HoldCaptured, core.HoldReleased:
		if h.Resolved < h.Created || h.Resolved >= h.Expires {
			return "was resolved at " + h.Resolved.String() + ", outside its life"
		}
	default:
		return "has the unknown state " + strings.ToValidUTF8(string(h.State), "?")
	}
	if len(h.Parts) > 0 || len(open(t.parts)) > 0 {
		return "is resolved and reserves something"
	}
	return ""
}
