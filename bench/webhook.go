package bench

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"scrip/adapters"
	"scrip/core/ledger"
	"scrip/internal/clock"
	"scrip/webhooks"
)

// deliverySize is how many bytes a benchmarked delivery has.
const deliverySize = 2048

// WebhookSQLite measures deliveries of 2 KiB, signed, verified, stored durably
// and then acknowledged, over so many connections against a bare server that
// sends the same body back. Nothing is applied meanwhile.
func WebhookSQLite(ctx context.Context, dir, name string, connections int, p Pace) (Result, error) {
	b, err := openSubject(ctx, dir, 0, false)
	if err != nil {
		return Result{}, err
	}
	defer b.close()
	v := newPoster("secret of the benchmark")
	receiver := webhooks.NewReceiver(webhooks.Options{
		Ledger: b.ledger, Ports: map[string]*adapters.Port{"main": adapters.NewPort(v, adapters.Limits{})}, Wall: time.Now,
	})
	return b.overHTTP(ctx, name, receiver, p, v.traffic(connections), b.stored)
}

// traffic is the vendor's deliveries.
func (v *poster) traffic(connections int) traffic {
	return traffic{connections: connections, url: "/v1/webhooks/main", operations: 1, next: func(n int64) message {
		body := delivery(n)
		return message{v.sign(body, time.Now()), body}
	}}
}

// delivery is the n-th event. All differ, and all have the same length.
func delivery(n int64) []byte {
	body := fmt.Appendf(nil, `{"id":"evt_%012d","type":"customer.updated","customer":"cus_%05d","data":{"notes":"`, n, n%10_000)
	const end = `"}}`
	return append(append(body, strings.Repeat("n", deliverySize-len(body)-len(end))...), end...)
}

// stored sees that the inbox has each delivery, once and whole.
func (b *subject) stored(ctx context.Context, deliveries int64) error {
	queues := b.ledger.Reader().Queues
	stats, err := queues.Stats(ctx, clock.WallNow())
	if err != nil {
		return err
	}
	var waiting int64
	for _, q := range stats {
		if q.Queue == ledger.Inbox {
			waiting += int64(q.Waiting)
		}
	}
	if waiting != deliveries {
		return fmt.Errorf("the inbox has %d of %d deliveries", waiting, deliveries)
	}
	sample, err := queues.Events(ctx, ledger.QueueFilter{Limit: 100})
	if err != nil {
		return err
	}
	for _, e := range sample {
		n, err := strconv.ParseInt(strings.TrimPrefix(e.VendorID, "evt_"), 10, 64)
		if err != nil || string(e.Body) != string(delivery(n)) {
			return fmt.Errorf("event %q was stored with other content: %.100q", e.VendorID, e.Body)
		}
	}
	return nil
}

// poster is a vendor that signs as most do: an HMAC-SHA256 over the time and
// the raw body, in one header.
type poster struct{ macs sync.Pool }

const (
	signatureHeader = "Bench-Signature"
	signatureAge    = 5 * time.Minute
)

func newPoster(secret string) *poster {
	v := &poster{}
	v.macs.New = func() any { return hmac.New(sha256.New, []byte(secret)) }
	return v
}

func (v *poster) mac(at string, body []byte) []byte {
	mac := v.macs.Get().(hash.Hash)
	defer v.macs.Put(mac)
	mac.Reset()
	mac.Write([]byte(at))
	mac.Write([]byte{'.'})
	mac.Write(body)
	return mac.Sum(nil)
}

func (v *poster) sign(body []byte, now time.Time) http.Header {
	at := strconv.FormatInt(now.Unix(), 10)
	return http.Header{"Content-Type": {"application/json"}, signatureHeader: {"t=" + at + ",v1=" + hex.EncodeToString(v.mac(at, body))}}
}

// Verify implements [adapters.Adapter].
func (v *poster) Verify(d adapters.Delivery, now time.Time) error {
	at, signature, _ := strings.Cut(strings.TrimPrefix(d.Header.Get(signatureHeader), "t="), ",v1=")
	seconds, err := strconv.ParseInt(at, 10, 64)
	given, hexErr := hex.DecodeString(signature)
	if err != nil || hexErr != nil || now.Sub(time.Unix(seconds, 0)).Abs() > signatureAge || !hmac.Equal(given, v.mac(at, d.Body)) {
		return adapters.Errorf(adapters.CodeUnauthorized, "the delivery is not authentic")
	}
	return nil
}

// Normalise implements [adapters.Adapter].
func (v *poster) Normalise(body []byte) (adapters.Event, error) {
	var e struct {
		ID       string `json:"id"`
		Type     string `json:"type"`
		Customer string `json:"customer"`
	}
	if err := json.Unmarshal(body, &e); err != nil || e.ID == "" {
		return adapters.Event{}, adapters.Errorf(adapters.CodeInvalid, "the body is no event")
	}
	return adapters.Event{ID: e.ID, Type: e.Type, Kind: adapters.CustomerEvent, Object: e.Customer, Customer: e.Customer}, nil
}

// Traits implements [adapters.Adapter].
func (v *poster) Traits() adapters.Traits {
	return adapters.Traits{Provider: "poster", PerSecond: 100, SignsBody: true}
}

// Probe implements [adapters.Adapter].
func (v *poster) Probe(context.Context) error { return nil }
