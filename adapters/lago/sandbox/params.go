package sandbox

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// params is an object of a request. It is read as leniently as the vendor does:
// unknown names are dropped, numbers and texts stand for each other.
type params map[string]json.RawMessage

// root reads the object that a request is about.
func (c *call) root(name string) (params, error) {
	var body, p params
	if json.Unmarshal(c.Body, &body) != nil || json.Unmarshal(body[name], &p) != nil || len(p) == 0 {
		return nil, c.noRoot(name)
	}
	return p, nil
}

func (p params) has(name string) bool { _, ok := p[name]; return ok }

// given says whether a name is there with a value other than null.
func (p params) given(name string) bool { return p.has(name) && string(p[name]) != "null" }

// text is a value as a text, nil for null and for what cannot be one.
func (p params) text(name string) *string {
	raw := p[name]
	var s string
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	if json.Unmarshal(raw, &s) == nil {
		return &s
	}
	if raw[0] == '{' || raw[0] == '[' {
		return nil
	}
	s = string(raw)
	return &s
}

func (p params) word(name string) string { return or(p.text(name), "") }

// number is a whole number, nil for what is none.
func (p params) number(name string) *int64 {
	n, err := strconv.ParseInt(p.word(name), 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

func (p params) flag(name string) bool {
	switch p.word(name) {
	case "true", "1", "t":
		return true
	}
	return false
}

func (p params) object(name string) params {
	var out params
	if json.Unmarshal(p[name], &out) != nil {
		return nil
	}
	return out
}

func (p params) objects(name string) []params {
	var out []params
	if json.Unmarshal(p[name], &out) != nil {
		return nil
	}
	return out
}

func (p params) words(name string) []string {
	var out []string
	if json.Unmarshal(p[name], &out) != nil {
		return nil
	}
	return out
}

// decimal is a number that may be written as one; nil for what is none.
func (p params) decimal(name string) *dec {
	x, err := parseDec(p.word(name))
	if err != nil {
		return nil
	}
	return &x
}

// moment is a date-time; false where there is a value that is none.
func (p params) moment(name string) (*time.Time, bool) {
	if !p.given(name) || p.word(name) == "" {
		return nil, true
	}
	t, ok := parseInstant(p.word(name))
	if !ok {
		return nil, false
	}
	return &t, true
}

// credits reads an amount of credits and notes what is wrong with it.
func (p params) credits(name string, f faults) dec {
	x, err := amountOf(p[name])
	if err != nil {
		f.add(name, "invalid_"+name, "invalid_amount")
	}
	return x
}

// payment reads how something is paid.
func (p params) payment(otherwise method) method {
	o := p.object("payment_method")
	if o == nil {
		return otherwise
	}
	out := method{ID: o.text("payment_method_id"), Type: "provider"}
	if o.word("payment_method_type") == manual {
		out.Type = manual
	}
	return out
}

// Limits of a transaction's metadata.
const (
	mostPairs        = 15
	mostInitialPairs = 5
	longestKey       = 20
	longestValue     = 100
)

// pairs reads metadata that is a list; the code says what is wrong with it.
func (p params) pairs(name string, most int) (list []pair, code string) {
	raw := p[name]
	if len(raw) == 0 || string(raw) == "null" {
		return nil, ""
	}
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		return nil, "invalid_type"
	}
	if len(items) > most {
		return nil, "too_many_keys"
	}
	for _, item := range items {
		var fields params
		if json.Unmarshal(item, &fields) != nil || !fields.given("key") || !fields.given("value") {
			return nil, "invalid_key_value_pair"
		}
		for _, raw := range fields {
			if strings.HasPrefix(string(raw), "{") || strings.HasPrefix(string(raw), "[") {
				return nil, "nested_structure_not_allowed"
			}
		}
		one := pair{fields.word("key"), fields.word("value")}
		switch {
		case one.Key == "" || one.Value == "" || len(fields) != 2:
			return nil, "invalid_key_value_pair"
		case len([]rune(one.Key)) > longestKey:
			return nil, "key_too_long"
		case len([]rune(one.Value)) > longestValue:
			return nil, "value_too_long"
		}
		list = append(list, one)
	}
	return list, ""
}
