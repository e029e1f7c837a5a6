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

	zombie "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/plan"
	"scrip/internal/crash"
	"scrip/storage/sqlite"
)

// TestMain makes the test binary its own child: with SCRIP_CRASH_STORY set it
// runs that story on the file SCRIP_CRASH_FILE and tells what was answered,
// until a statement kills it.
func TestMain(m *testing.M) {
	name := os.Getenv("SCRIP_CRASH_STORY")
	if name == "" {
		os.Exit(m.Run())
	}
	path, say := os.Getenv("SCRIP_CRASH_FILE"), func(line string) { fmt.Println(line) }
	if play := plays[name]; play != nil {
		if err := play(context.Background(), path, say); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	err := tell(context.Background(), path, name, say)
	if err != nil && crash.Hit() { // what failed was the opening: a manager starts it again
		err = tell(context.Background(), path, name, say)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if crash.Hit() {
		say(reached)
	}
	os.Exit(0)
}

// reached is said by a child that has survived what it was to fail at.
const reached = "reached"

// child is how a child that told a story ended.
type child struct {
	answers []acknowledged // what it answered
	killed  bool
	reached bool // the point to die or fail at
}

// run tells a story in a child under a setting of SCRIP_CRASH_AT.
func run(t *testing.T, name, path, at string) (c child) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), "SCRIP_CRASH_STORY="+name, "SCRIP_CRASH_FILE="+path, "SCRIP_CRASH_AT="+at)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if c.killed = ok && status.Signaled() && status.Signal() == syscall.SIGKILL; !c.killed {
			t.Errorf("%s: the child failed: %v\n%s", at, err, errs.String())
		}
	}
	for lines := bufio.NewScanner(&out); lines.Scan(); {
		var a acknowledged
		if lines.Text() == reached {
			c.reached = true
			continue
		}
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			t.Fatalf("the child said %q", lines.Text())
		}
		c.answers = append(c.answers, a)
	}
	return c
}

// TestCrash kills each story before every statement, BEGIN and COMMIT among
// them, and after every COMMIT; apart from that it makes every statement fail.
// What was answered is there, what is there is whole, and telling the story
// again ends in the very state of a story that was never interrupted (CR-01 to
// CR-07, CR-09).
func TestCrash(t *testing.T) {
	fresh := filepath.Join(folder(t), "fresh.db")
	run(t, "open", fresh, "")
	for name := range stories {
		for how, least := range map[string]int{"": 25, ":fail": 20} {
			if name == "open" {
				least = 8
			}
			t.Run(name+how, func(t *testing.T) {
				t.Parallel()
				everyStatement(t, name, fresh, how, least)
			})
		}
	}
}

func everyStatement(t *testing.T, name, fresh, how string, least int) {
	place := func(file string) string {
		path := filepath.Join(folder(t), file)
		if name != "open" { // that one makes the file
			copyFile(t, fresh, path)
		}
		return path
	}
	whole := place("whole.db")
	if run(t, name, whole, ""); t.Failed() {
		return
	}
	want := final(t, whole)
	for k := 1; ; k++ {
		path := place("scrip.db")
		c := run(t, name, path, fmt.Sprintf("statement:%d%s", k, how))
		if !c.killed && !c.reached {
			if k-1 < least {
				t.Errorf("%d statements were numbered, the story has more", k-1)
			}
			t.Logf("%d points", k-1)
			return
		}
		t.Run(fmt.Sprint(k), func(t *testing.T) { recovered(t, name, path, c.answers, want) })
		_ = os.RemoveAll(filepath.Dir(path))
	}
}

// folder is a new folder, in memory where there is such a place: a process
// that is killed loses nothing of what it wrote, so the tests need no disk.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "scrip-crash-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// recovered checks the file of a story that was killed, and tells it again.
func recovered(t *testing.T, name, path string, answers []acknowledged, want string) {
	if _, err := os.Stat(path); os.IsNotExist(err) && name == "open" {
		return // it died before it had made the file
	}
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

// byItself are the kinds of entries that time, or a change of unit, makes.
var byItself = []core.EntryKind{core.EntryExpire, core.EntryRelease, core.EntryHold, core.EntryConvertOut, core.EntryConvertIn, core.EntryRollOut, core.EntryRollIn}

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
	entries, _, err := r.Entries.Feed(ctx, "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	paid := false
	for _, e := range entries {
		req, err := r.Entries.Request(ctx, ledger.HashOf(e.Source))
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case req != nil, slices.Contains(byItself, e.Kind), renewed(t, r, &e):
		case e.Kind == core.EntryGrant: // a purchase's, made by its payment
			paid = true
		default:
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

// renewed reports whether an entry makes a grant of a subscription.
func renewed(t *testing.T, r ledger.Reader, e *core.Entry) bool {
	t.Helper()
	if e.Kind != core.EntryGrant {
		return false
	}
	_, g, err := r.Accounts.Grant(t.Context(), e.Grant)
	if err != nil {
		t.Fatal(err)
	}
	return g != nil && plan.Made(e.Customer, &g.Terms, "")
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
	entries, _, err := r.Entries.Feed(ctx, "", 1000)
	write(entries, err)
	keys, err := r.Entries.Keys(ctx, ledger.AccountKey{}, 100)
	write(keys, err)
	for _, key := range keys {
		account, err := r.Accounts.Account(ctx, key)
		write(account, err)
		grants, err := r.Accounts.Grants(ctx, key, 0, 10)
		write(grants, err)
		holds, err := r.Accounts.Holds(ctx, key, "", 10)
		write(holds, err)
	}
	for _, kind := range []string{ledger.CustomerKind, ledger.PurchaseKind, "entered", "converted", "retired"} {
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
