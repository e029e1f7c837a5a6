package sync

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/core/sale"
	"scrip/mapping"
)

func one(v adapters.Adapter) map[string]adapters.Adapter {
	return map[string]adapters.Adapter{"main": v}
}

// TestStory carries each kind of order once, and links what came back.
func TestStory(t *testing.T) {
	v := newVendor()
	w := newWorld(t, one(finder{v}))
	w.customer("acme", "Acme")
	id := w.grant("acme", 1000_00)
	w.debit("acme", 100_00)
	w.debit("acme", 25_00)
	w.drain()
	w.state(w.only(adapters.GrantKind), ledger.Applied)
	w.state(w.only(adapters.ConsumeKind), ledger.Waiting)
	if v.total() != 0 {
		t.Errorf("the open window was told already: %d", v.total())
	}
	w.advance(time.Minute)
	w.drain()
	if v.total() != 1000 {
		t.Errorf("the vendor holds %d, want 1000", v.total())
	}
	if _, _, err := w.led.Void(w.ctx, "void", id); err != nil {
		t.Fatal(err)
	}
	w.drain()
	w.state(w.only(adapters.EndKind), ledger.Applied)
	links, err := w.led.Reader().Links.ByVendor(w.ctx, "main", "cg_"+string(id))
	if err != nil || len(links) != 1 || links[0].Neutral != string(id) || links[0].Role != adapters.RoleGrant {
		t.Errorf("links %+v, %v", links, err)
	}
	for op, want := range map[string]int{"customer": 1, "grant": 1, "consume": 1, "end": 1, "prepare": 1, "find": 0} {
		if calls, _ := v.count(op); calls != want {
			t.Errorf("%d calls of %s, want %d", calls, op, want)
		}
	}
}

func TestSaleOffersPayment(t *testing.T) {
	v := newVendor()
	w := newWorld(t, one(finder{v}))
	w.customer("acme", "Acme")
	p, _, err := w.led.Buy(w.ctx, "buy", sale.Purchase{Customer: "acme", Pack: "starter", Unit: "credits", Credits: 1000, Price: core.Money{Minor: 8000, Currency: "usd"}})
	w.must(err)
	v.fail("sell", fault{err: adapters.Errorf(adapters.CodeUnknown, "timeout"), after: true})
	w.drain()
	p, err = w.led.Purchase(w.ctx, p.ID)
	if err != nil || p.PayURL != "https://pay.example/"+string(p.ID) {
		t.Errorf("purchase %+v, %v", p, err)
	}
	if _, made := v.count("sell"); made != 1 {
		t.Errorf("%d sales were made", made)
	}
}

// TestCustomerBeforeConnection: a customer that is older than the connection
// is made, or found, before what is about it.
func TestCustomerBeforeConnection(t *testing.T) {
	for _, there := range []bool{false, true} {
		t.Run(fmt.Sprint(there), func(t *testing.T) {
			v := newVendor()
			w := newWorld(t, one(finder{v}))
			w.customer("acme", "Acme")
			i := w.only(adapters.CustomerKind)
			w.must(w.led.Do(w.ctx, &ledger.Op{
				Names: func(b *ledger.Batch) { b.Intents = append(b.Intents, ledger.Lease{ID: i.ID}) },
				Decide: func(tx *ledger.Tx) error {
					row := tx.Intent(i.ID)
					row.State = ledger.Ignored
					tx.SettleIntent(row)
					return nil
				},
			}))
			if there {
				v.customers = []string{"cus_acme"}
			}
			w.grant("acme", 1000)
			v.fail("customer", fault{err: adapters.Errorf(adapters.CodeUnknown, "timeout"), after: true})
			w.drain()
			w.state(w.only(adapters.GrantKind), ledger.Applied)
			if len(v.customers) != 1 {
				t.Errorf("customers %v", v.customers)
			}
		})
	}
}

// TestChangedCustomers: each change is told, in order, and an existing
// customer is linked before it is updated.
func TestChangedCustomers(t *testing.T) {
	v := newVendor()
	w := newWorld(t, one(finder{v}))
	for _, name := range []string{"A", "B", "A"} {
		w.customer("acme", name)
	}
	w.drain()
	if got := strings.Join(v.changed, " "); got != "acme=A acme=B acme=A" || len(v.customers) != 1 {
		t.Errorf("told %q of %v", got, v.customers)
	}
}

