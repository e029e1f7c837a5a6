package ledger

import (
	"context"
	"maps"
	"time"

	"scrip/core"
)

// How old a fact may be, and how far ahead of the clock, where the options do
// not say.
const (
	defaultLate = 34 * 24 * time.Hour
	defaultSkew = 5 * time.Minute
)

// timing is when a debit, a reversal or a grant counts as having happened.
type timing struct {
	at       core.Time // never ahead of now
	original core.Time // what the caller said, where that lies in a closed period; else 0
	accepted bool      // it is older than is taken without an administrator's word
}

// placed is the instant of what is placed before now, else zero.
func (t timing) placed(now core.Time) core.Time {
	if t.at < now {
		return t.at
	}
	return 0
}

// time decides whether a fact that happened at an instant is still taken, and
// when it counts: a closed period takes nothing more. The batch has named the
// record of closed periods. turned is when a change of unit last moved the
// account: what came before belongs to a unit that is closed.
func (tx *Tx) time(at, turned core.Time, accept bool) (timing, error) {
	o := &tx.ledger.options
	late, skew := o.Late, o.Skew
	if late == 0 {
		late = defaultLate
	}
	if skew == 0 {
		skew = defaultSkew
	}
	switch {
	case at > tx.Now.Add(skew):
		return timing{}, core.InField(core.Errorf(core.CodeLateRefused, "%s is more than %s ahead of the clock, which shows %s", at, skew, tx.Now), "at")
	case at < tx.Now.Add(-late) && !accept:
		return timing{}, core.InField(core.Errorf(core.CodeLateRefused, "%s is more than %s ago, by the clock, which shows %s", at, late, tx.Now), "at")
	}
	closed, err := tx.closed()
	if err != nil {
		return timing{}, err
	}
	t := timing{at: min(at, tx.Now), accepted: at < tx.Now.Add(-late)}
	if closed = max(closed, turned); at >= closed {
		return t, nil
	}
	if !o.NextOpen {
		return timing{}, core.InField(core.Errorf(core.CodePeriodClosed, "%s lies in a period that is closed until %s", at, closed), "at")
	}
	t.at, t.original = min(closed, tx.Now), at
	return t, nil
}

// reversedAt decides when a reversal counts: now, or from an instant on that
// its debit does not come after.
func (tx *Tx) reversedAt(taken *DebitReceipt, at core.Time) (timing, error) {
	if at == 0 {
		return timing{at: tx.Now}, nil
	}
	debit := taken.At
	if taken.Happened != 0 {
		debit = taken.Happened
	}
	if at < debit {
		return timing{}, core.InField(core.Errorf(core.CodeInvalid, "a debit of %s cannot be given back at %s", debit, at), "at")
	}
	return tx.time(at, 0, false)
}

// recent is what became of an account's grants since an instant: what expired
// of each, less what came back.
type recent struct {
	since  core.Time
	seq    int64 // of the last entry that was read
	lapsed map[core.ID]core.Entry
	rolled map[core.ID]core.ID     // by grant, what it was rolled over from
	out    map[core.ID]core.Amount // by grant, what was rolled over of it
	turned core.Time               // when a change of unit last moved the account
	err    error                   // of reading on
}

// recents are those of the accounts that late debits name.
type recents map[AccountKey]*recent

// lookBackAll is [Ledger.lookBack] for a batch.
func (l *Ledger) lookBackAll(ctx context.Context, items []BatchItem) error {
	var charges []*Charge
	for i := range items {
		if items[i].Err == nil && items[i].Charge.At != 0 {
			charges = append(charges, &items[i].Charge)
		}
	}
	if charges == nil {
		return nil
	}
	return l.lookBack(ctx, charges...)
}

// lookBack readies what late charges need to know of the past: from the
// earliest instant that any names.
func (l *Ledger) lookBack(ctx context.Context, charges ...*Charge) error {
	var all recents
	for _, c := range charges {
		if c.At == 0 {
			continue
		}
		var b Batch
		if c.names(&b); all == nil {
			all = recents{}
		}
		for _, key := range b.Accounts {
			if all[key] == nil {
				all[key] = &recent{since: c.At, seq: -1, lapsed: map[core.ID]core.Entry{}, rolled: map[core.ID]core.ID{}, out: map[core.ID]core.Amount{}}
			}
			all[key].since = min(all[key].since, c.At)
		}
	}
	for key, r := range all {
		if r.readOn(ctx, l.Reader(), key); r.err != nil {
			return r.err
		}
	}
	for _, c := range charges {
		if c.At != 0 {
			c.recents = all
		}
	}
	return nil
}

