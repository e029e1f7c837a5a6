package ledger_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sourcegraph/conc/pool"

	"scrip/core/ledger"
)

// What others write while an audit reads is no finding.
func TestAuditWhileOthersWrite(t *testing.T) {
	b := auditTown(t)
	ctx, stop := context.WithCancel(b.ctx)
	writers := pool.New().WithErrors()
	for w, key := range []ledger.AccountKey{annInUSD, {Customer: "bob", Unit: "usd"}} {
		b.grant(fmt.Sprint("busy ", w), key, 1_000_000_000000)
		writers.Go(func() error {
			for n := 0; n < 80 && ctx.Err() == nil; n++ { // the audit must not chase them for ever
				name := fmt.Sprint("busy ", w, "/", n)
				d, _, err := b.Debit(b.ctx, name, charge(key, 2))
				if err == nil {
					_, _, err = b.Reverse(b.ctx, name, d.ID, 1)
				}
				if err == nil {
					h, _, held := b.Hold(b.ctx, name, charge(key, 3), ledger.HoldTerms{For: time.Hour})
					if err = held; err == nil {
						_, _, _, err = b.Capture(b.ctx, name, ledger.CaptureTerms{Unit: key.Unit, Hold: h.Hold.ID, Amount: 1, Final: true})
					}
				}
				if err != nil {
					return err
				}
				time.Sleep(time.Millisecond)
			}
			return nil
		})
	}
	for range 2 {
		report, err := b.Reader().AuditAll(b.ctx, nil)
		if err != nil || len(report.Findings) > 0 {
			t.Errorf("%v, %v", report.Findings, err)
		}
	}
	stop()
	b.need(writers.Wait())
	report, err := b.Reader().AuditAll(b.ctx, nil)
	b.need(err)
	if len(report.Findings) > 0 || report.Answers < 60 {
		t.Errorf("at rest, after %d answers: %v", report.Answers, report.Findings)
	}
}
