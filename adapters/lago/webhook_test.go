package lago_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"scrip/adapters"
	"scrip/adapters/lago"
)

func publicKey(t *testing.T, key *rsa.PrivateKey) string {
	t.Helper()
	raw, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: raw}))
}

// token signs claims as Lago does.
func token(t *testing.T, key *rsa.PrivateKey, header string, claims map[string]string) string {
	t.Helper()
	raw, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(raw)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// wrapped is base64 with a line break every 60 characters, as the vendor gives
// its public key.
func wrapped(text string) string {
	var b strings.Builder
	for i, c := range base64.StdEncoding.EncodeToString([]byte(text)) {
		if i > 0 && i%60 == 0 {
			b.WriteByte('\n')
		}
		b.WriteRune(c)
	}
	return b.String() + "\n"
}

// WH-09.
func TestTokens(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	const body, header, issuer = `{"a":"<&>"}`, `{"alg":"RS256"}`, "https://lago.example.com"
	good := map[string]string{"data": body, "iss": issuer}
	public := publicKey(t, key)
	for name, c := range map[string]struct {
		secrets []string
		token   string
		valid   bool
	}{
		"PEM":                     {[]string{public}, token(t, key, header, good), true},
		"as the endpoint tells":   {[]string{wrapped(public)}, token(t, key, header, good), true},
		"without line breaks":     {[]string{strings.ReplaceAll(wrapped(public), "\n", "")}, token(t, key, header, good), true},
		"with others":             {[]string{"an-hmac-key", publicKey(t, other), public}, token(t, key, header, good), true},
		"no key of this kind":     {[]string{"an-hmac-key"}, token(t, key, header, good), false},
		"another key":             {[]string{publicKey(t, other)}, token(t, key, header, good), false},
		"another issuer":          {[]string{public}, token(t, key, header, map[string]string{"data": body, "iss": "https://elsewhere.example.com"}), false},
		"another body":            {[]string{public}, token(t, key, header, map[string]string{"data": body + " ", "iss": issuer}), false},
		"another algorithm":       {[]string{public}, token(t, key, `{"alg":"PS256"}`, good), false},
		"something more demanded": {[]string{public}, token(t, key, `{"alg":"RS256","crit":["exp"]}`, good), false},
		"with padding":            {[]string{public}, token(t, key, header, good) + "=", false},
		"four parts":              {[]string{public}, token(t, key, header, good) + ".x", false},
	} {
		a, err := lago.New(lago.Config{Key: "k", BaseURL: issuer + "/api/v1", WebhookSecrets: c.secrets})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		d := adapters.Delivery{Header: http.Header{"X-Lago-Signature": {c.token}, "X-Lago-Signature-Algorithm": {"jwt"}}, Body: []byte(body)}
		if err := a.Verify(d, time.Now()); (err == nil) != c.valid {
			t.Errorf("%s: %v", name, err)
		}
		d.Header["X-Lago-Signature"] = []string{c.token, c.token}
		if a.Verify(d, time.Now()) == nil {
			t.Errorf("%s: two signatures were accepted", name)
		}
	}
}

// TestSeveralKeys accepts what any of the HMAC keys signed, and no line breaks.
// WH-10.
func TestSeveralKeys(t *testing.T) {
	a, err := lago.New(lago.Config{Key: "k", WebhookSecrets: []string{"first", "second"}})
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{}`)
	for secret, valid := range map[string]bool{"first": true, "second": true, "third": false} {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		text := base64.StdEncoding.EncodeToString(mac.Sum(nil))
		for signature, valid := range map[string]bool{text: valid, text[:20] + "\n" + text[20:]: false, strings.TrimRight(text, "="): false} {
			d := adapters.Delivery{Header: http.Header{"X-Lago-Signature": {signature}, "X-Lago-Signature-Algorithm": {"hmac"}}, Body: body}
			if err := a.Verify(d, time.Now()); (err == nil) != valid {
				t.Errorf("signed with %q as %q: %v", secret, signature, err)
			}
		}
	}
}

// WH-11.
func TestConfigRefusesWhatCannotWork(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]lago.Config{
		"no key":              {},
		"a key of two lines":  {Key: "a\nb"},
		"a blank secret":      {Key: "k", WebhookSecrets: []string{" "}},
		"half a public key":   {Key: "k", WebhookSecrets: []string{"-----BEGIN PUBLIC KEY-----\nAAAA"}},
		"a weak public key":   {Key: "k", WebhookSecrets: []string{publicKey(t, weak)}},
		"no provider's code":  {Key: "k", Collector: "stripe"},
		"a foreign addressee": {Key: "k", BaseURL: "ftp://example.com"},
	} {
		if _, err := lago.New(c); adapters.AsError(err).Code != adapters.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
