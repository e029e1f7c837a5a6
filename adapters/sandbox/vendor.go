// Package sandbox is what the vendor sandboxes share: accounts kept apart by
// API key, a business clock, injected faults, stored idempotent answers, a
// webhook sender, and the control API under /_sandbox/. A vendor adds its
// routes, its error shape, its way of signing and its state; the kit knows none
// of them.
package sandbox

import (
	"encoding/json"
	"net/http"
	"time"
)

// Vendor is everything one vendor adds to the kit. Every function that takes
// an Account runs with that account locked, so state needs no lock of its own.
type Vendor struct {
	// Name is the vendor's name as snapshots carry it.
	Name string
	// NewState returns a pointer to an empty state of plain data: it must
	// survive JSON in both directions, since snapshots are made of it.
	NewState func() any
	// Routes are the vendor's own calls.
	Routes []Route
	// Refuse puts a problem that the kit met into the vendor's error shape.
	// The account is nil when the request carried no key.
	Refuse func(*Account, Problem) Answer
	// Idempotency says which header makes a request repeatable; the zero
	// value switches stored answers off.
	Idempotency Idempotency
	// Webhooks says how deliveries are signed and retried.
	Webhooks Webhooks
	// Variants are the vendor's unconfirmed behaviours that can be switched.
	Variants []Variant
	// Due returns the next instant at which something happens by itself.
	Due func(*Account) (time.Time, bool)
	// Run does what is due at the account's present instant.
	Run func(*Account)
	// View shows the customers in the shape that all sandboxes share.
	View func(*Account) []Customer
	// Pay lets a payment happen, fail, or be taken back.
	Pay func(*Account, Payment) error
	// Mutate changes an object behind the API's back.
	Mutate func(*Account, Mutation) error
	// Units makes what only the vendor's own app can make; nil where there
	// is nothing to make.
	Units func(*Account, json.RawMessage) (any, error)
	// Hosted shows the page behind a payment link; nil for none.
	Hosted func(*Account, string) (HostedPage, bool)
}

// Route is one call of the vendor's API. Pattern is in the syntax of
// net/http.ServeMux, without the method.
type Route struct {
	Method, Pattern string
	Handle          func(*Call) Answer
	// NoKey says that an idempotency key has no effect on this call.
	NoKey bool
	// Locks names what the call has for itself while it runs, "" for nothing; a
	// call that finds it taken is refused as Locked. Nil for nothing.
	Locks func(*Call) string
}

// Variant names one behaviour that the vendor's documents leave open.
type Variant struct {
	Name string `json:"name"`
	Doc  string `json:"doc"`
}

// Idempotency describes stored answers.
type Idempotency struct {
	// Header carries the key; empty switches the mechanism off.
	Header string
	// Methods that the key has an effect on.
	Methods []string
	// Lifetime of a stored answer by the wall clock.
	Lifetime time.Duration
	// LifetimeOf replaces Lifetime where it depends on the account.
	LifetimeOf func(*Account) time.Duration
	// Replay marks a stored answer that is sent again.
	Replay func(*Account, http.Header)
	// KeepsFault says that an injected status becomes the stored answer of its
	// request; effect tells whether the request was executed. Nil for never.
	KeepsFault func(a *Account, status int, effect bool) bool
}

// Webhooks describes deliveries.
type Webhooks struct {
	// Fields names what POST /_sandbox/webhooks takes beside url and secret.
	Fields []string
	// Added checks a new endpoint and fills in what the vendor adds, its id
	// at least.
	Added func(*Account, *Endpoint) error
	// Sign returns the headers of one attempt; signatures follow the wall
	// clock, which Message.At carries.
	Sign func(Endpoint, Message) http.Header
	// Retry returns the wait after the given number of failed attempts, and
	// false when the vendor gives up.
	Retry func(attempts int) (time.Duration, bool)
	// Accepts says which status of a receiver's answer takes a delivery; nil
	// for every 2xx.
	Accepts func(a *Account, status int) bool
}

// Problem is something the kit refuses on its own.
type Problem struct {
	Kind    ProblemKind
	Status  int // the status an injected fault asks for; 0 otherwise
	Message string
	// RetryAfter is the header value an injected fault asks for.
	RetryAfter string
}

// ProblemKind says what went wrong.
type ProblemKind string

// The problems that the kit meets before or instead of the vendor's handler.
const (
	Unauthorized        ProblemKind = "unauthorized"
	NoSuchPath          ProblemKind = "no such path"
	BadBody             ProblemKind = "bad body"
	TooLarge            ProblemKind = "too large"
	Injected            ProblemKind = "injected"
	KeyInUse            ProblemKind = "key in use"
	KeyOfOtherRequest   ProblemKind = "key of another request"
	KeyTooLong          ProblemKind = "key too long"
	Locked              ProblemKind = "locked by another request"
	UnexpectedCondition ProblemKind = "unexpected condition"
)

// Answer is what a handler returns; the kit stores it, spoils it or sends it.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	// Free leaves the idempotency key unused, as after failed validation.
	Free bool
}

// Payment is the body of POST /_sandbox/pay. Amount is in minor units; empty
// means everything.
type Payment struct {
	Object  string      `json:"object"`
	Outcome string      `json:"outcome"`
	Amount  json.Number `json:"amount,omitempty"`
}

// Mutation is the body of POST /_sandbox/mutate.
type Mutation struct {
	Object  string                     `json:"object"`
	ID      string                     `json:"id"`
	Op      string                     `json:"op"`
	Fields  map[string]json.RawMessage `json:"fields,omitempty"`
	Webhook bool                       `json:"webhook"`
}

// Refusal is an error of the control API with its HTTP status.
type Refusal struct {
	Status  int
	Message string
}

// Error returns the message.
func (r *Refusal) Error() string { return r.Message }

// HostedPage is what a payment link shows a person.
type HostedPage struct {
	Title   string
	Lines   []string
	Payable bool
}
