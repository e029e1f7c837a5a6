package ledger_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/sale"
	"scrip/storage/sqlite"
)

// canary stands wherever something personal may.
const canary = "canary-of-ann"

// telling tells vendors of customers what it knows of them.
type telling struct{ outward }

func (o telling) OnCustomer(now core.Time, c ledger.Customer) []*ledger.Intent {
	raw, _ := json.Marshal(c)
	i := o.intent(c.ID, "customer", fmt.Sprint(c.Version), now, now)
	i.Body = raw
	return []*ledger.Intent{i}
}

func (telling) EraseBody(raw []byte) ([]byte, bool) {
	var c ledger.Customer
	if json.Unmarshal(raw, &c) != nil || !c.Personal() {
		return raw, false
	}
	bare, _ := json.Marshal(ledger.Customer{ID: c.ID})
	return bare, true
}

// ann's personal data, in all places.
func newAnn(t *testing.T) *bench {
	b := newBench(t, nil, ledger.Options{Outward: telling{}})
	for _, name := range []string{"first", "second"} {
		_, _, err := b.PutCustomer(b.ctx, ledger.Customer{
			ID: "ann", Name: canary + name, Email: canary + "@example.com", Timezone: "Europe/Berlin", Metadata: map[string]string{"note": canary},
		})
		b.need(err)
	}
	return b
}

func (b *bench) event(id string, state ledger.QueueState, body string) core.ID {
	b.Helper()
	e := &ledger.Event{Connection: "east", VendorID: id, ID: core.NewID(core.EventID, id, "event/east", id, 0), State: state, Received: start, Body: []byte(body), Fence: 1}
	sum := sha256.Sum256(e.Body)
	e.Digest = hex.EncodeToString(sum[:])
	if state != ledger.Waiting {
		e.Settled, e.Reason = start, "said so"
	}
	b.need(b.Do(b.ctx, &ledger.Op{Names: func(*ledger.Batch) {}, Decide: func(tx *ledger.Tx) error { tx.PutEvent(e); return nil }}))
	return e.ID
}

func (b *bench) read(id core.ID) *ledger.Event {
	b.Helper()
	e, err := b.Reader().Queues.Event(b.ctx, id)
	b.need(err)
	return e
}

func (b *bench) clean() {
	b.Helper()
	report, err := b.Reader().AuditAll(b.ctx, nil)
	b.need(err)
	for _, f := range report.Findings {
		b.Errorf("audit: %s %s", f.Where, f.What)
	}
}

