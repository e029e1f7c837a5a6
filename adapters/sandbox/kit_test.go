package sandbox

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		pattern, path string
		want          bool
	}{
		{"", "/v1/a", true},
		{"/v1/a", "/v1/a", true},
		{"/v1/a", "/v1/a/b", true},
		{"/v1/a", "/v1/ab", false},
		{"/v1/a$", "/v1/a/b", false},
		{"/v1/a$", "/v1/a", true},
		{"/v1/*/void", "/v1/a/b/void", true},
		{"/v1/*/void", "/v1/a/voided", false},
		{"*", "/anything", true},
		{"/v1/*b*", "/v1/abc", true},
		{"/v1/**", "/v1/", true},
		{"/v1/a/", "/v1/a/b", true},
	} {
		if got := (Match{Path: tc.pattern}).covers("POST", tc.path); got != tc.want {
			t.Errorf("%q covers %q: %v, want %v", tc.pattern, tc.path, got, tc.want)
		}
	}
	if (Match{Method: "GET"}).covers("POST", "/") || !(Match{Method: "post"}).covers("POST", "/") {
		t.Error("methods are not told apart, or are told apart by case")
	}
}

func TestOdds(t *testing.T) {
	for text, want := range map[string]uint64{"": chanceScale, "1": chanceScale, "0": 0, "0.3": 300_000_000, "0.000000001": 1, ".5": 500_000_000} {
		if got, err := odds(text); err != nil || got != want {
			t.Errorf("odds(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"1.1", "-0.1", "1/2", "1e9", "half", "0x1", strings.Repeat("9", 99)} {
		if got, err := odds(text); err == nil {
			t.Errorf("odds(%q) = %d, want an error", text, got)
		}
	}
}

func TestParseForm(t *testing.T) {
	for raw, want := range map[string]Form{
		"":                                       {},
		"a=1&b[c]=2&b%5Bd%5D=3":                  {"a": "1", "b[c]": "2", "b[d]": "3"},
		"a[]=x&a[]=y&a[]=z":                      {"a[0]": "x", "a[1]": "y", "a[2]": "z"},
		"a[][id]=1&a[][n]=2&a[][id]=3&a[][n]=4":  {"a[0][id]": "1", "a[0][n]": "2", "a[1][id]": "3", "a[1][n]": "4"},
		"a[0]=x&a[1]=y":                          {"a[0]": "x", "a[1]": "y"},
		"m[k]=a+b%2Bc&m[e]=":                     {"m[k]": "a b+c", "m[e]": ""},
		"p[a][][id]=1&p[b][][id]=2&p[a][][id]=3": {"p[a][0][id]": "1", "p[b][0][id]": "2", "p[a][1][id]": "3"},
	} {
		got, err := ParseForm(raw)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("ParseForm(%q) = %v, %v; want %v", raw, got, err, want)
		}
	}
	for _, raw := range []string{"a=%zz", "%=1", strings.Repeat("a[]=1&", maxFields+2)} {
		if _, err := ParseForm(raw); err == nil {
			t.Errorf("ParseForm(%.20q) was accepted", raw)
		}
	}
	if got := (Form{"a[10]": "", "a[2]": "", "a[b][c]": "", "ab": ""}).Under("a"); !slices.Equal(got, []string{"2", "10", "b"}) {
		t.Errorf("Under gives %v", got)
	}
}

func TestCut(t *testing.T) {
	list, id := []string{"e", "d", "c", "b", "a"}, func(s string) string { return s }
	for _, tc := range []struct {
		w    Window
		want string
		more bool
		ok   bool
	}{
		{Window{Limit: 2}, "ed", true, true},
		{Window{Limit: 5}, "edcba", false, true},
		{Window{Limit: 2, After: "d"}, "cb", true, true},
		{Window{Limit: 3, After: "d"}, "cba", false, true},
		{Window{Limit: 2, After: "a"}, "", false, true},
		{Window{Limit: 2, Before: "a"}, "cb", true, true},
		{Window{Limit: 9, Before: "c"}, "ed", false, true},
		{Window{Limit: 2, After: "x"}, "", false, false},
		{Window{Limit: 2, Before: "x"}, "", false, false},
	} {
		page, more, ok := Cut(list, id, tc.w)
		if strings.Join(page, "") != tc.want || more != tc.more || ok != tc.ok {
			t.Errorf("Cut(%+v) = %v %v %v; want %s %v %v", tc.w, page, more, ok, tc.want, tc.more, tc.ok)
		}
	}
}
