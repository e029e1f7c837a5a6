package sandboxtest

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"scrip/adapters/sandbox"
)

// under makes a customer while a fault waits, and says what came back and how
// many customers there are afterwards.
func under(t *testing.T, h Harness, fault string) (c boxed, status int, body string, made int, err error) {
	t.Helper()
	c = begin(t, h, sandbox.Options{})
	c.customer("before")
	c.faults(`{"faults":[%s]}`, fault)
	status, body, err = c.call(h.Customer("a"))
	return c, status, body, c.count("a"), err
}

func faultStatus(t *testing.T, h Harness) {
	c, status, _, made, err := under(t, h, `{"kind":"status","status":503}`)
	if err != nil || status != 503 || made != 0 {
		t.Errorf("status fault: %d %v, %d customers; want 503 and none", status, err, made)
	}
	c.customer("a")
	if c.count("a") != 1 {
		t.Error("the fault came twice")
	}
}

func faultStatusAfter(t *testing.T, h Harness) {
	c, status, _, made, err := under(t, h, `{"kind":"status_after","status":500}`)
	if err != nil || status != 500 || made != 1 {
		t.Errorf("status_after fault: %d %v, %d customers; want 500 and one", status, err, made)
	}
	if h.Idempotency == "" {
		return
	}
	c.faults(`{"faults":[{"kind":"status_after","status":500}]}`)
	if status, _, err := c.call(h.Customer("b"), h.Idempotency, "k1"); err != nil || status != 500 {
		t.Errorf("status_after fault: %d %v", status, err)
	}
	status, _, err = c.call(h.Customer("b"), h.Idempotency, "k1")
	if err != nil || (status == 500) != h.KeepsFailures || (status/100 == 2) == h.KeepsFailures || c.count("b") != 1 {
		t.Errorf("repeating a request whose answer was lost: %d %v, %d customers; want one, and its answer unless failures are kept", status, err, c.count("b"))
	}
}

func faultTimeoutAfter(t *testing.T, h Harness) {
	_, status, body, made, err := under(t, h, `{"kind":"timeout_after","delay":"30ms"}`)
	if err == nil || made != 1 {
		t.Errorf("timeout_after fault: %d %s, %d customers; want no answer and one", status, body, made)
	}
}

func faultReset(t *testing.T, h Harness) {
	_, status, body, made, err := under(t, h, `{"kind":"reset"}`)
	if err == nil || made != 0 {
		t.Errorf("reset fault: %d %s, %d customers; want no answer and none", status, body, made)
	}
}

func faultSlow(t *testing.T, h Harness) {
	began := time.Now()
	_, status, _, made, err := under(t, h, `{"kind":"slow","delay":"60ms"}`)
	if err != nil || status/100 != 2 || made != 1 || time.Since(began) < 60*time.Millisecond {
		t.Errorf("slow fault: %d %v, %d customers after %s; want success and one, not at once", status, err, made, time.Since(began))
	}
}

func faultMalformed(t *testing.T, h Harness) {
	for _, fault := range []string{`{"kind":"malformed"}`, `{"kind":"malformed","html":true}`} {
		_, status, body, made, err := under(t, h, fault)
		if err != nil || status != http.StatusOK || json.Valid([]byte(body)) || made != 1 {
			t.Errorf("%s: %d %q %v, %d customers; want 200 with no JSON, and one", fault, status, body, err, made)
		}
	}
}

func faultMatch(t *testing.T, h Harness) {
	r := h.Customer("a")
	parent, _, _ := strings.Cut(r.Path[1:], "/")
	for fault, hit := range map[string]bool{
		`{"kind":"status","match":{}}`: true,
		`{"kind":"status","match":{"method":"` + r.Method + `","path":"` + r.Path + `"}}`: true,
		`{"kind":"status","match":{"path":"/` + parent + `"}}`:                            true,
		`{"kind":"status","match":{"path":"/` + parent + `/*"}}`:                          true,
		`{"kind":"status","match":{"path":"` + r.Path + `$"}}`:                            true,
		`{"kind":"status","match":{"path":"/` + parent + `$"}}`:                           false,
		`{"kind":"status","match":{"method":"DELETE","path":"` + r.Path + `"}}`:           false,
		`{"kind":"status","match":{"path":"` + r.Path + `x"}}`:                            false,
		`{"kind":"status","match":{"path":"/` + parent[:1] + `"}}`:                        len(parent) == 1,
	} {
		c := begin(t, h, sandbox.Options{})
		c.faults(`{"faults":[%s]}`, fault)
		status, _, err := c.call(r)
		if err != nil || (status == 500) != hit {
			t.Errorf("%s: status %d, %v; hit should be %v", fault, status, err, hit)
		}
	}
}

func faultCount(t *testing.T, h Harness) {
	c := begin(t, h, sandbox.Options{})
	c.faults(`{"faults":[{"kind":"status","status":429,"retry_after":"7","count":2},{"kind":"status","status":503}]}`)
	for i, want := range []int{429, 429, 503, 200} {
		status, _, err := c.call(h.Customer("a"))
		if err != nil || status != want && (want != 200 || status/100 != 2) {
			t.Errorf("call %d: %d %v, want %d", i, status, err, want)
		}
	}
}

func faultProbability(t *testing.T, h Harness) {
	pattern := func(seed string) string {
		c := begin(t, h, sandbox.Options{})
		c.faults(`{"faults":[{"kind":"status","status":500,"count":1000,"probability":"0.5"}],"seed":%s}`, seed)
		text := ""
		for range 24 {
			status, _, err := c.call(h.Customer("a"))
			if err != nil {
				t.Fatal(err)
			}
			text += string(rune('0' + status/100))
		}
		return text
	}
	one := pattern("1")
	if pattern("1") != one {
		t.Error("the same seed gives other faults")
	}
	if strings.Count(one, "5") == 0 || !strings.Contains(one, "2") || pattern("2") == one {
		t.Errorf("probability 0.5 gives %s", one)
	}
}

func faultsClear(t *testing.T, h Harness) {
	c := begin(t, h, sandbox.Options{})
	c.faults(`{"faults":[{"kind":"status","status":500,"count":9}],"webhooks":[{"kind":"lose"}]}`)
	c.control("DELETE", "faults", "", nil)
	c.customer("a")
	var left struct{ Faults, Webhooks []any }
	c.control("GET", "faults", "", &left)
	if len(left.Faults)+len(left.Webhooks) != 0 {
		t.Errorf("faults are left: %+v", left)
	}
}

// keyInUse sends a request while another with its key is held up.
func keyInUse(t *testing.T, h Harness) {
	c := begin(t, h, sandbox.Options{})
	c.faults(`{"faults":[{"kind":"slow","delay":"500ms"}]}`)
	first := make(chan int, 1)
	go func() {
		status, _, err := c.call(h.Customer("a"), h.Idempotency, "k1")
		if err != nil {
			status = 0
		}
		first <- status
	}()
	refused := false
	for end := time.Now().Add(patience); !refused && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if len(c.state().Calls) == 0 {
			continue
		}
		status, body, err := c.call(h.Customer("a"), h.Idempotency, "k1")
		if err != nil {
			t.Fatal(err)
		}
		refused = status == http.StatusConflict
		if status/100 == 2 {
			t.Fatalf("a second request with a key in use was answered %d %s", status, body)
		}
	}
	if got := <-first; got/100 != 2 || !refused || c.count("a") != 1 {
		t.Errorf("first %d, second refused %v, %d customers; want success, true, one", got, refused, c.count("a"))
	}
}
