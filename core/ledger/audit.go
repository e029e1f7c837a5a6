package ledger

import (
	"context"
	"fmt"

	"scrip/core"
)

// Finding is one thing that an audit found wrong.
type Finding struct {
	Account AccountKey `json:"-"`
	Where   string     `json:"where"` // "customer/unit" and, where known, the entry's sequence
	What    string     `json:"what"`
}

// AuditReport is what an audit read and found.
type AuditReport struct {
	Accounts int
	Entries  int64
	Answers  int64 // stored answers read, by [Reader.AuditAll]
	Findings []Finding
}

// auditPage is how many rows an audit reads at a time, and maxFindings how
// many findings it keeps.
const (
	auditPage   = 1000
	maxFindings = 1000
)

// Audit verifies every account's chain of hashes and recomputes its grants,
// holds and consumption from the entries alone. It streams; progress, when
// set, is called after each account. [Reader.AuditAll] looks further.
func Audit(ctx context.Context, r Reader, progress func(AuditReport)) (AuditReport, error) {
	var report AuditReport
	err := auditAccounts(ctx, r, progress, &report, false)
	return report, err
}

func auditAccounts(ctx context.Context, r Reader, progress func(AuditReport), report *AuditReport, all bool) error {
	var after, mark AccountKey
	for page := 1; ; page++ {
		keys, err := r.Entries.Keys(ctx, after, auditPage)
		if err != nil || len(keys) == 0 {
			return err
		}
		for _, key := range keys {
			if err := auditStill(ctx, r, key, report, all); err != nil {
				return err
			}
			report.Accounts++
			if progress != nil {
				progress(*report)
			}
		}
		after = keys[len(keys)-1]
		// An account filed where it does not belong can lead the listing back:
		// it then comes by the page marked last, at a power of two.
		if after == mark {
			report.find(after, after.Customer+"/"+after.Unit, "is filed where the listing of accounts turns back")
			return nil
		}
		if page&(page-1) == 0 {
			mark = after
		}
	}
}

// tally is what the entries of one grant add up to.
type tally struct {
	issued, available, held, consumed, ended core.Amount

	lapsed core.Amount     // expired, and not taken by late usage
	away   core.Amount     // converted or taken back, and not come back
	first  core.Entry      // what made the grant
	closed core.GrantState // by the last entry that ended some of it, "" where none did
	freed  core.Time       // when a hold last let go of some of it
}

func (t *tally) move(e *core.Entry) {
	switch e.Kind {
	case core.EntryExpire, core.EntryRollOut:
		if t.closed = core.Expired; e.Kind == core.EntryExpire {
			t.lapsed += e.Amount
		}
	case core.EntryRestore:
		t.lapsed -= e.Amount
	case core.EntryVoid:
		t.closed = core.Void
	case core.EntryConvertOut:
		t.closed, t.away = core.Converted, t.away+e.Amount
	case core.EntryClawback:
		t.away += e.Amount
	case core.EntryReinstate:
		t.away -= e.Amount
	case core.EntryConvertIn:
		t.closed = ""
		if t.first.Seq != e.Seq {
			t.away -= e.Amount
		}
	case core.EntryCapture, core.EntryRelease:
		t.freed = max(t.freed, e.Recorded)
	}
	from, to := e.Kind.Pots()
	*t.pot(from) -= e.Amount
	*t.pot(to) += e.Amount
}

func (t *tally) pot(p core.Pot) *core.Amount {
	switch p {
	case core.Issued:
		return &t.issued
	case core.Available:
		return &t.available
	case core.Held:
		return &t.held
	case core.Consumed, core.Owed: // what settled a deficit was consumed by it
		return &t.consumed
	}
	return &t.ended
}

type auditor struct {
	key    AccountKey
	report *AuditReport
	grants map[core.ID]*tally
	head   [32]byte
	seq    int64
	owed   core.Amount
	billed core.Amount   // overage, less what came back
	more   *accountAudit // nil where the entries alone are asked
}

func (a *auditor) find(seq int64, format string, args ...any) {
	where := a.key.Customer + "/" + a.key.Unit
	if seq > 0 {
		where += fmt.Sprintf(" entry %d", seq)
	}
	a.report.find(a.key, where, format, args...)
}

// find keeps a finding while there is room.
func (r *AuditReport) find(key AccountKey, where, format string, args ...any) {
	if len(r.Findings) < maxFindings {
		r.Findings = append(r.Findings, Finding{key, where, fmt.Sprintf(format, args...)})
	}
}

// auditStill audits an account as of one instant, where the store can hold its
// reads to one: what it finds of an account that changes meanwhile might be the
// change.
func auditStill(ctx context.Context, r Reader, key AccountKey, report *AuditReport, all bool) error {
	if r.Snapshot == nil {
		return auditAccount(ctx, r, key, report, all)
	}
	return r.Snapshot(ctx, func(ctx context.Context) error { return auditAccount(ctx, r, key, report, all) })
}

