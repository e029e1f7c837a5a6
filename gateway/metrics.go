package gateway

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"scrip/core/ledger"
)

// meters are the gateway's metrics. Labels are route patterns, status classes
// and connections: never a customer.
type meters struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMeters(g *gateway) *meters {
	m := &meters{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "scrip_http_requests_total", Help: "Requests by route and class of status.",
		}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "scrip_http_request_seconds", Help: "Time to answer by route.", Buckets: prometheus.DefBuckets,
		}, []string{"route"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "scrip_build_info", Help: "1, with the version of the build.", ConstLabels: prometheus.Labels{"version": g.Version},
	})
	build.Set(1)
	for _, c := range []prometheus.Collector{m.requests, m.seconds, build, newQueueCollector(g)} {
		var twice prometheus.AlreadyRegisteredError
		if err := g.Metrics.Register(c); err != nil && !errors.As(err, &twice) {
			g.Log.Error("a metric could not be registered", "error", err.Error())
		}
	}
	return m
}

// observe counts a request that is over.
func (m *meters) observe(c *call, took time.Duration) {
	route := c.route
	if route == "" {
		route = "none"
	}
	status := "none"
	if c.w.status > 0 {
		status = strconv.Itoa(c.w.status/100) + "xx"
	}
	m.requests.WithLabelValues(route, status).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}

// queueCollector reads the queues when it is asked.
type queueCollector struct {
	g                          *gateway
	waiting, open, parked, lag *prometheus.Desc
}

func newQueueCollector(g *gateway) *queueCollector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"connection", "queue"}, nil)
	}
	return &queueCollector{
		g:       g,
		waiting: desc("scrip_queue_waiting", "Items that are due or retrying."),
		open:    desc("scrip_queue_open", "Items that are not due yet."),
		parked:  desc("scrip_queue_parked", "Items that wait for a person."),
		lag:     desc("scrip_queue_lag_seconds", "Age of the oldest waiting item."),
	}
}

// Describe names the metrics.
func (q *queueCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{q.waiting, q.open, q.parked, q.lag} {
		ch <- d
	}
}

// Collect reads the queues; while the storage cannot be read they are absent.
func (q *queueCollector) Collect(ch chan<- prometheus.Metric) {
	if q.g.Ledger == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	now := q.g.now()
	stats, err := q.g.Ledger.Reader().Queues.Stats(ctx, now)
	if err != nil {
		q.g.Log.Warn("the queues could not be read", "error", err.Error())
		return
	}
	for _, s := range stats {
		q.gauge(ch, q.waiting, int64(s.Waiting), s)
		q.gauge(ch, q.open, int64(s.Open), s)
		q.gauge(ch, q.parked, int64(s.Parked), s)
		q.gauge(ch, q.lag, lagOf(s, now), s)
	}
}

func (q *queueCollector) gauge(ch chan<- prometheus.Metric, d *prometheus.Desc, n int64, s ledger.QueueStats) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), s.Connection, string(s.Queue))
}
