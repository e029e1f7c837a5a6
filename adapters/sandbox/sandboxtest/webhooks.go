package sandboxtest

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"scrip/adapters/sandbox"
)

func signed(t *testing.T, h Harness) {
	c := begin(t, h, sandbox.Options{})
	in := c.receiver(fine)
	c.control("POST", "clock", `{"now":"2099-01-01T00:00:00Z"}`, nil) // signatures keep to the wall clock
	for _, mark := range []string{"a", "b", "c"} {
		c.trigger(mark)
	}
	s := c.settled()
	if got := in.got(); len(got) != 3 || len(slices.Compact(slices.Sorted(slices.Values(got)))) != 3 {
		t.Errorf("three events arrived as %v", got)
	}
	if in.bad != nil {
		t.Errorf("deliveries are not authentic: %v", in.bad)
	}
	for _, d := range s.Deliveries {
		if d.State != "delivered" || len(d.Attempts) != 1 || d.Attempts[0].Status != 200 || d.URL != in.url {
			t.Errorf("delivery is told as %+v", d)
		}
	}
}

// retried lets the first delivery fail; the sender comes again by itself. A
// vendor that waits longer than a test does has the wall clock put forward, and
// the next event wakes the sender.
func retried(t *testing.T, h Harness) {
	var ahead atomic.Int64
	c := begin(t, h, sandbox.Options{Wall: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	in := c.receiver(func(n int) int {
		if n == 1 {
			return http.StatusServiceUnavailable
		}
		return http.StatusNoContent
	})
	c.trigger("a")
	if h.FirstRetry > 0 {
		for end := time.Now().Add(patience); len(c.sent().Deliveries[0].Attempts) == 0 && time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		}
		ahead.Store(int64(h.FirstRetry))
		c.trigger("b")
	}
	c.settled()
	if got := in.got(); len(got) < 2 || got[0] != got[1] {
		t.Errorf("a failed delivery was followed by %v, want the same event once more", got)
	}
}

func deliver(t *testing.T, h Harness) {
	down := true
	c := begin(t, h, sandbox.Options{Wall: frozenWall()})
	in := c.receiver(func(int) int {
		if down {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	c.trigger("a")
	if got := c.deliver(); got.Delivered != 0 || got.Failed == 0 {
		t.Errorf("deliver to a broken receiver: %+v", got)
	}
	in.mu.Lock()
	down = false
	in.mu.Unlock()
	if got := c.deliver(); got.Failed != 0 || got.Delivered == 0 {
		t.Errorf("deliver to a mended receiver: %+v", got)
	}
	if s := c.sent(); s.Waiting != 0 {
		t.Errorf("%d deliveries wait", s.Waiting)
	}
	if got := c.deliver(); got != (tally{}) {
		t.Errorf("deliver with nothing to do: %+v", got)
	}
}

// frozenWall is a wall clock that stands still, so that no retry comes due.
func frozenWall() func() time.Time {
	now := time.Now()
	return func() time.Time { return now }
}

func duplicate(t *testing.T, h Harness) {
	c := begin(t, h, sandbox.Options{})
	in := c.receiver(fine)
	c.faults(`{"webhooks":[{"kind":"duplicate","type":"%s","count":3}]}`, h.Event)
	c.trigger("a")
	c.trigger("b")
	c.settled()
	got := in.got()
	if len(got) != 4 || got[0] != got[1] || got[1] != got[2] || got[2] == got[3] {
		t.Errorf("an event to be delivered three times, then another: %v", got)
	}
}

func reorder(t *testing.T, h Harness) {
	c := begin(t, h, sandbox.Options{})
	in := c.receiver(fine)
	c.faults(`{"webhooks":[{"kind":"reorder","type":"%s"}]}`, h.Event)
	c.trigger("a")
	c.trigger("b")
	s := c.settled()
	var made []string
	for _, d := range s.Deliveries {
		made = append(made, d.Event)
	}
	slices.Reverse(made)
	if got := in.got(); len(got) != 2 || !slices.Equal(got, made) {
		t.Errorf("two events to arrive the other way round, as %v, arrived as %v", made, got)
	}
}

func delay(t *testing.T, h Harness) {
	c := begin(t, h, sandbox.Options{})
	in := c.receiver(fine)
	c.faults(`{"webhooks":[{"kind":"delay","type":"%s","delay":"1h"}]}`, h.Event)
	c.trigger("a")
	c.trigger("b")
	for end := time.Now().Add(patience); len(in.got()) == 0 && time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
	}
	if s := c.sent(); len(in.got()) != 1 || s.Waiting == 0 {
		t.Errorf("one event delayed, one not: %v, %d waiting", in.got(), s.Waiting)
	}
	c.deliver()
	if got := in.got(); len(got) != 2 {
		t.Errorf("deliver does not send what was delayed: %v", got)
	}
}

func lose(t *testing.T, h Harness) {
	c := begin(t, h, sandbox.Options{})
	in := c.receiver(fine)
	c.faults(`{"webhooks":[{"kind":"lose","type":"%s","count":2}]}`, h.Event)
	for _, mark := range []string{"a", "b", "c"} {
		c.trigger(mark)
	}
	c.settled()
	c.deliver()
	if got := in.got(); len(got) != 1 {
		t.Errorf("of three events two are lost, but %v arrived", got)
	}
}

func unreachable(t *testing.T, h Harness) {
	c := begin(t, h, sandbox.Options{Wall: frozenWall()})
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	c.control("POST", "webhooks", h.Webhook(dead.URL), nil)
	c.trigger("a")
	if got := c.deliver(); got.Failed == 0 || got.Delivered != 0 {
		t.Errorf("deliver to nobody: %+v", got)
	}
	last := c.sent().Deliveries[0]
	if n := len(last.Attempts); n == 0 || last.Attempts[n-1].Error == "" || last.Attempts[n-1].Status != 0 || last.State != "waiting" {
		t.Errorf("a failed attempt is told as %+v", last)
	}
}

func snapshot(t *testing.T, h Harness) {
	c := begin(t, h, sandbox.Options{Wall: frozenWall()})
	in := c.receiver(fine)
	c.control("POST", "clock", `{"advance":"240h"}`, nil)
	c.faults(`{"faults":[{"match":{"path":"/never"},"kind":"reset"}],"webhooks":[{"kind":"delay","type":"%s","delay":"1h"}]}`, h.Event)
	c.trigger("a")
	c.customer("b")
	c.control("POST", "variant", `{"name":"`+h.Variant+`","on":true}`, nil)
	if h.Idempotency != "" {
		if status, body, err := c.call(h.Customer("once"), h.Idempotency, "k1"); err != nil || status/100 != 2 {
			t.Fatalf("%d %s %v", status, body, err)
		}
	}
	data, err := c.server.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), c.key) {
		t.Error("the snapshot holds an API key")
	}
	var was, is string
	was = c.raw("GET", "state")
	second := begin(t, h, sandbox.Options{Wall: frozenWall()})
	second.customer("gone")
	if err := second.server.Restore(data); err != nil {
		t.Fatal(err)
	}
	if is = second.raw("GET", "state"); is != was {
		t.Errorf("state differs after restoring:\n%s\n%s", was, is)
	}
	if a, b := c.raw("GET", "variant"), second.raw("GET", "variant"); a != b {
		t.Errorf("variants differ after restoring:\n%s\n%s", a, b)
	}
	if h.Idempotency != "" {
		second.call(h.Customer("once"), h.Idempotency, "k1") //nolint:errcheck // counted below
		if n := second.count("once"); n != 1 {
			t.Errorf("a stored answer was forgotten: %d customers", n)
		}
	}
	before := len(in.got())
	second.deliver()
	if got := in.got(); len(got) <= before {
		t.Errorf("what waited was not sent after restoring: %v", got)
	}
}

func (c *client) raw(method, name string) string {
	c.t.Helper()
	status, body := c.tryControl(method, name, "")
	if status != http.StatusOK {
		c.t.Fatalf("%s %s: %d %s", method, name, status, body)
	}
	return body
}

func snapshotRefused(t *testing.T, h Harness) {
	c := begin(t, h, sandbox.Options{})
	c.customer("a")
	for _, data := range []string{"", "{", `{"version":1,"vendor":"another"}`, `{"version":99}`} {
		if err := c.server.Restore([]byte(data)); err == nil {
			t.Errorf("a snapshot %q was taken", data)
		}
	}
	if c.count("a") != 1 {
		t.Error("a refused snapshot changed the state")
	}
}
