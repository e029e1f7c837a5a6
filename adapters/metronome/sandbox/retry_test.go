package sandbox

import (
	"testing"
	"time"
)

// Retries wait twice as long each time up to a quarter of an hour, and end
// after two days.
func TestRetryWaits(t *testing.T) {
	var sum, last time.Duration
	tries := 1
	for ; ; tries++ {
		wait, again := retry(tries)
		if !again {
			break
		}
		if want := min(max(time.Second, 2*last), 15*time.Minute); wait != want {
			t.Fatalf("the wait after %d tries is %s, want %s", tries, wait, want)
		}
		sum, last = sum+wait, wait
	}
	if sum < 47*time.Hour || sum > 48*time.Hour || tries < 195 || tries > 205 {
		t.Errorf("%d tries in %s, want about 200 in two days", tries, sum)
	}
}
