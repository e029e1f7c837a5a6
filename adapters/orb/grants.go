package orb

import (
	"context"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

const day = core.Time(24 * time.Hour / time.Microsecond)

// ledgerBody is a new entry of any type; each type takes some of the fields
// and refuses the others.
type ledgerBody struct {
	Type        string            `json:"entry_type"`
	Amount      rest.Decimal      `json:"amount"`
	Currency    string            `json:"currency"`
	Block       string            `json:"block_id,omitempty"`
	Effective   string            `json:"effective_date,omitempty"`
	Expiry      string            `json:"expiry_date,omitempty"`
	CostBasis   string            `json:"per_unit_cost_basis,omitempty"`
	Invoice     *invoiceSettings  `json:"invoice_settings,omitempty"`
	Description string            `json:"description"`
	Metadata    map[string]string `json:"metadata"`
}

// invoiceSettings say that the money was taken elsewhere: the invoice that Orb
// makes of a cost basis is paid from the start and never collected.
type invoiceSettings struct {
	AutoCollection bool `json:"auto_collection"`
	NetTerms       int  `json:"net_terms"`
	MarkAsPaid     bool `json:"mark_as_paid"`
}

// StartAtVendor is when Orb is told that a block takes effect: the start (UTC)
// of the day before the core's start. Orb lets a block serve a day only if it
// was in force before that day began in the customer's time zone, so a block
// of today would serve nothing until tomorrow. No zone's day begins more than
// 24 hours before an instant in it. The core alone decides what may be spent
// in between. Source: docs.withorb.com, prepurchase of credits.
func StartAtVendor(starts core.Time) core.Time {
	return starts - starts%day - day
}

// ExpiryAtVendor is when Orb is told that a block expires: one day after the
// first midnight (UTC) that is not before the core's expiry. Orb expires near
// a boundary of days in the customer's time zone; how it rounds is not
// documented, so even rounded down, in any zone, it is not before the core's
// expiry. It is later by 24 to 48 hours, and the core withdraws the rest at
// its own instant. Never stays [core.Never].
func ExpiryAtVendor(expires core.Time) core.Time {
	if expires == core.Never {
		return core.Never
	}
	up := expires + day - 1
	return up - up%day + day
}

// CreateGrant gives Orb the remaining credits of a grant as a block of their
// own. Nothing is held of nothing: the answer has no link then.
func (a *Adapter) CreateGrant(ctx context.Context, o adapters.GrantOrder) (adapters.Answer, error) {
	h, customer := o.Holding, o.Links.One(adapters.RoleCustomer)
	switch {
	case h.Quanta < 0:
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "a grant of %d parts cannot be given to the vendor", h.Quanta)
	case h.Quanta == 0:
		return adapters.Answer{}, nil
	case customer == "":
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "the customer of grant %q has no link, send the customer first", string(o.Grant))
	}
	if err := carries(h.Scale, h.Unit); err != nil {
		return adapters.Answer{}, err
	}
	invoiced, err := a.invoiceIn(ctx, customer, h.Unit, o.Mark.ID)
	if err != nil {
		return adapters.Answer{}, err
	}
	basis, err := a.costBasis(ctx, customer, invoiced, o)
	if err != nil {
		return adapters.Answer{}, err
	}
	body := grantBody(o, basis)
	made, err := a.write(ctx, customer, string(o.Mark.ID), body)
	if recent := instant(StartAtVendor(o.Now)); hasCode(err, adapters.CodeInvalid) && body.Effective < recent {
		// How far back a block may take effect is not documented. The core knows
		// the true start; what counts is that the block serves today.
		body.Effective = recent
		made, err = a.write(ctx, customer, string(o.Mark.ID)+":recent", body)
	}
	if err != nil {
		if hasCode(err, adapters.CodeConflict) {
			// A customer whose currency changed in between gets another body, and
			// so does a later day. If the first attempt made the block, all is well.
			if found, findErr := a.findGrant(ctx, o.Mark, customer); findErr == nil && len(found.Links) > 0 {
				return found, nil
			}
		}
		return adapters.Answer{}, err
	}
	if made.Block.ID == "" {
		return adapters.Answer{}, noEffectSeen()
	}
	return grantAnswer(string(o.Grant), made.Block.ID), nil
}

