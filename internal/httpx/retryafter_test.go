package httpx

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// PA-01.
func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		value string
		want  time.Duration
		ok    bool
	}{
		{"7", 7 * time.Second, true}, {" 7 ", 7 * time.Second, true}, {"0", 0, true}, {"600", 10 * time.Minute, true},
		{"999999", MaxRetryAfter, true}, {"99999999999999999999999", MaxRetryAfter, true},
		{"Sun, 01 Mar 2026 12:00:09 GMT", 9 * time.Second, true}, {"Sun, 01 Mar 2026 11:00:00 GMT", 0, true},
		{"Mon, 01 Mar 2027 12:00:00 GMT", MaxRetryAfter, true},
		{"", 0, false}, {"-1", 0, false}, {"abc", 0, false}, {"1.5", 0, false}, {"7s", 0, false}, {"+7", 0, false},
		{"Sun, 01 Mar", 0, false}, {strings.Repeat("1", 65), 0, false},
	} {
		if got, ok := RetryAfter(c.value, noon); got != c.want || ok != c.ok {
			t.Errorf("RetryAfter(%q) = %s, %v, want %s, %v", c.value, got, ok, c.want, c.ok)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"7", "-1", "999999999999999999999", "abc", "", noon.Format(http.TimeFormat), "0x10", "１"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got, ok := RetryAfter(value, noon)
		if got < 0 || got > MaxRetryAfter || !ok && got != 0 {
			t.Errorf("RetryAfter(%q) = %s, %v", value, got, ok)
		}
	})
}
