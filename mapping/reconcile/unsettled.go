package reconcile

import (
	"context"
	"fmt"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
)

// state is one customer as it was read.
type state struct {
	id       string
	version  int64     // of its record
	put      core.Time // when the record was last written
	vendor   string    // the vendor's id
	accounts []*core.Account
	grants   int
	kept     int
	told     core.Time // when the newest window was told
	telling  bool      // a closed window was not told yet when the accounts were read
	findings []Finding
	flying   []Finding         // what is not due to be told yet
	lagging  map[string]string // object and cause to why the difference may only be a read that lags
}

func (s *state) find(f Finding) {
	f.Customer = s.id
	s.findings = append(s.findings, f)
}

// lag notes that a difference may be gone once the vendor's reads catch up.
func (s *state) lag(object string, cause Cause, why string) {
	if s.lagging == nil {
		s.lagging = map[string]string{}
	}
	s.lagging[object+"/"+string(cause)] = why
}

// unsettled are the orders of a connection that are not carried out.
type unsettled struct {
	due  map[string]string              // customer to what waits or is parked
	refs map[string]map[string]struct{} // customer to grants whose order waits for a window to close
}

// unsettled reads the outbox. An open window is no excuse: what it holds is
// known from the account and compared without it.
func (r *run) unsettled(ctx context.Context) (*unsettled, error) {
	u := &unsettled{due: map[string]string{}, refs: map[string]map[string]struct{}{}}
	for _, queued := range []ledger.QueueState{ledger.Waiting, ledger.Parked} {
		filter := ledger.QueueFilter{State: queued, Connection: r.Connection.Name, Limit: ourPage}
		for {
			list, err := r.Reader.Queues.Intents(ctx, filter)
			if err != nil {
				return nil, err
			}
			if len(list) == 0 {
				break
			}
			for i := range list {
				u.add(&list[i], r.AsOf)
			}
			filter.After = list[len(list)-1].ID
		}
	}
	return u, nil
}

func (u *unsettled) add(i *ledger.Intent, now core.Time) {
	early := i.State == ledger.Waiting && i.Due > now && !i.Tried
	switch kind := adapters.Kind(i.Kind); {
	case kind == adapters.SellKind, early && kind == adapters.ConsumeKind:
	case early:
		if u.refs[i.Customer] == nil {
			u.refs[i.Customer] = map[string]struct{}{}
		}
		u.refs[i.Customer][i.Ref] = struct{}{}
	case u.due[i.Customer] == "" || i.State == ledger.Parked:
		u.due[i.Customer] = fmt.Sprintf("order %s (%s) is %s", i.ID, i.Kind, i.State)
	}
}

// excuse is why a difference need not be drift, "" if it must be.
func (u *unsettled) excuse(f *Finding) string {
	if why := u.due[f.Customer]; why != "" {
		return why
	}
	for ref := range u.refs[f.Customer] {
		if f.Object == grantObject(ref) || f.Cause == LeftDiffers {
			return "an order about grant " + ref + " waits until it is due"
		}
	}
	return ""
}

// intentOf finds the order that a kind of change made: the id of an intent is
// a hash of what it is about.
func (r *run) intentOf(ctx context.Context, customer string, kind adapters.Kind, key string) (*ledger.Intent, error) {
	return r.Reader.Queues.Intent(ctx, core.NewID(core.IntentID, customer, string(kind)+"/"+r.Connection.Name, key, 0))
}

// ordered finds the order that gave a grant to the vendor: that of the move by
// which the account joined the connection last, else an earlier one, else that
// of the grant itself. given is what each of them gave, the last one first: an
// object that was left standing when the account left serves it again when it
// comes back.
func (r *run) ordered(ctx context.Context, a *core.Account, g *core.Grant) (last *ledger.Intent, given []*mapping.GrantFacts, err error) {
	var keys []string
	for n := r.window(a).Moves; n > 0; n -= 2 { // the account joined by the odd ones
		keys = append(keys, fmt.Sprintf("%s/move/%d", g.ID, n))
	}
	for _, key := range append(keys, string(g.ID)) {
		intent, err := r.intentOf(ctx, a.Customer, adapters.GrantKind, key)
		if err != nil {
			return nil, nil, err
		}
		if intent == nil {
			continue
		}
		body, err := mapping.DecodeBody(intent.Body)
		if err != nil {
			return nil, nil, err
		}
		if last == nil {
			last = intent
		}
		if body.Grant != nil {
			given = append(given, body.Grant)
		}
	}
	return last, given, nil
}

