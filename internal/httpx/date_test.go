package httpx

import (
	"net/http"
	"testing"
	"time"
)

func TestSkew(t *testing.T) {
	for name, c := range map[string]struct {
		ahead time.Duration
		date  string
		times int
	}{
		"right": {0, "", 1}, "ahead": {time.Hour, "", 1}, "behind": {-time.Hour, "", 1}, "unreadable": {0, "yesterday", 0},
	} {
		s, _ := counted(t, func(_ int64, w http.ResponseWriter, _ *http.Request) {
			date := c.date
			if date == "" {
				date = time.Now().Add(c.ahead).UTC().Format(http.TimeFormat)
			}
			w.Header().Set("Date", date)
		})
		for _, method := range []string{"GET", "POST"} {
			var seen []time.Duration
			ctx := WithSkew(t.Context(), func(d time.Duration) { seen = append(seen, d) })
			req, _ := http.NewRequestWithContext(ctx, method, s.URL, nil)
			resp, err := NewClient(quick).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if len(seen) != c.times {
				t.Fatalf("%s %s: %d dates, want %d", name, method, len(seen), c.times)
			}
			// Far from a minute, however slow the machine is.
			if c.times == 1 && (seen[0]-c.ahead).Abs() > time.Minute {
				t.Errorf("%s %s: %s ahead, want %s", name, method, seen[0], c.ahead)
			}
		}
	}
	resp, err := NewClient(quick).Get(func() string {
		s, _ := counted(t, func(int64, http.ResponseWriter, *http.Request) {})
		return s.URL
	}())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close() // nobody asked: nothing is told
}
