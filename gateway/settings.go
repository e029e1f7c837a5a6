package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/plan"
	"scrip/mapping/config"
)

// topUpBody is a customer's own top-up; what it leaves out is as in the config.
type topUpBody struct {
	Enabled *bool    `json:"enabled,omitempty" doc:"false turns it off"`
	Pack    string   `json:"pack,omitempty" doc:"what is bought"`
	Below   decimal  `json:"below,omitempty" doc:"the first move of the balance below this buys"`
	To      decimal  `json:"to,omitempty" doc:"buy what is missing to this balance, what is owed included"`
	Amount  decimal  `json:"amount,omitempty" doc:"or always this many"`
	Packs   int64    `json:"packs,omitzero" doc:"or so many packs"`
	Percent int64    `json:"percent,omitzero" doc:"or a share of what was bought by hand in the calendar month before"`
	Minimum decimal  `json:"minimum,omitempty" doc:"with percent: at least this many"`
	AtMost  []string `json:"at_most,omitzero" doc:"such as \"3 per month\" or \"500 usd per month\""`
	Retry   []string `json:"retry,omitzero" doc:"how long to wait after each decline in a row, such as \"6h\"; one more suspends it"`
}

// alertsBody is what a customer is alerted of; what it leaves out is as in the config.
type alertsBody struct {
	Enabled  *bool     `json:"enabled,omitempty" doc:"false turns them off"`
	Unit     string    `json:"unit,omitempty" doc:"may be left out while one unit is configured"`
	Low      []decimal `json:"low,omitzero" doc:"balances whose crossing is told"`
	Expiring []string  `json:"expiring,omitzero" doc:"how long before credits expire, such as \"7 days\""`
}

// settingsBody is what a customer has instead of what the config says.
type settingsBody struct {
	TopUp    *topUpBody  `json:"top_up,omitempty"`
	Alerts   *alertsBody `json:"alerts,omitempty"`
	Notify   []string    `json:"notify,omitzero" doc:"the only types of notices that are made; all when left out"`
	RateCard string      `json:"rate_card,omitempty" doc:"the version that prices stay at"`
}

func (b *topUpBody) form() config.TopUpForm {
	return config.TopUpForm{
		Enabled: b.Enabled, Pack: b.Pack, Below: string(b.Below), To: string(b.To), Amount: string(b.Amount), Packs: b.Packs,
		Percent: b.Percent, Minimum: string(b.Minimum), AtMost: b.AtMost, Retry: b.Retry,
	}
}

func (b *alertsBody) form() config.AlertsForm {
	f := config.AlertsForm{Enabled: b.Enabled, Unit: b.Unit, Expiring: b.Expiring}
	for _, n := range b.Low {
		f.Low = append(f.Low, string(n))
	}
	return f
}

func (g *gateway) mountSettings() {
	register(g, write, route{method: http.MethodPut, path: "/v1/customers/{id}/settings", id: "put-settings", summary: "Replace a customer's own top-up, alerts, notices and rate card", tag: "customers"}, g.putSettings)
	register(g, read, route{method: http.MethodGet, path: "/v1/customers/{id}/settings", id: "get-settings", summary: "Read a customer's own settings", tag: "customers"},
		func(ctx context.Context, p *idParam, _ *none) (*answer[settingsBody], error) {
			if _, err := g.customer(ctx, p.ID); err != nil {
				return nil, err
			}
			raw, err := g.Ledger.Settings(ctx, p.ID)
			if err != nil {
				return nil, readFault(err)
			}
			var b settingsBody
			if raw != nil {
				err = json.Unmarshal(raw, &b)
			}
			if err != nil {
				return nil, err
			}
			return ok(b)
		})
	register(g, read, route{method: http.MethodGet, path: "/v1/notices", id: "list-notices", summary: "List what customers were to be told, in the order it happened", tag: "customers"}, g.notices)
}

func (g *gateway) putSettings(ctx context.Context, p *idParam, b *settingsBody) (*answer[settingsBody], error) {
	if err := checkCustomer(p.ID, "id"); err != nil {
		return nil, err
	}
	s, err := g.settings(b)
	if err != nil {
		return nil, err
	}
	if s.Form, err = json.Marshal(b); err != nil {
		return nil, err
	}
	if err := g.Ledger.PutSettings(ctx, p.ID, s); err != nil {
		return nil, err
	}
	return ok(*b)
}

