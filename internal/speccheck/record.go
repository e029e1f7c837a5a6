package speccheck

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// Recorder keeps every exchange that passes through it.
type Recorder struct {
	next http.Handler
	mu   sync.Mutex
	list []Exchange
}

// Record puts a recorder in front of a handler.
func Record(next http.Handler) *Recorder { return &Recorder{next: next} }

// Exchanges returns what passed so far.
func (r *Recorder) Exchanges() []Exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Exchange{}, r.list...)
}

// ServeHTTP records one exchange.
func (r *Recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, 16<<20))
	if err != nil {
		http.Error(w, "the request's body could not be read", http.StatusBadRequest)
		return
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	tee := &teeWriter{ResponseWriter: w, status: http.StatusOK}
	r.next.ServeHTTP(tee, req)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, Exchange{
		Method: req.Method, URL: "http://" + req.Host + req.URL.RequestURI(), Header: req.Header.Clone(), Body: body,
		Status: tee.status, ReplyHeader: w.Header().Clone(), Reply: tee.body.Bytes(),
	})
}

// teeWriter copies an answer while it is written.
type teeWriter struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (t *teeWriter) WriteHeader(status int) {
	t.status = status
	t.ResponseWriter.WriteHeader(status)
}

func (t *teeWriter) Write(p []byte) (int, error) {
	t.body.Write(p)
	return t.ResponseWriter.Write(p)
}

// Unwrap lets the handler reach the connection.
func (t *teeWriter) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// indexed writes out the empty index of form keys, `a[][b]` as `a[0][b]`,
// since the validator understands only the latter.
func indexed(contentType string, body []byte) []byte {
	if !strings.HasPrefix(contentType, "application/x-www-form-urlencoded") {
		return body
	}
	pairs := strings.Split(string(body), "&")
	counts, seen := map[string]int{}, map[string]bool{}
	for i, pair := range pairs {
		plain := strings.NewReplacer("%5B", "[", "%5D", "]", "%5b", "[", "%5d", "]").Replace(pair)
		key, value, _ := strings.Cut(plain, "=")
		head, tail, found := strings.Cut(key, "[]")
		if !found {
			continue
		}
		at := func() string { return head + "[" + strconv.Itoa(counts[head]) + "]" + tail }
		if seen[at()] {
			counts[head]++
		}
		seen[at()] = true
		pairs[i] = at() + "=" + value
	}
	return []byte(strings.Join(pairs, "&"))
}
