package sandbox

import "scrip/adapters/sandbox"

const customerFields = " name email description phone tax_exempt balance invoice_prefix next_invoice_sequence metadata metadata[*] "

// routes is the API: method, path, the parameters it takes, handler.
func routes() []sandbox.Route {
	var all []sandbox.Route
	for _, group := range [][]sandbox.Route{
		customerRoutes(), creditRoutes(), meterRoutes(), catalogRoutes(), invoiceRoutes(), otherRoutes(), subscriptionRoutes(),
	} {
		all = append(all, group...)
	}
	return all
}

func customerRoutes() []sandbox.Route {
	return []sandbox.Route{
		route("POST", "/v1/customers", customerFields, createCustomer),
		route("GET", "/v1/customers", paging+createdFilter+"email", listCustomers),
		route("GET", "/v1/customers/search", "query limit page", searchCustomers),
		route("GET", "/v1/customers/{id}", "", getCustomer),
		route("POST", "/v1/customers/{id}", customerFields, updateCustomer),
		route("DELETE", "/v1/customers/{id}", "", deleteCustomer),
		route("POST", "/v1/customers/{id}/balance_transactions", "amount currency description metadata metadata[*]", createBalanceTxn),
		route("GET", "/v1/customers/{id}/balance_transactions", paging, listBalanceTxns),
		route("GET", "/v1/customers/{id}/balance_transactions/{txn}", "", getBalanceTxn),
		route("POST", "/v1/customers/{id}/balance_transactions/{txn}", "description metadata metadata[*]", updateBalanceTxn),
	}
}

func creditRoutes() []sandbox.Route {
	return []sandbox.Route{
		route("POST", "/v1/billing/credit_grants", "customer amount[type] amount[monetary][currency] amount[monetary][value] "+
			"applicability_config[scope][price_type] applicability_config[scope][prices][*][id] category effective_at expires_at "+
			"priority name metadata metadata[*]", createGrant),
		route("GET", "/v1/billing/credit_grants", paging+"customer", listGrants),
		route("GET", "/v1/billing/credit_grants/{id}", "", getGrant),
		route("POST", "/v1/billing/credit_grants/{id}", "expires_at metadata metadata[*]", updateGrant),
		route("POST", "/v1/billing/credit_grants/{id}/expire", "", expireGrant),
		route("POST", "/v1/billing/credit_grants/{id}/void", "", voidGrant),
		route("GET", "/v1/billing/credit_balance_summary", "customer filter[type] filter[credit_grant] "+
			"filter[applicability_scope][price_type] filter[applicability_scope][prices][*][id]", balanceSummary),
		route("GET", "/v1/billing/credit_balance_transactions", paging+"customer credit_grant", listLedger),
		route("GET", "/v1/billing/credit_balance_transactions/{id}", "", getLedgerEntry),
	}
}

func meterRoutes() []sandbox.Route {
	return []sandbox.Route{
		route("POST", "/v1/billing/meters", "display_name event_name default_aggregation[formula] customer_mapping[type] "+
			"customer_mapping[event_payload_key] value_settings[event_payload_key] event_time_window", createMeter),
		route("GET", "/v1/billing/meters", paging+"status", listMeters),
		route("GET", "/v1/billing/meters/{id}", "", getMeter),
		route("POST", "/v1/billing/meters/{id}", "display_name", updateMeter),
		route("POST", "/v1/billing/meters/{id}/deactivate", "", deactivateMeter),
		route("POST", "/v1/billing/meters/{id}/reactivate", "", reactivateMeter),
		route("GET", "/v1/billing/meters/{id}/event_summaries", paging+"customer start_time end_time value_grouping_window", eventSummaries),
		route("POST", "/v1/billing/meter_events", "event_name identifier timestamp payload[*]", createMeterEvent),
		route("POST", "/v1/billing/meter_event_adjustments", "type event_name cancel[identifier]", createAdjustment),
	}
}

