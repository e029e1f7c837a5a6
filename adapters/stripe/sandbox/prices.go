package sandbox

import (
	"math/big"
	"slices"
	"strconv"
	"strings"
)

const maxUnitDecimals = 12

func renderPrice(x *price) obj {
	out := obj{
		"id": x.ID, "object": "price", "created": x.Created, "livemode": false, "active": x.Active, "product": x.Product,
		"currency": x.Currency, "unit_amount": at(x.UnitAmount), "unit_amount_decimal": x.UnitDecimal, "type": "one_time", "recurring": nil,
		"billing_scheme": "per_unit", "nickname": orNull(x.Nickname), "lookup_key": orNull(x.LookupKey), "metadata": x.Metadata,
		"tax_behavior": x.TaxBehavior, "custom_unit_amount": nil, "tiers_mode": nil, "transform_quantity": nil,
	}
	if x.Interval != "" {
		out["type"] = "recurring"
		out["recurring"] = obj{
			"interval": x.Interval, "interval_count": x.IntervalCount, "usage_type": x.UsageType, "meter": orNull(x.Meter),
			"aggregate_usage": nil, "trial_period_days": nil,
		}
	}
	return out
}

// unit is the exact amount of one unit, in minor units.
func (x *price) unit() *big.Rat {
	if r, ok := decimal(x.UnitDecimal); ok {
		return r
	}
	return new(big.Rat)
}

// readPrice reads the fields below a prefix that price and price_data share.
func (c *call) readPrice(prefix string) *price {
	p := c.p
	name := func(field string) string {
		if prefix == "" {
			return field
		}
		return prefix + "[" + field + "]"
	}
	x := &price{Created: c.now, Active: true, TaxBehavior: "unspecified", IntervalCount: 1, Metadata: map[string]string{}}
	x.Currency = p.currency(name("currency"))
	amount, exact := p.num(name("unit_amount")), p.text(name("unit_amount_decimal"))
	switch {
	case amount != nil && exact != nil:
		p.fail(invalid(name("unit_amount"), "You may only specify one of unit_amount and unit_amount_decimal"))
	case amount != nil:
		x.UnitAmount, x.UnitDecimal = amount, strconv.FormatInt(*amount, 10)
	case exact != nil:
		c.exactUnit(x, name("unit_amount_decimal"), *exact)
	default:
		p.fail(missing(name("unit_amount")))
	}
	return x
}

func (c *call) exactUnit(x *price, param, text string) {
	r, ok := decimal(text)
	if _, fraction, _ := strings.Cut(text, "."); !ok || len(fraction) > maxUnitDecimals {
		c.p.fail(invalid(param, "Invalid decimal: %s. At most %d decimal places are allowed.", text, maxUnitDecimals))
		return
	}
	x.UnitDecimal = plain(r)
	if r.IsInt() && r.Num().IsInt64() {
		n := r.Num().Int64()
		x.UnitAmount = &n
	}
}

// readRecurring reads how often a price is billed.
func (c *call) readRecurring(x *price) {
	p := c.p
	if !p.has("recurring") {
		return
	}
	p.needText("recurring[interval]")
	x.Interval = p.oneOf("recurring[interval]", "month", "day", "week", "year")
	if n := p.num("recurring[interval_count]"); n != nil {
		x.IntervalCount = *n
		if *n < 1 || *n > 36 {
			p.fail(invalid("recurring[interval_count]", "Invalid interval_count: it must be between 1 and 36"))
		}
	}
	x.UsageType = p.oneOf("recurring[usage_type]", "licensed", "metered")
	set(&x.Meter, p.text("recurring[meter]"))
	if x.Meter == "" {
		return
	}
	if m, ok := c.st.Meters.get(x.Meter); !ok {
		p.fail(noSuch("recurring[meter]", "billing.meter", x.Meter))
	} else if m.DeactivatedAt != nil {
		p.fail(invalid("recurring[meter]", "The meter %s is inactive.", x.Meter))
	}
	if x.UsageType != "metered" {
		p.fail(invalid("recurring[meter]", "A price with a meter must have usage_type metered."))
	}
}

