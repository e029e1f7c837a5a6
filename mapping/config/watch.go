package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"scrip/core"
	"scrip/core/plan"
	"scrip/mapping"
)

// TopUpForm is a top-up as it is written, in the file or as a customer's own
// setting. Amounts are decimals in the unit of the pack.
type TopUpForm struct {
	Enabled *bool    `json:"enabled,omitempty"`
	Pack    string   `json:"pack,omitempty"`
	Below   string   `json:"below,omitempty"`
	To      string   `json:"to,omitempty"`
	Amount  string   `json:"amount,omitempty"`
	Packs   int64    `json:"packs,omitempty"`
	Percent int64    `json:"percent,omitempty"`
	Minimum string   `json:"minimum,omitempty"`
	AtMost  []string `json:"at_most,omitempty"`
	Retry   []string `json:"retry,omitempty"`
}

// AlertsForm is what is alerted of, as it is written.
type AlertsForm struct {
	Enabled  *bool    `json:"enabled,omitempty"`
	Unit     string   `json:"unit,omitempty"`
	Low      []string `json:"low,omitempty"`
	Expiring []string `json:"expiring,omitempty"`
}

// Bounds of what a form lists.
const (
	maxCaps       = 10
	maxRetries    = 10
	maxThresholds = 20
	maxPercent    = 1000
)

// standardRetry is how long a top-up waits after declines when nothing is said.
var standardRetry = []string{"1h", "6h", "24h"}

var capText = regexp.MustCompile(`^(?:([1-9][0-9]{0,5})|([0-9]+(?:\.[0-9]+)? +[A-Za-z]{3})) per (day|week|month|year)$`)

// Over is the form with what it leaves out as base has it. A size takes the
// place of any other.
func (f TopUpForm) Over(base *TopUpForm) TopUpForm {
	if base == nil {
		return f
	}
	out := f
	if f.To == "" && f.Amount == "" && f.Packs == 0 && f.Percent == 0 {
		out.To, out.Amount, out.Packs, out.Percent, out.Minimum = base.To, base.Amount, base.Packs, base.Percent, cmp.Or(f.Minimum, base.Minimum)
	}
	if f.Enabled == nil {
		out.Enabled = base.Enabled
	}
	if f.AtMost == nil {
		out.AtMost = base.AtMost
	}
	if f.Retry == nil {
		out.Retry = base.Retry
	}
	out.Pack, out.Below = cmp.Or(f.Pack, base.Pack), cmp.Or(f.Below, base.Below)
	return out
}

// Over is the form with what it leaves out as base has it.
func (f AlertsForm) Over(base *AlertsForm) AlertsForm {
	if base == nil {
		return f
	}
	out := f
	if f.Enabled == nil {
		out.Enabled = base.Enabled
	}
	if f.Low == nil && (f.Unit == "" || f.Unit == base.Unit) {
		out.Low = base.Low
	}
	if f.Expiring == nil {
		out.Expiring = base.Expiring
	}
	out.Unit = cmp.Or(f.Unit, base.Unit)
	return out
}

// Rule is the top-up that a form means, and the unit of its accounts. An error
// names the field at fault.
func (f TopUpForm) Rule(packs map[string]mapping.Pack, units []Unit) (*plan.TopUp, string, error) {
	rule := &plan.TopUp{Off: f.Enabled != nil && !*f.Enabled, Pack: f.Pack, Percent: f.Percent}
	pack, known := packs[f.Pack]
	switch {
	case f.Pack == "":
		return nil, "", refuseField("pack", "the pack that is bought must be named")
	case !known:
		return nil, "", refuseField("pack", "%q does not exist%s", clipped(f.Pack), near(f.Pack, packNames(packs)))
	}
	unit := unitOf(units, pack.Unit)
	below, err := f.amount("below", f.Below, unit)
	if err != nil {
		return nil, "", err
	}
	rule.Below = below
	if f.Below == "" {
		return nil, "", refuseField("below", "the balance below which credits are bought must be named")
	}
	if err := f.size(rule, &pack, unit); err != nil {
		return nil, "", err
	}
	if len(f.AtMost) > maxCaps {
		return nil, "", refuseField("at_most", "%d bounds are too many, at most %d are read", len(f.AtMost), maxCaps)
	}
	for _, text := range f.AtMost {
		c, err := parseCap(text)
		if err != nil {
			return nil, "", err
		}
		rule.Caps = append(rule.Caps, c)
	}
	retry := f.Retry
	if retry == nil {
		retry = standardRetry
	}
	if rule.Retry, err = spans("retry", retry, maxRetries, time.Minute, 31*day); err != nil {
		return nil, "", err
	}
	return rule, pack.Unit, nil
}

