package orb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"scrip/adapters"
	"scrip/internal/rest"
)

// EndGrant withdraws what is left of a grant: it voids so much of its block,
// and where Orb has burned that block before another, so that it holds less,
// it takes the rest by a decrement. A grant that came back after it had ended
// has a block of each time: all of them are voided as far as they hold. Blocks
// that are gone count as done: nothing of them can be spent. Of those that have
// expired the part counts that Orb wrote off; what it had burned of them before
// others is still in the others. What may be anywhere is taken by a decrement
// where the blocks do not hold it. The order's spare comes off that part. Of a
// grant that is over the blocks are emptied, since what they hold would be lost.
//
// What an earlier attempt did is read from the ledger first, since the blocks'
// balances no longer tell it.
func (a *Adapter) EndGrant(ctx context.Context, o adapters.EndOrder) (adapters.Answer, error) {
	h, customer := o.Holding, o.Links.One(adapters.RoleCustomer)
	var blocks []string
	for _, l := range o.Links {
		if l.Role == adapters.RoleGrant && l.Neutral == string(o.Grant) && !slices.Contains(blocks, l.Vendor) {
			blocks = append(blocks, l.Vendor)
		}
	}
	switch {
	case h.Quanta < 0:
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "the end of grant %q takes %d parts, below zero", string(o.Grant), h.Quanta)
	case h.Quanta == 0 && !o.Over || len(blocks) == 0 && !o.Anywhere:
		return adapters.Answer{}, nil
	case customer == "":
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "the customer of grant %q has no link, send the customer first", string(o.Grant))
	}
	if err := carries(h.Scale, h.Unit); err != nil {
		return adapters.Answer{}, err
	}
	voided, since, err := a.voided(ctx, customer, o)
	if err != nil {
		return adapters.Answer{}, err
	}
	parts, live := h.Quanta, len(voided) > 0
	for _, n := range voided {
		parts -= n
	}
	for _, id := range blocks {
		_, done := voided[id]
		if parts <= 0 && !o.Over || done || len(blocks) == 1 && len(voided) > 0 {
			continue
		}
		taken, over, err := a.void(ctx, customer, id, parts, len(blocks) > 1, o)
		if err != nil {
			return adapters.Answer{}, err
		}
		parts, live = parts-taken, live || !over
	}
	if !live && !o.Anywhere {
		if len(blocks) != 1 {
			return adapters.Answer{}, nil
		}
		lost, err := a.writtenOff(ctx, customer, blocks[0], o)
		if err != nil {
			return adapters.Answer{}, err
		}
		parts -= lost
	}
	// What is missing already is missing in the others: the blocks of an ended
	// grant would be lost when they expire.
	spared := min(o.Spare, parts)
	return adapters.Answer{Spared: spared}, a.takeRest(ctx, customer, parts-spared, since, o)
}

// voided is what earlier attempts of this order have voided, by block, and the
// sequence number of the first entry of theirs.
func (a *Adapter) voided(ctx context.Context, customer string, o adapters.EndOrder) (sum map[string]int64, since int64, err error) {
	sum = map[string]int64{}
	// A void is announced by one entry and done by another; either may be the
	// only one that is there yet.
	for _, kind := range []string{"void", "void_initiated"} {
		total := map[string]int64{}
		var bad error
		err := a.ledger(ctx, customer, o.Holding.Unit, kind, nil, func(e *entry) bool {
			if e.madeBy(o.Mark.ID) {
				var n int64
				n, bad = e.parts(o.Holding.Scale)
				total[e.Block.ID] += n
				if since == 0 || e.Sequence < since {
					since = e.Sequence
				}
			}
			return bad != nil
		})
		if err == nil {
			err = bad
		}
		if err != nil {
			return nil, 0, err
		}
		for id, n := range total {
			if n > sum[id] {
				sum[id] = n
			}
		}
	}
	return sum, since, nil
}

