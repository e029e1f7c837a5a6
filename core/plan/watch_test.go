package plan

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"scrip/core"
)

// desk is an account that is looked at after each command.
type desk struct {
	t     *testing.T
	a     *core.Account
	w     *Watch
	rules *Rules
	now   core.Time
	n     int
}

func newDesk(t *testing.T, r *Rules) *desk {
	return &desk{t: t, rules: r, w: &Watch{}, now: at(t, "2026-03-01T00:00:00Z"),
		a: &core.Account{Customer: "ann", Unit: core.Unit{Code: "credits", Scale: 2}, Order: core.DefaultOrder()}}
}

// look names the notices of what a command made.
func (d *desk) look(from int) []string {
	d.t.Helper()
	made := d.a.Entries[from:]
	if d.w.Quiet(d.rules, d.a, made, d.now) {
		return nil
	}
	// What is remembered must survive being stored.
	raw, err := json.Marshal(d.w)
	if err != nil {
		d.t.Fatal(err)
	}
	fresh := &Watch{stir: d.w.stir, told: d.w.told}
	if err := json.Unmarshal(raw, fresh); err != nil {
		d.t.Fatal(err)
	}
	d.w = fresh
	list, _ := d.w.Look(View{Account: d.a, Made: made, Rules: d.rules, Now: d.now, Offer: func(_ string, want core.Amount, _ int64) (Offer, error) {
		return Offer{"p", want, core.Money{Minor: 1, Currency: "usd"}}, nil
	}})
	var names []string
	for _, n := range list {
		name := n.Type
		for _, k := range []string{"threshold", "amount"} {
			if n.Facts[k] != "" {
				name += " " + n.Facts[k]
			}
		}
		names = append(names, name)
		if n.Dedupe == "" || n.At == 0 {
			d.t.Fatalf("notice without a key: %+v", n)
		}
	}
	return names
}

func (d *desk) grant(amount core.Amount, starts, expires core.Time) []string {
	d.t.Helper()
	d.n++
	from := len(d.a.Entries)
	d.a.Settle(d.now)
	if _, err := d.a.Issue(core.Terms{ID: core.ID("g" + string(rune('0'+d.n))), Amount: amount, Category: core.Paid, Starts: starts, Expires: expires}, d.now); err != nil {
		d.t.Fatal(err)
	}
	return d.look(from)
}

func (d *desk) debit(amount core.Amount) []string {
	d.t.Helper()
	from := len(d.a.Entries)
	if _, err := d.a.Draw(core.Draw{ID: "d", Amount: amount, Rule: core.Overage, Room: 1 << 40}, d.now, nil); err != nil {
		d.t.Fatal(err)
	}
	return d.look(from)
}

// pass moves time as a sweep would see it.
func (d *desk) pass(to core.Time) []string {
	d.t.Helper()
	d.now = to
	from := len(d.a.Entries)
	if d.w.Due() <= to {
		d.w.Act()
	}
	d.a.Settle(to)
	return d.look(from)
}

func (d *desk) want(got []string, want ...string) {
	d.t.Helper()
	if !slices.Equal(got, want) {
		d.t.Fatalf("told %q, want %q", got, want)
	}
}

func TestBalanceCrossings(t *testing.T) {
	d := newDesk(t, &Rules{Alerts: &Alerts{Low: []core.Amount{10000, 2000}}})
	d.want(d.grant(5000, d.now, core.Never)) // it comes from below: nothing is low that was never high
	d.want(d.grant(6000, d.now, core.Never))
	d.want(d.debit(1000)) // 100.00 is not below 100
	d.want(d.debit(1), "balance.low 100.00")
	d.want(d.debit(1000))
	d.want(d.debit(7000), "balance.low 20.00")
	d.want(d.debit(1999), "balance.exhausted 0.00")
	d.want(d.grant(1, d.now, core.Never), "balance.restored 0.00")
	d.want(d.grant(9999, d.now, core.Never), "balance.restored 100.00", "balance.restored 20.00")
	d.want(d.debit(10000), "balance.low 100.00", "balance.low 20.00", "balance.exhausted 0.00")
	d.want(d.debit(5), "overage.started 0.05")
	d.want(d.debit(5))
	d.want(d.grant(1, d.now, core.Never), "balance.restored 0.00")
	d.want(d.debit(7), "overage.started 0.06", "balance.exhausted 0.00")
}

func TestExpiryIsWarnedOf(t *testing.T) {
	const day = 24 * hour
	d := newDesk(t, &Rules{Alerts: &Alerts{Expiring: []int64{30 * 86400, 7 * 86400, 86400}}})
	began := d.now
	d.want(d.grant(500, d.now, d.now+40*day))
	d.want(d.grant(300, d.now, d.now+10*day)) // its 30 days were over before it was there
	if d.w.Due() != began+3*day {
		t.Fatalf("due at %s", d.w.Due())
	}
	d.want(d.pass(began + 3*day - 1))
	d.want(d.pass(began+3*day), "credits.expiring 3.00")
	d.want(d.pass(began + 4*day))
	d.want(d.debit(300))
	d.want(d.pass(began + 9*day)) // nothing is left of it
	d.want(d.pass(began+10*day), "credits.expiring 5.00")
	d.want(d.pass(began+39*day+hour), "credits.expiring 5.00") // one of the two that were missed
	d.want(d.pass(began+40*day), "credits.expired 5.00", "balance.exhausted 0.00")
	if d.w.Due() != core.Never {
		t.Fatalf("due at %s", d.w.Due())
	}
}

