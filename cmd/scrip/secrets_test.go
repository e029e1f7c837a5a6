package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"scrip/mapping/config"
)

const secretsConfig = `# %[2]s %[3]s %[4]s
version: 1
listen: %[1]s
secret_key: env:SCRIP_SECRET
unit: {code: credits, scale: 2, price: 0.08 usd}
connections:
  main: {provider: stripe, api_key: "file:DIR/key", webhook_secrets: ["file:DIR/hook", env:VENDOR_WEBHOOK_SECRET], base_url: "HOST"}
  next: {provider: orb, api_key: env:VENDOR_KEY, webhook_secrets: [env:VENDOR_WEBHOOK_SECRET], base_url: "HOST"}
route: {primary: main, shadow: [next]}
mapping:
  main: {window: 1s}
  next: {window: 1s}
`

// parrot is a vendor that says back whatever it was told, in every place.
func parrot() http.Handler {
	var calls atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told := r.Header.Get("Authorization") + " whsec_hook_canary"
		sent, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Request-Id", told)
		w.Header().Set("Retry-After", told)
		statuses := []int{401, 400, 500, 403, 429, 200, 409, 302, 404}
		status := statuses[int(calls.Add(1))%len(statuses)]
		if status == 302 {
			w.Header().Set("Location", "/?key="+told)
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{
			"error": map[string]string{"type": told, "code": told, "message": "no such key: " + told, "param": told},
			"title": told, "detail": told, "type": told, "id": told, "sent": string(sent), "validation_errors": []string{told},
		})
	})
}