// What is personal goes from everywhere, the file's free space too; what was
// counted stays as it was.
func TestErase(t *testing.T) {
	b := newAnn(t)
	noted := terms(10_00)
	noted.Metadata = map[string]string{"for": canary}
	spent, _, err := b.Issue(b.ctx, "spent", ann, noted)
	b.need(err)
	debit, _, err := b.Debit(b.ctx, "debit", charge(ann, 10_00))
	b.need(err)
	void, _, err := b.Issue(b.ctx, "void", ann, noted)
	b.need(err)
	_, _, err = b.Void(b.ctx, "voided", void.Grant.ID)
	b.need(err)
	p := b.buy("buy", 0)
	b.need(b.Do(b.ctx, &ledger.Op{
		Names: func(batch *ledger.Batch) {
			ledger.NamesPurchase(batch, p.ID)
			batch.Links = append(batch.Links, ledger.LinkKey{Connection: "east", Neutral: "ann"}, ledger.LinkKey{Connection: "east", Neutral: string(p.ID)})
		},
		Decide: func(tx *ledger.Tx) error {
			tx.Link(ledger.Link{Connection: "east", Neutral: "ann", Role: "customer", Vendor: "cus_1"})
			tx.Link(ledger.Link{Connection: "east", Neutral: string(p.ID), Role: "invoice", Vendor: "in_1"})
			return tx.OfferPayment(p.ID, "https://pay.example/"+canary)
		},
	}))
	if e, err := b.Erase(b.ctx, "bob"); err != nil || e.Waiting != 0 {
		t.Errorf("bob: %+v, %v", e, err)
	}
	b.need(b.ParkIntent(b.ctx, core.NewID(core.IntentID, "ann", "purchase", string(p.ID), 0), "nobody sells it"))
	hers := b.event("evt_1", ledger.Applied, `{"customer":"cus_1","email":"`+canary+`"}`)
	bill := b.event("evt_2", ledger.Parked, `{"invoice":"in_1","name":"`+strings.Repeat(canary, 1000)+`"}`)
	other := b.event("evt_3", ledger.Applied, `{"customer":"cus_12"}`)
	before, _, err := b.Reader().Entries.Feed(b.ctx, "", 100)
	b.need(err)

	for range 2 {
		e, err := b.Erase(b.ctx, "ann")
		b.need(err)
		if e.At != start || e.Waiting != 0 || len(e.Vendors) != 1 || e.Vendors[0].Vendor != "cus_1" {
			t.Errorf("erased %+v", e)
		}
		b.pass(hour)
	}
	if e := b.read(hers); !e.Forgotten() || e.State != ledger.Applied {
		t.Errorf("a delivery about her is %+v", e)
	}
	if e := b.read(bill); !e.Forgotten() || e.State != ledger.Ignored || !strings.Contains(e.Reason, "said so") {
		t.Errorf("a parked delivery about her invoice is %+v", e)
	}
	if e := b.read(other); e.Forgotten() {
		t.Error("another customer's delivery was emptied")
	}
	if now := b.purchase(p.ID); now.PayURL != "" {
		t.Errorf("the purchase is %+v", now)
	}
	after, _, err := b.Reader().Entries.Feed(b.ctx, "", 100)
	b.need(err)
	if len(after) != len(before) || after[len(after)-1] != before[len(before)-1] {
		t.Errorf("%d entries became %d", len(before), len(after))
	}
	b.sound()
	b.clean()
	b.refused(debit.ID, p)
	told := b.told("ann")
	for _, c := range told {
		if c.Personal() {
			t.Errorf("what vendors were told is kept: %+v", c)
		}
	}
	if last := told[len(told)-1]; last.Name != "ann" || last.Email != "erased@scrip.invalid" || last.Metadata["note"] != "" || len(last.Metadata) != 1 {
		t.Errorf("vendors are told %+v in the end", last)
	}
	if _, err := b.Customer(b.ctx, "ann"); core.CodeOf(err) != core.CodeUnknownCustomer || !strings.Contains(err.Error(), "erased") {
		t.Errorf("reading her gives %v", err)
	}
	_, g, err := b.Reader().Accounts.Grant(b.ctx, spent.Grant.ID)
	b.need(err)
	if len(g.Metadata) != 0 {
		t.Errorf("a grant keeps %v", g.Metadata)
	}
	b.close()
	b.need(sqlite.Compact(b.ctx, b.path))
	b.open(nil, ledger.Options{})
	b.clean()
	files, err := filepath.Glob(b.path + "*")
	b.need(err)
	for _, f := range files {
		raw, err := os.ReadFile(f)
		b.need(err)
		if n := bytes.Count(raw, []byte(canary)); n > 0 {
			t.Errorf("%d times in %s", n, filepath.Base(f))
		}
	}
}

// refused tries what would make an erased customer own something.
func (b *bench) refused(debit core.ID, p sale.Purchase) {
	b.Helper()
	_, _, grant := b.Issue(b.ctx, "new", ann, terms(1))
	_, _, buy := b.Buy(b.ctx, "new", sale.Purchase{Customer: "ann", Pack: "small", Unit: "credits", Credits: 1})
	_, _, reverse := b.Reverse(b.ctx, "new", debit, 0)
	_, _, pay := b.pay(p, payment(p, "in_1"))
	for what, err := range map[string]error{"a grant": grant, "a purchase": buy, "a reversal": reverse, "a payment": pay} {
		if core.CodeOf(err) != core.CodeUnknownCustomer {
			b.Errorf("%s gives %v", what, err)
		}
	}
}

// told is what a vendor hears of a customer, in order.
func (b *bench) told(customer string) (list []ledger.Customer) {
	b.Helper()
	intents, err := b.Reader().Queues.Intents(b.ctx, ledger.QueueFilter{Customer: customer, Limit: 100})
	b.need(err)
	for _, i := range intents {
		var c ledger.Customer
		if i.Kind == "customer" && json.Unmarshal(i.Body, &c) == nil {
			list = append(list, c)
		}
	}
	return list
}

