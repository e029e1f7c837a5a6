package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
)

const rotateConfig = `# %[2]s %[3]s %[4]s
version: 1
listen: %[1]s
unit: {code: credits, scale: 2, price: 0.08 usd}
connections:
  main: {provider: stripe, api_key: "file:DIR/key", webhook_secrets: ["file:DIR/hook1", "file:DIR/hook2"], base_url: "PROXY"}
route: {primary: main}
mapping:
  main: {window: 1s}
`

// door is a vendor that lets one API key in at a time, whatever account it is of.
type door struct {
	key   atomic.Pointer[string]
	shut  atomic.Int64 // calls with another key
	proxy *httputil.ReverseProxy
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+*d.key.Load() {
		d.shut.Add(1)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":{"type":"invalid_request_error","message":"Invalid API Key provided"}}`)
		return
	}
	r.Header.Set("Authorization", "Bearer "+townKey)
	d.proxy.ServeHTTP(w, r)
}

// rotation is a gateway whose secrets stand in files.
type rotation struct {
	*town
	door    *door
	secrets string
}

func newRotation(t *testing.T) *rotation {
	r := &rotation{door: &door{}, secrets: t.TempDir()}
	r.put("key", "sk_test_first_canary")
	r.put("hook1", "whsec_first_canary")
	r.put("hook2", "whsec_older_canary")
	r.unlock("sk_test_first_canary")
	front := httptest.NewServer(r.door)
	t.Cleanup(front.Close)
	config := strings.NewReplacer("DIR", r.secrets, "PROXY", front.URL).Replace(rotateConfig)
	r.door.proxy = &httputil.ReverseProxy{}
	// The sandboxes' addresses are known when the town stands; until then
	// nothing is asked of the vendor.
	r.town = newTown(t, config, "main", 2*time.Minute)
	target, err := url.Parse(r.boxes["stripe"])
	r.need(err)
	r.door.proxy.Rewrite = func(p *httputil.ProxyRequest) { p.SetURL(target) }
	return r
}

func (r *rotation) put(name, secret string) {
	path := filepath.Join(r.secrets, name)
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		panic(err)
	}
}

func (r *rotation) unlock(key string) { r.door.key.Store(&key) }

