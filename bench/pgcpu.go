package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// first is the process that has started the server's others, 0 when they are
// not to be seen from here.
func (s *pgServer) first(ctx context.Context) int {
	var pid int
	if err := s.conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		return 0
	}
	p, err := processOf(pid)
	if err != nil || !strings.HasPrefix(p.name, "postgres") {
		return 0
	}
	return p.parent
}

// processorTime is what the server's processes have used so far, those that
// have ended too.
func (s *pgServer) processorTime() time.Duration {
	if s.pid == 0 {
		return 0
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	var used time.Duration
	for _, path := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		p, err := processOf(pid)
		switch {
		case err != nil: // it has just ended
		case pid == s.pid:
			used += p.ended + p.used()
		case p.parent == s.pid:
			used += p.used()
		}
	}
	return used
}

// process is what the system tells of one.
type process struct {
	pid, parent int
	name        string
	own, ended  time.Duration // processor time of its own, and of its children that have ended
}

// tick is the unit of times in /proc.
const tick = time.Second / 100

// processOf reads proc_pid_stat(5): the name in brackets may hold anything.
func processOf(pid int) (p process, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return p, err
	}
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	fields := strings.Fields(string(stat[end+1:]))
	if open < 0 || end < open || len(fields) < 15 {
		return p, fmt.Errorf("process %d is not told of as expected", pid)
	}
	number := func(field int) int { // as numbered there
		n, _ := strconv.Atoi(fields[field-3])
		return n
	}
	return process{
		pid: pid, parent: number(4), name: string(stat[open+1 : end]),
		own: time.Duration(number(14)+number(15)) * tick, ended: time.Duration(number(16)+number(17)) * tick,
	}, nil
}

// used is the process's own time, to the nanosecond where the system counts so.
func (p process) used() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", p.pid))
	if err != nil {
		return p.own
	}
	first, _, _ := strings.Cut(string(text), " ")
	n, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return p.own
	}
	return time.Duration(n)
}
