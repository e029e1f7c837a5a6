package migrate_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/convert"
	"scrip/core/ledger"
	"scrip/mapping"
	"scrip/mapping/burn"
	"scrip/mapping/migrate"
)

const now = core.Time(1_764_000_000_000_000) // of openLedger

var day = core.Time((24 * time.Hour).Microseconds())

// vendorOfMoney values credits at 0.0333 usd and draws by expiry and cost basis.
func vendorOfMoney(t testing.TB) migrate.Target {
	price, err := core.ParsePrice("0.0333 usd")
	if err != nil {
		t.Fatal(err)
	}
	return migrate.Target{
		Connection: mapping.Connection{Name: "next", Strategy: adapters.Meter, Rate: price, Percent: 50},
		Traits: adapters.Traits{
			PerSecond: 10, MaxGrants: 3,
			BurnOrder: []adapters.OrderKey{{Key: core.ByExpiry, Confirmed: true}, {Key: core.ByCostBasis, Confirmed: true}, {Key: core.ByRecorded}},
			Facts: []adapters.Fact{
				{Name: "object", Fit: adapters.Exact}, {Name: "expiry", Fit: adapters.Loss, How: "rounded later"}, {Name: "scope", Fit: adapters.Kept},
				{Name: "future start", Fit: adapters.Loss}, {Name: "priority", Fit: adapters.Kept}, {Name: "limits", Fit: adapters.Loss},
				{Name: "negative balance, hold", Fit: adapters.Kept}, {Name: "customer", Fit: adapters.Loss}, {Name: "payment", Fit: adapters.Refused},
				{Name: "consumption", Fit: adapters.Loss}, {Name: "void unspent", Fit: adapters.Loss},
			},
		},
	}
}

// populate gives random customers random grants, debits and holds.
func populate(t *testing.T, l *ledger.Ledger, customers int, r *rand.Rand) {
	t.Helper()
	ctx := context.Background()
	for i := range customers {
		c := ledger.Customer{ID: fmt.Sprintf("customer-%03d", i)}
		if i%3 == 0 {
			c.Email = c.ID + "@example.org"
		}
		if _, _, err := l.PutCustomer(ctx, c); err != nil {
			t.Fatal(err)
		}
		account := ledger.AccountKey{Customer: c.ID, Unit: "credits"}
		for n := range 1 + r.IntN(6) {
			terms := core.Terms{Amount: 1 + core.Amount(r.IntN(900)), Category: core.Paid, Priority: 50 + r.IntN(2), Starts: now - core.Time(r.IntN(2))*day, Expires: core.Never}
			if n == 0 {
				terms.Amount = 1 + core.Amount(r.IntN(20))
			}
			switch r.IntN(4) {
			case 0:
				terms.Starts = now + day
			case 1:
				terms.Expires = now + core.Time(2+r.IntN(3))*day
			case 2:
				terms.Paid = core.Money{Minor: core.Amount(r.IntN(3)), Currency: "usd"}
			case 3:
				terms.Actions = []string{"image.generate"}
			}
			if _, _, err := l.Issue(ctx, fmt.Sprint(c.ID, n), account, terms); err != nil {
				t.Fatal(err)
			}
		}
		_, _, err := l.Debit(ctx, c.ID, ledger.Charge{Account: account, Amount: core.Amount(1 + r.IntN(50))})
		if err != nil && core.CodeOf(err) != core.CodeInsufficientCredits {
			t.Fatal(err)
		}
		_, _, err = l.Hold(ctx, "hold"+c.ID, ledger.Charge{Account: account, Amount: core.Amount(1 + r.IntN(50))}, ledger.HoldTerms{For: time.Hour})
		if err != nil && core.CodeOf(err) != core.CodeInsufficientCredits {
			t.Fatal(err)
		}
	}
}

