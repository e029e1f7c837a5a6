package sandbox

import "slices"

func renderProduct(x *product) obj {
	return obj{
		"id": x.ID, "object": "product", "created": x.Created, "updated": x.Updated, "livemode": false, "active": x.Active,
		"name": x.Name, "description": orNull(x.Description), "unit_label": orNull(x.UnitLabel), "default_price": orNull(x.DefaultPrice),
		"metadata": x.Metadata, "features": []string{}, "images": []string{}, "package_dimensions": nil, "shippable": nil,
		"statement_descriptor": nil, "tax_code": nil, "url": nil, "type": "service", "attributes": []string{},
	}
}

func (c *call) productUpdate(x product) product {
	if c.p.has("name") {
		x.Name = c.p.needText("name")
	}
	set(&x.Description, c.p.textMax("description", 40000))
	set(&x.UnitLabel, c.p.textMax("unit_label", 12))
	if on := c.p.flag("active"); on != nil {
		x.Active = *on
	}
	x.Metadata = c.p.metadata(x.Metadata)
	return x
}

func createProduct(c *call) (any, error) {
	c.p.needText("name")
	x := c.productUpdate(product{Created: c.now, Updated: c.now, Active: true})
	set(&x.ID, c.p.text("id"))
	var first *price
	if c.p.has("default_price_data") {
		first = c.readPrice("default_price_data")
	}
	if c.p.err != nil {
		return nil, c.p.err
	}
	if x.ID == "" {
		x.ID = c.a.NewID("prod_", 14)
	}
	if _, taken := c.st.Products.get(x.ID); taken {
		return nil, refused("Product already exists with ID %s.", x.ID).code("resource_already_exists")
	}
	made := c.st.Products.add(&x)
	if first != nil {
		first.Product = x.ID
		made.DefaultPrice = c.addPrice(first).ID
	}
	c.emit("product.created", renderProduct(made), nil)
	return renderProduct(made), nil
}

func (c *call) product() (*product, error) {
	x, ok := c.st.Products.get(c.Path("id"))
	if !ok {
		return nil, gone("product", c.Path("id"))
	}
	return x, nil
}

func getProduct(c *call) (any, error) {
	x, err := c.product()
	if err != nil {
		return nil, err
	}
	return renderProduct(x), nil
}

func updateProduct(c *call) (any, error) {
	x, err := c.product()
	if err != nil {
		return nil, err
	}
	next := c.productUpdate(*x)
	if id := c.p.text("default_price"); id != nil {
		if _, ok := c.st.Prices.get(*id); !ok && *id != "" {
			c.p.fail(noSuch("default_price", "price", *id))
		}
		next.DefaultPrice = *id
	}
	if c.p.err != nil {
		return nil, c.p.err
	}
	next.Updated = c.now
	c.change("product.updated", func() obj { return renderProduct(x) }, func() { *x = next })
	return renderProduct(x), nil
}

func deleteProduct(c *call) (any, error) {
	x, err := c.product()
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(c.st.Prices.Rows, func(y *price) bool { return y.Product == x.ID }) {
		return nil, refused("This product cannot be deleted because it has one or more user-created prices.")
	}
	c.st.Products.remove(x.ID)
	c.emit("product.deleted", renderProduct(x), nil)
	return obj{"id": x.ID, "object": "product", "deleted": true}, nil
}

func listProducts(c *call) (any, error) {
	active, created := c.p.flag("active"), c.p.within("created")
	var ids []string
	for _, i := range c.p.form.Under("ids") {
		ids = append(ids, c.p.form["ids["+i+"]"])
	}
	return list(c, "/v1/products", c.st.Products.Rows, func(x *product) bool {
		return (active == nil || x.Active == *active) && created(x.Created) && (len(ids) == 0 || slices.Contains(ids, x.ID))
	}, renderProduct)
}
