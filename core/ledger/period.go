package ledger

import (
	"context"
	"encoding/json"

	"scrip/core"
	"scrip/core/asof"
)

// periodKind is the kind of the records of closed periods, and closeSweep how
// many accounts are settled at a time before one is closed.
const (
	periodKind = "period"
	closeSweep = 1000
)

// closedKey names the record of the newest closed period.
func closedKey() RecordKey { return RecordKey{"period-last", "all"} }

// periodKey names the record of the period that ends at an instant. Texts of
// one length sort as their instants do.
func periodKey(until core.Time) RecordKey {
	return RecordKey{periodKind, until.Std().Format("2006-01-02T15:04:05.000000Z")}
}

// ClosePeriod closes everything that happened before an instant, which is not
// ahead: no fact is taken into it any more. What time alone decides of it is
// posted first. Closing again what is closed changes nothing; made says whether
// this call closed it.
func (l *Ledger) ClosePeriod(ctx context.Context, until core.Time) (p asof.Period, made bool, err error) {
	if until <= 0 || until > l.Now() {
		return p, false, core.InField(core.Errorf(core.CodeInvalid, "a period can be closed until now at most, %s is ahead", until), "until")
	}
	for n := closeSweep; n == closeSweep; {
		if n, _, err = l.Sweep(ctx, closeSweep); err != nil {
			return p, false, err
		}
	}
	var done asof.Period // not the results: returning would write them while the op may still run
	var closed bool
	err = l.Do(ctx, &Op{
		Names: func(b *Batch) { b.Records = append(b.Records, closedKey(), periodKey(until)) },
		Decide: func(tx *Tx) error {
			closed = false
			last, err := tx.closed()
			switch {
			case err != nil:
				return err
			case until < last:
				return core.InField(core.Errorf(core.CodePeriodClosed, "everything before %s is closed already", last), "until")
			case until == last:
				return json.Unmarshal(tx.Record(periodKey(until)).Body, &done)
			}
			done, closed = asof.Period{Until: until, Closed: tx.Now}, true
			if err := tx.PutRecord(periodKey(until), done); err != nil {
				return err
			}
			return tx.PutRecord(closedKey(), done)
		},
	})
	if err != nil {
		return asof.Period{}, false, err
	}
	return done, closed, nil
}

// Periods lists closed periods, the oldest first, after the one that ended at
// an instant.
func (l *Ledger) Periods(ctx context.Context, after core.Time, limit int) ([]asof.Period, error) {
	from := ""
	if after > 0 {
		from = periodKey(after).ID
	}
	records, err := l.Reader().Records.List(ctx, periodKind, from, limit)
	if err != nil {
		return nil, err
	}
	list := make([]asof.Period, len(records))
	for i := range records {
		if err := json.Unmarshal(records[i].Body, &list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// closed is the end of the newest closed period, zero when none is.
func (tx *Tx) closed() (core.Time, error) {
	r := tx.Record(closedKey())
	if r == nil {
		return 0, nil
	}
	var p asof.Period
	err := json.Unmarshal(r.Body, &p)
	return p.Until, err
}

// opened moves the start of a grant that was dated back out of closed periods,
// and returns the start that was named then; or refuses it. The batch has named
// their record.
func (tx *Tx) opened(t core.Terms) (core.Terms, core.Time, error) {
	closed, err := tx.closed()
	if err != nil || t.Starts == 0 || t.Starts >= closed {
		return t, 0, err
	}
	if !tx.ledger.options.NextOpen {
		return t, 0, core.InField(core.Errorf(core.CodePeriodClosed, "%s lies in a period that is closed until %s", t.Starts, closed), "effective_at")
	}
	original := t.Starts
	t.Starts = closed
	return t, original, nil
}
