package sandbox

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/sourcegraph/conc/pool"
)

const (
	attemptTimeout = 10 * time.Second
	maxSenders     = 8        // attempts in flight per account
	maxReply       = 64 << 10 // bytes read of a receiver's answer
	idleWait       = time.Minute
)

// kick starts the account's sender, or wakes it.
func (a *Account) kick() {
	if !a.started {
		a.srv.mu.Lock()
		if !a.srv.closed {
			a.started = true
			a.srv.senders.Go(a.runSender)
		}
		a.srv.mu.Unlock()
	}
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// runSender hands out what is ready until the account or the server ends. Each
// endpoint has at most one attempt in flight, so that a healthy one receives
// events in order and a slow one holds up nobody else.
func (a *Account) runSender() {
	p := pool.New().WithMaxGoroutines(maxSenders)
	defer p.Wait()
	for {
		ready, wait := a.ready()
		for _, d := range ready {
			p.Go(func() { a.attempt(d) })
		}
		t := time.NewTimer(wait)
		select {
		case <-a.srv.ctx.Done():
			t.Stop()
			return
		case <-a.stop:
			t.Stop()
			return
		case <-a.wake:
		case <-t.C:
		}
		t.Stop()
	}
}

// ready claims the next due delivery of every idle endpoint, and says how long
// to wait when nobody wakes the sender.
func (a *Account) ready() ([]*Delivery, time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now, wait := a.Wall(), idleWait
	first := map[string]*Delivery{}
	a.queue = slices.DeleteFunc(a.queue, func(d *Delivery) bool { return d.State != stateWaiting })
	for _, d := range a.queue {
		if a.sending[d.Endpoint] {
			continue
		}
		if left := d.Next.Sub(now); left > 0 {
			wait = min(wait, left)
			continue
		}
		if best := first[d.Endpoint]; best == nil || d.Order < best.Order {
			first[d.Endpoint] = d
		}
	}
	list := make([]*Delivery, 0, len(first))
	for ep, d := range first {
		a.sending[ep] = true
		list = append(list, d)
	}
	return list, wait
}

// attempt sends one delivery once and records what became of it.
func (a *Account) attempt(d *Delivery) {
	a.mu.Lock()
	i := slices.IndexFunc(a.book.Endpoints, func(ep *Endpoint) bool { return ep.ID == d.Endpoint })
	if i < 0 {
		d.end(stateFailed)
		a.finish(d.Endpoint)
		return
	}
	ep := *a.book.Endpoints[i]
	m := Message{Event: d.Event, Type: d.Type, Body: d.Body, At: a.Wall(), Attempt: len(d.Attempts) + 1}
	header := a.srv.vendor.Webhooks.Sign(ep, m)
	a.mu.Unlock()

	status, err := a.srv.post(ep.URL, header, m.Body)

	a.mu.Lock()
	if a.srv.ctx.Err() != nil { // cut off by Close: the attempt does not count
		a.finish(d.Endpoint)
		return
	}
	tried := Attempt{At: m.At, Status: status}
	if err != nil {
		tried.Error = err.Error()
	}
	d.Attempts = append(d.Attempts, tried)
	if a.accepts(status) {
		d.end(stateDelivered)
	} else if again, ok := a.srv.vendor.Webhooks.Retry(len(d.Attempts)); ok {
		d.Next = a.Wall().Add(again)
	} else {
		d.end(stateFailed)
	}
	a.finish(d.Endpoint)
}

func (a *Account) accepts(status int) bool {
	if f := a.srv.vendor.Webhooks.Accepts; f != nil {
		return f(a, status)
	}
	return status/100 == 2
}

// abandon gives up what waits, so that nobody waits for it.
func (a *Account) abandon() {
	for _, d := range a.queue {
		if d.State == stateWaiting {
			d.end(stateFailed)
		}
	}
	a.queue = nil
	a.changed.Broadcast()
}

// finish frees the endpoint for its next delivery and unlocks the account.
func (a *Account) finish(endpoint string) {
	delete(a.sending, endpoint)
	a.changed.Broadcast()
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (s *Server) post(target string, header http.Header, body []byte) (int, error) {
	ctx, cancel := context.WithTimeout(s.ctx, attemptTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("the endpoint's url cannot be used")
	}
	for k, vs := range header {
		req.Header[k] = vs
	}
	if req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	resp, err := s.client.Do(req)
	if err != nil {
		if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
			err = wrapped.Err // without the url, which may hold a secret
		}
		return 0, err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, maxReply)) //nolint:errcheck // only the status counts
	return resp.StatusCode, nil
}

// delivered is the answer of POST /_sandbox/deliver.
type delivered struct {
	Delivered int `json:"delivered"`
	Failed    int `json:"failed"`
}

// deliverAll makes everything that waits due now and returns when each was
// tried once more, or when the caller gives up.
func (a *Account) deliverAll(ctx context.Context) delivered {
	a.mu.Lock()
	defer a.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { a.mu.Lock(); a.changed.Broadcast(); a.mu.Unlock() })
	defer stop()
	before := map[*Delivery]int{}
	for _, d := range a.queue {
		if d.State == stateWaiting {
			before[d], d.Held, d.Next = len(d.Attempts), false, a.Wall()
		}
	}
	a.kick()
	for d, n := range before {
		for d.State == stateWaiting && len(d.Attempts) == n && ctx.Err() == nil && a.srv.ctx.Err() == nil {
			a.changed.Wait()
		}
	}
	var out delivered
	for d := range before {
		if d.State == stateDelivered {
			out.Delivered++
		} else {
			out.Failed++
		}
	}
	return out
}
