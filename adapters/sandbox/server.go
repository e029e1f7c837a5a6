package sandbox

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sourcegraph/conc"
)

// maxAccounts bounds how many keys one sandbox keeps apart.
const maxAccounts = 10_000

// Options are the settings of a sandbox; the zero value works.
type Options struct {
	// Wall is the wall clock; time.Now when nil.
	Wall func() time.Time
	// Client delivers webhooks; a plain one when nil.
	Client *http.Client
	// PublicURL is where people reach the sandbox, for payment links.
	PublicURL string
	// Tick is how often what fell due while nobody called is lived through, a
	// second when zero.
	Tick time.Duration
	// Seed decides the generated ids.
	Seed uint64
	// Logf receives one line for what a person might want to know; nil for
	// silence. It never receives a key or a secret.
	Logf func(string, ...any)
}

// Server is one vendor's sandbox.
type Server struct {
	vendor  Vendor
	wall    func() time.Time
	client  *http.Client
	seed    uint64
	logf    func(string, ...any)
	mux     *http.ServeMux
	control *http.ServeMux
	ctx     context.Context
	cancel  context.CancelFunc
	senders conc.WaitGroup

	mu       sync.Mutex
	closed   bool
	public   string
	accounts map[string]*Account
}

// New returns a running sandbox; Close ends it.
func New(v Vendor, o Options) *Server {
	s := &Server{vendor: v, wall: o.Wall, client: o.Client, seed: o.Seed, logf: o.Logf, accounts: map[string]*Account{}}
	s.SetPublicURL(o.PublicURL)
	if s.wall == nil {
		s.wall = time.Now
	}
	wall := s.wall
	s.wall = func() time.Time { return wall().UTC() }
	if s.client == nil {
		s.client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	if s.logf == nil {
		s.logf = func(string, ...any) {}
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.mux = http.NewServeMux()
	for _, r := range v.Routes {
		s.mux.HandleFunc(r.Method+" "+r.Pattern, func(w http.ResponseWriter, req *http.Request) { s.serveCall(w, req, r) })
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) { s.serveCall(w, req, Route{}) })
	s.control = s.controlMux()
	if o.Tick <= 0 {
		o.Tick = time.Second
	}
	s.senders.Go(func() { s.tick(o.Tick) })
	return s
}

// ServeHTTP answers the vendor's API and, under /_sandbox/, the control API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, controlPrefix) {
		s.control.ServeHTTP(w, r)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// Close stops the webhook senders and waits for attempts in flight.
func (s *Server) Close() {
	s.mu.Lock()
	done := s.closed
	s.closed = true
	s.mu.Unlock()
	if done {
		return
	}
	s.cancel()
	for _, a := range s.all() {
		a.mu.Lock()
		a.changed.Broadcast()
		a.mu.Unlock()
	}
	s.senders.Wait()
}

// SetPublicURL says where people reach the sandbox, once the listener is known.
func (s *Server) SetPublicURL(u string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.public = strings.TrimRight(u, "/")
}

func (s *Server) publicURL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.public
}

// account returns the account of a key, making it at first sight; nil when the
// sandbox holds too many.
func (s *Server) account(key string) *Account {
	id := accountID(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[id]
	if a == nil && len(s.accounts) < maxAccounts {
		a = newAccount(s, id)
		s.accounts[id] = a
	}
	return a
}

// all lists the accounts.
func (s *Server) all() []*Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*Account, 0, len(s.accounts))
	for _, a := range s.accounts {
		list = append(list, a)
	}
	return list
}

// apiKey reads the key from Bearer or Basic authorization.
func apiKey(r *http.Request) string {
	if user, _, ok := r.BasicAuth(); ok {
		return user
	}
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(key)
}

// tick lives accounts through what falls due while nobody calls.
func (s *Server) tick(every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-t.C:
		}
		for _, a := range s.all() {
			a.mu.Lock()
			if !a.book.Frozen {
				a.enter()
			}
			a.mu.Unlock()
		}
	}
}