// size settles how much is bought: one of four ways, or one pack.
func (f TopUpForm) size(rule *plan.TopUp, pack *mapping.Pack, unit Unit) error {
	var named []string
	for name, set := range map[string]bool{"to": f.To != "", "amount": f.Amount != "", "packs": f.Packs != 0, "percent": f.Percent != 0} {
		if set {
			named = append(named, name)
		}
	}
	if slices.Sort(named); len(named) > 1 {
		return refuseField(named[1], "%s exclude each other, name one", strings.Join(named, " and "))
	}
	if f.Minimum != "" && f.Percent == 0 {
		return refuseField("minimum", "it goes with percent")
	}
	var err error
	switch {
	case f.To != "":
		if rule.To, err = f.amount("to", f.To, unit); err == nil && rule.To < max(1, rule.Below) {
			err = refuseField("to", "%s is not at or above %s, below which credits are bought", f.To, f.Below)
		}
	case f.Amount != "":
		if rule.Amount, err = f.amount("amount", f.Amount, unit); err == nil && rule.Amount == 0 {
			err = refuseField("amount", "an amount of none cannot be bought")
		}
	case f.Percent != 0:
		if f.Percent < 0 || f.Percent > maxPercent {
			return refuseField("percent", "%d is not between 1 and %d", f.Percent, maxPercent)
		}
		if f.Minimum == "" {
			return refuseField("minimum", "percent needs one, for a month that nothing was bought in")
		}
		if rule.Floor, err = f.amount("minimum", f.Minimum, unit); err == nil && rule.Floor == 0 {
			err = refuseField("minimum", "a minimum of none cannot be bought")
		}
	case len(pack.Per) > 0:
		return refuseField(map[bool]string{true: "packs", false: "amount"}[f.Packs != 0], "pack %q is sold by the amount: name to, amount or percent", pack.Name)
	default:
		n := max(1, f.Packs)
		if f.Packs < 0 || n > 1000 {
			return refuseField("packs", "%d is not between 1 and 1000", f.Packs)
		}
		rule.Amount = pack.Credits * core.Amount(n)
	}
	return err
}

func (f TopUpForm) amount(field, text string, unit Unit) (core.Amount, error) {
	if text == "" {
		return 0, nil
	}
	n, err := core.ParseAmount(text, unit.Scale)
	if err != nil {
		return 0, core.InField(err, field)
	}
	return n, nil
}

// Rule is what the form means, and the unit of its accounts.
func (f AlertsForm) Rule(units []Unit) (*plan.Alerts, string, error) {
	rule := &plan.Alerts{Off: f.Enabled != nil && !*f.Enabled}
	code := f.Unit
	if code == "" && len(units) == 1 {
		code = units[0].Code
	}
	codes := make([]string, len(units))
	for i, u := range units {
		codes[i] = u.Code
	}
	switch {
	case code == "":
		return nil, "", refuseField("unit", "the unit must be named, since there are several")
	case !slices.Contains(codes, code):
		return nil, "", refuseField("unit", "%q does not exist%s", clipped(code), near(code, codes))
	case len(f.Low) > maxThresholds:
		return nil, "", refuseField("low", "%d thresholds are too many, at most %d are read", len(f.Low), maxThresholds)
	}
	for _, text := range f.Low {
		n, err := core.ParseAmount(text, unitOf(units, code).Scale)
		if err == nil && (n == 0 || slices.Contains(rule.Low, n)) {
			err = fmt.Errorf("%q is none or stands twice: that nothing is left is told anyway", text)
		}
		if err != nil {
			return nil, "", core.InField(core.Errorf(core.CodeInvalid, "%s", err), "low")
		}
		rule.Low = append(rule.Low, n)
	}
	// One part is what tells a balance from none, and is told of as that.
	rule.Low = slices.DeleteFunc(rule.Low, func(n core.Amount) bool { return n == 1 })
	slices.SortFunc(rule.Low, func(x, y core.Amount) int { return cmp.Compare(y, x) })
	var err error
	rule.Expiring, err = spans("expiring", f.Expiring, maxThresholds, time.Minute, 366*day)
	return rule, code, err
}

// parseCap reads "3 per month" or "500 usd per month".
func parseCap(text string) (plan.TopUpCap, error) {
	m := capText.FindStringSubmatch(text)
	if m == nil {
		return plan.TopUpCap{}, refuseField("at_most", "%q is not a bound such as \"3 per month\" or \"500 usd per month\"", clipped(text))
	}
	c := plan.TopUpCap{Per: plan.Step(m[3])}
	if m[1] != "" {
		c.Count = number(m[1])
		return c, nil
	}
	money, err := core.ParseMoney(strings.Join(strings.Fields(m[2]), " "))
	if err == nil && money.Minor == 0 {
		err = fmt.Errorf("%q leaves room for nothing, write enabled: false", text)
	}
	if err != nil {
		return c, core.InField(core.Errorf(core.CodeInvalid, "%s", err), "at_most")
	}
	c.Money = money
	return c, nil
}

// spans reads durations, as seconds.
func spans(field string, texts []string, most int, least, longest time.Duration) ([]int64, error) {
	if len(texts) > most {
		return nil, refuseField(field, "%d are too many, at most %d are read", len(texts), most)
	}
	var list []int64
	for _, text := range texts {
		n, ok := spanSeconds(text)
		if !ok || n < int64(least/time.Second) || n > int64(longest/time.Second) {
			return nil, refuseField(field, "%q is not a duration from %s to %s, such as 24h or 7 days", clipped(text), spanText(least), spanText(longest))
		}
		list = append(list, n)
	}
	return list, nil
}

