package reconcile

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sourcegraph/conc/pool"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
)

// Bounds of a run.
const (
	ourPage      = 200              // rows of ours read at a time
	vendorPage   = 100              // items of the vendor's asked for at a time
	maxPages     = 100_000          // of any one list of the vendor's
	maxOfOne     = 10_000           // grants the vendor may list for one customer
	maxListed    = 100_000          // findings a report lists, the rest is counted
	maxSeen      = 1 << 20          // vendor customers remembered from the list; the rest is asked for one by one
	atOnce       = 8                // customers compared at the same time
	retryWindow  = 10 * time.Minute // a call that only waits for our share of the vendor's rate is repeated so long
	retryPause   = 200 * time.Millisecond
	farDateYears = 50 // an expiry so far away stands for never, where the vendor has no never
)

// Options say what is compared.
type Options struct {
	Reader     ledger.Reader
	Port       *adapters.Port
	Connection mapping.Connection
	Route      mapping.Route
	Units      []core.Unit
	AsOf       core.Time // the instant that open windows and expiries are judged at: business time
	Customer   string    // only this one; "" is all
	Progress   func(customers int)
}

// run is a comparison under way.
type run struct {
	Options
	traits  adapters.Traits
	can     map[string]bool
	carries bool // the strategy carries grants and consumption to this vendor
	routed  bool // the route makes every customer known there
	links   adapters.Links
	before  *unsettled
	seen    []uint64 // hashes of the vendor's ids, sorted once all are listed: 8 bytes a customer
	listed  bool     // seen holds every customer that the vendor lists
	hash    func(string) uint64

	mu     sync.Mutex
	report *Report
	found  map[string]*state // customers with findings, as they were read
	raw    []Finding
}

// Run compares both sides of a connection and changes nothing. An error means
// that no statement can be made: a side could not be read.
func Run(ctx context.Context, o Options) (*Report, error) {
	r := &run{
		Options: o, traits: o.Port.Traits(), can: map[string]bool{}, found: map[string]*state{},
		report: &Report{
			Connection: o.Connection.Name, Strategy: string(o.Connection.Strategy), AsOf: o.AsOf.String(),
			Findings: []Finding{}, InFlight: []Finding{}, NotComparable: []NotComparable{},
		},
	}
	for _, c := range o.Port.Capabilities() {
		r.can[c.Name] = c.Has
	}
	r.carries = o.Connection.Strategy != adapters.Totals
	told := append([]string{o.Route.Primary, o.Route.Collector()}, o.Route.Shadow...)
	r.routed = slices.Contains(told, o.Connection.Name)
	r.blindSpots()
	if err := r.read(ctx); err != nil {
		return nil, err
	}
	if err := r.judge(ctx); err != nil {
		return nil, err
	}
	r.report.arrange()
	return r.report, nil
}

// read streams both sides.
func (r *run) read(ctx context.Context) error {
	var err error
	if r.before, err = r.unsettled(ctx); err != nil {
		return err
	}
	if err := r.countQueues(ctx); err != nil {
		return err
	}
	if r.links, err = r.linksOf(ctx, adapters.SetupNeutral, ""); err != nil {
		return err
	}
	if r.Customer != "" {
		record, err := r.Reader.Records.Record(ctx, ledger.RecordKey{Kind: ledger.CustomerKind, ID: r.Customer})
		if err == nil && (record == nil || record.Deleted) {
			err = core.InField(core.Errorf(core.CodeUnknownCustomer, "customer %q does not exist", r.Customer), "customer")
		}
		if err != nil {
			return err
		}
		return r.page(ctx, []ledger.Record{*record})
	}
	if err := r.listVendor(ctx); err != nil {
		return err
	}
	for after := ""; ; {
		records, err := r.Reader.Records.List(ctx, ledger.CustomerKind, after, ourPage)
		if err != nil || len(records) == 0 {
			return err
		}
		if err := r.page(ctx, records); err != nil {
			return err
		}
		after = records[len(records)-1].ID
	}
}

