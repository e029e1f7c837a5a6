package gateway

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"

	"scrip/core"
	"scrip/core/ledger"
)

// keyKind is the kind of the records that hold API keys.
const keyKind = "api_key"

// Key is an API key as it is stored: without the key itself, of which only
// the SHA-256 is kept, as the record's look-up key.
type Key struct {
	ID      core.ID   `json:"id"`
	Name    string    `json:"name,omitempty"`
	Scope   string    `json:"scope"` // read, write or admin
	Created core.Time `json:"created"`
}

// CreateKey stores a new key of 256 random bits and returns it in plain text,
// which is not kept. Scope is read, write or admin; name is for people.
func CreateKey(ctx context.Context, l *ledger.Ledger, name, scope string) (plain string, k Key, err error) {
	if _, ok := parseScope(scope); !ok {
		return "", Key{}, core.InField(core.Errorf(core.CodeInvalid, "scope %q is not read, write or admin", short(scope)), "scope")
	}
	if err := checkText(name, 100, "name"); err != nil {
		return "", Key{}, err
	}
	var secret [32]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return "", Key{}, err
	}
	plain = "scrip_" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret[:]))
	sum := sha256.Sum256([]byte(plain))
	hash := hex.EncodeToString(sum[:])
	k = Key{ID: core.NewID(core.KeyID, hash, keyKind, hash, 0), Name: name, Scope: scope}
	at := ledger.RecordKey{Kind: keyKind, ID: string(k.ID)}
	err = l.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) { b.Records = append(b.Records, at) },
		Decide: func(tx *ledger.Tx) error {
			k.Created = tx.Now
			return tx.PutRecord(at, k, hash)
		},
	})
	return plain, k, err
}

// ListKeys lists the keys that are not revoked, by id after one. last is
// where the next call goes on, "" at the end.
func ListKeys(ctx context.Context, l *ledger.Ledger, after string, limit int) (keys []Key, last string, err error) {
	records, err := l.Reader().Records.List(ctx, keyKind, after, limit)
	if err != nil {
		return nil, "", err
	}
	for _, r := range records {
		var k Key
		if r.Deleted {
			continue
		}
		if err := json.Unmarshal(r.Body, &k); err != nil {
			return nil, "", err
		}
		keys = append(keys, k)
	}
	if len(records) == limit {
		last = records[limit-1].ID
	}
	return keys, last, nil
}

// RevokeKey ends a key. The error is not_found for one that does not exist or
// was revoked before.
func RevokeKey(ctx context.Context, l *ledger.Ledger, id core.ID) error {
	at := ledger.RecordKey{Kind: keyKind, ID: string(id)}
	return l.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) { b.Records = append(b.Records, at) },
		Decide: func(tx *ledger.Tx) error {
			if tx.Record(at) == nil {
				return core.Errorf(core.CodeNotFound, "there is no such key")
			}
			return tx.DeleteRecord(at)
		},
	})
}

type keyBody struct {
	Name  string `json:"name,omitempty" doc:"for people"`
	Scope string `json:"scope" enum:"read,write,admin"`
}

type keyView struct {
	ID        string  `json:"id"`
	Name      string  `json:"name,omitempty"`
	Scope     string  `json:"scope" enum:"read,write,admin"`
	CreatedAt *string `json:"created_at" format:"date-time"`
	Key       string  `json:"key,omitempty" doc:"the key itself, shown when it is made and never again"`
}

type revokedView struct {
	ID      string `json:"id"`
	Revoked bool   `json:"revoked"`
}

type listParams struct {
	Limit  string `query:"limit" doc:"1 to 1000, 100 when left out"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
}

type idParam struct {
	ID string `path:"id"`
}

func viewKey(k *Key) keyView {
	return keyView{ID: string(k.ID), Name: k.Name, Scope: k.Scope, CreatedAt: timeView(k.Created)}
}

func (g *gateway) mountKeys() {
	register(g, admin, route{method: http.MethodPost, path: "/v1/keys", id: "create-key", summary: "Make an API key", tag: "keys"},
		func(ctx context.Context, _ *none, b *keyBody) (*answer[keyView], error) {
			plain, k, err := CreateKey(ctx, g.Ledger, b.Name, b.Scope)
			if err != nil {
				return nil, err
			}
			view := viewKey(&k)
			view.Key = plain
			return ok(view)
		})
	register(g, admin, route{method: http.MethodGet, path: "/v1/keys", id: "list-keys", summary: "List API keys", tag: "keys"}, g.listKeys)
	register(g, admin, route{method: http.MethodDelete, path: "/v1/keys/{id}", id: "revoke-key", summary: "Revoke an API key", tag: "keys"},
		func(ctx context.Context, p *idParam, _ *none) (*answer[revokedView], error) {
			id, err := checkID(p.ID, core.KeyID, "key")
			if err == nil {
				err = RevokeKey(ctx, g.Ledger, id)
			}
			if err != nil {
				return nil, err
			}
			g.keys.forget()
			return ok(revokedView{ID: string(id), Revoked: true})
		})
}

func (g *gateway) listKeys(ctx context.Context, p *listParams, _ *none) (*answer[list[keyView]], error) {
	limit, err := limitOf(p.Limit)
	if err != nil {
		return nil, err
	}
	after, err := textAt(p.Cursor, "keys")
	if err != nil {
		return nil, err
	}
	keys, last, err := ListKeys(ctx, g.Ledger, after, limit)
	if err != nil {
		return nil, readFault(err)
	}
	page := list[keyView]{Data: []keyView{}}
	for i := range keys {
		page.Data = append(page.Data, viewKey(&keys[i]))
	}
	if last != "" {
		page.Next = cursorOf("keys", last)
	}
	return ok(page)
}
