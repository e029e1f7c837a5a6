package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// holder keeps a secret where fmt cannot ask its methods.
type holder struct{ hidden Secret }

// SC-01.
func TestSecretIsNeverShown(t *testing.T) {
	s := NewSecret("env:KEY", canary)
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t", "%p"} {
		fmt.Fprintf(&out, verb, s)
		fmt.Fprintf(&out, verb, &s)
		fmt.Fprintf(&out, verb, Connection{APIKey: s, WebhookSecrets: []Secret{s}})
		fmt.Fprintf(&out, verb, holder{s})
		fmt.Fprintf(&out, verb, &Config{SecretKey: s})
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("x", "secret", s, "pointer", &s, "connection", Connection{APIKey: s}, "holder", holder{s})
	}
	body, err := json.Marshal(Connection{APIKey: s})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(body)
	hex := fmt.Sprintf("%x", canary)
	if text := out.String(); strings.Contains(text, canary) || strings.Contains(text, hex) || !strings.Contains(text, "env:KEY") {
		t.Errorf("the output is %s", text)
	}
	if s.Reveal() != canary || (Secret{}).Reveal() != "" {
		t.Error("a secret does not hold what it was given")
	}
}

func TestCF02SecretFiles(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name, content string
		mode          os.FileMode
		want          string // value, or the end of the fault
	}{
		{"plain", canary, 0o600, canary},
		{"newline is trimmed", canary + "\n", 0o600, canary},
		{"carriage return too", canary + "\r\n", 0o640, canary},
		{"one newline only", canary + "\n\n", 0o600, "begins or ends with a blank"},
		{"two lines", canary + "\n" + canary + "\n", 0o600, "holds a line break or another control character"},
		{"empty", "", 0o600, "is empty"},
		{"a newline alone", "\n", 0o600, "is empty"},
		{"placeholder", "changeme\n", 0o600, "holds a placeholder, put the secret there"},
		{"world-readable", canary, 0o644, "can be read by everyone, take that right away (chmod o-r)"},
		{"too large", strings.Repeat("x", maxSecret+1), 0o600, "has 16385 bytes, at most 16384 are read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(dir, "secret")
			_ = os.Remove(path)
			if err := os.WriteFile(path, []byte(c.content), c.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			got, err := Parse("f", []byte(head+"secret_key: file:"+path+"\n"), testEnv())
			if c.want == canary {
				if err != nil || got.SecretKey.Reveal() != canary || got.SecretKey.String() != "file:"+path {
					t.Errorf("got %v, %v", got, err)
				}
				return
			}
			want := fmt.Sprintf("f:3:13: secret_key: file %q %s", path, c.want)
			if err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

func TestReadFileErrorsAreNotRepeated(t *testing.T) {
	env := testEnv()
	env.ReadFile = func(string) ([]byte, error) { return nil, errors.New("read " + canary) }
	_, err := Parse("f", []byte(head+"secret_key: file:/x\n"), env)
	if err == nil || err.Error() != `f:3:13: secret_key: file "/x" cannot be read` {
		t.Errorf("got %v", err)
	}
}
