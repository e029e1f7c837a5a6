package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a value that must never be shown: it formats, logs and marshals
// as its reference, such as env:VENDOR_KEY, not as what it holds.
type Secret struct {
	Ref string // env:NAME or file:/path

	// A pointer, since fmt prints the unexported fields of whatever holds a
	// secret without asking its methods.
	value *string
}

// NewSecret makes a secret from a value that did not come from a config file.
func NewSecret(ref, value string) Secret { return Secret{Ref: ref, value: &value} }

// Reveal returns the value itself, for handing it to who needs it; it is
// empty when there is no secret.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// String returns the reference.
func (s Secret) String() string { return s.Ref }

// Format writes the reference, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.Ref) }

// LogValue returns the reference.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.Ref) }

// MarshalText returns the reference.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.Ref), nil }
