package sandbox

import (
	"net/http"
	"time"
)

const (
	maxKey     = 255     // characters of an idempotency key
	maxAnswers = 100_000 // stored answers per account
)

// storedAnswer is the first answer to an idempotency key.
type storedAnswer struct {
	Request string // fingerprint of method, path and parameters
	At      time.Time
	Status  int
	Header  http.Header
	Body    []byte
}

// storedFor decides whether a key was used before: the stored answer, a
// refusal, or nothing, in which case the call is to be executed.
func (a *Account) storedFor(c *Call) (Answer, bool) {
	v := a.srv.vendor
	if len(c.Key) > maxKey {
		return v.Refuse(a, Problem{Kind: KeyTooLong}), true
	}
	old := a.book.Answers[c.Key]
	if old != nil && a.Wall().Sub(old.At) >= a.lifetime() {
		delete(a.book.Answers, c.Key)
		old = nil
	}
	switch {
	case old == nil && a.busy[c.Key]:
		return v.Refuse(a, Problem{Kind: KeyInUse}), true
	case old == nil:
		return Answer{}, false
	case old.Request != c.fingerprint():
		return v.Refuse(a, Problem{Kind: KeyOfOtherRequest}), true
	}
	h := old.Header.Clone()
	if h == nil {
		h = http.Header{}
	}
	if v.Idempotency.Replay != nil {
		v.Idempotency.Replay(a, h)
	}
	return Answer{Status: old.Status, Header: h, Body: old.Body}, true
}

// lifetime is how long answers are stored in this account.
func (a *Account) lifetime() time.Duration {
	if idem := a.srv.vendor.Idempotency; idem.LifetimeOf != nil {
		return idem.LifetimeOf(a)
	}
	return a.srv.vendor.Idempotency.Lifetime
}

// store keeps the first answer to a key, making room by dropping what is too
// old and, if the account is still full, refusing to grow.
func (a *Account) store(c *Call, got Answer) {
	now := a.Wall()
	if len(a.book.Answers) >= maxAnswers {
		for k, old := range a.book.Answers {
			if now.Sub(old.At) >= a.lifetime() {
				delete(a.book.Answers, k)
			}
		}
		if len(a.book.Answers) >= maxAnswers {
			a.srv.logf("sandbox: %d stored answers, not keeping another", len(a.book.Answers))
			return
		}
	}
	a.book.Answers[c.Key] = &storedAnswer{Request: c.fingerprint(), At: now, Status: got.Status, Header: got.Header.Clone(), Body: got.Body}
}
