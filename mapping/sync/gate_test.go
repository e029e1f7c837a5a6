package sync

import (
	"testing"

	"scrip/core"
)

// TestRoomIsWaitedFor: who finds no room is let in as soon as a call ends, and
// is sent away while none does.
func TestRoomIsWaitedFor(t *testing.T) {
	g := &gate{name: "main", room: 1, freed: make(chan struct{}, 1)}
	wall := func() core.Time { return 1 }
	enter := func(id core.ID) pass {
		p, _ := g.enterSoon(t.Context(), id, wall, false)
		return p
	}
	if p := enter("int_a"); p != let {
		t.Fatalf("the first was not let in: %d", p)
	}
	if p := enter("int_b"); p != denied {
		t.Errorf("another was not sent away while the first stayed: %d", p)
	}
	waited := make(chan pass)
	go func() { waited <- enter("int_b") }()
	g.leave()
	if p := <-waited; p != let {
		t.Errorf("another was not let in after the first left: %d", p)
	}
	g.leave()
	for range 3 { // what was heard of earlier calls makes no room
		if p := enter("int_c"); p != let {
			t.Errorf("an empty gate did not open: %d", p)
		}
		if p := enter("int_d"); p != denied {
			t.Errorf("a full gate opened: %d", p)
		}
		g.leave()
	}
}
