package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"sort"
	"strings"

	"scrip/core"
)

// keyed is a command with an idempotency key. Whatever its decision is, a
// refusal too, becomes the key's answer for ever.
type keyed[R any] struct {
	operation string
	key       string
	account   AccountKey
	fields    string
	names     func(*Batch)
	decide    func(*Tx, *Request) (R, error)

	answer *Request // what was stored, now or before
	result R
	replay bool
}

// op is the command as work for a batch.
func (k *keyed[R]) op() *Op {
	hash := RequestHash(k.operation, k.key)
	return &Op{
		Names: func(b *Batch) {
			b.Requests = append(b.Requests, hash)
			k.names(b)
		},
		Decide: func(tx *Tx) error {
			if old := tx.Request(hash); old != nil {
				k.answer, k.replay = old, true
				return nil
			}
			return k.first(tx, hash)
		},
	}
}

// first decides a key that was never used.
func (k *keyed[R]) first(tx *Tx, hash string) error {
	req := &Request{
		Hash: hash, Operation: k.operation, Key: k.key, Customer: k.account.Customer, Unit: k.account.Unit,
		Fields: k.fields, At: tx.Now, FirstSeq: 1,
	}
	result, err := k.decide(tx, req)
	var refusal *core.Error
	var open undecided
	switch {
	case err == nil:
		req.Result, err = json.Marshal(result)
	case err == error(errNoAccount) || isBug(err) || errors.As(err, &open) || !errors.As(err, &refusal):
		return err
	default:
		req.Code = refusal.Code
		req.Result, err = json.Marshal(refusal)
	}
	if err != nil {
		return err
	}
	k.answer, k.result, k.replay = req, result, false
	tx.state.Requests[hash] = req
	tx.changes.Requests = append(tx.changes.Requests, req)
	return nil
}

// outcome is read after the commit: the result, whether it is a replay, or
// the refusal or conflict.
func (k *keyed[R]) outcome() (R, bool, error) {
	var none R
	a := k.answer
	if a.Fields != k.fields {
		return none, false, conflict(k.key, a.Fields, k.fields)
	}
	if a.Code != "" {
		refusal := &core.Error{}
		if err := json.Unmarshal(a.Result, refusal); err != nil {
			return none, true, err
		}
		return none, k.replay, refusal
	}
	if !k.replay {
		return k.result, false, nil
	}
	var first R
	return first, true, json.Unmarshal(a.Result, &first)
}

// keyedOnce runs one keyed command.
func keyedOnce[R any](ctx context.Context, l *Ledger, k *keyed[R]) (R, bool, error) {
	if err := checkKey(k.key); err != nil {
		var none R
		return none, false, err
	}
	err := l.Do(ctx, k.op())
	if err == error(errNoAccount) {
		err = l.Do(ctx, k.withCustomer().op())
	}
	if err != nil {
		var none R
		return none, false, err
	}
	return k.outcome()
}

// withCustomer repeats the command with the customer's record in sight.
func (k *keyed[R]) withCustomer() *keyed[R] {
	names := k.names
	k.names = func(b *Batch) {
		names(b)
		b.Records = append(b.Records, customerKey(k.account.Customer), RetiredKey(k.account.Unit))
	}
	return k
}

// checkKey refuses keys that are not 1 to 255 printable ASCII characters.
func checkKey(key string) error {
	if key == "" {
		return core.Errorf(core.CodeIdempotencyKeyRequired, "an idempotency key is required, send one that is new for each intended effect")
	}
	if len(key) > 255 {
		return core.Errorf(core.CodeMalformed, "the idempotency key has %d characters, at most 255 are taken", len(key))
	}
	for i := 0; i < len(key); i++ {
		if key[i] < 0x20 || key[i] > 0x7e {
			return core.Errorf(core.CodeMalformed, "the idempotency key has a character outside printable ascii")
		}
	}
	return nil
}

// fieldList writes names and values as the canonical text of a request.
func fieldList(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		b.WriteString(pairs[i])
		b.WriteByte(0x1f)
		b.WriteString(pairs[i+1])
		b.WriteByte(0x1e)
	}
	return b.String()
}

// mapField is a map in canonical order.
func mapField(m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	raw := make([]string, 0, 2*len(m))
	for _, name := range names {
		raw = append(raw, name, m[name])
	}
	text, _ := json.Marshal(raw) // strings always marshal
	return string(text)
}

// conflict names the first field in which two canonical requests differ.
func conflict(key, was, is string) error {
	old, now := splitFields(was), splitFields(is)
	field := "body"
	names := make([]string, 0, len(old)+len(now))
	for name := range old {
		names = append(names, name)
	}
	for name := range now {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if old[name] != now[name] {
			field = name
			break
		}
	}
	return core.InField(core.Errorf(core.CodeIdempotencyConflict,
		"idempotency key %q was used with another value here, use a new key for a new request", key), field)
}

func splitFields(text string) map[string]string {
	fields := map[string]string{}
	for part := range strings.SplitSeq(text, "\x1e") {
		if name, value, ok := strings.Cut(part, "\x1f"); ok {
			fields[name] = value
		}
	}
	return fields
}
