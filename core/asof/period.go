package asof

import "scrip/core"

// Period says that everything before an instant is closed: reports of it were
// sent, so that no fact is taken any more that would have happened in it.
type Period struct {
	Until  core.Time `json:"until"`  // first instant that is open
	Closed core.Time `json:"closed"` // when it was
}
