package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/rate"
	"scrip/core/sale"
	"scrip/internal/clock"
	"scrip/internal/history"
	"scrip/mapping"
	"scrip/mapping/config"
	"scrip/storage/sqlite"
)

// subject is a gateway that the history package asks over HTTP.
type subject struct {
	ledger *ledger.Ledger
	clock  *clock.Clock
	server *httptest.Server
	client *http.Client
	fail   func(string, ...any)
	dialed atomic.Int64
	closed atomic.Int64
	store  ledger.Store
}

// subjects is a gateway with two units. cut says whether connections are cut
// in the middle of requests and answers.
func subjects(t *testing.T, cut bool) history.Config {
	return history.Config{
		Units: []string{"credits", "tokens"}, Checks: 6,
		MakeID: func(kind, customer, operation, key string) string {
			return string(core.NewID(kind, customer, operation, key, 0))
		},
		Open: func(fail func(string, ...any)) history.Subject { return openSubject(t, cut, fail) },
	}
}

func openSubject(t *testing.T, cut bool, fail func(string, ...any)) *subject {
	store, err := sqlite.OpenWith(context.Background(), filepath.Join(t.TempDir(), "scrip.db"), sqlite.Options{Relaxed: true})
	if err != nil {
		fail("opening: %v", err)
	}
	c := testConfig(t)
	c.Units = append(c.Units, config.Unit{Unit: core.Unit{Code: "tokens"}})
	c.Packs = map[string]mapping.Pack{"small": {
		Name: history.Small.Name, Unit: "credits", Credits: core.Amount(history.Small.Credits), Days: int(history.Small.Days),
		Price: core.Money{Minor: core.Amount(history.Small.Minor), Currency: "usd"},
	}}
	c.Cards[0].Actions = map[string]rate.Action{
		"image": {Name: "image", Per: 1, Rates: []rate.Rate{{Cost: core.Rate{Num: 5, Den: 1}}}},
		"text":  {Name: "text", Per: 1000, Round: rate.StepUp, Rates: []rate.Rate{{Cost: core.Rate{Num: 1, Den: 10}}}},
	}
	s := &subject{clock: clock.Test(core.Time(history.Start)), store: store, fail: fail}
	s.ledger = ledger.Open(store, ledger.Options{
		Now: s.clock.Now, Units: []core.Unit{c.Units[0].Unit, c.Units[1].Unit}, Order: c.Order,
	})
	s.server = httptest.NewUnstartedServer(build(Options{
		Config: c, Clock: s.clock, Ledger: s.ledger, AdminKey: config.NewSecret("env:KEY", rootKey), Version: "test",
	}))
	s.server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			s.closed.Add(1)
		}
	}
	s.server.Start()
	s.client = &http.Client{Transport: &http.Transport{DialContext: s.dial(cut), DisableKeepAlives: cut}}
	return s
}

// Close implements [history.Subject].
func (s *subject) Close() {
	s.client.CloseIdleConnections()
	s.server.Close()
	s.ledger.Close()
	if err := s.store.Close(); err != nil {
		s.fail("closing: %v", err)
	}
}

// TestModelOverHTTP sends random commands over HTTP and compares all that can
// be seen with the naive model.
func TestModelOverHTTP(t *testing.T) { history.Run(t, subjects(t, false)) }

// Callers whose connections are cut see what one account at a time would
// answer.
//
// LC-09.
func TestLinearizableOverHTTP(t *testing.T) { history.RunRace(t, subjects(t, true)) }

// Do implements [history.Subject].
func (s *subject) Do(ctx context.Context, c history.Command) history.Answer {
	switch c.Op {
	case history.Time:
		s.quiet()
		if err := s.clock.Set(core.Time(c.At)); err != nil {
			return history.Answer{Refused: err.Error()}
		}
		return history.Answer{}
	case history.Sweep:
		for {
			if n, _, err := s.ledger.Sweep(ctx, 100); err != nil || n == 0 {
				return refusedBy(err)
			}
		}
	case history.Pay:
		return s.pay(ctx, c)
	}
	method, path, body := requestOf(c)
	r := s.call(ctx, method, path, c.Key, body)
	if r.lost || r.code != "" {
		return history.Answer{Lost: r.lost, Refused: r.code, Replayed: r.replayed}
	}
	a := r.answer(c)
	if a.Replayed = r.replayed; r.has("replayed") && r.is("replayed") != a.Replayed {
		a.Refused = "the body and the header do not agree on whether this is a replay"
	}
	return a
}

// quiet waits until the server is done with every connection that was made.
func (s *subject) quiet() {
	if !s.client.Transport.(*http.Transport).DisableKeepAlives {
		return
	}
	for began := time.Now(); s.closed.Load() < s.dialed.Load(); time.Sleep(time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			s.fail("%d connections were made, %d have ended", s.dialed.Load(), s.closed.Load())
			return
		}
	}
	// What their callers did not wait for is committed in its turn.
	_ = s.ledger.Do(context.Background(), &ledger.Op{Names: func(*ledger.Batch) {}, Decide: func(*ledger.Tx) error { return nil }})
}

