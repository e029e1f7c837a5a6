package migrate

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"io"

	"scrip/core"
	"scrip/core/ledger"
)

// stamp is how far an account's chain of entries had come.
type stamp struct {
	seq  int64
	head [32]byte
}

// Fingerprint is a hash, in hex, over the key, entry sequence and chain head of
// every account: it is another one as soon as anything was entered anywhere.
func Fingerprint(ctx context.Context, reader ledger.Reader) (string, error) {
	sum := sha256.New()
	err := eachKey(ctx, reader, func(key ledger.AccountKey) error {
		a, err := reader.Accounts.Account(ctx, key)
		if err == nil && a != nil {
			imprint(sum, key, stamp{a.Seq, a.Head})
		}
		return err
	})
	return hex.EncodeToString(sum.Sum(nil)), err
}

// walk visits every account once and returns the fingerprint of what it saw.
// The accounts are the caller's to change.
func walk(ctx context.Context, l *ledger.Ledger, visit func(*core.Account, stamp) error) (string, error) {
	sum := sha256.New()
	err := eachKey(ctx, l.Reader(), func(key ledger.AccountKey) error {
		a, err := l.Account(ctx, key)
		if err != nil {
			return err
		}
		print := stamp{a.Seq, a.Head}
		if len(a.Entries) > 0 { // as an open change of the unit will make it
			stored, err := l.Reader().Accounts.Account(ctx, key)
			if err != nil {
				return err
			}
			if print = (stamp{}); stored != nil {
				print = stamp{stored.Seq, stored.Head}
			}
		}
		imprint(sum, key, print)
		return visit(a, print)
	})
	return hex.EncodeToString(sum.Sum(nil)), err
}

func eachKey(ctx context.Context, reader ledger.Reader, visit func(ledger.AccountKey) error) error {
	var after ledger.AccountKey
	for {
		keys, err := reader.Entries.Keys(ctx, after, accountsAtOnce)
		if err != nil || len(keys) == 0 {
			return err
		}
		for _, key := range keys {
			if err := visit(key); err != nil {
				return err
			}
		}
		after = keys[len(keys)-1]
	}
}

func imprint(sum hash.Hash, key ledger.AccountKey, print stamp) {
	var buf [256]byte
	b := buf[:0]
	for _, s := range [...]string{key.Customer, key.Unit} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(print.seq))
	sum.Write(append(b, print.head[:]...))
}

// Drift says how the accounts differ from those that a plan was made for.
type Drift struct {
	Moved int // with entries since
	New   int
	Gone  int // that the plan names and the ledger does not know
}

// Any reports whether anything differs.
func (d Drift) Any() bool { return d != Drift{} }

// ReadDrift reads a plan file as [ReadPlan] does, and compares its accounts with
// what the ledger holds, one at a time. The plan of a vendor move names every
// account, that of a change of the unit those in the old one; any other names
// none and is compared with nothing. It calls see for every account of the plan.
func ReadDrift(ctx context.Context, reader ledger.Reader, r io.Reader, see func(*CustomerEffect)) (*Plan, Drift, error) {
	var d Drift
	known := 0
	p, err := ReadPlan(r, func(c *CustomerEffect) error {
		see(c)
		a, err := reader.Accounts.Account(ctx, ledger.AccountKey{Customer: c.Customer, Unit: c.Unit})
		switch {
		case err != nil:
			return err
		case a == nil:
			d.Gone++
			return nil
		case a.Seq != c.Seq || hex.EncodeToString(a.Head[:]) != c.Head:
			d.Moved++
		}
		known++
		return nil
	})
	if err != nil || !p.IsMove() && p.Unit == nil {
		return p, Drift{}, err
	}
	err = eachKey(ctx, reader, func(key ledger.AccountKey) error {
		if p.Unit == nil || key.Unit == p.Unit.From {
			d.New++
		}
		return nil
	})
	d.New -= known
	return p, d, err
}
