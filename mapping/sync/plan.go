package sync

import (
	"encoding/json"
	"fmt"
	"reflect"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/plan"
	"scrip/core/sale"
	"scrip/mapping"
)

// neutrals are the things whose links an order is given.
func neutrals(b *mapping.Body, customer string) []string {
	list := []string{customer, adapters.SetupNeutral}
	switch {
	case b.Grant != nil:
		list = append(list, string(b.Grant.Grant))
	case b.End != nil:
		list = append(list, string(b.End.Grant))
	case b.Sale != nil:
		list = append(list, b.Sale.Pack, string(b.Sale.ID))
	case b.Refund != nil:
		list = append(list, string(b.Refund.Purchase))
	case b.Consume != nil:
		list = append(list, b.Consume.Window)
		if d := b.Consume.NextDraw(); d != nil {
			list = append(list, string(d.Grant))
		}
	}
	return list
}

// plan decides the next call of an intent, or that none is needed.
func (j *job) plan(tx *ledger.Tx, row *ledger.Intent, body *mapping.Body) (*order, *unsent, error) {
	o := &order{body: body, customer: row.Customer, links: j.conn.named(), hurry: j.w.draining.Load() > 0}
	for _, neutral := range neutrals(body, row.Customer) {
		o.links = append(o.links, vendorLinks(tx.Links(ledger.LinkKey{Connection: j.conn.Name, Neutral: neutral}))...)
	}
	o.mark = adapters.Mark{ID: row.ID, Kind: body.Kind(), Neutral: row.Ref, Customer: o.links.One(adapters.RoleCustomer)}
	// The customer comes first: closing a window changes the account, and
	// nothing after it may fail.
	if body.Customer == nil && body.End == nil && body.TrueUp == nil && o.mark.Customer == "" && j.conn.canPutCustomer() {
		return o, nil, ensure(tx, row, body, o, j.conn.Name)
	}
	if j.wantsCarrier(body) && o.links.One(adapters.RoleCarrier) == "" {
		o.act = doCarrier
		o.mark = carrierMark(row.Customer, j.conn.Name, o.mark.Customer)
		return o, nil, nil
	}
	end, err := j.choose(tx, row, body, o)
	return o, end, err
}

// wantsCarrier reports whether the order rests on the customer's carrier.
func (j *job) wantsCarrier(body *mapping.Body) bool {
	if !j.port.NeedsCarrier() {
		return false
	}
	return body.Consume != nil && j.conn.Strategy == adapters.Meter || body.Grant != nil && j.port.Traits().CarrierLeads
}

// choose sets what the order does.
func (j *job) choose(tx *ledger.Tx, row *ledger.Intent, body *mapping.Body, o *order) (*unsent, error) {
	switch {
	case body.Customer != nil:
		o.act = doCustomer
	case body.Grant != nil:
		o.act = doGrant
		if body.Grant.Late && !row.Tried {
			if live, err := renew(tx, j.conn, row, body.Grant); !live || err != nil {
				return &unsent{ledger.Ignored, "it ended before it could be given to the vendor"}, err
			}
		}
		if body.Grant.Holding.Quanta <= 0 {
			return nil, core.Errorf(core.CodeInvalid, "the grant's value at the vendor cannot be counted")
		}
	case body.End != nil:
		o.act = doEnd
		return j.chooseEnd(tx, row, body.End, o.links.One(adapters.RoleGrant) != "")
	case body.Sale != nil:
		o.act = doSell
		p, err := purchaseOf(tx, body.Sale.ID)
		switch {
		case err != nil || p.State != sale.Pending && !row.Tried:
			return &unsent{ledger.Ignored, fmt.Sprintf("the purchase is %s already", p.State)}, err
		case p.Auto && p.Credits > 0 && !row.Tried && tx.Now >= p.Created.Add(plan.AbandonAfter):
			return &unsent{ledger.Ignored, "the top-up was given up, another may have taken its place"}, nil
		}
	case body.Refund != nil:
		o.act = doRefund
	case body.Consume != nil:
		return j.chooseWindow(tx, row, body.Consume, o)
	case body.TrueUp != nil:
		return j.chooseRedo(row, body.TrueUp, o), nil
	default:
		return nil, core.Errorf(core.CodeInvalid, "its kind %q is not known", row.Kind)
	}
	return nil, nil
}

