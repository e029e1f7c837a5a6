package rest

import (
	"errors"
	"strings"

	"scrip/adapters"
)

// maxSecret bounds a key or secret in bytes; real ones have about a hundred.
const maxSecret = 512

// SecretFault says what keeps a text from being a secret, without showing it;
// "" when nothing does.
func SecretFault(s string) string {
	switch {
	case strings.TrimSpace(s) == "":
		return "is empty, set it in the connection's config"
	case len(s) > maxSecret:
		return "is too long to be one, check what the config names"
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "holds a space or an unprintable character, check for a line break at its end"
	}
	return ""
}

// HasCode reports whether err is classified as one of the codes.
func HasCode(err error, codes ...adapters.Code) bool {
	var e *adapters.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, c := range codes {
		if e.Code == c {
			return true
		}
	}
	return false
}
