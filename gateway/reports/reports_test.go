package reports

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/internal/clock"
	"scrip/mapping/config"
	"scrip/storage/sqlite"
)

const (
	day   = core.Time(24 * time.Hour / time.Microsecond)
	start = core.Time(1_767_225_600_000_000) // 2026-01-01
)

// office is a ledger over a fresh database with a clock of its own.
type office struct {
	t      *testing.T
	store  *sqlite.Store
	ledger *ledger.Ledger
	clock  *clock.Clock
	config *config.Config
	n      int
}

func newOffice(t *testing.T) *office {
	t.Helper()
	store, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "scrip.db"))
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, store: store, clock: clock.Test(start), config: &config.Config{
		Units: []config.Unit{{Unit: core.Unit{Code: "credits", Scale: 2}, Prices: []core.Price{{Rate: core.Rate{Num: 8, Den: 100}, Currency: "usd"}}}},
		Order: core.DefaultOrder(),
	}}
	o.ledger = ledger.Open(store, ledger.Options{Now: o.clock.Now, Units: []core.Unit{{Code: "credits", Scale: 2}}, Order: o.config.Order})
	t.Cleanup(func() {
		o.ledger.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

func (o *office) need(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) key() string {
	o.n++
	return fmt.Sprint("k", o.n)
}

func (o *office) to(at core.Time) { o.need(o.clock.Set(at)) }

func account(customer string) ledger.AccountKey {
	return ledger.AccountKey{Customer: customer, Unit: "credits"}
}

func (o *office) customer(id string) {
	_, _, err := o.ledger.PutCustomer(context.Background(), ledger.Customer{ID: id})
	o.need(err)
}

func (o *office) grant(customer string, amount core.Amount, category core.Category, paid string, expires core.Time) core.ID {
	o.t.Helper()
	t := core.Terms{Amount: amount, Category: category, Priority: 50, Expires: expires}
	if paid != "" {
		money, err := core.ParseMoney(paid)
		o.need(err)
		t.Paid = money
	}
	made, _, err := o.ledger.Issue(context.Background(), o.key(), account(customer), t)
	o.need(err)
	return made.Grant.ID
}

func (o *office) debit(customer, action string, amount core.Amount) core.ID {
	o.t.Helper()
	done, _, err := o.ledger.Debit(context.Background(), o.key(), ledger.Charge{Account: account(customer), Amount: amount, Action: action})
	o.need(err)
	return done.ID
}

// write is one report; ids of grants are told by their order.
func (o *office) write(q Request) string {
	o.t.Helper()
	o.need(q.Check(o.ledger.Now()))
	var out bytes.Buffer
	done, err := Write(context.Background(), &out, o.ledger, o.config, q)
	o.need(err)
	if !done.TiesOut {
		o.t.Errorf("%s does not tie out:\n%s", q.Name, out.String())
	}
	return out.String()
}

// town is a year of three customers.
func town(o *office) (ann, bob core.ID) {
	for _, c := range []string{"ann", "bob", "@cid"} {
		o.customer(c)
	}
	ann = o.grant("ann", 100_000, core.Paid, "80 usd", start+365*day)
	o.grant("ann", 10_000, core.Promotional, "", start+20*day)
	bob = o.grant("bob", 300, core.Paid, "1 usd", start+60*day)
	o.grant("@cid", 5_000, core.Paid, "500 jpy", core.Never)
	o.to(start + 10*day)
	o.debit("ann", "image", 4_000)
	first := o.debit("bob", "image", 100)
	o.to(start + 40*day)
	o.debit("ann", "image", 25_001)
	_, _, err := o.ledger.Reverse(context.Background(), o.key(), first, 0)
	o.need(err)
	o.debit("bob", "export", 200)
	o.to(start + 70*day)
	return ann, bob
}

var update = flag.Bool("update", false, "write testdata anew")

// The figures in testdata/town.txt were checked by hand: ann consumed 40.00 that
// nobody paid for, and 250.01 of 1000.00 for 80 usd; bob 2.00 of 3.00 for 1 usd,
// whose rest expired, which no sweep has posted.
func TestReportsOfATown(t *testing.T) {
	o := newOffice(t)
	town(o)
	var all strings.Builder
	for _, q := range []Request{
		{Name: "liability", Format: "table", By: "grant"}, {Name: "liability", Format: "csv"}, {Name: "liability", Format: "json", By: "total", At: start + 15*day},
		{Name: "revenue", Format: "table"}, {Name: "revenue", Format: "csv", By: "grant"}, {Name: "revenue", Format: "json", By: "total", At: start + 15*day, Known: start + 9*day},
		{Name: "breakage", Format: "table"}, {Name: "breakage", Format: "csv", At: start + 15*day}, {Name: "price", Format: "table"},
		{Name: "hoarding", Format: "table", Top: 2}, {Name: "hoarding", Format: "csv"}, {Name: "hoarding", Format: "csv", Top: 1},
		{Name: "unit", Format: "table"}, {Name: "unit", Format: "csv", At: start + 15*day},
	} {
		text := o.write(q)
		if again := o.write(q); again != text {
			t.Errorf("%s came out otherwise the second time:\n%s\n%s", q.Name, text, again)
		}
		fmt.Fprintf(&all, "# %s %s %s\n%s\n", q.Name, q.Format, q.By, text)
	}
	const path = "testdata/town.txt"
	if *update {
		o.need(os.MkdirAll("testdata", 0o755))
		o.need(os.WriteFile(path, []byte(all.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != all.String() {
		t.Errorf("%s (%v) is not what is written:\n%s\ngo test ./gateway/reports -run Town -update writes it anew", path, err, all.String())
	}
}

// Cells that a spreadsheet would run, or that hold what a format gives a meaning.
// RP-01, RP-02.
func TestCellsAreInert(t *testing.T) {
	q := Request{Name: "x", Format: "csv", At: start, Known: core.Never}
	for cell, want := range map[string]string{
		"=1+1": "'=1+1", "@SUM(A1)": "'@SUM(A1)", "-cmd": "'-cmd", "+1 2": "'+1 2", "\tx": "'\tx", " =1": "' =1",
		"-0.05": "-0.05", "12.50": "12.50", "a,b": "a,b", "say \"x\"": "say \"x\"", "two\nlines": "two\nlines", "": "",
	} {
		var out bytes.Buffer
		s := newSheet(&out, &q, []column{text("first", 1), text("second", 1)})
		if err := errors.Join(s.row(cell, "end"), s.end()); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(rows) != 2 || len(rows[1]) != 4 || rows[1][2] != want || rows[1][3] != "end" {
			t.Errorf("%q became %q (%v), want %q", cell, rows, err, want)
		}
	}
	q.Format = "json"
	var out bytes.Buffer
	s := newSheet(&out, &q, []column{text("a", 1), text("b", 1)})
	if err := errors.Join(s.row("<script>\u2028", "\x00\""), s.row("", ""), s.end()); err != nil {
		t.Fatal(err)
	}
	var doc struct{ Rows []map[string]string }
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil || len(doc.Rows) != 2 || doc.Rows[0]["a"] != "<script>\u2028" || doc.Rows[0]["b"] != "\x00\"" || len(doc.Rows[1]) != 0 {
		t.Errorf("%v: %s", err, out.String())
	}
}

func TestRequestsAreChecked(t *testing.T) {
	for name, q := range map[string]Request{
		"name": {Name: "profit", Format: "csv"}, "format": {Name: "unit", Format: "html"}, "by": {Name: "unit", Format: "csv", By: "lot"},
		"at": {Name: "unit", Format: "csv", At: start + 1}, "top": {Name: "unit", Format: "csv", Top: MostTop + 1},
	} {
		var known *core.Error
		if err := q.Check(start); !errors.As(err, &known) || known.Field != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What cannot be written any more ends a report, without an end made up for it;
// what is committed while it is written is not in it.
// RP-04.
func TestReportsWhileOthersWrite(t *testing.T) {
	o := newOffice(t)
	const customers = 150
	for i := range customers {
		c := fmt.Sprint("c", i)
		o.customer(c)
		o.grant(c, 100, core.Paid, "1 usd", core.Never)
	}
	for _, format := range Formats() {
		q := Request{Name: "revenue", Format: format, By: "grant"}
		o.need(q.Check(o.ledger.Now()))
		w := &limited{room: 8 << 10}
		if _, err := Write(context.Background(), w, o.ledger, o.config, q); !errors.Is(err, errFull) {
			t.Errorf("%s: %v", format, err)
		}
	}
	q := Request{Name: "revenue", Format: "json", By: "grant"}
	before := o.write(q)
	o.need(q.Check(o.ledger.Now()))
	var out strings.Builder
	_, err := Write(context.Background(), &meddler{to: &out, meddle: func() {
		for i := range customers {
			o.debit(fmt.Sprint("c", i), "", 1)
		}
	}}, o.ledger, o.config, q)
	o.need(err)
	if out.String() != before {
		t.Errorf("the report saw what was committed while it was written:\n%s\nbefore:\n%s", out.String(), before)
	}
	if o.write(q) == before {
		t.Error("the next report does not see it")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Write(ctx, io.Discard, o.ledger, o.config, q); err == nil {
		t.Error("a report goes on without anybody who wants it")
	}
}

// meddler does something at the first bytes, half way through a report.
type meddler struct {
	to     io.Writer
	meddle func()
}

func (m *meddler) Write(p []byte) (int, error) {
	if m.meddle != nil {
		m.meddle()
		m.meddle = nil
	}
	return m.to.Write(p)
}

// A fact that is learned of late changes the month it belongs to, and not the
// report as it was known before.
func TestReportsAsTheyWereKnown(t *testing.T) {
	o := newOffice(t)
	o.customer("ann")
	o.grant("ann", 300, core.Paid, "1 usd", start+20*day)
	o.to(start + 31*day)
	sent := Request{Name: "revenue", Format: "csv", At: start + 31*day - 1, Known: start + 31*day}
	before := o.write(sent)
	if !strings.Contains(before, ",period,2026-01,,,,,usd,1.00,0.00,0.00,1.00,0.00,") {
		t.Errorf("all of it expired in January: %s", before)
	}
	o.to(start + 33*day)
	_, _, err := o.ledger.Debit(context.Background(), o.key(), ledger.Charge{Account: account("ann"), Amount: 100, At: start + 10*day})
	o.need(err)
	if again := o.write(sent); again != before {
		t.Errorf("the report that was sent is now\n%s\nit was\n%s", again, before)
	}
	if now := o.write(Request{Name: "revenue", Format: "csv", At: sent.At}); !strings.Contains(now, ",period,2026-01,,,,,usd,1.00,0.00,0.33,0.67,0.00,") {
		t.Errorf("a third was consumed in January, as is known now: %s", now)
	}
}

var errFull = errors.New("full")

// limited takes so many bytes.
type limited struct{ room int }

func (l *limited) Write(p []byte) (int, error) {
	if l.room -= len(p); l.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}
