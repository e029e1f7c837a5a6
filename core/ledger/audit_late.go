package ledger

import "scrip/core"

// placed is when the answer says that a movement of its command happened, and
// whether the entry says so too. Of what was rolled over since, it is when that
// began: first is the entry that made the grant.
func (a *answer) placed(e, first *core.Entry) (core.Time, bool) {
	at := a.at
	if a.happened != 0 {
		at = a.happened
	}
	if first.Kind == core.EntryRollIn {
		at = max(at, first.Effective)
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

// named says which instant the request must have named: that which the answer
// stands at, unless it is the answer's own time or was ahead of it.
func (a *answer) named(have, want map[string]string) {
	switch {
	case a.original != 0:
		want["at"] = a.original.String()
	case a.happened != 0:
		want["at"] = a.happened.String()
	default:
		if at, err := core.ParseTime(have["at"]); have["at"] != "" && (err != nil || at < a.at) {
			want["at"] = a.at.String()
		}
	}
}
