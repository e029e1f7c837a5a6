package main

import (
	"context"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestDemoAtEveryVendor plays the whole story at one vendor after the other.
// It checks itself; the last check is that the application called the same.
func TestDemoAtEveryVendor(t *testing.T) {
	if testing.Short() {
		t.Skip("plays the whole demo")
	}
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "scrip", "demo", "--once", "--json", "--provider", "all")
	words := &lockedBuffer{}
	cmd.Stderr = words
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("the demo ended with %v: %s", err, words)
	}
	plays, checks, same := 0, map[string]int{}, false
	for line := range strings.Lines(string(out)) {
		var said struct {
			URL, Key, Step, Check, Want, Got string
			Sandboxes                        map[string]string
			OK                               *bool
		}
		if err := json.Unmarshal([]byte(line), &said); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		switch {
		case said.OK == nil:
			plays++
			if said.URL == "" || said.Key == "" || len(said.Sandboxes) != len(vendorNames()) {
				t.Errorf("a story begins with %s", line)
			}
		case !*said.OK:
			t.Error(line)
		default:
			checks[said.Check]++
			same = strings.HasPrefix(said.Check, "calls that it made")
		}
	}
	if plays != len(vendorNames()) || !same {
		t.Errorf("%d stories, the last check compares the calls: %v", plays, same)
	}
	for _, check := range []string{
		"scrip apply plan.json --yes ends with", "scrip rollback ends with", "scrip apply --drain ends with",
		"paid by all customers, ever", "what was held before the move is captured after it",
		"captured for six, at the price that was fixed in credits", "a debit of before, repeated, is the first answer",
	} {
		if checks[check] < plays {
			t.Errorf("%q was checked %d times in %d stories", check, checks[check], plays)
		}
	}
}