func refusedBy(err error) history.Answer {
	if err == nil {
		return history.Answer{}
	}
	return history.Answer{Refused: string(core.CodeOf(err))}
}

// pay brings a payment as a webhook's worker does.
func (s *subject) pay(ctx context.Context, c history.Command) history.Answer {
	p, err := s.ledger.Purchase(ctx, core.ID(c.Of))
	if err != nil {
		return refusedBy(err)
	}
	fresh := false
	if err := s.ledger.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) { s.ledger.NamesPayment(b, p) },
		Decide: func(tx *ledger.Tx) (err error) {
			p, fresh, err = tx.Pay(sale.Payment{Purchase: p.ID, Object: "inv", Paid: core.Money{Minor: core.Amount(c.Amount.Int64()), Currency: "usd"}, Settled: true})
			return err
		},
	}); err != nil {
		return refusedBy(err)
	}
	return history.Answer{ID: string(p.Grant), Replayed: !fresh}
}

// requestOf is a command as HTTP. A body is a JSON object; nil is none.
func requestOf(c history.Command) (method, path string, body map[string]any) {
	unit := c.Place.Unit
	customer, of := "/v1/customers/"+c.Place.Customer, c.Of
	body = map[string]any{}
	if c.Amount != nil {
		body["amount"], body["unit"] = written(c.Amount, unit), unit
	}
	if c.Quantity > 0 {
		body["quantity"] = fmt.Sprint(c.Quantity)
	}
	if c.Action != "" {
		body["action"] = c.Action
	}
	switch c.Op {
	case history.Customer:
		body["name"] = c.Name
		return "PUT", customer, body
	case history.Grant:
		body["category"], body["priority"] = c.Category, c.Priority
		if c.Starts != 0 {
			body["effective_at"] = core.Time(c.Starts).String()
		}
		if c.Expires != 0 {
			body["expires_at"] = core.Time(c.Expires).String()
		}
		if c.Scope != nil {
			body["scope"] = map[string]any{"actions": c.Scope}
		}
		return "POST", customer + "/grants", body
	case history.Void:
		return "POST", "/v1/grants/" + of + "/void", nil
	case history.Debit:
		body["customer"] = c.Place.Customer
		return "POST", "/v1/debits", body
	case history.Batch:
		var items []any
		for _, item := range c.Items {
			_, _, debit := requestOf(item)
			debit["key"] = item.Key
			items = append(items, debit)
		}
		return "POST", "/v1/debits/batch", map[string]any{"debits": items}
	case history.Reverse:
		return "POST", "/v1/debits/" + of + "/reverse", body
	case history.Hold:
		body["customer"], body["expires_in"], body["protect_until_resolved"] = c.Place.Customer, (time.Duration(c.Life) * time.Microsecond).String(), c.Protect
		return "POST", "/v1/holds", body
	case history.Capture:
		body["final"], body["allow_over"] = c.Final, c.Over
		return "POST", "/v1/holds/" + of + "/capture", body
	case history.Release:
		return "POST", "/v1/holds/" + of + "/release", nil
	case history.Buy:
		return "POST", customer + "/purchases", map[string]any{"pack": history.Small.Name}
	case history.Quote:
		body["customer"] = c.Place.Customer
		return "POST", "/v1/quotes", body
	}
	path = customer + "/balance?unit=" + unit
	if c.At != 0 {
		path += "&at=" + core.Time(c.At).String()
	}
	return "GET", path, nil
}

// scale is how many decimals a unit has.
func scale(unit string) int { return map[string]int{"credits": 2}[unit] }

// written is an amount as people write it.
func written(n *big.Int, unit string) string {
	text := fmt.Sprintf("%0*s", scale(unit)+1, n.String())
	whole := len(text) - scale(unit)
	return strings.TrimSuffix(text[:whole]+"."+text[whole:], ".")
}

// heard is an answer over HTTP.
type heard struct {
	lost     bool
	code     string
	replayed bool
	body     map[string]any
}

func (s *subject) call(ctx context.Context, method, path, key string, body map[string]any) heard {
	var sent io.Reader = http.NoBody
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return heard{code: err.Error()}
		}
		sent = strings.NewReader(string(raw))
	}
	r, err := http.NewRequestWithContext(ctx, method, s.server.URL+path, sent)
	if err != nil {
		return heard{code: err.Error()}
	}
	r.Header.Set("Authorization", "Bearer "+rootKey)
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return heard{lost: true}
	}
	defer func() { _ = answer.Body.Close() }()
	h := heard{replayed: answer.Header.Get("Idempotent-Replayed") == "true"}
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		return heard{lost: true}
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	if err := d.Decode(&h.body); err != nil {
		return heard{code: err.Error()}
	}
	if answer.StatusCode >= 300 {
		h.code, h.lost = h.text("code"), answer.StatusCode == http.StatusServiceUnavailable
	}
	return h
}

