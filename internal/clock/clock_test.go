package clock

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"scrip/core"
)

// Business time does not follow a wall clock that jumps, back or ahead, until
// that has stood by it for a while; never to a time that cannot be; and what it
// does is told. CK-02.
func TestWallClockJumps(t *testing.T) {
	const day = 24 * time.Hour
	at := func(text string) core.Time {
		got, err := core.ParseTime(text)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	start := at("2026-11-23T12:00:00Z")
	for name, c := range map[string]struct {
		jump     time.Duration
		to       string
		followed bool // in the end
	}{
		"corrected by a second": {jump: time.Second, followed: true},
		"back an hour":          {jump: -time.Hour, followed: true},
		"ahead a day":           {jump: day, followed: true},
		"to 1970":               {to: "1970-01-01T00:00:01Z"},
		"to 2100":               {to: "2100-01-01T00:00:00Z"},
		"to the end of time":    {to: "9999-01-01T00:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			wall, running := start, time.Duration(0)
			var told []string
			g := &guarded{
				read: func() (core.Time, time.Duration) { return wall, running },
				told: func(by time.Duration, believed bool) { told = append(told, fmt.Sprint(by > 0, believed)) },
			}
			pass := func(d time.Duration) core.Time {
				wall, running = wall.Add(d), running+d
				return g.now()
			}
			if got := g.now(); got != start {
				t.Fatalf("it begins at %s", got)
			}
			last := pass(time.Minute)
			if wall = wall.Add(c.jump); c.to != "" {
				wall = at(c.to)
			}
			off := time.Duration(0) // from the time that ran
			for range 20 {
				now := pass(time.Minute)
				off = time.Duration(now-start.Add(running)) * time.Microsecond
				if off != 0 && off != c.jump || off == 0 && now != last.Add(time.Minute) {
					t.Fatalf("after %s it is %s, %s off", running, now, off)
				}
				if running < 10*time.Minute && off != 0 && c.jump != time.Second {
					t.Fatalf("it followed after %s", running)
				}
				last = now
			}
			if (off != 0) != c.followed {
				t.Errorf("in the end it is %s off", off)
			}
			want := ""
			switch ahead := fmt.Sprint(wall > start.Add(running)); {
			case c.jump == time.Second:
			case c.followed:
				want = ahead + " false " + ahead + " true"
			default:
				want = ahead + " false"
			}
			if got := strings.Join(told, " "); got != want {
				t.Errorf("told %q, want %q", got, want)
			}
		})
	}
}

// A jump that is taken back leaves no trace.
func TestWallClockComesBack(t *testing.T) {
	wall, running := core.Time(1_790_000_000_000_000), time.Duration(0)
	g := &guarded{read: func() (core.Time, time.Duration) { return wall, running }}
	first := g.now()
	for _, by := range []time.Duration{5 * time.Hour, -7 * time.Hour, 2 * time.Hour, 30 * 24 * time.Hour, -30 * 24 * time.Hour} {
		wall, running = wall.Add(by+9*time.Minute), running+9*time.Minute
		if got := g.now(); got != first.Add(running) {
			t.Errorf("after %s it is %s, not %s", running, got, first.Add(running))
		}
	}
	if wall != first.Add(running) {
		t.Fatal("the test's own clock did not come back")
	}
}

func TestTestClock(t *testing.T) {
	c := Test(5)
	if err := c.Set(4); err == nil || c.Now() != 5 {
		t.Error("it goes back")
	}
	if err := c.Set(9); err != nil || c.Now() != 9 {
		t.Errorf("it stands at %d, %v", c.Now(), err)
	}
	if err := Wall().Set(9); err == nil {
		t.Error("the wall clock is moved")
	}
}
