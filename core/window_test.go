package core

import (
	"testing"
	"time"
)

func TestWindowsTellConsumptionOnce(t *testing.T) {
	a := Account{Consumed: 50}
	if a.Tells("main") || !a.Join("main") || a.Join("main") || !a.Tells("main") {
		t.Fatalf("joining went wrong: %+v", a.Windows)
	}
	if w, opened := a.OpenWindow("main", time.Minute, 1000); !opened || w.Number != 1 || w.Told != 50 {
		t.Errorf("the first window is %+v", w)
	}
	if _, opened := a.OpenWindow("main", time.Minute, 2000); opened {
		t.Error("a second window was opened beside the first")
	}
	a.Consumed = 80
	if a.Counts("main") != 30 {
		t.Errorf("main is to count %d, want 30", a.Counts("main"))
	}
	if !a.Leave("main") || a.Leave("main") || a.Tells("main") {
		t.Errorf("leaving went wrong: %+v", a.Windows)
	}
	if w, ok := a.CloseWindow("main"); !ok || w.Told != 50 {
		t.Errorf("an open window is not told after leaving: %+v, %v", w, ok)
	}
	a.Consumed = 95
	if a.Counts("main") != 30 || a.Counts("next") != 0 {
		t.Errorf("after leaving, main is to count %d, want 30", a.Counts("main"))
	}
	if !a.Join("main") {
		t.Error("joining again changed nothing")
	}
	a.Consumed = 100
	if a.Counts("main") != 35 {
		t.Errorf("after joining again, main is to count %d, want 35", a.Counts("main"))
	}
	if w, _ := a.OpenWindow("main", 0, 3000); w.Number != 2 || w.Told != 95 {
		t.Errorf("after joining again the window is %+v", w)
	}
}
