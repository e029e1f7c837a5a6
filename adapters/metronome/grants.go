package metronome

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// The facts that this adapter writes about a lot and reads.
const (
	metaIntent   = "scrip_intent"
	metaGrant    = "scrip_grant"
	metaCategory = "category"
	metaExpires  = "expires"
)

const hour = core.Time(time.Hour / time.Microsecond)

// farEnd stands for never, about a hundred years away: each segment must end.
// The longest time that the vendor takes is not documented.
var farEnd = core.TimeOf(time.Date(2126, time.January, 1, 0, 0, 0, 0, time.UTC))

// nearer is after what time a grant ends, at the latest, where the vendor does
// not take a date so far away.
const nearer = 40 * 365 * 24 * hour

func floorHour(t core.Time) core.Time { return t - t%hour }

// instant writes a time as the vendor reads it.
func instant(t core.Time) string { return t.Std().Format(time.RFC3339) }

// ExpiryAtVendor is when the vendor is told that a grant ends: the first full
// hour that is not before the core's expiry, and a far date for never. The
// core withdraws the rest at its own instant. Source: Metronome's OpenAPI
// document; times of contracts are on the hour.
func ExpiryAtVendor(expires core.Time) core.Time {
	if expires >= farEnd {
		return farEnd
	}
	return floorHour(expires + hour - 1)
}

// body is what a call sends, and amounts in it are [rest.Decimal].
type body = map[string]any

// CreateGrant gives the vendor the remaining credits of a grant: as a prepaid
// commit where they were paid, else as a credit. Nothing is held of nothing:
// the answer has no link then.
//
// The mark is the uniqueness key, which is kept for ever, and the only key: an
// idempotency key would repeat a failure for a day.
func (a *Adapter) CreateGrant(ctx context.Context, o adapters.GrantOrder) (adapters.Answer, error) {
	h, customer := o.Holding, o.Links.One(adapters.RoleCustomer)
	products := all(o.Links, adapters.SetupNeutral, adapters.RoleProduct)
	switch {
	case h.Quanta < 0:
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "a grant of %d parts cannot be given to the vendor", h.Quanta)
	case h.Quanta == 0:
		return adapters.Answer{}, nil
	case customer == "":
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "the customer of grant %q has no link, send the customer first", string(o.Grant))
	case len(products) == 0 || unitID(o.Links, h.Unit) == "":
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "the connection has no link to its product, or to the credit type %q, prepare it first", h.Unit)
	}
	if err := carries(h.Scale, h.Unit); err != nil {
		return adapters.Answer{}, err
	}
	invoice, err := a.invoice(ctx, o)
	if err != nil {
		return adapters.Answer{}, err
	}
	id, err := a.try(ctx, o, products, invoice)
	if e := adapters.AsError(err); err != nil && e.Status == http.StatusConflict {
		found, findErr := a.findGrant(ctx, o.Mark, customer)
		if findErr == nil && len(found.Links) == 0 {
			findErr = unlisted("the grant of this key")
		}
		return found, findErr
	}
	if err != nil {
		return adapters.Answer{}, err
	}
	return grantAnswer(string(o.Grant), id), nil
}

// try makes the lot with all that is known of it and, where that is refused,
// with less: an invoice schedule may need a contract even if nothing is
// invoiced, the end may be too far away, a product archived and made again,
// fields taken away. All of it is in the description.
func (a *Adapter) try(ctx context.Context, o adapters.GrantOrder, products []string, invoice body) (id string, err error) {
	ends, near := ExpiryAtVendor(o.Expires), floorHour(o.Now)+nearer
	says := body{}
	if on(o.Links, adapters.SetupNeutral, roleFields) == metaIntent {
		facts := map[string]string{}
		for _, k := range fields {
			if all := grantFacts(o); all.Has(k) {
				facts[k] = all.Get(k)
			}
		}
		says["custom_fields"] = facts
	}
	full := maps.Clone(says)
	if invoice != nil {
		full["invoice_schedule"] = invoice
	}
	tries := []body{full}
	if invoice != nil || len(products) > 1 || ends > near {
		tries = append(tries, says)
	}
	if len(says) > 0 {
		tries = append(tries, nil)
	}
	for n, extras := range tries {
		if n > 0 {
			products, ends = products[len(products)-1:], min(ends, near)
		}
		id, err = a.make(ctx, o, products[0], ends, extras)
		if !rest.HasCode(err, adapters.CodeInvalid, adapters.CodeNotFound) || adapters.AsError(err).Vendor == keyUsed {
			break
		}
	}
	return id, err
}

