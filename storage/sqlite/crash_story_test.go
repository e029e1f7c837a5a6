//go:build crash

package sqlite_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"scrip/core"
	"scrip/core/convert"
	"scrip/core/ledger"
	"scrip/core/plan"
	"scrip/core/sale"
	"scrip/internal/crash"
	"scrip/storage/sqlite"
)

const crashStart core.Time = 1_700_000_000_000_000

var (
	crashAccount = ledger.AccountKey{Customer: "ann", Unit: "credits"}
	crashUnits   = []core.Unit{{Code: "credits", Scale: 2}, {Code: "usd", Scale: 6}}
)

// story is a run of commands that may be told again from the start: every key
// is fixed. It answers each command that was committed.
type story struct {
	*ledger.Ledger
	ctx    context.Context
	store  *sqlite.Store
	now    core.Time
	calls  string // a file that stands for the vendor: one line per call
	answer func(line string)
}

var stories = map[string]func(*story) error{
	"open":   func(*story) error { return nil },
	"debit":  (*story).debit,
	"inbox":  (*story).inbox,
	"outbox": (*story).outbox,
	"sweep":  (*story).sweep,
	"renew":  (*story).renew,
	"unit":   (*story).unit,
	"erase":  (*story).erase,
}

// tell opens the file as a server does and runs a story on it. When a
// statement of it was made to fail, the story is told again by the same
// process, which has to go on as if nothing had been.
func tell(ctx context.Context, path, name string, answer func(string)) error {
	store, err := serve(ctx, path)
	if err != nil {
		return err
	}
	s := &story{ctx: ctx, store: store, calls: path + ".calls", answer: answer}
	before := crash.Hit()
	err = s.once(stories[name])
	if err != nil && !before && crash.Hit() {
		err = s.once(stories[name])
	}
	if closing := store.Close(); err == nil {
		err = closing
	}
	return err
}

