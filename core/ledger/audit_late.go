package ledger

import "scrip/core"

// placed is when the answer says that a movement of its command happened, and
// whether the entry says so too.
func (a *answer) placed(e *core.Entry) (core.Time, bool) {
	at := a.at
	if a.happened != 0 {
		at = a.happened
	}
	switch e.Kind {
	case core.EntryDebit, core.EntryCapture, core.EntryOverage, core.EntryOverdraw,
		core.EntryReverse, core.EntryOverageBack, core.EntryOverdrawBack:
		return at, e.Effective == at
	case core.EntryRestore: // when the grant ended
		return at, at < e.Effective && e.Effective <= e.Recorded
	}
	return e.Effective, true
}
