package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"scrip/adapters/sandbox"
)

// obj is an object as the API sends it.
type obj = map[string]any

const (
	minute = int64(60)
	hour   = 60 * minute
	day    = 24 * hour
)

// world is one account at one instant.
type world struct {
	a   *sandbox.Account
	st  *state
	now time.Time
}

func worldOf(a *sandbox.Account) *world {
	return &world{a: a, st: a.State().(*state), now: a.Now().UTC()}
}

// at is the instant as the API writes it.
func (w *world) at() int64 { return w.now.Unix() }

// made stamps a new object.
func (w *world) made(x *stamps) {
	x.Created = w.at()
	w.changed(x)
}

// changed stamps a change. Versions are milliseconds, each larger than any
// before, so that they order changes of one instant as well.
func (w *world) changed(x *stamps) {
	w.st.Version = max(w.st.Version+1, w.now.UnixMilli())
	x.Updated, x.Version = w.at(), w.st.Version
}

// call is one request to the API.
type call struct {
	*world
	*sandbox.Call
}

// handler answers with an object, or with a *problem and no effect.
type handler func(*call) (any, error)

func wrap(h handler) func(*sandbox.Call) sandbox.Answer {
	return func(sc *sandbox.Call) sandbox.Answer {
		c := &call{worldOf(sc.Account), sc}
		got, err := c.perform(h)
		if err == nil {
			body, jsonErr := json.Marshal(got)
			if jsonErr == nil {
				return sandbox.Answer{Status: http.StatusOK, Header: http.Header{}, Body: body}
			}
			err = jsonErr
		}
		var p *problem
		if !errors.As(err, &p) {
			p = failure(http.StatusInternalServerError, "internal_error", "the sandbox could not write its answer")
		}
		return p.answer(sc.Account)
	}
}

func (c *call) perform(h handler) (any, error) {
	if len(c.Key) > maxKeyLength {
		return nil, refused(c.a, sandbox.Problem{Kind: sandbox.KeyTooLong})
	}
	if most := c.st.Site.CallsPerMinute; most > 0 {
		if now := c.a.Wall().Unix() / minute; now != c.st.Site.Minute {
			c.st.Site.Minute, c.st.Site.Calls = now, 0
		}
		if c.st.Site.Calls++; c.st.Site.Calls > most {
			return nil, overRate()
		}
	}
	return h(c)
}

// full drops what is absent: the API leaves out fields that have no value.
func full(o obj) obj {
	for k, v := range o {
		switch x := v.(type) {
		case nil:
			delete(o, k)
		case string:
			if x == "" {
				delete(o, k)
			}
		case json.RawMessage:
			if len(x) == 0 || string(x) == "null" {
				delete(o, k)
			}
		case []obj:
			if x == nil {
				delete(o, k)
			}
		}
	}
	return o
}

// some is a time, or nothing for zero.
func some(at int64) any {
	if at == 0 {
		return nil
	}
	return at
}

func or[T comparable](x, other T) T {
	var none T
	if x == none {
		return other
	}
	return x
}

// usageKey is the identity of a usage event.
func usageKey(at int64, subscription, id string) string {
	return fmt.Sprintf("%d/%s/%s", at, subscription, id)
}
