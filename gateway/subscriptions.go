package gateway

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/plan"
	"scrip/mapping/config"
)

type subscriptionBody struct {
	Plan     string              `json:"plan" example:"pro"`
	AnchorAt string              `json:"anchor_at,omitempty" format:"date-time" doc:"the instant that periods are counted from; now when left out"`
	Seats    int64               `json:"seats,omitempty" minimum:"1" doc:"more count at once, fewer with the next period; one, or what it is, when left out"`
	When     string              `json:"when,omitempty" enum:"now,next_period" doc:"of a change of plan; at once to one that costs more when left out, else with the next period"`
	Vendor   *vendorSubscription `json:"vendor,omitempty" doc:"the vendor's subscription that collects the plan's price: its paid invoices prove periods. It stays linked until another is"`
}

// vendorSubscription is what collects a plan's price.
type vendorSubscription struct {
	Connection   string `json:"connection,omitempty" doc:"the one that collects payments when left out"`
	Subscription string `json:"subscription" doc:"the vendor's id of it"`
}

type subscriptionParams struct {
	ID       string `path:"id"`
	Upcoming string `query:"upcoming" doc:"how many of the next renewals to list, up to 100"`
}

type endParams struct {
	ID   string `path:"id"`
	When string `query:"when" doc:"now, or next_period, which is when the period ends and the default"`
}

type paymentBody struct {
	Reference   string     `json:"reference" doc:"the invoice or payment, unique: however often it is told, it counts once"`
	PeriodStart string     `json:"period_start" format:"date-time"`
	Paid        *moneyBody `json:"paid"`
}

type periodView struct {
	Start *string `json:"start" format:"date-time"`
	End   *string `json:"end" format:"date-time"`
}

type pendingView struct {
	Plan  string `json:"plan,omitempty"`
	Seats int64  `json:"seats,omitempty"`
}

type chargeView struct {
	Number    int64     `json:"number" doc:"from 1"`
	From      *string   `json:"from" format:"date-time" doc:"start of the cycle"`
	At        *string   `json:"at" format:"date-time"`
	Units     decimal   `json:"units" doc:"below zero where more was given back than taken"`
	Money     moneyView `json:"money" doc:"rounded once, half to even"`
	Remainder string    `json:"remainder,omitempty" doc:"what rounding left over, in the currency's minor units, as a whole number or ratio; the next charge takes it"`
	Reason    string    `json:"reason" enum:"cycle,threshold,change,end,correction"`
}

// cycleOverage is what a cycle's use beyond the credits comes to.
type cycleOverage struct {
	Amount  decimal      `json:"amount" doc:"in the cycle"`
	Money   *moneyView   `json:"money" doc:"what it comes to, charged or not"`
	Left    *decimal     `json:"left,omitempty" doc:"of the limit"`
	Charges []chargeView `json:"charges" doc:"the newest last, up to 60"`
}

type subscriptionView struct {
	Customer     string              `json:"customer"`
	Plan         string              `json:"plan"`
	State        string              `json:"state" enum:"trial,active,ending,ended"`
	Unit         string              `json:"unit"`
	Price        *moneyView          `json:"price" doc:"of a period; null when it is free"`
	Collect      string              `json:"collect,omitempty" enum:"vendor,scrip" doc:"who asks for the price; when left out somebody outside"`
	Vendor       *vendorSubscription `json:"vendor,omitempty" doc:"the vendor's subscription that collects the price"`
	Purchase     string              `json:"purchase,omitempty" doc:"by which the price of a period was asked for last"`
	Seats        int64               `json:"seats"`
	Timezone     string              `json:"timezone,omitempty" doc:"that periods are counted in, as the customer had it when the plan began; UTC without one"`
	AnchorAt     *string             `json:"anchor_at" format:"date-time"`
	StartedAt    *string             `json:"started_at" format:"date-time"`
	Period       *periodView         `json:"period" doc:"in force; null when it is over"`
	Paid         bool                `json:"paid" doc:"whether a payment of the period was proven here"`
	Pending      *pendingView        `json:"pending,omitempty" doc:"what changes with the next period"`
	EndsAt       *string             `json:"ends_at,omitempty" format:"date-time" doc:"it is cancelled"`
	EndedAt      *string             `json:"ended_at,omitempty" format:"date-time"`
	Upcoming     []string            `json:"upcoming,omitempty" doc:"the next renewals, where they are asked for"`
	Overage      cycleOverage        `json:"overage"`
	AllotmentDue bool                `json:"allotment_due,omitempty" doc:"an allotment waits for the period's payment"`
}

