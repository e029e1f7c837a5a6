package sandbox

import "scrip/adapters/sandbox"

// routes is the API: method, path, handler.
func routes() []sandbox.Route {
	return []sandbox.Route{
		route("GET", "/v1/credit-types/list", listUnits),
		route("POST", "/v1/customFields/addKey", addField),
		route("POST", "/v1/customFields/listKeys", listFields),
		route("POST", "/v1/customFields/setValues", setFields),

		route("POST", "/v1/customers", createCustomer),
		route("GET", "/v1/customers", listCustomers),
		route("POST", "/v1/customers/archive", archiveCustomer),
		route("GET", "/v1/customers/{customer_id}", getCustomer),
		route("POST", "/v1/customers/{customer_id}/setIngestAliases", setAliases),
		route("POST", "/v1/customers/{customer_id}/setName", setName),
		route("GET", "/v1/customers/{customer_id}/invoices", listInvoices),
		route("GET", "/v1/customers/{customer_id}/invoices/{invoice_id}", getInvoice),
		route("POST", "/v1/invoices/void", voidInvoice),

		route("POST", "/v1/contract-pricing/products/create", createProduct),
		route("POST", "/v1/contract-pricing/products/list", listProducts),
		route("POST", "/v1/contract-pricing/products/get", getProduct),
		route("POST", "/v1/contract-pricing/products/archive", archiveProduct),
		route("POST", "/v1/contract-pricing/rate-cards/create", createCard),
		route("POST", "/v1/contract-pricing/rate-cards/addRate", addRate),
		route("POST", "/v1/billable-metrics/create", createMetric),

		route("POST", "/v1/contracts/customerCredits/create", createCredit),
		route("POST", "/v1/contracts/customerCredits/list", listCredits),
		route("POST", "/v1/contracts/customerCredits/updateEndDate", endCredit),
		route("POST", "/v1/contracts/customerCommits/create", createCommit),
		route("POST", "/v1/contracts/customerCommits/list", listCommits),
		route("POST", "/v1/contracts/customerCommits/updateEndDate", endCommit),
		route("POST", "/v1/contracts/customerBalances/list", listBalances),
		route("POST", "/v1/contracts/customerBalances/getNetBalance", netBalance),
		route("POST", "/v1/contracts/addManualBalanceLedgerEntry", addManual),
		route("POST", "/v2/contracts/credits/edit", editCredit),
		route("POST", "/v2/contracts/credits/archive", archiveCredit),
		route("POST", "/v2/contracts/commits/edit", editCommit),
		route("POST", "/v2/contracts/commits/archive", archiveCommit),

		route("POST", "/v1/contracts/create", createContract),
		route("POST", "/v1/contracts/archive", archiveContract),
		route("POST", "/v2/contracts/get", getContract),
		route("POST", "/v2/contracts/list", listContracts),
		route("POST", "/v2/contracts/edit", editContract),
		route("POST", "/v1/contracts/commits/threshold-billing/release", release),

		route("POST", "/v1/ingest", ingest),
		route("POST", "/v1/usage", sumUsage),
		route("POST", "/v1/events/search", searchUsage),

		route("POST", "/v1/alerts/create", createAlert),
		route("POST", "/v1/alerts/archive", archiveAlert),
		route("POST", "/v1/customer-alerts/get", getAlert),
		route("POST", "/v1/customer-alerts/list", listAlerts),
	}
}
