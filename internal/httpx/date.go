package httpx

import (
	"context"
	"net/http"
	"time"
)

// dateKey is under what a context carries who wants to know servers' clocks.
type dateKey struct{}

// WithSkew is ctx for calls whose answers' Date headers are of interest. seen
// is called for each answer that has one, with how far the server's clock is
// ahead of ours, negative when it is behind. A Date has whole seconds: less
// than two say nothing.
func WithSkew(ctx context.Context, seen func(ahead time.Duration)) context.Context {
	return context.WithValue(ctx, dateKey{}, seen)
}

func tellDate(ctx context.Context, resp *http.Response) {
	seen, ok := ctx.Value(dateKey{}).(func(time.Duration))
	if !ok {
		return
	}
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		seen(time.Until(at))
	}
}
