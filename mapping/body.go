package mapping

import (
	"encoding/json"
	"strconv"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/sale"
)

// Body is what an intent carries: the facts of its order as they were when
// the change was committed, and how far the worker has come with it. One of
// the pointers is set, by the intent's kind.
type Body struct {
	Customer *ledger.Customer `json:"customer,omitempty"`
	New      bool             `json:"new,omitempty"` // the customer was created by this change
	Grant    *GrantFacts      `json:"grant,omitempty"`
	End      *EndFacts        `json:"end,omitempty"`
	Consume  *Consumption     `json:"consume,omitempty"`
	TrueUp   *TrueUp          `json:"true_up,omitempty"`
	Sale     *sale.Purchase   `json:"sale,omitempty"`
	Refund   *sale.Refund     `json:"refund,omitempty"`
	Text     string           `json:"text,omitempty"` // of the sale, for the invoice
	Attempt  Attempt          `json:"attempt,omitzero"`
}

// Attempt is the worker's own part of a body. It is durable before the call
// that rests on it, so that a repeated call says the same.
type Attempt struct {
	First  core.Time        `json:"first,omitempty"`  // wall time of the first call
	Last   core.Time        `json:"last,omitempty"`   // wall time of the last one
	Sent   core.Time        `json:"sent,omitempty"`   // business time told with the call in hand
	Ensure *ledger.Customer `json:"ensure,omitempty"` // customer the vendor must be given first
}

// GrantFacts are what a vendor is told of a grant.
type GrantFacts struct {
	Grant    core.ID          `json:"grant"`
	Holding  adapters.Holding `json:"holding"`        // by the quantum law
	Value    core.Money       `json:"value,omitzero"` // the same, where the vendor holds money
	Unit     core.Unit        `json:"unit"`
	Original core.Amount      `json:"original"`
	Consumed core.Amount      `json:"consumed"`
	Category core.Category    `json:"category"`
	Priority int              `json:"priority"`
	Starts   core.Time        `json:"starts"`
	Expires  core.Time        `json:"expires"`
	Basis    core.Money       `json:"basis,omitzero"`
	Source   string           `json:"source,omitempty"`
	Actions  []string         `json:"actions,omitempty"`
	Seq      int64            `json:"seq,omitempty"`  // of the account's last entry that the facts take in
	Late     bool             `json:"late,omitempty"` // it is given later than it was made: what is left of it is looked at then
}

// EndFacts are what a vendor is told when a grant ends.
type EndFacts struct {
	Grant    core.ID          `json:"grant"`
	Unit     string           `json:"unit,omitempty"`
	Consumed core.Amount      `json:"consumed"`           // of the grant, by the core
	Holding  adapters.Holding `json:"holding,omitzero"`   // what ended of it since the vendor was last told
	Seq      int64            `json:"seq,omitempty"`      // of the entry that made the grant
	Anywhere bool             `json:"anywhere,omitempty"` // the grant's own lot need not hold it, see [adapters.EndOrder]
	Over     bool             `json:"over,omitempty"`     // nothing is left of the grant
	Spare    int64            `json:"spare,omitempty"`    // quanta that are missing at the vendor already
	Keep     int64            `json:"keep,omitempty"`     // a hold keeps some of the grant: after this entry it is the core's alone; below zero once that is in the book
	Spent    bool             `json:"spent,omitempty"`    // it has not ended: it was consumed to its last part
	Until    core.Time        `json:"until,omitempty"`    // when the grant expires
	Back     bool             `json:"back,omitempty"`     // all of that was given back to it by the same command, when it had ended
}

// DecodeBody reads an intent's body.
func DecodeBody(raw []byte) (*Body, error) {
	b := &Body{}
	if err := json.Unmarshal(raw, b); err != nil {
		return nil, core.Errorf(core.CodeInternal, "an intent's body cannot be read: %v", err)
	}
	return b, nil
}

// Encode writes the body of an intent.
func (b *Body) Encode() []byte {
	raw, _ := json.Marshal(b) // plain values always marshal
	return raw
}

// Kind is what the body asks for, "" for an empty one.
func (b *Body) Kind() adapters.Kind {
	switch {
	case b.Customer != nil:
		return adapters.CustomerKind
	case b.Grant != nil:
		return adapters.GrantKind
	case b.End != nil:
		return adapters.EndKind
	case b.Consume != nil:
		return adapters.ConsumeKind
	case b.TrueUp != nil:
		return TrueUpKind
	case b.Sale != nil:
		return adapters.SellKind
	case b.Refund != nil:
		return adapters.RefundKind
	}
	return ""
}

// newIntent makes a waiting intent. Its id is a hash of what it is about, so
// that deciding again makes the same one.
func newIntent(connection, customer, ref, key string, now, due core.Time, b *Body) *ledger.Intent {
	kind := string(b.Kind())
	return &ledger.Intent{
		ID:         core.NewID(core.IntentID, customer, kind+"/"+connection, key, 0),
		Connection: connection, Customer: customer, Kind: kind, Ref: ref, Body: b.Encode(),
		Due: due, State: ledger.Waiting, Created: now,
	}
}

// WindowID is the neutral id of a consumption window: a hash of connection,
// account and number. The customer is hashed with them: the few bits that an id
// carries of its owner are those of many owners.
func WindowID(connection string, account ledger.AccountKey, number int64) string {
	key := account.Unit + "/" + strconv.FormatInt(number, 10) + "/" + account.Customer
	return string(core.NewID("win", account.Customer, connection, key, 0))
}

// StepMark is the mark of a further call that an intent makes: derived from
// the intent's, so that a repeated step repeats its key.
func StepMark(intent core.ID, customer, step string) core.ID {
	return core.NewID(core.IntentID, customer, "step/"+string(intent), step, 0)
}
