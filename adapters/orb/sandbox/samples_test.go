package sandbox_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"scrip/internal/speccheck"
)

// TestAgainstSamples holds every webhook that the sandbox sends against the
// published sample of its type: the same keys, and values of the same kind.
func TestAgainstSamples(t *testing.T) {
	if _, set := speccheck.Material(""); !set {
		t.Skip(speccheck.MaterialVariable + " is not set: it names the folder with the vendors' samples")
	}
	c := startAt(t, noon)
	in := c.receive("")
	cus := c.customer("a")
	c.want(200, "PUT", "/v1/customers/"+cus, `{"name":"Bob"}`)
	c.want(200, "POST", "/v1/customers/"+cus+"/balance_transactions", `{"amount":"1.00","type":"increment"}`)
	for _, kind := range []string{`depleted"`, `recovered"`, `dropped","thresholds":[{"value":2}]`} {
		c.want(201, "POST", "/v1/alerts/customer_id/"+cus, `{"currency":"credits","type":"credit_balance_`+kind+`}`)
	}
	bill := func() string {
		return c.entry(cus, inc+`"amount":10,"metadata":{"g":"1"},"expiry_date":"2099-09-01T00:00:00Z",`+pays+`}`).text("created_invoices.0.id")
	}
	first := bill()
	c.control("pay", `{"object":"`+first+`","outcome":"failed"}`)
	c.control("pay", `{"object":"`+first+`","outcome":"paid"}`)
	c.want(200, "POST", "/v1/invoices/"+bill()+"/mark_paid", `{"payment_received_date":"2099-03-01"}`)
	last := bill()
	c.control("mutate", `{"object":"invoice","id":"`+last+`","op":"set","fields":{"memo":"m"},"webhook":true}`)
	c.want(200, "POST", "/v1/invoices/"+last+"/void", "")
	c.entry(cus, dec+`"amount":20`)
	c.control("pay", `{"object":"`+first+`","outcome":"refunded"}`)
	c.control("mutate", `{"object":"resource_event","op":"set","id":""}`)

	seen := map[string]bool{}
	for _, e := range in.events(c) {
		typ := e.text("type")
		seen[typ] = true
		path, _ := speccheck.Material("providers/orb/events/" + strings.ReplaceAll(typ, ".", "_") + ".json")
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("%s: there is no sample: %v", typ, err)
			continue
		}
		var sample map[string]any
		if err := json.Unmarshal(raw, &sample); err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(e.raw, &got); err != nil {
			t.Fatal(err)
		}
		for _, wrong := range unlike("", sample, got) {
			t.Errorf("%s: %s", typ, wrong)
		}
	}
	if len(seen) != 16 {
		t.Errorf("%d types of events were sent, want 16: %v", len(seen), seen)
	}
}

// unlike lists where a value's keys or kinds differ from a sample's; null fits
// everything, and maps of the user's own words are left alone.
func unlike(at string, sample, got any) []string {
	if sample == nil || got == nil {
		return nil
	}
	if fmt.Sprintf("%T", sample) != fmt.Sprintf("%T", got) {
		return []string{fmt.Sprintf("%s is a %T, not a %T", at, got, sample)}
	}
	var out []string
	switch want := sample.(type) {
	case map[string]any:
		if slices.Contains([]string{".metadata", ".previous_attributes"}, at[max(0, strings.LastIndex(at, ".")):]) {
			return nil
		}
		have := got.(map[string]any)
		for name, v := range want {
			if _, ok := have[name]; !ok {
				out = append(out, at+"."+name+" is missing")
			}
			out = append(out, unlike(at+"."+name, v, have[name])...)
		}
		for name := range have {
			if _, ok := want[name]; !ok {
				out = append(out, at+"."+name+" is not in the sample")
			}
		}
	case []any:
		if have := got.([]any); len(want) > 0 && len(have) > 0 {
			out = append(out, unlike(at+"[0]", want[0], have[0])...)
		}
	}
	return out
}
