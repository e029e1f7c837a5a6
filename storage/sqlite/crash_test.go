//go:build crash

package sqlite_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	zombie "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/storage/sqlite"
)

const crashStart core.Time = 1_700_000_000_000_000

var crashAccount = ledger.AccountKey{Customer: "ann", Unit: "credits"}

// TestMain makes the test binary its own child: with SCRIP_CRASH_STORY set it
// runs that story on the file SCRIP_CRASH_FILE and tells what was answered,
// until a crash point kills it.
func TestMain(m *testing.M) {
	name := os.Getenv("SCRIP_CRASH_STORY")
	if name == "" {
		os.Exit(m.Run())
	}
	err := tell(context.Background(), os.Getenv("SCRIP_CRASH_FILE"), name, func(line string) { fmt.Println(line) })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// story is a run of commands that may be told again from the start: every key
// is fixed. It answers each command that was committed.
type story struct {
	*ledger.Ledger
	ctx    context.Context
	calls  string // a file that stands for the vendor: one line per call
	answer func(line string)
}

var stories = map[string]func(*story) error{
	"debit":  (*story).debit,
	"inbox":  (*story).inbox,
	"outbox": (*story).outbox,
}

// tell opens the file as a server does and runs a story on it.
func tell(ctx context.Context, path, name string, answer func(string)) error {
	store, err := sqlite.OpenWith(ctx, path, sqlite.Options{Own: true})
	if err != nil {
		return err
	}
	l := ledger.Open(store, ledger.Options{
		Now: func() core.Time { return crashStart }, Units: []core.Unit{{Code: "credits", Scale: 2}}, Order: core.DefaultOrder(),
	})
	err = stories[name](&story{Ledger: l, ctx: ctx, calls: path + ".calls", answer: answer})
	l.Close()
	if closing := store.Close(); err == nil {
		err = closing
	}
	return err
}

// acknowledged is one answer: the request that it is kept under, and its text.
type acknowledged struct {
	Hash   string
	Answer json.RawMessage
}

// ack answers a keyed command.
func (s *story) ack(operation, key string, receipt any, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	raw, err := json.Marshal(receipt)
	if err != nil {
		return err
	}
	line, err := json.Marshal(acknowledged{ledger.RequestHash(operation, key), raw})
	s.answer(string(line))
	return err
}

func (s *story) customer() error {
	_, _, err := s.PutCustomer(s.ctx, ledger.Customer{ID: crashAccount.Customer})
	return err
}

// debit spends from a grant, at once and by a hold.
func (s *story) debit() error {
	if err := s.customer(); err != nil {
		return err
	}
	g, _, err := s.Issue(s.ctx, "grant", crashAccount, core.Terms{Amount: 100, Category: core.Promotional})
	if err := s.ack(ledger.OpGrant, "grant", g, err); err != nil {
		return err
	}
	d, _, err := s.Debit(s.ctx, "debit", ledger.Charge{Account: crashAccount, Amount: 30})
	if err := s.ack(ledger.OpDebit, "debit", d, err); err != nil {
		return err
	}
	h, _, err := s.Hold(s.ctx, "hold", ledger.Charge{Account: crashAccount, Amount: 20}, ledger.HoldTerms{For: time.Hour})
	if err := s.ack(ledger.OpHold, "hold", h, err); err != nil {
		return err
	}
	c, h, _, err := s.Capture(s.ctx, "capture", ledger.CaptureTerms{Hold: h.Hold.ID, Amount: 15, Final: true})
	return s.ack(ledger.OpCapture, "capture", map[string]any{"Debit": c, "Hold": h}, err)
}

// inbox receives an event that proves a payment, twice, and applies it.
func (s *story) inbox() error {
	if err := s.customer(); err != nil {
		return err
	}
	p, _, err := s.Buy(s.ctx, "buy", core.Purchase{
		Customer: "ann", Pack: "small", Unit: "credits", Credits: 500, Price: core.Money{Minor: 80_00, Currency: "usd"}, Connection: "east",
	})
	if err := s.ack(ledger.OpPurchase, "buy", p, err); err != nil {
		return err
	}
	event := &ledger.Event{
		ID: core.NewID(core.EventID, "evt_1", "inbox", "east/evt_1", 0), Connection: "east", VendorID: "evt_1", Body: []byte(p.ID),
		Received: crashStart, State: ledger.Waiting,
	}
	for range 2 {
		err := s.Do(s.ctx, &ledger.Op{
			Names: func(b *ledger.Batch) { b.Events = append(b.Events, ledger.Lease{ID: event.ID}) },
			Decide: func(tx *ledger.Tx) error {
				if tx.Event(event.ID) == nil {
					tx.PutEvent(event)
				}
				return nil
			},
		})
		if err != nil {
			return err
		}
	}
	return s.work(ledger.Inbox, func(c ledger.Claimed) error { return s.apply(p, c.Event) })
}

// work claims until nothing is left.
func (s *story) work(q ledger.Queue, one func(ledger.Claimed) error) error {
	for {
		items, err := s.Store().Claim(s.ctx, q, crashStart, crashStart, 10, time.Hour)
		if err != nil || len(items) == 0 {
			return err
		}
		for _, c := range items {
			if err := one(c); err != nil {
				return err
			}
		}
	}
}

// apply applies the payment and marks its event, in one commit.
func (s *story) apply(p core.Purchase, e *ledger.Event) error {
	return s.Do(s.ctx, &ledger.Op{
		Names: func(b *ledger.Batch) {
			b.Events = append(b.Events, ledger.Lease{ID: e.ID, Fence: e.Fence})
			ledger.NamesPayment(b, p)
		},
		Decide: func(tx *ledger.Tx) error {
			if _, _, err := tx.Pay(core.Payment{Purchase: core.ID(e.Body), Object: "invoice", Paid: p.Price, Settled: true}); err != nil {
				return err
			}
			done := *tx.Event(e.ID)
			done.State, done.Settled = ledger.Applied, tx.Now
			tx.PutEvent(&done)
			return nil
		},
	})
}

// outbox sends three intents of one stream and tells a vendor, marking each
// call before it is made and settling it with its link afterwards.
func (s *story) outbox() error {
	if err := s.customer(); err != nil {
		return err
	}
	for n := range 3 {
		i := &ledger.Intent{
			ID: core.NewID(core.IntentID, "ann", "crash", fmt.Sprint(n), 0), Connection: "east", Customer: "ann", Kind: "grant", Ref: fmt.Sprint("ref", n),
			Body: []byte("{}"), Due: crashStart, State: ledger.Waiting, Created: crashStart,
		}
		if err := s.Do(s.ctx, &ledger.Op{Names: func(*ledger.Batch) {}, Decide: func(tx *ledger.Tx) error { tx.Send(i); return nil }}); err != nil {
			return err
		}
	}
	return s.work(ledger.Outbox, func(c ledger.Claimed) error {
		i := c.Intent
		if err := s.settle(i, func(tx *ledger.Tx, i *ledger.Intent) { i.Tried, i.Leased = true, true }); err != nil {
			return err
		}
		if err := s.call(i); err != nil {
			return err
		}
		return s.settle(i, func(tx *ledger.Tx, i *ledger.Intent) {
			i.State, i.Settled, i.Leased = ledger.Applied, tx.Now, false
			tx.Link(ledger.Link{Connection: "east", Neutral: i.Ref, Role: "grant", Vendor: "v_" + i.Ref})
		})
	})
}

func (s *story) settle(i *ledger.Intent, change func(*ledger.Tx, *ledger.Intent)) error {
	return s.Do(s.ctx, &ledger.Op{
		Names: func(b *ledger.Batch) {
			b.Intents = append(b.Intents, ledger.Lease{ID: i.ID, Fence: i.Fence})
			b.Links = append(b.Links, ledger.LinkKey{Connection: "east", Neutral: i.Ref})
		},
		Decide: func(tx *ledger.Tx) error {
			now := *tx.Intent(i.ID)
			change(tx, &now)
			tx.SettleIntent(&now)
			return nil
		},
	})
}

// call makes the vendor hear of an intent under the intent's id.
func (s *story) call(i *ledger.Intent) error {
	f, err := os.OpenFile(s.calls, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintln(f, i.ID)
	return err
}

// run tells a story in a child that dies when it passes point for the k-th
// time. It returns what was answered, and whether the child was killed.
func run(t *testing.T, name, path, point string, k int) (answers []acknowledged, killed bool) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), "SCRIP_CRASH_STORY="+name, "SCRIP_CRASH_FILE="+path, fmt.Sprintf("SCRIP_CRASH=%s:%d", point, k))
	var out, errs bytes.Buffer
	child.Stdout, child.Stderr = &out, &errs
	if err := child.Run(); err != nil {
		status, ok := child.ProcessState.Sys().(syscall.WaitStatus)
		if killed = ok && status.Signaled() && status.Signal() == syscall.SIGKILL; !killed {
			t.Fatalf("the child failed: %v\n%s", err, errs.String())
		}
	}
	for lines := bufio.NewScanner(&out); lines.Scan(); {
		var a acknowledged
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			t.Fatalf("the child said %q", lines.Text())
		}
		answers = append(answers, a)
	}
	return answers, killed
}