func catalogRoutes() []sandbox.Route {
	const productFields = " name description active unit_label metadata metadata[*] "
	return []sandbox.Route{
		route("POST", "/v1/products", productFields+"id default_price_data[currency] default_price_data[unit_amount]", createProduct),
		route("GET", "/v1/products", paging+createdFilter+"active ids[*]", listProducts),
		route("GET", "/v1/products/{id}", "", getProduct),
		route("POST", "/v1/products/{id}", productFields+"default_price", updateProduct),
		route("DELETE", "/v1/products/{id}", "", deleteProduct),
		route("POST", "/v1/prices", "currency product product_data[name] product_data[metadata][*] unit_amount unit_amount_decimal active "+
			"nickname lookup_key transfer_lookup_key tax_behavior billing_scheme recurring[interval] recurring[interval_count] "+
			"recurring[usage_type] recurring[meter] recurring[aggregate_usage] metadata metadata[*]", createPrice),
		route("GET", "/v1/prices", paging+createdFilter+"active currency product type lookup_keys[*] recurring[interval] recurring[usage_type] recurring[meter]", listPrices),
		route("GET", "/v1/prices/{id}", "", getPrice),
		route("POST", "/v1/prices/{id}", "active nickname lookup_key transfer_lookup_key tax_behavior metadata metadata[*]", updatePrice),
	}
}

func invoiceRoutes() []sandbox.Route {
	const itemFields = " amount description quantity unit_amount unit_amount_decimal price price_data[currency] price_data[product] " +
		"price_data[unit_amount] price_data[unit_amount_decimal] period[start] period[end] discountable tax_behavior metadata metadata[*] "
	const invoiceFields = " auto_advance collection_method days_until_due due_date description effective_at number metadata metadata[*] "
	return []sandbox.Route{
		route("POST", "/v1/invoiceitems", itemFields+"customer currency invoice", createItem),
		route("GET", "/v1/invoiceitems", paging+createdFilter+"customer invoice pending", listItems),
		route("GET", "/v1/invoiceitems/{id}", "", getItem),
		route("POST", "/v1/invoiceitems/{id}", "amount description quantity unit_amount metadata metadata[*]", updateItem),
		route("DELETE", "/v1/invoiceitems/{id}", "", deleteItem),
		route("POST", "/v1/invoices", invoiceFields+"customer currency pending_invoice_items_behavior", createInvoice),
		route("GET", "/v1/invoices", paging+createdFilter+"customer status collection_method subscription "+
			"due_date due_date[gt] due_date[gte] due_date[lt] due_date[lte]", listInvoices),
		route("GET", "/v1/invoices/{id}", "", getInvoice),
		route("POST", "/v1/invoices/{id}", invoiceFields, updateInvoice),
		route("DELETE", "/v1/invoices/{id}", "", deleteInvoice),
		route("POST", "/v1/invoices/{id}/finalize", "auto_advance", finalizeInvoice),
		route("POST", "/v1/invoices/{id}/pay", "paid_out_of_band payment_method forgive off_session", payInvoice),
		route("POST", "/v1/invoices/{id}/void", "", voidInvoice),
		route("POST", "/v1/invoices/{id}/mark_uncollectible", "", markUncollectible),
		route("GET", "/v1/invoices/{id}/lines", paging, listLines),
		route("GET", "/v1/payment_intents", paging+createdFilter+"customer", listIntents),
		route("GET", "/v1/payment_intents/{id}", "client_secret", getIntent),
		route("GET", "/v1/charges", paging+createdFilter+"customer payment_intent", listCharges),
		route("GET", "/v1/charges/{id}", "", getCharge),
		route("POST", "/v1/refunds", "charge payment_intent amount reason metadata metadata[*]", createRefund),
		route("GET", "/v1/refunds", paging+createdFilter+"charge payment_intent", listRefunds),
		route("GET", "/v1/refunds/{id}", "", getRefund),
	}
}

func otherRoutes() []sandbox.Route {
	return []sandbox.Route{
		route("GET", "/v1/events", paging+createdFilter+"type types[*] delivery_success", listEvents),
		route("GET", "/v1/events/{id}", "", getEvent),
		route("POST", "/v1/webhook_endpoints", "url enabled_events[*] api_version description metadata metadata[*]", createEndpoint),
		route("GET", "/v1/webhook_endpoints", paging, listEndpoints),
		route("GET", "/v1/webhook_endpoints/{id}", "", getEndpoint),
		route("POST", "/v1/webhook_endpoints/{id}", "url enabled_events[*] description disabled metadata metadata[*]", updateEndpoint),
		route("DELETE", "/v1/webhook_endpoints/{id}", "", deleteEndpoint),
	}
}
