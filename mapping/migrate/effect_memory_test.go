package migrate_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping/migrate"
)

// crowdStore is a store of many customers that are made up as they are read.
type crowdStore struct{ reader ledger.Reader }

var errReadOnly = errors.New("the crowd is only read")

func (c crowdStore) Reader() ledger.Reader { return c.reader }

func (c crowdStore) Close() error { return nil }

func (c crowdStore) Commit(context.Context, *ledger.Batch, func(*ledger.State) (*ledger.Changes, error)) error {
	return errReadOnly
}

func (c crowdStore) Claim(context.Context, ledger.Queue, core.Time, core.Time, int, time.Duration) ([]ledger.Claimed, error) {
	return nil, errReadOnly
}

func (c crowdStore) Forget(context.Context, core.Time, int) (int, error) { return 0, errReadOnly }

// crowdReader reads accounts, keys and customers; what else there is to read
// is not asked for.
type crowdReader struct {
	ledger.AccountReader
	ledger.EntryReader
	ledger.RecordReader
	customers int
}

func (c crowdReader) Account(_ context.Context, key ledger.AccountKey) (*core.Account, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(key.Customer, "customer-"))
	if err != nil || n >= c.customers {
		return nil, err
	}
	a := &core.Account{Customer: key.Customer, Unit: core.Unit{Code: key.Unit}, Seq: int64(n)}
	binary.BigEndian.PutUint64(a.Head[:], uint64(n))
	for i := range 4 {
		g := core.Grant{Seq: int64(i + 1), Terms: core.Terms{
			ID: core.ID("grant-" + strconv.Itoa(4*n+i)), Amount: core.Amount(1000 + n), Category: core.Paid, Priority: 50 - i%2,
			Expires: now + core.Time(i+1)*day, Paid: core.Money{Minor: core.Amount(100 - i), Currency: "usd"},
		}}
		g.Remaining = g.Amount - core.Amount(i)
		a.Grants = append(a.Grants, g)
	}
	return a, nil
}

func (c crowdReader) Keys(_ context.Context, after ledger.AccountKey, limit int) (keys []ledger.AccountKey, err error) {
	next := 0
	if after.Customer != "" {
		if next, err = strconv.Atoi(strings.TrimPrefix(after.Customer, "customer-")); err != nil {
			return nil, err
		}
		next++
	}
	for ; next < c.customers && len(keys) < limit; next++ {
		keys = append(keys, ledger.AccountKey{Customer: fmt.Sprintf("customer-%07d", next), Unit: "credits"})
	}
	return keys, nil
}

func (c crowdReader) Record(_ context.Context, key ledger.RecordKey) (*ledger.Record, error) {
	raw, err := json.Marshal(ledger.Customer{ID: key.ID, Email: key.ID + "@example.org"})
	return &ledger.Record{Kind: key.Kind, ID: key.ID, Version: 1, Body: raw}, err
}

// TestAPlanStreams makes and reads the plan of 100,000 customers with four
// grants each in less than 64 MiB of heap.
func TestAPlanStreams(t *testing.T) {
	if testing.Short() {
		t.Skip("plans for 100,000 customers")
	}
	const customers, most = 100_000, 64 << 20
	reader := crowdReader{customers: customers}
	l := ledger.Open(crowdStore{ledger.Reader{Accounts: reader, Entries: reader, Records: reader}}, ledger.Options{
		Now: func() core.Time { return now }, Units: []core.Unit{{Code: "credits", Scale: 2}}, Order: core.DefaultOrder(),
	})
	t.Cleanup(l.Close)
	var stats runtime.MemStats
	var peak uint64
	rows := 0
	watch := func() {
		if rows++; rows%1000 == 0 {
			runtime.ReadMemStats(&stats)
			peak = max(peak, stats.HeapAlloc)
		}
	}
	path := filepath.Join(t.TempDir(), "plan.json")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := migrate.NewPlan(migrate.Settings{"route.primary": "main"}, migrate.Settings{"route.primary": "next"}, nil)
	w, err := migrate.NewWriter(f, p)
	if err != nil {
		t.Fatal(err)
	}
	e, err := migrate.MeasureMove(context.Background(), l, vendorOfMoney(t), func(c *migrate.CustomerEffect) error { watch(); return w.Add(c) })
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(e); err != nil {
		t.Fatal(err)
	}
	made, peakMade := rows, peak
	if _, err := f.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	got, drift, err := migrate.ReadDrift(context.Background(), l.Reader(), bufio.NewReader(f), func(*migrate.CustomerEffect) { watch() })
	if err != nil || got.Digest != p.Digest || drift.Any() || made != customers || rows != 2*customers {
		t.Fatalf("made %d accounts, read %d: %+v, %v", made, rows-made, drift, err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("a plan of %d MiB: at most %d KiB of heap to make it, %d KiB to read it too", info.Size()>>20, peakMade>>10, peak>>10)
	if peak > most {
		t.Errorf("a plan for %d customers takes %d MiB of heap, want at most %d", customers, peak>>20, most>>20)
	}
}
