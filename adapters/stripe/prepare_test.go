package stripe

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/core"
)

const (
	sumMeter  = `{"id":"mtr_%[1]s","event_name":%[1]q,"default_aggregation":{"formula":"sum"},"customer_mapping":{"event_payload_key":"stripe_customer_id"},"value_settings":{"event_payload_key":"value"}}`
	unitPrice = `{"id":"price_%[1]s","active":true,"currency":"usd","lookup_key":%[1]q,"unit_amount":1,"recurring":{"interval":"month","interval_count":1,"usage_type":"metered","meter":"mtr_%[1]s"}}`
)

func page1(items ...string) string {
	return `{"object":"list","has_more":false,"data":[` + strings.Join(items, ",") + `]}`
}

func named(form, name string) string { return fmt.Sprintf(form, name) }

// prepared answers as an account that has everything but packs.
func prepared() map[string]string {
	return map[string]string{
		"GET /v1/billing/meters": page1(named(sumMeter, overageEvent), named(sumMeter, "others"), named(sumMeter, meterEvent)),
		"GET /v1/prices":         page1(named(unitPrice, meterEvent), named(unitPrice, overageEvent)),
		"GET /v1/products":       page1(`{"id":"prod_new","metadata":{"scrip_pack":"big"}}`, `{"id":"prod_old","metadata":{"scrip_pack":"big"}}`),
		"POST /v1/products":      `{"id":"prod_3"}`,
	}
}

const carrierLinks = "{connection meter mtr_scrip_credits} {connection price price_scrip_credits} " +
	"{connection overage_meter mtr_scrip_overage} {connection overage_price price_scrip_overage}"

func TestPrepareFinds(t *testing.T) {
	for name, c := range map[string]struct {
		currency core.Currency
		packs    []string
		create   bool
		want     string
		posts    int
	}{
		"everything":   {"usd", []string{"big"}, false, carrierLinks + " {big product prod_old}", 0},
		"and a pack":   {"usd", []string{"starter", "big"}, true, carrierLinks + " {starter product prod_3} {big product prod_old}", 1},
		"no packs":     {"usd", nil, true, carrierLinks, 0},
		"no carrying":  {"", []string{"big"}, false, "{big product prod_old}", 0},
		"nothing":      {"", nil, false, "", 0},
		"upper or not": {"usd", nil, false, carrierLinks, 0},
	} {
		a, f := at(t, script(prepared()))
		got, err := a.Prepare(t.Context(), adapters.Setup{Currency: c.currency, Packs: c.packs, Create: c.create})
		if want := "{[" + c.want + "]  0}"; err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v, %v, want %s", name, got, err, want)
		}
		posts := 0
		for _, r := range f.requests() {
			if r.method == http.MethodPost {
				posts++
			}
		}
		if posts != c.posts {
			t.Errorf("%s: %d writes, want %d", name, posts, c.posts)
		}
	}
}

func TestPrepareMakes(t *testing.T) {
	a, f := at(t, func(w http.ResponseWriter, r sent) {
		answers := map[string]string{
			"GET /v1/billing/meters": page1(), "GET /v1/prices": page1(), "GET /v1/products": page1(), "POST /v1/products": `{"id":"scrip_credits"}`,
			"POST /v1/billing/meters": named(sumMeter, r.form.Get("event_name")), "POST /v1/prices": named(unitPrice, r.form.Get("lookup_key")),
		}
		script(answers)(w, r)
	})
	got, err := a.Prepare(t.Context(), adapters.Setup{Currency: "usd", Create: true})
	if want := "{[" + carrierLinks + "]  0}"; err != nil || fmt.Sprint(got) != want {
		t.Fatalf("%v, %v, want %s", got, err, want)
	}
	keys := map[string]bool{}
	for _, r := range f.requests() {
		if r.method != http.MethodPost {
			continue
		}
		key := r.header.Get("Idempotency-Key")
		if r.path == "/v1/prices" {
			name := r.form.Get("lookup_key")
			r.has(t, map[string]string{"product": "scrip_credits", "currency": "usd", "unit_amount": "1", "lookup_key": name, "nickname": name,
				"recurring[interval]": "month", "recurring[interval_count]": "1", "recurring[usage_type]": "metered", "recurring[meter]": "mtr_" + name})
		}
		if r.path == "/v1/products" {
			r.has(t, map[string]string{"id": "scrip_credits", "name": "scrip_credits"})
			key = r.path // both prices ask for it; the key makes one of them
		}
		keys[key] = true
	}
	if len(keys) != 5 { // two meters, two prices, the product
		t.Errorf("the keys of the writes are %v", keys)
	}
}

func TestPrepareMissing(t *testing.T) {
	a, f := at(t, script(map[string]string{
		"GET /v1/billing/meters": page1(), "GET /v1/prices": page1(), "GET /v1/products": page1(`{"id":"prod_2","metadata":{"scrip_pack":"big"}}`)}))
	_, err := a.Prepare(t.Context(), adapters.Setup{Currency: "usd", Packs: []string{"starter", "big"}})
	const want = "meter scrip_credits, price scrip_credits, meter scrip_overage, price scrip_overage, product scrip_pack_starter;"
	if e := adapters.AsError(err); e.Code != adapters.CodeInvalid || !strings.Contains(e.Message, want) {
		t.Errorf("got %v, want the list %s", err, want)
	}
	for _, r := range f.requests() {
		if r.method != http.MethodGet {
			t.Errorf("%s %s without leave", r.method, r.path)
		}
	}
}

