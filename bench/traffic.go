package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc/pool"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

// serve answers on a free port of the loopback.
func serve(h http.Handler) (url string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	return "http://" + listener.Addr().String(), func() { _ = server.Close(); <-done }, nil
}

// echo is the least that a server can do with a request: it sends the body
// back.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer))
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

// newClient keeps so many connections open.
func newClient(connections int) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}}
}

// message is one request.
type message struct {
	header http.Header
	body   []byte
}

// traffic is what is posted, and how.
type traffic struct {
	connections int
	url         string
	operations  int // of one message
	next        func(n int64) message
	check       func(answer []byte) error // nil: a status of success will do
}

// senders post messages, each over a connection of its own.
type senders struct {
	traffic
	client *http.Client
	made   atomic.Int64
}

// run posts for about t. Taken holds the duration of single messages.
func (s *senders) run(ctx context.Context, t time.Duration) (Slice, error) {
	until := time.Now().Add(t)
	callers := pool.NewWithResults[[]time.Duration]().WithErrors()
	for range s.connections {
		callers.Go(func() ([]time.Duration, error) {
			var taken []time.Duration
			for time.Now().Before(until) {
				start := time.Now()
				if err := s.post(ctx, s.next(s.made.Add(1))); err != nil {
					return taken, err
				}
				taken = append(taken, time.Since(start))
			}
			return taken, nil
		})
	}
	lists, err := callers.Wait()
	slice := gathered(lists)
	slice.Ops *= s.operations
	return slice, err
}

func (s *senders) post(ctx context.Context, m message) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(m.body))
	if err != nil {
		return err
	}
	r.Header = m.header
	answer, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err == nil && answer.StatusCode/100 == 2 && s.check != nil {
		err = s.check(text)
	}
	if err != nil || answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %d: %.300s (%v)", s.url, answer.StatusCode, text, err)
	}
	return nil
}
