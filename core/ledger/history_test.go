package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/sale"
	"scrip/internal/history"
	"scrip/storage/sqlite"
	"scrip/storage/storetest"
)

// subject is a ledger that the history package asks.
type subject struct {
	*ledger.Ledger
	clock *atomic.Int64
	hurry bool // some callers leave before they are answered
	close func()
}

// subjects are a ledger on each store. wrap, when set, stands between the
// ledger and its store.
func subjects(t *testing.T, wrap func(ledger.Store) ledger.Store) map[string]history.Config {
	checks := map[string]int{"memory": 25, "sqlite": 6}
	stores := map[string]func() (ledger.Store, error){
		"memory": func() (ledger.Store, error) { return storetest.Memory(), nil },
		"sqlite": func() (ledger.Store, error) {
			return sqlite.OpenWith(context.Background(), filepath.Join(t.TempDir(), "scrip.db"), sqlite.Options{Relaxed: true})
		},
	}
	configs := map[string]history.Config{}
	for name, open := range stores {
		configs[name] = history.Config{
			Units: []string{"credits", "tokens"}, Checks: checks[name],
			MakeID: func(kind, customer, operation, key string) string {
				return string(core.NewID(kind, customer, operation, key, 0))
			},
			Open: func(fail func(string, ...any)) history.Subject {
				store, err := open()
				if err != nil {
					fail("opening: %v", err)
				}
				s := &subject{clock: &atomic.Int64{}, hurry: wrap != nil}
				s.clock.Store(history.Start)
				wrapped := store
				if wrap != nil {
					wrapped = wrap(store)
				}
				s.Ledger = ledger.Open(wrapped, ledger.Options{
					Now: func() core.Time { return core.Time(s.clock.Load()) }, Units: units, Order: core.DefaultOrder(),
				})
				s.close = func() {
					s.Ledger.Close()
					if err := store.Close(); err != nil {
						fail("closing: %v", err)
					}
				}
				return s
			},
		}
	}
	return configs
}

func (s *subject) Close() { s.close() }

// Do implements [history.Subject].
func (s *subject) Do(ctx context.Context, c history.Command) history.Answer {
	switch c.Op {
	case history.Time:
		// What callers left behind is committed in its turn, so before this.
		_ = s.Ledger.Do(ctx, &ledger.Op{Names: func(*ledger.Batch) {}, Decide: func(*ledger.Tx) error { return nil }})
		s.clock.Store(c.At)
		return history.Answer{}
	case history.Sweep:
		for {
			if n, _, err := s.Sweep(ctx, 100); err != nil || n == 0 {
				return s.answer(ctx, history.Answer{}, false, err)
			}
		}
	}
	if s.hurry && rand.IntN(8) == 0 {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, time.Duration(rand.IntN(400))*time.Microsecond)
		defer cancel()
	}
	a, replay, err := s.send(ctx, c)
	return s.answer(ctx, a, replay, err)
}

// answer turns a failure into what a caller knows of it.
func (s *subject) answer(ctx context.Context, a history.Answer, replay bool, err error) history.Answer {
	a.Replayed = replay
	switch code := core.CodeOf(err); {
	case err == nil:
		return a
	case code == core.CodeUnavailable, ctx.Err() != nil:
		return history.Answer{Lost: true}
	case code == core.CodeInternal:
		return history.Answer{Refused: err.Error()}
	default:
		return history.Answer{Refused: string(code), Replayed: replay}
	}
}

