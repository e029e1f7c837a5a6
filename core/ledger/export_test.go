package ledger

// Queued is how many ops wait for the committer.
func (l *Ledger) Queued() int {
	n := 0
	for _, lane := range l.lanes {
		n += len(lane)
	}
	return n
}
