package metronome

import (
	"context"
	"encoding/json"

	"scrip/adapters"
	"scrip/core"
)

// Sweep reads the credits and commits of a customer as the events of their
// creation, since the vendor lists no events: archived ones and those of
// contracts too. No other event means anything here and leaves an object with
// a date, and there is none of a customer, so "" has nothing to sweep. The list
// cannot be asked by date of creation; a credit may not even tell it, and is
// then told each time, under the same id, dated by its start. Source:
// Metronome's OpenAPI document, POST /v1/contracts/customerBalances/list.
func (a *Adapter) Sweep(ctx context.Context, since core.Time, customer string, p adapters.Page) (adapters.Listing[[]byte], error) {
	var out adapters.Listing[[]byte]
	if customer == "" {
		if p.Cursor != "" {
			return out, adapters.Errorf(adapters.CodeInvalid, "the cursor is not one of this list")
		}
		return out, nil
	}
	got, next, err := a.page(ctx, lotQuery{Customer: customer, Archived: true, Contracts: true, Limit: limit(p, lotPage), Next: p.Cursor})
	if err != nil {
		return out, err
	}
	for i := range got {
		l := &got[i]
		at := l.Created
		if at == nil && len(l.Access.Segments) > 0 {
			at = &l.Access.Segments[0].Starts
		}
		if l.ID == "" || l.Type == "" || at == nil || at.Unix() <= 0 {
			return out, adapters.Errorf(adapters.CodeBadAnswer, "a listed grant has no id, type or date")
		}
		if l.Created != nil && core.TimeOf(*at) < since {
			continue
		}
		d := delivered{Type: commitCreated, Timestamp: at, Customer: customer, Commit: l.ID, CommitSays: l.Fields}
		if l.free() {
			d = delivered{Type: creditCreated, Timestamp: at, Customer: customer, Credit: l.ID, CreditSays: l.Fields}
		}
		d.ID = "sweep/" + d.Type + "/" + l.ID
		body, err := json.Marshal(d)
		if err != nil {
			return out, adapters.Errorf(adapters.CodeBadAnswer, "a listed grant cannot be told as an event")
		}
		out.Items = append(out.Items, body)
	}
	out.Next = next
	return out, nil
}

var _ adapters.Sweeper = (*Adapter)(nil)
