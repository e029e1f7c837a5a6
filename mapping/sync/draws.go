package sync

import (
	"context"
	"encoding/json"
	"errors"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
)

// chooseDraw takes the next call of a window that was split over the lots that
// we name at the vendor: each is told by a call and a mark of its own.
func chooseDraw(row *ledger.Intent, c *mapping.Consumption, o *order) *unsent {
	d := c.NextDraw()
	if d == nil {
		return &unsent{ledger.Applied, ""}
	}
	o.act, o.draw = doDraw, d
	o.mark.ID = mapping.StepMark(row.ID, row.Customer, "draw/"+string(d.Grant))
	return nil
}

// figure fixes what a window owes.
func figure(conn *connection, c *mapping.Consumption, book *mapping.Book, apart core.Amount) error {
	q, err := conn.QuantumOf(c.Unit)
	if err != nil {
		return err
	}
	return c.Figure(q, book, apart)
}

// split looks at a closed window grant by grant, in the account's entries:
// those until the window's last stand for good. It fixes what the window takes
// off each lot, or in all but for grants that are kept. It reports whether the
// job goes on.
func (j *job) split(ctx context.Context, o *order) bool {
	c := o.body.Consume
	account := ledger.AccountKey{Customer: j.item.Customer, Unit: c.Unit.Code}
	key := mapping.BookKey(j.conn.Name, account)
	book, began, err := j.look(ctx, c, account, key)
	if err == nil {
		err = j.splitInto(ctx, o, account, key, book, began)
	}
	switch {
	case errors.Is(err, ledger.ErrFenced):
		return false // another worker has it
	case err != nil && core.CodeOf(err) == core.CodeInvalid:
		j.park(ctx, err.Error())
		return false
	case err != nil:
		j.w.o.Log.Warn("a window cannot be split now", "intent", string(j.id), "error", err)
		j.putBack(ctx, j.w.o.Wall().Add(probeEvery), "its window cannot be split over the grants now")
		return false
	}
	j.item.Body = o.body.Encode()
	return true
}

// splitInto writes a split down. began is how far the book had come when it
// was read.
func (j *job) splitInto(ctx context.Context, o *order, account ledger.AccountKey, key ledger.RecordKey, book *mapping.Book, began int64) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	figured, err := json.Marshal(book)
	if err != nil {
		return err
	}
	return j.w.o.Ledger.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) {
			b.Intents = append(b.Intents, j.lease())
			b.Accounts = append(b.Accounts, account)
			b.Records = append(b.Records, key)
		},
		Decide: func(tx *ledger.Tx) error {
			book := new(mapping.Book) // deciding may run again: what it marks as offered is this run's
			if err := json.Unmarshal(figured, book); err != nil {
				return err
			}
			now, err := bookOf(tx, key)
			if err != nil {
				return err
			}
			if now.Seq != began {
				return core.Errorf(core.CodeUnavailable, "the book of the account was written meanwhile")
			}
			row := tx.Intent(j.id)
			row.Body, row.Tried, row.Leased = advanced(o, true), false, true
			tx.SettleIntent(row)
			if a := tx.Account(account); a != nil {
				book.Settle(a, began)
				tx.Send(j.conn.Offer(book, a, tx.Now)...)
			}
			return tx.PutRecord(key, book)
		},
	})
}

// look reads the entries that a window tells, and figures it. began is how far
// the book had come.
func (j *job) look(ctx context.Context, c *mapping.Consumption, account ledger.AccountKey, key ledger.RecordKey) (book *mapping.Book, began int64, err error) {
	reader := j.w.o.Ledger.Reader()
	record, err := reader.Records.Record(ctx, key)
	if err != nil {
		return nil, 0, err
	}
	if book, err = mapping.BookOf(record); err != nil {
		return nil, 0, err
	}
	began = book.Seq
	q, err := j.conn.QuantumOf(c.Unit)
	if err != nil {
		return nil, 0, err
	}
	split := book.Split(q)
	for after := book.Drawn(); after < c.Seq && len(book.Lots)+len(book.Kept) > 0; {
		page, err := reader.Entries.Entries(ctx, account, after, entryPage)
		if err != nil {
			return nil, 0, err
		}
		for i := range page {
			if page[i].Seq <= c.Seq {
				split.Add(&page[i])
			}
		}
		if len(page) == 0 {
			return nil, 0, core.Errorf(core.CodeInvalid, "the account's entries end before its window does")
		}
		after = page[len(page)-1].Seq
	}
	if !j.conn.ByLot() {
		return book, began, c.Figure(q, book, split.Apart)
	}
	c.Draws, err = split.Draws(c.Told.Closed)
	if err == nil {
		err = c.Figure(q, book, split.Apart)
		book.Carry = 0 // what comes back is put back on its lot
	}
	return book, began, err
}

// keepLots writes down which lots the vendor holds, and offers it those that
// it had no room for when one has gone.
func keepLots(tx *ledger.Tx, conn *connection, key ledger.RecordKey, o *order, answer adapters.Answer) error {
	book, err := bookOf(tx, key)
	if err != nil {
		return err
	}
	if g := o.body.Grant; g != nil {
		book.Took(g)
		if !conn.ByLot() {
			if len(book.Kept) == 0 {
				return nil
			}
			return tx.PutRecord(key, book)
		}
		book.Give(g)
		return tx.PutRecord(key, book)
	}
	if len(book.Kept) == 0 && !conn.ByLot() && answer.Spared == 0 {
		return nil
	}
	book.Spare(min(answer.Spared, o.body.End.Spare))
	delete(book.Lots, o.body.End.Grant)
	if a := tx.Account(ledger.AccountKey{Customer: o.customer, Unit: o.body.End.Unit}); a != nil {
		tx.Send(conn.Offer(book, a, tx.Now)...)
	}
	return tx.PutRecord(key, book)
}

// unitOf is the unit that an order is about, "" when it is of none.
func unitOf(b *mapping.Body) string {
	switch {
	case b.Consume != nil:
		return b.Consume.Unit.Code
	case b.Grant != nil:
		return b.Grant.Unit.Code
	case b.End != nil:
		return b.End.Unit
	}
	return ""
}

// renew brings the facts of a grant that is given late up to date; false when
// it has ended meanwhile.
func renew(tx *ledger.Tx, c *connection, row *ledger.Intent, g *mapping.GrantFacts) (bool, error) {
	a := tx.Account(ledger.AccountKey{Customer: row.Customer, Unit: g.Unit.Code})
	if a == nil {
		return false, nil
	}
	return c.Renew(g, a)
}

// keep settles a grant that the vendor has no room for, or refuses after its
// end: it stays in the core, and so does what was consumed of it.
func (j *job) keep(ctx context.Context, o *order, e *adapters.Error, why string) bool {
	key := mapping.BookKey(j.conn.Name, ledger.AccountKey{Customer: j.item.Customer, Unit: unitOf(o.body)})
	j.onRow(ctx, func(b *ledger.Batch) { b.Records = append(b.Records, key) }, func(tx *ledger.Tx, row *ledger.Intent) error {
		settle(row, o.body, ledger.Ignored, mapping.KeptReason+why+e.Error(), tx.Now)
		book, err := bookOf(tx, key)
		if err != nil {
			return err
		}
		book.Keep(o.body.Grant)
		return tx.PutRecord(key, book)
	})
	j.observe(ledger.Ignored, e.Code)
	return false
}