func TestAGrantThatBeginsMovesTheBalance(t *testing.T) {
	d := newDesk(t, &Rules{Alerts: &Alerts{Low: []core.Amount{100}}})
	d.grant(100, d.now, core.Never)
	d.want(d.debit(50), "balance.low 1.00")
	d.want(d.grant(50, d.now+hour, core.Never))
	d.want(d.pass(d.now+hour), "balance.restored 1.00")
}

func TestOwnRulesAndTypes(t *testing.T) {
	d := newDesk(t, &Rules{Alerts: &Alerts{Low: []core.Amount{100}}})
	d.grant(1000, d.now, core.Never)
	d.w.Own(d.rules, nil, &Alerts{Low: []core.Amount{500}}, []string{LowNotice})
	d.want(d.look(len(d.a.Entries)))
	d.want(d.debit(501), "balance.low 5.00")
	d.want(d.debit(450)) // the config's threshold is not in force
	d.want(d.debit(49))  // exhausted is not among the types
	d.w.Own(d.rules, nil, &Alerts{Off: true}, nil)
	d.want(d.look(len(d.a.Entries)))
	d.want(d.grant(1000, d.now, core.Never))
	d.want(d.debit(1000))
	var none *Watch
	if !none.Quiet(nil, d.a, d.a.Entries, d.now) || none.Due() != core.Never || !none.Blank() || d.w.Blank() {
		t.Fatal("nothing is watched and it is looked at")
	}
}

func TestTopUpBesideAlerts(t *testing.T) {
	rules := &Rules{TopUp: &TopUp{Below: 100, Amount: 500, Retry: []int64{60}, Pack: "starter"}, Alerts: &Alerts{}}
	d := newDesk(t, rules)
	d.grant(200, d.now, core.Never)
	d.debit(101)
	if d.w.TopUp.Pending != "p" || d.w.TopUp.Coming != 500 {
		t.Fatalf("%+v", d.w.TopUp)
	}
	v := View{Account: d.a, Rules: rules, Now: d.now}
	if !d.w.Declined(v, "p") || d.w.Declined(v, "p") {
		t.Fatal("a decline counts once")
	}
	d.want(d.look(len(d.a.Entries)), "topup.failed")
	if d.w.Due() != d.now+minute {
		t.Fatalf("due at %s", d.w.Due())
	}
	d.pass(d.now + minute)
	if d.w.TopUp.Pending != "p" || d.w.TopUp.Number != 2 || d.w.Due() != d.now+30*24*60*minute {
		t.Fatalf("%+v", d.w.TopUp)
	}
	d.w.TopUp.Pending = "lost"
	d.want(d.pass(d.w.Due()), "topup.failed") // given up, and asked for anew
	if d.w.TopUp.Pending != "p" || d.w.TopUp.Number != 3 {
		t.Fatalf("%+v", d.w.TopUp)
	}
	if !d.w.Paid(rules, "p", true, 500, core.Money{}, d.now) {
		t.Fatal("nobody hears of the payment")
	}
	d.w.Tell(Notice{Type: RenewedNotice, Dedupe: "x", At: 1})
	d.want(d.grant(500, d.now, core.Never), "subscription.renewed")
	if !d.w.TopUp.Armed {
		t.Fatal("it is not armed again")
	}
}

func TestADebitThatCrossesNothingAllocatesNothing(t *testing.T) {
	d := newDesk(t, &Rules{TopUp: &TopUp{Below: 100, Amount: 500}, Alerts: &Alerts{Low: []core.Amount{5000, 2000, 1000}}})
	d.grant(100_000, d.now, core.Never)
	d.debit(1)
	made := d.a.Entries[len(d.a.Entries)-1:]
	if n := testing.AllocsPerRun(100, func() {
		if !d.w.Quiet(d.rules, d.a, made, d.now) {
			t.Fatal("it looks")
		}
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
	if raw, _ := json.Marshal(&Watch{}); strings.TrimSpace(string(raw)) != "{}" {
		t.Fatalf("an empty one is written as %s", raw)
	}
}

// An id leads to a bucket that customers share: what makes it must name the
// customer too.
func TestCustomersOfOneBucketShareNoSource(t *testing.T) {
	seen := map[uint16]string{}
	for i := 0; ; i++ {
		name := "c" + strconv.Itoa(i)
		other, shared := seen[core.Hash(name)]
		seen[core.Hash(name)] = name
		if !shared {
			continue
		}
		s, x, y := &State{}, &core.Account{Customer: name}, &core.Account{Customer: other}
		if s.source(x, 0, 5) == s.source(y, 0, 5) || rolled(x, 0) == rolled(y, 0) {
			t.Fatalf("%s and %s share a source", name, other)
		}
		return
	}
}
