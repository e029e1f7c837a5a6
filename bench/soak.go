package bench

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc/pool"
)

// soakConnections are as many as in the cases over HTTP.
const soakConnections = 64

// soakLoad is the part of what was measured at first that is then kept up.
const soakLoad = 0.8

// Soaks runs debits over HTTP for so long at four fifths of the rate that is
// measured at first, on each kind of storage. It is an error when goroutines,
// open files and connections, or memory grow.
func Soaks(d time.Duration) func(context.Context, *Setup) error {
	return func(ctx context.Context, s *Setup) error {
		return s.each(ctx,
			step{name: "soak/sqlite-full", run: func(ctx context.Context, dir, name string) (Result, error) {
				p := Pace{}.withDefaults()
				b, err := openSubject(ctx, dir, p.Accounts, false)
				if err != nil {
					return Result{}, err
				}
				defer b.close()
				return b.soak(ctx, name, d, p, nil, s.Say, func(ctx context.Context, made int64) error { return kept(ctx, b.ledger, p.Accounts, made) })
			}},
			step{name: "soak/pg", on: func(ctx context.Context, server *pgServer, name string) (Result, error) {
				p := server.pace(Pace{})
				b, database, done, err := server.open(ctx, p.Accounts)
				if err != nil {
					return Result{}, err
				}
				defer done()
				return b.soak(ctx, name, d, p, server.connections(ctx, database), s.Say,
					func(ctx context.Context, made int64) error { return server.kept(ctx, database, p.Accounts, made) })
			}})
	}
}

// soak measures the full rate for a tenth of d, at most ten seconds, and then
// keeps up a part of it for d.
func (b *subject) soak(ctx context.Context, name string, d time.Duration, p Pace, connections func() float64, say func(string),
	check func(context.Context, int64) error) (Result, error) {
	api, stop, err := serve(b.gateway(nil))
	if err != nil {
		return Result{}, err
	}
	defer stop()
	client := newClient(soakConnections)
	defer client.CloseIdleConnections()
	t := &steady{senders: senders{traffic: single(soakConnections, p.Accounts), client: client}}
	t.url = api + t.url
	p.Slice = min(d/10, 10*time.Second)
	limit, err := timed(ctx, t.senders.run, p)
	if err != nil {
		return Result{}, err
	}
	t.every = time.Duration(float64(time.Second) / (soakLoad * limit.rate()))
	p.Slice = d
	w := watch(connections)
	took, err := timed(ctx, t.run, p)
	series := w.end()
	if err == nil {
		err = check(ctx, t.made.Load())
	}
	if err != nil {
		return Result{}, err
	}
	say(name + ": " + series.String())
	slices.Sort(took.Taken)
	return Result{
		Name: name, Rate: took.rate(), Limit: limit.rate(), Ratio: took.rate() / limit.rate(), CPU: took.each(took.CPU), Server: took.each(took.Server), LimitCPU: limit.each(limit.CPU),
		P50: quantile(took.Taken, 50), P99: quantile(took.Taken, 99), Heap: series.last(liveHeap),
	}, series.check()
}

// steady sends at a rate. When an answer is late the next messages are sent
// as soon as a connection is free.
type steady struct {
	senders
	every time.Duration
	sent  atomic.Int64
}

// remembered is of how many messages a sender knows the duration, the latest.
const remembered = 2048

func (t *steady) run(ctx context.Context, d time.Duration) (s Slice, err error) {
	start := time.Now()
	callers := pool.NewWithResults[Slice]().WithErrors()
	for range t.connections {
		callers.Go(func() (s Slice, err error) {
			s.Taken = make([]time.Duration, 0, remembered)
			for {
				due := start.Add(time.Duration(t.sent.Add(1)) * t.every)
				if due.Sub(start) > d || time.Since(start) > d {
					return s, nil
				}
				time.Sleep(time.Until(due))
				began := time.Now()
				if err := t.post(ctx, t.next(t.made.Add(1))); err != nil {
					return s, err
				}
				if took := time.Since(began); len(s.Taken) < remembered {
					s.Taken = append(s.Taken, took)
				} else {
					s.Taken[s.Ops%remembered] = took
				}
				s.Ops++
			}
		})
	}
	parts, err := callers.Wait()
	for _, part := range parts {
		s.Ops += part.Ops
		s.Taken = append(s.Taken, part.Taken...)
	}
	return s, err
}

// The figures that must not grow.
const (
	goroutines = iota
	openFiles
	serverConnections
	liveHeap // MiB that the last garbage collection left
	resident // MiB
	figures
)

var figureNames = [figures]string{"goroutines", "open files", "connections at the server", "MiB of live heap", "MiB resident"}

// figureSlack is how far a figure may rise above a tenth more. Each request
// that is under way has a goroutine more, and how many are is chance.
var figureSlack = [figures]float64{8 + soakConnections, 4, 2, 8, 24}

// history is each figure, second by second.
type history [figures][]float64

// watcher looks at the figures until it ends.
type watcher struct {
	stop chan struct{}
	done chan history
}

func watch(connections func() float64) *watcher {
	w := &watcher{make(chan struct{}), make(chan history, 1)}
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		var h history
		for {
			h.look(connections)
			select {
			case <-w.stop:
				w.done <- h
				return
			case <-tick.C:
			}
		}
	}()
	return w
}

func (w *watcher) end() history {
	close(w.stop)
	return <-w.done
}

func (h *history) look(connections func() float64) {
	now := [figures]float64{goroutines: float64(runtime.NumGoroutine())}
	if files, err := os.ReadDir("/proc/self/fd"); err == nil {
		now[openFiles] = float64(len(files))
	}
	if connections != nil {
		now[serverConnections] = connections()
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	if metrics.Read(live); live[0].Value.Kind() == metrics.KindUint64 {
		now[liveHeap] = mebibytes(live[0].Value.Uint64())
	}
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := strings.Fields(string(text)); len(fields) > 1 {
			pages, _ := strconv.Atoi(fields[1])
			now[resident] = mebibytes(uint64(pages * os.Getpagesize()))
		}
	}
	for i := range h {
		h[i] = append(h[i], now[i])
	}
}

// thirds are the medians of the first and of the last third.
func (h *history) thirds(figure int) (first, last float64) {
	list := h[figure]
	third := max(1, len(list)/3)
	return median(list[:third]), median(list[len(list)-third:])
}

func (h *history) last(figure int) float64 {
	_, last := h.thirds(figure)
	return last
}

// String tells the medians.
func (h *history) String() string {
	var parts []string
	for i, name := range figureNames {
		first, last := h.thirds(i)
		parts = append(parts, fmt.Sprintf("%.4g to %.4g %s", first, last, name))
	}
	return "from the first third to the last " + strings.Join(parts, ", ")
}

// check sees that nothing grew.
func (h *history) check() error {
	for i, name := range figureNames {
		if first, last := h.thirds(i); last > 1.1*first+figureSlack[i] {
			return fmt.Errorf("%s grew from %.4g to %.4g", name, first, last)
		}
	}
	return nil
}
