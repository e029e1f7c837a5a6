//go:build crash

package postgres

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/sale"
)

// TestMain makes the test binary its own child: with SCRIP_CRASH_STORY set it
// tells the story on that database, until a statement kills it.
func TestMain(m *testing.M) {
	url := os.Getenv("SCRIP_CRASH_STORY")
	if url == "" {
		os.Exit(m.Run())
	}
	if err := tell(context.Background(), url, func(line string) { fmt.Println(line) }); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// tell runs a story in which each command is a commit with all that commits
// write, and says each answer.
func tell(ctx context.Context, url string, say func(string)) error {
	s, err := Open(ctx, url, Options{MaxConns: 2, Lanes: 1})
	if err != nil {
		return err
	}
	defer s.Close()
	outward := outwardFunc(func(now core.Time, a *core.Account, entries []core.Entry) (list []*ledger.Intent) {
		for _, e := range entries {
			list = append(list, &ledger.Intent{
				ID: core.NewID(core.IntentID, a.Customer, "story", fmt.Sprint(e.Seq), 0), Connection: "east", Customer: a.Customer, Kind: "entry",
				Ref: string(e.Source), Body: []byte("{}"), Due: now, State: ledger.Waiting, Created: now,
			})
		}
		return list
	})
	l := ledger.Open(s, ledger.Options{
		Now: func() core.Time { return 1_700_000_000_000_000 }, Units: []core.Unit{credits}, Order: core.DefaultOrder(), Outward: outward,
	})
	defer l.Close()
	var fault error
	answer := func(id core.ID, err error) {
		if say(string(id)); fault == nil {
			fault = err
		}
	}
	if _, _, err := l.PutCustomer(ctx, ledger.Customer{ID: "ann"}); err != nil {
		return err
	}
	for i := range 2 {
		g, _, err := l.Issue(ctx, fmt.Sprint("g", i), account("ann"), core.Terms{Amount: 10, Category: core.Paid, Priority: core.DefaultPriority})
		answer(g.Grant.ID, err)
	}
	d, _, err := l.Debit(ctx, "d", ledger.Charge{Account: account("ann"), Amount: 13})
	answer(d.ID, err)
	h, _, err := l.Hold(ctx, "h", ledger.Charge{Account: account("ann"), Amount: 4}, ledger.HoldTerms{For: time.Hour})
	answer(h.Hold.ID, err)
	c, _, _, err := l.Capture(ctx, "c", ledger.CaptureTerms{Unit: credits.Code, Hold: h.Hold.ID, Amount: 4, Final: true})
	answer(c.ID, err)
	_, _, err = l.Debit(ctx, "too much", ledger.Charge{Account: account("ann"), Amount: 100})
	if core.CodeOf(err) == core.CodeInsufficientCredits {
		err = nil
	}
	return errors.Join(fault, err)
}

type outwardFunc func(core.Time, *core.Account, []core.Entry) []*ledger.Intent

// OnEntries implements [ledger.Outward].
func (f outwardFunc) OnEntries(now core.Time, a *core.Account, entries []core.Entry) []*ledger.Intent {
	return f(now, a, entries)
}

// OnCustomer implements [ledger.Outward].
func (f outwardFunc) OnCustomer(core.Time, ledger.Customer) []*ledger.Intent { return nil }

// OnPurchase implements [ledger.Outward].
func (f outwardFunc) OnPurchase(core.Time, sale.Purchase) []*ledger.Intent { return nil }

// TestCrash kills the story before every statement, BEGIN and COMMIT among
// them, and after every COMMIT. What was answered is there, what is there is
// whole, and telling the story again ends as one that was never interrupted.
func TestCrash(t *testing.T) {
	url := database(t)
	s := openAt(t, url, Options{})
	want := ""
	for k := 0; ; k++ {
		empty(t, s)
		answers, killed := child(t, url, k)
		if t.Failed() {
			return
		}
		if k == 0 {
			want = ending(t, s)
			continue
		}
		if !killed {
			if k < 60 {
				t.Errorf("%d statements were numbered, the story has more", k-1)
			}
			t.Logf("%d points", k-1)
			return
		}
		forgetAll(s)
		report, err := s.Reader().AuditAll(t.Context(), nil)
		if err != nil || len(report.Findings) > 0 {
			t.Fatalf("killed at %d: %+v, %v", k, report.Findings, err)
		}
		have := ending(t, s)
		for _, id := range answers {
			if id != "" && !strings.Contains(have, id) {
				t.Errorf("killed at %d: %s was answered and is lost", k, id)
			}
		}
		if err := tell(t.Context(), url, func(string) {}); err != nil {
			t.Fatalf("killed at %d: telling it again: %v", k, err)
		}
		if got := ending(t, s); got != want {
			t.Fatalf("killed at %d, told again it ends in\n%s\nuninterrupted in\n%s", k, got, want)
		}
	}
}

// child tells the story in a child that dies before its k-th statement; 0 is
// none.
func child(t *testing.T, url string, k int) (answers []string, killed bool) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), "SCRIP_CRASH_STORY="+url, fmt.Sprintf("SCRIP_CRASH_AT=statement:%d", k))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if killed = ok && status.Signaled() && status.Signal() == syscall.SIGKILL; !killed {
			t.Errorf("at %d the child failed: %v\n%s", k, err, errs.String())
		}
	}
	for lines := bufio.NewScanner(&out); lines.Scan(); {
		answers = append(answers, lines.Text())
	}
	return answers, killed
}

// ending writes down all that the story wrote.
func ending(t *testing.T, s *Store) string {
	t.Helper()
	var b strings.Builder
	for _, table := range []string{
		"SELECT account, seq, consumed, holds, encode(head, 'hex') FROM accounts", "SELECT id, remaining, held, ended, closed FROM grants ORDER BY id",
		"SELECT id, state, captured FROM holds ORDER BY id", "SELECT pos, account, seq, kind, source, amount, encode(hash, 'hex') FROM entries ORDER BY pos",
		"SELECT hash, code, convert_from(result, 'UTF8') FROM requests ORDER BY hash", "SELECT kind, id, version FROM records ORDER BY kind, id",
		"SELECT id, ref, state FROM outbox ORDER BY id",
	} {
		rows, err := s.pool.Query(t.Context(), table)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values, err := rows.Values()
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&b, values...)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}
