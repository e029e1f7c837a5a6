package sandbox

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"scrip/adapters/sandbox"
)

// params are a request's parameters. The first bad one is kept in err, which a
// handler checks once, before it has any effect.
type params struct {
	form sandbox.Form
	err  *apiError
}

// allow refuses parameters that a call does not take. The list holds names;
// [*] stands for any key or index.
func (p *params) allow(list string) {
	known := strings.Fields(list)
	keys := make([]string, 0, len(p.form))
	for k := range p.form {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if !slices.ContainsFunc(known, func(pattern string) bool { return fits(pattern, key) }) {
			p.fail(invalid(key, "Received unknown parameter: %s", key).code("parameter_unknown"))
			return
		}
	}
}

// fits compares a key with a pattern segment by segment.
func fits(pattern, key string) bool {
	want, got := sandbox.Segments(pattern), sandbox.Segments(key)
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i] != got[i] && want[i] != "*" {
			return false
		}
	}
	return true
}

func (p *params) fail(e *apiError) {
	if p.err == nil {
		p.err = e
	}
}

func (p *params) has(key string) bool {
	_, ok := p.form[key]
	return ok || len(p.form.Under(key)) > 0
}

// text returns a parameter, nil when it was not sent.
func (p *params) text(key string) *string {
	v, ok := p.form[key]
	if !ok {
		return nil
	}
	return &v
}

// textMax is text with a limit on its length.
func (p *params) textMax(key string, most int) *string {
	v := p.text(key)
	if v != nil && len([]rune(*v)) > most {
		p.fail(invalid(key, "Invalid string: %s must be at most %d characters", key, most).code("parameter_invalid_string"))
	}
	return v
}

func (p *params) needText(key string) string {
	v, ok := p.form[key]
	switch {
	case !ok:
		p.fail(missing(key))
	case v == "":
		p.fail(invalid(key, "You passed an empty string for '%s'.", key).code("parameter_invalid_empty"))
	}
	return v
}

func (p *params) num(key string) *int64 {
	v, ok := p.form[key]
	if !ok || v == "" {
		return nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n == math.MinInt64 {
		p.fail(invalid(key, "Invalid integer: %s", v).code("parameter_invalid_integer"))
		return nil
	}
	return &n
}

func (p *params) needNum(key string) int64 {
	n := p.num(key)
	if n == nil {
		p.fail(missing(key))
		return 0
	}
	return *n
}

func (p *params) flag(key string) *bool {
	v, ok := p.form[key]
	if !ok {
		return nil
	}
	if v != "true" && v != "false" {
		p.fail(invalid(key, "Invalid boolean: %s", v))
	}
	yes := v == "true"
	return &yes
}

// oneOf reads a choice; the first option is the default unless it is empty.
func (p *params) oneOf(key string, options ...string) string {
	v, ok := p.form[key]
	if !ok {
		return options[0]
	}
	if v == "" || !slices.Contains(options, v) {
		p.fail(invalid(key, "Invalid %s: must be one of %s", key, strings.Join(slices.DeleteFunc(options, func(s string) bool { return s == "" }), ", ")))
	}
	return v
}

func (p *params) currency(key string) string {
	c := strings.ToLower(p.needText(key))
	if ok, _ := regexp.MatchString(`^[a-z]{3}$`, c); !ok {
		p.fail(invalid(key, "Invalid currency: %s. It must be a three-letter ISO code.", c))
	}
	return c
}

const (
	maxMetadataPairs = 50
	maxMetadataKey   = 40
	maxMetadataValue = 500
)

// metadata merges what was sent into a copy of the old pairs: an empty value
// unsets its key, an empty `metadata` unsets all.
func (p *params) metadata(old map[string]string) map[string]string {
	out := map[string]string{}
	if v, sent := p.form["metadata"]; sent {
		if v != "" {
			p.fail(invalid("metadata", "Invalid metadata: send a hash, or an empty string to clear it"))
		}
	} else {
		for k, v := range old {
			out[k] = v
		}
	}
	for _, k := range p.form.Under("metadata") {
		v := p.form["metadata["+k+"]"]
		switch {
		case len([]rune(k)) > maxMetadataKey:
			p.fail(invalid("metadata", "Metadata keys have at most %d characters", maxMetadataKey))
		case len([]rune(v)) > maxMetadataValue:
			p.fail(invalid("metadata["+k+"]", "Metadata values have at most %d characters", maxMetadataValue))
		case v == "":
			delete(out, k)
		default:
			out[k] = v
		}
	}
	if len(out) > maxMetadataPairs {
		p.fail(invalid("metadata", "You can have up to %d metadata keys", maxMetadataPairs))
	}
	return out
}

// within reads a `created`-like filter: a number, or gt, gte, lt, lte.
func (p *params) within(key string) func(int64) bool {
	exact := p.num(key)
	gt, gte, lt, lte := p.num(key+"[gt]"), p.num(key+"[gte]"), p.num(key+"[lt]"), p.num(key+"[lte]")
	return func(t int64) bool {
		return (exact == nil || t == *exact) && (gt == nil || t > *gt) && (gte == nil || t >= *gte) &&
			(lt == nil || t < *lt) && (lte == nil || t <= *lte)
	}
}

// createdFilter is what allow needs for within("created").
const createdFilter = " created created[gt] created[gte] created[lt] created[lte] "

// paging is what allow needs for a list.
const paging = " limit starting_after ending_before "

func (p *params) window() sandbox.Window {
	w := sandbox.Window{Limit: 10, After: p.form["starting_after"], Before: p.form["ending_before"]}
	if n := p.num("limit"); n != nil {
		if *n < 1 || *n > 100 {
			p.fail(invalid("limit", "Invalid limit: it must be between 1 and 100").code("parameter_invalid_integer"))
			return w
		}
		w.Limit = int(*n)
	}
	if w.After != "" && w.Before != "" {
		p.fail(invalid("starting_after", "You cannot use both ending_before and starting_after"))
	}
	return w
}