// hangup tells the gateway to read its config again and waits until it says so.
func (r *rotation) hangup(says string) {
	r.Helper()
	before := strings.Count(r.words.String(), says)
	r.mu.Lock()
	err := r.serve.Process.Signal(syscall.SIGHUP)
	r.mu.Unlock()
	r.need(err)
	for strings.Count(r.words.String(), says) == before {
		if r.ctx.Err() != nil {
			r.Fatalf("the gateway never said %q", says)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// until waits for something to be so.
func (r *rotation) until(what string, is func() bool) {
	r.Helper()
	for !is() {
		if r.ctx.Err() != nil {
			r.Fatalf("it never came that %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// scrape is what /metrics says.
func (r *rotation) scrape() string {
	r.Helper()
	resp, err := http.Get(r.api.base + "/metrics")
	r.need(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	r.need(err)
	return string(text)
}

// atVendor reports whether the vendor has a customer of that name.
func (r *rotation) atVendor(name string) bool {
	a, err := newClient(r.boxes["stripe"], townKey).do(r.ctx, request{method: http.MethodGet, path: "/v1/customers"})
	return err == nil && strings.Contains(string(a.raw), name)
}

func (r *rotation) customer(id string) {
	r.call(request{method: http.MethodPut, path: "/v1/customers/" + id, body: body{"name": "name of " + id}})
}

// hurry has what waits tried now.
func (r *rotation) hurry() {
	r.Helper()
	a, _ := r.call(request{method: http.MethodGet, path: "/v1/outbox", query: url.Values{"state": {"waiting"}}})
	var list struct{ Data []struct{ ID string } }
	r.need(a.decode(&list))
	for _, i := range list.Data {
		_, _ = r.api.do(r.ctx, request{method: http.MethodPost, path: "/v1/outbox/" + i.ID + "/retry", body: body{}})
	}
}

// delivered counts the deliveries that were taken.
func (r *rotation) delivered() int {
	a, _ := r.call(request{method: http.MethodGet, path: "/v1/inbox"})
	var list struct{ Data []json.RawMessage }
	_ = a.decode(&list)
	return len(list.Data)
}

// TestRotation rotates the vendor's API key and the webhook secret of a gateway
// that serves, by files and a hangup, while callers debit; a config that cannot
// be taken changes nothing. No caller is refused.
//
// CF-05. PA-13. WH-10.
func TestRotation(t *testing.T) {
	r := newRotation(t)
	r.control("stripe", "webhooks", body{"url": r.api.base + "/v1/webhooks/main", "secret": "whsec_first_canary"})
	r.customer("ann")
	r.post("/v1/customers/ann/grants", "grant", body{"amount": "100000", "category": "promotional"})
	var debits atomic.Int64
	ctx, stop := context.WithCancel(r.ctx)
	var callers conc.WaitGroup
	for caller := range 4 {
		callers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				_, err := r.api.do(r.ctx, request{method: http.MethodPost, path: "/v1/debits", key: fmt.Sprintf("%d/%d", caller, i), body: body{"customer": "ann", "amount": "0.01"}})
				if err != nil {
					t.Errorf("a caller was refused: %v", err)
					return
				}
				debits.Add(1)
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	defer callers.Wait()
	defer stop()
	r.until("the first customer is at the vendor", func() bool { return r.atVendor("name of ann") })
	r.until("a delivery is taken", func() bool { return r.delivered() > 0 })

	// The vendor takes another key from now on: what it must hear waits for it.
	r.unlock("sk_test_second_canary")
	for _, id := range []string{"bob", "bea", "ben"} {
		r.customer(id)
	}
	r.until("the vendor refuses the old key", func() bool { return r.door.shut.Load() >= 3 })
	r.until("the connection counts as broken", func() bool { return strings.Contains(r.scrape(), `scrip_connection_broken{connection="main"} 1`) })
	if text := r.scrape(); !strings.Contains(text, `code="unauthorized"`) {
		t.Error("refusals are not counted by their cause")
	}
	r.put("key", "sk_test_second_canary")
	r.hangup("the config file was read again and is in force")
	r.hurry()
	r.until("what waited is at the vendor", func() bool { return r.atVendor("name of bob") })

	// A config that cannot be taken is said to be so, and changes nothing.
	good, err := os.ReadFile(filepath.Join(r.dir, "scrip.yaml"))
	r.need(err)
	for why, text := range map[string]string{
		"not understood":    strings.Replace(string(good), "unit:", "unti:", 1),
		"another address":   strings.Replace(string(good), "listen: 127.0.0.1:", "listen: 127.0.0.2:", 1),
		"no secret there":   strings.Replace(string(good), "/hook1", "/nothing", 1),
		"empty":             "",
		"vendor not known":  strings.Replace(string(good), "provider: stripe", "provider: stripes", 1),
		"half of it is bad": string(good) + "holds: {default: 1h, max: 1m}\n",
	} {
		r.need(os.WriteFile(filepath.Join(r.dir, "scrip.yaml"), []byte(text), 0o600))
		r.hangup("the config file cannot be taken")
		if !strings.Contains(r.scrape(), "scrip_config_reload_failed 1") {
			t.Errorf("%s: that it failed is not to be seen", why)
		}
	}
	r.need(os.WriteFile(filepath.Join(r.dir, "scrip.yaml"), good, 0o600))

	// The vendor signs with another secret from now on; the older one is replaced,
	// the first stays valid.
	r.put("hook2", "whsec_second_canary")
	r.hangup("the config file was read again and is in force")
	if !strings.Contains(r.scrape(), "scrip_config_reload_failed 0") {
		t.Error("that it failed once stays for ever")
	}
	taken := r.delivered()
	r.control("stripe", "webhooks", body{"url": r.api.base + "/v1/webhooks/main", "secret": "whsec_second_canary"})
	r.customer("cat")
	r.until("a delivery is taken that the new secret signed", func() bool { return r.delivered() > taken })
	r.until("it is known which secret is in use", func() bool {
		_, words := r.scrip("doctor", "--offline")
		return strings.Contains(words, "hook2 verified one")
	})
	stop()
	callers.Wait()
	_, words := r.scrip("doctor", "--offline")
	if !strings.Contains(words, "webhook secrets main: file:"+r.secrets+"/hook") {
		t.Errorf("the doctor says\n%s", words)
	}
	if strings.Contains(r.words.String()+words, "canary") {
		t.Errorf("a secret is told:\n%.4000s", r.words)
	}
	if debits.Load() < 50 {
		t.Errorf("only %d debits were made", debits.Load())
	}
}