// measureMove writes a whole plan file and returns it with what it says.
func measureMove(t *testing.T, l *ledger.Ledger, target migrate.Target) (string, *migrate.Plan, []*migrate.CustomerEffect) {
	t.Helper()
	moved := strings.Replace(base, "route: {primary: main}", "  next: {provider: acme, api_key: env:KEY, webhook_secrets: [env:WH]}\nroute: {primary: next, payments: main}", 1)
	p := migrate.NewPlan(settings(t, base), settings(t, moved), nil)
	var file bytes.Buffer
	w, err := migrate.NewWriter(&file, p)
	if err != nil {
		t.Fatal(err)
	}
	var rows []*migrate.CustomerEffect
	e, err := migrate.MeasureMove(context.Background(), l, target, func(c *migrate.CustomerEffect) error {
		rows = append(rows, c)
		return w.Add(c)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(e); err != nil {
		t.Fatal(err)
	}
	return file.String(), p, rows
}

// recount is what a plan must say of an account, from its grants as the store
// lists them and arithmetic of its own.
type recount struct {
	left            core.Amount
	live            int
	carried, kept   int
	cents           int64
	residual        *big.Rat // in dollars
	scoped, dated   int
	later, priority int
	order           []core.ID // of what is carried, as the core draws it
	theirs          []core.ID // as the vendor does, the entry sequence last
}

func recountOf(t *testing.T, l *ledger.Ledger, key ledger.AccountKey) recount {
	t.Helper()
	list, err := l.Reader().Accounts.Grants(context.Background(), key, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	c := recount{residual: new(big.Rat)}
	var carried []core.Grant
	for _, g := range list {
		if g.Remaining == 0 {
			continue
		}
		c.left += g.Remaining
		c.live++
		// 0.0333 usd for one credit of 100 parts.
		exact := new(big.Rat).Mul(big.NewRat(int64(g.Remaining), 100), big.NewRat(333, 10_000))
		cents := new(big.Rat).Mul(exact, big.NewRat(100, 1))
		whole := new(big.Int).Quo(cents.Num(), cents.Denom()).Int64()
		c.residual.Add(c.residual, exact.Sub(exact, big.NewRat(whole, 100)))
		if whole == 0 {
			c.kept++
			continue
		}
		c.carried++
		c.cents += whole
		carried = append(carried, g)
		for n, has := range map[*int]bool{&c.scoped: len(g.Actions) > 0, &c.dated: g.Expires != core.Never, &c.later: g.Starts > now, &c.priority: g.Priority != 50} {
			if has {
				*n++
			}
		}
	}
	slices.SortFunc(carried, func(a, b core.Grant) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Expires, b.Expires), cmp.Compare(a.Starts, b.Starts), cmp.Compare(a.Seq, b.Seq))
	})
	for _, g := range carried {
		c.order = append(c.order, g.ID)
	}
	slices.SortFunc(carried, func(a, b core.Grant) int {
		return cmp.Or(cmp.Compare(a.Expires, b.Expires), cmp.Compare(int64(a.Paid.Minor)*int64(b.Amount), int64(b.Paid.Minor)*int64(a.Amount)), cmp.Compare(a.Seq, b.Seq))
	})
	for _, g := range carried {
		c.theirs = append(c.theirs, g.ID)
	}
	return c
}

