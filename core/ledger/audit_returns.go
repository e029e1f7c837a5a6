package ledger

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"scrip/core"
	"scrip/core/sale"
)

// claims follows what is taken back for purchases. What is given back of a
// deficit that was paid by then is a grant that only the purchase knows.
func (a *accountAudit) claims(e *core.Entry) {
	amount := e.Amount
	switch e.Kind {
	case core.EntryClawback, core.EntryOwe:
	case core.EntryReinstate, core.EntryReinstateOwed:
		amount = -amount
	default:
		return
	}
	if a.clawed == nil {
		a.clawed = map[core.ID]core.Amount{}
	}
	a.clawed[e.Source] += amount
}

// compareClaims holds what entries took back for purchases against what the
// purchases say. After a change of unit the figures of two accounts mix.
func (a *accountAudit) compareClaims() error {
	if a.out != 0 {
		return nil
	}
	for id, net := range a.clawed {
		r, err := a.r.Records.Record(a.ctx, purchaseKey(id))
		if err != nil {
			return err
		}
		var p sale.Purchase
		if r == nil || json.Unmarshal(r.Body, &p) != nil || p.Returns == nil || p.Customer != a.key.Customer {
			a.find(0, "took back %d for purchase %s, to which nothing went back", net, id)
			continue
		}
		var want core.Amount
		if slices.ContainsFunc(p.Returns.Takings, func(t sale.Taking) bool { return t.Unit != a.key.Unit }) {
			continue
		}
		for i := range p.Returns.Takings {
			t := &p.Returns.Takings[i]
			want += t.Collected() + t.Owed
			for _, made := range t.Revived {
				if g := a.grants[made]; g != nil && g.first.Kind == core.EntryGrant {
					net += g.issued // issued is below zero by what it was made of
				}
			}
		}
		if net != want {
			a.find(0, "took back %d for purchase %s, which says %d", net, id, want)
		}
	}
	return nil
}

// revived holds a grant that a reinstatement made against its purchase: of what
// was owed and had been paid, or in the place of one that had expired.
func (a *accountAudit) revived(g *core.Grant, t *tally, p *sale.Purchase) error {
	known := p.Returns != nil && p.Customer == a.key.Customer && slices.ContainsFunc(p.Returns.Takings, func(t sale.Taking) bool {
		return slices.Contains(t.Revived, g.ID)
	})
	want := core.Terms{
		ID: g.ID, Amount: g.Amount, Category: core.Adjustment, Priority: core.DefaultPriority, Starts: g.Recorded, Expires: core.Never, Source: g.Source,
	}
	if t.first.Kind == core.EntryRollIn {
		_, was, err := a.r.Accounts.Grant(a.ctx, t.first.Source)
		if err != nil {
			return err
		}
		if known = known && was != nil && g.Amount <= was.Amount && g.Expires-g.Starts <= was.Expires-was.Starts; known {
			want = was.Terms
			want.ID, want.Amount, want.Paid, want.Source = g.ID, g.Amount, core.Money{}, g.Source
			want.Starts, want.Expires = g.Recorded, g.Expires
		}
	}
	if !known || !reflect.DeepEqual(want, g.Terms) {
		a.find(g.Seq, "made grant %s, which nothing gives back of purchase %s", g.ID, p.ID)
	}
	return nil
}

// returnedOf holds what a purchase says of money that went back against itself.
func (a *answersAudit) returnedOf(req *Request, p *sale.Purchase) {
	if p.Returns == nil {
		if p.State == sale.Refunded || p.State == sale.Disputed {
			a.find(req, "is of purchase %s, which is %s by nothing", p.ID, p.State)
		}
		return
	}
	due, _, err := p.Forfeit()
	switch {
	case p.Grant == "" && len(p.Returns.Takings) == 0:
	case err != nil || p.Grant == "" || p.State != p.Outcome() || due != p.Taken():
		a.find(req, "is of purchase %s, which is %s and lost %d credits; its refunds and disputes make it %s and %d", p.ID, p.State, p.Taken(), p.Outcome(), due)
	}
	for i := range p.Returns.Takings {
		t := &p.Returns.Takings[i]
		if t.Unit == p.Unit && t.Total() != t.Requested || !slices.ContainsFunc(p.Returns.Claims, func(c sale.Claim) bool { return c.Kind == t.Kind && c.Object == t.Claim }) {
			a.find(req, "is of purchase %s, which lost %d credits to %s %q, of %d", p.ID, t.Total(), t.Kind, t.Claim, t.Requested)
		}
	}
}

// paidFor reports whether a grant's source is a purchase.
func paidFor(g *core.Grant) bool { return strings.HasPrefix(string(g.Source), core.PurchaseID+"_") }

// refunded holds an answer to who asked for money back against its purchase.
func (a *answersAudit) refunded(req *Request, r *sale.Refund) error {
	record, err := a.r.Records.Record(a.ctx, purchaseKey(r.Purchase))
	if err != nil {
		return err
	}
	var p sale.Purchase
	if record == nil || json.Unmarshal(record.Body, &p) != nil || p.Customer != r.Customer || p.Returning < r.Amount.Minor || p.Returning-p.Unmade > p.Price.Minor || p.Unmade < 0 || p.Unmade > p.Returning ||
		r.Amount.Minor <= 0 || r.Amount.Currency != p.Price.Currency || req.FirstSeq != 1 || req.LastSeq != 0 {
		a.find(req, "gives %s of purchase %s back, which does not say so", r.Amount, r.Purchase)
	}
	return nil
}
