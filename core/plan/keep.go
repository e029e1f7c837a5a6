package plan

// Copy is a state that can be changed and thrown away.
func (s *State) Copy() (*State, error) { return s.book.Read(s.Text()) }
