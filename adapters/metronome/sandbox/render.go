package sandbox

// renderGrant shows a credit or a commit as all lists do.
func (w *world) renderGrant(x *grant, balance, ledger bool) obj {
	product, _ := w.st.Products.get(x.Product)
	out := obj{
		"id": x.ID, "type": x.Kind, "rate_type": x.RateType, "created_at": w.stamp(x.Created), "custom_fields": words(x.Custom),
		"product": obj{"id": x.Product, "name": product.Name}, "access_schedule": obj{"credit_type": w.unitRef(x.Unit), "schedule_items": w.items(x)},
	}
	put(out, "name", x.Name != "", x.Name)
	put(out, "description", x.Description != "", x.Description)
	put(out, "priority", x.Priority != nil, (*bare)(x.Priority))
	put(out, "contract", x.Contract != "", obj{"id": x.Contract})
	put(out, "invoice_contract", x.InvoiceContract != "", obj{"id": x.InvoiceContract})
	put(out, "applicable_product_ids", x.Products != nil, x.Products)
	put(out, "applicable_product_tags", x.Tags != nil, x.Tags)
	put(out, "applicable_contract_ids", x.Contracts != nil, x.Contracts)
	put(out, "specifiers", len(x.Specifiers) > 0, x.Specifiers)
	put(out, "uniqueness_key", x.Key != "", x.Key)
	put(out, "netsuite_sales_order_id", x.Netsuite != "", x.Netsuite)
	put(out, "salesforce_opportunity_id", x.Salesforce != "", x.Salesforce)
	if x.Archived != nil {
		out["archived_at"] = w.stamp(*x.Archived)
	}
	if x.Invoicing != nil {
		out["invoice_schedule"] = w.schedule(x.Invoicing)
	}
	if balance {
		out["balance"] = bare(w.balance(x, true))
	}
	if ledger {
		out["ledger"] = w.ledger(x)
	}
	return out
}

func (w *world) unitRef(id string) obj {
	u, _ := w.unit(id)
	return u.render()
}

func (w *world) items(x *grant) []obj {
	list := []obj{}
	for _, s := range x.Segments {
		list = append(list, obj{"id": s.ID, "amount": bare(s.Amount), "starting_at": w.stamp(s.Start), "ending_before": w.stamp(s.End)})
	}
	return list
}

func (w *world) schedule(x *invoicing) obj {
	list := []obj{}
	for _, i := range x.Items {
		one := obj{
			"id": i.ID, "amount": bare(i.Amount), "unit_price": bare(i.Price), "quantity": bare(i.Quantity), "timestamp": w.stamp(i.At), "invoice_id": nil,
		}
		put(one, "invoice_id", i.Invoice != "", i.Invoice)
		list = append(list, one)
	}
	return obj{"credit_type": w.unitRef(x.Unit), "schedule_items": list, "do_not_invoice": x.Silent}
}