// fresh reports whether an order was settled so shortly ago that the vendor's
// reads may not show it yet.
func (r *run) fresh(settled core.Time) bool {
	return settled != 0 && r.AsOf < settled.Add(r.traits.ReadLag)
}

// judge parts what is in flight from what is drift. Whatever changed on our
// side while the vendor was read is in flight too.
func (r *run) judge(ctx context.Context) error {
	if len(r.raw) == 0 {
		return nil
	}
	after, err := r.unsettled(ctx)
	if err != nil {
		return err
	}
	moved := map[string]bool{}
	for id, s := range r.found {
		if moved[id], err = r.moved(ctx, s); err != nil {
			return err
		}
	}
	for i := range r.raw {
		f := &r.raw[i]
		f.ID = findingID(r.Connection.Name, f)
		why := r.before.excuse(f)
		if why == "" {
			why = after.excuse(f)
		}
		if s := r.found[f.Customer]; why == "" && s != nil {
			why = s.lagging[f.Object+"/"+string(f.Cause)]
		}
		if s := r.found[f.Customer]; why == "" && s != nil && s.telling {
			why = "a window was told while it was compared"
		}
		if why == "" && moved[f.Customer] {
			why = "it changed while it was compared"
		}
		if why == "" {
			r.report.Counts.Findings++
			if len(r.report.Findings) < maxListed {
				r.report.Findings = append(r.report.Findings, *f)
			}
			continue
		}
		f.Evidence = join(f.Evidence, why)
		r.shelve(*f)
	}
	r.report.Counts.LeftOut = r.report.Counts.Findings - len(r.report.Findings)
	return nil
}

// shelve lists a difference as in flight.
func (r *run) shelve(f Finding) {
	r.report.Counts.InFlight++
	if len(r.report.InFlight) < maxListed {
		r.report.InFlight = append(r.report.InFlight, f)
	}
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// moved reports whether a customer changed since it was read.
func (r *run) moved(ctx context.Context, s *state) (bool, error) {
	record, err := r.Reader.Records.Record(ctx, ledger.RecordKey{Kind: ledger.CustomerKind, ID: s.id})
	if err != nil || record == nil || record.Version != s.version {
		return true, err
	}
	now, err := r.accounts(ctx, s.id)
	if err != nil || len(now) != len(s.accounts) {
		return true, err
	}
	for i, a := range now {
		was := s.accounts[i]
		if a.Seq != was.Seq || r.window(a) != r.window(was) {
			return true, nil
		}
	}
	return false, nil
}

// accounts reads a customer's accounts, in the order of the units.
func (r *run) accounts(ctx context.Context, customer string) ([]*core.Account, error) {
	list := []*core.Account{}
	for _, unit := range r.Units {
		a, err := r.Reader.Accounts.Account(ctx, ledger.AccountKey{Customer: customer, Unit: unit.Code})
		if err != nil {
			return nil, err
		}
		if a != nil {
			a.Unit = unit
			list = append(list, a)
		}
	}
	return list, nil
}

// window is an account's window at the connection, zero when it never had one.
func (r *run) window(a *core.Account) core.Window {
	for _, w := range a.Windows {
		if w.Connection == r.Connection.Name {
			return w
		}
	}
	return core.Window{Connection: r.Connection.Name}
}

// windowIntent is the order that told an account's n-th window: that of its
// early closing, where there is one, for then its own found it closed.
func (r *run) windowIntent(ctx context.Context, a *core.Account, n int64) (*ledger.Intent, error) {
	id := mapping.WindowID(r.Connection.Name, ledger.AccountKey{Customer: a.Customer, Unit: a.Unit.Code}, n)
	for _, key := range []string{mapping.EarlyKey(id), id} {
		if intent, err := r.intentOf(ctx, a.Customer, adapters.ConsumeKind, key); err != nil || intent != nil {
			return intent, err
		}
	}
	return nil, nil
}

func (r *run) countQueues(ctx context.Context) error {
	stats, err := r.Reader.Queues.Stats(ctx, r.AsOf)
	for _, q := range stats {
		if q.Connection == r.Connection.Name {
			r.report.Queues.Waiting += q.Waiting
			r.report.Queues.Open += q.Open
			r.report.Queues.Parked += q.Parked
		}
	}
	return err
}
