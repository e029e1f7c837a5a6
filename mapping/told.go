package mapping

import (
	"encoding/json"
	"slices"
	"time"

	"scrip/core"
	"scrip/core/ledger"
)

// BookKind is the kind of the records that hold a [Book].
const BookKind = "told"

// bookLength bounds the windows a book keeps: what is older can hardly be
// taken back at any vendor, and is carried instead.
const bookLength = 32

// Book is what a connection was told of an account, kept so that what is
// given back later can be taken off.
type Book struct {
	Carry   int64        `json:"carry,omitempty"` // below zero: quanta still to be taken off, by windows to come
	Short   bool         `json:"short,omitempty"` // a window told less than was consumed, since the rest was missing already
	Over    int64        `json:"over,omitempty"`  // quanta told too much for good: ends of grants withdrew so much less
	Windows []ToldWindow `json:"windows,omitempty"`
	Points  []Point      `json:"points,omitempty"` // oldest first, where grants are trued up

	Spent []Spent     `json:"spent,omitempty"` // grants of which nothing is left here, where the vendor chooses the lots
	Kept  []Kept      `json:"kept,omitempty"`  // grants that the vendor had no room for
	Apart core.Amount `json:"apart,omitempty"` // net consumption of kept grants, which is not the vendor's to count
	Seq   int64       `json:"seq,omitempty"`   // of the last entry that was looked at for a kept grant, or split over lots

	Joined int64 `json:"joined,omitempty"` // the account's last entry before it joined, where it joined by a move

	// Where consumption is told grant by grant:
	Lots map[core.ID]Lot `json:"lots,omitempty"`
	Told int64           `json:"told,omitempty"` // quanta drawn in all, less what was put back
}

// ToldWindow is a window as it was told, oldest first in a book.
type ToldWindow struct {
	Window string    `json:"window"`
	Vendor string    `json:"vendor"` // the vendor's identifier
	Quanta int64     `json:"quanta"`
	At     core.Time `json:"at,omitempty"` // business time told with it
}

// Spent is a grant of which nothing is left here, before its expiry.
type Spent struct {
	Grant core.ID   `json:"grant"`
	Seq   int64     `json:"seq"` // of the entry that made it
	Until core.Time `json:"until"`
}

// gone reports whether a vendor has ended the grant for certain: it may round
// its expiry to a later day.
func (s *Spent) gone(now core.Time) bool { return now >= s.Until.Add(72*time.Hour) }

// BookKey names the record of an account's book at a connection.
func BookKey(connection string, account ledger.AccountKey) ledger.RecordKey {
	return ledger.RecordKey{Kind: BookKind, ID: connection + "/" + account.Unit + "/" + account.Customer}
}

// BookOf reads a book from its record, an empty one where there is none.
func BookOf(r *ledger.Record) (*Book, error) {
	b := &Book{}
	if r == nil {
		return b, nil
	}
	if err := json.Unmarshal(r.Body, b); err != nil {
		return nil, core.Errorf(core.CodeInvalid, "the book %q of what was told cannot be read", r.ID)
	}
	return b, nil
}

// Join begins anew with an account that joins the connection by a move: what was
// told of single grants before, and which were kept, is over. No window of before
// is taken back: it would be put back where nothing is the customer's any more. What a hold keeps
// of a grant that has ended is not given to the vendor, so what is captured of
// it is the core's own.
func (b *Book) Join(a *core.Account, now core.Time) {
	b.Kept, b.Lots, b.Windows, b.Spent, b.Seq, b.Joined = nil, nil, nil, nil, a.Seq, a.Seq
	for i := range a.Grants {
		if g := &a.Grants[i]; g.Remaining > 0 && !carried(g, now) {
			b.Kept = append(b.Kept, Kept{Grant: g.ID, Seq: a.Seq})
		}
	}
}

// Taken is a window that is being taken back.
type Taken struct {
	ToldWindow
	Done    bool `json:"done,omitempty"`
	Refused bool `json:"refused,omitempty"` // by the vendor, for good
}

// Consumption is the order of one window. Until it is closed only its number
// is known. Closing fixes what is owed; each call that settles it is durable
// before the next begins.
type Consumption struct {
	Unit   core.Unit    `json:"unit"`
	Number int64        `json:"number"`
	Window string       `json:"window"`
	Short  bool         `json:"short,omitempty"` // it tells less than was consumed
	Early  *ledger.Told `json:"early,omitempty"` // what the window says, when it was closed before its time
	Told   *ledger.Told `json:"told,omitempty"`  // set when the window was closed
	Owed   int64        `json:"owed,omitempty"`  // quanta to be told, by the law and what was carried
	Taken  []Taken      `json:"taken,omitempty"` // windows taken back because Owed is below zero
	Tell   int64        `json:"tell,omitempty"`  // quanta of the one telling, fixed before it begins
	Scale  int          `json:"scale,omitempty"` // what a quantum is, as in [adapters.Holding]
	Counts string       `json:"counts,omitempty"`
	Seq    int64        `json:"seq,omitempty"`   // of the account's last entry when the window was closed
	Draws  []Draw       `json:"draws,omitempty"` // what the window takes off each lot, where lots are named
}

