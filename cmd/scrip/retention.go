package main

import (
	"context"
	"time"
)

// A batch of old deliveries to empty, and when to look again once there are
// no more.
const (
	forgetBatch = 200
	forgetEvery = time.Minute
)

// finishEvery is how often erasures are gone on with that had to leave what
// was being worked on.
const finishEvery = 10 * time.Minute

// finishErasures goes on with them.
func (a *app) finishErasures(ctx context.Context) {
	if !a.owns {
		return
	}
	n, err := a.ledger.FinishErasures(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		a.log.Error("erasures could not be finished", "error", err)
	case n > 0:
		a.log.Info("erasures were finished", "customers", n)
	}
}

// forgetOld empties a batch of bodies that are older than retention.raw, and
// says how long nothing more has to be done.
func (a *app) forgetOld(ctx context.Context) (rest time.Duration) {
	if !a.owns || a.config.RetainRaw == 0 {
		return forgetEvery
	}
	n, err := a.ledger.ForgetRaw(ctx, a.config.RetainRaw, forgetBatch)
	switch {
	case err != nil && ctx.Err() == nil:
		a.log.Error("old deliveries could not be emptied", "error", err)
	case n > 0:
		a.log.Info("bodies of old deliveries were emptied", "deliveries", n)
	}
	if n == forgetBatch {
		return 0
	}
	return forgetEvery
}
