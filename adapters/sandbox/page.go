package sandbox

import "slices"

// Window is a cursor request over a list that is ordered newest first: at most
// Limit items after (older than) or before (newer than) an item's id.
type Window struct {
	Limit         int
	After, Before string
}

// Cut returns the window of a list, and whether more follows in its direction.
// It returns false when a cursor names no item of the list.
func Cut[T any](list []T, id func(T) string, w Window) (page []T, more, found bool) {
	at := func(want string) int { return slices.IndexFunc(list, func(x T) bool { return id(x) == want }) }
	switch {
	case w.After != "":
		i := at(w.After)
		if i < 0 {
			return nil, false, false
		}
		list = list[i+1:]
	case w.Before != "":
		i := at(w.Before)
		if i < 0 {
			return nil, false, false
		}
		list = list[:i]
		if over := len(list) - w.Limit; over > 0 {
			return list[over:], true, true
		}
		return list, false, true
	}
	if len(list) > w.Limit {
		return list[:w.Limit], true, true
	}
	return list, false, true
}