// chooseEnd fixes how much the end of a grant withdraws where we move a ledger
// whose lots the vendor chooses. There, what came back to a grant that was over
// when the account joined is withdrawn too, wherever the vendor has it. Where we
// name them, nothing can be put back on a lot that is gone, and so nothing be
// withdrawn of it.
func (j *job) chooseEnd(tx *ledger.Tx, row *ledger.Intent, end *mapping.EndFacts, given bool) (*unsent, error) {
	key := mapping.BookKey(j.conn.Name, ledger.AccountKey{Customer: row.Customer, Unit: end.Unit})
	none := &unsent{ledger.Ignored, "the vendor was given no such grant"}
	switch {
	case end.Unit != "" && j.conn.TruesUp() && returned(tx.Account(ledger.AccountKey{Customer: row.Customer, Unit: end.Unit}), end.Grant, j.conn.Name):
		// Its return finds the vendor's object standing, or makes another.
		return &unsent{ledger.Ignored, "the grant came back before it was withdrawn"}, nil
	case row.Tried:
		return nil, nil
	case !j.conn.Pools() && !given:
		return none, nil
	case end.Back && j.conn.ByLot():
		book, err := bookOf(tx, key)
		if err != nil {
			return nil, err
		}
		if _, holds := book.Lots[end.Grant]; holds {
			return nil, nil
		}
		return &unsent{ledger.Applied, "the vendor has ended the grant, nothing was put back on it there"}, nil
	case !j.conn.Pools() || end.Holding.Quanta == 0 && !end.Spent:
		return nil, nil
	}
	book, err := bookOf(tx, key)
	switch {
	case err != nil:
		return nil, err
	case end.Spent:
		exact := book.Exact()
		book.Note(mapping.Spent{Grant: end.Grant, Seq: end.Seq, Until: end.Until}, tx.Now)
		back := returned(tx.Account(ledger.AccountKey{Customer: row.Customer, Unit: end.Unit}), end.Grant, j.conn.Name)
		if err := tx.PutRecord(key, book); err != nil || !exact && !back {
			return nil, err
		}
		if back {
			return &unsent{ledger.Ignored, "something came back to the grant before it was withdrawn"}, nil
		}
		return &unsent{ledger.Ignored, "the vendor was told of all that was consumed, and has drawn it"}, nil
	case book.Keeps(end.Grant) && end.Keep >= 0, !given && (end.Seq == 0 || end.Seq > book.Joined):
		return none, nil
	}
	end.Anywhere = end.Anywhere || !given
	was := *book
	if end.Keep > 0 {
		book.Keep(&mapping.GrantFacts{Grant: end.Grant, Seq: end.Keep})
		end.Keep = -1
	}
	if end.Anywhere {
		end.Holding.Quanta = book.Withdraw(end.Holding.Quanta)
	}
	if end.Over && end.Until != 0 && end.Until != core.Never {
		book.Note(mapping.Spent{Grant: end.Grant, Seq: end.Seq, Until: end.Until}, tx.Now)
	}
	if !reflect.DeepEqual(was, *book) {
		if err := tx.PutRecord(key, book); err != nil {
			return nil, err
		}
	}
	end.Spare = min(end.Holding.Quanta, -book.Carry)
	if end.Holding.Quanta > 0 {
		return nil, nil
	}
	return &unsent{ledger.Applied, "the vendor was told of more consumption than this grant had left"}, nil
}

// returned reports whether a grant that a vendor is to give up is in force
// there again: it went to another unit, or its account to another vendor, and
// came back. What its end leaves alone serves it again.
func returned(a *core.Account, id core.ID, connection string) bool {
	if a == nil || !a.Tells(connection) {
		return false
	}
	g := a.Grant(id)
	return g != nil && g.Closed == "" && g.Remaining > 0
}

