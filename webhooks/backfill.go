package webhooks

import (
	"context"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
)

// maxPages bounds one list of a vendor; at 100 events a page it is a million
// events.
const (
	maxPages = 10_000
	pageSize = 100
)

// maxPause bounds how long a search rests after a page.
const maxPause = 5 * time.Second

// Backfill stores what happened at the vendor since an instant and never
// arrived here, and reports how many events that are. It reads the vendor's
// list of events, or where there is none the objects that events would have
// been about. It can be repeated, and resumes by itself: what is stored
// already is passed over.
func (w *Worker) Backfill(ctx context.Context, connection string, since core.Time) (added int, err error) {
	s, err := w.search(connection, since)
	if err != nil {
		return 0, err
	}
	return s.run(ctx)
}

// search looks for lost events at one connection.
type search struct {
	w          *Worker
	port       *adapters.Port
	connection string
	since      core.Time
	until      core.Time // what happened later is left alone; 0 for no end
	done       progress
	keep       func(context.Context, progress) error // called now and then where it is set
	added      int
}

// progress is how far a sweep has come: whether the objects of no one customer
// are done, and which customer was the last one.
type progress struct {
	Shared   bool   `json:"shared,omitempty"`
	Customer string `json:"customer,omitempty"`
}

func (w *Worker) search(connection string, since core.Time) (*search, error) {
	port := w.o.Ports[connection]
	if port == nil {
		return nil, core.Errorf(core.CodeNotFound, "connection %q does not exist", connection)
	}
	return &search{w: w, port: port, connection: connection, since: max(0, since)}, nil
}

// run searches to the end and reports how many events it added, also when it
// did not get there.
func (s *search) run(ctx context.Context) (added int, err error) {
	defer func() {
		if s.added > 0 {
			s.w.Kick()
		}
	}()
	if s.port.Sweeps() {
		err = s.sweep(ctx)
	} else {
		err = s.pages(ctx, listed, func(p adapters.Page) (adapters.Listing[[]byte], error) { return s.port.Events(ctx, s.since, p) })
	}
	return s.added, err
}

// sweep reads the objects of no one customer, then those of each customer that
// the connection knows, in the order of our ids.
func (s *search) sweep(ctx context.Context) error {
	if !s.done.Shared {
		if err := s.of(ctx, ""); err != nil {
			return err
		}
		s.done.Shared = true
	}
	reader := s.w.o.Ledger.Reader()
	for {
		customers, err := reader.Records.List(ctx, ledger.CustomerKind, s.done.Customer, pageSize)
		if err != nil {
			return err
		}
		for _, c := range customers {
			links, err := reader.Links.Links(ctx, ledger.LinkKey{Connection: s.connection, Neutral: c.ID})
			if err != nil {
				return err
			}
			for _, l := range links {
				if l.Role != adapters.RoleCustomer {
					continue
				}
				if err := s.of(ctx, l.Vendor); err != nil {
					return err
				}
			}
			s.done.Customer = c.ID
		}
		if len(customers) < pageSize {
			return nil
		}
		if s.keep != nil {
			if err := s.keep(ctx, s.done); err != nil {
				return err
			}
		}
	}
}

// of sweeps the objects of one customer of the vendor's. One that is gone
// there has nothing to tell: that it is gone is for a comparison to find.
func (s *search) of(ctx context.Context, customer string) error {
	err := s.pages(ctx, swept, func(p adapters.Page) (adapters.Listing[[]byte], error) {
		return s.port.Sweep(ctx, s.since, customer, p)
	})
	if customer != "" && err != nil && adapters.AsError(err).Code == adapters.CodeNotFound {
		s.w.o.Log.Warn("a customer is not at the vendor any more", "connection", s.connection, "vendor", printable(customer, 100))
		return nil
	}
	return err
}

// pages walks one list to its end and takes what it has. It makes one call at
// a time and rests after each as long as it took, its wait for a turn in the
// connection's share of the rate included: the more others have to ask the
// vendor, the less a search does.
func (s *search) pages(ctx context.Context, how origin, read func(adapters.Page) (adapters.Listing[[]byte], error)) error {
	seen := map[string]bool{}
	page := adapters.Page{Limit: pageSize}
	for range maxPages {
		start := time.Now()
		list, err := read(page)
		if err != nil {
			return err
		}
		took := time.Since(start)
		for _, body := range list.Items {
			if s.later(body) {
				continue
			}
			fresh, err := take(ctx, s.w.o.Ledger, s.port, s.connection, body, how)
			if err != nil {
				return err
			}
			if fresh {
				s.added++
			}
		}
		if !rest(ctx, min(took, maxPause)) {
			return ctx.Err()
		}
		if list.Next == "" {
			return nil
		}
		if seen[list.Next] {
			return core.Errorf(core.CodeUnavailable, "connection %q lists its events in a circle, try again later", s.connection)
		}
		seen[list.Next] = true
		page.Cursor = list.Next
	}
	return core.Errorf(core.CodeTooLarge, "connection %q lists more than %d events, start later", s.connection, maxPages*pageSize)
}

// later reports whether a body tells of what happened after the end.
func (s *search) later(body []byte) bool {
	if s.until == 0 {
		return false
	}
	e, err := normalise(s.port, body)
	return err == nil && e.At > s.until
}

// rest waits, and reports whether ctx let it.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
