package gateway

import (
	"context"
	"maps"
	"net/http"
	"strconv"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/rate"
)

type scopeView struct {
	Actions []string `json:"actions"`
}

type scopeBody struct {
	Actions []string `json:"actions" doc:"the only actions that the grant may pay for"`
}

type grantBody struct {
	Amount      decimal           `json:"amount"`
	Unit        string            `json:"unit,omitempty" doc:"may be left out while one unit is configured"`
	Category    string            `json:"category" enum:"paid,promotional,allotment,rollover,adjustment"`
	Priority    *int              `json:"priority,omitempty" minimum:"0" maximum:"100" doc:"lower burns first, 50 when left out"`
	EffectiveAt string            `json:"effective_at,omitempty" format:"date-time" doc:"now when left out"`
	ExpiresAt   string            `json:"expires_at,omitempty" format:"date-time" doc:"never when left out"`
	Paid        *moneyBody        `json:"paid,omitempty" doc:"what was paid for the grant"`
	Scope       *scopeBody        `json:"scope,omitempty"`
	RateCard    string            `json:"rate_card,omitempty" doc:"the version of the prices that the grant keeps: an event is priced by it when this grant pays first"`
	Metadata    map[string]string `json:"metadata,omitempty" doc:"at most 50 pairs"`
}

type grantView struct {
	ID          string            `json:"id"`
	Customer    string            `json:"customer"`
	Unit        string            `json:"unit"`
	Amount      decimal           `json:"amount"`
	Remaining   decimal           `json:"remaining" doc:"not consumed, expired or voided; held parts included"`
	Held        decimal           `json:"held"`
	Category    string            `json:"category" enum:"paid,promotional,allotment,rollover,adjustment"`
	Priority    int               `json:"priority"`
	EffectiveAt *string           `json:"effective_at" format:"date-time"`
	OriginalAt  *string           `json:"original_effective_at,omitempty" format:"date-time" doc:"of a new grant: what the request named, where that lies in a closed period"`
	ExpiresAt   *string           `json:"expires_at" format:"date-time" doc:"null for never"`
	Paid        *moneyView        `json:"paid"`
	Scope       *scopeView        `json:"scope" doc:"null when any action may be paid for"`
	RateCard    string            `json:"rate_card,omitempty" doc:"the version of the prices that the grant keeps"`
	Source      string            `json:"source,omitempty" doc:"the purchase that made the grant"`
	State       string            `json:"state" enum:"scheduled,open,spent,expired,void,converted"`
	Metadata    map[string]string `json:"metadata"`
	CreatedAt   *string           `json:"created_at" format:"date-time"`
}

