package sandbox

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math/big"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"
)

// Account is everything one API key sees: state, clock, faults, webhooks.
type Account struct {
	mu      sync.Mutex
	changed *sync.Cond
	srv     *Server
	wake    chan struct{}
	stop    chan struct{}
	busy    map[string]bool // idempotency keys of running requests
	locked  map[string]bool // what running requests have for themselves
	sending map[string]bool // endpoints with an attempt in flight
	started bool            // the sender runs
	at      time.Time       // the instant being lived through, zero outside a step
	host    string          // where the last request was sent to
	queue   []*Delivery     // what waits, a part of book.Deliveries
	state   any
	book    book
}

// book is the part of an account that a snapshot keeps.
type book struct {
	ID         string
	Frozen     bool
	Now        time.Time
	Settled    time.Time
	Serial     uint64
	Variants   map[string]bool
	Calls      map[string]int
	Faults     []*Fault
	Webhooks   []*WebhookFault
	FaultSeed  uint64
	FaultDraws uint64
	Answers    map[string]*storedAnswer
	Endpoints  []*Endpoint
	Deliveries []*Delivery
	Order      int64
}

func newAccount(s *Server, id string) *Account {
	a := &Account{srv: s, wake: make(chan struct{}, 1), stop: make(chan struct{}), state: s.vendor.NewState()}
	a.changed = sync.NewCond(&a.mu)
	a.busy, a.locked, a.sending = map[string]bool{}, map[string]bool{}, map[string]bool{}
	a.book = emptyBook(id)
	return a
}

func emptyBook(id string) book {
	return book{ID: id, Variants: map[string]bool{}, Calls: map[string]int{}, Answers: map[string]*storedAnswer{}}
}

// accountID hides the key, so that a snapshot never holds one.
func accountID(key string) string {
	sum := sha256.Sum256([]byte("sandbox account\x00" + key))
	return base64.RawURLEncoding.EncodeToString(sum[:15])
}

// State is the vendor's state, as Vendor.NewState made it.
func (a *Account) State() any { return a.state }

// ID names the account without giving its key away.
func (a *Account) ID() string { return a.book.ID }

// Wall is the wall clock, for signatures and delays.
func (a *Account) Wall() time.Time { return a.srv.wall() }

// Variant says whether an unconfirmed behaviour is switched on.
func (a *Account) Variant(name string) bool { return a.book.Variants[name] }

// BaseURL is where people reach this sandbox: the public URL, or else the host
// that the last request named. It has no trailing slash.
func (a *Account) BaseURL() string {
	if u := a.srv.publicURL(); u != "" {
		return u
	}
	if a.host != "" {
		return "http://" + a.host
	}
	return ""
}

// NewID returns a fresh identifier: the prefix and n letters and digits that
// follow from the seed, the account and a serial number.
func (a *Account) NewID(prefix string, n int) string {
	a.book.Serial++
	seed := binary.BigEndian.AppendUint64([]byte(a.book.ID), a.srv.seed)
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(seed, a.book.Serial))
	text := new(big.Int).SetBytes(sum[:]).Text(62)
	for len(text) < n {
		text += strconv.FormatUint(a.book.Serial, 10)
	}
	return prefix + text[:n]
}

// chance draws whether something with the given odds in 1e9 happens.
func (a *Account) chance(odds uint64) bool {
	a.book.FaultDraws++
	r := rand.New(rand.NewPCG(a.book.FaultSeed, a.book.FaultDraws))
	return r.Uint64N(chanceScale) < odds
}
