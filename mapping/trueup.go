package mapping

import (
	"slices"
	"strings"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
)

// TrueUpKind is the kind of the intents that true up. It is no order of a
// vendor: it reads, and what differs is ended and granted again.
const TrueUpKind adapters.Kind = "trueup"

// TrueUp puts a customer's grants at a vendor right, after an invoice drew on
// them in the vendor's own order. Comparing fixes what is to be done; each
// call of it is durable before the next.
type TrueUp struct {
	Invoice string    `json:"invoice"`           // the vendor's id
	Until   core.Time `json:"until"`             // the invoice drew for what was told before it
	Planned bool      `json:"planned,omitempty"` // the comparison is done
	Redos   []Redo    `json:"redos,omitempty"`
}

// Redo is a grant of which the vendor holds another rest than the core.
type Redo struct {
	Grant    core.ID          `json:"grant"`
	Vendor   string           `json:"vendor"`          // the vendor's grant
	Left     adapters.Holding `json:"left"`            // what it holds still
	Consumed core.Amount      `json:"consumed"`        // of the grant, by the core
	Again    *GrantFacts      `json:"again,omitempty"` // what it should hold, nil for nothing
	Live     bool             `json:"live,omitempty"`  // the core may still be given something back to it
	Ended    bool             `json:"ended,omitempty"`
	Made     bool             `json:"made,omitempty"`
}

// TrueUpIntent asks for the grants of a customer to be trued up after an
// invoice. The same invoice makes the same intent.
func TrueUpIntent(connection, customer, invoice string, until, now core.Time) *ledger.Intent {
	return newIntent(connection, customer, invoice, invoice, now, now, &Body{TrueUp: &TrueUp{Invoice: invoice, Until: until}})
}

// Next is the grant whose next call is to be made, nil when all are done. It
// is ended first unless nothing is left of it, then made again.
func (t *TrueUp) Next() (r *Redo, end bool) {
	for i := range t.Redos {
		r := &t.Redos[i]
		switch {
		case !r.Ended && r.Left.Quanta > 0:
			return r, true
		case !r.Made && r.Again != nil:
			return r, false
		}
	}
	return nil, false
}

// Order ends the grant that differs.
func (r *Redo) Order(mark adapters.Mark, links adapters.Links) adapters.EndOrder {
	link := adapters.Link{Neutral: string(r.Grant), Role: adapters.RoleGrant, Vendor: r.Vendor}
	return adapters.EndOrder{
		Mark: mark, Grant: r.Grant, Consumed: r.Consumed, TrueUp: true, Holding: r.Left,
		Links: append(links[:len(links):len(links)], link),
	}
}

// Compare says what is to be done about a grant at a vendor that draws grants
// down itself, nil when nothing is. later is what the core consumed of it, net,
// that the vendor has not drawn for yet: that much more must still be there.
//
// A grant that the vendor has ended, or not begun, is left alone. So is one
// whose life is over here while something is still to be drawn: it could not be
// made again, and ends at the vendor by itself.
func (c Connection) Compare(g *core.Grant, unit core.Unit, later core.Amount, v adapters.VendorGrant, now core.Time) (*Redo, error) {
	if v.State != core.Open && v.State != core.Spent {
		return nil, nil
	}
	q, err := c.QuantumOf(unit)
	if err != nil {
		return nil, err
	}
	has := v.Left
	if has.Unit == "" {
		has = adapters.Holding{Quanta: int64(v.Remaining.Minor), Scale: v.Remaining.Currency.Exponent(), Unit: string(v.Remaining.Currency)}
	}
	rest := min(max(0, g.Remaining+later), g.Amount)
	want, err := q.Holding(rest)
	switch {
	case err != nil:
		return nil, err
	case !strings.EqualFold(has.Unit, want.Unit) || has.Scale != want.Scale:
		return nil, core.Errorf(core.CodeInvalid, "grant %q is held in %q at the vendor and not in %q, end it there", string(g.ID), has.Unit, want.Unit)
	case has.Quanta == want.Quanta || want.Quanta > 0 && now >= g.Expires:
		return nil, nil
	}
	r := &Redo{Grant: g.ID, Vendor: v.ID, Left: has, Consumed: g.Consumed(), Live: g.Closed == ""}
	if want.Quanta > 0 {
		r.Again = factsOf(g, unit, q, want.Quanta)
		r.Again.Consumed = max(0, g.Consumed()-later)
		if c.Burn.Highest > c.Burn.Lowest {
			r.Again.Priority = v.Priority // it may have been given another than its own
		}
	}
	return r, nil
}

// Anew is a grant that the vendor holds nothing of any more, and should; nil
// when it should not.
func (c Connection) Anew(g *core.Grant, unit core.Unit, later core.Amount) (*Redo, error) {
	q, err := c.QuantumOf(unit)
	if err != nil {
		return nil, err
	}
	want, err := q.Holding(min(max(0, g.Remaining+later), g.Amount))
	if err != nil || want.Quanta == 0 || g.Closed != "" {
		return nil, err
	}
	r := &Redo{Grant: g.ID, Left: adapters.Holding{Scale: want.Scale, Unit: want.Unit}, Consumed: g.Consumed(), Again: factsOf(g, unit, q, want.Quanta)}
	r.Again.Consumed = max(0, g.Consumed()-later)
	return r, nil
}

// pointLength bounds the points a book keeps: two days of hours in which
// something was told.
const pointLength = 48

// Point is how far the account's entries had come in what a vendor was told by
// an instant.
type Point struct {
	At  core.Time `json:"at"` // business time told with it
	Seq int64     `json:"seq"`
}

// Mark notes how far the account was told. Of each hour only the last point is
// kept: billing periods begin with an hour.
func (b *Book) Mark(p Point) {
	if last := len(b.Points) - 1; last >= 0 && hour(b.Points[last].At) == hour(p.At) {
		b.Points[last] = p
		return
	}
	b.Points = append(b.Points, p)
	if over := len(b.Points) - pointLength; over > 0 {
		b.Points = slices.Delete(b.Points, 0, over)
	}
}

// Retract gives up the points since an instant, whose windows were taken back,
// and reports whether there were any. The others of their hour went with them.
func (b *Book) Retract(since core.Time) bool {
	keep := len(b.Points)
	for keep > 0 && hour(b.Points[keep-1].At) >= hour(since) {
		keep--
	}
	if keep == len(b.Points) {
		return false
	}
	b.Points = b.Points[:keep]
	return true
}

// ToldBy is the last entry that is certain to be in what was told before an
// instant. ok is false when nothing was, or too long ago to be known. What was
// consumed before the account joined was another vendor's to count, and what
// the vendor was given then is without it.
func (b *Book) ToldBy(before core.Time) (seq int64, ok bool) {
	for i := len(b.Points) - 1; i >= 0; i-- {
		if b.Points[i].At < before {
			return max(b.Points[i].Seq, b.Joined), true
		}
	}
	return 0, false
}

func hour(t core.Time) int64 { return int64(t) / int64(time.Hour/time.Microsecond) }
