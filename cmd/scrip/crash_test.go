//go:build crash

package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"scrip/adapters/sandbox"
	"scrip/core"
)

// crashConfig is the town's config, with places for its unit and for what an
// image costs.
const crashConfig = `version: 1
listen: %s
UNIT
connections:
  main: {provider: stripe, api_key: env:VENDOR_KEY, webhook_secrets: [env:VENDOR_WEBHOOK_SECRET], base_url: "%s"}
  next: {provider: orb, api_key: env:VENDOR_KEY, webhook_secrets: [env:VENDOR_WEBHOOK_SECRET], base_url: "%s"}
route: {primary: %s, payments: main}
mapping:
  main: {window: 1s, limit: 1000, share: 1}
  next: {window: 1s, limit: 1000, share: 1}
rate_card: {version: "1", actions: {image: {cost: IMAGE}}}
packs: {starter: {credits: 1000, price: 80 usd, expires: 12 months}}
`

// wreck is a town whose processes are killed, or made to fail, at numbered
// statements and calls. Which, a seed decides: SCRIP_CRASH_SEED repeats a run.
// With SCRIP_CRASH_LONG=1 every number is taken, one after the other.
type wreck struct {
	*town
	rnd  *rand.Rand
	long bool
	hits map[string]int // how often each way to fail was met
}

