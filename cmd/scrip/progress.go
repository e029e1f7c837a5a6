package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// progress tells how far long work has come: on a terminal in place, elsewhere
// by a plain line every ten seconds.
type progress struct {
	out      io.Writer
	what     string
	terminal bool
	last     time.Time
	count    int
}

func (s *shell) progress(what string) *progress {
	p := &progress{out: s.err, what: what, last: time.Now()}
	p.terminal = isTerminal(s.err) && os.Getenv("TERM") != "dumb"
	return p
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (p *progress) at(count int) {
	p.count = count
	every := 10 * time.Second
	if p.terminal {
		every = 100 * time.Millisecond
	}
	if time.Since(p.last) < every {
		return
	}
	p.last = time.Now()
	if p.terminal {
		fmt.Fprintf(p.out, "\r%d %s", count, p.what)
	} else {
		fmt.Fprintf(p.out, "%d %s\n", count, p.what)
	}
}

func (p *progress) end() {
	if p.terminal && p.count > 0 {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
