package pgrun

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// childrenOf lists the processes that pid has started. Where the system does
// not tell there are none: PostgreSQL's end themselves soon after their parent.
func childrenOf(pid int) []int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	var list []int
	for _, path := range stats {
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		if _, parent := statOf(child); parent == pid {
			list = append(list, child)
		}
	}
	return list
}

// gone waits until a process that was killed has ended.
func gone(pid int) error {
	for end := time.Now().Add(wait); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if state, _ := statOf(pid); state == 0 || state == 'Z' {
			return nil
		}
	}
	return fmt.Errorf("process %d does not end", pid)
}

// statOf tells a process's state, 'Z' for one that has ended and was not asked
// how, and its parent; 0 where there is none. See proc_pid_stat(5): the name in
// brackets may hold anything.
func statOf(pid int) (state byte, parent int) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0
	}
	_, rest, _ := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" "))
	if _, err := fmt.Sscanf(string(rest), "%c %d", &state, &parent); err != nil {
		return 0, 0
	}
	return state, parent
}