func (h heard) has(name string) bool    { return h.body[name] != nil }
func (h heard) is(name string) bool     { is, _ := h.body[name].(bool); return is }
func (h heard) text(name string) string { text, _ := h.body[name].(string); return text }

func (h heard) list(name string) (list []heard) {
	items, _ := h.body[name].([]any)
	for _, item := range items {
		body, _ := item.(map[string]any)
		list = append(list, heard{body: body})
	}
	return list
}

func (h heard) in(name string) heard {
	body, _ := h.body[name].(map[string]any)
	return heard{body: body}
}

// amount reads an amount, which has all decimals of its unit; nil for none.
func (h heard) amount(name string) *big.Int {
	n, ok := new(big.Int).SetString(strings.Replace(h.text(name), ".", "", 1), 10)
	if !ok {
		return nil
	}
	return n
}

func (h heard) parts(list, grant, amount string) (parts []history.Part) {
	for _, p := range h.list(list) {
		parts = append(parts, history.Part{Grant: p.text(grant), Amount: p.amount(amount)})
	}
	return parts
}

func (h heard) debited() history.Answer {
	return history.Answer{ID: h.text("id"), Amount: h.amount("amount"), Parts: h.parts("allocations", "grant", "amount"), Available: h.amount("balance")}
}

// answer is what a body says of the command.
func (h heard) answer(c history.Command) history.Answer {
	switch c.Op {
	case history.Customer:
		return history.Answer{ID: h.text("id"), State: h.text("name")}
	case history.Grant:
		return history.Answer{ID: h.text("id"), State: h.text("state"), Amount: h.amount("amount"), Left: h.amount("remaining")}
	case history.Void:
		return history.Answer{ID: h.text("id"), State: h.text("state"), Left: h.amount("remaining")}
	case history.Debit:
		return h.debited()
	case history.Batch:
		var all history.Answer
		for _, o := range h.list("data") {
			each := history.Answer{Refused: o.in("error").text("code")}
			if each.Refused == "" {
				each = o.in("debit").debited()
				each.Replayed = o.text("status") == "replayed"
			}
			all.Each = append(all.Each, each)
		}
		return all
	case history.Reverse:
		a := h.debited()
		a.Left = h.amount("left")
		return a
	case history.Hold:
		return history.Answer{ID: h.text("id"), State: h.text("state"), Amount: h.amount("amount"), Left: h.amount("reserved"), Parts: h.parts("allocations", "grant", "amount")}
	case history.Capture:
		a := h.in("debit").debited()
		a.State, a.Left, a.Late = h.text("state"), h.amount("reserved"), h.is("late")
		return a
	case history.Release:
		return history.Answer{ID: h.text("id"), State: h.text("state"), Left: h.amount("reserved")}
	case history.Buy:
		return history.Answer{ID: h.text("id"), State: h.text("state"), Amount: h.amount("credits")}
	case history.Quote:
		a := history.Answer{Amount: h.amount("amount"), State: "too much", Parts: h.parts("allocations", "grant", "amount")}
		if h.is("affordable") {
			a.State = "affordable"
		}
		return a
	}
	return history.Answer{
		Posted: h.amount("posted"), Held: h.amount("held"), Available: h.amount("available"), Parts: h.parts("grants", "id", "remaining"),
	}
}

// Entries implements [history.Subject].
func (s *subject) Entries(p history.Place) (list []history.Entry, err error) {
	for cursor := ""; ; {
		h := s.call(context.Background(), "GET", "/v1/customers/"+p.Customer+"/entries?limit=1000&unit="+p.Unit+cursor, "", nil)
		if h.code != "" {
			return nil, fmt.Errorf("entries were refused: %s", h.code)
		}
		for _, e := range h.list("data") {
			seq, _ := e.body["seq"].(json.Number)
			n, err := seq.Int64()
			if err != nil {
				return nil, err
			}
			list = append(list, history.Entry{
				Seq: n, Kind: e.text("kind"), From: e.text("from"), To: e.text("to"), Grant: e.text("grant"), Source: e.text("source"),
				Amount: e.amount("amount"), Effective: e.text("effective_at"), Hash: e.text("hash"),
			})
		}
		if !h.has("next_cursor") {
			return list, nil
		}
		cursor = "&cursor=" + h.text("next_cursor")
	}
}

// Audit implements [history.Subject].
func (s *subject) Audit() (found []string, err error) {
	report, err := ledger.Audit(context.Background(), s.ledger.Reader(), nil)
	for _, f := range report.Findings {
		found = append(found, f.Where+" "+f.What)
	}
	return found, err
}
