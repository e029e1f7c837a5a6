package gateway

import (
	"context"
	"net/mail"
	"strings"
	"time"
	"unicode"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping/config"
)

// decimal is an amount in JSON: always a string, never a number.
type decimal string

// Schema describes the type in the API's document.
func (decimal) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: `^-?[0-9]+(\.[0-9]+)?$`, Description: "a decimal", Examples: []any{"10.50"}}
}

// quantity is how much of an action: a decimal as a string, or a JSON number,
// of which the digits are read as they stand.
type quantity string

// UnmarshalJSON keeps the digits.
func (q *quantity) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9') {
		*q = quantity(raw)
		return nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return core.Errorf(core.CodeInvalid, "the field must be a decimal")
	}
	*q = quantity(text)
	return nil
}

// Schema describes the type in the API's document.
func (quantity) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Description: "a decimal with at most 6 decimals, as a string or a number; 1 when left out",
		OneOf:       []*huma.Schema{{Type: huma.TypeString, Pattern: `^[0-9]+(\.[0-9]+)?$`}, {Type: huma.TypeNumber}},
	}
}

// moneyView is an amount of a currency.
type moneyView struct {
	Amount   decimal `json:"amount"`
	Currency string  `json:"currency" example:"usd"`
}

// moneyBody is moneyView as a caller writes it.
type moneyBody struct {
	Amount   decimal `json:"amount"`
	Currency string  `json:"currency" example:"usd"`
}

func viewMoney(m core.Money) *moneyView {
	if m.IsZero() {
		return nil
	}
	return &moneyView{decimal(m.Decimal()), string(m.Currency)}
}

func (m *moneyBody) parse() (core.Money, error) {
	if m == nil {
		return core.Money{}, nil
	}
	currency, err := core.ParseCurrency(short(m.Currency))
	if err != nil {
		return core.Money{}, core.InField(err, "currency")
	}
	minor, err := core.ParseAmount(string(m.Amount), currency.Exponent())
	if err != nil {
		return core.Money{}, core.InField(err, "amount")
	}
	return core.Money{Minor: minor, Currency: currency}, nil
}

// timeView is nil for never and for unset.
func timeView(t core.Time) *string {
	if t == 0 || t == core.Never {
		return nil
	}
	text := t.String()
	return &text
}

// timeField reads an optional instant; unset is zero.
func timeField(text, field string) (core.Time, error) {
	if text == "" {
		return 0, nil
	}
	t, err := core.ParseTime(short(text))
	return t, core.InField(err, field)
}

// unit finds what is asked for. A code may be left out while one unit is
// configured; one that balances were converted from still has its history.
func (g *gateway) unit(code string) (config.Unit, error) {
	if code == "" {
		if len(g.Config.Units) == 1 {
			return g.Config.Units[0], nil
		}
		return config.Unit{}, core.InField(core.Errorf(core.CodeUnitRequired, "%d units are configured, name one", len(g.Config.Units)), "unit")
	}
	u, ok := g.anyUnit(code)
	if !ok {
		return config.Unit{}, core.InField(core.Errorf(core.CodeInvalid, "unit %q is not configured", short(code)), "unit")
	}
	return u, nil
}

// amount reads an amount that a caller wrote, in the unit that it names. The
// unit may be left out only while there was never another: once balances were
// converted, a bare number could be meant in either. A key that has its answer
// already is answered whatever it names, as it was the first time: in the unit
// that was the only one then.
func (g *gateway) amount(ctx context.Context, op, key string, text decimal, code string) (config.Unit, core.Amount, error) {
	u, err := g.unit(code)
	if err == nil && code == "" && len(g.Config.Retired) > 0 {
		if !g.answered(ctx, op, key) {
			err = core.InField(core.Errorf(core.CodeUnitRequired, "balances were converted from %q to %q, name the unit of the amount", g.Config.Retired[0].Unit.Code, u.Code), "unit")
		}
		u = g.Config.Retired[0].Unit
	}
	if err != nil {
		return u, 0, err
	}
	n, err := core.ParseAmount(string(text), u.Scale)
	return u, n, core.InField(err, "amount")
}

// anyUnit finds a unit, one that balances were converted from too.
func (g *gateway) anyUnit(code string) (config.Unit, bool) {
	if u, ok := g.Config.Unit(code); ok {
		return u, true
	}
	for _, r := range g.Config.Retired {
		if r.Unit.Code == code {
			return r.Unit, true
		}
	}
	return config.Unit{}, false
}

// format writes an amount of an account with all its unit's decimals.
func (g *gateway) format(account ledger.AccountKey, a core.Amount) decimal {
	u, _ := g.anyUnit(account.Unit)
	return decimal(a.Format(u.Scale))
}

// listValue is what an amount costs at the unit's first list price, or nil
// where it has none.
func listValue(u config.Unit, a core.Amount) *moneyView {
	if len(u.Prices) == 0 {
		return nil
	}
	m, err := u.Prices[0].Value(a, u.Scale, core.RoundHalfEven)
	if err != nil {
		return nil // beyond what money can count: no value is better than a wrong one
	}
	return viewMoney(m)
}

// checkCustomer refuses what no customer can be called: 1 to 128 characters
// of letters, digits and ._:@-.
func checkCustomer(id, field string) error {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._:@-", c)
	}
	if id == "" || len(id) > 128 || strings.IndexFunc(id, func(c rune) bool { return !plain(c) }) >= 0 {
		return core.InField(core.Errorf(core.CodeInvalid, "a customer id has 1 to 128 letters, digits or ._:@-"), field)
	}
	return nil
}

// checkID refuses what is no id of that kind, without asking the database.
func checkID(id, prefix, what string) (core.ID, error) {
	if !core.ID(id).Valid(prefix) {
		return "", core.Errorf(core.CodeNotFound, "there is no such %s", what)
	}
	return core.ID(id), nil
}

// checkText refuses a text that is too long or holds control characters.
func checkText(text string, most int, field string) error {
	if len(text) > most || strings.IndexFunc(text, unicode.IsControl) >= 0 {
		return core.InField(core.Errorf(core.CodeInvalid, "a text of at most %d bytes without control characters is taken", most), field)
	}
	return nil
}

// checkPairs bounds metadata and dimensions: 50 pairs, names of 1 to 40
// bytes, values of at most 500.
func checkPairs(pairs map[string]string, field string) error {
	if len(pairs) > 50 {
		return core.InField(core.Errorf(core.CodeInvalid, "%d pairs are too many, at most 50 are kept", len(pairs)), field)
	}
	for name, value := range pairs {
		if name == "" {
			return core.InField(core.Errorf(core.CodeInvalid, "a name is empty"), field)
		}
		if err := checkText(name, 40, field); err != nil {
			return err
		}
		if err := checkText(value, 500, field); err != nil {
			return err
		}
	}
	return nil
}

func checkEmail(text string) error {
	if text == "" {
		return nil
	}
	if a, err := mail.ParseAddress(text); err != nil || a.Address != text || len(text) > 254 {
		return core.InField(core.Errorf(core.CodeInvalid, "this is not a plain e-mail address"), "email")
	}
	return checkText(text, 254, "email")
}

func checkTimezone(name string) error {
	if name == "" {
		return nil
	}
	if _, err := time.LoadLocation(name); err != nil || name == "Local" || len(name) > 64 {
		return core.InField(core.Errorf(core.CodeInvalid, "time zone %q is not known, write one such as Europe/Berlin", short(name)), "timezone")
	}
	return nil
}
