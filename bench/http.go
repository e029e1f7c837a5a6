package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc/pool"

	"scrip/core/ledger"
	"scrip/gateway"
	"scrip/mapping/config"
)

// adminKey opens the gateway that is measured.
const adminKey = "scrip_admin_of_the_benchmark"

// DebitHTTP measures debits, one a request, over so many connections against a
// bare server that sends the body of each request back.
func DebitHTTP(ctx context.Context, dir, name string, connections int, p Pace) (Result, error) {
	p = p.withDefaults()
	b, err := openSubject(ctx, dir, p.Accounts, false)
	if err != nil {
		return Result{}, err
	}
	defer b.close()
	api, stop, err := serve(gateway.New(gateway.Options{
		Ledger: b.ledger, Config: &config.Config{Units: []config.Unit{{Unit: credits}}}, AdminKey: config.NewSecret("env:SCRIP_ADMIN_KEY", adminKey),
	}))
	if err != nil {
		return Result{}, err
	}
	defer stop()
	echo, stopEcho, err := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}))
	if err != nil {
		return Result{}, err
	}
	defer stopEcho()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}}
	defer client.CloseIdleConnections()
	s := &senders{client: client, connections: connections, accounts: p.Accounts}
	return Compare(ctx, name, p,
		func(ctx context.Context, t time.Duration) (Slice, error) { return s.run(ctx, api+"/v1/debits", t) },
		func(ctx context.Context, t time.Duration) (Slice, error) { return s.run(ctx, echo+"/v1/debits", t) })
}

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

// senders post debits, each over a connection of its own.
type senders struct {
	client      *http.Client
	connections int
	accounts    int
	made        atomic.Int64
}

func (s *senders) run(ctx context.Context, url string, t time.Duration) (Slice, error) {
	until := time.Now().Add(t)
	callers := pool.NewWithResults[[]time.Duration]().WithErrors()
	for range s.connections {
		callers.Go(func() ([]time.Duration, error) {
			var taken []time.Duration
			for time.Now().Before(until) {
				start := time.Now()
				if err := s.post(ctx, url); err != nil {
					return taken, err
				}
				taken = append(taken, time.Since(start))
			}
			return taken, nil
		})
	}
	lists, err := callers.Wait()
	return gathered(lists), err
}

func (s *senders) post(ctx context.Context, url string) error {
	body := fmt.Appendf(nil, `{"customer":%q,"unit":"credits","amount":"0.05"}`, customer(rand.IntN(s.accounts)))
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+adminKey)
	r.Header.Set("Idempotency-Key", fmt.Sprintf("bench-http-%012d", s.made.Add(1)))
	answer, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil || answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %d: %.300s (%v)", url, answer.StatusCode, text, err)
	}
	return nil
}

// Balance measures balance reads through the ledger against the bare read of
// the account's row and its grants, with the same driver.
func Balance(ctx context.Context, dir, name string, p Pace) (Result, error) {
	p = p.withDefaults()
	b, err := openSubject(ctx, dir, p.Accounts, false)
	if err != nil {
		return Result{}, err
	}
	defer b.close()
	bare, err := openBare(dir+"/limit.db", p.Accounts, false)
	if err != nil {
		return Result{}, err
	}
	defer bare.close()
	read := func(f func(customer string) error) Side {
		return func(_ context.Context, t time.Duration) (s Slice, err error) {
			for until := time.Now().Add(t); time.Now().Before(until); s.Ops++ {
				start := time.Now()
				if err := f(customer(rand.IntN(p.Accounts))); err != nil {
					return s, err
				}
				s.Taken = append(s.Taken, time.Since(start))
			}
			return s, nil
		}
	}
	return Compare(ctx, name, p, read(func(c string) error {
		_, err := b.ledger.Account(ctx, ledger.AccountKey{Customer: c, Unit: credits.Code})
		return err
	}), read(bare.read))
}
