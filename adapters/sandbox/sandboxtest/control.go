package sandboxtest

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"scrip/adapters/sandbox"
)

func accounts(t *testing.T, h Harness) {
	c := begin(t, h, sandbox.Options{})
	c.customer("a")
	c.as("key-two").customer("b")
	if c.count("a") != 1 || c.count("b") != 0 || c.as("key-two").count("b") != 1 {
		t.Error("two keys see each other's customers")
	}
	basic, err := http.NewRequest("GET", c.url+"/_sandbox/state", nil)
	if err != nil {
		t.Fatal(err)
	}
	basic.SetBasicAuth("key-two", "")
	resp, err := http.DefaultClient.Do(basic)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var s sandbox.State
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil || len(s.Customers) != 1 || s.Customers[0].ExternalID != "b" {
		t.Errorf("Basic authorization does not select the account: %+v %v", s, err)
	}
	c.control("POST", "clock", `{"now":"2099-01-01T00:00:00Z"}`, nil)
	if now := c.as("key-two").state().Now; strings.HasPrefix(now, "2099") {
		t.Error("the clock of one account moved the other's")
	}
}

func keyless(t *testing.T, h Harness) {
	c := begin(t, h, sandbox.Options{})
	none := c.as("")
	if status, body, err := none.call(h.Customer("x")); err != nil || status != http.StatusUnauthorized {
		t.Errorf("a call without a key: %d %s %v, want 401", status, body, err)
	}
	none.refused(400, "GET", "state", "", "Authorization")
	c.customer("a")
	if none.count("a") != 1 {
		t.Error("without a header the only account is not chosen")
	}
	c.as("key-two").customer("b")
	none.refused(400, "GET", "state", "", "Authorization")
}

func strict(t *testing.T, h Harness) {
	c := begin(t, h, sandbox.Options{})
	for _, tc := range []struct{ name, body, why string }{
		{"clock", `{"advance":"1h","wrong":1}`, "wrong"},
		{"clock", `{}`, "exactly one"},
		{"clock", `{"advance":"1h","now":"2099-01-01T00:00:00Z"}`, "exactly one"},
		{"clock", `{"advance":"one hour"}`, "one hour"},
		{"clock", `{"now":"tomorrow"}`, "tomorrow"},
		{"clock", `{"advance":"1h"} {}`, "after"},
		{"clock", ``, "empty"},
		{"faults", `{"faults":[{"kind":"fire"}]}`, "fire"},
		{"faults", `{"faults":[{"kind":"slow","delay":"soon"}]}`, "soon"},
		{"faults", `{"faults":[{"kind":"status","status":200}]}`, "200"},
		{"faults", `{"faults":[{"kind":"slow","probability":"2"}]}`, "between 0 and 1"},
		{"faults", `{"faults":[{"kind":"slow","count":0}]}`, "positive"},
		{"faults", `{"faults":[{"kind":"slow","typo":1}]}`, "typo"},
		{"faults", `{"webhooks":[{"kind":"explode"}]}`, "explode"},
		{"webhooks", `{"url":"ftp://x"}`, "ftp://x"},
		{"webhooks", `{"url":"http://127.0.0.1:1/","typo":"x"}`, "typo"},
		{"pay", `{"object":"x","outcome":"lunch"}`, "lunch"},
		{"mutate", `{"object":"customer","id":"x","op":"eat"}`, "eat"},
		{"variant", `{"name":"x","typo":true}`, "typo"},
	} {
		c.refused(400, "POST", tc.name, tc.body, tc.why)
	}
	c.refused(404, "POST", "pay", `{"object":"in_nothing","outcome":"paid"}`, "in_nothing")
	c.refused(404, "POST", "mutate", `{"object":"customer","id":"nobody","op":"set","fields":{}}`, "nobody")
	c.refused(404, "GET", "nothing", "", "nothing")
	if s := c.state(); s.Customers == nil || s.Calls == nil || s.Now == "" {
		t.Errorf("an empty state leaves keys out: %+v", s)
	}
}

func clock(t *testing.T, h Harness) {
	c := begin(t, h, sandbox.Options{})
	var was, is struct{ Now time.Time }
	c.control("GET", "clock", "", &was)
	if gap := time.Since(was.Now); gap < -time.Minute || gap > time.Minute {
		t.Errorf("a fresh account's clock says %s", was.Now)
	}
	c.control("POST", "clock", `{"now":"2099-01-01T00:00:00Z"}`, nil)
	c.control("POST", "clock", `{"advance":"36h"}`, &is)
	if want := time.Date(2099, 1, 2, 12, 0, 0, 0, time.UTC); !is.Now.Equal(want) {
		t.Errorf("the clock says %s, want %s", is.Now, want)
	}
	c.control("GET", "clock", "", &was)
	if !was.Now.Equal(is.Now) {
		t.Errorf("a clock that was set goes on: %s after %s", was.Now, is.Now)
	}
	c.refused(400, "POST", "clock", `{"now":"2099-01-01T00:00:00Z"}`, "forward")
	c.refused(400, "POST", "clock", `{"advance":"-1h"}`, "-1h")
}

func variants(t *testing.T, h Harness) {
	c := begin(t, h, sandbox.Options{})
	var list struct {
		Variants []struct {
			Name, Doc string
			On        bool
		}
	}
	state := func() (on, all int) {
		c.control("GET", "variant", "", &list)
		for _, v := range list.Variants {
			if v.On {
				on++
			}
			if v.Doc == "" {
				t.Errorf("variant %q is not explained", v.Name)
			}
		}
		return on, len(list.Variants)
	}
	if on, all := state(); on != 0 || all == 0 {
		t.Errorf("%d of %d variants are on at the start", on, all)
	}
	c.control("POST", "variant", `{"name":"`+h.Variant+`","on":true}`, nil)
	if on, _ := state(); on != 1 {
		t.Errorf("%d variants are on, want 1", on)
	}
	c.control("POST", "variant", `{"name":"`+h.Variant+`","on":false}`, nil)
	if on, _ := state(); on != 0 {
		t.Errorf("%d variants are on, want 0", on)
	}
	c.refused(404, "POST", "variant", `{"name":"no_such_variant","on":true}`, h.Variant)
}

func reset(t *testing.T, h Harness) {
	c := begin(t, h, sandbox.Options{})
	c.customer("a")
	c.as("key-two").customer("a")
	c.control("POST", "clock", `{"advance":"1h"}`, nil)
	c.faults(`{"faults":[{"kind":"status","status":500}]}`)
	c.control("POST", "variant", `{"name":"`+h.Variant+`","on":true}`, nil)
	c.control("POST", "reset", "", nil)
	c.customer("b") // no fault is left
	if c.count("a") != 0 || c.count("b") != 1 || c.as("key-two").count("a") != 1 {
		t.Error("reset did not empty this account and only this")
	}
}

func units(t *testing.T, h Harness) {
	c := begin(t, h, sandbox.Options{})
	if h.HasUnits {
		c.refused(400, "POST", "units", `{"wrong":1}`, "wrong")
		return
	}
	c.refused(422, "POST", "units", `{}`, "not_supported")
}

func calls(t *testing.T, h Harness) {
	c := begin(t, h, sandbox.Options{})
	c.customer("a")
	c.faults(`{"faults":[{"kind":"status","status":500}]}`)
	c.call(h.Customer("b")) //nolint:errcheck // it fails on purpose and counts
	total := 0
	for _, n := range c.state().Calls {
		total += n
	}
	if total != 2 {
		t.Errorf("%d calls are counted, want 2: %v", total, c.state().Calls)
	}
}
