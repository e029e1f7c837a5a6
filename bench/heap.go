package bench

import (
	"fmt"
	"runtime"
)

// maxGrowth bounds how far the heap may grow over a case that streams,
// however many customers there are.
const maxGrowth = 64 << 20

// gauge watches how far the heap grows, garbage that is not collected yet
// included. It is looked at by one goroutine.
type gauge struct {
	base, peak uint64
	looks      int
}

func newGauge() *gauge {
	runtime.GC()
	n := heapAlloc()
	return &gauge{base: n, peak: n}
}

// look measures at every thousandth call: measuring stops the program.
func (g *gauge) look() {
	if g.looks++; g.looks%1000 == 1 {
		g.peak = max(g.peak, heapAlloc())
	}
}

func (g *gauge) growth() uint64 { return g.peak - g.base }

func (g *gauge) check() error {
	if g.growth() > maxGrowth {
		return fmt.Errorf("the heap grew by %d MiB, the limit is %d", g.growth()>>20, maxGrowth>>20)
	}
	return nil
}

func heapAlloc() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func mebibytes(n uint64) float64 { return float64(n) / (1 << 20) }
