package reconcile

import (
	"context"
	"maps"
	"slices"
	"strings"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
)

// tally is what a vendor must count for a customer in one of its units.
type tally struct {
	told   adapters.Holding // the windows that were closed, by the law
	untold int64            // quanta that the law says beyond those
	carry  int64            // quanta that were told too much and wait to be taken off
	over   int64            // and those that were taken off what ends of grants withdrew
	opened bool             // a window is open
	lost   bool             // and no order of its own will ever tell it
}

// consumption compares what was told of a customer's consumption with what
// the vendor counts, and what is left of its grants there with what should be.
func (r *run) consumption(ctx context.Context, c ledger.Customer, s *state, l *lots) error {
	tallies, err := r.tallies(ctx, s)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(tallies)) {
		t := tallies[key]
		usage, known, err := r.usage(ctx, c, s, t)
		if err != nil {
			return err
		}
		if known {
			r.compareUsage(s, t, usage)
		}
		switch {
		case t.lost:
			s.find(openWindow(t, "a window is open, and no order will tell it"))
		case t.untold != 0 || t.opened:
			// It is no difference: the comparison leaves it out.
			f := openWindow(t, "a window is open; the vendor is told when it closes")
			f.Customer = s.id
			s.flying = append(s.flying, f)
		}
		switch {
		case l == nil, r.Connection.ByLot(): // lot by lot, with the grants
		case r.Connection.Strategy == adapters.Meter:
			compareDrawn(s, l, t, usage, known)
		default:
			r.compareLeft(s, l, t)
		}
	}
	return nil
}

