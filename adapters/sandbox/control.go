package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	controlPrefix  = "/_sandbox/"
	maxControlBody = 1 << 20
)

// controlFunc answers one control call with the account locked.
type controlFunc func(a *Account, body []byte) (any, error)

func (s *Server) controlMux() *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, f := range map[string]controlFunc{
		"GET state":     getState,
		"GET clock":     func(a *Account, _ []byte) (any, error) { return nowOf(a), nil },
		"POST clock":    postClock,
		"GET faults":    getFaults,
		"POST faults":   postFaults,
		"DELETE faults": deleteFaults,
		"GET webhooks":  getWebhooks,
		"POST webhooks": postWebhooks,
		"POST pay":      postPay,
		"POST mutate":   postMutate,
		"POST units":    postUnits,
		"GET variant":   getVariants,
		"POST variant":  postVariant,
		"POST reset":    postReset,
	} {
		method, name, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+controlPrefix+name, func(w http.ResponseWriter, r *http.Request) { s.serveControl(w, r, f) })
	}
	mux.HandleFunc("POST "+controlPrefix+"deliver", s.serveDeliver)
	mux.HandleFunc("GET "+controlPrefix+"invoice/{id}", s.serveHosted)
	mux.HandleFunc("POST "+controlPrefix+"invoice/{id}", s.serveHosted)
	mux.HandleFunc(controlPrefix, func(w http.ResponseWriter, r *http.Request) {
		reply(w, nil, &Refusal{http.StatusNotFound, fmt.Sprintf("the sandbox has no control call %s %q", r.Method, r.URL.Path)})
	})
	return mux
}

// selected is the account that a control call means.
func (s *Server) selected(r *http.Request) (*Account, error) {
	if key := apiKey(r); key != "" {
		if a := s.account(key); a != nil {
			return a, nil
		}
		return nil, &Refusal{http.StatusTooManyRequests, "too many accounts in this sandbox; use fewer keys"}
	}
	all := s.all()
	if len(all) != 1 {
		return nil, &Refusal{http.StatusBadRequest, fmt.Sprintf("the sandbox has %d accounts; send the Authorization header of the one you mean", len(all))}
	}
	return all[0], nil
}

func (s *Server) serveControl(w http.ResponseWriter, r *http.Request, f controlFunc) {
	a, err := s.selected(r)
	if err != nil {
		reply(w, nil, err)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControlBody))
	if err != nil {
		reply(w, nil, &Refusal{http.StatusRequestEntityTooLarge, "the body could not be read; it may hold 1 MiB"})
		return
	}
	got, err := a.controlled(r.Host, body, f)
	reply(w, got, err)
}

// controlled runs a control call and writes its answer down while the account
// is locked, so that a slow reader holds nobody up.
func (a *Account) controlled(host string, body []byte, f controlFunc) (json.RawMessage, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.enter()
	a.host = host
	got, err := f(a, body)
	if err != nil {
		return nil, err
	}
	return json.Marshal(got)
}

func (s *Server) serveDeliver(w http.ResponseWriter, r *http.Request) {
	a, err := s.selected(r)
	if err != nil {
		reply(w, nil, err)
		return
	}
	reply(w, a.deliverAll(r.Context()), nil)
}

// reply writes an answer of the control API.
func reply(w http.ResponseWriter, got any, err error) {
	status := http.StatusOK
	if err != nil {
		status = http.StatusUnprocessableEntity
		if refused := (*Refusal)(nil); errors.As(err, &refused) {
			status = refused.Status
		}
		got = map[string]string{"error": err.Error()}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(got) //nolint:errcheck // the client may be gone
}

// strict decodes one JSON object with nothing unknown in it and nothing after it.
func strict(body []byte, into any) error {
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("it is empty")
		}
		return &Refusal{http.StatusBadRequest, fmt.Sprintf("the body is not what this call takes: %v", err)}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return &Refusal{http.StatusBadRequest, "the body has something after its JSON object; send one object"}
	}
	return nil
}

