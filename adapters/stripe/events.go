package stripe

import (
	"context"
	"encoding/json"
	"strconv"

	"scrip/adapters"
	"scrip/core"
)

// Events lists the events since an instant, newest first. Stripe keeps them
// for 30 days; each has the shape of the API version in which it was created.
func (a *Adapter) Events(ctx context.Context, since core.Time, p adapters.Page) (adapters.Listing[[]byte], error) {
	var out adapters.Listing[[]byte]
	q := query{{"created[gte]", strconv.FormatInt(since.Std().Unix(), 10)}}
	got, next, err := listing(ctx, a, "/v1/events", q, p, eventID)
	if err != nil {
		return out, err
	}
	for _, raw := range got.Data {
		out.Items = append(out.Items, raw)
	}
	out.Next = next
	return out, nil
}

func eventID(raw json.RawMessage) string {
	var head struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(raw, &head) != nil {
		return ""
	}
	return head.ID
}

var _ adapters.EventLister = (*Adapter)(nil)
