package sandbox

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"scrip/adapters/sandbox"
)

// The tests here play scenarios of the vendor's own specifications that call a
// part of it from within, at numbers no request leads to.

// inside runs a test in an empty account.
func inside(t *testing.T, f func(w *world)) {
	t.Helper()
	v := vendor()
	ran := false
	v.Routes = append(v.Routes, route("POST", "/inside", func(c *call) (any, error) { ran = true; f(c.world); return obj{}, nil }))
	s := sandbox.New(v, sandbox.Options{})
	defer s.Close()
	r := httptest.NewRequest(http.MethodPost, "/inside", nil)
	r.Header.Set("Authorization", "Bearer key")
	s.ServeHTTP(httptest.NewRecorder(), r)
	if !ran {
		t.Fatal("the test did not run")
	}
}

func number(t *testing.T, s string) dec {
	t.Helper()
	x, err := parseDec(s)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestScenarioFractionOfCents(t *testing.T) {
	got, err := ofCents(number(t, "103.4589"), number(t, "0.001"), "EUR")
	if err != nil || got.Credits.String() != "1030.0" || got.Cents != 103 || major(got.Cents, "EUR").String() != "1.03" {
		t.Errorf("103.4589 cents at 0.001 are %v, %v", got, err)
	}
	void, err := takenOff(number(t, "1034"), number(t, "0.001"), "EUR")
	if err != nil || void.Credits.String() != "1034.0" || void.Cents != 103 {
		t.Errorf("a void of 1034 at 0.001 is %v, %v", void, err)
	}
}

// TestScenarioSpread: which wallet ongoing usage is expected to come from. B
// has priority 1, A priority 2.
func TestScenarioSpread(t *testing.T) {
	low, other := &rule{Trigger: threshold, Status: active}, &rule{Trigger: interval, Status: active}
	ended := &rule{Trigger: threshold, Status: terminated}
	pot := func(code string, balance int64, rules ...*rule) *wallet {
		return &wallet{Code: code, Balance: balance, Rules: rules}
	}
	used := func(cents ...int64) (out []owed) {
		for i, c := range cents {
			out = append(out, owed{Kind: "charge", Metric: string(rune('a' + i)), Cents: c})
		}
		return out
	}
	aimed := func(target string) []owed { return []owed{{Kind: "charge", Metric: "a", Target: target, Cents: 80}} }
	a, b := pot("A", 150), pot("B", 50)
	for name, tc := range map[string]struct {
		wallets []*wallet
		debts   []owed
		want    []int64
	}{
		"80":                                {[]*wallet{b, a}, used(80), []int64{50, 30}},
		"80, threshold rule on B":           {[]*wallet{pot("B", 50, low), a}, used(80), []int64{80, 0}},
		"80, threshold rule on both":        {[]*wallet{pot("B", 50, low), pot("A", 150, low)}, used(80), []int64{80, 0}},
		"80, ended threshold rule on B":     {[]*wallet{pot("B", 50, ended), a}, used(80), []int64{50, 30}},
		"80, interval rule on B":            {[]*wallet{pot("B", 50, other), a}, used(80), []int64{50, 30}},
		"200, threshold rule on the second": {[]*wallet{pot("1", 50), pot("2", 50, low), pot("3", 50)}, used(200), []int64{50, 150, 0}},
		"80, only B":                        {[]*wallet{b}, used(80), []int64{80}},
		"250":                               {[]*wallet{b, a}, used(250), []int64{50, 200}},
		"80, the first is empty":            {[]*wallet{pot("1", 0), pot("2", 50), pot("3", 50)}, used(80), []int64{0, 50, 30}},
		"40 and 40":                         {[]*wallet{b, a}, used(40, 40), []int64{50, 30}},
		"80 and 100 of which 150 billed":    {[]*wallet{b, a}, used(80, 100-150), []int64{30, 0}},
		"80 for B":                          {[]*wallet{b, a}, aimed("B"), []int64{80, 0}},
		"80 for an unknown wallet":          {[]*wallet{b, a}, aimed("nope"), []int64{0, 0}},
	} {
		if got := spread(tc.wallets, tc.debts, true); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
	if got := spread([]*wallet{b, a}, used(80), false); !slices.Equal(got, []int64{80, 0}) {
		t.Errorf("before v1.51 usage did not go on to the next wallet, but came to %v", got)
	}
}

// stage is a wallet with a rule, with what each case of a table changes.
func stage(w *world, t *testing.T, ongoing string, change func(x *wallet, r *rule)) *wallet {
	t.Helper()
	owner := w.st.Customers.add(&customer{ID: w.uuid(), External: w.uuid(), Attrs: attributes{}})
	r := &rule{Trigger: threshold, Method: fixed, Status: active, Threshold: number(t, "6"), Paid: number(t, "10"), Granted: number(t, "3")}
	x := w.st.Wallets.add(&wallet{ID: w.uuid(), Customer: owner.ID, Status: active, Currency: "EUR", Rate: number(t, "1"), Rules: []*rule{r}, Traceable: true})
	w.st.byOwner = nil
	x.OngoingCredits = number(t, ongoing)
	if change != nil {
		change(x, r)
	}
	return x
}

// planned is what a rule decided to top a wallet up with.
func plannedFor(w *world, x *wallet) string {
	for _, j := range w.st.Jobs {
		if j.Object == x.ID && j.Kind == "top_up" {
			return j.TopUp.Paid.String() + " " + j.TopUp.Granted.String() + " " + j.TopUp.Source
		}
	}
	return ""
}

// TestScenarioThresholdRules: when a rule tops up, and with what.
func TestScenarioThresholdRules(t *testing.T) {
	aim := func(min, max int64, grants bool) func(*wallet, *rule) {
		return func(x *wallet, r *rule) {
			sum := whole(200)
			r.Method, r.Target, r.GrantsTarget, r.Granted = target, &sum, grants, dec{}
			if min > 0 {
				x.Min = &min
			}
			if max > 0 {
				x.Max = &max
			}
		}
	}
	inside(t, func(w *world) {
		past := w.now.Add(-time.Hour)
		for name, tc := range map[string]struct {
			change  func(*wallet, *rule)
			pending string
			want    string
		}{
			"below":                  {nil, "", "10.0 3.0 threshold"},
			"above":                  {func(_ *wallet, r *rule) { r.Threshold = whole(2) }, "", ""},
			"pending":                {nil, "1", ""},
			"target with minimum":    {aim(20550, 0, false), "", "205.5 0.0 threshold"},
			"target with maximum":    {aim(0, 10000, false), "", "194.5 0.0 threshold"},
			"target that is granted": {aim(20550, 0, true), "", "0.0 194.5 threshold"},
			"expired":                {func(_ *wallet, r *rule) { r.Expiration = &past }, "", ""},
			"terminated":             {func(_ *wallet, r *rule) { r.Status = terminated }, "", ""},
		} {
			x := stage(w, t, "5.5", tc.change)
			if tc.pending != "" {
				w.newTxn(x, topUp{Source: manual}, purchased, inbound, worth{number(t, tc.pending), 100})
			}
			w.watch(x)
			if got := plannedFor(w, x); got != tc.want {
				t.Errorf("%s: %q, want %q", name, got, tc.want)
			}
		}
		// Numbers that a refresh leaves as they are start nothing.
		x := stage(w, t, "0", nil)
		w.refresh(x.Customer)
		if got := plannedFor(w, x); got != "" {
			t.Errorf("a refresh without a change planned %q", got)
		}
	})
}

// TestScenarioSizing: how much a rule buys.
func TestScenarioSizing(t *testing.T) {
	minimum, maximum := int64(2500), int64(10000)
	inside(t, func(w *world) {
		for name, tc := range map[string]struct {
			ongoing, pending string
			change           func(*wallet, *rule)
			want             string
		}{
			"-429.8":                     {"-429.8", "", nil, "450.0"},
			"-50":                        {"-50", "", nil, "100.0"},
			"-40, the gap is one amount": {"-40", "", nil, "100.0"},
			"-39, the gap is less":       {"-39", "", nil, "50.0"},
			"-100":                       {"-100", "", nil, "150.0"},
			"-429.8 with 50 pending":     {"-429.8", "50", nil, "400.0"},
			"-429.8 with 50 granted":     {"-429.8", "", func(_ *wallet, r *rule) { r.Granted = whole(50) }, "400.0"},
			"-429.8 at most 100":         {"-429.8", "", func(x *wallet, _ *rule) { x.Max = &maximum }, "100.0"},
			"-429.8 limits ignored":      {"-429.8", "", func(x *wallet, r *rule) { x.Max, r.IgnoreLimits = &maximum, true }, "450.0"},
			"-429.8 at an interval":      {"-429.8", "", func(_ *wallet, r *rule) { r.Trigger = interval }, "50.0"},
			"-429.8 that buys nothing":   {"-429.8", "", func(_ *wallet, r *rule) { r.Paid = dec{} }, "0.0"},
			"target 101 with a minimum":  {"100", "", aimAt(101, &minimum), "50.0"},
			"target 100 that is reached": {"100", "", aimAt(100, &minimum), "0.0"},
			"target 99 that is passed":   {"100", "", aimAt(99, &minimum), "0.0"},
		} {
			x := stage(w, t, tc.ongoing, func(x *wallet, r *rule) {
				r.Threshold, r.Paid, r.Granted = whole(10), whole(50), dec{}
				if tc.change != nil {
					tc.change(x, r)
				}
			})
			if tc.pending != "" {
				w.newTxn(x, topUp{Source: manual}, purchased, inbound, worth{number(t, tc.pending), 5000})
			}
			if got := w.refill(x, x.Rules[0]).Paid.String(); got != tc.want {
				t.Errorf("%s: %s, want %s", name, got, tc.want)
			}
		}
	})
}

func aimAt(credits int64, minimum *int64) func(*wallet, *rule) {
	return func(x *wallet, r *rule) {
		sum := whole(credits)
		r.Method, r.Target, x.Min = target, &sum, minimum
		x.Rate = whole(1).per(whole(2))
	}
}

// TestScenarioDecline: a declined purchase is not tried again within the hour.
func TestScenarioDecline(t *testing.T) {
	type event struct {
		kind, status, source string
		ago                  time.Duration
	}
	const m = time.Minute
	declined := event{purchased, failed, threshold, 10 * m}
	inside(t, func(w *world) {
		for name, tc := range map[string]struct {
			events []event
			grants bool
			again  bool
		}{
			"ten minutes ago":         {[]event{declined}, false, false},
			"over an hour ago":        {[]event{{purchased, failed, threshold, 61 * m}}, false, true},
			"a purchase since":        {[]event{declined, {purchased, settled, manual, 5 * m}}, false, true},
			"only a grant since":      {[]event{declined, {granted, settled, manual, 5 * m}}, false, false},
			"a rule that only grants": {[]event{declined}, true, true},
			"a declined one by hand":  {[]event{{purchased, failed, manual, 10 * m}}, false, true},
		} {
			x := stage(w, t, "5.5", func(_ *wallet, r *rule) {
				if tc.grants {
					r.Paid = dec{}
				}
			})
			for _, e := range tc.events {
				one, at := w.newTxn(x, topUp{Source: e.source}, e.kind, inbound, worth{whole(10), 1000}), w.now.Add(-e.ago)
				one.Status = e.status
				if e.status == failed {
					one.Failed = &at
				} else {
					one.Settled = &at
				}
			}
			w.watch(x)
			if got := plannedFor(w, x) != ""; got != tc.again {
				t.Errorf("%s: topped up again: %v, want %v", name, got, tc.again)
			}
		}
	})
}

// TestScenarioRecredit: what a voided invoice gives back.
func TestScenarioRecredit(t *testing.T) {
	inside(t, func(w *world) {
		took := func(rate, credits string, cents int64) (*wallet, *txn) {
			x := stage(w, t, "0", nil)
			x.Rules, x.Rate, x.Consumed, x.ConsumedCents = nil, number(t, rate), whole(1), 100
			return x, w.newTxn(x, topUp{Source: manual}, invoiced, outbound, worth{number(t, credits), cents})
		}
		x, out := took("1", "1.0", 100)
		if !w.recredit(out, "invoice") || x.Credits.String() != "1.0" || x.Balance != 100 || x.Consumed.sign() != 0 || x.ConsumedCents != 0 {
			t.Errorf("after giving 1.0 back: %+v", x)
		}
		list := w.txnsOf(x.ID)
		if back := list[len(list)-1]; back.Kind != granted || back.Type != inbound || back.Status != settled || back.Credits.String() != "1.0" || *back.VoidedInvoice != "invoice" {
			t.Errorf("given back as %+v", back)
		}
		gone, out := took("1", "1.0", 100)
		if w.terminate(gone); w.recredit(out, "invoice") || gone.Balance != 0 {
			t.Errorf("a terminated wallet got something back: %+v", gone)
		}
		for _, tc := range []struct {
			back, consumed string
			sum, cents     int64
		}{{"0.5", "0.5", 50, 50}, {"2.0", "0.0", 200, 0}} {
			x, out := took("1", tc.back, tc.sum)
			if !w.recredit(out, "invoice") || x.Consumed.String() != tc.consumed || x.ConsumedCents != tc.cents {
				t.Errorf("after giving %s of 1.0 back %s and %d cents are consumed", tc.back, x.Consumed, x.ConsumedCents)
			}
		}
		x, out = took("0.01", "0.4", 0)
		if !w.recredit(out, "invoice") || len(w.txnsOf(x.ID)) != 1 || x.Balance != 0 {
			t.Errorf("0.4 credits worth nothing were given back: %+v", x)
		}
	})
}
