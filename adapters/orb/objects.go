package orb

import (
	"encoding/json"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// The keys of metadata that this adapter writes and reads.
const (
	metaIntent = "scrip_intent"
	metaGrant  = "scrip_grant"
	metaWindow = "scrip_window" // on consumption and on what takes it back, and on nothing else
)

// finest is the number of decimals that this adapter gives Orb at most: the
// precision of its ledger is not documented.
const finest = 6

// meta is metadata; pairs whose value is no string are left out.
type meta map[string]string

// UnmarshalJSON reads an object of strings.
func (m *meta) UnmarshalJSON(b []byte) error {
	*m = nil
	var pairs map[string]json.RawMessage
	if json.Unmarshal(b, &pairs) != nil {
		return nil
	}
	*m = meta{}
	for k, raw := range pairs {
		var v string
		if json.Unmarshal(raw, &v) == nil {
			(*m)[k] = v
		}
	}
	return nil
}

// intent is the id of ours that metadata carry, or "".
func (m meta) intent() core.ID {
	if id := core.ID(m[metaIntent]); id.Valid(core.IntentID) {
		return id
	}
	return ""
}

type customerObject struct {
	ID       string `json:"id"`
	External string `json:"external_customer_id"`
	Name     string `json:"name"`
	Email    string `json:"email"`
	Currency string `json:"currency"`
	Metadata meta   `json:"metadata"`
}

// block is a credit block. Its numbers are bare in the API's answers and
// strings in webhooks, by the vendor's own two documents.
type block struct {
	ID        string       `json:"id"`
	Balance   rest.Decimal `json:"balance"`
	Initial   rest.Decimal `json:"maximum_initial_balance"`
	Effective *time.Time   `json:"effective_date"`
	Expiry    *time.Time   `json:"expiry_date"`
	CostBasis rest.Decimal `json:"per_unit_cost_basis"`
	Status    string       `json:"status"`
	Metadata  meta         `json:"metadata"`
}

// ended reports whether nothing of the block can be spent any more at now.
func (b *block) ended(now core.Time) bool {
	return b.Expiry != nil && core.TimeOf(*b.Expiry) <= now
}

// entry is a movement of the ledger. The signs of amounts are not documented
// for every type, so magnitudes are used.
type entry struct {
	ID          string       `json:"id"`
	Sequence    int64        `json:"ledger_sequence_number"`
	Type        string       `json:"entry_type"`
	Amount      rest.Decimal `json:"amount"`
	Voided      rest.Decimal `json:"void_amount"`
	Currency    string       `json:"currency"`
	Description string       `json:"description"`
	Metadata    meta         `json:"metadata"`
	Block       struct {
		ID string `json:"id"`
	} `json:"credit_block"`
}

// madeBy reports whether the intent made the entry.
func (e *entry) madeBy(intent core.ID) bool {
	return intent != "" && e.Metadata[metaIntent] == string(intent)
}

// parts is the size of a movement in parts of 10^-scale.
func (e *entry) parts(scale int) (int64, error) {
	number := e.Amount
	if e.Type == "void" || e.Type == "void_initiated" {
		if e.Voided != "" {
			number = e.Voided
		}
	}
	n, ok := number.Parts(scale)
	if !ok {
		return 0, adapters.Errorf(adapters.CodeBadAnswer, "an entry of the ledger has an amount that cannot be used")
	}
	return max(n, -n), nil
}

// number writes quanta of a scale as the bare decimal that Orb reads.
func number(quanta int64, scale int) rest.Decimal {
	return rest.Decimal(core.Amount(quanta).Format(scale))
}

// carries refuses a holding that cannot be written exactly.
func carries(scale int, unit string) error {
	switch {
	case unit == "":
		return adapters.Errorf(adapters.CodeInvalid, "the order names no pricing unit, map the unit to one of the vendor's")
	case scale < 0 || scale > finest:
		return adapters.Errorf(adapters.CodeInvalid, "the order counts in %d decimals, the vendor is given at most %d", scale, finest)
	}
	return nil
}

// clip cuts a text to what the vendor takes, in characters.
func clip(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most])
}

// instant writes a time as Orb reads it.
func instant(t core.Time) string { return t.Std().UTC().Format("2006-01-02T15:04:05+00:00") }
