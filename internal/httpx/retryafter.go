package httpx

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaxRetryAfter is the longest wait that [RetryAfter] returns: what a vendor
// may make us believe.
const MaxRetryAfter = 10 * time.Minute

// RetryAfter reads a Retry-After header: whole seconds, or an HTTP date
// compared with now (RFC 9110, 10.2.3). The wait is between 0 and
// [MaxRetryAfter]; a longer one is cut to it, a date in the past is 0. An
// empty, negative or unreadable value gives false: use your own schedule.
func RetryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if value == "" || len(value) > 64 {
		return 0, false
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(MaxRetryAfter/time.Second) {
			return MaxRetryAfter, true
		}
		return time.Duration(seconds) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return min(max(0, at.Sub(now)), MaxRetryAfter), true
}
