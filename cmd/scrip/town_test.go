package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"scrip/core"
)

// town is a company on two vendors: sandboxes and a gateway as processes. The
// gateway is started again whenever it ends, as a service manager would.
type town struct {
	*testing.T
	ctx     context.Context
	program string
	config  string // a format: address, both sandboxes, the primary connection
	dir     string
	write   func(w *town, connection string) string
	boxes   map[string]string
	api     *client
	words   *lockedBuffer // of the gateways

	mu    sync.Mutex
	serve *exec.Cmd // nil between two gateways
	ended bool
}

const townConfig = `version: 1
listen: %s
unit: {code: credits, scale: 2, price: 0.08 usd}
connections:
  main: {provider: stripe, api_key: env:VENDOR_KEY, webhook_secrets: [env:VENDOR_WEBHOOK_SECRET], base_url: "%s"}
  next: {provider: orb, api_key: env:VENDOR_KEY, webhook_secrets: [env:VENDOR_WEBHOOK_SECRET], base_url: "%s"}
route: {primary: %s, payments: main}
mapping:
  main: {window: 1s}
  next: {window: 3s, share: 1}
`

const (
	townKey    = "sk_test_town"
	townSecret = "whsec_town_0123456789"
)

func newTown(t *testing.T, config, primary string, patience time.Duration) *town {
	return newTownOf(t, config, func(w *town, connection string) string {
		return fmt.Sprintf(w.config, strings.TrimPrefix(w.api.base, "http://"), w.boxes["stripe"], w.boxes["orb"], connection)
	}, primary, patience)
}

// newTownOf is newTown with a config that write makes, which names the primary
// connection.
func newTownOf(t *testing.T, config string, write func(w *town, connection string) string, primary string, patience time.Duration) *town {
	w := newVendors(t, patience)
	w.write, w.config = write, config
	w.api = newClient("http://127.0.0.1:"+freePort(t), "scrip_admin_of_the_town")
	w.api.http.Transport = &http.Transport{MaxIdleConnsPerHost: 64}
	w.lead(primary)
	done := make(chan struct{})
	go func() { defer close(done); w.keepServing() }()
	t.Cleanup(func() {
		w.mu.Lock()
		w.ended = true
		if w.serve != nil {
			_ = w.serve.Process.Signal(os.Interrupt)
		}
		w.mu.Unlock()
		<-done
		if t.Failed() {
			t.Logf("the gateways said: %.4000s", w.words)
		}
	})
	w.ready()
	return w
}

// newVendors is a town that has no gateway yet.
func newVendors(t *testing.T, patience time.Duration) *town {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	w := &town{T: t, ctx: ctx, program: shipped(t), dir: t.TempDir(), boxes: map[string]string{}, words: &lockedBuffer{}}
	box := w.command(append(append([]string{"sandbox"}, vendorNames()...), "--addr", "127.0.0.1:0")...)
	out, err := box.StdoutPipe()
	w.need(err)
	w.need(box.Start())
	t.Cleanup(func() { _ = box.Process.Kill(); _ = box.Wait() })
	line := bufio.NewScanner(out)
	line.Scan()
	w.need(json.Unmarshal(line.Bytes(), &w.boxes))
	return w
}

// command is the town's program, with the secrets that its config names.
func (w *town) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(w.ctx, w.program, args...)
	secrets := []string{"VENDOR_KEY=" + townKey, "VENDOR_WEBHOOK_SECRET=" + townSecret, "SCRIP_ADMIN_KEY=scrip_admin_of_the_town"}
	cmd.Env = append(secrets, os.Environ()...) // a test may have set others
	return cmd
}

// keepServing starts a gateway, and another when it ends.
func (w *town) keepServing() {
	for {
		cmd := w.command("serve")
		cmd.Dir, cmd.Stderr = w.dir, w.words
		w.mu.Lock()
		if w.ended || w.ctx.Err() != nil || cmd.Start() != nil {
			w.mu.Unlock()
			return
		}
		w.serve = cmd
		w.mu.Unlock()
		_ = cmd.Wait()
		w.mu.Lock()
		w.serve = nil
		w.mu.Unlock()
		time.Sleep(100 * time.Millisecond)
	}
}

// killServe kills the gateway with -9, if one runs.
func (w *town) killServe() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.serve != nil {
		_ = w.serve.Process.Kill()
	}
}

// ready waits until the gateway answers.
func (w *town) ready() {
	for w.ctx.Err() == nil {
		if _, err := w.api.do(w.ctx, request{method: http.MethodGet, path: "/readyz"}); err == nil {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	w.Fatalf("the gateway did not become ready: %.4000s", w.words)
}

func (w *town) need(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// lead writes the config in which a connection is the primary one.
func (w *town) lead(connection string) {
	w.need(os.WriteFile(filepath.Join(w.dir, "scrip.yaml"), []byte(w.write(w, connection)), 0o600))
}

// control calls the control API of a sandbox.
func (w *town) control(box, call string, b body) {
	w.Helper()
	c := newClient(w.boxes[box], townKey)
	_, err := c.do(w.ctx, request{method: http.MethodPost, path: "/_sandbox/" + call, body: b})
	w.need(err)
}

// scrip runs a command and returns its exit code and words.
func (w *town) scrip(args ...string) (int, string) {
	cmd := w.command(args...)
	cmd.Dir = w.dir
	out, _ := cmd.CombinedOutput()
	return cmd.ProcessState.ExitCode(), string(out)
}

// must runs a command that has to succeed.
func (w *town) must(args ...string) {
	w.Helper()
	begun := time.Now()
	if code, words := w.scrip(args...); code != 0 {
		w.Errorf("scrip %v: exit %d: %.4000s", args, code, words)
	}
	w.Logf("%v took %s", args, time.Since(begun).Round(time.Millisecond))
}

// killed runs a command and kills it after a while; it reports whether the
// command came to its end before.
func (w *town) killed(after time.Duration, args ...string) bool {
	cmd := w.command(args...)
	cmd.Dir = w.dir
	w.need(cmd.Start())
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	return cmd.Wait() == nil
}

// call repeats a call with its key until it is answered. ok is false when it
// was refused, which is an error of the test.
func (w *town) call(r request) (a answer, ok bool) {
	for w.ctx.Err() == nil {
		a, err := w.api.do(w.ctx, r)
		if err == nil {
			return a, true
		}
		if core.CodeOf(err) != core.CodeUnavailable {
			w.Errorf("%s %s %s: %v", r.method, r.path, r.key, err)
			return a, false
		}
		time.Sleep(10 * time.Millisecond)
	}
	return a, false
}

func (w *town) post(path, key string, b any) (answer, bool) {
	return w.call(request{method: http.MethodPost, path: path, key: key, body: b})
}

// rested waits until no queue has work.
func (w *town) rested() {
	w.Helper()
	for w.ctx.Err() == nil {
		busy := false
		a, err := w.api.do(w.ctx, request{method: http.MethodGet, path: "/v1/connections"})
		w.need(err)
		var list struct {
			Data []struct {
				Queues []struct{ Waiting, Open, Parked int }
			}
		}
		w.need(a.decode(&list))
		for _, c := range list.Data {
			for _, q := range c.Queues {
				busy = busy || q.Waiting+q.Open > 0
				if q.Parked > 0 {
					_, words := w.scrip("outbox", "list", "--state", "parked")
					w.Fatalf("parked: %.4000s", words)
				}
			}
		}
		if !busy {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	w.Fatal("the queues did not come to rest")
}