// The points around a commit: before it begins, between its writes and the
// COMMIT, and after the COMMIT, before anybody hears of it.
var crashPoints = []string{"commit-begin", "commit-write", "commit-end"}

// TestCrash kills each story at every passing of every point. What was
// answered is there, what is there is whole, and telling the story again ends
// in the very state of a story that was never interrupted.
func TestCrash(t *testing.T) {
	for name := range stories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := filepath.Join(t.TempDir(), "whole.db")
			if _, killed := run(t, name, whole, "", 0); killed {
				t.Fatal("the child died without a point to die at")
			}
			want := final(t, whole)
			for _, point := range crashPoints {
				k := 1
				for ; ; k++ {
					path := filepath.Join(t.TempDir(), "scrip.db")
					answers, killed := run(t, name, path, point, k)
					if !killed {
						break
					}
					t.Run(fmt.Sprintf("%s %d", point, k), func(t *testing.T) { recovered(t, name, path, answers, want) })
				}
				if k-1 < 5 {
					t.Errorf("%s was passed %d times, the story has more commits", point, k-1)
				}
			}
		})
	}
}

// recovered checks the file of a story that was killed, and tells it again.
func recovered(t *testing.T, name, path string, answers []acknowledged, want string) {
	integrity(t, path)
	whole(t, path, answers)
	first := map[string]string{}
	for _, a := range answers {
		first[a.Hash] = string(a.Answer)
	}
	for range 2 { // and once more, which must change nothing
		err := tell(t.Context(), path, name, func(line string) {
			var a acknowledged
			if err := json.Unmarshal([]byte(line), &a); err != nil {
				t.Error(err)
			}
			if was, ok := first[a.Hash]; ok && was != string(a.Answer) {
				t.Errorf("a command was answered %s, and again %s", was, a.Answer)
			}
			first[a.Hash] = string(a.Answer)
		})
		if err != nil {
			t.Fatalf("telling the story again: %v", err)
		}
		if got := final(t, path); got != want {
			t.Fatalf("told again it ends in\n%s\nuninterrupted in\n%s", got, want)
		}
	}
	integrity(t, path)
	calls(t, path+".calls")
}

