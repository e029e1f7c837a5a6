package sync

import (
	"context"

	"scrip/core"
	"scrip/core/ledger"
)

// Health is how a connection fares. Times are zero where there is none.
type Health struct {
	Connection string
	Broken     bool      // its credentials are refused or it cannot be prepared: its queue waits
	Since      core.Time // wall time since when it is broken
	Paused     core.Time // wall time until when it is not called
	Code       string    // of the last failure since a call succeeded
	Waiting    int       // intents that are due or retried
	Parked     int
	Oldest     core.Time // business time of the oldest waiting intent
}

// Health tells how each connection fares, in the order of the config.
func (w *Worker) Health(ctx context.Context) ([]Health, error) {
	stats, err := w.o.Ledger.Reader().Queues.Stats(ctx, w.o.Ledger.Now())
	if err != nil {
		return nil, err
	}
	list := make([]Health, 0, len(w.o.Connections))
	for _, c := range w.o.Connections {
		h := Health{Connection: c.Name}
		if conn := w.conns[c.Name]; conn != nil {
			h = conn.gate.health()
		}
		for _, s := range stats {
			if s.Queue == ledger.Outbox && s.Connection == c.Name {
				h.Waiting, h.Parked, h.Oldest = s.Waiting, s.Parked, s.Oldest
			}
		}
		list = append(list, h)
	}
	return list, nil
}

func (g *gate) health() Health {
	g.mu.Lock()
	defer g.mu.Unlock()
	return Health{Connection: g.name, Broken: g.broken, Since: g.since, Paused: g.until, Code: string(g.last)}
}