func TestReversalTakesWindowsBack(t *testing.T) {
	v := newVendor()
	w := newWorld(t, one(canceller{finder{v}}))
	w.customer("acme", "Acme")
	w.grant("acme", 1000_00)
	first := w.debit("acme", 100_00)
	w.advance(time.Minute)
	w.drain()
	w.debit("acme", 50_00)
	w.advance(time.Minute)
	w.drain()
	v.fail("cancel",
		fault{err: adapters.Errorf(adapters.CodeUnknown, "reset"), after: true},
		fault{err: adapters.Errorf(adapters.CodeRateLimited, "slow")})
	w.reverse(first, 80_00)
	w.drain()
	if v.total() != 560 { // 70.00 credits at 0.08 usd
		t.Errorf("the vendor holds %d, want 560", v.total())
	}
	if _, made := v.count("cancel"); made != 2 {
		t.Errorf("%d windows were taken back, want 2", made)
	}
}

// TestCarry: where windows cannot be taken back, what was given back comes off
// the windows to come.
func TestCarry(t *testing.T) {
	for name, a := range map[string]func(*vendor) adapters.Adapter{
		"cannot": func(v *vendor) adapters.Adapter { return finder{v} },
		"too old": func(v *vendor) adapters.Adapter {
			v.always["cancel"] = adapters.Errorf(adapters.CodeInvalid, "too old")
			return canceller{finder{v}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVendor()
			w := newWorld(t, one(a(v)))
			w.customer("acme", "Acme")
			w.grant("acme", 1000_00)
			id := w.debit("acme", 100_00)
			w.advance(time.Minute)
			w.drain()
			w.reverse(id, 0)
			w.drain()
			if v.total() != 800 {
				t.Errorf("the vendor holds %d, want 800 still", v.total())
			}
			w.debit("acme", 60_00)
			w.advance(time.Minute)
			w.drain()
			w.debit("acme", 60_00)
			w.advance(time.Minute)
			w.drain()
			if v.total() != 960 {
				t.Errorf("the vendor holds %d, want 960", v.total())
			}
		})
	}
}

// TestLawUnderFaults: whatever is debited and reversed, and however calls
// fail, once the queue is settled the vendor holds the floor of the total.
func TestLawUnderFaults(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		v := newVendor()
		w := newWorld(t, one(canceller{finder{v}}))
		w.customer("acme", "Acme")
		w.grant("acme", 1_000_000)
		var debits []core.ID
		reversed := map[core.ID]bool{}
		for range rapid.IntRange(1, 9).Draw(rt, "steps") {
			switch k := rapid.IntRange(0, 3).Draw(rt, "step"); {
			case k == 0 && len(debits) > 0:
				if id := rapid.SampledFrom(debits).Draw(rt, "debit"); !reversed[id] {
					reversed[id] = true
					w.reverse(id, 0)
				}
			case k <= 1:
				debits = append(debits, w.debit("acme", core.Amount(rapid.IntRange(1, 9999).Draw(rt, "amount"))))
			default:
				clear(v.script)
				for _, op := range []string{"consume", "cancel", "grant", "customer", "find"} {
					for range rapid.IntRange(0, 2).Draw(rt, op) {
						code := rapid.SampledFrom([]adapters.Code{adapters.CodeUnknown, adapters.CodeRateLimited, adapters.CodeInProgress, adapters.CodeUnauthorized}).Draw(rt, "code")
						v.fail(op, fault{err: adapters.Errorf(code, "scripted"), after: code == adapters.CodeUnknown && rapid.Bool().Draw(rt, "after")})
					}
				}
				w.advance(time.Duration(rapid.IntRange(1, 90).Draw(rt, "seconds")) * time.Second)
				w.drain()
			}
		}
		w.advance(time.Minute)
		w.drain()
		a, err := w.led.Account(w.ctx, ledger.AccountKey{Customer: "acme", Unit: "credits"})
		if err != nil {
			rt.Fatal(err)
		}
		rate, _ := core.ParsePrice("0.08 usd")
		want, err := mapping.Quanta(a.Consumed, credits, rate)
		if err != nil || v.total() != want {
			rt.Fatalf("the vendor holds %d, the law says %d (%v)", v.total(), want, err)
		}
		if _, grants := v.count("grant"); grants != 1 || len(v.customers) != 1 {
			rt.Fatalf("%d grants and %d customers were made", grants, len(v.customers))
		}
	})
}
