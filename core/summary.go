package core

// summary is what a run of debits need not add up anew, each time over all
// grants. It holds for the instants in [from, until), between which time alone
// changes nothing, and until anything but a debit changes the account.
type summary struct {
	from, until Time // both zero while there is none
	sum         Balance
	first       int  // no grant before it has anything free
	open        bool // every grant pays for every action
}

func (s *summary) at(now Time) bool { return s.from <= now && now < s.until }

// summarise adds up a settled account.
func (a *Account) summarise(now Time) {
	s := summary{from: now, until: Never, sum: a.balance(now), first: len(a.Grants), open: true}
	soonest := func(t Time) {
		if t > now {
			s.until = min(s.until, t)
		}
	}
	for i := range a.Grants {
		g := &a.Grants[i]
		soonest(g.Starts)
		soonest(g.Expires)
		if s.first > i && g.Free() > 0 {
			s.first = i
		}
		s.open = s.open && len(g.Actions) == 0
	}
	for i := range a.Holds {
		soonest(a.Holds[i].Expires)
	}
	soonest(a.Acts)
	a.summary = s
}

// Seal chains the entries made since the account was loaded. They are final
// with it, and so is what the policy has become: a commit does it once for all
// commands it holds.
func (a *Account) Seal() {
	if a.kept {
		a.Stored = a.Policy.Text()
	}
	for i := range a.Entries {
		e := &a.Entries[i]
		if e.Hash == ([32]byte{}) {
			e.Hash = e.Chain(a.Head)
			a.Head = e.Hash
		}
	}
}
