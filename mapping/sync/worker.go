// Package sync carries the outbox to the vendors: it claims intents in the
// order of each customer and connection, turns them into orders, has a port
// call the vendor, and settles link, retry or parking in one commit.
//
// Before a call is begun it is durable that it will be, and what it says. An
// answer that never came is therefore known as such: the object is looked up
// by our mark, else the same call is repeated with the same key, else the
// intent is parked for a person. A new key is never made.
//
// A refusal that repeating cannot help parks the intent at once; what is
// queued for the same customer at the same connection waits behind it, since
// its order must hold, and everybody else goes on.
package sync

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
	"scrip/mapping/queue"
)

// Options configure a worker. Ledger, Ports, Connections and Wall are required.
type Options struct {
	Ledger      *ledger.Ledger
	Ports       map[string]*adapters.Port // by connection
	Connections []mapping.Connection
	Route       mapping.Route // says what each connection is prepared for; without one, for all
	Units       []core.Unit
	Packs       map[string]mapping.Pack
	Wall        func() core.Time // leases, delays and retries follow it
	Log         *slog.Logger
	Observe     func(Outcome) // nil: nobody watches
	Workers     int           // calls at once, 16 when zero
	Lease       time.Duration // 30 s when zero
	Poll        time.Duration // 250 ms when zero
}

// Outcome is what became of one attempt, for metrics.
type Outcome struct {
	Connection string
	Kind       string
	State      ledger.QueueState // waiting: it is tried again
	Code       adapters.Code     // "" without a failure
}

// Worker works off the outbox. It is safe for concurrent use.
type Worker struct {
	o        Options
	conns    map[string]*connection
	runner   *queue.Runner
	draining atomic.Int32
}

// New makes a worker.
func New(o Options) *Worker {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Workers <= 0 {
		o.Workers = 16
	}
	if o.Observe == nil {
		o.Observe = func(Outcome) {}
	}
	w := &Worker{o: o, conns: map[string]*connection{}}
	room := o.Workers
	if len(o.Connections) > 1 {
		room = max(1, o.Workers/2)
	}
	for _, c := range o.Connections {
		if port := o.Ports[c.Name]; port != nil {
			w.conns[c.Name] = &connection{Connection: c, port: port, gate: gate{name: c.Name, room: room, freed: make(chan struct{}, room)}}
		}
	}
	w.runner = queue.New(queue.Options{
		Ledger: o.Ledger, Queue: ledger.Outbox, Wall: o.Wall, Work: w.work,
		Workers: o.Workers, Lease: o.Lease, Poll: o.Poll, Log: o.Log,
	})
	return w
}

// Run works until ctx ends.
func (w *Worker) Run(ctx context.Context) error { return w.runner.Run(ctx) }

// Kick makes Run look at the outbox now.
func (w *Worker) Kick() { w.runner.Kick() }

// Step carries out at most one intent that is due, and reports whether there
// was one.
func (w *Worker) Step(ctx context.Context) (bool, error) { return w.runner.Step(ctx) }

// Drain works until nothing due is waiting, without the delays between
// attempts and without the pauses of failing connections. What keeps failing
// ends it with an error and stays in the queue.
func (w *Worker) Drain(ctx context.Context) error {
	w.draining.Add(1)
	defer w.draining.Add(-1)
	return w.runner.Drain(ctx)
}

// Prepare makes, or finds, at the named connections what their orders rest on;
// at all when none is named. The worker does so by itself before the first
// order of a connection.
func (w *Worker) Prepare(ctx context.Context, names ...string) error {
	for _, c := range w.o.Connections {
		if len(names) > 0 && !slices.Contains(names, c.Name) {
			continue
		}
		conn := w.conns[c.Name]
		if conn == nil {
			return core.Errorf(core.CodeInvalid, "connection %q has no adapter", c.Name)
		}
		if err := w.ready(ctx, conn, false); err != nil {
			return err
		}
	}
	return nil
}
