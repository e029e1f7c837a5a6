package migrate

import (
	"context"
	"encoding/json"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
	"scrip/mapping/config"
)

// Applied is the config that is in force, as its text was when it was applied.
type Applied struct {
	Text    string         `json:"text"`
	Digest  string         `json:"digest"`           // of its settings
	Lead    *mapping.Route `json:"lead,omitempty"`   // in force instead of the text's route, while a move is under way
	Base    *Applied       `json:"base,omitempty"`   // what was in force before the unit was changed last
	Change  *UnitChange    `json:"change,omitempty"` // how it was changed then
	At      core.Time      `json:"at"`
	Version int64          `json:"-"` // of the record: 1 for the first that was applied
}

// same reports whether both put the same in force.
func (a Applied) same(b Applied) bool {
	return a.Digest == b.Digest && a.changeID() == b.changeID() && (a.Lead == nil) == (b.Lead == nil) && (a.Lead == nil || a.Lead.Primary == b.Lead.Primary)
}

// with is what is in force once a text of the same unit takes its place.
func (a Applied) with(text, digest string, at core.Time) Applied {
	return Applied{Text: text, Digest: digest, Base: a.Base, Change: a.Change, At: at}
}

var appliedKey = ledger.RecordKey{Kind: "config", ID: "applied"}

// Current reads what is applied, or nil on a database that has never been used.
func Current(ctx context.Context, reader ledger.Reader) (*Applied, error) {
	r, err := reader.Records.Record(ctx, appliedKey)
	if err != nil || r == nil {
		return nil, err
	}
	a := &Applied{Version: r.Version}
	return a, json.Unmarshal(r.Body, a)
}

// Effective is the config to run with: what is applied, parsed, with the
// file's own word on how this process is run.
func (a *Applied) Effective(file, applied *config.Config) *config.Config {
	c := *applied
	if a.Lead != nil {
		c.Route.Primary = a.Lead.Primary
	}
	c.Storage, c.Database, c.Listen = file.Storage, file.Database, file.Listen
	c.SecretKey, c.RetainRaw = file.SecretKey, file.RetainRaw
	c.Holds, c.Late, c.Skew, c.Digest = file.Holds, file.Late, file.Skew, file.Digest
	return &c
}

// Begin applies the first config of a database. When another start was first,
// what that one applied is returned and stays.
func Begin(ctx context.Context, l *ledger.Ledger, text string, s Settings) (*Applied, error) {
	err := l.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) { b.Records = append(b.Records, appliedKey) },
		Decide: func(tx *ledger.Tx) error {
			if tx.Record(appliedKey) != nil {
				return nil
			}
			return tx.PutRecord(appliedKey, Applied{Text: text, Digest: s.Digest(), At: tx.Now})
		},
	})
	if err != nil {
		return nil, err
	}
	return Current(ctx, l.Reader())
}

// Apply puts a plan's config in force, if what is applied, and the file, are
// still what the plan was made from.
func Apply(ctx context.Context, l *ledger.Ledger, p *Plan, text string, s Settings) error {
	if err := p.Check(); err != nil {
		return err
	}
	if s.Digest() != p.To {
		return stale("the config file has changed since the plan was made")
	}
	if err := p.allowed(); err != nil {
		return err
	}
	return l.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) { b.Records = append(b.Records, appliedKey, moveKey, unitKey) },
		Decide: func(tx *ledger.Tx) error {
			r := tx.Record(appliedKey)
			if r == nil {
				return stale("nothing is applied yet")
			}
			var now Applied
			if err := json.Unmarshal(r.Body, &now); err != nil {
				return err
			}
			if now.Digest == p.To {
				return nil // applied before: running it again changes nothing
			}
			// Going back puts in force what was so before the move: a change in
			// between would be undone with it, unseen.
			if err := noMove(tx); err != nil {
				return err
			}
			if now.Digest == p.From {
				return tx.PutRecord(appliedKey, now.with(text, p.To, tx.Now))
			}
			return stale("another change was applied since the plan was made")
		},
	})
}

func stale(why string) error {
	return core.Errorf(core.CodePlanStale, "%s: make a new plan and read it", why)
}
