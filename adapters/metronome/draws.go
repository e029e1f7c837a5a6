package metronome

import (
	"context"
	"math/big"
	"net/http"
	"strings"

	"scrip/adapters"
	"scrip/core"
	"scrip/internal/rest"
)

// reason is what a manual entry says of itself: by whom it was made, for which
// window, and when it was sent, since the entry's own time is that of an hour.
type reason struct {
	intent core.ID
	window string
	sent   core.Time
}

const reasonPrefix = "scrip consumption"

func (r reason) String() string {
	return strings.Join([]string{reasonPrefix, string(r.intent), r.window, r.sent.String()}, " ")
}

// reasonOf reads a reason, and false where the entry is not a draw of ours.
func reasonOf(e *entry) (reason, bool) {
	text, ours := strings.CutPrefix(e.Reason, reasonPrefix+" ")
	fields := strings.Fields(text)
	if !ours || len(fields) != 3 || !strings.HasSuffix(e.Type, "_MANUAL") {
		return reason{}, false
	}
	sent, err := core.ParseTime(fields[2])
	return reason{core.ID(fields[0]), fields[1], sent}, err == nil
}

// Consume takes the window's part off the grant that the order names, or puts
// it back, by a manual entry on the segment of its lot. The lot is read first:
// an entry needs the id of the segment. A grant that came back has a lot of
// each time; the one in force is drawn on, the last one if none is.
func (a *Adapter) Consume(ctx context.Context, o adapters.ConsumeOrder) (adapters.Answer, error) {
	customer := o.Links.One(adapters.RoleCustomer)
	switch {
	case o.Quanta == 0:
		return adapters.Answer{}, nil
	case customer == "":
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "the customer of window %q has no link, send the customer first", o.Window)
	case on(o.Links, string(o.Grant), adapters.RoleGrant) == "":
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "window %q names no grant that the vendor was given", o.Window)
	}
	if err := carries(o.Scale, o.Unit); err != nil {
		return adapters.Answer{}, err
	}
	why := reason{o.Mark.ID, o.Window, o.Sent}
	if read, ok := reasonOf(&entry{Type: "_MANUAL", Reason: why.String()}); !ok || read != why {
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "an entry of window %q sent at %q could not be found again", o.Window, o.Sent)
	}
	lots, err := a.ofGrant(ctx, customer, o.Grant, o.Links)
	if err != nil {
		return adapters.Answer{}, err
	}
	l := &lots[len(lots)-1]
	for i := range lots {
		if _, ends := lots[i].span(); lots[i].Archived == nil && ends > o.Sent {
			l = &lots[i]
		}
	}
	s := l.at(o.Sent)
	if s.ID == "" || !l.unit().is(o.Unit) {
		return adapters.Answer{}, adapters.Errorf(adapters.CodeInvalid, "the vendor's object of grant %q has no segment in credit type %q", string(o.Grant), o.Unit)
	}
	// Entries are dated within their segment, and on the hour as all times of
	// contracts are: whether others are taken is not documented.
	at := max(core.TimeOf(s.Starts), min(floorHour(o.Sent), core.TimeOf(s.Ends)-hour))
	err = a.api.Send(ctx, http.MethodPost, "/v1/contracts/addManualBalanceLedgerEntry", string(o.Mark.ID), body{
		"customer_id": customer, "id": l.ID, "segment_id": s.ID, "amount": number(-o.Quanta, o.Scale, l.unit().ID),
		"reason": why.String(), "timestamp": instant(at),
	}, nil)
	if rest.HasCode(err, adapters.CodeConflict) {
		// A lot that was edited in between gets another body. If the first attempt
		// made the entry, all is well.
		if found, findErr := a.findDraw(ctx, o.Mark, customer); findErr == nil && len(found.Links) > 0 {
			return found, nil
		}
	}
	if err != nil {
		return adapters.Answer{}, err
	}
	return drawAnswer(o.Mark), nil
}