// readOn takes in what was committed since the last reading.
func (r *recent) readOn(ctx context.Context, reader Reader, key AccountKey) {
	if r.seq < 0 {
		if r.seq, r.err = firstSince(ctx, reader, key, r.since); r.err != nil {
			r.seq = -1
			return
		}
	}
	for {
		page, err := reader.Entries.Entries(ctx, key, r.seq, historyPage)
		if r.err = err; err != nil {
			return
		}
		for i := range page {
			r.add(&page[i])
		}
		if len(page) < historyPage {
			return
		}
	}
}

// firstSince is the last entry of an account that was recorded by an instant.
func firstSince(ctx context.Context, reader Reader, key AccountKey, at core.Time) (int64, error) {
	a, err := reader.Accounts.Account(ctx, key)
	if err != nil || a == nil {
		return 0, err
	}
	low, high := int64(0), a.Seq
	for low < high {
		mid := low + (high-low)/2
		next, err := reader.Entries.Entries(ctx, key, mid, 1)
		if err != nil {
			return 0, err
		}
		if len(next) > 0 && next[0].Recorded <= at {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, nil
}

// add takes one entry in.
func (r *recent) add(e *core.Entry) {
	r.seq = e.Seq
	switch e.Kind {
	case core.EntryConvertIn, core.EntryConvertOut:
		r.turned = max(r.turned, e.Recorded)
	case core.EntryRollIn:
		r.rolled[e.Grant] = e.Source
	case core.EntryRollOut:
		r.out[e.Grant] += e.Amount
	case core.EntryExpire, core.EntryRestore:
		was := r.lapsed[e.Grant]
		was.Grant = e.Grant
		switch {
		case e.Kind == core.EntryRestore:
			was.Amount -= e.Amount
		case e.Source == e.Grant: // it came to its end; else something came back to it later
			was.Effective = e.Effective
			was.Amount += e.Amount
		default:
			if was.Recorded == 0 {
				was.Recorded = e.Effective // by then it had ended
			}
			was.Amount += e.Amount
		}
		r.lapsed[e.Grant] = was
	}
}

// happened is when a charge did, as far as that is not ahead.
func (c *Charge) happened(now core.Time) core.Time {
	if c.At != 0 {
		return min(c.At, now)
	}
	return now
}

// lateNames adds to a batch what late charges must see, as it is committed by
// now: it runs in the committer, so nothing comes in between.
func (c *Charge) lateNames(l *Ledger, b *Batch) {
	b.Records = append(b.Records, closedKey())
	var own Batch
	c.names(&own)
	for _, key := range own.Accounts {
		r := c.recents[key]
		r.readOn(context.Background(), l.Reader(), key)
		for id, e := range r.lapsed {
			if e.Amount > 0 {
				b.Grants = append(b.Grants, id)
			}
		}
		for _, id := range r.rolled {
			b.Grants = append(b.Grants, id)
		}
	}
}

// late decides when a charge counts, and what its draw may take of grants that
// expired or were rolled over since. The account is settled.
func (tx *Tx) late(a *core.Account, c *Charge, d *core.Draw) (timing, error) {
	r := c.recents[keyOf(a)]
	if r == nil || r.err != nil || r.seq+int64(len(a.Entries)) != a.Seq {
		return timing{}, undecided{core.Errorf(core.CodeUnavailable, "the account moved while its past was read, repeat the request with the same key")}
	}
	if len(a.Entries) > 0 { // made in this very commit
		now := *r
		now.lapsed, now.rolled, now.out = maps.Clone(r.lapsed), maps.Clone(r.rolled), maps.Clone(r.out)
		for i := range a.Entries {
			now.add(&a.Entries[i])
		}
		r = &now
	}
	t, err := tx.time(c.At, r.turned, c.AcceptLate)
	if d.At = t.at; err != nil || t.at >= tx.Now {
		return t, err
	}
	d.Rolled = r.rolled
	for id, e := range r.lapsed {
		g := a.Grant(id)
		if g == nil || e.Amount <= 0 {
			continue
		}
		if e.Effective == 0 { // nothing was left of it to end, until something came back
			if e.Recorded < g.Expires {
				continue // it was ended early, by nobody knows when
			}
			if g.Ended-g.Away > e.Amount+r.out[id] {
				continue // some of it ended before what was read: before the debit happened
			}
			e.Effective = g.Expires
		}
		if e.Effective <= tx.Now {
			d.Lapsed = append(d.Lapsed, e)
		}
	}
	return t, nil
}

// setField is the canonical text of a mark that is mostly not set.
func setField(set bool) string {
	if set {
		return "true"
	}
	return ""
}
