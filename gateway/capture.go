package gateway

import (
	"context"
	"errors"
	"strings"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/rate"
)

type captureBody struct {
	Amount    *decimal  `json:"amount,omitempty" doc:"all that is left of the hold when neither amount nor quantity is named"`
	Unit      string    `json:"unit,omitempty" doc:"of the amount; may be left out unless balances were ever converted to another unit"`
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
	key := idempotencyKey(ctx)
	var terms ledger.CaptureTerms
	price := func() error {
		account, h, err := g.findHold(ctx, p.ID)
		if err != nil {
			return err
		}
		terms = ledger.CaptureTerms{Hold: h.ID, Unit: account.Unit, Final: b.Final == nil || *b.Final, AllowOver: b.AllowOver}
		return g.captured(ctx, key, &terms, account, h, b)
	}
	if err := price(); err != nil {
		return nil, err
	}
	debit, after, before, err := g.Ledger.Capture(ctx, key, terms)
	if errors.Is(err, ledger.ErrMoved) {
		// Its unit was converted by this very call; its price is in the new one now.
		if err := price(); err != nil {
			return nil, err
		}
		debit, after, before, err = g.Ledger.Capture(ctx, key, terms)
	}
	return keyed(captureView{
		HoldView: g.viewHold(after.Account, &after.Hold, after.At), Debit: g.viewDebit(&debit, before), Late: debit.Late, Replayed: before,
	}, before, err)
}

// captured fills in how much is captured: an amount, a quantity at the price
// that the hold was made at, or the rest.
func (g *gateway) captured(ctx context.Context, key string, t *ledger.CaptureTerms, account ledger.AccountKey, h *core.Hold, b *captureBody) error {
	u, err := g.unit(account.Unit)
	if err != nil {
		return err
	}
	if strings.Contains(h.Price, `"not_from"`) {
		price, err := rate.ParseFixed(h.Price)
		if err != nil {
			return err
		}
		t.Not = price.Action.NotFrom
	}
	switch {
	case b.Amount != nil && b.Quantity != nil:
		return core.InField(core.Errorf(core.CodeInvalid, "an amount or a quantity is captured, not both"), "amount")
	case b.Amount != nil:
		t.Text = plain(string(*b.Amount))
		return g.capturedAmount(ctx, key, t, account, b)
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
	price, err := rate.ParseFixed(h.Price)
	if err != nil {
		return err
	}
	t.Quantity = text
	t.Amount, err = price.Cost(exact, u.Unit)
	return err
}

// capturedAmount reads an amount in the unit that the hold is in when it is
// captured. Once balances were converted the caller must say which that is,
// unless the key has its answer.
func (g *gateway) capturedAmount(ctx context.Context, key string, t *ledger.CaptureTerms, account ledger.AccountKey, b *captureBody) error {
	if len(g.Config.Retired) > 0 && g.answered(ctx, ledger.OpCapture, key) {
		return nil
	}
	u, err := g.unit(g.Ledger.Current(account).Unit)
	switch {
	case err != nil:
		return err
	case b.Unit == "" && len(g.Config.Retired) > 0:
		return core.InField(core.Errorf(core.CodeUnitRequired, "balances were converted, name the unit of the amount; the hold is in %q", u.Code), "unit")
	case b.Unit != "" && b.Unit != u.Code:
		return core.InField(core.Errorf(core.CodeUnitMismatch, "the hold is in %q, name the amount in that", u.Code), "unit")
	}
	t.Unit = u.Code
	t.Amount, err = core.ParseAmount(string(*b.Amount), u.Scale)
	return core.InField(err, "amount")
}

// plain is a decimal without the zeros that mean nothing: 2.50 is 2.5.
func plain(text string) string {
	if strings.Contains(text, ".") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return text
}
