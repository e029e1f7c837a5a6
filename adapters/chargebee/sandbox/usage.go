package sandbox

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"
)

const (
	maxBatch      = 500
	maxUsageBytes = 1 << 10
	usageRecent   = 12 * time.Hour
)

// usageInput is one usage event as it is sent.
type usageInput struct {
	ID           string          `json:"deduplication_id"`
	Subscription string          `json:"subscription_id"`
	At           int64           `json:"usage_timestamp"` // milliseconds
	Properties   json.RawMessage `json:"properties"`
}

// ingest takes one usage event, and the same one again without effect: its
// identity is its time, subscription and id together. The subscription need not
// exist. Nothing here is charged by usage events.
func (w *world) ingest(in usageInput) error {
	at := time.UnixMilli(in.At)
	var properties obj
	switch {
	case in.ID == "" || len(in.ID) > 36:
		return wrong("deduplication_id", "has between 1 and 36 characters")
	case in.Subscription == "" || len(in.Subscription) > maxID:
		return wrong("subscription_id", "has between 1 and 50 characters")
	case at.After(w.now) || at.Before(w.now.Add(-usageRecent)):
		return wrong("usage_timestamp", "should be within the last 12 hours, in milliseconds")
	case json.Unmarshal(in.Properties, &properties) != nil:
		return wrong("properties", "is not a JSON object")
	case len(in.Properties) > maxUsageBytes:
		return wrong("properties", "should not exceed 1 KB")
	}
	for name, v := range properties {
		switch v.(type) {
		case obj, []any:
			return wrong("properties", "is not flat at %.40q", name)
		}
	}
	if _, known := w.st.Usage.get(usageKey(in.At, in.Subscription, in.ID)); !known {
		w.st.Usage.add(&usage{ID: in.ID, Subscription: in.Subscription, At: in.At, Properties: in.Properties})
	}
	return nil
}

func (c *call) decode(into any) error {
	dec := json.NewDecoder(bytes.NewReader(c.Body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return failure(http.StatusBadRequest, "invalid_request", "The request body is not what this call takes: %v", err)
	}
	return nil
}

func ingestOne(c *call) (any, error) {
	var in usageInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if err := c.ingest(in); err != nil {
		return nil, err
	}
	return obj{"usage_event": in}, nil
}

func ingestBatch(c *call) (any, error) {
	var in struct {
		Events []usageInput `json:"events"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if len(in.Events) == 0 || len(in.Events) > maxBatch {
		return nil, wrong("events", "has between 1 and %d", maxBatch)
	}
	failed := []any{}
	for _, e := range in.Events {
		err := c.ingest(e)
		switch {
		case err == nil:
		case c.a.Variant(usageFailedTexts):
			failed = append(failed, err.Error())
		default:
			failed = append(failed, obj{"deduplication_id": e.ID, "subscription_id": e.Subscription, "usage_timestamp": e.At, "message": err.Error()})
		}
	}
	return obj{"batch_id": c.a.NewID("batch_", 17), "failed_events": failed}, nil
}
