package gateway

import (
	"net/http"
	"time"
)

// NewServer is a server whose every wait is bounded: 5 s for headers, 30 s
// for a request, 60 s for an answer, 120 s between requests, 32 KiB of headers.
func NewServer(handler http.Handler, addr string) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    256 << 10, // a vendor may sign a delivery by a token that holds its body
	}
}
