package sandbox

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"scrip/adapters/sandbox"
)

// Settings of an endpoint.
const (
	userName    = "username"
	password    = "password"
	endpointAs  = "name"
	primary     = "primary_url"
	schemaType  = "chargebee_response_schema_type"
	everything  = "*"
	maxHooks    = 5 // endpoints of a site
	maxURL      = 512
	maxHookText = 250
	maxEvents   = 100_000 // remembered, the newest
)

// tell records an event and sends it. Its content is rendered by the caller, so
// that it shows the objects as they were.
func (w *world) tell(typ, source string, content obj) {
	text, err := json.Marshal(content)
	if err != nil {
		return
	}
	e := &event{ID: w.a.NewID("ev_", 17), At: w.at(), Type: typ, Source: source, Content: text}
	w.a.Emit(e.ID, typ, func(ep sandbox.Endpoint) ([]byte, bool) {
		if !slices.Contains(ep.Types, everything) && !slices.Contains(ep.Types, typ) {
			return nil, false
		}
		e.Told = true
		body, err := json.Marshal(renderEvent(e, "scheduled"))
		return body, err == nil
	})
	w.st.Events.add(e)
	if rows := w.st.Events.Rows; len(rows) > maxEvents {
		w.st.Events = table[*event]{Rows: append([]*event{}, rows[maxEvents/5:]...)}
	}
}

func renderEvent(e *event, status string) obj {
	user := ""
	if e.Source == "api" {
		user = "full_access_key_v1"
	}
	hooks := []obj{}
	if e.Told {
		hooks = append(hooks, obj{"id": "whv2_" + e.ID[3:], "webhook_status": status, "object": "webhook"})
	}
	return full(obj{
		"id": e.ID, "occurred_at": e.At, "source": e.Source, "user": user, "object": "event", "api_version": "v2", "content": e.Content, "event_type": e.Type,
		"webhook_status": status, "webhooks": hooks,
	})
}

// renderEventNow says what became of its deliveries.
func (w *world) renderEventNow(e *event) obj {
	switch {
	case !e.Told:
		return renderEvent(e, "not_configured")
	case w.a.Undelivered(e.ID) > 0:
		return renderEvent(e, "scheduled")
	default:
		return renderEvent(e, "succeeded")
	}
}

func getEvent(c *call) (any, error) {
	if e, ok := c.st.Events.get(c.Path("id")); ok {
		return obj{"event": c.renderEventNow(e)}, nil
	}
	return nil, missing("event", c.Path("id"))
}

// listEvents renders only what stands on the page, unless it has to look at
// what became of every delivery.
func listEvents(c *call) (any, error) {
	l := listing{name: "event", filters: "id webhook_status event_type source occurred_at", sorts: "occurred_at"}
	if strings.Contains(c.Request.URL.RawQuery, "webhook_status") {
		return list(c, l, c.st.Events.Rows, c.renderEventNow, nil)
	}
	got, err := list(c, l, c.st.Events.Rows, func(e *event) obj {
		return obj{"id": e.ID, "event_type": e.Type, "source": e.Source, "occurred_at": e.At}
	}, nil)
	if err != nil {
		return nil, err
	}
	items, _ := got["list"].([]obj)
	for _, item := range items {
		shown, _ := item["event"].(obj)
		id, _ := shown["id"].(string)
		if e, ok := c.st.Events.get(id); ok {
			item["event"] = c.renderEventNow(e)
		}
	}
	return got, nil
}

// endpointAdded completes an endpoint. Basic authentication is optional; a
// secret is "user:password", or the password of the user "scrip".
func endpointAdded(a *sandbox.Account, ep *sandbox.Endpoint) error {
	if len(a.Endpoints()) >= maxHooks {
		return refusal(400, "a site has at most %d webhook endpoints; delete one", maxHooks)
	}
	ep.ID, ep.Types = a.NewID("we_", 17), []string{everything}
	ep.Settings[endpointAs] = "sandbox"
	if len(ep.Secrets) == 1 {
		user, word, named := strings.Cut(ep.Secrets[0], ":")
		if !named {
			user, word = "scrip", ep.Secrets[0]
		}
		ep.Settings[userName], ep.Settings[password], ep.Secrets = user, word, nil
	}
	return nil
}