func badRequest(err error) error { return &Refusal{http.StatusBadRequest, err.Error()} }

func nowOf(a *Account) map[string]string { return map[string]string{"now": Stamp(a.Now())} }

func getState(a *Account, _ []byte) (any, error) {
	out := State{Now: Stamp(a.Now()), Customers: a.srv.vendor.View(a), Calls: a.book.Calls}
	if out.Customers == nil {
		out.Customers = []Customer{}
	}
	return out, nil
}

func postClock(a *Account, body []byte) (any, error) {
	var m clockMove
	if err := strict(body, &m); err != nil {
		return nil, err
	}
	to, err := m.target(a.Now())
	if err != nil {
		return nil, err
	}
	if err := a.moveClock(to); err != nil {
		return nil, err
	}
	return nowOf(a), nil
}

// faultList is the body of POST /_sandbox/faults and the answer of GET.
type faultList struct {
	Faults   []*Fault        `json:"faults"`
	Webhooks []*WebhookFault `json:"webhooks"`
	Seed     *uint64         `json:"seed,omitempty"`
}

func getFaults(a *Account, _ []byte) (any, error) {
	out := faultList{Faults: []*Fault{}, Webhooks: []*WebhookFault{}}
	out.Faults = append(out.Faults, a.book.Faults...)
	out.Webhooks = append(out.Webhooks, a.book.Webhooks...)
	return out, nil
}

func postFaults(a *Account, body []byte) (any, error) {
	var in faultList
	if err := strict(body, &in); err != nil {
		return nil, err
	}
	for i, f := range in.Faults {
		if f == nil {
			return nil, badRequest(fmt.Errorf("fault %d is null; leave it out", i))
		}
		if err := f.check(); err != nil {
			return nil, badRequest(err)
		}
	}
	for i, f := range in.Webhooks {
		if f == nil {
			return nil, badRequest(fmt.Errorf("webhook fault %d is null; leave it out", i))
		}
		if err := f.check(); err != nil {
			return nil, badRequest(err)
		}
	}
	if len(a.book.Faults)+len(in.Faults) > maxFaults || len(a.book.Webhooks)+len(in.Webhooks) > maxFaults {
		return nil, badRequest(fmt.Errorf("more than %d faults would wait; clear some with DELETE", maxFaults))
	}
	if in.Seed != nil {
		a.book.FaultSeed, a.book.FaultDraws = *in.Seed, 0
	}
	a.book.Faults = append(a.book.Faults, in.Faults...)
	a.book.Webhooks = append(a.book.Webhooks, in.Webhooks...)
	return getFaults(a, nil)
}

func deleteFaults(a *Account, _ []byte) (any, error) {
	a.book.Faults, a.book.Webhooks = nil, nil
	return getFaults(a, nil)
}

func postPay(a *Account, body []byte) (any, error) {
	var p Payment
	if err := strict(body, &p); err != nil {
		return nil, err
	}
	if !slices.Contains([]string{"paid", "failed", "refunded", "disputed", "won"}, p.Outcome) {
		return nil, badRequest(fmt.Errorf("outcome %q is unknown; use paid, failed, refunded, disputed or won", p.Outcome))
	}
	if err := a.srv.vendor.Pay(a, p); err != nil {
		return nil, err
	}
	return map[string]string{"object": p.Object, "outcome": p.Outcome}, nil
}

func postMutate(a *Account, body []byte) (any, error) {
	var m Mutation
	if err := strict(body, &m); err != nil {
		return nil, err
	}
	if !slices.Contains([]string{"set", "delete", "duplicate"}, m.Op) {
		return nil, badRequest(fmt.Errorf("op %q is unknown; use set, delete or duplicate", m.Op))
	}
	if err := a.srv.vendor.Mutate(a, m); err != nil {
		return nil, err
	}
	return map[string]string{"object": m.Object, "id": m.ID, "op": m.Op}, nil
}