// TestSecretsStayInside drives secrets through all that a gateway logs,
// answers, prints and counts, with everything logged and a vendor that repeats
// them. None is told.
//
// SC-01.
func TestSecretsStayInside(t *testing.T) {
	dir := t.TempDir()
	vendor := httptest.NewServer(parrot())
	defer vendor.Close()
	for name, secret := range map[string]string{"key": "sk_test_key_canary", "hook": "whsec_hook_canary"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SCRIP_LOG", "debug")
	t.Setenv("SCRIP_SECRET", "secret_of_links_canary")
	w := newTown(t, strings.NewReplacer("DIR", dir, "HOST", vendor.URL).Replace(secretsConfig), "main", time.Minute)
	admin := w.api.key
	a, _ := w.post("/v1/keys", "", body{"scope": "write", "name": "app"})
	var made struct{ Key string }
	w.need(a.decode(&made))
	secrets := []string{"canary", admin, made.Key, townKey, townSecret}

	var said strings.Builder
	ask := func(method, path, auth, sent string, headers ...string) {
		r, err := http.NewRequestWithContext(w.ctx, method, w.api.base+path, strings.NewReader(sent))
		w.need(err)
		if auth != "" {
			r.Header.Set("Authorization", auth)
		}
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			fmt.Fprintln(&said, err)
			return
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		w.need(err)
		fmt.Fprintln(&said, method, resp.Status, resp.Header, string(text))
	}
	bearer := "Bearer " + made.Key
	for i := range 4 {
		id := fmt.Sprint("customer", i)
		ask("PUT", "/v1/customers/"+id, bearer, `{"name":"n"}`)
		ask("POST", "/v1/customers/"+id+"/grants", bearer, `{"amount":"5","category":"promotional"}`, "Idempotency-Key", "g"+id)
		ask("POST", "/v1/debits", bearer, `{"customer":"`+id+`","amount":"1"}`, "Idempotency-Key", "d"+id)
	}
	for _, path := range []string{"/v1/customers", "/v1/keys", "/v1/outbox", "/v1/inbox", "/v1/connections", "/v1/feed", "/healthz", "/readyz", "/metrics", "/openapi.json", "/v1/actions", "/v1/nowhere", "/debug/pprof/"} {
		ask("GET", path, "Bearer "+admin, "")
		ask("GET", path+"?key="+made.Key+"&access_token="+admin, bearer, "")
		ask("GET", path, "Basic "+made.Key, "")
		ask("GET", path, "Bearer "+made.Key+"x", "")
		ask("DELETE", path, made.Key, "")
	}
	for _, sent := range []string{"", "{", `{"scope":`, `{"secret":"whsec_hook_canary"`, strings.Repeat("[", 5000)} {
		ask("POST", "/v1/keys", "Bearer "+admin, sent)
		ask("POST", "/v1/webhooks/main", "", sent, "Stripe-Signature", "t=1,v1=whsec_hook_canary")
		ask("POST", "/v1/webhooks/whsec_hook_canary", "", sent, "X-Orb-Signature", "whsec_hook_canary")
		ask("POST", "/v1/webhooks/main", "Basic whsec_hook_canary", sent, "Content-Encoding", "sk_test_key_canary")
	}
	w.rotted(&said)
	for _, args := range [][]string{
		{"doctor"}, {"doctor", "--json"}, {"plan"}, {"plan", "--format", "json"}, {"status"}, {"keys", "list", "--json"}, {"reconcile"}, {"reconcile", "--connection", "next", "--json"},
		{"outbox", "list", "--json"}, {"webhooks", "list"}, {"webhooks", "backfill", "main", "--since", "1h"}, {"version"}, {"providers"}, {"audit"}, {"serve"}, {"apply", "--yes"},
	} {
		_, words := w.scrip(args...)
		fmt.Fprintln(&said, args, words)
	}
	config := filepath.Join(w.dir, "scrip.yaml")
	good, err := os.ReadFile(config)
	w.need(err)
	for _, bad := range []string{"api_key: sk_test_key_canary", "api_key: {env: sk_test_key_canary}", "api_key: file:sk_test_key_canary", "api_key: env:sk_test_key_canary"} {
		w.need(os.WriteFile(config, []byte(strings.Replace(string(good), `api_key: "file:`+dir+`/key"`, bad, 1)), 0o600))
		for _, command := range []string{"plan", "doctor", "serve"} {
			_, words := w.scrip(command)
			fmt.Fprintln(&said, bad[:8], command, words)
		}
	}
	for from, text := range map[string]string{"answers and commands": said.String(), "the log": w.words.String()} {
		for _, secret := range secrets {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%s tell %.12q...: %q", from, secret, text[max(0, i-200):min(len(text), i+80)])
			}
		}
	}
	if !strings.Contains(w.words.String(), "orb") && !strings.Contains(w.words.String(), "main") {
		t.Errorf("nothing of the vendors' failures was logged: %s", w.words)
	}
}

// rotted waits until every kind of failure has been answered and told.
func (w *town) rotted(said *strings.Builder) {
	for range 20 {
		a, err := w.api.do(w.ctx, request{method: http.MethodGet, path: "/v1/outbox"})
		if err == nil {
			said.Write(a.raw)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// The log's last guard: a secret that reaches it is written as its reference,
// in a panic's stack too, and under any name.
func TestLogHidesSecrets(t *testing.T) {
	var out bytes.Buffer
	s := &shell{err: &out}
	log, redact := s.openLog(slog.LevelDebug)
	odd := `pass"word<canary>` + "\u00e9"
	redact.know(config.NewSecret("env:KEY", "sk_test_canary"), config.NewSecret("file:/odd", odd), config.NewSecret("env:EMPTY", ""), config.NewSecret("env:SHORT", "abc"))
	redact.know(config.NewSecret("env:KEY", "sk_test_canary"))
	log.With("key", "sk_test_canary").Error("sk_test_canary failed", "error", errors.New("refused: "+odd), "stack", []byte("x sk_test_canary"), slog.Group("sk_test_canary", "a", odd))
	log.Info("abc", "config", config.NewSecret("env:KEY", "sk_test_canary"))
	if text := out.String(); strings.Contains(text, "canary") || !strings.Contains(text, "[env:KEY] failed") || !strings.Contains(text, "[file:/odd]") || !strings.Contains(text, `"abc"`) {
		t.Errorf("the log is %s", text)
	}
	for line := range strings.Lines(out.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}