// Figure fixes what a closed window owes. What earlier windows could not take
// off moves from the book into it. apart is what it consumed, net, of grants
// that the vendor does not hold, beside what the window itself keeps apart.
func (c *Consumption) Figure(q Quantum, book *Book, apart core.Amount) error {
	told := *c.Told
	apart += told.Apart
	told.Before -= book.Apart
	told.Consumed -= book.Apart + apart
	quanta, err := WindowQuanta(told, q)
	if err != nil {
		return err
	}
	c.Told, c.Owed = &told, quanta+book.Carry
	is := q.of(0)
	c.Scale, c.Counts = is.Scale, is.Unit
	c.Short = book.Carry != 0
	book.Short = book.Short || c.Short
	book.Carry, book.Apart = 0, book.Apart+apart
	return nil
}

// Figured reports whether it is known what the window owes.
func (c *Consumption) Figured() bool { return c.Counts != "" }

// Step is the next call of a closed window.
type Step struct {
	Cancel *Taken // take this window back
	Tell   int64  // or tell so many quanta
}

// Next is the next call, given what the calls before it brought; nil when
// there is none left to make. What is owed below zero is settled by taking
// windows back, newest first, until they cover it, then telling what that was
// too much. What no window covers is left in the book for those to come.
//
// A window leaves the book when its taking back begins, so that no other
// order can take it back too.
func (c *Consumption) Next(book *Book, canCancel bool) *Step {
	for i := range c.Taken {
		if t := &c.Taken[i]; !t.Done && !t.Refused {
			return &Step{Cancel: t}
		}
	}
	rest := c.Rest()
	if rest >= 0 {
		c.Tell = rest
		if rest == 0 {
			return nil
		}
		return &Step{Tell: rest}
	}
	if last := len(book.Windows) - 1; canCancel && last >= 0 {
		c.Taken = append(c.Taken, Taken{ToldWindow: book.Windows[last]})
		book.Windows = book.Windows[:last]
		return &Step{Cancel: &c.Taken[len(c.Taken)-1]}
	}
	book.Carry += rest
	return nil
}

// Rest is what is owed after the windows that were taken back.
func (c *Consumption) Rest() int64 {
	rest := c.Owed
	for _, t := range c.Taken {
		if t.Done {
			rest += t.Quanta
		}
	}
	return rest
}

// Billed gives up the windows that were told before the month (UTC) of an
// instant: an invoice has drawn for them, and would not give that back. What
// they told too much is taken off by windows to come.
func (b *Book) Billed(now core.Time) {
	at := now.Std().UTC()
	month := core.TimeOf(time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC))
	b.Windows = slices.DeleteFunc(b.Windows, func(w ToldWindow) bool { return w.At < month })
}

// Withdraw is how much of quanta that ended in the core is still to be taken off
// at the vendor. What was given back and could not be taken off the consumption
// that was told is missing there already.
func (b *Book) Withdraw(quanta int64) int64 {
	n := max(0, min(quanta, -b.Carry))
	b.Carry, b.Over = b.Carry+n, b.Over+n
	return quanta - n
}

// Note remembers a grant of which nothing is left here. A vendor that is told less
// later may be left with something of it, or put something back.
func (b *Book) Note(s Spent, now core.Time) {
	b.Spent = slices.DeleteFunc(b.Spent, func(x Spent) bool { return x.gone(now) || x.Grant == s.Grant })
	if b.Spent = append(b.Spent, s); len(b.Spent) > bookLength {
		b.Spent = b.Spent[1:]
	}
}

// Again withdraws what a vendor may have of grants that are over, after a
// window that told less than they had given.
func (c *Connection) Again(book *Book, told *Consumption, customer string, now core.Time) []*ledger.Intent {
	if !c.Pools() || len(told.Taken) == 0 && !told.Short {
		return nil
	}
	q, err := c.QuantumOf(told.Unit)
	if err != nil {
		return nil
	}
	book.Short = true
	var intents []*ledger.Intent
	for _, s := range book.Spent {
		end := &EndFacts{Grant: s.Grant, Unit: told.Unit.Code, Holding: q.of(0), Seq: s.Seq, Over: true, Spent: true, Until: s.Until}
		if !s.gone(now) {
			intents = append(intents, newIntent(c.Name, customer, string(s.Grant), string(s.Grant)+"/spent/"+told.Window, now, now, &Body{End: end}))
		}
	}
	return intents
}

// Exact reports whether the vendor was told of all that was consumed, no more
// and no less, so that it drew it as the core did.
func (b *Book) Exact() bool { return b.Carry == 0 && b.Over == 0 && !b.Short }

// Spare notes that so much less was taken off at the vendor by the end of a
// grant than ended in the core, of what is missing there already; below zero,
// that so much more was, which is missing from now on.
func (b *Book) Spare(quanta int64) {
	n := min(quanta, -b.Carry)
	b.Carry, b.Over = b.Carry+n, b.Over+n
}

// Add notes a window that was told, the oldest giving way.
func (b *Book) Add(s ToldWindow) {
	b.Windows = append(b.Windows, s)
	if over := len(b.Windows) - bookLength; over > 0 {
		b.Windows = slices.Delete(b.Windows, 0, over)
	}
}
