//go:build crash

package sqlite_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/storage/sqlite"
)

// plays are children that are not stories: what they do depends on the disk
// and on the instant at which they are killed.
var plays = map[string]func(ctx context.Context, path string, say func(string)) error{
	"full": playFull,
	"load": playLoad,
}

// TestCrashDiskFull lets the files of a child not grow any more while it
// writes (CR-11).
func TestCrashDiskFull(t *testing.T) {
	t.Parallel()
	path := filepath.Join(folder(t), "scrip.db")
	play(t, "full", path)
	integrity(t, path)
	audited(t, path)
}

// play runs a child to its end.
func play(t *testing.T, name, path string) {
	t.Helper()
	cmd := playing(t, name, path)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("the child failed: %v\n%s", err, errs.String())
	}
}

func playing(t *testing.T, name, path string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), "SCRIP_CRASH_STORY="+name, "SCRIP_CRASH_FILE="+path)
	return cmd
}

func audited(t *testing.T, path string) {
	t.Helper()
	report, err := ledger.Audit(t.Context(), openReader(t, path), nil)
	if err != nil || len(report.Findings) > 0 {
		t.Errorf("audit: %+v, %v", report.Findings, err)
	}
}

// purse is a ledger with one account that can be debited for long.
func purse(ctx context.Context, path string) (*sqlite.Store, *story, error) {
	store, err := serve(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	s := &story{ctx: ctx, store: store, now: crashStart, answer: func(string) {}}
	s.open()
	_, err = s.grant("grant", "ann", core.Terms{Amount: 1_000_000})
	return store, s, err
}

// full is a disk that is full at times.
type full struct {
	*story
	fill, free func() error
	paid       int // debits that were answered
	refused    int // that were not, of which each is repeated
}

// round fills the disk, and debits until several in a row are refused, which
// are not to be half there; then there is space again, and all goes on.
func (f *full) round(n int) error {
	if err := f.fill(); err != nil {
		return err
	}
	var open []string
	for i := 0; len(open) < 5; i++ {
		if i > 20_000 {
			return errors.New("the disk never became full")
		}
		key := fmt.Sprintf("%d-%d", n, i)
		_, err := f.spend(key, crashAccount, 1)
		switch {
		case err == nil:
			f.paid++
		case core.CodeOf(err) == core.CodeUnavailable:
			open = append(open, key)
		default:
			return fmt.Errorf("on a full disk: %w", err)
		}
	}
	if _, err := f.store.Claim(f.ctx, ledger.Inbox, crashStart, crashStart, 1, time.Hour); err != nil {
		return fmt.Errorf("a claim that finds nothing: %w", err)
	}
	if err := f.holds(f.paid); err != nil {
		return fmt.Errorf("read while the disk is full: %w", err)
	}
	if err := f.free(); err != nil {
		return err
	}
	for _, key := range open {
		if _, err := f.spend(key, crashAccount, 1); err != nil {
			return fmt.Errorf("with space again: %w", err)
		}
		f.paid++
	}
	f.refused += len(open)
	return f.holds(f.paid)
}

// holds reports whether the account has been debited so often.
func (f *full) holds(debits int) error {
	a, err := f.Reader().Accounts.Account(f.ctx, crashAccount)
	if err != nil {
		return err
	}
	if a.Consumed != core.Amount(debits) {
		return fmt.Errorf("%d debits were answered, the account has %d", debits, a.Consumed)
	}
	return nil
}

// playFull debits under a limit on the size of files, lifts it, and again.
func playFull(ctx context.Context, path string, _ func(string)) error {
	signal.Ignore(syscall.SIGXFSZ)
	store, s, err := purse(ctx, path)
	if err != nil {
		return err
	}
	var none syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &none); err != nil {
		return err
	}
	f := &full{story: s, free: func() error { return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &none) }}
	f.fill = func() error {
		wal, err := os.Stat(path + "-wal")
		if err != nil {
			return err
		}
		// Some commits fit yet; where the limit cuts one moves with the rounds.
		tight := none
		tight.Cur = uint64(wal.Size()) + 20_000 + 1000*uint64(f.paid%97)
		return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &tight)
	}
	for n := range 12 {
		if err := f.round(n); err != nil {
			return fmt.Errorf("round %d: %w", n, err)
		}
	}
	s.Close()
	return store.Close()
}

