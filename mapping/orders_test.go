package mapping

import (
	"reflect"
	"testing"

	"scrip/adapters"
	"scrip/core/ledger"
)

// Everything that the vendors take of a customer reaches them.
func TestCustomerOrder(t *testing.T) {
	links := adapters.Links{{Neutral: "cust_1", Role: adapters.RoleCustomer, Vendor: "CU1"}}
	mark := adapters.Mark{ID: "int_1", Kind: adapters.CustomerKind}
	got := CustomerOrder(ledger.Customer{ID: "cust_1", Name: "Ada", Email: "ada@example.com", Currency: "usd", Metadata: map[string]string{"plan": "pro"}}, mark, links)
	want := adapters.CustomerOrder{Mark: mark, ID: "cust_1", Name: "Ada", Email: "ada@example.com", Currency: "usd", Metadata: map[string]string{"plan": "pro"}, Links: links}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
