package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
	"scrip/mapping/config"
)

// Phase is how far a vendor move has come. Each is entered durably before its
// work begins and can be repeated.
type Phase string

// The phases of a move. Until the drain the source is told everything the
// target is told, so that going back is a change of the config.
const (
	Connect  Phase = "connect"  // both connections are configured, the source leads
	Backfill Phase = "backfill" // each account's live grants are given to the target, which is told from then on
	Verify   Phase = "verify"   // the target must hold what the core says
	Cutover  Phase = "cutover"  // the target leads; accounts made meanwhile are backfilled
	Moved    Phase = "moved"    // done, and can be rolled back
	Drain    Phase = "drain"    // the source is told the last and its grants end
	Done     Phase = "done"     // the source holds nothing; there is no way back
	Undo     Phase = "undo"     // the source leads again and the target's grants end
	Undone   Phase = "undone"
)

// Ended reports whether a move in this phase leaves room for another change.
func (p Phase) Ended() bool { return p == "" || p == Done || p == Undone }

// Move is the journal of a vendor move.
type Move struct {
	Source   string    `json:"source"`
	Target   string    `json:"target"`
	Phase    Phase     `json:"phase"`
	Accounts int       `json:"accounts"` // that the phase's work has passed
	Plan     string    `json:"plan"`     // digest of the plan it carries out
	Before   Applied   `json:"before"`   // what was in force
	After    Applied   `json:"after"`    // what is wanted
	Started  core.Time `json:"started"`
	Updated  core.Time `json:"updated"`
}

var moveKey = ledger.RecordKey{Kind: "migration", ID: "move"}

// CurrentMove reads the journal, or nil when nothing was ever moved.
func CurrentMove(ctx context.Context, reader ledger.Reader) (*Move, error) {
	r, err := reader.Records.Record(ctx, moveKey)
	if err != nil || r == nil {
		return nil, err
	}
	m := &Move{}
	return m, json.Unmarshal(r.Body, m)
}

// Carrier makes the intents of a move for one account; they commit together
// with the account's joining or leaving.
type Carrier interface {
	Introduce(now core.Time, c ledger.Customer, connection string) []*ledger.Intent
	Backfill(now core.Time, a *core.Account, connection string) []*ledger.Intent
	Withdraw(now core.Time, a *core.Account, connection string) []*ledger.Intent
}

// Mover carries out a move, one operator at a time.
type Mover struct {
	Ledger  *ledger.Ledger
	Carrier Carrier
	// Rest returns when the intents of a connection are all settled, or why
	// they are not.
	Rest func(ctx context.Context, connection string) error
	// Verify counts what the target holds otherwise than the core says.
	Verify func(ctx context.Context, connection string) (differences int, err error)
	// Applied is called after each change of what is in force.
	Applied func(ctx context.Context) error
	// Tell hears of each step.
	Tell func(m Move)
	// Settle is how long other processes may take to notice a change.
	Settle time.Duration
}

// Begin writes the journal of a new move. Both sides' settings are those of
// the plan it carries out.
func (v *Mover) Begin(ctx context.Context, p *Plan, text string, wanted *config.Config) error {
	s := SettingsOf(wanted)
	if err := p.Check(); err != nil {
		return err
	}
	if s.Digest() != p.To {
		return stale("the config file has changed since the plan was made")
	}
	return v.Ledger.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) { b.Records = append(b.Records, appliedKey, moveKey, unitKey) },
		Decide: func(tx *ledger.Tx) error {
			var now Applied
			r := tx.Record(appliedKey)
			if r == nil || json.Unmarshal(r.Body, &now) != nil || now.Digest != p.From {
				return stale("another change was applied since the plan was made")
			}
			if err := noMove(tx); err != nil {
				return err
			}
			return tx.PutRecord(moveKey, Move{
				Source: p.Source, Target: p.Target, Phase: Connect, Plan: p.Digest, Before: now,
				After: now.with(text, p.To, tx.Now), Started: tx.Now, Updated: tx.Now,
			})
		},
	})
}

// led is what is in force while another route leads.
func (a Applied) led(lead mapping.Route) Applied {
	a.Lead = &lead
	return a
}

// noMove refuses while a named move or change of unit leaves no room for
// another change.
func noMove(tx *ledger.Tx) error {
	if err := noChange(tx); err != nil {
		return err
	}
	return noVendorMove(tx)
}

func noVendorMove(tx *ledger.Tx) error {
	r := tx.Record(moveKey)
	if r == nil {
		return nil
	}
	var m Move
	if err := json.Unmarshal(r.Body, &m); err != nil {
		return err
	}
	if m.Phase.Ended() {
		return nil
	}
	return core.Errorf(core.CodeConversionInProgress, "a move from %q to %q stands at %s: drain it or roll it back first", m.Source, m.Target, m.Phase)
}

