package sandbox

import "net/http"

const (
	maxUnits  = 5 // credit units of a site
	archived  = "archived"
	unitAlive = "active"
)

func createUnit(c *call) (any, error) {
	f := c.form()
	x := &creditUnit{ID: f.need("id", maxID), Name: f.need("name", 50), External: f.text("external_name", 50), Status: unitAlive}
	if _, ok := f.in["is_unlimited"]; !ok {
		f.fail(wrong("is_unlimited", "cannot be blank"))
	}
	x.Unlimited = f.flag("is_unlimited", false)
	if text := f.text("overdraft_amount", 50); text != "" {
		limit, err := parseAmount(text)
		if err != nil || x.Unlimited {
			f.fail(wrong("overdraft_amount", "is a decimal string, and not with is_unlimited"))
		}
		x.Overdraft = &limit
	}
	if err := f.end(); err != nil {
		return nil, err
	}
	if _, taken := c.st.Units.get(x.ID); taken {
		return nil, duplicate("id", x.ID)
	}
	count := 0
	for _, old := range c.st.Units.Rows {
		if old.Status != archived || !c.a.Variant(unitsArchivedFree) {
			count++
		}
	}
	if count >= maxUnits {
		return nil, failure(http.StatusBadRequest, "resource_limit_exceeded", "A site has at most %d credit units", maxUnits)
	}
	c.made(&x.stamps)
	return unitAnswer(c.st.Units.add(x)), nil
}

func (c *call) unit() (*creditUnit, error) {
	if x, ok := c.st.Units.get(c.Path("id")); ok {
		return x, nil
	}
	return nil, missing("credit_unit", c.Path("id"))
}

func updateUnit(c *call) (any, error) {
	x, err := c.unit()
	if err != nil {
		return nil, err
	}
	f, changed := c.form(), *x
	f.put(&changed.Name, "name", 50)
	f.put(&changed.External, "external_name", 50)
	if err := f.end(); err != nil {
		return nil, err
	}
	*x = changed
	c.changed(&x.stamps)
	return unitAnswer(x), nil
}

// commandUnit archives a unit, or takes that back.
func commandUnit(status string) handler {
	return func(c *call) (any, error) {
		x, err := c.unit()
		if err != nil {
			return nil, err
		}
		if x.Status == status {
			return nil, invalidState("The credit unit is %s already", status)
		}
		x.Status = status
		c.changed(&x.stamps)
		return unitAnswer(x), nil
	}
}

func listUnits(c *call) (any, error) {
	return list(c, listing{name: "credit_unit", filters: "id status"}, c.st.Units.Rows, renderUnit, nil)
}

func unitAnswer(x *creditUnit) obj { return obj{"credit_unit": renderUnit(x)} }

func renderUnit(x *creditUnit) obj {
	out := obj{
		"id": x.ID, "name": x.Name, "external_name": or(x.External, x.Name), "status": x.Status, "is_unlimited": x.Unlimited, "created_at": x.Created,
		"updated_at": x.Updated, "resource_version": x.Version, "object": "credit_unit",
	}
	if x.Overdraft != nil {
		out["overdraft_amount"] = x.Overdraft.String()
	}
	return out
}

func createFamily(c *call) (any, error) {
	f := c.form()
	x := &family{ID: f.need("id", maxID), Name: f.need("name", 50), Description: f.text("description", 500)}
	if err := f.end(); err != nil {
		return nil, err
	}
	if _, taken := c.st.Families.get(x.ID); taken {
		return nil, duplicate("id", x.ID)
	}
	c.made(&x.stamps)
	return obj{"item_family": renderFamily(c.st.Families.add(x))}, nil
}

func renderFamily(x *family) obj {
	return full(obj{"id": x.ID, "name": x.Name, "description": x.Description, "status": "active", "resource_version": x.Version, "updated_at": x.Updated,
		"deleted": false, "object": "item_family"})
}

func listFamilies(c *call) (any, error) {
	return list(c, listing{name: "item_family", filters: "id name updated_at"}, c.st.Families.Rows, renderFamily, nil)
}

