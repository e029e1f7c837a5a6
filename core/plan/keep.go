package plan

import "slices"

// Copy is a state that can be changed and thrown away.
func (s *State) Copy() (*State, error) {
	other, err := s.book.Read(s.Text())
	if err == nil && s.Watch != nil && (s.Watch.stir || len(s.Watch.told) > 0) {
		if other.Watch == nil {
			other.Watch = &Watch{}
		}
		other.Watch.stir, other.Watch.told = s.Watch.stir, slices.Clone(s.Watch.told)
	}
	return other, err
}
