package sandbox_test

import (
	"strings"
	"testing"

	"scrip/adapters/sandbox/sandboxtest"
)

// TestAgainstSamples holds every webhook that the sandbox sends against the
// published sample of its type: the same keys, and values of the same kind.
func TestAgainstSamples(t *testing.T) {
	c := startAt(t, noon)
	in := c.receive("")
	cus := c.customer("a")
	c.Want(200, "PUT", "/v1/customers/"+cus, `{"name":"Bob"}`)
	c.Want(200, "POST", "/v1/customers/"+cus+"/balance_transactions", `{"amount":"1.00","type":"increment"}`)
	for _, kind := range []string{`depleted"`, `recovered"`, `dropped","thresholds":[{"value":2}]`} {
		c.Want(201, "POST", "/v1/alerts/customer_id/"+cus, `{"currency":"credits","type":"credit_balance_`+kind+`}`)
	}
	bill := func() string {
		return c.entry(cus, inc+`"amount":10,"metadata":{"g":"1"},"expiry_date":"2099-09-01T00:00:00Z",`+pays+`}`).Text("created_invoices.0.id")
	}
	first := bill()
	c.Control("pay", `{"object":"`+first+`","outcome":"failed"}`)
	c.Control("pay", `{"object":"`+first+`","outcome":"paid"}`)
	c.Want(200, "POST", "/v1/invoices/"+bill()+"/mark_paid", `{"payment_received_date":"2099-03-01"}`)
	last := bill()
	c.Control("mutate", `{"object":"invoice","id":"`+last+`","op":"set","fields":{"memo":"m"},"webhook":true}`)
	c.Want(200, "POST", "/v1/invoices/"+last+"/void", "")
	c.entry(cus, dec+`"amount":20`)
	c.Control("pay", `{"object":"`+first+`","outcome":"refunded"}`)
	c.Control("mutate", `{"object":"resource_event","op":"set","id":""}`)

	file := func(e sandboxtest.Answer) string { return strings.ReplaceAll(e.Text("type"), ".", "_") + ".json" }
	seen := sandboxtest.Samples(t, "providers/orb/events", file, in.News(c.Client), []string{"metadata", "previous_attributes"}, nil)
	if len(seen) != 16 {
		t.Errorf("%d types of events were sent, want 16: %v", len(seen), seen)
	}
}