func TestMoveEffect(t *testing.T) {
	ctx, l := context.Background(), openLedgerOf(t, core.Unit{Code: "credits", Scale: 2})
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	populate(t, l, 60, rand.New(rand.NewPCG(seed, 1)))
	file, p, rows := measureMove(t, l, vendorOfMoney(t))
	var sum recount
	sum.residual = new(big.Rat)
	holds, over, warned, verdicts := 0, 0, 0, map[burn.Verdict]int{}
	for _, c := range rows {
		want := recountOf(t, l, ledger.AccountKey{Customer: c.Customer, Unit: c.Unit})
		residual, _ := new(big.Rat).SetString(cmp.Or(c.Residual, "0"))
		if c.Before != want.left.Format(2) || c.After != c.Before || c.Carried != want.carried || c.Kept != want.kept ||
			c.Value != core.Amount(want.cents).Format(2)+" usd" || residual.Cmp(want.residual) != 0 {
			t.Errorf("%+v, want %+v", c, want)
		}
		if got := slices.Contains(c.Warnings, migrate.BelowQuantum); got != (want.kept > 0) {
			t.Errorf("%s: %v with %d kept", c.Customer, c.Warnings, want.kept)
		}
		if got := slices.Contains(c.Warnings, migrate.TooManyGrants); got != (want.carried > 3) {
			t.Errorf("%s: %v with %d carried", c.Customer, c.Warnings, want.carried)
		}
		switch {
		case c.Burn == burn.Same && want.scoped > 0 && want.scoped < want.carried, c.Burn == burn.Same && !slices.Equal(want.order, want.theirs):
			t.Errorf("%s: the same, but %v is drawn as %v", c.Customer, want.order, want.theirs)
		case c.Burn == burn.Differs && (slices.Index(want.order, c.Pair.First) > slices.Index(want.order, c.Pair.Second) || slices.Index(want.theirs, c.Pair.First) < slices.Index(want.theirs, c.Pair.Second)):
			t.Errorf("%s: %+v is not turned round in %v and %v", c.Customer, c.Pair, want.order, want.theirs)
		}
		verdicts[c.Burn]++
		holds, over = holds+c.Holds, over+max(0, want.carried-3)
		warned += min(1, len(c.Warnings))
		sum.left, sum.cents, sum.live = sum.left+want.left, sum.cents+want.cents, sum.live+want.live
		sum.carried, sum.kept, sum.scoped, sum.dated = sum.carried+want.carried, sum.kept+want.kept, sum.scoped+want.scoped, sum.dated+want.dated
		sum.later, sum.priority = sum.later+want.later, sum.priority+want.priority
		sum.residual.Add(sum.residual, want.residual)
	}
	delete(verdicts, "") // nothing is carried
	e := p.Effect
	if e.Accounts != 60 || e.Grants != sum.live || e.Carried != sum.carried || e.Kept != sum.kept || e.Holds != holds || e.Warned != warned ||
		e.Calls != 60+sum.carried || e.Seconds != (e.Calls+4)/5 || e.AtLimit != (e.Calls+9)/10 || fmt.Sprint(e.Burn) != fmt.Sprint(verdicts) {
		t.Errorf("summed up %+v, want %+v, %v", e, sum, verdicts)
	}
	residual, _ := new(big.Rat).SetString(e.Units[0].Residual)
	if u := e.Units[0]; len(e.Units) != 1 || u.Before != sum.left.Format(2) || u.After != u.Before || u.Value != core.Amount(sum.cents).Format(2)+" usd" || residual.Cmp(sum.residual) != 0 {
		t.Errorf("totals %+v, want %+v", e.Units, sum)
	}
	losses := map[string]int{}
	for _, loss := range e.Losses {
		losses[loss.Fact] = loss.Count
	}
	want := map[string]int{
		"expiry": sum.dated, "scope": sum.scoped, "future start": sum.later, "priority": sum.priority, "limits": over,
		"negative balance, hold": holds, "customer": 40, "consumption": 60,
	}
	for fact, n := range want {
		if n == 0 {
			delete(want, fact)
		}
	}
	if fmt.Sprint(losses) != fmt.Sprint(want) {
		t.Errorf("losses %v, want %v", losses, want)
	}
	if again, _, _ := measureMove(t, l, vendorOfMoney(t)); again != file {
		t.Error("the same data gives another file")
	}
	if print, err := migrate.Fingerprint(ctx, l.Reader()); err != nil || print != e.Fingerprint {
		t.Errorf("the fingerprint is %s, %v, want %s", print, err, e.Fingerprint)
	}
}

// openLedgerOf is openLedger with a unit of its own.
func openLedgerOf(t *testing.T, unit core.Unit) *ledger.Ledger {
	store := openLedger(t).Store()
	l := ledger.Open(store, ledger.Options{Now: func() core.Time { return now }, Units: []core.Unit{unit}, Order: core.DefaultOrder()})
	t.Cleanup(l.Close)
	return l
}

