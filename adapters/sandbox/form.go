package sandbox

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Form is a flat view of bracketed parameters: `a[b][0][c]` to its value. The
// empty index of `a[][b]` is written out as a number.
type Form map[string]string

// maxFields bounds the parameters of one request.
const maxFields = 2000

// ParseForm reads URL-encoded text with brackets, in which lists are written
// `a[0]`, `a[]` or `a[][b]`; a list element ends where a field comes again.
func ParseForm(raw string) (Form, error) {
	form, counts := Form{}, map[string]int{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		if len(form) >= maxFields {
			return nil, fmt.Errorf("the request has more than %d parameters", maxFields)
		}
		k, v, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(k)
		if err != nil {
			return nil, fmt.Errorf("parameter %q is not URL-encoded", k)
		}
		value, err := url.QueryUnescape(v)
		if err != nil {
			return nil, fmt.Errorf("the value of %q is not URL-encoded", key)
		}
		form[form.indexed(key, counts)] = value
	}
	return form, nil
}

// indexed writes out the empty index of a key.
func (f Form) indexed(key string, counts map[string]int) string {
	head, tail, found := strings.Cut(key, "[]")
	if !found {
		return key
	}
	at := func() string { return head + "[" + strconv.Itoa(counts[head]) + "]" + tail }
	if _, taken := f[at()]; taken {
		counts[head]++
	}
	return at()
}

// Segments splits `a[b][0]` into a, b and 0.
func Segments(key string) []string {
	return strings.Split(strings.ReplaceAll(key, "]", ""), "[")
}

// Under returns the names directly below a prefix, in numeric order where they
// are numbers.
func (f Form) Under(prefix string) []string {
	var names []string
	for k := range f {
		rest, ok := strings.CutPrefix(k, prefix+"[")
		if !ok {
			continue
		}
		if name, _, ok := strings.Cut(rest, "]"); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		x, errX := strconv.Atoi(a)
		y, errY := strconv.Atoi(b)
		if errX == nil && errY == nil {
			return x - y
		}
		return strings.Compare(a, b)
	})
	return names
}