// Run carries the move on from where the journal stands until it is moved,
// or, after a drain or an undo was begun, until that is done.
func (v *Mover) Run(ctx context.Context) (*Move, error) {
	for {
		m, err := CurrentMove(ctx, v.Ledger.Reader())
		if err != nil || m == nil {
			return m, err
		}
		if v.Tell != nil {
			v.Tell(*m)
		}
		next, err := v.step(ctx, m)
		if err != nil || next == "" {
			return m, err
		}
		if err := v.enter(ctx, m.Phase, next); err != nil {
			return m, err
		}
	}
}

// step does the work of the phase the journal stands at and names the next;
// "" when there is none to go on to.
func (v *Mover) step(ctx context.Context, m *Move) (Phase, error) {
	switch m.Phase {
	case Connect:
		lead := mapping.Route{Primary: m.Source}
		return Backfill, v.put(ctx, m, m.After.led(lead))
	case Backfill:
		if err := v.introduce(ctx, m.Target); err != nil {
			return "", err
		}
		return Verify, v.each(ctx, m, m.Target, v.join)
	case Verify:
		// Customers may have come since, also before a verification that failed.
		if err := v.introduce(ctx, m.Target); err != nil {
			return "", err
		}
		if err := v.Rest(ctx, m.Target); err != nil {
			return "", err
		}
		n, err := v.Verify(ctx, m.Target)
		if err == nil && n > 0 {
			err = core.Errorf(core.CodeInvalid, "%q differs from the core in %d places, see scrip reconcile --connection %s: mend them and apply again, or roll back", m.Target, n, m.Target)
		}
		return Cutover, err
	case Cutover:
		if err := v.put(ctx, m, m.After); err != nil {
			return "", err
		}
		if err := v.stragglers(ctx, m, m.Target); err != nil {
			return "", err
		}
		return Moved, v.Rest(ctx, m.Target)
	case Drain:
		if err := v.each(ctx, m, m.Source, v.leave); err != nil {
			return "", err
		}
		return Done, v.Rest(ctx, m.Source)
	case Undo:
		// Both connections stay configured until the target has been told.
		lead := mapping.Route{Primary: m.Source}
		if err := v.put(ctx, m, m.After.led(lead)); err != nil {
			return "", err
		}
		if err := v.each(ctx, m, m.Target, v.leave); err != nil {
			return "", err
		}
		if err := v.stragglers(ctx, m, m.Source); err != nil {
			return "", err
		}
		if err := v.Rest(ctx, m.Target); err != nil {
			return "", err
		}
		return Undone, v.put(ctx, m, m.Before)
	}
	return "", nil
}

// Turn begins the drain or the undo of a move.
func (v *Mover) Turn(ctx context.Context, to Phase) error {
	m, err := CurrentMove(ctx, v.Ledger.Reader())
	switch {
	case err != nil:
		return err
	case m == nil || m.Phase.Ended():
		return core.Errorf(core.CodeNotFound, "there is no move that could go to %s", to)
	case to == m.Phase:
		return nil
	case to == Drain && m.Phase != Moved:
		return core.Errorf(core.CodeInvalid, "the move stands at %s: only one that is moved can be drained", m.Phase)
	case m.Phase == Drain:
		return core.Errorf(core.CodeInvalid, "the source is being drained, which cannot be rolled back: apply finishes it")
	}
	return v.enter(ctx, m.Phase, to)
}

// enter writes the next phase.
func (v *Mover) enter(ctx context.Context, from, next Phase) error {
	return v.journal(ctx, from, func(m *Move) { m.Phase, m.Accounts = next, 0 })
}

// standing reads the journal, which must stand at a phase: an operator who was
// held up, and lost the lock by it, must not undo what another has done since.
func standing(tx *ledger.Tx, at Phase) (m Move, err error) {
	r := tx.Record(moveKey)
	if r == nil {
		return m, fmt.Errorf("the journal of the move is gone")
	}
	if err := json.Unmarshal(r.Body, &m); err != nil {
		return m, err
	}
	if m.Phase != at {
		return m, core.Errorf(core.CodeConversionInProgress, "another operator has gone on with the move, which stands at %s and not at %s", m.Phase, at)
	}
	return m, nil
}

func (v *Mover) journal(ctx context.Context, at Phase, change func(*Move)) error {
	return v.Ledger.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) { b.Records = append(b.Records, moveKey) },
		Decide: func(tx *ledger.Tx) error {
			m, err := standing(tx, at)
			if err != nil {
				return err
			}
			change(&m)
			m.Updated = tx.Now
			return tx.PutRecord(moveKey, m)
		},
	})
}

