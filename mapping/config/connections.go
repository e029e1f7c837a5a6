package config

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"scrip/adapters"
	"scrip/mapping"
)

const (
	maxConnections = 50
	maxSecrets     = 10
)

var connectionName = regexp.MustCompile(`^[a-z0-9_-]{1,40}$`)

// reservedNames mean something else where a connection is named.
var reservedNames = []string{"all", "none", "scrip"}

func (r *reader) connections(top object) []Connection {
	f, ok := top.get("connections")
	if !ok {
		return nil
	}
	var out []Connection
	seen := map[string]field{}
	for _, c := range r.each(f, "connections", maxConnections) {
		lower := strings.ToLower(c.key)
		first, twice := seen[lower]
		seen[lower] = c
		switch {
		case twice:
			r.fault(c.at, "connection %s differs from %s on line %d by case only", shown(c.key), shown(first.key), first.at.line)
		case !connectionName.MatchString(c.key):
			r.fault(c.at, "connection name %s must be 1 to 40 of a-z 0-9 _ -", shown(c.key))
		case slices.Contains(reservedNames, c.key):
			r.fault(c.at, "connection name %q is reserved, take another", c.key)
		default:
			out = append(out, r.connection(c))
		}
	}
	return out
}

func (r *reader) connection(f field) Connection {
	c := Connection{Connection: mapping.Connection{Name: f.key}}
	o := r.object(f, fmt.Sprintf("connection %q", f.key), connectionFields, "")
	if key, ok := o.need("api_key"); ok {
		c.APIKey = r.secret(key)
	}
	if provider, ok := o.need("provider"); ok {
		p, known := r.provider(provider)
		c.Provider = p.Name
		c.Live = known && p.Live != nil && p.Live(c.APIKey.Reveal())
	}
	if secrets, ok := o.get("webhook_secrets"); ok {
		c.WebhookSecrets = r.webhookSecrets(secrets)
	}
	if base, ok := o.get("base_url"); ok {
		c.BaseURL = r.baseURL(base)
	}
	return c
}

func (r *reader) provider(f field) (Provider, bool) {
	name, ok := r.text(f, maxEcho)
	if !ok {
		return Provider{}, false
	}
	var names []string
	for _, p := range r.env.Providers {
		if p.Name == name {
			return p, true
		}
		names = append(names, p.Name)
	}
	r.fault(f.value.at, "provider %q is unknown%s", name, near(name, names))
	return Provider{}, false
}

// providerOf finds what is known of a connection's vendor.
func (r *reader) providerOf(c mapping.Connection) (Provider, bool) {
	for _, p := range r.env.Providers {
		if p.Name == c.Provider {
			return p, true
		}
	}
	return Provider{}, false
}

func (r *reader) webhookSecrets(f field) []Secret {
	items := r.names(f)
	if n := len(items); f.value.kind == aList && (n == 0 || n > maxSecrets) {
		r.fault(f.value.at, "webhook_secrets are %d, from 1 to %d are read", n, maxSecrets)
	}
	if len(items) == 0 {
		return []Secret{{}} // a fault by now; the route need not find it again
	}
	var out []Secret
	for _, item := range items {
		s := r.secret(item)
		if s.Ref != "" && slices.ContainsFunc(out, func(o Secret) bool { return o.Ref == s.Ref }) {
			r.fault(item.value.at, "webhook_secrets name %s twice", shown(s.Ref))
		}
		out = append(out, s)
	}
	return out
}

// baseURL reads where the vendor's API is. It is not repeated in a fault,
// since an address may hold a password.
func (r *reader) baseURL(f field) string {
	text, ok := r.text(f, 2000)
	if !ok {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Hostname() == "":
		r.fault(f.value.at, "base_url is not an address such as https://api.example.com")
	case u.User != nil:
		r.fault(f.value.at, "base_url holds a user or password, remove it: api_key is what authenticates")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		r.fault(f.value.at, "base_url ends in a query or fragment, remove it")
	default:
		return text
	}
	return ""
}

// route reads who does what and checks that they exist and can.
func (r *reader) route(top object, c *Config) {
	f, ok := top.get("route")
	if !ok {
		if len(c.Connections) > 0 && !top.has("route") {
			r.fault(top.at, "the config needs the field \"route\", which says what connections do")
		}
		return
	}
	o := r.object(f, "route", routeFields, "cohorts")
	if primary, ok := o.need("primary"); ok {
		c.Route.Primary = r.routed(primary, c)
		r.receives(primary, c, c.Route.Primary)
	}
	payments, explicit := o.get("payments")
	if explicit {
		c.Route.Payments = r.routed(payments, c)
		r.receives(payments, c, c.Route.Payments)
	} else if p, ok := r.providerNamed(c, c.Route.Primary); ok && !p.CannotCollect {
		c.Route.Payments = c.Route.Primary
	} else if ok {
		r.fault(o.at, "connection %q cannot collect money, name one that can in route.payments", c.Route.Primary)
	}
	if p, ok := r.providerNamed(c, c.Route.Payments); ok && p.CannotCollect {
		r.fault(payments.value.at, "connection %q cannot collect money, %s asks nobody to pay", c.Route.Payments, p.Name)
	}
	if shadow, ok := o.get("shadow"); ok {
		for _, item := range r.names(shadow) {
			name := r.routed(item, c)
			switch {
			case name == "":
			case name == c.Route.Primary || name == c.Route.Payments:
				r.fault(item.value.at, "connection %q cannot be a shadow, it is primary or collects payments", name)
			case slices.Contains(c.Route.Shadow, name):
				r.fault(item.value.at, "connection %q is a shadow twice", name)
			default:
				c.Route.Shadow = append(c.Route.Shadow, name)
			}
		}
	}
}

// routed reads the name of a connection, "" when there is none of it.
func (r *reader) routed(f field, c *Config) string {
	name, ok := r.text(f, 100)
	if !ok {
		return ""
	}
	names := make([]string, len(c.Connections))
	for i, known := range c.Connections {
		names[i] = known.Name
	}
	if slices.Contains(names, name) {
		return name
	}
	r.fault(f.value.at, "connection %s does not exist%s", shown(name), near(name, names))
	return ""
}

// receives reports a connection whose webhooks matter and could not be
// verified.
func (r *reader) receives(f field, c *Config, name string) {
	for _, known := range c.Connections {
		if known.Name == name && len(known.WebhookSecrets) == 0 {
			r.fault(f.value.at, "connection %q needs the field \"webhook_secrets\" to be %s, without one no delivery can be trusted", name, f.key)
		}
	}
}

func (r *reader) providerNamed(c *Config, connection string) (Provider, bool) {
	for _, known := range c.Connections {
		if known.Name == connection {
			return r.providerOf(known.Connection)
		}
	}
	return Provider{}, false
}

// strategyNames are all strategies there are.
func strategyNames() []string {
	return []string{string(adapters.Totals), string(adapters.Meter), string(adapters.Mirror)}
}
