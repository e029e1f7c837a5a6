package gateway

import (
	"testing"
	"time"

	"scrip/core"
)

const lateHour = core.Time(time.Hour / time.Microsecond)

// Usage that is told late is placed when it happened, and a balance has two
// questions: as of when, and as known when.
func TestLateDebit(t *testing.T) {
	w := newWorld(t)
	w.customer("ann", "")
	grant := func(key, amount string, from, to core.Time) string {
		return w.post("/v1/customers/ann/grants", key, `{"amount":"`+amount+`","category":"allotment","effective_at":"`+from.String()+`","expires_at":"`+to.String()+`"}`).ok(200).text("id")
	}
	may := grant("may", "10", start, start+10*lateHour)
	grant("june", "20", start+10*lateHour, start+20*lateHour)
	pass := func(d time.Duration) core.Time {
		if err := w.clock.Set(w.clock.Now().Add(d)); err != nil {
			t.Fatal(err)
		}
		return w.clock.Now()
	}
	seen := pass(12 * time.Hour)
	pass(time.Hour)
	happened := start + 9*lateHour
	body := `{"customer":"ann","amount":"4","at":"` + happened.String() + `"}`
	d := w.post("/v1/debits", "late", body).ok(200).want("effective_at", happened.String(), "original_at", "", "balance", "20.00")
	if d.text("allocations", 0, "grant") != may {
		t.Errorf("it took %s", d.raw)
	}
	w.post("/v1/debits", "late", body).ok(200).want("effective_at", happened.String())
	w.post("/v1/debits", "late", `{"customer":"ann","amount":"4"}`).refused(422, "idempotency_conflict", "at")
	balance := func(query, available string) *reply {
		t.Helper()
		return w.call("GET", "/v1/customers/ann/balance?"+query, "").ok(200).want("available", available)
	}
	then := "at=" + happened.String()
	balance(then, "6.00").want("as_of", happened.String(), "known_at", "")
	balance(then+"&known_at="+seen.String(), "10.00").want("known_at", seen.String())
	balance("known_at="+seen.String(), "20.00").want("as_of", seen.String())
	balance("at="+(start+25*lateHour).String(), "0.00")
	balance("", "20.00")
	if b := balance(then, "6.00"); len(b.list("grants")) != 1 || b.text("grants", 0, "remaining") != "6.00" || b.text("grants", 0, "state") != "open" {
		t.Errorf("the grants then were %s", b.raw)
	}
	w.call("GET", "/v1/customers/ann/balance?known_at="+(w.clock.Now()+1).String(), "").refused(422, "invalid", "known_at")
	w.call("GET", "/v1/customers/ann/balance?at="+(start-lateHour).String(), "").ok(200).want("available", "0.00")

	w.post("/v1/debits/"+d.text("id")+"/reverse", "back", `{"amount":"1","at":"`+happened.String()+`"}`).ok(200).want("effective_at", happened.String(), "left", "3.00")
	balance(then, "7.00")
	w.post("/v1/debits/"+d.text("id")+"/reverse", "too-early", `{"at":"`+(happened-1).String()+`"}`).refused(422, "invalid", "at")

	b := w.call("POST", "/v1/debits/batch", `{"debits":[
		{"key":"b1","customer":"ann","amount":"7","at":"`+happened.String()+`"},
		{"key":"b2","customer":"ann","amount":"1","at":"`+happened.String()+`"},
		{"key":"b3","customer":"ann","amount":"1","at":"`+(start-40*24*lateHour).String()+`"},
		{"key":"b4","customer":"ann","amount":"1","at":"soon"}]}`).ok(200)
	for i, want := range []string{"", "insufficient_credits", "late_refused", "invalid"} {
		if got := b.text("data", i, "error", "code"); got != want {
			t.Errorf("item %d: %q, want %q: %s", i, got, want, b.raw)
		}
	}
	balance(then, "0.00")

	old := `{"customer":"ann","amount":"0","at":"` + (start - 40*24*lateHour).String() + `","accept_late":true}`
	w.call("POST", "/v1/debits", old, "Idempotency-Key", "old", "Authorization", "Bearer "+w.key("write")).refused(403, "forbidden", "")
	if a := w.post("/v1/debits", "old", old).ok(200); a.at("accepted_late") != true {
		t.Errorf("the answer is %s", a.raw)
	}
}

func TestPeriods(t *testing.T) {
	w := newWorld(t)
	w.customer("ann", "10")
	if err := w.clock.Set(start + 10*lateHour); err != nil {
		t.Fatal(err)
	}
	until := (start + 5*lateHour).String()
	w.call("GET", "/v1/periods", "").ok(200)
	w.call("POST", "/v1/periods", `{"until":"`+until+`"}`, "Authorization", "Bearer "+w.key("write")).refused(403, "forbidden", "")
	w.call("POST", "/v1/periods", `{"until":"`+(start+11*lateHour).String()+`"}`).refused(422, "invalid", "until")
	closed := (start + 10*lateHour).String()
	w.call("POST", "/v1/periods", `{"until":"`+until+`"}`).ok(200).want("until", until, "closed_at", closed)
	w.call("POST", "/v1/periods", `{"until":"`+until+`"}`).ok(200).want("until", until, "closed_at", closed)
	w.call("POST", "/v1/periods", `{"until":"`+start.String()+`"}`).refused(422, "period_closed", "until")
	w.post("/v1/debits", "late", `{"customer":"ann","amount":"1","at":"`+(start+lateHour).String()+`"}`).refused(422, "period_closed", "at")
	w.post("/v1/debits", "open", `{"customer":"ann","amount":"1","at":"`+until+`"}`).ok(200).want("effective_at", until)
	w.post("/v1/customers/ann/grants", "dated", `{"amount":"1","category":"paid","effective_at":"`+start.String()+`"}`).refused(422, "period_closed", "effective_at")
	w.call("POST", "/v1/periods", `{"until":"`+closed+`"}`).ok(200)
	first := w.call("GET", "/v1/periods?limit=1", "").ok(200)
	if first.text("data", 0, "until") != until {
		t.Errorf("the first is %s", first.raw)
	}
	next := w.call("GET", "/v1/periods?limit=1&cursor="+first.text("next_cursor"), "").ok(200)
	if next.text("data", 0, "until") != closed || next.text("next_cursor") != "" {
		t.Errorf("the next is %s", next.raw)
	}
}