// put changes what is in force.
func (v *Mover) put(ctx context.Context, m *Move, a Applied) error {
	err := v.Ledger.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) { b.Records = append(b.Records, moveKey, appliedKey) },
		Decide: func(tx *ledger.Tx) error {
			if _, err := standing(tx, m.Phase); err != nil {
				return err
			}
			var now Applied
			if r := tx.Record(appliedKey); r != nil && json.Unmarshal(r.Body, &now) == nil && now.same(a) {
				return nil
			}
			a.At = tx.Now
			return tx.PutRecord(appliedKey, a)
		},
	})
	if err != nil || v.Applied == nil {
		return err
	}
	return v.Applied(ctx)
}

// accountsAtOnce is how many accounts one step of a move commits together.
const accountsAtOnce = 100

// each visits every account.
func (v *Mover) each(ctx context.Context, m *Move, connection string, visit func(string, ledger.AccountKey) *ledger.Op) error {
	var after ledger.AccountKey
	for {
		keys, err := v.Ledger.Reader().Entries.Keys(ctx, after, accountsAtOnce)
		if err != nil || len(keys) == 0 {
			return err
		}
		ops := make([]*ledger.Op, len(keys))
		for i, key := range keys {
			ops[i] = visit(connection, key)
		}
		if err := v.Ledger.Do(ctx, ops...); err != nil {
			return err
		}
		if err := v.journal(ctx, m.Phase, func(m *Move) { m.Accounts += len(keys) }); err != nil {
			return err
		}
		after = keys[len(keys)-1]
	}
}

// introduce tells a connection of every customer that it does not know: one
// without a grant would not come to it otherwise.
func (v *Mover) introduce(ctx context.Context, connection string) error {
	for after := ""; ; {
		list, err := v.Ledger.Reader().Records.List(ctx, ledger.CustomerKind, after, accountsAtOnce)
		if err != nil || len(list) == 0 {
			return err
		}
		var ops []*ledger.Op
		for i := range list {
			if after = list[i].ID; !list[i].Deleted {
				ops = append(ops, v.meet(connection, list[i].ID))
			}
		}
		if err := v.Ledger.Do(ctx, ops...); err != nil {
			return err
		}
	}
}

func (v *Mover) meet(connection, customer string) *ledger.Op {
	record, link := ledger.RecordKey{Kind: ledger.CustomerKind, ID: customer}, ledger.LinkKey{Connection: connection, Neutral: customer}
	return &ledger.Op{
		Names: func(b *ledger.Batch) {
			b.Records = append(b.Records, record)
			b.Links = append(b.Links, link)
		},
		Decide: func(tx *ledger.Tx) error {
			for _, l := range tx.Links(link) {
				if l.Role == adapters.RoleCustomer {
					return nil
				}
			}
			var c ledger.Customer
			r := tx.Record(record)
			if r == nil || r.Deleted || json.Unmarshal(r.Body, &c) != nil {
				return nil
			}
			tx.Send(v.Carrier.Introduce(tx.Now, c, connection)...)
			return nil
		},
	}
}

// stragglers backfills the accounts that processes which had not yet noticed
// the cutover made for the source alone.
func (v *Mover) stragglers(ctx context.Context, m *Move, target string) error {
	select {
	case <-time.After(v.Settle):
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := v.introduce(ctx, target); err != nil {
		return err
	}
	return v.each(ctx, m, target, v.join)
}

// join gives an account's live grants to a connection and begins to tell it,
// in one commit; an account that is told already is left alone.
func (v *Mover) join(connection string, key ledger.AccountKey) *ledger.Op {
	book := mapping.BookKey(connection, key)
	op := v.onAccount(key, func(tx *ledger.Tx, a *core.Account) error {
		if !a.Join(connection) {
			return nil
		}
		tx.Send(v.Carrier.Backfill(tx.Now, a, connection)...)
		b, err := mapping.BookOf(tx.Record(book))
		if err != nil {
			return err
		}
		b.Join(a, tx.Now)
		return tx.PutRecord(book, b)
	})
	names := op.Names
	op.Names = func(b *ledger.Batch) {
		names(b)
		b.Records = append(b.Records, book)
	}
	return op
}

// leave withdraws an account's grants from a connection and ends telling it.
func (v *Mover) leave(connection string, key ledger.AccountKey) *ledger.Op {
	return v.onAccount(key, func(tx *ledger.Tx, a *core.Account) error {
		if a.Leave(connection) {
			tx.Send(v.Carrier.Withdraw(tx.Now, a, connection)...)
		}
		return nil
	})
}

func (v *Mover) onAccount(key ledger.AccountKey, do func(*ledger.Tx, *core.Account) error) *ledger.Op {
	return &ledger.Op{
		Names: func(b *ledger.Batch) { b.Accounts = append(b.Accounts, key) },
		Decide: func(tx *ledger.Tx) error {
			if a := tx.Account(key); a != nil {
				return do(tx, a)
			}
			return nil
		},
	}
}