// void takes parts from a block, or what is left there. over says that the
// block is no more. Where it is one of several, its key names it.
func (a *Adapter) void(ctx context.Context, customer, id string, parts int64, several bool, o adapters.EndOrder) (taken int64, over bool, err error) {
	left, over, err := a.left(ctx, id, o.Holding.Scale)
	if err != nil || over {
		return 0, over, err
	}
	if taken = min(left, parts); o.Over {
		taken = left
	}
	if taken <= 0 {
		return 0, false, nil
	}
	key := string(o.Mark.ID) + ":void"
	if several {
		sum := sha256.Sum256([]byte(id))
		key += ":" + hex.EncodeToString(sum[:8])
	}
	_, err = a.write(ctx, customer, key, ledgerBody{
		Type: "void", Block: id, Amount: number(taken, o.Holding.Scale), Currency: o.Holding.Unit,
		Description: "end of grant " + string(o.Grant) + " by " + string(o.Mark.ID), Metadata: endPairs(o),
	})
	if hasCode(err, adapters.CodeInvalid) || hasCode(err, adapters.CodeNotFound) {
		// It may have expired, or have been deleted, since it was read.
		if _, over, readErr := a.left(ctx, id, o.Holding.Scale); readErr == nil && over {
			return 0, true, nil
		}
	}
	return taken, false, err
}

// writtenOff is what went with a block that is no more: all that the order
// takes where the block is unknown.
func (a *Adapter) writtenOff(ctx context.Context, customer, id string, o adapters.EndOrder) (int64, error) {
	var b block
	err := a.api.Get(ctx, rest.Path("credit_blocks", id), nil, &b)
	switch {
	case hasCode(err, adapters.CodeNotFound):
		return o.Holding.Quanta, nil
	case err != nil:
		return 0, err
	}
	left, ok := b.Balance.Floor(o.Holding.Scale) // it may not be written off yet
	if !ok {
		return 0, adapters.Errorf(adapters.CodeBadAnswer, "the answer is not the block that was asked for")
	}
	left = max(0, left)
	var bad error
	err = a.ledger(ctx, customer, o.Holding.Unit, "credit_block_expiry", nil, func(e *entry) bool {
		if e.Block.ID == id {
			var n int64
			n, bad = e.parts(o.Holding.Scale)
			left += n
		}
		return bad != nil
	})
	if err == nil {
		err = bad
	}
	return left, err
}

// left is what a block holds, rounded down, and whether the block is no more.
func (a *Adapter) left(ctx context.Context, id string, scale int) (parts int64, over bool, err error) {
	var b block
	err = a.api.Get(ctx, rest.Path("credit_blocks", id), nil, &b)
	switch {
	case hasCode(err, adapters.CodeNotFound):
		return 0, true, nil
	case err != nil:
		return 0, false, err
	}
	parts, ok := b.Balance.Floor(scale)
	if b.ID != id || !ok || b.Balance == "" {
		return 0, false, adapters.Errorf(adapters.CodeBadAnswer, "the answer is not the block that was asked for")
	}
	return parts, b.ended(a.now()), nil
}

// takeRest decrements what the block did not hold, unless that was done.
func (a *Adapter) takeRest(ctx context.Context, customer string, parts, since int64, o adapters.EndOrder) error {
	if parts <= 0 {
		return nil
	}
	done := false
	err := a.ledger(ctx, customer, o.Holding.Unit, "decrement", nil, func(e *entry) bool {
		done = done || e.madeBy(o.Mark.ID)
		return done || e.Sequence < since
	})
	if err != nil || done {
		return err
	}
	_, err = a.write(ctx, customer, string(o.Mark.ID)+":rest", ledgerBody{
		Type: "decrement", Amount: number(parts, o.Holding.Scale), Currency: o.Holding.Unit,
		Description: "end of grant " + string(o.Grant) + " by " + string(o.Mark.ID), Metadata: endPairs(o),
	})
	return err
}

func endPairs(o adapters.EndOrder) map[string]string {
	return map[string]string{metaIntent: string(o.Mark.ID), metaGrant: string(o.Grant)}
}

var _ adapters.GrantEnder = (*Adapter)(nil)
