package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"scrip/adapters/sandbox"
)

// obj is an object as the API sends it.
type obj = map[string]any

const (
	base            = "/api/v1"
	pageSize        = 100
	callsPerSecond  = 50
	eventsPerSecond = 500
	usagePerSecond  = 200
	day             = 24 * time.Hour
)

// world is one account at one instant.
type world struct {
	a     *sandbox.Account
	st    *state
	now   time.Time
	notes []notice // webhooks to send when the work is done
}

func worldOf(a *sandbox.Account) *world {
	return &world{a: a, st: a.State().(*state), now: a.Now().UTC()}
}

// call is one request to the API.
type call struct {
	*world
	*sandbox.Call
}

// handler answers with an object, or with a *problem and no effect.
type handler func(*call) (any, error)

// route wraps a handler; every success is a 200.
func route(method, pattern string, h handler) sandbox.Route {
	return sandbox.Route{Method: method, Pattern: pattern, Handle: func(sc *sandbox.Call) sandbox.Answer {
		c := &call{worldOf(sc.Account), sc}
		limits, over := c.limits()
		answer := sandbox.Answer{}
		if over {
			answer = (&problem{Status: http.StatusTooManyRequests, Text: "Too Many Requests"}).answer()
		} else {
			answer = c.perform(h)
		}
		for k, v := range limits {
			answer.Header[k] = v
		}
		return answer
	}}
}

func (c *call) perform(h handler) sandbox.Answer {
	if c.Request.Method != http.MethodGet && c.a.Variant(readOnlyKey) {
		return forbidden("write_action_not_allowed_for_" + resourceOf(c.Request.URL.Path)).answer()
	}
	got, err := h(c)
	if err != nil {
		return failure(err).answer()
	}
	c.flush()
	if plain, ok := got.(sandbox.Answer); ok {
		return plain
	}
	body, err := json.Marshal(got)
	if err != nil {
		return failure(err).answer()
	}
	return sandbox.Answer{Status: http.StatusOK, Header: http.Header{}, Body: body}
}

// failure is the problem in an error; any other error is a 500.
func failure(err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	return &problem{Status: http.StatusInternalServerError, Text: "Internal Server Error"}
}

// resourceOf names what a key's permission is for.
func resourceOf(path string) string {
	words := strings.Split(strings.TrimPrefix(path, base+"/"), "/")
	if len(words) > 2 && words[0] == "customers" {
		words[0] = words[2]
	}
	return strings.TrimSuffix(words[0], "s")
}

// limits counts the call in the present second and writes the headers that
// Lago's cloud sends.
func (c *call) limits() (http.Header, bool) {
	if c.a.Variant(selfHosted) {
		return nil, false
	}
	class, most := "other", callsPerSecond
	switch path := c.Request.URL.Path; {
	case path == base+"/events" && c.Request.Method == http.MethodPost:
		class, most = "events", eventsPerSecond
	case strings.HasSuffix(path, "/current_usage"):
		class, most = "usage", usagePerSecond
	}
	if second := c.a.Wall().Unix(); c.st.calls == nil || second != c.st.second {
		c.st.calls, c.st.second = map[string]int{}, second
	}
	c.st.calls[class]++
	left := max(0, most-c.st.calls[class])
	return limitHeader(most, left, "1"), c.st.calls[class] > most && c.a.Variant(limitEnforced)
}

func limitHeader(limit, left int, reset string) http.Header {
	return http.Header{
		"X-Ratelimit-Limit": {strconv.Itoa(limit)}, "X-Ratelimit-Remaining": {strconv.Itoa(left)}, "X-Ratelimit-Reset": {reset},
	}
}

// uuid returns a fresh identifier.
func (w *world) uuid() string { return uuidOf(w.a.NewID("", 40)) }

// uuidOf is a UUID that follows from a text.
func uuidOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	sum[6], sum[8] = sum[6]&0x0f|0x40, sum[8]&0x3f|0x80
	h := hex.EncodeToString(sum[:16])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// organization is the id of the account's organization.
func (w *world) organization() string { return uuidOf("organization " + w.a.ID()) }

// entity is the code of the one billing entity.
const entity = "sandbox"

// later plans work in the background, at once after the answer unless a wait is
// asked for.
func (w *world) later(kind, object string, wait time.Duration, t *topUp) {
	if w.a.Variant(jobsLate) {
		wait += time.Minute
	}
	w.st.Jobs = append(w.st.Jobs, job{At: w.now.Add(wait), Kind: kind, Object: object, TopUp: t})
}

// page cuts a page out of rows that are ordered oldest first and shows the
// newest first.
func page[T any](c *call, plural string, rows []T, keep func(T) bool, render func(T) obj) (any, error) {
	number, size := c.positive("page", 1), c.positive("per_page", pageSize)
	if c.a.Variant(pageCapped) {
		size = min(size, pageSize)
	}
	var kept []T
	for _, x := range slices.Backward(rows) {
		if keep(x) {
			kept = append(kept, x)
		}
	}
	total, pages := len(kept), (len(kept)+size-1)/size
	from := min((number-1)*size, total)
	list := []obj{}
	for _, x := range kept[from:min(from+size, total)] {
		list = append(list, render(x))
	}
	meta := obj{"current_page": number, "next_page": nil, "prev_page": nil, "total_pages": pages, "total_count": total}
	switch {
	case total == 0 && c.a.Variant(emptyPageFirst):
		meta["current_page"], meta["total_pages"] = 1, 1
	case total == 0:
		meta["current_page"] = 0
	default:
		if number < pages {
			meta["next_page"] = number + 1
		}
		if number > 1 && number <= pages {
			meta["prev_page"] = number - 1
		}
	}
	return obj{plural: list, "meta": meta}, nil
}

// positive reads a number of the query; anything else counts as not given.
func (c *call) positive(name string, otherwise int) int {
	n, err := strconv.Atoi(c.query().Get(name))
	if err != nil || n < 1 || n > 1_000_000 {
		return otherwise
	}
	return n
}

func (c *call) query() url.Values { return c.Request.URL.Query() }

// among reads a filter that may be a list; what is not one of the allowed
// values is ignored. It keeps everything when nothing is left of it.
func (c *call) among(name string, allowed ...string) func(string) bool {
	var want []string
	for _, field := range []string{name, name + "[]", name + "s[]"} {
		for _, v := range c.query()[field] {
			if len(allowed) == 0 || slices.Contains(allowed, v) {
				want = append(want, v)
			}
		}
	}
	return func(v string) bool { return len(want) == 0 || slices.Contains(want, v) }
}

// stamp writes an instant as the API does, nil for none.
func stamp(t *time.Time) any {
	if t == nil {
		return nil
	}
	return instant(*t)
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// precise writes an instant with milliseconds, as a few fields have it.
func precise(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// parseInstant reads a date-time, or a date, as requests carry them.
func parseInstant(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// nextAt is the first instant, not before t, whose minute within the hour is m.
func nextAt(t time.Time, m int) time.Time {
	at := t.Truncate(time.Hour).Add(time.Duration(m) * time.Minute)
	if at.Before(t) {
		at = at.Add(time.Hour)
	}
	return at
}

func or[T any](p *T, other T) T {
	if p == nil {
		return other
	}
	return *p
}

func filled[T any](x []T) []T {
	if x == nil {
		return []T{}
	}
	return x
}

func textOf(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
