package gateway

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"scrip/core"
)

// soldTo makes a customer with paid credits, some of them spent.
func (w *world) soldTo(customer string) {
	w.t.Helper()
	w.call("PUT", "/v1/customers/"+customer, `{}`).ok(200)
	w.post("/v1/customers/"+customer+"/grants", "sold-"+customer, `{"amount":"300","category":"paid","paid":{"amount":"10.00","currency":"usd"}}`).ok(200)
	w.post("/v1/debits", "spent-"+customer, `{"customer":"`+customer+`","action":"image.generate","quantity":"20"}`).ok(200)
}

func TestReports(t *testing.T) {
	w := newWorld(t)
	w.soldTo("ann")
	w.soldTo("bob")
	a := w.call("GET", "/v1/reports/revenue", "").ok(200).want("report", "revenue", "at", core.Time(start).String())
	for i, want := range []string{"customer", "customer", "period", "total"} {
		if got := a.text("rows", i, "row"); got != want {
			t.Errorf("row %d is of %q, want %q: %s", i, got, want, a.raw)
		}
	}
	for column, want := range map[string]string{"paid": "20.00", "recognised": "6.66", "deferred": "13.34", "ties_out": "yes", "currency": "usd"} {
		if got := a.text("rows", 3, column); got != want {
			t.Errorf("the total %s is %q, want %q", column, got, want)
		}
	}
	if w.call("GET", "/v1/reports/revenue?at=2020-01-01T00:00:00Z", "").ok(200); len(a.list("rows")) != 4 {
		t.Error("the rows changed")
	}
	if a := w.call("GET", "/v1/reports/revenue?at=2020-01-01T00:00:00Z", "").ok(200); len(a.list("rows")) != 0 {
		t.Errorf("there were rows before anything: %s", a.raw)
	}
	c := w.call("GET", "/v1/reports/liability?format=csv&by=grant", "").ok(200)
	rows, err := csv.NewReader(strings.NewReader(c.raw)).ReadAll()
	if err != nil || len(rows) < 3 || rows[1][2] != "grant" || rows[1][len(rows[1])-1] != "6.67" || !strings.HasPrefix(c.header.Get("Content-Type"), "text/csv") {
		t.Errorf("%v: %s", err, c.raw)
	}
	table := w.call("GET", "/v1/reports/unit?format=table", "").ok(200)
	if !strings.Contains(table.raw, "image.generate") || !strings.HasPrefix(table.header.Get("Content-Type"), "text/plain") {
		t.Error(table.raw)
	}
	for _, name := range []string{"breakage", "price", "hoarding"} {
		w.call("GET", "/v1/reports/"+name, "").ok(200).want("report", name)
	}
	for query, field := range map[string]string{
		"format=html": "format", "by=lot": "by", "at=yesterday": "at", "known_at=x": "known_at", "top=many": "top", "top=-1": "top",
	} {
		w.call("GET", "/v1/reports/revenue?"+query, "").refused(422, core.CodeInvalid, field)
	}
	w.call("GET", "/v1/reports/revenue?at=2999-01-01T00:00:00Z", "").refused(422, core.CodeNotSupported, "at")
	w.call("GET", "/v1/reports/profit", "").refused(404, core.CodeNotFound, "name")
	w.call("GET", "/v1/reports/revenue?when=now", "").refused(400, core.CodeMalformed, "")
}

// A report that breaks off is not taken for a whole one: over the wire its end
// is missing, and the trailer that says that it ties out.
func TestReportsOverTheWire(t *testing.T) {
	w := newWorld(t)
	w.soldTo("ann")
	server := httptest.NewServer(w.g)
	defer server.Close()
	get := func() (string, string, error) {
		r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, server.URL+"/v1/reports/revenue?format=csv", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+rootKey)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return "", "", err
		}
		defer resp.Body.Close()
		var all strings.Builder
		_, err = bufio.NewReader(resp.Body).WriteTo(&all)
		return all.String(), resp.Trailer.Get(TiesOutTrailer), err
	}
	text, ties, err := get()
	if err != nil || ties != "true" || !strings.Contains(text, ",total,") {
		t.Errorf("%v %q: %s", err, ties, text)
	}
	if err := errors.Join(w.ledger.Store().Close()); err != nil {
		t.Fatal(err)
	}
	if text, ties, err := get(); err == nil && (ties != "" || strings.Contains(text, "total")) {
		t.Errorf("a report of a closed database: %q %s", ties, text)
	}
}

// stuck is a caller who takes nothing until it is told to.
type stuck struct {
	*httptest.ResponseRecorder
	reached chan<- struct{}
	proceed <-chan struct{}
}

func (s *stuck) Write(p []byte) (int, error) {
	s.reached <- struct{}{}
	<-s.proceed
	return s.ResponseRecorder.Write(p)
}

// Two callers that take their reports slowly keep a third out, and nobody else.
func TestReportsAreFew(t *testing.T) {
	w := newWorld(t)
	w.soldTo("ann")
	reached, goOn, done := make(chan struct{}), make(chan struct{}), make(chan int)
	for range mostReports {
		go func() {
			r := httptest.NewRequest(http.MethodGet, "/v1/reports/revenue", http.NoBody)
			r.Header.Set("Authorization", "Bearer "+rootKey)
			s := &stuck{httptest.NewRecorder(), reached, goOn}
			w.g.ServeHTTP(s, r)
			done <- s.Code
		}()
		<-reached
	}
	if a := w.call("GET", "/v1/reports/revenue", "").refused(429, core.CodeRateLimited, ""); a.header.Get("Retry-After") == "" {
		t.Error("nothing says when to come back")
	}
	w.post("/v1/debits", "beside", `{"customer":"ann","amount":"1"}`).ok(200)
	close(goOn)
	for range mostReports {
		if code := <-done; code != 200 {
			t.Errorf("a slow caller got %d", code)
		}
	}
	w.call("GET", "/v1/reports/revenue", "").ok(200)
}
