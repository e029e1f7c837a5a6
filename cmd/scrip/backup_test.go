package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sourcegraph/conc/pool"
	zombie "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/storage/sqlite"
)

// TestBackupUnderLoad makes backups with the command while this process
// debits: every copy has all that was acknowledged before the command began,
// nothing that was begun after it ended, and passes its audit.
func TestBackupUnderLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "scrip.db")
	written := fmt.Sprintf("version: 1\nstorage: sqlite:%s\nunit: {code: credits, scale: 0}\n", path)
	cfg, err := parseConfig("scrip.yaml", written)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "scrip.yaml")
	if err := os.WriteFile(file, []byte(written), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := openApp(t.Context(), &configFile{cfg, written}, appOptions{serve: true})
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	key := ledger.AccountKey{Customer: "acme", Unit: "credits"}
	if _, _, err := a.ledger.PutCustomer(t.Context(), ledger.Customer{ID: "acme"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.ledger.Issue(t.Context(), "g", key, core.Terms{Amount: 1_000_000_000, Category: core.Promotional}); err != nil {
		t.Fatal(err)
	}
	var begun, done atomic.Int64
	var stop atomic.Bool
	load := pool.New().WithErrors()
	for range 4 {
		load.Go(func() error {
			for !stop.Load() {
				n := begun.Add(1)
				if _, _, err := a.ledger.Debit(t.Context(), fmt.Sprint(n), ledger.Charge{Account: key, Amount: 1}); err != nil {
					return err
				}
				done.Add(1)
			}
			return nil
		})
	}
	for i := range 4 {
		to := filepath.Join(dir, fmt.Sprintf("copy-%d.db", i))
		for tries := 0; done.Load() < int64(20*(i+1)) && tries < 2000; tries++ {
			time.Sleep(5 * time.Millisecond)
		}
		least := done.Load()
		if least == 0 {
			t.Error("nothing was debited")
		}
		if out, err := exec.CommandContext(t.Context(), "scrip", "backup", to, "-c", file).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
			break
		}
		consumed(t, to, key, least, begun.Load())
	}
	stop.Store(true)
	if err := load.Wait(); err != nil {
		t.Error(err)
	}
}

// consumed checks what a copy says of an account.
func consumed(t *testing.T, path string, key ledger.AccountKey, least, most int64) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	acme, err := s.Reader().Accounts.Account(t.Context(), key)
	if err != nil || acme == nil || int64(acme.Consumed) < least || int64(acme.Consumed) > most {
		t.Errorf("the copy has %+v, %v, want from %d to %d consumed", acme, err, least, most)
	}
	report, err := ledger.Audit(t.Context(), s.Reader(), nil)
	if err != nil || len(report.Findings) > 0 || report.Entries != int64(acme.Consumed)+1 {
		t.Errorf("the audit of the copy says %+v, %v", report, err)
	}
}

// TestBackupOfWrongBalances: a copy of a ledger that does not add up is kept,
// since there is no better one, and the exit code says that it is wrong.
func TestBackupOfWrongBalances(t *testing.T) {
	dir := t.TempDir()
	path, file, to := filepath.Join(dir, "scrip.db"), filepath.Join(dir, "scrip.yaml"), filepath.Join(dir, "copy.db")
	if err := os.WriteFile(file, []byte("version: 1\nstorage: sqlite:"+path+"\nunit: {code: credits, scale: 0}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	scrip := func(want int, args ...string) (out, words string) {
		t.Helper()
		var data, said bytes.Buffer
		if got := run(t.Context(), append(args, "-c", file), nil, &data, &said); got != want {
			t.Fatalf("%v: exit %d, want %d: %s", args, got, want, said.String())
		}
		return data.String(), said.String()
	}
	scrip(exitFine, "customer", "put", "acme")
	scrip(exitFine, "grant", "create", "acme", "100", "--key", "g")
	conn, err := zombie.OpenConn(path, zombie.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	if err := sqlitex.ExecuteTransient(conn, "UPDATE grants SET remaining = 90", nil); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	out, words := scrip(exitFailed, "backup", to)
	if !strings.Contains(out, "findings") || strings.Contains(out, " 0 findings") || !strings.Contains(words, "the copy is whole, but the audit finds") {
		t.Errorf("it said\n%s%s", out, words)
	}
	if _, err := os.Stat(to); err != nil {
		t.Errorf("the copy is gone: %v", err)
	}
}
