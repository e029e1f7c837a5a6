package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// record is what the application of the demo ever asked of the API: each call
// once, with what it said. It names no vendor, and no vendor makes it differ.
type record struct {
	mu    sync.Mutex
	calls map[string]bool
}

var (
	ourIDs  = regexp.MustCompile(`\b[a-z]{3}_[0-9a-z]{24}\b`)
	numbers = regexp.MustCompile(`[0-9]+`)
)

// add notes a call. IDs stand as a star, and keys without their numbers: how
// often a caller calls while something else goes on is chance.
func (r *record) add(c request) {
	path, _, _ := strings.Cut(c.path, "?")
	if path == "/v1/test-clock" || path == "/readyz" {
		return // the director's, not the application's
	}
	said := ""
	if c.method != http.MethodGet {
		raw, _ := json.Marshal(c.body) // strings and lists of them always marshal
		said = " " + numbers.ReplaceAllString(c.key, "#") + " " + string(raw)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls == nil {
		r.calls = map[string]bool{}
	}
	r.calls[ourIDs.ReplaceAllString(c.method+" "+path+said, "*")] = true
}

// unlike lists the calls that only one of two records has.
func (r *record) unlike(other *record) []string {
	var list []string
	for _, pair := range [][2]*record{{r, other}, {other, r}} {
		for call := range maps.Keys(pair[0].calls) {
			if !pair[1].calls[call] {
				list = append(list, call)
			}
		}
	}
	slices.Sort(list)
	return list
}
