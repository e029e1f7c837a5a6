package main

import (
	"bytes"
	"encoding/json"
	"io"
	"sync"

	"scrip/mapping/config"
)

// redactor is a writer in front of another that puts a secret's reference where
// the secret itself would be written. Secrets are kept out of what is logged
// where it is made; this is for what a library, or a vendor, says.
type redactor struct {
	to io.Writer

	mu    sync.Mutex
	pairs [][2][]byte
}

// minSecret is the length below which a value is no secret that could be told
// from other words.
const minSecret = 6

// know adds secrets, in the forms in which they may be written. What was known
// stays known: what was rotated away may still be told.
func (r *redactor) know(secrets ...config.Secret) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range secrets {
		value := s.Reveal()
		if len(value) < minSecret {
			continue
		}
		for _, form := range forms(value) {
			known := false
			for _, p := range r.pairs {
				known = known || bytes.Equal(p[0], form)
			}
			if !known {
				r.pairs = append(r.pairs, [2][]byte{form, []byte("[" + s.Ref + "]")})
			}
		}
	}
}

// forms are how a value may stand in a line: as it is, and as JSON, of which
// one writer escapes more than the other.
func forms(value string) [][]byte {
	escaped, _ := json.Marshal(value) // a string always marshals
	var plain bytes.Buffer
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	_ = e.Encode(value)
	return [][]byte{[]byte(value), inner(escaped), inner(bytes.TrimSpace(plain.Bytes()))}
}

// inner is a JSON string without its quotes.
func inner(quoted []byte) []byte { return quoted[1 : len(quoted)-1] }

// Write implements [io.Writer]. A record must come in one write.
func (r *redactor) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	clean := p
	for _, pair := range r.pairs {
		if bytes.Contains(clean, pair[0]) {
			clean = bytes.ReplaceAll(clean, pair[0], pair[1])
		}
	}
	if _, err := r.to.Write(clean); err != nil {
		return 0, err
	}
	return len(p), nil
}
