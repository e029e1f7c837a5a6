package core

import (
	"crypto/sha256"
	"encoding/binary"
)

// EntryKind names a movement of the ledger. Each moves its amount from one
// pot of a grant to another, so that every entry sums to zero by itself.
type EntryKind string

// Pot is one side of a movement.
type Pot string

// The kinds, with the pots they move between, and the pots.
const (
	EntryGrant   EntryKind = "grant"   // issued to available
	EntryDebit   EntryKind = "debit"   // available to consumed
	EntryHold    EntryKind = "hold"    // available to held
	EntryCapture EntryKind = "capture" // held to consumed
	EntryRelease EntryKind = "release" // held to available
	EntryExpire  EntryKind = "expire"  // available to expired
	EntryVoid    EntryKind = "void"    // available to voided
	EntryReverse EntryKind = "reverse" // consumed to available

	// A change of unit moves what is left from the old unit's account to the
	// new unit's.
	EntryConvertOut EntryKind = "convert_out" // available to converted
	EntryConvertIn  EntryKind = "convert_in"  // converted to available

	// What a debit took beyond the grants: money that will be billed, or a
	// deficit that the next paid grant settles. Only settle names a grant.
	EntryOverage      EntryKind = "overage"       // billed to consumed
	EntryOverageBack  EntryKind = "overage_back"  // consumed to billed
	EntryOverdraw     EntryKind = "overdraw"      // owed to consumed
	EntryOverdrawBack EntryKind = "overdraw_back" // consumed to owed
	EntrySettle       EntryKind = "settle"        // available to owed

	// A renewal carries a part of a period's grant over into a new grant.
	EntryRollOut EntryKind = "roll_out" // available to rolled
	EntryRollIn  EntryKind = "roll_in"  // rolled to available

	// A refund or dispute takes back what a payment had bought, and may be
	// lost again. The two that name no grant move the deficit.
	EntryClawback      EntryKind = "clawback"       // available to refunded
	EntryReinstate     EntryKind = "reinstate"      // refunded to available
	EntryOwe           EntryKind = "owe"            // owed to refunded
	EntryReinstateOwed EntryKind = "reinstate_owed" // refunded to owed

	// Usage from before a grant expired, learned of afterwards.
	EntryRestore EntryKind = "restore" // expired to available

	// Posted is available and held together.
	Issued    Pot = "issued"
	Available Pot = "available"
	Held      Pot = "held"
	Consumed  Pot = "consumed"
	Breakage  Pot = "expired"
	Voided    Pot = "voided"
	Exchanged Pot = "converted" // between the units of a change
	Billed    Pot = "billed"    // paid for with money, as overage
	Owed      Pot = "owed"      // the deficit; of a grant: what settled it
	Rolled    Pot = "rolled"    // between the grants of two periods
	Refunded  Pot = "refunded"  // gone with the money that had bought it
)

// Pots returns what the kind moves its amount from and to.
func (k EntryKind) Pots() (from, to Pot) {
	pots := entryPots[k]
	return pots[0], pots[1]
}

var entryPots = map[EntryKind][2]Pot{
	EntryGrant:   {Issued, Available},
	EntryDebit:   {Available, Consumed},
	EntryHold:    {Available, Held},
	EntryCapture: {Held, Consumed},
	EntryRelease: {Held, Available},
	EntryExpire:  {Available, Breakage},
	EntryVoid:    {Available, Voided},
	EntryReverse: {Consumed, Available},

	EntryConvertOut: {Available, Exchanged},
	EntryConvertIn:  {Exchanged, Available},

	EntryOverage:      {Billed, Consumed},
	EntryOverageBack:  {Consumed, Billed},
	EntryOverdraw:     {Owed, Consumed},
	EntryOverdrawBack: {Consumed, Owed},
	EntrySettle:       {Available, Owed},

	EntryRollOut: {Available, Rolled},
	EntryRollIn:  {Rolled, Available},

	EntryClawback:      {Available, Refunded},
	EntryReinstate:     {Refunded, Available},
	EntryOwe:           {Owed, Refunded},
	EntryReinstateOwed: {Refunded, Owed},

	EntryRestore: {Breakage, Available},
}

// Entry is one immutable movement of one grant. Entries of an account are
// gapless in Seq and chained: each hash covers the entry and the hash before.
type Entry struct {
	Customer  string
	Unit      string
	Seq       int64
	Kind      EntryKind
	Grant     ID // "" where the movement is the account's own: overage and deficit
	Source    ID // the debit, hold, reversal or grant that caused it
	Amount    Amount
	Effective Time // when it happened
	Recorded  Time // when the ledger learned it
	Hash      [32]byte
}

// Chain is the hash of e when it follows an entry with hash prev.
func (e *Entry) Chain(prev [32]byte) [32]byte {
	var buf [384]byte
	b := append(buf[:0], prev[:]...)
	for _, s := range [...]string{e.Customer, e.Unit, string(e.Kind), string(e.Grant), string(e.Source)} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	for _, n := range [...]int64{e.Seq, int64(e.Amount), int64(e.Effective), int64(e.Recorded)} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return sha256.Sum256(b)
}

// Allocation is a part of one grant.
type Allocation struct {
	Grant  ID
	Amount Amount
}
