package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"scrip/core"
	"scrip/core/convert"
	"scrip/core/ledger"
	"scrip/mapping/config"
)

// UnitChange is how the unit of an applied config took another's place. While
// it is open there may be accounts that it has not come to.
type UnitChange struct {
	ID    string        `json:"id"`
	Of    string        `json:"of,omitempty"` // the change that this one takes back; Terms are that one's
	Open  bool          `json:"open,omitempty"`
	Terms convert.Terms `json:"terms"`
}

func (a Applied) changeID() string {
	if a.Change == nil {
		return ""
	}
	return a.Change.ID
}

// Conversion is the journal of a change of the unit. The change itself is in
// force from the commit that begins it: from then on it comes to every account
// that is used, and this work brings it to the others.
type Conversion struct {
	ID       string    `json:"id"`
	From     string    `json:"from"`
	To       string    `json:"to"`
	Phase    Phase     `json:"phase"`
	Accounts int       `json:"accounts"` // that the work has converted, beside those that were used meanwhile
	Plan     string    `json:"plan"`     // digest of the plan it carries out
	Before   Applied   `json:"before"`
	After    Applied   `json:"after"`
	Started  core.Time `json:"started"`
	Updated  core.Time `json:"updated"`
}

// The phases of a change of the unit; taking it back runs through Undo,
// UndoCheck and Undone.
const (
	Convert   Phase = "convert"   // accounts that nobody uses are converted
	Check     Phase = "check"     // vendors hold what the core says
	Converted Phase = "converted" // done, and can be taken back
	UndoCheck Phase = "undo check"
)

var unitKey = ledger.RecordKey{Kind: "migration", ID: "unit"}

// CurrentConversion reads the journal, or nil when the unit was never changed.
func CurrentConversion(ctx context.Context, reader ledger.Reader) (*Conversion, error) {
	r, err := reader.Records.Record(ctx, unitKey)
	if err != nil || r == nil {
		return nil, err
	}
	c := &Conversion{}
	return c, json.Unmarshal(r.Body, c)
}

// Ended reports whether the work is done.
func (c *Conversion) Ended() bool { return c.Phase == Converted || c.Phase == Undone }

// noChange refuses while a named change of the unit is under way.
func noChange(tx *ledger.Tx) error {
	r := tx.Record(unitKey)
	if r == nil {
		return nil
	}
	var c Conversion
	if err := json.Unmarshal(r.Body, &c); err != nil || c.Ended() {
		return err
	}
	return core.Errorf(core.CodeConversionInProgress, "the change from %q to %q stands at %s: let apply finish it, or roll it back, first", c.From, c.To, c.Phase)
}

// BeginConversion puts the new unit in force and writes the journal, in one
// commit. wanted is the file's config over what is in force.
func BeginConversion(ctx context.Context, l *ledger.Ledger, p *Plan, text string, wanted *config.Config) error {
	if err := p.Check(); err != nil {
		return err
	}
	if SettingsOf(wanted).Digest() != p.To {
		return stale("the config file has changed since the plan was made")
	}
	if err := p.allowed(); err != nil {
		return err
	}
	terms := wanted.Retired[len(wanted.Retired)-1].Terms
	return l.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) {
			b.Records = append(b.Records, appliedKey, moveKey, unitKey, ledger.RetiredKey(terms.From.Code), ledger.RetiredKey(terms.To.Code))
		},
		Decide: func(tx *ledger.Tx) error {
			var now Applied
			r := tx.Record(appliedKey)
			if r == nil || json.Unmarshal(r.Body, &now) != nil || now.Digest != p.From {
				return stale("another change was applied since the plan was made")
			}
			if err := noMove(tx); err != nil {
				return err
			}
			id := fmt.Sprintf("%s>%s.%d", terms.From.Code, terms.To.Code, r.Version+1)
			after := Applied{Text: text, Digest: p.To, At: tx.Now, Base: &now, Change: &UnitChange{ID: id, Open: true, Terms: terms}}
			return enterUnit(tx, after, terms.From.Code, terms.To.Code, Conversion{
				ID: id, From: terms.From.Code, To: terms.To.Code, Phase: Convert, Plan: p.Digest, Before: now, After: after, Started: tx.Now,
			})
		},
	})
}

// enterUnit puts a config with another unit in force, retires the old unit and
// writes the journal.
func enterUnit(tx *ledger.Tx, a Applied, from, to string, c Conversion) error {
	c.Updated = tx.Now
	if err := tx.PutRecord(appliedKey, a); err != nil {
		return err
	}
	if err := tx.PutRecord(unitKey, c); err != nil {
		return err
	}
	if tx.Record(ledger.RetiredKey(to)) != nil {
		if err := tx.DeleteRecord(ledger.RetiredKey(to)); err != nil {
			return err
		}
	}
	return tx.PutRecord(ledger.RetiredKey(from), to)
}

