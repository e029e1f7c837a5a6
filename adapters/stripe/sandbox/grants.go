package sandbox

import "slices"

const (
	maxUnusedGrants = 100
	maxScopePrices  = 20
	silentExpiryLag = 24 * 60 * 60 // seconds that an unasked expiry goes unrecorded, under its variant
)

func money(currency string, value int64) obj {
	return obj{"type": "monetary", "monetary": obj{"currency": currency, "value": value}}
}

func renderGrant(g *grant) obj {
	scope := obj{"price_type": "metered"}
	if len(g.Prices) > 0 {
		prices := []obj{}
		for _, id := range g.Prices {
			prices = append(prices, obj{"id": id})
		}
		scope = obj{"prices": prices}
	}
	return obj{
		"id": g.ID, "object": "billing.credit_grant", "created": g.Created, "updated": g.Updated, "livemode": false,
		"customer": g.Customer, "customer_account": nil, "amount": money(g.Currency, g.Value),
		"applicability_config": obj{"scope": scope}, "category": g.Category, "priority": g.Priority,
		"effective_at": g.EffectiveAt, "expires_at": at(g.ExpiresAt), "voided_at": at(g.VoidedAt),
		"name": orNull(g.Name), "metadata": g.Metadata, "test_clock": nil,
	}
}

// lapsed says whether a grant's time is over, recorded or not.
func (g *grant) lapsed(now int64) bool { return g.ExpiresAt != nil && *g.ExpiresAt <= now }

// available is what the grant can still give.
func (g *grant) available(now int64) int64 {
	if g.VoidedAt != nil || g.lapsed(now) || now < g.EffectiveAt {
		return 0
	}
	return g.Remaining
}

// unused counts towards the limit of grants per customer.
func (g *grant) unused(now int64) bool {
	return g.VoidedAt == nil && !g.lapsed(now) && (now < g.EffectiveAt || g.Remaining > 0)
}

// phase is the derived state of a grant.
func (g *grant) phase(now int64) string {
	switch {
	case g.VoidedAt != nil:
		return "voided"
	case g.lapsed(now):
		return "expired"
	case now < g.EffectiveAt:
		return "pending"
	case g.Remaining == 0:
		return "depleted"
	default:
		return "granted"
	}
}

func (c *call) newGrant() *grant {
	p := c.p
	g := &grant{Created: c.now, Updated: c.now, EffectiveAt: c.now}
	if x := c.customerOf("customer"); x != nil {
		g.Customer = x.ID
	}
	p.needText("amount[type]")
	p.oneOf("amount[type]", "monetary")
	g.Currency, g.Value = p.currency("amount[monetary][currency]"), p.needNum("amount[monetary][value]")
	if g.Value <= 0 {
		p.fail(invalid("amount[monetary][value]", "Invalid amount: it must be greater than 0").code("parameter_invalid_integer"))
	}
	g.Prices = c.scope("applicability_config[scope]")
	g.Category = p.oneOf("category", "paid", "promotional")
	g.Priority = 50
	if n := p.num("priority"); n != nil {
		g.Priority = *n
		if g.Priority < 0 || g.Priority > 100 {
			p.fail(invalid("priority", "Invalid priority: it must be between 0 and 100"))
		}
	}
	if t := p.num("effective_at"); t != nil {
		g.EffectiveAt = *t
		if *t < c.now && c.a.Variant(pastEffectiveAtRefused) {
			p.fail(invalid("effective_at", "effective_at must be in the future"))
		}
	}
	if t := p.num("expires_at"); t != nil {
		g.ExpiresAt = t
		if *t <= c.now || *t <= g.EffectiveAt {
			p.fail(invalid("expires_at", "expires_at must be in the future and after effective_at"))
		}
	}
	set(&g.Name, p.textMax("name", 100))
	g.Metadata = p.metadata(nil)
	return g
}

// scope reads which prices a grant applies to: all metered ones, or a list.
func (c *call) scope(prefix string) []string {
	p := c.p
	listed := p.form.Under(prefix + "[prices]")
	typed := p.has(prefix + "[price_type]")
	switch {
	case typed && len(listed) > 0:
		p.fail(invalid(prefix, "You may only specify one of price_type and prices"))
	case !typed && len(listed) == 0:
		p.fail(missing(prefix))
	case len(listed) > maxScopePrices:
		p.fail(invalid(prefix+"[prices]", "You may specify up to %d prices", maxScopePrices))
	}
	p.oneOf(prefix+"[price_type]", "metered")
	var ids []string
	for _, i := range listed {
		param := prefix + "[prices][" + i + "][id]"
		id := p.needText(param)
		if x, ok := c.st.Prices.get(id); !ok {
			p.fail(noSuch(param, "price", id))
		} else if x.UsageType != "metered" || x.Meter == "" {
			p.fail(invalid(param, "The price %s does not bill a meter; credits apply to metered prices only", id))
		}
		ids = append(ids, id)
	}
	return ids
}

