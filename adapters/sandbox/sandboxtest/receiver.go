package sandboxtest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Receiver takes webhooks and keeps what it got, as answers without a status.
type Receiver struct {
	URL  string
	mu   sync.Mutex
	got  []Answer
	seen int
}

// Receive starts a receiver; status decides the answer to its n-th delivery,
// nil for 200 always.
func Receive(t *testing.T, status func(n int) int) *Receiver {
	t.Helper()
	r := &Receiver{}
	hs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.got = append(r.got, answer(0, req.Header, body))
		n := len(r.got)
		r.mu.Unlock()
		if status != nil {
			w.WriteHeader(status(n))
		}
	}))
	t.Cleanup(hs.Close)
	r.URL = hs.URL
	return r
}

// All is everything that arrived.
func (r *Receiver) All() []Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Answer{}, r.got...)
}

// News waits for what is under way and returns what arrived since it was last
// called.
func (r *Receiver) News(c *Client) []Answer {
	c.T.Helper()
	c.Settle()
	all := r.All()
	r.mu.Lock()
	defer r.mu.Unlock()
	from := r.seen
	r.seen = len(all)
	return all[from:]
}

// Types is the field "type" of each, in order, with spaces between.
func Types(list []Answer) string {
	var out []string
	for _, x := range list {
		out = append(out, x.Text("type"))
	}
	return strings.Join(out, " ")
}
