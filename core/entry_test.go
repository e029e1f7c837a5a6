package core

import (
	"testing"
	"time"
)

func TestPots(t *testing.T) {
	if len(entryPots) != 22 {
		t.Errorf("%d kinds have pots, 22 are known", len(entryPots))
	}
	for kind := range entryPots {
		if from, to := kind.Pots(); from == "" || to == "" || from == to {
			t.Errorf("%s moves from %q to %q", kind, from, to)
		}
	}
	if from, to := EntryKind("other").Pots(); from != "" || to != "" {
		t.Error("an unknown kind moves something")
	}
}

// Every fact of an entry is under its hash, and none can be passed for another.
func TestChainCoversEveryField(t *testing.T) {
	base := Entry{Customer: "ada", Unit: "credits", Seq: 7, Kind: EntryDebit, Grant: "g", Source: "d", Amount: 5, Effective: 10, Recorded: 11}
	hash := base.Chain([32]byte{1})
	if again := base.Chain([32]byte{1}); again != hash {
		t.Error("the hash of an entry is not always the same")
	}
	if other := base.Chain([32]byte{2}); other == hash {
		t.Error("the hash does not cover the entry before")
	}
	for name, change := range map[string]func(*Entry){
		"customer":  func(e *Entry) { e.Customer = "bob" },
		"unit":      func(e *Entry) { e.Unit = "usd" },
		"seq":       func(e *Entry) { e.Seq = 8 },
		"kind":      func(e *Entry) { e.Kind = EntryCapture },
		"grant":     func(e *Entry) { e.Grant = "h" },
		"source":    func(e *Entry) { e.Source = "e" },
		"amount":    func(e *Entry) { e.Amount = 6 },
		"effective": func(e *Entry) { e.Effective = 9 },
		"recorded":  func(e *Entry) { e.Recorded = 12 },
		"boundary":  func(e *Entry) { e.Grant, e.Source = "gd", "" },
		"swapped":   func(e *Entry) { e.Effective, e.Recorded = 11, 10 },
	} {
		e := base
		if change(&e); e.Chain([32]byte{1}) == hash {
			t.Errorf("the hash does not cover the %s", name)
		}
	}
	base.Hash = [32]byte{9}
	if base.Chain([32]byte{1}) != hash {
		t.Error("the hash covers itself")
	}
}

func TestWindows(t *testing.T) {
	a := newAccount(lot{"g", 100, 0, 90})
	if _, ok := a.CloseWindow("main"); ok {
		t.Error("a window that was never opened is closed")
	}
	w, opened := a.OpenWindow("main", 60*time.Microsecond, 5)
	if !opened || w.Number != 1 || w.Opened != 5 || w.Closes != 65 || w.Told != 0 {
		t.Errorf("the first window is %+v, %t", w, opened)
	}
	if w, opened := a.OpenWindow("main", 60*time.Microsecond, 6); opened || w.Closes != 65 {
		t.Errorf("an open window is opened again: %+v", w)
	}
	if w, opened := a.OpenWindow("next", 60*time.Microsecond, 6); !opened || w.Number != 1 {
		t.Errorf("another connection's window is %+v, %t", w, opened)
	}
	must[[]Allocation](t)(a.Debit("d", 30, "", 7, nil))
	if w, ok := a.CloseWindow("main"); !ok || w.Number != 1 || w.Opened != 5 || w.Told != 0 {
		t.Errorf("the closed window is %+v, %t", w, ok)
	}
	if _, ok := a.CloseWindow("main"); ok {
		t.Error("a window is closed twice")
	}
	if w, opened := a.OpenWindow("main", 60*time.Microsecond, 70); !opened || w.Number != 2 || w.Told != 30 {
		t.Errorf("the second window is %+v, %t", w, opened)
	}
}