// UndoConversion begins to take the last change of the unit back, if nothing
// else was applied since.
func UndoConversion(ctx context.Context, l *ledger.Ledger) error {
	none := core.Errorf(core.CodeNotFound, "there is no change of the unit that could be rolled back")
	seen, err := CurrentConversion(ctx, l.Reader())
	if err != nil {
		return err
	}
	if seen == nil {
		return none
	}
	return l.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) {
			b.Records = append(b.Records, appliedKey, moveKey, unitKey, ledger.RetiredKey(seen.From), ledger.RetiredKey(seen.To))
		},
		Decide: func(tx *ledger.Tx) error {
			var c Conversion
			var now Applied
			r, j := tx.Record(appliedKey), tx.Record(unitKey)
			if r == nil || j == nil || json.Unmarshal(j.Body, &c) != nil || json.Unmarshal(r.Body, &now) != nil || c.Phase == Undone || c.ID != seen.ID {
				return none
			}
			if err := noVendorMove(tx); err != nil {
				return err
			}
			switch c.Phase {
			case Undo, UndoCheck:
				return nil // begun before: running goes on
			}
			if now.changeID() != c.ID || now.Digest != c.After.Digest {
				return core.Errorf(core.CodePlanStale, "another change was applied since %q became %q, it would be rolled back unseen: write a plan that converts back", c.From, c.To)
			}
			return turnBack(tx, now, c)
		},
	})
}

func turnBack(tx *ledger.Tx, now Applied, c Conversion) error {
	closed := *now.Change
	closed.Open = false
	now.Change = &closed
	back := Applied{
		Text: c.Before.Text, Digest: c.Before.Digest, At: tx.Now, Base: &now,
		Change: &UnitChange{ID: c.ID + "/back", Of: c.ID, Open: true, Terms: closed.Terms},
	}
	c.Phase, c.Accounts = Undo, 0
	return enterUnit(tx, back, c.To, c.From, c)
}

// Converter carries out a change of the unit from where its journal stands.
// Its ledger runs with what is in force.
type Converter struct {
	Ledger *ledger.Ledger
	// Rest returns when all intents that were due are settled, or why they are not.
	Rest func(ctx context.Context) error
	// Verify counts what vendors hold otherwise than the core says.
	Verify func(ctx context.Context) (differences int, err error)
	// Tell hears of each step.
	Tell func(c Conversion)
	// Settle is how long other processes may take to notice a change.
	Settle time.Duration
}

// Run carries the change on until it is done.
func (v *Converter) Run(ctx context.Context) (*Conversion, error) {
	for {
		c, err := CurrentConversion(ctx, v.Ledger.Reader())
		if err != nil || c == nil {
			return c, err
		}
		if v.Tell != nil {
			v.Tell(*c)
		}
		switch c.Phase {
		case Convert, Undo:
			err = v.convert(ctx, c)
		case Check, UndoCheck:
			err = v.check(ctx, c)
		default:
			return c, nil
		}
		if err != nil {
			return c, err
		}
	}
}

// convert brings the change to every account; twice, since a process that has
// not noticed it may still have made one. Then it is no longer open.
func (v *Converter) convert(ctx context.Context, c *Conversion) error {
	for pass := range 2 {
		if pass == 1 {
			select {
			case <-time.After(v.Settle):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		var after ledger.AccountKey
		for done := false; !done; {
			var n int
			var err error
			if after, n, done, err = v.Ledger.Convert(ctx, after, accountsAtOnce); err != nil {
				return err
			}
			if n > 0 && pass == 0 {
				if err := v.journal(ctx, c.Phase, func(c *Conversion) { c.Accounts += n }); err != nil {
					return err
				}
			}
		}
	}
	return v.close(ctx, c)
}

// check waits until the vendors have been told, and compares them.
func (v *Converter) check(ctx context.Context, c *Conversion) error {
	if err := v.Rest(ctx); err != nil {
		return err
	}
	n, err := v.Verify(ctx)
	if err == nil && n > 0 {
		err = core.Errorf(core.CodeInvalid, "vendors differ from the core in %d places, see scrip reconcile: mend them and apply again, or roll back", n)
	}
	if err != nil {
		return err
	}
	next := Converted
	if c.Phase == UndoCheck {
		next = Undone
	}
	return v.journal(ctx, c.Phase, func(c *Conversion) { c.Phase = next })
}

func (v *Converter) journal(ctx context.Context, at Phase, change func(*Conversion)) error {
	return v.Ledger.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) { b.Records = append(b.Records, unitKey) },
		Decide: func(tx *ledger.Tx) error {
			_, err := changeJournal(tx, at, change)
			return err
		},
	})
}

// changeJournal writes the journal, which must stand at a phase: see [standing].
func changeJournal(tx *ledger.Tx, at Phase, change func(*Conversion)) (c Conversion, err error) {
	r := tx.Record(unitKey)
	if r == nil {
		return c, fmt.Errorf("the journal of the change is gone")
	}
	if err := json.Unmarshal(r.Body, &c); err != nil {
		return c, err
	}
	if c.Phase != at {
		return c, core.Errorf(core.CodeConversionInProgress, "another operator has gone on with the change of the unit, which stands at %s and not at %s", c.Phase, at)
	}
	change(&c)
	c.Updated = tx.Now
	return c, tx.PutRecord(unitKey, c)
}

// close ends the change's being open, together with the phase.
func (v *Converter) close(ctx context.Context, at *Conversion) error {
	next := Check
	if at.Phase == Undo {
		next = UndoCheck
	}
	return v.Ledger.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) { b.Records = append(b.Records, unitKey, appliedKey) },
		Decide: func(tx *ledger.Tx) error {
			var now Applied
			r := tx.Record(appliedKey)
			if r == nil || json.Unmarshal(r.Body, &now) != nil || now.Change == nil {
				return fmt.Errorf("what is applied does not know of the change")
			}
			if _, err := changeJournal(tx, at.Phase, func(c *Conversion) { c.Phase = next }); err != nil {
				return err
			}
			now.Change.Open = false
			return tx.PutRecord(appliedKey, now)
		},
	})
}
