package reports

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/internal/clock"
	"scrip/mapping/config"
	"scrip/storage/sqlite"
)

// mostResident is how much memory a report may take, however many customers
// there are.
const mostResident = 64 << 20

// TestReportsStream writes reports over many customers, each with three
// grants, in a process of its own, and looks at the most memory that it took:
// it must not grow with their number. SCRIP_REPORT_CUSTOMERS sets how many; all
// reports are then held against the limit, which the race detector would break.
func TestReportsStream(t *testing.T) {
	if path := os.Getenv("SCRIP_REPORT_DATABASE"); path != "" {
		writeOne(t, path, os.Getenv("SCRIP_REPORT_NAME"))
		return
	}
	sizes, names, long := []int{100, 1000}, []string{"revenue", "hoarding"}, os.Getenv("SCRIP_REPORT_CUSTOMERS")
	if long != "" {
		n, err := strconv.Atoi(long)
		if err != nil {
			t.Fatal(err)
		}
		sizes, names = []int{n / 10, n}, Names()
	}
	before := map[string]int64{}
	for _, n := range sizes {
		path := filepath.Join(t.TempDir(), "scrip.db")
		fillMany(t, path, n)
		for _, name := range names {
			kib := residentOf(t, path, name)
			if long != "" && kib<<10 > mostResident {
				t.Errorf("%s of %d customers took %d KiB", name, n, kib)
			}
			if was := before[name]; was > 0 && kib > was+was/2+16<<10 {
				t.Errorf("%s of %d customers took %d KiB, of a tenth of them %d KiB", name, n, kib, was)
			}
			before[name] = kib
		}
	}
}

// residentOf writes a report in another process and returns the most memory
// that it took, in KiB.
func residentOf(t *testing.T, path, name string) int64 {
	child := exec.Command(os.Args[0], "-test.run=^TestReportsStream$", "-test.v", "-test.timeout=30m")
	child.Env = append(os.Environ(), "SCRIP_REPORT_DATABASE="+path, "SCRIP_REPORT_NAME="+name)
	out, err := child.CombinedOutput()
	_, line, found := strings.Cut(string(out), "wrote ")
	if err != nil || !found {
		t.Fatalf("%v: %s", err, out)
	}
	line, _, _ = strings.Cut(line, "\n")
	t.Log(line)
	fields := strings.Fields(line)
	kib, err := strconv.ParseInt(fields[len(fields)-3], 10, 64)
	if err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	return kib
}

// writeOne writes a report of a database and says what memory it took.
func writeOne(t *testing.T, path, name string) {
	store, err := sqlite.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	c := manyConfig()
	l := ledger.Open(store, ledger.Options{Now: clock.Test(start + 100*day).Now, Units: []core.Unit{c.Units[0].Unit}, Order: c.Order})
	q := Request{Name: name, Format: "csv", By: "grant", Top: 20}
	if err := q.Check(l.Now()); err != nil {
		t.Fatal(err)
	}
	began, n := time.Now(), &counter{}
	done, err := Write(context.Background(), n, l, c, q)
	if err != nil || !done.TiesOut {
		t.Fatalf("%s: %v, %+v", name, err, done)
	}
	took := time.Since(began).Round(time.Millisecond)
	l.Close()
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("wrote %s: %d bytes in %s, at most %s KiB resident\n", name, n.n, took, peakResident())
}

// peakResident is the most memory of this process in KiB, zero where the system
// does not tell.
func peakResident() string {
	status, err := os.ReadFile("/proc/self/status")
	_, peak, found := strings.Cut(string(status), "VmHWM:")
	if err != nil || !found {
		return "0"
	}
	return strings.Fields(peak)[0]
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return io.Discard.Write(p)
}

func manyConfig() *config.Config {
	return &config.Config{
		Units: []config.Unit{{Unit: core.Unit{Code: "credits", Scale: 2}, Prices: []core.Price{{Rate: core.Rate{Num: 8, Den: 100}, Currency: "usd"}}}},
		Order: core.DefaultOrder(),
	}
}

// fillMany writes customers with three grants and two debits each.
func fillMany(t *testing.T, path string, n int) {
	store, err := sqlite.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	const batch = 500
	for first := 0; first < n; first += batch {
		b := &ledger.Batch{}
		for i := first; i < min(first+batch, n); i++ {
			b.Accounts = append(b.Accounts, account(fmt.Sprint("customer-", i)))
		}
		err := store.Commit(context.Background(), b, func(s *ledger.State) (*ledger.Changes, error) {
			changes := &ledger.Changes{}
			for i, key := range b.Accounts {
				a, err := someAccount(key, first+i)
				if err != nil {
					return nil, err
				}
				s.Accounts[key] = a
				changes.Accounts = append(changes.Accounts, a)
			}
			return changes, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

func someAccount(key ledger.AccountKey, n int) (*core.Account, error) {
	a := &core.Account{Customer: key.Customer, Unit: core.Unit{Code: key.Unit, Scale: 2}, Order: core.DefaultOrder()}
	for i, g := range []core.Terms{
		{Amount: 100_000, Category: core.Paid, Expires: start + 365*day, Paid: core.Money{Minor: 8000 - core.Amount(n%1000), Currency: "usd"}},
		{Amount: 30_000, Category: core.Paid, Expires: start + core.Time(20+n%60)*day, Paid: core.Money{Minor: 2400, Currency: "eur"}},
		{Amount: 5_000, Category: core.Promotional, Expires: core.Never},
	} {
		g.ID, g.Priority, g.Starts = core.NewID(core.GrantID, key.Customer, "fill", fmt.Sprint(n), i), 50, start
		if _, err := a.Issue(g, start); err != nil {
			return nil, err
		}
	}
	for i, at := range []core.Time{start + 5*day, start + 90*day} {
		if _, err := a.Debit(core.NewID(core.DebitID, key.Customer, "fill", fmt.Sprint(n), i), core.Amount(1000+n%10_000), "", at, nil); err != nil {
			return nil, err
		}
	}
	a.Seal()
	return a, nil
}
