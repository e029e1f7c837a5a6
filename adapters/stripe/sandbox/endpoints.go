package sandbox

import (
	"net/http"
	"regexp"

	"scrip/adapters/sandbox"
)

// endpointAdded completes an endpoint made through the control API.
func endpointAdded(a *sandbox.Account, ep *sandbox.Endpoint) error {
	if len(ep.Secrets) == 0 {
		return &sandbox.Refusal{Status: http.StatusBadRequest, Message: "secret is missing; the sandbox signs with it"}
	}
	w := worldOf(a)
	ep.ID, ep.Types = a.NewID("we_", 24), []string{"*"}
	version := ep.Settings["api_version"]
	ep.Settings[controlSetting] = "true"
	w.st.Endpoints.add(&endpoint{ID: ep.ID, Created: w.now, APIVersion: version, Metadata: map[string]string{}})
	return nil
}

// receiver is the kit's half of an endpoint.
func (w *world) receiver(id string) *sandbox.Endpoint {
	for _, ep := range w.a.Endpoints() {
		if ep.ID == id {
			return ep
		}
	}
	return &sandbox.Endpoint{ID: id}
}

func (w *world) renderEndpoint(x *endpoint) obj {
	ep := w.receiver(x.ID)
	status := "enabled"
	if ep.Disabled {
		status = "disabled"
	}
	return obj{
		"id": x.ID, "object": "webhook_endpoint", "created": x.Created, "livemode": false, "application": nil,
		"api_version": orNull(x.APIVersion), "description": orNull(x.Description), "metadata": x.Metadata,
		"url": ep.URL, "enabled_events": ep.Types, "status": status,
	}
}

func (c *call) enabledEvents() []string {
	var types []string
	for _, i := range c.p.form.Under("enabled_events") {
		types = append(types, c.p.form["enabled_events["+i+"]"])
	}
	shape := regexp.MustCompile(`^(\*|[a-z0-9_]+(\.[a-z0-9_]+)+)$`)
	for _, t := range types {
		if !shape.MatchString(t) {
			c.p.fail(invalid("enabled_events", "Invalid enabled_events: %s is not an event type", t))
		}
	}
	return types
}

func (c *call) endpointURL() *string {
	u := c.p.text("url")
	if u != nil && !isHTTP(*u) {
		c.p.fail(invalid("url", "Invalid URL: %s", *u).code("url_invalid"))
	}
	return u
}

func createEndpoint(c *call) (any, error) {
	p := c.p
	x := &endpoint{Created: c.now, Metadata: p.metadata(nil)}
	set(&x.Description, p.textMax("description", 5000))
	set(&x.APIVersion, p.text("api_version"))
	p.needText("url")
	u, types := c.endpointURL(), c.enabledEvents()
	if len(types) == 0 {
		p.fail(missing("enabled_events"))
	}
	if p.err != nil {
		return nil, p.err
	}
	x.ID = c.a.NewID("we_", 24)
	ep := &sandbox.Endpoint{ID: x.ID, URL: *u, Types: types, Secrets: []string{c.a.NewID("whsec_", 32)}}
	if err := c.a.AddEndpoint(ep); err != nil {
		return nil, refused("You have reached the maximum number of webhook endpoints.")
	}
	c.st.Endpoints.add(x)
	out := c.renderEndpoint(x)
	out["secret"] = ep.Secrets[0] // shown this once
	return out, nil
}

func (c *call) endpoint() (*endpoint, error) {
	x, ok := c.st.Endpoints.get(c.Path("id"))
	if !ok {
		return nil, gone("webhook endpoint", c.Path("id"))
	}
	return x, nil
}

func getEndpoint(c *call) (any, error) {
	x, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	return c.renderEndpoint(x), nil
}

func listEndpoints(c *call) (any, error) {
	return list(c, "/v1/webhook_endpoints", c.st.Endpoints.Rows, func(*endpoint) bool { return true }, c.renderEndpoint)
}

func updateEndpoint(c *call) (any, error) {
	x, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	metadata, description := c.p.metadata(x.Metadata), c.p.textMax("description", 5000)
	u, types, off := c.endpointURL(), c.enabledEvents(), c.p.flag("disabled")
	if c.p.err != nil {
		return nil, c.p.err
	}
	ep := c.receiver(x.ID)
	x.Metadata = metadata
	set(&x.Description, description)
	set(&ep.URL, u)
	if len(types) > 0 {
		ep.Types = types
	}
	if off != nil {
		ep.Disabled = *off
	}
	return c.renderEndpoint(x), nil
}

func deleteEndpoint(c *call) (any, error) {
	x, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	c.st.Endpoints.remove(x.ID)
	c.a.RemoveEndpoint(x.ID)
	return obj{"id": x.ID, "object": "webhook_endpoint", "deleted": true}, nil
}