// TestCrashDeviceFull fills a small device again and again while debits are
// written and checkpointed, and once more before the file is opened (CR-11).
// It needs the right to mount; without it TestCrashDiskFull has to do.
func TestCrashDeviceFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Logf("a small device cannot be mounted here (%v): only limited files were tried", err)
		return
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	path, filler := filepath.Join(dir, "scrip.db"), filepath.Join(dir, "filler")
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	store, s, err := purse(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	f := &full{story: s, free: func() error { return os.Remove(filler) }}
	f.fill = func() error { return fillUp(filler, rnd.Int64N(3_000_000)) }
	for n := range 8 {
		if err := f.round(n); err != nil {
			t.Fatalf("round %d: %v", n, err)
		}
	}
	if err := fillUp(filler, 0); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := store.Close(); err != nil { // its checkpoint finds no room
		t.Logf("closing on a full device: %v", err)
	}
	if again, err := serve(t.Context(), path); err == nil { // it may start, or refuse to
		if err := again.Close(); err != nil {
			t.Logf("closing on a full device: %v", err)
		}
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	integrity(t, path)
	audited(t, path)
	if a, err := openReader(t, path).Accounts.Account(t.Context(), crashAccount); err != nil || a.Consumed != core.Amount(f.paid) {
		t.Errorf("after it all the account is %+v, %v; %d debits were answered", a, err, f.paid)
	}
	t.Logf("%d debits, %d of them refused at first", f.paid, f.refused)
}

// fillUp writes a file until the device has no more than some bytes left.
func fillUp(path string, left int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	block := make([]byte, 4096)
	size := int64(0)
	for err == nil {
		_, err = f.Write(block)
		size += int64(len(block))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return errors.Join(f.Truncate(max(0, size-left-int64(len(block)))), f.Close())
}

// playLoad debits many accounts at once without end and says each debit that
// was answered. Checkpoints come every moment.
func playLoad(ctx context.Context, path string, say func(string)) error {
	_, s, err := purse(ctx, path)
	if err != nil {
		return err
	}
	var work conc.WaitGroup
	for worker := range 8 {
		id := fmt.Sprintf("c%d", worker)
		if _, err := s.grant("grant "+id, id, core.Terms{Amount: 1_000_000_000}); err != nil {
			return err
		}
		work.Go(func() {
			for n := 0; ; n++ {
				key := fmt.Sprintf("%s-%d-%d", id, os.Getpid(), n)
				if _, _, err := s.Debit(ctx, key, ledger.Charge{Account: ledger.AccountKey{Customer: id, Unit: "credits"}, Amount: 1}); err != nil {
					say("failed " + err.Error())
					return
				}
				say(id)
			}
		})
	}
	work.Wait()
	return nil
}

// checkpointKills is how often TestCrashCheckpoint kills: SCRIP_CRASH_LONG=1
// takes 200.
func checkpointKills() int {
	if os.Getenv("SCRIP_CRASH_LONG") == "1" {
		return 200
	}
	return 20
}

// TestCrashCheckpoint kills a busy writer, whose log is checkpointed all the
// time, over and over on one file (CR-10).
func TestCrashCheckpoint(t *testing.T) {
	t.Parallel()
	path := filepath.Join(folder(t), "scrip.db")
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	answered := map[string]int{}
	for range checkpointKills() {
		cmd := playing(t, "load", path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		left := 1 + rnd.IntN(1500) // answers, until it is killed
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if id := lines.Text(); strings.HasPrefix(id, "failed") {
				t.Error(id)
			} else {
				answered[id]++
			}
			if left--; left == 0 {
				_ = cmd.Process.Kill()
			}
		}
		_ = cmd.Wait()
		integrity(t, path)
	}
	audited(t, path)
	r, total := openReader(t, path), 0
	for id, n := range answered {
		a, err := r.Accounts.Account(t.Context(), ledger.AccountKey{Customer: id, Unit: "credits"})
		if err != nil || a.Consumed < core.Amount(n) {
			t.Errorf("%s has consumed %+v, %v; %s debits were answered", id, a, err, strconv.Itoa(n))
		}
		total += n
	}
	t.Logf("%d debits were answered", total)
}
