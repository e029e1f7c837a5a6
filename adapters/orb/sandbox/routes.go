package sandbox

import (
	"net/http"

	"scrip/adapters/sandbox"
)

const (
	byID       = "/customers/{customer_id}"
	byExternal = "/customers/external_customer_id/{external_customer_id}"
)

// routes is the API: method, path, status of success, handler.
func routes() []sandbox.Route {
	const ok, created, empty = http.StatusOK, http.StatusCreated, http.StatusNoContent
	all := []sandbox.Route{
		route("GET", "/ping", ok, func(*call) (any, error) { return obj{"response": "pong"}, nil }),
		route("POST", "/customers", created, createCustomer),
		route("GET", "/customers", ok, listCustomers),
		// One pattern for three calls: an external id may be any word.
		route("GET", byID+"/{part}", ok, getCustomerPart),
		route("POST", byID+"/balance_transactions", ok, createBalanceTxn),

		route("GET", "/credit_blocks/{block_id}", ok, getBlock),
		route("DELETE", "/credit_blocks/{block_id}", empty, deleteBlock),
		route("GET", "/credit_blocks/{block_id}/invoices", ok, blockInvoices),

		route("GET", "/invoices", ok, listInvoices),
		route("GET", "/invoices/{invoice_id}", ok, getInvoice),
		route("POST", "/invoices/{invoice_id}/issue", ok, issueInvoice),
		route("POST", "/invoices/{invoice_id}/mark_paid", ok, markPaid),
		route("POST", "/invoices/{invoice_id}/void", ok, voidInvoice),
		route("GET", "/credit_notes", ok, listNotes),
		route("GET", "/credit_notes/{credit_note_id}", ok, getNote),

		route("POST", "/ingest", ok, ingest),
		route("POST", "/events/search", ok, searchEvents),
		route("PUT", "/events/{event_id}/deprecate", ok, deprecateEvent),

		route("POST", "/items", created, createItem),
		route("GET", "/items", ok, listItems),
		route("GET", "/items/{item_id}", ok, getItem),

		route("GET", "/alerts", ok, listAlerts),
		route("GET", "/alerts/{alert_id}", ok, getAlert),
		route("PUT", "/alerts/{alert_id}", ok, updateAlert),
		route("DELETE", "/alerts/{alert_id}", empty, deleteAlert),
		route("POST", "/alerts/{alert_id}/{part}", ok, postAlertPart), // customer_id/{id} too
	}
	for _, name := range []string{"plans", "prices", "metrics", "subscriptions"} {
		all = append(all, route("GET", "/"+name, ok, listNothing))
	}
	for _, at := range []string{byID, byExternal} {
		all = append(all,
			route("PUT", at, ok, updateCustomer),
			route("GET", at+"/credits/ledger", ok, listLedger),
			route("POST", at+"/credits/ledger_entry", created, createEntry),
			route("GET", at+"/credits/top_ups", ok, listTopUps),
			route("POST", at+"/credits/top_ups", created, createTopUp),
			route("DELETE", at+"/credits/top_ups/{top_up_id}", empty, deleteTopUp),
		)
	}
	return append(all,
		route("GET", byID, ok, getCustomer),
		route("DELETE", byID, empty, deleteCustomer),
		route("GET", byExternal+"/credits", ok, listBlocks),
	)
}

// getCustomerPart is a customer by its external id, or a list that belongs to
// a customer.
func getCustomerPart(c *call) (any, error) {
	part := c.Path("part")
	switch {
	case c.Path("customer_id") == "external_customer_id":
		x, ok := c.byExternal(part)
		if !ok {
			return nil, missing("customer", part)
		}
		return c.renderCustomer(x), nil
	case part == "credits":
		return listBlocks(c)
	case part == "balance_transactions":
		return listBalanceTxns(c)
	default:
		return nil, noSuchPath(c.Request.Method, c.Request.URL.Path)
	}
}

// listNothing is the list of what cannot exist in the sandbox.
func listNothing(c *call) (any, error) {
	return list(c, pageLimit, nil, func(*item) bool { return true }, renderItem)
}
