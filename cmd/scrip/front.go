package main

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// How long a request waits between two apps, and the next app for the requests
// that the one before still answers.
const (
	frontWait  = 10 * time.Second
	frontDrain = 5 * time.Second
)

// front is the handler of the address: that of the app that runs now. Between
// two apps, which takes a moment, requests wait.
type front struct {
	mu      sync.Mutex
	handler http.Handler  // nil between two apps
	set     chan struct{} // closed when there is a handler again
	inside  int           // requests that the handler answers
	idle    chan struct{} // closed when there are none, where somebody waits for it
}

func newFront() *front { return &front{set: make(chan struct{})} }

// ServeHTTP implements [http.Handler].
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := f.enter(r.Context())
	if h == nil {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "another config is being put in force, repeat the request", http.StatusServiceUnavailable)
		return
	}
	defer f.leave()
	h.ServeHTTP(w, r)
}

func (f *front) enter(ctx context.Context) http.Handler {
	wait := time.NewTimer(frontWait)
	defer wait.Stop()
	for {
		f.mu.Lock()
		if f.handler != nil {
			f.inside++
			h := f.handler
			f.mu.Unlock()
			return h
		}
		set := f.set
		f.mu.Unlock()
		select {
		case <-set:
		case <-wait.C:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

func (f *front) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inside--
	if f.inside == 0 && f.idle != nil {
		close(f.idle)
		f.idle = nil
	}
}

// open lets requests in to h.
func (f *front) open(h http.Handler) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handler = h
	close(f.set)
}

// shut lets no more requests in and waits a while for those inside.
func (f *front) shut() {
	f.mu.Lock()
	f.handler, f.set = nil, make(chan struct{})
	idle := make(chan struct{})
	if f.inside > 0 {
		f.idle = idle
	} else {
		close(idle)
	}
	f.mu.Unlock()
	select {
	case <-idle:
	case <-time.After(frontDrain):
	}
}