// serve opens a file as a server does. A child that another test is just
// starting may still hold this file's lock between its fork and its exec.
func serve(ctx context.Context, path string) (store *sqlite.Store, err error) {
	for range 500 {
		if store, err = sqlite.OpenWith(ctx, path, sqlite.Options{Own: true}); !errors.Is(err, sqlite.ErrLocked) {
			return store, err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, err
}

// once tells the story over the store.
func (s *story) once(tell func(*story) error) error {
	s.now = crashStart
	s.open()
	defer func() { s.Close() }()
	return tell(s)
}

// open opens the ledger, which knows of these changes of unit.
func (s *story) open(changes ...ledger.Conversion) {
	if s.Ledger != nil {
		s.Close()
	}
	s.Ledger = ledger.Open(s.store, ledger.Options{
		Now: func() core.Time { return s.now }, Units: crashUnits, Order: core.DefaultOrder(), Conversions: changes,
	})
}

// acknowledged is one answer: the request that it is kept under, and its text.
type acknowledged struct {
	Hash   string
	Answer json.RawMessage
}

// ack answers a keyed command. When it could not be carried out, the caller
// must have been told to repeat it.
func (s *story) ack(operation, key string, receipt any, err error) error {
	if err != nil && core.CodeOf(err) != core.CodeUnavailable {
		s.answer(fmt.Sprintf("%s is not said to be worth repeating: %v", key, err))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	raw, err := json.Marshal(receipt)
	if err != nil {
		return err
	}
	line, err := json.Marshal(acknowledged{ledger.RequestHash(operation, key), raw})
	s.answer(string(line))
	return err
}

func (s *story) customer(id string) error {
	_, _, err := s.PutCustomer(s.ctx, ledger.Customer{ID: id})
	return err
}

func (s *story) grant(key, customer string, t core.Terms) (ledger.GrantReceipt, error) {
	if err := s.customer(customer); err != nil {
		return ledger.GrantReceipt{}, err
	}
	t.Category = core.Promotional
	g, _, err := s.Issue(s.ctx, key, ledger.AccountKey{Customer: customer, Unit: "credits"}, t)
	return g, s.ack(ledger.OpGrant, key, g, err)
}

func (s *story) hold(key, customer string, amount core.Amount) (ledger.HoldReceipt, error) {
	account := ledger.AccountKey{Customer: customer, Unit: "credits"}
	h, _, err := s.Hold(s.ctx, key, ledger.Charge{Account: account, Amount: amount}, ledger.HoldTerms{For: time.Hour})
	return h, s.ack(ledger.OpHold, key, h, err)
}

func (s *story) spend(key string, account ledger.AccountKey, amount core.Amount) (ledger.DebitReceipt, error) {
	d, _, err := s.Debit(s.ctx, key, ledger.Charge{Account: account, Amount: amount})
	return d, s.ack(ledger.OpDebit, key, d, err)
}

// debit spends from a grant, at once and by holds, and gives back (CR-01,
// CR-02): grant, debit, hold, capture, reversal, release, void.
func (s *story) debit() error {
	if _, err := s.grant("grant", "ann", core.Terms{Amount: 100}); err != nil {
		return err
	}
	d, err := s.spend("debit", crashAccount, 30)
	if err != nil {
		return err
	}
	h, err := s.hold("hold", "ann", 20)
	if err != nil {
		return err
	}
	c, h, _, err := s.Capture(s.ctx, "capture", ledger.CaptureTerms{Hold: h.Hold.ID, Unit: "credits", Amount: 15, Final: true})
	if err := s.ack(ledger.OpCapture, "capture", map[string]any{"Debit": c, "Hold": h}, err); err != nil {
		return err
	}
	r, _, err := s.Reverse(s.ctx, "reverse", d.ID, 12)
	if err := s.ack(ledger.OpReverse, "reverse", r, err); err != nil {
		return err
	}
	let, err := s.hold("let", "ann", 5)
	if err != nil {
		return err
	}
	let, _, err = s.Release(s.ctx, "release", let.Hold.ID)
	if err := s.ack(ledger.OpRelease, "release", let, err); err != nil {
		return err
	}
	g, err := s.grant("other", "ann", core.Terms{Amount: 7})
	if err != nil {
		return err
	}
	g, _, err = s.Void(s.ctx, "void", g.Grant.ID)
	return s.ack(ledger.OpVoid, "void", g, err)
}

// inbox receives an event that proves a payment, twice, and applies it (CR-03,
// CR-04, CR-05).
func (s *story) inbox() error {
	if err := s.customer("ann"); err != nil {
		return err
	}
	p, _, err := s.Buy(s.ctx, "buy", sale.Purchase{
		Customer: "ann", Pack: "small", Unit: "credits", Credits: 500, Price: core.Money{Minor: 80_00, Currency: "usd"}, Connection: "east",
	})
	if err := s.ack(ledger.OpPurchase, "buy", p, err); err != nil {
		return err
	}
	event := &ledger.Event{
		ID: core.NewID(core.EventID, "evt_1", "inbox", "east/evt_1", 0), Connection: "east", VendorID: "evt_1", Body: []byte(p.ID),
		Received: crashStart, State: ledger.Waiting,
	}
	for range 2 {
		err := s.Do(s.ctx, &ledger.Op{
			Names: func(b *ledger.Batch) { b.Events = append(b.Events, ledger.Lease{ID: event.ID}) },
			Decide: func(tx *ledger.Tx) error {
				if tx.Event(event.ID) == nil {
					tx.PutEvent(event)
				}
				return nil
			},
		})
		if err != nil {
			return err
		}
	}
	return s.work(ledger.Inbox, func(c ledger.Claimed) error { return s.apply(p, c.Event) })
}

// work claims until nothing is left. What a failed attempt of this process
// left leased comes back when the lease ends.
func (s *story) work(q ledger.Queue, one func(ledger.Claimed) error) error {
	for _, wall := range []core.Time{crashStart, crashStart.Add(2 * time.Hour)} {
		for {
			items, err := s.store.Claim(s.ctx, q, crashStart, wall, 10, time.Hour)
			if err != nil {
				return err
			}
			if len(items) == 0 {
				break
			}
			for _, c := range items {
				if err := one(c); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// apply applies the payment and marks its event, in one commit.
func (s *story) apply(p sale.Purchase, e *ledger.Event) error {
	return s.Do(s.ctx, &ledger.Op{
		Names: func(b *ledger.Batch) {
			b.Events = append(b.Events, ledger.Lease{ID: e.ID, Fence: e.Fence})
			s.NamesPayment(b, p)
		},
		Decide: func(tx *ledger.Tx) error {
			if _, _, err := tx.Pay(sale.Payment{Purchase: core.ID(e.Body), Object: "invoice", Paid: p.Price, Settled: true}); err != nil {
				return err
			}
			done := *tx.Event(e.ID)
			done.State, done.Settled = ledger.Applied, tx.Now
			tx.PutEvent(&done)
			return nil
		},
	})
}

// outbox sends three intents of one stream and tells a vendor, marking each
// call before it is made and settling it with its link afterwards (CR-06).
func (s *story) outbox() error {
	if err := s.customer("ann"); err != nil {
		return err
	}
	for n := range 3 {
		i := &ledger.Intent{
			ID: core.NewID(core.IntentID, "ann", "crash", fmt.Sprint(n), 0), Connection: "east", Customer: "ann", Kind: "grant", Ref: fmt.Sprint("ref", n),
			Body: []byte("{}"), Due: crashStart, State: ledger.Waiting, Created: crashStart,
		}
		if err := s.Do(s.ctx, &ledger.Op{Names: func(*ledger.Batch) {}, Decide: func(tx *ledger.Tx) error { tx.Send(i); return nil }}); err != nil {
			return err
		}
	}
	return s.work(ledger.Outbox, func(c ledger.Claimed) error {
		i := c.Intent
		if err := s.settle(i, func(tx *ledger.Tx, i *ledger.Intent) { i.Tried, i.Leased = true, true }); err != nil {
			return err
		}
		if err := s.call(i); err != nil {
			return err
		}
		return s.settle(i, func(tx *ledger.Tx, i *ledger.Intent) {
			i.State, i.Settled, i.Leased = ledger.Applied, tx.Now, false
			tx.Link(ledger.Link{Connection: "east", Neutral: i.Ref, Role: "grant", Vendor: "v_" + i.Ref})
		})
	})
}

func (s *story) settle(i *ledger.Intent, change func(*ledger.Tx, *ledger.Intent)) error {
	return s.Do(s.ctx, &ledger.Op{
		Names: func(b *ledger.Batch) {
			b.Intents = append(b.Intents, ledger.Lease{ID: i.ID, Fence: i.Fence})
			b.Links = append(b.Links, ledger.LinkKey{Connection: "east", Neutral: i.Ref})
		},
		Decide: func(tx *ledger.Tx) error {
			now := *tx.Intent(i.ID)
			change(tx, &now)
			tx.SettleIntent(&now)
			return nil
		},
	})
}

// call makes the vendor hear of an intent under the intent's id.
func (s *story) call(i *ledger.Intent) error {
	f, err := os.OpenFile(s.calls, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintln(f, i.ID)
	return err
}

// sweep lets holds and grants of two customers end, and posts it (CR-07).
func (s *story) sweep() error {
	for _, id := range []string{"ann", "bob"} {
		if _, err := s.grant("short "+id, id, core.Terms{Amount: 100, Expires: crashStart.Add(2 * time.Hour)}); err != nil {
			return err
		}
		if _, err := s.grant("long "+id, id, core.Terms{Amount: 50}); err != nil {
			return err
		}
		if _, err := s.hold("hold "+id, id, 120); err != nil {
			return err
		}
	}
	for range 3 {
		s.now = s.now.Add(time.Hour)
		for n := 1; n > 0; {
			var err error
			if n, _, err = s.Sweep(s.ctx, 1); err != nil {
				return err
			}
		}
	}
	return nil
}

// renew lets two subscriptions renew, one of which waits for its payment (CR-07).
func (s *story) renew() error {
	month := plan.Span{N: 1, Of: plan.Month}
	terms := plan.Terms{
		Plan: "pro", Every: month, Prices: []core.Money{{Minor: 1000, Currency: "usd"}}, AtZero: core.Overage,
		Allotments: []plan.Allotment{{Credits: 100, Every: month, Rollover: &plan.Rollover{Max: 30, Cycles: 1}}},
		Overage:    &plan.Overage{Prices: []core.Price{{Rate: core.Rate{Num: 2, Den: 1}, Currency: "usd"}}, Per: 1},
	}
	paid := terms
	paid.Allotments = []plan.Allotment{{Credits: 100, Every: month, OnPayment: true}}
	ann, bob := crashAccount, ledger.AccountKey{Customer: "bob", Unit: "credits"}
	for _, one := range []struct {
		account ledger.AccountKey
		terms   plan.Terms
	}{{ann, terms}, {bob, paid}} {
		if err := s.customer(one.account.Customer); err != nil {
			return err
		}
		if _, _, err := s.Subscribe(s.ctx, one.account, plan.Wish{Terms: one.terms, Zone: "Europe/Berlin"}); err != nil {
			return err
		}
	}
	if _, err := s.spend("most", ann, 60); err != nil {
		return err
	}
	s.now = crashStart.AddMonths(1)
	for n := 1; n > 0; {
		var err error
		if n, _, err = s.Sweep(s.ctx, 1); err != nil {
			return err
		}
	}
	if _, err := s.spend("over", ann, 150); err != nil {
		return err
	}
	_, _, err := s.Renew(s.ctx, bob, plan.Renewal{Start: s.now, Object: "in_1", Paid: terms.Prices[0]})
	return err
}

// unit changes the unit of three customers, of whom one is spending, and takes
// it back again.
func (s *story) unit() error {
	for i, id := range []string{"ann", "bob", "cid"} {
		if _, err := s.grant("grant "+id, id, core.Terms{Amount: core.Amount(100 + i)}); err != nil {
			return err
		}
		if _, err := s.hold("hold "+id, id, 20); err != nil {
			return err
		}
	}
	price, err := core.ParsePrice("0.08 usd")
	if err != nil {
		return err
	}
	change, err := convert.New(convert.Terms{From: crashUnits[0], To: crashUnits[1], Mode: convert.List, List: price})
	if err != nil {
		return err
	}
	one := ledger.Conversion{ID: "one", Change: change, Open: true}
	back := ledger.Conversion{ID: "one/back", Of: "one", Change: change, Open: true}
	returned, err := s.Reader().Records.Record(s.ctx, entered(back))
	if err != nil {
		return err
	}
	if returned == nil {
		if err := s.enter("credits", "usd", one); err != nil {
			return err
		}
		if _, err := s.spend("dollars", ledger.AccountKey{Customer: "bob", Unit: "usd"}, 40_000); err != nil {
			return err
		}
		if err := s.convert(); err != nil {
			return err
		}
	}
	one.Open = false
	if err := s.enter("usd", "credits", one, back); err != nil {
		return err
	}
	if _, err := s.spend("credits", ledger.AccountKey{Customer: "cid", Unit: "credits"}, 3); err != nil {
		return err
	}
	return s.convert()
}

// entered marks that a change of unit was put in force.
func entered(c ledger.Conversion) ledger.RecordKey {
	return ledger.RecordKey{Kind: "entered", ID: c.ID}
}

// enter puts a unit in force, once, and opens the ledger that knows of it.
func (s *story) enter(from, to string, changes ...ledger.Conversion) error {
	mark := entered(changes[len(changes)-1])
	err := s.Do(s.ctx, &ledger.Op{
		Names: func(b *ledger.Batch) {
			b.Records = append(b.Records, mark, ledger.RetiredKey(from), ledger.RetiredKey(to))
		},
		Decide: func(tx *ledger.Tx) error {
			if tx.Record(mark) != nil {
				return nil
			}
			if err := tx.PutRecord(mark, to); err != nil {
				return err
			}
			if tx.Record(ledger.RetiredKey(to)) != nil {
				if err := tx.DeleteRecord(ledger.RetiredKey(to)); err != nil {
					return err
				}
			}
			return tx.PutRecord(ledger.RetiredKey(from), to)
		},
	})
	if err == nil {
		s.open(changes...)
	}
	return err
}

func (s *story) convert() error {
	var after ledger.AccountKey
	for done := false; !done; {
		var err error
		if after, _, done, err = s.Convert(s.ctx, after, 1); err != nil {
			return err
		}
	}
	return nil
}
