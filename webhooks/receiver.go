package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"scrip/adapters"
)

const (
	readTime  = 10 * time.Second // for the whole body
	storeTime = 10 * time.Second
	retryIn   = "5" // seconds, told when the store is away
)

type receiver struct {
	o        Options
	readTime time.Duration
	verified *verified
	refused  *refusals
}

// NewReceiver handles POST /v1/webhooks/{connection}, with the connection as
// a path value.
//
// It answers 200 once the delivery is durable, a repeated one too; 401 when it
// is not authentic, in the same words when there is no such connection; 413
// and 415 for bodies that are too long or encoded; 503 when it could not be
// stored, which asks the vendor to deliver again.
func NewReceiver(o Options) http.Handler {
	o = o.withDefaults()
	return &receiver{o, readTime, newVerified(o), newRefusals(o)}
}

// ServeHTTP implements [http.Handler].
func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		refuse(w, http.StatusMethodNotAllowed, "malformed", "deliveries are posted")
		return
	}
	for _, encoding := range r.Header.Values("Content-Encoding") {
		if encoding != "" && encoding != "identity" {
			refuse(w, http.StatusUnsupportedMediaType, "malformed", "the body must not be encoded")
			return
		}
	}
	body, status := rc.read(w, r)
	if status != 0 {
		refuse(w, status, map[int]string{413: "too_large", 408: "malformed", 400: "malformed"}[status], "the body could not be read whole")
		return
	}
	name := r.PathValue("connection")
	port := rc.o.Ports[name]
	delivery := adapters.Delivery{Header: r.Header, Body: body}
	if port == nil || port.Verify(delivery, rc.o.Wall()) != nil {
		// One answer for both: which connections exist is not told.
		if port != nil {
			rc.refused.see(name)
		}
		refuse(w, http.StatusUnauthorized, "unauthorized", "the delivery is not authentic")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), storeTime)
	defer cancel()
	if _, err := take(ctx, rc.o.Ledger, port, name, body, delivered); err != nil {
		rc.o.Log.Error("a delivery could not be stored", "connection", name, "error", err)
		w.Header().Set("Retry-After", retryIn)
		refuse(w, http.StatusServiceUnavailable, "unavailable", "the delivery could not be stored, deliver it again")
		return
	}
	rc.o.Kick()
	rc.verified.see(ctx, name, delivery)
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"received":true}`+"\n")
}

// read takes the whole body within its limits. status is what to answer when
// it cannot.
func (rc *receiver) read(w http.ResponseWriter, r *http.Request) (body []byte, status int) {
	if r.ContentLength > rc.o.MaxBody {
		return nil, http.StatusRequestEntityTooLarge
	}
	// Not every server can set a deadline; those that cannot have their own.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(rc.readTime))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, rc.o.MaxBody))
	var long *http.MaxBytesError
	switch {
	case err == nil:
		return body, 0
	case errors.As(err, &long):
		return nil, http.StatusRequestEntityTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, http.StatusRequestTimeout
	}
	return nil, http.StatusBadRequest
}

// refuse answers with a problem document.
func refuse(w http.ResponseWriter, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code, "detail": detail,
	})
}