func postUnits(a *Account, body []byte) (any, error) {
	if a.srv.vendor.Units == nil {
		return nil, &Refusal{http.StatusUnprocessableEntity, "not_supported: this vendor has nothing that only its own app can make; use its API"}
	}
	return a.srv.vendor.Units(a, body)
}

func getVariants(a *Account, _ []byte) (any, error) {
	type item struct {
		Variant
		On bool `json:"on"`
	}
	list := []item{}
	for _, v := range a.srv.vendor.Variants {
		list = append(list, item{v, a.book.Variants[v.Name]})
	}
	return map[string]any{"variants": list}, nil
}

func postVariant(a *Account, body []byte) (any, error) {
	var in struct {
		Name string `json:"name"`
		On   bool   `json:"on"`
	}
	if err := strict(body, &in); err != nil {
		return nil, err
	}
	var known []string
	for _, v := range a.srv.vendor.Variants {
		known = append(known, v.Name)
	}
	if !slices.Contains(known, in.Name) {
		return nil, &Refusal{http.StatusNotFound, fmt.Sprintf("variant %q is unknown; use one of %s", in.Name, strings.Join(known, ", "))}
	}
	a.book.Variants[in.Name] = in.On
	return in, nil
}

// postReset empties the account; its serial number goes on, so that no id
// comes twice.
func postReset(a *Account, _ []byte) (any, error) {
	serial := a.book.Serial
	a.abandon()
	a.book = emptyBook(a.book.ID)
	a.book.Serial = serial
	a.state = a.srv.vendor.NewState()
	return nowOf(a), nil
}

func getWebhooks(a *Account, _ []byte) (any, error) {
	type endpoint struct {
		ID       string   `json:"id"`
		URL      string   `json:"url"`
		Types    []string `json:"types"`
		Disabled bool     `json:"disabled"`
	}
	type delivery struct {
		Event    string     `json:"event"`
		Type     string     `json:"type"`
		URL      string     `json:"url"`
		Attempts []Attempt  `json:"attempts"`
		State    string     `json:"state"`
		Next     *time.Time `json:"next_attempt,omitempty"`
	}
	out := struct {
		Endpoints  []endpoint `json:"endpoints"`
		Deliveries []delivery `json:"deliveries"`
		Waiting    int        `json:"waiting"`
	}{Endpoints: []endpoint{}, Deliveries: []delivery{}}
	for _, ep := range a.book.Endpoints {
		out.Endpoints = append(out.Endpoints, endpoint{ep.ID, ep.URL, append([]string{}, ep.Types...), ep.Disabled})
	}
	for _, d := range a.book.Deliveries {
		row := delivery{d.Event, d.Type, d.URL, append([]Attempt{}, d.Attempts...), d.State, nil}
		if d.State == stateWaiting {
			out.Waiting++
			next := d.Next
			row.Next = &next
		}
		out.Deliveries = append(out.Deliveries, row)
	}
	return out, nil
}

func postWebhooks(a *Account, body []byte) (any, error) {
	var in map[string]string
	if err := strict(body, &in); err != nil {
		return nil, err
	}
	fields := a.srv.vendor.Webhooks.Fields
	ep := &Endpoint{Settings: map[string]string{}}
	for name, value := range in {
		switch {
		case name == "url":
			ep.URL = value
		case name == "secret":
			if value != "" {
				ep.Secrets = []string{value}
			}
		case slices.Contains(fields, name):
			ep.Settings[name] = value
		default:
			known := append([]string{"url", "secret"}, fields...)
			return nil, badRequest(fmt.Errorf("field %q is unknown; use %s", name, strings.Join(known, ", ")))
		}
	}
	if u, err := url.Parse(ep.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, badRequest(fmt.Errorf("url %q is not an http address; write it like http://127.0.0.1:8080/path", ep.URL))
	}
	if err := a.srv.vendor.Webhooks.Added(a, ep); err != nil {
		return nil, err
	}
	if err := a.AddEndpoint(ep); err != nil {
		return nil, err
	}
	return map[string]string{"id": ep.ID, "url": ep.URL}, nil
}
