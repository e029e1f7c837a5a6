package webhooks

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
)

// Secret is one of the secrets that a connection's deliveries may be signed
// with: where it comes from, and an adapter that knows no other.
type Secret struct {
	Ref     string
	Adapter adapters.Adapter
}

// verifiedWrite is how often it is written down again which secret verified a
// delivery while that does not change.
const verifiedWrite = time.Hour

// verifiedKind is the kind of the records that say when each secret of a
// connection last verified a delivery.
const verifiedKind = "webhook_secrets"

// Verified tells when each secret of a connection, by its reference, last
// verified a delivery, within the hour.
func Verified(ctx context.Context, reader ledger.Reader, connection string) (map[string]core.Time, error) {
	r, err := reader.Records.Record(ctx, ledger.RecordKey{Kind: verifiedKind, ID: connection})
	if err != nil || r == nil {
		return nil, err
	}
	last := map[string]core.Time{}
	return last, json.Unmarshal(r.Body, &last)
}

// verified notes which secrets are in use, so that who rotates them sees when
// an old one is not needed any more.
type verified struct {
	o Options

	mu      sync.Mutex
	written map[[2]string]time.Time // by connection and reference
}

func newVerified(o Options) *verified {
	return &verified{o: o, written: map[[2]string]time.Time{}}
}

// see looks at a delivery that was found authentic.
func (v *verified) see(ctx context.Context, connection string, d adapters.Delivery) {
	secrets, wall := v.o.Secrets[connection], v.o.Wall()
	for _, s := range secrets {
		if len(secrets) > 1 && s.Adapter.Verify(d, wall) != nil {
			continue
		}
		if !v.stale(connection, s.Ref, wall) {
			return
		}
		if err := v.write(ctx, connection, s.Ref, core.TimeOf(wall)); err != nil {
			v.o.Log.Warn("it could not be noted which secret is in use", "connection", connection, "error", err)
		}
		return
	}
}

func (v *verified) stale(connection, ref string, wall time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	key := [2]string{connection, ref}
	if last, ok := v.written[key]; ok && wall.Sub(last).Abs() < verifiedWrite {
		return false
	}
	v.written[key] = wall
	return true
}

func (v *verified) write(ctx context.Context, connection, ref string, at core.Time) error {
	key := ledger.RecordKey{Kind: verifiedKind, ID: connection}
	return v.o.Ledger.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) { b.Records = append(b.Records, key) },
		Decide: func(tx *ledger.Tx) error {
			last := map[string]core.Time{}
			if r := tx.Record(key); r != nil {
				if err := json.Unmarshal(r.Body, &last); err != nil {
					return err
				}
			}
			last[ref] = at
			return tx.PutRecord(key, last)
		},
	})
}