// chooseWindow closes the window if it is open still, and takes its next call.
func (j *job) chooseWindow(tx *ledger.Tx, row *ledger.Intent, c *mapping.Consumption, o *order) (*unsent, error) {
	account := ledger.AccountKey{Customer: row.Customer, Unit: c.Unit.Code}
	key := mapping.BookKey(j.conn.Name, account)
	book, err := bookOf(tx, key)
	if err != nil {
		return nil, err
	}
	was := *book
	if c.Told == nil {
		a := tx.Account(account)
		if a == nil {
			return &unsent{ledger.Ignored, "its window is not open"}, nil
		}
		told, open := peek(a, j.conn.Name, c.Number, tx.Now)
		switch {
		case c.Early != nil:
			told = *c.Early
		case !open:
			return &unsent{ledger.Ignored, "its window is not open"}, nil
		}
		if c.Seq == 0 && c.Early != nil {
			c.Seq = a.Seq
		}
		if _, err := j.conn.QuantumOf(c.Unit); err != nil {
			return nil, err
		}
		c.Told = &told
		if c.Early == nil {
			c.Seq = a.Seq
			tx.CloseWindow(account, j.conn.Name)
		}
	}
	if !c.Figured() && (j.conn.ByLot() || len(book.Kept) > 0) {
		o.act = doSplit
		return nil, nil
	}
	if j.conn.ByLot() {
		return chooseDraw(row, c, o), nil
	}
	if !c.Figured() {
		if err := figure(j.conn, c, book, 0); err != nil {
			return nil, err
		}
	}
	if j.port.Traits().BillsMonths {
		book.Billed(tx.Now)
	}
	step := c.Next(book, j.conn.canCancel())
	if step == nil {
		tx.Send(j.conn.Again(book, c, row.Customer, tx.Now)...)
	}
	if book.Short != was.Short || book.Carry != was.Carry || book.Apart != was.Apart || len(book.Windows) != len(was.Windows) {
		if err := tx.PutRecord(key, book); err != nil {
			return nil, err
		}
	}
	switch {
	case step == nil && c.Rest() < 0:
		return &unsent{ledger.Applied, "what it gave back is carried to the next window"}, nil
	case step == nil:
		return &unsent{ledger.Applied, ""}, nil
	case step.Cancel != nil:
		o.act, o.taken = doCancel, step.Cancel
		o.mark.ID = mapping.StepMark(row.ID, row.Customer, "cancel/"+step.Cancel.Window)
	default:
		o.act = doTell
	}
	return nil, nil
}

// peek says what closing an account's window would, without closing it: a
// figure that cannot be told must leave the window as it is.
func peek(a *core.Account, connection string, number int64, now core.Time) (ledger.Told, bool) {
	for _, w := range a.Windows {
		if w.Connection == connection && w.Number == number && w.Closes != 0 {
			return ledger.Told{Number: w.Number, Consumed: a.Consumed, Before: w.Told, Opened: w.Opened, Closed: now, Apart: w.Apart}, true
		}
	}
	return ledger.Told{}, false
}

// ensure puts the customer before the order: it is older than the connection.
// What is said of it is fixed with the first attempt.
func ensure(tx *ledger.Tx, row *ledger.Intent, body *mapping.Body, o *order, connection string) error {
	if body.Attempt.Ensure == nil {
		record := tx.Record(ledger.RecordKey{Kind: ledger.CustomerKind, ID: row.Customer})
		if record == nil {
			return core.Errorf(core.CodeInvalid, "customer %q does not exist any more", row.Customer)
		}
		c := &ledger.Customer{}
		if err := json.Unmarshal(record.Body, c); err != nil {
			return core.Errorf(core.CodeInvalid, "customer %q cannot be read", row.Customer)
		}
		body.Attempt.Ensure = c
	}
	o.act = doEnsure
	o.mark = adapters.Mark{
		ID:   core.NewID(core.IntentID, row.Customer, "ensure/"+connection, row.Customer, 0),
		Kind: adapters.CustomerKind, Neutral: row.Customer,
	}
	return nil
}

// carrierMark is the mark of a customer's carrier, the same whichever window
// asks for it first.
func carrierMark(customer, connection, vendor string) adapters.Mark {
	return adapters.Mark{
		ID:   core.NewID(core.IntentID, customer, "carrier/"+connection, customer, 0),
		Kind: adapters.CarrierKind, Neutral: customer, Customer: vendor,
	}
}

func purchaseOf(tx *ledger.Tx, id core.ID) (sale.Purchase, error) {
	var p sale.Purchase
	record := tx.Record(ledger.RecordKey{Kind: ledger.PurchaseKind, ID: string(id)})
	if record == nil {
		return p, core.Errorf(core.CodeInvalid, "purchase %q does not exist any more", string(id))
	}
	if err := json.Unmarshal(record.Body, &p); err != nil {
		return p, core.Errorf(core.CodeInvalid, "purchase %q cannot be read", string(id))
	}
	return p, nil
}
