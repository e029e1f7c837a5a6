package mapping

import (
	"testing"

	"scrip/core/ledger"
	"scrip/core/sale"
)

// A body keeps the id and what the order needs, whatever it said of a person;
// what says nothing, or a placeholder, is not touched.
func TestEraseBody(t *testing.T) {
	o := &Outward{}
	ann := ledger.Customer{ID: "ann", Name: "Ann", Email: "ann@example.com", Timezone: "Europe/Berlin", Currency: "eur", Metadata: map[string]string{"a": "b"}, Created: 7}
	bare := ledger.Customer{ID: "ann", Currency: "eur", Created: 7}
	told := ledger.Customer{ID: "ann", Name: "ann", Email: "erased@scrip.invalid", Metadata: map[string]string{"a": ""}, Created: 7}
	same := func(a, b *ledger.Customer) bool {
		return a == nil && b == nil || a != nil && b != nil && !a.Personal() && a.ID == b.ID && a.Currency == b.Currency && a.Created == b.Created
	}
	for name, c := range map[string]struct {
		body     Body
		personal bool
	}{
		"a new customer":      {Body{Customer: &ann, New: true}, true},
		"one that came first": {Body{End: &EndFacts{Grant: "grn_1", Consumed: 5}, Attempt: Attempt{First: 3, Ensure: &ann}}, true},
		"the erasure itself":  {Body{Customer: &told}, false},
		"a bare one":          {Body{Customer: &bare}, false},
		"no customer at all":  {Body{Sale: &sale.Purchase{ID: "pur_1", Customer: "ann"}, Text: "10 credits"}, false},
	} {
		raw := c.body.Encode()
		got, is := o.EraseBody(raw)
		if is != c.personal || !is && string(got) != string(raw) {
			t.Errorf("%s: %t, %s", name, is, got)
			continue
		}
		b, err := DecodeBody(got)
		if err != nil || b.Kind() != c.body.Kind() || b.New != c.body.New || b.Attempt.First != c.body.Attempt.First {
			t.Errorf("%s: %s, %v", name, got, err)
		}
		if is && (!same(b.Customer, c.body.Customer) || !same(b.Attempt.Ensure, c.body.Attempt.Ensure)) {
			t.Errorf("%s: %s", name, got)
		}
	}
	if _, is := o.EraseBody([]byte("{")); is {
		t.Error("what cannot be read was changed")
	}
}
