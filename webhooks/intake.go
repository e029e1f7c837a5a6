package webhooks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
)

// take stores a verified body as a waiting event, once: by the vendor's event
// id, or by a hash of the content where it has none that can be used. It
// reports whether a row was added.
//
// The same id with another content keeps the first and adds the second as a
// parked row of its own, unless both mean the same: vendors re-render bodies,
// and a listed event (from a list, not a delivery) never counts as another.
func take(ctx context.Context, l *ledger.Ledger, port *adapters.Port, connection string, body []byte, listed bool) (fresh bool, err error) {
	sum := sha256.Sum256(body)
	e := ledger.Event{
		Connection: connection, VendorID: hex.EncodeToString(sum[:]), Digest: hex.EncodeToString(sum[:]),
		Body: body, Received: l.Now(), State: ledger.Waiting,
	}
	meaning, unreadable := normalise(port, body)
	if unreadable == nil {
		e.Type = printable(meaning.Type, 200)
		if meaning.ID != "" && meaning.ID == printable(meaning.ID, 255) {
			e.VendorID = meaning.ID
		}
	}
	e.ID = core.NewID(core.EventID, e.VendorID, "event/"+connection, e.VendorID, 0)
	other := e
	other.ID = core.NewID(core.EventID, e.VendorID, "event/"+connection, e.VendorID+"/"+e.Digest, 0)
	err = l.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) {
			b.Events = append(b.Events, ledger.Lease{ID: e.ID}, ledger.Lease{ID: other.ID})
		},
		Decide: func(tx *ledger.Tx) error {
			row := e
			if old := tx.Event(e.ID); old != nil {
				if old.Digest == e.Digest || listed || tx.Event(other.ID) != nil || sameMeaning(port, old.Body, meaning) {
					return nil
				}
				row = other
				row.State, row.Settled = ledger.Parked, tx.Now
				row.Reason = fmt.Sprintf("the vendor delivered %q before with another content, see event %q", e.VendorID, string(e.ID))
			}
			fresh = true
			tx.PutEvent(&row)
			return nil
		},
	})
	return fresh && err == nil, err
}

// sameMeaning reports whether an earlier body of the same event says the same.
func sameMeaning(port *adapters.Port, earlier []byte, meaning adapters.Event) bool {
	was, err := normalise(port, earlier)
	return err == nil && reflect.DeepEqual(was, meaning)
}

// normalise asks the adapter; a panic over a body is that body's fault.
func normalise(port *adapters.Port, body []byte) (e adapters.Event, err error) {
	defer func() {
		if r := recover(); r != nil {
			e, err = adapters.Event{}, adapters.Errorf(adapters.CodeInvalid, "reading the body failed inside")
		}
	}()
	return port.Normalise(body)
}

// printable cuts text to n bytes of printable ASCII.
func printable(text string, n int) string {
	clean := strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return -1
		}
		return r
	}, text)
	return clean[:min(n, len(clean))]
}

// maxPages bounds a backfill; at 100 events a page it is a million events.
const (
	maxPages = 10_000
	pageSize = 100
)

// Backfill stores events that the vendor sent since an instant and that never
// arrived here, and reports how many. It can be repeated, and resumes by
// itself: what is stored already is passed over.
func (w *Worker) Backfill(ctx context.Context, connection string, since core.Time) (added int, err error) {
	port := w.o.Ports[connection]
	if port == nil {
		return 0, core.Errorf(core.CodeNotFound, "connection %q does not exist", connection)
	}
	seen := map[string]bool{}
	page := adapters.Page{Limit: pageSize}
	for range maxPages {
		list, err := port.Events(ctx, since, page)
		if err != nil {
			return added, err
		}
		for _, body := range list.Items {
			fresh, err := take(ctx, w.o.Ledger, port, connection, body, true)
			if err != nil {
				return added, err
			}
			if fresh {
				added++
			}
		}
		if list.Next == "" {
			w.Kick()
			return added, nil
		}
		if seen[list.Next] {
			return added, core.Errorf(core.CodeUnavailable, "connection %q lists its events in a circle, try again later", connection)
		}
		seen[list.Next] = true
		page.Cursor = list.Next
	}
	return added, core.Errorf(core.CodeTooLarge, "connection %q lists more than %d events, start later", connection, maxPages*pageSize)
}