func refuseField(field, format string, args ...any) error {
	return core.InField(core.Errorf(core.CodeInvalid, format, args...), field)
}

// clipped bounds what a message repeats.
func clipped(text string) string {
	if len(text) > maxEcho {
		return text[:maxEcho] + "..."
	}
	return text
}

func packNames(packs map[string]mapping.Pack) []string {
	names := make([]string, 0, len(packs))
	for name := range packs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func unitOf(units []Unit, code string) Unit {
	for _, u := range units {
		if u.Code == code {
			return u
		}
	}
	return Unit{}
}

// watch reads what accounts are watched for.
func (r *reader) watch(top object, c *Config) {
	if f, ok := top.get("top_up"); ok {
		before := len(r.faults)
		form, o := r.topUpForm(f)
		c.TopUp = &form
		if len(r.faults) == before && r.draft == nil {
			rule, unit, err := form.Rule(c.Packs, c.Units)
			if r.ruleFault(o, err); err == nil {
				c.rules(unit).TopUp = rule
			}
		}
	}
	if f, ok := top.get("alerts"); ok {
		before := len(r.faults)
		form, o := r.alertsForm(f)
		c.Alerts = &form
		if len(r.faults) == before && r.draft == nil {
			rule, unit, err := form.Rule(c.Units)
			if r.ruleFault(o, err); err == nil {
				c.rules(unit).Alerts = rule
			}
		}
	}
}

// ruleFault reports what a form's rule refuses, at the field it names.
func (r *reader) ruleFault(o object, err error) {
	if err == nil {
		return
	}
	at, name := o.at, ""
	if known, ok := err.(*core.Error); ok {
		name = known.Field
	}
	for _, f := range o.fields {
		if f.key == name {
			at = f.value.at
		}
	}
	r.fault(at, "%s", err)
}

func (c *Config) rules(unit string) *plan.Rules {
	if c.Rules == nil {
		c.Rules = map[string]*plan.Rules{}
	}
	if c.Rules[unit] == nil {
		c.Rules[unit] = &plan.Rules{}
	}
	return c.Rules[unit]
}

func (r *reader) topUpForm(f field) (TopUpForm, object) {
	var form TopUpForm
	o := r.object(f, "top_up", topUpFields, "")
	if enabled, ok := o.get("enabled"); ok {
		on := r.boolean(enabled)
		form.Enabled = &on
	}
	if pack, ok := o.need("pack"); ok {
		form.Pack, _ = r.text(pack, maxEcho)
	}
	o.need("below")
	for name, into := range map[string]*string{"below": &form.Below, "to": &form.To, "amount": &form.Amount, "minimum": &form.Minimum} {
		if amount, ok := o.get(name); ok {
			*into = r.figureText(amount, topUpPath(name))
		}
	}
	if packs, ok := o.get("packs"); ok {
		form.Packs = r.integer(packs, 1, 1000)
	}
	if percent, ok := o.get("percent"); ok {
		form.Percent = r.integer(percent, 1, maxPercent)
	}
	if most, ok := o.get("at_most"); ok {
		form.AtMost = r.oneOrList(most)
	}
	if retry, ok := o.get("retry"); ok {
		form.Retry = append([]string{}, r.oneOrList(retry)...)
	}
	return form, o
}

func (r *reader) alertsForm(f field) (AlertsForm, object) {
	var form AlertsForm
	o := r.object(f, "alerts", alertsFields, "")
	if enabled, ok := o.get("enabled"); ok {
		on := r.boolean(enabled)
		form.Enabled = &on
	}
	if unit, ok := o.get("unit"); ok {
		form.Unit, _ = r.text(unit, maxEcho)
	}
	if low, ok := o.get("low"); ok {
		for i, item := range r.names(low) {
			form.Low = append(form.Low, r.figureText(item, lowPath(i)))
		}
	}
	if expiring, ok := o.get("expiring"); ok {
		form.Expiring = r.oneOrList(expiring)
	}
	return form, o
}

// figureText reads an amount as it is written, and notes it for a change of
// the unit.
func (r *reader) figureText(f field, path string) string {
	text, ok := r.text(f, maxEcho)
	if !ok {
		return ""
	}
	exact, err := core.ParseRate(text)
	if err != nil {
		r.refuse(f, err)
		return ""
	}
	r.note(path, f, exact)
	return text
}

// oneOrList reads a text, or a list of them.
func (r *reader) oneOrList(f field) []string {
	items := []field{f}
	if f.value.kind == aList {
		items = r.names(f)
	}
	var list []string
	for _, item := range items {
		if text, ok := r.text(item, maxEcho); ok {
			list = append(list, text)
		}
	}
	return list
}

func topUpPath(name string) string { return "top_up." + name }

func lowPath(i int) string { return "alerts.low[" + strconv.Itoa(i) + "]" }