func (s *subject) send(ctx context.Context, c history.Command) (history.Answer, bool, error) {
	account := ledger.AccountKey(c.Place)
	switch c.Op {
	case history.Customer:
		stored, _, err := s.PutCustomer(ctx, ledger.Customer{ID: c.Place.Customer, Name: c.Name})
		return history.Answer{ID: stored.ID, State: stored.Name}, false, err
	case history.Grant:
		r, replay, err := s.Issue(ctx, c.Key, account, core.Terms{
			Amount: amount(c.Amount), Category: core.Category(c.Category), Priority: int(c.Priority),
			Starts: core.Time(c.Starts), Expires: core.Time(c.Expires), Actions: c.Scope,
		})
		return history.Answer{ID: string(r.Grant.ID), State: string(r.Grant.State(r.At)), Amount: big64(r.Grant.Amount), Left: big64(r.Grant.Remaining)}, replay, err
	case history.Void:
		r, replay, err := s.Void(ctx, c.Key, core.ID(c.Of))
		return history.Answer{ID: string(r.Grant.ID), State: string(r.Grant.State(r.At)), Left: big64(r.Grant.Remaining)}, replay, err
	case history.Debit:
		r, replay, err := s.Debit(ctx, c.Key, chargeOf(c))
		return debited(r), replay, err
	case history.Batch:
		return s.batch(ctx, c)
	case history.Reverse:
		r, replay, err := s.Reverse(ctx, c.Key, core.ID(c.Of), amount(c.Amount))
		return history.Answer{ID: string(r.ID), Amount: big64(r.Amount), Left: big64(r.Left), Parts: parts(r.Allocations), Available: big64(r.Balance.Available)}, replay, err
	case history.Buy:
		p, replay, err := s.Buy(ctx, c.Key, sale.Purchase{
			Customer: c.Place.Customer, Pack: history.Small.Name, Unit: c.Place.Unit, Credits: core.Amount(history.Small.Credits),
			Price: core.Money{Minor: core.Amount(history.Small.Minor), Currency: "usd"}, Days: int(history.Small.Days), Connection: "east",
		})
		return history.Answer{ID: string(p.ID), State: string(p.State), Amount: big64(p.Credits)}, replay, err
	case history.Pay:
		return s.pay(ctx, c)
	case history.Balance, history.Quote:
		a, err := s.read(ctx, c, account)
		return a, false, err
	}
	return s.hold(ctx, c)
}

func (s *subject) hold(ctx context.Context, c history.Command) (history.Answer, bool, error) {
	switch c.Op {
	case history.Hold:
		r, replay, err := s.Hold(ctx, c.Key, chargeOf(c), ledger.HoldTerms{For: time.Duration(c.Life) * time.Microsecond, Protect: c.Protect})
		return history.Answer{
			ID: string(r.Hold.ID), State: string(r.Hold.State), Amount: big64(r.Hold.Amount), Left: big64(r.Hold.Reserved()), Parts: parts(r.Hold.Parts),
		}, replay, err
	case history.Capture:
		terms := ledger.CaptureTerms{Hold: core.ID(c.Of), Unit: c.Place.Unit, Rest: c.Amount == nil, Final: c.Final, AllowOver: c.Over}
		if c.Amount != nil {
			terms.Amount = amount(c.Amount)
		}
		if c.Quantity > 0 {
			_, h, err := s.Reader().Accounts.Hold(ctx, terms.Hold)
			if err != nil || h == nil {
				return history.Answer{}, false, errors.Join(core.Errorf(core.CodeNotFound, "there is no such hold"), err)
			}
			if h.Action == "" {
				return history.Answer{}, false, core.Errorf(core.CodeInvalid, "the hold has no price")
			}
			terms.Rest, terms.Amount, terms.Quantity = false, amount(history.Prices(h.Action, c.Quantity)), fmt.Sprint(c.Quantity)
		}
		d, h, replay, err := s.Capture(ctx, c.Key, terms)
		a := debited(d)
		a.Late, a.State, a.Left = d.Late, string(h.Hold.State), big64(h.Hold.Reserved())
		return a, replay, err
	case history.Release:
		r, replay, err := s.Release(ctx, c.Key, core.ID(c.Of))
		return history.Answer{ID: string(r.Hold.ID), State: string(r.Hold.State), Left: big64(r.Hold.Reserved())}, replay, err
	}
	return history.Answer{}, false, fmt.Errorf("%q is not known", c.Op)
}

func (s *subject) batch(ctx context.Context, c history.Command) (all history.Answer, _ bool, _ error) {
	var items []ledger.BatchItem
	for _, item := range c.Items {
		items = append(items, ledger.BatchItem{Key: item.Key, Charge: chargeOf(item)})
	}
	outcomes, err := s.DebitBatch(ctx, items)
	for _, o := range outcomes {
		all.Each = append(all.Each, s.answer(ctx, debited(o.Receipt), o.Replayed && o.Err == nil, o.Err))
	}
	return all, false, err
}

func (s *subject) pay(ctx context.Context, c history.Command) (history.Answer, bool, error) {
	p, err := s.Purchase(ctx, core.ID(c.Of))
	if err != nil {
		return history.Answer{}, false, err
	}
	fresh := false
	err = s.Ledger.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) { s.NamesPayment(b, p) },
		Decide: func(tx *ledger.Tx) (err error) {
			p, fresh, err = tx.Pay(sale.Payment{Purchase: p.ID, Object: "inv", Paid: core.Money{Minor: amount(c.Amount), Currency: "usd"}, Settled: true})
			return err
		},
	})
	if err != nil {
		return history.Answer{}, false, err // the op may still be running
	}
	return history.Answer{ID: string(p.Grant)}, !fresh, err
}

