package core

// post appends the entry of one movement and moves the grant's own figures.
func (a *Account) post(kind EntryKind, g *Grant, source ID, amount Amount, effective, now Time) {
	switch kind {
	case EntryDebit:
		g.Remaining -= amount
		a.Consumed += amount
		a.summary.sum.Posted -= amount
		a.summary.sum.Available -= amount
	case EntryCapture:
		g.Remaining -= amount
		g.Held -= amount
		a.Consumed += amount
	case EntryHold:
		g.Held += amount
	case EntryRelease:
		g.Held -= amount
	case EntryReverse:
		g.Remaining += amount
		a.Consumed -= amount
	case EntryConvertIn:
		g.Remaining += amount
		if a.Seq+1 != g.Seq { // it comes back to a grant that was converted
			g.Ended -= amount
			g.Away -= amount
		}
	default:
		g.change(kind, amount)
	}
	if kind == EntrySettle {
		a.Consumed += amount
		a.Overdrawn -= amount
	}
	if kind != EntryDebit {
		a.summary = summary{}
	}
	g.dirty = true
	a.note(kind, g.ID, source, amount, effective, now)
}

// change moves a grant's own figures by what neither consumes nor reserves.
func (g *Grant) change(kind EntryKind, amount Amount) {
	switch kind {
	case EntryGrant, EntryRollIn:
		g.Remaining += amount
	case EntrySettle:
		g.Remaining -= amount
	case EntryExpire, EntryVoid, EntryRollOut:
		g.Remaining -= amount
		g.Ended += amount
	case EntryRestore:
		g.Remaining += amount
		g.Ended -= amount
	case EntryReinstate:
		g.Remaining += amount
		g.Ended -= amount
		g.Away -= amount
	case EntryConvertOut, EntryClawback:
		g.Remaining -= amount
		g.Ended += amount
		g.Away += amount
	}
}

// postOwn appends the entry of a movement that is the account's own.
func (a *Account) postOwn(kind EntryKind, source ID, amount Amount, effective, now Time) {
	switch kind {
	case EntryOverdraw, EntryOwe:
		a.Overdrawn += amount
	case EntryOverdrawBack, EntryReinstateOwed:
		a.Overdrawn -= amount
	}
	a.dirty = true
	a.note(kind, "", source, amount, effective, now)
}

func (a *Account) note(kind EntryKind, grant, source ID, amount Amount, effective, now Time) {
	a.Seq++
	a.Entries = append(a.Entries, Entry{
		Customer: a.Customer, Unit: a.Unit.Code, Seq: a.Seq, Kind: kind, Grant: grant, Source: source,
		Amount: amount, Effective: effective, Recorded: now,
	})
}
