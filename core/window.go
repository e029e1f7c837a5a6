package core

import "time"

// Window is the span in which consumption is gathered for one connection
// before it is told as one figure. It is kept with the account, so that a
// debit inside an open window costs no row of its own.
type Window struct {
	Connection string
	Number     int64  // of the window that is open, or was last
	Opened     Time   // zero when none is open
	Closes     Time   // zero when none is open
	Told       Amount // net consumption when the last window closed
}

// OpenWindow opens the next window of a connection unless one is open, and
// reports whether it did.
func (a *Account) OpenWindow(connection string, length time.Duration, now Time) (Window, bool) {
	w := a.window(connection)
	if w.Closes != 0 {
		return *w, false
	}
	w.Number++
	w.Opened, w.Closes = now, now.Add(length)
	a.dirty = true
	return *w, true
}

// CloseWindow closes the open window of a connection and returns it as it was
// told before, or false when none is open.
func (a *Account) CloseWindow(connection string) (Window, bool) {
	w := a.window(connection)
	if w.Closes == 0 {
		return Window{}, false
	}
	was := *w
	w.Opened, w.Closes, w.Told = 0, 0, a.Consumed
	a.dirty = true
	return was, true
}

func (a *Account) window(connection string) *Window {
	for i := range a.Windows {
		if a.Windows[i].Connection == connection {
			return &a.Windows[i]
		}
	}
	a.Windows = append(a.Windows, Window{Connection: connection})
	return &a.Windows[len(a.Windows)-1]
}
