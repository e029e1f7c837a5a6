package adaptertest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/sourcegraph/conc/pool"

	"scrip/adapters"
)

// testPreparation makes the connection's objects: never twice, whether the
// call is repeated, lost, or made by several at once, and never without leave.
func testPreparation(t *testing.T, h Harness) {
	l := newLab(t, h)
	if !l.account(t).has("prepare objects") {
		t.Log("not claimed: prepare objects") // and so nothing to prove
		return
	}
	prepare := func(t *testing.T, b *bench, create bool) adapters.Answer {
		t.Helper()
		got, err := b.port.Prepare(t.Context(), setup(b, create))
		if err != nil {
			t.Fatalf("prepare: %v", err)
		}
		return got
	}
	looks := l.account(t)
	if prepare(t, looks, true); len(looks.changing(0)) == 0 {
		prepare(t, looks, false) // it only looks, so it needs no leave
		return
	}
	t.Run("without leave", func(t *testing.T) {
		b := l.account(t)
		_, err := b.port.Prepare(t.Context(), setup(b, false))
		if e := adapters.AsError(err); e.Code != adapters.CodeInvalid || !strings.Contains(e.Message, "scrip_") {
			t.Errorf("got %v, want a list of what is missing", err)
		}
		if n := len(b.changing(0)); n != 0 {
			t.Errorf("%d requests change something", n)
		}
	})
	t.Run("repeated", func(t *testing.T) {
		b := l.account(t)
		first := fmt.Sprint(prepare(t, b, true))
		made := len(b.changing(0))
		for _, create := range []bool{true, false} {
			if again := fmt.Sprint(prepare(t, b, create)); again != first {
				t.Errorf("again %s, first %s", again, first)
			}
		}
		if n := len(b.changing(0)); n != made || made == 0 {
			t.Errorf("%d requests change something, %d the first time", n, made)
		}
	})
	t.Run("by several at once", func(t *testing.T) { prepareAtOnce(t, l.account(t)) })
	for _, loss := range losses {
		t.Run(loss.name, func(t *testing.T) {
			b := l.account(t)
			b.fault("POST", "", loss.kind, loss.spec)
			ctx, cancel := context.WithTimeout(t.Context(), lossWait(loss.kind))
			_, err := b.port.Prepare(ctx, setup(b, true))
			cancel()
			if err == nil {
				t.Fatal("the lost answer gave no error")
			}
			b.control("DELETE", "faults", "", nil)
			first := fmt.Sprint(prepare(t, b, true))
			if again := fmt.Sprint(prepare(t, b, false)); again != first {
				t.Errorf("again %s, first %s", again, first)
			}
		})
	}
}

// prepareAtOnce prepares one account from many places: all get the same.
func prepareAtOnce(t *testing.T, b *bench) {
	p := pool.NewWithResults[string]().WithErrors()
	for range 8 {
		p.Go(func() (string, error) {
			for {
				got, err := b.port.Prepare(t.Context(), setup(b, true))
				if err != nil && adapters.AsError(err).Retry() {
					continue
				}
				return fmt.Sprint(got), err
			}
		})
	}
	got, err := p.Wait()
	for _, one := range got {
		if one != got[0] || err != nil {
			t.Errorf("%s and %s, %v", one, got[0], err)
		}
	}
}