func createItem(c *call) (any, error) {
	f := c.form()
	x := &item{ID: f.need("id", 100), Name: f.need("name", 100), External: f.text("external_name", 100), Text: f.text("description", 2000), Family: f.need("item_family_id", 100)}
	if f.need("type", 10) != "" {
		x.Type = f.word("type", "plan", "addon", "charge")
	}
	f.skip("enabled_in_portal", "enabled_for_checkout", "item_applicability", "unit", "included_in_mrr", "metadata", "is_shippable", "is_giftable")
	if err := f.end(); err != nil {
		return nil, err
	}
	if _, taken := c.st.Items.get(x.ID); taken {
		return nil, duplicate("id", x.ID)
	}
	if _, ok := c.st.Families.get(x.Family); !ok {
		return nil, missing("item_family", x.Family)
	}
	c.made(&x.stamps)
	return obj{"item": renderItem(c.st.Items.add(x))}, nil
}

func renderItem(x *item) obj {
	return full(obj{
		"id": x.ID, "name": x.Name, "external_name": x.External, "description": x.Text, "status": "active", "resource_version": x.Version, "updated_at": x.Updated,
		"item_family_id": x.Family, "type": x.Type, "is_shippable": false, "is_giftable": false, "enabled_for_checkout": true, "enabled_in_portal": true,
		"metered": false, "deleted": false, "object": "item",
	})
}

func getItem(c *call) (any, error) {
	if x, ok := c.st.Items.get(c.Path("id")); ok {
		return obj{"item": renderItem(x)}, nil
	}
	return nil, missing("item", c.Path("id"))
}

func listItems(c *call) (any, error) {
	return list(c, listing{name: "item", filters: "id item_family_id type name status updated_at"}, c.st.Items.Rows, renderItem, nil)
}

func createPrice(c *call) (any, error) {
	f := c.form()
	x := &price{
		ID: f.need("id", 100), Name: f.need("name", 100), External: f.text("external_name", 100), Text: f.text("description", 2000), Item: f.need("item_id", 100),
		Model: f.word("pricing_model", "flat_fee", "per_unit"), Currency: or(f.text("currency_code", 3), "USD"),
	}
	x.Price, _ = f.number("price")
	x.Period, _ = f.number("period")
	x.PeriodUnit = f.word("period_unit", "", "day", "week", "month", "year")
	f.skip("is_taxable", "free_quantity", "metadata", "show_description_in_invoices", "show_description_in_quotes")
	if err := f.end(); err != nil {
		return nil, err
	}
	if _, taken := c.st.Prices.get(x.ID); taken {
		return nil, duplicate("id", x.ID)
	}
	of, ok := c.st.Items.get(x.Item)
	if !ok {
		return nil, missing("item", x.Item)
	}
	if (of.Type == "charge") != (x.Period == 0) || (x.Period == 0) != (x.PeriodUnit == "") {
		return nil, wrong("period", "period and period_unit belong to plans and addons, which need them")
	}
	c.made(&x.stamps)
	return obj{"item_price": c.renderPrice(c.st.Prices.add(x))}, nil
}

func (w *world) renderPrice(x *price) obj {
	out := obj{
		"id": x.ID, "name": x.Name, "external_name": x.External, "description": x.Text, "item_id": x.Item, "pricing_model": x.Model, "price": x.Price,
		"currency_code": x.Currency, "period": some(x.Period), "period_unit": x.PeriodUnit, "free_quantity": int64(0), "status": "active", "created_at": x.Created,
		"updated_at": x.Updated, "resource_version": x.Version, "deleted": false, "object": "item_price",
	}
	if of, ok := w.st.Items.get(x.Item); ok {
		out["item_type"], out["item_family_id"] = of.Type, of.Family
	}
	return full(out)
}

func getPrice(c *call) (any, error) {
	if x, ok := c.st.Prices.get(c.Path("id")); ok {
		return obj{"item_price": c.renderPrice(x)}, nil
	}
	return nil, missing("item_price", c.Path("id"))
}

func listPrices(c *call) (any, error) {
	return list(c, listing{
		name: "item_price", filters: "id name item_id item_family_id item_type currency_code pricing_model status updated_at", sorts: "name id updated_at",
	}, c.st.Prices.Rows, c.renderPrice, nil)
}
