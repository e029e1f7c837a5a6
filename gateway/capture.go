package gateway

import (
	"context"
	"encoding/json"

	"scrip/core"
	"scrip/core/ledger"
)

type captureBody struct {
	Amount    *decimal  `json:"amount,omitempty" doc:"all that is left of the hold when neither amount nor quantity is named"`
	Quantity  *quantity `json:"quantity,omitempty" doc:"priced as the hold was"`
	Final     *bool     `json:"final,omitempty" doc:"give the rest back and close the hold; true when left out"`
	AllowOver bool      `json:"allow_over,omitempty" doc:"let what exceeds the hold be an ordinary debit"`
}

type captureView struct {
	HoldView
	Debit    debitView `json:"debit"`
	Late     bool      `json:"late" doc:"the hold had expired; this was a fresh debit"`
	Replayed bool      `json:"replayed" doc:"whether this is the answer to an earlier request with the same key"`
}

func (g *gateway) capture(ctx context.Context, p *idParam, b *captureBody) (*answer[captureView], error) {
	account, h, err := g.findHold(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	terms := ledger.CaptureTerms{Hold: h.ID, Final: b.Final == nil || *b.Final, AllowOver: b.AllowOver}
	if err := g.captured(&terms, account, h, b); err != nil {
		return nil, err
	}
	debit, after, before, err := g.Ledger.Capture(ctx, idempotencyKey(ctx), terms)
	return keyed(captureView{
		HoldView: g.viewHold(after.Account, &after.Hold, after.At), Debit: g.viewDebit(&debit, before), Late: debit.Late, Replayed: before,
	}, before, err)
}

// captured fills in how much is captured: an amount, a quantity at the price
// that the hold was made at, or the rest.
func (g *gateway) captured(t *ledger.CaptureTerms, account ledger.AccountKey, h *core.Hold, b *captureBody) error {
	u, err := g.unit(account.Unit)
	if err != nil {
		return err
	}
	switch {
	case b.Amount != nil && b.Quantity != nil:
		return core.InField(core.Errorf(core.CodeInvalid, "an amount or a quantity is captured, not both"), "amount")
	case b.Amount != nil:
		t.Amount, err = core.ParseAmount(string(*b.Amount), u.Scale)
		return core.InField(err, "amount")
	case b.Quantity == nil:
		t.Rest = true
		return nil
	case h.Price == "":
		return core.InField(core.Errorf(core.CodeInvalid, "the hold was made by amount, capture an amount"), "quantity")
	}
	exact, text, err := parseQuantity(b.Quantity)
	if err != nil {
		return err
	}
	var price priced
	if err := json.Unmarshal([]byte(h.Price), &price); err != nil {
		return err
	}
	t.Quantity = text
	t.Amount, err = price.Action.Cost(exact, price.Dimensions, u.Unit)
	return err
}
