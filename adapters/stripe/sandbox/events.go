package sandbox

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"scrip/adapters/sandbox"
)

const (
	eventsKept     = 30 * day // seconds that events can be listed
	maxEventRows   = 50_000
	maxEventTypes  = 20
	creditEvents   = "billing.credit_"
	controlSetting = "control" // marks endpoints made through the control API
)

// caused is the same world, in which another request (none for "") is the cause.
func (w *world) caused(request string) *world {
	same := *w
	same.request, same.key = request, ""
	return &same
}

// emit tells of a change: the event is kept for the list and sent to every
// endpoint that wants it, rendered once, as the object is now.
func (w *world) emit(typ string, object, previous obj) {
	e := &event{ID: w.a.NewID("evt_", 24), Created: w.now, Type: typ, Request: w.request, Key: w.key}
	e.Object = mustJSON(object)
	if previous != nil {
		e.Previous = mustJSON(previous)
	}
	for _, ep := range w.a.Endpoints() {
		if !ep.Disabled && w.wants(*ep, typ) {
			e.Pending++
		}
	}
	w.st.Events.add(e)
	w.forgetEvents()
	w.a.Emit(e.ID, typ, func(ep sandbox.Endpoint) ([]byte, bool) {
		if !w.wants(ep, typ) {
			return nil, false
		}
		return mustJSON(renderEvent(e, w.versionOf(ep), e.Pending)), true
	})
}

// mustJSON writes what consists of plain values only and so cannot fail.
func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		return []byte("null")
	}
	return text
}

func (w *world) versionOf(ep sandbox.Endpoint) string {
	if row, ok := w.st.Endpoints.get(ep.ID); ok && row.APIVersion != "" {
		return row.APIVersion
	}
	return apiVersion
}

func (w *world) wants(ep sandbox.Endpoint, typ string) bool {
	if strings.HasPrefix(typ, creditEvents) && w.a.Variant(billingEventsWithheld) && w.versionOf(ep) == apiVersion {
		return false
	}
	return slices.Contains(ep.Types, "*") || slices.Contains(ep.Types, typ)
}

// forgetEvents drops what can no longer be listed.
func (w *world) forgetEvents() {
	if len(w.st.Events.Rows) < maxEventRows {
		return
	}
	keep := slices.DeleteFunc(w.st.Events.Rows, func(e *event) bool { return e.Created < w.now-eventsKept })
	if over := len(keep) - maxEventRows*9/10; over > 0 {
		keep = slices.Delete(keep, 0, over)
	}
	w.st.Events = table[*event]{Rows: keep}
}

func renderEvent(e *event, version string, pending int) obj {
	data := obj{"object": json.RawMessage(e.Object)}
	if len(e.Previous) > 0 {
		data["previous_attributes"] = json.RawMessage(e.Previous)
	}
	return obj{
		"id": e.ID, "object": "event", "api_version": version, "created": e.Created, "type": e.Type, "livemode": false,
		"pending_webhooks": pending, "request": obj{"id": orNull(e.Request), "idempotency_key": orNull(e.Key)}, "data": data,
	}
}

func (c *call) renderEvent(e *event) obj { return renderEvent(e, apiVersion, c.a.Undelivered(e.ID)) }

func getEvent(c *call) (any, error) {
	e, ok := c.st.Events.get(c.Path("id"))
	if !ok || e.Created < c.now-eventsKept {
		return nil, gone("event", c.Path("id"))
	}
	return c.renderEvent(e), nil
}

func listEvents(c *call) (any, error) {
	p := c.p
	created, success := p.within("created"), p.flag("delivery_success")
	var types []string
	if t := p.text("type"); t != nil {
		types = append(types, *t)
	}
	for _, i := range p.form.Under("types") {
		types = append(types, p.form["types["+i+"]"])
	}
	switch {
	case p.has("type") && p.has("types"):
		p.fail(invalid("types", "You may only specify one of type and types"))
	case len(types) > maxEventTypes:
		p.fail(invalid("types", "You may specify up to %d types", maxEventTypes))
	}
	wanted := func(typ string) bool {
		return len(types) == 0 || slices.ContainsFunc(types, func(t string) bool {
			prefix, star := strings.CutSuffix(t, "*")
			return t == typ || star && c.a.Variant(typesWildcard) && strings.HasPrefix(typ, prefix)
		})
	}
	return list(c, "/v1/events", c.st.Events.Rows, func(e *event) bool {
		return e.Created >= c.now-eventsKept && created(e.Created) && wanted(e.Type) &&
			(success == nil || *success == (c.a.Undelivered(e.ID) == 0))
	}, c.renderEvent)
}

// reportUsageError sends the thin event that tells of a meter event that was
// answered 200 and then not counted. Thin events go to endpoints that name
// their type and to those made through the control API.
func (w *world) reportUsageError(e *meterEvent) {
	typ, related := "v1.billing.meter.error_report_triggered", any(obj{"id": e.Meter, "type": "billing.meter", "url": "/v1/billing/meters/" + e.Meter})
	if e.Meter == "" {
		typ, related = "v1.billing.meter.no_meter_found", nil
	}
	id := w.a.NewID("evt_test_", 24)
	created := time.Unix(w.now, 0).UTC().Format(time.RFC3339)
	body := obj{
		"id": id, "object": "v2.core.event", "type": typ, "created": created, "livemode": false, "related_object": related,
		"reason": nil, "data": obj{
			"developer_message_summary": "There is 1 invalid event",
			"validation_start":          created, "validation_end": created,
			"reason": obj{"error_count": 1, "error_types": []obj{{
				"code": e.Rejected, "error_count": 1,
				"sample_errors": []obj{{"error_message": "The event was not counted: " + e.Rejected, "request": obj{"identifier": e.Identifier}}},
			}}},
		},
	}
	w.a.Emit(id, typ, func(ep sandbox.Endpoint) ([]byte, bool) {
		return mustJSON(body), ep.Settings[controlSetting] != "" || slices.Contains(ep.Types, typ)
	})
}
