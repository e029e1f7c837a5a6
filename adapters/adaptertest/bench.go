package adaptertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/httpx"
	"scrip/internal/speccheck"
)

const (
	canaryKey    = "canary-key-c0ffee"
	canarySecret = "canary-secret-c0ffee"
)

// lab is one sandbox with a recorder in front of it.
type lab struct {
	h        Harness
	url      string
	recorder *speccheck.Recorder
	accounts int
}

func newLab(t *testing.T, h Harness) *lab {
	t.Helper()
	l := &lab{h: h, recorder: speccheck.Record(h.Sandbox(t))}
	s := httptest.NewServer(l.recorder)
	t.Cleanup(s.Close)
	l.url = s.URL
	return l
}

// bench is an adapter with an account of its own in the lab's sandbox, whose
// clock stands still.
type bench struct {
	t        *testing.T
	lab      *lab
	key      string
	port     *adapters.Port
	now      core.Time
	links    adapters.Links // of the connection and of the customer
	customer string         // vendor's id
}

// account opens an account: keys separate them.
func (l *lab) account(t *testing.T) *bench {
	t.Helper()
	l.accounts++
	b := &bench{t: t, lab: l, key: fmt.Sprintf("%s-%d", canaryKey, l.accounts)}
	var clock struct {
		Now string `json:"now"`
	}
	b.control("POST", "clock", `{"advance":"1s"}`, &clock)
	now, err := core.ParseTime(clock.Now)
	if err != nil {
		t.Fatalf("the sandbox's clock: %v", err)
	}
	b.now = now - now%1_000_000
	a, err := l.h.New(Access{URL: l.url, Key: b.key, Secrets: []string{canarySecret}, HTTP: quick(), Now: func() core.Time { return b.now }})
	if err != nil {
		t.Fatalf("the adapter: %v", err)
	}
	b.port = adapters.NewPort(a, adapters.Limits{Percent: 1_000_000, Timeout: time.Minute})
	return b
}

// quick is the client of the suite: bounded as in production, without waits.
func quick() *http.Client {
	return httpx.NewClient(httpx.Options{MinWait: time.Millisecond, MaxWait: 10 * time.Millisecond})
}

// has reports whether the adapter claims a capability, by the port's name of it.
func (b *bench) has(name string) bool {
	return slices.ContainsFunc(b.port.Capabilities(), func(c adapters.Capability) bool { return c.Name == name && c.Has })
}

// control calls the sandbox's control API.
func (b *bench) control(method, call, body string, into any) {
	b.t.Helper()
	if status, raw := b.ask(method, call, body); status != http.StatusOK {
		b.t.Fatalf("%s %s: status %d: %s", method, call, status, raw)
	} else if into == nil {
		return
	} else if err := json.NewDecoder(bytes.NewReader(raw)).Decode(into); err != nil {
		b.t.Fatalf("%s %s: %v", method, call, err)
	}
}

// may makes a call of the control API that the vendor may have no counterpart
// for, and reports whether it has.
func (b *bench) may(call, body string) bool {
	b.t.Helper()
	status, raw := b.ask("POST", call, body)
	none := status == http.StatusUnprocessableEntity && bytes.Contains(raw, []byte("not_supported"))
	if status != http.StatusOK && !none {
		b.t.Fatalf("POST %s: status %d: %s", call, status, raw)
	}
	return !none
}

func (b *bench) ask(method, call, body string) (int, []byte) {
	b.t.Helper()
	req, err := http.NewRequest(method, b.lab.url+"/_sandbox/"+call, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, call, err)
	}
	return resp.StatusCode, raw
}

// fault makes the sandbox answer the next matching requests wrongly. Method
// and path may be empty; spec are further fields, with a comma in front.
func (b *bench) fault(method, path, kind, spec string) {
	b.t.Helper()
	b.control("POST", "faults", fmt.Sprintf(`{"faults":[{"match":{"method":%q,"path":%q},"kind":%q%s}]}`, method, path, kind, spec), nil)
}

// state is the part of the sandbox's state that all vendors share.
type state struct {
	Customers []struct {
		ID         string `json:"id"`
		ExternalID string `json:"external_id"`
		Consumed   string `json:"consumed"`
		Grants     []struct {
			Amount    string `json:"amount"`
			Remaining string `json:"remaining"`
			State     string `json:"state"`
			Unit      string `json:"unit"`
		} `json:"grants"`
		Invoices []struct {
			Status string `json:"status"`
			Total  string `json:"total"`
		} `json:"invoices"`
	} `json:"customers"`
}

func (b *bench) state() state {
	b.t.Helper()
	var s state
	b.control("GET", "state", "", &s)
	return s
}

// summary is the state without ids: what two accounts must have in common
// after the same orders.
func (b *bench) summary() string {
	b.t.Helper()
	var out []string
	for _, c := range b.state().Customers {
		text := fmt.Sprintf("customer %s consumed %s", c.ExternalID, c.Consumed)
		for _, g := range c.Grants {
			text += fmt.Sprintf("; grant %s of %s %s %s", g.Remaining, g.Amount, g.Unit, g.State)
		}
		for _, i := range c.Invoices {
			text += fmt.Sprintf("; invoice %s %s", i.Status, i.Total)
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// pooled is the state with the grants of each customer and unit as one.
func (b *bench) pooled() string {
	b.t.Helper()
	var out []string
	for _, c := range b.state().Customers {
		left := map[string]*big.Rat{}
		for _, g := range c.Grants {
			n, ok := new(big.Rat).SetString(g.Remaining)
			if !ok {
				b.t.Fatalf("customer %s has %q left of a grant", c.ExternalID, g.Remaining)
			}
			if left[g.Unit] == nil {
				left[g.Unit] = new(big.Rat)
			}
			left[g.Unit].Add(left[g.Unit], n)
		}
		out = append(out, fmt.Sprintf("customer %s consumed %s, left %v, %d grants, invoices %v", c.ExternalID, c.Consumed, left, len(c.Grants), c.Invoices))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// calls are the vendor's calls of this account so far.
func (b *bench) calls() []speccheck.Exchange {
	var out []speccheck.Exchange
	for _, x := range b.lab.recorder.Exchanges() {
		if auth := x.Header.Get("Authorization"); !strings.Contains(x.URL, "/_sandbox/") && (strings.HasSuffix(auth, b.key) || b.basic(auth)) {
			out = append(out, x)
		}
	}
	return out
}

// basic reports whether an Authorization header carries our key as its user.
func (b *bench) basic(auth string) bool {
	r := http.Request{Header: http.Header{"Authorization": {auth}}}
	user, _, ok := r.BasicAuth()
	return ok && user == b.key
}

// settle runs an order as the outbox does: while its outcome is not known it
// is looked up, and repeated with the same key when it is not found.
func (b *bench) settle(mark adapters.Mark, order func() (adapters.Answer, error)) (adapters.Answer, error) {
	b.t.Helper()
	var err error
	for range 8 {
		var got adapters.Answer
		if got, err = order(); err == nil {
			return got, nil
		}
		if e := adapters.AsError(err); !e.Retry() {
			return got, err
		} else if !e.Ambiguous() || !b.has("find by mark") {
			continue
		}
		if got, err := b.port.Find(b.t.Context(), mark); err == nil && len(got.Links) > 0 {
			return got, nil
		}
	}
	return adapters.Answer{}, err
}