func (g *gateway) mountSubscriptions() {
	at := func(method, id, summary string) route {
		return route{method: method, path: "/v1/customers/{id}/subscription", id: id, summary: summary, tag: "subscriptions"}
	}
	register(g, write, at(http.MethodPut, "put-subscription", "Subscribe to a plan, or change plan or seats; what is there already is not done twice"), g.subscribe)
	register(g, read, at(http.MethodGet, "get-subscription", "Read a customer's subscription"), g.subscription)
	register(g, write, at(http.MethodDelete, "cancel-subscription", "End a subscription with its period, or at once"), g.unsubscribe)
	register(g, write, route{
		method: http.MethodPost, path: "/v1/customers/{id}/subscription/payments", id: "pay-subscription", tag: "subscriptions",
		summary: "Tell of a period's payment; an allotment that waited for it is granted, once",
	}, g.paySubscription)
}

// planAccount is the account that plans are about: in the first unit.
func (g *gateway) planAccount(customer string) (ledger.AccountKey, error) {
	if err := checkCustomer(customer, "id"); err != nil {
		return ledger.AccountKey{}, err
	}
	u, err := g.cardUnit("")
	return ledger.AccountKey{Customer: customer, Unit: u.Code}, err
}

func (g *gateway) subscribe(ctx context.Context, p *idParam, b *subscriptionBody) (*answer[subscriptionView], error) {
	account, err := g.planAccount(p.ID)
	if err != nil {
		return nil, err
	}
	owner, err := g.customer(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	terms, known := g.Config.Plans[b.Plan]
	if !known {
		return nil, core.InField(core.Errorf(core.CodeInvalid, "plan %q does not exist", short(b.Plan)), "plan")
	}
	if b.Seats < 0 || b.Seats > plan.MaxSeats {
		return nil, core.InField(core.Errorf(core.CodeInvalid, "%d seats are not between 1 and %d", b.Seats, plan.MaxSeats), "seats")
	}
	w := plan.Wish{Terms: terms, Currency: owner.Currency, Zone: owner.Timezone, Seats: int(b.Seats), When: plan.When(b.When)}
	if w.Anchor, err = timeField(b.AnchorAt, "anchor_at"); err != nil {
		return nil, err
	}
	if b.Vendor != nil {
		if err := g.linkSubscription(ctx, p.ID, b.Vendor); err != nil {
			return nil, err
		}
	}
	s, _, err := g.Ledger.Subscribe(ctx, account, w)
	if err != nil {
		return nil, err
	}
	return g.answerSubscription(ctx, &s, 0)
}

func (g *gateway) subscription(ctx context.Context, p *subscriptionParams, _ *none) (*answer[subscriptionView], error) {
	account, err := g.planAccount(p.ID)
	if err != nil {
		return nil, err
	}
	upcoming := 0
	if p.Upcoming != "" {
		if upcoming, err = strconv.Atoi(p.Upcoming); err != nil || upcoming < 0 || upcoming > 100 {
			return nil, core.InField(core.Errorf(core.CodeInvalid, "upcoming must be a whole number up to 100"), "upcoming")
		}
	}
	if err := g.known(ctx, p.ID); err != nil {
		return nil, err
	}
	s, err := g.Ledger.Subscription(ctx, account)
	if err != nil {
		return nil, readFault(err)
	}
	return g.answerSubscription(ctx, &s, upcoming)
}

// linkSubscription links the vendor's subscription that collects a customer's
// plan, in the place of another at that connection.
func (g *gateway) linkSubscription(ctx context.Context, customer string, v *vendorSubscription) error {
	name := v.Connection
	if name == "" {
		name = g.Config.Route.Collector()
	}
	if !slices.ContainsFunc(g.Config.Connections, func(c config.Connection) bool { return c.Name == name }) {
		return core.InField(core.Errorf(core.CodeInvalid, "connection %q does not exist", short(name)), "connection")
	}
	if v.Subscription == "" {
		return core.InField(core.Errorf(core.CodeInvalid, "the vendor's id of its subscription is required"), "subscription")
	}
	if err := checkText(v.Subscription, 200, "subscription"); err != nil {
		return err
	}
	err := g.Ledger.LinkOne(ctx, ledger.Link{Connection: name, Neutral: customer, Role: plan.VendorRole, Vendor: v.Subscription})
	if core.CodeOf(err) == core.CodeInvalid {
		return core.InField(err, "subscription")
	}
	return err
}

// answerSubscription is a subscription with what collects it.
func (g *gateway) answerSubscription(ctx context.Context, s *plan.Subscribed, upcoming int) (*answer[subscriptionView], error) {
	view := g.viewSubscription(s, upcoming)
	for _, c := range g.Config.Connections {
		links, err := g.Ledger.Reader().Links.Links(ctx, ledger.LinkKey{Connection: c.Name, Neutral: s.Account.Customer})
		if err != nil {
			return nil, readFault(err)
		}
		for _, l := range links {
			if l.Role == plan.VendorRole {
				view.Vendor = &vendorSubscription{Connection: c.Name, Subscription: l.Vendor}
			}
		}
	}
	return ok(view)
}

func (g *gateway) unsubscribe(ctx context.Context, p *endParams, _ *none) (*answer[subscriptionView], error) {
	account, err := g.planAccount(p.ID)
	if err != nil {
		return nil, err
	}
	when := plan.When(p.When)
	if when != "" && when != plan.AtOnce && when != plan.NextPeriod {
		return nil, core.InField(core.Errorf(core.CodeInvalid, "when must be %s or %s", plan.AtOnce, plan.NextPeriod), "when")
	}
	s, _, err := g.Ledger.Cancel(ctx, account, when)
	if err != nil {
		return nil, err
	}
	return ok(g.viewSubscription(&s, 0))
}

func (g *gateway) paySubscription(ctx context.Context, p *idParam, b *paymentBody) (*answer[subscriptionView], error) {
	account, err := g.planAccount(p.ID)
	if err != nil {
		return nil, err
	}
	if b.Reference == "" {
		return nil, core.InField(core.Errorf(core.CodeInvalid, "a reference is required"), "reference")
	}
	r := plan.Renewal{Object: b.Reference}
	if r.Paid, err = b.Paid.parse(); err != nil {
		return nil, core.InField(err, "paid")
	}
	if r.Start, err = timeField(b.PeriodStart, "period_start"); err != nil {
		return nil, err
	}
	if err := checkText(b.Reference, 200, "reference"); err != nil {
		return nil, err
	}
	s, _, err := g.Ledger.Renew(ctx, account, r)
	if err != nil {
		return nil, err
	}
	return ok(g.viewSubscription(&s, 0))
}

func (g *gateway) viewSubscription(s *plan.Subscribed, upcoming int) subscriptionView {
	sub := s.State.Subscription
	view := subscriptionView{
		Customer: s.Account.Customer, Plan: sub.Terms.Plan, State: "active", Unit: s.Account.Unit.Code, Price: viewMoney(sub.Terms.Price(sub.Currency)),
		Seats: int64(sub.Seats), Timezone: sub.Zone, AnchorAt: timeView(sub.Anchor), StartedAt: timeView(sub.Begun),
		EndsAt: timeView(sub.Ends), EndedAt: timeView(sub.Ended), Overage: g.viewOverage(s),
		Collect: string(sub.Terms.Collect), Purchase: string(sub.Purchase),
	}
	switch {
	case sub.Ended != 0:
		view.State = "ended"
		return view
	case sub.Ends != 0:
		view.State = "ending"
	case sub.Trial != 0:
		view.State = "trial"
	}
	from, to := s.State.Span()
	view.Period = &periodView{timeView(from), timeView(to)}
	view.Paid = sub.Trial == 0 && sub.Paid >= sub.Period
	for _, r := range sub.Rules {
		view.AllotmentDue = view.AllotmentDue || r.Owed
	}
	if p := sub.Pending; p != nil {
		view.Pending = &pendingView{Seats: int64(p.Seats)}
		if p.Terms != nil {
			view.Pending.Plan = p.Terms.Plan
		}
	}
	for _, at := range s.State.Upcoming(upcoming) {
		view.Upcoming = append(view.Upcoming, at.String())
	}
	return view
}

func (g *gateway) viewOverage(s *plan.Subscribed) cycleOverage {
	key := ledger.AccountKey{Customer: s.Account.Customer, Unit: s.Account.Unit.Code}
	units, money := s.State.Overage(s.Account)
	view := cycleOverage{Amount: g.format(key, units), Money: viewMoney(money), Charges: []chargeView{}}
	if rule, room := s.State.Rule(); rule == core.Overage && room < core.MaxAmount/2 {
		left := g.format(key, room)
		view.Left = &left
	}
	for _, c := range s.State.Billing.Charges {
		view.Charges = append(view.Charges, chargeView{
			Number: int64(c.N), From: timeView(c.From), At: timeView(c.At), Units: g.format(key, c.Units),
			Money: moneyView{decimal(c.Money.Decimal()), string(c.Money.Currency)}, Remainder: c.Rest, Reason: c.Why,
		})
	}
	return view
}