type grantListParams struct {
	ID     string `path:"id"`
	Unit   string `query:"unit" doc:"may be left out while one unit is configured"`
	State  string `query:"state" enum:"live,all" doc:"live, the default: open and scheduled ones in burn order; all: every one in the order they were made"`
	Limit  string `query:"limit" doc:"1 to 1000, 100 when left out"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
}

func (g *gateway) viewGrant(key ledger.AccountKey, grant *core.Grant, now core.Time) grantView {
	v := grantView{
		ID: string(grant.ID), Customer: key.Customer, Unit: key.Unit, Amount: g.format(key, grant.Amount),
		Remaining: g.format(key, grant.Remaining), Held: g.format(key, grant.Held), Category: string(grant.Category),
		Priority: grant.Priority, EffectiveAt: timeView(grant.Starts), ExpiresAt: timeView(grant.Expires), Paid: viewMoney(grant.Paid),
		Source: string(grant.Source), State: string(grant.State(now)), Metadata: grant.Metadata, CreatedAt: timeView(grant.Recorded),
	}
	if v.RateCard = grant.Metadata[rate.GrantPin]; v.RateCard != "" {
		v.Metadata = maps.Clone(grant.Metadata)
		if delete(v.Metadata, rate.GrantPin); len(v.Metadata) == 0 {
			v.Metadata = nil
		}
	}
	if len(grant.Actions) > 0 {
		v.Scope = &scopeView{grant.Actions}
	}
	return v
}

func (g *gateway) mountGrants() {
	register(g, write, route{method: http.MethodPost, path: "/v1/customers/{id}/grants", id: "create-grant", summary: "Grant credits", tag: "grants", keyed: true},
		func(ctx context.Context, p *idParam, b *grantBody) (*answer[grantView], error) {
			account, terms, err := g.parseGrant(ctx, p.ID, b)
			if err != nil {
				return nil, err
			}
			receipt, before, err := g.Ledger.Issue(ctx, idempotencyKey(ctx), account, terms)
			view := g.viewGrant(receipt.Account, &receipt.Grant, receipt.At)
			view.OriginalAt = timeView(receipt.Original)
			return keyed(view, before, err)
		})
	register(g, write, route{method: http.MethodPost, path: "/v1/grants/{id}/void", id: "void-grant", summary: "Remove what is unspent and unheld of a grant", tag: "grants", keyed: true, empty: true},
		func(ctx context.Context, p *idParam, _ *emptyBody) (*answer[grantView], error) {
			id, err := checkID(p.ID, core.GrantID, "grant")
			if err != nil {
				return nil, err
			}
			receipt, before, err := g.Ledger.Void(ctx, idempotencyKey(ctx), id)
			return keyed(g.viewGrant(receipt.Account, &receipt.Grant, receipt.At), before, err)
		})
	register(g, read, route{method: http.MethodGet, path: "/v1/customers/{id}/grants", id: "list-grants", summary: "List a customer's grants in burn order", tag: "grants"}, g.listGrants)
}

// emptyBody is the body of a command that has nothing to say: {} or nothing.
type emptyBody struct{}

func (g *gateway) parseGrant(ctx context.Context, customer string, b *grantBody) (ledger.AccountKey, core.Terms, error) {
	account := ledger.AccountKey{Customer: customer}
	t := core.Terms{Category: core.Category(b.Category), Priority: core.DefaultPriority, Metadata: b.Metadata}
	if err := checkCustomer(customer, "id"); err != nil {
		return account, t, err
	}
	u, n, err := g.amount(ctx, ledger.OpGrant, idempotencyKey(ctx), b.Amount, b.Unit)
	if err != nil {
		return account, t, err
	}
	account.Unit, t.Amount = u.Code, n
	if !t.Category.Valid() {
		return account, t, core.InField(core.Errorf(core.CodeInvalid, "the category must be paid, promotional, allotment, rollover or adjustment"), "category")
	}
	if b.Priority != nil {
		t.Priority = *b.Priority
	}
	if t.Starts, err = timeField(b.EffectiveAt, "effective_at"); err != nil {
		return account, t, err
	}
	if t.Expires, err = timeField(b.ExpiresAt, "expires_at"); err != nil {
		return account, t, err
	}
	if t.Paid, err = b.Paid.parse(); err != nil {
		return account, t, core.InField(err, "paid")
	}
	if t.Actions, err = b.Scope.parse(); err != nil {
		return account, t, err
	}
	if err := checkPairs(b.Metadata, "metadata"); err != nil {
		return account, t, err
	}
	return account, t, g.keepCard(ctx, &t, b.RateCard)
}

// keepCard has a grant keep a version of the prices, "" for none.
func (g *gateway) keepCard(ctx context.Context, t *core.Terms, version string) error {
	if _, taken := t.Metadata[rate.GrantPin]; taken {
		return core.InField(core.Errorf(core.CodeInvalid, "%q in metadata is what the field rate_card sets, use that", rate.GrantPin), "metadata")
	}
	if version == "" {
		return nil
	}
	if err := g.Config.Cards.Pin(short(version)); err != nil && !g.answered(ctx, ledger.OpGrant, idempotencyKey(ctx)) {
		return core.InField(err, "rate_card")
	}
	t.Metadata = maps.Clone(t.Metadata)
	if t.Metadata == nil {
		t.Metadata = map[string]string{}
	}
	t.Metadata[rate.GrantPin] = version
	return nil
}

func (s *scopeBody) parse() ([]string, error) {
	if s == nil {
		return nil, nil
	}
	if len(s.Actions) == 0 || len(s.Actions) > 100 {
		return nil, core.InField(core.Errorf(core.CodeInvalid, "a scope names 1 to 100 actions, leave it out for any"), "scope.actions")
	}
	for _, name := range s.Actions {
		if name == "" {
			return nil, core.InField(core.Errorf(core.CodeInvalid, "the name of an action is empty"), "scope.actions")
		}
		if err := checkText(name, 200, "scope.actions"); err != nil {
			return nil, err
		}
	}
	return s.Actions, nil
}

func (g *gateway) listGrants(ctx context.Context, p *grantListParams, _ *none) (*answer[list[grantView]], error) {
	limit, err := limitOf(p.Limit)
	if err != nil {
		return nil, err
	}
	if err := g.known(ctx, p.ID); err != nil {
		return nil, err
	}
	u, err := g.unit(p.Unit)
	if err != nil {
		return nil, err
	}
	key, now := ledger.AccountKey{Customer: p.ID, Unit: u.Code}, g.now()
	var grants []core.Grant
	var cursor func(*core.Grant) *string
	switch p.State {
	case "", "live":
		grants, err = g.liveGrants(ctx, key, p.Cursor, now)
		cursor = func(x *core.Grant) *string { return cursorOf("live-grants", string(x.ID)) }
	case "all":
		var after int64
		if after, err = numberAt(p.Cursor, "grants"); err == nil {
			grants, err = g.Ledger.Reader().Accounts.Grants(ctx, key, after, limit+1)
		}
		cursor = func(x *core.Grant) *string { return cursorOf("grants", strconv.FormatInt(x.Seq, 10)) }
	default:
		err = core.InField(core.Errorf(core.CodeInvalid, "the state must be live or all"), "state")
	}
	if err != nil {
		return nil, readFault(err)
	}
	view := func(x *core.Grant) grantView { return g.viewGrant(key, x, now) }
	return ok(pageOf(grants, limit, view, cursor))
}

// liveGrants are those in burn order after the grant that a cursor names,
// wherever that one would stand now.
func (g *gateway) liveGrants(ctx context.Context, key ledger.AccountKey, cursor string, now core.Time) ([]core.Grant, error) {
	last, err := textAt(cursor, "live-grants")
	if err != nil {
		return nil, err
	}
	a, err := g.Ledger.Account(ctx, key)
	if err != nil {
		return nil, err
	}
	a.Settle(now)
	var from *core.Grant
	if last != "" {
		if _, from, err = g.Ledger.Reader().Accounts.Grant(ctx, core.ID(last)); err != nil {
			return nil, err
		}
		if from == nil {
			return nil, core.InField(core.Errorf(core.CodeMalformed, "the cursor is not one that this list gave"), "cursor")
		}
	}
	var grants []core.Grant
	for i := range a.Grants {
		if x := &a.Grants[i]; live(x, now) && (from == nil || a.Order.Compare(x, from) > 0) {
			grants = append(grants, *x)
		}
	}
	return grants, nil
}
