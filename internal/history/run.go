package history

import (
	"errors"
	"os"
	"strconv"
	"testing"
)

// RunRace runs [Race] on new ledgers, one after the other, three or as many as
// SCRIP_HISTORY_RUNS says, and fails when no order explains what callers saw.
func RunRace(t *testing.T, c Config) {
	runs := 3
	if text := os.Getenv("SCRIP_HISTORY_RUNS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("SCRIP_HISTORY_RUNS is %q, write a number", text)
		}
		runs = n
	}
	commands, lost, shown := 0, 0, 0
	for run := 0; shown < runs; run++ {
		h := raceOnce(t, c)
		commands, lost = commands+len(h), lost+h.Lost()
		switch err := h.Check(); {
		case err == nil:
			shown++
		case !errors.Is(err, ErrGaveUp) || run > 2*runs:
			t.Fatal(err)
		}
	}
	t.Logf("%d commands, %d without an answer", commands, lost)
}

func raceOnce(t *testing.T, c Config) History {
	s := c.Open(t.Fatalf)
	defer s.Close()
	return Race(t.Context(), s, c, Load{Rounds: 3, Callers: 6, Each: 8})
}
