package metronome

import (
	"context"
	"math/big"
	"net/url"
	"regexp"
	"strings"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/httpx"
	"scrip/internal/rest"
)

// lotPage is the most that a list of lots gives at once.
const lotPage = 25

// lot is a credit or a commit.
type lot struct {
	ID          string       `json:"id"`
	Type        string       `json:"type"` // CREDIT, PREPAID or POSTPAID
	Description string       `json:"description"`
	Priority    rest.Decimal `json:"priority"`
	Unique      string       `json:"uniqueness_key"`
	Fields      rest.Texts   `json:"custom_fields"`
	Created     *time.Time   `json:"created_at"`
	Archived    *time.Time   `json:"archived_at"`
	Invoice     *struct{}    `json:"invoice_schedule"`
	Ledger      []entry      `json:"ledger"`
	Access      struct {
		Unit     creditType `json:"credit_type"`
		Segments []segment  `json:"schedule_items"`
	} `json:"access_schedule"`
}

// segment is a part of a lot with a time of its own.
type segment struct {
	ID     string       `json:"id"`
	Amount rest.Decimal `json:"amount"`
	Starts time.Time    `json:"starting_at"`
	Ends   time.Time    `json:"ending_before"`
}

// entry is a movement of a lot's ledger. It has no id.
type entry struct {
	Type    string       `json:"type"`
	Amount  rest.Decimal `json:"amount"`
	At      time.Time    `json:"timestamp"`
	Segment string       `json:"segment_id"`
	Reason  string       `json:"reason"`
}

// free reports whether the lot is a credit, not a commit.
func (l *lot) free() bool { return l.Type == "CREDIT" }

// unit is the lot's credit type; what names none is in US dollars.
func (l *lot) unit() creditType {
	if l.Access.Unit.ID == "" {
		return creditType{ID: usdCents}
	}
	return l.Access.Unit
}

// span is from when to when the lot serves.
func (l *lot) span() (starts, ends core.Time) {
	for i, s := range l.Access.Segments {
		from, to := core.TimeOf(s.Starts), core.TimeOf(s.Ends)
		if i == 0 || from < starts {
			starts = from
		}
		ends = max(ends, to)
	}
	return starts, ends
}

// facts are what was written about the lot: its description holds all, the
// custom fields what events are to tell.
func (l *lot) facts() rest.Texts {
	out := rest.Texts{}
	if text, ok := strings.CutPrefix(l.Description, describes); ok {
		if pairs, err := url.ParseQuery(text); err == nil {
			for k := range pairs {
				out[k] = pairs.Get(k)
			}
		}
	}
	for k, v := range l.Fields {
		out[k] = v
	}
	return out
}

// describes is how our descriptions begin.
const describes = "scrip: "

// madeBy reports whether an order of ours made the lot. What is of the grant
// and of no order, as an import leaves it, counts too.
func (l *lot) madeBy(m adapters.Mark) bool {
	facts := l.facts()
	if l.Unique == string(m.ID) || facts[metaIntent] == string(m.ID) {
		return true
	}
	return l.Unique == "" && facts[metaIntent] == "" && m.Neutral != "" && facts[metaGrant] == m.Neutral
}

// sums are what the lot was given and what its ledger comes to. A segment
// whose start is not in the ledger, because it lies ahead, counts as if it
// were. What usage draws on a draft invoice changes until the invoice is
// final: dated at the end of its period, it does not count before.
func (l *lot) sums(now core.Time) (given, left *big.Rat) {
	given, left = new(big.Rat), new(big.Rat)
	begun := map[string]bool{}
	for i := range l.Ledger {
		e := &l.Ledger[i]
		if strings.HasSuffix(e.Type, "_SEGMENT_START") {
			begun[e.Segment] = true
		}
		if strings.HasSuffix(e.Type, "_AUTOMATED_INVOICE_DEDUCTION") && core.TimeOf(e.At) > now {
			continue
		}
		left.Add(left, e.Amount.Rat())
	}
	for _, s := range l.Access.Segments {
		given.Add(given, s.Amount.Rat())
		if !begun[s.ID] {
			left.Add(left, s.Amount.Rat())
		}
	}
	return given, left
}

// lotQuery asks for a customer's lots, or for one of them.
type lotQuery struct {
	Customer  string `json:"customer_id"`
	ID        string `json:"id,omitempty"`
	Archived  bool   `json:"include_archived,omitempty"`
	Contracts bool   `json:"include_contract_balances,omitempty"`
	Ledgers   bool   `json:"include_ledgers,omitempty"`
	Limit     int    `json:"limit"`
	Next      string `json:"next_page,omitempty"` // the cursor is in the body, other than at most lists
}

var uuid = regexp.MustCompile(`^[0-9a-fA-F-]{36}$`)

// page reads one page of lots. How the vendor refuses a customer that it does
// not know is not documented: any refusal is a [adapters.CodeNotFound] error
// where the customer is not there.
func (a *Adapter) page(ctx context.Context, q lotQuery) ([]lot, string, error) {
	var p page[lot]
	err := a.api.Query(ctx, "/v1/contracts/customerBalances/list", q, &p)
	for q.Limit > 1 && rest.HasCode(err, adapters.CodeBadAnswer) && adapters.AsError(err).Message == httpx.ErrTooLong.Error() {
		q.Limit, p = max(1, q.Limit/5), page[lot]{} // fewer ledgers at once
		err = a.api.Query(ctx, "/v1/contracts/customerBalances/list", q, &p)
	}
	if rest.HasCode(err, adapters.CodeInvalid) {
		gone := !uuid.MatchString(q.Customer)
		if !gone {
			gone = rest.HasCode(a.api.Get(ctx, rest.Path("v1", "customers", q.Customer), nil, nil), adapters.CodeNotFound)
		}
		if gone {
			return nil, "", adapters.Errorf(adapters.CodeNotFound, "the vendor does not know the customer")
		}
	}
	if err != nil {
		return nil, "", err
	}
	return p.read(q.Next)
}

// lots walks a customer's lots until visit says stop.
func (a *Adapter) lots(ctx context.Context, q lotQuery, visit func(*lot) (stop bool)) error {
	q.Limit = lotPage
	return walk("", func(cursor string) ([]lot, string, error) {
		q.Next = cursor
		return a.page(ctx, q)
	}, visit)
}

// ofGrant reads the lots that a grant is linked to, in the order of the links,
// archived ones too.
func (a *Adapter) ofGrant(ctx context.Context, customer string, grant core.ID, links adapters.Links) ([]lot, error) {
	var out []lot
	for n, id := range all(links, string(grant), adapters.RoleGrant) {
		err := a.lots(ctx, lotQuery{Customer: customer, ID: id, Archived: true}, func(got *lot) bool {
			if got.ID == id {
				out = append(out, *got)
			}
			return len(out) > n
		})
		if err == nil && len(out) == n {
			err = adapters.Errorf(adapters.CodeUnavailable, "the vendor does not list the grant's object %.64q, reads may lag", id)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
