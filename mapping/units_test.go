package mapping

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
)

func TestUnitQuantum(t *testing.T) {
	for _, c := range []struct {
		scale int
		in    core.Amount
		want  int64
		held  int
	}{
		{0, 7, 7, 0}, {2, 1234, 1234, 2}, {6, 1, 1, 6}, {7, 19, 1, 6}, {9, 1999, 1, 6}, {9, 999, 0, 6}, {2, core.MaxAmount, int64(core.MaxAmount), 2},
	} {
		conn := Connection{HoldsUnits: true, Units: map[string]string{"credits": "pu_1"}}
		q, err := conn.QuantumOf(core.Unit{Code: "credits", Scale: c.scale})
		if err != nil {
			t.Fatal(err)
		}
		got, err := q.Holding(c.in)
		if want := (adapters.Holding{Quanta: c.want, Scale: c.held, Unit: "pu_1"}); err != nil || got != want || q.Value(5) != (core.Money{}) {
			t.Errorf("%d at scale %d is held as %+v, %v, want %+v", c.in, c.scale, got, err, want)
		}
	}
	if id := (Connection{}).UnitID("seats"); id != "seats" {
		t.Errorf("a unit that is not mapped is %q", id)
	}
}

// shelf is a vendor whose ledger we move: it adds up what it is told.
type shelf struct {
	given, ended map[core.ID]int64
	kept         map[core.ID]core.Amount // what was consumed of a grant when it became the core's own
	told         int64
}

func (s *shelf) hear(t *rapid.T, intents []*ledger.Intent, c Connection, a *core.Account) {
	for _, i := range intents {
		b, err := DecodeBody(i.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range []*adapters.Holding{grantHeld(b), endHeld(b)} {
			if q, _ := c.QuantumOf(a.Unit); h != nil && (h.Unit != q.of(0).Unit || h.Scale != q.Scale || h.Quanta < 0) {
				t.Fatalf("told %+v, the quantum is %+v", h, q)
			}
		}
		switch {
		case b.Grant != nil:
			s.given[b.Grant.Grant] += b.Grant.Holding.Quanta
			if want := (core.Money{Minor: core.Amount(b.Grant.Holding.Quanta), Currency: "usd"}); !c.HoldsUnits && b.Grant.Value != want {
				t.Fatalf("the holding is %+v, its value %s", b.Grant.Holding, b.Grant.Value)
			}
		case b.End != nil:
			if _, kept := s.kept[b.End.Grant]; kept {
				continue // its worker knows
			}
			s.ended[b.End.Grant] += b.End.Holding.Quanta
			if b.End.Keep > 0 {
				s.kept[b.End.Grant] = b.End.Consumed
			}
		case b.Consume != nil && b.Consume.Early != nil: // closed as a grant began or ended
			q, _ := c.QuantumOf(a.Unit)
			quanta, err := WindowQuanta(*b.Consume.Early, q)
			if err != nil {
				t.Fatal(err)
			}
			s.told += quanta
		}
	}
}

func grantHeld(b *Body) *adapters.Holding {
	if b.Grant == nil {
		return nil
	}
	return &b.Grant.Holding
}

func endHeld(b *Body) *adapters.Holding {
	if b.End == nil {
		return nil
	}
	return &b.End.Holding
}

// close tells the open window.
func (s *shelf) close(t *rapid.T, c Connection, a *core.Account) {
	w, open := a.CloseWindow(c.Name)
	if !open {
		return
	}
	q, err := c.QuantumOf(a.Unit)
	if err != nil {
		t.Fatal(err)
	}
	quanta, err := WindowQuanta(ledger.Told{Consumed: a.Consumed, Before: w.Told}, q)
	if err != nil {
		t.Fatal(err)
	}
	s.told += quanta
}

// TestHoldings drives an account in every way that moves it and adds up what a
// vendor was told: it holds the floor of each grant, less the floor of all
// consumption; of a grant that is over, nothing but what was consumed, before a
// vendor that chooses the lots was told of its end. Where a
// unit's scale is the vendor's, it holds to the last part what the core does.
func TestHoldings(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		unit := core.Unit{Code: "credits", Scale: rapid.SampledFrom([]int{0, 2, 6, 8}).Draw(rt, "scale")}
		c := Connection{Name: "main", Strategy: rapid.SampledFrom([]adapters.Strategy{adapters.Meter, adapters.Mirror}).Draw(rt, "strategy"), HoldsUnits: rapid.Bool().Draw(rt, "units"), Window: time.Minute}
		c.Rate = price(rt, rapid.SampledFrom([]string{"0.08 usd", "0.333 usd", "12.5 usd"}).Draw(rt, "rate"))
		o, err := NewOutward(Route{Primary: "main"}, []Connection{c}, []core.Unit{unit})
		if err != nil {
			rt.Fatal(err)
		}
		a := &core.Account{Customer: "acme", Unit: unit, Order: core.DefaultOrder()}
		s, from := &shelf{given: map[core.ID]int64{}, ended: map[core.ID]int64{}, kept: map[core.ID]core.Amount{}}, 0
		drive(rt, a, func(now core.Time) {
			s.hear(rt, tell(o, a, now, &from), c, a)
			if rapid.IntRange(0, 3).Draw(rt, "close") == 0 {
				s.close(rt, c, a)
			}
		})
		s.close(rt, c, a)
		q, _ := c.QuantumOf(unit)
		want, _ := q.Floor(a.Consumed)
		if s.told != want {
			rt.Fatalf("told %d, the law says %d", s.told, want)
		}
		var left int64
		var remaining, apart core.Amount
		for i := range a.Grants {
			g := &a.Grants[i]
			holds, law := s.given[g.ID]-s.ended[g.ID], g.Amount
			consumed, kept := s.kept[g.ID]
			switch {
			case kept:
				law = consumed
				apart += g.Consumed() - consumed
				remaining -= g.Remaining
			case g.Closed != "" && g.Remaining == 0:
				law = g.Consumed()
			default:
				remaining += g.Ended // while a part is held, no end is told
			}
			if want, _ := q.Floor(law); holds != want {
				rt.Fatalf("of grant %+v the vendor holds %d with what was drawn, the law says %d", g, holds, want)
			}
			left += holds
			remaining += g.Remaining
		}
		if c.HoldsUnits && unit.Scale <= unitScale && left-s.told+int64(apart) != int64(remaining) {
			rt.Fatalf("the vendor holds %d, the core %d", left-s.told, remaining)
		}
	})
}

