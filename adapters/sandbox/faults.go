package sandbox

import (
	"fmt"
	"math/big"
	"net"
	"net/http"
	"strings"
	"time"
)

// Kinds of request faults. Those with "after" let the effect happen first;
// malformed does as well, since the answer that it spoils is the real one.
const (
	faultStatus       = "status"
	faultStatusAfter  = "status_after"
	faultTimeoutAfter = "timeout_after"
	faultReset        = "reset"
	faultSlow         = "slow"
	faultMalformed    = "malformed"
)

const (
	chanceScale    = 1_000_000_000
	defaultTimeout = 30 * time.Second
	maxFaults      = 1000
)

// Fault is a fault of the vendor's API that waits for its request.
type Fault struct {
	Match       Match  `json:"match"`
	Kind        string `json:"kind"`
	Status      int    `json:"status,omitempty"`
	RetryAfter  string `json:"retry_after,omitempty"`
	Delay       string `json:"delay,omitempty"`
	Count       *int   `json:"count,omitempty"`
	Probability string `json:"probability,omitempty"`
	// HTML makes a malformed answer a web page instead of JSON cut short.
	HTML bool `json:"html,omitempty"`
}

// Match selects requests. An empty method means all. A path matches itself and
// everything below it; `*` stands for any run of characters; a final `$` ends
// the match there. An empty path means all.
type Match struct {
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"`
}

func (m Match) covers(method, path string) bool {
	if m.Method != "" && m.Method != "*" && !strings.EqualFold(m.Method, method) {
		return false
	}
	if m.Path == "" {
		return true
	}
	pattern, exact := strings.CutSuffix(m.Path, "$")
	if glob(pattern, path) {
		return true
	}
	return !exact && glob(strings.TrimRight(pattern, "/")+"/*", path)
}

// glob matches with `*` as the only wildcard.
func glob(pattern, s string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	if !strings.HasPrefix(s, head) {
		return false
	}
	s = s[len(head):]
	for {
		part, next, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s, rest = s[i+len(part):], next
	}
}

// check refuses a fault that could never mean anything.
func (f *Fault) check() error {
	switch f.Kind {
	case faultStatus, faultStatusAfter:
		if f.Status == 0 {
			f.Status = http.StatusInternalServerError
		}
		if f.Status < 400 || f.Status > 599 {
			return fmt.Errorf("status %d of a %s fault is not an error; use 400 to 599", f.Status, f.Kind)
		}
	case faultTimeoutAfter, faultReset, faultSlow, faultMalformed:
	default:
		return fmt.Errorf("fault kind %q is unknown; use status, status_after, timeout_after, reset, slow or malformed", f.Kind)
	}
	if _, err := odds(f.Probability); err != nil {
		return err
	}
	return checkCountDelay(&f.Count, f.Delay)
}

func checkCountDelay(count **int, delay string) error {
	if *count == nil {
		one := 1
		*count = &one
	}
	if **count < 1 {
		return fmt.Errorf("count %d is not positive; leave it out for 1", **count)
	}
	if d, err := time.ParseDuration(delay); delay != "" && (err != nil || d < 0) {
		return fmt.Errorf("delay %q is not a duration; write it like 2s", delay)
	}
	return nil
}

// odds reads a probability between 0 and 1 into parts of chanceScale.
func odds(p string) (uint64, error) {
	if p == "" {
		return chanceScale, nil
	}
	r, ok := new(big.Rat), false
	if len(p) <= 20 && !strings.ContainsAny(p, "/eEpPxX_") {
		r, ok = r.SetString(p)
	}
	if !ok || r.Sign() < 0 || r.Cmp(big.NewRat(1, 1)) > 0 {
		return 0, fmt.Errorf("probability %q is not between 0 and 1; write it like \"0.3\"", p)
	}
	n := new(big.Int).Mul(r.Num(), big.NewInt(chanceScale))
	return n.Quo(n, r.Denom()).Uint64(), nil
}

// takeFault returns the first waiting fault that a request meets and uses it.
func (a *Account) takeFault(method, path string) *Fault {
	for i, f := range a.book.Faults {
		if !f.Match.covers(method, path) {
			continue
		}
		if p, err := odds(f.Probability); err != nil || p < chanceScale && !a.chance(p) {
			continue
		}
		hit := *f
		if *f.Count--; *f.Count <= 0 {
			a.book.Faults = append(a.book.Faults[:i:i], a.book.Faults[i+1:]...)
		}
		return &hit
	}
	return nil
}

func (f *Fault) delay() time.Duration {
	d, err := time.ParseDuration(f.Delay)
	if err != nil {
		return 0
	}
	return d
}

func (f *Fault) problem() Problem {
	return Problem{Kind: Injected, Status: f.Status, RetryAfter: f.RetryAfter, Message: "injected by the sandbox"}
}

// abort ends the connection without an answer: with a reset, or quietly.
func abort(w http.ResponseWriter, reset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // the server's own way to cut a connection
	}
	if tcp, ok := conn.(*net.TCPConn); ok && reset {
		tcp.SetLinger(0) //nolint:errcheck // best effort
	}
	conn.Close()
}

// spoil turns an answer into a 200 whose body is of no use.
func spoil(a Answer, html bool) Answer {
	a.Status = http.StatusOK
	if html {
		a.Header = http.Header{"Content-Type": {"text/html"}}
		a.Body = []byte("<html><body><h1>Bad gateway</h1></body></html>")
		return a
	}
	a.Body = a.Body[:len(a.Body)/2]
	return a
}
