package orb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// Consume tells a window as one decrement. Orb spreads it over blocks by its
// own order, one entry for each; the last one is linked. Orb dates entries
// itself, so the window's own bounds stand in metadata.
func (a *Adapter) Consume(ctx context.Context, o adapters.ConsumeOrder) (adapters.Answer, error) {
	customer := o.Links.One(adapters.RoleCustomer)
	switch {
	case o.Quanta < 0:
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "window %q has a consumption of %d, below zero", o.Window, o.Quanta)
	case o.Quanta == 0:
		return adapters.Answer{}, nil
	case customer == "":
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "the customer of window %q has no link, send the customer first", o.Window)
	}
	if err := carries(o.Scale, o.Unit); err != nil {
		return adapters.Answer{}, err
	}
	// A customer may consume before anything was granted.
	if _, err := a.invoiceIn(ctx, customer, o.Unit, o.Mark.ID); err != nil {
		return adapters.Answer{}, err
	}
	made, err := a.write(ctx, customer, string(o.Mark.ID), ledgerBody{
		Type: "decrement", Amount: number(o.Quanta, o.Scale), Currency: o.Unit,
		Description: "consumption of window " + o.Window + " by " + string(o.Mark.ID),
		Metadata: map[string]string{
			metaIntent: string(o.Mark.ID), metaWindow: o.Window, "opened": o.Opened.String(), "closed": o.Closed.String(),
		},
	})
	if err != nil {
		return adapters.Answer{}, err
	}
	return usageAnswer(o.Window, made.ID), nil
}

func usageAnswer(window, entry string) adapters.Answer {
	return adapters.Answer{Links: []adapters.Link{{Neutral: window, Role: adapters.RoleUsage, Vendor: entry}}}
}

// metaEntry names, on an amendment, the entry that it takes back.
const metaEntry = "scrip_entry"

// CancelConsumption takes back windows: each block that a window's entries
// drew from is given its part back by an amendment. A window whose entries are
// not in the ledger is an error of [adapters.CodeNotFound].
func (a *Adapter) CancelConsumption(ctx context.Context, o adapters.CancelOrder) (adapters.Answer, error) {
	customer := o.Links.One(adapters.RoleCustomer)
	if customer == "" {
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "the customer has no link, send the customer first")
	}
	missing := slices.Clone(o.Windows)
	err := a.inUnits(func(unit string) (bool, error) {
		if len(missing) == 0 {
			return true, nil
		}
		entries, rest, err := a.told(ctx, customer, unit, missing)
		if err != nil || len(entries) == 0 {
			return false, err
		}
		missing = rest
		return false, a.giveBack(ctx, customer, unit, o.Mark.ID, entries)
	})
	if err != nil {
		return adapters.Answer{}, err
	}
	if len(missing) > 0 {
		return adapters.Answer{}, adapters.Errorf(adapters.CodeNotFound, "window %q is not in the vendor's ledger", missing[0].Neutral)
	}
	return adapters.Answer{}, nil
}

// told finds the entries of windows in one unit, and the windows it did not
// find. The entries of one decrement follow each other.
func (a *Adapter) told(ctx context.Context, customer, unit string, windows []adapters.Link) (entries []entry, missing []adapters.Link, err error) {
	missing = slices.Clone(windows)
	err = a.ledger(ctx, customer, unit, "decrement", nil, func(e *entry) bool {
		window := e.Metadata[metaWindow]
		asked := slices.ContainsFunc(windows, func(l adapters.Link) bool { return window != "" && l.Neutral == window || l.Vendor == e.ID })
		if !asked {
			return len(missing) == 0
		}
		entries = append(entries, *e)
		missing = slices.DeleteFunc(missing, func(l adapters.Link) bool { return l.Neutral == window || l.Vendor == e.ID })
		return false
	})
	return entries, missing, err
}

