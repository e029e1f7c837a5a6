package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"scrip/adapters"
	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping/reconcile"
	"scrip/mapping/sync"
)

// meters count what happens towards vendors and from them. Labels are
// connections, kinds and codes: never a customer.
type meters struct {
	calls    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	attempts *prometheus.CounterVec
	events   *prometheus.CounterVec
	jumps    *prometheus.CounterVec
}

func newMeters() *meters {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	return &meters{
		calls: counter("scrip_vendor_calls_total", "Calls of vendors by what they asked and how they ended: ok, or the kind of failure.", "connection", "op", "code"),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "scrip_vendor_call_seconds", Help: "Time that vendors take to answer.", Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30},
		}, []string{"connection"}),
		attempts: counter("scrip_outbox_attempts_total", "Attempts to tell a vendor something, by what became of it: applied, waiting for another attempt, or parked, and the kind of failure.", "connection", "kind", "state", "code"),
		events:   counter("scrip_inbox_outcomes_total", "Attempts to apply a delivery, by what became of it; refused are those that were not authentic.", "connection", "state"),
		jumps:    counter("scrip_clock_jumps_total", "Jumps of the wall clock, and whether business time followed it in the end.", "followed"),
	}
}

// called counts a call at a connection's vendor.
func (m *meters) called(connection string) func(op string, took time.Duration, err error) {
	return func(op string, took time.Duration, err error) {
		code := "ok"
		if err != nil {
			code = string(adapters.AsError(err).Code)
		}
		m.calls.WithLabelValues(connection, op, code).Inc()
		m.seconds.WithLabelValues(connection).Observe(took.Seconds())
	}
}

// jumped counts and tells of jumps of the wall clock.
func (m *meters) jumped(log *slog.Logger) func(time.Duration, bool) {
	return func(by time.Duration, followed bool) {
		m.jumps.WithLabelValues(strconv.FormatBool(followed)).Inc()
		if followed {
			log.Warn("business time follows a jump of the wall clock now", "by", by.String())
			return
		}
		log.Error("the wall clock has jumped: business time goes on without it, set the clock right", "by", by.String())
	}
}

func (m *meters) tried(o sync.Outcome) {
	m.attempts.WithLabelValues(o.Connection, o.Kind, string(o.State), string(o.Code)).Inc()
}

func (m *meters) settled(connection string, state ledger.QueueState) {
	m.events.WithLabelValues(connection, string(state)).Inc()
}

// metrics is the registry of an app.
func (a *app) metrics(o appOptions) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(a.meters.calls, a.meters.seconds, a.meters.attempts, a.meters.events, a.meters.jumps, newStateCollector(a),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if o.hangup != nil {
		r.MustRegister(o.hangup.failed)
	}
	return r
}

// stateCollector tells how connections fare, and what the last comparisons
// found, when it is asked.
type stateCollector struct {
	a                      *app
	broken, drift, against *prometheus.Desc
}

func newStateCollector(a *app) *stateCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &stateCollector{
		a:       a,
		broken:  desc("scrip_connection_broken", "1 while a connection's credentials are refused or it cannot be prepared.", "connection"),
		drift:   desc("scrip_drift_findings", "Differences that the last scrip reconcile of all customers found, by cause.", "connection", "cause"),
		against: desc("scrip_drift_compared_timestamp_seconds", "When that was.", "connection"),
	}
}

// Describe names the metrics.
func (c *stateCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.broken, c.drift, c.against} {
		ch <- d
	}
}

// Collect reads them; what cannot be read is absent.
func (c *stateCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	health, err := c.a.outward.Health(ctx)
	if err != nil {
		c.a.log.Warn("health is not known", "error", err)
	}
	for _, h := range health {
		broken := 0
		if h.Broken {
			broken = 1
		}
		ch <- prometheus.MustNewConstMetric(c.broken, prometheus.GaugeValue, float64(broken), h.Connection)
		last, err := lastDrift(ctx, c.a.store.Reader(), h.Connection)
		if err != nil || last == nil {
			continue
		}
		ch <- prometheus.MustNewConstMetric(c.against, prometheus.GaugeValue, float64(last.At)/1e6, h.Connection)
		for cause, n := range last.Causes {
			ch <- prometheus.MustNewConstMetric(c.drift, prometheus.GaugeValue, float64(n), h.Connection, cause)
		}
	}
}

// compared is what the last comparison of a whole connection found.
type compared struct {
	At     core.Time      `json:"at"`
	Causes map[string]int `json:"causes"` // every cause that was ever found, with zero when it is gone
}

func driftKey(connection string) ledger.RecordKey {
	return ledger.RecordKey{Kind: "drift", ID: connection}
}

func lastDrift(ctx context.Context, reader ledger.Reader, connection string) (*compared, error) {
	r, err := reader.Records.Record(ctx, driftKey(connection))
	if err != nil || r == nil {
		return nil, err
	}
	d := &compared{}
	return d, json.Unmarshal(r.Body, d)
}

// noteDrift keeps what a comparison found, for those who watch.
func (a *app) noteDrift(ctx context.Context, report *reconcile.Report, wall core.Time) error {
	key := driftKey(report.Connection)
	return a.ledger.Do(ctx, &ledger.Op{
		Names: func(b *ledger.Batch) { b.Records = append(b.Records, key) },
		Decide: func(tx *ledger.Tx) error {
			was := compared{}
			if r := tx.Record(key); r != nil {
				if err := json.Unmarshal(r.Body, &was); err != nil {
					return err
				}
			}
			d := compared{At: wall, Causes: map[string]int{}}
			for cause := range was.Causes {
				d.Causes[cause] = 0
			}
			for _, f := range report.Findings {
				d.Causes[string(f.Cause)]++
			}
			if n := report.Counts.LeftOut; n > 0 {
				d.Causes["left_out"] = n
			}
			return tx.PutRecord(key, d)
		},
	})
}