func (s *subject) read(ctx context.Context, c history.Command, key ledger.AccountKey) (answer history.Answer, err error) {
	if _, err := s.Customer(ctx, key.Customer); err != nil {
		return answer, err
	}
	a, err := s.Account(ctx, key)
	if err != nil {
		return answer, err
	}
	at := max(s.Now(), core.Time(c.At))
	if c.Op == history.Quote {
		cost := history.Prices(c.Action, c.Quantity)
		taken, err := a.Debit("", amount(cost), c.Action, at, nil)
		if core.CodeOf(err) == core.CodeInsufficientCredits {
			return history.Answer{Amount: cost, State: "too much"}, nil
		}
		return history.Answer{Amount: cost, State: "affordable", Parts: parts(taken)}, err
	}
	b := a.Balance(at)
	answer = history.Answer{Posted: big64(b.Posted), Held: big64(b.Held), Available: big64(b.Available)}
	a.Settle(at)
	for _, g := range a.Grants {
		if state := g.State(at); state == core.Open || state == core.Scheduled || g.Held > 0 {
			answer.Parts = append(answer.Parts, history.Part{Grant: string(g.ID), Amount: big64(g.Remaining)})
		}
	}
	return answer, nil
}

// Entries implements [history.Subject].
func (s *subject) Entries(p history.Place) (list []history.Entry, err error) {
	entries, err := s.Reader().Entries.Entries(context.Background(), ledger.AccountKey(p), 0, 100_000)
	for _, e := range entries {
		from, to := e.Kind.Pots()
		list = append(list, history.Entry{
			Seq: e.Seq, Kind: string(e.Kind), From: string(from), To: string(to), Grant: string(e.Grant), Source: string(e.Source),
			Amount: big64(e.Amount), Effective: e.Effective.String(), Hash: fmt.Sprintf("%x", e.Hash),
		})
	}
	return list, err
}

// Audit implements [history.Subject].
func (s *subject) Audit() (found []string, err error) {
	report, err := ledger.Audit(context.Background(), s.Reader(), nil)
	for _, f := range report.Findings {
		found = append(found, f.Where+" "+f.What)
	}
	return found, err
}

func amount(n *big.Int) core.Amount {
	if n == nil {
		return 0
	}
	return core.Amount(n.Int64())
}

func big64(a core.Amount) *big.Int { return big.NewInt(int64(a)) }

func parts(list []core.Allocation) (parts []history.Part) {
	for _, p := range list {
		parts = append(parts, history.Part{Grant: string(p.Grant), Amount: big64(p.Amount)})
	}
	return parts
}

func debited(r ledger.DebitReceipt) history.Answer {
	return history.Answer{ID: string(r.ID), Amount: big64(r.Amount), Parts: parts(r.Allocations), Available: big64(r.Balance.Available)}
}

func chargeOf(c history.Command) ledger.Charge {
	charge := ledger.Charge{Account: ledger.AccountKey(c.Place), Amount: amount(c.Amount), Action: c.Action}
	if c.Action != "" {
		charge.Amount, charge.Quantity, charge.Card = amount(history.Prices(c.Action, c.Quantity)), fmt.Sprint(c.Quantity), "2026-01"
	}
	return charge
}

// flaky is a store of whose commits some come to nothing and some are made,
// and nobody knows which.
type flaky struct{ ledger.Store }

func (f flaky) Commit(ctx context.Context, b *ledger.Batch, decide func(*ledger.State) (*ledger.Changes, error)) error {
	lost := fmt.Errorf("the disk is gone: %w", ledger.ErrUnknown)
	switch rand.IntN(40) {
	case 0:
		return lost
	case 1:
		return errors.Join(f.Store.Commit(ctx, b, decide), lost)
	}
	return f.Store.Commit(ctx, b, decide)
}

// TestModel sends random commands, some of them again and some keys with
// another body, and compares all that can be seen with the naive model.
func TestModel(t *testing.T) {
	for name, config := range subjects(t, nil) {
		t.Run(name, func(t *testing.T) { history.Run(t, config) })
	}
}

// Callers that are served at once, of whom some leave or are told nothing,
// see what one account at a time would answer.
//
// LC-09.
func TestLinearizable(t *testing.T) {
	for name, config := range subjects(t, func(s ledger.Store) ledger.Store { return flaky{s} }) {
		t.Run(name, func(t *testing.T) { history.RunRace(t, config) })
	}
}