// endpoint reads what creating and changing an endpoint have in common.
func (f *form) endpoint(ep *sandbox.Endpoint) {
	f.put(&ep.URL, "url", maxURL)
	for name, key := range map[string]string{"name": endpointAs, "basic_auth_username": userName, "basic_auth_password": password} {
		v := ep.Settings[key]
		f.put(&v, name, maxHookText)
		ep.Settings[key] = v
	}
	ep.Settings[primary] = strconv.FormatBool(f.flag("primary_url", ep.Settings[primary] == "true"))
	ep.Settings[schemaType] = f.word("chargebee_response_schema_type", or(ep.Settings[schemaType], "items"), "plans_addons", "compat", "items")
	ep.Disabled = f.flag("disabled", ep.Disabled)
	f.word("api_version", "v2", "v1")
	f.flag("send_card_resource", false)
	var types []string
	for _, i := range f.in.Under("enabled_events") {
		if v := f.text("enabled_events["+i+"]", 100); v != "" {
			types = append(types, v)
		}
	}
	if len(types) > 0 {
		ep.Types = types
	}
	if ep.URL == "" || ep.Settings[endpointAs] == "" {
		f.fail(wrong("url", "url and name cannot be blank"))
	}
}

func createEndpoint(c *call) (any, error) {
	f, ep := c.form(), &sandbox.Endpoint{ID: c.a.NewID("we_", 17), Types: []string{everything}, Settings: map[string]string{}}
	f.endpoint(ep)
	if err := f.end(); err != nil {
		return nil, err
	}
	if len(c.a.Endpoints()) >= maxHooks {
		return nil, failure(400, "resource_limit_exceeded", "A site has at most %d webhook endpoints", maxHooks)
	}
	if err := c.a.AddEndpoint(ep); err != nil {
		return nil, failure(400, "resource_limit_exceeded", "%v", err)
	}
	return endpointAnswer(ep), nil
}

func (c *call) endpoint() (*sandbox.Endpoint, error) {
	for _, ep := range c.a.Endpoints() {
		if ep.ID == c.Path("id") {
			return ep, nil
		}
	}
	return nil, missing("webhook_endpoint", c.Path("id"))
}

func updateEndpoint(c *call) (any, error) {
	ep, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	f, changed := c.form(), *ep
	changed.Settings = map[string]string{}
	for k, v := range ep.Settings {
		changed.Settings[k] = v
	}
	f.endpoint(&changed)
	if err := f.end(); err != nil {
		return nil, err
	}
	*ep = changed
	return endpointAnswer(ep), nil
}

func getEndpoint(c *call) (any, error) {
	ep, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	return endpointAnswer(ep), nil
}

func deleteEndpoint(c *call) (any, error) {
	ep, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	c.a.RemoveEndpoint(ep.ID)
	return endpointAnswer(ep), nil
}

// hook is an endpoint as a row of a list.
type hook struct{ *sandbox.Endpoint }

func (h hook) key() string { return h.ID }

func listEndpoints(c *call) (any, error) {
	var rows []hook
	for _, ep := range c.a.Endpoints() {
		rows = append(rows, hook{ep})
	}
	return list(c, listing{name: "webhook_endpoint"}, rows, func(h hook) obj { return renderEndpoint(h.Endpoint) }, nil)
}

func endpointAnswer(ep *sandbox.Endpoint) obj { return obj{"webhook_endpoint": renderEndpoint(ep)} }

// renderEndpoint never shows the password.
func renderEndpoint(ep *sandbox.Endpoint) obj {
	out := obj{
		"id": ep.ID, "name": ep.Settings[endpointAs], "url": ep.URL, "send_card_resource": false, "disabled": ep.Disabled, "primary_url": ep.Settings[primary] == "true",
		"api_version": "v2", "chargebee_response_schema_type": or(ep.Settings[schemaType], "items"), "object": "webhook_endpoint",
	}
	if !slices.Contains(ep.Types, everything) {
		out["enabled_events"] = ep.Types
	}
	return out
}