// at is the segment that serves at an instant, else the last one.
func (l *lot) at(t core.Time) (found segment) {
	for _, s := range l.Access.Segments {
		if found = s; core.TimeOf(s.Starts) <= t && t < core.TimeOf(s.Ends) {
			break
		}
	}
	return found
}

// drawAnswer links a window to the mark of its entry, which has no id.
func drawAnswer(m adapters.Mark) adapters.Answer {
	return adapters.Answer{Links: []adapters.Link{{Neutral: m.Neutral, Role: adapters.RoleUsage, Vendor: string(m.ID)}}}
}

// Usage sums what entries of ours that were sent in [From, To) took off and
// put back, archived lots included, in the query's unit and scale. Entries of
// anybody else, and those of usage, do not count.
func (a *Adapter) Usage(ctx context.Context, o adapters.UsageQuery) (int64, error) {
	if o.Customer == "" {
		return 0, adapters.Errorf(adapters.CodeInvalid, "usage can be read of a linked customer only")
	}
	if err := carries(o.Scale, o.Unit); err != nil {
		return 0, err
	}
	total, id := new(big.Rat), ""
	err := a.lots(ctx, lotQuery{Customer: o.Customer, Archived: true, Ledgers: true}, func(l *lot) bool {
		if !l.unit().is(o.Unit) {
			return false
		}
		id = l.unit().ID
		for i := range l.Ledger {
			e := &l.Ledger[i]
			if r, ours := reasonOf(e); ours && r.sent >= o.From && r.sent < o.To {
				total.Sub(total, e.Amount.Rat())
			}
		}
		return false
	})
	n, ok := parts(total, o.Scale, id)
	if err == nil && !ok {
		err = adapters.Errorf(adapters.CodeBadAnswer, "the ledgers' amounts cannot be summed")
	}
	return n, err
}

// Find looks an object up: a customer by its alias, a lot by its uniqueness
// key or what its description says, an entry by its reason. Grants and
// consumption need the customer in the mark. The end of a grant is never
// found: repeating it looks at the lots before it writes.
func (a *Adapter) Find(ctx context.Context, m adapters.Mark) (adapters.Answer, error) {
	switch {
	case m.Kind == adapters.CustomerKind:
		found, archived, err := a.customerByAlias(ctx, m.Neutral)
		if err != nil || found.ID == "" || archived {
			return adapters.Answer{}, err
		}
		return customerAnswer(m.Neutral, found.ID), nil
	case m.Kind == adapters.GrantKind && m.Customer != "":
		return a.findGrant(ctx, m, m.Customer)
	case m.Kind == adapters.ConsumeKind && m.Customer != "":
		return a.findDraw(ctx, m, m.Customer)
	case m.Kind == adapters.EndKind:
		return adapters.Answer{}, nil
	}
	return adapters.Answer{}, adapters.Errorf(adapters.CodeNotSupported, "orders of kind %q without this mark cannot be looked up, repeat them with their key", string(m.Kind))
}

func (a *Adapter) findGrant(ctx context.Context, m adapters.Mark, customer string) (found adapters.Answer, err error) {
	err = a.lots(ctx, lotQuery{Customer: customer, Archived: true}, func(l *lot) bool {
		if l.madeBy(m) {
			found = grantAnswer(m.Neutral, l.ID)
		}
		return len(found.Links) > 0
	})
	return found, err
}

func (a *Adapter) findDraw(ctx context.Context, m adapters.Mark, customer string) (found adapters.Answer, err error) {
	err = a.lots(ctx, lotQuery{Customer: customer, Archived: true, Ledgers: true}, func(l *lot) bool {
		for i := range l.Ledger {
			if r, ours := reasonOf(&l.Ledger[i]); ours && r.intent == m.ID {
				found = drawAnswer(m)
				return true
			}
		}
		return false
	})
	return found, err
}

var (
	_ adapters.ConsumptionWriter = (*Adapter)(nil)
	_ adapters.UsageReader       = (*Adapter)(nil)
	_ adapters.Finder            = (*Adapter)(nil)
)