// Who owns something is not erased.
func TestEraseWhoOwns(t *testing.T) {
	b := newAnn(t)
	refused := func(text string) {
		t.Helper()
		_, err := b.Erase(b.ctx, "ann")
		if core.CodeOf(err) != core.CodeCustomerNotEmpty || !strings.Contains(err.Error(), text) {
			t.Errorf("erasing gives %v, want %q", err, text)
		}
		if c, err := b.Customer(b.ctx, "ann"); err != nil || !c.Personal() {
			t.Errorf("a refusal left %+v, %v", c, err)
		}
	}
	later := terms(5_00)
	later.Starts = start + hour
	scheduled, _, err := b.Issue(b.ctx, "later", ann, later)
	b.need(err)
	refused("has 5.00 credits left in 1 grants and 0 open holds")
	_, _, err = b.Void(b.ctx, "void", scheduled.Grant.ID)
	b.need(err)
	b.grant("grant", ann, 3_00)
	h, _, err := b.Hold(b.ctx, "hold", charge(ann, 3_00), ledger.HoldTerms{For: time.Hour})
	b.need(err)
	refused("and 1 open holds")
	_, _, _, err = b.Capture(b.ctx, "capture", ledger.CaptureTerms{Unit: "credits", Hold: h.Hold.ID, Amount: 3_00, Final: true})
	b.need(err)
	short := terms(2_00)
	short.Expires = b.Now() + hour
	_, _, err = b.Issue(b.ctx, "short", ann, short)
	b.need(err)
	refused("2.00 credits")
	b.pass(hour) // expired is not owned, whether or not a sweep has run
	if _, err := b.Erase(b.ctx, "ann"); err != nil {
		t.Errorf("an empty customer: %v", err)
	}
	if _, err := b.Erase(b.ctx, "nobody"); core.CodeOf(err) != core.CodeUnknownCustomer {
		t.Errorf("nobody: %v", err)
	}
	b.clean()
}

// What a worker has begun keeps what it says until it is settled, and then
// goes too; meanwhile nobody takes the id again.
func TestEraseWaitsForWork(t *testing.T) {
	b := newAnn(t)
	var begun *ledger.Intent
	settle := func(state ledger.QueueState) {
		t.Helper()
		b.need(b.Do(b.ctx, &ledger.Op{
			Names: func(batch *ledger.Batch) { batch.Intents = append(batch.Intents, ledger.Lease{ID: begun.ID}) },
			Decide: func(tx *ledger.Tx) error {
				row := *tx.Intent(begun.ID)
				row.State, row.Attempts, row.Tried, row.Body = state, 1, true, begun.Body
				if state != ledger.Waiting {
					row.Settled = tx.Now
				}
				tx.SettleIntent(&row)
				return nil
			},
		}))
	}
	for begun == nil || !strings.Contains(string(begun.Body), canary) {
		if begun != nil {
			settle(ledger.Applied)
		}
		items, err := b.Store().Claim(b.ctx, ledger.Outbox, b.Now(), b.Now(), 1, time.Minute)
		b.need(err)
		begun = items[0].Intent
	}
	settle(ledger.Waiting)
	waiting := b.event("evt_9", ledger.Waiting, `{"customer":"cus_1"}`)
	b.need(b.Do(b.ctx, &ledger.Op{
		Names: func(batch *ledger.Batch) {
			batch.Links = append(batch.Links, ledger.LinkKey{Connection: "east", Neutral: "ann"})
		},
		Decide: func(tx *ledger.Tx) error {
			tx.Link(ledger.Link{Connection: "east", Neutral: "ann", Role: "customer", Vendor: "cus_1"})
			return nil
		},
	}))
	e, err := b.Erase(b.ctx, "ann")
	b.need(err)
	if e.Waiting == 0 || b.read(waiting).Forgotten() {
		t.Errorf("erased %+v", e)
	}
	if _, _, err := b.PutCustomer(b.ctx, ledger.Customer{ID: "ann", Name: "another"}); core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("the id was taken again: %v", err)
	}
	if done, err := b.FinishErasures(b.ctx); done != 0 || err != nil {
		t.Errorf("finished %d, %v", done, err)
	}
	settle(ledger.Applied)
	row := *b.read(waiting)
	row.State, row.Settled = ledger.Applied, b.Now()
	b.need(b.Do(b.ctx, &ledger.Op{
		Names:  func(batch *ledger.Batch) { batch.Events = append(batch.Events, ledger.Lease{ID: row.ID}) },
		Decide: func(tx *ledger.Tx) error { tx.PutEvent(&row); return nil },
	}))
	if done, err := b.FinishErasures(b.ctx); done != 1 || err != nil {
		t.Errorf("finished %d, %v", done, err)
	}
	if done, err := b.FinishErasures(b.ctx); done != 0 || err != nil {
		t.Errorf("finished %d once more, %v", done, err)
	}
	if !b.read(waiting).Forgotten() {
		t.Error("the delivery keeps its body")
	}
	for _, c := range b.told("ann") {
		if c.Personal() {
			t.Errorf("what vendors were told is kept: %+v", c)
		}
	}
	if _, created, err := b.PutCustomer(b.ctx, ledger.Customer{ID: "ann", Name: "another"}); !created || err != nil {
		t.Errorf("the id cannot be used again: %v", err)
	}
	b.grant("again", ann, 1_00)
	b.clean()
}
