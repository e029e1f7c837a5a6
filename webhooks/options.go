package webhooks

import (
	"log/slog"
	"time"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping"
)

// Options configure the receiver and the worker. Ledger, Ports and Wall are
// required; the worker needs Connections too.
type Options struct {
	Ledger      *ledger.Ledger
	Ports       map[string]*adapters.Port // by connection
	Connections []mapping.Connection
	Secrets     map[string][]Secret // of each connection, to note which is in use; without them it is not
	Wall        func() time.Time    // signatures, leases and delays follow it
	MaxBody     int64               // bytes of a delivery, 1 MiB when zero
	Log         *slog.Logger
	Kick        func()        // called after a delivery was stored; nil: the worker finds it itself
	Workers     int           // events worked on at once, 8 when zero
	Lease       time.Duration // 30 s when zero
	Poll        time.Duration // 250 ms when zero
	Recover     time.Duration // how often lost events are looked for, an hour when zero, never below zero
	Observe     func(connection string, outcome ledger.QueueState)
}

func (o Options) withDefaults() Options {
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 20
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Kick == nil {
		o.Kick = func() {}
	}
	if o.Observe == nil {
		o.Observe = func(string, ledger.QueueState) {}
	}
	if o.Recover == 0 {
		o.Recover = recoverEvery
	}
	if o.Workers <= 0 {
		o.Workers = 8
	}
	return o
}

func (o *Options) wall() core.Time { return core.TimeOf(o.Wall()) }

func (o *Options) connection(name string) mapping.Connection {
	for _, c := range o.Connections {
		if c.Name == name {
			return c
		}
	}
	return mapping.Connection{Name: name}
}