// tallies are a customer's by the vendor's unit, zero ones too: the vendor may
// count what it was never told.
func (r *run) tallies(ctx context.Context, s *state) (map[string]*tally, error) {
	all := map[string]*tally{}
	of := func(unit core.Unit) (*tally, error) {
		none, err := held(r.Connection, unit, 0)
		key := strings.ToLower(none.Unit)
		if all[key] == nil {
			all[key] = &tally{told: none}
		}
		return all[key], err
	}
	for _, unit := range r.Units {
		if _, err := of(unit); err != nil {
			return nil, err
		}
	}
	for _, a := range s.accounts {
		t, err := of(a.Unit)
		if err == nil {
			err = r.tally(ctx, a, t)
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// tally adds one account. Consumption from before the connection was told
// anything is not its to count.
func (r *run) tally(ctx context.Context, a *core.Account, t *tally) error {
	w := r.window(a)
	if w.Number == 0 {
		return nil
	}
	book, err := r.book(ctx, a)
	if err != nil {
		return err
	}
	told := book.Told
	if !r.Connection.ByLot() {
		if told, err = r.told(ctx, a, w, book); err != nil {
			return err
		}
	}
	var h [2]adapters.Holding
	for i, amount := range []core.Amount{w.Told - book.Apart, a.Consumed - book.Apart - w.Apart} {
		if h[i], err = held(r.Connection, a.Unit, amount); err != nil {
			return err
		}
	}
	t.told.Quanta += told
	if w.Closes != 0 || a.Tells(r.Connection.Name) {
		t.untold += h[1].Quanta - h[0].Quanta
	}
	t.opened = t.opened || w.Closes != 0
	t.carry -= book.Carry
	t.over += book.Over
	if w.Closes == 0 {
		return nil
	}
	intent, err := r.windowIntent(ctx, a, w.Number)
	t.lost = t.lost || intent == nil || intent.Customer != a.Customer
	return err
}

// lastTold reads when the newest windows of a customer's accounts were told, and
// whether one is closed that its order has not told yet. It comes before
// anything is read at the vendor, who may be told at any moment.
func (r *run) lastTold(ctx context.Context, s *state) error {
	for _, a := range s.accounts {
		w := r.window(a)
		// An open window was not told yet, the one before may just have been.
		for n := w.Number; n > 0 && n > w.Number-2; n-- {
			intent, err := r.windowIntent(ctx, a, n)
			if err != nil {
				return err
			}
			if intent != nil {
				s.told = max(s.told, intent.Settled)
				s.telling = s.telling || intent.State == ledger.Waiting && (n < w.Number || w.Closes == 0)
			}
		}
	}
	return nil
}

// told is what the windows of an account told, by the law: the floor of all
// that was consumed until the last one closed, less the floor of what was
// consumed before the account joined. One that left and joined again was not
// told what was consumed between, so each of its windows is read.
func (r *run) told(ctx context.Context, a *core.Account, w core.Window, book *mapping.Book) (int64, error) {
	last := w.Number
	if w.Closes != 0 {
		last--
	}
	if last == 0 {
		return 0, nil
	}
	if w.Moves > 1 {
		var all int64
		for n := int64(1); n <= last; n++ {
			first, end, err := r.span(ctx, a, n)
			if err != nil {
				return 0, err
			}
			all += end - first
		}
		return all, nil
	}
	first, _, err := r.span(ctx, a, 1)
	if err != nil {
		return 0, err
	}
	end, err := held(r.Connection, a.Unit, w.Told-book.Apart)
	return end.Quanta - first, err
}

// span is from where to where one window told, in quanta.
func (r *run) span(ctx context.Context, a *core.Account, n int64) (first, end int64, err error) {
	intent, err := r.windowIntent(ctx, a, n)
	if err != nil || intent == nil {
		return 0, 0, err
	}
	body, err := mapping.DecodeBody(intent.Body)
	if err != nil || body.Consume == nil || body.Consume.Told == nil {
		return 0, 0, err
	}
	before, err := held(r.Connection, a.Unit, body.Consume.Told.Before)
	if err != nil {
		return 0, 0, err
	}
	after, err := held(r.Connection, a.Unit, body.Consume.Told.Consumed)
	return before.Quanta, after.Quanta, err
}

// book is what a connection was told of an account.
func (r *run) book(ctx context.Context, a *core.Account) (*mapping.Book, error) {
	key := mapping.BookKey(r.Connection.Name, ledger.AccountKey{Customer: a.Customer, Unit: a.Unit.Code})
	record, err := r.Reader.Records.Record(ctx, key)
	if err != nil {
		return nil, err
	}
	return mapping.BookOf(record)
}

// usage reads what the vendor counts. It is not asked before the connection
// has anything to count with.
func (r *run) usage(ctx context.Context, c ledger.Customer, s *state, t *tally) (int64, bool, error) {
	if !r.can["read usage"] || len(r.links) == 0 && t.told.Quanta == 0 {
		return 0, false, nil
	}
	// The end is exclusive, and what was told at this very instant counts.
	query := adapters.UsageQuery{
		Customer: s.vendor, From: c.Created, To: max(r.AsOf, s.told) + 1, Unit: t.told.Unit, Scale: t.told.Scale, Links: r.links,
	}
	usage, err := ask(ctx, func(ctx context.Context) (int64, error) { return r.Port.Usage(ctx, query) })
	if err != nil && adapters.AsError(err).Code == adapters.CodeNotSupported {
		r.blind("consumption", "not comparable at this vendor: "+adapters.AsError(err).Message)
		return 0, false, nil
	}
	return usage, err == nil, err
}

func (r *run) compareUsage(s *state, t *tally, usage int64) {
	want, got := t.told, t.told
	want.Quanta += t.carry + t.over
	got.Quanta = usage
	if got == want {
		return
	}
	f := Finding{
		Object: "consumption " + want.Unit, Cause: ConsumedDiffers, Ours: figure(want), Vendors: figure(got),
		Difference: sum(got).less(sum(want)).number(),
	}
	if t.carry+t.over != 0 {
		f.Evidence = "ours includes what was given back and could not be taken off"
	}
	if r.fresh(s.told) {
		s.lag(f.Object, f.Cause, "a window was told so shortly ago that the vendor's reads may lag")
	}
	s.find(f)
}

// openWindow is what was consumed and is not due to be told yet.
func openWindow(t *tally, evidence string) Finding {
	law := t.told
	law.Quanta += t.untold
	return Finding{
		Object: "window " + law.Unit, Cause: ConsumedDiffers, Ours: figure(law), Vendors: figure(t.told),
		Difference: sum(t.told).less(sum(law)).number(), Evidence: evidence,
	}
}

// compareDrawn holds what a metering vendor drew from grants against what it
// counted: in whatever order and whenever it draws, it can draw no more.
func compareDrawn(s *state, l *lots, t *tally, usage int64, known bool) {
	limit := t.told
	limit.Quanta += t.carry
	if known {
		limit.Quanta = max(limit.Quanta, usage)
	}
	drawn := &l.of(limit.Unit).drawn
	if over := drawn.less(sum(limit)); over.parts.Sign() > 0 {
		s.find(Finding{
			Object: "grants " + limit.Unit, Cause: LeftDiffers, Ours: figure(limit), Vendors: drawn.number() + " " + limit.Unit, Difference: over.number(),
			Evidence: "more was drawn from the vendor's grants than the consumption that it counts",
		})
	}
}

// compareLeft holds what is left of all of a customer's grants against what
// should be, where we move the vendor's ledger ourselves. Consumption that is
// not told yet is still in the vendor's grants, and what was told too much is
// gone from them.
func (r *run) compareLeft(s *state, l *lots, t *tally) {
	unit, both := t.told.Unit, l.of(t.told.Unit)
	if both.grants == 0 || slices.ContainsFunc(s.findings, func(f Finding) bool { return f.upsets() }) {
		return // what is found already would only be found again in the sums
	}
	want := both.ours.less(&total{})
	want.add(adapters.Holding{Quanta: t.untold - t.carry, Scale: t.told.Scale, Unit: unit}, 1)
	difference := both.left.less(want)
	slack := sum(adapters.Holding{Quanta: both.slack, Scale: t.told.Scale, Unit: unit})
	if both.slack > 0 {
		slack.add(adapters.Holding{Quanta: 1, Scale: t.told.Scale}, 1) // the consumption in all is rounded once more
	}
	slack.grow(difference.scale)
	difference.grow(slack.scale)
	if difference.parts.CmpAbs(&slack.parts) <= 0 {
		return
	}
	f := Finding{
		Object: "grants " + unit, Cause: LeftDiffers, Ours: want.number() + " " + unit, Vendors: both.left.number() + " " + unit,
		Difference: difference.number(),
	}
	if both.slack > 0 {
		f.Evidence = "rounding explains no more than one quantum a grant"
	}
	if r.fresh(s.told) {
		s.lag(f.Object, f.Cause, "a window was told so shortly ago that the vendor's reads may lag")
	}
	s.find(f)
}