// page compares customers side by side and keeps what was found in their
// order, so that a report does not depend on which was done first.
func (r *run) page(ctx context.Context, records []ledger.Record) error {
	states := make([]*state, len(records))
	work := pool.New().WithContext(ctx).WithMaxGoroutines(atOnce).WithCancelOnError().WithFirstError()
	for i := range records {
		work.Go(func(ctx context.Context) error {
			var c ledger.Customer
			if err := json.Unmarshal(records[i].Body, &c); err != nil {
				return core.Errorf(core.CodeInternal, "customer %q cannot be read", records[i].ID)
			}
			states[i] = &state{id: records[i].ID, version: records[i].Version, put: records[i].At}
			return r.compare(ctx, c, states[i])
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	for _, s := range states {
		r.keep(s)
	}
	return nil
}

// keep adds a compared customer to the run.
func (r *run) keep(s *state) {
	r.report.Counts.Customers++
	r.report.Counts.Grants += s.grants
	r.report.Counts.Kept += s.kept
	if len(s.findings) > 0 {
		arrange(s.findings)
		before := len(r.raw)
		for _, f := range s.findings {
			r.add(f)
		}
		if len(r.raw) > before {
			r.found[s.id] = s
		}
		s.findings = nil
	}
	for _, f := range s.flying {
		f.ID = findingID(r.Connection.Name, &f)
		r.shelve(f)
	}
	s.flying = nil
	if r.Progress != nil {
		r.Progress(r.report.Counts.Customers)
	}
}

// add keeps a difference to be judged. Beyond what a report lists they are
// only counted, by what was on its way when the run began.
func (r *run) add(f Finding) {
	switch {
	case len(r.raw) < maxListed:
		r.raw = append(r.raw, f)
	case r.before.excuse(&f) != "":
		r.report.Counts.InFlight++
	default:
		r.report.Counts.Findings++
	}
}

func (r *run) compare(ctx context.Context, c ledger.Customer, s *state) error {
	var err error
	if s.accounts, err = r.accounts(ctx, s.id); err != nil {
		return err
	}
	expected := r.routed
	for _, a := range s.accounts {
		expected = expected || a.Tells(r.Connection.Name)
		if r.carries && !a.Tells(r.Connection.Name) {
			r.blind("accounts that this connection is not told of", "they were never given to it, or have left it")
		}
	}
	if err := r.lastTold(ctx, s); err != nil {
		return err
	}
	there, err := r.present(ctx, c, s, expected)
	if err != nil || !there || !r.carries {
		return err
	}
	drawn, err := r.grants(ctx, s)
	if err != nil {
		return err
	}
	return r.consumption(ctx, c, s, drawn)
}

// linksOf reads the links of a neutral thing in a role, all roles when "".
func (r *run) linksOf(ctx context.Context, neutral, role string) (adapters.Links, error) {
	rows, err := r.Reader.Links.Links(ctx, ledger.LinkKey{Connection: r.Connection.Name, Neutral: neutral})
	var list adapters.Links
	for _, l := range rows {
		if role == "" || l.Role == role {
			list = append(list, adapters.Link{Neutral: l.Neutral, Role: l.Role, Vendor: l.Vendor})
		}
	}
	return list, err
}

// ask repeats a read of the vendor's while it is only slowed down.
func ask[T any](ctx context.Context, f func(context.Context) (T, error)) (T, error) {
	deadline := time.Now().Add(retryWindow)
	for {
		got, err := f(ctx)
		if err == nil || adapters.AsError(err).Code != adapters.CodeRateLimited || time.Now().After(deadline) {
			return got, err
		}
		pause := time.NewTimer(max(retryPause, adapters.AsError(err).RetryAfter))
		select {
		case <-ctx.Done():
			pause.Stop()
			return got, ctx.Err()
		case <-pause.C:
		}
	}
}

// blind notes a fact that cannot be compared.
func (r *run) blind(fact, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := NotComparable{fact, why}
	for _, known := range r.report.NotComparable {
		if known == n {
			return
		}
	}
	r.report.NotComparable = append(r.report.NotComparable, n)
}

// fit is how the vendor carries a fact of a grant, as its traits name it.
func (r *run) fit(name string) adapters.Fit {
	for _, f := range r.traits.Facts {
		if strings.EqualFold(f.Name, name) {
			return f.Fit
		}
	}
	return adapters.Kept
}

// blindSpots notes what this vendor and strategy give no way to compare.
func (r *run) blindSpots() {
	const no = "not comparable at this vendor: "
	if r.Customer != "" {
		r.blind("extra and duplicate customers", "only one customer is asked for, the vendor's list is not read")
	} else if !r.can["read customers"] {
		r.blind("extra and duplicate customers", no+"it lists no customers")
	}
	switch {
	case !r.carries:
		r.blind("grants and consumption", "this connection carries none")
		return
	case !r.can["read grants"]:
		r.blind("grants", no+"it lists no grants")
	default:
		if r.fit("priority") != adapters.Exact {
			r.blind("priority", no+"it holds none, or not ours exactly")
		}
		if f := r.fit("paid / promotional"); f != adapters.Exact && f != adapters.Loss {
			r.blind("category", no+"it holds none")
		}
		switch {
		case r.Connection.ByLot(): // each lot is compared by itself
		case r.Connection.Strategy == adapters.Meter:
			r.blind("remaining, per grant", no+"it draws down by itself, in its own time and order; in all it may draw no more than was told")
		default:
			r.blind("remaining, per grant", no+"its order may differ; what is left of all of a customer's grants is compared")
		}
		if r.fit("scope") != adapters.Exact {
			r.blind("scope", no+"actions stay in the core")
		}
	}
	if !r.can["read usage"] {
		r.blind("consumption", no+"it does not tell what it counted")
	}
}
