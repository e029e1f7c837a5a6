package sandbox

import (
	"encoding/json"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"scrip/adapters/sandbox"
)

// form reads the parameters of a POST. Names that nothing asked for are refused
// at the end, so each handler names all that it takes. The first fault counts.
type form struct {
	in   sandbox.Form
	used map[string]bool
	err  *problem
}

func (c *call) form() *form {
	f := &form{used: map[string]bool{}}
	kind, _, _ := strings.Cut(c.Request.Header.Get("Content-Type"), ";")
	if len(c.Body) > 0 && !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		f.err = failure(400, "invalid_request", "The content type %.60q is not supported here, use application/x-www-form-urlencoded", kind)
		return f
	}
	in, err := sandbox.ParseForm(string(c.Body))
	if err != nil {
		f.err = failure(400, "invalid_request", "%v", err)
	}
	f.in = in
	return f
}

func (f *form) fail(p *problem) {
	if f.err == nil {
		f.err = p
	}
}

// take reads a parameter and whether it is there.
func (f *form) take(name string) (string, bool) {
	f.used[name] = true
	v, ok := f.in[name]
	return v, ok
}

// text is a parameter of at most so many characters, "" for none.
func (f *form) text(name string, most int) string {
	v, _ := f.take(name)
	if len([]rune(v)) > most {
		f.fail(wrong(name, "should not exceed %d characters", most))
	}
	return v
}

func (f *form) need(name string, most int) string {
	v := f.text(name, most)
	if v == "" {
		f.fail(wrong(name, "cannot be blank"))
	}
	return v
}

// put replaces a value where the parameter is there; an empty one clears it.
func (f *form) put(into *string, name string, most int) {
	if _, ok := f.in[name]; ok || f.used[name] {
		*into = f.text(name, most)
	}
	f.used[name] = true
}

// word is one of some words, the first where nothing is said.
func (f *form) word(name string, words ...string) string {
	v, ok := f.take(name)
	if !ok {
		return words[0]
	}
	if !slices.Contains(words, v) || v == "" {
		f.fail(wrong(name, "invalid value %.40q, use one of %s", v, strings.Join(words, ", ")))
	}
	return v
}

// number is an integer not below zero, and whether it is there.
func (f *form) number(name string) (int64, bool) {
	v, ok := f.take(name)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 {
		f.fail(wrong(name, "%.40q is not a valid integer", v))
	}
	return n, true
}

func (f *form) flag(name string, otherwise bool) bool {
	if v, ok := f.take(name); ok {
		if v != "true" && v != "false" {
			f.fail(wrong(name, "%.40q is not true or false", v))
		}
		return v == "true"
	}
	return otherwise
}

// object is a parameter that holds a JSON object as text.
func (f *form) object(name string) (json.RawMessage, bool) {
	v, ok := f.take(name)
	if !ok || v == "" {
		return nil, ok
	}
	var o obj
	if json.Unmarshal([]byte(v), &o) != nil {
		f.fail(wrong(name, "is not a JSON object"))
	}
	return json.RawMessage(v), true
}

// column is one field of a list of objects: the field comes first and the index
// last, as in items[id][0].
func (f *form) column(name, field string) []string {
	var out []string
	for _, i := range f.in.Under(name + "[" + field + "]") {
		v, _ := f.take(name + "[" + field + "][" + i + "]")
		if i != strconv.Itoa(len(out)) {
			f.fail(wrong(name+"["+field+"]["+i+"]", "the index should be %d", len(out)))
		}
		out = append(out, v)
	}
	return out
}

// numbers is a column of integers of a given length; absent values are taken
// from otherwise.
func (f *form) numbers(name, field string, count int, otherwise int64) []int64 {
	out := slices.Repeat([]int64{otherwise}, count)
	for i := range f.in.Under(name + "[" + field + "]") {
		if i < count {
			out[i], _ = f.number(name + "[" + field + "][" + strconv.Itoa(i) + "]")
		}
	}
	return out
}

// skip takes parameters that have no use here, whole objects too.
func (f *form) skip(names ...string) {
	for _, name := range names {
		f.used[name] = true
		for k := range f.in {
			if strings.HasPrefix(k, name+"[") {
				f.used[k] = true
			}
		}
	}
}

// end is the first thing that is wrong. Custom fields are taken as they are.
func (f *form) end() error {
	var unknown []string
	for k := range f.in {
		if !f.used[k] && !strings.HasPrefix(k, "cf_") {
			unknown = append(unknown, k)
		}
	}
	sort.Strings(unknown)
	if f.err == nil && len(unknown) > 0 {
		f.err = wrong(unknown[0], "is not a parameter of this call")
	}
	if f.err != nil {
		return f.err
	}
	return nil
}

// isEmail is the pattern that the vendor's library checks addresses with.
func isEmail(s string) bool {
	return len(s) <= 70 && regexp.MustCompile(`^(?:[A-Za-z0-9_'+\-]+\.)*[A-Za-z0-9_'+\-]*[A-Za-z0-9_+-]@(?:[A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$`).MatchString(s)
}