// make makes a credit or a commit.
func (a *Adapter) make(ctx context.Context, o adapters.GrantOrder, product string, ends core.Time, extras body) (string, error) {
	starts, unit := floorHour(o.Starts), unitID(o.Links, o.Holding.Unit)
	b := body{
		"customer_id": o.Links.One(adapters.RoleCustomer), "product_id": product,
		"name": "grant " + string(o.Grant), "description": describes + grantFacts(o).Encode(), "priority": o.Priority, "uniqueness_key": string(o.Mark.ID),
		"access_schedule": body{"credit_type_id": unit, "schedule_items": []body{{
			"amount": number(o.Holding.Quanta, o.Holding.Scale, unit), "starting_at": instant(starts), "ending_before": instant(max(ends, starts+hour)),
		}}},
	}
	maps.Copy(b, extras)
	path := "/v1/contracts/customerCredits/create"
	if o.Category == core.Paid {
		b["type"], path = "PREPAID", "/v1/contracts/customerCommits/create"
	}
	return a.makes(ctx, path, "", b)
}

// makes sends a call that makes an object, and returns its id.
func (a *Adapter) makes(ctx context.Context, path, key string, b any) (string, error) {
	var made struct {
		Data struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	err := a.api.Send(ctx, http.MethodPost, path, key, b, &made)
	if err == nil && made.Data.ID == "" {
		err = noEffectSeen()
	}
	return made.Data.ID, err
}

func grantAnswer(neutral, vendor string) adapters.Answer {
	return adapters.Answer{Links: []adapters.Link{{Neutral: neutral, Role: adapters.RoleGrant, Vendor: vendor}}}
}

// grantFacts are the facts of the whole grant, which a lot has no fields for.
func grantFacts(o adapters.GrantOrder) url.Values {
	pairs := url.Values{
		metaGrant: {string(o.Grant)}, metaIntent: {string(o.Mark.ID)}, metaCategory: {string(o.Category)}, "unit": {o.Unit.Code},
		metaExpires: {o.Expires.String()}, "original": {o.Original.Format(o.Unit.Scale)}, "consumed": {o.Consumed.Format(o.Unit.Scale)},
	}
	if !o.Basis.IsZero() {
		pairs.Set("cost_basis", o.Basis.String())
	}
	if o.Source != "" {
		pairs.Set("source", clip(o.Source, 200))
	}
	return pairs
}

// invoice is what was paid for a commit, in the vendor's credit type of the
// currency, never to be invoiced: the money was taken elsewhere. It is nil
// where nothing was paid, or the vendor has no such credit type.
func (a *Adapter) invoice(ctx context.Context, o adapters.GrantOrder) (body, error) {
	basis, id := costBasis(o), usdCents
	if basis == "" || o.Category != core.Paid {
		return nil, nil
	}
	if o.Basis.Currency != "usd" {
		id = ""
		err := each(ctx, a, creditTypes, url.Values{"limit": {"100"}}, nil, func(t *creditType) bool {
			if t.Currency && t.is(string(o.Basis.Currency)) {
				id = t.ID
			}
			return id != ""
		})
		if err != nil || id == "" {
			return nil, err
		}
	}
	item := body{"amount": basis, "timestamp": instant(floorHour(o.Starts))}
	return body{"credit_type_id": id, "schedule_items": []body{item}, "do_not_invoice": true}, nil
}

var _ adapters.GrantWriter = (*Adapter)(nil)