func createGrant(c *call) (any, error) {
	g := c.newGrant()
	if c.p.err != nil {
		return nil, c.p.err
	}
	unused := 0
	for _, other := range c.st.Grants.Rows {
		if other.Customer == g.Customer && other.unused(c.now) {
			unused++
		}
	}
	if unused >= maxUnusedGrants {
		if c.a.Variant(grantLimitOtherError) {
			return nil, refused("Too many billing credits are outstanding for this customer.").code("resource_limit_exceeded")
		}
		return nil, refused("Customer has reached the maximum of %d unused credit grants.", maxUnusedGrants)
	}
	g.ID = c.a.NewID("credgr_test_", 24)
	if c.a.Variant(readLag) {
		g.Unreadable = 1
	}
	c.st.Grants.add(g)
	c.emit("billing.credit_grant.created", renderGrant(g), nil)
	if g.EffectiveAt <= c.now {
		c.takeEffect(g)
	}
	return renderGrant(g), nil
}

// readable says whether reads see a grant yet, and counts the read.
func (g *grant) readable() bool {
	if g.Unreadable > 0 {
		g.Unreadable--
		return false
	}
	return true
}

func (c *call) grant() (*grant, error) {
	g, ok := c.st.Grants.get(c.Path("id"))
	if !ok {
		return nil, gone("billing.credit_grant", c.Path("id"))
	}
	return g, nil
}

func getGrant(c *call) (any, error) {
	g, err := c.grant()
	if err != nil {
		return nil, err
	}
	if !g.readable() {
		return nil, gone("billing.credit_grant", g.ID)
	}
	return renderGrant(g), nil
}

func listGrants(c *call) (any, error) {
	owner := c.p.text("customer")
	if owner != nil {
		if _, ok := c.st.Customers.get(*owner); !ok {
			return nil, noSuch("customer", "customer", *owner)
		}
	}
	return list(c, "/v1/billing/credit_grants", c.st.Grants.Rows, func(g *grant) bool {
		return (owner == nil || g.Customer == *owner) && g.readable()
	}, renderGrant)
}

func updateGrant(c *call) (any, error) {
	g, err := c.grant()
	if err != nil {
		return nil, err
	}
	next, text := *g, c.p.text("expires_at")
	if text != nil {
		next.ExpiresAt = c.p.num("expires_at")
		if t := next.ExpiresAt; t != nil && (*t <= c.now || *t <= g.EffectiveAt) {
			c.p.fail(invalid("expires_at", "expires_at must be in the future and after effective_at"))
		}
	}
	next.Metadata = c.p.metadata(g.Metadata)
	if c.p.err != nil {
		return nil, c.p.err
	}
	if text != nil && (g.VoidedAt != nil || g.lapsed(c.now) && !c.a.Variant(expiredGrantExtended)) {
		return nil, refused("You cannot change the expiry of a credit grant that is %s.", g.phase(c.now))
	}
	if text != nil && g.lapsed(c.now) {
		c.expireRest(g) // what lapsed stays lost
	}
	next.Remaining, next.Expired, next.Updated = g.Remaining, false, c.now
	c.change("billing.credit_grant.updated", func() obj { return renderGrant(g) }, func() { *g = next })
	return renderGrant(g), nil
}

func expireGrant(c *call) (any, error) {
	g, err := c.grant()
	if err != nil {
		return nil, err
	}
	if g.VoidedAt != nil || g.lapsed(c.now) {
		return nil, refused("You cannot expire a credit grant that is %s.", g.phase(c.now))
	}
	c.change("billing.credit_grant.updated", func() obj { return renderGrant(g) }, func() {
		now := c.now
		g.ExpiresAt, g.Updated = &now, c.now
	})
	c.expireRest(g)
	return renderGrant(g), nil
}

func voidGrant(c *call) (any, error) {
	g, err := c.grant()
	if err != nil {
		return nil, err
	}
	if g.VoidedAt != nil || g.lapsed(c.now) {
		return nil, refused("You cannot void a credit grant that is %s.", g.phase(c.now))
	}
	applied := slices.ContainsFunc(c.st.Ledger.Rows, func(e *ledgerEntry) bool { return e.Grant == g.ID && e.Kind == creditsApplied })
	if applied {
		return nil, refused("You cannot void a credit grant that has been applied to an invoice; expire it instead.")
	}
	c.change("billing.credit_grant.updated", func() obj { return renderGrant(g) }, func() {
		now := c.now
		g.VoidedAt, g.Updated = &now, c.now
	})
	c.record(g, creditsVoided, g.Remaining, "", "")
	return renderGrant(g), nil
}
