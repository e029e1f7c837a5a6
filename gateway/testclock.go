package gateway

import (
	"context"
	"net/http"
	"time"

	"scrip/core"
)

type clockBody struct {
	Now     string `json:"now,omitempty" format:"date-time" doc:"the instant to go to"`
	Advance string `json:"advance,omitempty" example:"720h" doc:"or how far to go"`
}

type clockView struct {
	Now string `json:"now" format:"date-time"`
}

func (g *gateway) mountTestClock() {
	register(g, admin, route{method: http.MethodPost, path: "/v1/test-clock", id: "move-test-clock", summary: "Move business time and let everything due happen", tag: "operations", slow: true},
		func(ctx context.Context, _ *none, b *clockBody) (*answer[clockView], error) {
			if g.TestClock == nil {
				return nil, core.Errorf(core.CodeNotSupported, "the clock is the wall clock, start with --test-clock to move it")
			}
			to, err := b.parse(g.now())
			if err != nil {
				return nil, err
			}
			if err := g.TestClock.Advance(ctx, to); err != nil {
				return nil, err
			}
			return ok(clockView{g.now().String()})
		})
}

// parse returns where the clock is to go: one of the two fields says it.
func (b *clockBody) parse(now core.Time) (core.Time, error) {
	if (b.Now == "") == (b.Advance == "") {
		return 0, core.InField(core.Errorf(core.CodeInvalid, "write either now or advance"), "now")
	}
	if b.Now != "" {
		to, err := timeField(b.Now, "now")
		if err == nil && to < now {
			err = core.InField(core.Errorf(core.CodeInvalid, "the clock stands at %s and cannot go back", now), "now")
		}
		return to, err
	}
	step, err := time.ParseDuration(b.Advance)
	if err != nil || step <= 0 {
		return 0, core.InField(core.Errorf(core.CodeInvalid, "this is not a length of time above zero, write one such as 720h"), "advance")
	}
	// Written and read back: a clock past the year 9999 is refused.
	to, err := core.ParseTime(now.Add(step).String())
	return to, core.InField(err, "advance")
}
