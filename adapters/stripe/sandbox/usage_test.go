package sandbox_test

import (
	"strings"
	"testing"
	"time"

	"scrip/adapters/sandbox/sandboxtest"
)

func (c *client) meter(name string, more ...string) string {
	c.T.Helper()
	return c.post("/v1/billing/meters", append([]string{"display_name", name, "event_name", name, "default_aggregation[formula]", "sum"}, more...)...).ID()
}

func (c *client) meteredPrice(meter, unit string) string {
	c.T.Helper()
	return c.post("/v1/prices", "currency", "usd", "unit_amount_decimal", unit, "product_data[name]", "Credits", "recurring[interval]", "month",
		"recurring[usage_type]", "metered", "recurring[meter]", meter).ID()
}

// use reports usage.
func (c *client) use(event, cus, value, identifier string, more ...string) {
	c.T.Helper()
	c.post("/v1/billing/meter_events", append([]string{"event_name", event, "identifier", identifier, "payload[stripe_customer_id]", cus, "payload[value]", value}, more...)...)
}

// used reads the sum of a span around the present back.
func (c *client) used(meter, cus string) string {
	c.T.Helper()
	r := c.Get("/v1/billing/meters/" + meter + "/event_summaries?customer=" + cus + "&start_time=" + unix(-50*24*hour) + "&end_time=" + unix(50*24*hour))
	return r.Text("data.0.aggregated_value")
}

func TestUsageIsJudgedLater(t *testing.T) {
	for name, tc := range map[string]struct{ event, cus, value, at, code string }{
		"counted":          {"credits", "", "5", "", ""},
		"fraction":         {"credits", "", "0.25", "", ""},
		"oldest":           {"credits", "", "5", unix(-35 * 24 * hour), ""},
		"newest":           {"credits", "", "5", unix(5 * time.Minute), ""},
		"too old":          {"credits", "", "5", unix(-35*24*hour - time.Second), "timestamp_too_far_in_past"},
		"too new":          {"credits", "", "5", unix(5*time.Minute + time.Second), "timestamp_in_future"},
		"no meter":         {"other", "", "5", "", "no_meter"},
		"archived meter":   {"old", "", "5", "", "archived_meter"},
		"unknown customer": {"credits", "cus_none", "5", "", "meter_event_customer_not_found"},
		"no number":        {"credits", "", "five", "", "meter_event_invalid_value"},
		"exponent":         {"credits", "", "1e5", "", "meter_event_invalid_value"},
		"too many digits":  {"credits", "", "12345678901234567", "", "meter_event_value_too_many_digits"},
	} {
		t.Run(name, func(t *testing.T) {
			c := frozen(t)
			hook := sandboxtest.Receive(t, nil)
			c.Control("webhooks", `{"url":"`+hook.URL+`","secret":"s"}`)
			m := c.meter("credits")
			c.post("/v1/billing/meters/" + c.meter("old") + "/deactivate")
			cus := c.customer("a")
			target, more := tc.cus, []string{}
			if target == "" {
				target = cus
			}
			if tc.at != "" {
				more = append(more, "timestamp", tc.at)
			}
			c.use(tc.event, target, tc.value, "e1", more...) // answered 200 whatever it is
			want := tc.value
			if tc.code != "" {
				want = ""
			}
			if got := c.used(m, cus); got != want {
				t.Errorf("the summary says %s, want %s", got, want)
			}
			c.Control("deliver", "")
			var report string
			for _, d := range hook.All() {
				if strings.HasPrefix(d.Text("type"), "v1.billing.meter.") {
					report = string(d.Raw)
				}
			}
			if (report != "") != (tc.code != "") || !strings.Contains(report, tc.code) {
				t.Errorf("the error report is %q, want code %q", report, tc.code)
			}
		})
	}
}

func TestUsageShape(t *testing.T) {
	c := frozen(t)
	for _, tc := range []struct{ body, code, param string }{
		{"payload[value]=1", "parameter_missing", "event_name"},
		{"event_name=x", "parameter_missing", "payload"},
		{"event_name=x&payload[value]=1&timestamp=soon", "parameter_invalid_integer", "timestamp"},
		{"event_name=x&payload[value]=1&identifier=" + strings.Repeat("i", 101), "parameter_invalid_string", "identifier"},
		{"event_name=x&payload[value]=1&value=1", "parameter_unknown", "value"},
	} {
		c.refuse(400, tc.code, tc.param, "POST", "/v1/billing/meter_events", tc.body)
	}
	c.Want(400, "POST", "/v1/billing/meter_events", `{"event_name":"x"}`, "Content-Type", "application/json")
}