// giveBack amends each entry that this order has not amended before.
func (a *Adapter) giveBack(ctx context.Context, customer, unit string, intent core.ID, entries []entry) error {
	done := map[string]bool{}
	err := a.ledger(ctx, customer, unit, "amendment", nil, func(e *entry) bool {
		if e.madeBy(intent) {
			done[e.Metadata[metaEntry]] = true
		}
		return false
	})
	if err != nil {
		return err
	}
	if len(done) == 0 {
		if err := a.mayAmend(ctx, customer, unit, entries); err != nil {
			return err
		}
	}
	for i := range entries {
		e := &entries[i]
		if done[e.ID] {
			continue
		}
		sum := sha256.Sum256([]byte(e.ID))
		_, err := a.write(ctx, customer, string(intent)+":"+hex.EncodeToString(sum[:8]), ledgerBody{
			Type: "amendment", Block: e.Block.ID, Currency: unit, Amount: rest.Decimal(strings.TrimPrefix(string(e.Amount), "-")),
			Description: "taken back: window " + e.Metadata[metaWindow] + " by " + string(intent),
			Metadata:    map[string]string{metaIntent: string(intent), metaWindow: e.Metadata[metaWindow], metaEntry: e.ID},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// mayAmend refuses to give anything back where a part of it would go to a block
// that serves no more: one that has expired or is gone, or whose grant has been
// withdrawn, so that what comes back there would be lost when it expires.
func (a *Adapter) mayAmend(ctx context.Context, customer, unit string, entries []entry) error {
	blocks, grants := map[string]bool{}, map[string]bool{}
	for _, kind := range []string{"void", "void_initiated", "decrement"} {
		err := a.ledger(ctx, customer, unit, kind, nil, func(e *entry) bool {
			switch grant := e.Metadata[metaGrant]; {
			case grant == "":
			case kind == "decrement":
				grants[grant] = true
			default:
				blocks[e.Block.ID] = true
			}
			return false
		})
		if err != nil {
			return err
		}
	}
	for i := range entries {
		id := entries[i].Block.ID
		var b block
		err := a.api.Get(ctx, rest.Path("credit_blocks", id), nil, &b)
		if err != nil && !hasCode(err, adapters.CodeNotFound) {
			return err
		}
		if err != nil || b.ended(a.now()) || blocks[id] || grants[b.Metadata[metaGrant]] {
			return adapters.Errorf(adapters.CodeInvalid, "a block that the window drew on serves no more, so nothing can be given back to it")
		}
	}
	return nil
}

// Usage sums the consumption that entries of Orb's own time in [From, To)
// tell, less what was taken back in that time, in parts of the query's scale
// and unit; without a unit, of all units and in millionths. What was
// decremented by anybody else, or to end a grant, does not count.
func (a *Adapter) Usage(ctx context.Context, o adapters.UsageQuery) (int64, error) {
	units, scale := []string{o.Unit}, o.Scale
	if o.Unit == "" {
		units, scale = a.units, finest
	}
	if o.Customer == "" {
		return 0, adapters.Errorf(adapters.CodeInvalid, "usage can be read of a linked customer only")
	}
	total := core.Amount(0)
	for _, unit := range units {
		for _, kind := range []string{"decrement", "amendment"} {
			var bad error
			q := url.Values{"created_at[gte]": {instant(o.From)}, "created_at[lt]": {instant(roundedUp(o.To))}}
			err := a.ledger(ctx, o.Customer, unit, kind, q, func(e *entry) bool {
				if e.Metadata[metaWindow] == "" {
					return false
				}
				n, err := e.parts(scale)
				if kind == "amendment" {
					n = -n
				}
				if err == nil {
					total, err = total.Add(core.Amount(n))
				}
				bad = err
				return bad != nil
			})
			if err == nil {
				err = bad
			}
			if err != nil {
				return 0, err
			}
		}
	}
	return int64(total), nil
}

// roundedUp is t, or the next whole second: times are written in seconds.
func roundedUp(t core.Time) core.Time {
	const second = 1_000_000
	if t > core.Never-second {
		return t
	}
	return (t + second - 1) / second * second
}

var (
	_ adapters.ConsumptionWriter    = (*Adapter)(nil)
	_ adapters.ConsumptionCanceller = (*Adapter)(nil)
	_ adapters.UsageReader          = (*Adapter)(nil)
)
