package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
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
func TestKeptDemoAddsUp(t *testing.T) {
	if testing.Short() {
		t.Skip("plays the whole demo")
	}
	dir := filepath.Join(t.TempDir(), "kept")
	url, key, box, stop := playKept(t, dir)
	entries := outsideFeed(t, url, key)
	state := outsideState(t, box)
	stop()
	for _, file := range []string{"scrip.db", "scrip.yaml"} {
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
			t.Errorf("--keep left no %s: %v", file, err)
		}
	}
	checkOutside(t, entries, state)
}

// playKept runs the demo until its story has ended and it goes on serving.
func playKept(t *testing.T, dir string) (api, key, box string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "scrip", "demo", "--json", "--keep", dir)
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
	return first.URL, first.Key, first.Sandboxes["stripe"], func() {
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
		Amount   string
		Metadata map[string]string
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

func checkOutside(t *testing.T, entries []outsideEntry, state map[string]outsideCustomer) {
	t.Helper()
	consumed, grants, seqs := map[string]*big.Rat{}, map[string]map[string]*big.Rat{}, map[string]int64{}
	packs := map[string]int64{}
	for _, e := range entries {
		if seqs[e.Customer]++; e.Seq != seqs[e.Customer] {
			t.Errorf("%s: entry %d where %d was due", e.Customer, e.Seq, seqs[e.Customer])
		}
		amount := decimalOf(t, e.Amount)
		if consumed[e.Customer] == nil {
			consumed[e.Customer], grants[e.Customer] = new(big.Rat), map[string]*big.Rat{}
		}
		if e.To == "consumed" {
			consumed[e.Customer].Add(consumed[e.Customer], amount)
		}
		if e.From == "consumed" {
			consumed[e.Customer].Sub(consumed[e.Customer], amount)
		}
		if e.Kind == "grant" {
			grants[e.Customer][e.Grant] = amount
			if e.Amount == "1000.00" {
				packs[e.Customer]++
			}
		}
	}
	if len(consumed) < 2 {
		t.Fatalf("the feed names %d customers, want at least 2", len(consumed))
	}
	for name, sum := range consumed {
		c, there := state[name]
		if !there {
			t.Errorf("customer %q is not at the vendor", name)
			continue
		}
		if c.Consumed != cents(sum) {
			t.Errorf("%s: the vendor counts %s cents, the feed %s", name, c.Consumed, cents(sum))
		}
		first := 0 // grants as they were first given; one that was trued up is made again with what is left
		for _, g := range c.Grants {
			if used := g.Metadata["consumed"]; used != "" && decimalOf(t, used).Sign() != 0 {
				continue
			}
			first++
			ours := grants[name][g.Metadata["scrip_grant"]]
			if ours == nil {
				t.Errorf("%s: the vendor holds a grant that is not ours: %v", name, g.Metadata)
			} else if held := new(big.Rat).Mul(decimalOf(t, g.Amount), big.NewRat(100, 1)); held.RatString() != cents(ours) {
				t.Errorf("%s: the vendor holds %s for a grant of %s", name, g.Amount, ours.FloatString(2))
			}
		}
		if first != len(grants[name]) {
			t.Errorf("%s: %d grants at the vendor, %d in the feed", name, first, len(grants[name]))
		}
		paid := new(big.Rat)
		for _, i := range c.Invoices {
			if i.Status == "paid" && i.Metadata["scrip_purchase"] != "" {
				paid.Add(paid, decimalOf(t, i.Paid))
			}
		}
		if want := fmt.Sprintf("%d.00", 80*packs[name]); paid.FloatString(2) != want {
			t.Errorf("%s: invoices paid %s, packs granted are worth %s", name, paid.FloatString(2), want)
		}
	}
}