// What has our name and is something else would bill wrongly: it is refused,
// never used, changed or doubled.
func TestPrepareRefuses(t *testing.T) {
	swap := func(in, old, new string) string {
		if !strings.Contains(in, old) {
			t.Fatalf("%s is not in %s", old, in)
		}
		return strings.ReplaceAll(in, old, new)
	}
	for name, c := range map[string]struct{ of, old, new string }{
		"a meter that does not sum":  {"GET /v1/billing/meters", `"sum"`, `"last"`},
		"a meter of another key":     {"GET /v1/billing/meters", `"value"}`, `"amount"}`},
		"archived prices":            {"GET /v1/prices", `"active":true`, `"active":false`},
		"prices in euro":             {"GET /v1/prices", `"usd"`, `"eur"`},
		"prices of two units":        {"GET /v1/prices", `"unit_amount":1`, `"unit_amount":2`},
		"prices of parts of a unit":  {"GET /v1/prices", `"unit_amount":1`, `"unit_amount":null`},
		"prices of a year":           {"GET /v1/prices", `"month"`, `"year"`},
		"prices of a quarter":        {"GET /v1/prices", `"interval_count":1`, `"interval_count":3`},
		"licensed prices":            {"GET /v1/prices", `"metered"`, `"licensed"`},
		"one-time prices":            {"GET /v1/prices", `"recurring":{`, `"recurring":null,"x":{`},
		"a price of another meter":   {"GET /v1/prices", `"mtr_scrip_credits"`, `"mtr_scrip_overage"`},
		"overage on the same meter":  {"GET /v1/prices", `"mtr_scrip_overage"`, `"mtr_scrip_credits"`},
		"prices of meters since off": {"GET /v1/prices", `"meter":"mtr_`, `"meter":"mtr_old_`},
	} {
		answers := prepared()
		answers[c.of] = swap(answers[c.of], c.old, c.new)
		for _, create := range []bool{false, true} {
			a, f := at(t, script(answers))
			if got, err := a.Prepare(t.Context(), adapters.Setup{Currency: "usd", Create: create}); adapters.AsError(err).Code != adapters.CodeInvalid {
				t.Errorf("%s: %v, %v", name, got, err)
			}
			for _, r := range f.requests() {
				if r.method != http.MethodGet {
					t.Errorf("%s: %s %s", name, r.method, r.path)
				}
			}
		}
	}
	a, _ := at(t, script(prepared()))
	if _, err := a.Prepare(t.Context(), adapters.Setup{Currency: "isk"}); adapters.AsError(err).Code != adapters.CodeNotSupported {
		t.Errorf("a currency of another scale: %v", err)
	}
}

func TestCarrierProduct(t *testing.T) {
	const path = "GET /v1/products/scrip_credits"
	for name, c := range map[string]struct {
		answers map[string]string
		want    adapters.Code
	}{
		"there":         {map[string]string{path: `{"id":"scrip_credits","active":true}`}, ""},
		"not there":     {map[string]string{"POST /v1/products": `{"id":"scrip_credits"}`}, ""},
		"archived":      {map[string]string{path: `{"id":"scrip_credits","active":false}`}, adapters.CodeInvalid},
		"deleted":       {map[string]string{path: `{"id":"scrip_credits","deleted":true}`}, adapters.CodeInvalid},
		"another made":  {map[string]string{"POST /v1/products": `{"id":"prod_1"}`}, adapters.CodeUnknown},
		"refused":       {map[string]string{"POST /v1/products": `{"error":{"type":"invalid_request_error"}}`}, adapters.CodeInvalid},
		"read unusable": {map[string]string{path: `{"id":1}`}, adapters.CodeBadAnswer},
	} {
		a, _ := at(t, script(c.answers))
		if got, err := a.carrierProduct(t.Context()); c.want == "" && (err != nil || got != "scrip_credits") || c.want != "" && adapters.AsError(err).Code != c.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// The objects are found however far down the lists they are.
func TestPrepareAcrossPages(t *testing.T) {
	a, f := at(t, func(w http.ResponseWriter, r sent) {
		item, last := `{"id":"x_1","event_name":"x"}`, r.form.Get("starting_after") == "x_1"
		switch {
		case !last:
		case strings.HasSuffix(r.path, "meters"):
			item = named(sumMeter, meterEvent) + "," + named(sumMeter, overageEvent)
		default:
			item = named(unitPrice, overageEvent) + "," + named(unitPrice, meterEvent)
		}
		fmt.Fprintf(w, `{"object":"list","has_more":%t,"data":[%s]}`, !last, item)
	})
	got, err := a.Prepare(t.Context(), adapters.Setup{Currency: "usd"})
	if want := "{[" + carrierLinks + "]  0}"; err != nil || fmt.Sprint(got) != want || len(f.requests()) != 4 {
		t.Errorf("%v, %v after %d reads", got, err, len(f.requests()))
	}
	a, _ = at(t, func(w http.ResponseWriter, r sent) {
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, `{"error":{}}`)
	})
	if _, err := a.Prepare(t.Context(), adapters.Setup{Currency: "usd", Create: true}); adapters.AsError(err).Code != adapters.CodeForbidden {
		t.Errorf("a list that may not be read: %v", err)
	}
}
