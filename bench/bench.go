// Package bench measures Scrip against physical limits taken in the same run:
// subject and limit alternate in short slices, and the ratio is the median
// over the pairs, so that a machine whose speed drifts does not decide it.
package bench

import (
	"context"
	"slices"
	"time"
)

// Result is one measured case.
type Result struct {
	Name  string  `json:"name"`
	Rate  float64 `json:"rate"`   // operations a second, median of the slices
	P50   float64 `json:"p50_ms"` // of one operation
	P99   float64 `json:"p99_ms"`
	CPU   float64 `json:"cpu_us"`             // processor time of one operation, the database server's too
	Limit float64 `json:"limit"`              // operations a second of the bare limit
	Ratio float64 `json:"ratio"`              // median of rate over limit, pair by pair
	Heap  float64 `json:"heap_mib,omitempty"` // how far the heap grew at most, where that is bounded

	Server   float64 `json:"server_cpu_us,omitempty"` // what of CPU a database server used, where there is one
	LimitCPU float64 `json:"limit_cpu_us"`            // processor time of one operation of the limit
}

// Side runs one side of a case for about d and reports what it did. Taken
// holds the duration of single operations, or nothing.
type Side func(ctx context.Context, d time.Duration) (Slice, error)

// Slice is what one side did in one slice.
type Slice struct {
	Ops    int
	Took   time.Duration
	CPU    time.Duration // of this process and a database server's
	Server time.Duration // of CPU, the server's
	Taken  []time.Duration
}

func (s Slice) rate() float64 { return float64(s.Ops) / s.Took.Seconds() }

// each is a share of d for one operation, in microseconds.
func (s Slice) each(d time.Duration) float64 {
	return float64(d.Nanoseconds()) / 1000 / float64(max(1, s.Ops))
}

// Pace says how long a case is measured.
type Pace struct {
	Slice time.Duration // of one side, 0.3 s when zero
	Pairs int           // 9 when zero

	Accounts int // how many customers share the load, 10,000 when zero
	Hot      int // how many of them are debited, all when zero

	server func() time.Duration // processor time of a database server so far, nil: there is none
}

func (p Pace) withDefaults() Pace {
	if p.Slice <= 0 {
		p.Slice = 300 * time.Millisecond
	}
	if p.Pairs <= 0 {
		p.Pairs = 9
	}
	if p.Accounts <= 0 {
		p.Accounts = 10_000
	}
	if p.Hot <= 0 {
		p.Hot = p.Accounts
	}
	return p
}

// Compare alternates subject and limit and returns the medians.
func Compare(ctx context.Context, name string, p Pace, subject, limit Side) (Result, error) {
	p = p.withDefaults()
	var rates, limits, ratios, cpu, server, limitCPU []float64
	var taken []time.Duration
	for i := range p.Pairs + 1 {
		s, err := timed(ctx, subject, p)
		if err != nil {
			return Result{}, err
		}
		l, err := timed(ctx, limit, p)
		if err != nil {
			return Result{}, err
		}
		if i == 0 {
			continue // the first pair warms both sides up
		}
		rates, limits = append(rates, s.rate()), append(limits, l.rate())
		ratios = append(ratios, s.rate()/l.rate())
		cpu, limitCPU = append(cpu, s.each(s.CPU)), append(limitCPU, l.each(l.CPU))
		server = append(server, s.each(s.Server))
		taken = append(taken, s.Taken...)
	}
	slices.Sort(taken)
	return Result{
		Name: name, Rate: median(rates), Limit: median(limits), Ratio: median(ratios), CPU: median(cpu), Server: median(server), LimitCPU: median(limitCPU),
		P50: quantile(taken, 50), P99: quantile(taken, 99),
	}, nil
}

func timed(ctx context.Context, side Side, p Pace) (Slice, error) {
	server := p.server
	if server == nil {
		server = func() time.Duration { return 0 }
	}
	there, cpu, start := server(), processorTime(), time.Now()
	s, err := side(ctx, p.Slice)
	s.Took, s.CPU = time.Since(start), processorTime()-cpu
	s.Server = server() - there
	s.CPU += s.Server
	return s, err
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/2]
}

// quantile is in milliseconds.
func quantile(sorted []time.Duration, percent int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := min(len(sorted)*percent/100, len(sorted)-1)
	return float64(sorted[at].Nanoseconds()) / 1e6
}