// drive moves an account by random commands and reports each that made entries.
func drive(t *rapid.T, a *core.Account, made func(now core.Time)) {
	var now core.Time
	var grants, holds []core.ID
	taken, back := map[core.ID][]core.Allocation{}, map[core.ID]core.Amount{}
	var debits []core.ID
	for n := range rapid.IntRange(1, 40).Draw(t, "commands") {
		now += core.Time(rapid.IntRange(1, 30_000_000).Draw(t, "later"))
		id := core.ID(string(rune('a'+n/26)) + string(rune('a'+n%26)))
		amount, had := core.Amount(rapid.Int64Range(1, 5_000_000).Draw(t, "amount")), len(a.Entries)
		switch rapid.IntRange(0, 6).Draw(t, "command") {
		case 0, 1:
			life := core.Never
			if rapid.Bool().Draw(t, "expires") {
				life = now + core.Time(rapid.IntRange(1, 300_000_000).Draw(t, "life"))
			}
			if _, err := a.Issue(core.Terms{ID: "grn_" + id, Amount: amount, Category: core.Paid, Priority: 50, Starts: now, Expires: life}, now); err != nil {
				t.Fatal(err)
			}
			grants = append(grants, "grn_"+id)
		case 2, 3:
			if parts, err := a.Debit("deb_"+id, amount, "", now, nil); err == nil {
				taken["deb_"+id], debits = parts, append(debits, "deb_"+id)
			}
		case 4:
			if len(debits) > 0 {
				d := rapid.SampledFrom(debits).Draw(t, "debit")
				if _, err := a.Reverse("rev_"+id, taken[d], back[d], amount, now); err == nil {
					back[d] += amount
				}
			}
		case 5:
			if len(grants) > 0 {
				_, _ = a.Void(rapid.SampledFrom(grants).Draw(t, "grant"), now)
			}
		case 6:
			if len(holds) > 0 && rapid.Bool().Draw(t, "capture") {
				_, _ = a.Capture(core.Capture{ID: "deb_" + id, Hold: rapid.SampledFrom(holds).Draw(t, "hold"), Amount: amount, Final: true}, now)
			} else if _, err := a.Reserve(core.Hold{ID: "hld_" + id, Amount: amount, Expires: now + 60_000_000}, now); err == nil {
				holds = append(holds, "hld_"+id)
			}
		}
		if len(a.Entries) > had {
			made(now)
		}
	}
}
