package stripe

import (
	"context"
	"encoding/json"
	"math/big"
	"strconv"
	"strings"

	stripego "github.com/stripe/stripe-go/v76"

	"scrip/adapters"
	"scrip/core"
)

// Consume tells a window as one meter event of whole minor units. The event's
// identifier is the order's mark, which Stripe counts once within 24 hours
// whatever else differs. That an event was accepted does not mean that it was
// counted: an error report may follow as an event.
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
	id, at := string(o.Mark.ID), o.Sent.Std().Unix()
	got, err := a.api.BillingMeterEvents.New(&stripego.BillingMeterEventParams{
		// The time is a part of the key, since a repeat may be sent later.
		Params:     write(ctx, id+":"+strconv.FormatInt(at, 10)),
		EventName:  stripego.String(meterEvent),
		Identifier: &id,
		Timestamp:  &at,
		Payload:    map[string]string{payloadOwner: customer, payloadValue: strconv.FormatInt(o.Quanta, 10)},
	})
	switch {
	case err != nil && !toldBefore(err, id):
		return adapters.Answer{}, writeFailed(err)
	case err == nil && got.Identifier != id:
		return adapters.Answer{}, noEffectSeen()
	}
	return adapters.Answer{Links: []adapters.Link{{Neutral: o.Window, Role: adapters.RoleUsage, Vendor: id}}}, nil
}

// toldBefore reports whether an event was refused because its identifier was
// told before. Whether Stripe answers so, or with 200, is not documented.
func toldBefore(err error, id string) bool {
	e := refusal(err)
	if e == nil || e.Code != adapters.CodeInvalid {
		return false
	}
	text := strings.ToLower(err.Error())
	return strings.Contains(e.Vendor, "duplicate") || strings.Contains(text, "already exists") && strings.Contains(text, strings.ToLower(id))
}

// CancelConsumption takes back meter events, which Stripe allows within 24
// hours of receiving them; later it refuses with [adapters.CodeInvalid].
func (a *Adapter) CancelConsumption(ctx context.Context, o adapters.CancelOrder) (adapters.Answer, error) {
	for _, w := range o.Windows {
		got, err := a.api.BillingMeterEventAdjustments.New(&stripego.BillingMeterEventAdjustmentParams{
			Params:    write(ctx, clip(string(o.Mark.ID)+":"+w.Vendor, 255)),
			Type:      stripego.String("cancel"),
			EventName: stripego.String(meterEvent),
			Cancel:    &stripego.BillingMeterEventAdjustmentCancelParams{Identifier: stripego.String(w.Vendor)},
		})
		if err != nil {
			return adapters.Answer{}, writeFailed(err)
		}
		if got.EventName != meterEvent {
			return adapters.Answer{}, noEffectSeen()
		}
	}
	return adapters.Answer{}, nil
}

// summaryObject is a meter event summary. stripe-go v76 reads its value into
// binary floating point, so it is read here.
type summaryObject struct {
	ID    string      `json:"id"`
	Value json.Number `json:"aggregated_value"`
}

// Usage sums what the meter counted for a customer, in minor units. Stripe
// aggregates whole minutes: from is rounded down and to is rounded up. The sum
// may lag behind what was told.
func (a *Adapter) Usage(ctx context.Context, o adapters.UsageQuery) (int64, error) {
	meter := o.Links.One(adapters.RoleMeter)
	if meter == "" {
		return 0, adapters.Errorf(adapters.CodeInvalid, "the connection's meter has no link, prepare the connection first")
	}
	from, to := minute(o.From, 0), minute(o.To, 59_999_999)
	if to <= from {
		return 0, nil
	}
	q := query{{"customer", o.Customer}, {"start_time", strconv.FormatInt(from, 10)}, {"end_time", strconv.FormatInt(to, 10)}}
	var total int64
	var bad error
	whole, err := each(ctx, a, stripego.FormatURLPath("/v1/billing/meters/%s/event_summaries", meter), q, maxPages,
		func(s summaryObject) string { return s.ID },
		func(s summaryObject) bool {
			n, ok := wholeNumber(s.Value.String())
			sum, err := core.Amount(total).Add(core.Amount(n))
			if !ok || err != nil {
				bad = adapters.Errorf(adapters.CodeBadAnswer, "a summary's value is not a whole number of minor units")
			}
			total = int64(sum)
			return bad != nil
		})
	switch {
	case err != nil:
		return 0, err
	case bad != nil:
		return 0, bad
	case !whole:
		return 0, adapters.Errorf(adapters.CodeBadAnswer, "the list of summaries has no end")
	}
	return total, nil
}

// minute is t in seconds, cut to the minute after slack was added.
func minute(t core.Time, slack core.Time) int64 {
	const length = 60_000_000
	return int64((t+slack)/length) * 60
}

// wholeNumber reads a JSON number that must be whole: 12, 12.0, 1.2e1.
func wholeNumber(text string) (int64, bool) {
	mantissa, exponent, found := strings.Cut(strings.ToLower(text), "e")
	if found {
		// A large exponent would make a number of as many digits.
		if n, err := strconv.Atoi(exponent); err != nil || n < -30 || n > 18 {
			return 0, false
		}
	}
	if len(mantissa) > 60 {
		return 0, false
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok || !r.IsInt() || !r.Num().IsInt64() {
		return 0, false
	}
	return r.Num().Int64(), true
}

var (
	_ adapters.ConsumptionWriter    = (*Adapter)(nil)
	_ adapters.ConsumptionCanceller = (*Adapter)(nil)
	_ adapters.UsageReader          = (*Adapter)(nil)
)
