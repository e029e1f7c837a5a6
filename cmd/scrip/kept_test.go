package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestKeptDemoAddsUp plays the demo and then, as somebody from outside who
// sees only the feed and the sandbox's state, recomputes every total of it.
// MG-07.
func TestKeptDemoAddsUp(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("plays the whole demo")
	}
	dir := filepath.Join(t.TempDir(), "kept")
	url, key, boxes, stop := playKept(t, dir)
	entries := outsideFeed(t, url, key)
	source, target := outsideState(t, boxes["stripe"]), outsideState(t, boxes["orb"])
	stop()
	for _, file := range []string{"scrip.db", "scrip.yaml"} {
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
			t.Errorf("--keep left no %s: %v", file, err)
		}
	}
	accounts := addUp(t, entries)
	if len(accounts) < 2 {
		t.Fatalf("the feed names %d customers, want at least 2", len(accounts))
	}
	for name, a := range accounts {
		a.exchanged(t, name)
		a.atSource(t, name, source)
		a.atTarget(t, name, target)
	}
}

// playKept runs the demo until its story has ended and it goes on serving.
func playKept(t *testing.T, dir string) (api, key string, boxes map[string]string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, shipped(t), "demo", "--json", "--keep", dir)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	words := &lockedBuffer{}
	cmd.Stderr = words
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	lines.Scan()
	var first struct {
		URL, Key  string
		Sandboxes map[string]string
	}
	if err := json.Unmarshal(lines.Bytes(), &first); err != nil {
		t.Fatalf("first line %q: %v", lines.Text(), err)
	}
	checks := make(chan int)
	go func() {
		n := 0
		for lines.Scan() {
			if strings.Contains(lines.Text(), `"ok":false`) {
				t.Error(lines.Text())
			}
			n++
		}
		checks <- n
	}()
	for !strings.Contains(words.String(), "serves") {
		if ctx.Err() != nil || strings.Contains(words.String(), "did not hold") || strings.Contains(words.String(), "broke off") {
			t.Fatalf("the demo did not come to its end: %s", words.String())
		}
		time.Sleep(50 * time.Millisecond)
	}
	return first.URL, first.Key, first.Sandboxes, func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		if n := <-checks; n < 25 {
			t.Errorf("%d checks, want at least 25", n)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the demo ended with %v: %s", err, words.String())
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// outsideEntry is what a stranger reads of the feed.
type outsideEntry struct {
	Customer, Unit, Kind, Grant, From, To, Amount string
	Seq                                           int64
	RecordedAt                                    time.Time `json:"recorded_at"`
}

func fetch(t *testing.T, target, key string, into any) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %v: %s", target, resp.StatusCode, err, raw)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

func outsideFeed(t *testing.T, api, key string) []outsideEntry {
	t.Helper()
	var all []outsideEntry
	for cursor := ""; ; {
		var page struct {
			Data []outsideEntry
			Next string `json:"next_cursor"`
		}
		fetch(t, api+"/v1/feed?limit=7&cursor="+url.QueryEscape(cursor), key, &page)
		if len(page.Data) == 0 {
			return all
		}
		all, cursor = append(all, page.Data...), page.Next
	}
}

// outsideCustomer is what a stranger reads of the sandbox's state.
type outsideCustomer struct {
	ExternalID string `json:"external_id"`
	Consumed   string
	Grants     []struct {
		Amount, Remaining, Unit string
		Metadata                map[string]string
	}
	Invoices []struct {
		Status, Paid string
		Metadata     map[string]string
	}
}

func outsideState(t *testing.T, box string) map[string]outsideCustomer {
	t.Helper()
	var state struct{ Customers []outsideCustomer }
	fetch(t, box+"/_sandbox/state", "", &state)
	byID := map[string]outsideCustomer{}
	for _, c := range state.Customers {
		if _, twice := byID[c.ExternalID]; twice {
			t.Errorf("customer %q stands twice at the vendor", c.ExternalID)
		}
		byID[c.ExternalID] = c
	}
	return byID
}

// cents is floor(amount x 8) of a decimal amount: one credit is worth 8 cents.
func cents(sum *big.Rat) string {
	value := new(big.Rat).Mul(sum, big.NewRat(8, 1))
	return new(big.Int).Quo(value.Num(), value.Denom()).String()
}

func decimalOf(t *testing.T, text string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(text)
	if !ok || strings.ContainsAny(text, "eE/") {
		t.Fatalf("%q is not a decimal", text)
	}
	return r
}

// outsideAccount is what the entries of one customer add up to.
type outsideAccount struct {
	told   *big.Rat            // credits that were consumed while the first vendor was told
	grants map[string]*big.Rat // credits that were granted, by grant
	pots   map[string]*big.Rat // by unit and pot
	packs  int64
}

// stayed is how long the company is at its first vendor: it leaves in the
// second month, and nothing happens for the rest of that.
const stayed = 45 * 24 * time.Hour

// addUp reads the entries of all customers.
func addUp(t *testing.T, entries []outsideEntry) map[string]*outsideAccount {
	t.Helper()
	all, seqs := map[string]*outsideAccount{}, map[string]int64{}
	for _, e := range entries {
		account := e.Customer + " in " + e.Unit
		if seqs[account]++; e.Seq != seqs[account] {
			t.Errorf("%s: entry %d where %d was due", account, e.Seq, seqs[account])
		}
		a := all[e.Customer]
		if a == nil {
			a = &outsideAccount{told: new(big.Rat), grants: map[string]*big.Rat{}, pots: map[string]*big.Rat{}}
			all[e.Customer] = a
		}
		amount := decimalOf(t, e.Amount)
		for pot, sign := range map[string]int64{e.From: -1, e.To: 1} {
			change := new(big.Rat).Mul(amount, big.NewRat(sign, 1))
			sum := a.pot(e.Unit, pot)
			sum.Add(sum, change)
			if pot == "consumed" && e.RecordedAt.Before(entries[0].RecordedAt.Add(stayed)) {
				a.told.Add(a.told, change)
			}
		}
		if e.Kind == "grant" && e.Unit == "credits" {
			a.grants[e.Grant] = amount
		}
		if e.Kind == "grant" && (e.Amount == "1000.00" || e.Amount == "80.000000") {
			a.packs++
		}
	}
	return all
}

func (a *outsideAccount) pot(unit, pot string) *big.Rat {
	if a.pots[unit+" "+pot] == nil {
		a.pots[unit+" "+pot] = new(big.Rat)
	}
	return a.pots[unit+" "+pot]
}

func (a *outsideAccount) left(unit string) *big.Rat {
	return new(big.Rat).Add(a.pot(unit, "available"), a.pot(unit, "held"))
}

// exchanged checks that what left the one unit came in the other, at 0.08
// dollars a credit, and that nothing is left of the first.
func (a *outsideAccount) exchanged(t *testing.T, name string) {
	t.Helper()
	gone := new(big.Rat).Mul(a.pot("credits", "converted"), big.NewRat(8, 100))
	if a.pot("credits", "issued").Sign() == 0 && a.pot("usd", "converted").Sign() == 0 {
		return // a customer who came later
	}
	if gone.Sign() <= 0 || gone.Cmp(new(big.Rat).Neg(a.pot("usd", "converted"))) != 0 {
		t.Errorf("%s: credits worth %s went, and %s dollars came", name, gone.FloatString(6), a.pot("usd", "converted").FloatString(6))
	}
	if a.left("credits").Sign() != 0 {
		t.Errorf("%s has %s credits left", name, a.left("credits").FloatString(2))
	}
}

// atSource checks the vendor that the company began at, to which all packs
// were paid.
func (a *outsideAccount) atSource(t *testing.T, name string, state map[string]outsideCustomer) {
	t.Helper()
	c, there := state[name]
	if !there {
		t.Errorf("customer %q is not at the vendor", name)
		return
	}
	if c.Consumed != cents(a.told) {
		t.Errorf("%s: the vendor counts %s cents, the feed %s", name, c.Consumed, cents(a.told))
	}
	first := 0 // grants as they were first given; one that was trued up is made again with what is left
	for _, g := range c.Grants {
		if used := g.Metadata["consumed"]; used != "" && decimalOf(t, used).Sign() != 0 {
			continue
		}
		first++
		ours := a.grants[g.Metadata["scrip_grant"]]
		if ours == nil {
			t.Errorf("%s: the vendor holds a grant that is not ours: %v", name, g.Metadata)
		} else if held := new(big.Rat).Mul(decimalOf(t, g.Amount), big.NewRat(100, 1)); held.RatString() != cents(ours) {
			t.Errorf("%s: the vendor holds %s for a grant of %s", name, g.Amount, ours.FloatString(2))
		}
	}
	if first != len(a.grants) {
		t.Errorf("%s: %d grants at the vendor, %d in the feed", name, first, len(a.grants))
	}
	paid := new(big.Rat)
	for _, i := range c.Invoices {
		if i.Status == "paid" && i.Metadata["scrip_purchase"] != "" {
			paid.Add(paid, decimalOf(t, i.Paid))
		}
	}
	// Overage is billed at 1.20 for each dollar beyond the plan.
	want := new(big.Rat).Sub(big.NewRat(int64(80*a.packs), 1), new(big.Rat).Mul(a.pot("usd", "billed"), big.NewRat(12, 10)))
	if paid.Cmp(want) != 0 {
		t.Errorf("%s: invoices paid %s, packs granted and overage are worth %s", name, paid.FloatString(2), want.FloatString(2))
	}
}

// atTarget checks the vendor that the company ends at: it has all dollars that
// are left, and no credits.
func (a *outsideAccount) atTarget(t *testing.T, name string, state map[string]outsideCustomer) {
	t.Helper()
	dollars := new(big.Rat)
	for _, g := range state[name].Grants {
		remaining := decimalOf(t, g.Remaining)
		if strings.EqualFold(g.Unit, "usd") {
			dollars.Add(dollars, remaining)
		} else if remaining.Sign() != 0 {
			t.Errorf("%s: %s %s are left where credits are no more", name, g.Remaining, g.Unit)
		}
	}
	if want := a.left("usd"); want.Sign() <= 0 || dollars.Cmp(want) != 0 {
		t.Errorf("%s: the vendor has %s dollars left, the feed %s", name, dollars.FloatString(6), want.FloatString(6))
	}
}