// settings checks what was put, strictly.
func (g *gateway) settings(b *settingsBody) (plan.Settings, error) {
	var s plan.Settings
	if b.TopUp != nil {
		form := b.TopUp.form().Over(g.Config.TopUp)
		if form.Pack == "" && form.Enabled != nil && !*form.Enabled { // nothing is to be turned off but whatever may come
			s.TopUp = map[string]*plan.TopUp{}
			for _, u := range g.Config.Units {
				s.TopUp[u.Code] = &plan.TopUp{Off: true}
			}
		} else {
			rule, unit, err := form.Rule(g.Config.Packs, g.Config.Units)
			if err != nil {
				return s, under(err, "top_up")
			}
			s.TopUp = map[string]*plan.TopUp{unit: rule}
		}
	}
	if b.Alerts != nil {
		rule, unit, err := b.Alerts.form().Over(g.Config.Alerts).Rule(g.Config.Units)
		if err != nil {
			return s, under(err, "alerts")
		}
		s.Alerts = map[string]*plan.Alerts{unit: rule}
	}
	for _, name := range b.Notify {
		if !slices.Contains(plan.NoticeTypes(), name) {
			return s, core.InField(core.Errorf(core.CodeInvalid, "no notice has the type %q", short(name)), "notify")
		}
	}
	s.Notify, s.Card = b.Notify, b.RateCard
	if s.Card != "" {
		if err := g.Config.Cards.Pin(s.Card); err != nil {
			return s, core.InField(err, "rate_card")
		}
	}
	return s, nil
}

// under puts the section of a field before its name.
func under(err error, section string) error {
	if known, is := err.(*core.Error); is {
		out := *known
		out.Field = section + "." + known.Field
		return &out
	}
	return err
}

type noticeView struct {
	ID         string            `json:"id" doc:"the same for the same thing"`
	Customer   string            `json:"customer"`
	Unit       string            `json:"unit"`
	Seq        int64             `json:"seq" doc:"without gaps for each customer and unit, from 1"`
	Type       string            `json:"type" example:"balance.low"`
	At         *string           `json:"at" format:"date-time" doc:"when it happened"`
	RecordedAt *string           `json:"recorded_at" format:"date-time" doc:"when the ledger learned it"`
	Data       map[string]string `json:"data" doc:"amounts as decimals, ids and instants"`
}

type noticeParams struct {
	Customer string `query:"customer" doc:"only this one's, by their numbers"`
	Unit     string `query:"unit" doc:"with customer: may be left out while one unit is configured"`
	Limit    string `query:"limit" doc:"1 to 1000, 100 when left out"`
	Cursor   string `query:"cursor" doc:"next_cursor of the page before"`
}

// noticesView always says where to go on, at the end too.
type noticesView struct {
	Data []noticeView `json:"data"`
	Next string       `json:"next_cursor" doc:"where the next call goes on; given at the end too"`
}

func viewNotice(n *plan.Told) noticeView {
	return noticeView{
		ID: string(n.ID), Customer: n.Customer, Unit: n.Unit, Seq: n.Seq, Type: n.Type,
		At: timeView(n.At), RecordedAt: timeView(n.Recorded), Data: n.Facts,
	}
}

func (g *gateway) notices(ctx context.Context, p *noticeParams, _ *none) (*answer[noticesView], error) {
	limit, err := limitOf(p.Limit)
	if err != nil {
		return nil, err
	}
	if p.Customer == "" && p.Unit != "" {
		return nil, core.InField(core.Errorf(core.CodeInvalid, "the unit goes with a customer"), "unit")
	}
	var list []plan.Told
	var next string
	if p.Customer == "" {
		after, err := textAt(p.Cursor, "notices")
		if err != nil {
			return nil, err
		}
		if list, next, err = g.Ledger.AllNotices(ctx, after, limit); err != nil {
			return nil, readFault(err)
		}
		next = *cursorOf("notices", next)
	} else if list, next, err = g.noticesOf(ctx, p, limit); err != nil {
		return nil, err
	}
	view := noticesView{Data: make([]noticeView, len(list)), Next: next}
	for i := range list {
		view.Data[i] = viewNotice(&list[i])
	}
	return ok(view)
}

func (g *gateway) noticesOf(ctx context.Context, p *noticeParams, limit int) ([]plan.Told, string, error) {
	if err := checkCustomer(p.Customer, "customer"); err != nil {
		return nil, "", err
	}
	if err := g.known(ctx, p.Customer); err != nil {
		return nil, "", err
	}
	u, err := g.unit(p.Unit)
	if err != nil {
		return nil, "", err
	}
	after, err := numberAt(p.Cursor, "notices of one")
	if err != nil {
		return nil, "", err
	}
	list, err := g.Ledger.Notices(ctx, ledger.AccountKey{Customer: p.Customer, Unit: u.Code}, after, limit)
	if err != nil {
		return nil, "", readFault(err)
	}
	if n := len(list); n > 0 {
		after = list[n-1].Seq
	}
	return list, *cursorOf("notices of one", strconv.FormatInt(after, 10)), nil
}