func integrity(t *testing.T, path string) {
	t.Helper()
	conn, err := zombie.OpenConn(path, zombie.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = sqlitex.ExecuteTransient(conn, "PRAGMA integrity_check", &sqlitex.ExecOptions{ResultFunc: func(s *zombie.Stmt) error {
		if text := s.ColumnText(0); text != "ok" {
			t.Errorf("integrity: %s", text)
		}
		return nil
	}})
	if err != nil {
		t.Error(err)
	}
}

// open opens a file for reading.
func openReader(t *testing.T, path string) ledger.Reader {
	t.Helper()
	store, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store.Reader()
}

// whole checks the invariants of a file as the crash left it: what was
// answered is there; a request has all its entries and entries have their
// request; the payment and its mark, the settling and its link are together.
func whole(t *testing.T, path string, answers []acknowledged) {
	t.Helper()
	r, ctx := openReader(t, path), t.Context()
	for _, a := range answers {
		req, err := r.Entries.Request(ctx, a.Hash)
		if err != nil || req == nil {
			t.Errorf("an answered command is lost: %s, %v", a.Answer, err)
		} else if string(req.Result) != string(a.Answer) {
			t.Errorf("%s was answered and %s was stored", a.Answer, req.Result)
		}
	}
	report, err := ledger.Audit(ctx, r, nil)
	if err != nil || len(report.Findings) > 0 {
		t.Errorf("audit: %+v, %v", report.Findings, err)
	}
	entries, err := r.Entries.Feed(ctx, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	paid := false
	for _, e := range entries {
		req, err := r.Entries.Request(ctx, ledger.HashOf(e.Source))
		if err != nil {
			t.Fatal(err)
		}
		// A purchase's grant is made by its payment, not by a request.
		if bought := strings.HasPrefix(string(e.Source), core.GrantID) && req == nil; bought {
			paid = true
		} else if req == nil {
			t.Errorf("%s of %d has no request", e.Kind, e.Amount)
		}
	}
	events, err := r.Queues.Events(ctx, ledger.QueueFilter{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	if applied := slices.ContainsFunc(events, func(e ledger.Event) bool { return e.State == ledger.Applied }); applied != paid {
		t.Errorf("the event is applied: %v, its credits are there: %v", applied, paid)
	}
	intents, err := r.Queues.Intents(ctx, ledger.QueueFilter{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range intents {
		links, err := r.Links.Links(ctx, ledger.LinkKey{Connection: "east", Neutral: i.Ref})
		if err != nil || (len(links) == 1) != (i.State == ledger.Applied) || i.State == ledger.Applied && !i.Tried {
			t.Errorf("intent %s is %s, tried %v, with links %v, %v", i.Ref, i.State, i.Tried, links, err)
		}
	}
}

// calls checks that the vendor was called in order and, when a call was
// repeated, with the same key and nothing between.
func calls(t *testing.T, path string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	keys := strings.Fields(string(raw))
	if distinct := slices.Compact(slices.Clone(keys)); len(distinct) != 3 || len(keys) > 4 {
		t.Errorf("the vendor was called with %v", keys)
	}
}

// final writes down where a story ended. Fences count claims, which a crash
// repeats; everything else must be as if nothing had happened.
func final(t *testing.T, path string) string {
	t.Helper()
	r, ctx := openReader(t, path), t.Context()
	var b strings.Builder
	write := func(v any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(raw, '\n'))
	}
	entries, err := r.Entries.Feed(ctx, 0, 1000)
	write(entries, err)
	account, err := r.Accounts.Account(ctx, crashAccount)
	write(account, err)
	grants, err := r.Accounts.Grants(ctx, crashAccount, 0, 10)
	write(grants, err)
	holds, err := r.Accounts.Holds(ctx, crashAccount, "", 10)
	write(holds, err)
	for _, kind := range []string{ledger.CustomerKind, ledger.PurchaseKind} {
		records, err := r.Records.List(ctx, kind, "", 10)
		write(records, err)
	}
	events, err := r.Queues.Events(ctx, ledger.QueueFilter{Limit: 10})
	for i := range events {
		events[i].Fence = 0
	}
	write(events, err)
	intents, err := r.Queues.Intents(ctx, ledger.QueueFilter{Limit: 10})
	for i := range intents {
		intents[i].Fence = 0
	}
	write(intents, err)
	for n := range 3 {
		links, err := r.Links.Links(ctx, ledger.LinkKey{Connection: "east", Neutral: fmt.Sprint("ref", n)})
		write(links, err)
	}
	return b.String()
}
