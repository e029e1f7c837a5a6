package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
)

// town is a company on two vendors: sandboxes and a gateway as processes.
type town struct {
	*testing.T
	ctx   context.Context
	dir   string
	boxes map[string]string
	api   *client
	serve *exec.Cmd
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

func newTown(t *testing.T, primary string) *town {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	t.Cleanup(cancel)
	w := &town{T: t, ctx: ctx, dir: t.TempDir(), boxes: map[string]string{}}
	t.Setenv("VENDOR_KEY", "sk_test_town")
	t.Setenv("VENDOR_WEBHOOK_SECRET", "whsec_town_0123456789")
	t.Setenv("SCRIP_ADMIN_KEY", "scrip_admin_of_the_town")
	box := exec.CommandContext(ctx, "scrip", "sandbox", "stripe", "orb", "--addr", "127.0.0.1:0")
	out, err := box.StdoutPipe()
	w.need(err)
	w.need(box.Start())
	t.Cleanup(func() { _ = box.Process.Kill(); _ = box.Wait() })
	line := bufio.NewScanner(out)
	line.Scan()
	w.need(json.Unmarshal(line.Bytes(), &w.boxes))
	w.api = newClient("http://127.0.0.1:"+freePort(t), "scrip_admin_of_the_town")
	w.lead(primary)
	w.serve = exec.CommandContext(ctx, "scrip", "serve")
	w.serve.Dir = w.dir
	words := &lockedBuffer{}
	w.serve.Stderr = words
	w.need(w.serve.Start())
	t.Cleanup(func() { _ = w.serve.Process.Signal(os.Interrupt); _ = w.serve.Wait() })
	for range 2400 {
		if _, err := w.api.do(ctx, request{method: http.MethodGet, path: "/readyz"}); err == nil {
			return w
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatalf("the gateway did not become ready: %s", words)
	return nil
}

func (w *town) need(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// lead writes the config in which a connection is the primary one.
func (w *town) lead(connection string) {
	text := fmt.Sprintf(townConfig, strings.TrimPrefix(w.api.base, "http://"), w.boxes["stripe"], w.boxes["orb"], connection)
	w.need(os.WriteFile(filepath.Join(w.dir, "scrip.yaml"), []byte(text), 0o600))
}

// scrip runs a command and returns its exit code and words.
func (w *town) scrip(args ...string) (int, string) {
	cmd := exec.CommandContext(w.ctx, "scrip", args...)
	cmd.Dir = w.dir
	out, _ := cmd.CombinedOutput()
	return cmd.ProcessState.ExitCode(), string(out)
}

// killed runs a command and kills it after a while; it reports whether the
// command came to its end before.
func (w *town) killed(after time.Duration, args ...string) bool {
	cmd := exec.CommandContext(w.ctx, "scrip", args...)
	cmd.Dir = w.dir
	w.need(cmd.Start())
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	return cmd.Wait() == nil
}

// post repeats a call with its key until it is answered.
func (w *town) post(path, key string, b body) {
	for {
		_, err := w.api.do(w.ctx, request{method: http.MethodPost, path: path, key: key, body: b})
		if err == nil {
			return
		}
		if w.ctx.Err() != nil {
			return
		}
		if !strings.Contains(err.Error(), "answer") {
			w.Errorf("%s %s: %v", path, key, err)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (w *town) populate(customers int) {
	for i := range customers {
		id := fmt.Sprintf("c%02d", i)
		_, err := w.api.do(w.ctx, request{method: http.MethodPut, path: "/v1/customers/" + id, body: body{"name": id}})
		w.need(err)
		w.post("/v1/customers/"+id+"/grants", "paid-"+id, body{"amount": "5000", "category": "paid", "paid": body{"amount": "400", "currency": "usd"}})
		w.post("/v1/customers/"+id+"/grants", "gift-"+id, body{"amount": fmt.Sprint(10 + i), "category": "promotional", "expires_at": "2099-01-01T00:00:00Z"})
		w.post("/v1/holds", "hold-"+id, body{"customer": id, "amount": "7.25", "expires_in": "1h"})
	}
}

// agree compares what a vendor that holds units has left with the feed, by
// customer, as somebody from outside would.
func (w *town) agree(customers int) {
	w.Helper()
	left := map[string]*big.Rat{}
	for _, e := range outsideFeed(w.T, w.api.base, w.api.key) {
		amount := decimalOf(w.T, e.Amount)
		sum := left[e.Customer]
		if sum == nil {
			sum = new(big.Rat)
			left[e.Customer] = sum
		}
		for pot, sign := range map[string]int64{e.From: -1, e.To: 1} {
			if pot == "available" || pot == "held" {
				sum.Add(sum, new(big.Rat).Mul(amount, big.NewRat(sign, 1)))
			}
		}
	}
	var state struct {
		Customers []struct {
			ExternalID string `json:"external_id"`
			Grants     []struct{ Remaining string }
		}
	}
	fetch(w.T, w.boxes["orb"]+"/_sandbox/state", "sk_test_town", &state)
	if len(left) != customers || len(state.Customers) != customers {
		w.Errorf("%d customers in the feed, %d at the vendor, want %d", len(left), len(state.Customers), customers)
	}
	for _, c := range state.Customers {
		sum := new(big.Rat)
		for _, g := range c.Grants {
			sum.Add(sum, decimalOf(w.T, g.Remaining))
		}
		if ours := left[c.ExternalID]; ours == nil || sum.Cmp(ours) != 0 {
			w.Errorf("%s: the vendor has %s left, the feed %v", c.ExternalID, sum.FloatString(2), ours)
		}
	}
}

// TestMoveSurvivesKills moves a company from one vendor to another while it
// debits, kills the operator's command over and over, goes back, moves again
// and drains. Nothing is lost, nothing counted twice.
func TestMoveSurvivesKills(t *testing.T) {
	if testing.Short() {
		t.Skip("moves a whole company three times")
	}
	const customers = 6
	w := newTown(t, "main")
	w.populate(customers)
	var stop atomic.Bool
	var traffic conc.WaitGroup
	for i := range customers {
		traffic.Go(func() {
			id := fmt.Sprintf("c%02d", i)
			for n := 0; !stop.Load() && w.ctx.Err() == nil; n++ {
				w.post("/v1/debits", fmt.Sprintf("debit-%s-%d", id, n), body{"customer": id, "amount": "0.37"})
				time.Sleep(30 * time.Millisecond)
			}
		})
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	until := func(args ...string) {
		for range 10 {
			if w.killed(time.Duration(5+rnd.IntN(120))*time.Millisecond, args...) {
				break
			}
		}
		begun := time.Now()
		defer func() { t.Logf("%v took %s", args, time.Since(begun).Round(time.Millisecond)) }()
		if code, words := w.scrip(args...); code != 0 && !strings.Contains(words, "there is no move") {
			t.Fatalf("scrip %v: exit %d: %s", args, code, words)
		}
	}
	w.lead("next")
	until("apply", "--yes")
	if code, words := w.scrip("status", "--json"); code != 0 || !strings.Contains(words, `"phase":"moved"`) {
		t.Fatalf("status: exit %d: %s", code, words)
	}
	until("rollback")
	w.lead("main")
	if code, words := w.scrip("plan"); code != 0 {
		t.Fatalf("after going back the first config differs from what is applied: %s", words)
	}
	w.lead("next")
	until("apply", "--yes")
	stop.Store(true)
	traffic.Wait()
	w.rested()
	w.agree(customers)
	until("apply", "--drain")
	w.rested()
	for _, connection := range []string{"main", "next"} {
		if code, words := w.scrip("reconcile", "--connection", connection); code != 0 {
			t.Errorf("reconcile %s: exit %d: %s", connection, code, words)
		}
	}
	if code, words := w.scrip("audit"); code != 0 {
		t.Errorf("audit: exit %d: %s", code, words)
	}
}

// TestMoveTheOtherWay moves from a vendor that holds units to one that holds
// money, and drains.
func TestMoveTheOtherWay(t *testing.T) {
	const customers = 3
	w := newTown(t, "next")
	w.populate(customers)
	spend := func(key string) {
		for i := range customers {
			id := fmt.Sprintf("c%02d", i)
			w.post("/v1/debits", key+id, body{"customer": id, "amount": "33.33"})
		}
	}
	spend("before")
	w.rested()
	w.agree(customers)
	w.lead("main")
	for _, step := range [][]string{{"apply", "--yes"}, {"apply", "--drain"}} {
		if code, words := w.scrip(step...); code != 0 {
			t.Fatalf("scrip %v: exit %d: %s", step, code, words)
		}
		spend(fmt.Sprint(step))
		w.rested()
		for _, connection := range []string{"main", "next"} {
			if code, words := w.scrip("reconcile", "--connection", connection); code != 0 {
				t.Errorf("after %v, reconcile %s: exit %d: %s", step, connection, code, words)
			}
		}
	}
}

// rested waits until no queue has work.
func (w *town) rested() {
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
					w.Fatalf("parked: %s", words)
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