func (c *call) addPrice(x *price) *price {
	x.ID = c.a.NewID("price_", 24)
	c.st.Prices.add(x)
	c.emit("price.created", renderPrice(x), nil)
	return x
}

func createPrice(c *call) (any, error) {
	p := c.p
	x := c.readPrice("")
	c.readRecurring(x)
	p.oneOf("billing_scheme", "per_unit")
	x.TaxBehavior = p.oneOf("tax_behavior", "unspecified", "exclusive", "inclusive")
	if on := p.flag("active"); on != nil {
		x.Active = *on
	}
	set(&x.Nickname, p.textMax("nickname", 5000))
	set(&x.LookupKey, p.textMax("lookup_key", 200))
	x.Metadata = p.metadata(nil)
	name := p.text("product_data[name]")
	set(&x.Product, p.text("product"))
	_, known := c.st.Products.get(x.Product)
	switch {
	case (x.Product == "") == (name == nil):
		p.fail(missing("product"))
	case x.Product != "" && !known:
		p.fail(noSuch("product", "product", x.Product))
	}
	c.claimLookup(x)
	if p.err != nil {
		return nil, p.err
	}
	if x.Product == "" {
		made := c.st.Products.add(&product{ID: c.a.NewID("prod_", 14), Created: c.now, Updated: c.now, Name: *name, Active: true, Metadata: map[string]string{}})
		c.emit("product.created", renderProduct(made), nil)
		x.Product = made.ID
	}
	return renderPrice(c.addPrice(x)), nil
}

// claimLookup takes the lookup key from its holder, if the request says so.
func (c *call) claimLookup(x *price) {
	transfer := c.p.flag("transfer_lookup_key")
	for _, old := range c.st.Prices.Rows {
		if x.LookupKey == "" || old.LookupKey != x.LookupKey || old.ID == x.ID {
			continue
		}
		if transfer == nil || !*transfer {
			c.p.fail(invalid("lookup_key", "A price (`%s`) already uses that lookup key.", old.ID).code("resource_already_exists"))
			return
		}
		if c.p.err == nil {
			old.LookupKey = ""
		}
	}
}

func getPrice(c *call) (any, error) {
	x, ok := c.st.Prices.get(c.Path("id"))
	if !ok {
		return nil, gone("price", c.Path("id"))
	}
	return renderPrice(x), nil
}

func updatePrice(c *call) (any, error) {
	x, ok := c.st.Prices.get(c.Path("id"))
	if !ok {
		return nil, gone("price", c.Path("id"))
	}
	next := *x
	if on := c.p.flag("active"); on != nil {
		next.Active = *on
	}
	set(&next.Nickname, c.p.textMax("nickname", 5000))
	set(&next.LookupKey, c.p.textMax("lookup_key", 200))
	if c.p.has("tax_behavior") {
		next.TaxBehavior = c.p.oneOf("tax_behavior", "unspecified", "exclusive", "inclusive")
	}
	next.Metadata = c.p.metadata(x.Metadata)
	c.claimLookup(&next)
	if c.p.err != nil {
		return nil, c.p.err
	}
	c.change("price.updated", func() obj { return renderPrice(x) }, func() { *x = next })
	return renderPrice(x), nil
}

func listPrices(c *call) (any, error) {
	p := c.p
	active, created := p.flag("active"), p.within("created")
	same := func(key, have string) bool { want := p.text(key); return want == nil || *want == have }
	var lookups []string
	for _, i := range p.form.Under("lookup_keys") {
		lookups = append(lookups, p.form["lookup_keys["+i+"]"])
	}
	return list(c, "/v1/prices", c.st.Prices.Rows, func(x *price) bool {
		kind := "one_time"
		if x.Interval != "" {
			kind = "recurring"
		}
		return (active == nil || *active == x.Active) && created(x.Created) && same("currency", x.Currency) && same("product", x.Product) &&
			same("type", kind) && same("recurring[interval]", x.Interval) && same("recurring[usage_type]", x.UsageType) &&
			same("recurring[meter]", x.Meter) && (len(lookups) == 0 || slices.Contains(lookups, x.LookupKey))
	}, renderPrice)
}
