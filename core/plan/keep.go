package plan

import "scrip/core"

// Pinned is the version of the rate card that the customer keeps, "" for the
// one in force.
func (s *State) Pinned() string { return s.Card }

// Copy is a state that can be thrown away.
func (s *State) Copy() (core.Policy, error) { return s.book.Read(s.Text()) }
