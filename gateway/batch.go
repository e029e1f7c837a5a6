package gateway

import (
	"context"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"scrip/core"
	"scrip/core/ledger"
)

const maxBatch = 1000

// rawDebit is an item that is decoded by itself, so that one bad item does
// not spoil the others.
type rawDebit jsontext.Value

// UnmarshalJSON keeps the bytes.
func (r *rawDebit) UnmarshalJSON(b []byte) error {
	*r = append((*r)[:0], b...)
	return nil
}

// Schema describes the item in the API's document.
func (rawDebit) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[batchItemBody](), true, "")
}

// batchItemBody is a debit with its own key.
type batchItemBody struct {
	Key        string            `json:"key" doc:"the item's idempotency key"`
	Customer   string            `json:"customer"`
	Action     string            `json:"action,omitempty"`
	Quantity   *quantity         `json:"quantity,omitempty"`
	Dimensions map[string]string `json:"dimensions,omitempty"`
	Amount     *decimal          `json:"amount,omitempty"`
	Unit       string            `json:"unit,omitempty"`
	At         string            `json:"at,omitempty" format:"date-time" doc:"when it happened; now when left out"`
	AcceptLate bool              `json:"accept_late,omitempty" doc:"needs scope admin"`
	Outcome    string            `json:"outcome,omitempty"`
}

type batchBody struct {
	Debits []rawDebit `json:"debits" minItems:"1" maxItems:"1000"`
}

type outcomeView struct {
	Key    string     `json:"key"`
	Status string     `json:"status" enum:"applied,replayed,refused"`
	Debit  *debitView `json:"debit,omitempty"`
	Error  *Problem   `json:"error,omitempty"`
}

type batchView struct {
	Data []outcomeView `json:"data" doc:"an outcome for each item, in order"`
}

func (g *gateway) debitBatch(ctx context.Context, _ *none, b *batchBody) (*answer[batchView], error) {
	if len(b.Debits) < 1 || len(b.Debits) > maxBatch {
		return nil, core.InField(core.Errorf(core.CodeInvalid, "a batch has 1 to %d debits, this one has %d", maxBatch, len(b.Debits)), "debits")
	}
	items := make([]ledger.BatchItem, len(b.Debits))
	for i, raw := range b.Debits {
		items[i] = g.batchItem(ctx, raw)
	}
	outcomes, err := g.Ledger.DebitBatch(ctx, items)
	if err != nil {
		return nil, err
	}
	view := batchView{Data: make([]outcomeView, len(items))}
	c := callOf(ctx)
	for i, o := range outcomes {
		v := outcomeView{Key: items[i].Key, Status: "applied"}
		switch {
		case o.Err != nil:
			v.Status, v.Error = "refused", g.problem(c, o.Err)
			v.Error.RequestID = ""
		default:
			debit := g.viewDebit(&o.Receipt, o.Replayed)
			if v.Debit = &debit; o.Replayed {
				v.Status = "replayed"
			}
		}
		view.Data[i] = v
	}
	return ok(view)
}

func (g *gateway) batchItem(ctx context.Context, raw rawDebit) ledger.BatchItem {
	var b batchItemBody
	if err := decode(raw, &b); err != nil {
		return ledger.BatchItem{Key: b.Key, Err: err}
	}
	debit := debitBody{b.Customer, b.Action, b.Quantity, b.Dimensions, b.Amount, b.Unit, b.At, b.AcceptLate, b.Outcome}
	item := ledger.BatchItem{Key: b.Key}
	item.Charge, item.Err = g.debitCharge(ctx, b.Key, &debit)
	return item
}
