package gateway

import (
	"net/http"
	"strings"
	"sync/atomic"

	"scrip/core"
)

// How many requests are worked on at once, and how many of them may be
// deliveries: a flood of these must not keep the application out.
const (
	mostInside    = 2048
	mostDelivered = 512
)

// limit bounds what is worked on at once. Whoever finds no room is told to come
// back, before anything of the request is read.
type limit struct {
	all, deliveries             atomic.Int64
	mostInside, mostDeliveredIn int64
}

func newLimit() *limit { return &limit{mostInside: mostInside, mostDeliveredIn: mostDelivered} }

// enter takes room for a request, which leave gives back; nil when there is
// none. What says how the gateway fares always has room.
func (l *limit) enter(r *http.Request) (leave func()) {
	switch {
	case r.URL.Path == "/healthz", r.URL.Path == "/readyz", r.URL.Path == "/metrics":
		return func() {}
	case strings.HasPrefix(r.URL.Path, "/v1/webhooks/"):
		if !take(&l.deliveries, l.mostDeliveredIn) {
			return nil
		}
		if !take(&l.all, l.mostInside) {
			l.deliveries.Add(-1)
			return nil
		}
		return func() { l.all.Add(-1); l.deliveries.Add(-1) }
	case take(&l.all, l.mostInside):
		return func() { l.all.Add(-1) }
	}
	return nil
}

func take(n *atomic.Int64, most int64) bool {
	if n.Add(1) > most {
		n.Add(-1)
		return false
	}
	return true
}

func errBusy() error {
	return &refusal{
		err:    core.Errorf(core.CodeRateLimited, "too many requests are being worked on, repeat this one"),
		header: http.Header{"Retry-After": {"1"}},
	}
}