func TestDriftCountsTheAccountsThatMoved(t *testing.T) {
	ctx, l := context.Background(), openLedgerOf(t, core.Unit{Code: "credits", Scale: 2})
	populate(t, l, 5, rand.New(rand.NewPCG(1, 1)))
	file, p, _ := measureMove(t, l, vendorOfMoney(t))
	drift := func() migrate.Drift {
		t.Helper()
		got, d, err := migrate.ReadDrift(ctx, l.Reader(), strings.NewReader(file), func(*migrate.CustomerEffect) {})
		if err != nil || got.Digest != p.Digest {
			t.Fatal(got, err)
		}
		return d
	}
	if d := drift(); d.Any() {
		t.Errorf("nothing has moved: %+v", d)
	}
	terms := core.Terms{Amount: 5, Category: core.Paid}
	for _, id := range []string{"customer-001", "customer-003", "new"} {
		if _, _, err := l.PutCustomer(ctx, ledger.Customer{ID: id}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := l.Issue(ctx, "late"+id, ledger.AccountKey{Customer: id, Unit: "credits"}, terms); err != nil {
			t.Fatal(err)
		}
	}
	if d, want := drift(), (migrate.Drift{Moved: 2, New: 1}); d != want {
		t.Errorf("%+v, want %+v", d, want)
	}
	if print, err := migrate.Fingerprint(ctx, l.Reader()); err != nil || print == p.Effect.Fingerprint {
		t.Errorf("the fingerprint stays %s, %v", print, err)
	}
	empty := openLedger(t)
	if _, d, err := migrate.ReadDrift(ctx, empty.Reader(), strings.NewReader(file), func(*migrate.CustomerEffect) {}); err != nil || d != (migrate.Drift{Gone: 5}) {
		t.Errorf("of an empty ledger: %+v, %v", d, err)
	}
}

// What nothing at the target can hold is not carried, and said so.
func TestMoveToAVendorThatHoldsNothing(t *testing.T) {
	l := openLedgerOf(t, core.Unit{Code: "credits", Scale: 2})
	populate(t, l, 3, rand.New(rand.NewPCG(1, 1)))
	for name, c := range map[string]struct {
		change func(*mapping.Connection)
		warns  bool
	}{
		"no price": {func(c *mapping.Connection) { c.Rate = core.Price{} }, true},
		"totals":   {func(c *mapping.Connection) { c.Strategy = adapters.Totals }, false},
	} {
		target := vendorOfMoney(t)
		c.change(&target.Connection)
		_, p, rows := measureMove(t, l, target)
		if e := p.Effect; e.Carried != 0 || e.Kept != e.Grants || e.Units[0].Value != "" || len(e.Burn) != 0 {
			t.Errorf("%s: %+v", name, e)
		}
		for _, row := range rows {
			if got := slices.Contains(row.Warnings, migrate.NoValue); got != c.warns || row.Before != row.After || row.Kept == 0 {
				t.Errorf("%s: %+v", name, row)
			}
		}
	}
}

func TestChangeEffect(t *testing.T) {
	ctx := context.Background()
	credits := core.Unit{Code: "credits", Scale: 2}
	l := openLedgerOf(t, credits)
	populate(t, l, 40, rand.New(rand.NewPCG(3, 1)))
	price, _ := core.ParsePrice("0.0333 usd")
	change, err := convert.New(convert.Terms{From: credits, To: core.Unit{Code: "usd", Scale: 2}, Mode: convert.List, List: price})
	if err != nil {
		t.Fatal(err)
	}
	charges := []convert.Charge{{Action: "api.call", Moved: convert.Moved{From: 100, To: 3}}}
	var rows []*migrate.CustomerEffect
	e, err := migrate.MeasureChange(ctx, l, change, charges, func(c *migrate.CustomerEffect) error { rows = append(rows, c); return nil })
	if err != nil {
		t.Fatal(err)
	}
	before, after, closed, powers := core.Amount(0), core.Amount(0), 0, 0
	for _, c := range rows {
		account, err := l.Account(ctx, ledger.AccountKey{Customer: c.Customer, Unit: "credits"})
		if err != nil {
			t.Fatal(err)
		}
		var left core.Amount
		for _, g := range account.Grants {
			left += g.Remaining
		}
		got, err := core.ParseAmount(c.After, 2)
		exact := big.NewRat(int64(left)*333, 1_000_000)
		residual, _ := new(big.Rat).SetString(c.Residual)
		if err != nil || c.Before != left.Format(2) || c.To != "usd" || new(big.Rat).Add(big.NewRat(int64(got), 100), residual).Cmp(exact) != 0 ||
			residual.Cmp(big.NewRat(1, 200)) > 0 || residual.Cmp(big.NewRat(-1, 200)) < 0 {
			t.Errorf("%+v: %d parts are worth %s, %v", c, left, exact.FloatString(6), err)
		}
		before, after, closed = before+left, after+got, closed+c.Closed
		if slices.Contains(c.Warnings, migrate.LotClosed) != (c.Closed > 0) || slices.Contains(c.Warnings, migrate.PowerChanged) != (len(c.Power) > 0) {
			t.Errorf("%+v", c)
		}
		for _, w := range c.Power {
			powers++
			if w.Before == w.After || w.Action != "api.call" {
				t.Errorf("%s: %+v", c.Customer, w)
			}
		}
	}
	exact := big.NewRat(int64(before)*333, 1_000_000)
	residual, _ := new(big.Rat).SetString(e.Units[0].Residual)
	if u := e.Units[0]; e.Accounts != 40 || len(rows) != 40 || u.Before != before.Format(2) || u.After != after.Format(2) || e.Closed != closed || closed == 0 || powers == 0 ||
		new(big.Rat).Add(big.NewRat(int64(after), 100), residual).Cmp(exact) != 0 {
		t.Errorf("%+v: %s became %s, %d closed, %d powers", e, before.Format(2), after.Format(2), closed, powers)
	}
}
