package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/sourcegraph/conc/pool"

	"scrip/adapters"
	"scrip/internal/clock"
	"scrip/internal/httpx"
	"scrip/mapping/config"
)

// probeTime bounds the one read that a vendor is asked for.
const probeTime = 15 * time.Second

// How far our clock may be from a vendor's: signatures of webhooks are refused
// when they are some minutes off, and a Date has whole seconds.
const (
	skewSeen = 20 * time.Second
	skewBad  = 4 * time.Minute
)

// bothConnections are those of the file, then those that are applied only.
func bothConnections(a *app) []config.Connection {
	list := slices.Clone(a.wanted.Connections)
	for _, c := range a.config.Connections {
		if !slices.ContainsFunc(list, func(o config.Connection) bool { return o.Name == c.Name }) {
			list = append(list, c)
		}
	}
	return list
}

// connections asks every vendor for one read, all at once.
func (d *doctor) connections(ctx context.Context, list []config.Connection) {
	parts := make([]doctor, len(list))
	p := pool.New().WithMaxGoroutines(8)
	for i, c := range list {
		p.Go(func() { parts[i].connection(ctx, c) })
	}
	p.Wait()
	for _, part := range parts {
		d.list = append(d.list, part.list...)
	}
}

func (d *doctor) connection(ctx context.Context, c config.Connection) {
	check := "connection " + c.Name
	if n := len(c.WebhookSecrets); n > 0 {
		d.ok(check, "webhook secrets: %d", n)
	} else {
		d.ok(check, "no webhook secret: its deliveries are refused, which does no harm where it neither leads nor collects")
	}
	v, known := vendorNamed(c.Provider)
	if !known {
		return // the config has been refused for it
	}
	adapter, err := v.open(c, clock.WallNow)
	if err != nil {
		d.fail(check, "mend the connection in the config file", "%s", err)
		return
	}
	ctx, stop := context.WithTimeout(ctx, probeTime)
	defer stop()
	var mu sync.Mutex
	var ahead *time.Duration // at the last answer
	ctx = httpx.WithSkew(ctx, func(by time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		ahead = &by
	})
	d.answer(check, c, adapter.Probe(ctx))
	mu.Lock()
	defer mu.Unlock()
	if ahead != nil {
		d.skew(check, *ahead)
	}
}

// answer judges how a vendor took the read.
func (d *doctor) answer(check string, c config.Connection, err error) {
	if err == nil {
		d.ok(check, "%s accepts the key %s", c.Provider, c.APIKey.Ref)
		return
	}
	e := adapters.AsError(err)
	switch e.Code {
	case adapters.CodeUnauthorized:
		d.fail(check, "put a key of this account there: the queue waits until it works", "%s refuses the key %s: %s", c.Provider, c.APIKey.Ref, e)
	case adapters.CodeForbidden:
		d.fail(check, "give the key the rights that docs/adapters.md names", "%s does not let the key %s read: %s", c.Provider, c.APIKey.Ref, e)
	case adapters.CodeRateLimited:
		d.warn(check, "lower mapping."+c.Name+".share, or find who else uses the account", "%s says that it is asked too often: %s", c.Provider, e)
	case adapters.CodeBadAnswer, adapters.CodeNotFound:
		d.fail(check, "check base_url: something else answers there", "%s gives an answer that is not its own: %s", c.Provider, e)
	default:
		d.fail(check, "check base_url, the network and the vendor's status page; what it must hear waits", "%s does not answer: %s", c.Provider, e)
	}
}

func (d *doctor) skew(check string, ahead time.Duration) {
	const mend = "let the machine follow a time server"
	word := "behind"
	if ahead < 0 {
		word = "ahead of"
	}
	switch by := ahead.Abs().Round(time.Second); {
	case by >= skewBad:
		d.fail(check, mend, "our clock is %s %s the vendor's: its deliveries are refused as too old or too new", by, word)
	case by >= skewSeen:
		d.warn(check, mend, "our clock is %s %s the vendor's", by, word)
	default:
		d.ok(check, "our clock agrees with the vendor's")
	}
}

// listen sees whether a gateway answers. That none does is only noted: it may
// run elsewhere, or not yet.
func (d *doctor) listen(ctx context.Context, address string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return // the config has been refused for it
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, stop := context.WithTimeout(ctx, 3*time.Second)
	defer stop()
	url := "http://" + net.JoinHostPort(host, port) + "/readyz"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		d.ok("gateway", "none answers on %s", address)
		return
	}
	defer resp.Body.Close()
	var ready struct {
		Storage string `json:"storage"`
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&ready)
	switch {
	case resp.StatusCode == http.StatusOK && err == nil && ready.Storage != "":
		d.ok("gateway", "one answers on %s and is ready", address)
	case resp.StatusCode == http.StatusServiceUnavailable:
		d.warn("gateway", "its log says why", "the one that answers on %s is not ready", address)
	default:
		d.warn("gateway", "stop what listens there, or change listen", "what answers on %s is no gateway", address)
	}
}