func TestUsageIdentifier(t *testing.T) {
	c := frozen(t)
	m, cus := c.meter("credits"), c.customer("a")
	c.use("credits", cus, "5", "same")
	c.use("credits", cus, "5", "same")
	c.use("credits", cus, "7", "other")
	if got := c.used(m, cus); got != "12" {
		t.Errorf("usage is %s, want 12: an identifier counts once", got)
	}
	c.Control("variant", `{"name":"meter_duplicate_error","on":true}`)
	c.Want(400, "POST", "/v1/billing/meter_events", form("event_name", "credits", "identifier", "same", "payload[stripe_customer_id]", cus, "payload[value]", "5"))
	c.Control("clock", `{"advance":"24h"}`)
	c.use("credits", cus, "5", "same")
	if got := c.used(m, cus); got != "17" {
		t.Errorf("usage is %s, want 17: after 24 hours an identifier is free", got)
	}
	c.Equal(c.Get("/_sandbox/state"), "customers.0.consumed", "17")
	c.Equal(c.Get("/_sandbox/state"), "customers.0.meters.credits", "17")
}

func TestUsageCancelled(t *testing.T) {
	c := frozen(t)
	m, cus := c.meter("credits"), c.customer("a")
	c.use("credits", cus, "5", "e1")
	c.use("credits", cus, "7", "e2")
	cancel := func(id string) string {
		return form("type", "cancel", "event_name", "credits", "cancel[identifier]", id)
	}
	c.Want(200, "POST", "/v1/billing/meter_event_adjustments", cancel("e1"))
	if got := c.used(m, cus); got != "7" {
		t.Errorf("usage is %s, want 7", got)
	}
	c.Want(400, "POST", "/v1/billing/meter_event_adjustments", cancel("none"))
	c.Control("clock", `{"advance":"24h"}`)
	c.Want(400, "POST", "/v1/billing/meter_event_adjustments", cancel("e2"))
}

func TestSummaries(t *testing.T) {
	c := frozen(t)
	m, cus := c.meter("credits"), c.customer("a")
	last, count := c.meter("seats", "default_aggregation[formula]", "last"), c.meter("calls", "default_aggregation[formula]", "count")
	for i, at := range []time.Duration{-3 * hour, -2 * hour, -time.Minute, 0} {
		for _, name := range []string{"credits", "seats", "calls"} {
			c.use(name, cus, []string{"1", "20", "300", "4000"}[i], name+num(int64(i)), "timestamp", unix(at))
		}
	}
	span := func(meter, from, to, more string) sandboxtest.Answer {
		return c.Get("/v1/billing/meters/" + meter + "/event_summaries?customer=" + cus + "&start_time=" + from + "&end_time=" + to + more)
	}
	c.Equal(span(m, unix(-3*hour), unix(0), ""), "data.0.aggregated_value", "321") // the end is not part of it
	c.Equal(span(m, unix(-2*hour), unix(hour), ""), "data.0.aggregated_value", "4320")
	c.Equal(span(last, unix(-3*hour), unix(hour), ""), "data.0.aggregated_value", "4000")
	c.Equal(span(count, unix(-3*hour), unix(hour), ""), "data.0.aggregated_value", "4")
	c.Equal(span(m, unix(5*hour), unix(6*hour), ""), "data", "[]")
	hours := span(m, unix(-3*hour), unix(hour), "&value_grouping_window=hour")
	for path, want := range map[string]string{
		"data.0.aggregated_value": "4000", "data.1.aggregated_value": "300", "data.2.aggregated_value": "20", "data.3.aggregated_value": "1",
		"data.0.start_time": unix(0), "data.0.end_time": unix(hour),
	} {
		c.Equal(hours, path, want)
	}
	for _, query := range []string{
		"start_time=" + unix(time.Second) + "&end_time=" + unix(hour), "start_time=" + unix(0) + "&end_time=" + unix(time.Second),
		"start_time=" + unix(hour) + "&end_time=" + unix(0), "start_time=" + unix(0),
		"start_time=" + unix(time.Minute) + "&end_time=" + unix(hour) + "&value_grouping_window=hour",
	} {
		c.Want(400, "GET", "/v1/billing/meters/"+m+"/event_summaries?customer="+cus+"&"+query, "")
	}
	c.Control("variant", `{"name":"summary_lag","on":true}`)
	c.use("credits", cus, "1", "late")
	c.Equal(span(m, unix(-3*hour), unix(hour), ""), "data.0.aggregated_value", "4321")
	c.Equal(span(m, unix(-3*hour), unix(hour), ""), "data.0.aggregated_value", "4322")
}

func TestMeters(t *testing.T) {
	c := frozen(t)
	m := c.meter("credits")
	c.Want(400, "POST", "/v1/billing/meters", form("display_name", "x", "event_name", "credits", "default_aggregation[formula]", "sum"))
	c.refuse(400, "parameter_unknown", "event_name", "POST", "/v1/billing/meters/"+m, "event_name=other")
	c.Equal(c.post("/v1/billing/meters/"+m+"/deactivate"), "status", "inactive")
	c.Equal(c.Get("/v1/billing/meters?status=active"), "data", "[]")
	c.Want(400, "POST", "/v1/billing/meters/"+m+"/deactivate", "")
	c.Equal(c.post("/v1/billing/meters/"+m+"/reactivate"), "status", "active")
}
