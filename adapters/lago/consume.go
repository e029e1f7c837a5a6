package lago

import (
	"context"
	"strconv"
	"strings"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// Consume takes consumption off the grant that it was drawn from, by voids of
// its top-ups, or puts back what was given back, by a top-up of its own. An
// order may take several voids: each says how much the whole order takes, so
// that one cut short is told from one that is done. A wallet that has expired
// holds nothing that could be drawn or would be spent: nothing is told then.
func (a *Adapter) Consume(ctx context.Context, o adapters.ConsumeOrder) (adapters.Answer, error) {
	if o.Quanta == 0 {
		return adapters.Answer{}, nil
	}
	customer, err := monetary(adapters.Holding{Scale: o.Scale, Unit: o.Unit}, o.Links, "window "+strconv.Quote(o.Window))
	if err != nil {
		return adapters.Answer{}, err
	}
	parts, err := a.parts(ctx, o.Grant, o.Links, o.Scale)
	switch {
	case err != nil:
		return adapters.Answer{}, err
	case o.Grant == "" || len(parts) == 0:
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "window %q draws on grant %q, which has no link, send the grant first", o.Window, string(o.Grant))
	}
	m := movement{
		Name: clip("Window "+o.Window, 255),
		Metadata: notes(metaIntent, string(o.Mark.ID), metaGrant, string(o.Grant), metaWindow, o.Window,
			metaTotal, core.Amount(o.Quanta).Format(o.Scale), "opened", o.Opened.String(), "closed", o.Closed.String()),
	}
	if o.Quanta < 0 {
		return a.putBack(ctx, o, customer, parts, m)
	}
	var told []transaction
	for _, p := range parts {
		told = append(told, p.done(o.Mark.ID)...)
	}
	done, err := total(told, o.Scale)
	left := o.Quanta - done
	if err != nil || left <= 0 {
		return usageAnswer(o.Window, told), err
	}
	if err := a.covered(ctx, o, parts, left); err != nil {
		return adapters.Answer{}, err
	}
	// By name wherever the grant holds something, then from the wallet that was
	// topped up last: where Lago draws in its own order it holds the rest.
	for _, pool := range []bool{false, true} {
		for i := len(parts) - 1; i >= 0 && left > 0; i-- {
			made, still, gone, err := a.take(ctx, parts[i], left, pool, m)
			if err != nil {
				return adapters.Answer{}, err
			}
			told, left = append(told, made...), still
			if gone && len(parts) == 1 {
				return usageAnswer(o.Window, told), nil
			}
		}
	}
	return usageAnswer(o.Window, told), nil
}

// covered refuses what the grant's wallets do not hold, before any of it is
// taken. Wallets that have ended hold nothing, and refuse nothing.
func (a *Adapter) covered(ctx context.Context, o adapters.ConsumeOrder, parts []*part, need int64) error {
	short := need
	for _, p := range parts {
		for _, in := range p.ins {
			if in.Left != nil {
				short -= *in.Left
			}
		}
	}
	if short <= 0 {
		return nil
	}
	sum, live := int64(0), false
	for _, p := range parts {
		w, err := a.wallet(ctx, p.wallet)
		if err != nil {
			return err
		}
		if w.active() && w.Balance != nil {
			sum, live = sum+*w.Balance, true
		}
	}
	if live && sum < need {
		return adapters.Errorf(adapters.CodeInvalid, "the wallets of grant %q hold %d cents, window %q draws %d: something was taken from them at the vendor", string(o.Grant), sum, o.Window, need)
	}
	return nil
}

// usageAnswer links a window to the first of its movements by id: times are
// whole seconds, so that no other order would stay the same.
func usageAnswer(window string, told []transaction) adapters.Answer {
	first := ""
	for _, t := range told {
		if first == "" || t.ID < first {
			first = t.ID
		}
	}
	if first == "" {
		return adapters.Answer{}
	}
	return adapters.Answer{Links: []adapters.Link{{Neutral: window, Role: adapters.RoleUsage, Vendor: first}}}
}

// putBack tops the grant's wallet up again. Where that wallet has ended before
// its time, the grant gets another.
func (a *Adapter) putBack(ctx context.Context, o adapters.ConsumeOrder, customer string, parts []*part, m movement) (adapters.Answer, error) {
	last := parts[len(parts)-1]
	m.Wallet, m.Priority = last.wallet, 0
	if len(last.ins) > 0 {
		m.Priority = last.ins[0].Priority
	}
	all := parts
	w, err := a.wallet(ctx, m.Wallet)
	if err == nil && !w.active() {
		if w.expires() <= a.now() {
			return adapters.Answer{}, nil // the grant has expired as well
		}
		w, all, err = a.again(ctx, o, customer, w, parts)
	}
	if err != nil {
		return adapters.Answer{}, err
	}
	m.Wallet = w.ID
	for _, p := range all {
		if told := p.done(o.Mark.ID); len(told) > 0 {
			return backAnswer(o, told[0]), nil
		}
	}
	made, err := a.topUp(ctx, m, -o.Quanta, o.Scale)
	if err != nil {
		return adapters.Answer{}, err
	}
	return backAnswer(o, made), nil
}

