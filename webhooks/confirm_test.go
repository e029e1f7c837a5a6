package webhooks

import (
	"context"
	"strings"
	"testing"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
)

// unsigned is a vendor whose deliveries anybody could have sent, and who can
// be asked.
type unsigned struct {
	*vendor
	says func(adapters.Event) (adapters.Event, error)
	asks int
}

func (u *unsigned) Confirm(_ context.Context, e adapters.Event) (adapters.Event, error) {
	u.asks++
	return u.says(e)
}

// What an unsigned delivery tells of money counts as the vendor tells it when
// asked, and not at all before.
func TestUnsignedEventsAreReadBack(t *testing.T) {
	confirmed := func(e adapters.Event) (adapters.Event, error) { e.Hint = false; return e, nil }
	for name, c := range map[string]struct {
		says   func(adapters.Event) (adapters.Event, error)
		state  ledger.QueueState
		reason string
		worth  core.Amount
	}{
		"as told": {confirmed, ledger.Applied, "", 1000_00},
		"less":    {func(e adapters.Event) (adapters.Event, error) { e.Payment.Paid.Minor--; return confirmed(e) }, ledger.Parked, "costs 80.00 usd", 0},
		"unpaid":  {func(e adapters.Event) (adapters.Event, error) { e.Kind = adapters.SystemEvent; return confirmed(e) }, ledger.Ignored, "nothing to apply", 0},
		"not there": {func(adapters.Event) (adapters.Event, error) {
			return adapters.Event{}, adapters.Errorf(adapters.CodeNotFound, "gone")
		}, ledger.Parked, "knows nothing", 0},
		"not now": {func(adapters.Event) (adapters.Event, error) {
			return adapters.Event{}, adapters.Errorf(adapters.CodeUnavailable, "away")
		}, ledger.Waiting, "cannot be asked now", 0},
		"still hint": {func(e adapters.Event) (adapters.Event, error) { return e, nil }, ledger.Parked, "not signed", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			u := &unsigned{vendor: w.vendor, says: c.says}
			w.worker.o.Ports["main"] = adapters.NewPort(u, adapters.Limits{Percent: 100})
			x := paid("evt_1", w.buy("buy"))
			x.Hint = true
			w.deliver(x)
			_ = w.worker.Drain(w.ctx)
			e := w.last()
			if e.State != c.state || !strings.Contains(e.Reason, c.reason) || u.asks == 0 {
				t.Errorf("%s: %q after %d questions, want %s: %q", e.State, e.Reason, u.asks, c.state, c.reason)
			}
			if w.balance() != c.worth {
				t.Errorf("balance %d, want %d", w.balance(), c.worth)
			}
		})
	}
}
