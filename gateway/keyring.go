package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"scrip/core"
	"scrip/core/ledger"
)

// keyTrust is how long a key that was found is believed without asking the
// database again: a revocation elsewhere takes effect within it.
const keyTrust = 2 * time.Second

// keyring tells who may do what.
type keyring struct {
	ledger *ledger.Ledger
	admin  *[sha256.Size]byte // of the key that is not stored, or nil
	mu     sync.Mutex
	known  map[string]trusted // by the key's hash, so that no key stays in memory
}

type trusted struct {
	need  access
	until time.Time
}

func newKeyring(l *ledger.Ledger, adminKey string) *keyring {
	k := &keyring{ledger: l, known: map[string]trusted{}}
	if adminKey != "" {
		sum := sha256.Sum256([]byte(adminKey))
		k.admin = &sum
	}
	return k
}

// errNoKey is the one answer to every key that does not open: missing, wrong
// or revoked.
func errNoKey() error {
	return &refusal{
		err:    core.Errorf(core.CodeUnauthorized, "send a valid API key as Authorization: Bearer KEY"),
		header: http.Header{"Www-Authenticate": {"Bearer"}},
	}
}

// check refuses a request whose key does not have the scope.
func (k *keyring) check(r *http.Request, need access) error {
	key, ok := bearer(r.Header)
	if !ok {
		return errNoKey()
	}
	has, err := k.scope(r.Context(), key)
	if err != nil {
		return err
	}
	if has < need {
		return core.Errorf(core.CodeForbidden, "this key has scope %s, %s is needed", has, need)
	}
	return nil
}

// bearer finds the key. It is taken from the header alone: what stands in a
// query string ends in logs.
func bearer(h http.Header) (string, bool) {
	values := h.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, key, ok := strings.Cut(values[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || key == "" || len(key) > 512 {
		return "", false
	}
	return key, true
}

func (k *keyring) scope(ctx context.Context, key string) (access, error) {
	sum := sha256.Sum256([]byte(key))
	if k.admin != nil && subtle.ConstantTimeCompare(sum[:], k.admin[:]) == 1 {
		return admin, nil
	}
	hash := hex.EncodeToString(sum[:])
	if has, ok := k.recall(hash); ok {
		return has, nil
	}
	record, err := k.ledger.Reader().Records.ByKey(ctx, keyKind, hash)
	if err != nil {
		return 0, readFault(err)
	}
	if record == nil || record.Deleted {
		return 0, errNoKey()
	}
	var stored Key
	if err := json.Unmarshal(record.Body, &stored); err != nil {
		return 0, err
	}
	has, ok := parseScope(stored.Scope)
	if !ok {
		return 0, errNoKey()
	}
	k.remember(hash, has)
	return has, nil
}

func (k *keyring) recall(hash string) (access, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t, ok := k.known[hash]
	return t.need, ok && time.Now().Before(t.until)
}

// remember trusts a stored key for a while. Only keys that exist get here, so
// guessing fills nothing; the bound is for those with very many keys.
func (k *keyring) remember(hash string, need access) {
	const most = 10_000
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.known) >= most {
		clear(k.known)
	}
	k.known[hash] = trusted{need, time.Now().Add(keyTrust)}
}

// forget drops all trust: something was revoked here.
func (k *keyring) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.known)
}

// readFault is a failed read as callers may see it: refusals as they are, a
// database's words hidden behind a problem that may pass.
func readFault(err error) error {
	var known *core.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &ledger.StoreError{Cause: err}
}
