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

// origin is how an event came here.
type origin int

const (
	delivered origin = iota // by a webhook
	listed                  // from the vendor's list of events
	swept                   // from the object that it is about
)

// take stores a verified body as a waiting event, once: by the vendor's event
// id, or by a hash of the content where it has none that can be used. It
// reports whether a row was added.
//
// The same id with another content keeps the first and adds the second as a
// parked row of its own, unless both mean the same: vendors re-render bodies,
// and what no webhook brought never counts as another, nor what comes again
// when the body of the first is not kept any more. Where a fact was both
// delivered and swept, in whatever order, the first of them is kept.
func take(ctx context.Context, l *ledger.Ledger, port *adapters.Port, connection string, body []byte, how origin) (fresh bool, err error) {
	sum := sha256.Sum256(body)
	e := ledger.Event{
		Connection: connection, VendorID: hex.EncodeToString(sum[:]), Digest: hex.EncodeToString(sum[:]),
		Body: body, Received: l.Now(), State: ledger.Waiting,
	}
	meaning, unreadable := normalise(port, body)
	var f fact
	if unreadable == nil {
		e.Type = printable(meaning.Type, 200)
		if meaning.ID != "" && meaning.ID == printable(meaning.ID, 255) {
			e.VendorID = meaning.ID
		}
		f = factOf(port, connection, meaning)
	}
	e.ID = core.NewID(core.EventID, e.VendorID, "event/"+connection, e.VendorID, 0)
	other := e
	other.ID = core.NewID(core.EventID, e.VendorID, "event/"+connection, e.VendorID+"/"+e.Digest, 0)
	err = l.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) {
			b.Events = append(b.Events, ledger.Lease{ID: e.ID}, ledger.Lease{ID: other.ID})
			b.Naturals = append(b.Naturals, f.keys()...)
		},
		Decide: func(tx *ledger.Tx) error {
			fresh = false
			if f.known(tx, how, e.ID) {
				return nil
			}
			row := e
			if old := tx.Event(e.ID); old != nil {
				if old.Digest == e.Digest || old.Forgotten() || how != delivered || tx.Event(other.ID) != nil || sameMeaning(port, old.Body, meaning) {
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

// fact names what an event tells, where a sweep of the vendor's objects may
// tell it too, under an id of our own: type and object. It is "" otherwise.
type fact string

func factOf(port *adapters.Port, connection string, e adapters.Event) fact {
	const most = 400 // bytes
	name := e.Type + "/" + e.Object
	switch {
	case !port.Sweeps(), e.Kind == adapters.UnknownEvent, e.Kind == adapters.SystemEvent: // those are never swept
		return ""
	case e.Type == "", e.Object == "", name != printable(name, most):
		return ""
	}
	return fact(connection + "/" + name)
}

func (f fact) delivered() string { return "event/" + string(f) }
func (f fact) swept() string     { return "sweep/" + string(f) }

// keys are the natural keys by which a fact is known.
func (f fact) keys() []string {
	if f == "" {
		return nil
	}
	return []string{f.delivered(), f.swept()}
}

// known reports whether the fact came here before in the other way, and
// remembers which way it came. Deliveries of one type about one object may
// still be several facts, so they do not exclude each other.
func (f fact) known(tx *ledger.Tx, how origin, id core.ID) bool {
	if f == "" {
		return false
	}
	mine, others := f.delivered(), f.swept()
	if how == swept {
		mine, others = others, mine
	}
	if tx.Natural(others) != "" {
		return true
	}
	if tx.Natural(mine) == "" {
		tx.UseNatural(mine, id)
	}
	return false
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
