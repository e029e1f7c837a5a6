package gateway

import (
	"context"
	"net/http"

	"scrip/core"
	"scrip/core/ledger"
)

type debitBody struct {
	Customer   string            `json:"customer"`
	Action     string            `json:"action,omitempty" doc:"priced by the rate card; or name an amount"`
	Quantity   *quantity         `json:"quantity,omitempty"`
	Dimensions map[string]string `json:"dimensions,omitempty"`
	Amount     *decimal          `json:"amount,omitempty" doc:"or name an action"`
	Unit       string            `json:"unit,omitempty" doc:"of the amount; may be left out while one unit is configured"`
	At         string            `json:"at,omitempty" format:"date-time" doc:"when it happened, within the configured windows; now when left out"`
	AcceptLate bool              `json:"accept_late,omitempty" doc:"take it however long ago it happened; needs scope admin"`
	Outcome    string            `json:"outcome,omitempty" doc:"how the action ended; one that the rate card refunds costs nothing"`
}

type debitView struct {
	ID          string           `json:"id"`
	Customer    string           `json:"customer"`
	Amount      decimal          `json:"amount"`
	Unit        string           `json:"unit"`
	Allocations []allocationView `json:"allocations" doc:"what was taken from which grant; with overage and deficit they add up to the amount"`
	Overage     *overageView     `json:"overage,omitempty" doc:"what money will pay"`
	Deficit     decimal          `json:"deficit,omitempty" doc:"what is owed now"`
	Forgone     decimal          `json:"forgone,omitempty" doc:"what the balance could not pay and was left out"`
	Action      string           `json:"action,omitempty"`
	Quantity    string           `json:"quantity,omitempty"`
	RateCard    string           `json:"rate_card,omitempty"`
	Hold        string           `json:"hold,omitempty" doc:"the hold that was captured"`
	Late        bool             `json:"late,omitempty" doc:"the hold had expired"`
	EffectiveAt *string          `json:"effective_at,omitempty" format:"date-time" doc:"of one that happened before now: the instant that it is placed at"`
	OriginalAt  *string          `json:"original_at,omitempty" format:"date-time" doc:"what the request named, where that lies in a closed period"`
	Accepted    bool             `json:"accepted_late,omitempty" doc:"it was older than is taken, and an administrator had it taken"`
	Parts       []debitPartView  `json:"parts,omitempty" doc:"of an action that costs several units at once: each of them, the first included"`
	Balance     decimal          `json:"balance" doc:"available right after"`
	Replayed    bool             `json:"replayed" doc:"whether this is the answer to an earlier request with the same key"`
	CreatedAt   *string          `json:"created_at" format:"date-time"`
}

// overageView is what was consumed beyond the grants, for money.
type overageView struct {
	Amount decimal `json:"amount"`
	Money  string  `json:"money,omitempty" doc:"exact, with its currency; it is rounded once, when it is billed"`
}

// overage shows none as nothing.
func (g *gateway) overage(key ledger.AccountKey, amount core.Amount, charged string) *overageView {
	if amount == 0 {
		return nil
	}
	return &overageView{g.format(key, amount), charged}
}

// part shows none as nothing.
func (g *gateway) part(key ledger.AccountKey, amount core.Amount) decimal {
	if amount == 0 {
		return ""
	}
	return g.format(key, amount)
}

type reverseBody struct {
	Amount *decimal `json:"amount,omitempty" doc:"all that is left of the debit when left out"`
	Unit   string   `json:"unit,omitempty" doc:"of the debit; may be left out unless balances were ever converted to another unit"`
	At     string   `json:"at,omitempty" format:"date-time" doc:"from when on it counts as given back, not before the debit; now when left out"`
}

type reversalView struct {
	ID          string           `json:"id"`
	Debit       string           `json:"debit"`
	Customer    string           `json:"customer"`
	Amount      decimal          `json:"amount"`
	Unit        string           `json:"unit"`
	Allocations []allocationView `json:"allocations" doc:"what was given back to which grant"`
	Overage     *overageView     `json:"overage,omitempty" doc:"what is not billed any more"`
	Deficit     decimal          `json:"deficit,omitempty" doc:"what is not owed any more, or came back as a grant"`
	Parts       []debitPartView  `json:"parts,omitempty" doc:"of a debit of several units: each of them, the first included"`
	Left        decimal          `json:"left" doc:"of the debit, still to be reversed"`
	EffectiveAt *string          `json:"effective_at,omitempty" format:"date-time" doc:"where it counts from an instant before now on"`
	OriginalAt  *string          `json:"original_at,omitempty" format:"date-time" doc:"what the request named, where that lies in a closed period"`
	Balance     decimal          `json:"balance" doc:"available right after"`
	Replayed    bool             `json:"replayed"`
	CreatedAt   *string          `json:"created_at" format:"date-time"`
}

func (b *debitBody) charge() chargeBody {
	return chargeBody{b.Customer, b.Action, b.Quantity, b.Dimensions, b.Amount, b.Unit, b.Outcome}
}

