package sandbox

import (
	"strings"

	"scrip/adapters/sandbox"
)

// routes is the API: method, path, handler.
func routes() []sandbox.Route {
	all := []sandbox.Route{route("GET", "/health", health)}
	for _, group := range []map[string]handler{creditRoutes(), billingRoutes(), catalogRoutes()} {
		for pattern, h := range group {
			method, path, _ := strings.Cut(pattern, " ")
			all = append(all, route(method, base+path, h))
		}
	}
	return all
}

func health(*call) (any, error) {
	return obj{"version": "v1.51.0", "github_url": "https://github.com/getlago/lago-api", "message": "Success"}, nil
}

// creditRoutes are customers, wallets, transactions and webhooks.
func creditRoutes() map[string]handler {
	out := map[string]handler{
		"POST /customers":                 putCustomer,
		"GET /customers":                  listCustomers,
		"GET /customers/{external_id}":    getCustomer,
		"DELETE /customers/{external_id}": deleteCustomer,

		"POST /wallet_transactions":                      createTransactions,
		"GET /wallet_transactions/{txn_id}":              getTransaction,
		"GET /wallet_transactions/{txn_id}/consumptions": sources("wallet_transaction_consumptions", inbound),
		"GET /wallet_transactions/{txn_id}/fundings":     sources("wallet_transaction_fundings", outbound),
		"POST /wallet_transactions/{txn_id}/payment_url": txnPaymentURL,
		"GET /wallets/{wallet_id}/wallet_transactions":   listTransactions,
		"POST /webhook_endpoints":                        createEndpoint,
		"GET /webhook_endpoints":                         listEndpoints,
		"GET /webhook_endpoints/{endpoint_id}":           getEndpoint,
		"PUT /webhook_endpoints/{endpoint_id}":           updateEndpoint,
		"DELETE /webhook_endpoints/{endpoint_id}":        deleteEndpoint,
		"GET /webhooks/json_public_key":                  jsonPublicKey,
		"GET /webhooks/public_key":                       textPublicKey,
	}
	for many, one := range map[string]string{"/wallets": "/wallets/{wallet_id}", "/customers/{external_id}/wallets": "/customers/{external_id}/wallets/{code}"} {
		out["POST "+many], out["GET "+many] = createWallet, listWallets
		out["GET "+one], out["PUT "+one], out["DELETE "+one] = getWallet, updateWallet, deleteWallet
		out["POST "+one+"/metadata"], out["PATCH "+one+"/metadata"] = changeMetadata(false), changeMetadata(true)
		out["DELETE "+one+"/metadata"], out["DELETE "+one+"/metadata/{key}"] = dropMetadata, dropMetadata
	}
	return out
}

// billingRoutes are usage, subscriptions, invoices and payments.
func billingRoutes() map[string]handler {
	return map[string]handler{
		"GET /customers/{external_id}/current_usage": currentUsage,
		"GET /customers/{external_id}/subscriptions": listSubscriptions,
		"GET /customers/{external_id}/invoices":      listInvoices,

		"POST /events":                               ingest,
		"POST /events/batch":                         ingestBatch,
		"GET /events":                                listEvents,
		"GET /events/{transaction_id}":               getEvent,
		"POST /subscriptions":                        subscribe,
		"GET /subscriptions":                         listSubscriptions,
		"GET /subscriptions/{sub_id}":                getSubscription,
		"DELETE /subscriptions/{sub_id}":             endSubscription,
		"GET /subscriptions/{sub_id}/lifetime_usage": lifetimeUsage,
		"PUT /subscriptions/{sub_id}/lifetime_usage": lifetimeUsage,

		"POST /invoices":                           createOneOff,
		"GET /invoices":                            listInvoices,
		"GET /invoices/{invoice_id}":               getInvoice,
		"PUT /invoices/{invoice_id}":               updateInvoice,
		"PUT /invoices/{invoice_id}/finalize":      finalizeInvoice,
		"POST /invoices/{invoice_id}/void":         voidInvoice,
		"POST /invoices/{invoice_id}/payment_url":  invoicePaymentURL,
		"POST /invoices/{invoice_id}/lose_dispute": loseDispute,
		"POST /payments":                           recordPayment,
		"GET /payments":                            listPayments,
		"POST /credit_notes":                       createNote,
		"GET /credit_notes":                        listNotes,
	}
}

// catalogRoutes are metrics, plans, add-ons and taxes.
func catalogRoutes() map[string]handler {
	metrics := func(st *state) []*metric { return st.Metrics.Rows }
	plans := func(st *state) []*plan { return st.Plans.Rows }
	addOns := func(st *state) []*addOn { return st.AddOns.Rows }
	taxes := func(st *state) []*tax { return st.Taxes.Rows }
	showMetric := func(_ *call, m *metric) obj { return renderMetric(m) }
	showPlan := func(c *call, x *plan) obj { return c.renderPlan(x) }
	showAddOn := func(_ *call, x *addOn) obj { return renderAddOn(x) }
	showTax := func(_ *call, x *tax) obj { return renderTax(x) }
	return map[string]handler{
		"POST /billable_metrics":       createMetric,
		"GET /billable_metrics":        listCoded("billable_metrics", metrics, showMetric),
		"GET /billable_metrics/{code}": getCoded("billable_metric", metrics, func(m *metric) string { return m.Code }, showMetric),
		"POST /plans":                  createPlan,
		"GET /plans":                   listCoded("plans", plans, showPlan),
		"GET /plans/{code}":            getCoded("plan", plans, func(x *plan) string { return x.Code }, showPlan),
		"POST /add_ons":                createAddOn,
		"GET /add_ons":                 listCoded("add_ons", addOns, showAddOn),
		"GET /add_ons/{code}":          getCoded("add_on", addOns, func(x *addOn) string { return x.Code }, showAddOn),
		"POST /taxes":                  createTax,
		"GET /taxes":                   listCoded("taxes", taxes, showTax),
		"GET /taxes/{code}":            getCoded("tax", taxes, func(x *tax) string { return x.Code }, showTax),
	}
}
