package sandbox

import (
	"strings"

	"scrip/adapters/sandbox"
)

const prefix = "/api/v2"

// endpoint is one call of the API.
type endpoint struct {
	method, path string
	handle       handler
}

// calls is the API.
func calls() []endpoint {
	return append(moneyCalls(), []endpoint{
		{"GET", "/configurations", getConfigurations},
		{"POST", "/customers", createCustomer},
		{"GET", "/customers", listCustomers},
		{"GET", "/customers/{id}", getCustomer},
		{"POST", "/customers/{id}", updateCustomer},
		{"POST", "/customers/{id}/delete", deleteCustomer},
		{"POST", "/customers/{id}/subscription_for_items", createSubscription},

		{"POST", "/promotional_credits/{how}", promotional},
		{"GET", "/promotional_credits", listPromotions},
		{"GET", "/promotional_credits/{id}", getPromotion},

		{"GET", "/subscriptions", listSubscriptions},
		{"GET", "/subscriptions/{id}", getSubscription},
		{"POST", "/subscriptions/{id}/cancel_for_items", cancelSubscription},

		{"POST", "/credit_units", createUnit},
		{"GET", "/credit_units", listUnits},
		{"POST", "/credit_units/{id}", updateUnit},
		{"POST", "/credit_units/{id}/archive_command", commandUnit(archived)},
		{"POST", "/credit_units/{id}/reactivate_command", commandUnit(unitAlive)},

		{"POST", "/promotional_grants", allocated(true)},
		{"POST", "/ledger_operations/allocate", allocated(false)},
		{"POST", "/ledger_operations/capture", drawn(capture)},
		{"POST", "/ledger_operations/authorize", drawn(authorize)},
		{"POST", "/ledger_operations/capture_authorization", closed(captureHeld)},
		{"POST", "/ledger_operations/release_authorization", closed(release)},
		{"GET", "/ledger_operations", listOperations},
		{"GET", "/ledger_operations/{id}", getOperation},
		{"GET", "/grant_blocks", listBlocks},
		{"GET", "/ledger_account_balances", listBalances},

		{"GET", "/events", listEvents},
		{"GET", "/events/{id}", getEvent},
		{"POST", "/webhook_endpoints", createEndpoint},
		{"GET", "/webhook_endpoints", listEndpoints},
		{"GET", "/webhook_endpoints/{id}", getEndpoint},
		{"POST", "/webhook_endpoints/{id}", updateEndpoint},
		{"POST", "/webhook_endpoints/{id}/delete", deleteEndpoint},

		// The usage host of a site has the same paths below another name.
		{"POST", "/usage_events", ingestOne},
		{"POST", "/batch/usage_events", ingestBatch},
	}...)
}

// moneyCalls is the part about the catalogue and invoices.
func moneyCalls() []endpoint {
	return []endpoint{
		{"POST", "/item_families", createFamily},
		{"GET", "/item_families", listFamilies},
		{"POST", "/items", createItem},
		{"GET", "/items", listItems},
		{"GET", "/items/{id}", getItem},
		{"POST", "/item_prices", createPrice},
		{"GET", "/item_prices", listPrices},
		{"GET", "/item_prices/{id}", getPrice},

		{"POST", "/invoices/create_for_charge_items_and_charges", createInvoice},
		{"GET", "/invoices", listInvoices},
		{"GET", "/invoices/{id}", getInvoice},
		{"POST", "/invoices/{id}/close", closeInvoice},
		{"POST", "/invoices/{id}/void", voidInvoice},
		{"POST", "/invoices/{id}/record_payment", recordPayment},
		{"POST", "/invoices/{id}/collect_payment", collectPayment},
		{"POST", "/invoices/{id}/refund", refundInvoice},
		{"POST", "/hosted_pages/collect_now", collectNow},
		{"GET", "/transactions", listTransactions},
		{"GET", "/transactions/{id}", getTransaction},
		{"GET", "/credit_notes", listNotes},
		{"GET", "/credit_notes/{id}", getNote},
	}
}

func routes() []sandbox.Route {
	var out []sandbox.Route
	for _, t := range calls() {
		r := sandbox.Route{Method: t.method, Pattern: prefix + t.path, Handle: wrap(t.handle)}
		switch {
		case strings.HasPrefix(t.path, "/ledger_operations/") && t.method == "POST":
			r.NoKey, r.Locks = true, lockedSubscription
		case t.path == "/promotional_grants":
			r.Locks = lockedSubscription
		case strings.HasSuffix(t.path, "usage_events"):
			r.NoKey = true
		}
		out = append(out, r)
	}
	return out
}

// knownPath says whether some method has this path.
func knownPath(path string) bool {
	want := strings.Split(path, "/")
	for _, t := range calls() {
		have := strings.Split(prefix+t.path, "/")
		same := len(have) == len(want)
		for i := 0; same && i < len(have); i++ {
			same = have[i] == want[i] || strings.HasPrefix(have[i], "{") && want[i] != ""
		}
		if same {
			return true
		}
	}
	return false
}

// getConfigurations says which catalog the site has.
func getConfigurations(c *call) (any, error) {
	return obj{"configurations": []obj{{"domain": "sandbox-test", "product_catalog_version": "v2", "chargebee_response_schema_type": "items", "object": "configuration"}}}, nil
}
