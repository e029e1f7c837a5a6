package gateway

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping/config"
)

type balanceParams struct {
	ID      string `path:"id"`
	Unit    string `query:"unit" doc:"one unit only, where several are configured"`
	At      string `query:"at" doc:"the instant to tell the balance of, past or ahead; now when left out"`
	KnownAt string `query:"known_at" doc:"tell it by what was known at this instant, now when left out; what was answered then is answered again"`
}

type expiryView struct {
	At     *string `json:"at" format:"date-time"`
	Amount decimal `json:"amount"`
}

// UnitBalance is what a customer holds in one unit, as the API answers it.
type UnitBalance struct {
	Unit       string       `json:"unit"`
	Posted     decimal      `json:"posted" doc:"what grants in force still hold, held parts included"`
	Held       decimal      `json:"held" doc:"reserved by open holds"`
	Available  decimal      `json:"available" doc:"posted less held"`
	Overdrawn  decimal      `json:"overdrawn"`
	Value      *moneyView   `json:"value" doc:"posted at the unit's list price"`
	PaidValue  *moneyView   `json:"paid_value" doc:"what was paid for the unspent credits; null when nothing was, or in several currencies"`
	PaidValues []moneyView  `json:"paid_values,omitempty" doc:"paid_value by currency, where there are several"`
	Grants     []grantView  `json:"grants" doc:"open and scheduled grants in burn order"`
	Expiring   []expiryView `json:"expiring" doc:"what expires unless it is spent, soonest first"`
}

// balanceView is one unit's balance, or the list of them.
type balanceView struct {
	Customer string `json:"customer"`
	*UnitBalance
	Balances []UnitBalance `json:"balances,omitempty" doc:"instead of the fields of one unit, where several are configured"`
	AsOf     *string       `json:"as_of" format:"date-time"`
	KnownAt  *string       `json:"known_at,omitempty" format:"date-time" doc:"where the balance is told by what was known then"`
}

// TransformSchema says that one unit's fields stand only where there is one.
func (balanceView) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Required = []string{"customer", "as_of"}
	return s
}

func (g *gateway) mountBalances() {
	register(g, read, route{method: http.MethodGet, path: "/v1/customers/{id}/balance", id: "get-balance", summary: "Read a customer's balance", tag: "customers"}, g.balance)
}

func (g *gateway) balance(ctx context.Context, p *balanceParams, _ *none) (*answer[balanceView], error) {
	w, err := askedFor(p, g.now())
	if err != nil {
		return nil, err
	}
	if err := g.known(ctx, p.ID); err != nil {
		return nil, err
	}
	units := g.Config.Units
	if p.Unit != "" {
		u, err := g.unit(p.Unit)
		if err != nil {
			return nil, err
		}
		units = []config.Unit{u}
	}
	view := balanceView{Customer: p.ID, AsOf: timeView(w.at), KnownAt: timeView(w.known)}
	for _, u := range units {
		b, err := g.unitBalance(ctx, ledger.AccountKey{Customer: p.ID, Unit: u.Code}, u, w)
		if err != nil {
			return nil, err
		}
		if len(units) == 1 {
			view.UnitBalance = &b
			break
		}
		view.Balances = append(view.Balances, b)
	}
	return ok(view)
}

// asked is what a balance is asked for.
type asked struct {
	at    core.Time // the instant that it is of
	known core.Time // when it was to be known, 0 for now
	past  bool      // it is read from the entries
}

// askedFor reads the instants of a balance. Of one ahead it tells what will be
// there unless something is spent: what expires until then is gone, and what
// starts or is renewed until then counts.
func askedFor(p *balanceParams, now core.Time) (asked, error) {
	known, err := timeField(p.KnownAt, "known_at")
	if err != nil {
		return asked{}, err
	}
	at, err := timeField(p.At, "at")
	switch {
	case err != nil:
		return asked{}, err
	case known > now:
		return asked{}, core.InField(core.Errorf(core.CodeInvalid, "nobody knows yet what will be known at %s, name an instant that is not ahead or leave it out", known), "known_at")
	case at == 0 && known != 0:
		at = known
	case at == 0:
		at = now
	}
	return asked{at: at, known: known, past: at < now || known != 0 && known < now}, nil
}

// unitBalance reads one account. The account is this request's own copy, so
// what time has decided is settled in it and not stored.
func (g *gateway) unitBalance(ctx context.Context, key ledger.AccountKey, u config.Unit, w asked) (UnitBalance, error) {
	a, err := g.balanceOf(ctx, key, w)
	if err != nil {
		return UnitBalance{}, readFault(err)
	}
	now := w.at
	a.Settle(now)
	sums := a.Balance(now)
	b := UnitBalance{
		Unit: u.Code, Posted: g.format(key, sums.Posted), Held: g.format(key, sums.Held), Available: g.format(key, sums.Available),
		Overdrawn: g.format(key, a.Overdrawn), Value: listValue(u, sums.Posted), Grants: []grantView{}, Expiring: []expiryView{},
	}
	for i := range a.Grants {
		if grant := &a.Grants[i]; live(grant, now) {
			b.Grants = append(b.Grants, g.viewGrant(key, grant, now))
		}
	}
	b.Expiring = g.expiring(a, key, now)
	paid, err := paidValues(a, now)
	if len(paid) == 1 {
		b.PaidValue = &paid[0]
	} else {
		b.PaidValues = paid
	}
	return b, err
}

// balanceOf is the account that a balance is told of.
func (g *gateway) balanceOf(ctx context.Context, key ledger.AccountKey, w asked) (*core.Account, error) {
	if !w.past {
		return g.Ledger.Account(ctx, key)
	}
	known := w.known
	if known == 0 {
		known = g.now()
	}
	return g.Ledger.AccountAt(ctx, key, w.at, known)
}

// live reports whether a grant still counts: open, scheduled, or kept alive
// by a hold that protects it.
func live(grant *core.Grant, now core.Time) bool {
	state := grant.State(now)
	return state == core.Open || state == core.Scheduled || grant.Held > 0
}

// expiring sums what is left by the instant at which it ends.
func (g *gateway) expiring(a *core.Account, key ledger.AccountKey, now core.Time) []expiryView {
	sums := map[core.Time]core.Amount{}
	for i := range a.Grants {
		if grant := &a.Grants[i]; live(grant, now) && grant.Expires != core.Never && grant.Expires > now {
			sums[grant.Expires] += grant.Remaining
		}
	}
	instants := make([]core.Time, 0, len(sums))
	for at := range sums {
		instants = append(instants, at)
	}
	slices.Sort(instants)
	views := make([]expiryView, len(instants))
	for i, at := range instants {
		views[i] = expiryView{timeView(at), g.format(key, sums[at])}
	}
	return views
}

// paidValues is the cost basis of what is unspent, by currency.
func paidValues(a *core.Account, now core.Time) ([]moneyView, error) {
	sums := map[core.Currency]core.Amount{}
	for i := range a.Grants {
		grant := &a.Grants[i]
		if grant.Paid.IsZero() || !live(grant, now) {
			continue
		}
		basis, err := grant.CostBasis(grant.Remaining)
		if err != nil {
			return nil, err
		}
		if sums[basis.Currency], err = sums[basis.Currency].Add(basis.Minor); err != nil {
			return nil, err
		}
	}
	var views []moneyView
	for currency, minor := range sums {
		if view := viewMoney(core.Money{Minor: minor, Currency: currency}); view != nil {
			views = append(views, *view)
		}
	}
	slices.SortFunc(views, func(x, y moneyView) int { return strings.Compare(x.Currency, y.Currency) })
	return views, nil
}
