package bench

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"time"

	"scrip/core/ledger"
	"scrip/gateway"
	"scrip/mapping/config"
)

// adminKey opens the gateway that is measured.
const adminKey = "scrip_admin_of_the_benchmark"

// gateway is the whole API in front of the subject.
func (b *subject) gateway(webhooks http.Handler) http.Handler {
	return gateway.New(gateway.Options{
		Ledger: b.ledger, Webhooks: webhooks, Config: &config.Config{Units: []config.Unit{{Unit: credits}}},
		AdminKey: config.NewSecret("env:SCRIP_ADMIN_KEY", adminKey),
	})
}

// DebitHTTP measures debits, one a request, over so many connections against a
// bare server that sends the body of each request back.
func DebitHTTP(ctx context.Context, dir, name string, connections int, p Pace) (Result, error) {
	p = p.withDefaults()
	b, err := openSubject(ctx, dir, p.Accounts, false)
	if err != nil {
		return Result{}, err
	}
	defer b.close()
	return b.overHTTP(ctx, name, nil, p, single(connections, p.Accounts),
		func(ctx context.Context, requests int64) error { return kept(ctx, b.ledger, p.Accounts, requests) })
}

// single is debits, one a request, of so many accounts.
func single(connections, accounts int) traffic {
	return traffic{connections: connections, url: "/v1/debits", operations: 1, next: func(n int64) message {
		header := apiHeader()
		header.Set("Idempotency-Key", fmt.Sprintf("bench-http-%012d", n))
		return message{header, fmt.Appendf(nil, `{"customer":%q,"unit":"credits","amount":"0.05"}`, customer(rand.IntN(accounts)))}
	}}
}

func apiHeader() http.Header {
	return http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + adminKey}}
}

// overHTTP measures traffic to the gateway against the same to an echo; check is told how many requests the gateway took.
func (b *subject) overHTTP(ctx context.Context, name string, webhooks http.Handler, p Pace, t traffic, check func(context.Context, int64) error) (Result, error) {
	api, stop, err := serve(b.gateway(webhooks))
	if err != nil {
		return Result{}, err
	}
	defer stop()
	bare, stopBare, err := serve(http.HandlerFunc(echo))
	if err != nil {
		return Result{}, err
	}
	defer stopBare()
	client := newClient(t.connections)
	defer client.CloseIdleConnections()
	subject, limit := &senders{traffic: t, client: client}, &senders{traffic: t, client: client}
	subject.url, limit.url = api+t.url, bare+t.url
	r, err := Compare(ctx, name, p, subject.run, limit.run)
	if err == nil {
		err = check(ctx, subject.made.Load())
	}
	return r, err
}

// inBatch is how many debits one request to the batch endpoint carries.
const inBatch = 100

// BatchHTTP measures debits, a hundred a request to the batch endpoint, over so
// many connections against bare writes of the same rows in groups of a hundred.
func BatchHTTP(ctx context.Context, dir, name string, connections int, p Pace) (Result, error) {
	p = p.withDefaults()
	b, err := openSubject(ctx, dir, p.Accounts, false)
	if err != nil {
		return Result{}, err
	}
	defer b.close()
	bare, err := openBare(filepath.Join(dir, "limit.db"), p.Accounts, false)
	if err != nil {
		return Result{}, err
	}
	defer bare.close()
	return b.inBatches(ctx, name, connections, p,
		func(ctx context.Context, t time.Duration) (Slice, error) { return bare.run(ctx, t, inBatch) },
		func(ctx context.Context, made int64) error { return kept(ctx, b.ledger, p.Accounts, made) })
}

// inBatches measures debits, a hundred a request, against a limit; check is told how many were made.
func (b *subject) inBatches(ctx context.Context, name string, connections int, p Pace, limit Side, check func(context.Context, int64) error) (Result, error) {
	api, stop, err := serve(b.gateway(nil))
	if err != nil {
		return Result{}, err
	}
	defer stop()
	client := newClient(connections)
	defer client.CloseIdleConnections()
	s := &senders{client: client, traffic: traffic{
		connections: connections, url: api + "/v1/debits/batch", operations: inBatch, check: allApplied,
		next: func(n int64) message { return message{apiHeader(), batchBody(n, p.Accounts)} },
	}}
	r, err := Compare(ctx, name, p, s.run, limit)
	if err == nil {
		err = check(ctx, inBatch*s.made.Load())
	}
	return r, err
}

func batchBody(n int64, accounts int) []byte {
	body := []byte(`{"debits":[`)
	for i := range inBatch {
		if i > 0 {
			body = append(body, ',')
		}
		body = fmt.Appendf(body, `{"key":"bench-batch-%012d-%02d","customer":%q,"unit":"credits","amount":"0.05"}`, n, i, customer(rand.IntN(accounts)))
	}
	return append(body, `]}`...)
}

// allApplied sees that no debit of a batch was refused, or known before.
func allApplied(answer []byte) error {
	if n := bytes.Count(answer, []byte(`"applied"`)); n != inBatch {
		return fmt.Errorf("%d of %d debits were applied", n, inBatch)
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
	return Compare(ctx, name, p, reading(p.Accounts, func(c string) error { return b.balance(ctx, c, 1) }), reading(p.Accounts, bare.read))
}

// balance reads one through the ledger.
func (b *subject) balance(ctx context.Context, c string, grants int) error {
	a, err := b.ledger.Account(ctx, ledger.AccountKey{Customer: c, Unit: credits.Code})
	if err == nil && (len(a.Grants) != grants || a.Consumed != 1) {
		err = fmt.Errorf("the account of %s was read as %+v", c, a)
	}
	return err
}

// reading reads accounts, one after another.
func reading(accounts int, read func(customer string) error) Side {
	return func(_ context.Context, t time.Duration) (s Slice, err error) {
		for until := time.Now().Add(t); time.Now().Before(until); s.Ops++ {
			start := time.Now()
			if err := read(customer(rand.IntN(accounts))); err != nil {
				return s, err
			}
			s.Taken = append(s.Taken, time.Since(start))
		}
		return s, nil
	}
}