func auditAccount(ctx context.Context, r Reader, key AccountKey, report *AuditReport, all bool) error {
	a := &auditor{key: key, report: report, grants: map[core.ID]*tally{}}
	if all {
		a.more = newAccountAudit(ctx, r, a)
	}
	// The account is read before and after its entries: a commit in between
	// only means that the entries have to be read on to the newer end.
	for {
		stored, err := r.Accounts.Account(ctx, key)
		if err != nil || stored == nil {
			return err
		}
		if a.more != nil {
			a.more.watch(stored)
		}
		for a.seq < stored.Seq {
			entries, err := r.Entries.Entries(ctx, key, a.seq, int(min(auditPage, stored.Seq-a.seq)))
			if err != nil {
				return err
			}
			if len(entries) == 0 {
				a.find(a.seq+1, "is missing: the account counts %d entries", stored.Seq)
				return nil
			}
			for i := range entries {
				if err := a.entry(&entries[i]); err != nil {
					return err
				}
			}
			report.Entries += int64(len(entries))
		}
		again, err := r.Accounts.Account(ctx, key)
		if err != nil {
			return err
		}
		if again.Seq == stored.Seq {
			return a.compare(ctx, r, again)
		}
	}
}

func (a *auditor) entry(e *core.Entry) error {
	if e.Seq != a.seq+1 {
		a.find(a.seq+1, "is missing: the next one found is %d", e.Seq)
	}
	if want := e.Chain(a.head); want != e.Hash {
		a.find(e.Seq, "does not follow from the entry before: its hash is %x, not %x", e.Hash[:6], want[:6])
	}
	a.seq, a.head = e.Seq, e.Hash
	if !a.own(e) {
		if a.more != nil {
			return a.more.own(e)
		}
		return nil
	}
	t := a.grants[e.Grant]
	if t == nil {
		t = &tally{first: *e}
		a.grants[e.Grant] = t
		if e.Kind == core.EntryConvertIn || e.Kind == core.EntryRollIn { // what another grant became is issued here
			t.issued, t.ended = -e.Amount, e.Amount
		}
	}
	t.move(e)
	if t.available < 0 || t.held < 0 || t.consumed < 0 {
		a.find(e.Seq, "takes more from grant %s than it had", e.Grant)
	}
	if t.lapsed < 0 {
		a.find(e.Seq, "takes more of what expired of grant %s than had", e.Grant)
	}
	if a.more != nil {
		return a.more.entry(e)
	}
	return nil
}

// own follows the deficit; it reports whether the entry goes on to a grant.
func (a *auditor) own(e *core.Entry) bool {
	from, to := e.Kind.Pots()
	if from == core.Owed {
		a.owed += e.Amount
	}
	if to == core.Owed {
		a.owed -= e.Amount
	}
	if from == core.Billed {
		a.billed += e.Amount
	}
	if to == core.Billed {
		a.billed -= e.Amount
	}
	_, alone := ownKinds[e.Kind]
	if alone != (e.Grant == "") {
		a.find(e.Seq, "is a movement %q of grant %q, which cannot be", string(e.Kind), string(e.Grant))
	}
	if a.owed < 0 {
		a.find(e.Seq, "settles more than the account owed")
	}
	return !alone
}

// ownKinds are the movements that name no grant.
var ownKinds = map[core.EntryKind]struct{}{
	core.EntryOverage: {}, core.EntryOverageBack: {}, core.EntryOverdraw: {}, core.EntryOverdrawBack: {}, core.EntryOwe: {}, core.EntryReinstateOwed: {},
}

// compare holds the stored projections against what the entries add up to.
func (a *auditor) compare(ctx context.Context, r Reader, stored *core.Account) error {
	if stored.Head != a.head {
		a.find(a.seq, "is not what the account's row names as its last")
	}
	var consumed core.Amount
	for _, t := range a.grants {
		consumed += t.consumed
	}
	if a.owed != stored.Overdrawn {
		a.find(0, "owes %d by the entries, %d by the account's row", a.owed, stored.Overdrawn)
	}
	if consumed != stored.Consumed {
		a.find(0, "consumption is %d by the entries, %d by the account's row", consumed, stored.Consumed)
	}
	held := map[core.ID]core.Amount{}
	for _, h := range stored.Holds {
		for _, p := range h.Parts {
			held[p.Grant] += p.Amount
		}
	}
	seen := 0
	for after := int64(0); ; {
		grants, err := r.Accounts.Grants(ctx, a.key, after, auditPage)
		if err != nil {
			return err
		}
		if len(grants) == 0 {
			break
		}
		for i := range grants {
			a.grant(&grants[i], held[grants[i].ID])
			if a.more != nil {
				if err := a.more.grant(&grants[i], a.grants[grants[i].ID]); err != nil {
					return err
				}
			}
		}
		seen += len(grants)
		after = grants[len(grants)-1].Seq
	}
	if seen != len(a.grants) {
		a.find(0, "has %d grants, its entries name %d", seen, len(a.grants))
	}
	if a.more != nil {
		return a.more.compare(stored)
	}
	return nil
}

func (a *auditor) grant(g *core.Grant, held core.Amount) {
	t := a.grants[g.ID]
	if t == nil {
		a.find(g.Seq, "grant %s has no entry", g.ID)
		return
	}
	if -t.issued != g.Amount {
		a.find(g.Seq, "grant %s is of %d, its entries issue %d", g.ID, g.Amount, -t.issued)
	}
	if t.available+t.held != g.Remaining || t.held != g.Held || t.ended != g.Ended || t.away != g.Away {
		a.find(g.Seq, "grant %s has remaining %d, held %d, ended %d, away %d; its entries add up to %d, %d, %d, %d",
			g.ID, g.Remaining, g.Held, g.Ended, g.Away, t.available+t.held, t.held, t.ended, t.away)
	}
	if held != g.Held {
		a.find(g.Seq, "grant %s has %d held, the open holds reserve %d", g.ID, g.Held, held)
	}
}
