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
	Told       Amount // net consumption when the last window closed, or when the account joined
	Base       Amount // net consumption that was never this connection's to count: from before the account joined
	Apart      Amount // of the open window: late consumption of grants that had ended, which is not this connection's to count
	Moves      int64  // how often the account joined and left: odd while it is told
}

// Tells reports whether an account's grants and consumption are told at a
// connection. It is part of the account, so that it changes at one point
// among the account's entries, whichever config a process still runs with.
func (a *Account) Tells(connection string) bool {
	for i := range a.Windows {
		if a.Windows[i].Connection == connection {
			return a.Windows[i].Moves%2 == 1
		}
	}
	return false
}

// Counts is the net consumption that a connection is to have counted once all
// its windows are told.
func (a *Account) Counts(connection string) Amount {
	for i := range a.Windows {
		if w := &a.Windows[i]; w.Connection == connection {
			if w.Moves%2 == 1 {
				return a.Consumed - w.Base
			}
			return w.Told - w.Base
		}
	}
	return 0
}

// Join begins to tell a connection: of what is consumed from now on. What was
// consumed before is not its to count. It reports whether anything changed.
func (a *Account) Join(connection string) bool {
	if a.Tells(connection) {
		return false
	}
	w := a.window(connection)
	w.Base += a.Consumed - w.Told
	w.Told = a.Consumed
	w.Moves++
	a.dirty = true
	return true
}

// Leave ends telling a connection; the window must be closed with it. It
// reports whether anything changed.
func (a *Account) Leave(connection string) bool {
	if !a.Tells(connection) {
		return false
	}
	a.window(connection).Moves++
	a.dirty = true
	return true
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

// SetApart takes consumption out of what the open window of a connection will
// tell: the grants that paid it had ended there.
func (a *Account) SetApart(connection string, amount Amount) {
	if w := a.window(connection); w.Closes != 0 {
		w.Apart += amount
		a.dirty = true
	}
}

// CloseWindow closes the open window of a connection and returns it as it was
// told before, or false when none is open.
func (a *Account) CloseWindow(connection string) (Window, bool) {
	return a.CloseWindowAt(connection, a.Consumed)
}

// CloseWindowAt is [Account.CloseWindow] as of an earlier net consumption, of
// before the command at hand.
func (a *Account) CloseWindowAt(connection string, consumed Amount) (Window, bool) {
	w := a.window(connection)
	if w.Closes == 0 {
		return Window{}, false
	}
	was := *w
	w.Opened, w.Closes, w.Told, w.Apart = 0, 0, consumed, 0
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