// debitCharge is the ledger's charge for a debit.
func (g *gateway) debitCharge(ctx context.Context, key string, b *debitBody) (ledger.Charge, error) {
	at, err := timeField(b.At, "at")
	if err != nil {
		return ledger.Charge{}, err
	}
	if b.AcceptLate {
		if err := g.keys.check(callOf(ctx).r, admin); err != nil {
			return ledger.Charge{}, err
		}
	}
	c, err := g.charge(ctx, ledger.OpDebit, key, b.charge())
	c.At, c.AcceptLate = at, b.AcceptLate
	return c, err
}

func (g *gateway) viewDebit(r *ledger.DebitReceipt, before bool) debitView {
	return debitView{
		Overage: g.overage(r.Account, r.Overage, r.Charged), Deficit: g.part(r.Account, r.Deficit), Forgone: g.part(r.Account, r.Forgone),
		EffectiveAt: timeView(r.Happened), OriginalAt: timeView(r.Original), Accepted: r.Accepted,
		ID: string(r.ID), Customer: r.Account.Customer, Amount: g.format(r.Account, r.Amount), Unit: r.Account.Unit,
		Allocations: g.viewAllocations(r.Account, r.Allocations), Action: r.Action, Quantity: r.Quantity, RateCard: r.Card,
		Parts: g.viewParts(r), Hold: string(r.Hold), Late: r.Late, Balance: g.format(r.Account, r.Balance.Available), Replayed: before, CreatedAt: timeView(r.At),
	}
}

func (g *gateway) mountDebits() {
	register(g, write, route{method: http.MethodPost, path: "/v1/debits", id: "create-debit", summary: "Take credits, all or nothing", tag: "debits", keyed: true},
		func(ctx context.Context, _ *none, b *debitBody) (*answer[debitView], error) {
			key := idempotencyKey(ctx)
			c, err := g.debitCharge(ctx, key, b)
			if err != nil {
				return nil, err
			}
			receipt, before, err := g.Ledger.Debit(ctx, key, c)
			return keyed(g.viewDebit(&receipt, before), before, err)
		})
	register(g, write, route{method: http.MethodPost, path: "/v1/debits/batch", id: "create-debits", summary: "Up to 1000 debits, each by itself", tag: "debits"}, g.debitBatch)
	register(g, write, route{method: http.MethodPost, path: "/v1/debits/{id}/reverse", id: "reverse-debit", summary: "Give a debit back to the grants it came from", tag: "debits", keyed: true, empty: true}, g.reverse)
}

func (g *gateway) reverse(ctx context.Context, p *idParam, b *reverseBody) (*answer[reversalView], error) {
	id, err := checkID(p.ID, core.DebitID, "debit")
	if err != nil {
		return nil, err
	}
	var amount core.Amount
	if b.Amount != nil {
		if amount, err = g.reverseAmount(ctx, id, b); err != nil {
			return nil, err
		}
	}
	at, err := timeField(b.At, "at")
	if err != nil {
		return nil, err
	}
	r, before, err := g.Ledger.ReverseAt(ctx, idempotencyKey(ctx), id, amount, at)
	return keyed(reversalView{
		EffectiveAt: timeView(r.Happened), OriginalAt: timeView(r.Original),
		ID: string(r.ID), Debit: string(r.Debit), Customer: r.Account.Customer, Amount: g.format(r.Account, r.Amount), Unit: r.Account.Unit,
		Allocations: g.viewAllocations(r.Account, r.Allocations), Left: g.format(r.Account, r.Left), Balance: g.format(r.Account, r.Balance.Available),
		Overage: g.overage(r.Account, r.Overage, ""), Deficit: g.part(r.Account, r.Deficit), Parts: g.viewReversedParts(&r), Replayed: before, CreatedAt: timeView(r.At),
	}, before, err)
}

// reverseAmount reads an amount in the unit of the debit. Zero is refused
// here: to the ledger it means all that is left.
func (g *gateway) reverseAmount(ctx context.Context, debit core.ID, b *reverseBody) (core.Amount, error) {
	taken, err := g.Ledger.Taken(ctx, debit)
	if err != nil {
		return 0, readFault(err)
	}
	u, err := g.unit(taken.Account.Unit)
	if err != nil {
		return 0, err
	}
	switch {
	case b.Unit == "" && len(g.Config.Retired) > 0 && !g.answered(ctx, ledger.OpReverse, idempotencyKey(ctx)):
		return 0, core.InField(core.Errorf(core.CodeUnitRequired, "balances were converted, name the unit of the amount; the debit is in %q", u.Code), "unit")
	case b.Unit != "" && b.Unit != u.Code:
		return 0, core.InField(core.Errorf(core.CodeUnitMismatch, "the debit is in %q, name the amount in that", u.Code), "unit")
	}
	amount, err := core.ParseAmount(string(*b.Amount), u.Scale)
	if err == nil && amount == 0 {
		err = core.Errorf(core.CodeInvalid, "zero cannot be given back, leave the amount out for all that is left")
	}
	return amount, core.InField(err, "amount")
}