// write adds an entry to a customer's ledger and returns it; the last one
// where Orb made several.
func (a *Adapter) write(ctx context.Context, customer, key string, body ledgerBody) (entry, error) {
	var made entry
	body.Currency = wire(body.Currency)
	err := a.api.Send(ctx, http.MethodPost, rest.Path("customers", customer, "credits", "ledger_entry"), key, body, &made)
	if err == nil && (made.ID == "" || !strings.HasPrefix(made.Type, body.Type)) { // void_initiated may answer a void
		err = noEffectSeen()
	}
	return made, err
}

func grantAnswer(neutral, vendor string) adapters.Answer {
	return adapters.Answer{Links: []adapters.Link{{Neutral: neutral, Role: adapters.RoleGrant, Vendor: vendor}}}
}

func grantBody(o adapters.GrantOrder, basis string) ledgerBody {
	b := ledgerBody{
		Type: "increment", Amount: number(o.Holding.Quanta, o.Holding.Scale), Currency: o.Holding.Unit,
		Effective: instant(StartAtVendor(o.Starts)), CostBasis: basis,
		Description: "grant " + string(o.Grant) + " by " + string(o.Mark.ID), Metadata: grantPairs(o),
	}
	if o.Expires != core.Never {
		b.Expiry = instant(ExpiryAtVendor(o.Expires))
	}
	if basis != "" && basis != "0" {
		b.Invoice = &invoiceSettings{MarkAsPaid: true}
	}
	return b
}

// grantPairs are the facts of the whole lot, which a block has no fields for.
func grantPairs(o adapters.GrantOrder) map[string]string {
	pairs := map[string]string{
		metaGrant: string(o.Grant), metaIntent: string(o.Mark.ID), "unit": o.Unit.Code, "category": string(o.Category),
		"original": o.Original.Format(o.Unit.Scale), "consumed": o.Consumed.Format(o.Unit.Scale), "priority": strconv.Itoa(o.Priority),
	}
	if !o.Basis.IsZero() {
		pairs["cost_basis"] = o.Basis.String()
	}
	if o.Source != "" {
		pairs["source"] = clip(o.Source, maxValue)
	}
	return pairs
}

// costBasis is what one credit cost, for Orb: "0" where nothing was paid, and
// "" where Orb could not hold the truth: the price of one credit is no short
// decimal, or the customer is invoiced in another currency than was paid. A
// customer without a currency yet gets the one that was paid, since Orb counts
// a cost basis in the customer's, unless that would bar it from the real
// currencies that the connection holds. invoiced is the customer's currency
// where it is known already.
func (a *Adapter) costBasis(ctx context.Context, customer, invoiced string, o adapters.GrantOrder) (string, error) {
	if o.Basis.Minor <= 0 {
		return "0", nil
	}
	basis, ok := perCredit(o.Basis, o.Original, o.Unit.Scale)
	if !ok {
		return "", nil
	}
	c := customerObject{Currency: invoiced}
	if invoiced == "" {
		var err error
		if c, err = a.customer(ctx, customer); err != nil {
			return "", err
		}
	}
	switch {
	case c.invoices(o.Basis.Currency):
		return basis, nil
	case c.Currency != "" || a.holdsOnlyOther(o.Basis.Currency):
		return "", nil
	}
	err := a.setCurrency(ctx, customer, o.Basis.Currency, o.Mark.ID)
	if hasCode(err, adapters.CodeInvalid) {
		return "", nil // a currency that Orb does not invoice in
	}
	return basis, err
}

// maxBasisDecimals bounds a cost basis; the vendor's precision is not documented.
const maxBasisDecimals = 9

// perCredit is the price of one whole credit in major units of money, and
// false where it has more decimals than are given to Orb.
func perCredit(paid core.Money, original core.Amount, scale int) (string, bool) {
	if original <= 0 {
		return "", false
	}
	ten := big.NewInt(10)
	num := new(big.Int).Mul(big.NewInt(int64(paid.Minor)), new(big.Int).Exp(ten, big.NewInt(int64(scale)), nil))
	den := new(big.Int).Mul(big.NewInt(int64(original)), new(big.Int).Exp(ten, big.NewInt(int64(paid.Currency.Exponent())), nil))
	price := new(big.Rat).SetFrac(num, den)
	parts := new(big.Rat).Mul(price, new(big.Rat).SetInt(new(big.Int).Exp(ten, big.NewInt(maxBasisDecimals), nil)))
	if !parts.IsInt() {
		return "", false
	}
	return strings.TrimRight(strings.TrimRight(price.FloatString(maxBasisDecimals), "0"), "."), true
}

var _ adapters.GrantWriter = (*Adapter)(nil)