func newWreck(t *testing.T, unit string) *wreck {
	seed := rand.Uint64()
	if text := os.Getenv("SCRIP_CRASH_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	t.Logf("SCRIP_CRASH_SEED=%d", seed)
	long, patience := os.Getenv("SCRIP_CRASH_LONG") == "1", 5*time.Minute
	if long {
		patience = 12 * time.Hour
	}
	config := strings.NewReplacer("UNIT", unit, "IMAGE", "5").Replace(crashConfig)
	w := &wreck{town: newTown(t, config, "main", patience), rnd: rand.New(rand.NewPCG(seed, 1)), long: long, hits: map[string]int{}}
	w.control("stripe", "webhooks", body{"url": w.api.base + "/v1/webhooks/main", "secret": townSecret})
	t.Cleanup(func() { t.Logf("met: %v", w.hits) })
	return w
}

// somewhere chooses where the n-th attempt at something fails: the first ones
// early, since work that goes on from where it stood has ever less to do.
func (w *wreck) somewhere(n int) string {
	kind, most := "statement", 12<<n
	if w.rnd.IntN(3) == 0 {
		kind, most = "call", 2<<n
	}
	how := ""
	if w.rnd.IntN(5) == 0 {
		how = ":fail"
	}
	return fmt.Sprintf("%s:%d%s", kind, 1+w.rnd.IntN(most), how)
}

// arm kills the gateway and lets the next one, and no other, fail at a place.
func (w *wreck) arm(at string) {
	w.Helper()
	w.Logf("the gateway at %q", at)
	w.need(os.Setenv("SCRIP_CRASH_AT", at))
	defer func() { _ = os.Unsetenv("SCRIP_CRASH_AT") }()
	old := w.running()
	w.killServe()
	for now := old; now == nil || now == old; now = w.running() {
		if w.ctx.Err() != nil {
			w.Fatal("no gateway was started")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (w *wreck) running() *exec.Cmd {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.serve
}

// at runs a command that fails at a place, and reports whether it was killed
// and its exit code.
func (w *wreck) at(place string, args ...string) (killed bool, code int) {
	cmd := w.command(args...)
	cmd.Dir, cmd.Env = w.dir, append(os.Environ(), "SCRIP_CRASH_AT="+place)
	words := &bytes.Buffer{}
	cmd.Stderr = words
	begun := time.Now()
	_ = cmd.Run()
	code = cmd.ProcessState.ExitCode()
	w.Logf("%v at %q: exit %d after %s", args, place, code, time.Since(begun).Round(time.Millisecond))
	if strings.Contains(words.String(), "panic") {
		w.Errorf("scrip %v at %s: %s", args, place, words)
	}
	return code == -1, code
}

// sure repeats a call with its key, on whatever failure of the server, until
// it is answered.
func (w *wreck) sure(method, path, key string, b any) (a answer) {
	w.Helper()
	for w.ctx.Err() == nil {
		a, err := w.api.do(w.ctx, request{method: method, path: path, key: key, body: b})
		if err == nil {
			return a
		}
		if code := core.CodeOf(err); code != core.CodeUnavailable {
			w.Fatalf("%s %s %s: %s: %v", method, path, key, code, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.Fatal("time is up")
	return a
}

func (w *wreck) id(a answer) string {
	w.Helper()
	var made struct{ ID string }
	if err := a.decode(&made); err != nil || made.ID == "" {
		w.Fatalf("the answer has no id: %s", a.raw)
	}
	return made.ID
}

// live plays all that an application does with one customer.
func (w *wreck) live(id string) {
	w.Helper()
	w.sure(http.MethodPut, "/v1/customers/"+id, "", body{"name": id})
	grants := "/v1/customers/" + id + "/grants"
	w.sure(http.MethodPost, grants, "grant-"+id, body{"amount": "100", "category": "paid", "paid": body{"amount": "8", "currency": "usd"}})
	gone := w.id(w.sure(http.MethodPost, grants, "gift-"+id, body{"amount": "3", "category": "promotional", "effective_at": "2098-01-01T00:00:00Z"}))
	debit := w.id(w.sure(http.MethodPost, "/v1/debits", "debit-"+id, body{"customer": id, "action": "image", "quantity": "2"}))
	hold := w.id(w.sure(http.MethodPost, "/v1/holds", "hold-"+id, body{"customer": id, "amount": "20", "expires_in": "1h"}))
	w.sure(http.MethodPost, "/v1/holds/"+hold+"/capture", "capture-"+id, body{"amount": "15"})
	w.sure(http.MethodPost, "/v1/debits/"+debit+"/reverse", "reverse-"+id, body{"amount": "4"})
	w.sure(http.MethodPost, "/v1/customers/"+id+"/purchases", "buy-"+id, body{"pack": "starter"})
	w.sure(http.MethodPost, "/v1/grants/"+gone+"/void", "void-"+id, nil)
}

// livedConsumed is what a customer who has lived has consumed: two images at 5
// and 15 of a hold, less the 4 that were given back.
const livedConsumed = 21

// whole checks from outside that customers have one effect of each request, in
// the feed and at the vendor that leads.
func (w *wreck) whole(leader string, ids ...string) {
	w.Helper()
	if code, words := w.scrip("audit"); code != 0 {
		w.Errorf("audit: exit %d: %.3000s", code, words)
	}
	if code, words := w.scrip("reconcile", "--connection", leader); code != 0 {
		w.Errorf("reconcile %s: exit %d: %.3000s", leader, code, words)
	}
	byKey := map[string]int{}
	consumed := map[string]*big.Rat{}
	for _, e := range outsideFeed(w.T, w.api.base, w.api.key) {
		if e.Kind == "grant" {
			byKey[e.Customer]++
		}
		sum := consumed[e.Customer]
		if sum == nil {
			sum = new(big.Rat)
			consumed[e.Customer] = sum
		}
		switch amount := decimalOf(w.T, e.Amount); {
		case e.Unit != "credits":
		case e.To == "consumed":
			sum.Add(sum, amount)
		case e.From == "consumed":
			sum.Sub(sum, amount)
		}
	}
	for _, id := range ids {
		if byKey[id] != 3 {
			w.Errorf("%s has %d grants, want the paid one, the gift and the pack", id, byKey[id])
		}
		if sum := consumed[id]; sum == nil || sum.Cmp(big.NewRat(livedConsumed, 1)) != 0 {
			w.Errorf("%s has consumed %v, want %d", id, sum, livedConsumed)
		}
	}
	for _, box := range []string{"stripe", "orb"} {
		w.single(box)
	}
}

// single checks that a vendor has nothing twice.
func (w *wreck) single(box string) {
	w.Helper()
	seen, state := map[string]bool{}, readState(w.T, w.boxes[box])
	for i := range state.Customers {
		c := &state.Customers[i]
		if seen[c.ExternalID] {
			w.Errorf("%s stands twice at %s", c.ExternalID, box)
		}
		seen[c.ExternalID] = true
		inForce(w.T, c)
		sold := map[string]*sandbox.Invoice{}
		for n := range c.Invoices {
			inv := &c.Invoices[n]
			if p := inv.Metadata["scrip_purchase"]; p != "" && sold[p] != nil {
				w.Errorf("purchase %s has the invoices %s and %s at %s", p, sold[p].ID, inv.ID, box)
			} else if p != "" {
				sold[p] = inv
			}
		}
	}
}

// TestCrashGateway kills the gateway, or fails it, at sampled statements and
// calls of a grant, a debit, a hold, a capture, a reversal, a void and a
// purchase with its payment's webhook, and of carrying them to the vendor
// (CR-01 to CR-06). Each request is repeated with its key until it is answered.
func TestCrashGateway(t *testing.T) {
	w := newWreck(t, inCredits)
	log := filepath.Join(t.TempDir(), "log")
	w.need(os.Setenv("SCRIP_CRASH_LOG", log))
	w.arm("") // a clean run, to see how much there is to number
	w.need(os.Unsetenv("SCRIP_CRASH_LOG"))
	ids := []string{"clean"}
	w.ready()
	w.live("clean")
	w.settled()
	raw, err := os.ReadFile(log)
	w.need(err)
	statements, calls := bytes.Count(raw, []byte("statement\n")), bytes.Count(raw, []byte("call\n"))
	if statements < 200 || calls < 20 {
		t.Fatalf("a clean run has %d statements and %d calls", statements, calls)
	}
	t.Logf("a clean run has %d statements and %d ends of calls", statements, calls)
	var places []string
	if w.long {
		for _, how := range []string{"", ":fail"} {
			for k := 1; k <= statements; k++ {
				places = append(places, fmt.Sprintf("statement:%d%s", k, how))
			}
			for k := 1; k <= calls; k++ {
				places = append(places, fmt.Sprintf("call:%d%s", k, how))
			}
		}
	} else {
		for n := range 8 {
			kind, most := "statement", statements/2 // what comes later waits for windows, and polls
			if n%2 == 1 {
				kind, most = "call", calls
			}
			places = append(places, fmt.Sprintf("%s:%d%s", kind, 1+w.rnd.IntN(most), []string{"", "", ":fail"}[w.rnd.IntN(3)]))
		}
	}
	for n, place := range places {
		id := fmt.Sprintf("c%04d", n)
		w.arm(place)
		armed := w.running()
		w.live(id)
		if n%2 == 0 {
			w.payPacks() // or later, together with the next one's
		}
		// It dies at its place, soon, or by the next one's arming.
		for until := time.Now().Add(w.patience()); w.running() == armed && time.Now().Before(until); {
			time.Sleep(10 * time.Millisecond)
		}
		if w.running() != armed {
			w.hits["killed"]++
		}
		ids = append(ids, id)
		if t.Failed() {
			t.Fatalf("at %s", place)
		}
	}
	w.rest()
	w.settled()
	w.whole("main", ids...)
}

// patience is how long a gateway may go on that has answered everything.
func (w *wreck) patience() time.Duration {
	if w.long {
		return 5 * time.Second
	}
	return 1500 * time.Millisecond
}

// calm waits until no queue has work, through whatever happens to the gateway.
func (w *wreck) calm() {
	w.Helper()
	for ; w.ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		a, err := w.api.do(w.ctx, request{method: http.MethodGet, path: "/v1/connections"})
		var list struct {
			Data []struct {
				Queues []struct{ Waiting, Open, Parked int }
			}
		}
		if err != nil || a.decode(&list) != nil {
			continue
		}
		busy := false
		for _, c := range list.Data {
			for _, q := range c.Queues {
				busy = busy || q.Waiting+q.Open > 0
				if q.Parked > 0 {
					_, out := w.scrip("outbox", "list", "--state", "parked")
					_, in := w.scrip("webhooks", "list", "--state", "parked")
					w.Fatalf("parked: %.3000s %.3000s", out, in)
				}
			}
		}
		if !busy {
			return
		}
	}
	w.Fatal("the queues did not come to rest")
}

// settled pays what was bought and waits until all packs are there and nothing
// is left to do.
func (w *wreck) settled() {
	w.Helper()
	w.calm()
	w.payPacks()
	for until := time.Now().Add(time.Minute); time.Now().Before(until); {
		bought, granted := map[string]bool{}, map[string]bool{}
		for _, e := range outsideFeed(w.T, w.api.base, w.api.key) {
			bought[e.Customer] = true
			if e.Kind == "grant" && strings.HasPrefix(e.Amount, "1000") {
				granted[e.Customer] = true
			}
		}
		if len(bought) == len(granted) {
			w.calm()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	w.Fatal("not every payment came")
}

// TestCrashDeviceFull fills the device under a gateway: it refuses what it
// cannot keep, a webhook too, goes on answering reads, and recovers by itself
// (CR-11). It needs the right to mount.
func TestCrashDeviceFull(t *testing.T) {
	dir, err := os.MkdirTemp("", "scrip-full-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if !mounted(t, dir) {
		return
	}
	t.Setenv("TMPDIR", dir)
	w := newWreck(t, inCredits)
	w.live("ann")
	w.calm()
	free := fillDevice(t, filepath.Join(dir, "filler"))
	var refused []string
	for n := 0; len(refused) < 3; n++ {
		key := fmt.Sprintf("full-%d", n)
		a, err := w.api.do(w.ctx, request{method: http.MethodPost, path: "/v1/debits", key: key, body: body{"customer": "ann", "amount": "1"}})
		switch {
		case err == nil && n > 1000:
			t.Fatal("the device never became full")
		case err == nil:
			w.sure(http.MethodPost, "/v1/debits/"+w.id(a)+"/reverse", "back-"+key, body{})
		case core.CodeOf(err) != core.CodeUnavailable || a.status != http.StatusServiceUnavailable:
			t.Fatalf("on a full device: status %d, %v", a.status, err)
		default:
			refused = append(refused, key)
		}
	}
	if _, err := w.api.do(w.ctx, request{method: http.MethodGet, path: "/v1/customers/ann/balance"}); err != nil {
		t.Errorf("a balance on a full device: %v", err)
	}
	w.payPacks() // what is delivered now cannot be kept
	time.Sleep(300 * time.Millisecond)
	free()
	for _, key := range refused {
		debit := w.id(w.sure(http.MethodPost, "/v1/debits", key, body{"customer": "ann", "amount": "1"}))
		w.sure(http.MethodPost, "/v1/debits/"+debit+"/reverse", "back-"+key, body{})
	}
	w.settled()
	w.whole("main", "ann")
}

// mounted makes a folder a small device.
func mounted(t *testing.T, dir string) bool {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=12m"); err != nil {
		t.Logf("a small device cannot be mounted here (%v): nothing was tried", err)
		return false
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return true
}

// fillDevice writes a file until nothing fits any more.
func fillDevice(t *testing.T, path string) (free func()) {
	t.Helper()
	f, err := os.Create(path)
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	_ = f.Close()
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}
