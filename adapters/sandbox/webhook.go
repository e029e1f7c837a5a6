package sandbox

import (
	"fmt"
	"slices"
	"time"
)

const (
	maxDeliveries = 20_000 // remembered per account
	maxEndpoints  = 50
	holdTimeout   = 10 * time.Second // how long a reordered event waits for the next one
)

// States of a delivery.
const (
	stateWaiting   = "waiting"
	stateDelivered = "delivered"
	stateFailed    = "failed"
	stateLost      = "lost" // a fault swallowed it
)

// Endpoint is a receiver of webhooks. Settings hold what the vendor adds.
type Endpoint struct {
	ID       string            `json:"id"`
	URL      string            `json:"url"`
	Secrets  []string          `json:"secrets"`
	Types    []string          `json:"types"`
	Disabled bool              `json:"disabled"`
	Settings map[string]string `json:"settings,omitempty"`
}

// Message is one attempt to deliver an event; At is the wall clock.
type Message struct {
	Event, Type string
	Body        []byte
	At          time.Time
	Attempt     int
}

// Attempt is what became of one try. Status is 0 when no answer came.
type Attempt struct {
	At     time.Time `json:"at"`
	Status int       `json:"status"`
	Error  string    `json:"error,omitempty"`
}

// Delivery is one event on its way to one endpoint.
type Delivery struct {
	Event    string
	Type     string
	Endpoint string
	URL      string
	Body     []byte
	State    string
	Attempts []Attempt
	Next     time.Time // wall
	Order    int64
	Held     bool // by a reorder fault, until the next event
}

// WebhookFault is a fault of delivery that waits for its event. Count is the
// number of deliveries in total for duplicate, the number of events otherwise.
type WebhookFault struct {
	Kind  string `json:"kind"`
	Type  string `json:"type,omitempty"`
	Count *int   `json:"count,omitempty"`
	Delay string `json:"delay,omitempty"`
}

func (f *WebhookFault) check() error {
	switch f.Kind {
	case "duplicate":
		if f.Count == nil {
			two := 2
			f.Count = &two
		}
		if *f.Count > 100 {
			return fmt.Errorf("count %d of duplicates is too many; use at most 100", *f.Count)
		}
	case "reorder", "lose":
	case "delay":
		if f.Delay == "" {
			f.Delay = "5s"
		}
	default:
		return fmt.Errorf("webhook fault kind %q is unknown; use duplicate, reorder, delay or lose", f.Kind)
	}
	return checkCountDelay(&f.Count, f.Delay)
}

// Endpoints lists the receivers, oldest first.
func (a *Account) Endpoints() []*Endpoint { return slices.Clone(a.book.Endpoints) }

// AddEndpoint registers a receiver; it fails when the account has too many.
func (a *Account) AddEndpoint(ep *Endpoint) error {
	if len(a.book.Endpoints) >= maxEndpoints {
		return fmt.Errorf("the account has %d webhook endpoints already; delete one", maxEndpoints)
	}
	a.book.Endpoints = append(a.book.Endpoints, ep)
	return nil
}

// RemoveEndpoint forgets a receiver and what still waits for it.
func (a *Account) RemoveEndpoint(id string) {
	a.book.Endpoints = slices.DeleteFunc(a.book.Endpoints, func(ep *Endpoint) bool { return ep.ID == id })
	for _, d := range a.book.Deliveries {
		if d.Endpoint == id && d.State == stateWaiting {
			d.end(stateFailed)
		}
	}
	a.changed.Broadcast()
}

// Undelivered counts the deliveries of an event that have not succeeded.
func (a *Account) Undelivered(event string) int {
	n := 0
	for _, d := range a.book.Deliveries {
		if d.Event == event && (d.State == stateWaiting || d.State == stateFailed) {
			n++
		}
	}
	return n
}

// Emit sends an event to every endpoint for which render returns a body.
func (a *Account) Emit(event, typ string, render func(Endpoint) ([]byte, bool)) {
	var fault *WebhookFault
	taken := false
	for _, ep := range a.book.Endpoints {
		if ep.Disabled {
			continue
		}
		body, ok := render(*ep)
		if !ok {
			continue
		}
		if !taken {
			fault, taken = a.takeWebhookFault(typ), true
		}
		a.enqueue(&Delivery{Event: event, Type: typ, Endpoint: ep.ID, URL: ep.URL, Body: body, State: stateWaiting, Next: a.Wall()}, fault)
	}
	a.trim()
	a.kick()
}

func (a *Account) takeWebhookFault(typ string) *WebhookFault {
	for i, f := range a.book.Webhooks {
		if f.Type != "" && f.Type != typ {
			continue
		}
		hit := *f
		left := *f.Count - 1
		if f.Kind == "duplicate" {
			left = 0
		}
		f.Count = &left
		if left <= 0 {
			a.book.Webhooks = slices.Delete(a.book.Webhooks, i, i+1)
		}
		total := left + 1
		if f.Kind == "duplicate" {
			total = *hit.Count
		}
		hit.Count = &total
		return &hit
	}
	return nil
}

// enqueue puts a delivery into the queue as its fault says, and lets what was
// held for the next event follow it.
func (a *Account) enqueue(d *Delivery, f *WebhookFault) {
	held := a.heldFor(d.Endpoint)
	copies := 1
	if f != nil {
		wait := (&Fault{Delay: f.Delay}).delay()
		switch f.Kind {
		case "lose":
			d.end(stateLost)
		case "delay":
			d.Next = d.Next.Add(wait)
		case "duplicate":
			copies = *f.Count
		case "reorder":
			if wait == 0 {
				wait = holdTimeout
			}
			d.Held, d.Next = true, d.Next.Add(wait)
		}
	}
	for range copies {
		twin := *d
		a.append(&twin)
	}
	for _, h := range held {
		a.book.Order++
		h.Held, h.Next, h.Order = false, d.Next, a.book.Order
	}
}

func (a *Account) append(d *Delivery) {
	a.book.Order++
	d.Order = a.book.Order
	a.book.Deliveries = append(a.book.Deliveries, d)
	a.queue = append(a.queue, d)
}

func (a *Account) heldFor(endpoint string) []*Delivery {
	var held []*Delivery
	for _, d := range a.queue {
		if d.Held && d.State == stateWaiting && d.Endpoint == endpoint {
			held = append(held, d)
		}
	}
	return held
}

// trim forgets the oldest finished deliveries.
func (a *Account) trim() {
	over := len(a.book.Deliveries) - maxDeliveries
	if over < maxDeliveries/20 {
		return
	}
	a.book.Deliveries = slices.DeleteFunc(a.book.Deliveries, func(d *Delivery) bool {
		if over > 0 && d.State != stateWaiting {
			over--
			return true
		}
		return false
	})
}

// end finishes a delivery; its body is not needed any more.
func (d *Delivery) end(state string) {
	d.State, d.Body, d.Held = state, nil, false
}