func backAnswer(o adapters.ConsumeOrder, t transaction) adapters.Answer {
	return adapters.Answer{Links: []adapters.Link{
		{Neutral: o.Window, Role: adapters.RoleUsage, Vendor: t.ID}, {Neutral: string(o.Grant), Role: adapters.RoleGrant, Vendor: t.ID},
	}}
}

// again finds or makes another wallet for the bucket of one that has ended, and
// reads what the wallets that may have it hold of the grant. Where there is no
// room it is the one that expires next after that bucket.
func (a *Adapter) again(ctx context.Context, o adapters.ConsumeOrder, customer string, ended wallet, parts []*part) (wallet, []*part, error) {
	list, err := a.wallets(ctx, customer)
	if err != nil {
		return wallet{}, nil, err
	}
	b := bucket{customer, o.Unit, ended.expires()}
	w, err := a.room(ctx, b, list)
	if rest.HasCode(err, adapters.CodeFull) {
		for _, other := range list {
			if other.ours() && other.active() && other.Currency == ended.Currency && other.expires() >= b.expires && (w.ID == "" || other.expires() < w.expires()) {
				w, err = other, nil
			}
		}
	}
	if err != nil {
		return wallet{}, nil, err
	}
	for _, other := range append(list, w) {
		if !other.ours() || other.Currency != ended.Currency || !other.active() && other.Code != b.code() {
			continue
		}
		p, err := a.part(ctx, other.ID, o.Grant, o.Scale)
		if err != nil {
			return wallet{}, nil, err
		}
		parts = append(parts, p)
	}
	return w, parts, nil
}

// Usage sums the consumption that transactions of Lago's own time in [From, To)
// tell, less what was put back in that time, in cents. What was taken by
// anybody else, or to end a grant, does not count. Sums of several currencies
// are refused.
func (a *Adapter) Usage(ctx context.Context, o adapters.UsageQuery) (int64, error) {
	if o.Customer == "" {
		return 0, adapters.Errorf(adapters.CodeInvalid, "usage can be read of a linked customer only")
	}
	all, err := a.wallets(ctx, o.Customer)
	if err != nil {
		return 0, err
	}
	from, to := o.From-o.From%second, roundedUp(o.To)
	sum, currency := core.Amount(0), ""
	for _, w := range all {
		if !w.ours() || o.Unit != "" && !strings.EqualFold(o.Unit, w.Currency) {
			continue
		}
		if currency != "" && currency != w.Currency {
			return 0, adapters.Errorf(adapters.CodeNotSupported, "the customer's wallets are of several currencies, whose consumption is no one sum")
		}
		currency = w.Currency
		scale, err := w.scale()
		if err != nil {
			return 0, err
		}
		var bad error
		err = a.transactions(ctx, w.ID, filter{}, func(t *transaction) bool {
			at := timeOf(t.Created)
			if at < from || t.Metadata.get(metaWindow) == "" || !t.settled() || at >= to {
				return at < from // they come newest first
			}
			var n int64
			if n, bad = t.cents(scale); bad != nil {
				return true
			}
			if t.inbound() {
				n = -n
			}
			sum, bad = sum.Add(core.Amount(n))
			return bad != nil
		})
		if err == nil {
			err = bad
		}
		if err != nil {
			return 0, err
		}
	}
	return int64(sum), nil
}

// scale is the number of decimals of the wallet's currency.
func (w *wallet) scale() (int, error) {
	currency, err := core.ParseCurrency(strings.ToLower(w.Currency))
	if err != nil {
		return 0, adapters.Errorf(adapters.CodeBadAnswer, "a wallet is of a currency that is not known")
	}
	return currency.Exponent(), nil
}

// roundedUp is t, or the next whole second: Lago's times are in seconds.
func roundedUp(t core.Time) core.Time {
	if t > core.Never-second {
		return t
	}
	return (t + second - 1) / second * second
}

var (
	_ adapters.ConsumptionWriter = (*Adapter)(nil)
	_ adapters.UsageReader       = (*Adapter)(nil)
)
