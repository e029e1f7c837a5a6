package sandbox_test

import (
	"fmt"
	"testing"

	"scrip/adapters/sandbox/sandboxtest"
)

// TestAgainstSamples holds every webhook that the sandbox sends against the
// published sample of its type: the same keys, and values of the same kind.
func TestAgainstSamples(t *testing.T) {
	c := start(t)
	in := c.receive()
	sub := c.customer("acct_1")
	c.post("/customers/acct_1", "email", "ada@example.com", "company", "Acme")
	c.post("/promotional_credits/add", "customer_id", "acct_1", "amount", "300", "description", "gift")
	c.post("/promotional_credits/deduct", "customer_id", "acct_1", "description", "back")
	c.post("/credit_units", "id", "tokens", "name", "Tokens", "is_unlimited", "false", "overdraft_amount", "25")
	c.Want(200, "POST", api+"/ledger_operations/allocate", fmt.Sprintf(`{"subscription_id":%q,"unit_id":"tokens","amount":"10","expires_at":%d}`, sub, at+day))
	c.ledger("authorize", fmt.Sprintf(`"subscription_id":%q,"unit_id":"tokens","amount":"1","ledger_operation_timestamp":%d,"metadata":{"job":"r"}`, sub, at))
	bill := func(more ...string) string {
		return c.post("/invoices/create_for_charge_items_and_charges", append([]string{"subscription_id", sub, "charges[amount][0]", "500", "charges[description][0]", "One-off", "auto_collection", "off"}, more...)...).Text("invoice.id")
	}
	one := bill()
	c.Control("pay", `{"object":"`+one+`","outcome":"failed"}`)
	c.Control("pay", `{"object":"`+one+`","outcome":"paid"}`)
	c.Control("pay", `{"object":"`+one+`","outcome":"refunded"}`)
	bill("create_pending_invoice", "true")
	c.Control("mutate", `{"object":"subscription","id":"`+sub+`","op":"set","fields":{"billing_period":1},"webhook":true}`)
	c.post("/subscriptions/" + sub + "/cancel_for_items")
	c.post("/customers/acct_1/delete")

	seen := map[string]bool{}
	file := func(e sandboxtest.Answer) string {
		seen[e.Text("event_type")] = true
		return e.Text("event_type") + ".json"
	}
	sandboxtest.Samples(t, "providers/chargebee/events", file, in.News(c.Client), []string{"metadata", "meta_data"}, optional())
	if len(seen) != 19 {
		t.Errorf("%d types of events were sent, want 19: %v", len(seen), seen)
	}
}

// optional is what the vendor's types call optional and only one side has here.
func optional() []string {
	out := []string{".user", ".content.customer.email", ".content.customer.company", ".content.subscription.next_billing_at", ".content.subscription.cancelled_at", ".content.invoice",
		".content.transaction.refunded_txn_id", ".content.transaction.linked_credit_notes", ".content.ledger_operations[0].metadata", ".content.ledger_operations[0].auto_release_timestamp"}
	for _, name := range []string{"dunning_status", "next_retry_at", "paid_at", "line_items[0].entity_id"} {
		out = append(out, ".content.invoice."+name)
	}
	return out
}
