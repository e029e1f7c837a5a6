package ledger

// Queued is how many ops wait for the committer.
func (l *Ledger) Queued() int { return len(l.queue) }
