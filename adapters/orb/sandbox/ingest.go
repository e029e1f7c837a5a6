package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"scrip/adapters/sandbox"
)

const (
	gracePeriod    = 12 * time.Hour // how late an event may come
	aheadTolerance = 5 * time.Minute
	maxSearch      = 500
	batchLimit     = 500
	searchSpan     = 7 * day
)

type eventParams struct {
	Customer   *string         `json:"customer_id"`
	External   *string         `json:"external_customer_id"`
	Name       *string         `json:"event_name"`
	Timestamp  *string         `json:"timestamp"`
	Properties json.RawMessage `json:"properties"`
	Key        *string         `json:"idempotency_key"`
}

// ingest takes usage events. An event whose key was seen within the grace
// period is taken for the same one; a refused event leaves its key unused.
func ingest(c *call) (any, error) {
	var in struct {
		Events []eventParams `json:"events"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if id := c.Request.URL.Query().Get("backfill_id"); id != "" {
		return nil, missing("backfill", id)
	}
	if len(in.Events) > batchLimit && c.a.Variant(ingestBatchLimited) {
		return nil, refused(sandbox.Problem{Kind: sandbox.TooLarge})
	}
	if err := conflicting(in.Events); err != nil {
		return nil, err
	}
	failed := []obj{}
	for _, p := range in.Events {
		e, wrong := c.event(p)
		if len(wrong) > 0 {
			failed = append(failed, obj{"idempotency_key": or(p.Key, ""), "validation_errors": wrong})
			continue
		}
		old, seen := c.st.Events.get(e.Key)
		if seen && (old.Deprecated || c.now.Sub(old.Received) < gracePeriod) {
			continue
		}
		if seen {
			c.st.Events.remove(e.Key)
		}
		c.st.Events.add(e)
	}
	if len(failed) > 0 {
		p := invalid(fmt.Sprintf("%d of %d events were refused", len(failed), len(in.Events)))
		p.Failed = failed
		return nil, p
	}
	return obj{"validation_failed": failed}, nil
}

// conflicting refuses a batch in which one key stands for two events.
func conflicting(events []eventParams) error {
	seen := map[string][]byte{}
	for _, p := range events {
		text, err := json.Marshal(p)
		if err != nil {
			return invalid("an event cannot be read")
		}
		key := or(p.Key, "")
		if old, ok := seen[key]; ok && key != "" && !bytes.Equal(old, text) {
			return invalid(fmt.Sprintf("the idempotency_key %q stands for different events", key))
		}
		seen[key] = text
	}
	return nil
}

// event checks one event and says what is wrong with it.
func (c *call) event(p eventParams) (*usageEvent, []string) {
	var s shape
	s.check(or(p.Name, "") != "", "event_name is required")
	s.check(or(p.Key, "") != "", "idempotency_key is required")
	s.check((p.Customer == nil) != (p.External == nil), "exactly one of customer_id and external_customer_id is required")
	if p.Customer != nil {
		_, err := c.customerNamed(*p.Customer)
		s.check(err == nil, "customer_id does not exist")
	}
	at, err := instant(or(p.Timestamp, ""))
	s.check(err == nil, "timestamp: %v", err)
	if err == nil {
		s.check(!at.After(c.now.Add(aheadTolerance)), "timestamp is in the future")
		s.check(!at.Before(c.now.Add(-gracePeriod)), "timestamp is older than the grace period")
	}
	var properties map[string]json.RawMessage
	s.check(json.Unmarshal(p.Properties, &properties) == nil && properties != nil, "properties are required")
	for name, v := range properties {
		nested := bytes.HasPrefix(v, []byte{'{'}) || bytes.HasPrefix(v, []byte{'['})
		s.check(!nested, "property %s is nested", name)
	}
	if len(s.errors) > 0 {
		return nil, s.errors
	}
	return &usageEvent{Key: *p.Key, Name: *p.Name, Customer: p.Customer, External: p.External, Timestamp: at, Properties: p.Properties, Received: c.now}, nil
}

func searchEvents(c *call) (any, error) {
	var in struct {
		IDs   []string   `json:"event_ids"`
		Start *time.Time `json:"timeframe_start"`
		End   *time.Time `json:"timeframe_end"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if len(in.IDs) < 1 || len(in.IDs) > maxSearch {
		return nil, invalid("event_ids: between 1 and 500")
	}
	from, to := or(in.Start, c.now.Add(-searchSpan)), or(in.End, c.now.Add(aheadTolerance))
	data := []obj{}
	for _, id := range in.IDs {
		if e, ok := c.st.Events.get(id); ok && !e.Timestamp.Before(from) && e.Timestamp.Before(to) {
			data = append(data, obj{
				"id": e.Key, "customer_id": e.Customer, "external_customer_id": e.External, "event_name": e.Name, "properties": e.Properties,
				"timestamp": stamp(&e.Timestamp), "deprecated": e.Deprecated,
			})
		}
	}
	return obj{"data": data}, nil
}

func deprecateEvent(c *call) (any, error) {
	e, ok := c.st.Events.get(c.Path("event_id"))
	if !ok {
		return nil, missing("event", c.Path("event_id"))
	}
	e.Deprecated = true
	return obj{"deprecated": e.Key}, nil
}
