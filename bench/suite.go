package bench

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// Debit runs the cases of durable debits and of the burn-down, each in a
// folder of its own below dir, and hands each result to emit.
func Debit(ctx context.Context, dir string, emit func(Result)) error {
	cases := []struct {
		name    string
		callers int
		relaxed bool
	}{
		{"debit/sqlite-full/inproc/256", 256, false},
		{"debit/sqlite-full/inproc/1", 1, false},
		{"debit/sqlite-normal/inproc/256", 256, true},
	}
	for _, c := range cases {
		folder := filepath.Join(dir, strings.ReplaceAll(c.name, "/", "-"))
		if err := os.Mkdir(folder, 0o700); err != nil {
			return err
		}
		r, err := DebitSQLite(ctx, folder, c.name, c.callers, c.relaxed, Pace{})
		if err != nil {
			return err
		}
		emit(r)
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	}
	for _, grants := range []int{4, 64} {
		r, err := Burn(ctx, grants, Pace{})
		if err != nil {
			return err
		}
		emit(r)
	}
	return nil
}
